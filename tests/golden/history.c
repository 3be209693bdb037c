#include "golden/history.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "bronze/partition.h"
#include "gold/gold.h"
#include "io/file.h"
#include "test.h"

#include <stdio.h>

const struct history_snapshot history_sample[] = {
	{ "p1", "2021-03-01T08:00:00Z", "a b c d e f" },
	{ "p1", "2021-03-02T08:00:00Z", "b a - c d g g" },
	{ "p1", "2021-03-02T20:00:00Z", "b a - c g d b h" },
	{ "p1", "2021-03-03T08:00:00Z", "" },
	{ "p1", "2021-03-05T08:00:00Z", "g b a e z c i j k l m n" },
	{ "p1", "2021-03-06T08:00:00Z", "n b a e z c i j k l m g" },
	{ "p1", "2021-04-01T08:00:00Z", "a f - - n z o" },
	{ "p1", "2021-04-02T08:00:00Z", "a f p n z b" },
	{ "p2", "2021-03-01T09:00:00Z", "x y a b" },
	{ "p2", "2021-03-04T09:00:00Z", "y x q a" },
	{ "p2", "2021-03-05T09:00:00Z", "y a b x" },
};
const size_t history_sample_count = COUNT_OF(history_sample);

static void must(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err->msg);
}

void history_open(struct history_home *home)
{
	struct err err = { 0 };
	home->dir = test_tmpdir();
	(void) snprintf(home->scratch, sizeof home->scratch, "%s/scratch", home->dir);
	(void) snprintf(home->store_dir, sizeof home->store_dir, "%s/home", home->dir);
	(void) snprintf(home->bronze_dir, sizeof home->bronze_dir, "%s/bronze", home->store_dir);
	(void) snprintf(home->warehouse_path, sizeof home->warehouse_path, "%s/warehouse.duckdb", home->store_dir);
	must(file_mkdirs(home->scratch, &err), &err);
	must(file_mkdirs(home->store_dir, &err), &err);
	must(store_folder_open(home->store_dir, &home->store, &err), &err);
	const struct duck_options options = { .threads = 2, .memory_limit_mb = 256, .temp_dir = home->scratch };
	must(duck_open(&options, &home->duck, &err), &err);
	must(duck_connect(home->duck, &home->conn, &err), &err);
}

void history_close(struct history_home *home)
{
	duck_disconnectp(&home->conn);
	duck_closep(&home->duck);
	store_closep(&home->store);
}

static const char *make_sample(void)
{
	static struct history_home home;
	struct err err = { 0 };
	if (home.dir)
		return home.store_dir;
	history_open(&home);
	history_put(&home, history_sample, history_sample_count);
	(void) history_gold(&home);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	CLEANUP(warehouse_closep) struct warehouse *w = NULL;
	const struct warehouse_duckdb_options options = { .path = home.warehouse_path, .threads = 2, .memory_limit_mb = 256 };
	must(warehouse_duckdb_open(&options, &w, &err), &err);
	const struct warehouse_stage stage = history_stage(&home, &arena);
	const struct warehouse_audit audit = history_audit(&home, &arena);
	struct warehouse_staged staged;
	bool changed;
	must(warehouse_stage(w, &stage, &staged, &err), &err);
	must(warehouse_audit(w, &audit, &err), &err);
	must(warehouse_publish(w, &changed, &err), &err);
	history_close(&home);
	return home.store_dir;
}

static void copy_tree(const char *from, const char *to)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct err err = { 0 };
	struct file_names names;
	must(file_mkdirs(to, &err), &err);
	must(file_list(from, &arena, &names, &err), &err);
	for (size_t i = 0; i < names.count; i++) {
		const char *a = arena_printf(&arena, "%s/%s", from, names.name[i]).ptr;
		const char *b = arena_printf(&arena, "%s/%s", to, names.name[i]).ptr;
		struct file_info info;
		must(file_stat(a, &info, &err), &err);
		if (info.is_dir)
			copy_tree(a, b);
		else
			must(file_copy(a, b, &err), &err);
	}
}

void history_open_sample(struct history_home *home)
{
	const char *sample = make_sample();
	history_open(home);
	copy_tree(sample, home->store_dir);
}

struct writer {
	struct duck_append *append[BRONZE_TABLE_COUNT];
	struct err err;
};

static void text(struct duck_append *a, const char *format, int value)
{
	char s[100];
	int n = snprintf(s, sizeof s, "%s%d", format, value);
	duck_append_string(a, (struct slice){ s, (size_t) n });
}

static void append_head(struct duck_append *a, const struct history_snapshot *s)
{
	int64_t at;
	assert_true(time_parse_rfc3339(slice_of(s->at), &at));
	duck_append_string(a, slice_of(s->playlist));
	duck_append_int(a, at * 1000000);
	duck_append_int(a, time_day_number(at, 0));
	duck_append_int(a, time_day_number(at, 0));
}

static void append_nulls(struct duck_append *a, int count)
{
	while (count--)
		duck_append_null(a);
}

static void append_entry(struct writer *w, const struct history_snapshot *s, int64_t position, int letter)
{
	struct duck_append *a = w->append[BRONZE_ENTRY];
	bool bare = letter == 'z';
	append_head(a, s);
	duck_append_int(a, position);
	append_nulls(a, 2); /* added_at, added_by_id */
	text(a, "track", letter);
	text(a, "track", letter);
	text(a, "Gānā ", letter);
	text(a, "spotify:track:", letter);
	text(a, "https://api.example/", letter);
	text(a, "https://open.example/", letter);
	letter % 2 ? duck_append_null(a) : text(a, "ISRC", letter);
	bare ? duck_append_null(a) : duck_append_int(a, 1000 * letter);
	duck_append_bool(a, letter % 3 == 0);
	duck_append_int(a, position);
	append_nulls(a, 4); /* disc_number, track_number, is_playable, restriction */
	bare ? duck_append_null(a) : text(a, "album", letter % 7);
	bare ? duck_append_null(a) : text(a, "Album ", letter % 7);
	append_nulls(a, 6); /* album_type … album_total_tracks */
	duck_append_string(a, SLICE("2020-05"));
	duck_append_string(a, SLICE("month"));
	duck_append_int(a, 18383);
	duck_append_int(a, letter % 2 + 1);
	bare ? duck_append_null(a) : text(a, "artist", letter % 5);
	text(a, "Artist ", letter % 5);
	text(a, "Artists of ", letter);
	letter % 4 ? duck_append_null(a) : text(a, "Film ", letter);
	duck_append_string(a, SLICE("raw/x.json"));
	duck_append_int(a, position - 1);
	must(duck_append_end_row(a, &w->err), &w->err);
}

static void append_credit(struct writer *w, const struct history_snapshot *s, int64_t position, int letter, int64_t ordinal,
                          int artist)
{
	struct duck_append *a = w->append[BRONZE_CREDIT];
	append_head(a, s);
	duck_append_int(a, position);
	text(a, "track", letter);
	duck_append_string(a, ordinal ? SLICE("track") : SLICE("album"));
	duck_append_int(a, ordinal ? ordinal : 1);
	letter == 'z' ? duck_append_null(a) : text(a, "artist", artist);
	text(a, "Artist ", artist);
	append_nulls(a, 2);
	must(duck_append_end_row(a, &w->err), &w->err);
}

static void append_reject(struct writer *w, const struct history_snapshot *s, int64_t position)
{
	struct duck_append *a = w->append[BRONZE_REJECT];
	append_head(a, s);
	duck_append_int(a, position);
	duck_append_string(a, SLICE("null_item"));
	duck_append_null(a);
	duck_append_string(a, SLICE("raw/x.json"));
	duck_append_int(a, position - 1);
	must(duck_append_end_row(a, &w->err), &w->err);
}

static void append_snapshot(struct writer *w, const struct history_snapshot *s, int64_t items, int64_t entries)
{
	struct duck_append *a = w->append[BRONZE_SNAPSHOT];
	append_head(a, s);
	duck_append_null(a);
	duck_append_string(a, slice_of(s->playlist));
	append_nulls(a, 4); /* owner_id … followers */
	duck_append_int(a, items);
	duck_append_int(a, 1);
	duck_append_int(a, items);
	duck_append_int(a, entries);
	duck_append_int(a, items - entries);
	duck_append_int(a, items == 7);
	duck_append_null(a);
	duck_append_string(a, SLICE("0123"));
	duck_append_string(a, SLICE("dir"));
	duck_append_int(a, 0);
	duck_append_int(a, 1);
	must(duck_append_end_row(a, &w->err), &w->err);
	a = w->append[BRONZE_FIELD];
	append_head(a, s);
	duck_append_string(a, SLICE("track.popularity"));
	duck_append_int(a, entries);
	duck_append_int(a, entries);
	append_nulls(a, 0);
	duck_append_int(a, 0);
	duck_append_int(a, 0);
	must(duck_append_end_row(a, &w->err), &w->err);
}

static void append_items(struct writer *w, const struct history_snapshot *s)
{
	int64_t position = 0, entries = 0;
	for (const char *c = s->items; *c; c++) {
		if (*c == ' ')
			continue;
		position++;
		if (*c == '-') {
			append_reject(w, s, position);
			continue;
		}
		entries++;
		append_entry(w, s, position, *c);
		append_credit(w, s, position, *c, 0, *c % 5);
		append_credit(w, s, position, *c, 1, *c % 5);
		if (*c % 2)
			append_credit(w, s, position, *c, 2, (*c + 2) % 5);
	}
	append_snapshot(w, s, position, entries);
}

static void put_table(struct history_home *home, enum bronze_table t, struct slice group, struct slice month, const char *inputs)
{
	struct err err = { 0 };
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
	struct slice path = arena_printf(&arena, "%s/bronze.parquet", home->scratch);
	buf_addf(&sql, "COPY %s TO ", bronze_table_name(t));
	duck_quote_text(path, &sql);
	buf_addf(&sql, " (FORMAT parquet, KV_METADATA {inputs: '%s'}); DROP TABLE %s", inputs, bronze_table_name(t));
	must(duck_exec(home->conn, buf_str(&sql), NULL, &err), &err);
	must(store_put_file(home->store, partition_key(t, group, month, &arena), path.ptr, STORE_ANY_VERSION, false, NULL, &err), &err);
}

static void put_partition(struct history_home *home, const struct history_snapshot *s, size_t count, struct slice month)
{
	struct writer w = { 0 };
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		buf_addf(&sql, "CREATE TEMP TABLE %s (%s)", bronze_table_name((enum bronze_table) t), bronze_table_columns((enum bronze_table) t));
		must(duck_exec(home->conn, buf_str(&sql), NULL, &w.err), &w.err);
		must(duck_append_open(home->conn, bronze_table_name((enum bronze_table) t), &w.append[t], &w.err), &w.err);
	}
	for (size_t i = 0; i < count; i++) {
		append_items(&w, &s[i]);
		hash_add(hash, slice_of(s[i].at));
		hash_add(hash, slice_of(s[i].items));
	}
	char inputs[HASH_HEX_BYTES];
	hash_hex(hash, inputs);
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++) {
		must(duck_append_flush(w.append[t], &w.err), &w.err);
		duck_append_closep(&w.append[t]);
		put_table(home, (enum bronze_table) t, slice_of(s->playlist), month, inputs);
	}
}

void history_put(struct history_home *home, const struct history_snapshot *snapshot, size_t count)
{
	for (size_t i = 0; i < count;) {
		size_t from = i;
		while (i < count && strcmp(snapshot[i].playlist, snapshot[from].playlist) == 0 &&
		       strncmp(snapshot[i].at, snapshot[from].at, 7) == 0)
			i++;
		put_partition(home, snapshot + from, i - from, (struct slice){ snapshot[from].at, 7 });
	}
	struct err err = { 0 };
	must(store_sync(home->store, &err), &err);
}

struct gold_result history_gold(struct history_home *home)
{
	struct err err = { 0 };
	struct gold_result result;
	const struct gold_options options = {
		.bronze = home->store, .gold = home->store, .duck = home->duck, .scratch_dir = home->scratch, .threads = 2,
	};
	must(gold_build(&options, &result, &err), &err);
	return result;
}

struct warehouse_stage history_stage(struct history_home *home, struct arena *arena)
{
	struct err err = { 0 };
	struct gold_file_list files;
	must(gold_files(home->store, home->conn, arena, &files, &err), &err);
	struct warehouse_file *file = arena_alloc_array(arena, files.count, sizeof *file);
	for (size_t i = 0; i < files.count; i++)
		file[i] = (struct warehouse_file){
			.table = files.file[i].table,
			.group = files.file[i].group.ptr ? arena_strdup(arena, files.file[i].group) : NULL,
			.path = arena_strdup(arena, files.file[i].path),
			.inputs = arena_strdup(arena, files.file[i].inputs),
		};
	return (struct warehouse_stage){ .file = file, .count = files.count };
}

struct warehouse_audit history_audit(struct history_home *home, struct arena *arena)
{
	struct err err = { 0 };
	struct partition_list list;
	must(partition_list(home->store, home->conn, arena, &list, &err), &err);
	struct warehouse_bronze *bronze = arena_alloc_array(arena, list.count * BRONZE_TABLE_COUNT, sizeof *bronze);
	size_t count = 0;
	for (size_t i = 0; i < list.count; i++) {
		for (int t = 0; t < BRONZE_TABLE_COUNT; t++) {
			struct slice path;
			must(store_get_file(home->store, list.partition[i].key[t], arena, &path, &err), &err);
			bronze[count++] = (struct warehouse_bronze){ bronze_table_name((enum bronze_table) t), arena_strdup(arena, path) };
		}
	}
	return (struct warehouse_audit){ .bronze = bronze, .bronze_count = count };
}
