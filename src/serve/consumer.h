/* The consumer: a thread that takes what comes on the subscription (raw/ingest.h) as long as the service lives.
 *
 * Nothing is acknowledged before its effect is durable, so a kill loses nothing.  Backpressure is the bus's: while the store cannot be
 * written (RC_RETRY) messages stay on the subscription and the consumer waits, 1 s to a minute.  RC_FATAL ends it: see consumer_failed().
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
/* The batch under way is finished, no other begun; does not wait. */
void consumer_stop(struct consumer *c);
void consumer_close(struct consumer *c); /* consumer_stop(), then waits; takes NULL */

#endif
