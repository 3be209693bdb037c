/* What only the folder must do: versions that outlive it, foreign files, fsyncs when they are due. */
#include "base/fault.h"
#include "base/thread.h"
#include "io/file.h"
#include "store/store.h"
#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

struct room {
	struct store *s;
	const char *dir;
	struct arena arena;
	struct err err;
};

static struct room room_open(void)
{
	struct room r = { .dir = test_tmpdir(), .arena = arena_new(16 << 20) };
	if (store_folder_open(r.dir, &r.s, &r.err) != RC_OK)
		fail_msg("%s", r.err.msg);
	return r;
}

static void room_close(struct room *r)
{
	store_closep(&r->s);
	arena_done(&r->arena);
}

#define ROOM(r) CLEANUP(room_close) struct room r = room_open()
#define OK(expr) assert_ok((expr), &r.err, __LINE__)

static void assert_ok(enum rc rc, const struct err *err, int line)
{
	if (rc != RC_OK)
		fail_msg("line %d: %s: %s", line, rc_name(rc), err->msg);
}

static const char *path_of(struct room *r, const char *key)
{
	return arena_printf(&r->arena, "%s/%s", r->dir, key).ptr;
}

static int64_t version_of(struct room *r, struct slice key)
{
	struct slice body;
	int64_t version = 0;
	assert_ok(store_get(r->s, key, &r->arena, &body, &version, &r->err), &r->err, __LINE__);
	return version;
}

/* An object from the future stands for a clock that was set back since. */
static void versions_rise_though_the_clock_goes_back(void **state UNUSED)
{
	ROOM(r);
	const int64_t far = 4000000000000000000; /* 2096 */
	struct slice key = SLICE("c/k");
	int64_t v1, v2 = 0, kept;
	OK(store_put_if_absent(r.s, key, SLICE("x"), NULL, &r.err));
	OK(file_set_mtime(path_of(&r, "c/k"), far, &kept, &r.err));
	v1 = version_of(&r, key);
	assert_true(v1 == far);
	OK(store_replace(r.s, key, v1, SLICE("y"), &v2, &r.err));
	assert_true(v2 > v1 && version_of(&r, key) == v2);

	/* removed, and the store opened again: only the floor knows */
	OK(store_remove(r.s, key, &r.err));
	store_closep(&r.s);
	OK(store_folder_open(r.dir, &r.s, &r.err));
	OK(store_put_if_absent(r.s, key, SLICE("z"), NULL, &r.err));
	assert_true(version_of(&r, key) > v2);
	OK(store_remove(r.s, key, &r.err));
	OK(store_replace(r.s, key, STORE_NO_VERSION, SLICE("z"), &v1, &r.err));
	assert_true(v1 > v2 + 1);
}

static void a_version_is_positive_whatever_the_file_says(void **state UNUSED)
{
	ROOM(r);
	int64_t kept, v2 = 0;
	OK(store_put_if_absent(r.s, SLICE("k"), SLICE("x"), NULL, &r.err));
	OK(file_set_mtime(path_of(&r, "k"), 0, &kept, &r.err));
	assert_true(version_of(&r, SLICE("k")) == 1);
	OK(store_replace(r.s, SLICE("k"), 1, SLICE("y"), &v2, &r.err));
	assert_true(v2 > 1);
}

static void a_broken_floor_stops_and_says_so(void **state UNUSED)
{
	ROOM(r);
	OK(store_put_if_absent(r.s, SLICE("k"), SLICE("x"), NULL, &r.err));
	OK(file_replace(path_of(&r, ".store-floor"), SLICE("12x"), &r.err));
	assert_int_equal(store_replace(r.s, SLICE("k"), STORE_ANY_VERSION, SLICE("y"), NULL, &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, ".store-floor"));
	assert_int_equal(version_of(&r, SLICE("k")) > 0, 1);
}

static void only_objects_are_listed(void **state UNUSED)
{
	ROOM(r);
	static const char *const foreign[] = { "d/.tmp-1-2", "d/bad\xff", "d/line\nfeed", ".store-x", "d/.store-y" };
	OK(store_put_if_absent(r.s, SLICE("d/k"), SLICE("x"), NULL, &r.err));
	for (size_t i = 0; i < COUNT_OF(foreign); i++)
		OK(file_replace(path_of(&r, foreign[i]), SLICE("x"), &r.err));
	assert_int_equal(symlink("nowhere", path_of(&r, "d/dangling")), 0);
	assert_int_equal(symlink(".", path_of(&r, "d/loop")), 0);
	assert_int_equal(mkdir(path_of(&r, "d/empty"), 0777), 0);
	struct store_list page;
	OK(store_list(r.s, SLICE(""), SLICE_NULL, 100, &r.arena, &page, &r.err));
	assert_true(page.count > 0);
	for (size_t i = 0; i < page.count; i++) {
		assert_true(store_key_ok(page.object[i].key));
		assert_true(slice_ends(page.object[i].key, SLICE("/k"))); /* through the loop, as deep as a key may be */
	}
	assert_true(slice_is(page.object[0].key, "d/k"));
	OK(store_list(r.s, SLICE("d/k"), SLICE_NULL, 100, &r.arena, &page, &r.err));
	assert_int_equal(page.count, 1);
}

static void a_key_cannot_be_a_folder_too(void **state UNUSED)
{
	ROOM(r);
	OK(store_put_if_absent(r.s, SLICE("a/b"), SLICE("x"), NULL, &r.err));
	assert_int_equal(store_put_if_absent(r.s, SLICE("a/b/c"), SLICE("x"), NULL, &r.err), RC_REJECT);
	assert_non_null(strstr(r.err.msg, "'a/b' is an object"));
	assert_int_equal(store_replace(r.s, SLICE("a/b/c/d"), STORE_ANY_VERSION, SLICE("x"), NULL, &r.err), RC_REJECT);
	assert_int_equal(store_put_if_absent(r.s, SLICE("a"), SLICE("x"), NULL, &r.err), RC_REJECT);
	assert_non_null(strstr(r.err.msg, "folder of other objects"));
	assert_int_equal(store_replace(r.s, SLICE("a"), STORE_ANY_VERSION, SLICE("x"), NULL, &r.err), RC_REJECT);
	assert_int_equal(version_of(&r, SLICE("a/b")) > 0, 1);
}

/* The one that made it may have died between link and fsync: OK must mean durable all the same. */
static void an_object_found_is_synced_before_it_is_ok(void **state UNUSED)
{
	ROOM(r);
	OK(store_put_if_absent(r.s, SLICE("k"), SLICE("x"), NULL, &r.err));
	fault_arm("file.dirsync.before", 1, EIO);
	assert_int_equal(store_put_if_absent(r.s, SLICE("k"), SLICE("x"), NULL, &r.err), RC_RETRY);
	assert_true(fault_fired());
	(void) fault_disarm();
	fault_arm("file.fsync.before", 1, EIO);
	assert_int_equal(store_put_if_absent(r.s, SLICE("k"), SLICE("x"), NULL, &r.err), RC_RETRY);
	assert_true(fault_fired());
	(void) fault_disarm();
}

static void put_not_durable(struct room *r, const char *key)
{
	const char *file = path_of(r, ".tmp-local");
	assert_ok(file_replace(file, SLICE("x"), &r->err), &r->err, __LINE__);
	assert_ok(store_put_file(r->s, slice_of(key), file, STORE_ANY_VERSION, false, NULL, &r->err), &r->err, __LINE__);
}

/* The bytes before the name, always: else a power cut could leave a name without its bytes.  Each folder once. */
static void sync_does_what_put_file_left(void **state UNUSED)
{
	ROOM(r);
	const char *file = path_of(&r, ".tmp-local");
	for (int i = 0; i < 6; i++) {
		struct slice key = arena_printf(&r.arena, "p/%d/part-%d", i % 3, i);
		OK(file_replace(file, SLICE("x"), &r.err));
		fault_arm("file.fsync.before", 0, 0);
		OK(store_put_file(r.s, key, file, STORE_NO_VERSION, false, NULL, &r.err));
		assert_int_equal(fault_disarm(), 1);
	}
	OK(file_mkdirs(path_of(&r, "p/0"), &r.err));
	OK(file_mkdirs(path_of(&r, "p/1"), &r.err));
	OK(file_mkdirs(path_of(&r, "p/2"), &r.err));
	fault_arm("file.dirsync.before", 0, 0);
	OK(store_sync(r.s, &r.err));
	assert_int_equal(fault_disarm(), 3);
	fault_arm("file.*", 0, 0);
	OK(store_sync(r.s, &r.err));
	assert_int_equal(fault_disarm(), 0);
	/* removed with its folder before the sync: nothing to do */
	put_not_durable(&r, "p/4/part");
	OK(file_remove_tree(path_of(&r, "p/4"), &r.err));
	OK(store_sync(r.s, &r.err));
}

static void a_sync_that_failed_is_done_again(void **state UNUSED)
{
	ROOM(r);
	put_not_durable(&r, "p/a/part");
	put_not_durable(&r, "p/b/part");
	fault_arm("file.dirsync.before", 1, EIO);
	assert_int_equal(store_sync(r.s, &r.err), RC_RETRY);
	assert_true(fault_fired());
	(void) fault_disarm();
	assert_non_null(strstr(r.err.msg, "p/a"));
	fault_arm("file.dirsync.before", 0, 0);
	OK(store_sync(r.s, &r.err));
	assert_true(fault_disarm() > 0);
	fault_arm("file.dirsync.before", 0, 0);
	OK(store_sync(r.s, &r.err));
	assert_int_equal(fault_disarm(), 0);
}

static void memory_of_what_waits_is_bounded(void **state UNUSED)
{
	ROOM(r);
	const char *file = path_of(&r, ".tmp-local");
	uint64_t syncs = 0;
	for (int i = 0; i < 1030; i++) {
		FILE *f = fopen(file, "w");
		assert_non_null(f);
		(void) fclose(f);
		fault_arm("file.dirsync.before", 0, 0);
		OK(store_put_file(r.s, arena_printf(&r.arena, "p/%d/part", i), file, STORE_NO_VERSION, false, NULL, &r.err));
		uint64_t now = fault_disarm();
		assert_true(i == 1024 ? now >= 1024 : now == 0);
		syncs += now;
	}
	assert_true(syncs > 0);
}

static void purging_old_objects_writes_the_floor_once(void **state UNUSED)
{
	ROOM(r);
	for (int i = 0; i < 10; i++)
		OK(store_put_if_absent(r.s, arena_printf(&r.arena, "old/%d", i), SLICE("x"), NULL, &r.err));
	(void) usleep(20000); /* the file system's clock ticks every few milliseconds */
	fault_arm("file.rename.before", 0, 0);
	for (int i = 0; i < 10; i++)
		OK(store_remove(r.s, arena_printf(&r.arena, "old/%d", i), &r.err));
	assert_int_equal(fault_disarm(), 1);
}

static void a_file_from_another_file_system_is_copied(void **state UNUSED)
{
	ROOM(r);
	struct slice body;
	const char *file = path_of(&r, ".tmp-local");
	OK(file_replace(file, SLICE("x"), &r.err));
	fault_arm("file.link.before", 1, EXDEV);
	OK(store_put_file(r.s, SLICE("p/k"), file, STORE_NO_VERSION, true, NULL, &r.err));
	assert_true(fault_fired());
	(void) fault_disarm();
	OK(store_get(r.s, SLICE("p/k"), &r.arena, &body, NULL, &r.err));
	assert_true(slice_is(body, "x"));
	assert_int_equal(access(file, F_OK), -1);
}

static void a_root_that_cannot_be_is_named(void **state UNUSED)
{
	ROOM(r);
	struct store *other = NULL;
	OK(file_replace(path_of(&r, "file"), SLICE("x"), &r.err));
	assert_int_equal(store_folder_open(path_of(&r, "file/below"), &other, &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, "file/below"));
	assert_null(other);
	store_closep(&other);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(versions_rise_though_the_clock_goes_back),
	cmocka_unit_test(a_version_is_positive_whatever_the_file_says),
	cmocka_unit_test(a_broken_floor_stops_and_says_so),
	cmocka_unit_test(only_objects_are_listed),
	cmocka_unit_test(a_key_cannot_be_a_folder_too),
	cmocka_unit_test(an_object_found_is_synced_before_it_is_ok),
	cmocka_unit_test(sync_does_what_put_file_left),
	cmocka_unit_test(a_sync_that_failed_is_done_again),
	cmocka_unit_test(memory_of_what_waits_is_bounded),
	cmocka_unit_test(purging_old_objects_writes_the_floor_once),
	cmocka_unit_test(a_file_from_another_file_system_is_copied),
	cmocka_unit_test(a_root_that_cannot_be_is_named),
};
TEST_SUITE(store_folder_only, tests);
