#include "gold/files.h"

#include "base/hash.h"

#include <stdlib.h>

#define LIST_PAGE 1000
#define METADATA_BATCH 2000

struct slice gold_key(const struct gold_table *table, struct slice group, struct arena *arena)
{
	if (!table->per_group)
		return arena_printf(arena, "gold/%s/part-0.parquet", table->folder);
	return arena_printf(arena, "gold/%s/playlist_group=%.*s/part-0.parquet", table->folder, SLICE_FMT(group));
}

/* Objects that are no gold file of a table we know are somebody else's. */
static bool parse_key(const struct gold_plan *plan, struct slice key, struct gold_file *out)
{
	const struct slice head = SLICE("gold/"), tail = SLICE("/part-0.parquet"), mark = SLICE("playlist_group=");
	if (!slice_starts(key, head) || !slice_ends(key, tail) || key.len < head.len + tail.len)
		return false;
	struct slice middle = slice_sub(key, head.len, key.len - head.len - tail.len);
	size_t slash = slice_find(middle, '/', 0);
	const struct gold_table *table = gold_plan_find(plan, slice_sub(middle, 0, slash));
	if (!table || table->per_group != (slash < middle.len) || !slice_starts(middle, slice_of(table->folder)))
		return false;
	*out = (struct gold_file){ .table = table->name, .key = key };
	if (!table->per_group)
		return true;
	struct slice group = slice_sub(middle, slash + 1, middle.len - slash - 1);
	if (!slice_starts(group, mark) || group.len == mark.len || slice_find(group, '/', 0) < group.len)
		return false;
	out->group = slice_sub(group, mark.len, group.len - mark.len);
	return true;
}

struct listing {
	struct gold_file_list *files;
	struct arena *arena;
	size_t capacity;
};

static void add(struct listing *l, const struct gold_file *file)
{
	if (l->files->count == l->capacity) {
		l->capacity = l->capacity ? 2 * l->capacity : 256;
		struct gold_file *grown = arena_alloc_array(l->arena, l->capacity, sizeof *grown);
		for (size_t i = 0; i < l->files->count; i++)
			grown[i] = l->files->file[i];
		l->files->file = grown;
	}
	l->files->file[l->files->count++] = *file;
}

static int by_path(const void *x, const void *y)
{
	return slice_cmp(((const struct gold_file *) x)->path, ((const struct gold_file *) y)->path);
}

static int by_table(const void *x, const void *y)
{
	const struct gold_file *a = x, *b = y;
	int c = strcmp(a->table, b->table);
	return c ? c : slice_cmp(a->group, b->group);
}

static void on_inputs(void *ctx, struct slice path, struct slice value)
{
	struct listing *l = ctx;
	struct gold_file wanted = { .path = path };
	struct gold_file *f = bsearch(&wanted, l->files->file, l->files->count, sizeof wanted, by_path);
	if (f && value.len == HASH_HEX_BYTES - 1)
		f->inputs = arena_copy(l->arena, value);
}

static enum rc list_objects(struct store *gold, const struct gold_plan *plan, struct listing *l, struct err *err)
{
	struct slice from = SLICE_NULL;
	do {
		struct store_list page;
		TRY(store_list(gold, SLICE("gold/"), from, LIST_PAGE, l->arena, &page, err));
		for (size_t i = 0; i < page.count; i++) {
			struct gold_file file;
			if (!parse_key(plan, page.object[i].key, &file))
				continue;
			file.version = page.object[i].version;
			TRY(store_get_file(gold, file.key, l->arena, &file.path, err));
			add(l, &file);
		}
		from = page.next;
	} while (from.ptr);
	return RC_OK;
}

enum rc gold_files_list(struct store *gold, struct duck_conn *conn, const struct gold_plan *plan, struct arena *arena,
                        struct gold_file_list *out, struct err *err)
{
	*out = (struct gold_file_list){ 0 };
	struct listing l = { .files = out, .arena = arena };
	TRY_WRAP(list_objects(gold, plan, &l, err), err, "gold files");
	if (out->count == 0)
		return RC_OK;
	qsort(out->file, out->count, sizeof *out->file, by_path);
	struct slice *path = arena_alloc_array(arena, out->count, sizeof *path);
	for (size_t i = 0; i < out->count; i++)
		path[i] = out->file[i].path;
	for (size_t from = 0; from < out->count; from += METADATA_BATCH) {
		size_t left = out->count - from;
		TRY_WRAP(duck_parquet_metadata(conn, path + from, left < METADATA_BATCH ? left : METADATA_BATCH, "inputs", on_inputs, &l,
		                               err), err, "gold files");
	}
	qsort(out->file, out->count, sizeof *out->file, by_table);
	return RC_OK;
}

const struct gold_file *gold_files_find(const struct gold_file_list *files, const struct gold_table *table, struct slice group)
{
	struct gold_file wanted = { .table = table->name, .group = group };
	return files->count ? bsearch(&wanted, files->file, files->count, sizeof wanted, by_table) : NULL;
}

enum rc gold_files(struct store *gold, struct duck_conn *conn, struct arena *arena, struct gold_file_list *out, struct err *err)
{
	struct gold_plan plan;
	TRY(gold_plan_embedded(arena, &plan, err));
	TRY(gold_files_list(gold, conn, &plan, arena, out, err));
	for (size_t i = 0; i < out->count; i++)
		if (!out->file[i].inputs.ptr)
			return err_set(err, RC_RETRY, "gold file %.*s is torn: run `sargam gold`", SLICE_FMT(out->file[i].key));
	return RC_OK;
}
