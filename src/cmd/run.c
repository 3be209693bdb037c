#include "cmd/run.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "raw/quarantine.h"

void run_args_write(const struct build *b, const char *from, struct buf *out)
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
	if (b->last != STAGE_publish)
		json_set(root, "to", json_new_string(slice_of(stage_info[b->last].name)));
	json_write(root, JSON_COMPACT, out);
}

static bool read_day(const struct json *root, const char *key, bool *out_has, int64_t *out_day)
{
	const struct json *v = json_get(root, key);
	*out_has = json_type(v) == JSON_NUMBER;
	return *out_has ? json_integer(v, out_day) : json_type(v) == JSON_NULL;
}

static bool read_playlists(const struct json *list, struct build *b)
{
	size_t count = json_size(list);
	struct slice *playlist = count ? arena_alloc_array(&b->arena, count, sizeof *playlist) : NULL;
	for (size_t i = 0; i < count; i++) {
		struct slice id;
		if (!json_string(json_at(list, i), &id))
			return false;
		playlist[i] = arena_copy(&b->arena, id);
	}
	b->options.playlist = playlist;
	b->options.playlist_count = count;
	return json_type(list) == JSON_ARRAY;
}

static bool read_stage(struct slice name, enum stage *out)
{
	for (*out = 0; *out < STAGE_COUNT; (*out)++)
		if (slice_is(name, stage_info[*out].name))
			return true;
	return false;
}

enum rc run_args_read(struct slice args, struct build *b, const char **out_from, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	struct pipeline_options *o = &b->options;
	struct slice source, from, to = slice_of(stage_info[STAGE_publish].name);
	TRY_WRAP(json_parse(args, &root, err), err, "the run's arguments");
	if (!json_string(json_get(root, "source"), &source) || !json_string(json_get(root, "from"), &from) ||
	    !read_playlists(json_get(root, "playlists"), b) ||
	    !read_day(root, "since_day", &o->has_since, &o->since_day) ||
	    !read_day(root, "until_day", &o->has_until, &o->until_day) ||
	    !json_integer(json_get(root, "chart_offset_s"), &o->chart_offset_s) ||
	    !json_integer(json_get(root, "playlist_groups"), &o->playlist_groups) ||
	    (json_get(root, "to") && !json_string(json_get(root, "to"), &to)) || !read_stage(to, &b->last))
		return err_set(err, RC_FATAL, "the run's arguments are those of another version of sargam: `sargam run` makes a new run");
	TRY(config_set(app_config(b->app), SLICE("source"), source, CONFIG_CLI, err));
	*out_from = arena_strdup(&b->arena, from);
	return RC_OK;
}

static enum rc run_task(void *ctx, const char *name, int attempt UNUSED, struct task_result *out, struct err *err)
{
	struct build *b = ctx;
	struct stage_result result;
	TRY(pipeline_stage(b->pipeline, stage_find(name), &result, err));
	out->rows = result.rows;
	out->bytes = result.bytes;
	(void) snprintf(out->summary, sizeof out->summary, "%s", result.summary);
	out->deferred = result.deferred;
	out->retry_after_ms = result.retry_after_ms;
	memcpy(out->deferred_why, result.deferred_why, sizeof out->deferred_why);
	b->extracted = b->extracted || stage_find(name) == STAGE_extract;
	return RC_OK;
}

static void on_event(void *ctx, enum runner_event event, const struct task *task, int64_t wait_ms)
{
	const struct build *b = ctx;
	if (event == RUNNER_ENDED)
		progress_wipe(b->progress);
	if (event == RUNNER_WAITS)
		log_warn(task->spec->name, "%s; next try in %.1f s", task->error, (double) wait_ms / 1000);
}

enum rc run_carry_out(struct build *b, struct runlog *log, struct plan *plan, const struct run_id *id, struct rand_gen *rand,
                      struct run_outcome *out, struct err *err)
{
	const struct config *c = app_config(b->app);
	(void) snprintf(b->run_id, sizeof b->run_id, "%s", id->s);
	CLEANUP(log_restorep) UNUSED struct log_context before = log_context(slice_of(id->s), SLICE_NULL, SLICE_NULL);
	const struct runner runner = {
		.plan = plan,
		.log = log,
		.id = *id,
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
	for (size_t i = 0; rc == RC_OK && i < plan->count && !b->silent && !app_quiet(b->app); i++)
		if (plan->task[i].state == TASK_DONE && plan->task[i].summary[0])
			(void) printf("%-8s %s\n", plan->task[i].spec->name, plan->task[i].summary);
	return rc;
}

/* One run to its end; *out_adopted when it was one that a dead process had left. */
static enum rc run_once(struct build *b, struct runlog *log, struct slice args, const char *from, bool may_adopt,
                        struct rand_gen *rand, bool *out_adopted, struct run_outcome *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	CLEANUP(mem_freep) struct plan *plan = mem_alloc(sizeof *plan);
	struct takeover takeover = { 0 };
	struct run_id id;
	TRY(plan_init(plan, pipeline_specs(), b->last + 1, from, err));
	if (may_adopt)
		TRY(runlog_take_over(log, args, plan, &arena, &takeover, err));
	for (size_t i = 0; i < takeover.abandoned.count; i++)
		log_info("run", "%.*s is abandoned: %.*s", SLICE_FMT(takeover.abandoned.run[i].id),
		         SLICE_FMT(takeover.abandoned.run[i].error));
	if (takeover.adopted || takeover.abandoned.count > 0)
		(void) !file_sweep(app_home(b->app), 0, NULL); /* what the dead left half; if it stays it hurts nobody */
	*out_adopted = takeover.adopted;
	if (takeover.adopted) {
		id = takeover.id;
		log_info("run", "finishing %s, which a process that died had begun", id.s);
	} else {
		TRY(runlog_begin(log, args, app_config(b->app)->source, plan, &id, err));
	}
	return run_carry_out(b, log, plan, &id, rand, out, err);
}

enum rc run_whole(struct build *b, const char *from, struct run_outcome *out, struct err *err)
{
	CLEANUP(buf_done) struct buf args = buf_new(RUN_ARGS_BYTES_MAX);
	struct rand_gen rand = rand_new(rand_os());
	struct runlog log;
	struct state *state;
	bool adopted = false;
	TRY(app_state(b->app, &state, err));
	run_args_write(b, from, &args);
	TRY(buf_ok(&args, "the run's arguments", err));
	runlog_init(&log, state, &rand);
	TRY(run_once(b, &log, buf_slice(&args), from, true, &rand, &adopted, out, err));
	bool observed = false;
	if (b->extracted && stage_find(from) == STAGE_extract) {
		struct source *source;
		TRY(app_source(b->app, &source, err));
		observed = source_is_live(source);
	}
	bool whole = b->last == STAGE_publish;
	if (adopted && out->state == RUN_DONE && !observed && whole) /* that was yesterday's work; today's may be new */
		TRY(run_once(b, &log, buf_slice(&args), from, false, &rand, &adopted, out, err));
	return RC_OK;
}

int run_conclude(struct build *b, const struct run_outcome *outcome, bool strict, struct err *err)
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
	if (!app_quiet(b->app))
		(void) printf("\nThe charts: sargam chart\nSQL:        sargam query 'SELECT * FROM " WAREHOUSE_SCHEMA
	              ".TRACK_INFO ORDER BY artist_name'\n");
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	struct letters letters;
	struct store *store;
	enum rc rc = app_store(b->app, &store, err);
	if (rc == RC_OK)
		rc = quarantine_list(store, &arena, &letters, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (letters.count == 0)
		return EXIT_DONE;
	if (!app_quiet(b->app))
		(void) printf("Not usable: %zu things are kept with their reason: sargam dead list\n", letters.count);
	return strict ? EXIT_DEAD_LETTERS : EXIT_DONE;
}
