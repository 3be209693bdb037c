#include "base/slice.h"
#include "io/process.h"
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that waits to be killed; its own name comes through the pipe. */
static pid_t start_process(struct process_name *out_name)
{
	int fd[2];
	if (pipe(fd))
		fail_msg("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct process_name self = process_self();
		(void) alarm(60);
		if (write(fd[1], &self, sizeof self) == (ssize_t) sizeof self)
			for (;;)
				(void) pause();
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(read(fd[0], out_name, sizeof *out_name), sizeof *out_name);
	(void) close(fd[0]);
	(void) close(fd[1]);
	return pid;
}

static void the_calling_process_is_alive(void **unused UNUSED)
{
	struct process_name self = process_self();
	assert_int_equal(process_look(self.s), PROCESS_ALIVE);
	assert_int_equal(process_pid(self.s), getpid());
	assert_string_equal(process_self().s, self.s);
}

static void a_killed_process_is_dead_even_before_its_parent_looks(void **unused UNUSED)
{
	struct process_name name;
	pid_t pid = start_process(&name);
	assert_int_equal(process_pid(name.s), pid);
	assert_int_equal(process_look(name.s), PROCESS_ALIVE);
	assert_int_equal(kill(pid, SIGKILL), 0);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0); /* a zombie now */
	assert_int_equal(process_look(name.s), PROCESS_DEAD);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_look(name.s), PROCESS_DEAD);
}

static void another_process_with_the_same_id_is_not_the_same(void **unused UNUSED)
{
	struct process_name self = process_self();
	char *start = strrchr(self.s, ' ') + 1;
	start[0] = start[0] == '9' ? '8' : '9';
	assert_int_equal(process_look(self.s), PROCESS_DEAD);
}

static void a_process_before_the_last_boot_is_dead(void **unused UNUSED)
{
	struct process_name self = process_self();
	self.s[0] = self.s[0] == '0' ? '1' : '0';
	assert_int_equal(process_look(self.s), PROCESS_DEAD);
}

static void a_process_of_another_container_cannot_be_judged(void **unused UNUSED)
{
	struct process_name self = process_self();
	char *digit = strchr(self.s, '[') + 1;
	*digit = *digit == '1' ? '2' : '1';
	assert_int_equal(process_look(self.s), PROCESS_UNKNOWN);
}

static void what_is_no_name_cannot_be_judged(void **unused UNUSED)
{
	static const char *const bad[] = { "", "x", "? ? 1 2", "boot pid:[1] x 2", "boot pid:[1] -4 2", "a b 1" };
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(process_look(bad[i]), PROCESS_UNKNOWN);
	assert_int_equal(process_pid("nobody"), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_calling_process_is_alive),
	cmocka_unit_test(a_killed_process_is_dead_even_before_its_parent_looks),
	cmocka_unit_test(another_process_with_the_same_id_is_not_the_same),
	cmocka_unit_test(a_process_before_the_last_boot_is_dead),
	cmocka_unit_test(a_process_of_another_container_cannot_be_judged),
	cmocka_unit_test(what_is_no_name_cannot_be_judged),
};
TEST_SUITE(process, tests);
