#include "io/scratch.h"

#include "base/mem.h"
#include "base/rand.h"
#include "io/file.h"
#include "io/file_step.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#define PREFIX "scratch-"
#define TRIES_MAX 100

struct scratch {
	int fd;
	char *path;
};

static int lock_folder(const char *path, int *out_fd)
{
	int errnum = step_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, out_fd);
	if (!errnum && flock(*out_fd, LOCK_EX | LOCK_NB) != 0)
		errnum = errno;
	return errnum;
}

/* Who gets the lock knows that the owner is dead; one that lives, or just made the folder, holds it or takes another. */
static void remove_dead(const char *parent)
{
	DIR *dir = opendir(parent);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0)
			continue;
		CLEANUP(mem_freep) char *path = path_join(parent, entry->d_name);
		CLEANUP(fd_closep) int fd = -1;
		if (lock_folder(path, &fd) == 0)
			(void) !file_remove_tree(path, NULL); /* what cannot be removed hurts nobody */
	}
	if (dir)
		(void) closedir(dir);
}

/* EAGAIN when another one took it for a dead one's before it was locked. */
static int make(const char *parent, struct scratch *s)
{
	char name[64];
	(void) snprintf(name, sizeof name, PREFIX "%ld-%016llx", (long) getpid(), (unsigned long long) rand_os());
	s->path = path_join(parent, name);
	int errnum = folder_make(s->path);
	if (errnum)
		return errnum;
	errnum = lock_folder(s->path, &s->fd);
	if (errnum == EWOULDBLOCK || errnum == ENOENT)
		return EAGAIN;
	if (s->fd < 0)
		return errnum;
	return fd_still_named(s->fd, s->path) ? 0 : EAGAIN; /* a file system without locks is no reason to give up */
}

static void unmake(struct scratch *s)
{
	fd_closep(&s->fd);
	mem_freep(&s->path);
}

enum rc scratch_open(const char *parent, struct scratch **out, struct err *err)
{
	struct scratch *s = mem_alloc(sizeof *s);
	s->fd = -1;
	int errnum = make(parent, s);
	for (int i = 1; errnum == EAGAIN && i < TRIES_MAX; i++) {
		unmake(s);
		errnum = make(parent, s);
	}
	if (errnum) {
		enum rc rc = err_errno(err, errnum, "cannot make the folder %s", s->path);
		unmake(s);
		mem_free(s);
		return rc;
	}
	remove_dead(parent);
	*out = s;
	return RC_OK;
}

void scratch_close(struct scratch *s)
{
	if (!s)
		return;
	(void) !file_remove_tree(s->path, NULL); /* else the next one does */
	unmake(s);
	mem_free(s);
}

const char *scratch_path(const struct scratch *s)
{
	return s->path;
}
