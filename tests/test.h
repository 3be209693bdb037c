/* test: a thin layer over cmocka, so that one binary holds every suite.
 *
 * A file tests/KIND/test_NOUN.c ends with
 *
 *	static const struct CMUnitTest tests[] = { cmocka_unit_test(offset_never_goes_back), ... };
 *	TEST_SUITE(queue, tests)
 *
 * `sargam-test queue` runs it, `sargam-test --list` names all suites. */
#ifndef TEST_H
#define TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct test_suite {
	const char *name;
	const struct CMUnitTest *tests;
	size_t count;
	CMFixtureFunction setup, teardown;
	struct test_suite *next;
};

/* Called by TEST_SUITE before main; keeps the pointer. */
void test_register(struct test_suite *suite);

#define TEST_SUITE(name_, tests_) TEST_SUITE_WITH(name_, tests_, NULL, NULL)
/* With a cmocka fixture that runs once before and once after the suite's tests. */
#define TEST_SUITE_WITH(name_, tests_, setup_, teardown_)                                          \
	__attribute__((constructor)) static void test_register_##name_(void)                       \
	{                                                                                          \
		static struct test_suite suite = { #name_, tests_, sizeof(tests_) / sizeof *(tests_), \
		                                   setup_, teardown_, NULL };                      \
		test_register(&suite);                                                             \
	}

/* A new empty folder below $TEST_TMP, else $TMPDIR, else /tmp. Removed with all in it when the process
 * that made it ends, unless SARGAM_KEEP_TMP is set. The string lives as long as the process. */
const char *test_tmpdir(void);

/* The folder with recorded data that lies beside the checkout ($SARGAM_SHARED, else ../shared), or NULL
 * when there is none. TEST_NEED_SHARED() skips the running test then. */
const char *test_shared_dir(void);
#define TEST_NEED_SHARED() do { if (!test_shared_dir()) test_skip("needs ../shared"); } while (0)

/* The seed of this process: $SARGAM_SEED, else a new one; printed when it is first asked for. */
uint64_t test_seed(void);

/* Ends the running test as skipped. tests/skips.txt must allow it, else script/test counts it as failed. */
#define test_skip(reason) test_skip_at(__func__, reason)
void test_skip_at(const char *test, const char *reason) __attribute__((noreturn));

/* tests/tools/world_dump.c: `sargam-test --world-dump DIR SEED DAYS [PLAYLISTS SIZE]`, the process's exit status. */
int test_world_dump(int argc, char **argv);
/* tests/tools/time_probe.c: `sargam-test --time-probe`, the process's exit status. */
int test_time_probe(void);

/* tests/tools/filter_match.c: `sargam-test --filter-match` answers standard input, the process's exit status. */
int test_filter_match(void);
/* tests/tools/gcp_call.c: `sargam-test --gcp-call PATH`, the process's exit status. */
int test_gcp_call(const char *path);

/* tests/tools/warehouse_tables.c: `sargam-test --warehouse-tables DIR` writes terraform/schemas, the process's exit status. */
int test_warehouse_tables(const char *dir);

#endif
