/* drift: watched fields that came and went, since when, and what depends on them. */
#include "base/log.h"
#include "base/time.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/drift_look.h"
#include "cmd/grid.h"
#include "cmd/output.h"

#include <stdlib.h>

#define EVENTS_MAX ((size_t) 1 << 20) /* --all lists no more */
#define EVENTS_BYTES ((size_t) 1 << 30)
/* On a narrow terminal: with these a line fits into 80 columns. */
#define FIELD_COLUMNS_MIN 20
#define REST_COLUMNS_MIN 12

struct report {
	struct app *app;
	const struct terminal *terminal;
	struct output *output; /* csv and json; else */
	struct grid *grid;
	struct arena arena; /* one row */
};

static void report_done(struct report *r)
{
	output_free(r->output);
	grid_free(r->grid);
	arena_done(&r->arena);
}

static enum rc report_end(struct report *r, struct err *err)
{
	size_t hidden = 0;
	int64_t rows;
	if (r->output)
		return output_end(r->output, &rows, &hidden, err);
	TRY(grid_end(r->grid, &hidden, err));
	(void) fflush(stdout);
	if (hidden && !app_quiet(r->app))
		log_note("%zu more %s not shown: the terminal is too narrow (--format csv has all)", hidden,
		         hidden == 1 ? "column is" : "columns are");
	return RC_OK;
}

static bool fails(const struct report *r, enum watched_field field)
{
	return app_drift_policy(r->app)->fail[field];
}

static struct slice policy_name(const struct report *r, enum watched_field field)
{
	return fails(r, field) ? SLICE("fail") : SLICE("warn");
}

static enum ink ink_of(const struct report *r, enum watched_field field, enum drift_what what)
{
	return !drift_is_bad(what) ? INK_GOOD : fails(r, field) ? INK_BAD : INK_NEWS;
}

/* For machines: one word. */
static struct slice what_word(enum drift_what what)
{
	static const char *const words[DRIFT_WHAT_COUNT] = { "appeared", "vanished", "changed_type", "came_back" };
	return slice_of(words[what]);
}

static struct slice what_text(struct report *r, enum drift_what what, bool as_null)
{
	return arena_printf(&r->arena, "%s%s", drift_what_name(what), as_null ? " (null)" : "");
}

static struct warehouse_cell text(struct slice s)
{
	return (struct warehouse_cell){ !s.ptr, s };
}
static struct warehouse_cell number(struct report *r, int64_t value)
{
	return text(arena_printf(&r->arena, "%lld", (long long) value));
}
static struct warehouse_cell yes(bool value)
{
	return text(value ? SLICE("true") : SLICE("false"));
}

/* --- what is so now ----------------------------------------------------------------------------------------- */

static enum rc begin_now(struct report *r, struct err *err)
{
	const struct grid_column column[] = {
		{ SLICE("field"), false, FIELD_COLUMNS_MIN, 0 },
		{ SLICE("what"), false, 0, 0 },
		{ SLICE("since"), false, 0, 0 },
		{ SLICE("lists"), false, 0, 0 },
		{ SLICE("policy"), false, 0, 0 },
		{ SLICE("depends on"), false, REST_COLUMNS_MIN, 0 },
	};
	const struct slice name[] = {
		SLICE("field"), SLICE("what"), SLICE("drifts"), SLICE("since_date"), SLICE("since"), SLICE("playlists"),
		SLICE("of_playlists"), SLICE("first_playlist"), SLICE("policy"), SLICE("depends_on"),
	};
	static const enum column_type type[COUNT_OF(name)] = {
		COLUMN_STRING, COLUMN_STRING, COLUMN_BOOLEAN, COLUMN_DATE, COLUMN_TIMESTAMP, COLUMN_BIGINT,
		COLUMN_BIGINT, COLUMN_STRING, COLUMN_STRING, COLUMN_STRING,
	};
	if (!r->output) {
		r->grid = grid_new(r->terminal, column, COUNT_OF(column));
		return RC_OK;
	}
	const struct warehouse_sink sink = output_sink(r->output);
	return sink.columns(sink.ctx, name, type, COUNT_OF(name), err);
}

static enum rc now_row(struct report *r, const struct drift_sum *sum, enum watched_field field, enum drift_what what, struct err *err)
{
	const struct drift_line *l = &sum->line[field][what];
	struct slice path = slice_of(watched_field_path[field]), columns = slice_of(drift_depends[field].columns);
	struct time_text day = time_date(l->since_day), at = time_rfc3339(l->since_at);
	enum ink ink = ink_of(r, field, what);
	bool is_bad = drift_is_bad(what);
	arena_reset(&r->arena);
	if (r->grid) {
		const struct grid_cell cell[] = {
			{ path, INK_STRONG, SLICE_NULL },
			{ what_text(r, what, l->as_null == l->playlists), ink, SLICE_NULL },
			{ slice_of(day.s), INK_PLAIN, SLICE_NULL },
			{ arena_printf(&r->arena, "%lld of %lld", (long long) l->playlists, (long long) sum->playlists), INK_PLAIN, SLICE_NULL },
			{ is_bad ? policy_name(r, field) : SLICE("-"), is_bad ? ink : INK_DIM, SLICE_NULL },
			{ columns, INK_PLAIN, SLICE_NULL },
		};
		return grid_row(r->grid, cell, err);
	}
	const struct warehouse_cell cell[] = {
		text(path), text(what_word(what)), yes(is_bad), text(slice_of(day.s)), text(slice_of(at.s)), number(r, l->playlists),
		number(r, sum->playlists), text(slice_of(l->playlist)), text(policy_name(r, field)), text(columns),
	};
	const struct warehouse_sink sink = output_sink(r->output);
	return sink.row(sink.ctx, cell, COUNT_OF(cell), err);
}

/* First what is worst: fields that fail, then those that drift, then those that are new. */
static enum rc print_now(struct report *r, const struct drift_sum *sum, struct err *err)
{
	bool any = r->output != NULL;
	for (int rank = 0; rank < 3; rank++)
		for (enum watched_field f = 0; f < FIELD_COUNT; f++)
			for (enum drift_what what = 0; what < DRIFT_CAME_BACK; what++) {
				int its_rank = !drift_is_bad(what) ? 2 : fails(r, f) ? 0 : 1;
				if (its_rank != rank || !sum->line[f][what].playlists)
					continue;
				if (!r->grid && !r->output)
					TRY(begin_now(r, err));
				TRY(now_row(r, sum, f, what, err));
				any = true;
			}
	return any ? report_end(r, err) : RC_OK;
}

/* --- all that happened -------------------------------------------------------------------------------------- */

struct history {
	struct arena arena;
	struct drift_event *event;
	size_t count, cap;
	int64_t left_out;
};

static void history_done(struct history *h)
{
	arena_done(&h->arena);
}

static enum rc on_event(void *ctx, const struct drift_event *event, struct err *err UNUSED)
{
	struct history *h = ctx;
	if (h->count == EVENTS_MAX) {
		h->left_out++;
		return RC_OK;
	}
	if (h->count == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 256;
		struct drift_event *grown = arena_alloc_array(&h->arena, h->cap, sizeof *grown);
		if (h->count)
			memcpy(grown, h->event, h->count * sizeof *grown);
		h->event = grown;
	}
	h->event[h->count] = *event;
	h->event[h->count++].playlist_id = arena_copy(&h->arena, event->playlist_id);
	return RC_OK;
}

static int by_time(const void *a, const void *b)
{
	const struct drift_event *x = a, *y = b;
	if (x->change.snapshot_at != y->change.snapshot_at)
		return x->change.snapshot_at < y->change.snapshot_at ? -1 : 1;
	int order = slice_cmp(x->playlist_id, y->playlist_id);
	return order ? order : (int) x->field - (int) y->field;
}

static enum rc begin_all(struct report *r, struct err *err)
{
	const struct grid_column column[] = {
		{ SLICE("since"), false, 0, 0 },
		{ SLICE("field"), false, FIELD_COLUMNS_MIN, 0 },
		{ SLICE("what"), false, 0, 0 },
		{ SLICE("state"), false, 0, 0 },
		{ SLICE("policy"), false, 0, 0 },
		{ SLICE("playlist"), false, REST_COLUMNS_MIN, 0 },
	};
	const struct slice name[] = {
		SLICE("since_date"), SLICE("since"), SLICE("field"), SLICE("what"), SLICE("is_last"), SLICE("drifts"), SLICE("policy"),
		SLICE("playlist_id"), SLICE("depends_on"),
	};
	static const enum column_type type[COUNT_OF(name)] = {
		COLUMN_DATE, COLUMN_TIMESTAMP, COLUMN_STRING, COLUMN_STRING, COLUMN_BOOLEAN, COLUMN_BOOLEAN, COLUMN_STRING,
		COLUMN_STRING, COLUMN_STRING,
	};
	if (!r->output) {
		r->grid = grid_new(r->terminal, column, COUNT_OF(column));
		return RC_OK;
	}
	const struct warehouse_sink sink = output_sink(r->output);
	return sink.columns(sink.ctx, name, type, COUNT_OF(name), err);
}

static enum rc event_row(struct report *r, const struct drift_event *e, struct err *err)
{
	enum drift_what what = e->change.what;
	struct slice path = slice_of(watched_field_path[e->field]);
	struct time_text day = time_date(e->change.day_number), at = time_rfc3339(e->change.snapshot_at);
	bool is_bad = drift_is_bad(what);
	arena_reset(&r->arena);
	if (r->grid) {
		enum ink ink = e->is_last ? ink_of(r, e->field, what) : INK_DIM;
		const struct grid_cell cell[] = {
			{ slice_of(day.s), INK_PLAIN, SLICE_NULL },
			{ path, INK_STRONG, SLICE_NULL },
			{ what_text(r, what, e->change.as_null), ink, SLICE_NULL },
			{ e->is_last ? SLICE("now") : SLICE("over"), ink, SLICE_NULL },
			{ is_bad ? policy_name(r, e->field) : SLICE("-"), INK_DIM, SLICE_NULL },
			{ e->playlist_id, INK_PLAIN, SLICE_NULL },
		};
		return grid_row(r->grid, cell, err);
	}
	const struct warehouse_cell cell[] = {
		text(slice_of(day.s)), text(slice_of(at.s)), text(path), text(what_word(what)), yes(e->is_last), yes(is_bad && e->is_last),
		text(policy_name(r, e->field)), text(e->playlist_id), text(slice_of(drift_depends[e->field].columns)),
	};
	const struct warehouse_sink sink = output_sink(r->output);
	return sink.row(sink.ctx, cell, COUNT_OF(cell), err);
}

static enum rc print_all(struct report *r, struct history *h, struct err *err)
{
	if (h->count == 0 && !r->output)
		return RC_OK;
	if (h->count)
		qsort(h->event, h->count, sizeof *h->event, by_time);
	TRY(begin_all(r, err));
	for (size_t i = 0; i < h->count; i++)
		TRY(event_row(r, &h->event[i], err));
	TRY(report_end(r, err));
	if (h->left_out)
		log_warn("drift", "%lld more events are not listed", (long long) h->left_out);
	return RC_OK;
}

/* --- the command -------------------------------------------------------------------------------------------- */

static void note(struct app *app, const struct drift_sum *sum, bool all)
{
	const struct drift_policy *policy = app_drift_policy(app);
	size_t drifting = drift_count(sum, policy, true) + drift_count(sum, policy, false);
	(void) fflush(stdout);
	if (app_quiet(app))
		return;
	int64_t older = sum->older;
	for (enum watched_field f = 0; f < FIELD_COUNT; f++)
		older += sum->line[f][DRIFT_CAME_BACK].playlists;
	CLEANUP(buf_done) struct buf history = buf_new(256);
	if (older && !all)
		buf_addf(&history, "; `sargam drift --all` lists %lld older event%s, too", (long long) older, older == 1 ? "" : "s");
	buf_adds(&history, "");
	if (drifting)
		log_note("%zu of %d watched fields drift%s%s", drifting, FIELD_COUNT, drifting == 1 ? "s" : "", buf_str(&history));
	else
		log_note("none of %d watched fields drifts in %lld playlist%s%s", FIELD_COUNT, (long long) sum->playlists,
		         sum->playlists == 1 ? "" : "s", buf_str(&history));
}

static enum rc print(struct app *app, enum output_format format, bool all, struct drift_sum *sum, struct err *err)
{
	const struct terminal terminal = terminal_open();
	CLEANUP(history_done) struct history h = { .arena = arena_new(EVENTS_BYTES) };
	CLEANUP(report_done) struct report r = { .app = app, .terminal = &terminal, .arena = arena_new(1 << 20) };
	TRY(app_need_home(app, err));
	TRY(drift_look(app, all ? on_event : NULL, &h, sum, err));
	if (format != OUTPUT_TABLE)
		r.output = output_new(format, &terminal);
	if (r.output && !all)
		TRY(begin_now(&r, err));
	TRY(all ? print_all(&r, &h, err) : print_now(&r, sum, err));
	if (format == OUTPUT_TABLE)
		note(app, sum, all);
	return RC_OK;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *name = args_value(args, "format") ? args_value(args, "format") : "table";
	enum output_format format = strcmp(name, "csv") == 0 ? OUTPUT_CSV : strcmp(name, "json") == 0 ? OUTPUT_JSON : OUTPUT_TABLE;
	struct drift_sum sum;
	if (format == OUTPUT_TABLE && strcmp(name, "table") != 0) {
		(void) err_set(err, RC_FATAL, "drift: --format '%s': known are table, csv and json", name);
		return EXIT_USAGE;
	}
	enum rc rc = print(app, format, args_flag(args, "all"), &sum, err);
	if (rc != RC_OK)
		return exit_of(rc);
	CLEANUP(buf_done) struct buf failed = buf_new(ERR_MSG_BYTES);
	drift_tell(&sum, app_drift_policy(app), true, &failed);
	if (!failed.len)
		return EXIT_DONE;
	(void) err_set(err, RC_REJECT, "%s, and the setting drift_policy says fail: nothing new is published until it is back, or "
	               "has the policy warn", buf_str(&failed));
	return EXIT_FAILED;
}

static const struct option_spec options[] = {
	{ "all", NULL, "every event of every playlist, what is over too, oldest first" },
	{ "format", "NAME", "table, csv and json (default: table)" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_drift;
const struct command cmd_drift = {
	.name = "drift",
	.summary = "watched fields that appeared, vanished or changed their type",
	.words = "",
	.details =
		"Spotify takes fields out of its answers, and puts them in. A field has vanished from a playlist when at least half of\n"
		"its entries had a value and now none has; it has changed its type when half or more of its values cannot be read.\n"
		"`depends on` names the columns that follow from it. The setting drift_policy says what that means: with\n"
		"track.name=fail nothing new is published while track.name drifts; warn (where nothing is said) is one line of `run`.\n"
		"Exit status 1 when a field drifts whose policy is fail.",
	.option = options,
	.run = run,
};
