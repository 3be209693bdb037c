/* Is the service alive, is it ready: for whoever starts, balances and restarts it.
 *
 * GET /healthz  200 as long as requests are answered at all; asks nothing.
 * GET /readyz   200 when the bus and state.db answer, the home can be written, its disk has room and nobody has asked the service to
 *               stop; else 503.  JSON with each check: {"ready":false,"checks":[{"check":"bus","ok":false,"why":"…"},…]}.
 *               Answers within a second, whatever the disk does: a check that takes longer has failed. */
#ifndef SERVE_HEALTH_H
#define SERVE_HEALTH_H

#include "bus/bus.h"
#include "io/server.h"
#include "raw/state.h"

struct health_options {
	struct bus *bus;            /* these two: not owned, for health alone (its own thread uses them at any time) */
	struct state *state;
	const char *home;           /* copied */
	int64_t free_bytes_min;     /* less room than this is a full disk */
	const atomic_bool *stop; /* the service is stopping; may be NULL */
};
struct health;
struct health *health_open(const struct health_options *options);
/* No request may be under way; waits for a check that hangs.  Takes NULL. */
void health_close(struct health *h);
/* Answers those two addresses; false for anything else.  On any thread. */
bool health_handle(struct health *h, const struct server_request *rq, struct server_reply *reply);

#endif
