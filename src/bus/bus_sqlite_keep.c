/* What the embedded bus has kept long enough goes: some of it at a time, so that who publishes never waits long for it. */
#include "bus/bus_sqlite.h"

#define KEEP_EVERY_MS 1000
#define KEEP_AT_ONCE 1000

struct ids {
	int64_t id[KEEP_AT_ONCE];
	size_t count;
};

static enum rc read_ids(struct db_stmt *q, struct ids *out, struct err *err)
{
	bool row;
	out->count = 0;
	for (;;) {
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		assert(out->count < KEEP_AT_ONCE);
		out->id[out->count++] = db_column_int(q, 0);
	}
}

/* A snapshot at its end is a deleted subscription. */
static enum rc end_snapshots(struct bus_sqlite *b, int64_t now, struct err *err)
{
	return bus_sqlite_run(b, "UPDATE subscriptions SET name = '_' || subscription_id WHERE kind = 1 AND expire_ms <= ?1"
	                         " AND substr(name, 1, 1) <> '_'", now, err);
}

/* Messages that nobody waits for, of topics that have retained them long enough. */
static enum rc end_retained(struct bus_sqlite *b, int64_t now, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	struct ids topic;
	TRY(db_query(b->db, "SELECT topic_id FROM topics WHERE retention_ms > 0 LIMIT ?1", &q, err));
	db_bind_int(q, 1, KEEP_AT_ONCE);
	TRY(read_ids(q, &topic, err));
	for (size_t i = 0; i < topic.count; i++)
		TRY(bus_sqlite_run2(b,
		                   "DELETE FROM messages WHERE message_id IN (SELECT m.message_id FROM messages m INDEXED BY messages_retained"
		                   " WHERE m.topic_id = ?1 AND m.pending = 0 AND m.letter = 0 AND m.publish_time_ms <="
		                   " ?2 - (SELECT t.retention_ms FROM topics t WHERE t.topic_id = ?1) ORDER BY m.message_id LIMIT 1000)",
		                   topic.id[i], now, err));
	return RC_OK;
}

/* Of one subscription, among its oldest: what is older than `before`; what is acknowledged and is not retained (any more). */
static enum rc end_old(struct bus_sqlite *b, int64_t subscription_id, int64_t before, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	struct ids old;
	TRY(db_query(b->db,
	             "SELECT message_id FROM (SELECT d.message_id, m.publish_time_ms FROM deliveries d"
	             " JOIN messages m ON m.message_id = d.message_id WHERE d.subscription_id = ?1 ORDER BY d.message_id LIMIT ?3)"
	             " WHERE publish_time_ms <= ?2",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, before);
	db_bind_int(q, 3, KEEP_AT_ONCE);
	TRY(read_ids(q, &old, err));
	for (size_t i = 0; i < old.count; i++)
		TRY(bus_sqlite_drop_delivery(b, subscription_id, old.id[i], err));
	return RC_OK;
}

static enum rc end_acked(struct bus_sqlite *b, int64_t subscription_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	struct ids acked;
	TRY(db_query(b->db, "SELECT message_id FROM deliveries WHERE subscription_id = ?1 AND state = 3 LIMIT ?2", &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, KEEP_AT_ONCE);
	TRY(read_ids(q, &acked, err));
	for (size_t i = 0; i < acked.count; i++)
		TRY(bus_sqlite_drop_delivery(b, subscription_id, acked.id[i], err));
	return RC_OK;
}

struct kept {
	int64_t id, retention_ms;
	bool retain_acked, detached;
};

/* The next subscription after *inout; false at the end. */
static enum rc next_subscription(struct bus_sqlite *b, struct kept *inout, bool *out_found, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(b->db,
	             "SELECT subscription_id, " RETENTION_MS ", retain_acked, detached FROM subscriptions WHERE " IS_SUBSCRIPTION
	             " AND subscription_id > ?1 ORDER BY subscription_id LIMIT 1",
	             &q, err));
	db_bind_int(q, 1, inout->id);
	TRY(db_step(q, out_found, err));
	if (*out_found)
		*inout = (struct kept){ db_column_int(q, 0), db_column_int(q, 1), db_column_int(q, 2) != 0, db_column_int(q, 3) != 0 };
	return RC_OK;
}

static enum rc end_deliveries(struct bus_sqlite *b, int64_t now, struct err *err)
{
	struct kept sub = { 0 };
	bool found, done;
	for (;;) {
		TRY(next_subscription(b, &sub, &found, err));
		if (!found)
			return RC_OK;
		if (sub.detached)
			TRY(bus_sqlite_sweep_some(b, sub.id, KEEP_AT_ONCE, &done, err));
		if (sub.retention_ms)
			TRY(end_old(b, sub.id, now - sub.retention_ms, err));
		if (!sub.retain_acked)
			TRY(end_acked(b, sub.id, err));
	}
}

enum rc bus_sqlite_keep(struct bus_sqlite *b, int64_t now, struct err *err)
{
	bool done;
	if (now >= b->kept_ms && now - b->kept_ms < KEEP_EVERY_MS)
		return RC_OK;
	b->kept_ms = now;
	TRY(end_snapshots(b, now, err));
	TRY(bus_sqlite_sweep(b, KEEP_AT_ONCE, &done, err));
	TRY(end_retained(b, now, err));
	return end_deliveries(b, now, err);
}
