#include "bronze/build.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "base/time.h"
#include "bronze/snapshot_rows.h"
#include "bronze/writer.h"
#include "io/file.h"
#include "raw/key.h"
#include "raw/quarantine.h"
#include "raw/snapshot.h"

#include <pthread.h>

#define BRONZE_VERSION 1 /* counts up when the files change for the same pages */

/* One partition that should be there. */
struct want {
	struct slice group, month;
	const struct raw_snapshot **snapshot; /* sorted by playlist_id, snapshot_at */
	size_t count;
	char inputs[HASH_HEX_BYTES];
	bool unchanged;
};
struct build {
	const struct bronze_options *o;
	struct bronze_result *result;
	struct arena arena;
	struct raw_snapshots all;
	struct want *want;
	size_t want_count;
	struct partition_list have;
	struct letters letters; /* as they were when the build began */
	size_t *todo, todo_count, done;
	pthread_mutex_t lock;
};

static void build_done(struct build *b)
{
	arena_done(&b->arena);
	pthread_mutex_destroy(&b->lock);
}

struct placed {
	struct slice group, month;
	const struct raw_snapshot *snapshot;
};

static int by_place(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int order = slice_cmp(x->group, y->group);
	if (!order)
		order = slice_cmp(x->month, y->month);
	return order ? order : (x->snapshot > y->snapshot) - (x->snapshot < y->snapshot); /* the list is sorted */
}

/* Which partitions the complete snapshots make up. */
static void plan(struct build *b)
{
	struct arena *arena = &b->arena;
	struct placed *placed = arena_alloc_array(arena, b->all.count, sizeof *placed);
	size_t count = 0;
	for (size_t i = 0; i < b->all.count; i++) {
		const struct raw_snapshot *s = &b->all.snapshot[i];
		if (!s->complete) {
			b->result->incomplete++;
			continue;
		}
		struct placed *p = &placed[count], *last = count ? p - 1 : NULL;
		int64_t day = time_day_number(s->snapshot_at, b->o->chart_offset_s);
		bool same = last && slice_eq(last->snapshot->playlist_id, s->playlist_id);
		p->group = same ? last->group : partition_group(s->playlist_id, b->o->playlist_groups, arena);
		struct time_text month = time_month(day);
		p->month = same && slice_is(last->month, month.s) ? last->month : arena_copy(arena, slice_of(month.s));
		p->snapshot = s;
		count++;
	}
	qsort(placed, count, sizeof *placed, by_place);
	const struct raw_snapshot **snapshots = arena_alloc_array(arena, count, sizeof *snapshots);
	b->want = arena_alloc_array(arena, count, sizeof *b->want);
	for (size_t i = 0; i < count; i++) {
		struct want *w = b->want_count ? &b->want[b->want_count - 1] : NULL;
		if (!w || !slice_eq(w->group, placed[i].group) || !slice_eq(w->month, placed[i].month)) {
			w = &b->want[b->want_count++];
			*w = (struct want){ .group = placed[i].group, .month = placed[i].month, .snapshot = snapshots + i };
		}
		snapshots[i] = placed[i].snapshot;
		w->count++;
	}
}

/* Everything a partition's rows follow from. */
static void hash_inputs(const struct bronze_options *o, struct want *w)
{
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	char line[256];
	(void) snprintf(line, sizeof line, "bronze %d reader %d offset %lld groups %lld page_limit %zu pages_max %lld\n",
	                BRONZE_VERSION, READER_VERSION, (long long) o->chart_offset_s, (long long) o->playlist_groups,
	                o->page_limit_bytes, (long long) o->pages_max);
	hash_add(hash, slice_of(line));
	for (size_t i = 0; i < w->count; i++) {
		const struct raw_snapshot *s = w->snapshot[i];
		(void) snprintf(line, sizeof line, "%.*s %lld %s\n", SLICE_FMT(s->playlist_id), (long long) s->snapshot_at,
		                s->manifest_sha256);
		hash_add(hash, slice_of(line));
		if (!s->revision)
			continue;
		(void) snprintf(line, sizeof line, "revision %lld\n", (long long) s->revision); /* a column; old bytes may come back */
		hash_add(hash, slice_of(line));
	}
	hash_hex(hash, w->inputs);
}

static const struct partition *find_have(const struct build *b, const struct want *w)
{
	size_t low = 0, high = b->have.count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct partition *p = &b->have.partition[mid];
		int order = slice_cmp(p->group, w->group);
		if (!order)
			order = slice_cmp(p->month, w->month);
		if (!order)
			return p;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool is_about(const struct letter *l, const struct raw_snapshot *s)
{
	return l->kind != LETTER_MESSAGE && l->has_snapshot_at && l->snapshot_at == s->snapshot_at &&
	       slice_eq(l->playlist_id, s->playlist_id);
}

/* A letter about a snapshot that reads well now has been answered. */
static enum rc take_letters_back(struct build *b, const struct raw_snapshot *s, struct err *err)
{
	for (size_t i = 0; i < b->letters.count; i++)
		if (is_about(&b->letters.letter[i], s))
			TRY(quarantine_remove(b->o->raw, &b->letters.letter[i], err));
	return RC_OK;
}

/* Half mended, a snapshot fails for another reason: one letter, which goes on counting. */
static enum rc follow_reason(struct build *b, const struct raw_snapshot *s, struct letter *l, struct err *err)
{
	for (size_t i = 0; i < b->letters.count; i++) {
		const struct letter *old = &b->letters.letter[i];
		if (!is_about(old, s) || old->kind != LETTER_SNAPSHOT || slice_eq(old->reason, l->reason))
			continue;
		l->attempts = old->attempts + 1;
		l->first_at = old->first_at;
		TRY(quarantine_remove(b->o->raw, old, err));
	}
	return RC_OK;
}

static enum rc write_letter(struct build *b, const struct raw_snapshot *s, const struct snapshot_refusal *why,
                            struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct letter l = {
		.reason = slice_of(why->reason),
		.name = letter_snapshot_name(s->playlist_id, s->snapshot_at, &scratch),
		.detail = slice_of(why->detail),
		.kind = LETTER_SNAPSHOT,
		.playlist_id = s->playlist_id,
		.has_snapshot_at = true,
		.snapshot_at = s->snapshot_at,
		.object = why->object[0] ? slice_of(why->object) : SLICE_NULL,
		.last_at = b->o->clock ? clock_now_ms(b->o->clock) / 1000 : 0,
	};
	bool is_new;
	TRY(follow_reason(b, s, &l, err));
	TRY(quarantine_put(b->o->raw, &l, SLICE_NULL, &is_new, err));
	if (is_new)
		log_warn("bronze", "%.*s at %s: %s: %s (`sargam dead list`)", SLICE_FMT(s->playlist_id),
		         time_rfc3339(s->snapshot_at).s, why->reason, why->detail);
	return RC_OK;
}

static enum rc read_snapshots(struct build *b, const struct want *w, struct bronze_writer *writer,
                              struct bronze_result *sum, struct err *err)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct raw_snapshot *s = w->snapshot[i];
		CLEANUP(log_restorep) UNUSED struct log_context before = log_context(SLICE_NULL, s->playlist_id, SLICE_NULL);
		if (b->o->stop && *b->o->stop)
			return err_set(err, RC_RETRY, "stopped: run the command again to go on");
		const struct snapshot_limits limits = {
			.page_limit_bytes = b->o->page_limit_bytes,
			.pages_max = b->o->pages_max,
			.chart_offset_s = b->o->chart_offset_s,
		};
		struct snapshot_refusal why = { 0 };
		struct snapshot_sums sums = { 0 };
		enum rc rc = snapshot_rows(b->o->raw, s, &limits, writer, &sums, &why, err);
		if (rc == RC_REJECT) {
			TRY(write_letter(b, s, &why, err));
			sum->letters++;
			continue;
		}
		TRY_WRAP(rc, err, "%.*s at %s", SLICE_FMT(s->playlist_id), time_rfc3339(s->snapshot_at).s);
		TRY(take_letters_back(b, s, err));
		sum->snapshots++;
		sum->bytes += sums.bytes;
		sum->items += sums.items;
		sum->entries += sums.entries;
		sum->rejects += sums.rejects;
	}
	return RC_OK;
}

static enum rc put_files(struct build *b, const struct want *w, const char *name, struct err *err)
{
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++) { /* bronze_snapshot is the last one */
		CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
		struct slice path = arena_printf(&scratch, "%s/%s.%s.parquet", b->o->scratch_dir, name, bronze_table_name(t));
		struct slice key = partition_key(t, w->group, w->month, &scratch);
		TRY(store_put_file(b->o->out, key, path.ptr, STORE_ANY_VERSION, false, NULL, err));
	}
	return RC_OK;
}

static void add_up(struct build *b, const struct bronze_result *sum)
{
	struct bronze_result *r = b->result;
	pthread_mutex_lock(&b->lock);
	r->built++;
	r->snapshots += sum->snapshots;
	r->letters += sum->letters;
	r->bytes += sum->bytes;
	r->items += sum->items;
	r->entries += sum->entries;
	r->rejects += sum->rejects;
	b->done++;
	if (b->o->on_progress)
		b->o->on_progress(b->o->ctx, b->done, b->todo_count);
	pthread_mutex_unlock(&b->lock);
	metric_add(METRIC_partitions_built, 1);
	metric_add(METRIC_snapshots_read, sum->snapshots);
	metric_add(METRIC_bytes_read, sum->bytes);
	metric_add(METRIC_entries_written, sum->entries);
	metric_add(METRIC_rejects_written, sum->rejects);
}

static enum rc build_partition(void *ctx, size_t i, struct err *err)
{
	struct build *b = ctx;
	const struct want *w = &b->want[b->todo[i]];
	CLEANUP(bronze_writer_closep) struct bronze_writer *writer = NULL;
	struct bronze_result sum = { 0 };
	char name[64];
	(void) snprintf(name, sizeof name, "bronze-%.24s", w->inputs);
	enum rc rc = bronze_writer_open(b->o->duck, &writer, err);
	if (rc == RC_OK)
		rc = read_snapshots(b, w, writer, &sum, err);
	if (rc == RC_OK)
		rc = bronze_writer_finish(writer, b->o->scratch_dir, name, w->inputs, err);
	if (rc == RC_OK)
		rc = put_files(b, w, name, err);
	if (rc != RC_OK)
		return err_wrap(err, rc, "bronze %.*s %.*s", SLICE_FMT(w->group), SLICE_FMT(w->month));
	add_up(b, &sum);
	return RC_OK;
}

/* Partitions whose snapshots are gone (purged, or another chart_utc_offset or playlist_groups). */
static enum rc remove_vanished(struct build *b, struct err *err)
{
	size_t i = 0; /* both lists are sorted */
	for (size_t k = 0; k < b->have.count; k++) {
		const struct partition *p = &b->have.partition[k];
		while (i < b->want_count && (slice_cmp(b->want[i].group, p->group) < 0 ||
		                             (slice_eq(b->want[i].group, p->group) && slice_cmp(b->want[i].month, p->month) < 0)))
			i++;
		if (i < b->want_count && slice_eq(b->want[i].group, p->group) && slice_eq(b->want[i].month, p->month))
			continue;
		for (size_t t = BRONZE_TABLE_COUNT; t-- > 0;) /* bronze_snapshot first: from then on it is torn */
			if (p->key[t].ptr)
				TRY(store_remove(b->o->out, p->key[t], err));
		b->result->removed++;
	}
	return RC_OK;
}

enum rc bronze_build(const struct bronze_options *o, struct bronze_result *out, struct err *err)
{
	*out = (struct bronze_result){ 0 };
	CLEANUP(build_done) struct build b = {
		.o = o, .result = out, .arena = arena_new(SIZE_MAX / 4), .lock = PTHREAD_MUTEX_INITIALIZER
	};
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	TRY(duck_connect(o->duck, &conn, err));
	TRY_WRAP(raw_snapshots(o->raw, SLICE_NULL, &b.arena, &b.all, err), err, "bronze");
	TRY_WRAP(partition_list(o->out, conn, &b.arena, &b.have, err), err, "bronze");
	TRY_WRAP(quarantine_list(o->raw, &b.arena, &b.letters, err), err, "bronze");
	TRY(file_mkdirs(o->scratch_dir, err));
	plan(&b);
	b.todo = arena_alloc_array(&b.arena, b.want_count, sizeof *b.todo);
	for (size_t i = 0; i < b.want_count; i++) {
		hash_inputs(o, &b.want[i]);
		const struct partition *have = find_have(&b, &b.want[i]);
		b.want[i].unchanged = have && have->inputs.ptr && slice_is(have->inputs, b.want[i].inputs);
		if (!b.want[i].unchanged)
			b.todo[b.todo_count++] = i;
	}
	out->unchanged = (int64_t) (b.want_count - b.todo_count);
	metric_add(METRIC_partitions_unchanged, out->unchanged);
	TRY(remove_vanished(&b, err));
	TRY(thread_each(b.todo_count, o->threads, build_partition, &b, err));
	if (b.todo_count || out->removed)
		TRY_WRAP(store_sync(o->out, err), err, "bronze");
	return RC_OK;
}
