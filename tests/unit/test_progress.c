#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "cmd/progress.h"
#include "test.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* A terminal of 60 columns: what is written to `slave` is read from `master`. */
struct terminal {
	int master, slave;
};

static struct terminal open_terminal(int columns)
{
	struct terminal t = { posix_openpt(O_RDWR | O_NOCTTY), -1 };
	assert_true(t.master >= 0);
	assert_int_equal(grantpt(t.master), 0);
	assert_int_equal(unlockpt(t.master), 0);
	t.slave = open(ptsname(t.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t.slave >= 0);
	struct winsize size = { .ws_row = 24, .ws_col = (unsigned short) columns };
	assert_int_equal(ioctl(t.slave, TIOCSWINSZ, &size), 0);
	assert_int_equal(fcntl(t.master, F_SETFL, O_NONBLOCK), 0);
	return t;
}

static void close_terminal(struct terminal *t)
{
	(void) close(t->slave);
	(void) close(t->master);
}

static const char *shown(struct terminal *t)
{
	static char out[8192];
	ssize_t n = read(t->master, out, sizeof out - 1);
	out[n > 0 ? n : 0] = '\0';
	return out;
}

/* Standard error into a file while a test runs. */
static int real_stderr;
static FILE *begin_capture(void)
{
	FILE *f = tmpfile();
	assert_non_null(f);
	real_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(fileno(f), STDERR_FILENO), STDERR_FILENO);
	return f;
}

static const char *end_capture(FILE *f)
{
	static char out[8192];
	(void) dup2(real_stderr, STDERR_FILENO);
	(void) close(real_stderr);
	rewind(f);
	out[fread(out, 1, sizeof out - 1, f)] = '\0';
	(void) fclose(f);
	return out;
}

static const char *text_of(const struct progress_view *v, int columns, bool bar)
{
	static char out[512];
	CLEANUP(buf_done) struct buf buf = buf_new(4096);
	progress_text(v, columns, bar, &buf);
	(void) snprintf(out, sizeof out, "%s", buf_str(&buf));
	return out;
}

static void a_line_tells_how_far_and_how_fast(void **unused UNUSED)
{
	struct progress_view v = { "bronze", "", "partitions", 12, 63, 1234567 };
	assert_string_equal(text_of(&v, 200, false), "bronze: 12 of 63 partitions, 1.2 MB/s");
	v.bytes_per_s = 1500;
	assert_string_equal(text_of(&v, 200, false), "bronze: 12 of 63 partitions, 1.5 kB/s");
	v = (struct progress_view){ "ingest", "", "messages", 4711, 0, 0 };
	assert_string_equal(text_of(&v, 200, true), "ingest: 4711 messages");
	v = (struct progress_view){ "extract", "chart-IN", "snapshots", 1, 2, 0 };
	assert_string_equal(text_of(&v, 200, false), "extract chart-IN: 1 of 2 snapshots");
}

static void a_bar_fills_from_left_to_right(void **unused UNUSED)
{
	struct progress_view v = { "gold", "", "files", 0, 4, 0 };
	assert_string_equal(text_of(&v, 34, true), "gold: [>            ] 0 of 4 files");
	v.done = 2;
	assert_string_equal(text_of(&v, 34, true), "gold: [======>      ] 2 of 4 files");
	v.done = 4;
	assert_string_equal(text_of(&v, 34, true), "gold: [=============] 4 of 4 files");
	v.done = 9; /* more than was promised */
	assert_string_equal(text_of(&v, 34, true), "gold: [=============] 9 of 4 files");
	assert_true(strlen(text_of(&v, 300, true)) < 70);
	v = (struct progress_view){ "extract", "chart-IN", "snapshots", 1, 2, 0 };
	assert_string_equal(text_of(&v, 45, true), "extract chart-IN: [====>   ] 1 of 2 snapshots");
	assert_string_equal(text_of(&v, 44, true), "extract: [========>       ] 1 of 2 snapshots"); /* the bar counts more */
	assert_string_equal(text_of(&v, 35, true), "extract: 1 of 2 snapshots");
}

static void a_line_never_exceeds_the_terminal(void **unused UNUSED)
{
	struct progress_view v = { "extract", "37i9dQZF1DX5cZuAHLNjGz", "snapshots", 12345, 67890, 9876543210 };
	for (int columns = 1; columns < 120; columns++)
		assert_true((int) strlen(text_of(&v, columns, true)) <= columns);
	v.what = "\xc3\xa9\xc3\xa9\xc3\xa9";
	assert_string_equal(text_of(&v, 10, false), "extract \xc3\xa9\xc3\xa9"); /* cut between characters */
}

static void names_do_not_steer_the_terminal(void **unused UNUSED)
{
	struct progress_view v = { "extract", "a\033[2Jb\nc", "snapshots", 1, 2, 0 };
	assert_string_equal(text_of(&v, 100, false), "extract a?[2Jb?c: 1 of 2 snapshots");
}

static void the_bar_is_painted_ten_times_a_second_at_most(void **unused UNUSED)
{
	CLEANUP(close_terminal) struct terminal t = open_terminal(60);
	struct clock_fake clock;
	clock_fake_init(&clock, 0);
	CLEANUP(progress_freep) struct progress *p = progress_new(&clock.base, t.slave, PROGRESS_BAR);
	int paints = 0;
	for (size_t i = 0; i <= 1000; i++) {
		progress_step(p, "bronze", "", i, 1000);
		clock_fake_advance_ms(&clock, 1);
		const char *out = shown(&t);
		if (*out) {
			paints++;
			assert_memory_equal(out, "\rbronze: [", 10);
			assert_string_equal(out + strlen(out) - 3, "\033[K");
			assert_true(strlen(out) - 4 <= 59);
		}
	}
	assert_int_equal(paints, 10);
	progress_free(TAKE(p));
	assert_string_equal(shown(&t), "\r\033[K"); /* nothing is left behind */
}

static void a_short_stage_shows_nothing(void **unused UNUSED)
{
	CLEANUP(close_terminal) struct terminal t = open_terminal(60);
	struct clock_fake clock;
	clock_fake_init(&clock, 0);
	struct progress *p = progress_new(&clock.base, t.slave, PROGRESS_BAR);
	for (size_t i = 0; i < 20; i++) {
		progress_step(p, i % 2 ? "load" : "gold", "", 1, 2);
		clock_fake_advance_ms(&clock, 90);
	}
	progress_free(p);
	assert_string_equal(shown(&t), "");
}

static void a_log_line_wipes_the_bar_first(void **unused UNUSED)
{
	CLEANUP(close_terminal) struct terminal t = open_terminal(60);
	struct clock_fake clock;
	clock_fake_init(&clock, 0);
	struct progress *p = progress_new(&clock.base, t.slave, PROGRESS_BAR);
	progress_step(p, "bronze", "", 0, 10);
	clock_fake_advance_ms(&clock, 100);
	progress_step(p, "bronze", "", 1, 10);
	assert_non_null(strstr(shown(&t), "1 of 10"));
	FILE *capture = begin_capture();
	log_warn("bronze", "one");
	log_warn("bronze", "two");
	(void) end_capture(capture);
	assert_string_equal(shown(&t), "\r\033[K"); /* once: there was nothing to wipe before the second */
	progress_free(p);
	capture = begin_capture();
	log_warn("bronze", "three");
	(void) end_capture(capture);
	assert_string_equal(shown(&t), "");
}

static void without_a_terminal_a_line_comes_every_ten_seconds(void **unused UNUSED)
{
	struct clock_fake clock;
	clock_fake_init(&clock, 0);
	FILE *capture = begin_capture();
	struct progress *p = progress_new(&clock.base, STDERR_FILENO, PROGRESS_LINES);
	for (size_t i = 0; i < 25; i++) {
		progress_step(p, "extract", "chart-IN", i, 25);
		metric_add(METRIC_bytes_extracted, 2000000);
		clock_fake_advance_ms(&clock, 1000);
	}
	progress_free(p);
	assert_string_equal(end_capture(capture), "sargam: extract: chart-IN: 10 of 25 snapshots, 2.0 MB/s\n"
	                                          "sargam: extract: chart-IN: 20 of 25 snapshots, 2.0 MB/s\n");
}

static void quiet_is_quiet(void **unused UNUSED)
{
	CLEANUP(close_terminal) struct terminal t = open_terminal(60);
	struct clock_fake clock;
	clock_fake_init(&clock, 0);
	FILE *capture = begin_capture();
	struct progress *p = progress_new(&clock.base, t.slave, PROGRESS_OFF);
	for (size_t i = 0; i < 25; i++) {
		progress_step(p, "extract", "", i, 25);
		clock_fake_advance_ms(&clock, 10000);
	}
	progress_free(p);
	assert_string_equal(end_capture(capture), "");
	assert_string_equal(shown(&t), "");
}

static void what_is_shown_suits_the_file(void **unused UNUSED)
{
	CLEANUP(close_terminal) struct terminal t = open_terminal(60);
	const char *term = getenv("TERM");
	char before[64];
	(void) snprintf(before, sizeof before, "%s", term ? term : "dumb");
	(void) setenv("TERM", "xterm", 1);
	assert_int_equal(progress_kind_for(t.slave, false, false), PROGRESS_BAR);
	assert_int_equal(progress_kind_for(t.slave, true, false), PROGRESS_OFF);
	assert_int_equal(progress_kind_for(t.slave, false, true), PROGRESS_LINES);
	(void) setenv("TERM", "dumb", 1);
	assert_int_equal(progress_kind_for(t.slave, false, false), PROGRESS_LINES);
	(void) setenv("TERM", "xterm", 1);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(progress_kind_for(null, false, false), PROGRESS_LINES);
	(void) close(null);
	(void) setenv("TERM", before, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_line_tells_how_far_and_how_fast),
	cmocka_unit_test(a_bar_fills_from_left_to_right),
	cmocka_unit_test(a_line_never_exceeds_the_terminal),
	cmocka_unit_test(names_do_not_steer_the_terminal),
	cmocka_unit_test(the_bar_is_painted_ten_times_a_second_at_most),
	cmocka_unit_test(a_short_stage_shows_nothing),
	cmocka_unit_test(a_log_line_wipes_the_bar_first),
	cmocka_unit_test(without_a_terminal_a_line_comes_every_ten_seconds),
	cmocka_unit_test(quiet_is_quiet),
	cmocka_unit_test(what_is_shown_suits_the_file),
};
TEST_SUITE(progress, tests);
