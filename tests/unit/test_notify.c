/* What the service manager is told, received by a socket as its own. */
#include "io/notify.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path, size_t len)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval wait = { .tv_sec = 5 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	(void) memcpy(at.sun_path, path, len);
	assert_int_equal(bind(fd, (const struct sockaddr *) &at, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), 0);
	return fd;
}

static void assert_told(int fd, const char *want)
{
	char text[64] = "";
	assert_int_equal(recv(fd, text, sizeof text - 1, 0), strlen(want));
	assert_string_equal(text, want);
}

static void without_a_manager_nothing_is_told(void **unused UNUSED)
{
	struct err err = { 0 };
	(void) unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_send(NOTIFY_READY, &err), RC_OK);
	(void) setenv("NOTIFY_SOCKET", "", 1);
	assert_int_equal(notify_send(NOTIFY_READY, &err), RC_OK);
}

static void a_socket_in_a_folder_is_told(void **unused UNUSED)
{
	struct err err = { 0 };
	char dir[] = "/tmp/sargam-notify-XXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	(void) snprintf(path, sizeof path, "%s/socket", dir);
	int fd = listen_at(path, strlen(path));
	(void) setenv("NOTIFY_SOCKET", path, 1);
	assert_int_equal(notify_send(NOTIFY_READY, &err), RC_OK);
	assert_int_equal(notify_send(NOTIFY_WATCHDOG, &err), RC_OK);
	assert_told(fd, "READY=1");
	assert_told(fd, "WATCHDOG=1");
	(void) close(fd);
	assert_int_equal(notify_send(NOTIFY_READY, &err), RC_RETRY); /* nobody listens any more */
	assert_non_null(strstr(err.msg, path));
	(void) unlink(path);
	(void) rmdir(dir);
}

static void an_abstract_name_is_told(void **unused UNUSED)
{
	struct err err = { 0 };
	char name[64];
	(void) snprintf(name, sizeof name, "@sargam-notify-%ld", (long) getpid());
	name[0] = '\0';
	int fd = listen_at(name, 1 + strlen(name + 1));
	name[0] = '@';
	(void) setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_send(NOTIFY_READY, &err), RC_OK);
	assert_told(fd, "READY=1");
	(void) close(fd);
}

static void a_manager_that_reads_nothing_is_not_waited_for_for_ever(void **unused UNUSED)
{
	struct err err = { 0 };
	char name[64];
	(void) snprintf(name, sizeof name, "@sargam-deaf-%ld", (long) getpid());
	name[0] = '\0';
	int fd = listen_at(name, 1 + strlen(name + 1));
	name[0] = '@';
	(void) setenv("NOTIFY_SOCKET", name, 1);
	enum rc rc = RC_OK;
	for (int i = 0; i < 100000 && rc == RC_OK; i++) /* its queue is full at some time: net.unix.max_dgram_qlen */
		rc = notify_send(NOTIFY_WATCHDOG, &err);
	assert_int_equal(rc, RC_RETRY);
	(void) close(fd);
}

static void what_is_no_address_is_refused(void **unused UNUSED)
{
	char longer[200];
	(void) memset(longer, 'a', sizeof longer - 1);
	longer[0] = '/';
	longer[sizeof longer - 1] = '\0';
	const char *const wrong[] = { "socket", "vsock:2:1234", "@", "/", longer };
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct err err = { 0 };
		(void) setenv("NOTIFY_SOCKET", wrong[i], 1);
		assert_int_equal(notify_send(NOTIFY_READY, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, "NOTIFY_SOCKET"));
	}
	longer[107] = '\0'; /* the longest that fits, where nobody listens */
	struct err err = { 0 };
	(void) setenv("NOTIFY_SOCKET", longer, 1);
	assert_int_equal(notify_send(NOTIFY_READY, &err), RC_RETRY);
}

static int64_t watchdog(const char *us, const char *pid)
{
	(void) (us ? setenv("WATCHDOG_USEC", us, 1) : unsetenv("WATCHDOG_USEC"));
	(void) (pid ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"));
	return notify_watchdog_ms();
}

static void the_watchdog_is_this_process_s_own(void **unused UNUSED)
{
	char self[32];
	(void) snprintf(self, sizeof self, "%ld", (long) getpid());
	assert_int_equal(watchdog(NULL, NULL), 0);
	assert_int_equal(watchdog("180000000", NULL), 90000);
	assert_int_equal(watchdog("180000000", self), 90000);
	assert_int_equal(watchdog("180000000", "1"), 0); /* a child inherits the variables */
	assert_int_equal(watchdog("1", self), 1);
	const char *const wrong[] = { "", "0", "-5", "+5", "5s", " 5", "99999999999999999999", "9223372036854775807" };
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_int_equal(watchdog(wrong[i], self), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_a_manager_nothing_is_told),
	cmocka_unit_test(a_socket_in_a_folder_is_told),
	cmocka_unit_test(an_abstract_name_is_told),
	cmocka_unit_test(a_manager_that_reads_nothing_is_not_waited_for_for_ever),
	cmocka_unit_test(what_is_no_address_is_refused),
	cmocka_unit_test(the_watchdog_is_this_process_s_own),
};
TEST_SUITE(notify, tests);
