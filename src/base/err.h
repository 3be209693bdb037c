/* Errors: a small class to decide by, a message for the human.
 *
 * The class says what the caller must do next; the bus maps it one to one:
 * OK -> ack, RETRY -> nack with delay, REJECT -> dead letter, FATAL -> stop.
 * A class is decided once, where the foreign status is first seen (io/, vendor folders),
 * never by a backend.  A function logs or returns an error, never both. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/macros.h"

enum rc {
	RC_OK,
	RC_NOT_FOUND, /* the named thing does not exist; often not an error */
	RC_RETRY,     /* the same call may succeed later */
	RC_REJECT,    /* this input can never be used; others may go on */
	RC_FATAL,     /* nothing more can be done until a person changes something */
};

#define ERR_MSG_BYTES 1024

/* Filled only on failure, untouched on success.  May be NULL. */
struct err {
	int64_t retry_after_ms; /* RC_RETRY only; 0 = caller picks the backoff */
	char msg[ERR_MSG_BYTES];
};

/* The one control-flow macro of the project. */
#define TRY(expr)                            \
	do {                                 \
		enum rc try_rc_ = (expr);    \
		if (try_rc_ != RC_OK)        \
			return try_rc_;      \
	} while (0)

/* Like TRY, with a context put before the message: "bronze 37i9…: page 0: …". */
#define TRY_WRAP(expr, err, ...)                                       \
	do {                                                           \
		enum rc try_rc_ = (expr);                              \
		if (try_rc_ != RC_OK)                                  \
			return err_wrap((err), try_rc_, __VA_ARGS__);  \
	} while (0)

/* Fill `err` (may be NULL) and hand `rc` back. */
PRINTF(3, 4) enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...);
/* Put a context in front of the message that stands in `err`. */
PRINTF(3, 4) enum rc err_wrap(struct err *err, enum rc rc, const char *fmt, ...);
/* Append strerror(errnum); the class follows from it: ENOENT NOT_FOUND, EROFS/EACCES FATAL, the rest RETRY. */
PRINTF(3, 4) enum rc err_errno(struct err *err, int errnum, const char *fmt, ...);

/* "ok", "not found", "retry", "reject", "fatal". */
const char *rc_name(enum rc rc);

#endif
