/* The conductor: a thread that says when the pipeline works, one piece of work at a time.
 *
 *   CONDUCTOR_RUN    a run from the source on, when the schedule says so (dag/schedule.h)
 *   CONDUCTOR_BUILD  bronze to publish, when a snapshot has become complete: once for all that come within quiet_ms of each
 *                    other, and not later than quiet_max_ms after the first
 *
 * A build that fails is tried again after retry_min_ms, twice that, and so on, at most retry_max_ms; one that is triggered
 * meanwhile waits for that time, too.  Nothing is lost with a trigger: what is complete stands in the store, the next build
 * finds it. */
#ifndef SERVE_CONDUCTOR_H
#define SERVE_CONDUCTOR_H

#include "dag/schedule.h"

enum conductor_work { CONDUCTOR_RUN, CONDUCTOR_BUILD };

struct conductor_options {
	struct schedule *schedule; /* not owned, used by this thread; NULL: no schedule */
	int64_t quiet_ms, quiet_max_ms, retry_min_ms, retry_max_ms;
	/* Does it; *out_why says why it is not DONE.  Must end soon after conductor_stop(), then with STOPPED.  On the conductor's thread. */
	enum schedule_outcome (*work)(void *ctx, enum conductor_work what, struct err *out_why);
	void *ctx;
};
struct conductor;
struct conductor *conductor_open(const struct conductor_options *options);
/* A snapshot has become complete; from any thread. */
void conductor_trigger(struct conductor *c);
/* No further work begins; does not wait. */
void conductor_stop(struct conductor *c);
void conductor_close(struct conductor *c); /* conductor_stop(), then waits for the work under way; takes NULL */

#endif
