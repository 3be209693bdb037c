/* What watches a daemon: health, metrics, the webhook and serve.json, opened with handles of their own, so that looking never
 * holds up working.
 *
 *	observe_open()      before the server listens
 *	observe_handle()    first in the server's handler: it must answer when nothing else does
 *	observe_announce()  once the server listens
 *	observe_step()      now and then, from the daemon's loop
 *	observe_close()     after the server has closed, before app_free() */
#ifndef CMD_OBSERVE_H
#define CMD_OBSERVE_H

#include "cmd/app.h"
#include "io/server.h"
#include "serve/overview.h"

struct observe_options {
	struct app *app;
	const atomic_bool *stop; /* the daemon is stopping */
	overview_jobs *jobs;       /* the scheduler's, for /metrics; NULL for none */
	void *jobs_ctx;
};
struct observe;
/* RC_FATAL for a webhook_url that cannot be one. */
MUST_USE enum rc observe_open(const struct observe_options *options, struct observe **out, struct err *err);
void observe_close(struct observe *o); /* takes NULL */
static inline void observe_closep(struct observe **o)
{
	observe_close(*o);
	*o = NULL;
}
/* Answers /healthz, /readyz and /metrics; false for anything else.  On any thread. */
bool observe_handle(struct observe *o, const struct server_request *rq, struct server_reply *reply);
/* `sargam status` finds the daemon from now on, and a service manager that waits for READY=1 (io/notify.h) has it. */
MUST_USE enum rc observe_announce(struct observe *o, const char *url, int port, struct err *err);
/* From the daemon's main loop, every second or so: the webhook looks once a minute, and the service manager's watchdog hears that the
 * loop still turns.  Does not wait (for a service manager that hangs: two seconds).  One thread. */
void observe_step(struct observe *o);

#endif
