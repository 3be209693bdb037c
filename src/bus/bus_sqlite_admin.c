/* What exists on the embedded bus, and how it goes. */
#include "bus/bus_sqlite.h"

#include "base/clock.h"

#define NAMES_AT_ONCE 256
#define SWEEP_AT_ONCE 10000 /* deliveries for each transaction: who publishes waits no longer than for that */

/* ---- lists ---- */

struct names {
	struct arena *arena;
	struct bus_names *out;
	size_t cap;
};

static enum rc add_name(struct names *n, struct slice name, struct err *err)
{
	if (n->out->count == n->cap) {
		size_t cap = n->cap ? 2 * n->cap : NAMES_AT_ONCE;
		if (!arena_fits(n->arena, cap * sizeof(struct slice) + name.len + 1))
			return err_set(err, RC_REJECT, "more than %zu names: over the limit of the reader", n->out->count);
		struct slice *longer = arena_alloc_array(n->arena, cap, sizeof *longer);
		if (n->out->count)
			memcpy(longer, n->out->name, n->out->count * sizeof *longer);
		n->out->name = longer;
		n->cap = cap;
	}
	n->out->name[n->out->count++] = arena_copy(n->arena, name);
	return RC_OK;
}

enum rc bus_sqlite_names(struct db_stmt *q, struct arena *arena, struct bus_names *out, struct err *err)
{
	struct names n = { .arena = arena, .out = out };
	bool row;
	for (;;) {
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		TRY(add_name(&n, db_column_text(q, 0), err));
	}
}

static enum rc topics(struct bus *base, struct arena *arena, struct bus_names *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(bus_sqlite_of(base)->db, "SELECT name FROM topics WHERE substr(name, 1, 1) <> '_' ORDER BY name", &q, err));
	return bus_sqlite_names(q, arena, out, err);
}

static enum rc subscriptions(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	struct sqlite_topic found = { 0 };
	if (topic)
		TRY(bus_sqlite_topic(b, topic, &found, err));
	TRY(db_query(b->db, "SELECT name FROM subscriptions WHERE ?1 IN (0, topic_id) AND " IS_SUBSCRIPTION " ORDER BY name", &q, err));
	db_bind_int(q, 1, found.id);
	return bus_sqlite_names(q, arena, out, err);
}

const char *bus_sqlite_topic_name(struct slice stored, struct arena *arena)
{
	return slice_starts(stored, SLICE("_")) ? BUS_DELETED_TOPIC : arena_strdup(arena, stored);
}

static enum rc describe_topic(struct bus *base, const char *topic, struct arena *arena, struct bus_topic *out, struct err *err)
{
	struct sqlite_topic found;
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(bus_sqlite_topic(bus_sqlite_of(base), topic, &found, err));
	TRY(db_query(bus_sqlite_of(base)->db, "SELECT name, retention_ms, labels FROM topics WHERE topic_id = ?1", &q, err));
	db_bind_int(q, 1, found.id);
	TRY(db_step(q, &row, err));
	*out = (struct bus_topic){ arena_strdup(arena, db_column_text(q, 0)), db_column_int(q, 1), arena_strdup(arena, db_column_text(q, 2)) };
	return RC_OK;
}

static enum rc describe(struct bus *base, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(bus_sqlite_of(base)->db,
	             "SELECT s.name, t.name, s.filter, s.ack_deadline_ms, s.backoff_min_ms, s.backoff_max_ms, ifnull(d.name, ''),"
	             " s.max_delivery_attempts, s.retention_ms, s.retain_acked, s.ordered, s.push_config, s.labels, s.detached"
	             " FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id"
	             " LEFT JOIN topics d ON d.topic_id = s.dead_letter_topic_id"
	             " WHERE s.name = ?1 AND s.kind = 0 AND substr(s.name, 1, 1) <> '_'",
	             &q, err));
	db_bind_text(q, 1, slice_of(sub));
	TRY(db_step(q, &row, err));
	if (!row)
		return err_set(err, RC_NOT_FOUND, "no subscription '%s' on this bus (sargam setup makes it)", sub);
	*out = (struct bus_subscription){
		.name = arena_strdup(arena, db_column_text(q, 0)),
		.topic = bus_sqlite_topic_name(db_column_text(q, 1), arena),
		.filter = arena_strdup(arena, db_column_text(q, 2)),
		.ack_deadline_s = db_column_int(q, 3) / 1000,
		.backoff_min_ms = db_column_int(q, 4),
		.backoff_max_ms = db_column_int(q, 5),
		.dead_letter_topic = bus_sqlite_topic_name(db_column_text(q, 6), arena),
		.max_delivery_attempts = db_column_int(q, 7),
		.retention_ms = db_column_int(q, 8),
		.retain_acked = db_column_int(q, 9) != 0,
		.ordered = db_column_int(q, 10) != 0,
		.push_config = arena_strdup(arena, db_column_text(q, 11)),
		.labels = arena_strdup(arena, db_column_text(q, 12)),
		.detached = db_column_int(q, 13) != 0,
	};
	return RC_OK;
}

/* ---- changing ---- */

static enum rc update_topic(struct bus *base, const struct bus_topic *topic, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_topic found;
	struct db_stmt *q;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_topic(b, topic->name, &found, err));
	TRY(db_query(b->db, "UPDATE topics SET retention_ms = ?2, labels = ?3 WHERE topic_id = ?1", &q, err));
	db_bind_int(q, 1, found.id);
	db_bind_int(q, 2, topic->retention_ms);
	db_bind_text(q, 3, slice_of(topic->labels));
	TRY(db_run(q, err));
	if (!topic->retention_ms) /* what only the topic kept */
		TRY(bus_sqlite_run(b, "DELETE FROM messages INDEXED BY messages_retained WHERE topic_id = ?1 AND pending = 0 AND letter = 0",
		                   found.id, err));
	b->kept_ms = 0;
	TRY(bus_sqlite_keep(b, clock_now_ms(b->clock), err));
	return db_commit(transaction, err);
}

/* ---- going ---- */

/* Deleted topics that nothing refers to any more. */
static enum rc forget_topics(struct bus_sqlite *b, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db,
	             "DELETE FROM topics WHERE substr(name, 1, 1) = '_'"
	             " AND topic_id NOT IN (SELECT topic_id FROM subscriptions)"
	             " AND topic_id NOT IN (SELECT dead_letter_topic_id FROM subscriptions WHERE dead_letter_topic_id IS NOT NULL)"
	             " AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.topic_id = topics.topic_id)",
	             &q, err));
	return db_run(q, err);
}

static enum rc delete_topic(struct bus *base, const char *topic, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_topic found;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_topic(b, topic, &found, err));
	TRY(bus_sqlite_run(b, "DELETE FROM messages INDEXED BY messages_letter WHERE topic_id = ?1 AND letter = 1", found.id, err));
	TRY(bus_sqlite_run(b, "DELETE FROM messages INDEXED BY messages_retained WHERE topic_id = ?1 AND pending = 0 AND letter = 0",
	                   found.id, err));
	TRY(bus_sqlite_run(b, "UPDATE topics SET name = '_' || topic_id, retention_ms = 0 WHERE topic_id = ?1", found.id, err));
	TRY(forget_topics(b, err));
	return db_commit(transaction, err);
}

/* A deleted subscription, if there is one: also what a process left that died while it swept. */
static enum rc find_deleted(struct bus_sqlite *b, int64_t *out_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT subscription_id FROM subscriptions WHERE name >= '_' AND name < '`' LIMIT 1", &q, err));
	TRY(db_step(q, &row, err));
	*out_id = row ? db_column_int(q, 0) : 0;
	return RC_OK;
}

enum rc bus_sqlite_sweep_some(struct bus_sqlite *b, int64_t id, int64_t at_once, bool *out_done, struct err *err)
{
#define SOME "(SELECT message_id FROM deliveries WHERE subscription_id = ?1 ORDER BY message_id LIMIT ?2)"
	TRY(bus_sqlite_run2(b, "UPDATE subscriptions SET open = open - (SELECT count(*) FROM deliveries d WHERE d.subscription_id = ?1"
	                   " AND d.state <> 3 AND d.message_id IN " SOME ") WHERE subscription_id = ?1", id, at_once, err));
	TRY(bus_sqlite_run2(b, "DELETE FROM messages WHERE pending = 1 AND message_id IN " SOME
	                   " AND NOT EXISTS (SELECT 1 FROM topics t WHERE t.topic_id = messages.topic_id AND t.retention_ms > 0)",
	                   id, at_once, err));
	TRY(bus_sqlite_run2(b, "UPDATE messages SET pending = pending - 1 WHERE message_id IN " SOME, id, at_once, err));
	TRY(bus_sqlite_run2(b, "DELETE FROM deliveries WHERE subscription_id = ?1 AND message_id IN " SOME, id, at_once, err));
	*out_done = db_changes(b->db) < at_once;
	return RC_OK;
#undef SOME
}

enum rc bus_sqlite_sweep(struct bus_sqlite *b, int64_t at_once, bool *out_done, struct err *err)
{
	int64_t id;
	bool empty;
	TRY(find_deleted(b, &id, err));
	*out_done = !id;
	if (!id)
		return RC_OK;
	TRY(bus_sqlite_sweep_some(b, id, at_once, &empty, err));
	if (!empty)
		return RC_OK;
	TRY(bus_sqlite_run(b, "DELETE FROM subscriptions WHERE subscription_id = ?1", id, err));
	return forget_topics(b, err);
}

static enum rc sweep_all(struct bus_sqlite *b, struct err *err)
{
	for (bool done = false; !done;) {
		TRY(db_begin(b->db, err));
		CLEANUP(db_rollbackp) struct db *transaction = b->db;
		TRY(bus_sqlite_sweep(b, SWEEP_AT_ONCE, &done, err));
		TRY(db_commit(transaction, err));
	}
	return RC_OK;
}

/* It is gone by its name at once; then its messages go, some at a time. */
static enum rc delete_subscription(struct bus *base, const char *sub, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_subscription found;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_subscription(b, sub, &found, err));
	TRY(bus_sqlite_run(b, "UPDATE subscriptions SET name = '_' || subscription_id WHERE subscription_id = ?1", found.id, err));
	TRY(db_commit(transaction, err));
	return sweep_all(b, err);
}

enum rc bus_sqlite_delete_snapshot(struct bus *base, const char *name, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	int64_t id, topic_id;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_find_snapshot(b, name, &id, &topic_id, err));
	TRY(bus_sqlite_run(b, "UPDATE subscriptions SET name = '_' || subscription_id WHERE subscription_id = ?1", id, err));
	TRY(db_commit(transaction, err));
	return sweep_all(b, err);
}

/* It gets nothing more at once; then what waited in it goes.  The rest of one that was killed meanwhile goes in bus_sqlite_keep(). */
static enum rc detach(struct bus *base, const char *sub, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_subscription found;
	for (bool done = false; !done;) {
		TRY(db_begin(b->db, err));
		CLEANUP(db_rollbackp) struct db *transaction = b->db;
		TRY(bus_sqlite_subscription(b, sub, &found, err));
		if (found.detached)
			TRY(bus_sqlite_sweep_some(b, found.id, SWEEP_AT_ONCE, &done, err));
		else
			TRY(bus_sqlite_run(b, "UPDATE subscriptions SET detached = 1 WHERE subscription_id = ?1", found.id, err));
		TRY(db_commit(transaction, err));
	}
	return RC_OK;
}

const struct bus_admin_ops bus_sqlite_admin = {
	.topics = topics,
	.topic = describe_topic,
	.update_topic = update_topic,
	.delete_topic = delete_topic,
	.subscriptions = subscriptions,
	.subscription = describe,
	.delete_subscription = delete_subscription,
	.detach = detach,
	.snapshots = bus_sqlite_snapshots,
	.snapshot = bus_sqlite_snapshot,
	.create_snapshot = bus_sqlite_create_snapshot,
	.update_snapshot = bus_sqlite_update_snapshot,
	.delete_snapshot = bus_sqlite_delete_snapshot,
	.seek_time = bus_sqlite_seek_time,
	.seek_snapshot = bus_sqlite_seek_snapshot,
};
