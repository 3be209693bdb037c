#include "dag/pipeline.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/time.h"
#include "bronze/build.h"
#include "bronze/partition.h"
#include "gold/gold.h"
#include "io/file.h"
#include "raw/extract.h"
#include "raw/ingest.h"

#include <unistd.h>

const struct stage_info stage_info[STAGE_COUNT] = {
#define X(name, needs, what) { #name, needs, what },
	STAGES(X)
#undef X
};

const struct task_spec *pipeline_specs(void)
{
	static const struct task_spec spec[STAGE_COUNT] = {
#define X(name, needs, what) { #name, what, { needs } },
		STAGES(X)
#undef X
	};
	return spec;
}

enum stage stage_find(const char *name)
{
	enum stage s = 0;
	while (s < STAGE_COUNT && strcmp(stage_info[s].name, name) != 0)
		s++;
	return s;
}

/* Ingest waits for fsync, not for processors: the file system gathers what comes at once. */
#define INGEST_THREADS 16

struct pipeline {
	const struct pipeline_options *o;
	struct file_lock *lock;
	enum stage at;
	bool loaded, staged; /* load ran in this process; and made a version */
	struct extract_result extracted;
};

struct pipeline *pipeline_new(const struct pipeline_options *o)
{
	struct pipeline *p = mem_alloc(sizeof *p);
	p->o = o;
	return p;
}

const struct extract_result *pipeline_extracted(const struct pipeline *p)
{
	return &p->extracted;
}

void pipeline_release(struct pipeline *p)
{
	file_unlock(p->lock);
	p->lock = NULL;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	pipeline_release(p);
	mem_free(p);
}

static void say_waiting(const char *holder, void *what)
{
	log_info("lock", "waiting for another %s on this home: %s", (const char *) what, holder);
}

/* The file `name` of the home. */
static enum rc hold(struct pipeline *p, const char *name, char *what, struct file_lock **out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct time_text now = time_rfc3339(clock_now_ms(p->o->clock) / 1000);
	struct slice path = arena_printf(&scratch, "%s/%s", p->o->home, name);
	struct slice note = arena_printf(&scratch, "run %s, process %d, since %s", p->o->run_id, (int) getpid(), now.s);
	enum rc rc = file_lock(path.ptr, note.ptr, p->o->lock_wait_ms, p->o->clock, p->o->stop, say_waiting, what, out, err);
	bool stopped = p->o->stop && *p->o->stop;
	return rc == RC_RETRY && !stopped ? RC_FATAL : rc; /* lock_wait_s is the whole patience: no further tries */
}

enum rc pipeline_hold(struct pipeline *p, struct err *err)
{
	char build[] = "build";
	return p->lock ? RC_OK : hold(p, "lock", build, &p->lock, err);
}

static void on_step(void *ctx, size_t done, size_t total)
{
	struct pipeline *p = ctx;
	if (p->o->on_progress)
		p->o->on_progress(p->o->progress_ctx, stage_info[p->at].name, "", done, total);
}

static void on_extract(void *ctx, size_t done, size_t total, const char *what)
{
	struct pipeline *p = ctx;
	if (p->o->on_progress)
		p->o->on_progress(p->o->progress_ctx, stage_info[p->at].name, what, done, total);
}

static enum rc stage_extract(struct pipeline *p, struct stage_result *out, struct err *err)
{
	const struct pipeline_options *o = p->o;
	const struct pipeline_ports *ports = &o->ports;
	struct extract_options eo = {
		.clock = o->clock,
		.run_id = o->run_id,
		.playlist = o->playlist,
		.playlist_count = o->playlist_count,
		.has_since = o->has_since,
		.has_until = o->has_until,
		.since_day = o->since_day,
		.until_day = o->until_day,
		.chart_offset_s = o->chart_offset_s,
		.pages_max = o->pages_max,
		.page_limit_bytes = o->page_limit_bytes,
		.on_progress = on_extract,
		.ctx = p,
		.stop = o->stop,
	};
	struct extract_result r;
	TRY(ports->source(ports->ctx, &eo.source, err));
	TRY(ports->bus(ports->ctx, &eo.bus, err));
	TRY(ports->store(ports->ctx, &eo.store, err));
	CLEANUP(file_unlockp) struct file_lock *alone = NULL; /* one request at a time, and one cursor a playlist */
	char live[] = "run that reads a live source";
	if (source_is_live(eo.source))
		TRY(hold(p, "live.lock", live, &alone, err));
	int64_t requests = metric_get(METRIC_spotify_requests);
	TRY(extract_run(&eo, &r, err));
	requests = metric_get(METRIC_spotify_requests) - requests;
	p->extracted = r;
	out->rows = r.pages;
	out->bytes = r.bytes;
	out->deferred = r.deferred > 0;
	out->retry_after_ms = r.retry_after_ms;
	memcpy(out->deferred_why, r.deferred_why, sizeof out->deferred_why);
	char unread[64] = "", deferred[64] = "", own[64] = ""; /* what only live or only imported sources have */
	if (source_is_live(eo.source))
		(void) snprintf(own, sizeof own, ", %lld requests (%.1f a snapshot)", (long long) requests,
		                r.snapshots ? (double) requests / (double) r.snapshots : 0.0);
	else if (r.broken)
		(void) snprintf(own, sizeof own, ", %lld broken lines: `sargam dead list`", (long long) r.broken);
	if (r.deferred)
		(void) snprintf(deferred, sizeof deferred, ", %lld playlists deferred", (long long) r.deferred);
	if (r.unread)
		(void) snprintf(unread, sizeof unread, ", %lld playlists not read, see the warnings", (long long) r.unread);
	(void) snprintf(out->summary, sizeof out->summary, "%lld new snapshots of %lld playlists (%lld pages), %lld known%s%s%s%s",
	                (long long) r.snapshots, (long long) r.playlists, (long long) r.pages, (long long) r.known, own,
	                r.failed ? ", some failed: `sargam dead list`" : "", unread, deferred);
	return RC_OK;
}

static enum rc stage_ingest(struct pipeline *p, struct stage_result *out, struct err *err)
{
	const struct pipeline_options *o = p->o;
	const struct pipeline_ports *ports = &o->ports;
	struct ingest_options io = {
		.clock = o->clock,
		.run_id = o->run_id,
		.page_limit_bytes = o->page_limit_bytes,
		.threads = INGEST_THREADS,
		.wait_ms_max = o->wait_ms_max,
		.on_progress = on_step,
		.ctx = p,
		.stop = o->stop,
	};
	struct ingest_result r;
	TRY(ports->bus(ports->ctx, &io.bus, err));
	TRY(ports->store(ports->ctx, &io.store, err));
	TRY(ports->state(ports->ctx, &io.state, err));
	TRY(ingest_run(&io, &r, err));
	out->rows = r.received;
	(void) snprintf(out->summary, sizeof out->summary,
	                "%lld messages, %lld objects, %lld snapshots complete%s", (long long) r.received,
	                (long long) r.objects, (long long) r.completed,
	                r.quarantined ? ", some in quarantine: `sargam dead list`" : "");
	return RC_OK;
}

static enum rc stage_bronze(struct pipeline *p, struct stage_result *out, struct err *err)
{
	const struct pipeline_options *o = p->o;
	const struct pipeline_ports *ports = &o->ports;
	struct bronze_options bo = {
		.clock = o->clock,
		.scratch_dir = o->scratch_dir,
		.threads = o->threads,
		.chart_offset_s = o->chart_offset_s,
		.playlist_groups = o->playlist_groups,
		.pages_max = o->pages_max,
		.page_limit_bytes = o->page_limit_bytes,
		.on_progress = on_step,
		.ctx = p,
		.stop = o->stop,
	};
	struct bronze_result r;
	TRY(pipeline_hold(p, err));
	TRY(ports->store(ports->ctx, &bo.raw, err));
	TRY(ports->derived(ports->ctx, &bo.out, err));
	TRY(ports->duck(ports->ctx, &bo.duck, err));
	TRY(bronze_build(&bo, &r, err));
	out->rows = r.items;
	out->bytes = r.bytes;
	(void) snprintf(out->summary, sizeof out->summary,
	                "%lld partitions built from %lld snapshots (%lld entries, %lld rejects), %lld unchanged%s",
	                (long long) r.built, (long long) r.snapshots, (long long) r.entries, (long long) r.rejects,
	                (long long) r.unchanged, r.letters ? ", some refused: `sargam dead list`" : "");
	return RC_OK;
}

static enum rc stage_gold(struct pipeline *p, struct stage_result *out, struct err *err)
{
	const struct pipeline_options *o = p->o;
	const struct pipeline_ports *ports = &o->ports;
	struct gold_options go = {
		.scratch_dir = o->scratch_dir,
		.threads = o->threads,
		.on_progress = on_step,
		.ctx = p,
		.stop = o->stop,
	};
	struct gold_result r;
	TRY(pipeline_hold(p, err));
	TRY(ports->derived(ports->ctx, &go.bronze, err));
	TRY(ports->duck(ports->ctx, &go.duck, err));
	go.gold = go.bronze;
	TRY(gold_build(&go, &r, err));
	out->rows = r.rows;
	(void) snprintf(out->summary, sizeof out->summary, "%lld files written (%lld rows), %lld unchanged",
	                (long long) r.tables_written, (long long) r.rows, (long long) r.tables_unchanged);
	return RC_OK;
}

static enum rc stage_load(struct pipeline *p, struct stage_result *out, struct err *err)
{
	const struct pipeline_ports *ports = &p->o->ports;
	struct store *store;
	struct duck *duck;
	struct warehouse *warehouse;
	TRY(pipeline_hold(p, err));
	TRY(ports->derived(ports->ctx, &store, err));
	TRY(ports->duck(ports->ctx, &duck, err));
	TRY(ports->warehouse(ports->ctx, &warehouse, err));
	CLEANUP(arena_done) struct arena arena = arena_new(SIZE_MAX / 4);
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	TRY(duck_connect(duck, &conn, err));
	struct gold_file_list files;
	TRY(gold_files(store, conn, &arena, &files, err));
	struct warehouse_file *file = arena_alloc_array(&arena, files.count, sizeof *file);
	for (size_t i = 0; i < files.count; i++) {
		struct slice path;
		TRY(store_get_file(store, files.file[i].key, &arena, &path, err));
		file[i] = (struct warehouse_file){
			.table = files.file[i].table,
			.group = files.file[i].group.ptr ? arena_strdup(&arena, files.file[i].group) : NULL,
			.path = arena_strdup(&arena, path),
			.inputs = arena_strdup(&arena, files.file[i].inputs),
		};
	}
	const struct warehouse_stage stage = { .file = file, .count = files.count, .rebuild = p->o->rebuild };
	struct warehouse_staged staged;
	TRY(warehouse_schema(warehouse, err));
	TRY(warehouse_stage(warehouse, &stage, &staged, err));
	p->loaded = true;
	p->staged = staged.changed;
	out->rows = staged.rows;
	metric_add(METRIC_warehouse_rows_loaded, staged.rows);
	if (staged.changed)
		(void) snprintf(out->summary, sizeof out->summary, "next version staged: %lld files, %lld rows",
		                (long long) staged.files, (long long) staged.rows);
	else
		(void) snprintf(out->summary, sizeof out->summary, "nothing changed");
	return RC_OK;
}

struct audit_sum {
	int64_t passed, failed;
	void (*on_check)(void *ctx, const struct warehouse_check *check);
	void *ctx;
};

static void count_check(void *ctx, const struct warehouse_check *check)
{
	struct audit_sum *sum = ctx;
	if (check->violations)
		sum->failed++;
	else
		sum->passed++;
	if (sum->on_check)
		sum->on_check(sum->ctx, check);
	else if (check->violations)
		log_error("verify", "%s: %lld violations (%s), first: %s", check->name, (long long) check->violations,
		          check->what, check->example);
}

/* Before the checks of the warehouse: what passed those may be published by whoever comes next. */
static enum rc audit_drift(struct pipeline *p, struct store *store, struct duck_conn *conn, const struct partition_list *partitions,
                           struct audit_sum *sum, struct err *err)
{
	const struct drift_policy *policy = p->o->drift_policy;
	if (!policy)
		return RC_OK;
	const struct drift_options o = { .store = store, .conn = conn, .partitions = partitions, .stop = p->o->stop };
	struct drift_sum drift;
	CLEANUP(buf_done) struct buf warned = buf_new(ERR_MSG_BYTES), failed = buf_new(ERR_MSG_BYTES);
	TRY(drift_scan(&o, &drift, err));
	drift_tell(&drift, policy, false, &warned);
	if (warned.len)
		log_warn("verify", "%s: `sargam drift` tells what depends on it", buf_str(&warned));
	if (!policy->any_fail) /* then nothing was checked */
		return RC_OK;
	drift_tell(&drift, policy, true, &failed);
	const struct warehouse_check check = {
		.name = "drift",
		.what = "no field whose drift_policy is fail has vanished or changed its type",
		.violations = (int64_t) drift_count(&drift, policy, true),
		.example = failed.len ? buf_str(&failed) : "",
	};
	if (check.violations)
		sum->failed++;
	else
		sum->passed++;
	if (sum->on_check)
		sum->on_check(sum->ctx, &check);
	if (!check.violations)
		return RC_OK;
	metric_add(METRIC_audits_failed, sum->failed);
	return err_set(err, RC_REJECT, "%s, and the setting drift_policy says fail: `sargam drift` tells what depends on it; with FIELD=warn "
	               "there the rest is published all the same", check.example);
}

static enum rc audit(struct pipeline *p, struct audit_sum *sum, struct err *err)
{
	const struct pipeline_ports *ports = &p->o->ports;
	struct store *store;
	struct duck *duck;
	struct warehouse *warehouse;
	TRY(pipeline_hold(p, err));
	TRY(ports->derived(ports->ctx, &store, err));
	TRY(ports->duck(ports->ctx, &duck, err));
	TRY(ports->warehouse(ports->ctx, &warehouse, err));
	CLEANUP(arena_done) struct arena arena = arena_new(SIZE_MAX / 4);
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	struct partition_list partitions;
	TRY(duck_connect(duck, &conn, err));
	TRY(partition_list(store, conn, &arena, &partitions, err));
	TRY(audit_drift(p, store, conn, &partitions, sum, err));
	struct warehouse_bronze *bronze =
		arena_alloc_array(&arena, partitions.count * BRONZE_TABLE_COUNT, sizeof *bronze);
	size_t count = 0;
	for (size_t i = 0; i < partitions.count; i++) {
		for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++) {
			struct slice file;
			if (!partitions.partition[i].key[t].ptr)
				continue;
			TRY(store_get_file(store, partitions.partition[i].key[t], &arena, &file, err));
			bronze[count++] = (struct warehouse_bronze){ bronze_table_name(t), arena_strdup(&arena, file) };
		}
	}
	const struct warehouse_audit wa = {
		.bronze = bronze, .bronze_count = count, .ctx = sum, .on_check = count_check
	};
	enum rc rc = warehouse_audit(warehouse, &wa, err);
	metric_add(METRIC_audits_passed, sum->passed);
	metric_add(METRIC_audits_failed, sum->failed);
	return rc;
}

enum rc pipeline_audit(struct pipeline *p, void (*on_check)(void *ctx, const struct warehouse_check *check), void *ctx,
                       struct err *err)
{
	struct audit_sum sum = { .on_check = on_check, .ctx = ctx };
	return audit(p, &sum, err);
}

static enum rc stage_verify(struct pipeline *p, struct stage_result *out, struct err *err)
{
	if (!p->loaded) /* the run's load was done by a process that died: whether something is staged only load can say */
		TRY(stage_load(p, out, err));
	if (!p->staged) {
		(void) snprintf(out->summary, sizeof out->summary, "nothing staged: the published version was audited before");
		return RC_OK;
	}
	struct audit_sum sum = { 0 };
	TRY(audit(p, &sum, err));
	out->rows = sum.passed;
	(void) snprintf(out->summary, sizeof out->summary, "%lld checks passed", (long long) sum.passed);
	return RC_OK;
}

static enum rc stage_publish(struct pipeline *p, struct stage_result *out, struct err *err)
{
	const struct pipeline_ports *ports = &p->o->ports;
	struct warehouse *warehouse;
	bool changed;
	TRY(pipeline_hold(p, err));
	TRY(ports->warehouse(ports->ctx, &warehouse, err));
	TRY(warehouse_publish(warehouse, &changed, err));
	p->staged = false;
	(void) snprintf(out->summary, sizeof out->summary, "%s", changed ? "published" : "nothing changed");
	return RC_OK;
}

enum rc pipeline_stage(struct pipeline *p, enum stage stage, struct stage_result *out, struct err *err)
{
	static enum rc (*const fn[STAGE_COUNT])(struct pipeline *, struct stage_result *, struct err *) = {
#define X(name, needs, what) stage_##name,
		STAGES(X)
#undef X
	};
	assert(stage < STAGE_COUNT);
	CLEANUP(log_restorep) UNUSED struct log_context before = log_context(slice_of(p->o->run_id), SLICE_NULL, SLICE_NULL);
	*out = (struct stage_result){ 0 };
	p->at = stage;
	return fn[stage](p, out, err);
}
