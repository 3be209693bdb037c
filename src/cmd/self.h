/* This program as a child of itself, on the same home with the same settings: heavy work of a daemon, whose memory goes back when
 * it is done and whose end, of whatever kind, the daemon survives.  Its lines on standard error are the daemon's. */
#ifndef CMD_SELF_H
#define CMD_SELF_H

#include "base/buf.h"
#include "cmd/app.h"

#define SELF_GRACE_MS 6000 /* from the daemon's stop to the end of its child, by force then */

/* `words`: the command and its options, ends with NULL.  *out_status: an exit status of cmd/command.h.  RC_RETRY when `stop` was set:
 * the child was asked to end.  `out_text` gets what it prints, as much as fits; NULL: nobody reads it. */
MUST_USE enum rc self_run(struct app *app, const char *const *words, const atomic_bool *stop, struct buf *out_text, int *out_status,
                          struct err *err);

#endif
