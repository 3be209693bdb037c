#include "bus/bus_sqlite.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bus/redelivery.h"

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
};

/* ---- topics ---- */

static enum rc find_topic(struct bus_sqlite *b, const char *name, int64_t *out_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT topic_id FROM topics WHERE name = ?1 AND substr(name, 1, 1) <> '_'", &q, err));
	db_bind_text(q, 1, slice_of(name));
	TRY(db_step(q, &row, err));
	*out_id = row ? db_column_int(q, 0) : 0;
	return RC_OK;
}

enum rc bus_sqlite_topic(struct bus_sqlite *b, const char *name, int64_t *out_id, struct err *err)
{
	TRY(find_topic(b, name, out_id, err));
	if (!*out_id)
		return err_set(err, RC_NOT_FOUND, "no topic '%s' on this bus (sargam setup makes it)", name);
	return RC_OK;
}

static enum rc make_topic(struct bus_sqlite *b, const char *name, int64_t *out_id, struct err *err)
{
	TRY(find_topic(b, name, out_id, err));
	if (*out_id)
		return RC_OK;
	struct db_stmt *q;
	TRY(db_query(b->db, "INSERT INTO topics(name) VALUES (?1)", &q, err));
	db_bind_text(q, 1, slice_of(name));
	TRY(db_run(q, err));
	*out_id = db_last_id(b->db);
	return RC_OK;
}

static enum rc create_topic(struct bus *base, const char *topic, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	int64_t id;
	TRY(find_topic(b, topic, &id, err)); /* setup comes often: do not wait for the lock to find nothing to do */
	if (id)
		return RC_OK;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(make_topic(b, topic, &id, err));
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
	             " max_delivery_attempts FROM subscriptions WHERE name = ?1 AND substr(name, 1, 1) <> '_'",
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
	             " AND ifnull(d.name, '') = ?5 AND s.max_delivery_attempts = ?6"
	             " FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id"
	             " LEFT JOIN topics d ON d.topic_id = s.dead_letter_topic_id WHERE s.name = ?1",
	             &q, err));
	db_bind_text(q, 1, slice_of(sub->name));
	db_bind_int(q, 2, sub->ack_deadline_s * 1000);
	db_bind_int(q, 3, sub->backoff_min_ms);
	db_bind_int(q, 4, sub->backoff_max_ms);
	db_bind_text(q, 5, slice_of(sub->dead_letter_topic));
	db_bind_int(q, 6, sub->max_delivery_attempts);
	TRY(db_step(q, &row, err));
	*out = !row ? ABSENT : db_column_int(q, 2) ? SAME : OTHER_SETTINGS;
	if (row && !slice_is(db_column_text(q, 0), sub->topic))
		return err_set(err, RC_REJECT, "subscription '%s' exists on topic '%.*s', not '%s' (choose another name)", sub->name,
		               SLICE_FMT(db_column_text(q, 0)), sub->topic);
	if (row && !slice_is(db_column_text(q, 1), sub->filter))
		return err_set(err, RC_REJECT, "subscription '%s' exists with filter '%.*s', not '%s' (choose another name)",
		               sub->name, SLICE_FMT(db_column_text(q, 1)), sub->filter);
	return RC_OK;
}

static enum rc write_subscription(struct bus_sqlite *b, const struct bus_subscription *sub, struct err *err)
{
	struct db_stmt *q;
	int64_t topic, dead_letter_topic = 0;
	TRY(bus_sqlite_topic(b, sub->topic, &topic, err));
	if (sub->dead_letter_topic[0])
		TRY(make_topic(b, sub->dead_letter_topic, &dead_letter_topic, err));
	TRY(db_query(b->db,
	             "INSERT INTO subscriptions(name, topic_id, filter, ack_deadline_ms, backoff_min_ms, backoff_max_ms,"
	             " dead_letter_topic_id, max_delivery_attempts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, 0), ?8)"
	             " ON CONFLICT(name) DO UPDATE SET ack_deadline_ms = ?4, backoff_min_ms = ?5, backoff_max_ms = ?6,"
	             " dead_letter_topic_id = nullif(?7, 0), max_delivery_attempts = ?8",
	             &q, err));
	db_bind_text(q, 1, slice_of(sub->name));
	db_bind_int(q, 2, topic);
	db_bind_text(q, 3, slice_of(sub->filter));
	db_bind_int(q, 4, sub->ack_deadline_s * 1000);
	db_bind_int(q, 5, sub->backoff_min_ms);
	db_bind_int(q, 6, sub->backoff_max_ms);
	db_bind_int(q, 7, dead_letter_topic);
	db_bind_int(q, 8, sub->max_delivery_attempts);
	return db_run(q, err);
}

static enum rc create_subscription(struct bus *base, const struct bus_subscription *sub, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	enum likeness likeness;
	TRY(compare(b, sub, &likeness, err));
	if (likeness == SAME)
		return RC_OK;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(compare(b, sub, &likeness, err)); /* another process may have made it meanwhile */
	TRY(write_subscription(b, sub, err));
	if (likeness == ABSENT) {
		struct sqlite_subscription made;
		TRY(bus_sqlite_subscription(b, sub->name, &made, err));
		TRY(bus_sqlite_adopt(b, made.id, made.topic_id, slice_of(sub->filter), err));
	}
	return db_commit(transaction, err);
}

/* ---- figures ---- */

/* One statement: what it counts belongs together while others write. */
static enum rc stats(struct bus *base, const char *name, struct bus_stats *out, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct sqlite_subscription sub;
	TRY(bus_sqlite_subscription(b, name, &sub, err));
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	int64_t now = clock_now_ms(b->clock);
	TRY(db_query(b->db,
	             "SELECT (SELECT count(*) FROM deliveries WHERE subscription_id = ?1),"
	             " (SELECT count(*) FROM deliveries WHERE subscription_id = ?1 AND state = 1 AND due_ms > ?2 AND due_ms <= ?3),"
	             " (SELECT count(*) FROM deliveries WHERE subscription_id = ?1 AND state = 2 AND due_ms > ?2 AND due_ms <= ?3),"
	             " (SELECT min(due_ms) FROM deliveries WHERE subscription_id = ?1 AND state = 2 AND due_ms > ?2 AND due_ms <= ?3),"
	             " (SELECT publish_time_ms FROM messages WHERE message_id ="
	             "   (SELECT min(message_id) FROM deliveries WHERE subscription_id = ?1))",
	             &q, err));
	db_bind_int(q, 1, sub.id);
	db_bind_int(q, 2, now);
	db_bind_int(q, 3, now + DELIVERY_HOLD_MS_MAX);
	TRY(db_step(q, &row, err));
	int64_t all = db_column_int(q, 0), backing_off = db_column_int(q, 2);
	out->leased = db_column_int(q, 1);
	out->waiting = all - out->leased;
	if (out->waiting > backing_off)
		out->next_delivery_ms = 0;
	else if (backing_off)
		out->next_delivery_ms = db_column_int(q, 3) - now;
	if (all && now > db_column_int(q, 4))
		out->oldest_unacked_ms = now - db_column_int(q, 4);
	return RC_OK;
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
		.topics = bus_sqlite_topics,
		.subscriptions = bus_sqlite_subscriptions,
		.subscription = bus_sqlite_describe,
		.delete_topic = bus_sqlite_delete_topic,
		.delete_subscription = bus_sqlite_delete_subscription,
		.publish = bus_sqlite_publish,
		.pull = bus_sqlite_pull,
		.ack = bus_sqlite_ack,
		.modify_deadline = bus_sqlite_modify_deadline,
		.stats = stats,
		.close = close_bus,
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
