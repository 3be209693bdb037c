/* Administration of a bus: what is there, how it changes and goes, and going back in time.  Google Pub/Sub's semantics
 * (cloud.google.com/pubsub/docs: replay-overview, create-subscription, replay-message).
 *
 * snapshot: what a subscription has not acknowledged at this moment, and all that is published to its topic from then on that
 *   its filter passes.  It lasts seven days, less the age of the oldest message in it.
 * seek: all at once, or not at all.  To a time: messages published before it count as acknowledged; those published at it or
 *   later come again, as far as they are kept (retain_acked, the topic's retention_ms).  To a snapshot of the same topic:
 *   what it holds comes (again), everything else counts as acknowledged.  Attempts are counted anew; ack ids given out before mean
 *   nothing any more.
 *
 * Errors, threads: as in bus.h.  RC_NOT_FOUND names what is missing. */
#ifndef BUS_BUS_ADMIN_H
#define BUS_BUS_ADMIN_H

#include "bus/bus.h"

#define BUS_DELETED_TOPIC "_deleted-topic_" /* what a subscription says whose topic is gone */
#define BUS_SNAPSHOT_MS_MAX (7 * INT64_C(86400000))
#define BUS_SNAPSHOT_MS_MIN INT64_C(3600000) /* none is made that would last less */

struct bus_names {
	struct slice *name; /* in byte order */
	size_t count;
};
struct bus_snapshot {
	const char *name, *topic, *labels;
	int64_t expire_ms; /* since 1970 UTC */
};

struct bus_admin_ops {
	enum rc (*topics)(struct bus *b, struct arena *arena, struct bus_names *out, struct err *err);
	/* As it stands; strings are owned by `arena`. */
	enum rc (*topic)(struct bus *b, const char *topic, struct arena *arena, struct bus_topic *out, struct err *err);
	enum rc (*update_topic)(struct bus *b, const struct bus_topic *topic, struct err *err);
	/* Its subscriptions stay with what waits in them and get nothing more; letters that nobody subscribed to go.  Where it was the
	 * dead-letter topic, messages are delivered again and again. */
	enum rc (*delete_topic)(struct bus *b, const char *topic, struct err *err);

	/* Of a topic; of all when it is NULL. */
	enum rc (*subscriptions)(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out, struct err *err);
	enum rc (*subscription)(struct bus *b, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err);
	/* With all that waits in it. */
	enum rc (*delete_subscription)(struct bus *b, const char *sub, struct err *err);
	/* It stays, empty, and gets nothing any more; what waits in it goes.  Twice is once. */
	enum rc (*detach)(struct bus *b, const char *sub, struct err *err);

	enum rc (*snapshots)(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out, struct err *err);
	enum rc (*snapshot)(struct bus *b, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err);
	/* RC_REJECT when the name is taken, or when the oldest message is so old that it would not last an hour. */
	enum rc (*create_snapshot)(struct bus *b, const char *name, const char *sub, const char *labels, struct err *err);
	/* Labels and expire_ms; the topic is ignored. */
	enum rc (*update_snapshot)(struct bus *b, const struct bus_snapshot *snapshot, struct err *err);
	enum rc (*delete_snapshot)(struct bus *b, const char *name, struct err *err);

	enum rc (*seek_time)(struct bus *b, const char *sub, int64_t time_ms, struct err *err);
	/* RC_REJECT when it is of another topic. */
	enum rc (*seek_snapshot)(struct bus *b, const char *sub, const char *snapshot, struct err *err);
};

MUST_USE static inline enum rc bus_topics(struct bus *b, struct arena *arena, struct bus_names *out, struct err *err)
{
	*out = (struct bus_names){ 0 };
	return b->ops->admin->topics(b, arena, out, err);
}
MUST_USE static inline enum rc bus_topic(struct bus *b, const char *topic, struct arena *arena, struct bus_topic *out, struct err *err)
{
	*out = (struct bus_topic){ 0 };
	return b->ops->admin->topic(b, topic, arena, out, err);
}
MUST_USE enum rc bus_update_topic(struct bus *b, const struct bus_topic *topic, struct err *err);
MUST_USE static inline enum rc bus_delete_topic(struct bus *b, const char *topic, struct err *err)
{
	return b->ops->admin->delete_topic(b, topic, err);
}
MUST_USE static inline enum rc bus_subscriptions(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out,
                                                 struct err *err)
{
	*out = (struct bus_names){ 0 };
	return b->ops->admin->subscriptions(b, topic, arena, out, err);
}
MUST_USE static inline enum rc bus_subscription(struct bus *b, const char *sub, struct arena *arena, struct bus_subscription *out,
                                                struct err *err)
{
	*out = (struct bus_subscription){ 0 };
	return b->ops->admin->subscription(b, sub, arena, out, err);
}
MUST_USE static inline enum rc bus_delete_subscription(struct bus *b, const char *sub, struct err *err)
{
	return b->ops->admin->delete_subscription(b, sub, err);
}
MUST_USE static inline enum rc bus_detach(struct bus *b, const char *sub, struct err *err)
{
	return b->ops->admin->detach(b, sub, err);
}
MUST_USE static inline enum rc bus_snapshots(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out,
                                             struct err *err)
{
	*out = (struct bus_names){ 0 };
	return b->ops->admin->snapshots(b, topic, arena, out, err);
}
MUST_USE static inline enum rc bus_snapshot(struct bus *b, const char *name, struct arena *arena, struct bus_snapshot *out,
                                            struct err *err)
{
	*out = (struct bus_snapshot){ 0 };
	return b->ops->admin->snapshot(b, name, arena, out, err);
}
MUST_USE enum rc bus_create_snapshot(struct bus *b, const char *name, const char *sub, const char *labels, struct err *err);
MUST_USE enum rc bus_update_snapshot(struct bus *b, const struct bus_snapshot *snapshot, struct err *err);
MUST_USE static inline enum rc bus_delete_snapshot(struct bus *b, const char *name, struct err *err)
{
	return b->ops->admin->delete_snapshot(b, name, err);
}
MUST_USE static inline enum rc bus_seek_time(struct bus *b, const char *sub, int64_t time_ms, struct err *err)
{
	return b->ops->admin->seek_time(b, sub, time_ms, err);
}
MUST_USE static inline enum rc bus_seek_snapshot(struct bus *b, const char *sub, const char *snapshot, struct err *err)
{
	return b->ops->admin->seek_snapshot(b, sub, snapshot, err);
}

#endif
