/* How a push subscription is pushed: PushConfig of the Pub/Sub API
 * (cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions#PushConfig).
 *
 * On the bus it stands as text in bus_subscription.push_config: the compact JSON of the API with its members always in the same order,
 * "" for a pull subscription.  The same configuration is always the same text. */
#ifndef SERVE_PUSH_CONFIG_H
#define SERVE_PUSH_CONFIG_H

#include "base/arena.h"
#include "base/json.h"

struct push_config {
	const char *endpoint;                 /* http:// or https://, printable ASCII without blanks; "": pull, and nothing else counts */
	const char *version;                  /* of the wrapped body, attribute x-goog-version: "v1", "v1beta2" (the same) or "v1beta1" */
	const char *oidc_email;               /* of the service account whose token goes along; "": no token */
	const char *oidc_audience;            /* "": the endpoint as it stands */
	bool no_wrapper;                      /* the body is the data */
	bool write_metadata;                  /* with no_wrapper: id, time, key and attributes in headers */
};

/* What a client sent; `v` may be NULL (pull).  Strings are owned by `arena`.  RC_REJECT names what is wrong. */
MUST_USE enum rc push_config_read(const struct json *v, struct arena *arena, struct push_config *out, struct err *err);
/* What stands on the bus. */
MUST_USE enum rc push_config_parse(const char *text, struct arena *arena, struct push_config *out, struct err *err);
const char *push_config_text(const struct push_config *config, struct arena *arena);
/* {} for a pull subscription. */
struct json *push_config_json(const struct push_config *config);

#endif
