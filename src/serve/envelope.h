/* What Pub/Sub's push delivers: a message in an envelope (cloud.google.com/pubsub/docs/push, .../payload-unwrapping).
 *
 * Wrapped: {"message":{"data":base64,"attributes":{…},"messageId":…,"publishTime":…,"orderingKey":…},"subscription":…,
 * "deliveryAttempt":N}.  data or attributes may be absent; messageId and publishTime come in two spellings; fields that are not known are
 * passed over.  Unwrapped: the body is the data, x-goog-pubsub-* headers tell the rest, attributes are headers of their own names;
 * of those only the ones this pipeline's messages have (raw/extract.h) can be told from other headers and are taken.
 *
 * Attributes that Pub/Sub itself adds (goog…, of schemas) are left out; what remains is within the limits of bus/bus.h.
 * Nothing here knows HTTP; all that is handed out is owned by the arena or points into the body. */
#ifndef SERVE_ENVELOPE_H
#define SERVE_ENVELOPE_H

#include "bus/bus.h"

/* The largest message as base64, its attributes with every byte escaped, and the names around them. */
#define ENVELOPE_BYTES_MAX ((size_t) 15 << 20)
#define ENVELOPE_ARENA_BYTES ((size_t) 28 << 20) /* what an arena must have room for */

struct envelope {
	struct bus_message message; /* id and publish_time_ms (to the second, 0 when not said) as delivered */
	struct slice subscription;  /* "projects/P/subscriptions/S"; empty when not said */
	int64_t delivery_attempt;   /* from 1; 0 when not said */
	/* When it cannot be used: did Pub/Sub send it, that is would the same come again?  The attributes that could be read are
	 * in the message then. */
	bool is_push;
};
/* RC_REJECT: it cannot be used, and why. */
MUST_USE enum rc envelope_read(struct slice body, struct arena *arena, struct envelope *out, struct err *err);

/* `header` gives the value of a header by its name without case, NULL when there is none. */
typedef const char *envelope_header(const void *ctx, const char *name);
bool envelope_is_unwrapped(envelope_header *header, const void *ctx);
MUST_USE enum rc envelope_read_unwrapped(struct slice body, envelope_header *header, const void *ctx, struct arena *arena,
                                         struct envelope *out, struct err *err);

#endif
