/* Another program, run with pipes: no shell, no terminal; of this process it gets the environment (less what is dropped) and
 * its three standard files, nothing else.
 *
 * It stands in a process group of its own, so Ctrl-C reaches this program only, which then ends the child.  What it says on
 * standard error is taken all the time and its first bytes are kept for the message of an error, so it never waits for
 * somebody to read that; what it prints while it is written to is kept too, up to a limit, so that the two never wait for
 * each other.  child_close() leaves no process and no zombie behind.  SIGPIPE must be ignored in this process; the child has
 * it again.  A handle belongs to one thread at a time.
 *
 * Errors: RC_NOT_FOUND (no such program), RC_RETRY (no process or pipe to be had; *stop was set), RC_FATAL (it ended in
 * trouble; the message has what it said).  Fault points "child.start", "child.read", "child.write", "child.wait". */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include "base/slice.h"

#define CHILD_SAID_BYTES 512             /* of standard error, for messages */
#define CHILD_UNREAD_BYTES_MAX (1 << 20) /* printed while it was written to */

struct child;
struct child_options {
	const char *const *argv;    /* ends with NULL; argv[0] is looked up in PATH */
	const char *const *env;     /* "NAME=value" besides those of this process; ends with NULL; may be NULL */
	const char *env_drop;       /* variables whose names begin like this are not handed down; may be NULL */
	bool keeps_stderr;          /* its standard error is that of this process, and nothing of it is known here */
	bool takes_input;           /* child_write fills its standard input; else that is empty */
	const atomic_bool *stop; /* asked while waiting; may be NULL */
};

MUST_USE enum rc child_start(const struct child_options *o, struct child **out, struct err *err);
/* Waits until all of it is taken. */
MUST_USE enum rc child_write(struct child *c, struct slice bytes, struct err *err);
/* No more input follows. */
void child_end_input(struct child *c);
/* Waits for at least one byte of its standard output; *out_len 0 at the end. */
MUST_USE enum rc child_read(struct child *c, char *bytes, size_t cap, size_t *out_len, struct err *err);
/* Ends the input, lets the rest of the output go and waits for its end.  RC_OK also when it failed: *out_status is its exit
 * status, or 128 + the number of the signal that ended it. */
MUST_USE enum rc child_wait(struct child *c, int *out_status, struct err *err);
/* The first line or two that it said on standard error so far, on one line, printable. */
const char *child_said(struct child *c);
/* Fills `err` with how it ended and what it said: RC_RETRY when it was told to stop, else RC_FATAL. */
MUST_USE enum rc child_trouble(struct child *c, struct err *err);
/* Asks it to end (SIGTERM) and waits for that, letting go what it still prints; it has gone when this returns false, too: then it took
 * longer than grace_ms and was killed. */
bool child_end(struct child *c, int64_t grace_ms);
/* Takes NULL; ends it and its own children when it still runs. */
void child_close(struct child *c);
static inline void child_closep(struct child **c)
{
	child_close(*c);
	*c = NULL;
}

#endif
