#include "cmd/playlist_pick.h"

#include "base/buf.h"
#include "io/duck.h"

#define LISTED 12 /* names in an error message */

enum fit { FITS_NOT, FITS_PART, FITS_NAME, FITS_ID };
struct candidate {
	struct picked picked;
	enum fit fit;
	struct candidate *next;
};
struct reading {
	struct arena *arena;
	struct candidate *first, **last;
	size_t count[FITS_ID + 1];
};

enum { COL_ID, COL_NAME, COL_LAST, COL_BEFORE, COL_AFTER, COL_FIT, COL_COUNT };

static enum rc on_columns(void *ctx UNUSED, const struct slice *name UNUSED, const enum column_type *type UNUSED,
                          size_t count, struct err *err UNUSED)
{
	assert(count == COL_COUNT);
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count UNUSED, struct err *err)
{
	struct reading *r = ctx;
	int64_t fit = FITS_NOT;
	struct slice value[COL_COUNT];
	for (size_t i = 0; i < COL_COUNT; i++) {
		if (!arena_fits(r->arena, cell[i].text.len + sizeof(struct candidate) + 64))
			return err_set(err, RC_REJECT, "chart: more playlists than fit into memory: name one");
		value[i] = cell[i].is_null ? SLICE_NULL : arena_copy(r->arena, cell[i].text);
	}
	if (!slice_to_int(value[COL_FIT], &fit) || fit < FITS_NOT || fit > FITS_ID)
		fit = FITS_NOT;
	struct candidate *c = arena_alloc(r->arena, sizeof *c);
	c->picked = (struct picked){ value[COL_ID], value[COL_NAME], value[COL_LAST], value[COL_BEFORE], value[COL_AFTER] };
	c->fit = (enum fit) fit;
	r->count[c->fit]++;
	*r->last = c;
	r->last = &c->next;
	return RC_OK;
}

/* Names are folded by the engine, which knows Unicode's cases. */
static void write_sql(struct slice word, struct slice date, struct buf *sql)
{
	buf_adds(sql,
	         "WITH known AS (\n"
	         "  SELECT h.playlist_id, MAX(CASE WHEN c.chart_date = h.last_date THEN c.playlist_name END) AS playlist_name,\n"
	         "    h.last_date");
	if (date.ptr) {
		buf_adds(sql, ",\n    MAX(CASE WHEN c.chart_date <= CAST(");
		duck_quote_text(date, sql);
		buf_adds(sql, " AS DATE) THEN c.chart_date END) AS before,\n    MIN(CASE WHEN c.chart_date >= CAST(");
		duck_quote_text(date, sql);
		buf_adds(sql, " AS DATE) THEN c.chart_date END) AS after");
	} else {
		buf_adds(sql, ", h.last_date AS before, h.last_date AS after");
	}
	buf_adds(sql,
	         "\n  FROM " WAREHOUSE_SCHEMA ".DATA_HEALTH AS h\n"
	         "  LEFT JOIN " WAREHOUSE_SCHEMA ".CHART_DAY AS c ON c.playlist_id = h.playlist_id\n"
	         "  GROUP BY h.playlist_id, h.last_date\n"
	         ")\n"
	         "SELECT playlist_id, playlist_name, last_date, before, after, ");
	if (word.ptr) {
		buf_adds(sql, "CASE WHEN playlist_id = ");
		duck_quote_text(word, sql);
		buf_adds(sql, " THEN 3 WHEN LOWER(playlist_name) = LOWER(");
		duck_quote_text(word, sql);
		buf_adds(sql, ") THEN 2 WHEN STRPOS(LOWER(playlist_name), LOWER(");
		duck_quote_text(word, sql);
		buf_adds(sql, ")) > 0 THEN 1 ELSE 0 END");
	} else {
		buf_adds(sql, "0");
	}
	buf_adds(sql, " AS fit\nFROM known\nORDER BY COALESCE(playlist_name, playlist_id), playlist_id");
}

/* "'Top 50' (37i9…), …" of those that fit at least so well. */
static void list(const struct reading *r, enum fit least, struct buf *out)
{
	size_t listed = 0;
	for (const struct candidate *c = r->first; c; c = c->next) {
		if (c->fit < least)
			continue;
		if (listed == LISTED) {
			buf_adds(out, ", …");
			return;
		}
		buf_adds(out, listed++ ? ", " : "");
		if (c->picked.name.len)
			buf_addf(out, "'%.*s' (%.*s)", SLICE_FMT(c->picked.name), SLICE_FMT(c->picked.playlist_id));
		else
			buf_add(out, c->picked.playlist_id);
	}
}

static enum rc choose(const struct reading *r, struct slice word, enum fit *out_fit, struct err *err)
{
	*out_fit = FITS_ID;
	while (*out_fit > FITS_NOT && r->count[*out_fit] == 0)
		(*out_fit)--;
	if (*out_fit != FITS_NOT && r->count[*out_fit] == 1)
		return RC_OK;
	CLEANUP(buf_done) struct buf names = buf_new(1 << 20);
	list(r, *out_fit, &names);
	if (names.over)
		return err_set(err, RC_REJECT, "playlist '%.*s' is not one: give its id", SLICE_FMT(word));
	if (*out_fit != FITS_NOT)
		return err_set(err, RC_REJECT, "playlist '%.*s' may be %s: give more of the name, or the id", SLICE_FMT(word),
		               buf_str(&names));
	return err_set(err, RC_NOT_FOUND, "no playlist '%.*s'; there are: %s", SLICE_FMT(word), buf_str(&names));
}

enum rc playlist_pick(struct warehouse *w, struct slice word, struct slice date, struct arena *arena, struct picks *out,
                      struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 20);
	struct reading r = { .arena = arena };
	const struct warehouse_sink sink = { &r, on_columns, on_row };
	enum fit least = FITS_NOT;
	*out = (struct picks){ 0 };
	r.last = &r.first;
	write_sql(word, date, &sql);
	TRY(buf_ok(&sql, "playlist", err));
	TRY(warehouse_query(w, buf_str(&sql), &sink, err));
	if (!r.first)
		return err_set(err, RC_NOT_FOUND, "no playlist has a snapshot yet: `sargam run` takes and charts them");
	if (word.ptr)
		TRY(choose(&r, word, &least, err));
	size_t count = r.count[FITS_NOT] + r.count[FITS_PART] + r.count[FITS_NAME] + r.count[FITS_ID];
	out->pick = arena_alloc_array(arena, count, sizeof *out->pick);
	for (const struct candidate *c = r.first; c; c = c->next)
		if (!word.ptr || c->fit == least)
			out->pick[out->count++] = c->picked;
	return RC_OK;
}
