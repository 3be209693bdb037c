/* Snapshots on the embedded bus: subscriptions of another kind, which get what is published and which nobody pulls. */
#include "bus/bus_sqlite.h"

#include "base/clock.h"

static struct slice stored_name(const char *name, struct arena *arena)
{
	return arena_printf(arena, SNAPSHOT_PREFIX "%s", name);
}

static enum rc no_snapshot(const char *name, struct err *err)
{
	return err_set(err, RC_NOT_FOUND, "no snapshot '%s' on this bus", name);
}

enum rc bus_sqlite_find_snapshot(struct bus_sqlite *b, const char *name, int64_t *out_id, int64_t *out_topic_id, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(BUS_TEXT_BYTES_MAX);
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(bus_check_name(name, err));
	TRY(db_query(b->db, "SELECT subscription_id, topic_id FROM subscriptions WHERE name = ?1 AND expire_ms > ?2", &q, err));
	db_bind_text(q, 1, stored_name(name, &arena));
	db_bind_int(q, 2, clock_now_ms(b->clock));
	TRY(db_step(q, &row, err));
	if (!row)
		return no_snapshot(name, err);
	*out_id = db_column_int(q, 0);
	*out_topic_id = db_column_int(q, 1);
	return RC_OK;
}

enum rc bus_sqlite_snapshots(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	struct sqlite_topic found = { 0 };
	if (topic)
		TRY(bus_sqlite_topic(b, topic, &found, err));
	TRY(db_query(b->db,
	             "SELECT substr(name, length('" SNAPSHOT_PREFIX "') + 1) FROM subscriptions WHERE ?1 IN (0, topic_id) AND kind = 1"
	             " AND substr(name, 1, 1) <> '_' AND expire_ms > ?2 ORDER BY name",
	             &q, err));
	db_bind_int(q, 1, found.id);
	db_bind_int(q, 2, clock_now_ms(b->clock));
	return bus_sqlite_names(q, arena, out, err);
}

enum rc bus_sqlite_snapshot(struct bus *base, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	int64_t id, topic_id;
	bool row;
	TRY(bus_sqlite_find_snapshot(b, name, &id, &topic_id, err));
	TRY(db_query(b->db,
	             "SELECT t.name, s.labels, s.expire_ms FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id"
	             " WHERE s.subscription_id = ?1",
	             &q, err));
	db_bind_int(q, 1, id);
	TRY(db_step(q, &row, err));
	if (!row)
		return no_snapshot(name, err);
	*out = (struct bus_snapshot){
		.name = arena_strdup(arena, slice_of(name)),
		.topic = bus_sqlite_topic_name(db_column_text(q, 0), arena),
		.labels = arena_strdup(arena, db_column_text(q, 1)),
		.expire_ms = db_column_int(q, 2),
	};
	return RC_OK;
}

/* ---- making ---- */

/* Seven days, less the age of the oldest message that is not acknowledged. */
static enum rc find_expiry(struct bus_sqlite *b, int64_t subscription_id, int64_t now, int64_t *out_ms, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db,
	             "SELECT ifnull(min(m.publish_time_ms), ?2) FROM deliveries d JOIN messages m ON m.message_id = d.message_id"
	             " WHERE d.subscription_id = ?1 AND d.state <> 3",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, now);
	TRY(db_step(q, &row, err));
	int64_t oldest = db_column_int(q, 0);
	*out_ms = (oldest < now ? oldest : now) + BUS_SNAPSHOT_MS_MAX;
	return RC_OK;
}

static enum rc insert_snapshot(struct bus_sqlite *b, const char *name, int64_t of, const char *labels, int64_t expire_ms,
                               int64_t *out_id, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(BUS_TEXT_BYTES_MAX);
	struct db_stmt *q;
	TRY(db_query(b->db,
	             "INSERT INTO subscriptions(name, topic_id, filter, ack_deadline_ms, backoff_min_ms, backoff_max_ms,"
	             " max_delivery_attempts, kind, labels, expire_ms)"
	             " SELECT ?1, topic_id, filter, 0, 0, 0, 0, 1, ?3, ?4 FROM subscriptions WHERE subscription_id = ?2",
	             &q, err));
	db_bind_text(q, 1, stored_name(name, &arena));
	db_bind_int(q, 2, of);
	db_bind_text(q, 3, slice_of(labels));
	db_bind_int(q, 4, expire_ms);
	TRY(db_run(q, err));
	*out_id = db_last_id(b->db);
	return RC_OK;
}

static enum rc create(struct bus_sqlite *b, const char *name, const char *sub, const char *labels, struct err *err)
{
	struct sqlite_subscription of;
	struct err ignored = { 0 };
	int64_t id, topic_id, expire_ms, now = clock_now_ms(b->clock);
	TRY(bus_sqlite_subscription(b, sub, &of, err));
	enum rc rc = bus_sqlite_find_snapshot(b, name, &id, &topic_id, &ignored);
	if (rc == RC_OK)
		return err_set(err, RC_REJECT, "it exists (choose another name)");
	if (of.detached)
		return err_set(err, RC_REJECT, "subscription '%s' is detached from its topic", sub);
	b->kept_ms = 0; /* an ended one may still have the name */
	TRY(bus_sqlite_keep(b, now, err));
	TRY(find_expiry(b, of.id, now, &expire_ms, err));
	if (expire_ms - now < BUS_SNAPSHOT_MS_MIN)
		return err_set(err, RC_REJECT, "subscription '%s': its oldest message is so old that a snapshot would not last an hour"
		               " (acknowledge it, or seek)", sub);
	TRY(insert_snapshot(b, name, of.id, labels, expire_ms, &id, err));
	TRY(bus_sqlite_run(b, "UPDATE messages SET pending = pending + 1 WHERE message_id IN"
	                      " (SELECT message_id FROM deliveries WHERE subscription_id = ?1 AND state <> 3)", of.id, err));
	TRY(bus_sqlite_run2(b, "INSERT INTO deliveries(subscription_id, message_id, state, attempt, due_ms)"
	                       " SELECT ?2, message_id, 0, 0, 0 FROM deliveries WHERE subscription_id = ?1 AND state <> 3", of.id, id, err));
	return bus_sqlite_recount_open(b, id, err);
}

enum rc bus_sqlite_create_snapshot(struct bus *base, const char *name, const char *sub, const char *labels, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY_WRAP(create(b, name, sub, labels, err), err, "snapshot '%s'", name);
	return db_commit(transaction, err);
}

enum rc bus_sqlite_update_snapshot(struct bus *base, const struct bus_snapshot *snapshot, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	int64_t id, topic_id;
	struct db_stmt *q;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_find_snapshot(b, snapshot->name, &id, &topic_id, err));
	TRY(db_query(b->db, "UPDATE subscriptions SET labels = ?2, expire_ms = ?3 WHERE subscription_id = ?1", &q, err));
	db_bind_int(q, 1, id);
	db_bind_text(q, 2, slice_of(snapshot->labels));
	db_bind_int(q, 3, snapshot->expire_ms);
	TRY(db_run(q, err));
	return db_commit(transaction, err);
}
