/* Fail call 1, then 2, then 3 … until none fires: the class is right, the message names the object, a second try heals,
 * nothing is left behind.  Once at the port (before and after the effect), once at every system call below the folder. */
#include "base/fault.h"
#include "io/file.h"
#include "store/store.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

struct room {
	struct store *s;
	const char *dir, *desk;
	struct arena arena;
};

/* What callers do with a store; each step may be done again after it failed anywhere. */

static enum rc put_once(struct room *r, struct slice key, struct err *err)
{
	return store_put_if_absent(r->s, key, SLICE("raw bytes"), NULL, err);
}

static enum rc replace_seen(struct room *r, struct slice key, struct err *err)
{
	struct slice body;
	int64_t version = STORE_NO_VERSION;
	enum rc rc = store_get(r->s, key, &r->arena, &body, &version, err);
	if (rc == RC_NOT_FOUND)
		version = STORE_NO_VERSION;
	else if (rc != RC_OK)
		return rc;
	return store_replace(r->s, key, version, SLICE("cursor"), &version, err);
}

static const char *make_file(struct room *r)
{
	struct slice path = arena_printf(&r->arena, "%s/part", r->desk);
	FILE *f = fopen(path.ptr, "w");
	assert_non_null(f);
	assert_int_equal(fputs("columns", f) < 0, 0);
	assert_int_equal(fclose(f), 0);
	return path.ptr;
}

static enum rc put_file_durable(struct room *r, struct slice key, struct err *err)
{
	return store_put_file(r->s, key, make_file(r), STORE_ANY_VERSION, true, NULL, err);
}

static enum rc put_file_and_sync(struct room *r, struct slice key, struct err *err)
{
	TRY(store_put_file(r->s, key, make_file(r), STORE_ANY_VERSION, false, NULL, err));
	return store_sync(r->s, err);
}

static enum rc read_back(struct room *r, struct slice key, struct err *err)
{
	struct slice body, path;
	TRY(store_get_file(r->s, key, &r->arena, &path, err));
	TRY(store_get(r->s, key, &r->arena, &body, NULL, err));
	assert_true(slice_is(body, "columns"));
	TRY(file_read(path.ptr, 100, &r->arena, &body, err));
	assert_true(slice_is(body, "columns"));
	return RC_OK;
}

static enum rc list_it(struct room *r, struct slice key, struct err *err)
{
	struct store_list page;
	TRY(store_list(r->s, key, SLICE_NULL, 10, &r->arena, &page, err));
	assert_int_equal(page.count, 1);
	return RC_OK;
}

static enum rc drop(struct room *r, struct slice key, struct err *err)
{
	return store_remove(r->s, key, err);
}

typedef enum rc step(struct room *r, struct slice key, struct err *err);
enum { STEPS_MAX = 4 };
static step *const stories[][STEPS_MAX] = {
	{ put_once, put_once, drop, put_once },
	{ replace_seen, replace_seen, drop },
	{ put_file_and_sync, read_back, put_file_and_sync },
	{ put_file_durable, list_it, put_file_durable, drop },
};

static size_t temp_files;
static int count_temp(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *ftw)
{
	temp_files += strncmp(path + ftw->base, ".tmp-", 5) == 0;
	return 0;
}

static void assert_no_temp_files(const char *dir)
{
	temp_files = 0;
	assert_int_equal(nftw(dir, count_temp, 16, FTW_PHYS), 0);
	assert_int_equal(temp_files, 0);
}

static size_t open_files(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void) closedir(dir);
	return n;
}

/* The step that fails must fail as `want` with its key in the message (a sync: its folder), and succeed when it is done again. */
static void tell(struct room *r, step *const *story, struct slice key, enum rc want)
{
	struct slice folder = arena_copy(&r->arena, slice_sub(key, 0, key.len - strlen("/key")));
	for (size_t i = 0; i < STEPS_MAX && story[i]; i++) {
		struct err err = { 0 };
		enum rc rc = story[i](r, key, &err);
		if (rc == RC_OK)
			continue;
		if (rc != want)
			fail_msg("step %zu: %s, wanted %s: %s", i, rc_name(rc), rc_name(want), err.msg);
		if (!strstr(err.msg, key.ptr) && !strstr(err.msg, folder.ptr) && !strstr(err.msg, "after sync") &&
		    !strstr(err.msg, "in sync"))
			fail_msg("step %zu: '%s' is not named by: %s", i, key.ptr, err.msg);
		rc = story[i](r, key, &err);
		if (rc != RC_OK)
			fail_msg("step %zu does not heal: %s", i, err.msg);
	}
}

static void room_close(struct room *r)
{
	store_closep(&r->s);
	arena_done(&r->arena);
}

static void every_call_of_the_port(void **state UNUSED)
{
	static const enum rc classes[] = { RC_RETRY, RC_FATAL };
	const char *dir = test_tmpdir();
	int rounds = 0;
	for (size_t i = 0; i < 2 * COUNT_OF(classes) * COUNT_OF(stories); i++) {
		enum rc want = classes[i % 2];
		bool after = i / 2 % 2, fired = true;
		for (int fail_at = 1; fired; fail_at++, rounds++) {
			CLEANUP(room_close) struct room r = { .dir = dir, .desk = dir, .arena = arena_new(1 << 20) };
			r.s = store_fault_open(store_mem_open(dir), fail_at, after, want);
			tell(&r, stories[i / 4], SLICE("t/some/key"), want);
			fired = store_fault_fired(r.s);
		}
	}
	assert_true(rounds > 60);
}

static void every_system_call_of_the_folder(void **state UNUSED)
{
	static const struct {
		int errnum;
		enum rc rc;
	} cases[] = { { ENOSPC, RC_RETRY }, { EROFS, RC_FATAL } };
	CLEANUP(room_close) struct room r = { .dir = test_tmpdir(), .desk = test_tmpdir(), .arena = arena_new(16 << 20) };
	assert_int_equal(store_folder_open(r.dir, &r.s, NULL), RC_OK);
	size_t before = open_files();
	for (size_t i = 0; i < COUNT_OF(cases) * COUNT_OF(stories); i++) {
		uint64_t rounds = 0;
		for (bool fired = true; fired; rounds++) {
			struct slice key = arena_printf(&r.arena, "t/%zu/%llu/key", i, (unsigned long long) rounds);
			fault_arm("file.*", rounds + 1, cases[i % 2].errnum);
			tell(&r, stories[i / 2], key, cases[i % 2].rc);
			fired = fault_fired();
			(void) fault_disarm();
			assert_no_temp_files(r.dir);
		}
		assert_true(rounds > 20);
		printf("# errno %d: %llu system calls failed one by one\n", cases[i % 2].errnum, (unsigned long long) rounds - 1);
	}
	assert_int_equal(open_files(), before);
}

/* The same for io/file.h alone; `run` gives what the call gave and checks what may be seen then. */

static enum rc run_replace(const char *dir, bool *out_done, struct err *err)
{
	char path[300];
	(void) snprintf(path, sizeof path, "%s/deep/er/f", dir);
	enum rc rc = file_replace(path, SLICE("new"), err);
	bool same = false;
	*out_done = access(path, F_OK) == 0;
	if (*out_done)
		assert_true(file_has_bytes(path, SLICE("new"), &same, NULL) == RC_OK && same);
	return rc;
}

static enum rc run_create(const char *dir, bool *out_done, struct err *err)
{
	char path[300];
	bool created, same = false;
	(void) snprintf(path, sizeof path, "%s/deep/er/f", dir);
	enum rc rc = file_create(path, SLICE("new"), &created, err);
	*out_done = access(path, F_OK) == 0;
	if (*out_done)
		assert_true(file_has_bytes(path, SLICE("new"), &same, NULL) == RC_OK && same);
	return rc;
}

/* Never both gone. */
static enum rc run_move(const char *dir, bool *out_done, struct err *err)
{
	char from[300], to[300];
	(void) snprintf(from, sizeof from, "%s/from", dir);
	(void) snprintf(to, sizeof to, "%s/deep/er/f", dir);
	FILE *f = access(to, F_OK) == 0 ? NULL : fopen(from, "w");
	if (f)
		(void) fclose(f);
	enum rc rc = f ? file_move(from, to, true, err) : file_sync(to, err);
	*out_done = access(to, F_OK) == 0;
	assert_true(*out_done || access(from, F_OK) == 0);
	return rc;
}

static enum rc run_copy(const char *dir, bool *out_done, struct err *err)
{
	char from[300], to[300];
	(void) snprintf(from, sizeof from, "%s/from", dir);
	(void) snprintf(to, sizeof to, "%s/deep/er/f", dir);
	FILE *f = fopen(from, "w");
	assert_non_null(f);
	assert_int_equal(fputs("new", f) < 0, 0);
	(void) fclose(f);
	enum rc rc = file_copy(from, to, err);
	bool same = false;
	*out_done = access(to, F_OK) == 0;
	if (*out_done)
		assert_true(file_has_bytes(to, SLICE("new"), &same, NULL) == RC_OK && same);
	return rc;
}

static enum rc run_remove_tree(const char *dir, bool *out_done, struct err *err)
{
	char tree[300];
	(void) snprintf(tree, sizeof tree, "%s/deep", dir);
	assert_int_equal(mkdir(tree, 0777) == 0 || errno == EEXIST, 1);
	enum rc rc = file_remove_tree(tree, err);
	*out_done = access(tree, F_OK) != 0;
	return rc;
}

static void every_system_call_of_file(void **state UNUSED)
{
	static enum rc (*const runs[])(const char *, bool *, struct err *) = { run_replace, run_create, run_move, run_copy,
		                                                               run_remove_tree };
	static const int errnums[] = { ENOSPC, EIO };
	for (size_t i = 0; i < COUNT_OF(runs) * COUNT_OF(errnums); i++) {
		const char *root = test_tmpdir();
		size_t before = open_files();
		bool fired = true;
		uint64_t round = 0;
		for (; fired; round++) {
			char dir[200];
			bool done;
			struct err err = { 0 };
			(void) snprintf(dir, sizeof dir, "%s/%llu", root, (unsigned long long) round);
			assert_int_equal(mkdir(dir, 0777), 0);
			fault_arm("file.*", round + 1, errnums[i % COUNT_OF(errnums)]);
			enum rc rc = runs[i / COUNT_OF(errnums)](dir, &done, &err);
			fired = fault_fired();
			(void) fault_disarm();
			assert_no_temp_files(dir);
			assert_int_equal(rc, fired ? RC_RETRY : RC_OK);
			assert_true(fired || done);
			if (fired)
				assert_non_null(strstr(err.msg, dir));
			rc = runs[i / COUNT_OF(errnums)](dir, &done, &err);
			assert_true(rc == RC_OK && done);
		}
		assert_true(round > 2);
		assert_int_equal(open_files(), before);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_call_of_the_port),
	cmocka_unit_test(every_system_call_of_the_folder),
	cmocka_unit_test(every_system_call_of_file),
};
TEST_SUITE(torture_store, tests);
