/* Pub/Sub REST v1 over a bus: what Google's client libraries (REST transport) and `gcloud pubsub` speak
 * (cloud.google.com/pubsub/docs/reference/rest).  Resources of one project; what this bus cannot do is answered 501
 * UNIMPLEMENTED, never taken and ignored. */
#ifndef SERVE_PUBSUB_H
#define SERVE_PUBSUB_H

#include "bus/bus_admin.h"
#include "io/server.h"

struct pubsub_options {
	struct bus *bus;      /* not owned; safe for several threads (bus_group_open) */
	const char *project;  /* copied */
	struct clock *clock;
	int64_t pull_wait_ms; /* how long a pull that finds nothing waits for something: parked, see pubsub_published_key() */
	void (*on_change)(void *ctx); /* there is another subscription, or one less, or one is another; on the request's thread; may be NULL */
	void *ctx;
};
struct pubsub;
struct pubsub *pubsub_open(const struct pubsub_options *options);
void pubsub_close(struct pubsub *p); /* takes NULL; no request may be under way */
/* What waits for messages of a topic: whoever publishes calls server_wake() with it.  Without that a pull looks ten times a second. */
uint64_t pubsub_published_key(const char *topic);
/* Answers what lies below /v1/projects/; false for anything else.  On any thread. */
bool pubsub_handle(struct pubsub *p, const struct server_request *rq, struct server_reply *reply);

#endif
