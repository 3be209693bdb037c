/* The push deliverer: posts the messages of subscriptions that have a push configuration to their endpoints, as Pub/Sub does
 * (cloud.google.com/pubsub/docs/push).
 *
 * A message is leased for the ack deadline, which is how long the endpoint has for its answer.  102, 200, 201, 202 and 204 acknowledge;
 * every other status (no redirect is followed), no answer, and one that is late is a nack: then the retry policy and the
 * dead-letter policy are the bus's.  A message that the
 * endpoint refuses, under neither, is held back by its lease for eight times as long as its subscription, so that it does not stand before
 * the others for ever.  At least once: an endpoint may get a message twice.
 *
 * How much is under way: push_window.h per subscription (starts with 4, grows with success up to 64, halves and pauses up to 60 s with
 * failure), one message per ordering key, and `concurrency` in all, of which a subscription takes at most half of what is free and those
 * that fail together at most half: an endpoint that hangs holds up nobody else.  Message bytes in memory: PUSH_BYTES_MAX, shared the
 * same way; a body as JSON takes up to twice its message besides while it is sent.
 *
 * Subscriptions are listed every second and looked at every quarter of one (less often when there are many) for what other processes publish.  One thread does that; one more
 * per message under way is started when needed and ends after 5 s without work.  Several processes may push from one home: leases keep
 * them apart.
 *
 * Trouble of an endpoint is logged once a minute per subscription at most, and its end; never a query of its address, a token or a body.
 *
 * Wiring:  p = push_open(&o); server_open(…, push_handle in its handler, …); push_start(p, "http://127.0.0.1:PORT");
 *          bus_group_on_publish: push_wake(p, topic); after a change of subscriptions: push_wake(p, NULL);
 *          at the end push_stop(p), server_close(…), bus_group_on_publish(bus, NULL, NULL), push_close(p, wait_ms), then the bus. */
#ifndef SERVE_PUSH_H
#define SERVE_PUSH_H

#include "bus/bus_admin.h"
#include "io/server.h"

#define PUSH_CONCURRENCY_MAX 256
#define PUSH_BYTES_MAX ((size_t) 64 << 20)

struct clock;
struct push_options {
	struct bus *bus;      /* not owned; safe for several threads (bus_group_open) */
	struct clock *clock;  /* the bus's */
	const char *project;  /* copied */
	const char *key_path; /* of the key that signs tokens (home/serve-key.pem), made when first needed; copied */
	size_t concurrency;   /* messages under way at once, 2 to PUSH_CONCURRENCY_MAX */
};
struct push;
/* Nothing is delivered yet, but push_handle() and push_wake() may be called. */
struct push *push_open(const struct push_options *options);
/* Begins.  `url` is where this service is reached, without a slash at the end: the issuer of its tokens.  Aborts when there can be no
 * thread. */
void push_start(struct push *p, const char *url);
/* Something was published to that topic; NULL: subscriptions have changed.  Cheap; any thread.  Takes NULL. */
void push_wake(struct push *p, const char *topic);
/* No message is taken any more; does not wait.  Takes NULL. */
void push_stop(struct push *p);
/* push_stop(), then lets what is under way end for wait_ms; the rest is broken off and given back (which takes about a second).  Nobody
 * may call anything else by then.  Takes NULL. */
void push_close(struct push *p, int64_t wait_ms);

/* Answers what verifies its tokens (push_token.h); false for anything else.  It needs no authorisation.  On any thread. */
bool push_handle(struct push *p, const struct server_request *rq, struct server_reply *reply);

/* For tests and figures: threads it has, messages under way. */
size_t push_threads(struct push *p);
size_t push_outstanding(struct push *p);

#endif
