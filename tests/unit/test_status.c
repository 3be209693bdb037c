/* What `sargam status` shows of what was read. */
#include "cmd/status.h"

#include "base/json.h"
#include "test.h"

#include <locale.h>

#define NOW_S INT64_C(1795446707) /* 2026-11-23T15:11:47Z */

static int with_locale(void **state)
{
	(void) state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	return 0;
}

static void fill(struct status *s)
{
	static struct run run[2] = {
		{ .id = { "r2", 2 }, .state = RUN_RUNNING, .source = { "sample", 6 }, .started_ms = (NOW_S - 200) * 1000 },
		{ .id = { "r1", 2 }, .state = RUN_FAILED, .source = { "sample", 6 }, .error = { "gold: \x1b[31mno\n", 14 },
		  .started_ms = (NOW_S - 7300) * 1000, .ended_ms = (NOW_S - 7200) * 1000 },
	};
	static struct overview_subscription sub[1] = { { .name = { "sub\x1b]0;x\x07", 9 }, .topic = { "top", 3 },
		                                         .stats = { .waiting = 3, .leased = 2, .oldest_unacked_ms = 150000 } } };
	static struct overview_playlist watched[2] = { { .id = { "fresh", 5 }, .newest_at = NOW_S - 60 },
		                                       { .id = { "stale", 5 }, .newest_at = NOW_S - 90 * 3600 } };
	static struct overview_reason reason[2] = { { { "bad_manifest", 12 }, 2 }, { { "too_large", 9 }, 1 } };
	*s = (struct status){ .home = "h", .now_ms = NOW_S * 1000, .stale_after_s = 36 * 3600, .daemon_state = PRESENCE_ALIVE,
		              .daemon = { .url = "http://127.0.0.1:8085", .pid = 4711, .port = 8085, .since_s = NOW_S - 180000 },
		              .bus = { sub, 1 }, .playlists = { watched, 2, 2, 1, NOW_S - 60 }, .letters = { reason, 2, 3 },
		              .disk = { .free_bytes = 1 << 20, .total_bytes = 1 << 30, .is_writable = true }, .newest_day = "2026-11-22",
		              .job = { { .name = "daily", .next_ms = (NOW_S + 600) * 1000, .missed = 1 }, { .name = "never" } },
		              .job_count = 2 };
	for (size_t i = 0; i < OVERVIEW_FILES; i++)
		s->disk.file[i].name = "f";
	for (size_t i = 0; i < STATUS_PARTS; i++)
		s->has[i] = true;
	s->runs = (struct overview_runs){ .newest = { run, 2 }, .running = &run[0], .in_stage = true, .stages_done = 2, .stages = 7,
		                          .at = { .stage = STAGE_bronze, .started_ms = (NOW_S - 30) * 1000 },
		                          .by_state = { [RUN_RUNNING] = 2, [RUN_FAILED] = 1 }, .unfinished = 1,
		                          .last_done_ms = (NOW_S - 86400 * 3) * 1000 };
}

static const char *text_of(const struct status *s, const struct terminal *t)
{
	static char text[16384];
	CLEANUP(buf_done) struct buf out = buf_new(sizeof text - 1);
	status_text(s, t, &out);
	(void) snprintf(text, sizeof text, "%s", buf_str(&out));
	return text;
}

static void every_part_is_told_in_plain_text(void **state)
{
	(void) state;
	struct status s;
	const struct terminal file = { .columns = SIZE_MAX };
	fill(&s);
	assert_string_equal(text_of(&s, &file),
	                    "sargam     h at 2026-11-23T15:11:47Z\n"
	                    "daemon     running for 2 d, process 4711, http://127.0.0.1:8085\n"
	                    "schedule   daily is due in 10 min, at 2026-11-23T15:21:47Z, 1 missed\n"
	                    "           never is never due\n"
	                    "running    r2 for 3 min: bronze: 2 of 7 stages, 30 s in it\n"
	                    "last run   r1 FAILED 2 h ago after 100 s: gold: ␛[31mno␊\n"
	                    "           the last that was done: 3 d ago\n"
	                    "           1 whose process ended: the next `sargam run` goes on with it\n"
	                    "topic      top > sub␛]0;x␇: 5 messages wait (2 under a lease), the oldest for 2 min\n"
	                    "playlists  2 with snapshots, 2 watched; 1 snapshots today, the newest is of 2026-11-23T15:10:47Z\n"
	                    "           stale: no snapshot for 36 h (the last: 2026-11-19T21:11:47Z)\n"
	                    "dead       3 dead letters: 2 bad_manifest, 1 too_large (`sargam dead list`)\n"
	                    "charts     the newest chart day is 2026-11-22\n"
	                    "disk       1.0 MiB of 1.0 GiB free; bus.db 0 bytes, state.db 0 bytes, warehouse.duckdb 0 bytes\n");
}

static void a_line_is_never_wider_than_the_terminal(void **state)
{
	(void) state;
	struct status s;
	fill(&s);
	for (size_t columns = 1; columns < 120; columns++) {
		const struct terminal t = { .is_terminal = true, .columns = columns };
		struct slice rest = slice_of(text_of(&s, &t));
		for (size_t lines = 0; rest.len; lines++) {
			size_t end = slice_find(rest, '\n', 0);
			if (display_columns(slice_sub(rest, 0, end)) > columns)
				fail_msg("%zu columns, line %zu: %.*s", columns, lines, (int) end, rest.ptr);
			rest = slice_sub(rest, end + 1, rest.len - end - 1);
		}
	}
}

static void colours_come_and_go_in_pairs_and_only_on_request(void **state)
{
	(void) state;
	struct status s;
	fill(&s);
	const struct terminal plain = { .is_terminal = true, .columns = 80 }, coloured = { .is_terminal = true, .colours = true, .columns = 80 };
	assert_null(strchr(text_of(&s, &plain), '\033'));
	const char *at = text_of(&s, &coloured);
	int begun = 0, ended = 0;
	while ((at = strchr(at, '\033'))) {
		bool ends = strncmp(at, "\033[0m", 4) == 0;
		begun += !ends;
		ended += ends;
		at++;
	}
	assert_true(begun > 5);
	assert_int_equal(begun, ended);
}

static void what_cannot_be_read_says_why_and_the_rest_is_shown(void **state)
{
	(void) state;
	struct status s;
	const struct terminal file = { .columns = SIZE_MAX };
	fill(&s);
	s.has[STATUS_STATE] = s.has[STATUS_BUS] = s.has[STATUS_WAREHOUSE] = false;
	(void) snprintf(s.why[STATUS_STATE], sizeof s.why[STATUS_STATE], "state.db: damaged");
	s.daemon_state = PRESENCE_DEAD;
	s.letters = (struct overview_letters){ 0 };
	s.job_count = 0;
	assert_string_equal(text_of(&s, &file),
	                    "sargam     h at 2026-11-23T15:11:47Z\n"
	                    "daemon     process 4711 has ended without saying so: `sargam serve` starts another\n"
	                    "runs       state.db: damaged\n"
	                    "topic      none yet: `sargam run` or `sargam setup` makes it\n"
	                    "dead       no dead letters\n"
	                    "charts     nothing is published yet\n"
	                    "disk       1.0 MiB of 1.0 GiB free; bus.db 0 bytes, state.db 0 bytes, warehouse.duckdb 0 bytes\n");
	CLEANUP(json_freep) struct json *root = status_json(&s);
	assert_int_equal(json_type(json_get(root, "runs")), JSON_NULL);
	assert_true(slice_is(json_get_string(json_get(root, "problems"), "state"), "state.db: damaged"));
	assert_int_equal(json_size(json_get(root, "problems")), 1);
}

static void programs_read_the_same_as_json(void **state)
{
	(void) state;
	struct status s;
	fill(&s);
	s.home = "odd \xff home";
	CLEANUP(json_freep) struct json *root = status_json(&s);
	CLEANUP(json_freep) struct json *again = NULL;
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	json_write(root, JSON_INDENTED, &text);
	assert_int_equal(json_parse(buf_slice(&text), &again, NULL), RC_OK);
	const struct json *runs = json_get(again, "runs"), *sub = json_at(json_get(again, "subscriptions"), 0);
	bool stale = false;
	assert_true(slice_is(json_get_string(again, "home"), "odd \xef\xbf\xbd home"));
	assert_true(slice_is(json_get_string(json_get(again, "daemon"), "state"), "running"));
	assert_true(slice_is(json_get_string(runs, "stage"), "bronze") && slice_is(json_get_string(json_get(runs, "last"), "id"), "r1"));
	assert_int_equal(json_get_integer(json_get(runs, "by_state"), "RUNNING", 0), 1);
	assert_int_equal(json_get_integer(json_get(runs, "by_state"), "UNFINISHED", 0), 1);
	assert_int_equal(json_get_integer(sub, "backlog", 0), 5);
	assert_int_equal(json_get_integer(json_get(json_get(again, "dead_letters"), "by_reason"), "too_large", 0), 1);
	assert_true(json_bool(json_get(json_at(json_get(json_get(again, "playlists"), "watched"), 1), "stale"), &stale) && stale);
	assert_true(slice_is(json_get_string(json_at(json_get(again, "schedule"), 0), "next_at"), "2026-11-23T15:21:47Z"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_part_is_told_in_plain_text),
	cmocka_unit_test(a_line_is_never_wider_than_the_terminal),
	cmocka_unit_test(colours_come_and_go_in_pairs_and_only_on_request),
	cmocka_unit_test(what_cannot_be_read_says_why_and_the_rest_is_shown),
	cmocka_unit_test(programs_read_the_same_as_json),
};
TEST_SUITE_WITH(status, tests, with_locale, NULL);
