/* Whole folders: make, list, sweep, remove. */
#include "io/file.h"

#include "base/clock.h"
#include "base/mem.h"
#include "io/file_step.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void dir_closep(DIR **dir)
{
	if (*dir)
		(void) closedir(*dir);
	*dir = NULL;
}

enum rc file_mkdirs(const char *path, struct err *err)
{
	int errnum = folder_make(path);
	if (!errnum)
		errnum = folder_settle(path);
	return errnum ? err_errno(err, errnum, "cannot make the folder %s", path) : RC_OK;
}

/* The next entry but "." and ".."; NULL at the end or with *out_errnum set. */
static struct dirent *next_entry(DIR *dir, int *out_errnum)
{
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		*out_errnum = entry ? 0 : errno;
		if (!entry || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0))
			return entry;
	}
}

/* `follow`: what a symbolic link points to counts. */
static bool entry_is_dir(DIR *dir, const struct dirent *entry, bool follow)
{
	if (entry->d_type != DT_UNKNOWN && (entry->d_type != DT_LNK || !follow))
		return entry->d_type == DT_DIR;
	struct stat st;
	return fstatat(dirfd(dir), entry->d_name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

struct listed {
	const char *name;
	bool is_dir;
};

static int listed_cmp(const void *a, const void *b)
{
	return strcmp(((const struct listed *) a)->name, ((const struct listed *) b)->name);
}

enum rc file_list(const char *path, struct arena *arena, struct file_names *out, struct err *err)
{
	CLEANUP(dir_closep) DIR *dir = opendir(path);
	if (!dir)
		return err_errno(err, errno, "cannot list %s", path);
	CLEANUP(mem_freep) struct listed *listed = NULL;
	size_t count = 0, room = 0;
	int errnum;
	for (struct dirent *entry; (entry = next_entry(dir, &errnum));) {
		if (path_is_temp(entry->d_name))
			continue;
		if (count == room) {
			room = room ? room * 2 : 64;
			listed = mem_realloc(listed, room * sizeof *listed);
		}
		size_t len = strlen(entry->d_name);
		if (!arena_fits(arena, len + 1))
			return err_set(err, RC_REJECT, "%s: more names than fit into %zu bytes", path, arena->limit);
		listed[count].name = arena_strdup(arena, (struct slice){ entry->d_name, len });
		listed[count++].is_dir = entry_is_dir(dir, entry, true);
	}
	if (errnum)
		return err_errno(err, errnum, "cannot list %s", path);
	if (count)
		qsort(listed, count, sizeof *listed, listed_cmp);
	size_t bytes = count * (sizeof *out->name + sizeof *out->is_dir) + 64;
	if (!arena_fits(arena, bytes))
		return err_set(err, RC_REJECT, "%s: more names than fit into %zu bytes", path, arena->limit);
	*out = (struct file_names){ .count = count };
	out->name = arena_alloc_array(arena, count, sizeof *out->name);
	out->is_dir = arena_alloc_array(arena, count, sizeof *out->is_dir);
	for (size_t i = 0; i < count; i++) {
		out->name[i] = (char *) (uintptr_t) listed[i].name;
		out->is_dir[i] = listed[i].is_dir;
	}
	return RC_OK;
}

/* Never follows a link: what it points to is not ours to remove. */
static int remove_below(const char *path)
{
	CLEANUP(dir_closep) DIR *dir = opendir(path);
	if (!dir)
		return errno;
	int errnum;
	for (struct dirent *entry; (entry = next_entry(dir, &errnum));) {
		CLEANUP(mem_freep) char *below = path_join(path, entry->d_name);
		bool is_dir = entry_is_dir(dir, entry, false);
		int failed = is_dir ? remove_below(below) : 0;
		if (!failed || failed == ENOENT)
			failed = is_dir ? step_rmdir(below) : step_unlink(below);
		if (failed && failed != ENOENT)
			return failed;
	}
	return errnum;
}

enum rc file_remove_tree(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return RC_OK;
		return err_errno(err, errno, "cannot remove %s", path);
	}
	if (!S_ISDIR(st.st_mode))
		return file_remove(path, err);
	int errnum = remove_below(path);
	if (!errnum)
		errnum = step_rmdir(path);
	return errnum && errnum != ENOENT ? err_errno(err, errnum, "cannot remove the folder %s", path) : RC_OK;
}

/* A writer holds a lock on its temporary file: who gets it knows that the writer is dead. */
static int sweep_file(const char *path, int64_t before_s)
{
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;
	int errnum = step_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, &fd);
	if (!errnum && fstat(fd, &st) != 0)
		errnum = errno;
	if (errnum || !S_ISREG(st.st_mode) || st.st_mtim.tv_sec > before_s || flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errnum;
	return step_unlink(path);
}

static int sweep_folder(const char *path, int64_t before_s)
{
	CLEANUP(dir_closep) DIR *dir = opendir(path);
	if (!dir)
		return errno;
	int errnum;
	for (struct dirent *entry; (entry = next_entry(dir, &errnum));) {
		CLEANUP(mem_freep) char *below = path_join(path, entry->d_name);
		int failed = 0;
		if (entry_is_dir(dir, entry, false))
			failed = sweep_folder(below, before_s);
		else if (path_is_temp(entry->d_name))
			failed = sweep_file(below, before_s);
		if (failed && failed != ENOENT && failed != ELOOP)
			return failed;
	}
	return errnum;
}

enum rc file_sweep(const char *path, int64_t age_s, struct err *err)
{
	/* The file system stamped them by the machine's clock, so that is the one to ask. */
	int errnum = sweep_folder(path, clock_now_ms(clock_system()) / 1000 - age_s);
	return errnum && errnum != ENOENT ? err_errno(err, errnum, "cannot sweep %s", path) : RC_OK;
}
