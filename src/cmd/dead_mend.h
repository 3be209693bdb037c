/* `sargam dead edit`: the bytes from a file, standard input or the editor; what would change; the edit. */
#ifndef CMD_DEAD_MEND_H
#define CMD_DEAD_MEND_H

#include "cmd/app.h"
#include "cmd/command.h"
#include "raw/dead.h"

/* `which`: a letter as dead_find finds it, or the key of an object in raw/. */
MUST_USE enum rc dead_mend(struct app *app, const struct dead_place *p, struct slice which, const struct args *args, struct err *err);
/* Usage: options that do not go together; RC_FATAL. */
MUST_USE enum rc dead_mend_check(const struct args *args, struct err *err);

#endif
