#include "base/log.h"
#include "base/time.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/playlist_pick.h"
#include "cmd/grid.h"

#include "io/duck.h"

#define SPARK_DAYS 14
#define TOP_OF_MANY 10 /* rows for each playlist when none is named */
#define TOP_MAX 999999
#define TOP_ALL INT64_MAX
#define TRACK_COLUMNS_MAX 72 /* a medley's name is no reason to widen 50 lines */
#define SPOTIFY "https://open.spotify.com/"

/* One row per track with everything its line and the title need, so that one statement (one published version) tells all. */
enum {
	COL_PLAYLIST, COL_PLAYLIST_NAME, COL_DATE, COL_ENTRIES, COL_NEW, COL_RE, COL_EXITS, COL_PREVIOUS, COL_GAP,
	COL_DAYS_TAKEN, COL_WORST, COL_RANK, COL_TRACK, COL_TRACK_NAME, COL_ARTISTS, COL_URL, COL_STATUS, COL_MOVEMENT,
	COL_ON_CHART, COL_PEAK, COL_AT_PEAK, COL_SPARK, /* rank of the oldest of the days, …, of this day */
	COL_COUNT = COL_SPARK + SPARK_DAYS
};

struct chart {
	const struct terminal *terminal;
	struct arena arena; /* one row */
	struct buf playlist; /* whose table is being printed */
	bool any, shows_links, quiet;
	int64_t top, rows, entries;
	struct grid *table;
	struct buf out;
};

static void chart_done(struct chart *c)
{
	grid_free(c->table);
	buf_done(&c->playlist);
	buf_done(&c->out);
	arena_done(&c->arena);
}

static int64_t number(const struct warehouse_cell *cell)
{
	int64_t value;
	return !cell->is_null && slice_to_int(cell->text, &value) ? value : 0;
}

/* --- title -------------------------------------------------------------------------------------------------- */

/* Spotify's ids are 22 letters and digits; those of imported charts lead nowhere. */
static bool is_spotify_id(struct slice id)
{
	for (size_t i = 0; i < id.len; i++)
		if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') && !((id.ptr[i] | 32) >= 'a' && (id.ptr[i] | 32) <= 'z'))
			return false;
	return id.len == 22;
}

static struct slice link_of(struct arena *arena, const char *kind, struct slice id)
{
	return is_spotify_id(id) ? arena_printf(arena, SPOTIFY "%s/%.*s", kind, SLICE_FMT(id)) : SLICE_NULL;
}

static struct slice track_link(struct arena *arena, const struct warehouse_cell *cell)
{
	struct slice url = cell[COL_URL].text;
	if (!cell[COL_URL].is_null && slice_starts(url, SLICE(SPOTIFY)) && terminal_url_ok(url))
		return url;
	return link_of(arena, "track", cell[COL_TRACK].text);
}

static void add_count(struct buf *out, int64_t count, const char *one, const char *many)
{
	if (count > 0)
		buf_addf(out, " · %lld %s", (long long) count, count == 1 ? one : many);
}

static enum rc print_title(struct chart *c, const struct warehouse_cell *cell, struct err *err)
{
	struct buf *out = &c->out;
	struct slice id = cell[COL_PLAYLIST].text, name = cell[COL_PLAYLIST_NAME].text;
	bool named = !cell[COL_PLAYLIST_NAME].is_null && slice_trim(name).len > 0;
	struct slice link = link_of(&c->arena, "playlist", id);
	if (c->any)
		buf_addc(out, '\n');
	terminal_ink(c->terminal, INK_STRONG, out);
	if (link.ptr)
		terminal_link(c->terminal, link, out);
	(void) display_add(named ? name : id, SIZE_MAX, out);
	if (link.ptr)
		terminal_link(c->terminal, SLICE_NULL, out);
	terminal_plain(c->terminal, INK_STRONG, out);
	if (named) {
		buf_adds(out, " (");
		(void) display_add(id, SIZE_MAX, out);
		buf_addc(out, ')');
	}
	buf_addf(out, " · chart of %.*s", SLICE_FMT(cell[COL_DATE].text));
	c->entries = number(&cell[COL_ENTRIES]);
	if (c->top < c->entries)
		buf_addf(out, " · top %lld", (long long) c->top);
	buf_addf(out, "%s%lld %s", c->top < c->entries ? " of " : " · ", (long long) c->entries,
	         c->entries == 1 ? "entry" : "entries");
	add_count(out, number(&cell[COL_NEW]), "new", "new");
	add_count(out, number(&cell[COL_RE]), "re-entry", "re-entries");
	add_count(out, number(&cell[COL_EXITS]), "exit", "exits");
	if (cell[COL_PREVIOUS].is_null)
		buf_adds(out, " · the first chart");
	else if (number(&cell[COL_GAP]) > 0)
		buf_addf(out, " · %lld %s without a chart since %.*s", (long long) number(&cell[COL_GAP]),
		         number(&cell[COL_GAP]) == 1 ? "day" : "days", SLICE_FMT(cell[COL_PREVIOUS].text));
	buf_adds(out, "\n\n");
	return terminal_write(out, err);
}

/* --- one table ---------------------------------------------------------------------------------------------- */

enum { SHOWN_RANK, SHOWN_MOVE, SHOWN_TRACK, SHOWN_STATUS, SHOWN_DAYS, SHOWN_PEAK, SHOWN_SPARK, SHOWN_LINK, SHOWN_COUNT };

static enum rc end_table(struct chart *c, struct err *err)
{
	if (!c->table)
		return RC_OK;
	TRY(grid_end(c->table, NULL, err));
	grid_freep(&c->table);
	return RC_OK;
}

static enum rc begin_table(struct chart *c, const struct warehouse_cell *cell, struct err *err)
{
	static const struct grid_column column[SHOWN_COUNT] = {
		[SHOWN_RANK] = { SLICE("#"), true, 0, 0 },
		[SHOWN_MOVE] = { SLICE("+/-"), false, 0, 0 },
		[SHOWN_TRACK] = { SLICE("track – artists"), false, 16, TRACK_COLUMNS_MAX },
		[SHOWN_STATUS] = { SLICE("status"), false, 0, 0 },
		[SHOWN_DAYS] = { SLICE("days"), true, 0, 0 },
		[SHOWN_PEAK] = { SLICE("peak"), false, 0, 0 },
		[SHOWN_SPARK] = { SLICE("last 14 charts"), true, 0, 0 },
		[SHOWN_LINK] = { SLICE("link"), false, 0, 0 },
	};
	TRY(end_table(c, err));
	TRY(print_title(c, cell, err));
	c->table = grid_new(c->terminal, column, c->shows_links ? SHOWN_COUNT : SHOWN_LINK);
	c->any = true;
	buf_reset(&c->playlist);
	buf_add(&c->playlist, cell[COL_PLAYLIST].text);
	return buf_ok(&c->playlist, "playlist id", err);
}

static struct grid_cell move_cell(struct arena *arena, const struct warehouse_cell *cell)
{
	struct slice status = cell[COL_STATUS].text;
	int64_t movement = number(&cell[COL_MOVEMENT]);
	if (slice_is(status, "NEW") || slice_is(status, "RE"))
		return (struct grid_cell){ status, INK_NEWS, SLICE_NULL };
	if (slice_is(status, "START"))
		return (struct grid_cell){ SLICE("●"), INK_DIM, SLICE_NULL };
	if (movement > 0)
		return (struct grid_cell){ arena_printf(arena, "▲%lld", (long long) movement), INK_GOOD, SLICE_NULL };
	if (movement < 0)
		return (struct grid_cell){ arena_printf(arena, "▼%lld", (long long) -movement), INK_BAD, SLICE_NULL };
	return (struct grid_cell){ SLICE("="), INK_DIM, SLICE_NULL };
}

/* █ is rank 1, ▁ the worst rank of these days' charts, · a chart without the track; nothing before the first chart. */
static struct slice spark(struct arena *arena, const struct warehouse_cell *cell)
{
	static const char *const level[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	int64_t days = number(&cell[COL_DAYS_TAKEN]), worst = number(&cell[COL_WORST]);
	CLEANUP(buf_done) struct buf text = buf_new(256);
	for (int64_t i = days < SPARK_DAYS ? SPARK_DAYS - days : 0; i < SPARK_DAYS; i++) {
		const struct warehouse_cell *rank = &cell[COL_SPARK + i];
		int64_t height = worst > 1 ? (worst - number(rank)) * 8 / worst : 7;
		if (number(rank) == 1)
			height = 7;
		buf_adds(&text, rank->is_null ? "·" : level[height < 0 ? 0 : height > 7 ? 7 : height]);
	}
	return arena_copy(arena, buf_slice(&text));
}

static enum rc print_track(struct chart *c, const struct warehouse_cell *cell, struct err *err)
{
	struct arena *a = &c->arena;
	struct slice artists = cell[COL_ARTISTS].is_null ? SLICE("") : cell[COL_ARTISTS].text;
	struct slice name = cell[COL_TRACK_NAME].text.len ? cell[COL_TRACK_NAME].text : cell[COL_TRACK].text;
	struct slice link = track_link(a, cell);
	int64_t at_peak = number(&cell[COL_AT_PEAK]);
	size_t bytes = name.len + artists.len + 4096;
	if (!arena_fits(a, bytes))
		return err_set(err, RC_REJECT, "track %.*s: its name of %zu bytes is too long to print",
		               SLICE_FMT(cell[COL_TRACK].text), name.len);
	const struct grid_cell shown[SHOWN_COUNT] = {
		[SHOWN_RANK].text = cell[COL_RANK].text,
		[SHOWN_MOVE] = move_cell(a, cell),
		[SHOWN_TRACK] = { arena_printf(a, "%.*s%s%.*s", SLICE_FMT(name), artists.len ? " – " : "",
		                               SLICE_FMT(artists)), INK_PLAIN, link },
		[SHOWN_STATUS].text = cell[COL_STATUS].text,
		[SHOWN_DAYS].text = cell[COL_ON_CHART].text,
		[SHOWN_PEAK].text = at_peak > 1 ? arena_printf(a, "%.*s (%lld×)", SLICE_FMT(cell[COL_PEAK].text),
		                                               (long long) at_peak) : cell[COL_PEAK].text,
		[SHOWN_SPARK].text = spark(a, cell),
		[SHOWN_LINK].text = link,
	};
	return grid_row(c->table, shown, err);
}

static enum rc on_columns(void *ctx UNUSED, const struct slice *name UNUSED, const enum column_type *type UNUSED,
                          size_t count, struct err *err UNUSED)
{
	assert(count == COL_COUNT);
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count UNUSED, struct err *err)
{
	struct chart *c = ctx;
	arena_reset(&c->arena);
	if (!c->any || !slice_eq(buf_slice(&c->playlist), cell[COL_PLAYLIST].text))
		TRY(begin_table(c, cell, err));
	c->rows++;
	return print_track(c, cell, err);
}

/* --- the question ------------------------------------------------------------------------------------------- */

struct question {
	struct slice playlist_id, date; /* SLICE_NULL: all; the latest */
	int64_t top;
};

static void add_condition(struct buf *sql, const struct question *q)
{
	buf_adds(sql, "  WHERE day_number IS NOT NULL");
	if (q->playlist_id.ptr) {
		buf_adds(sql, " AND playlist_id = ");
		duck_quote_text(q->playlist_id, sql);
	}
	if (q->date.ptr) {
		buf_adds(sql, " AND chart_date <= CAST(");
		duck_quote_text(q->date, sql);
		buf_adds(sql, " AS DATE)");
	}
	buf_addc(sql, '\n');
}

static void write_sql(const struct question *q, struct buf *sql)
{
	buf_adds(sql,
	         "WITH days AS (\n"
	         "  SELECT playlist_id, playlist_name, chart_date, entries, new_entries, re_entries, exits, previous_date, gap_days,\n"
	         "    ROW_NUMBER() OVER (PARTITION BY playlist_id ORDER BY day_number DESC) AS age\n"
	         "  FROM " WAREHOUSE_SCHEMA ".CHART_DAY\n");
	add_condition(sql, q);
	buf_addf(sql,
	         "),\n"
	         "recent AS (SELECT * FROM days WHERE age <= %d),\n"
	         "past AS (\n"
	         "  SELECT h.playlist_id, h.track_id, h.rank, r.age\n"
	         "  FROM " WAREHOUSE_SCHEMA ".CHART_HISTORY AS h\n"
	         "  JOIN recent AS r ON r.playlist_id = h.playlist_id AND r.chart_date = h.chart_date\n"
	         "),\n"
	         "scale AS (SELECT playlist_id, MAX(rank) AS worst, MAX(age) AS days FROM past GROUP BY playlist_id),\n"
	         "line AS (\n"
	         "  SELECT playlist_id, track_id", SPARK_DAYS);
	for (int age = SPARK_DAYS; age >= 1; age--)
		buf_addf(sql, ",\n    MAX(CASE WHEN age = %d THEN rank END) AS r%d", age, age);
	buf_adds(sql,
	         "\n  FROM past GROUP BY playlist_id, track_id\n"
	         "),\n"
	         "standing AS (\n"
	         "  SELECT playlist_id, track_id, ROW_NUMBER() OVER (PARTITION BY playlist_id ORDER BY rank) AS turn\n"
	         "  FROM past WHERE age = 1\n"
	         ")\n"
	         "SELECT d.playlist_id, d.playlist_name, d.chart_date, d.entries, d.new_entries, d.re_entries, d.exits,\n"
	         "  d.previous_date, d.gap_days, s.days, s.worst, h.rank, h.track_id, h.track_name,\n"
	         "  COALESCE(h.artist_names, h.artist_name), h.track_url, h.status, h.movement, h.days_on_chart, h.peak_rank,\n"
	         "  h.times_at_peak");
	for (int age = SPARK_DAYS; age >= 1; age--)
		buf_addf(sql, ", l.r%d", age);
	buf_adds(sql,
	         "\nFROM recent AS d\n"
	         "JOIN scale AS s ON s.playlist_id = d.playlist_id\n"
	         "JOIN standing AS t ON t.playlist_id = d.playlist_id\n"
	         "JOIN " WAREHOUSE_SCHEMA ".CHART_HISTORY AS h ON h.playlist_id = d.playlist_id AND h.chart_date = d.chart_date\n"
	         "  AND h.track_id = t.track_id\n"
	         "JOIN line AS l ON l.playlist_id = d.playlist_id AND l.track_id = t.track_id\n"
	         "WHERE d.age = 1");
	if (q->top != TOP_ALL) /* DuckDB takes the condition for a top-N, whose N has a limit */
		buf_addf(sql, " AND t.turn <= %lld", (long long) q->top);
	if (q->date.ptr) {
		buf_adds(sql, " AND d.chart_date = CAST(");
		duck_quote_text(q->date, sql);
		buf_adds(sql, " AS DATE)");
	}
	buf_adds(sql, "\nORDER BY COALESCE(d.playlist_name, d.playlist_id), d.playlist_id, h.rank");
}

static bool has_chart(const struct picked *p, struct slice date)
{
	return date.ptr ? slice_eq(p->before, date) : p->last_date.ptr != NULL;
}

/* Nothing to show: says why, and which days are nearest. */
static enum rc no_chart(const struct picks *picks, struct slice date, struct err *err)
{
	const struct picked *p = &picks->pick[0];
	bool two = p->before.ptr && p->after.ptr;
	if (picks->count > 1)
		return err_set(err, RC_NOT_FOUND, "no playlist has a chart%s%.*s; `sargam query 'SELECT * FROM " WAREHOUSE_SCHEMA
		               ".CHART_DAY'` lists all", date.ptr ? " of " : "", SLICE_FMT(date));
	if (!p->last_date.ptr)
		return err_set(err, RC_NOT_FOUND, "playlist %.*s has no chart: each of its snapshots was empty",
		               SLICE_FMT(p->playlist_id));
	return err_set(err, RC_NOT_FOUND, "playlist %.*s has no chart of %.*s; the nearest %s %.*s%s%.*s", SLICE_FMT(p->playlist_id),
	               SLICE_FMT(date), two ? "are" : "is", SLICE_FMT(p->before), two ? " and " : "", SLICE_FMT(p->after));
}

static enum rc check_day(const struct picks *picks, struct slice date, bool quiet, struct err *err)
{
	const struct picked *without = NULL;
	size_t charts = 0;
	for (size_t i = 0; i < picks->count; i++) {
		if (has_chart(&picks->pick[i], date))
			charts++;
		else if (!without)
			without = &picks->pick[i];
	}
	if (charts == 0)
		return no_chart(picks, date, err);
	if (without && !quiet)
		log_note("%zu of %zu playlists without a chart%s%.*s: %.*s%s", picks->count - charts, picks->count,
		               date.ptr ? " of " : "", SLICE_FMT(date), SLICE_FMT(without->playlist_id),
		               picks->count - charts > 1 ? ", …" : "");
	return RC_OK;
}

static enum rc print_charts(struct warehouse *w, const struct question *q, struct chart *c, struct err *err)
{
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 20);
	const struct warehouse_sink sink = { c, on_columns, on_row };
	write_sql(q, &sql);
	TRY(buf_ok(&sql, "chart", err));
	TRY(warehouse_query(w, buf_str(&sql), &sink, err));
	TRY(end_table(c, err));
	(void) fflush(stdout);
	if (q->playlist_id.ptr && c->rows < c->entries && !c->quiet)
		log_note("%lld more: without --top all %lld are shown", (long long) (c->entries - c->rows),
		               (long long) c->entries);
	return RC_OK;
}

static enum rc show(struct app *app, struct slice word, struct question *q, struct chart *c, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct warehouse *w;
	struct picks picks;
	TRY(app_need_home(app, err));
	TRY(app_warehouse(app, &w, err));
	TRY(playlist_pick(w, word, q->date, &arena, &picks, err));
	TRY(check_day(&picks, q->date, c->quiet, err));
	if (word.ptr)
		q->playlist_id = picks.pick[0].playlist_id;
	return print_charts(w, q, c, err);
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const struct terminal terminal = terminal_open();
	struct question q = { .top = args->word_count ? TOP_ALL : TOP_OF_MANY };
	const char *top = args_value(args, "top"), *date = args_value(args, "date");
	int64_t day;
	if (top && (!slice_to_int(slice_of(top), &q.top) || q.top < 1 || q.top > TOP_MAX)) {
		(void) err_set(err, RC_FATAL, "chart: --top '%s': want a number of rows from 1 to %d", top, TOP_MAX);
		return EXIT_USAGE;
	}
	if (date && !time_parse_date(slice_of(date), &day)) {
		(void) err_set(err, RC_FATAL, "chart: --date '%s': want a chart day as YYYY-MM-DD", date);
		return EXIT_USAGE;
	}
	q.date = slice_of(date);
	CLEANUP(chart_done) struct chart c = {
		.terminal = &terminal,
		.arena = arena_new((size_t) 64 << 20),
		.playlist = buf_new(1 << 16),
		.shows_links = args_flag(args, "links"),
		.quiet = app_quiet(app),
		.top = q.top,
		.out = buf_new((size_t) 64 << 20),
	};
	return exit_of(show(app, args->word_count ? slice_of(args->word[0]) : SLICE_NULL, &q, &c, err));
}

static const struct option_spec options[] = {
	{ "top", "N", "the first N rows of each chart (default: 10 of every playlist, all of a named one)" },
	{ "date", "YYYY-MM-DD", "the chart of that day (default: the latest)" },
	{ "links", NULL, "a column with each track's address on open.spotify.com" },
	{ NULL, NULL, NULL },
};

extern const struct command cmd_chart;
const struct command cmd_chart = {
	.name = "chart",
	.summary = "the current chart: rank, movement, days, peak, the last days as a line",
	.words = "[PLAYLIST]",
	.words_max = 1,
	.details =
		"PLAYLIST is an id or a part of the name that fits one playlist only; without it every playlist's top 10 is shown.\n"
		"\n"
		"+/-   ▲3 up three ranks since the previous chart, ▼2 down, = unmoved, NEW never seen before, RE back again,\n"
		"      ● on the playlist's first chart\n"
		"days  charts with the track so far; peak: its best rank so far (and on how many charts, when more than one)\n"
		"last 14 charts: the rank on the last 14 charts, █ = 1 to ▁ = the worst, · = not on that chart. Days without a\n"
		"snapshot have no chart and no place here.\n"
		"\n"
		"On a terminal each track's name is a link to Spotify, and so is the playlist's; NO_COLOR turns colours off.",
	.option = options,
	.run = run,
};
