/* The test binary: runs the suites that registered themselves, TAP on standard output. */
#include "test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static struct test_suite *suites; /* sorted by name */
static const char *running_suite = "";

void test_register(struct test_suite *suite)
{
	struct test_suite **at = &suites;

	while (*at && strcmp((*at)->name, suite->name) < 0)
		at = &(*at)->next;
	if (*at && strcmp((*at)->name, suite->name) == 0) {
		fprintf(stderr, "sargam-test: two suites are named '%s': rename one\n", suite->name);
		exit(2);
	}
	suite->next = *at;
	*at = suite;
}

/* Folders to remove at exit, by the process that made them: a forked child must not. */
#define TMPDIR_MAX 4096
static struct {
	pid_t owner;
	char path[256];
} tmpdirs[TMPDIR_MAX];
static size_t tmpdir_count;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) ftw;
	if (type == FTW_DNR || type == FTW_DP)
		return rmdir(path);
	return unlink(path);
}

static int unlock_folder(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) ftw;
	if ((type == FTW_D || type == FTW_DNR) && (st->st_mode & 0700) != 0700)
		(void) chmod(path, 0700);
	return 0;
}

static void remove_tmpdirs(void)
{
	for (size_t i = 0; i < tmpdir_count; i++) {
		if (tmpdirs[i].owner != getpid())
			continue;
		(void) nftw(tmpdirs[i].path, unlock_folder, 16, FTW_PHYS);
		(void) nftw(tmpdirs[i].path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	}
}

const char *test_tmpdir(void)
{
	const char *root = getenv("TEST_TMP");

	if (!root)
		root = getenv("TMPDIR");
	if (!root)
		root = "/tmp";
	if (tmpdir_count == TMPDIR_MAX)
		fail_msg("more than %d temporary folders in one process", TMPDIR_MAX);
	char *path = tmpdirs[tmpdir_count].path;
	int n = snprintf(path, sizeof tmpdirs[0].path, "%s/sargam-test.XXXXXX", root);
	if (n < 0 || (size_t) n >= sizeof tmpdirs[0].path || !mkdtemp(path))
		fail_msg("cannot make a temporary folder below %s: set TEST_TMP", root);
	if (tmpdir_count == 0 && !getenv("SARGAM_KEEP_TMP"))
		(void) atexit(remove_tmpdirs);
	tmpdirs[tmpdir_count++].owner = getpid();
	return path;
}

const char *test_shared_dir(void)
{
	static char found[4096];
	const char *named = getenv("SARGAM_SHARED");

	if (!found[0] && !realpath(named ? named : "../shared", found))
		found[0] = '\0';
	return found[0] ? found : NULL;
}

uint64_t test_seed(void)
{
	static uint64_t seed;
	static bool known;

	if (known)
		return seed;
	const char *given = getenv("SARGAM_SEED");
	if (given) {
		seed = strtoull(given, NULL, 0);
	} else if (getrandom(&seed, sizeof seed, 0) != (ssize_t) sizeof seed) {
		fail_msg("getrandom gives no seed: set SARGAM_SEED");
	}
	known = true;
	printf("# seed %llu (again: SARGAM_SEED=%llu sargam-test %s)\n", (unsigned long long) seed, (unsigned long long) seed,
	       running_suite);
	(void) fflush(stdout);
	return seed;
}

void test_skip_at(const char *test, const char *reason)
{
	printf("# SKIP %s.%s: %s\n", running_suite, test, reason);
	(void) fflush(stdout);
	skip();
	abort(); /* skip() jumps away; cmocka.h does not say so */
}

static int run_suite(const struct test_suite *suite)
{
	running_suite = suite->name;
	printf("# suite %s\n", suite->name);
	(void) fflush(stdout);
	return _cmocka_run_group_tests(suite->name, suite->tests, suite->count, suite->setup, suite->teardown);
}

static int list_suites(void)
{
	for (const struct test_suite *s = suites; s; s = s->next)
		puts(s->name);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list_suites();
	if (argc > 1 && strcmp(argv[1], "--world-dump") == 0)
		return test_world_dump(argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "--time-probe") == 0)
		return test_time_probe();
	if (argc == 2 && strcmp(argv[1], "--filter-match") == 0)
		return test_filter_match();
	if (argc == 3 && strcmp(argv[1], "--warehouse-tables") == 0)
		return test_warehouse_tables(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--gcp-call") == 0)
		return test_gcp_call(argv[2]);
	(void) setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (int i = 1; i < argc; i++) {
		const struct test_suite *s = suites;
		while (s && strcmp(s->name, argv[i]) != 0)
			s = s->next;
		if (!s) {
			fprintf(stderr, "sargam-test: no suite '%s': sargam-test --list names them\n", argv[i]);
			return 2;
		}
		failed += run_suite(s);
	}
	for (const struct test_suite *s = suites; s && argc == 1; s = s->next)
		failed += run_suite(s);
	return failed ? 1 : 0;
}
