/* The consumer: a thread that takes what comes on the subscription (raw/ingest.h) as long as the service lives.
 *
 * Nothing is acknowledged before its effect is durable, so a kill loses nothing.  Backpressure is the bus's: while nothing can be stored
 * (RC_RETRY) the messages at hand stay leased and are tried again, none other is pulled, and a full disk brings no message nearer to the
 * dead letters.  One that alone cannot be stored is given back: its attempts count.  Without its subscription it waits for that to come
 * back.  RC_FATAL ends it: see consumer_failed().
 * Several consumers, in this process or others, may share the subscription. */
#ifndef SERVE_CONSUMER_H
#define SERVE_CONSUMER_H

#include "raw/ingest.h"

struct consumer_options {
	struct bus *bus;     /* not owned; safe for several threads */
	struct store *store; /* the same */
	struct state *state; /* not owned; nobody else may use this handle; NULL for no receipts */
	struct clock *clock;
	const char *run_id;  /* copied; of receipts whose message names none */
	size_t page_limit_bytes;
	int threads;         /* messages worked on side by side */
	int64_t look_ms;     /* between two looks when nobody wakes it */
	int64_t retry_min_ms, retry_max_ms; /* between two tries while something cannot be done, ever longer; at most INGEST_HOLD_MS_MAX */
	/* Snapshots became complete; on the consumer's thread.  May be NULL. */
	void (*on_complete)(void *ctx);
	void *ctx;
};
struct consumer;
struct consumer *consumer_open(const struct consumer_options *options);
/* Something was published; from any thread. */
void consumer_wake(struct consumer *c);
/* Has it ended by itself?  Then why. */
bool consumer_failed(struct consumer *c, struct err *err);
/* The batch under way is finished, or given back when it cannot be stored; no other is begun; does not wait. */
void consumer_stop(struct consumer *c);
void consumer_close(struct consumer *c); /* consumer_stop(), then waits; takes NULL */

#endif
