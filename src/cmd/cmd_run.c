/* run: the whole DAG once. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/rand.h"
#include "cmd/build.h"
#include "dag/runner.h"
#include "raw/quarantine.h"

/* What tells equal runs: a killed one is finished by the next that asks for the same work. */
static void write_args(const struct build *b, const char *from, struct buf *out)
{
	const struct config *c = app_config(b->app);
	CLEANUP(json_freep) struct json *root = json_new_object();
	json_set(root, "source", json_new_string(slice_of(c->source)));
	json_set(root, "from", json_new_string(slice_of(from)));
	struct json *playlists = json_new_array();
	for (size_t i = 0; i < b->options.playlist_count; i++)
		json_append(playlists, json_new_string(b->options.playlist[i]));
	json_set(root, "playlists", playlists);
	json_set(root, "since_day", b->options.has_since ? json_new_integer(b->options.since_day) : json_new_null());
	json_set(root, "until_day", b->options.has_until ? json_new_integer(b->options.until_day) : json_new_null());
	json_set(root, "chart_offset_s", json_new_integer(b->options.chart_offset_s));
	json_set(root, "playlist_groups", json_new_integer(b->options.playlist_groups));
	json_write(root, JSON_COMPACT, out);
}

static enum rc run_task(void *ctx, const char *name, int attempt, struct task_result *out, struct err *err)
{
	struct build *b = ctx;
	struct stage_result result;
	if (attempt > 1)
		metric_add(METRIC_task_retries, 1);
	TRY(pipeline_stage(b->pipeline, stage_find(name), &result, err));
	out->rows = result.rows;
	out->bytes = result.bytes;
	(void) snprintf(out->summary, sizeof out->summary, "%s", result.summary);
	return RC_OK;
}

static void on_event(void *ctx UNUSED, enum runner_event event, const struct task *task, int64_t wait_ms)
{
	if (event == RUNNER_WAITS)
		log_warn(task->spec->name, "%s; next try in %.1f s", task->error, (double) wait_ms / 1000);
}

/* One run to its end; *out_adopted when it was one that a dead process had left. */
static enum rc run_once(struct build *b, struct runlog *log, struct slice args, const char *from, bool may_adopt,
                        struct rand_gen *rand, bool *out_adopted, struct run_outcome *out, struct err *err)
{
	const struct config *c = app_config(b->app);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	CLEANUP(mem_freep) struct plan *plan = mem_alloc(sizeof *plan);
	struct takeover takeover = { 0 };
	struct run_id id;
	TRY(plan_init(plan, pipeline_specs(), STAGE_COUNT, from, err));
	if (may_adopt)
		TRY(runlog_take_over(log, args, plan, &arena, &takeover, err));
	for (size_t i = 0; i < takeover.abandoned.count; i++)
		log_info("run", "%.*s is abandoned: %.*s", SLICE_FMT(takeover.abandoned.run[i].id),
		         SLICE_FMT(takeover.abandoned.run[i].error));
	*out_adopted = takeover.adopted;
	if (takeover.adopted) {
		id = takeover.id;
		log_info("run", "finishing %s, which a process that died had begun", id.s);
	} else {
		TRY(runlog_begin(log, args, c->source, plan, &id, err));
	}
	(void) snprintf(b->run_id, sizeof b->run_id, "%s", id.s);
	log_context(id.s, NULL);
	const struct runner runner = {
		.plan = plan,
		.log = log,
		.id = id,
		.policy = { .retry_min_ms = c->retry_min_ms, .retry_max_ms = c->retry_max_ms,
		            .attempts_max = c->task_attempts_max, .defer_above_ms = c->retry_max_ms },
		.clock = app_clock(b->app),
		.rand = rand,
		.stop = app_stop(b->app),
		.ctx = b,
		.run_task = run_task,
		.on_event = on_event,
	};
	enum rc rc = runner_run(&runner, out, err);
	pipeline_release(b->pipeline);
	for (size_t i = 0; rc == RC_OK && i < plan->count; i++)
		if (plan->task[i].state == TASK_DONE && plan->task[i].summary[0])
			(void) printf("%-8s %s\n", plan->task[i].spec->name, plan->task[i].summary);
	return rc;
}

static int finish(struct app *app, const struct args *args, const struct run_outcome *outcome, const struct build *b,
                  struct err *err)
{
	switch (outcome->state) {
	case RUN_DONE:
		break;
	case RUN_DEFERRED:
		(void) err_set(err, RC_RETRY, "deferred: %s", outcome->error);
		return EXIT_DEFERRED;
	case RUN_RUNNING:
		(void) err_set(err, RC_RETRY, "stopped; the next `sargam run` goes on with run %s", b->run_id);
		return EXIT_FAILED;
	default:
		(void) err_set(err, RC_REJECT, "%s (`sargam dag show %s` tells more; the published version stays)", outcome->error,
		               b->run_id);
		return EXIT_FAILED;
	}
	(void) printf("\nThe charts: sargam chart\nSQL:        sargam query 'SELECT * FROM " WAREHOUSE_SCHEMA
	              ".TRACK_INFO ORDER BY artist_name'\n");
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	struct letters letters;
	struct store *store;
	enum rc rc = app_store(app, &store, err);
	if (rc == RC_OK)
		rc = quarantine_list(store, &arena, &letters, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (letters.count == 0)
		return EXIT_DONE;
	(void) printf("Not usable: %zu things are kept with their reason: sargam dead list\n", letters.count);
	return args_flag(args, "strict") ? EXIT_DEAD_LETTERS : EXIT_DONE;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(build_close) struct build b = { 0 };
	CLEANUP(buf_done) struct buf run_args = buf_new(RUN_ARGS_BYTES_MAX);
	const char *from = args_value(args, "from") ? args_value(args, "from") : stage_info[0].name;
	struct rand_gen rand = rand_new(rand_os());
	struct runlog log;
	struct run_outcome outcome = { 0 };
	struct state *state;
	struct source *source;
	bool adopted = false;
	if (stage_find(from) == STAGE_COUNT) {
		(void) err_set(err, RC_FATAL, "--from '%s': stages are extract, ingest, bronze, gold, load, verify, publish", from);
		return EXIT_USAGE;
	}
	enum rc rc = build_open(app, args, "", &b, err);
	if (rc == RC_OK && stage_find(from) == STAGE_extract)
		rc = app_source(app, &source, err); /* a wrong path is told before a run begins */
	if (rc != RC_OK)
		return rc == RC_FATAL ? EXIT_USAGE : EXIT_FAILED;
	write_args(&b, from, &run_args);
	rc = buf_ok(&run_args, "the run's arguments", err);
	if (rc == RC_OK)
		rc = app_state(app, &state, err);
	if (rc != RC_OK)
		return exit_of(rc);
	runlog_init(&log, state, &rand);
	rc = run_once(&b, &log, buf_slice(&run_args), from, true, &rand, &adopted, &outcome, err);
	if (rc == RC_OK && adopted && outcome.state == RUN_DONE) /* that was yesterday's work; today's may be new */
		rc = run_once(&b, &log, buf_slice(&run_args), from, false, &rand, &adopted, &outcome, err);
	return rc == RC_OK ? finish(app, args, &outcome, &b, err) : exit_of(rc);
}

static const struct option_spec options[] = {
	BUILD_OPTIONS,
	{ "from", "STAGE", "begin there: extract, ingest, bronze, gold, load, verify, publish" },
	{ "strict", NULL, "exit with 4 when there are dead letters" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_run;
const struct command cmd_run = {
	.name = "run",
	.summary = "the whole pipeline once, from the source's pages to published charts",
	.words = "",
	.details = "extract > ingest > bronze > gold > load > verify > publish. What is there already is not done again; a run that was\n"
	           "killed is finished by the next one. Without --source the invented sample is told; a home remembers which kind of\n"
	           "data it holds.",
	.option = options,
	.run = run,
};
