#include "bronze/partition.h"

#include "base/hash.h"

#include <stdlib.h>

#define LIST_PAGE 1000
/* Files asked for their metadata in one query: their number must not decide the length of a statement. */
#define METADATA_BATCH 2000

static const struct {
	const char *name, *columns;
} tables[BRONZE_TABLE_COUNT] = {
	[BRONZE_ENTRY] = { "bronze_entry",
		"playlist_id VARCHAR NOT NULL, snapshot_at TIMESTAMPTZ NOT NULL, chart_date DATE NOT NULL, day_number BIGINT NOT NULL, "
		"position BIGINT NOT NULL, added_at TIMESTAMPTZ, added_by_id VARCHAR, "
		"track_id VARCHAR NOT NULL, playable_id VARCHAR NOT NULL, track_name VARCHAR NOT NULL, track_uri VARCHAR NOT NULL, "
		"track_href VARCHAR, track_url VARCHAR, isrc VARCHAR, duration_ms BIGINT, explicit BOOLEAN, popularity BIGINT, "
		"disc_number BIGINT, track_number BIGINT, is_playable BOOLEAN, restriction VARCHAR, "
		"album_id VARCHAR, album_name VARCHAR, album_type VARCHAR, album_uri VARCHAR, album_href VARCHAR, album_url VARCHAR, "
		"album_image_url VARCHAR, album_total_tracks BIGINT, "
		"release_date VARCHAR, release_precision VARCHAR, release_day BIGINT, "
		"artist_count BIGINT NOT NULL, artist_id VARCHAR, artist_name VARCHAR, artist_names VARCHAR, film_name VARCHAR, "
		"raw_object VARCHAR NOT NULL, raw_index BIGINT NOT NULL" },
	[BRONZE_CREDIT] = { "bronze_credit",
		"playlist_id VARCHAR NOT NULL, snapshot_at TIMESTAMPTZ NOT NULL, chart_date DATE NOT NULL, day_number BIGINT NOT NULL, "
		"position BIGINT NOT NULL, track_id VARCHAR NOT NULL, scope VARCHAR NOT NULL, ordinal BIGINT NOT NULL, "
		"artist_id VARCHAR, artist_name VARCHAR, artist_uri VARCHAR, artist_url VARCHAR" },
	[BRONZE_REJECT] = { "bronze_reject",
		"playlist_id VARCHAR NOT NULL, snapshot_at TIMESTAMPTZ NOT NULL, chart_date DATE NOT NULL, day_number BIGINT NOT NULL, "
		"position BIGINT NOT NULL, reason VARCHAR NOT NULL, detail VARCHAR, "
		"raw_object VARCHAR NOT NULL, raw_index BIGINT NOT NULL" },
	[BRONZE_FIELD] = { "bronze_field",
		"playlist_id VARCHAR NOT NULL, snapshot_at TIMESTAMPTZ NOT NULL, chart_date DATE NOT NULL, day_number BIGINT NOT NULL, "
		"field VARCHAR NOT NULL, items BIGINT NOT NULL, present BIGINT NOT NULL, nulls BIGINT NOT NULL, "
		"wrong_type BIGINT NOT NULL" },
	[BRONZE_SNAPSHOT] = { "bronze_snapshot",
		"playlist_id VARCHAR NOT NULL, snapshot_at TIMESTAMPTZ NOT NULL, chart_date DATE NOT NULL, day_number BIGINT NOT NULL, "
		"spotify_snapshot_id VARCHAR, playlist_name VARCHAR, owner_id VARCHAR, owner_name VARCHAR, description VARCHAR, "
		"followers BIGINT, total BIGINT NOT NULL, pages BIGINT NOT NULL, items BIGINT NOT NULL, entries BIGINT NOT NULL, "
		"rejects BIGINT NOT NULL, warnings BIGINT NOT NULL, fields_missing VARCHAR, content_sha256 VARCHAR NOT NULL, "
		"source VARCHAR NOT NULL, revision BIGINT NOT NULL, schema_version BIGINT NOT NULL" },
};

const char *bronze_table_name(enum bronze_table table)
{
	assert(table < BRONZE_TABLE_COUNT);
	return tables[table].name;
}

const char *bronze_table_columns(enum bronze_table table)
{
	assert(table < BRONZE_TABLE_COUNT);
	return tables[table].columns;
}

struct slice partition_key(enum bronze_table table, struct slice group, struct slice month, struct arena *arena)
{
	return arena_printf(arena, "bronze/%s/playlist_group=%.*s/chart_month=%.*s/part-0.parquet", bronze_table_name(table),
	                    SLICE_FMT(group), SLICE_FMT(month));
}

struct slice partition_group(struct slice playlist_id, int64_t groups, struct arena *arena)
{
	assert(groups >= 0);
	if (groups == 0)
		return arena_copy(arena, playlist_id);
	return arena_printf(arena, "g%04llu", (unsigned long long) (hash_u64(playlist_id) % (uint64_t) groups));
}

/* One object that is a bronze file. */
struct found {
	struct slice group, month, key, path, inputs;
	enum bronze_table table;
	int64_t bytes;
};
struct finds {
	struct found *found;
	size_t count, capacity;
	struct arena *arena;
};

/* Take "<head><value>/" off the front of *rest. */
static bool take_part(struct slice *rest, const char *head, struct slice *out_value)
{
	size_t head_len = strlen(head);
	if (!slice_starts(*rest, (struct slice){ head, head_len }))
		return false;
	size_t end = slice_find(*rest, '/', head_len);
	if (end == rest->len || end == head_len)
		return false;
	*out_value = slice_sub(*rest, head_len, end - head_len);
	*rest = slice_sub(*rest, end + 1, rest->len - end - 1);
	return true;
}

static bool parse_key(struct slice key, struct found *out)
{
	struct slice rest = key, name;
	if (!take_part(&rest, "bronze/", &name) || !take_part(&rest, "playlist_group=", &out->group) ||
	    !take_part(&rest, "chart_month=", &out->month) || !slice_is(rest, "part-0.parquet"))
		return false;
	for (out->table = 0; out->table < BRONZE_TABLE_COUNT; out->table++)
		if (slice_is(name, tables[out->table].name))
			return true;
	return false;
}

static void add(struct finds *finds, const struct found *one)
{
	if (finds->count == finds->capacity) {
		size_t capacity = finds->capacity ? 2 * finds->capacity : 256;
		struct found *grown = arena_alloc_array(finds->arena, capacity, sizeof *grown);
		for (size_t i = 0; i < finds->count; i++)
			grown[i] = finds->found[i];
		finds->found = grown;
		finds->capacity = capacity;
	}
	finds->found[finds->count++] = *one;
}

static enum rc list_files(struct store *store, struct finds *finds, struct err *err)
{
	struct slice from = SLICE_NULL;
	do {
		struct store_list page;
		TRY(store_list(store, SLICE("bronze/"), from, LIST_PAGE, finds->arena, &page, err));
		for (size_t i = 0; i < page.count; i++) {
			struct found one = { .key = page.object[i].key, .bytes = page.object[i].bytes };
			if (!parse_key(one.key, &one))
				continue;
			TRY(store_get_file(store, one.key, finds->arena, &one.path, err));
			add(finds, &one);
		}
		from = page.next;
	} while (from.ptr);
	return RC_OK;
}

static int by_path(const void *x, const void *y)
{
	return slice_cmp(((const struct found *) x)->path, ((const struct found *) y)->path);
}

static int by_partition(const void *x, const void *y)
{
	const struct found *a = x, *b = y;
	int c = slice_cmp(a->group, b->group);
	if (c == 0)
		c = slice_cmp(a->month, b->month);
	return c ? c : (int) a->table - (int) b->table;
}

static void on_inputs(void *ctx, struct slice path, struct slice value)
{
	struct finds *finds = ctx;
	struct found wanted = { .path = path };
	struct found *f = bsearch(&wanted, finds->found, finds->count, sizeof wanted, by_path);
	if (f && value.len == HASH_HEX_BYTES - 1)
		f->inputs = arena_copy(finds->arena, value);
}

static enum rc read_inputs(struct duck_conn *conn, struct finds *finds, struct err *err)
{
	qsort(finds->found, finds->count, sizeof *finds->found, by_path);
	struct slice *path = arena_alloc_array(finds->arena, finds->count, sizeof *path);
	for (size_t i = 0; i < finds->count; i++)
		path[i] = finds->found[i].path;
	for (size_t from = 0; from < finds->count; from += METADATA_BATCH) {
		size_t left = finds->count - from;
		TRY(duck_parquet_metadata(conn, path + from, left < METADATA_BATCH ? left : METADATA_BATCH, "inputs", on_inputs,
		                          finds, err));
	}
	return RC_OK;
}

/* A partition is whole when its five files carry the same inputs. */
static struct slice common_inputs(const struct partition *p, const struct slice inputs[BRONZE_TABLE_COUNT])
{
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		if (!p->key[t].ptr || !inputs[t].ptr || !slice_eq(inputs[t], inputs[0]))
			return SLICE_NULL;
	return inputs[0];
}

enum rc partition_list(struct store *store, struct duck_conn *conn, struct arena *arena, struct partition_list *out,
                       struct err *err)
{
	struct finds finds = { .arena = arena };
	*out = (struct partition_list){ 0 };
	TRY_WRAP(list_files(store, &finds, err), err, "bronze partitions");
	if (finds.count == 0)
		return RC_OK;
	TRY_WRAP(read_inputs(conn, &finds, err), err, "bronze partitions");
	qsort(finds.found, finds.count, sizeof *finds.found, by_partition);
	out->partition = arena_alloc_array(arena, finds.count, sizeof *out->partition);
	for (size_t i = 0; i < finds.count;) {
		struct partition *p = &out->partition[out->count++];
		struct slice inputs[BRONZE_TABLE_COUNT] = { 0 };
		p->group = finds.found[i].group;
		p->month = finds.found[i].month;
		do {
			const struct found *f = &finds.found[i++];
			p->key[f->table] = f->key;
			p->bytes += f->bytes;
			inputs[f->table] = f->inputs;
		} while (i < finds.count && slice_eq(finds.found[i].group, p->group) && slice_eq(finds.found[i].month, p->month));
		p->inputs = common_inputs(p, inputs);
	}
	return RC_OK;
}
