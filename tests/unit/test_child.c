/* Another program with pipes: what it prints, what it says, how it ends, and that nothing is left of it. */
#include "io/child.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL(script) ((const char *const[]){ "sh", "-c", script, NULL })

static struct child *start(const char *const *argv, bool takes_input)
{
	const struct child_options o = { .argv = argv, .takes_input = takes_input };
	struct child *c = NULL;
	struct err err = { 0 };
	(void) signal(SIGPIPE, SIG_IGN); /* as the program does */
	if (child_start(&o, &c, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return c;
}

/* All it prints. */
static void read_all(struct child *c, struct buf *out)
{
	char bytes[1000];
	size_t got;
	do {
		struct err err = { 0 };
		if (child_read(c, bytes, sizeof bytes, &got, &err) != RC_OK)
			fail_msg("%s", err.msg);
		buf_add(out, (struct slice){ bytes, got });
	} while (got);
}

static int status_of(struct child *c)
{
	int status = -1;
	assert_int_equal(child_wait(c, &status, NULL), RC_OK);
	return status;
}

static void no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void what_it_prints_is_read_to_the_end(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("printf 'a\\0b'; sleep 0.1; echo c"), false);
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	read_all(c, &out);
	assert_true(slice_eq(buf_slice(&out), SLICE("a\0bc\n")));
	assert_int_equal(status_of(c), 0);
	assert_int_equal(status_of(c), 0);
	assert_string_equal(child_said(c), "");
	child_closep(&c);
	no_child_is_left();
}

static void words_are_not_read_by_a_shell(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start((const char *const[]){ "printf", "%s|", "$HOME", "a b;'\"*", NULL }, false);
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	read_all(c, &out);
	assert_string_equal(buf_str(&out), "$HOME|a b;'\"*|");
}

static void it_is_answered_line_by_line(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("while read -r x; do echo \"got $x\"; done"), true);
	for (int i = 0; i < 20; i++) {
		char line[32], bytes[64];
		size_t got;
		(void) snprintf(line, sizeof line, "%d\n", i);
		assert_int_equal(child_write(c, slice_of(line), NULL), RC_OK);
		assert_int_equal(child_read(c, bytes, sizeof bytes, &got, NULL), RC_OK);
		assert_true(got > 4 && memcmp(bytes, "got ", 4) == 0);
	}
	assert_int_equal(status_of(c), 0);
}

/* Half a megabyte through a program that prints at once: neither waits for the other, nothing is lost or moved. */
static void both_may_write_at_once(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("cat"), true);
	CLEANUP(buf_done) struct buf in = buf_new(1 << 20), out = buf_new(1 << 20);
	for (int i = 0; in.len < (1 << 19); i++)
		buf_addf(&in, "%d,", i);
	assert_int_equal(child_write(c, buf_slice(&in), NULL), RC_OK);
	child_end_input(c);
	read_all(c, &out);
	assert_true(slice_eq(buf_slice(&in), buf_slice(&out)));
	assert_int_equal(status_of(c), 0);
}

static void what_prints_without_end_and_reads_nothing_is_refused(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("cat /dev/zero"), true);
	CLEANUP(buf_done) struct buf in = buf_new(1 << 20);
	struct err err = { 0 };
	while (in.len < 200000)
		buf_adds(&in, "0123456789");
	assert_int_equal(child_write(c, buf_slice(&in), &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "before it reads what it is given"));
	child_closep(&c);
	no_child_is_left();
}

static void much_on_standard_error_blocks_nobody(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c =
		start(SHELL("echo 'first: \033[31mred' >&2; echo second >&2; head -c 300000 /dev/zero >&2; echo out; exit 3"), false);
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	struct err err = { 0 };
	read_all(c, &out);
	assert_string_equal(buf_str(&out), "out\n");
	assert_int_equal(child_trouble(c, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "'sh' ended with status 3: first: [31mred second"));
	assert_true(strlen(err.msg) < CHILD_SAID_BYTES + 64);
}

static void a_program_that_is_not_there_is_not_found(void **unused UNUSED)
{
	const struct child_options o = { .argv = (const char *const[]){ "no-such-program-here", NULL } };
	struct child *c = (struct child *) (uintptr_t) &o;
	struct err err = { 0 };
	assert_int_equal(child_start(&o, &c, &err), RC_NOT_FOUND);
	assert_null(c);
	assert_non_null(strstr(err.msg, "no-such-program-here"));
	no_child_is_left();
}

static void one_that_dies_is_told_apart(void **unused UNUSED)
{
	struct err err = { 0 };
	CLEANUP(child_closep) struct child *c = start(SHELL("kill -9 $$"), true);
	while (child_write(c, SLICE("0123456789012345678901234567890123456789"), &err) == RC_OK)
		;
	assert_non_null(strstr(err.msg, "'sh' ended with signal 9"));
	assert_int_equal(status_of(c), 137);
}

static void the_environment_is_handed_down_less_what_is_dropped(void **unused UNUSED)
{
	assert_int_equal(setenv("CHILDTEST_A", "a", 1) | setenv("CHILDKEPT", "k", 1) | setenv("CHILDOVER", "old", 1), 0);
	const struct child_options o = {
		.argv = SHELL("echo \"${CHILDTEST_A-none} ${CHILDTEST_B-none} $CHILDKEPT $CHILDOVER\""),
		.env = (const char *const[]){ "CHILDTEST_B=b", "CHILDOVER=new", NULL },
		.env_drop = "CHILDTEST_",
	};
	CLEANUP(child_closep) struct child *c = NULL;
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	assert_int_equal(child_start(&o, &c, NULL), RC_OK);
	read_all(c, &out);
	assert_string_equal(buf_str(&out), "none b k new\n");
}

static void without_input_it_reads_nothing(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("cat; echo end"), false);
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	read_all(c, &out);
	assert_string_equal(buf_str(&out), "end\n");
}

static void stop_ends_the_wait_and_close_ends_the_child_and_its_children(void **unused UNUSED)
{
	atomic_bool stop = true;
	char bytes[16];
	size_t got;
	int status;
	struct err err = { 0 };
	const struct child_options o = { .argv = SHELL("sleep 1000 & sleep 1000"), .takes_input = true, .stop = &stop };
	CLEANUP(child_closep) struct child *c = NULL;
	assert_int_equal(child_start(&o, &c, NULL), RC_OK);
	assert_int_equal(child_read(c, bytes, sizeof bytes, &got, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "stopped while 'sh' was at work"));
	assert_int_equal(child_wait(c, &status, NULL), RC_RETRY);
	assert_int_equal(child_trouble(c, NULL), RC_RETRY);
	child_closep(&c); /* a thousand seconds would be noticed */
	no_child_is_left();
}

/* The pipe stays open in a child of its own: the end of the program itself counts. */
static void who_holds_its_pipe_is_not_waited_for(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("sleep 5 & exit 7"), false);
	assert_int_equal(status_of(c), 7);
}

static void a_broken_pipe_is_its_own_business(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("cat /dev/zero | head -c 3; echo"), false);
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	read_all(c, &out); /* with SIGPIPE ignored, cat would complain */
	assert_int_equal(out.len, 4);
	assert_int_equal(status_of(c), 0);
	assert_string_equal(child_said(c), "");
}

/* Its first line: then it is set up. */
static void wait_for_line(struct child *c)
{
	char bytes[64];
	size_t got;
	assert_int_equal(child_read(c, bytes, sizeof bytes, &got, NULL), RC_OK);
	assert_true(got > 0);
}

static int64_t mono_ms(void)
{
	return clock_mono_ns(clock_system()) / 1000000;
}

static void asked_to_end_it_may_take_its_time(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("trap 'sleep 0.3; exit 4' TERM; echo up; while :; do sleep 0.02; done"), false);
	wait_for_line(c);
	assert_true(child_end(c, 20000));
	assert_int_equal(status_of(c), 4);
	assert_true(child_end(c, 0)); /* has gone already */
	child_closep(&c);
	no_child_is_left();
}

static void one_that_does_not_end_is_killed_with_its_children(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("trap '' TERM; sleep 1000 & echo up; wait; sleep 1000"), false);
	int64_t begin_ms = mono_ms();
	wait_for_line(c);
	assert_false(child_end(c, 300));
	assert_in_range(mono_ms() - begin_ms, 300, 20000);
	assert_int_equal(status_of(c), 128 + SIGKILL);
	child_closep(&c);
	no_child_is_left();
}

static void what_has_ended_is_not_asked_and_keeps_its_status(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(SHELL("exit 3"), false);
	assert_int_equal(status_of(c), 3);
	assert_true(child_end(c, 0));
	assert_int_equal(status_of(c), 3);
}

/* More than its pipes hold, and nobody wants to know. */
static void on_its_way_out_it_waits_for_no_reader(void **unused UNUSED)
{
	CLEANUP(child_closep) struct child *c = start(
		SHELL("trap 'head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; exit 5' TERM; echo up; while :; do sleep 0.02; done"), false);
	wait_for_line(c);
	assert_true(child_end(c, 20000));
	assert_int_equal(status_of(c), 5);
}

/* What the child says stands in our own standard error, a file here. */
static void standard_error_can_be_shared(void **unused UNUSED)
{
	char path[512], said[64] = "";
	(void) snprintf(path, sizeof path, "%s/said", test_tmpdir());
	FILE *f = fopen(path, "w+e");
	int kept = dup(STDERR_FILENO);
	assert_true(f && kept >= 0 && dup2(fileno(f), STDERR_FILENO) == STDERR_FILENO);
	const struct child_options o = { .argv = SHELL("echo loud >&2; echo out; exit 6"), .keeps_stderr = true };
	CLEANUP(child_closep) struct child *c = NULL;
	CLEANUP(buf_done) struct buf out = buf_new(1000);
	struct err err = { 0 };
	enum rc rc = child_start(&o, &c, &err);
	if (rc == RC_OK)
		read_all(c, &out);
	int status = rc == RC_OK ? status_of(c) : -1;
	assert_int_equal(dup2(kept, STDERR_FILENO), STDERR_FILENO);
	(void) close(kept);
	assert_int_equal(rc, RC_OK);
	assert_int_equal(status, 6);
	assert_string_equal(buf_str(&out), "out\n");
	assert_string_equal(child_said(c), "");
	rewind(f);
	assert_non_null(fgets(said, sizeof said, f));
	(void) fclose(f);
	assert_string_equal(said, "loud\n");
}

static void every_step_can_fail(void **unused UNUSED)
{
	static const char *const steps[] = { "child.start", "child.write", "child.read", "child.wait" };
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		const struct child_options o = { .argv = SHELL("cat"), .takes_input = true };
		CLEANUP(child_closep) struct child *c = NULL;
		struct err err = { 0 };
		char bytes[16];
		size_t got;
		int status;
		fault_arm(steps[i], 1, EIO);
		enum rc rc = child_start(&o, &c, &err);
		if (rc == RC_OK)
			rc = child_write(c, SLICE("x"), &err);
		if (rc == RC_OK)
			rc = child_read(c, bytes, sizeof bytes, &got, &err);
		if (rc == RC_OK)
			rc = child_wait(c, &status, &err);
		assert_true(fault_fired());
		(void) fault_disarm();
		assert_int_equal(rc, RC_RETRY);
		assert_non_null(strstr(err.msg, i == 0 ? "cannot run 'sh'" : "'sh'"));
		child_closep(&c);
		no_child_is_left();
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_it_prints_is_read_to_the_end),
	cmocka_unit_test(words_are_not_read_by_a_shell),
	cmocka_unit_test(it_is_answered_line_by_line),
	cmocka_unit_test(both_may_write_at_once),
	cmocka_unit_test(what_prints_without_end_and_reads_nothing_is_refused),
	cmocka_unit_test(much_on_standard_error_blocks_nobody),
	cmocka_unit_test(a_program_that_is_not_there_is_not_found),
	cmocka_unit_test(one_that_dies_is_told_apart),
	cmocka_unit_test(the_environment_is_handed_down_less_what_is_dropped),
	cmocka_unit_test(without_input_it_reads_nothing),
	cmocka_unit_test(stop_ends_the_wait_and_close_ends_the_child_and_its_children),
	cmocka_unit_test(who_holds_its_pipe_is_not_waited_for),
	cmocka_unit_test(a_broken_pipe_is_its_own_business),
	cmocka_unit_test(asked_to_end_it_may_take_its_time),
	cmocka_unit_test(one_that_does_not_end_is_killed_with_its_children),
	cmocka_unit_test(what_has_ended_is_not_asked_and_keeps_its_status),
	cmocka_unit_test(on_its_way_out_it_waits_for_no_reader),
	cmocka_unit_test(standard_error_can_be_shared),
	cmocka_unit_test(every_step_can_fail),
};
TEST_SUITE(child, tests)
