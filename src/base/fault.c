#include "base/fault.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define POINTS_MAX 128

bool fault_armed_;

static struct {
	pthread_mutex_t lock;
	char name[64];
	uint64_t nth, passed;
	int errnum;
	bool kill, fired;
	const char *count_path;
	struct {
		const char *name;
		uint64_t count;
	} points[POINTS_MAX];
	size_t point_count;
} fault = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool matches(const char *name)
{
	size_t len = strlen(fault.name);
	if (len && fault.name[len - 1] == '*')
		return strncmp(name, fault.name, len - 1) == 0;
	return strcmp(name, fault.name) == 0;
}

static void count(const char *name)
{
	for (size_t i = 0; i < fault.point_count; i++) {
		if (strcmp(fault.points[i].name, name) == 0) {
			fault.points[i].count++;
			return;
		}
	}
	assert(fault.point_count < POINTS_MAX);
	fault.points[fault.point_count].name = name;
	fault.points[fault.point_count++].count = 1;
}

static void write_counts(void)
{
	int fd = fault.count_path ? open(fault.count_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	if (fd < 0)
		return;
	for (size_t i = 0; i < fault.point_count; i++)
		(void) dprintf(fd, "%s %llu\n", fault.points[i].name, (unsigned long long) fault.points[i].count);
	(void) close(fd);
}

int fault_pass_(const char *name)
{
	int result = 0;
	pthread_mutex_lock(&fault.lock);
	count(name);
	if (matches(name) && ++fault.passed == fault.nth) {
		fault.fired = true;
		if (fault.kill) {
			write_counts();
			(void) kill(getpid(), SIGKILL);
		}
		result = fault.errnum;
	}
	pthread_mutex_unlock(&fault.lock);
	return result;
}

void fault_arm(const char *name, uint64_t nth, int errnum)
{
	assert(strlen(name) < sizeof fault.name);
	memcpy(fault.name, name, strlen(name) + 1);
	fault.nth = nth;
	fault.passed = 0;
	fault.errnum = errnum;
	fault.kill = fault.fired = false;
	fault_armed_ = true;
}

uint64_t fault_disarm(void)
{
	fault_armed_ = fault.count_path != NULL;
	fault.nth = 0;
	return fault.passed;
}

bool fault_fired(void)
{
	return fault.fired;
}

/* "kill:NAME:N" or "fail:NAME:N:ERRNO" */
static bool parse(struct slice spec)
{
	size_t a = slice_find(spec, ':', 0);
	size_t b = slice_find(spec, ':', a + 1);
	size_t c = slice_find(spec, ':', b + 1);
	if (b >= spec.len || b - a - 1 >= sizeof fault.name)
		return false;
	int64_t nth, errnum = EIO;
	if (!slice_to_int(slice_sub(spec, b + 1, c - b - 1), &nth) || nth < 0)
		return false;
	if (c < spec.len && !slice_to_int(slice_sub(spec, c + 1, spec.len - c - 1), &errnum))
		return false;
	struct slice mode = slice_sub(spec, 0, a);
	if (!slice_is(mode, "kill") && !slice_is(mode, "fail"))
		return false;
	char name[sizeof fault.name] = { 0 };
	memcpy(name, spec.ptr + a + 1, b - a - 1);
	fault_arm(name, (uint64_t) nth, (int) errnum);
	fault.kill = slice_is(mode, "kill");
	return true;
}

void fault_init_from_env(void)
{
	const char *spec = getenv("SARGAM_FAULT");
	fault.count_path = getenv("SARGAM_FAULT_COUNT");
	if (fault.count_path) {
		fault_armed_ = true;
		(void) atexit(write_counts);
	}
	if (spec && !parse(slice_of(spec))) {
		log_error("", "SARGAM_FAULT '%s': want kill:NAME:N or fail:NAME:N:ERRNO", spec);
		exit(2);
	}
}
