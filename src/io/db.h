/* SQLite: the only home of sqlite3.h.
 *
 * A database opened here is in WAL mode with synchronous=FULL (a commit that returned is on disk), foreign keys on,
 * secure_delete and incremental auto-vacuum from the start.  A handle belongs to one thread at a time; several
 * processes may have the file open.
 *
 * Errors: busy, locked, full, I/O -> RC_RETRY; read-only, cannot open, not a database, corrupt, newer schema -> RC_FATAL;
 * constraint, too big -> RC_REJECT; the message names the file.  Fault points: db.begin, db.commit.before,
 * db.commit.after, db.step; a change outside a transaction passes the points of the commit too.
 *
 * Deleted content is overwritten in the file at the next checkpoint; the log ("-wal") goes when the last handle is closed.
 * A handle does not survive fork(). */
#ifndef IO_DB_H
#define IO_DB_H

#include "base/arena.h"

struct db;
struct db_stmt;

/* Schema steps: applied in order from the file's user_version on, each in a transaction of its own with the new
 * version.  A file of a newer version than `count` is RC_FATAL ("written by a newer sargam"). */
struct db_migration {
	const char *sql;
};
MUST_USE enum rc db_open(const char *path, const struct db_migration *steps, int count, struct db **out, struct err *err);
/* For looking only: the file, its log and its folder stay as they are, so it works where nothing can be written, too.  The
 * schema must be `version` (the number of steps).  RC_NOT_FOUND when there is no file, or nothing in it; RC_RETRY when it is older. */
MUST_USE enum rc db_open_reader(const char *path, int version, struct db **out, struct err *err);
void db_close(struct db *db);
static inline void db_closep(struct db **db)
{
	db_close(*db);
	*db = NULL;
}

/* Statements without results or parameters; several separated by ';'. */
MUST_USE enum rc db_exec(struct db *db, const char *sql, struct err *err);

/* BEGIN IMMEDIATE; waits up to 10 s for another writer.  Ends with db_commit or db_rollback; a db_commit that failed
 * has rolled back (unless it failed after: the fault point db.commit.after); rollback of no transaction is harmless. */
MUST_USE enum rc db_begin(struct db *db, struct err *err);
MUST_USE enum rc db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);
/* `CLEANUP(db_rollbackp) struct db *transaction = db;` after db_begin: every way out but db_commit undoes it. */
static inline void db_rollbackp(struct db **db)
{
	db_rollback(*db);
}

/* A prepared statement from the handle's cache; it must be done (db_done) before the same text is asked for again.
 * `sql` must be a literal: the cache keys on its address. */
MUST_USE enum rc db_query(struct db *db, const char *sql, struct db_stmt **out, struct err *err);
/* Parameters are numbered from 1.  Bytes must stay valid until db_done. */
void db_bind_int(struct db_stmt *stmt, int i, int64_t value);
void db_bind_text(struct db_stmt *stmt, int i, struct slice s); /* SLICE_NULL binds NULL */
void db_bind_blob(struct db_stmt *stmt, int i, struct slice s);
void db_bind_null(struct db_stmt *stmt, int i);
/* *out_row tells whether a row stands there. */
MUST_USE enum rc db_step(struct db_stmt *stmt, bool *out_row, struct err *err);
/* db_step to the end, results ignored, then db_done. */
MUST_USE enum rc db_run(struct db_stmt *stmt, struct err *err);
/* Columns are numbered from 0; slices are valid until the next step. */
int64_t db_column_int(struct db_stmt *stmt, int i);
struct slice db_column_text(struct db_stmt *stmt, int i); /* SLICE_NULL for NULL */
struct slice db_column_blob(struct db_stmt *stmt, int i);
bool db_column_is_null(struct db_stmt *stmt, int i);
void db_done(struct db_stmt *stmt);
static inline void db_donep(struct db_stmt **stmt)
{
	if (*stmt)
		db_done(*stmt);
	*stmt = NULL;
}

int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);

/* "3.54.1" */
const char *db_version(void);

#endif
