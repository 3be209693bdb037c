/* Who a process is, in words that stay true when its id is given to another: boot, namespace, id, time of its start.
 * So a note "X is working on this" can be judged by whoever finds it later. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/macros.h"

#define PROCESS_NAME_BYTES 128

struct process_name {
	char s[PROCESS_NAME_BYTES]; /* "<boot id> <pid namespace> <pid> <start, in ticks since boot>" */
};
/* The calling process; asks the system each time, so it is right after fork() too. */
struct process_name process_self(void);

/* UNKNOWN: another container of this machine, or a name this system cannot judge. */
enum process_life { PROCESS_ALIVE, PROCESS_DEAD, PROCESS_UNKNOWN };
enum process_life process_look(const char *name);
/* No core file of this process from now on: it holds what must not lie about on a disk. */
void process_no_core(void);
/* Its id, for messages; 0 when the name tells none. */
long process_pid(const char *name);

#endif
