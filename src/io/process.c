#include "io/process.h"

#include "base/slice.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

/* A file of /proc, at most size - 1 bytes; "" when it cannot be read. */
static void read_proc(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(out, 1, size - 1, f) : 0;
	out[len] = '\0';
	if (f)
		(void) fclose(f);
}

/* proc(5), /proc/PID/stat: the state is the first field after the name in parentheses (which may hold anything), the
 * start time the 20th.  False when there is no such process; a zombie holds nothing any more and is none. */
static bool read_start(long pid, uint64_t *out_start)
{
	char path[64], text[1024];
	(void) snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	read_proc(path, text, sizeof text);
	char *at = strrchr(text, ')');
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return false;
	at += 2;
	for (int field = 0; field < 19; field++) {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
	}
	return sscanf(at, "%" SCNu64, out_start) == 1;
}

/* What all living processes that this one can judge have in common. */
static void read_world(char *out, size_t size)
{
	char boot[64], space[64] = "";
	read_proc("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
	boot[strcspn(boot, "\n ")] = '\0';
	ssize_t len = readlink("/proc/self/ns/pid", space, sizeof space - 1); /* "pid:[4026531836]" */
	space[len > 0 ? len : 0] = '\0';
	(void) snprintf(out, size, "%s %s", boot[0] ? boot : "?", space[0] ? space : "?");
}

struct process_name process_self(void)
{
	struct process_name self;
	char world[PROCESS_NAME_BYTES / 2 + 48];
	long pid = (long) getpid();
	uint64_t start = 0;
	read_world(world, sizeof world);
	(void) read_start(pid, &start);
	(void) snprintf(self.s, sizeof self.s, "%.80s %ld %" PRIu64, world, pid, start);
	return self;
}

static bool parse(const char *name, char boot[static 64], char space[static 64], long *out_pid, uint64_t *out_start)
{
	return sscanf(name, "%63s %63s %ld %" SCNu64, boot, space, out_pid, out_start) == 4 && *out_pid > 0;
}

enum process_life process_look(const char *name)
{
	char boot[64], space[64], here[PROCESS_NAME_BYTES], there[PROCESS_NAME_BYTES];
	long pid;
	uint64_t start, found;
	if (!parse(name, boot, space, &pid, &start))
		return PROCESS_UNKNOWN;
	read_world(here, sizeof here);
	if (strchr(boot, '?') || strchr(here, '?') || start == 0)
		return PROCESS_UNKNOWN;
	if (strncmp(here, boot, strlen(boot)) != 0)
		return PROCESS_DEAD; /* the machine was started anew since */
	(void) snprintf(there, sizeof there, "%s %s", boot, space);
	if (strcmp(here, there) != 0)
		return PROCESS_UNKNOWN;
	return read_start(pid, &found) && found == start ? PROCESS_ALIVE : PROCESS_DEAD;
}

long process_pid(const char *name)
{
	char boot[64], space[64];
	long pid;
	uint64_t start;
	return parse(name, boot, space, &pid, &start) ? pid : 0;
}

void process_no_core(void)
{
	const struct rlimit none = { 0, 0 };
	(void) setrlimit(RLIMIT_CORE, &none); /* lowering is always allowed */
}
