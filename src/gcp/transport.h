/* What every request needs, the APIs' and the token services': connections, time, chance, the stop flag; and patience between
 * tries.  Any thread. */
#ifndef GCP_TRANSPORT_H
#define GCP_TRANSPORT_H

#include "base/clock.h"
#include "base/rand.h"
#include "gcp/http_pool.h"

#include <pthread.h>

struct transport {
	struct clock *clock;
	const atomic_bool *stop;
	struct http_pool *pool;
	pthread_mutex_t lock; /* of rand */
	struct rand_gen rand;
};
void transport_init(struct transport *t, struct clock *clock, struct rand_gen rand, const atomic_bool *stop, size_t connections_max);
void transport_done(struct transport *t);
bool transport_is_stopped(const struct transport *t);

/* Truncated exponential backoff with full jitter: before try n + 1 a wait of 0 to min(cap, start * factor^(n-1)). */
struct patience {
	int64_t start_ms, factor, cap_ms, tries_max;
	int64_t deadline_ns; /* monotonic: no try begins later */
	int64_t tries;       /* so far */
};
enum patience_end {
	PATIENCE_AGAIN,   /* it has been waited */
	PATIENCE_SPENT,   /* no further try; *out_ms is what to wait before the next call */
	PATIENCE_STOPPED,
};
/* After a try that failed in passing; `asked_ms`: what the other side wants to be waited at least, or < 0. */
enum patience_end patience_wait(struct transport *t, struct patience *p, int64_t asked_ms, int64_t *out_ms);

/* One request on a connection of the pool, as http_send(). */
MUST_USE enum rc transport_send(struct transport *t, const struct http_request *rq, struct arena *arena, struct http_response *out,
                                struct err *err);

#endif
