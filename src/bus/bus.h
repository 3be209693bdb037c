/* Message bus: topics, subscriptions with a filter, at-least-once delivery; the semantics are Google Pub/Sub's
 * (cloud.google.com/pubsub/docs: subscriber, filter, dead-letter topics, exponential backoff, quotas).
 *
 * publish: RC_OK means durable.  A message goes to each subscription of the topic whose filter it matches, and no further
 *   than that: as in the real service, a topic without a subscription drops it.
 * pull: hands out messages under a lease of the subscription's ack deadline; until acknowledged a message comes again:
 *   after the deadline, or after a nack (deadline 0) with exponential backoff between min and max (min, twice min, four
 *   times min...).  delivery_attempt counts from 1.  After max_delivery_attempts it is published to the dead-letter topic
 *   (same data and attributes, plus CloudPubSubDeadLetterSourceDeliveryCount, CloudPubSubDeadLetterSourceSubscription,
 *   CloudPubSubDeadLetterSourceTopicPublishTime) and acknowledged here, in one step: at the last nack, or at the first
 *   pull after the last lease ran out.
 *   Of a subscription that is ordered, a message with an ordering key comes only when the earlier ones of its key are acknowledged,
 *   or together with them in one pull, in order; when one comes again, so do the later ones of its key.
 * ack: RC_OK means durable.  An ack id whose lease has run out still acknowledges unless the message was leased again or the
 *   subscription was sought (bus_admin.h).
 *   Ack ids that mean nothing (any more) are ignored, here and in modify_deadline.
 *
 * Dead letters are not lost for want of a subscription: create_subscription makes the dead-letter topic, setup a
 * subscription on it, and the embedded backends keep what was forwarded to a topic with no matching subscription until
 * one is created.  Leases and back-offs end at most 660 s from now, also when the clock jumps back.
 *
 * Errors: RC_NOT_FOUND (no such topic or subscription), RC_REJECT (over a limit, malformed filter or name), RC_RETRY, RC_FATAL.
 * Safe for several processes; a handle belongs to one thread at a time.  A new backend is one .c file, one constructor
 * below, one line in tests/suite/suite_bus.c. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include "base/arena.h"

/* Limits of the real service (cloud.google.com/pubsub/quotas). */
#define BUS_MESSAGE_BYTES_MAX 10000000 /* data, keys, values and ordering key */
#define BUS_PUBLISH_MESSAGES_MAX 1000
#define BUS_PUBLISH_BYTES_MAX 10000000 /* of all messages of one call */
#define BUS_ATTRS_MAX 100
#define BUS_ATTR_KEY_BYTES_MAX 256
#define BUS_ATTR_VALUE_BYTES_MAX 1024
#define BUS_FILTER_BYTES_MAX 256
#define BUS_ORDERING_KEY_BYTES_MAX 1024
#define BUS_PULL_MESSAGES_MAX 1000
#define BUS_BACKOFF_MS_MAX 600000
#define BUS_RETENTION_MS_MIN INT64_C(600000)
#define BUS_RETENTION_MS_MAX (31 * INT64_C(86400000))
#define BUS_TEXT_BYTES_MAX 16384

struct bus_attr {
	struct slice key, value;
};
struct bus_message {
	struct slice data; /* may be empty when there is an attribute */
	struct bus_attr *attr;
	size_t attr_count;
	struct slice ordering_key; /* empty for none */
	/* set by the bus */
	struct slice id;
	int64_t publish_time_ms;
};
struct bus_delivery {
	struct bus_message message;
	struct slice ack_id;
	int attempt;
};
struct bus_subscription {
	const char *name, *topic, *filter;      /* filter "" passes everything */
	int64_t ack_deadline_s;                 /* 10 to 600 */
	int64_t backoff_min_ms, backoff_max_ms; /* 0, 0: redeliver at once */
	const char *dead_letter_topic;          /* "" for none; made when missing */
	int64_t max_delivery_attempts;          /* 5 to 100; ignored without a dead-letter topic */
	int64_t retention_ms;                   /* unacknowledged messages go after it, or after their topic's when that is longer:
	                                           ten minutes to 31 days; 0: never */
	bool retain_acked;                      /* acknowledged ones stay as long, for seek; wants retention_ms */
	bool ordered;                           /* messages of one ordering key come one after the other; not changeable */
	const char *push_config, *labels;       /* kept for whoever reads them (serve/), at most BUS_TEXT_BYTES_MAX; NULL is "" */
	bool detached;                          /* set by the bus: bus_detach(); nothing can be pulled any more */
};
struct bus_topic {
	const char *name;
	int64_t retention_ms; /* messages stay so long whatever is acknowledged, for seek: ten minutes to 31 days; 0: do not */
	const char *labels;   /* as above */
};
struct bus_stats {
	int64_t waiting, leased;       /* not acknowledged: deliverable or backing off; under a lease */
	int64_t oldest_unacked_ms;     /* age; 0 when there is none */
	int64_t next_delivery_ms;      /* until the first waiting message may be delivered; 0 = now, -1 = none waits */
};

struct bus;
struct bus_ops {
	const char *name;
	/* Made when missing; an existing one is left as it is (bus_admin.h changes it). */
	enum rc (*create_topic)(struct bus *b, const struct bus_topic *topic, struct err *err);
	/* Made when missing; changeable settings of an existing one are updated; another topic, filter or order is RC_REJECT. */
	enum rc (*create_subscription)(struct bus *b, const struct bus_subscription *sub, struct err *err);
	/* All or none; ids are allocated in `arena` and set in the messages. */
	enum rc (*publish)(struct bus *b, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
	                   struct err *err);
	/* At most `max` that are due, oldest first, and at most `max_bytes` of data (at least one message); never waits. */
	enum rc (*pull)(struct bus *b, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
	                struct bus_delivery **out, size_t *out_count, struct err *err);
	enum rc (*ack)(struct bus *b, const char *sub, const struct slice *ack_id, size_t count, struct err *err);
	/* From now on; seconds 0 is a nack.  A lease that has run out is not made longer. */
	enum rc (*modify_deadline)(struct bus *b, const char *sub, const struct slice *ack_id, size_t count, int64_t seconds,
	                           struct err *err);
	enum rc (*stats)(struct bus *b, const char *sub, struct bus_stats *out, struct err *err);
	void (*close)(struct bus *b);
	const struct bus_admin_ops *admin; /* bus_admin.h */
};
struct bus {
	const struct bus_ops *ops;
};

/* RC_REJECT, naming the limit, when the real service would refuse it. */
MUST_USE enum rc bus_check_message(const struct bus_message *m, struct err *err);
/* Letters, digits, -._~+%, 3 to 255, a letter first, not "goog". */
MUST_USE enum rc bus_check_name(const char *name, struct err *err);
/* The value of an attribute; SLICE_NULL when absent. */
struct slice bus_attr_get(const struct bus_message *m, const char *key);

/* Names and ranges, as the real service refuses them. */
MUST_USE enum rc bus_make_topic(struct bus *b, const struct bus_topic *topic, struct err *err);
MUST_USE static inline enum rc bus_create_topic(struct bus *b, const char *topic, struct err *err)
{
	return bus_make_topic(b, &(struct bus_topic){ .name = topic }, err);
}
MUST_USE enum rc bus_create_subscription(struct bus *b, const struct bus_subscription *sub, struct err *err);
MUST_USE enum rc bus_publish(struct bus *b, const char *topic, struct bus_message *message, size_t count,
                             struct arena *arena, struct err *err);
MUST_USE static inline enum rc bus_pull(struct bus *b, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                                        struct bus_delivery **out, size_t *out_count, struct err *err)
{
	assert(max > 0 && max <= BUS_PULL_MESSAGES_MAX);
	*out = NULL;
	*out_count = 0;
	return b->ops->pull(b, sub, max, max_bytes, arena, out, out_count, err);
}
MUST_USE static inline enum rc bus_ack(struct bus *b, const char *sub, const struct slice *ack_id, size_t count,
                                       struct err *err)
{
	return count ? b->ops->ack(b, sub, ack_id, count, err) : RC_OK;
}
MUST_USE static inline enum rc bus_modify_deadline(struct bus *b, const char *sub, const struct slice *ack_id, size_t count,
                                                   int64_t seconds, struct err *err)
{
	assert(seconds >= 0 && seconds <= 600);
	return count ? b->ops->modify_deadline(b, sub, ack_id, count, seconds, err) : RC_OK;
}
MUST_USE static inline enum rc bus_stats(struct bus *b, const char *sub, struct bus_stats *out, struct err *err)
{
	*out = (struct bus_stats){ .next_delivery_ms = -1 };
	return b->ops->stats(b, sub, out, err);
}
static inline void bus_close(struct bus *b)
{
	if (b)
		b->ops->close(b);
}
static inline void bus_closep(struct bus **b)
{
	bus_close(*b);
	*b = NULL;
}

struct clock;
/* `path` is the database file (bus.db).  Leases of a process of this machine that died are over at once. */
MUST_USE enum rc bus_sqlite_open(const char *path, struct clock *clock, struct bus **out, struct err *err);
/* For stats only: changes nothing (db_open_reader). */
MUST_USE enum rc bus_sqlite_open_reader(const char *path, struct clock *clock, struct bus **out, struct err *err);
struct bus *bus_mem_open(struct clock *clock);
/* Decorator: call number `fail_at` fails with `rc` before (or, with `after`, although) `inner` did it.  Owns `inner`. */
struct bus *bus_fault_open(struct bus *inner, int fail_at, bool after, enum rc rc);
bool bus_fault_fired(const struct bus *b);
/* Decorator: safe for any number of threads.  Publishes to a topic that wait at the same time go in one call, acks on a subscription
 * too (group commit).  Owns `inner`. */
struct bus *bus_group_open(struct bus *inner);
/* `published` (NULL: nothing) is called after messages of this process have gone to a topic, on the thread that did it.  Set while
 * nobody publishes; until it is set anew, `ctx` must live. */
void bus_group_on_publish(struct bus *group, void (*published)(void *ctx, const char *topic), void *ctx);

#endif
