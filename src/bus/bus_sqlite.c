#include "bus/bus_sqlite.h"

#include "base/clock.h"
#include "base/mem.h"

static const struct db_migration schema[] = {
	{
		"CREATE TABLE topics("
		"	topic_id INTEGER PRIMARY KEY,"
		"	name TEXT NOT NULL UNIQUE"
		") STRICT;"
		"CREATE TABLE subscriptions("
		"	subscription_id INTEGER PRIMARY KEY AUTOINCREMENT,"
		"	name TEXT NOT NULL UNIQUE,"
		"	topic_id INTEGER NOT NULL REFERENCES topics,"
		"	filter TEXT NOT NULL,"
		"	ack_deadline_ms INTEGER NOT NULL,"
		"	backoff_min_ms INTEGER NOT NULL,"
		"	backoff_max_ms INTEGER NOT NULL,"
		"	dead_letter_topic_id INTEGER REFERENCES topics," /* NULL for none */
		"	max_delivery_attempts INTEGER NOT NULL"
		") STRICT;"
		"CREATE INDEX subscriptions_topic ON subscriptions(topic_id);"
		"CREATE TABLE messages("
		"	message_id INTEGER PRIMARY KEY AUTOINCREMENT,"
		"	topic_id INTEGER NOT NULL REFERENCES topics,"
		"	publish_time_ms INTEGER NOT NULL,"
		"	ordering_key TEXT NOT NULL,"
		"	attributes BLOB NOT NULL,"
		"	data_bytes INTEGER NOT NULL,"
		"	pending INTEGER NOT NULL"
		") STRICT;"
		"CREATE INDEX messages_unclaimed ON messages(topic_id) WHERE pending = 0;"
		"CREATE TABLE bodies("
		"	message_id INTEGER PRIMARY KEY REFERENCES messages ON DELETE CASCADE,"
		"	data BLOB NOT NULL"
		") STRICT;"
		"CREATE TABLE deliveries("
		"	subscription_id INTEGER NOT NULL REFERENCES subscriptions,"
		"	message_id INTEGER NOT NULL,"
		"	state INTEGER NOT NULL,"   /* enum delivery_state */
		"	attempt INTEGER NOT NULL," /* how often it was leased */
		"	due_ms INTEGER NOT NULL,"  /* 0 when ready */
		"	PRIMARY KEY (subscription_id, message_id)"
		") STRICT, WITHOUT ROWID;"
		"CREATE INDEX deliveries_due ON deliveries(subscription_id, state, due_ms, message_id);",
	},
	{
		"CREATE TABLE holders("
		"	holder_id INTEGER PRIMARY KEY AUTOINCREMENT,"
		"	name TEXT NOT NULL UNIQUE" /* io/process.h */
		") STRICT;"
		"ALTER TABLE deliveries ADD COLUMN holder_id INTEGER NOT NULL DEFAULT 0;", /* who leased it; 0 = not known */
	},
	{
		"ALTER TABLE topics ADD COLUMN retention_ms INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE topics ADD COLUMN labels TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE subscriptions ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;" /* 1: a snapshot, named snapshot:NAME */
		"ALTER TABLE subscriptions ADD COLUMN retention_ms INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE subscriptions ADD COLUMN retain_acked INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE subscriptions ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE subscriptions ADD COLUMN detached INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE subscriptions ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;" /* how often it was sought */
		"ALTER TABLE subscriptions ADD COLUMN push_config TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE subscriptions ADD COLUMN labels TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE subscriptions ADD COLUMN expire_ms INTEGER NOT NULL DEFAULT 0;" /* of a snapshot */
		"ALTER TABLE messages ADD COLUMN letter INTEGER NOT NULL DEFAULT 0;"
		"UPDATE messages SET letter = 1 WHERE pending = 0;"
		"DROP INDEX messages_unclaimed;"
		"CREATE INDEX messages_letter ON messages(topic_id) WHERE letter = 1;"
		"CREATE INDEX messages_retained ON messages(topic_id) WHERE pending = 0 AND letter = 0;"
		"ALTER TABLE deliveries ADD COLUMN order_key INTEGER NOT NULL DEFAULT 0;" /* bus_sqlite_order_key() */
		"CREATE INDEX deliveries_order ON deliveries(subscription_id, order_key, message_id) WHERE order_key <> 0 AND state <> 3;",
	},
	{
		"ALTER TABLE subscriptions ADD COLUMN open INTEGER NOT NULL DEFAULT 0;" /* its deliveries that are not acknowledged */
		"UPDATE subscriptions SET open = " OPEN_DELIVERIES ";",
	},
};

enum rc bus_sqlite_run(struct bus_sqlite *b, const char *sql, int64_t first, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db, sql, &q, err));
	db_bind_int(q, 1, first);
	return db_run(q, err);
}

enum rc bus_sqlite_run2(struct bus_sqlite *b, const char *sql, int64_t first, int64_t second, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db, sql, &q, err));
	db_bind_int(q, 1, first);
	db_bind_int(q, 2, second);
	return db_run(q, err);
}

/* ---- topics ---- */

static enum rc find_topic(struct bus_sqlite *b, const char *name, struct sqlite_topic *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT topic_id, retention_ms FROM topics WHERE name = ?1 AND substr(name, 1, 1) <> '_'", &q, err));
	db_bind_text(q, 1, slice_of(name));
	TRY(db_step(q, &row, err));
	*out = (struct sqlite_topic){ 0 };
	if (row)
		*out = (struct sqlite_topic){ db_column_int(q, 0), db_column_int(q, 1) };
	return RC_OK;
}

enum rc bus_sqlite_topic(struct bus_sqlite *b, const char *name, struct sqlite_topic *out, struct err *err)
{
	TRY(find_topic(b, name, out, err));
	if (!out->id)
		return err_set(err, RC_NOT_FOUND, "no topic '%s' on this bus (sargam setup makes it)", name);
	return RC_OK;
}

static enum rc make_topic(struct bus_sqlite *b, const struct bus_topic *topic, struct sqlite_topic *out, struct err *err)
{
	TRY(find_topic(b, topic->name, out, err));
	if (out->id)
		return RC_OK;
	struct db_stmt *q;
	TRY(db_query(b->db, "INSERT INTO topics(name, retention_ms, labels) VALUES (?1, ?2, ?3)", &q, err));
	db_bind_text(q, 1, slice_of(topic->name));
	db_bind_int(q, 2, topic->retention_ms);
	db_bind_text(q, 3, slice_of(topic->labels));
	TRY(db_run(q, err));
	*out = (struct sqlite_topic){ db_last_id(b->db), topic->retention_ms };
	return RC_OK;
}

static enum rc create_topic(struct bus *base, const struct bus_topic *topic, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_topic made;
	TRY(find_topic(b, topic->name, &made, err)); /* setup comes often: do not wait for the lock to find nothing to do */
	if (made.id)
		return RC_OK;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(make_topic(b, topic, &made, err));
	return db_commit(transaction, err);
}

/* ---- subscriptions ---- */

enum rc bus_sqlite_subscription(struct bus_sqlite *b, const char *name, struct sqlite_subscription *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db,
	             "SELECT subscription_id, topic_id, ack_deadline_ms, backoff_min_ms, backoff_max_ms,"
	             " ifnull((SELECT t.topic_id FROM topics t WHERE t.topic_id = dead_letter_topic_id AND substr(t.name, 1, 1) <> '_'), 0),"
	             " max_delivery_attempts, " RETENTION_MS ", epoch, retain_acked, ordered, detached"
	             " FROM subscriptions WHERE name = ?1 AND " IS_SUBSCRIPTION,
	             &q, err));
	db_bind_text(q, 1, slice_of(name));
	TRY(db_step(q, &row, err));
	if (!row)
		return err_set(err, RC_NOT_FOUND, "no subscription '%s' on this bus (sargam setup makes it)", name);
	*out = (struct sqlite_subscription){
		.id = db_column_int(q, 0),
		.topic_id = db_column_int(q, 1),
		.ack_deadline_ms = db_column_int(q, 2),
		.backoff_min_ms = db_column_int(q, 3),
		.backoff_max_ms = db_column_int(q, 4),
		.dead_letter_topic_id = db_column_int(q, 5),
		.max_delivery_attempts = db_column_int(q, 6),
		.retention_ms = db_column_int(q, 7),
		.epoch = db_column_int(q, 8),
		.retain_acked = db_column_int(q, 9) != 0,
		.ordered = db_column_int(q, 10) != 0,
		.detached = db_column_int(q, 11) != 0,
	};
	return RC_OK;
}

/* What an existing subscription says to the wanted one. */
enum likeness { ABSENT, SAME, OTHER_SETTINGS };

static enum rc compare(struct bus_sqlite *b, const struct bus_subscription *sub, enum likeness *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db,
	             "SELECT t.name, s.filter, s.ack_deadline_ms = ?2 AND s.backoff_min_ms = ?3 AND s.backoff_max_ms = ?4"
	             " AND ifnull(d.name, '') = ?5 AND s.max_delivery_attempts = ?6 AND s.retention_ms = ?7 AND s.retain_acked = ?8"
	             " AND s.push_config = ?9 AND s.labels = ?10, s.ordered"
	             " FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id"
	             " LEFT JOIN topics d ON d.topic_id = s.dead_letter_topic_id WHERE s.name = ?1",
	             &q, err));
	db_bind_text(q, 1, slice_of(sub->name));
	db_bind_int(q, 2, sub->ack_deadline_s * 1000);
	db_bind_int(q, 3, sub->backoff_min_ms);
	db_bind_int(q, 4, sub->backoff_max_ms);
	db_bind_text(q, 5, slice_of(sub->dead_letter_topic));
	db_bind_int(q, 6, sub->max_delivery_attempts);
	db_bind_int(q, 7, sub->retention_ms);
	db_bind_int(q, 8, sub->retain_acked);
	db_bind_text(q, 9, slice_of(sub->push_config));
	db_bind_text(q, 10, slice_of(sub->labels));
	TRY(db_step(q, &row, err));
	*out = !row ? ABSENT : db_column_int(q, 2) ? SAME : OTHER_SETTINGS;
	if (row && !slice_is(db_column_text(q, 0), sub->topic))
		return err_set(err, RC_REJECT, "subscription '%s' exists on topic '%.*s', not '%s' (choose another name)", sub->name,
		               SLICE_FMT(db_column_text(q, 0)), sub->topic);
	if (row && !slice_is(db_column_text(q, 1), sub->filter))
		return err_set(err, RC_REJECT, "subscription '%s' exists with filter '%.*s', not '%s' (choose another name)",
		               sub->name, SLICE_FMT(db_column_text(q, 1)), sub->filter);
	if (row && (db_column_int(q, 3) != 0) != sub->ordered)
		return err_set(err, RC_REJECT, "subscription '%s' exists and is%s ordered (choose another name)", sub->name,
		               sub->ordered ? " not" : "");
	return RC_OK;
}

static enum rc write_subscription(struct bus_sqlite *b, const struct bus_subscription *sub, struct err *err)
{
	struct db_stmt *q;
	struct sqlite_topic topic, dead_letter_topic = { 0 };
	TRY(bus_sqlite_topic(b, sub->topic, &topic, err));
	if (sub->dead_letter_topic[0])
		TRY(make_topic(b, &(struct bus_topic){ .name = sub->dead_letter_topic, .labels = "" }, &dead_letter_topic, err));
	TRY(db_query(b->db,
	             "INSERT INTO subscriptions(name, topic_id, filter, ack_deadline_ms, backoff_min_ms, backoff_max_ms,"
	             " dead_letter_topic_id, max_delivery_attempts, retention_ms, retain_acked, push_config, labels, ordered)"
	             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8, ?9, ?10, ?11, ?12, ?13)"
	             " ON CONFLICT(name) DO UPDATE SET ack_deadline_ms = ?4, backoff_min_ms = ?5, backoff_max_ms = ?6,"
	             " dead_letter_topic_id = nullif(?7, 0), max_delivery_attempts = ?8, retention_ms = ?9, retain_acked = ?10,"
	             " push_config = ?11, labels = ?12",
	             &q, err));
	db_bind_text(q, 1, slice_of(sub->name));
	db_bind_int(q, 2, topic.id);
	db_bind_text(q, 3, slice_of(sub->filter));
	db_bind_int(q, 4, sub->ack_deadline_s * 1000);
	db_bind_int(q, 5, sub->backoff_min_ms);
	db_bind_int(q, 6, sub->backoff_max_ms);
	db_bind_int(q, 7, dead_letter_topic.id);
	db_bind_int(q, 8, sub->max_delivery_attempts);
	db_bind_int(q, 9, sub->retention_ms);
	db_bind_int(q, 10, sub->retain_acked);
	db_bind_text(q, 11, slice_of(sub->push_config));
	db_bind_text(q, 12, slice_of(sub->labels));
	db_bind_int(q, 13, sub->ordered);
	return db_run(q, err);
}

static enum rc create_subscription(struct bus *base, const struct bus_subscription *sub, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_subscription made;
	enum likeness likeness;
	TRY(compare(b, sub, &likeness, err));
	if (likeness == SAME)
		return RC_OK;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(compare(b, sub, &likeness, err)); /* another process may have made it meanwhile */
	TRY(write_subscription(b, sub, err));
	TRY(bus_sqlite_subscription(b, sub->name, &made, err));
	if (likeness == ABSENT)
		TRY(bus_sqlite_adopt(b, &made, slice_of(sub->filter), err));
	return db_commit(transaction, err);
}

/* ---- figures ---- */

/* One statement: what it says belongs together while others write.  It counts only what is leased, which is little. */
static enum rc stats(struct bus *base, const char *name, struct bus_stats *out, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_subscription sub;
	TRY(bus_sqlite_subscription(b, name, &sub, err));
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	int64_t now = clock_now_ms(b->clock);
#define OF(state) "FROM deliveries INDEXED BY deliveries_due WHERE subscription_id = ?1 AND state = " state
#define FIRST(state) "(SELECT min(message_id) " OF(state) ")"
#define HELD " AND due_ms > ?2 AND due_ms <= ?3"
#define DUE(state) "EXISTS(SELECT 1 " OF(state) " AND due_ms <= ?2) OR EXISTS(SELECT 1 " OF(state) " AND due_ms > ?3)"
	TRY(db_query(b->db,
	             "SELECT open, (SELECT count(*) " OF("1") HELD "),"
	             " EXISTS(SELECT 1 " OF("0") ") OR " DUE("1") " OR " DUE("2") ","
	             " (SELECT min(due_ms) " OF("2") HELD "),"
	             " (SELECT publish_time_ms FROM messages WHERE message_id = (SELECT min(first) FROM (SELECT"
	             " (SELECT message_id " OF("0") " ORDER BY due_ms, message_id LIMIT 1) AS first"
	             " UNION ALL SELECT " FIRST("1") " UNION ALL SELECT " FIRST("2") ")))"
	             " FROM subscriptions WHERE subscription_id = ?1",
	             &q, err));
	db_bind_int(q, 1, sub.id);
	db_bind_int(q, 2, now);
	db_bind_int(q, 3, now + DELIVERY_HOLD_MS_MAX);
	TRY(db_step(q, &row, err));
	int64_t open = db_column_int(q, 0);
	out->leased = db_column_int(q, 1);
	out->waiting = open - out->leased;
	if (db_column_int(q, 2))
		out->next_delivery_ms = 0;
	else if (db_column_int(q, 3))
		out->next_delivery_ms = db_column_int(q, 3) - now;
	if (open && now > db_column_int(q, 4))
		out->oldest_unacked_ms = now - db_column_int(q, 4);
	return RC_OK;
#undef OF
#undef FIRST
#undef HELD
#undef DUE
}

static void close_bus(struct bus *base)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	db_close(b->db);
	mem_free(b);
}

static struct bus *new_bus(struct db *db, struct clock *clock)
{
	static const struct bus_ops ops = {
		.name = "sqlite",
		.create_topic = create_topic,
		.create_subscription = create_subscription,
		.publish = bus_sqlite_publish,
		.pull = bus_sqlite_pull,
		.ack = bus_sqlite_ack,
		.modify_deadline = bus_sqlite_modify_deadline,
		.stats = stats,
		.close = close_bus,
		.admin = &bus_sqlite_admin,
	};
	struct bus_sqlite *b = mem_alloc(sizeof *b);
	*b = (struct bus_sqlite){ .base.ops = &ops, .db = db, .clock = clock };
	return &b->base;
}

enum rc bus_sqlite_open(const char *path, struct clock *clock, struct bus **out, struct err *err)
{
	struct db *db;
	TRY(db_open(path, schema, COUNT_OF(schema), &db, err));
	*out = new_bus(db, clock);
	return RC_OK;
}

enum rc bus_sqlite_open_reader(const char *path, struct clock *clock, struct bus **out, struct err *err)
{
	struct db *db;
	TRY(db_open_reader(path, COUNT_OF(schema), &db, err));
	*out = new_bus(db, clock);
	return RC_OK;
}
