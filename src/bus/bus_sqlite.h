/* The embedded bus: private to bus_sqlite*.c.
 *
 * bus.db (schema 2; `bus_sqlite.c` has the SQL):
 *   topics, subscriptions   a name that begins with '_' is one of a deleted thing that others still refer to
 *   messages     the log: message_id is the offset and is never used again; `pending` counts its deliveries, a message that
 *                has none left goes, unless it is a dead letter that nobody has subscribed to yet
 *   bodies       their data, so that walking the log never touches it
 *   deliveries   one row for a message that a subscription has not acknowledged.  Its index (subscription, state, due,
 *                message) is all that a pull reads: what a pull costs does not depend on how much is kept.
 *   holders      processes that hold leases, by a name that tells whether they still live: the lease of a dead one is over at once,
 *                nobody waits a deadline for it
 * Every function below runs inside the caller's transaction. */
#ifndef BUS_BUS_SQLITE_H
#define BUS_BUS_SQLITE_H

#include "bus/bus.h"
#include "io/db.h"

struct clock;
struct bus_sqlite {
	struct bus base;
	struct db *db;
	struct clock *clock;
};
static inline struct bus_sqlite *bus_sqlite_of(struct bus *b)
{
	return CONTAINER_OF(b, struct bus_sqlite, base);
}

struct sqlite_subscription {
	int64_t id, topic_id;
	int64_t ack_deadline_ms, backoff_min_ms, backoff_max_ms;
	int64_t dead_letter_topic_id; /* 0 for none */
	int64_t max_delivery_attempts;
};
/* RC_NOT_FOUND names the subscription. */
MUST_USE enum rc bus_sqlite_subscription(struct bus_sqlite *b, const char *name, struct sqlite_subscription *out, struct err *err);
MUST_USE enum rc bus_sqlite_topic(struct bus_sqlite *b, const char *name, int64_t *out_id, struct err *err);

/* bus_sqlite_admin.c */
MUST_USE enum rc bus_sqlite_topics(struct bus *base, struct arena *arena, struct bus_names *out, struct err *err);
MUST_USE enum rc bus_sqlite_subscriptions(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out,
                                          struct err *err);
MUST_USE enum rc bus_sqlite_describe(struct bus *base, const char *sub, struct arena *arena, struct bus_subscription *out,
                                     struct err *err);
MUST_USE enum rc bus_sqlite_delete_topic(struct bus *base, const char *topic, struct err *err);
MUST_USE enum rc bus_sqlite_delete_subscription(struct bus *base, const char *sub, struct err *err);

/* bus_sqlite_publish.c */
MUST_USE enum rc bus_sqlite_publish(struct bus *base, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                           struct err *err);
/* One message to the dead-letter topic, kept also when no subscription wants it. */
MUST_USE enum rc bus_sqlite_forward(struct bus_sqlite *b, int64_t topic_id, const struct bus_message *m, struct err *err);
/* A new subscription gets the dead letters that waited for one. */
MUST_USE enum rc bus_sqlite_adopt(struct bus_sqlite *b, int64_t subscription_id, int64_t topic_id, struct slice filter,
                                  struct err *err);
/* A message with its body, all in `arena`; RC_REJECT when it does not fit. */
MUST_USE enum rc bus_sqlite_read(struct bus_sqlite *b, int64_t message_id, struct arena *arena, struct bus_message *out,
                                 struct err *err);

/* bus_sqlite_pull.c */
MUST_USE enum rc bus_sqlite_pull(struct bus *base, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                        struct bus_delivery **out, size_t *out_count, struct err *err);
MUST_USE enum rc bus_sqlite_ack(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, struct err *err);
MUST_USE enum rc bus_sqlite_modify_deadline(struct bus *base, const char *sub, const struct slice *ack_id, size_t count,
                                   int64_t seconds, struct err *err);

#endif
