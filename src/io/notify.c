#include "io/notify.h"

#include "base/macros.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_ENV "NOTIFY_SOCKET"
#define WAIT_S 2
#define WATCHDOG_US_MAX (INT64_C(1) << 53) /* centuries */

/* unix(7): a file, or with '@' an abstract name, whose first byte is 0 and whose length counts. */
static enum rc address_of(const char *name, struct sockaddr_un *out, socklen_t *out_len, struct err *err)
{
	size_t len = strlen(name);
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof out->sun_path)
		return err_set(err, RC_FATAL, SOCKET_ENV " '%.200s': want a path or @NAME of at most %zu bytes: unset it when no service manager listens",
		               name, sizeof out->sun_path - 1);
	(void) memcpy(out->sun_path, name, len);
	if (name[0] == '@')
		out->sun_path[0] = '\0';
	*out_len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len);
	return RC_OK;
}

static bool send_all(int fd, const struct sockaddr_un *to, socklen_t to_len, const char *state)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	size_t len = strlen(state);
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
	       sendto(fd, state, len, MSG_NOSIGNAL, (const struct sockaddr *) to, to_len) == (ssize_t) len;
}

enum rc notify_send(const char *state, struct err *err)
{
	const char *name = getenv(SOCKET_ENV);
	struct sockaddr_un to;
	socklen_t to_len = 0;
	if (!name || !name[0])
		return RC_OK;
	TRY(address_of(name, &to, &to_len, err));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent = fd >= 0 && send_all(fd, &to, to_len, state);
	int why = errno;
	if (fd >= 0)
		(void) close(fd);
	if (!sent)
		return err_set(err, RC_RETRY, SOCKET_ENV " '%s': the service manager did not take %s: %s", name, state, strerror(why));
	return RC_OK;
}

static int64_t number_of(const char *env)
{
	const char *text = getenv(env);
	char *end = NULL;
	if (!text || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	int64_t n = strtoll(text, &end, 10);
	return errno || *end ? 0 : n;
}

int64_t notify_watchdog_ms(void)
{
	int64_t us = number_of("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	if (us <= 0 || us > WATCHDOG_US_MAX || (pid && number_of("WATCHDOG_PID") != getpid()))
		return 0;
	return us < 2000 ? 1 : us / 2000;
}
