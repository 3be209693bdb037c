#include "io/file.h"

#include "base/clock.h"
#include "base/mem.h"
#include "io/file_step.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 50

struct file_lock {
	int fd;
};

/* What a person can read of it; a file that is being written says nothing yet. */
static void read_note(int fd, char out_note[static FILE_NOTE_BYTES])
{
	ssize_t got = pread(fd, out_note, FILE_NOTE_BYTES - 1, 0);
	size_t len = got > 0 ? (size_t) got : 0;
	out_note[len] = '\0';
	for (char *p = out_note; *p; p++)
		if ((unsigned char) *p < ' ')
			*p = ' ';
	while (len && out_note[len - 1] == ' ')
		out_note[--len] = '\0';
	if (!len)
		(void) snprintf(out_note, FILE_NOTE_BYTES, "another process");
}

static int write_note(int fd, const char *note)
{
	size_t len = strlen(note);
	errno = 0;
	len = len < FILE_NOTE_BYTES - 1 ? len : FILE_NOTE_BYTES - 1;
	if (ftruncate(fd, 0) != 0 || pwrite(fd, note, len, 0) != (ssize_t) len)
		return errno ? errno : EIO;
	return 0;
}

/* 0 with *out_fd locked, EWOULDBLOCK with the holder's note, or what failed. */
static int try_lock(const char *path, int *out_fd, char out_note[static FILE_NOTE_BYTES])
{
	for (;;) {
		CLEANUP(fd_closep) int fd = -1;
		int errnum = step_open(path, O_RDWR | O_CREAT, &fd);
		if (errnum)
			return errnum;
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			errnum = errno;
			read_note(fd, out_note);
			if (errnum != EINTR)
				return errnum;
		} else if (fd_still_named(fd, path)) {
			*out_fd = fd;
			fd = -1;
			return 0;
		}
	}
}

enum rc file_lock(const char *path, const char *note, int64_t wait_ms, struct clock *clock, const atomic_bool *stop,
                  void (*on_wait)(const char *holder_note, void *ctx), void *ctx, struct file_lock **out, struct err *err)
{
	int64_t until_ns = clock_mono_ns(clock) + wait_ms * 1000000;
	char holder[FILE_NOTE_BYTES];
	int fd = -1, errnum;
	bool told = false;
	while ((errnum = try_lock(path, &fd, holder)) == EWOULDBLOCK) {
		int64_t left_ms = (until_ns - clock_mono_ns(clock)) / 1000000;
		if (stop && *stop)
			return err_set(err, RC_RETRY, "stopped while %s was locked by %s", path, holder);
		if (left_ms <= 0)
			return err_set(err, RC_RETRY, "%s is locked by %s: wait for it to end, or stop it", path, holder);
		if (!told && on_wait)
			on_wait(holder, ctx);
		told = true;
		clock_sleep_ms(clock, left_ms < POLL_MS ? left_ms : POLL_MS);
	}
	if (!errnum)
		errnum = write_note(fd, note);
	if (errnum) {
		fd_closep(&fd);
		return err_errno(err, errnum, "cannot lock %s", path);
	}
	*out = mem_alloc(sizeof **out);
	(*out)->fd = fd;
	return RC_OK;
}

enum rc file_lock_look(const char *path, bool *out_held, char out_note[static FILE_NOTE_BYTES], struct err *err)
{
	CLEANUP(fd_closep) int fd = -1;
	*out_held = false;
	int errnum = step_open(path, O_RDONLY, &fd);
	if (errnum)
		return errnum == ENOENT ? RC_OK : err_errno(err, errnum, "cannot look at %s", path);
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) /* for a moment, with others who look */
		return RC_OK;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "cannot look at %s", path);
	*out_held = true;
	read_note(fd, out_note);
	return RC_OK;
}

void file_unlock(struct file_lock *lock)
{
	if (!lock)
		return;
	if (ftruncate(lock->fd, 0) != 0) {
		/* the next holder writes over the note */
	}
	fd_closep(&lock->fd);
	mem_free(lock);
}

enum rc file_guard(const char *path, bool shared, int *out_guard, struct err *err)
{
	for (;;) {
		CLEANUP(fd_closep) int fd = -1;
		int errnum = step_open(path, O_RDWR | O_CREAT, &fd);
		if (!errnum && flock(fd, shared ? LOCK_SH : LOCK_EX) != 0)
			errnum = errno;
		if (errnum && errnum != EINTR)
			return err_errno(err, errnum, "cannot lock %s", path);
		if (!errnum && fd_still_named(fd, path)) {
			*out_guard = fd;
			fd = -1;
			return RC_OK;
		}
	}
}

void file_unguardp(int *guard)
{
	fd_closep(guard);
}
