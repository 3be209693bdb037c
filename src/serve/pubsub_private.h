/* One call of the Pub/Sub API: private to pubsub*.c. */
#ifndef SERVE_PUBSUB_PRIVATE_H
#define SERVE_PUBSUB_PRIVATE_H

#include "serve/pubsub.h"
#include "serve/pubsub_json.h"

#include <pthread.h>

/* A subscription that a pull has found empty; the last one of those that fall on the same place. */
struct pubsub_empty {
	uint64_t key, topic_key; /* server_key(), pubsub_published_key() */
	int64_t seen_ns;
};
#define PUBSUB_EMPTIES 256
struct pubsub {
	struct pubsub_options o;
	char *project;
	pthread_mutex_t lock; /* see PUBSUB_BUS_ALONE */
	pthread_mutex_t empty_lock;
	struct pubsub_empty empty[PUBSUB_EMPTIES];
};

/* google.rpc.Code, as far as it is used here. */
enum pubsub_status {
	PUBSUB_BY_CLASS, /* of the error: REJECT is INVALID_ARGUMENT, and so on */
	PUBSUB_ALREADY_EXISTS,
	PUBSUB_UNIMPLEMENTED,
};
struct pubsub_call {
	struct pubsub *p;
	const struct server_request *rq;
	struct server_reply *reply; /* to park it */
	struct arena *arena;    /* of the request */
	const char *id;         /* of the topic or subscription; "" for the collection */
	const struct json *body; /* an object */
	enum pubsub_status status;
};
/* RC_OK with *out (an object; NULL only when reply->park_ms is set), or an error whose class decides the status unless call->status does. */
MUST_USE typedef enum rc pubsub_method(struct pubsub_call *c, struct json **out, struct err *err);
pubsub_method pubsub_topic_create, pubsub_topic_get, pubsub_topic_list, pubsub_topic_delete, pubsub_topic_publish,
	pubsub_topic_subscriptions;
pubsub_method pubsub_subscription_create, pubsub_subscription_get, pubsub_subscription_list, pubsub_subscription_delete,
	pubsub_subscription_patch, pubsub_pull, pubsub_acknowledge, pubsub_modify_deadline;

#define PUBSUB_BUS(c, call) TRY(call)
/* Looks before it changes: one such at a time. */
void pubsub_lock(struct pubsub *p);
void pubsub_unlock(struct pubsub *p);
#define PUBSUB_BUS_ALONE(c, call)                  \
	do {                                       \
		pubsub_lock((c)->p);               \
		enum rc rc_ = (call);              \
		pubsub_unlock((c)->p);             \
		TRY(rc_);                          \
	} while (0)

/* --- pubsub_call.c */

/* RC_REJECT with status UNIMPLEMENTED when one of these members (NULL ends them) says anything but its default. */
MUST_USE enum rc pubsub_not_here(struct pubsub_call *c, const struct json *object, const char *const *name, struct err *err);
/* "projects/P/<kind>/ID" of this project: the id. */
MUST_USE enum rc pubsub_resource(struct pubsub_call *c, const char *kind, struct slice name, const char **out_id, struct err *err);
struct json *pubsub_new_name(const struct pubsub_call *c, const char *kind, const char *id);
/* A page of `names` by pageSize and pageToken: *out_from and *out_count; sets nextPageToken. */
MUST_USE enum rc pubsub_page(struct pubsub_call *c, const struct bus_names *names, size_t *out_from, size_t *out_count,
                             struct json *reply, struct err *err);

#endif
