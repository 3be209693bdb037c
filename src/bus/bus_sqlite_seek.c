/* Going back (and forth) in time on the embedded bus.
 *
 * Everything happens in one transaction: a seek is done or it is not.  On a subscription of ten million messages others wait
 * for its half minute. */
#include "bus/bus_sqlite.h"

#include "bus/filter.h"

#define SEEK_AT_ONCE 500

/* ---- what counts as acknowledged ---- */

/* Those published before, whatever their state is. */
static enum rc ack_before(struct bus_sqlite *b, const struct sqlite_subscription *sub, int64_t time_ms, struct err *err)
{
#define BEFORE "(SELECT d.message_id FROM deliveries d JOIN messages m ON m.message_id = d.message_id"    \
	" WHERE d.subscription_id = ?1 AND m.publish_time_ms < ?2)"
	if (sub->retain_acked)
		return bus_sqlite_run2(b, "UPDATE deliveries SET state = 3, due_ms = 0, holder_id = 0 WHERE subscription_id = ?1 AND message_id IN " BEFORE,
		                      sub->id, time_ms, err);
	TRY(bus_sqlite_run2(b, "UPDATE messages SET pending = pending - 1 WHERE message_id IN " BEFORE, sub->id, time_ms, err));
	TRY(bus_sqlite_run2(b, "DELETE FROM deliveries WHERE subscription_id = ?1 AND message_id IN " BEFORE, sub->id, time_ms, err));
	return bus_sqlite_run(b, "DELETE FROM messages INDEXED BY messages_retained WHERE topic_id = ?1 AND pending = 0 AND letter = 0"
	                         " AND NOT EXISTS (SELECT 1 FROM topics t WHERE t.topic_id = ?1 AND t.retention_ms > 0)", sub->topic_id, err);
#undef BEFORE
}

/* ---- what comes again ---- */

static enum rc begin_epoch(struct bus_sqlite *b, int64_t subscription_id, struct err *err)
{
	return bus_sqlite_run(b, "UPDATE subscriptions SET epoch = epoch + 1 WHERE subscription_id = ?1", subscription_id, err);
}

static enum rc ready_since(struct bus_sqlite *b, const struct sqlite_subscription *sub, int64_t time_ms, struct err *err)
{
	return bus_sqlite_run2(b,
	                      "UPDATE deliveries SET state = 0, attempt = 0, due_ms = 0, holder_id = 0 WHERE subscription_id = ?1 AND EXISTS"
	                      " (SELECT 1 FROM messages m WHERE m.message_id = deliveries.message_id AND m.publish_time_ms >= ?2)",
	                      sub->id, time_ms, err);
}

struct candidate {
	int64_t message_id, order_key;
	bool passes;
};
struct candidates {
	struct candidate item[SEEK_AT_ONCE];
	size_t count;
};

static enum rc read_candidates(struct db_stmt *q, const struct filter *filter, bool ordered, struct candidates *out, struct err *err)
{
	bool row;
	out->count = 0;
	for (;;) {
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		assert(out->count < SEEK_AT_ONCE);
		struct candidate *c = &out->item[out->count++];
		*c = (struct candidate){ db_column_int(q, 0), bus_sqlite_order_key(ordered, db_column_text(q, 2)), false };
		TRY(bus_sqlite_passes(filter, c->message_id, db_column_blob(q, 1), &c->passes, err));
	}
}

/* Ready, with a delivery of its own when it has none (any more). */
static enum rc bring_back(struct bus_sqlite *b, int64_t subscription_id, const struct candidate *c, struct err *err)
{
	TRY(bus_sqlite_run2(b, "UPDATE deliveries SET state = 0, attempt = 0, due_ms = 0, holder_id = 0"
	                      " WHERE subscription_id = ?1 AND message_id = ?2", subscription_id, c->message_id, err));
	if (db_changes(b->db))
		return RC_OK;
	struct db_stmt *q;
	TRY(bus_sqlite_run(b, "UPDATE messages SET pending = pending + 1 WHERE message_id = ?1", c->message_id, err));
	TRY(db_query(b->db, "INSERT INTO deliveries(subscription_id, message_id, state, attempt, due_ms, order_key) VALUES (?1, ?2, 0, 0, 0, ?3)",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, c->message_id);
	db_bind_int(q, 3, c->order_key);
	return db_run(q, err);
}

/* Where what comes back is looked for, some at a time: ?1 says where, ?2 after which message. */
static enum rc find_in_topic(struct bus_sqlite *b, struct db_stmt **out, struct err *err)
{
	return db_query(b->db,
	                "SELECT message_id, attributes, ordering_key FROM messages"
	                " WHERE topic_id = ?1 AND message_id > ?2 AND letter = 0 AND publish_time_ms >= ?4 ORDER BY message_id LIMIT ?3",
	                out, err);
}

static enum rc find_in_snapshot(struct bus_sqlite *b, struct db_stmt **out, struct err *err)
{
	return db_query(b->db,
	                "SELECT m.message_id, m.attributes, m.ordering_key FROM deliveries d JOIN messages m ON m.message_id = d.message_id"
	                " WHERE d.subscription_id = ?1 AND d.message_id > ?2 AND m.publish_time_ms >= ?4 ORDER BY d.message_id LIMIT ?3",
	                out, err);
}

static enum rc bring_all_back(struct bus_sqlite *b, const struct sqlite_subscription *sub, const struct filter *filter,
                              enum rc (*find)(struct bus_sqlite *b, struct db_stmt **out, struct err *err), int64_t where, int64_t since_ms,
                              struct err *err)
{
	struct candidates found;
	int64_t after = 0;
	do {
		CLEANUP(db_donep) struct db_stmt *q = NULL;
		TRY(find(b, &q, err));
		db_bind_int(q, 1, where);
		db_bind_int(q, 2, after);
		db_bind_int(q, 3, SEEK_AT_ONCE);
		db_bind_int(q, 4, since_ms);
		TRY(read_candidates(q, filter, sub->ordered, &found, err));
		for (size_t i = 0; i < found.count; i++) {
			after = found.item[i].message_id;
			if (found.item[i].passes)
				TRY(bring_back(b, sub->id, &found.item[i], err));
		}
	} while (found.count == SEEK_AT_ONCE);
	return RC_OK;
}

static enum rc read_filter(struct bus_sqlite *b, int64_t subscription_id, struct filter **out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT filter FROM subscriptions WHERE subscription_id = ?1", &q, err));
	db_bind_int(q, 1, subscription_id);
	TRY(db_step(q, &row, err));
	return bus_sqlite_filter(db_column_text(q, 0), subscription_id, out, err);
}

static enum rc topic_retains(struct bus_sqlite *b, int64_t topic_id, bool *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(b->db, "SELECT 1 FROM topics WHERE topic_id = ?1 AND retention_ms > 0", &q, err));
	db_bind_int(q, 1, topic_id);
	return db_step(q, out, err);
}

/* ---- to a time ---- */

static enum rc to_time(struct bus_sqlite *b, const char *name, int64_t time_ms, struct err *err)
{
	CLEANUP(filter_freep) struct filter *filter = NULL;
	struct sqlite_subscription sub;
	bool retained;
	TRY(bus_sqlite_subscription(b, name, &sub, err));
	TRY(read_filter(b, sub.id, &filter, err));
	TRY(topic_retains(b, sub.topic_id, &retained, err));
	TRY(begin_epoch(b, sub.id, err));
	TRY(ack_before(b, &sub, time_ms, err));
	TRY(ready_since(b, &sub, time_ms, err));
	if (retained && !sub.detached)
		TRY(bring_all_back(b, &sub, filter, find_in_topic, sub.topic_id, time_ms, err));
	if (sub.ordered)
		TRY(bus_sqlite_block_all(b, sub.id, err));
	return bus_sqlite_recount_open(b, sub.id, err);
}

enum rc bus_sqlite_seek_time(struct bus *base, const char *sub, int64_t time_ms, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY_WRAP(to_time(b, sub, time_ms, err), err, "seek subscription '%s'", sub);
	return db_commit(transaction, err);
}

/* ---- to a snapshot ---- */

static enum rc to_snapshot(struct bus_sqlite *b, const char *name, const char *snapshot, struct err *err)
{
	CLEANUP(filter_freep) struct filter *filter = NULL;
	struct sqlite_subscription sub;
	int64_t id, topic_id;
	TRY(bus_sqlite_subscription(b, name, &sub, err));
	TRY(bus_sqlite_find_snapshot(b, snapshot, &id, &topic_id, err));
	if (topic_id != sub.topic_id || sub.detached)
		return err_set(err, RC_REJECT, "snapshot '%s' is of another topic", snapshot);
	TRY(read_filter(b, sub.id, &filter, err));
	TRY(begin_epoch(b, sub.id, err));
	TRY(ack_before(b, &sub, INT64_MAX, err));
	TRY(bring_all_back(b, &sub, filter, find_in_snapshot, id, INT64_MIN, err));
	if (sub.ordered)
		TRY(bus_sqlite_block_all(b, sub.id, err));
	return bus_sqlite_recount_open(b, sub.id, err);
}

enum rc bus_sqlite_seek_snapshot(struct bus *base, const char *sub, const char *snapshot, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY_WRAP(to_snapshot(b, sub, snapshot, err), err, "seek subscription '%s'", sub);
	return db_commit(transaction, err);
}
