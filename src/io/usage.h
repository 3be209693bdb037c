/* What this process takes of the machine, as proc(5) tells it. */
#ifndef IO_USAGE_H
#define IO_USAGE_H

#include "base/macros.h"

struct process_usage {
	int64_t cpu_ms;                         /* user and system */
	int64_t start_ms;                       /* since 1970 UTC; 0 when it cannot be told */
	int64_t resident_bytes, virtual_bytes;  /* 0 when they cannot be told */
	int64_t open_files, files_max;          /* -1 when they cannot be told */
};
void process_usage(struct process_usage *out);

#endif
