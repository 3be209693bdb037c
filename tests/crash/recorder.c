/* Recorder: a library for LD_PRELOAD that logs every change below a folder, in the order in which it took place.
 *
 *	SARGAM_RECORD_HOME=<real path> SARGAM_RECORD_LOG=<file, appended> LD_PRELOAD=recorder.so sargam run
 *	SARGAM_RECORD_NOSYNC=1         LD_PRELOAD=recorder.so ...     nothing is logged, fsync() costs nothing (tests only)
 *
 * One lock holds from before a call until its record is written, so the log's order is the true one, also among threads.
 * "-shm" files (SQLite's index of its log, mapped and rebuilt at will) are left out.  Not part of the product. */
#include "record.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char home[PATH_MAX];
static size_t home_len;
static int log_fd = -1;
static bool nosync;

__attribute__((constructor)) static void init(void)
{
	const char *dir = getenv("SARGAM_RECORD_HOME"), *log = getenv("SARGAM_RECORD_LOG");
	nosync = getenv("SARGAM_RECORD_NOSYNC") != NULL;
	if (!dir || !log)
		return;
	home_len = strlen(dir);
	if (home_len >= sizeof home)
		abort();
	memcpy(home, dir, home_len + 1);
	log_fd = (int) syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		abort();
}

/* The next definition of a function: libc's. */
#define NEXT(name, type)                                              \
	static type next;                                             \
	if (!next)                                                    \
		next = (type) (uintptr_t) dlsym(RTLD_NEXT, name)

static void put_record(enum record_op op, uint64_t inode, uint64_t offset, const char *path, const char *path2, const void *data,
                       size_t data_bytes)
{
	struct record head = { .op = op,
		               .path_bytes = path ? (uint32_t) strlen(path) : 0,
		               .path2_bytes = path2 ? (uint32_t) strlen(path2) : 0,
		               .thread = (uint32_t) syscall(SYS_gettid),
		               .inode = inode,
		               .offset = offset,
		               .data_bytes = data_bytes };
	struct iovec part[] = { { &head, sizeof head },
		                { (void *) (uintptr_t) path, head.path_bytes },
		                { (void *) (uintptr_t) path2, head.path2_bytes },
		                { (void *) (uintptr_t) data, data_bytes } };
	size_t want = sizeof head + head.path_bytes + head.path2_bytes + data_bytes;
	long wrote = syscall(SYS_writev, log_fd, part, 4);
	if (wrote < 0 || (size_t) wrote != want)
		abort(); /* a log with a hole proves nothing */
}

static void put_unknown(const char *what, const char *path)
{
	char text[PATH_MAX + 64];
	int len = snprintf(text, sizeof text, "%s %s", what, path);
	put_record(RECORD_UNKNOWN, 0, 0, NULL, NULL, text, len > 0 ? (size_t) len : 0);
}

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);
	return a >= b && strcmp(s + a - b, end) == 0;
}

/* Below the home, as a path relative to it? */
static bool relative(const char *path, char out[static PATH_MAX])
{
	if (strncmp(path, home, home_len) != 0 || (path[home_len] != '/' && path[home_len] != '\0') || ends_with(path, "-shm"))
		return false;
	const char *rest = path + home_len + (path[home_len] == '/');
	(void) snprintf(out, PATH_MAX, "%s", rest);
	return true;
}

static bool path_of_fd(int fd, char out[static PATH_MAX])
{
	char link[64], path[PATH_MAX];
	(void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof path - 1);
	if (len <= 0)
		return false;
	path[len] = '\0';
	if (ends_with(path, " (deleted)"))
		path[len - 10] = '\0';
	return relative(path, out);
}

/* The real path of a name whose folder exists; symbolic links at its end are not followed. */
static bool path_of_name(int dirfd, const char *name, char out[static PATH_MAX])
{
	char full[PATH_MAX], folder[PATH_MAX], real[PATH_MAX + NAME_MAX + 2];
	int n;
	if (name[0] != '/' && dirfd != AT_FDCWD)
		n = snprintf(full, sizeof full, "/proc/self/fd/%d/%s", dirfd, name);
	else
		n = snprintf(full, sizeof full, "%s%s", name[0] == '/' ? "" : "./", name);
	if (n < 0 || (size_t) n >= sizeof full)
		return false;
	while (n > 1 && full[n - 1] == '/')
		full[--n] = '\0';
	char *slash = strrchr(full, '/');
	*slash = '\0';
	if (!realpath(full[0] ? full : "/", folder))
		return false;
	n = snprintf(real, sizeof real, "%s/%s", folder, slash + 1);
	return n > 0 && n < PATH_MAX && relative(real, out);
}

static uint64_t inode_of(int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		abort();
	return st.st_ino;
}

static bool recording(void)
{
	return log_fd >= 0;
}

static void begin(void)
{
	pthread_mutex_lock(&lock);
}

static void end(void)
{
	int kept = errno;
	pthread_mutex_unlock(&lock);
	errno = kept;
}

/* open */

/* The flag holds O_DIRECTORY's bit. */
static bool is_unnamed(int flags)
{
	return (flags & O_TMPFILE) == O_TMPFILE;
}

static int open_any(int dirfd, const char *name, int flags, mode_t mode)
{
	if (!recording() || !((flags & (O_CREAT | O_TRUNC)) || is_unnamed(flags)))
		return (int) syscall(SYS_openat, dirfd, name, flags, mode);
	char path[PATH_MAX];
	struct stat before;
	begin();
	bool ours = path_of_name(dirfd, name, path);
	bool there = ours && fstatat(dirfd, name, &before, 0) == 0;
	int fd = (int) syscall(SYS_openat, dirfd, name, flags, mode);
	if (fd >= 0 && ours && is_unnamed(flags))
		put_unknown("O_TMPFILE", path);
	else if (fd >= 0 && ours && !there)
		put_record(RECORD_CREATE, inode_of(fd), 0, path, NULL, NULL, 0);
	else if (fd >= 0 && ours && (flags & O_TRUNC) && before.st_size > 0)
		put_record(RECORD_TRUNC, inode_of(fd), 0, path, NULL, NULL, 0);
	end();
	return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & O_CREAT || is_unnamed(flags) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                                \
	EXPORT int name(const char *path, int flags, ...)         \
	{                                                         \
		va_list ap;                                       \
		va_start(ap, flags);                              \
		mode_t mode = mode_of(flags, ap);                 \
		va_end(ap);                                       \
		return open_any(AT_FDCWD, path, flags, mode);     \
	}
#define OPENAT(name)                                                  \
	EXPORT int name(int dirfd, const char *path, int flags, ...)  \
	{                                                             \
		va_list ap;                                           \
		va_start(ap, flags);                                  \
		mode_t mode = mode_of(flags, ap);                     \
		va_end(ap);                                           \
		return open_any(dirfd, path, flags, mode);            \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}
EXPORT int __open64_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags)
{
	return open_any(AT_FDCWD, path, flags, 0);
}
EXPORT int creat(const char *path, mode_t mode)
{
	return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
EXPORT int creat64(const char *path, mode_t mode)
{
	return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A stream writes behind this library's back. */
static FILE *fopen_any(const char *name, const char *mode, FILE *(*next)(const char *, const char *) )
{
	char path[PATH_MAX];
	if (recording() && strpbrk(mode, "wa+") && path_of_name(AT_FDCWD, name, path)) {
		begin();
		put_unknown("fopen", path);
		end();
	}
	return next(name, mode);
}
typedef FILE *fopen_fn(const char *, const char *);
EXPORT FILE *fopen(const char *name, const char *mode)
{
	NEXT("fopen", fopen_fn *);
	return fopen_any(name, mode, next);
}
EXPORT FILE *fopen64(const char *name, const char *mode)
{
	NEXT("fopen64", fopen_fn *);
	return fopen_any(name, mode, next);
}

/* write */

/* What stands in the file now is what was written, whichever call did it. */
static void put_range(int fd, const char *path, uint64_t offset, uint64_t bytes)
{
	char link[64];
	(void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	int again = (int) syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0); /* `fd` may be for writing only */
	char *data = malloc(bytes ? bytes : 1);
	for (uint64_t at = 0; at < bytes;) {
		long got = syscall(SYS_pread64, again, data + at, bytes - at, offset + at);
		if (got <= 0)
			abort();
		at += (uint64_t) got;
	}
	put_record(RECORD_WRITE, inode_of(fd), offset, path, NULL, data, bytes);
	free(data);
	(void) close(again);
}

static uint64_t position(int fd)
{
	long at = syscall(SYS_lseek, fd, 0, SEEK_CUR);
	return at < 0 ? 0 : (uint64_t) at;
}

EXPORT ssize_t write(int fd, const void *data, size_t bytes)
{
	char path[PATH_MAX];
	if (!recording() || !path_of_fd(fd, path))
		return syscall(SYS_write, fd, data, bytes);
	begin();
	ssize_t wrote = syscall(SYS_write, fd, data, bytes);
	if (wrote > 0)
		put_record(RECORD_WRITE, inode_of(fd), position(fd) - (uint64_t) wrote, path, NULL, data, (size_t) wrote);
	end();
	return wrote;
}

static ssize_t pwrite_any(int fd, const void *data, size_t bytes, off_t offset)
{
	char path[PATH_MAX];
	if (!recording() || !path_of_fd(fd, path))
		return syscall(SYS_pwrite64, fd, data, bytes, offset);
	begin();
	ssize_t wrote = syscall(SYS_pwrite64, fd, data, bytes, offset);
	if (wrote > 0)
		put_record(RECORD_WRITE, inode_of(fd), (uint64_t) offset, path, NULL, data, (size_t) wrote);
	end();
	return wrote;
}
EXPORT ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
	return pwrite_any(fd, data, bytes, offset);
}
EXPORT ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t offset)
{
	return pwrite_any(fd, data, bytes, offset);
}

/* offset -1: at the file's position */
static ssize_t writev_any(int fd, const struct iovec *part, int count, off_t offset)
{
	char path[PATH_MAX];
	bool ours = recording() && path_of_fd(fd, path);
	if (ours)
		begin();
	ssize_t wrote =
		offset < 0 ? syscall(SYS_writev, fd, part, count) : syscall(SYS_pwritev, fd, part, count, (long) offset, 0);
	if (ours && wrote > 0)
		put_range(fd, path, offset < 0 ? position(fd) - (uint64_t) wrote : (uint64_t) offset, (uint64_t) wrote);
	if (ours)
		end();
	return wrote;
}
EXPORT ssize_t writev(int fd, const struct iovec *part, int count)
{
	return writev_any(fd, part, count, -1);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *part, int count, off_t offset)
{
	return writev_any(fd, part, count, offset);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *part, int count, off_t offset)
{
	return writev_any(fd, part, count, offset);
}

static ssize_t copy_any(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes, unsigned flags)
{
	char path[PATH_MAX];
	bool ours = recording() && path_of_fd(to, path);
	if (ours)
		begin();
	uint64_t at = to_at ? (uint64_t) *to_at : position(to);
	ssize_t copied = syscall(SYS_copy_file_range, from, from_at, to, to_at, bytes, flags);
	if (ours && copied > 0)
		put_range(to, path, at, (uint64_t) copied);
	if (ours)
		end();
	return copied;
}
EXPORT ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes, unsigned flags)
{
	return copy_any(from, from_at, to, to_at, bytes, flags);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	va_start(ap, request);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	char path[PATH_MAX];
	if (!recording() || (request != FICLONE && request != FICLONERANGE) || !path_of_fd(fd, path))
		return (int) syscall(SYS_ioctl, fd, request, arg);
	begin();
	int result = (int) syscall(SYS_ioctl, fd, request, arg);
	struct stat st;
	if (result == 0 && fstat(fd, &st) == 0)
		put_range(fd, path, 0, (uint64_t) st.st_size);
	end();
	return result;
}

static int size_change(int fd, long (*call)(int, off_t, off_t, int), off_t a, off_t b, int mode)
{
	char path[PATH_MAX];
	if (!recording() || !path_of_fd(fd, path))
		return (int) call(fd, a, b, mode);
	begin();
	struct stat before, after;
	int result = fstat(fd, &before) == 0 ? (int) call(fd, a, b, mode) : -1;
	if (result == 0 && mode != 0 && mode != FALLOC_FL_KEEP_SIZE)
		put_unknown("fallocate", path);
	else if (result == 0 && fstat(fd, &after) == 0 && before.st_size != after.st_size)
		put_record(RECORD_TRUNC, after.st_ino, (uint64_t) after.st_size, path, NULL, NULL, 0);
	end();
	return result;
}
static long call_ftruncate(int fd, off_t size, off_t unused, int mode)
{
	(void) unused;
	(void) mode;
	return syscall(SYS_ftruncate, fd, size);
}
static long call_fallocate(int fd, off_t offset, off_t bytes, int mode)
{
	return syscall(SYS_fallocate, fd, mode, offset, bytes);
}
EXPORT int ftruncate(int fd, off_t size)
{
	return size_change(fd, call_ftruncate, size, 0, 0);
}
EXPORT int ftruncate64(int fd, off_t size)
{
	return size_change(fd, call_ftruncate, size, 0, 0);
}
EXPORT int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	return size_change(fd, call_fallocate, offset, bytes, mode);
}
EXPORT int fallocate64(int fd, int mode, off_t offset, off_t bytes)
{
	return size_change(fd, call_fallocate, offset, bytes, mode);
}
EXPORT int posix_fallocate(int fd, off_t offset, off_t bytes)
{
	return size_change(fd, call_fallocate, offset, bytes, 0) == 0 ? 0 : errno;
}
EXPORT int posix_fallocate64(int fd, off_t offset, off_t bytes)
{
	return posix_fallocate(fd, offset, bytes);
}
EXPORT int truncate(const char *name, off_t size)
{
	int fd = open_any(AT_FDCWD, name, O_WRONLY | O_CLOEXEC, 0);
	int result = fd < 0 ? -1 : ftruncate(fd, size);
	if (fd >= 0)
		(void) close(fd);
	return result;
}

static void *mmap_any(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	char path[PATH_MAX];
	if (recording() && fd >= 0 && (prot & PROT_WRITE) && (flags & MAP_SHARED) && path_of_fd(fd, path)) {
		begin();
		put_unknown("mmap", path);
		end();
	}
	long result = syscall(SYS_mmap, at, bytes, prot, flags, fd, offset);
	return (void *) result; /* -1 is MAP_FAILED */
}
EXPORT void *mmap(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return mmap_any(at, bytes, prot, flags, fd, offset);
}
EXPORT void *mmap64(void *at, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return mmap_any(at, bytes, prot, flags, fd, offset);
}

/* names */

static int rename_any(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char a[PATH_MAX], b[PATH_MAX];
	if (!recording())
		return (int) syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	begin();
	bool from_ours = path_of_name(from_dir, from, a), to_ours = path_of_name(to_dir, to, b);
	struct stat x, y;
	bool same = fstatat(from_dir, from, &x, AT_SYMLINK_NOFOLLOW) == 0 && fstatat(to_dir, to, &y, AT_SYMLINK_NOFOLLOW) == 0 &&
	            x.st_ino == y.st_ino && x.st_dev == y.st_dev;
	int result = (int) syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
	if (result == 0 && !same) { /* two names of one file: rename does nothing */
		if ((flags & ~(unsigned) RENAME_NOREPLACE) || from_ours != to_ours)
			put_unknown("rename", from_ours ? a : from);
		else if (from_ours)
			put_record(RECORD_RENAME, 0, 0, a, b, NULL, 0);
	}
	end();
	return result;
}
EXPORT int rename(const char *from, const char *to)
{
	return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return rename_any(from_dir, from, to_dir, to, 0);
}
EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return rename_any(from_dir, from, to_dir, to, flags);
}

static int link_any(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char a[PATH_MAX], b[PATH_MAX];
	if (!recording())
		return (int) syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	begin();
	bool from_ours = path_of_name(from_dir, from, a), to_ours = path_of_name(to_dir, to, b);
	int result = (int) syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
	if (result == 0 && to_ours && !from_ours)
		put_unknown("link", b);
	else if (result == 0 && to_ours)
		put_record(RECORD_LINK, 0, 0, a, b, NULL, 0);
	end();
	return result;
}
EXPORT int link(const char *from, const char *to)
{
	return link_any(AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORT int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return link_any(from_dir, from, to_dir, to, flags);
}

static int unlink_any(int dirfd, const char *name, int flags)
{
	char path[PATH_MAX];
	if (!recording())
		return (int) syscall(SYS_unlinkat, dirfd, name, flags);
	begin();
	bool ours = path_of_name(dirfd, name, path);
	int result = (int) syscall(SYS_unlinkat, dirfd, name, flags);
	if (result == 0 && ours)
		put_record(flags & AT_REMOVEDIR ? RECORD_RMDIR : RECORD_UNLINK, 0, 0, path, NULL, NULL, 0);
	end();
	return result;
}
EXPORT int unlink(const char *name)
{
	return unlink_any(AT_FDCWD, name, 0);
}
EXPORT int unlinkat(int dirfd, const char *name, int flags)
{
	return unlink_any(dirfd, name, flags);
}
EXPORT int rmdir(const char *name)
{
	return unlink_any(AT_FDCWD, name, AT_REMOVEDIR);
}
EXPORT int remove(const char *name)
{
	int result = unlink_any(AT_FDCWD, name, 0);
	return result != 0 && errno == EISDIR ? unlink_any(AT_FDCWD, name, AT_REMOVEDIR) : result;
}

static int mkdir_any(int dirfd, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	if (!recording())
		return (int) syscall(SYS_mkdirat, dirfd, name, mode);
	begin();
	bool ours = path_of_name(dirfd, name, path);
	int result = (int) syscall(SYS_mkdirat, dirfd, name, mode);
	if (result == 0 && ours)
		put_record(RECORD_MKDIR, 0, 0, path, NULL, NULL, 0);
	end();
	return result;
}
EXPORT int mkdir(const char *name, mode_t mode)
{
	return mkdir_any(AT_FDCWD, name, mode);
}
EXPORT int mkdirat(int dirfd, const char *name, mode_t mode)
{
	return mkdir_any(dirfd, name, mode);
}
EXPORT int symlink(const char *target, const char *name)
{
	char path[PATH_MAX];
	if (recording() && path_of_name(AT_FDCWD, name, path)) {
		begin();
		put_unknown("symlink", path);
		end();
	}
	return (int) syscall(SYS_symlinkat, target, AT_FDCWD, name);
}

/* sync */

static int sync_fd(int fd, long call)
{
	char path[PATH_MAX];
	if (nosync)
		return 0;
	if (!recording() || !path_of_fd(fd, path))
		return (int) syscall(call, fd);
	begin();
	struct stat st;
	int result = fstat(fd, &st) == 0 ? (int) syscall(call, fd) : -1;
	if (result == 0 && S_ISDIR(st.st_mode))
		put_record(RECORD_DIRSYNC, 0, 0, path, NULL, NULL, 0);
	else if (result == 0)
		put_record(RECORD_FSYNC, st.st_ino, 0, path, NULL, NULL, 0);
	end();
	return result;
}
EXPORT int fsync(int fd)
{
	return sync_fd(fd, SYS_fsync);
}
EXPORT int fdatasync(int fd)
{
	return sync_fd(fd, SYS_fdatasync);
}

static void sync_all(void)
{
	begin();
	put_record(RECORD_SYNC, 0, 0, NULL, NULL, NULL, 0);
	end();
}
EXPORT int syncfs(int fd)
{
	int result = nosync ? 0 : (int) syscall(SYS_syncfs, fd);
	char path[PATH_MAX];
	if (result == 0 && recording() && path_of_fd(fd, path))
		sync_all();
	return result;
}
EXPORT void sync(void)
{
	if (!nosync)
		(void) syscall(SYS_sync);
	if (recording())
		sync_all();
}

/* For programs that know of it (dlsym): a line in the log, at this point of its order. */
EXPORT void recorder_mark(const char *text);
EXPORT void recorder_mark(const char *text)
{
	if (!recording())
		return;
	begin();
	put_record(RECORD_MARK, 0, 0, NULL, NULL, text, strlen(text));
	end();
}
