/* Drift of the home as it stands, for the commands that tell of it: reads bronze, makes nothing. */
#ifndef CMD_DRIFT_LOOK_H
#define CMD_DRIFT_LOOK_H

#include "cmd/app.h"

/* `on_event` may be NULL.  RC_NOT_FOUND when there is no bronze yet. */
MUST_USE enum rc drift_look(struct app *app, enum rc (*on_event)(void *ctx, const struct drift_event *event, struct err *err),
                            void *ctx, struct drift_sum *out, struct err *err);

#endif
