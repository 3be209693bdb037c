/* Subscription as JSON: private to pubsub_subscription*.c. */
#ifndef SERVE_PUBSUB_SUBSCRIPTION_H
#define SERVE_PUBSUB_SUBSCRIPTION_H

#include "serve/pubsub_private.h"

/* As it stands; of a topic that keeps messages so long (0: does not). */
struct json *pubsub_subscription_json(const struct pubsub_call *c, const struct bus_subscription *s, int64_t topic_retention_ms);

/* A new one; strings are owned by the request's arena. */
MUST_USE enum rc pubsub_subscription_read(struct pubsub_call *c, const struct json *v, struct bus_subscription *out, struct err *err);
/* What is sent along with an update, but for what its mask names. */
MUST_USE enum rc pubsub_subscription_check(const struct json *v, struct err *err);
/* One path of an update's mask, into `ctx`, a struct bus_subscription. */
pubsub_path pubsub_subscription_path;
MUST_USE enum rc pubsub_subscription_read_push(struct pubsub_call *c, const struct json *v, struct bus_subscription *s, struct err *err);

#endif
