#include "io/file.h"

#include "base/fault.h"
#include "base/mem.h"
#include "base/rand.h"
#include "io/file_step.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES ((size_t) 256 << 10)
#define TRIES_MAX 100 /* of a new temporary name when a sweep takes it */

/* A directory, a pipe or a device is not what any caller means; O_NONBLOCK keeps a pipe from hanging us. */
static enum rc open_regular(const char *path, int *out_fd, struct stat *out_st, struct err *err)
{
	int errnum = step_open(path, O_RDONLY | O_NONBLOCK, out_fd);
	if (!errnum && fstat(*out_fd, out_st) != 0)
		errnum = errno;
	if (!errnum && S_ISDIR(out_st->st_mode))
		errnum = EISDIR;
	if (errnum)
		return err_errno(err, errnum, "cannot read %s", path);
	if (!S_ISREG(out_st->st_mode))
		return err_set(err, RC_FATAL, "cannot read %s: not a regular file", path);
	return RC_OK;
}

/* Up to `size` bytes; fewer only at the end of the file. */
static int read_full(int fd, char *out, size_t size, size_t *out_got)
{
	*out_got = 0;
	while (*out_got < size) {
		ssize_t got = read(fd, out + *out_got, size - *out_got);
		if (got < 0 && errno != EINTR)
			return errno;
		if (got == 0)
			break;
		if (got > 0)
			*out_got += (size_t) got;
	}
	return 0;
}

/* Times that do not fit are cut off: nothing of ours lies there. */
static int64_t time_ns(struct timespec t)
{
	int64_t ns;
	if (t.tv_sec < 0)
		return 0;
	if (__builtin_mul_overflow((int64_t) t.tv_sec, 1000000000, &ns) || __builtin_add_overflow(ns, t.tv_nsec, &ns))
		return INT64_MAX;
	return ns;
}

static struct file_info info_of(const struct stat *st)
{
	return (struct file_info){
		.exists = true,
		.is_dir = S_ISDIR(st->st_mode),
		.bytes = st->st_size,
		.mtime_ns = time_ns(st->st_mtim),
		.inode = st->st_ino,
		.is_private = (st->st_mode & (S_IRWXG | S_IRWXO)) == 0,
	};
}

enum rc file_read(const char *path, size_t limit_bytes, struct arena *arena, struct slice *out, struct err *err)
{
	struct file_info ignored;
	return file_read_info(path, limit_bytes, arena, out, &ignored, err);
}

enum rc file_read_info(const char *path, size_t limit_bytes, struct arena *arena, struct slice *out, struct file_info *out_info,
                       struct err *err)
{
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;
	TRY(open_regular(path, &fd, &st, err));
	size_t size = (size_t) st.st_size;
	if (size > limit_bytes)
		return err_set(err, RC_REJECT, "%s: %zu bytes, over the limit of %zu", path, size, limit_bytes);
	if (!arena_fits(arena, size + 1))
		return err_set(err, RC_REJECT, "%s: %zu bytes do not fit into the %zu that are left for them", path, size,
		               arena->limit - arena->used);
	char *bytes = arena_alloc(arena, size + 1);
	size_t got;
	int errnum = read_full(fd, bytes, size, &got);
	if (errnum)
		return err_errno(err, errnum, "cannot read %s", path);
	bytes[got] = '\0';
	*out = (struct slice){ bytes, got };
	*out_info = info_of(&st);
	return RC_OK;
}

enum rc file_has_bytes(const char *path, struct slice bytes, bool *out_same, struct err *err)
{
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;
	TRY(open_regular(path, &fd, &st, err));
	*out_same = (size_t) st.st_size == bytes.len;
	CLEANUP(mem_freep) char *part = mem_alloc(COPY_BYTES);
	for (size_t at = 0; *out_same && at < bytes.len;) {
		size_t want = bytes.len - at < COPY_BYTES ? bytes.len - at : COPY_BYTES, got;
		int errnum = read_full(fd, part, want, &got);
		if (errnum)
			return err_errno(err, errnum, "cannot read %s", path);
		*out_same = got == want && memcmp(part, bytes.ptr + at, want) == 0;
		at += want;
	}
	return RC_OK;
}

enum rc file_stat(const char *path, struct file_info *out, struct err *err)
{
	struct stat st;
	*out = (struct file_info){ 0 };
	if (stat(path, &st) != 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return RC_OK;
		return err_errno(err, errno, "cannot look at %s", path);
	}
	*out = info_of(&st);
	return RC_OK;
}

/* Temporary files */

/* The writer's number is for people; that nobody else has the name is chance's work. */
static struct file_temp temp_named(const char *folder)
{
	char name[64];
	(void) snprintf(name, sizeof name, FILE_TEMP_PREFIX "%ld-%016llx", (long) getpid(), (unsigned long long) rand_os());
	return (struct file_temp){ .fd = -1, .path = path_join(folder, name) };
}

/* The lock tells file_sweep that the writer lives; one that came before the lock has taken the name away. */
static bool temp_claim(const struct file_temp *temp)
{
	if (flock(temp->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return false;
	return fd_still_named(temp->fd, temp->path);
}

/* Its folder is made when it is missing. */
static int temp_create(const char *folder, struct file_temp *out)
{
	*out = temp_named(folder);
	int errnum = step_open(out->path, O_RDWR | O_CREAT | O_EXCL, &out->fd);
	if (errnum != ENOENT)
		return errnum;
	errnum = folder_make(folder);
	return errnum ? errnum : step_open(out->path, O_RDWR | O_CREAT | O_EXCL, &out->fd);
}

static int temp_open(const char *to, struct file_temp *out)
{
	CLEANUP(mem_freep) char *folder = path_folder(to);
	for (int i = 0; i < TRIES_MAX; i++) {
		int errnum = temp_create(folder, out);
		if (errnum || temp_claim(out))
			return errnum;
		file_temp_done(out);
	}
	return EBUSY;
}

void file_temp_done(struct file_temp *temp)
{
	if (!temp->path)
		return;
	(void) unlink(temp->path); /* gone already when it was moved into place */
	fd_closep(&temp->fd);
	mem_freep(&temp->path);
}

enum rc file_temp_write(const char *to, struct slice bytes, struct file_temp *out, struct err *err)
{
	int errnum = temp_open(to, out);
	if (!errnum)
		errnum = step_write(out->fd, bytes);
	if (errnum) {
		file_temp_done(out);
		return err_errno(err, errnum, "cannot write %s", to);
	}
	return RC_OK;
}

/* Put in place */

static int sync_folder_of(const char *path)
{
	CLEANUP(mem_freep) char *folder = path_folder(path);
	return folder_sync(folder);
}

static int sync_file(const char *path)
{
	CLEANUP(fd_closep) int fd = -1;
	int errnum = step_open(path, O_RDONLY, &fd);
	return errnum ? errnum : step_fsync(fd);
}

/* `secret`: nobody else's at any moment; the name is the writer's alone until it is put in place. */
static enum rc replace(const char *path, struct slice bytes, bool secret, struct err *err)
{
	CLEANUP(file_temp_done) struct file_temp temp = { 0 };
	TRY(file_temp_write(path, secret ? SLICE("") : bytes, &temp, err));
	int errnum = secret && fchmod(temp.fd, S_IRUSR | S_IWUSR) != 0 ? errno : 0;
	if (!errnum && secret)
		errnum = step_write(temp.fd, bytes);
	if (!errnum)
		errnum = step_fsync(temp.fd);
	if (!errnum)
		errnum = step_rename(temp.path, path);
	if (!errnum)
		errnum = sync_folder_of(path);
	return errnum ? err_errno(err, errnum, "cannot write %s", path) : RC_OK;
}

enum rc file_replace(const char *path, struct slice bytes, struct err *err)
{
	return replace(path, bytes, false, err);
}

enum rc file_replace_secret(const char *path, struct slice bytes, struct err *err)
{
	return replace(path, bytes, true, err);
}

enum rc file_make_private(const char *path, struct err *err)
{
	return chmod(path, S_IRUSR | S_IWUSR) == 0 ? RC_OK : err_errno(err, errno, "cannot make %s private", path);
}

enum rc file_create(const char *path, struct slice bytes, bool *out_created, struct err *err)
{
	CLEANUP(file_temp_done) struct file_temp temp = { 0 };
	TRY(file_temp_write(path, bytes, &temp, err));
	int errnum = step_fsync(temp.fd);
	if (!errnum)
		errnum = step_link(temp.path, path);
	bool created = !errnum;
	if (errnum == EEXIST)
		errnum = 0;
	/* The other name goes first: the one fsync of the folder then covers both. */
	if (!errnum)
		errnum = step_unlink(temp.path);
	if (errnum == ENOENT)
		errnum = 0;
	/* Also when it stood there: whoever made it may have died before its fsync. */
	if (!errnum)
		errnum = sync_folder_of(path);
	if (errnum)
		return err_errno(err, errnum, "cannot write %s", path);
	*out_created = created;
	return RC_OK;
}

/* rename or link; the folder is made when it is missing. */
static int place(const char *from, const char *to, bool is_new)
{
	int (*put)(const char *, const char *) = is_new ? step_link : step_rename;
	int errnum = put(from, to);
	if (errnum != ENOENT || access(from, F_OK) != 0)
		return errnum;
	CLEANUP(mem_freep) char *folder = path_folder(to);
	errnum = folder_make(folder);
	return errnum ? errnum : put(from, to);
}

/* Shared blocks, else inside the kernel, else through a buffer. */
static int copy_bytes(int from, int to)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	for (;;) {
		ssize_t got = copy_file_range(from, NULL, to, NULL, (size_t) 1 << 30, 0);
		if (got == 0)
			break; /* at the end; or a file system that cannot: read() below tells */
		if (got < 0 && errno != EINTR) {
			if (errno == ENOSPC || errno == EIO || errno == EDQUOT)
				return errno;
			break;
		}
	}
	CLEANUP(mem_freep) char *part = mem_alloc(COPY_BYTES);
	for (;;) {
		size_t got;
		int errnum = read_full(from, part, COPY_BYTES, &got);
		if (!errnum && got)
			errnum = step_write(to, (struct slice){ part, got });
		if (errnum || !got)
			return errnum;
	}
}

/* A temporary file beside `to` with the bytes and the time of `from`. */
static enum rc copy_to_temp(const char *from, const char *to, struct file_temp *out, struct err *err)
{
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;
	TRY(open_regular(from, &fd, &st, err));
	int errnum = temp_open(to, out);
	if (!errnum)
		errnum = fault_point("file.copy.before");
	if (!errnum)
		errnum = copy_bytes(fd, out->fd);
	if (!errnum)
		errnum = fault_point("file.copy.after");
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st.st_mtim };
	if (!errnum && futimens(out->fd, times) != 0)
		errnum = errno;
	if (errnum)
		file_temp_done(out);
	return errnum ? err_errno(err, errnum, "cannot copy %s to %s", from, to) : RC_OK;
}

static int temp_link(const char *from, const char *folder, struct file_temp *out)
{
	*out = temp_named(folder);
	int errnum = place(from, out->path, true);
	return errnum ? errnum : step_open(out->path, O_RDONLY, &out->fd);
}

enum rc file_temp_take(const char *from, const char *to, struct file_temp *out, struct err *err)
{
	CLEANUP(mem_freep) char *folder = path_folder(to);
	int errnum = 0;
	bool swept = true;
	for (int i = 0; swept && i < TRIES_MAX; i++) {
		errnum = temp_link(from, folder, out);
		if (!errnum && temp_claim(out))
			return RC_OK;
		swept = !errnum || (errnum == ENOENT && access(from, F_OK) == 0);
		file_temp_done(out);
	}
	if (errnum == EXDEV)
		return copy_to_temp(from, to, out, err);
	return err_errno(err, errnum ? errnum : EBUSY, "cannot move %s to %s", from, to);
}

enum rc file_copy(const char *from, const char *to, struct err *err)
{
	CLEANUP(file_temp_done) struct file_temp temp = { 0 };
	TRY(copy_to_temp(from, to, &temp, err));
	int errnum = step_rename(temp.path, to);
	return errnum ? err_errno(err, errnum, "cannot copy %s to %s", from, to) : RC_OK;
}

static enum rc move(const char *from, const char *to, bool durable, bool is_new, bool *out_created, struct err *err)
{
	CLEANUP(file_temp_done) struct file_temp copy = { 0 };
	int errnum = durable ? sync_file(from) : 0;
	if (!errnum)
		errnum = place(from, to, is_new);
	bool copied = errnum == EXDEV;
	if (copied) {
		TRY(copy_to_temp(from, to, &copy, err));
		errnum = durable ? step_fsync(copy.fd) : 0;
		if (!errnum)
			errnum = place(copy.path, to, is_new);
	}
	bool created = !errnum;
	if (is_new && errnum == EEXIST)
		errnum = 0;
	if (!errnum && (is_new || copied))
		errnum = step_unlink(from);
	if (errnum == ENOENT && created)
		errnum = 0;
	if (!errnum && durable)
		errnum = sync_folder_of(to);
	if (errnum)
		return err_errno(err, errnum, "cannot move %s to %s", from, to);
	*out_created = created;
	return RC_OK;
}

enum rc file_move(const char *from, const char *to, bool durable, struct err *err)
{
	bool ignored;
	return move(from, to, durable, false, &ignored, err);
}

enum rc file_move_new(const char *from, const char *to, bool durable, bool *out_created, struct err *err)
{
	return move(from, to, durable, true, out_created, err);
}

enum rc file_sync_data(const char *path, struct err *err)
{
	int errnum = sync_file(path);
	return errnum ? err_errno(err, errnum, "cannot sync %s", path) : RC_OK;
}

enum rc file_sync_folder(const char *folder, struct err *err)
{
	int errnum = folder_sync(folder);
	return errnum ? err_errno(err, errnum, "cannot sync the folder %s", folder) : RC_OK;
}

enum rc file_sync(const char *path, struct err *err)
{
	int errnum = sync_file(path);
	if (!errnum)
		errnum = sync_folder_of(path);
	return errnum ? err_errno(err, errnum, "cannot sync %s", path) : RC_OK;
}

enum rc file_set_mtime(const char *path, int64_t mtime_ns, int64_t *out_kept_ns, struct err *err)
{
	struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = mtime_ns / 1000000000, .tv_nsec = mtime_ns % 1000000000 },
	};
	assert(mtime_ns >= 0);
	if (utimensat(AT_FDCWD, path, times, 0) != 0)
		return err_errno(err, errno, "cannot set the time of %s", path);
	struct file_info info;
	TRY(file_stat(path, &info, err));
	*out_kept_ns = info.mtime_ns;
	return RC_OK;
}

enum rc file_remove(const char *path, struct err *err)
{
	int errnum = step_unlink(path);
	return errnum && errnum != ENOENT ? err_errno(err, errnum, "cannot remove %s", path) : RC_OK;
}
