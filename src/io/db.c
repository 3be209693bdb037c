#include "io/db.h"

#include "base/fault.h"
#include "base/mem.h"
#include "io/db_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#define WAL_BYTES_KEPT (16 << 20)
/* Free pages are given back in small steps, when they are many: every COMMITS_PER_VACUUM commits and at close. */
#define COMMITS_PER_VACUUM 64
#define FREE_PAGES_KEPT 256
#define FREE_PAGES_PER_VACUUM 1024

/* The one place that gives a class to what SQLite says. */
static enum rc rc_from_sqlite(int status)
{
	switch (status & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_PROTOCOL:
	case SQLITE_INTERRUPT:
	case SQLITE_ABORT:
		return RC_RETRY;
	case SQLITE_IOERR:
		return status == SQLITE_IOERR_CORRUPTFS || status == SQLITE_IOERR_DATA ? RC_FATAL : RC_RETRY;
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
		return RC_REJECT;
	default:
		return RC_FATAL;
	}
}

static const char *hint(int status)
{
	switch (status & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return " (another process holds it; run the command again when that one is done)";
	case SQLITE_FULL:
		return " (free some space, then run the command again: it goes on where it stopped)";
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return " (does its folder exist, and may this user write there? else choose another --home)";
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return " (put back a copy of it, or move it away, then run the command again)";
	default:
		return "";
	}
}

enum rc db_fail(const struct db *db, int status, const char *doing, struct err *err)
{
	if ((status & 0xff) == SQLITE_NOMEM || status == SQLITE_IOERR_NOMEM)
		abort(); /* as mem_alloc() does */
	assert((status & 0xff) != SQLITE_MISUSE && (status & 0xff) != SQLITE_RANGE);
	bool told = db->handle && (sqlite3_errcode(db->handle) & 0xff) == (status & 0xff);
	int errnum = told ? sqlite3_system_errno(db->handle) : 0;
	bool has_errnum = errnum && ((status & 0xff) == SQLITE_IOERR || (status & 0xff) == SQLITE_CANTOPEN);
	char why[128];
	return err_set(err, rc_from_sqlite(status), "%s: %s: %s%s%s%s", db->path, doing,
	               told ? sqlite3_errmsg(db->handle) : sqlite3_errstr(status), has_errnum ? ": " : "",
	               has_errnum ? strerror_r(errnum, why, sizeof why) : "", hint(status));
}

static enum rc pass(const struct db *db, const char *point, struct err *err)
{
	int errnum = fault_point(point);
	return errnum ? err_errno(err, errnum, "%s: %s", db->path, point) : RC_OK;
}

/* Without fault points: for opening and upkeep. */
static enum rc run(struct db *db, const char *sql, struct err *err)
{
	int status = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return status == SQLITE_OK ? RC_OK : db_fail(db, status, sql, err);
}

enum rc db_read_int(struct db *db, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int status = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
	if (status == SQLITE_OK)
		status = sqlite3_step(stmt);
	*out = status == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	enum rc rc = status == SQLITE_ROW ? RC_OK : db_fail(db, status, sql, err);
	(void) sqlite3_finalize(stmt);
	return rc;
}

/* ---- opening ---- */

/* SQLite syncs a new file, but not the name it got in the folder.  Only the folder is opened here: closing another
 * descriptor of the database file itself would drop the locks this process holds on it. */
static enum rc sync_folder(const struct db *db, struct err *err)
{
	const char *slash = strrchr(db->path, '/');
	char folder[PATH_MAX];
	(void) snprintf(folder, sizeof folder, "%.*s", slash ? (int) (slash - db->path) + 1 : 1, slash ? db->path : ".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = fd < 0 || fsync(fd) ? errno : 0;
	if (fd >= 0)
		(void) close(fd);
	return failed ? err_errno(err, failed, "%s: fsync", folder) : RC_OK;
}

static enum rc enter_wal(struct db *db, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int status = sqlite3_prepare_v2(db->handle, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
	if (status == SQLITE_OK)
		status = sqlite3_step(stmt);
	bool is_wal = status == SQLITE_ROW && strcmp((const char *) sqlite3_column_text(stmt, 0), "wal") == 0;
	enum rc rc = status == SQLITE_ROW ? RC_OK : db_fail(db, status, "PRAGMA journal_mode=WAL", err);
	(void) sqlite3_finalize(stmt);
	TRY(rc);
	if (!is_wal)
		return err_set(err, RC_FATAL, "%s: no write-ahead log possible here: choose a --home on a local file system",
		               db->path);
	return RC_OK;
}

enum rc db_check_version(const struct db *db, int64_t version, int known, struct err *err)
{
	if (version > known)
		return err_set(err, RC_FATAL,
		               "%s: written by a newer sargam (schema %lld, this one knows %d): install that version, "
		               "or choose another --home",
		               db->path, (long long) version, known);
	return version < 0 ? err_set(err, RC_FATAL, "%s: schema version %lld: not a database of sargam", db->path,
	                             (long long) version)
	                   : RC_OK;
}

/* An empty file becomes ours; a file of somebody else stays as it is. */
static enum rc claim(struct db *db, struct err *err)
{
	int64_t id, tables;
	TRY(db_begin(db, err));
	CLEANUP(db_rollbackp) struct db *transaction = db;
	TRY(db_read_int(db, "PRAGMA application_id", &id, err));
	TRY(db_read_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err));
	if (id == APPLICATION_ID)
		return RC_OK;
	if (id != 0 || tables != 0)
		return err_set(err, RC_FATAL, "%s: a database of another program: choose another --home", db->path);
	char sql[64];
	(void) snprintf(sql, sizeof sql, "PRAGMA application_id=%d", APPLICATION_ID);
	TRY(run(db, sql, err));
	TRY(db_commit(transaction, err));
	return sync_folder(db, err);
}

static enum rc migrate(struct db *db, const struct db_migration *steps, int count, struct err *err)
{
	int64_t version;
	TRY(db_read_int(db, "PRAGMA user_version", &version, err));
	TRY(db_check_version(db, version, count, err));
	while (version < count) {
		TRY(db_begin(db, err));
		CLEANUP(db_rollbackp) struct db *transaction = db;
		TRY(db_read_int(db, "PRAGMA user_version", &version, err)); /* another process may have been first */
		TRY(db_check_version(db, version, count, err));
		if (version == count)
			return RC_OK;
		TRY_WRAP(run(db, steps[version].sql, err), err, "migration to schema %lld", (long long) version + 1);
		char sql[64];
		(void) snprintf(sql, sizeof sql, "PRAGMA user_version=%lld", (long long) ++version);
		TRY(run(db, sql, err));
		TRY(db_commit(transaction, err));
	}
	return RC_OK;
}

static enum rc open_file(struct db *db, const struct db_migration *steps, int count, struct err *err)
{
	int status = sqlite3_open_v2(db->path, &db->handle,
	                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	                             NULL);
	if (status != SQLITE_OK)
		return db_fail(db, status, "open", err);
	if (sqlite3_db_readonly(db->handle, "main") == 1)
		return db_fail(db, SQLITE_READONLY, "open", err);
	(void) sqlite3_busy_timeout(db->handle, BUSY_MS);
	/* auto_vacuum counts only before the first page exists: it comes before the change to WAL, which writes it. */
	status = sqlite3_exec(db->handle,
	                      "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;"
	                      "PRAGMA trusted_schema=OFF; PRAGMA auto_vacuum=INCREMENTAL",
	                      NULL, NULL, NULL);
	if (status != SQLITE_OK)
		return db_fail(db, status, "open", err);
	int64_t id;
	TRY(db_read_int(db, "PRAGMA application_id", &id, err));
	if (id != APPLICATION_ID && id != 0)
		return err_set(err, RC_FATAL, "%s: a database of another program: choose another --home", db->path);
	TRY(enter_wal(db, err));
	char sql[64];
	(void) snprintf(sql, sizeof sql, "PRAGMA journal_size_limit=%d", WAL_BYTES_KEPT);
	TRY(run(db, sql, err));
	if (id == 0)
		TRY(claim(db, err));
	return migrate(db, steps, count, err);
}

enum rc db_open(const char *path, const struct db_migration *steps, int count, struct db **out, struct err *err)
{
	assert(path[0] && count >= 0);
	CLEANUP(db_closep) struct db *db = mem_alloc(sizeof *db);
	db->path = mem_strdup(path);
	TRY(open_file(db, steps, count, err));
	*out = TAKE(db);
	return RC_OK;
}

/* Gives pages back to the file system.  Best effort: whoever holds the lock may do it next time. */
static void vacuum(struct db *db)
{
	int64_t unused, pages;
	if (db_read_int(db, "PRAGMA freelist_count", &unused, NULL) != RC_OK ||
	    db_read_int(db, "PRAGMA page_count", &pages, NULL) != RC_OK)
		return;
	if (unused < FREE_PAGES_KEPT || unused < pages / 8)
		return;
	char sql[64];
	(void) snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", FREE_PAGES_PER_VACUUM);
	(void) sqlite3_busy_timeout(db->handle, 0);
	(void) sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	(void) sqlite3_busy_timeout(db->handle, BUSY_MS);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	for (size_t i = 0; i < db->stmt_count; i++) {
		(void) sqlite3_finalize(db->stmt[i]->handle);
		mem_free(db->stmt[i]);
	}
	if (db->handle && db->commits)
		vacuum(db);
	int status = sqlite3_close(db->handle);
	assert(status == SQLITE_OK);
	mem_free(db->stmt);
	mem_free(db->path);
	mem_free(db);
}

/* ---- transactions ---- */

enum rc db_exec(struct db *db, const char *sql, struct err *err)
{
	bool alone = sqlite3_get_autocommit(db->handle);
	TRY(pass(db, "db.step", err));
	if (alone)
		TRY(pass(db, "db.commit.before", err));
	TRY(run(db, sql, err));
	return alone ? pass(db, "db.commit.after", err) : RC_OK;
}

enum rc db_begin(struct db *db, struct err *err)
{
	assert(sqlite3_get_autocommit(db->handle));
	TRY(pass(db, "db.begin", err));
	return run(db, "BEGIN IMMEDIATE", err);
}

static enum rc commit(struct db *db, struct err *err)
{
	TRY(pass(db, "db.commit.before", err));
	return run(db, "COMMIT", err);
}

enum rc db_commit(struct db *db, struct err *err)
{
	assert(!sqlite3_get_autocommit(db->handle));
	enum rc rc = commit(db, err);
	if (rc != RC_OK) {
		db_rollback(db);
		return rc;
	}
	TRY(pass(db, "db.commit.after", err));
	if (++db->commits % COMMITS_PER_VACUUM == 0)
		vacuum(db);
	return RC_OK;
}

void db_rollback(struct db *db)
{
	if (db->handle && !sqlite3_get_autocommit(db->handle))
		(void) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- statements ---- */

static struct db_stmt *cached(const struct db *db, const char *sql)
{
	for (size_t i = 0; i < db->stmt_count; i++)
		if (db->stmt[i]->sql == sql)
			return db->stmt[i];
	return NULL;
}

static struct db_stmt *cache(struct db *db, const char *sql, sqlite3_stmt *handle)
{
	if (db->stmt_count == db->stmt_cap) {
		db->stmt_cap = db->stmt_cap ? 2 * db->stmt_cap : 16;
		db->stmt = mem_realloc(db->stmt, db->stmt_cap * sizeof(*db->stmt));
	}
	struct db_stmt *stmt = mem_alloc(sizeof *stmt);
	*stmt = (struct db_stmt){ .db = db, .sql = sql, .handle = handle };
	db->stmt[db->stmt_count++] = stmt;
	return stmt;
}

enum rc db_query(struct db *db, const char *sql, struct db_stmt **out, struct err *err)
{
	struct db_stmt *stmt = cached(db, sql);
	if (!stmt) {
		sqlite3_stmt *handle;
		const char *tail;
		int status = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &tail);
		if (status != SQLITE_OK)
			return db_fail(db, status, sql, err);
		assert(handle && !*tail);
		stmt = cache(db, sql, handle);
	}
	assert(!stmt->in_use);
	stmt->in_use = true;
	*out = stmt;
	return RC_OK;
}

static void bound(struct db_stmt *stmt, int status)
{
	assert(status != SQLITE_RANGE && status != SQLITE_MISUSE);
	if (stmt->bind_status == SQLITE_OK)
		stmt->bind_status = status;
}

void db_bind_int(struct db_stmt *stmt, int i, int64_t value)
{
	bound(stmt, sqlite3_bind_int64(stmt->handle, i, value));
}

void db_bind_text(struct db_stmt *stmt, int i, struct slice s)
{
	bound(stmt, sqlite3_bind_text64(stmt->handle, i, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8));
}

void db_bind_blob(struct db_stmt *stmt, int i, struct slice s)
{
	bound(stmt, sqlite3_bind_blob64(stmt->handle, i, s.ptr, s.len, SQLITE_STATIC));
}

void db_bind_null(struct db_stmt *stmt, int i)
{
	bound(stmt, sqlite3_bind_null(stmt->handle, i));
}

enum rc db_step(struct db_stmt *stmt, bool *out_row, struct err *err)
{
	struct db *db = stmt->db;
	assert(stmt->in_use);
	/* A change outside a transaction is one of its own, and passes the same points. */
	bool alone = sqlite3_get_autocommit(db->handle) && !sqlite3_stmt_readonly(stmt->handle);
	TRY(pass(db, "db.step", err));
	if (alone && !stmt->stepped)
		TRY(pass(db, "db.commit.before", err));
	stmt->stepped = true;
	if (stmt->bind_status != SQLITE_OK)
		return db_fail(db, stmt->bind_status, stmt->sql, err);
	int status = sqlite3_step(stmt->handle);
	if (status != SQLITE_ROW && status != SQLITE_DONE) {
		enum rc rc = db_fail(db, status, stmt->sql, err);
		(void) sqlite3_reset(stmt->handle);
		return rc;
	}
	if (alone && status == SQLITE_DONE)
		TRY(pass(db, "db.commit.after", err));
	*out_row = status == SQLITE_ROW;
	return RC_OK;
}

enum rc db_run(struct db_stmt *stmt, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *done = stmt;
	bool row;
	do
		TRY(db_step(done, &row, err));
	while (row);
	return RC_OK;
}

int64_t db_column_int(struct db_stmt *stmt, int i)
{
	return sqlite3_column_int64(stmt->handle, i);
}

static struct slice column(struct db_stmt *stmt, int i, const void *bytes)
{
	if (bytes)
		return (struct slice){ bytes, (size_t) sqlite3_column_bytes(stmt->handle, i) };
	return db_column_is_null(stmt, i) ? SLICE_NULL : SLICE("");
}

struct slice db_column_text(struct db_stmt *stmt, int i)
{
	return column(stmt, i, sqlite3_column_text(stmt->handle, i));
}

struct slice db_column_blob(struct db_stmt *stmt, int i)
{
	return column(stmt, i, sqlite3_column_blob(stmt->handle, i));
}

bool db_column_is_null(struct db_stmt *stmt, int i)
{
	return sqlite3_column_type(stmt->handle, i) == SQLITE_NULL;
}

void db_done(struct db_stmt *stmt)
{
	assert(stmt->in_use);
	(void) sqlite3_reset(stmt->handle);
	(void) sqlite3_clear_bindings(stmt->handle);
	stmt->bind_status = SQLITE_OK;
	stmt->in_use = stmt->stepped = false;
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}

const char *db_version(void)
{
	return sqlite3_libversion();
}
