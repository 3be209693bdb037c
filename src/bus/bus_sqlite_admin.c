/* What exists on the embedded bus, and how it goes. */
#include "bus/bus_sqlite.h"

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

static enum rc read_names(struct db_stmt *q, struct arena *arena, struct bus_names *out, struct err *err)
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

enum rc bus_sqlite_topics(struct bus *base, struct arena *arena, struct bus_names *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(bus_sqlite_of(base)->db, "SELECT name FROM topics WHERE substr(name, 1, 1) <> '_' ORDER BY name", &q, err));
	return read_names(q, arena, out, err);
}

enum rc bus_sqlite_subscriptions(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	int64_t topic_id = 0;
	if (topic)
		TRY(bus_sqlite_topic(b, topic, &topic_id, err));
	TRY(db_query(b->db,
	             "SELECT name FROM subscriptions WHERE ?1 IN (0, topic_id) AND substr(name, 1, 1) <> '_' ORDER BY name", &q,
	             err));
	db_bind_int(q, 1, topic_id);
	return read_names(q, arena, out, err);
}

/* The name of a topic as others see it. */
static const char *topic_name(struct slice stored, struct arena *arena)
{
	return slice_starts(stored, SLICE("_")) ? BUS_DELETED_TOPIC : arena_strdup(arena, stored);
}

enum rc bus_sqlite_describe(struct bus *base, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(bus_sqlite_of(base)->db,
	             "SELECT s.name, t.name, s.filter, s.ack_deadline_ms, s.backoff_min_ms, s.backoff_max_ms, ifnull(d.name, ''),"
	             " s.max_delivery_attempts FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id"
	             " LEFT JOIN topics d ON d.topic_id = s.dead_letter_topic_id WHERE s.name = ?1 AND substr(s.name, 1, 1) <> '_'",
	             &q, err));
	db_bind_text(q, 1, slice_of(sub));
	TRY(db_step(q, &row, err));
	if (!row)
		return err_set(err, RC_NOT_FOUND, "no subscription '%s' on this bus (sargam setup makes it)", sub);
	*out = (struct bus_subscription){
		.name = arena_strdup(arena, db_column_text(q, 0)),
		.topic = topic_name(db_column_text(q, 1), arena),
		.filter = arena_strdup(arena, db_column_text(q, 2)),
		.ack_deadline_s = db_column_int(q, 3) / 1000,
		.backoff_min_ms = db_column_int(q, 4),
		.backoff_max_ms = db_column_int(q, 5),
		.dead_letter_topic = topic_name(db_column_text(q, 6), arena),
		.max_delivery_attempts = db_column_int(q, 7),
	};
	return RC_OK;
}

/* ---- going ---- */

static enum rc run_with(struct bus_sqlite *b, const char *sql, int64_t id, int64_t more, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db, sql, &q, err));
	db_bind_int(q, 1, id);
	if (more)
		db_bind_int(q, 2, more);
	return db_run(q, err);
}

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

enum rc bus_sqlite_delete_topic(struct bus *base, const char *topic, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	int64_t id;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_topic(b, topic, &id, err));
	TRY(run_with(b, "DELETE FROM messages INDEXED BY messages_unclaimed WHERE topic_id = ?1 AND pending = 0", id, 0, err));
	TRY(run_with(b, "UPDATE topics SET name = '_' || topic_id WHERE topic_id = ?1", id, 0, err));
	TRY(forget_topics(b, err));
	return db_commit(transaction, err);
}

/* A deleted subscription, if there is one: also what a process left that died while it swept. */
static enum rc find_deleted(struct bus_sqlite *b, int64_t *out_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT subscription_id FROM subscriptions WHERE substr(name, 1, 1) = '_' LIMIT 1", &q, err));
	TRY(db_step(q, &row, err));
	*out_id = row ? db_column_int(q, 0) : 0;
	return RC_OK;
}

/* The first deliveries of it, or the subscription itself when there are none; *out_done when nothing is left to sweep. */
static enum rc sweep(struct bus_sqlite *b, bool *out_done, struct err *err)
{
#define FIRST "(SELECT message_id FROM deliveries WHERE subscription_id = ?1 ORDER BY message_id LIMIT ?2)"
	int64_t id;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(find_deleted(b, &id, err));
	*out_done = !id;
	if (!id)
		return RC_OK;
	TRY(run_with(b, "DELETE FROM messages WHERE pending = 1 AND message_id IN " FIRST, id, SWEEP_AT_ONCE, err));
	TRY(run_with(b, "UPDATE messages SET pending = pending - 1 WHERE message_id IN " FIRST, id, SWEEP_AT_ONCE, err));
	TRY(run_with(b, "DELETE FROM deliveries WHERE subscription_id = ?1 AND message_id IN " FIRST, id, SWEEP_AT_ONCE, err));
	if (db_changes(b->db) < SWEEP_AT_ONCE) {
		TRY(run_with(b, "DELETE FROM subscriptions WHERE subscription_id = ?1", id, 0, err));
		TRY(forget_topics(b, err));
	}
	return db_commit(transaction, err);
#undef FIRST
}

/* It is gone by its name at once; then its messages go, some at a time. */
enum rc bus_sqlite_delete_subscription(struct bus *base, const char *sub, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_subscription found;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_subscription(b, sub, &found, err));
	TRY(run_with(b, "UPDATE subscriptions SET name = '_' || subscription_id WHERE subscription_id = ?1", found.id, 0, err));
	TRY(db_commit(transaction, err));
	for (bool done = false; !done;)
		TRY(sweep(b, &done, err));
	return RC_OK;
}
