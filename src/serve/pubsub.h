/* Pub/Sub REST v1 over a bus: what Google's client libraries (REST transport) and `gcloud pubsub` speak
 * (cloud.google.com/pubsub/docs/reference/rest).  Resources of one project; what this bus cannot do is answered 501
 * UNIMPLEMENTED, never taken and ignored. */
#ifndef SERVE_PUBSUB_H
#define SERVE_PUBSUB_H

#include "bus/bus_admin.h"
#include "io/server.h"

struct pubsub_options {
	struct bus *bus;      /* not owned; used by one request at a time */
	const char *project;  /* copied */
	struct clock *clock;
	int64_t pull_wait_ms; /* how long a pull that finds nothing waits for something */
	const volatile bool *stop; /* ends such waits; may be NULL */
};
struct pubsub;
struct pubsub *pubsub_open(const struct pubsub_options *options);
void pubsub_close(struct pubsub *p); /* takes NULL; no request may be under way */
/* Answers what lies below /v1/projects/; false for anything else.  On any thread. */
bool pubsub_handle(struct pubsub *p, const struct server_request *rq, struct server_reply *reply);

#endif
