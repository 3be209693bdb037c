#include "io/file_step.h"

#include "base/fault.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The call is made again while it is interrupted. */
#define CALL(call)                                        \
	({                                                \
		int errnum_ = 0;                          \
		do                                        \
			errnum_ = (call) < 0 ? errno : 0; \
		while (errnum_ == EINTR);                 \
		errnum_;                                  \
	})
#define STEP(name, call)                                                 \
	({                                                               \
		int step_errnum_ = fault_point("file." name ".before");  \
		if (!step_errnum_)                                       \
			step_errnum_ = CALL(call);                       \
		if (!step_errnum_)                                       \
			step_errnum_ = fault_point("file." name ".after"); \
		step_errnum_;                                            \
	})

int step_write(int fd, struct slice bytes)
{
	int errnum = fault_point("file.write.before");
	if (errnum)
		return errnum;
	while (bytes.len) {
		ssize_t wrote = write(fd, bytes.ptr, bytes.len);
		if (wrote < 0 && errno != EINTR)
			return errno;
		if (wrote > 0)
			bytes = (struct slice){ bytes.ptr + wrote, bytes.len - (size_t) wrote };
	}
	return fault_point("file.write.after");
}

int step_fsync(int fd)
{
	return STEP("fsync", fsync(fd));
}

int step_rename(const char *from, const char *to)
{
	return STEP("rename", rename(from, to));
}

/* Without hard links (some network and FAT file systems) the kernel's exclusive rename does the same. */
static int link_or_rename(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK && errno != ENOSYS)
		return -1;
	int errnum = errno;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		errno = errnum;
	return -1;
}

int step_link(const char *from, const char *to)
{
	return STEP("link", link_or_rename(from, to));
}

int step_unlink(const char *path)
{
	return STEP("unlink", unlink(path));
}

int step_mkdir(const char *path)
{
	return STEP("mkdir", mkdir(path, 0777));
}

int step_rmdir(const char *path)
{
	return STEP("unlink", rmdir(path));
}

int step_open(const char *path, int flags, int *out_fd)
{
	*out_fd = -1;
	int errnum = flags & O_CREAT ? fault_point("file.open.before") : 0;
	if (errnum)
		return errnum;
	return CALL(*out_fd = open(path, flags | O_CLOEXEC, 0666));
}

void fd_closep(int *fd)
{
	if (*fd >= 0)
		(void) close(*fd);
	*fd = -1;
}

bool fd_still_named(int fd, const char *path)
{
	struct stat ours, named;
	return fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

int step_dirsync(const char *folder)
{
	CLEANUP(fd_closep) int fd = -1;
	int errnum = step_open(folder, O_RDONLY | O_DIRECTORY, &fd);
	if (!errnum)
		errnum = STEP("dirsync", fsync(fd));
	return errnum == EINVAL ? 0 : errnum; /* a file system that has no fsync for folders */
}

char *path_folder(const char *path)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len && path[len - 1] != '/')
		len--;
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (!len)
		return mem_strdup(".");
	char *folder = mem_alloc(len + 1);
	memcpy(folder, path, len);
	return folder;
}

char *path_join(const char *folder, const char *name)
{
	size_t a = strlen(folder), b = strlen(name);
	bool slash = a && folder[a - 1] != '/';
	char *path = mem_alloc(a + slash + b + 1);
	memcpy(path, folder, a);
	if (slash)
		path[a] = '/';
	memcpy(path + a + slash, name, b);
	return path;
}
