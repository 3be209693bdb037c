#include "cmd/lineage.h"

#include "base/time.h"
#include "io/duck.h"

#include <strings.h>

#define KEYS_MAX 3

/* --- the tables --------------------------------------------------------------------------------------------- */

#define GOLD(name) WAREHOUSE_SCHEMA "." name
/* Rows of one snapshot's item stand in CHART_HISTORY with the snapshot and, as rank, the position. */
#define ITEMS "SELECT h.playlist_id, h.snapshot_at, h.rank AS position FROM " GOLD("CHART_HISTORY") " AS h"
/* …and a credit there to the artist whose key follows. */
#define CREDITED(c)                                                                                                \
	" JOIN BRONZE_CREDIT AS " c " ON " c ".playlist_id = h.playlist_id AND " c ".snapshot_at = h.snapshot_at"          \
	" AND " c ".position = h.rank AND " c ".scope = 'track' AND " c ".artist_id = "
#define DISTINCT_ITEMS "SELECT DISTINCT h.playlist_id, h.snapshot_at, h.rank AS position FROM " GOLD("CHART_HISTORY") " AS h"
#define SNAPSHOT_ONLY(alias) "SELECT " alias ".playlist_id, " alias ".snapshot_at, CAST(NULL AS BIGINT) AS position FROM "
#define BRONZE_ITEMS "SELECT DISTINCT b.playlist_id, b.snapshot_at, b.position FROM "
#define BRONZE_KEY " AS b WHERE b.playlist_id = $1 AND b.snapshot_at = $2"

/* name, the words of its key, the SQL that finds (playlist_id, snapshot_at, position) of the items a row was made of; position NULL
 * stands for the snapshot as a whole.  A key word names the form of its value: DATE, SNAPSHOT_AT, POSITION, else text. */
#define TABLES(X)                                                                                                  \
	X("CHART_HISTORY", "PLAYLIST DATE TRACK",                                                                  \
	  ITEMS " WHERE h.playlist_id = $1 AND h.chart_date = $2 AND h.track_id = $3")                             \
	X("TRACK", "PLAYLIST TRACK", ITEMS " WHERE h.playlist_id = $1 AND h.track_id = $2")                        \
	X("TRACK_INFO", "PLAYLIST TRACK",                                                                          \
	  ITEMS " JOIN " GOLD("TRACK_INFO") " AS i ON i.playlist_id = h.playlist_id AND i.chart_date = h.chart_date" \
	        " AND i.id = h.track_id WHERE i.playlist_id = $1 AND i.id = $2")                                   \
	X("CHART_DAY", "PLAYLIST DATE",                                                                            \
	  SNAPSHOT_ONLY("d") GOLD("CHART_DAY") " AS d WHERE d.playlist_id = $1 AND d.chart_date = $2"              \
	  " UNION ALL SELECT e.playlist_id, e.snapshot_at, e.position FROM " GOLD("CHART_DAY") " AS d"             \
	  " JOIN BRONZE_ENTRY AS e ON e.playlist_id = d.playlist_id AND e.snapshot_at = d.snapshot_at"             \
	  " WHERE d.playlist_id = $1 AND d.chart_date = $2"                                                        \
	  " UNION ALL SELECT r.playlist_id, r.snapshot_at, r.position FROM " GOLD("CHART_DAY") " AS d"             \
	  " JOIN BRONZE_REJECT AS r ON r.playlist_id = d.playlist_id AND r.snapshot_at = d.snapshot_at"            \
	  " WHERE d.playlist_id = $1 AND d.chart_date = $2")                                                       \
	X("CHART_EXIT", "PLAYLIST DATE TRACK", /* the item it was, and the snapshot it is missing from */          \
	  ITEMS " JOIN " GOLD("CHART_EXIT") " AS x ON x.playlist_id = h.playlist_id AND x.last_date = h.chart_date" \
	  " AND x.track_id = h.track_id WHERE x.playlist_id = $1 AND x.chart_date = $2 AND x.track_id = $3"        \
	  " UNION ALL " SNAPSHOT_ONLY("d") GOLD("CHART_DAY") " AS d JOIN " GOLD("CHART_EXIT") " AS x"              \
	  " ON x.playlist_id = d.playlist_id AND x.chart_date = d.chart_date"                                      \
	  " WHERE x.playlist_id = $1 AND x.chart_date = $2 AND x.track_id = $3")                                   \
	X("ARTIST", "ARTIST", DISTINCT_ITEMS CREDITED("c") "$1")                                                   \
	X("ALBUM", "ALBUM", ITEMS " WHERE h.album_id = $1")                                                        \
	X("ARTIST_CHART", "PLAYLIST DATE ARTIST",                                                                  \
	  DISTINCT_ITEMS CREDITED("c") "$3 WHERE h.playlist_id = $1 AND h.chart_date = $2")                        \
	X("ARTIST_COLLABORATION", "PLAYLIST ARTIST ARTIST",                                                        \
	  DISTINCT_ITEMS CREDITED("a") "$2" CREDITED("b") "$3 WHERE h.playlist_id = $1 AND a.artist_id <> b.artist_id") \
	X("PLAYLIST_OVERLAP", "PLAYLIST PLAYLIST", /* both latest charts, and the items they share */              \
	  SNAPSHOT_ONLY("d") GOLD("CHART_DAY") " AS d JOIN " GOLD("DATA_HEALTH") " AS l"                           \
	  " ON l.playlist_id = d.playlist_id AND l.last_date = d.chart_date"                                       \
	  " JOIN " GOLD("PLAYLIST_OVERLAP") " AS o ON d.playlist_id IN (o.playlist_a, o.playlist_b)"               \
	  " WHERE o.playlist_a = LEAST($1, $2) AND o.playlist_b = GREATEST($1, $2)"                                \
	  " UNION ALL " ITEMS " JOIN " GOLD("TRACK_INFO") " AS i ON i.playlist_id = h.playlist_id"                 \
	  " AND i.chart_date = h.chart_date AND i.id = h.track_id"                                                 \
	  " JOIN " GOLD("TRACK_INFO") " AS j ON j.id = i.id AND j.playlist_id <> i.playlist_id"                    \
	  " WHERE i.playlist_id IN ($1, $2) AND j.playlist_id IN ($1, $2)")                                        \
	X("DATA_HEALTH", "PLAYLIST", SNAPSHOT_ONLY("s") "BRONZE_SNAPSHOT AS s WHERE s.playlist_id = $1")           \
	X("BRONZE_SNAPSHOT", "PLAYLIST SNAPSHOT_AT", SNAPSHOT_ONLY("b") "BRONZE_SNAPSHOT" BRONZE_KEY)              \
	X("BRONZE_ENTRY", "PLAYLIST SNAPSHOT_AT POSITION", BRONZE_ITEMS "BRONZE_ENTRY" BRONZE_KEY " AND b.position = $3") \
	X("BRONZE_CREDIT", "PLAYLIST SNAPSHOT_AT POSITION",                                                        \
	  BRONZE_ITEMS "BRONZE_CREDIT" BRONZE_KEY " AND b.position = $3")                                          \
	X("BRONZE_REJECT", "PLAYLIST SNAPSHOT_AT POSITION",                                                        \
	  BRONZE_ITEMS "BRONZE_REJECT" BRONZE_KEY " AND b.position = $3")                                          \
	X("BRONZE_FIELD", "PLAYLIST SNAPSHOT_AT FIELD", SNAPSHOT_ONLY("b") "BRONZE_FIELD" BRONZE_KEY " AND b.field = $3")

static const struct lineage_table {
	const char *name, *keys, *sql;
} tables[] = {
#define X(name, keys, sql) { name, keys, sql },
	TABLES(X)
#undef X
};
const char lineage_help[] =
	"Tables and their keys:\n"
#define X(name, keys, sql) "  " name " " keys "\n"
	TABLES(X)
#undef X
	"DATE is a chart day (2021-03-27), SNAPSHOT_AT a second (2021-03-27T03:38:09Z), the others are ids.\n"
	"\n"
	"  sargam lineage CHART_DAY PLAYLIST DATE      the snapshot and each item of that day's chart\n"
	"  sargam lineage --item --limit 1 TRACK PLAYLIST TRACK";

static const struct lineage_table *find_table(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		if (strcasecmp(tables[i].name, name) == 0)
			return &tables[i];
	return NULL;
}

static enum rc unknown_table(const char *name, struct err *err)
{
	CLEANUP(buf_done) struct buf names = buf_new(1 << 14);
	for (size_t i = 0; i < COUNT_OF(tables); i++)
		buf_addf(&names, "%s%s", i ? ", " : "", tables[i].name);
	return err_set(err, RC_FATAL, "lineage: no table '%s'; there are %s", name, buf_str(&names));
}

/* --- keys --------------------------------------------------------------------------------------------------- */

/* The i-th word of `keys`; SLICE_NULL past the end. */
static struct slice key_word(const char *keys, size_t i)
{
	struct slice rest = slice_of(keys);
	for (;; i--) {
		size_t end = slice_find(rest, ' ', 0);
		if (i == 0)
			return rest.len ? slice_sub(rest, 0, end) : SLICE_NULL;
		if (end == rest.len)
			return SLICE_NULL;
		rest = slice_sub(rest, end + 1, rest.len - end - 1);
	}
}

static enum rc wrong_key(struct slice word, const char *key, const char *want, struct err *err)
{
	return err_set(err, RC_FATAL, "lineage: %.*s '%s': want %s", SLICE_FMT(word), key, want);
}

/* The key as an SQL literal of its type. */
static enum rc write_key(struct slice word, const char *key, struct buf *sql, struct err *err)
{
	struct slice text = slice_of(key);
	int64_t value;
	if (slice_is(word, "DATE")) {
		if (!time_parse_date(text, &value))
			return wrong_key(word, key, "a chart day as YYYY-MM-DD", err);
		buf_addf(sql, "CAST('%s' AS DATE)", time_date(value).s);
	} else if (slice_is(word, "SNAPSHOT_AT")) {
		if (!time_parse_rfc3339(text, &value) && !time_parse_compact(text, &value) && !time_parse_folder(text, &value))
			return wrong_key(word, key, "a second as 2021-03-27T03:38:09Z or 20210327T033809Z", err);
		buf_addf(sql, "CAST('%s' AS TIMESTAMPTZ)", time_rfc3339(value).s);
	} else if (slice_is(word, "POSITION")) {
		if (!slice_to_int(text, &value) || value < 1)
			return wrong_key(word, key, "a whole number from 1 up", err);
		buf_addf(sql, "%lld", (long long) value);
	} else {
		if (!slice_is_utf8(text, NULL))
			return wrong_key(word, key, "UTF-8", err);
		duck_quote_text(text, sql);
	}
	return RC_OK;
}

enum rc lineage_sql(const char *name, char *const *key, size_t key_count, int64_t limit, struct buf *sql, struct err *err)
{
	const struct lineage_table *table = find_table(name);
	if (!table)
		return unknown_table(name, err);
	size_t want = 0;
	while (key_word(table->keys, want).ptr)
		want++;
	assert(want <= KEYS_MAX);
	if (key_count != want)
		return err_set(err, RC_FATAL, "lineage: %s has %zu key %s; usage: sargam lineage %s %s", table->name, want,
		               want == 1 ? "word" : "words", table->name, table->keys);
	buf_adds(sql, "WITH origin AS (");
	for (const char *at = table->sql; *at; at++) {
		if (*at == '$' && at[1] >= '1' && at[1] <= '0' + KEYS_MAX) {
			size_t i = (size_t) (*++at - '1');
			TRY(write_key(key_word(table->keys, i), key[i], sql, err));
		} else {
			buf_addc(sql, *at);
		}
	}
	buf_addf(sql,
	         "),\nchosen AS (\n"
	         "  SELECT playlist_id, snapshot_at, position, COUNT(*) OVER () AS total FROM origin\n"
	         "  ORDER BY snapshot_at DESC, playlist_id, position NULLS FIRST LIMIT %lld\n"
	         ")\n"
	         "SELECT c.playlist_id, c.snapshot_at, c.position, COALESCE(e.raw_object, r.raw_object),\n"
	         "  COALESCE(e.raw_index, r.raw_index),\n"
	         "  COALESCE(e.track_name || COALESCE(' – ' || e.artist_names, ''), r.reason || COALESCE(': ' || r.detail, '')),\n"
	         "  r.reason IS NOT NULL, c.total\n"
	         "FROM chosen AS c\n"
	         "LEFT JOIN BRONZE_ENTRY AS e ON e.playlist_id = c.playlist_id AND e.snapshot_at = c.snapshot_at\n"
	         "  AND e.position = c.position\n"
	         "LEFT JOIN BRONZE_REJECT AS r ON r.playlist_id = c.playlist_id AND r.snapshot_at = c.snapshot_at\n"
	         "  AND r.position = c.position\n"
	         "ORDER BY c.snapshot_at DESC, c.playlist_id, c.position NULLS FIRST", (long long) limit);
	return buf_ok(sql, "lineage: the keys", err);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

enum { COL_PLAYLIST, COL_AT, COL_POSITION, COL_OBJECT, COL_INDEX, COL_NAME, COL_REJECTED, COL_TOTAL, COL_COUNT };

struct reading {
	struct arena *arena;
	struct origins *out;
	size_t cap;
};

static enum rc on_columns(void *ctx UNUSED, const struct slice *name UNUSED, const enum column_type *type UNUSED,
                          size_t count, struct err *err UNUSED)
{
	assert(count == COL_COUNT);
	return RC_OK;
}

static bool grow(struct reading *r)
{
	if (r->out->count < r->cap)
		return true;
	size_t cap = r->cap ? r->cap * 2 : 64;
	if (!arena_fits(r->arena, cap * sizeof(struct origin)))
		return false;
	struct origin *origin = arena_alloc_array(r->arena, cap, sizeof *origin);
	if (r->out->count)
		memcpy(origin, r->out->origin, r->out->count * sizeof *origin);
	r->out->origin = origin;
	r->cap = cap;
	return true;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count UNUSED, struct err *err)
{
	struct reading *r = ctx;
	size_t bytes = cell[COL_PLAYLIST].text.len + cell[COL_OBJECT].text.len + cell[COL_NAME].text.len + 256;
	if (!grow(r) || !arena_fits(r->arena, bytes))
		return err_set(err, RC_REJECT, "lineage: more origins than fit into memory: give a smaller --limit");
	struct origin *o = &r->out->origin[r->out->count++];
	*o = (struct origin){
		.playlist_id = arena_copy(r->arena, cell[COL_PLAYLIST].text),
		.has_position = !cell[COL_POSITION].is_null,
		.raw_object = cell[COL_OBJECT].is_null ? SLICE_NULL : arena_copy(r->arena, cell[COL_OBJECT].text),
		.name = cell[COL_NAME].is_null ? SLICE_NULL : arena_copy(r->arena, cell[COL_NAME].text),
		.rejected = slice_is(cell[COL_REJECTED].text, "true"),
	};
	bool numbers = (!o->has_position || slice_to_int(cell[COL_POSITION].text, &o->position)) &&
	               (!o->raw_object.ptr || slice_to_int(cell[COL_INDEX].text, &o->raw_index)) &&
	               slice_to_int(cell[COL_TOTAL].text, &r->out->total);
	if (!numbers || !time_parse_rfc3339(cell[COL_AT].text, &o->snapshot_at))
		return err_set(err, RC_FATAL, "lineage: bronze row of %.*s cannot be read: `sargam rebuild` makes it anew",
		               SLICE_FMT(o->playlist_id));
	return RC_OK;
}

enum rc lineage_find(struct warehouse *w, const char *sql, struct arena *arena, struct origins *out, struct err *err)
{
	struct reading r = { .arena = arena, .out = out };
	const struct warehouse_sink sink = { &r, on_columns, on_row };
	*out = (struct origins){ 0 };
	return warehouse_query(w, sql, &sink, err);
}
