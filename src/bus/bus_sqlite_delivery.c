/* The state of a delivery on the embedded bus: how it begins, what it waits for, how it ends. */
#include "bus/bus_sqlite.h"

#include "base/hash.h"

int64_t bus_sqlite_order_key(bool ordered, struct slice ordering_key)
{
	if (!ordered || !ordering_key.len)
		return 0;
	int64_t key = (int64_t) (hash_u64(ordering_key) >> 1);
	return key ? key : 1; /* two keys with one number only wait for each other */
}

enum rc bus_sqlite_count_open(struct bus_sqlite *b, int64_t subscription_id, int64_t more, struct err *err)
{
	if (!more)
		return RC_OK;
	return bus_sqlite_run2(b, "UPDATE subscriptions SET open = open + ?2 WHERE subscription_id = ?1", subscription_id, more, err);
}

enum rc bus_sqlite_recount_open(struct bus_sqlite *b, int64_t subscription_id, struct err *err)
{
	return bus_sqlite_run(b, "UPDATE subscriptions SET open = " OPEN_DELIVERIES " WHERE subscription_id = ?1", subscription_id, err);
}

/* Is there one of the key that is not acknowledged? */
static enum rc is_key_open(struct bus_sqlite *b, int64_t subscription_id, int64_t order_key, bool *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(b->db,
	             "SELECT 1 FROM deliveries INDEXED BY deliveries_order"
	             " WHERE subscription_id = ?1 AND order_key = ?2 AND order_key <> 0 AND state <> 3 LIMIT 1",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, order_key);
	return db_step(q, out, err);
}

enum rc bus_sqlite_insert_delivery(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, int64_t order_key,
                                   struct err *err)
{
	struct db_stmt *q;
	bool blocked = false;
	if (order_key)
		TRY(is_key_open(b, subscription_id, order_key, &blocked, err));
	TRY(db_query(b->db,
	             "INSERT INTO deliveries(subscription_id, message_id, state, attempt, due_ms, order_key) VALUES (?1, ?2, ?3, 0, 0, ?4)",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, message_id);
	db_bind_int(q, 3, blocked ? DELIVERY_BLOCKED : DELIVERY_READY);
	db_bind_int(q, 4, order_key);
	return db_run(q, err);
}

enum rc bus_sqlite_set_delivery(struct bus_sqlite *b, struct ack_id id, enum delivery_state state, int64_t due_ms,
                                int64_t holder_id, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db,
	             "UPDATE deliveries SET state = ?3, attempt = ?4, due_ms = ?5, holder_id = ?6"
	             " WHERE subscription_id = ?1 AND message_id = ?2",
	             &q, err));
	db_bind_int(q, 1, id.subscription_id);
	db_bind_int(q, 2, id.message_id);
	db_bind_int(q, 3, state);
	db_bind_int(q, 4, id.attempt);
	db_bind_int(q, 5, due_ms);
	db_bind_int(q, 6, holder_id);
	return db_run(q, err);
}

/* Its delivery is gone: the message goes with its last one, unless its topic retains it. */
static enum rc release_message(struct bus_sqlite *b, int64_t message_id, struct err *err)
{
	TRY(bus_sqlite_run(b, "DELETE FROM messages WHERE message_id = ?1 AND pending = 1 AND NOT EXISTS"
	                      " (SELECT 1 FROM topics t WHERE t.topic_id = messages.topic_id AND t.retention_ms > 0)",
	                   message_id, err));
	if (db_changes(b->db))
		return RC_OK;
	return bus_sqlite_run(b, "UPDATE messages SET pending = pending - 1 WHERE message_id = ?1", message_id, err);
}

/* The ordering key of a delivery; 0 also when there is no delivery.  `out_open`, which may be NULL: it is there, not acknowledged. */
static enum rc read_order_key(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, int64_t *out, bool *out_open, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT order_key, state <> 3 FROM deliveries WHERE subscription_id = ?1 AND message_id = ?2", &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, message_id);
	TRY(db_step(q, &row, err));
	*out = row ? db_column_int(q, 0) : 0;
	if (out_open)
		*out_open = row && db_column_int(q, 1);
	return RC_OK;
}

/* The first of a key need not wait any more. */
static enum rc unblock_first(struct bus_sqlite *b, int64_t subscription_id, int64_t order_key, struct err *err)
{
	return bus_sqlite_run2(b,
	                      "UPDATE deliveries SET state = 0 WHERE subscription_id = ?1 AND state = 4 AND message_id ="
	                      " (SELECT min(message_id) FROM deliveries INDEXED BY deliveries_order"
	                      "  WHERE subscription_id = ?1 AND order_key = ?2 AND order_key <> 0 AND state <> 3)",
	                      subscription_id, order_key, err);
}

enum rc bus_sqlite_end_delivery(struct bus_sqlite *b, const struct sqlite_subscription *sub, struct ack_id id, bool *out_ended, struct err *err)
{
	struct db_stmt *q;
	int64_t order_key = 0;
	if (sub->ordered)
		TRY(read_order_key(b, id.subscription_id, id.message_id, &order_key, NULL, err));
	if (sub->retain_acked)
		TRY(db_query(b->db,
		             "UPDATE deliveries SET state = 3, due_ms = 0, holder_id = 0"
		             " WHERE subscription_id = ?1 AND message_id = ?2 AND attempt = ?3 AND state <> 3",
		             &q, err));
	else
		TRY(db_query(b->db, "DELETE FROM deliveries WHERE subscription_id = ?1 AND message_id = ?2 AND attempt = ?3", &q, err));
	db_bind_int(q, 1, id.subscription_id);
	db_bind_int(q, 2, id.message_id);
	db_bind_int(q, 3, id.attempt);
	TRY(db_run(q, err));
	*out_ended = db_changes(b->db) > 0;
	if (!*out_ended)
		return RC_OK;
	if (order_key)
		TRY(unblock_first(b, id.subscription_id, order_key, err));
	return sub->retain_acked ? RC_OK : release_message(b, id.message_id, err);
}

enum rc bus_sqlite_drop_delivery(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, struct err *err)
{
	int64_t order_key;
	bool open;
	TRY(read_order_key(b, subscription_id, message_id, &order_key, &open, err));
	TRY(bus_sqlite_count_open(b, subscription_id, open ? -1 : 0, err));
	TRY(bus_sqlite_run2(b, "DELETE FROM deliveries WHERE subscription_id = ?1 AND message_id = ?2", subscription_id, message_id, err));
	if (!db_changes(b->db))
		return RC_OK;
	if (order_key)
		TRY(unblock_first(b, subscription_id, order_key, err));
	return release_message(b, message_id, err);
}

enum rc bus_sqlite_block_later(struct bus_sqlite *b, int64_t subscription_id, int64_t message_id, struct err *err)
{
	int64_t order_key;
	struct db_stmt *q;
	TRY(read_order_key(b, subscription_id, message_id, &order_key, NULL, err));
	if (!order_key)
		return RC_OK;
	TRY(db_query(b->db,
	             "UPDATE deliveries INDEXED BY deliveries_order SET state = 4, due_ms = 0, holder_id = 0 WHERE subscription_id = ?1"
	             " AND order_key = ?2 AND order_key <> 0 AND state <> 3 AND state <> 4 AND message_id > ?3",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, order_key);
	db_bind_int(q, 3, message_id);
	return db_run(q, err);
}

enum rc bus_sqlite_block_all(struct bus_sqlite *b, int64_t subscription_id, struct err *err)
{
	return bus_sqlite_run(b,
	                      "UPDATE deliveries SET state = 4 WHERE subscription_id = ?1 AND order_key <> 0 AND state = 0 AND EXISTS"
	                      " (SELECT 1 FROM deliveries e WHERE e.subscription_id = ?1 AND e.order_key = deliveries.order_key"
	                      "  AND e.order_key <> 0 AND e.state <> 3 AND e.message_id < deliveries.message_id)",
	                      subscription_id, err);
}
