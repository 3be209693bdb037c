#include "suite/bus_tables.h"

#include "io/db.h"
#include "test.h"

static struct db *open_tables(const char *path)
{
	static const struct db_migration known[] = { { "" }, { "" }, { "" }, { "" } };
	struct db *db = NULL;
	struct err err = { 0 };
	if (db_open(path, known, COUNT_OF(known), &db, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return db;
}

static int64_t read_one(struct db *db, const char *sql)
{
	struct db_stmt *stmt = NULL;
	struct err err = { 0 };
	bool row = false;
	if (db_query(db, sql, &stmt, &err) != RC_OK || db_step(stmt, &row, &err) != RC_OK)
		fail_msg("%s", err.msg);
	int64_t value = row ? db_column_int(stmt, 0) : -1;
	db_done(stmt);
	return value;
}

void bus_tables_check(const char *path)
{
	static const char *const none[] = {
		"SELECT count(*) FROM messages m WHERE pending <> (SELECT count(*) FROM deliveries d WHERE d.message_id = m.message_id)",
		"SELECT count(*) FROM messages WHERE message_id NOT IN (SELECT message_id FROM bodies)",
		"SELECT count(*) FROM bodies WHERE message_id NOT IN (SELECT message_id FROM messages)",
		"SELECT count(*) FROM deliveries WHERE message_id NOT IN (SELECT message_id FROM messages)",
		"SELECT count(*) FROM messages JOIN bodies USING (message_id) WHERE length(data) <> data_bytes",
		"SELECT count(*) FROM deliveries WHERE state NOT IN (0, 1, 2, 3, 4) OR (state NOT IN (1, 2)) <> (due_ms = 0)",
		/* the first open one of an ordering key does not wait for another of it */
		("SELECT count(*) FROM deliveries d WHERE state = 4 AND (order_key = 0 OR NOT EXISTS (SELECT 1 FROM deliveries e WHERE"
		 " e.subscription_id = d.subscription_id AND e.order_key = d.order_key AND e.state <> 3 AND e.message_id < d.message_id))"),
		"SELECT count(*) FROM messages m JOIN topics t USING (topic_id) WHERE pending = 0 AND letter = 0 AND t.retention_ms = 0",
		"SELECT count(*) FROM messages WHERE letter = 1 AND pending > 0",
		("SELECT count(*) FROM subscriptions s WHERE open <> (SELECT count(*) FROM deliveries d"
		 " WHERE d.subscription_id = s.subscription_id AND d.state <> 3)"),
		"SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
		"SELECT count(*) FROM pragma_foreign_key_check",
	};
	CLEANUP(db_closep) struct db *db = open_tables(path);
	for (size_t i = 0; i < COUNT_OF(none); i++) {
		int64_t wrong = read_one(db, none[i]);
		if (wrong)
			fail_msg("%s: %lld rows are wrong: %s", path, (long long) wrong, none[i]);
	}
}

int64_t bus_tables_rows(const char *path)
{
	CLEANUP(db_closep) struct db *db = open_tables(path);
	return read_one(db, "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM bodies) + (SELECT count(*) FROM deliveries)");
}
