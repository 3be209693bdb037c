/* PubsubMessage as JSON (cloud.google.com/pubsub/docs/reference/rest/v1/PubsubMessage). */
#ifndef SERVE_PUBSUB_MESSAGE_H
#define SERVE_PUBSUB_MESSAGE_H

#include "base/json.h"
#include "bus/bus.h"

/* What a client publishes; views into `v`, the decoded data in `arena`.  RC_REJECT for what is no message; its limits are
 * bus_check_message()'s, but for the number of attributes, which is checked here before there is room for them. */
MUST_USE enum rc pubsub_message_read(const struct json *v, struct arena *arena, struct bus_message *out, struct err *err);

/* As it is delivered.  A dead letter says which project it comes from, what the bus, which knows none, cannot:
 * CloudPubSubDeadLetterSourceSubscriptionProject (cloud.google.com/pubsub/docs/handling-failures). */
struct json *pubsub_message_json(const struct bus_message *m, const char *project, struct arena *arena);

#endif
