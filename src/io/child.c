#include "io/child.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "io/file_step.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 50 /* how soon *stop is seen, and an end without a closed pipe */

extern char **environ;

struct child {
	pid_t pid;
	int in, out, err;  /* our ends; -1 when closed */
	const atomic_bool *stop;
	char *name;        /* "git log" */
	struct buf unread; /* printed while it was written to */
	size_t unread_at;
	char said[CHILD_SAID_BYTES];
	size_t said_len;
	bool ended, killed; /* by a signal: then `status` is 128 + its number */
	int status;
};

/* --- start -------------------------------------------------------------------------------------------------- */

struct pipes {
	int in[2], out[2], err[2];
};

static void pipes_done(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		fd_closep(&p->in[i]);
		fd_closep(&p->out[i]);
		fd_closep(&p->err[i]);
	}
}

static int open_pipes(struct pipes *p, bool takes_input)
{
	if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->err, O_CLOEXEC) != 0)
		return errno;
	if (takes_input) {
		if (pipe2(p->in, O_CLOEXEC) != 0 || fcntl(p->in[1], F_SETFL, O_NONBLOCK) != 0)
			return errno;
	} else {
		p->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (p->in[0] < 0)
			return errno;
	}
	return 0;
}

/* Those of this process but the dropped ones, then those of the options; to be freed. */
static char **environment(const struct child_options *o)
{
	size_t have = 0, extra = 0, count = 0;
	while (environ && environ[have])
		have++;
	while (o->env && o->env[extra])
		extra++;
	char **env = mem_alloc_array(have + extra + 1, sizeof *env);
	for (size_t i = 0; i < have; i++)
		if (!o->env_drop || strncmp(environ[i], o->env_drop, strlen(o->env_drop)) != 0)
			env[count++] = environ[i];
	for (size_t i = 0; i < extra; i++) { /* one of each name only: which of two counts is the program's choice */
		size_t name = slice_find(slice_of(o->env[i]), '=', 0) + 1;
		size_t at = 0;
		while (at < count && strncmp(env[at], o->env[i], name) != 0)
			at++;
		env[at] = (char *) (uintptr_t) o->env[i];
		count += at == count;
	}
	return env;
}

/* A group of its own, no signal blocked or ignored (SIGPIPE is, in this process). */
static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	(void) sigemptyset(&none);
	(void) sigfillset(&all);
	int errnum = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (!errnum)
		errnum = posix_spawnattr_setpgroup(attr, 0);
	if (!errnum)
		errnum = posix_spawnattr_setsigmask(attr, &none);
	return errnum ? errnum : posix_spawnattr_setsigdefault(attr, &all);
}

static int spawn(const struct child_options *o, struct pipes *p, pid_t *out_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int errnum = posix_spawn_file_actions_init(&actions);
	if (errnum)
		return errnum;
	errnum = posix_spawnattr_init(&attr);
	if (!errnum) {
		const int from[] = { p->in[0], p->out[1], o->keeps_stderr ? STDERR_FILENO : p->err[1] };
		errnum = set_attributes(&attr);
		for (int i = 0; i < 3 && !errnum; i++)
			errnum = posix_spawn_file_actions_adddup2(&actions, from[i], i);
		CLEANUP(mem_freep) char **env = environment(o);
		if (!errnum)
			errnum = posix_spawnp(out_pid, o->argv[0], &actions, &attr, (char **) (uintptr_t) o->argv, env);
		(void) posix_spawnattr_destroy(&attr);
	}
	(void) posix_spawn_file_actions_destroy(&actions);
	return errnum;
}

enum rc child_start(const struct child_options *o, struct child **out, struct err *err)
{
	CLEANUP(pipes_done) struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	pid_t pid = 0;
	*out = NULL;
	assert(o->argv && o->argv[0]);
	int errnum = fault_point("child.start");
	if (!errnum)
		errnum = open_pipes(&p, o->takes_input);
	if (!errnum)
		errnum = spawn(o, &p, &pid);
	if (errnum)
		return err_errno(err, errnum, "cannot run '%s'", o->argv[0]);
	struct child *c = mem_alloc(sizeof *c);
	*c = (struct child){ .pid = pid, .in = p.in[1], .out = p.out[0], .err = p.err[0], .stop = o->stop,
	                     .name = mem_strdup(o->argv[0]), .unread = buf_new(CHILD_UNREAD_BYTES_MAX) };
	p.in[1] = p.out[0] = p.err[0] = -1;
	if (o->keeps_stderr)
		fd_closep(&c->err);
	*out = c;
	return RC_OK;
}

/* --- the pipes ---------------------------------------------------------------------------------------------- */

/* Also what does not fit is read: who writes must never wait for us. */
static void take_said(struct child *c)
{
	char bytes[4096];
	ssize_t got = read(c->err, bytes, sizeof bytes);
	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		fd_closep(&c->err);
		return;
	}
	size_t room = sizeof c->said - 1 - c->said_len;
	size_t take = (size_t) got < room ? (size_t) got : room;
	memcpy(c->said + c->said_len, bytes, take);
	c->said_len += take;
}

static enum rc stopped(const struct child *c, struct err *err)
{
	if (c->stop && *c->stop)
		return err_set(err, RC_RETRY, "stopped while '%s' was at work", c->name);
	return RC_OK;
}

/* Waits until `fd` is ready for `events`, or LOOK_MS; takes what is said meanwhile.  With `also_out`, readiness of the output
 * ends the wait too. */
static enum rc wait_ready(struct child *c, int fd, short events, bool also_out, bool *out_ready, bool *out_printed,
                          struct err *err)
{
	struct pollfd p[3] = { { .fd = fd, .events = events },
	                       { .fd = c->err, .events = POLLIN },
	                       { .fd = also_out ? c->out : -1, .events = POLLIN } };
	*out_ready = *out_printed = false;
	TRY(stopped(c, err));
	bool closed = p[0].fd < 0 && p[1].fd < 0 && p[2].fd < 0; /* it is about to end */
	int count = poll(p, 3, closed ? 1 : LOOK_MS);
	if (count < 0 && errno != EINTR)
		return err_errno(err, errno, "waiting for '%s'", c->name);
	if (count <= 0)
		return RC_OK;
	if (p[1].revents)
		take_said(c);
	*out_ready = p[0].revents != 0;
	*out_printed = p[2].revents != 0;
	return RC_OK;
}

static enum rc keep_unread(struct child *c, struct err *err)
{
	char bytes[4096];
	ssize_t got = read(c->out, bytes, sizeof bytes);
	if (got < 0 && errno == EINTR)
		return RC_OK;
	if (got <= 0) {
		fd_closep(&c->out);
		return RC_OK;
	}
	buf_add(&c->unread, (struct slice){ bytes, (size_t) got });
	if (c->unread.over)
		return err_set(err, RC_FATAL, "'%s' prints more than %d bytes before it reads what it is given", c->name,
		               CHILD_UNREAD_BYTES_MAX);
	return RC_OK;
}

enum rc child_write(struct child *c, struct slice bytes, struct err *err)
{
	int errnum = fault_point("child.write");
	if (errnum)
		return err_errno(err, errnum, "writing to '%s'", c->name);
	while (bytes.len) {
		bool ready, printed;
		if (c->in < 0)
			return child_trouble(c, err);
		TRY(wait_ready(c, c->in, POLLOUT, true, &ready, &printed, err));
		if (printed)
			TRY(keep_unread(c, err));
		if (!ready)
			continue;
		ssize_t wrote = write(c->in, bytes.ptr, bytes.len);
		if (wrote >= 0)
			bytes = (struct slice){ bytes.ptr + wrote, bytes.len - (size_t) wrote };
		else if (errno == EPIPE)
			return child_trouble(c, err); /* it has gone: how it went tells why */
		else if (errno != EAGAIN && errno != EINTR)
			return err_errno(err, errno, "writing to '%s'", c->name);
	}
	return RC_OK;
}

void child_end_input(struct child *c)
{
	fd_closep(&c->in);
}

enum rc child_read(struct child *c, char *bytes, size_t cap, size_t *out_len, struct err *err)
{
	assert(cap > 0);
	*out_len = 0;
	int errnum = fault_point("child.read");
	if (errnum)
		return err_errno(err, errnum, "reading from '%s'", c->name);
	if (c->unread_at < c->unread.len) {
		size_t rest = c->unread.len - c->unread_at;
		*out_len = rest < cap ? rest : cap;
		memcpy(bytes, c->unread.ptr + c->unread_at, *out_len);
		c->unread_at += *out_len;
		if (c->unread_at == c->unread.len) {
			buf_reset(&c->unread);
			c->unread_at = 0;
		}
		return RC_OK;
	}
	while (c->out >= 0) {
		bool ready, printed;
		TRY(wait_ready(c, c->out, POLLIN, false, &ready, &printed, err));
		if (!ready)
			continue;
		ssize_t got = read(c->out, bytes, cap);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "reading from '%s'", c->name);
		if (got == 0)
			fd_closep(&c->out);
		*out_len = (size_t) got;
		return RC_OK;
	}
	return RC_OK;
}

/* --- the end ------------------------------------------------------------------------------------------------ */

static bool look_ended(struct child *c, int options)
{
	int status;
	if (c->ended)
		return true;
	pid_t got;
	do
		got = waitpid(c->pid, &status, options);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return false;
	c->ended = true;
	/* got < 0: SIGCHLD is ignored, the end is known, how is not: no success */
	c->killed = got > 0 && WIFSIGNALED(status);
	c->status = got < 0 ? 255 : c->killed ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

/* What it said to the end, as far as it is there already. */
static void take_rest(struct child *c)
{
	for (struct pollfd p = { .fd = c->err, .events = POLLIN }; c->err >= 0 && poll(&p, 1, 0) > 0;)
		take_said(c);
}

enum rc child_wait(struct child *c, int *out_status, struct err *err)
{
	char gone[4096];
	int errnum = fault_point("child.wait");
	if (errnum)
		return err_errno(err, errnum, "waiting for '%s'", c->name);
	child_end_input(c);
	/* Its end counts, not that of its pipes: a child of its own may hold those. */
	while (!look_ended(c, WNOHANG)) {
		bool ready, printed;
		TRY(wait_ready(c, c->out, POLLIN, false, &ready, &printed, err));
		if (ready && read(c->out, gone, sizeof gone) == 0)
			fd_closep(&c->out);
	}
	take_rest(c);
	*out_status = c->status;
	return RC_OK;
}

const char *child_said(struct child *c)
{
	size_t len = 0;
	for (size_t i = 0; i < c->said_len; i++) {
		char ch = c->said[i];
		if ((unsigned char) ch < ' ' || ch == 0x7f)
			ch = ' ';
		if (ch != ' ' || (len && c->said[len - 1] != ' '))
			c->said[len++] = ch;
	}
	while (len && c->said[len - 1] == ' ')
		len--;
	c->said[len] = '\0';
	c->said_len = len;
	return c->said;
}

enum rc child_trouble(struct child *c, struct err *err)
{
	int status;
	TRY(child_wait(c, &status, err));
	TRY(stopped(c, err));
	const char *said = child_said(c);
	return err_set(err, RC_FATAL, "'%s' ended with %s %d%s%s", c->name, c->killed ? "signal" : "status",
	               c->killed ? status - 128 : status, *said ? ": " : "", said);
}

/* What it prints on its way out is let go: it must never wait for a reader that waits for its end. */
static void let_go(struct child *c)
{
	char gone[4096];
	int *const fd[] = { &c->out, &c->err };
	struct pollfd p[] = { { .fd = c->out, .events = POLLIN }, { .fd = c->err, .events = POLLIN } };
	(void) poll(p, 2, LOOK_MS);
	for (int i = 0; i < 2; i++)
		if (p[i].revents && read(*fd[i], gone, sizeof gone) == 0)
			fd_closep(fd[i]);
}

bool child_end(struct child *c, int64_t grace_ms)
{
	int64_t until_ns = clock_mono_ns(clock_system()) + grace_ms * 1000000;
	bool in_time = look_ended(c, WNOHANG);
	if (!in_time)
		(void) kill(-c->pid, SIGTERM);
	while (!in_time && clock_mono_ns(clock_system()) < until_ns) {
		let_go(c);
		in_time = look_ended(c, WNOHANG);
	}
	if (!in_time) {
		(void) kill(-c->pid, SIGKILL);
		(void) look_ended(c, 0);
	}
	return in_time;
}

void child_close(struct child *c)
{
	if (!c)
		return;
	if (!look_ended(c, WNOHANG)) {
		(void) kill(-c->pid, SIGKILL);
		(void) look_ended(c, 0);
	}
	fd_closep(&c->in);
	fd_closep(&c->out);
	fd_closep(&c->err);
	buf_done(&c->unread);
	mem_free(c->name);
	mem_free(c);
}
