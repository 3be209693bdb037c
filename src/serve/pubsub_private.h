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
	PUBSUB_FAILED_PRECONDITION,
	PUBSUB_UNIMPLEMENTED,
};
struct pubsub_call {
	struct pubsub *p;
	const struct server_request *rq;
	struct server_reply *reply; /* to park it */
	struct arena *arena;    /* of the request */
	const char *id;         /* of the topic, subscription or snapshot; "" for the collection */
	const struct json *body; /* an object */
	enum pubsub_status status;
};
/* RC_OK with *out (an object; NULL only when reply->park_ms is set), or an error whose class decides the status unless call->status does. */
MUST_USE typedef enum rc pubsub_method(struct pubsub_call *c, struct json **out, struct err *err);
pubsub_method pubsub_topic_create, pubsub_topic_get, pubsub_topic_list, pubsub_topic_delete, pubsub_topic_patch, pubsub_topic_publish,
	pubsub_topic_subscriptions, pubsub_topic_snapshots;
pubsub_method pubsub_subscription_create, pubsub_subscription_get, pubsub_subscription_list, pubsub_subscription_delete,
	pubsub_subscription_patch, pubsub_subscription_detach, pubsub_modify_push_config;
pubsub_method pubsub_pull, pubsub_acknowledge, pubsub_modify_deadline, pubsub_seek;
pubsub_method pubsub_snapshot_create, pubsub_snapshot_get, pubsub_snapshot_list, pubsub_snapshot_delete, pubsub_snapshot_patch;

/* Looks before it changes: one such at a time in this process. */
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

/* What the bus says of the resource `id`, in the words of the real service when it is not there. */
MUST_USE enum rc pubsub_found(enum rc rc, const char *id, struct err *err);
/* RC_OK for `rc` RC_NOT_FOUND; ALREADY_EXISTS when it was found. */
MUST_USE enum rc pubsub_must_be_new(struct pubsub_call *c, enum rc rc, const char *id, struct err *err);
/* RC_REJECT with status FAILED_PRECONDITION. */
PRINTF(3, 4) enum rc pubsub_precondition(struct pubsub_call *c, struct err *err, const char *fmt, ...);
/* RC_REJECT with status UNIMPLEMENTED when one of these members (NULL ends them) says anything but its default. */
MUST_USE enum rc pubsub_not_here(struct pubsub_call *c, const struct json *object, const char *const *name, struct err *err);
/* "projects/P/<kind>/ID" of this project: the id. */
MUST_USE enum rc pubsub_resource(struct pubsub_call *c, const char *kind, struct slice name, const char **out_id, struct err *err);
struct json *pubsub_new_name(const struct pubsub_call *c, const char *kind, const char *id);
/* By name, or by number where the request asks for that ("$alt=json;enum-encoding=int"). */
struct json *pubsub_new_enum(const struct pubsub_call *c, const char *name, int64_t number);

/* A list of names in pages, by pageSize and pageToken: `item` makes each (RC_NOT_FOUND: it has gone meanwhile). */
MUST_USE typedef enum rc pubsub_item(struct pubsub_call *c, const char *id, struct json **out, struct err *err);
MUST_USE enum rc pubsub_list(struct pubsub_call *c, const struct bus_names *names, const char *field, pubsub_item *item, struct json **out,
                             struct err *err);

/* updateMask of the body or of the address ("a,b.c"): calls `path` for each, `ctx` is its own.  RC_REJECT when there is none. */
MUST_USE typedef enum rc pubsub_path(struct pubsub_call *c, struct slice path, const struct json *from, void *ctx, struct err *err);
MUST_USE enum rc pubsub_each_path(struct pubsub_call *c, const char *kind, const struct json *from, pubsub_path *path, void *ctx,
                                  struct err *err);
/* What stands behind the last else of a pubsub_path. */
MUST_USE enum rc pubsub_no_such_path(const char *kind, struct slice path, struct err *err);
/* For a path that is one of `not_here`: RC_OK as long as the member says its default.  *out_is: it is one. */
MUST_USE enum rc pubsub_path_not_here(struct pubsub_call *c, struct slice path, const struct json *from, const char *const *not_here,
                                      bool *out_is, struct err *err);

/* Labels (cloud.google.com/pubsub/docs/labels: at most 64; keys and values of at most 63 characters: lower-case letters, digits, _ and -, and
 * what is not ASCII; a key begins with a letter) as a JSON text for the bus, "" for none. */
MUST_USE enum rc pubsub_labels(const struct json *object, struct arena *arena, const char **out, struct err *err);
/* Sets `name` to the object that stands as text on the bus; nothing when that is "". */
void pubsub_set_stored(struct json *object, const char *name, const char *text);

#endif
