/* Scratch folders: one owner each, and what the dead leave goes. */
#include "io/file.h"
#include "io/scratch.h"
#include "test.h"

#include "base/arena.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

static void put_file(const char *folder, const char *name)
{
	char path[400];
	struct err err = { 0 };
	(void) snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(file_replace(path, SLICE("x"), &err), RC_OK);
}

static void each_owner_has_a_folder_that_goes_with_it(void **state UNUSED)
{
	char parent[300], path[400];
	struct err err = { 0 };
	struct scratch *a, *b;
	(void) snprintf(parent, sizeof parent, "%s/home/tmp", test_tmpdir());
	assert_int_equal(scratch_open(parent, &a, &err), RC_OK);
	put_file(scratch_path(a), "file");
	put_file(scratch_path(a), "below/file");
	(void) snprintf(path, sizeof path, "%s", scratch_path(a));
	assert_int_equal(scratch_open(parent, &b, &err), RC_OK);
	assert_string_not_equal(scratch_path(a), scratch_path(b));
	scratch_close(b);
	assert_true(exists(path)); /* its owner lives */
	scratch_close(a);
	assert_false(exists(path));
	assert_true(exists(parent));
	scratch_close(NULL);
}

static void what_the_dead_left_is_removed_and_nothing_else(void **state UNUSED)
{
	const char *parent = test_tmpdir();
	char path[400] = "", stranger[400];
	struct err err = { 0 };
	struct scratch *s;
	int fd[2];
	assert_int_equal(pipe(fd), 0);
	pid_t child = fork();
	if (child == 0) {
		char name[sizeof path] = "";
		(void) alarm(60);
		if (scratch_open(parent, &s, NULL) == RC_OK)
			(void) snprintf(name, sizeof name, "%s", scratch_path(s));
		if (write(fd[1], name, sizeof name) == (ssize_t) sizeof name)
			for (;;)
				(void) pause();
		_exit(1);
	}
	assert_int_equal(read(fd[0], path, sizeof path), sizeof path);
	assert_true(exists(path));
	put_file(path, "spilled");
	put_file(parent, "gold-3.parquet");
	(void) snprintf(stranger, sizeof stranger, "%s/other", parent);
	assert_int_equal(mkdir(stranger, 0700), 0);
	assert_int_equal(scratch_open(parent, &s, &err), RC_OK);
	scratch_close(s);
	assert_true(exists(path));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(scratch_open(parent, &s, &err), RC_OK);
	scratch_close(s);
	assert_false(exists(path));
	assert_true(exists(stranger));
	(void) snprintf(stranger, sizeof stranger, "%s/gold-3.parquet", parent);
	assert_true(exists(stranger));
	(void) close(fd[0]);
	(void) close(fd[1]);
}

static void a_parent_that_is_no_folder_is_named(void **state UNUSED)
{
	char parent[400];
	struct err err = { 0 };
	struct scratch *s = NULL;
	(void) snprintf(parent, sizeof parent, "%s/file", test_tmpdir());
	FILE *f = fopen(parent, "w");
	assert_non_null(f);
	(void) fclose(f);
	assert_int_not_equal(scratch_open(parent, &s, &err), RC_OK);
	assert_non_null(strstr(err.msg, parent));
	assert_null(s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_owner_has_a_folder_that_goes_with_it),
	cmocka_unit_test(what_the_dead_left_is_removed_and_nothing_else),
	cmocka_unit_test(a_parent_that_is_no_folder_is_named),
};
TEST_SUITE(scratch, tests);
