#include "serve/metrics_api.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "gen/version.h"
#include "io/usage.h"
#include "serve/lookout.h"
#include "serve/run_watch.h"

#include <pthread.h>

#define WAIT_MS 2000
#define PART_BYTES_MAX ((size_t) 8 << 20)
#define PAGE_BYTES_MAX ((size_t) 64 << 20)
#define ARENA_BYTES ((size_t) 256 << 20)
#define SHARE 20 /* of the time, one part in so many goes into looking */
#define SECOND_NS INT64_C(1000000000)

/* Parts of the page that are looked up: a name, and the pause between two looks. */
#define PARTS(X)              \
	X(disk, SECOND_NS)            \
	X(runs, SECOND_NS)            \
	X(bus, 15 * SECOND_NS)        \
	X(playlists, 15 * SECOND_NS)  \
	X(letters, 15 * SECOND_NS)    \
	X(incomplete, 60 * SECOND_NS)

enum part_id {
#define X(name, pause_ns) PART_##name,
	PARTS(X)
#undef X
	PART_COUNT
};

struct part {
	struct buf text; /* as it is printed; empty when the last look failed */
	bool has_looked, failed;
	int64_t looked_ns, next_ns; /* by the monotonic clock */
};
struct metrics_api {
	struct metrics_options o;
	char *home, *playlists;
	struct run_watch *run_watch;
	struct lookout *lookout;
	pthread_mutex_t lock; /* of `part` */
	struct part part[PART_COUNT];
};

/* --- the parts, on the lookout's thread --------------------------------------------------------------------- */

static enum rc tell_disk(struct metrics_api *m, struct arena *arena UNUSED, struct buf *out, struct err *err)
{
	struct overview_disk disk;
	TRY(overview_disk(m->home, &disk, err));
	metrics_told_head(METRIC_home_free_bytes, out);
	metrics_told(METRIC_home_free_bytes, SLICE(""), disk.free_bytes, out);
	metrics_told_head(METRIC_home_total_bytes, out);
	metrics_told(METRIC_home_total_bytes, SLICE(""), disk.total_bytes, out);
	metrics_told_head(METRIC_file_bytes, out);
	for (size_t i = 0; i < OVERVIEW_FILES; i++)
		metrics_told(METRIC_file_bytes, slice_of(disk.file[i].name), disk.file[i].bytes, out);
	return RC_OK;
}

static void tell_stages(const struct overview_runs *runs, struct buf *out)
{
	static const enum metric told[] = { METRIC_stage_last_duration_seconds, METRIC_stage_last_rows, METRIC_stage_last_bytes,
		                            METRIC_stage_last_end_timestamp_seconds, METRIC_stage_last_success };
	for (size_t k = 0; k < COUNT_OF(told); k++) {
		metrics_told_head(told[k], out);
		for (size_t i = 0; i < STAGE_COUNT; i++) {
			const struct overview_task *t = &runs->last[i];
			const int64_t figure[] = { t->elapsed_ms, t->rows, t->bytes, t->ended_ms, t->state == TASK_DONE };
			if (!runs->has_last[i])
				continue;
			bool is_time = told[k] == METRIC_stage_last_duration_seconds || told[k] == METRIC_stage_last_end_timestamp_seconds;
			if (is_time)
				metrics_told_ms(told[k], slice_of(stage_info[i].name), figure[k] > 0 ? figure[k] : 0, out);
			else
				metrics_told(told[k], slice_of(stage_info[i].name), figure[k], out);
		}
	}
	metrics_told_head(METRIC_stage_running, out);
	for (size_t i = 0; i < STAGE_COUNT; i++)
		metrics_told(METRIC_stage_running, slice_of(stage_info[i].name), runs->in_stage && runs->at.stage == i, out);
}

static void tell_time(enum metric metric, int64_t ms, struct buf *out)
{
	if (ms <= 0)
		return;
	metrics_told_head(metric, out);
	metrics_told_ms(metric, SLICE(""), ms, out);
}

static enum rc tell_runs(struct metrics_api *m, struct arena *arena, struct buf *out, struct err *err)
{
	struct overview_runs runs;
	TRY(overview_runs(m->o.state, arena, &runs, err));
	run_watch_look(m->run_watch, &runs);
	tell_stages(&runs, out);
	metrics_told_head(METRIC_runs, out);
	for (enum run_state s = 0; s < RUN_STATE_COUNT; s++)
		metrics_told(METRIC_runs, slice_of(run_state_name(s)), runs.by_state[s] - (s == RUN_RUNNING ? runs.unfinished : 0), out);
	metrics_told(METRIC_runs, SLICE("UNFINISHED"), runs.unfinished, out);
	tell_time(METRIC_run_last_success_timestamp_seconds, runs.last_done_ms, out);
	tell_time(METRIC_run_last_failure_timestamp_seconds, runs.last_failed_ms, out);
	return RC_OK;
}

static enum rc tell_bus(struct metrics_api *m, struct arena *arena, struct buf *out, struct err *err)
{
	struct overview_bus bus;
	TRY(overview_bus(m->o.bus, arena, &bus, err));
	metrics_told_head(METRIC_subscription_backlog, out);
	for (size_t i = 0; i < bus.count; i++)
		metrics_told(METRIC_subscription_backlog, bus.subscription[i].name,
		             bus.subscription[i].stats.waiting + bus.subscription[i].stats.leased, out);
	metrics_told_head(METRIC_subscription_leased, out);
	for (size_t i = 0; i < bus.count; i++)
		metrics_told(METRIC_subscription_leased, bus.subscription[i].name, bus.subscription[i].stats.leased, out);
	metrics_told_head(METRIC_subscription_oldest_unacked_seconds, out);
	for (size_t i = 0; i < bus.count; i++)
		metrics_told_ms(METRIC_subscription_oldest_unacked_seconds, bus.subscription[i].name,
		                bus.subscription[i].stats.oldest_unacked_ms, out);
	return RC_OK;
}

static enum rc tell_playlists(struct metrics_api *m, struct arena *arena, struct buf *out, struct err *err)
{
	struct overview_playlists playlists;
	int64_t now_s = clock_now_ms(m->o.clock) / 1000;
	TRY(overview_playlists(m->o.state, m->playlists, overview_day_start(now_s, m->o.chart_offset_s), arena, &playlists, err));
	metrics_told_head(METRIC_snapshots_today, out);
	metrics_told(METRIC_snapshots_today, SLICE(""), playlists.today, out);
	metrics_told_head(METRIC_playlist_snapshot_age_seconds, out);
	for (size_t i = 0; i < playlists.count; i++) {
		const struct overview_playlist *p = &playlists.watched[i];
		if (p->newest_at)
			metrics_told(METRIC_playlist_snapshot_age_seconds, p->id, now_s > p->newest_at ? now_s - p->newest_at : 0, out);
	}
	return RC_OK;
}

static enum rc tell_letters(struct metrics_api *m, struct arena *arena, struct buf *out, struct err *err)
{
	struct overview_letters letters;
	TRY(overview_letters(m->o.store, arena, &letters, err));
	metrics_told_head(METRIC_dead_letters_kept, out);
	for (size_t i = 0; i < letters.count; i++)
		metrics_told(METRIC_dead_letters_kept, letters.reason[i].reason, letters.reason[i].count, out);
	return RC_OK;
}

static enum rc tell_incomplete(struct metrics_api *m, struct arena *arena UNUSED, struct buf *out, struct err *err)
{
	int64_t count;
	TRY(overview_incomplete(m->o.store, &count, err));
	metrics_told_head(METRIC_snapshots_incomplete, out);
	metrics_told(METRIC_snapshots_incomplete, SLICE(""), count, out);
	return RC_OK;
}

static const struct {
	const char *name;
	int64_t pause_ns;
	enum rc (*tell)(struct metrics_api *m, struct arena *arena, struct buf *out, struct err *err);
} parts[PART_COUNT] = {
#define X(name, pause_ns) { #name, pause_ns, tell_##name },
	PARTS(X)
#undef X
};

static void look_at(struct metrics_api *m, enum part_id id)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct part *p = &m->part[id];
	struct buf text = buf_new(PART_BYTES_MAX);
	struct err err = { 0 };
	int64_t begin_ns = clock_mono_ns(clock_system());
	enum rc rc = parts[id].tell(m, &arena, &text, &err);
	if (rc == RC_OK)
		rc = buf_ok(&text, "the text", &err);
	int64_t end_ns = clock_mono_ns(clock_system()), pause_ns = SHARE * (end_ns - begin_ns);
	if (rc != RC_OK && !p->failed)
		log_warn("metrics", "%s: %s", parts[id].name, err.msg);
	(void) pthread_mutex_lock(&m->lock);
	buf_done(&p->text);
	if (rc != RC_OK)
		buf_reset(&text);
	p->text = text;
	p->has_looked = true;
	p->failed = rc != RC_OK;
	p->looked_ns = begin_ns;
	p->next_ns = end_ns + (pause_ns > parts[id].pause_ns ? pause_ns : parts[id].pause_ns);
	(void) pthread_mutex_unlock(&m->lock);
}

static void look(void *ctx)
{
	struct metrics_api *m = ctx;
	for (enum part_id id = 0; id < PART_COUNT; id++)
		if (clock_mono_ns(clock_system()) >= m->part[id].next_ns) /* written by this thread alone */
			look_at(m, id);
}

/* --- life --------------------------------------------------------------------------------------------------- */

struct metrics_api *metrics_api_open(const struct metrics_options *options)
{
	struct metrics_api *m = mem_alloc(sizeof *m);
	*m = (struct metrics_api){ .o = *options, .home = mem_strdup(options->home), .playlists = mem_strdup(options->playlists),
		                   .run_watch = run_watch_open() };
	for (size_t i = 0; i < PART_COUNT; i++)
		m->part[i].text = buf_new(PART_BYTES_MAX);
	int rc = pthread_mutex_init(&m->lock, NULL);
	assert(rc == 0);
	m->lookout = lookout_open(look, m);
	(void) lookout_ask(m->lookout, 0); /* what ends from now on counts, though nobody has asked yet */
	return m;
}

void metrics_api_close(struct metrics_api *m)
{
	if (!m)
		return;
	lookout_close(m->lookout);
	run_watch_close(m->run_watch);
	for (size_t i = 0; i < PART_COUNT; i++)
		buf_done(&m->part[i].text);
	(void) pthread_mutex_destroy(&m->lock);
	mem_free(m->home);
	mem_free(m->playlists);
	mem_free(m);
}

/* --- the page ----------------------------------------------------------------------------------------------- */

static void add_process(const char *name, const char *type, const char *help, const char *figure, struct buf *out)
{
	buf_addf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %s\n", name, help, name, type, name, figure);
}

/* Names and meanings: prometheus.io/docs/instrumenting/writing_clientlibs, "process metrics". */
static void add_usage(struct buf *out)
{
	struct process_usage u;
	char text[32];
	process_usage(&u);
#define FIGURE(...) ((void) snprintf(text, sizeof text, __VA_ARGS__), text)
	add_process("cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
	            FIGURE("%.3f", (double) u.cpu_ms / 1000), out);
	if (u.start_ms)
		add_process("start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
		            FIGURE("%.3f", (double) u.start_ms / 1000), out);
	if (u.resident_bytes)
		add_process("resident_memory_bytes", "gauge", "Resident memory size in bytes.",
		            FIGURE("%lld", (long long) u.resident_bytes), out);
	if (u.virtual_bytes)
		add_process("virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
		            FIGURE("%lld", (long long) u.virtual_bytes), out);
	if (u.open_files >= 0)
		add_process("open_fds", "gauge", "Number of open file descriptors.", FIGURE("%lld", (long long) u.open_files), out);
	if (u.files_max >= 0)
		add_process("max_fds", "gauge", "Maximum number of open file descriptors.", FIGURE("%lld", (long long) u.files_max), out);
#undef FIGURE
}

static void add_jobs(const struct metrics_api *m, struct buf *out)
{
	struct overview_job job[OVERVIEW_JOBS_MAX];
	size_t count = m->o.jobs ? m->o.jobs(m->o.jobs_ctx, job) : 0;
	assert(count <= OVERVIEW_JOBS_MAX);
	if (!count)
		return;
	metrics_told_head(METRIC_schedule_next_timestamp_seconds, out);
	for (size_t i = 0; i < count; i++)
		if (job[i].next_ms > 0)
			metrics_told_ms(METRIC_schedule_next_timestamp_seconds, slice_of(job[i].name), job[i].next_ms, out);
	metrics_told_head(METRIC_schedule_running, out);
	for (size_t i = 0; i < count; i++)
		metrics_told(METRIC_schedule_running, slice_of(job[i].name), job[i].is_running, out);
	metrics_told_head(METRIC_schedule_missed, out);
	for (size_t i = 0; i < count; i++)
		metrics_told(METRIC_schedule_missed, slice_of(job[i].name), job[i].missed, out);
}

static void add_parts(struct metrics_api *m, struct buf *out)
{
	(void) pthread_mutex_lock(&m->lock);
	int64_t now_ns = clock_mono_ns(clock_system()); /* under the lock: no part is younger */
	for (size_t i = 0; i < PART_COUNT; i++)
		buf_add(out, buf_slice(&m->part[i].text));
	metrics_told_head(METRIC_look_failed, out);
	for (size_t i = 0; i < PART_COUNT; i++)
		metrics_told(METRIC_look_failed, slice_of(parts[i].name), m->part[i].failed || !m->part[i].has_looked, out);
	metrics_told_head(METRIC_look_age_seconds, out);
	for (size_t i = 0; i < PART_COUNT; i++)
		if (m->part[i].has_looked)
			metrics_told_ms(METRIC_look_age_seconds, slice_of(parts[i].name), (now_ns - m->part[i].looked_ns) / 1000000, out);
	(void) pthread_mutex_unlock(&m->lock);
}

static void answer_page(struct metrics_api *m, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(buf_done) struct buf text = buf_new(PAGE_BYTES_MAX);
	(void) lookout_ask(m->lookout, WAIT_MS);
	metrics_write(&text);
	metrics_told_head(METRIC_build_info, &text);
	metrics_told(METRIC_build_info, SLICE(SARGAM_VERSION), 1, &text);
	add_usage(&text);
	add_jobs(m, &text);
	add_parts(m, &text);
	if (!arena_fits(rq->arena, text.len + 1) || text.over) {
		reply->status = 503;
		reply->body = SLICE("# the page is larger than allowed\n");
		return;
	}
	reply->body = arena_copy(rq->arena, buf_slice(&text));
}

bool metrics_handle(struct metrics_api *m, const struct server_request *rq, struct server_reply *reply)
{
	if (strcmp(rq->path, "/metrics") != 0)
		return false;
	server_reply_header(reply, "Content-Type", METRICS_CONTENT_TYPE);
	server_reply_header(reply, "Cache-Control", "no-store");
	if (strcmp(rq->method, "GET") != 0 && strcmp(rq->method, "HEAD") != 0) {
		server_reply_header(reply, "Allow", "GET, HEAD");
		reply->status = 405;
		reply->body = SLICE("# want GET\n");
		return true;
	}
	answer_page(m, rq, reply);
	return true;
}

void metrics_request(const char *route, int status, int64_t elapsed_us)
{
	char code[16];
	(void) snprintf(code, sizeof code, "%d", status);
	metric_add_for(METRIC_http_requests, code, 1);
	metric_observe(METRIC_http_request_duration_seconds, route[0] ? route : "none", elapsed_us);
}
