/* The event service: who may come in, who answers, and what works behind the answers; opened in order, closed in reverse.
 *
 *	gate         who may pass (serve/gate.h)
 *	observe      /healthz, /readyz, /metrics
 *	door_push    POST /push
 *	door_extract POST /extract
 *	dead_api     /api/dead
 *	pubsub       /v1/projects/…
 *	push         delivers push subscriptions; the keys its tokens are made with */
#ifndef CMD_SERVICE_H
#define CMD_SERVICE_H

#include "cmd/app.h"

struct service_options {
	const char *project; /* whose resources the bus holds */
	int port;            /* 0 = any free one */
	bool bus_only;       /* Pub/Sub and what watches it, nothing else */
};
/* Until the app is told to stop, or a part of it cannot go on.  An exit status: EXIT_USAGE for settings that would let strangers in. */
int service_run(struct app *app, const struct service_options *options, struct err *err);

#endif
