/* POST /push: where a push subscription of Pub/Sub delivers (wrapped or not, serve/envelope.h).  The gate has let the request in.
 *
 * 204 only after the message's effect is durable (raw/ingest.h: the object, then the receipt), which acknowledges it.  Everything else
 * makes Pub/Sub deliver it again with its back-off until the subscription's dead-letter policy or retention ends that:
 * 503 with Retry-After: later (the disk is full, all places are taken, the service stops).  500: it cannot go on without a person.
 * 400: the body is no envelope, so Pub/Sub did not send it and who did has it still.  405, 413, 415: method, size, Content-Type.
 * An envelope whose message cannot be used would come again for ever: its bytes go to quarantine ("bad_envelope"), then 204. */
#ifndef SERVE_DOOR_PUSH_H
#define SERVE_DOOR_PUSH_H

#include "io/server.h"
#include "raw/ingest.h"

#define DOOR_PUSH_PATH "/push"

struct door_push_options {
	struct store *store; /* not owned; used by several calls at once */
	struct state *state; /* for receipts, NULL for none; not owned; nobody else may use this handle */
	struct clock *clock;
	const char *run_id;  /* copied; of receipts whose message names none */
	size_t page_limit_bytes;
	int at_once;         /* messages worked on side by side: each takes up to 50 MB */
	int64_t wait_ms;     /* how long others wait for a place, each with a thread of the server; less than the ack deadline */
	const atomic_bool *stop; /* ends that waiting; may be NULL */
	/* A message made a snapshot of this playlist complete (two that came at once may both say so); on any thread.  May be NULL. */
	void (*on_complete)(void *ctx, struct slice playlist_id);
	void *ctx;
};
struct door_push;
struct door_push *door_push_open(const struct door_push_options *options);
void door_push_close(struct door_push *d); /* takes NULL; no request may be under way */
/* Answers DOOR_PUSH_PATH; false for anything else.  On any thread. */
bool door_push_handle(struct door_push *d, const struct server_request *rq, struct server_reply *reply);

#endif
