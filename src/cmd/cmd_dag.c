/* dag: what the pipeline's stages are, what became of each run, another try of a failed one, the schedule, a history told later. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/dag.h"
#include "cmd/grid.h"
#include "cmd/run.h"

#define ARENA_BYTES ((size_t) 64 << 20)
#define RUNS_LIMIT 20

void dag_print_json(const struct json *root)
{
	CLEANUP(buf_done) struct buf text = buf_new(ARENA_BYTES);
	json_write(root, JSON_INDENTED, &text);
	(void) printf("%s\n", buf_str(&text));
}

static struct json *json_text(struct slice s)
{
	return s.len ? json_new_string(s) : json_new_null();
}

static struct json *json_time(int64_t ms)
{
	return ms ? json_new_string(slice_of(time_rfc3339(ms / 1000).s)) : json_new_null();
}

/* DONE is good, what ended otherwise bad, what is on its way news. */
static enum ink ink_of(const char *state)
{
	static const struct {
		const char *state;
		enum ink ink;
	} inks[] = {
		{ "DONE", INK_GOOD },       { "FAILED", INK_BAD },   { "DEAD", INK_BAD },     { "UNFINISHED", INK_BAD },
		{ "RUNNING", INK_NEWS },    { "WAITING", INK_NEWS }, { "DEFERRED", INK_NEWS },
	};
	for (size_t i = 0; i < COUNT_OF(inks); i++)
		if (strcmp(state, inks[i].state) == 0)
			return inks[i].ink;
	return INK_DIM;
}

/* ---- list ---- */

static enum rc list(bool as_json, const struct terminal *terminal, struct err *err)
{
	static const struct grid_column columns[] = {
		{ .name = { "TASK", 4 } },
		{ .name = { "NEEDS", 5 } },
		{ .name = { "WHAT IT DOES", 12 }, .cut = 20 },
	};
	CLEANUP(grid_freep) struct grid *grid = grid_new(terminal, columns, COUNT_OF(columns));
	CLEANUP(json_freep) struct json *root = json_new_array();
	for (size_t i = 0; i < STAGE_COUNT; i++) {
		const struct stage_info *s = &stage_info[i];
		struct json *o = json_new_object();
		json_set(o, "task", json_new_string(slice_of(s->name)));
		struct json *needs = json_new_array();
		if (s->needs)
			json_append(needs, json_new_string(slice_of(s->needs)));
		json_set(o, "needs", needs);
		json_set(o, "what", json_new_string(slice_of(s->what)));
		json_append(root, o);
		const struct grid_cell cell[] = {
			{ .text = slice_of(s->name) },
			{ .text = slice_of(s->needs ? s->needs : "") },
			{ .text = slice_of(s->what) },
		};
		TRY(grid_row(grid, cell, err));
	}
	if (!as_json)
		return grid_end(grid, NULL, err);
	dag_print_json(root);
	return RC_OK;
}

/* ---- runs ---- */

/* RUNNING under a dead process is a state of its own for people: nobody works on it. */
static const char *state_of(struct runlog *log, const struct run *run)
{
	return runlog_is_unfinished(log, run) ? "UNFINISHED" : run_state_name(run->state);
}

static struct slice error_of(struct runlog *log, const struct run *run)
{
	return runlog_is_unfinished(log, run) ? SLICE("its process ended; the same command goes on with it") : run->error;
}

static double seconds_of(struct runlog *log, const struct run *run)
{
	int64_t end_ms = run->ended_ms ? run->ended_ms : clock_now_ms(log->clock);
	return end_ms > run->started_ms ? (double) (end_ms - run->started_ms) / 1000 : 0;
}

static struct json *json_run(struct runlog *log, const struct run *run)
{
	struct json *o = json_new_object(), *args = NULL;
	json_set(o, "id", json_new_string(run->id));
	json_set(o, "state", json_new_string(slice_of(state_of(log, run))));
	json_set(o, "source", json_new_string(run->source));
	json_set(o, "started_at", json_time(run->started_ms));
	json_set(o, "ended_at", json_time(run->ended_ms));
	json_set(o, "seconds", json_new_real(seconds_of(log, run)));
	json_set(o, "error", json_text(error_of(log, run)));
	json_set(o, "args", json_parse(run->args, &args, NULL) == RC_OK ? args : json_new_null());
	return o;
}

static enum rc runs(struct runlog *log, int64_t limit, bool as_json, const struct terminal *terminal, struct err *err)
{
	static const struct grid_column columns[] = {
		{ .name = { "RUN", 3 } },
		{ .name = { "STATE", 5 } },
		{ .name = { "SOURCE", 6 }, .cut = 10 },
		{ .name = { "STARTED", 7 } },
		{ .name = { "SECONDS", 7 }, .right = true },
		{ .name = { "ERROR", 5 }, .cut = 20 },
	};
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(grid_freep) struct grid *grid = grid_new(terminal, columns, COUNT_OF(columns));
	CLEANUP(json_freep) struct json *root = json_new_array();
	struct runs found;
	TRY(runlog_list(log, limit, &arena, &found, err));
	for (size_t i = 0; i < found.count; i++) {
		const struct run *run = &found.run[i];
		json_append(root, json_run(log, run));
		const struct grid_cell cell[] = {
			{ .text = run->id },
			{ .text = slice_of(state_of(log, run)), .ink = ink_of(state_of(log, run)) },
			{ .text = run->source },
			{ .text = arena_copy(&arena, slice_of(time_rfc3339(run->started_ms / 1000).s)) },
			{ .text = arena_printf(&arena, "%.1f", seconds_of(log, run)) },
			{ .text = error_of(log, run) },
		};
		TRY(grid_row(grid, cell, err));
	}
	if (!as_json && found.count)
		return grid_end(grid, NULL, err);
	if (as_json)
		dag_print_json(root);
	else
		log_note("no run yet: `sargam run` makes one");
	return RC_OK;
}

/* ---- show ---- */

static struct json *json_task(const struct task *t)
{
	struct json *o = json_new_object();
	json_set(o, "task", json_new_string(slice_of(t->spec->name)));
	json_set(o, "state", json_new_string(slice_of(task_state_name(t->state))));
	json_set(o, "attempts", json_new_integer(t->attempt));
	json_set(o, "started_at", json_time(t->started_ms));
	json_set(o, "ended_at", json_time(t->ended_ms));
	json_set(o, "seconds", json_new_real((double) t->elapsed_ms / 1000));
	json_set(o, "not_before", t->state == TASK_WAITING ? json_time(t->not_before_ms) : json_new_null());
	json_set(o, "rows", json_new_integer(t->rows));
	json_set(o, "bytes", json_new_integer(t->bytes));
	json_set(o, "summary", json_text(slice_of(t->summary)));
	json_set(o, "error", json_text(slice_of(t->error)));
	return o;
}

static enum rc add_task(struct grid *grid, const struct task *t, struct arena *arena, struct err *err)
{
	struct slice result = slice_of(t->error[0] ? t->error : t->summary);
	if (t->state == TASK_WAITING && t->error[0])
		result = arena_printf(arena, "%s (not before %s)", t->error, time_rfc3339(t->not_before_ms / 1000).s);
	const struct grid_cell cell[] = {
		{ .text = slice_of(t->spec->name) },
		{ .text = slice_of(task_state_name(t->state)), .ink = ink_of(task_state_name(t->state)) },
		{ .text = arena_printf(arena, "%d", t->attempt) },
		{ .text = t->started_ms ? arena_printf(arena, "%s", time_rfc3339(t->started_ms / 1000).s) : SLICE("") },
		{ .text = t->started_ms ? arena_printf(arena, "%.1f", (double) t->elapsed_ms / 1000) : SLICE("") },
		{ .text = t->started_ms ? arena_printf(arena, "%lld", (long long) t->rows) : SLICE("") },
		{ .text = t->bytes ? arena_printf(arena, "%.1f", (double) t->bytes / 1e6) : SLICE("") },
		{ .text = result },
	};
	return grid_row(grid, cell, err);
}

static enum rc show(struct runlog *log, const char *id, bool as_json, const struct terminal *terminal, struct err *err)
{
	static const struct grid_column columns[] = {
		{ .name = { "TASK", 4 } },
		{ .name = { "STATE", 5 } },
		{ .name = { "ATTEMPTS", 8 }, .right = true },
		{ .name = { "STARTED", 7 } },
		{ .name = { "SECONDS", 7 }, .right = true },
		{ .name = { "ROWS", 4 }, .right = true },
		{ .name = { "MB", 2 }, .right = true },
		{ .name = { "RESULT OR ERROR", 15 } },
	};
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(grid_freep) struct grid *grid = grid_new(terminal, columns, COUNT_OF(columns));
	struct run run;
	struct task *task;
	size_t count;
	TRY(runlog_find(log, slice_of(id), &arena, &run, err));
	TRY(runlog_tasks(log, run.id, &arena, &task, &count, err));
	CLEANUP(json_freep) struct json *root = json_run(log, &run);
	struct json *tasks = json_new_array();
	for (size_t i = 0; i < count; i++) {
		json_append(tasks, json_task(&task[i]));
		TRY(add_task(grid, &task[i], &arena, err));
	}
	json_set(root, "tasks", tasks);
	if (as_json) {
		dag_print_json(root);
		return RC_OK;
	}
	struct slice error = error_of(log, &run);
	(void) printf("run      %.*s  %s\nsource   %.*s\nasked    %.*s\nstarted  %s, %.1f s\n", SLICE_FMT(run.id),
	              state_of(log, &run), SLICE_FMT(run.source), SLICE_FMT(run.args),
	              time_rfc3339(run.started_ms / 1000).s, seconds_of(log, &run));
	if (error.len)
		(void) printf("error    %.*s\n", SLICE_FMT(error));
	(void) printf("\n");
	return grid_end(grid, NULL, err);
}

/* ---- retry ---- */

static enum rc retry(struct app *app, struct runlog *log, const char *id, struct build *b, struct run_outcome *outcome,
                     struct err *err)
{
	static const struct args no_options;
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(mem_freep) struct plan *plan = mem_alloc(sizeof *plan);
	struct run run;
	struct run_id run_id;
	struct source *source;
	const char *from;
	TRY(runlog_find(log, slice_of(id), &arena, &run, err));
	TRY(build_open(app, &no_options, "", b, err));
	TRY(run_args_read(run.args, b, &from, err));
	TRY(plan_init(plan, pipeline_specs(), b->last + 1, from, err));
	if (stage_find(from) == STAGE_extract)
		TRY(app_source(app, &source, err));
	TRY(runlog_retry(log, run.id, plan, err));
	(void) snprintf(run_id.s, sizeof run_id.s, "%.*s", SLICE_FMT(run.id));
	return run_carry_out(b, log, plan, &run_id, log->rand, outcome, err);
}

/* ---- the command ---- */

static enum rc read_options(const struct args *args, int64_t *out_limit, bool *out_json, struct err *err)
{
	const char *limit = args_value(args, "limit"), *format = args_value(args, "format");
	if (limit && (!slice_to_int(slice_of(limit), out_limit) || *out_limit < 1 || *out_limit > RUNLOG_RUNS_KEPT))
		return err_set(err, RC_FATAL, "--limit '%s': want a number of runs from 1 to %d", limit, RUNLOG_RUNS_KEPT);
	if (format && strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return err_set(err, RC_FATAL, "--format '%s': want table or json", format);
	*out_json = format && strcmp(format, "json") == 0;
	return RC_OK;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *verb = args->word[0], *id = args->word_count > 1 ? args->word[1] : NULL;
	bool as_json = false, is_list = strcmp(verb, "list") == 0, is_runs = strcmp(verb, "runs") == 0;
	bool is_show = strcmp(verb, "show") == 0, is_retry = strcmp(verb, "retry") == 0;
	bool is_schedule = strcmp(verb, "schedule") == 0, is_backfill = strcmp(verb, "backfill") == 0;
	int64_t limit = RUNS_LIMIT;
	if (read_options(args, &limit, &as_json, err) != RC_OK)
		return EXIT_USAGE;
	bool known = is_list || is_runs || is_show || is_retry || is_schedule || is_backfill;
	if (!known || (id && !is_show && !is_retry)) {
		(void) err_set(err, RC_FATAL, "dag %s%s%s: want list, runs, show [RUN], retry [RUN], schedule or backfill", verb,
		               id ? " " : "", id ? id : "");
		return EXIT_USAGE;
	}
	if (is_backfill)
		return dag_backfill(app, args, err);
	/* A run goes on when the reader of its output leaves; a listing ends, as every filter does. */
	struct terminal terminal = { 0 };
	if (!is_retry)
		terminal = terminal_open();
	if (is_list)
		return exit_of(list(as_json, &terminal, err));
	if (is_schedule)
		return exit_of(dag_schedule(app, as_json, &terminal, err));

	CLEANUP(build_close) struct build b = { 0 };
	struct rand_gen rand = rand_new(rand_os());
	struct run_outcome outcome = { 0 };
	struct runlog log;
	struct state *state;
	enum rc rc = app_need_home(app, err);
	if (rc == RC_OK)
		rc = app_state(app, &state, err);
	if (rc != RC_OK)
		return exit_of(rc);
	runlog_init(&log, state, &rand);
	if (is_runs)
		return exit_of(runs(&log, limit, as_json, &terminal, err));
	if (is_show)
		return exit_of(show(&log, id ? id : "last", as_json, &terminal, err));
	rc = retry(app, &log, id ? id : "last", &b, &outcome, err);
	return rc == RC_OK ? run_conclude(&b, &outcome, false, err) : exit_of(rc);
}

static const struct option_spec options[] = {
	BUILD_OPTIONS,
	{ "strict", NULL, "backfill: exit with 4 when there are dead letters" },
	{ "limit", "N", "runs: at most so many, the newest first (default 20)" },
	{ "format", "table|json", "list, runs, show, schedule: how the result looks (default table)" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_dag;
const struct command cmd_dag = {
	.name = "dag",
	.summary = "the stages, what became of each run, another try of a failed one, the schedule",
	.words = "list | runs | show [RUN] | retry [RUN] | schedule | backfill",
	.words_min = 1,
	.words_max = 2,
	.details = "list      the stages and what they need\n"
	           "runs      the last runs\n"
	           "show      one run stage by stage (default: the last)\n"
	           "retry     run again what a failed or deferred run did not get done; what it did stays done (default: the last run)\n"
	           "schedule  when `sargam serve` runs next, and what became of the last time\n"
	           "backfill  the days --since to --until of a source that tells a history (not spotify), one run a day, then one\n"
	           "          build of the charts; days that are there already cost nothing, and one that was cut off goes on where it stopped",
	.option = options,
	.run = run,
};
