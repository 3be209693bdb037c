/* Raw sockets for tests of servers: what goes over the wire is written and read byte by byte. */
#ifndef SUPPORT_WIRE_H
#define SUPPORT_WIRE_H

#include "base/arena.h"

enum wire_end {
	WIRE_WHOLE,   /* as many bytes as were announced (or none were) */
	WIRE_CUT,     /* ended before that */
	WIRE_NOTHING, /* ended without a byte */
	WIRE_RESET,
	WIRE_TIMEOUT, /* nothing came for WIRE_TIMEOUT_S */
};
#define WIRE_TIMEOUT_S 20

struct wire_reply {
	enum wire_end end;
	int status;              /* 0: no status line */
	struct slice head, body; /* head: with the status line */
};

/* Connected to 127.0.0.1, with that time limit on reading; the test fails when it cannot. */
int wire_connect(int port);
/* Writes all; false when the other side has gone. */
bool wire_send(int fd, struct slice bytes);
/* Reads one response; the connection stays usable when it came whole. */
void wire_read(int fd, struct arena *arena, struct wire_reply *out);
/* A request on a connection of its own. */
void wire_ask(int port, const char *request, struct arena *arena, struct wire_reply *out);
/* SLICE_NULL when absent. */
struct slice wire_header(const struct wire_reply *reply, const char *name);

#endif
