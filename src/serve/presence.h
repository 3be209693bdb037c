/* Who serves this home: the file `serve.json`, written when a daemon listens and removed when it ends.
 *
 * One that was killed leaves its file: whoever reads it asks whether that very process still lives (io/process.h), so an id
 * that was given to another process deceives nobody. */
#ifndef SERVE_PRESENCE_H
#define SERVE_PRESENCE_H

#include "base/arena.h"

struct clock;

struct presence {
	char process[128]; /* io/process.h */
	char url[256];     /* "http://127.0.0.1:8085" */
	char version[64];
	int64_t pid, port, since_s;
};
/* This process serves `home` from now on; an older file is replaced. */
MUST_USE enum rc presence_write(const char *home, const char *url, int port, struct clock *clock, struct err *err);
/* Takes the file away when it is this process's own; trouble is of no consequence: the file tells that its process is dead. */
void presence_remove(const char *home);

enum presence_state {
	PRESENCE_NONE,    /* no file */
	PRESENCE_ALIVE,
	PRESENCE_DEAD,    /* it was killed */
	PRESENCE_UNKNOWN, /* of another container of this machine, or not to be understood */
};
/* *out is filled unless the state is PRESENCE_NONE.  RC_OK for a file that cannot be understood, too; control characters have
 * no way into *out. */
MUST_USE enum rc presence_look(const char *home, struct presence *out, enum presence_state *out_state, struct err *err);

#endif
