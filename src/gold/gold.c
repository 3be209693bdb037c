#include "gold/gold.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "gold/engine.h"
#include "gold/files.h"
#include "io/file.h"

#include <pthread.h>
#include <stdlib.h>

/* Counts up when the files change for the same SQL and rows. */
#define GOLD_VERSION 1
#define LIST_BYTES ((size_t) 1 << 30)
#define TASK_BYTES ((size_t) 256 << 20)

struct group {
	struct slice name;
	const struct partition *partition;
	size_t partition_count;
};
/* A file that should be there. */
struct target {
	const struct gold_table *table;
	const struct group *group; /* NULL for scope all */
	struct slice key;
	char inputs[HASH_HEX_BYTES];
	bool fresh;
	int64_t version; /* of the file that is there, STORE_NO_VERSION when there is none */
};
/* What one thread makes without waiting for another: a group's tables of one stage, or one table of scope all. */
struct task {
	size_t *target;
	size_t count, done;
};
struct build {
	const struct gold_options *options;
	struct gold_result *result;
	struct arena arena;
	struct gold_plan plan;
	struct partition_list partitions;
	struct gold_file_list present;
	struct group *group;
	size_t group_count;
	struct target *target;
	size_t target_count;
	size_t *first; /* of each table: its targets follow each other, one a group */
	struct engine *engine;
	struct task *task; /* of the running stage */
	size_t task_count, done, total;
	bool alone; /* only one task runs */
	pthread_mutex_t lock; /* result, done */
};

static void build_done(struct build *b)
{
	engine_closep(&b->engine);
	arena_done(&b->arena);
	pthread_mutex_destroy(&b->lock);
}

static enum rc find_groups(struct build *b, struct err *err)
{
	b->group = arena_alloc_array(&b->arena, b->partitions.count, sizeof *b->group);
	for (size_t i = 0; i < b->partitions.count; i++) {
		const struct partition *p = &b->partitions.partition[i];
		if (!p->inputs.ptr)
			return err_set(err, RC_RETRY, "bronze partition %.*s/%.*s is torn: run `sargam bronze`", SLICE_FMT(p->group),
			               SLICE_FMT(p->month));
		if (b->group_count == 0 || !slice_eq(b->group[b->group_count - 1].name, p->group))
			b->group[b->group_count++] = (struct group){ .name = p->group, .partition = p };
		b->group[b->group_count - 1].partition_count++;
	}
	return RC_OK;
}

static void add_target(struct build *b, const struct gold_table *table, const struct group *group)
{
	struct target *t = &b->target[b->target_count++];
	*t = (struct target){ .table = table, .group = group };
	struct slice name = group ? group->name : SLICE_NULL;
	t->key = gold_key(table, name, &b->arena);
	const struct gold_file *file = gold_files_find(&b->present, table, name);
	t->version = file ? file->version : STORE_NO_VERSION;
}

/* Without a group there is nothing to tell, and no file of scope all either. */
static void find_targets(struct build *b)
{
	b->target = arena_alloc_array(&b->arena, b->plan.count * b->group_count, sizeof *b->target);
	b->first = arena_alloc_array(&b->arena, b->plan.count, sizeof *b->first);
	for (size_t i = 0; i < b->plan.count; i++) {
		const struct gold_table *table = &b->plan.table[i];
		b->first[i] = b->target_count;
		if (!table->per_group && b->group_count)
			add_target(b, table, NULL);
		for (size_t g = 0; table->per_group && g < b->group_count; g++)
			add_target(b, table, &b->group[g]);
	}
}

/* The targets of table number `i` that `reader` reads: its own group's, or all. */
static size_t targets_read(const struct build *b, const struct target *reader, size_t i, size_t *out_count)
{
	const struct gold_table *table = &b->plan.table[i];
	bool own = table->per_group && reader->group;
	*out_count = table->per_group && !own ? b->group_count : 1;
	return b->first[i] + (own ? (size_t) (reader->group - b->group) : 0);
}

/* The groups that `reader` reads in bronze. */
static const struct group *groups_read(const struct build *b, const struct target *reader, size_t *out_count)
{
	*out_count = reader->group ? 1 : b->group_count;
	return reader->group ? reader->group : b->group;
}

static bool reads_bronze(const struct gold_table *table)
{
	for (int t = 0; t < BRONZE_TABLE_COUNT; t++)
		if (table->bronze[t])
			return true;
	return false;
}

static void hash_line(struct hash *hash, struct slice name, struct slice value)
{
	hash_add(hash, name);
	hash_add(hash, SLICE(" "));
	hash_add(hash, value);
	hash_add(hash, SLICE("\n"));
}

static void hash_inputs(struct build *b, struct target *t)
{
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	char version[32];
	(void) snprintf(version, sizeof version, "%d", GOLD_VERSION);
	hash_line(hash, SLICE("gold"), slice_of(version));
	hash_line(hash, slice_of(t->table->name), t->table->sql);
	size_t count;
	const struct group *group = groups_read(b, t, &count);
	for (size_t g = 0; g < count && reads_bronze(t->table); g++)
		for (size_t p = 0; p < group[g].partition_count; p++)
			hash_line(hash, group[g].partition[p].key[BRONZE_SNAPSHOT], group[g].partition[p].inputs);
	for (size_t n = 0; n < t->table->need_count; n++) {
		size_t from = targets_read(b, t, t->table->need[n], &count);
		for (size_t i = from; i < from + count; i++)
			hash_line(hash, b->target[i].key, slice_of(b->target[i].inputs));
	}
	hash_hex(hash, t->inputs);
	const struct gold_file *file = gold_files_find(&b->present, t->table, t->group ? t->group->name : SLICE_NULL);
	t->fresh = file && slice_is(file->inputs, t->inputs);
}

static void count_work(struct build *b)
{
	size_t group_changed = SIZE_MAX;
	for (size_t g = 0; g < b->group_count; g++) {
		for (size_t i = 0; i < b->plan.count; i++) {
			const struct gold_table *table = &b->plan.table[i];
			if (table->per_group && table->stage == 0 && !b->target[b->first[i] + g].fresh && group_changed != g) {
				b->result->groups_changed++;
				group_changed = g;
			}
		}
	}
	for (size_t i = 0; i < b->target_count; i++) {
		b->total += !b->target[i].fresh;
		b->result->tables_unchanged += b->target[i].fresh;
	}
}

static enum rc bronze_input(struct build *b, const struct target *t, enum bronze_table table, struct arena *arena,
                            struct engine_input *out, struct err *err)
{
	static const char *const name[BRONZE_TABLE_COUNT] = {
		[BRONZE_ENTRY] = "BRONZE_ENTRY", [BRONZE_CREDIT] = "BRONZE_CREDIT", [BRONZE_REJECT] = "BRONZE_REJECT",
		[BRONZE_FIELD] = "BRONZE_FIELD", [BRONZE_SNAPSHOT] = "BRONZE_SNAPSHOT",
	};
	size_t count, total = 0;
	const struct group *group = groups_read(b, t, &count);
	for (size_t g = 0; g < count; g++)
		total += group[g].partition_count;
	struct slice *path = arena_alloc_array(arena, total, sizeof *path);
	*out = (struct engine_input){ .name = name[table], .columns = bronze_table_columns(table), .path = path };
	for (size_t g = 0; g < count; g++)
		for (size_t p = 0; p < group[g].partition_count; p++)
			TRY(store_get_file(b->options->bronze, group[g].partition[p].key[table], arena, &path[out->path_count++], err));
	return RC_OK;
}

static enum rc gold_input(struct build *b, const struct target *t, size_t need, struct arena *arena, struct engine_input *out,
                          struct err *err)
{
	size_t count, from = targets_read(b, t, need, &count);
	struct slice *path = arena_alloc_array(arena, count, sizeof *path);
	*out = (struct engine_input){ .name = b->plan.table[need].name, .path = path };
	for (size_t i = from; i < from + count; i++)
		TRY(store_get_file(b->options->gold, b->target[i].key, arena, &path[out->path_count++], err));
	return RC_OK;
}

static enum rc make_file(struct build *b, const struct target *t, const char *scratch, int64_t *out_rows, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(TASK_BYTES);
	struct engine_input *input = arena_alloc_array(&arena, BRONZE_TABLE_COUNT + t->table->need_count, sizeof *input);
	struct engine_job job = { .sql = t->table->sql, .order = t->table->order, .inputs = t->inputs, .input = input,
		                  .out_path = scratch, .frugal = b->alone };
	for (int bronze = 0; bronze < BRONZE_TABLE_COUNT; bronze++)
		if (t->table->bronze[bronze])
			TRY(bronze_input(b, t, (enum bronze_table) bronze, &arena, &input[job.input_count++], err));
	for (size_t n = 0; n < t->table->need_count; n++)
		TRY(gold_input(b, t, t->table->need[n], &arena, &input[job.input_count++], err));
	TRY(engine_run(b->engine, &job, out_rows, err));
	enum rc rc = store_put_file(b->options->gold, t->key, scratch, t->version, false, NULL, err);
	if (rc == RC_REJECT) /* the version is another one */
		return err_wrap(err, RC_RETRY, "another build writes here too");
	return rc;
}

static enum rc make_target(struct build *b, size_t index, struct err *err)
{
	const struct target *t = &b->target[index];
	if (b->options->stop && *b->options->stop)
		return err_set(err, RC_RETRY, "stopped: run the command again to go on");
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice scratch = arena_printf(&arena, "%s/gold-%zu.parquet", b->options->scratch_dir, index);
	int64_t rows = 0;
	enum rc rc = make_file(b, t, scratch.ptr, &rows, err);
	if (rc != RC_OK) {
		if (rc == RC_NOT_FOUND) /* a file it reads went away meanwhile */
			rc = RC_RETRY;
		(void) !file_remove(scratch.ptr, NULL);
		if (!t->group)
			return err_wrap(err, rc, "gold %s", t->table->name);
		return err_wrap(err, rc, "gold %s of group %.*s", t->table->name, SLICE_FMT(t->group->name));
	}
	metric_add(METRIC_gold_tables_written, 1);
	metric_add(METRIC_gold_rows_written, rows);
	pthread_mutex_lock(&b->lock);
	b->result->tables_written++;
	b->result->rows += rows;
	b->done++;
	if (b->options->on_progress)
		b->options->on_progress(b->options->ctx, b->done, b->total);
	pthread_mutex_unlock(&b->lock);
	return RC_OK;
}

static enum rc run_task(void *ctx, size_t i, struct err *err)
{
	struct build *b = ctx;
	for (struct task *t = &b->task[i]; t->done < t->count; t->done++) {
		struct err why = { 0 };
		enum rc rc = make_target(b, t->target[t->done], &why);
		if (rc == RC_RETRY && !b->alone && duck_out_of_memory(&why))
			return RC_OK; /* the rest of it waits until the others are done */
		if (rc != RC_OK) {
			if (err)
				*err = why;
			return rc;
		}
	}
	return RC_OK;
}

/* Side by side as far as the memory goes, then one after the other what did not fit. */
static enum rc run_tasks(struct build *b, struct err *err)
{
	b->alone = false;
	TRY(thread_each(b->task_count, b->options->threads, run_task, b, err));
	b->alone = true;
	for (size_t i = 0; i < b->task_count; i++)
		TRY(run_task(b, i, err));
	return RC_OK;
}

static void add_task(struct build *b, size_t *target, size_t count)
{
	if (count)
		b->task[b->task_count++] = (struct task){ target, count, 0 };
}

static void find_tasks(struct build *b, int stage)
{
	b->task = arena_alloc_array(&b->arena, b->group_count + b->plan.count, sizeof *b->task);
	b->task_count = 0;
	for (size_t i = 0; i < b->plan.count; i++) {
		const struct gold_table *table = &b->plan.table[i];
		if (table->stage != stage || table->per_group || b->target[b->first[i]].fresh)
			continue;
		size_t *one = arena_alloc(&b->arena, sizeof *one);
		*one = b->first[i];
		add_task(b, one, 1);
	}
	for (size_t g = 0; g < b->group_count; g++) {
		size_t *some = arena_alloc_array(&b->arena, b->plan.count, sizeof *some), count = 0;
		for (size_t i = 0; i < b->plan.count; i++) {
			const struct gold_table *table = &b->plan.table[i];
			if (table->stage == stage && table->per_group && !b->target[b->first[i] + g].fresh)
				some[count++] = b->first[i] + g;
		}
		add_task(b, some, count);
	}
}

static int by_key(const void *key, const void *target)
{
	return slice_cmp(*(const struct slice *) key, ((const struct group *) target)->name);
}

/* Files of groups that are gone, and all when there is no group. */
static enum rc remove_gone(struct build *b, bool *out_any, struct err *err)
{
	const char *counted = NULL; /* groups are counted by the files of one table */
	for (size_t i = 0; i < b->present.count; i++) {
		const struct gold_file *file = &b->present.file[i];
		if (!file->group.ptr && b->group_count)
			continue;
		if (file->group.ptr && b->group_count && bsearch(&file->group, b->group, b->group_count, sizeof *b->group, by_key))
			continue;
		TRY_WRAP(store_remove(b->options->gold, file->key, err), err, "gold");
		*out_any = true;
		if (file->group.ptr && !counted)
			counted = file->table;
		if (file->group.ptr && strcmp(file->table, counted) == 0)
			b->result->groups_changed++;
	}
	return RC_OK;
}

static enum rc read_state(struct build *b, struct err *err)
{
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	TRY(duck_connect(b->options->duck, &conn, err));
	TRY(gold_plan_embedded(&b->arena, &b->plan, err));
	TRY(partition_list(b->options->bronze, conn, &b->arena, &b->partitions, err));
	return gold_files_list(b->options->gold, conn, &b->plan, &b->arena, &b->present, err);
}

enum rc gold_build(const struct gold_options *options, struct gold_result *out, struct err *err)
{
	*out = (struct gold_result){ 0 };
	CLEANUP(build_done) struct build b = { .options = options, .result = out, .arena = arena_new(LIST_BYTES),
		                               .engine = engine_duckdb_open(options->duck), .lock = PTHREAD_MUTEX_INITIALIZER };
	TRY(read_state(&b, err));
	TRY(find_groups(&b, err));
	find_targets(&b);
	for (size_t i = 0; i < b.target_count; i++) /* in the plan's order: what a file reads is hashed before it */
		hash_inputs(&b, &b.target[i]);
	count_work(&b);
	if (b.total)
		TRY(file_mkdirs(options->scratch_dir, err));
	for (int stage = 0; stage < b.plan.stage_count && b.total; stage++) {
		find_tasks(&b, stage);
		TRY(run_tasks(&b, err));
	}
	bool any = b.total > 0;
	TRY(remove_gone(&b, &any, err));
	if (any)
		TRY_WRAP(store_sync(options->gold, err), err, "gold files");
	return RC_OK;
}
