/* dag schedule: when `sargam serve` runs the pipeline, and what became of the last time. */
#include "cmd/dag.h"

#include "base/time.h"
#include "cmd/app.h"
#include "cmd/grid.h"
#include "cmd/schedule_jobs.h"
#include "io/file.h"

#define DUES_SHOWN 5
#define ARENA_BYTES ((size_t) 1 << 20)
#define PATH_BYTES 4200

struct view {
	const struct config *config;
	const struct schedule_job *job;
	struct schedule_status status;
	bool overdue; /* status.next_due_s has passed: nobody serves */
	int64_t due_s[DUES_SHOWN];
	size_t due_count;
};

/* A home without a state.db has no schedule yet.  Looking needs no right to write, unless an older sargam made the home. */
static enum rc look(struct app *app, const struct schedule_job *job, struct arena *arena, struct schedule_status *out,
                    struct err *err)
{
	char path[PATH_BYTES];
	CLEANUP(state_closep) struct state *reader = NULL;
	CLEANUP(schedule_closep) struct schedule *schedule = NULL;
	(void) snprintf(path, sizeof path, "%s/state.db", app_home(app));
	*out = (struct schedule_status){ .next_due_s = schedule_due_after(job, clock_now_ms(app_clock(app)) / 1000) };
	enum rc rc = state_open_reader(path, app_clock(app), &reader, err);
	struct state *state = reader;
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_RETRY)
		rc = app_state(app, &state, err);
	if (rc != RC_OK)
		return rc;
	schedule = schedule_open(&(struct schedule_options){ .state = state, .clock = app_clock(app) });
	return schedule_look(schedule, job, arena, out, err);
}

static void list_dues(struct view *v, int64_t now_s)
{
	int64_t due_s = v->status.next_due_s;
	v->overdue = schedule_start_of(v->job, due_s) <= now_s;
	if (v->overdue)
		due_s = schedule_due_after(v->job, now_s);
	for (; v->due_count < DUES_SHOWN && due_s != INT64_MAX; due_s = schedule_due_after(v->job, due_s))
		v->due_s[v->due_count++] = due_s;
}

static const char *outcome_of(const struct view *v)
{
	return v->status.started ? schedule_outcome_name(v->status.outcome) : "never started";
}

static struct json *json_time(int64_t unix_s, bool is_known)
{
	return is_known ? json_new_string(slice_of(time_rfc3339(unix_s).s)) : json_new_null();
}

static struct json *json_last(const struct view *v)
{
	const struct schedule_status *st = &v->status;
	if (!st->started)
		return json_new_null();
	struct json *o = json_new_object();
	json_set(o, "outcome", json_new_string(slice_of(outcome_of(v))));
	json_set(o, "due", json_time(st->due_s, true));
	json_set(o, "started_at", json_time(st->started_ms / 1000, true));
	json_set(o, "ended_at", json_time(st->ended_ms / 1000, st->ended_ms != 0));
	json_set(o, "error", st->error.ptr ? json_new_string(st->error) : json_new_null());
	return o;
}

static void print_as_json(const struct view *v)
{
	CLEANUP(json_freep) struct json *root = json_new_array();
	struct json *o = json_new_object(), *next = json_new_array();
	json_set(o, "job", json_new_string(slice_of(v->job->name)));
	json_set(o, "schedule", json_new_string(slice_of(v->config->schedule)));
	json_set(o, "time_zone", json_new_string(slice_of(zone_name(v->job->zone))));
	json_set(o, "when_missed", json_new_string(slice_of(v->config->schedule_missed)));
	json_set(o, "jitter_s", json_new_integer(v->job->jitter_s));
	json_set(o, "missed", json_new_integer(v->status.missed));
	json_set(o, "overdue_since", json_time(v->status.next_due_s, v->overdue));
	json_set(o, "last", json_last(v));
	for (size_t i = 0; i < v->due_count; i++) {
		struct json *due = json_new_object();
		json_set(due, "local", json_new_string(slice_of(zone_show(v->job->zone, v->due_s[i]).s)));
		json_set(due, "due", json_time(v->due_s[i], true));
		json_set(due, "start", json_time(schedule_start_of(v->job, v->due_s[i]), true));
		json_append(next, due);
	}
	json_set(o, "next", next);
	json_append(root, o);
	dag_print_json(root);
}

static void print_last(const struct view *v)
{
	const struct schedule_status *st = &v->status;
	(void) printf("last      %s", outcome_of(v));
	if (st->started)
		(void) printf(", due %s, started %s", zone_show(v->job->zone, st->due_s).s, time_rfc3339(st->started_ms / 1000).s);
	if (st->started && st->ended_ms >= st->started_ms)
		(void) printf(", %.1f s", (double) (st->ended_ms - st->started_ms) / 1000);
	(void) printf("\n");
	if (st->error.ptr)
		(void) printf("error     %.*s\n", SLICE_FMT(st->error));
}

static enum rc print_as_table(const struct view *v, const struct terminal *terminal, struct arena *arena, struct err *err)
{
	static const struct grid_column columns[] = { { .name = { "DUE", 3 } }, { .name = { "UTC", 3 } }, { .name = { "STARTS", 6 } } };
	CLEANUP(grid_freep) struct grid *grid = grid_new(terminal, columns, COUNT_OF(columns));
	bool skip = v->job->missed == SCHEDULE_SKIP;
	(void) printf("job       %s (the whole pipeline, for the watch list)\nschedule  %s in %s\n", v->job->name, v->config->schedule,
	              zone_name(v->job->zone));
	(void) printf("missed    %lld; %s\n", (long long) v->status.missed,
	              skip ? "a missed time is skipped" : "missed times are caught up on by one run");
	print_last(v);
	if (v->overdue)
		(void) printf("overdue   since %s: `sargam serve` %s\n", zone_show(v->job->zone, v->status.next_due_s).s,
		              skip ? "passes over it" : "makes up for it with one run");
	(void) printf("\n");
	for (size_t i = 0; i < v->due_count; i++) {
		const struct grid_cell cell[] = {
			{ .text = arena_printf(arena, "%s", zone_show(v->job->zone, v->due_s[i]).s) },
			{ .text = arena_printf(arena, "%s", time_rfc3339(v->due_s[i]).s) },
			{ .text = arena_printf(arena, "%s", time_rfc3339(schedule_start_of(v->job, v->due_s[i])).s) },
		};
		TRY(grid_row(grid, cell, err));
	}
	return grid_end(grid, NULL, err);
}

static enum rc show(struct app *app, const struct schedule_jobs *jobs, bool as_json, const struct terminal *terminal,
                    struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	if (jobs->count == 0) {
		(void) printf("%s\n", as_json ? "[]" : "no schedule: the setting schedule is empty");
		return RC_OK;
	}
	struct view v = { .config = app_config(app), .job = &jobs->job[0] };
	TRY(look(app, v.job, &arena, &v.status, err));
	list_dues(&v, clock_now_ms(app_clock(app)) / 1000);
	if (!as_json)
		return print_as_table(&v, terminal, &arena, err);
	print_as_json(&v);
	return RC_OK;
}

enum rc dag_schedule(struct app *app, bool as_json, const struct terminal *terminal, struct err *err)
{
	struct schedule_jobs jobs;
	TRY(schedule_jobs_open(app_config(app), &jobs, err));
	enum rc rc = show(app, &jobs, as_json, terminal, err);
	schedule_jobs_close(&jobs);
	return rc;
}
