#include "cmd/editor.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *editor_name(void)
{
	const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
	if (visual && *visual)
		return visual;
	return editor && *editor ? editor : "vi";
}

static int start(const char *name, const char *path, pid_t *out)
{
	/* the path is an argument, so that nothing in it is ever read as a command; the editor's name may have words of its own */
	const char *const argv[] = { "sh", "-c", "eval \"$0 \\\"\\$1\\\"\"", name, path, NULL };
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int errnum = posix_spawnattr_init(&attr);
	if (errnum)
		return errnum;
	(void) sigemptyset(&none);
	(void) sigemptyset(&defaults);
	(void) sigaddset(&defaults, SIGINT);
	(void) sigaddset(&defaults, SIGQUIT);
	(void) sigaddset(&defaults, SIGPIPE);
	errnum = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	errnum = errnum ? errnum : posix_spawnattr_setsigmask(&attr, &none);
	errnum = errnum ? errnum : posix_spawnattr_setsigdefault(&attr, &defaults);
	errnum = errnum ? errnum : posix_spawnp(out, "/bin/sh", NULL, &attr, (char **) (uintptr_t) argv, environ);
	(void) posix_spawnattr_destroy(&attr);
	return errnum;
}

enum rc editor_run(const char *path, struct err *err)
{
	const char *name = editor_name();
	int status = 0;
	pid_t pid, got;
	/* both would otherwise end this program while the editor goes on */
	void (*old_int)(int) = signal(SIGINT, SIG_IGN), (*old_quit)(int) = signal(SIGQUIT, SIG_IGN);
	int errnum = start(name, path, &pid);
	if (!errnum)
		do
			got = waitpid(pid, &status, 0);
		while (got < 0 && errno == EINTR);
	(void) signal(SIGINT, old_int);
	(void) signal(SIGQUIT, old_quit);
	if (errnum)
		return err_set(err, RC_FATAL, "editor '%.100s': %s", name, strerror(errnum));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, RC_FATAL, "editor '%.100s' ended in trouble; set EDITOR to another, or give the bytes with --data FILE", name);
	return RC_OK;
}
