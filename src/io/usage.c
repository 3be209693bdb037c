#include "io/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static size_t read_text(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(out, 1, size - 1, f) : 0;
	out[len] = '\0';
	if (f)
		(void) fclose(f);
	return len;
}

/* The n-th field after the name in parentheses, the state being the first. */
static uint64_t stat_field(const char *text, int n)
{
	uint64_t value = 0;
	const char *at = strrchr(text, ')');
	for (int i = 0; at && i < n; i++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, " %" SCNu64, &value) == 1 ? value : 0;
}

/* Told once: computed again it would differ by a moment, and who watches it would see a restart. */
static int64_t started_ms;

static void read_started(void)
{
	char text[1024];
	struct timespec now, since_boot;
	long tick = sysconf(_SC_CLK_TCK);
	if (tick <= 0 || !read_text("/proc/self/stat", text, sizeof text) || clock_gettime(CLOCK_REALTIME, &now) != 0 ||
	    clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
		return;
	int64_t boot_ms = (now.tv_sec - since_boot.tv_sec) * 1000 + (now.tv_nsec - since_boot.tv_nsec) / 1000000;
	started_ms = boot_ms + (int64_t) stat_field(text, 20) * 1000 / tick;
}

static int64_t count_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int64_t count = 0;
	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	(void) closedir(dir);
	return count - 3; /* ".", ".." and the listing itself */
}

void process_usage(struct process_usage *out)
{
	char text[1024];
	struct rusage used;
	struct rlimit files;
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	long page = sysconf(_SC_PAGESIZE);
	(void) pthread_once(&once, read_started);
	*out = (struct process_usage){ .start_ms = started_ms, .files_max = -1 };
	if (getrusage(RUSAGE_SELF, &used) == 0)
		out->cpu_ms = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
	if (read_text("/proc/self/stat", text, sizeof text)) {
		out->virtual_bytes = (int64_t) stat_field(text, 21);
		out->resident_bytes = (int64_t) stat_field(text, 22) * page;
	}
	out->open_files = count_open_files();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY)
		out->files_max = (int64_t) files.rlim_cur;
}
