/* io/file: what is written is whole and under its name; what fails leaves nothing behind. */
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "io/file.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct room {
	struct arena arena;
	struct err err;
	const char *dir;
};

static struct room room_open(void)
{
	return (struct room){ .arena = arena_new((size_t) 64 << 20), .dir = test_tmpdir() };
}

static void room_close(struct room *r)
{
	arena_done(&r->arena);
}

static char *path_in(struct room *r, const char *name)
{
	struct slice s = arena_printf(&r->arena, "%s/%s", r->dir, name);
	return arena_strdup(&r->arena, s);
}

/* Every entry of a folder, temporary files too. */
static size_t count_entries(const char *dir)
{
	char command[600];
	(void) snprintf(command, sizeof command, "ls -A '%s' | wc -l", dir);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	unsigned long n = 0;
	assert_int_equal(fscanf(p, "%lu", &n), 1);
	assert_int_equal(pclose(p), 0);
	return n;
}

static void assert_holds(struct room *r, const char *path, const char *bytes)
{
	struct slice got;
	assert_int_equal(file_read(path, 1 << 20, &r->arena, &got, &r->err), RC_OK);
	assert_true(slice_is(got, bytes));
}

static void replace_makes_folders_and_overwrites(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "a/b/c.txt");
	assert_int_equal(file_replace(path, SLICE("one"), &r.err), RC_OK);
	assert_holds(&r, path, "one");
	assert_int_equal(file_replace(path, SLICE(""), &r.err), RC_OK);
	assert_holds(&r, path, "");
	assert_int_equal(count_entries(path_in(&r, "a/b")), 1);
}

static void create_never_overwrites(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "d/x");
	bool created = false;
	assert_int_equal(file_create(path, SLICE("one"), &created, &r.err), RC_OK);
	assert_true(created);
	assert_int_equal(file_create(path, SLICE("two"), &created, &r.err), RC_OK);
	assert_false(created);
	assert_holds(&r, path, "one");
	assert_int_equal(count_entries(path_in(&r, "d")), 1);
}

static void read_refuses_what_is_over_the_limit(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	CLEANUP(arena_done) struct arena tiny = arena_new(64);
	char *path = path_in(&r, "big");
	struct slice out;
	assert_int_equal(file_read(path, 10, &r.arena, &out, &r.err), RC_NOT_FOUND);
	assert_non_null(strstr(r.err.msg, path));
	char bytes[100] = { 'x' };
	assert_int_equal(file_replace(path, (struct slice){ bytes, sizeof bytes }, &r.err), RC_OK);
	assert_int_equal(file_read(path, 99, &r.arena, &out, &r.err), RC_REJECT);
	assert_non_null(strstr(r.err.msg, path));
	assert_int_equal(file_read(path, 1000, &tiny, &out, &r.err), RC_REJECT);
	assert_int_equal(tiny.used, 0);
	assert_int_equal(file_read(path, 100, &r.arena, &out, &r.err), RC_OK);
	assert_int_equal(out.len, 100);
	/* 9e18 bytes that are not there: refused by their number */
	assert_int_equal(truncate(path, (off_t) 1 << 40), 0);
	assert_int_equal(file_read(path, SIZE_MAX, &r.arena, &out, &r.err), RC_REJECT);
	assert_int_equal(file_read(r.dir, 100, &r.arena, &out, &r.err), RC_FATAL);
}

static void a_pipe_is_refused_at_once(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "pipe");
	struct slice out;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, 100, &r.arena, &out, &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, "not a regular file"));
}

static void bytes_are_compared_whole(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "f");
	size_t size = 600 * 1024;
	CLEANUP(mem_freep) char *bytes = mem_alloc(size);
	memset(bytes, 'a', size);
	struct slice all = { bytes, size };
	bool same;
	assert_int_equal(file_has_bytes(path, all, &same, &r.err), RC_NOT_FOUND);
	assert_int_equal(file_replace(path, all, &r.err), RC_OK);
	assert_int_equal(file_has_bytes(path, all, &same, &r.err), RC_OK);
	assert_true(same);
	assert_int_equal(file_has_bytes(path, slice_sub(all, 0, size - 1), &same, &r.err), RC_OK);
	assert_false(same);
	bytes[size - 1] = 'b';
	assert_int_equal(file_has_bytes(path, all, &same, &r.err), RC_OK);
	assert_false(same);
}

static void move_replaces_and_move_new_does_not(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *from = path_in(&r, "from"), *to = path_in(&r, "deep/er/to");
	for (int durable = 0; durable < 2; durable++) {
		assert_int_equal(file_replace(from, SLICE("new"), &r.err), RC_OK);
		assert_int_equal(file_move(from, to, durable, &r.err), RC_OK);
		assert_holds(&r, to, "new");
		assert_int_equal(access(from, F_OK), -1);

		bool created = true;
		assert_int_equal(file_replace(from, SLICE("newer"), &r.err), RC_OK);
		assert_int_equal(file_move_new(from, to, durable, &created, &r.err), RC_OK);
		assert_false(created);
		assert_holds(&r, to, "new");
		assert_int_equal(access(from, F_OK), -1);

		assert_int_equal(file_remove(to, &r.err), RC_OK);
		assert_int_equal(file_replace(from, SLICE("newest"), &r.err), RC_OK);
		assert_int_equal(file_move_new(from, to, durable, &created, &r.err), RC_OK);
		assert_true(created);
		assert_holds(&r, to, "newest");
		assert_int_equal(access(from, F_OK), -1);
		assert_int_equal(file_move(from, to, durable, &r.err), RC_NOT_FOUND);
		assert_non_null(strstr(r.err.msg, from));
	}
	assert_int_equal(count_entries(path_in(&r, "deep/er")), 1);
}

/* The fault stands for a target on another file system. */
static void move_copies_across_file_systems(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *from = path_in(&r, "from"), *to = path_in(&r, "to/x");
	bool created = false;
	int64_t kept, ignored = 1234567890123456789;
	struct file_info info;

	assert_int_equal(file_replace(from, SLICE("bytes"), &r.err), RC_OK);
	assert_int_equal(file_set_mtime(from, ignored, &kept, &r.err), RC_OK);
	fault_arm("file.rename.before", 1, EXDEV);
	assert_int_equal(file_move(from, to, true, &r.err), RC_OK);
	assert_true(fault_fired());
	(void) fault_disarm();
	assert_holds(&r, to, "bytes");
	assert_int_equal(file_stat(to, &info, &r.err), RC_OK);
	assert_true(info.mtime_ns == kept);
	assert_int_equal(access(from, F_OK), -1);

	assert_int_equal(file_replace(from, SLICE("other"), &r.err), RC_OK);
	fault_arm("file.link.before", 1, EXDEV);
	assert_int_equal(file_move_new(from, to, true, &created, &r.err), RC_OK);
	assert_true(fault_fired());
	(void) fault_disarm();
	assert_false(created);
	assert_holds(&r, to, "bytes");
	assert_int_equal(access(from, F_OK), -1);
	assert_int_equal(count_entries(path_in(&r, "to")), 1);
}

static void copy_takes_all_bytes(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *from = path_in(&r, "from"), *to = path_in(&r, "new/to");
	size_t size = 3 * 1024 * 1024 + 17;
	CLEANUP(mem_freep) char *bytes = mem_alloc(size);
	struct rand_gen g = rand_new(7);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char) rand_next(&g);
	bool same;
	assert_int_equal(file_copy(from, to, &r.err), RC_NOT_FOUND);
	assert_int_equal(file_replace(from, (struct slice){ bytes, size }, &r.err), RC_OK);
	assert_int_equal(file_copy(from, to, &r.err), RC_OK);
	assert_int_equal(file_has_bytes(to, (struct slice){ bytes, size }, &same, &r.err), RC_OK);
	assert_true(same);
	assert_int_equal(file_copy(from, from, &r.err), RC_OK);
	assert_int_equal(file_has_bytes(from, (struct slice){ bytes, size }, &same, &r.err), RC_OK);
	assert_true(same);
}

static void remove_is_ok_twice(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "t/x");
	assert_int_equal(file_replace(path, SLICE("x"), &r.err), RC_OK);
	assert_int_equal(file_remove(path, &r.err), RC_OK);
	assert_int_equal(file_remove(path, &r.err), RC_OK);
	assert_int_equal(file_remove_tree(path_in(&r, "none"), &r.err), RC_OK);
}

static void remove_tree_does_not_follow_links(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *kept = path_in(&r, "outside/kept");
	assert_int_equal(file_replace(kept, SLICE("x"), &r.err), RC_OK);
	assert_int_equal(file_replace(path_in(&r, "tree/a/b/.tmp-1"), SLICE("x"), &r.err), RC_OK);
	assert_int_equal(symlink(path_in(&r, "outside"), path_in(&r, "tree/a/link")), 0);
	assert_int_equal(file_remove_tree(path_in(&r, "tree"), &r.err), RC_OK);
	assert_holds(&r, kept, "x");
	assert_int_equal(count_entries(r.dir), 1);
}

static void list_is_sorted_by_bytes_without_temporary_files(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	struct file_names names;
	assert_int_equal(file_list(path_in(&r, "none"), &r.arena, &names, &r.err), RC_NOT_FOUND);
	assert_int_equal(file_mkdirs(path_in(&r, "l"), &r.err), RC_OK);
	assert_int_equal(file_list(path_in(&r, "l"), &r.arena, &names, &r.err), RC_OK);
	assert_int_equal(names.count, 0);
	static const char *const made[] = { "b", "a0", "a-b", "a", "\xc3\xa9", ".hidden", ".tmp-77" };
	for (size_t i = 0; i < COUNT_OF(made); i++) {
		char *path = arena_strdup(&r.arena, arena_printf(&r.arena, "%s/l/%s", r.dir, made[i]));
		assert_int_equal(file_replace(path, SLICE("x"), &r.err), RC_OK);
	}
	assert_int_equal(file_mkdirs(path_in(&r, "l/dir/sub"), &r.err), RC_OK);
	assert_int_equal(file_list(path_in(&r, "l"), &r.arena, &names, &r.err), RC_OK);
	static const char *const want[] = { ".hidden", "a", "a-b", "a0", "b", "dir", "\xc3\xa9" };
	assert_int_equal(names.count, COUNT_OF(want));
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		assert_string_equal(names.name[i], want[i]);
		assert_int_equal(names.is_dir[i], i == 5);
	}
	CLEANUP(arena_done) struct arena tiny = arena_new(64);
	assert_int_equal(file_list(path_in(&r, "l"), &tiny, &names, &r.err), RC_REJECT);
}

static void stat_tells_what_is_there(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	struct file_info info;
	assert_int_equal(file_stat(path_in(&r, "none"), &info, &r.err), RC_OK);
	assert_false(info.exists);
	assert_int_equal(file_replace(path_in(&r, "f"), SLICE("12345"), &r.err), RC_OK);
	assert_int_equal(file_stat(path_in(&r, "f"), &info, &r.err), RC_OK);
	assert_true(info.exists && !info.is_dir && info.bytes == 5);
	assert_int_equal(file_stat(path_in(&r, "f/below"), &info, &r.err), RC_OK);
	assert_false(info.exists);
	assert_int_equal(file_stat(r.dir, &info, &r.err), RC_OK);
	assert_true(info.is_dir);
}

static void sweep_takes_only_what_the_dead_left(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *dead = path_in(&r, "s/deep/.tmp-dead"), *young = path_in(&r, "s/.tmp-young"), *kept = path_in(&r, "s/deep/kept");
	int64_t ignored;
	assert_int_equal(file_sweep(path_in(&r, "none"), 0, &r.err), RC_OK);
	assert_int_equal(file_replace(dead, SLICE("x"), &r.err), RC_OK);
	assert_int_equal(file_replace(kept, SLICE("x"), &r.err), RC_OK);
	assert_int_equal(file_replace(young, SLICE("x"), &r.err), RC_OK);
	assert_int_equal(file_set_mtime(dead, 1000000000, &ignored, &r.err), RC_OK);
	assert_int_equal(file_set_mtime(kept, 1000000000, &ignored, &r.err), RC_OK);
	CLEANUP(file_temp_done) struct file_temp alive = { 0 };
	assert_int_equal(file_temp_write(kept, SLICE("alive"), &alive, &r.err), RC_OK);
	assert_int_equal(file_set_mtime(alive.path, 1000000000, &ignored, &r.err), RC_OK);

	assert_int_equal(file_sweep(r.dir, 3600, &r.err), RC_OK);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(young, F_OK), 0);
	assert_int_equal(access(alive.path, F_OK), 0);
	assert_holds(&r, kept, "x");
}

static enum rc write_or_sweep(void *ctx, size_t i, struct err *err)
{
	const char *dir = ctx;
	char path[300];
	(void) snprintf(path, sizeof path, "%s/race/%zu", dir, i % 8);
	for (int k = 0; i % 4 && k < 10; k++)
		TRY(file_replace(path, SLICE("whole"), err));
	for (int k = 0; i % 4 == 0 && k < 200; k++)
		TRY(file_sweep(dir, 0, err));
	return RC_OK;
}

/* Between its creation and its lock a temporary file looks like a dead one's. */
static void writers_survive_a_sweep_of_everything(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	if (thread_each(24, 4, write_or_sweep, (void *) (uintptr_t) r.dir, &r.err) != RC_OK)
		fail_msg("%s", r.err.msg);
	assert_int_equal(count_entries(path_in(&r, "race")), 6);
}

static void errors_name_the_path_and_the_next_step(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	static const struct {
		int errnum;
		enum rc rc;
		const char *hint;
	} cases[] = {
		{ ENOSPC, RC_RETRY, "free some space" },
		{ EROFS, RC_FATAL, "make it writable" },
		{ EACCES, RC_FATAL, "make it writable" },
		{ EIO, RC_RETRY, "" },
	};
	char *path = path_in(&r, "e/x");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		fault_arm("file.write.before", 1, cases[i].errnum);
		assert_int_equal(file_replace(path, SLICE("x"), &r.err), cases[i].rc);
		assert_true(fault_fired());
		(void) fault_disarm();
		assert_non_null(strstr(r.err.msg, path));
		assert_non_null(strstr(r.err.msg, cases[i].hint));
		assert_int_equal(count_entries(path_in(&r, "e")), 0);
	}
}

/* In a child, because root may write everywhere and cannot come back from being somebody else. */
static void a_folder_that_may_not_be_written_is_fatal(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "ro/x");
	assert_int_equal(file_mkdirs(path_in(&r, "ro"), &r.err), RC_OK);
	assert_int_equal(chmod(path_in(&r, "ro"), 0555), 0);
	assert_int_equal(chmod(r.dir, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
			_exit(1);
		if (file_replace(path, SLICE("x"), &r.err) != RC_FATAL)
			_exit(2);
		_exit(strstr(r.err.msg, path) && strstr(r.err.msg, "make it writable") ? 0 : 3);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_file_where_a_folder_should_be(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	assert_int_equal(file_replace(path_in(&r, "f"), SLICE("x"), &r.err), RC_OK);
	assert_int_equal(file_mkdirs(path_in(&r, "f"), &r.err), RC_FATAL);
	assert_int_equal(file_mkdirs(path_in(&r, "f/below"), &r.err), RC_FATAL);
	assert_int_equal(file_replace(path_in(&r, "f/below"), SLICE("x"), &r.err), RC_FATAL);
	assert_int_equal(file_mkdirs(r.dir, &r.err), RC_OK);
}

/* Names survive only when the folders above them do: each new one costs an fsync of its parent, an old one none. */
static void new_folders_are_synced_once(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	assert_int_equal(file_mkdirs(r.dir, &r.err), RC_OK);
	fault_arm("file.dirsync.before", 0, 0);
	assert_int_equal(file_mkdirs(path_in(&r, "1/2/3"), &r.err), RC_OK);
	assert_int_equal(fault_disarm(), 3);
	fault_arm("file.dirsync.before", 0, 0);
	assert_int_equal(file_replace(path_in(&r, "1/2/3/x"), SLICE("x"), &r.err), RC_OK);
	assert_int_equal(fault_disarm(), 1);
	/* made by somebody else: its parent's fsync may be missing */
	assert_int_equal(mkdir(path_in(&r, "1/foreign"), 0777), 0);
	fault_arm("file.dirsync.before", 0, 0);
	assert_int_equal(file_replace(path_in(&r, "1/foreign/x"), SLICE("x"), &r.err), RC_OK);
	assert_int_equal(fault_disarm(), 2);
	/* removed and made again: another folder */
	assert_int_equal(file_remove_tree(path_in(&r, "1/foreign"), &r.err), RC_OK);
	fault_arm("file.dirsync.before", 0, 0);
	assert_int_equal(file_replace(path_in(&r, "1/foreign/x"), SLICE("x"), &r.err), RC_OK);
	assert_int_equal(fault_disarm(), 2);
}

/* The lock */

static void remember_note(const char *note, void *ctx)
{
	(void) snprintf(ctx, 300, "%s", note);
}

static void a_second_holder_waits_and_says_for_whom(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "lock"), seen[300] = "";
	struct clock_fake clock;
	clock_fake_init(&clock, 1000);
	CLEANUP(file_unlockp) struct file_lock *first = NULL, *second = NULL;
	assert_int_equal(file_lock(path, "run 7 (pid 1)", 0, &clock.base, NULL, remember_note, seen, &first, &r.err), RC_OK);
	assert_string_equal(seen, "");
	assert_int_equal(file_lock(path, "run 8", 2000, &clock.base, NULL, remember_note, seen, &second, &r.err), RC_RETRY);
	assert_string_equal(seen, "run 7 (pid 1)");
	assert_non_null(strstr(r.err.msg, "run 7 (pid 1)"));
	assert_non_null(strstr(r.err.msg, path));
	assert_true(clock.slept_ms == 2000);
	file_unlockp(&first);
	assert_int_equal(file_lock(path, "run 8", 0, &clock.base, NULL, NULL, NULL, &second, &r.err), RC_OK);
	assert_holds(&r, path, "run 8");
}

static void set_flag(const char *note UNUSED, void *ctx)
{
	*(bool *) ctx = true;
}

static void who_waits_for_a_lock_can_be_stopped(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "lock");
	struct clock_fake clock;
	clock_fake_init(&clock, 1000);
	atomic_bool stop = false;
	CLEANUP(file_unlockp) struct file_lock *first = NULL, *second = NULL;
	assert_int_equal(file_lock(path, "run 7", 0, &clock.base, &stop, NULL, NULL, &first, &r.err), RC_OK);
	assert_int_equal(file_lock(path, "run 8", 600000, &clock.base, &stop, set_flag, &stop, &second, &r.err), RC_RETRY);
	assert_non_null(strstr(r.err.msg, "run 7"));
	assert_true(clock.slept_ms < 1000);
	file_unlockp(&first);
	assert_int_equal(file_lock(path, "run 8", 0, &clock.base, &stop, NULL, NULL, &second, &r.err), RC_OK);
}

static void the_lock_of_a_dead_process_is_free(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "lock");
	int pipe_fd[2];
	assert_int_equal(pipe(pipe_fd), 0);
	pid_t child = fork();
	if (child == 0) {
		struct file_lock *lock;
		char ok = file_lock(path, "child", 0, clock_system(), NULL, NULL, NULL, &lock, NULL) == RC_OK ? 'y' : 'n';
		(void) !write(pipe_fd[1], &ok, 1);
		(void) pause();
		_exit(0);
	}
	char ok = 0;
	assert_int_equal(read(pipe_fd[0], &ok, 1), 1);
	assert_int_equal(ok, 'y');
	CLEANUP(file_unlockp) struct file_lock *lock = NULL;
	assert_int_equal(file_lock(path, "parent", 0, clock_system(), NULL, NULL, NULL, &lock, &r.err), RC_RETRY);
	assert_non_null(strstr(r.err.msg, "child"));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(file_lock(path, "parent", 0, clock_system(), NULL, NULL, NULL, &lock, &r.err), RC_OK);
	(void) close(pipe_fd[0]);
	(void) close(pipe_fd[1]);
}

static void a_removed_lock_file_locks_nobody_out(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "lock");
	CLEANUP(file_unlockp) struct file_lock *first = NULL, *second = NULL, *third = NULL;
	assert_int_equal(file_lock(path, "1", 0, clock_system(), NULL, NULL, NULL, &first, &r.err), RC_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_lock(path, "2", 0, clock_system(), NULL, NULL, NULL, &second, &r.err), RC_OK);
	assert_int_equal(file_lock(path, "3", 0, clock_system(), NULL, NULL, NULL, &third, &r.err), RC_RETRY);
}

static void who_holds_a_lock_can_be_asked_without_making_it(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	char *path = path_in(&r, "lock"), note[FILE_NOTE_BYTES];
	CLEANUP(file_unlockp) struct file_lock *lock = NULL;
	bool held = true;
	assert_int_equal(file_lock_look(path, &held, note, &r.err), RC_OK);
	assert_false(held);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(file_lock(path, "run 7 (pid 1)", 0, clock_system(), NULL, NULL, NULL, &lock, &r.err), RC_OK);
	assert_int_equal(file_lock_look(path, &held, note, &r.err), RC_OK);
	assert_true(held);
	assert_string_equal(note, "run 7 (pid 1)");
	file_unlockp(&lock);
	assert_int_equal(file_lock_look(path, &held, note, &r.err), RC_OK);
	assert_false(held);
	assert_int_equal(file_lock(path, "run 8", 0, clock_system(), NULL, NULL, NULL, &lock, &r.err), RC_OK); /* looking holds nothing */
}

static void space_tells_what_can_be_put_there(void **state UNUSED)
{
	CLEANUP(room_close) struct room r = room_open();
	struct file_space space;
	assert_int_equal(file_space_look(test_tmpdir(), &space, &r.err), RC_OK);
	assert_true(space.is_writable && space.free_bytes > 0 && space.free_bytes <= space.total_bytes && space.file_system[0]);
	assert_int_equal(file_space_look("/proc", &space, &r.err), RC_OK);
	assert_string_equal(space.file_system, "0x9fa0"); /* one that is not listed */
	assert_int_equal(file_space_look(path_in(&r, "nowhere"), &space, &r.err), RC_NOT_FOUND);
	assert_non_null(strstr(r.err.msg, "nowhere"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(replace_makes_folders_and_overwrites),
	cmocka_unit_test(create_never_overwrites),
	cmocka_unit_test(read_refuses_what_is_over_the_limit),
	cmocka_unit_test(a_pipe_is_refused_at_once),
	cmocka_unit_test(bytes_are_compared_whole),
	cmocka_unit_test(move_replaces_and_move_new_does_not),
	cmocka_unit_test(move_copies_across_file_systems),
	cmocka_unit_test(copy_takes_all_bytes),
	cmocka_unit_test(remove_is_ok_twice),
	cmocka_unit_test(remove_tree_does_not_follow_links),
	cmocka_unit_test(list_is_sorted_by_bytes_without_temporary_files),
	cmocka_unit_test(stat_tells_what_is_there),
	cmocka_unit_test(sweep_takes_only_what_the_dead_left),
	cmocka_unit_test(writers_survive_a_sweep_of_everything),
	cmocka_unit_test(errors_name_the_path_and_the_next_step),
	cmocka_unit_test(a_folder_that_may_not_be_written_is_fatal),
	cmocka_unit_test(a_file_where_a_folder_should_be),
	cmocka_unit_test(new_folders_are_synced_once),
	cmocka_unit_test(a_second_holder_waits_and_says_for_whom),
	cmocka_unit_test(who_waits_for_a_lock_can_be_stopped),
	cmocka_unit_test(the_lock_of_a_dead_process_is_free),
	cmocka_unit_test(a_removed_lock_file_locks_nobody_out),
	cmocka_unit_test(who_holds_a_lock_can_be_asked_without_making_it),
	cmocka_unit_test(space_tells_what_can_be_put_there),
};
TEST_SUITE(file, tests);
