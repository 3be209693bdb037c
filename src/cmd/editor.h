/* The user's editor on a file: $VISUAL, else $EDITOR, else vi, as a shell would start it.  It has the terminal; Ctrl-C is its own. */
#ifndef CMD_EDITOR_H
#define CMD_EDITOR_H

#include "base/err.h"

/* Until it ends.  RC_FATAL when it cannot be started, or it ended in trouble: the file may be half written. */
MUST_USE enum rc editor_run(const char *path, struct err *err);

#endif
