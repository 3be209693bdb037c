/* What the files of SQLite's home share; nobody else includes it. */
#ifndef IO_DB_PRIVATE_H
#define IO_DB_PRIVATE_H

#include "io/db.h"

#include <sqlite3.h>

/* "SRGM" in the file's header: a database of something else is never touched. */
#define APPLICATION_ID 0x5352474d
#define BUSY_MS 10000

struct db_stmt {
	struct db *db;
	const char *sql; /* the key, by address */
	sqlite3_stmt *handle;
	int bind_status; /* the first refusal of a parameter, told by the next step */
	bool in_use, stepped;
};

struct db {
	sqlite3 *handle;
	char *path;
	struct db_stmt **stmt;
	size_t stmt_count, stmt_cap;
	uint64_t commits;
};

/* What SQLite says, as our class and with the next step. */
MUST_USE enum rc db_fail(const struct db *db, int status, const char *doing, struct err *err);
/* The first column of the first row; no fault points. */
MUST_USE enum rc db_read_int(struct db *db, const char *sql, int64_t *out, struct err *err);
/* RC_FATAL when the schema is newer than `known`, or no schema of ours. */
MUST_USE enum rc db_check_version(const struct db *db, int64_t version, int known, struct err *err);

#endif
