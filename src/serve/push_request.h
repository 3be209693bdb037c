/* A message as Pub/Sub's push sends it (cloud.google.com/pubsub/docs/push, .../payload-unwrapping); what envelope.h reads.  No I/O.
 *
 * Wrapped: {"message":{"data":base64,"attributes":{…},"messageId":…,"publishTime":…,"orderingKey":…,"message_id":…,
 * "publish_time":…},"subscription":"projects/P/subscriptions/S","deliveryAttempt":N}.  attributes and data are left out when there
 * are none, orderingKey unless the subscription is ordered, deliveryAttempt unless it has a dead-letter policy.
 *
 * Unwrapped: the body is the data.  With write_metadata x-goog-pubsub-subscription-name, -message-id, -publish-time and
 * -ordering-key go along, and each attribute as a header of its own name, so that it may also set Content-Type
 * (application/octet-stream otherwise).  An attribute that cannot be a header (RFC 9110: no token for a name; control bytes, nothing, or
 * blanks at an end in the value), that would change how the request is framed or where it goes, or that is named like one of ours is
 * left out. */
#ifndef SERVE_PUSH_REQUEST_H
#define SERVE_PUSH_REQUEST_H

#include "base/buf.h"
#include "bus/bus.h"
#include "io/http.h"
#include "serve/push_config.h"

/* What the arena must have room for, and the body. */
#define PUSH_REQUEST_ARENA_BYTES ((size_t) 1 << 20)
#define PUSH_REQUEST_BODY_BYTES_MAX ((size_t) 20 << 20)

struct push_subject {
	const char *project, *subscription;
	bool is_ordered, is_counted; /* counted: it has a dead-letter policy */
};
/* Sets method, url, headers and body; they point into `arena`, `body` and the arguments.  `token` may be SLICE_NULL. */
void push_request_make(const struct push_config *config, const struct push_subject *subject, const struct bus_delivery *delivery,
                       struct slice token, struct arena *arena, struct buf *body, struct http_request *out);

/* Is that a status which acknowledges? */
bool push_request_is_taken(int status);
/* Or one that blames the message, not the endpoint (429, 502, 503, 504; 0: no answer)? */
bool push_request_is_refused(int status);

#endif
