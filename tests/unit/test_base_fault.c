/* Work side by side, and the points at which tests make it fail. */
#include "base/fault.h"
#include "base/thread.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 500 };
struct work {
	atomic_int done[MANY];
	atomic_int running, most;
	int fail_at;
};

static enum rc do_one(void *ctx, size_t i, struct err *err)
{
	struct work *w = ctx;
	int now = atomic_fetch_add(&w->running, 1) + 1;
	int most = atomic_load(&w->most);
	while (now > most && !atomic_compare_exchange_weak(&w->most, &most, now))
		;
	atomic_fetch_add(&w->done[i], 1);
	if (i % 50 == 0)
		(void) usleep(500);
	atomic_fetch_sub(&w->running, 1);
	if (w->fail_at >= 0 && i == (size_t) w->fail_at)
		return err_set(err, RC_REJECT, "number %zu", i);
	return RC_OK;
}

static void each_is_done_once_on_so_many_threads(void **state UNUSED)
{
	static const int threads[] = { 0, 1, 2, 7, 1000 };
	for (size_t t = 0; t < COUNT_OF(threads); t++) {
		struct work w = { .fail_at = -1 };
		assert_int_equal(thread_each(MANY, threads[t], do_one, &w, NULL), RC_OK);
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(w.done[i], 1);
		assert_true(w.most <= (threads[t] > 1 ? threads[t] : 1));
	}
	struct work none = { .fail_at = -1 };
	assert_int_equal(thread_each(0, 4, do_one, &none, NULL), RC_OK);
	assert_true(thread_cpus() >= 1);
}

static void the_first_failure_ends_it(void **state UNUSED)
{
	for (int threads = 1; threads <= 4; threads += 3) {
		struct work w = { .fail_at = 10 };
		struct err err = { 0 };
		assert_int_equal(thread_each(MANY, threads, do_one, &w, &err), RC_REJECT);
		assert_string_equal(err.msg, "number 10");
		int done = 0;
		for (size_t i = 0; i < MANY; i++)
			done += w.done[i];
		assert_true(done < MANY);
		assert_true(threads > 1 || done == 11);
	}
}

static int pass_three(void)
{
	return fault_point("t.a") + fault_point("t.b") + fault_point("t.a");
}

static void a_point_fails_once_at_its_nth_passage(void **state UNUSED)
{
	assert_int_equal(pass_three(), 0);
	fault_arm("t.a", 2, ENOSPC);
	assert_int_equal(fault_point("t.a"), 0);
	assert_false(fault_fired());
	assert_int_equal(fault_point("t.b"), 0);
	assert_int_equal(fault_point("t.a"), ENOSPC);
	assert_true(fault_fired());
	assert_int_equal(fault_point("t.a"), 0);
	assert_int_equal(fault_disarm(), 3);
	assert_int_equal(pass_three(), 0);

	fault_arm("*", 3, EIO);
	assert_int_equal(pass_three(), EIO);
	assert_int_equal(fault_disarm(), 3);
	fault_arm("t.*", 0, EIO);
	assert_int_equal(pass_three() + fault_point("other.a"), 0);
	assert_int_equal(fault_disarm(), 3);
}

/* What a program sees that was started with these variables. */
static int child_status(const char *spec, const char *count_file)
{
	(void) fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		(void) close(STDERR_FILENO);
		(void) setenv("SARGAM_FAULT_COUNT", count_file, 1);
		if (spec)
			(void) setenv("SARGAM_FAULT", spec, 1);
		fault_init_from_env();
		int failed = 0;
		for (int i = 0; i < 5; i++)
			failed = failed ? failed : fault_point(i % 2 ? "t.odd" : "t.even");
		_Exit(failed);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void the_environment_arms_it(void **state UNUSED)
{
	char counts[300], text[200] = "";
	(void) snprintf(counts, sizeof counts, "%s/counts", test_tmpdir());
	assert_int_equal(child_status(NULL, counts), 0);
	assert_int_equal(WEXITSTATUS(child_status("fail:t.odd:2:28", counts)), ENOSPC);
	assert_int_equal(WEXITSTATUS(child_status("fail:t.odd:3:28", counts)), 0);
	assert_int_equal(WEXITSTATUS(child_status("fail:t.even:1", counts)), EIO);
	static const char *const bad[] = { "", "kill", "kill:x", "kill:x:", "kill:x:y", "maim:x:1", "fail:x:1:z", "kill:x:-1" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(WEXITSTATUS(child_status(bad[i], counts)), 2);

	(void) unlink(counts);
	int status = child_status("kill:t.even:2", counts);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	FILE *f = fopen(counts, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof text - 1, f) > 0);
	(void) fclose(f);
	assert_non_null(strstr(text, "t.even 2\nt.odd 1\n")); /* written before it died */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_is_done_once_on_so_many_threads),
	cmocka_unit_test(the_first_failure_ends_it),
	cmocka_unit_test(a_point_fails_once_at_its_nth_passage),
	cmocka_unit_test(the_environment_arms_it),
};
TEST_SUITE(base_fault, tests);
