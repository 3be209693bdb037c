/* dag backfill: the days of a history, one run each.
 *
 * What is missing follows from names alone: the snapshots the source tells of a day, less those that are complete in the store.
 * A day that misses some is extracted and ingested in a run of its own; bronze to publish follow once, at the end: they build
 * whole months and tables, so a build a day would make the same files thirty times over (docs/decisions).  Days that miss
 * nothing are not touched, so a backfill that was cut off goes on where it stopped. */
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/dag.h"
#include "cmd/grid.h"
#include "cmd/run.h"
#include "raw/snapshot.h"

#define DAYS_MAX 36525 /* a hundred years */
#define DAY_LAST 2932896 /* 9999-12-31, which an offset may pass */
#define ARENA_BYTES ((size_t) 1 << 30)

struct day {
	size_t told, before, after; /* snapshots: the source's; complete in the store, first and at the end */
	struct run_id run;          /* "" when there was nothing to do */
};
struct backfill {
	struct build build;
	struct arena arena;
	int64_t since_day, until_day;
	struct day *day; /* since_day first */
	size_t day_count;
	struct source_ids playlists; /* those the source can tell of */
	bool has_told;               /* anything, on whatever day; first and last of it: */
	int64_t first_day, last_day;
};

static void close_backfill(struct backfill *f)
{
	build_close(&f->build);
	arena_done(&f->arena);
	mem_free(f->day);
}

/* ---- what is asked for ---- */

static enum rc check_words(const struct args *args, struct backfill *out, struct err *err)
{
	const char *since = args_value(args, "since"), *until = args_value(args, "until");
	if (!since || !until)
		return err_set(err, RC_FATAL, "dag backfill: want both --since DATE and --until DATE, as YYYY-MM-DD");
	TRY(build_check_args(args, err));
	if (!time_parse_date(slice_of(since), &out->since_day) || !time_parse_date(slice_of(until), &out->until_day))
		return err_set(err, RC_FATAL, "dag backfill: want dates as YYYY-MM-DD");
	if (out->until_day - out->since_day >= DAYS_MAX)
		return err_set(err, RC_FATAL, "--since %s to --until %s are more than %d days: take a shorter range", since, until, DAYS_MAX);
	return RC_OK;
}

static enum rc refuse_live(struct err *err)
{
	return err_set(err, RC_FATAL, "dag backfill: Spotify tells only what a playlist is now, no history: want --source dir:PATH, "
	               "archive:PATH, csv:PATH or sample");
}

static enum rc open_backfill(struct app *app, const struct args *args, struct backfill *f, struct err *err)
{
	struct state *state;
	f->arena = arena_new(ARENA_BYTES);
	f->day_count = (size_t) (f->until_day - f->since_day + 1);
	f->day = mem_alloc_array(f->day_count, sizeof *f->day);
	TRY(app_state(app, &state, err));
	return build_open(app, args, "", &f->build, err);
}

/* ---- what is there ---- */

static int64_t day_of(const struct backfill *f, int64_t unix_s)
{
	return time_day_number(unix_s, f->build.options.chart_offset_s);
}

/* The snapshots of a playlist, by day: at first, and again at the end. */
static enum rc count(struct backfill *f, struct source *source, struct store *store, struct slice playlist_id, bool at_end,
                     struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(ARENA_BYTES);
	struct source_times times;
	struct raw_snapshots there;
	TRY(source_snapshots(source, playlist_id, &scratch, &times, err));
	TRY(raw_snapshots(store, playlist_id, &scratch, &there, err));
	for (size_t i = 0; i < times.count; i++) {
		int64_t number = day_of(f, times.unix_s[i]);
		number = number < DAY_LAST ? number : DAY_LAST;
		f->first_day = !f->has_told || number < f->first_day ? number : f->first_day;
		f->last_day = !f->has_told || number > f->last_day ? number : f->last_day;
		f->has_told = true;
		if (number < f->since_day || number > f->until_day)
			continue;
		struct day *day = &f->day[number - f->since_day];
		const struct raw_snapshot *found = raw_snapshots_find(&there, playlist_id, times.unix_s[i]);
		size_t *complete = at_end ? &day->after : &day->before;
		day->told += !at_end;
		*complete += found && found->complete;
	}
	return RC_OK;
}

/* A playlist the source does not have is told once, here, and not again by each day. */
static enum rc list_days(struct backfill *f, struct source *source, struct store *store, struct err *err)
{
	struct pipeline_options *o = &f->build.options;
	struct source_ids ids = { (struct slice *) (uintptr_t) o->playlist, o->playlist_count };
	struct err first = { 0 };
	enum rc first_rc = RC_OK;
	if (o->playlist_count == 0)
		TRY_WRAP(source_playlists(source, &f->arena, &ids, err), err, "source %s", source_scheme(source));
	f->playlists.id = arena_alloc_array(&f->arena, ids.count + 1, sizeof *f->playlists.id);
	for (size_t i = 0; i < ids.count; i++) {
		struct err why = { 0 };
		enum rc rc = count(f, source, store, ids.id[i], false, &why);
		if (rc == RC_RETRY || rc == RC_FATAL)
			return err_set(err, rc, "%s", why.msg);
		if (rc == RC_OK) {
			f->playlists.id[f->playlists.count++] = ids.id[i];
			continue;
		}
		if (ids.count > 1) /* of a single one it is the error */
			log_warn("backfill", "%s", why.msg);
		if (first_rc == RC_OK) {
			first_rc = rc;
			first = why;
		}
	}
	if (first_rc != RC_OK && f->playlists.count == 0)
		return err_set(err, first_rc, "%s", first.msg);
	if (o->playlist_count) {
		o->playlist = f->playlists.id;
		o->playlist_count = f->playlists.count;
	}
	return RC_OK;
}

/* ---- the runs ---- */

/* A day that died half way is adopted by its arguments; the days are those of one source, so none is run twice. */
static enum rc run_day(struct backfill *f, size_t i, struct run_outcome *out, struct err *err)
{
	struct build *b = &f->build;
	b->options.has_since = b->options.has_until = true;
	b->options.since_day = b->options.until_day = f->since_day + (int64_t) i;
	b->last = STAGE_ingest;
	b->silent = true;
	TRY(run_whole(b, stage_info[STAGE_extract].name, out, err));
	(void) snprintf(f->day[i].run.s, sizeof f->day[i].run.s, "%.*s", (int) sizeof f->day[i].run.s - 1, b->run_id);
	return RC_OK;
}

static enum rc run_days(struct backfill *f, struct run_outcome *out, struct err *err)
{
	size_t todo = 0, done = 0;
	for (size_t i = 0; i < f->day_count; i++)
		todo += f->day[i].before < f->day[i].told;
	*out = (struct run_outcome){ .state = RUN_DONE };
	for (size_t i = 0; i < f->day_count && out->state == RUN_DONE; i++) {
		if (f->day[i].before == f->day[i].told)
			continue;
		log_info("backfill", "%s: day %zu of %zu", time_date(f->since_day + (int64_t) i).s, ++done, todo);
		TRY(run_day(f, i, out, err));
	}
	return RC_OK;
}

static enum rc build_charts(struct backfill *f, struct run_outcome *out, struct err *err)
{
	struct build *b = &f->build;
	b->options.since_day = f->since_day;
	b->options.until_day = f->until_day;
	b->last = STAGE_publish;
	b->silent = false;
	return run_whole(b, stage_info[STAGE_bronze].name, out, err);
}

/* ---- what changed ---- */

static enum rc print_days(const struct backfill *f, bool is_done, struct err *err)
{
	static const struct grid_column columns[] = {
		{ .name = { "DAY", 3 } },
		{ .name = { "SNAPSHOTS", 9 }, .right = true },
		{ .name = { "NEW", 3 }, .right = true },
		{ .name = { "MISSING", 7 }, .right = true },
		{ .name = { "RUN", 3 } },
	};
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct terminal terminal = terminal_open();
	CLEANUP(grid_freep) struct grid *grid = grid_new(&terminal, columns, COUNT_OF(columns));
	size_t changed = 0, there = 0, empty = 0, missing = 0;
	for (size_t i = 0; i < f->day_count; i++) {
		const struct day *d = &f->day[i];
		size_t fresh = d->after > d->before ? d->after - d->before : 0, lacks = d->told > d->after ? d->told - d->after : 0;
		changed += fresh > 0;
		missing += lacks;
		empty += d->told == 0;
		there += d->told > 0 && d->before == d->told;
		if (fresh == 0 && lacks == 0)
			continue;
		const struct grid_cell cell[] = {
			{ .text = arena_printf(&arena, "%s", time_date(f->since_day + (int64_t) i).s) },
			{ .text = arena_printf(&arena, "%zu", d->told) },
			{ .text = arena_printf(&arena, "%zu", fresh) },
			{ .text = arena_printf(&arena, "%zu", lacks), .ink = lacks ? INK_BAD : INK_PLAIN },
			{ .text = slice_of(d->run.s) },
		};
		TRY(grid_row(grid, cell, err));
	}
	if (changed || missing)
		TRY(grid_end(grid, NULL, err));
	(void) printf("%s%zu days: %zu changed, %zu were there already, %zu without a snapshot in the source\n",
	              changed || missing ? "\n" : "", f->day_count, changed, there, empty);
	if (missing)
		(void) printf("%zu snapshots are still missing: %s\n", missing,
		              is_done ? "`sargam dead list` tells which cannot be read" : "the same command goes on with them");
	return RC_OK;
}

static enum rc tell(struct backfill *f, struct source *source, struct store *store, bool is_done, struct err *err)
{
	for (size_t i = 0; i < f->playlists.count; i++)
		TRY(count(f, source, store, f->playlists.id[i], true, err));
	return print_days(f, is_done, err);
}

static int conclude(struct backfill *f, const struct run_outcome *outcome, bool strict, struct err *err)
{
	if (outcome->state != RUN_RUNNING)
		return run_conclude(&f->build, outcome, strict, err);
	(void) err_set(err, RC_RETRY, "stopped; the same `sargam dag backfill` goes on with run %s", f->build.run_id);
	return EXIT_FAILED;
}

static enum rc nothing_told(const struct backfill *f, struct source *source, struct err *err)
{
	if (!f->has_told)
		return err_set(err, RC_NOT_FOUND, "dag backfill: source %s tells no snapshot of these playlists", source_scheme(source));
	return err_set(err, RC_NOT_FOUND, "dag backfill: no snapshot from %s to %s: source %s tells %s to %s",
	               time_date(f->since_day).s, time_date(f->until_day).s, source_scheme(source), time_date(f->first_day).s,
	               time_date(f->last_day).s);
}

static enum rc carry_out(struct backfill *f, struct source *source, struct run_outcome *outcome, struct err *err)
{
	struct store *store;
	size_t told = 0;
	TRY(app_store(f->build.app, &store, err));
	TRY(list_days(f, source, store, err));
	for (size_t i = 0; i < f->day_count; i++)
		told += f->day[i].told;
	if (told == 0)
		return nothing_told(f, source, err);
	TRY(run_days(f, outcome, err));
	if (outcome->state == RUN_DONE)
		TRY(build_charts(f, outcome, err));
	return tell(f, source, store, outcome->state == RUN_DONE, err);
}

int dag_backfill(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(close_backfill) struct backfill f = { 0 };
	struct run_outcome outcome = { 0 };
	struct source *source;
	if (check_words(args, &f, err) != RC_OK)
		return EXIT_USAGE;
	if (strcmp(app_config(app)->source, "spotify") == 0) { /* before anybody is asked to log in for it */
		(void) refuse_live(err);
		return EXIT_USAGE;
	}
	enum rc rc = app_check_source(app, err);
	if (rc != RC_OK)
		return exit_of_source(rc);
	rc = open_backfill(app, args, &f, err);
	if (rc != RC_OK)
		return exit_of(rc);
	rc = app_source(app, &source, err);
	if (rc != RC_OK)
		return exit_of_source(rc);
	assert(!source_is_live(source));
	rc = carry_out(&f, source, &outcome, err);
	return rc == RC_OK ? conclude(&f, &outcome, args_flag(args, "strict"), err) : exit_of(rc);
}
