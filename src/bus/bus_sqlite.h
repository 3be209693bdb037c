/* The embedded bus: private to bus_sqlite*.c.
 *
 * bus.db (schema 4; `bus_sqlite.c` has the SQL):
 *   topics, subscriptions   a name that begins with '_' is one of a deleted thing that others still refer to; a snapshot is a
 *                subscription of another kind, that gets what is published and that nobody pulls
 *   messages     the log: message_id is the offset and is never used again; `pending` counts its deliveries, a message that
 *                has none left goes, unless its topic retains it or it is a dead letter (`letter`) that nobody has subscribed to yet
 *   bodies       their data, so that walking the log never touches it
 *   deliveries   one row for a message that a subscription has not acknowledged, or has and retains.  Its index (subscription,
 *                state, due, message) is all that a pull reads: what a pull costs does not depend on how much is kept.
 *   holders      processes that hold leases, by a name that tells whether they still live: the lease of a dead one is over at once,
 *                nobody waits a deadline for it
 * Every function below runs inside the caller's transaction. */
#ifndef BUS_BUS_SQLITE_H
#define BUS_BUS_SQLITE_H

#include "bus/bus_admin.h"
#include "bus/redelivery.h"
#include "io/db.h"

struct clock;
struct bus_sqlite {
	struct bus base;
	struct db *db;
	struct clock *clock;
	int64_t kept_ms; /* when bus_sqlite_keep() last looked */
};
static inline struct bus_sqlite *bus_sqlite_of(struct bus *b)
{
	return CONTAINER_OF(b, struct bus_sqlite, base);
}

struct sqlite_topic {
	int64_t id;
	int64_t retention_ms; /* 0: messages go with their last delivery */
};
struct sqlite_subscription {
	int64_t id, topic_id;
	int64_t ack_deadline_ms, backoff_min_ms, backoff_max_ms;
	int64_t dead_letter_topic_id; /* 0 for none */
	int64_t max_delivery_attempts;
	int64_t retention_ms, epoch;
	bool retain_acked, ordered, detached;
};
/* The subscription or snapshot of a row is one that can be named. */
#define IS_SUBSCRIPTION "kind = 0 AND substr(name, 1, 1) <> '_'"
/* How long messages stay in a subscription: what its topic retains is always there. */
#define RETENTION_MS                                                                              \
	"CASE WHEN retention_ms = 0 THEN 0 ELSE max(retention_ms, (SELECT t.retention_ms FROM topics t" \
	" WHERE t.topic_id = subscriptions.topic_id)) END"
/* What subscriptions.open is: kept beside them, because counting ten million takes many seconds. */
#define OPEN_DELIVERIES                                                                           \
	"(SELECT count(*) FROM deliveries d WHERE d.subscription_id = subscriptions.subscription_id AND d.state <> 3)"
#define SNAPSHOT_PREFIX "snapshot:" /* before its name, in a subscription's place */

/* RC_NOT_FOUND names the subscription. */
MUST_USE enum rc bus_sqlite_subscription(struct bus_sqlite *b, const char *name, struct sqlite_subscription *out, struct err *err);
MUST_USE enum rc bus_sqlite_topic(struct bus_sqlite *b, const char *name, struct sqlite_topic *out, struct err *err);
/* A statement with one number, and with two. */
MUST_USE enum rc bus_sqlite_run(struct bus_sqlite *b, const char *sql, int64_t first, struct err *err);
MUST_USE enum rc bus_sqlite_run2(struct bus_sqlite *b, const char *sql, int64_t first, int64_t second, struct err *err);

extern const struct bus_admin_ops bus_sqlite_admin; /* bus_sqlite_admin.c */
/* Some of the deliveries of a deleted subscription, or it itself when there are none; *out_done when nothing is left to sweep. */
MUST_USE enum rc bus_sqlite_sweep(struct bus_sqlite *b, int64_t at_once, bool *out_done, struct err *err);
/* The first deliveries of a subscription, with the messages that only they kept. */
MUST_USE enum rc bus_sqlite_sweep_some(struct bus_sqlite *b, int64_t subscription_id, int64_t at_once, bool *out_done, struct err *err);
/* The name of a topic as others see it. */
const char *bus_sqlite_topic_name(struct slice stored, struct arena *arena);
MUST_USE enum rc bus_sqlite_names(struct db_stmt *q, struct arena *arena, struct bus_names *out, struct err *err);

/* bus_sqlite_snapshot.c, bus_sqlite_seek.c */
MUST_USE enum rc bus_sqlite_snapshots(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err);
MUST_USE enum rc bus_sqlite_snapshot(struct bus *base, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err);
MUST_USE enum rc bus_sqlite_create_snapshot(struct bus *base, const char *name, const char *sub, const char *labels, struct err *err);
MUST_USE enum rc bus_sqlite_update_snapshot(struct bus *base, const struct bus_snapshot *snapshot, struct err *err);
MUST_USE enum rc bus_sqlite_delete_snapshot(struct bus *base, const char *name, struct err *err);
/* Its id as a subscription; RC_NOT_FOUND names it. */
MUST_USE enum rc bus_sqlite_find_snapshot(struct bus_sqlite *b, const char *name, int64_t *out_id, int64_t *out_topic_id, struct err *err);
MUST_USE enum rc bus_sqlite_seek_time(struct bus *base, const char *sub, int64_t time_ms, struct err *err);
MUST_USE enum rc bus_sqlite_seek_snapshot(struct bus *base, const char *sub, const char *snapshot, struct err *err);

/* bus_sqlite_keep.c: what has been kept long enough goes: messages, snapshots, the rest of what was deleted; some of each,
 * once a second.  Called by whoever publishes. */
MUST_USE enum rc bus_sqlite_keep(struct bus_sqlite *b, int64_t now, struct err *err);

/* bus_sqlite_publish.c */
MUST_USE enum rc bus_sqlite_publish(struct bus *base, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                           struct err *err);
/* One message to the dead-letter topic, kept also when no subscription wants it. */
MUST_USE enum rc bus_sqlite_forward(struct bus_sqlite *b, int64_t topic_id, const struct bus_message *m, struct err *err);
/* A new subscription gets the dead letters that waited for one. */
MUST_USE enum rc bus_sqlite_adopt(struct bus_sqlite *b, const struct sqlite_subscription *sub, struct slice filter, struct err *err);
/* A message with its body, all in `arena`; RC_REJECT when it does not fit. */
MUST_USE enum rc bus_sqlite_read(struct bus_sqlite *b, int64_t message_id, struct arena *arena, struct bus_message *out,
                                 struct err *err);
/* A filter that was checked when its subscription was made. */
struct filter;
MUST_USE enum rc bus_sqlite_filter(struct slice text, int64_t subscription_id, struct filter **out, struct err *err);
/* Does it pass the message with these packed attributes? */
MUST_USE enum rc bus_sqlite_passes(const struct filter *filter, int64_t message_id, struct slice packed, bool *out, struct err *err);

/* bus_sqlite_delivery.c: the only writer of deliveries, but for what seek and sweep do to many at once.  What opens or ends
 * some of a subscription's tells it: a call for a batch. */
MUST_USE enum rc bus_sqlite_count_open(struct bus_sqlite *b, int64_t subscription_id, int64_t more, struct err *err);
/* After the states of many were set. */
MUST_USE enum rc bus_sqlite_recount_open(struct bus_sqlite *b, int64_t subscription_id, struct err *err);
/* What messages of one key have in common in an ordered subscription; 0 for none. */
int64_t bus_sqlite_order_key(bool ordered, struct slice ordering_key);
/* The message is the youngest of the subscription; `pending` of the message counts it already.  The caller counts it as open. */
MUST_USE enum rc bus_sqlite_insert_delivery(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, int64_t order_key,
                                            struct err *err);
MUST_USE enum rc bus_sqlite_set_delivery(struct bus_sqlite *b, struct ack_id id, enum delivery_state state, int64_t due_ms,
                                         int64_t holder_id, struct err *err);
/* Acknowledged; nothing, and *out_ended false, when the delivery is another one by now.  The caller counts. */
MUST_USE enum rc bus_sqlite_end_delivery(struct bus_sqlite *b, const struct sqlite_subscription *sub, struct ack_id id,
                                         bool *out_ended, struct err *err);
/* Whatever its state is; it is counted here. */
MUST_USE enum rc bus_sqlite_drop_delivery(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, struct err *err);
/* One that comes again: the later ones of its ordering key wait for it. */
MUST_USE enum rc bus_sqlite_block_later(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, struct err *err);
/* After the states of many were set: all but the first of each ordering key wait. */
MUST_USE enum rc bus_sqlite_block_all(struct bus_sqlite *b, int64_t subscription_id, struct err *err);

/* bus_sqlite_pull.c */
MUST_USE enum rc bus_sqlite_pull(struct bus *base, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                        struct bus_delivery **out, size_t *out_count, struct err *err);
MUST_USE enum rc bus_sqlite_ack(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, struct err *err);
MUST_USE enum rc bus_sqlite_modify_deadline(struct bus *base, const char *sub, const struct slice *ack_id, size_t count,
                                   int64_t seconds, struct err *err);

#endif
