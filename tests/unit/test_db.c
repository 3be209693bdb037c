#include "io/db.h"

#include "base/fault.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct db_migration steps[] = {
	{ "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT UNIQUE, b BLOB) STRICT;"
	  "CREATE TABLE child(k INTEGER NOT NULL REFERENCES t(k)) STRICT;" },
	{ "ALTER TABLE t ADD COLUMN n INTEGER NOT NULL DEFAULT 7;" },
	{ "CREATE TABLE third(x INTEGER) STRICT;" },
};

static const char *temp_path(void)
{
	static char path[512];
	(void) snprintf(path, sizeof path, "%s/x.db", test_tmpdir());
	return path;
}

static struct db *open_ok(const char *path, int count)
{
	struct db *db = NULL;
	struct err err = { 0 };
	enum rc rc = db_open(path, steps, count, &db, &err);
	if (rc != RC_OK)
		fail_msg("%s", err.msg);
	return db;
}

static void exec_ok(struct db *db, const char *sql)
{
	struct err err = { 0 };
	if (db_exec(db, sql, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

/* Not through the cache: the text may be on the stack. */
#define read_one(db, sql)                                              \
	({                                                             \
		struct db_stmt *stmt_;                                 \
		struct err err_ = { 0 };                               \
		bool row_ = false;                                     \
		assert_int_equal(db_query(db, sql, &stmt_, &err_), RC_OK); \
		assert_int_equal(db_step(stmt_, &row_, &err_), RC_OK); \
		assert_true(row_);                                     \
		int64_t value_ = db_column_int(stmt_, 0);              \
		db_done(stmt_);                                        \
		value_;                                                \
	})

static void opens_with_the_promised_settings(void **state)
{
	(void) state;
	CLEANUP(db_closep) struct db *db = open_ok(temp_path(), 1);
	assert_int_equal(read_one(db, "PRAGMA synchronous"), 2);
	assert_int_equal(read_one(db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(read_one(db, "PRAGMA secure_delete"), 1);
	assert_int_equal(read_one(db, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(read_one(db, "PRAGMA user_version"), 1);
	assert_int_not_equal(read_one(db, "PRAGMA application_id"), 0);
	struct db_stmt *stmt;
	struct err err = { 0 };
	bool row;
	assert_int_equal(db_query(db, "PRAGMA journal_mode", &stmt, &err), RC_OK);
	assert_int_equal(db_step(stmt, &row, &err), RC_OK);
	assert_true(slice_is(db_column_text(stmt, 0), "wal"));
	db_done(stmt);
}

static void every_type_comes_back_as_it_went_in(void **state)
{
	(void) state;
	CLEANUP(db_closep) struct db *db = open_ok(temp_path(), 1);
	struct err err = { 0 };
	struct db_stmt *stmt;
	bool row;
	static const char bytes[] = "a\0b\xff";
	struct slice blob = { bytes, 4 };
	assert_int_equal(db_query(db, "INSERT INTO t VALUES (?1, ?2, ?3)", &stmt, &err), RC_OK);
	db_bind_int(stmt, 1, INT64_MIN);
	db_bind_text(stmt, 2, SLICE(""));
	db_bind_blob(stmt, 3, blob);
	assert_int_equal(db_run(stmt, &err), RC_OK);
	assert_int_equal(db_last_id(db), INT64_MIN);
	assert_int_equal(db_changes(db), 1);
	/* the same statement again: nothing of the first binding is left */
	assert_int_equal(db_query(db, "INSERT INTO t VALUES (?1, ?2, ?3)", &stmt, &err), RC_OK);
	db_bind_int(stmt, 1, 5);
	db_bind_blob(stmt, 3, SLICE(""));
	assert_int_equal(db_run(stmt, &err), RC_OK);

	assert_int_equal(db_query(db, "SELECT k, v, b FROM t ORDER BY k", &stmt, &err), RC_OK);
	assert_int_equal(db_step(stmt, &row, &err), RC_OK);
	assert_true(row && db_column_int(stmt, 0) == INT64_MIN);
	assert_true(db_column_text(stmt, 1).ptr && db_column_text(stmt, 1).len == 0);
	assert_true(slice_eq(db_column_blob(stmt, 2), blob));
	assert_int_equal(db_step(stmt, &row, &err), RC_OK);
	assert_true(row && db_column_is_null(stmt, 1));
	assert_null(db_column_text(stmt, 1).ptr);
	assert_true(db_column_blob(stmt, 2).ptr && db_column_blob(stmt, 2).len == 0);
	assert_int_equal(db_step(stmt, &row, &err), RC_OK);
	assert_false(row);
	db_done(stmt);
}

static void what_is_not_committed_is_gone(void **state)
{
	(void) state;
	CLEANUP(db_closep) struct db *db = open_ok(temp_path(), 1);
	struct err err = { 0 };
	db_rollback(db); /* harmless */
	assert_int_equal(db_begin(db, &err), RC_OK);
	exec_ok(db, "INSERT INTO t(k) VALUES (1), (2)");
	db_rollback(db);
	assert_int_equal(read_one(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_begin(db, &err), RC_OK);
	exec_ok(db, "INSERT INTO t(k) VALUES (1); INSERT INTO t(k) VALUES (2)");
	assert_int_equal(db_commit(db, &err), RC_OK);
	assert_int_equal(read_one(db, "SELECT count(*) FROM t"), 2);
}

static void broken_rules_are_rejects_that_name_the_file(void **state)
{
	(void) state;
	const char *path = temp_path();
	CLEANUP(db_closep) struct db *db = open_ok(path, 1);
	struct err err = { 0 };
	exec_ok(db, "INSERT INTO t(k, v) VALUES (1, 'a')");
	assert_int_equal(db_exec(db, "INSERT INTO t(k, v) VALUES (2, 'a')", &err), RC_REJECT);
	assert_non_null(strstr(err.msg, path));
	assert_non_null(strstr(err.msg, "UNIQUE"));
	assert_int_equal(db_exec(db, "INSERT INTO child VALUES (9)", &err), RC_REJECT);
	assert_int_equal(db_exec(db, "INSERT INTO t(k, v) VALUES ('x', 'b')", &err), RC_REJECT);
	assert_int_equal(db_exec(db, "SELECT * FROM nowhere", &err), RC_FATAL);
	/* beyond what SQLite takes: refused, and before anything of it is read */
	struct db_stmt *stmt;
	assert_int_equal(db_query(db, "INSERT INTO t(b) VALUES (?1)", &stmt, &err), RC_OK);
	db_bind_blob(stmt, 1, (struct slice){ "x", (size_t) 3 << 30 });
	assert_int_equal(db_run(stmt, &err), RC_REJECT);
}

static void migrations_go_on_where_the_file_stands(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct db *db = open_ok(path, 1);
	exec_ok(db, "INSERT INTO t(k) VALUES (1)");
	db_close(db);
	db = open_ok(path, 3);
	assert_int_equal(read_one(db, "SELECT n FROM t"), 7);
	assert_int_equal(read_one(db, "PRAGMA user_version"), 3);
	db_close(db);
	db = open_ok(path, 3);
	assert_int_equal(read_one(db, "SELECT count(*) FROM t"), 1);
	db_close(db);
}

static void a_migration_that_fails_leaves_the_version_before_it(void **state)
{
	(void) state;
	const char *path = temp_path();
	db_close(open_ok(path, 1));
	static const struct db_migration bad[] = { { "" }, { "CREATE TABLE half(x); INSERT INTO nowhere VALUES (1)" } };
	struct db *db = NULL;
	struct err err = { 0 };
	assert_int_equal(db_open(path, bad, 2, &db, &err), RC_FATAL);
	assert_null(db);
	assert_non_null(strstr(err.msg, "migration to schema 2"));
	db = open_ok(path, 3);
	assert_int_equal(read_one(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
	db_close(db);
}

static void a_newer_file_is_refused_and_not_touched(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct db *db = open_ok(path, 3);
	exec_ok(db, "PRAGMA user_version=7");
	db_close(db);
	struct err err = { 0 };
	db = NULL;
	assert_int_equal(db_open(path, steps, 3, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "written by a newer sargam (schema 7, this one knows 3): install"));
	assert_non_null(strstr(err.msg, path));
}

static void write_file(const char *path, const char *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t) len);
	(void) close(fd);
}

static void files_that_are_no_database_of_ours_are_fatal(void **state)
{
	(void) state;
	char path[600];
	struct db *db = NULL;
	struct err err = { 0 };
	const char *dir = test_tmpdir();

	(void) snprintf(path, sizeof path, "%s/text.db", dir);
	char text[8192];
	memset(text, 'x', sizeof text);
	write_file(path, text, sizeof text);
	assert_int_equal(db_open(path, steps, 1, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, path));

	assert_int_equal(db_open(dir, steps, 1, &db, &err), RC_FATAL);
	(void) snprintf(path, sizeof path, "%s/no/such/folder/x.db", dir);
	assert_int_equal(db_open(path, steps, 1, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "--home"));

	/* a database of another program */
	(void) snprintf(path, sizeof path, "%s/other.db", dir);
	db = open_ok(path, 0);
	exec_ok(db, "CREATE TABLE their(x); PRAGMA application_id=4711");
	db_close(db);
	db = NULL;
	assert_int_equal(db_open(path, steps, 1, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "another program"));
	(void) snprintf(path, sizeof path, "%s/other0.db", dir);
	db = open_ok(path, 0);
	exec_ok(db, "CREATE TABLE their(x); PRAGMA application_id=0");
	db_close(db);
	db = NULL;
	assert_int_equal(db_open(path, steps, 1, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "another program"));

	/* an empty file is a new database */
	(void) snprintf(path, sizeof path, "%s/empty.db", dir);
	write_file(path, "", 0);
	db_close(open_ok(path, 1));
}

static void a_torn_page_is_fatal(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct db *db = open_ok(path, 1);
	exec_ok(db, "INSERT INTO t(v) VALUES ('a'), ('b')");
	db_close(db);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char junk[4096];
	memset(junk, 0xa5, sizeof junk);
	for (int page = 1; page < 6; page++)
		assert_int_equal(pwrite(fd, junk, sizeof junk, page * 4096), sizeof junk);
	(void) close(fd);
	struct err err = { 0 };
	db = open_ok(path, 1);
	assert_int_equal(db_exec(db, "SELECT * FROM t", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "malformed"));
	db_close(db);
}

static void every_fault_leaves_a_consistent_database(void **state)
{
	(void) state;
	static const char *const point[] = { "db.begin", "db.step", "db.commit.before", "db.commit.after" };
	for (size_t i = 0; i < COUNT_OF(point); i++) {
		CLEANUP(db_closep) struct db *db = open_ok(temp_path(), 1);
		struct err err = { 0 };
		fault_arm(point[i], 1, ENOSPC);
		enum rc rc = db_begin(db, &err);
		if (rc == RC_OK)
			rc = db_exec(db, "INSERT INTO t(k) VALUES (1)", &err);
		if (rc == RC_OK)
			rc = db_commit(db, &err);
		else
			db_rollback(db);
		assert_true(fault_fired());
		(void) fault_disarm();
		assert_int_equal(rc, RC_RETRY);
		assert_non_null(strstr(err.msg, point[i]));
		assert_non_null(strstr(err.msg, "free some space"));
		bool after = strcmp(point[i], "db.commit.after") == 0;
		assert_int_equal(read_one(db, "SELECT count(*) FROM t"), after ? 1 : 0);
		assert_int_equal(db_begin(db, &err), RC_OK); /* no transaction was left open */
		exec_ok(db, "INSERT OR IGNORE INTO t(k) VALUES (1)");
		assert_int_equal(db_commit(db, &err), RC_OK);
		assert_int_equal(read_one(db, "SELECT count(*) FROM t"), 1);
	}
}

static void a_change_alone_passes_the_points_of_a_commit(void **state)
{
	(void) state;
	CLEANUP(db_closep) struct db *db = open_ok(temp_path(), 1);
	struct err err = { 0 };
	for (int after = 0; after < 2; after++) {
		struct db_stmt *stmt;
		fault_arm(after ? "db.commit.after" : "db.commit.before", 1, EIO);
		assert_int_equal(db_query(db, "INSERT INTO t(k) VALUES (NULL)", &stmt, &err), RC_OK);
		assert_int_equal(db_run(stmt, &err), RC_RETRY);
		(void) fault_disarm();
		assert_int_equal(read_one(db, "SELECT count(*) FROM t"), after);
	}
}

/* Creation, migration and writing by several processes at once. */
static void processes_share_a_database_from_its_first_moment(void **state)
{
	(void) state;
	enum { PROCESSES = 8, ROWS = 25 };
	const char *path = temp_path();
	pid_t child[PROCESSES];
	for (int p = 0; p < PROCESSES; p++) {
		child[p] = fork();
		if (child[p] != 0)
			continue;
		struct err err = { 0 };
		struct db *db = NULL;
		bool ok = db_open(path, steps, 3, &db, &err) == RC_OK;
		for (int i = 0; ok && i < ROWS; i++) {
			struct db_stmt *stmt;
			ok = db_begin(db, &err) == RC_OK && db_query(db, "INSERT INTO third VALUES (?1)", &stmt, &err) == RC_OK;
			if (ok)
				db_bind_int(stmt, 1, p);
			ok = ok && db_run(stmt, &err) == RC_OK && db_commit(db, &err) == RC_OK;
		}
		if (!ok)
			fprintf(stderr, "# %s\n", err.msg);
		db_close(db);
		_exit(ok ? 0 : 1);
	}
	for (int p = 0; p < PROCESSES; p++) {
		int status;
		assert_int_equal(waitpid(child[p], &status, 0), child[p]);
		assert_int_equal(status, 0);
	}
	CLEANUP(db_closep) struct db *db = open_ok(path, 3);
	assert_int_equal(read_one(db, "SELECT count(*) FROM third"), PROCESSES * ROWS);
}

/* SQLite's RESERVED lock, held by a process that is just creating the same database. */
static void opening_waits_for_another_creator(void **state)
{
	(void) state;
	const char *path = temp_path();
	int ready[2];
	char byte;
	write_file(path, "", 0);
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000001, .l_len = 1 };
		int fd = open(path, O_RDWR | O_CLOEXEC);
		bool ok = fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], "x", 1) == 1;
		(void) usleep(100000);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	db_close(open_ok(path, 3));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void) close(ready[0]);
	(void) close(ready[1]);
}

static void free_pages_go_back_to_the_file_system(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct db *db = open_ok(path, 1);
	struct err err = { 0 };
	exec_ok(db, "INSERT INTO t(b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
	            "SELECT randomblob(4000) FROM n");
	int64_t full = read_one(db, "PRAGMA page_count");
	exec_ok(db, "DELETE FROM t");
	for (int i = 0; i < 64 * 6; i++) {
		assert_int_equal(db_begin(db, &err), RC_OK);
		assert_int_equal(db_commit(db, &err), RC_OK);
	}
	assert_true(read_one(db, "PRAGMA page_count") < full / 4);
	db_close(db);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < full * 4096 / 4);
	char wal[600];
	(void) snprintf(wal, sizeof wal, "%s-wal", path);
	assert_int_not_equal(stat(wal, &st), 0); /* and the log is gone */
}

/* --- looking ------------------------------------------------------------------------------------------------ */

static size_t files_beside(const char *path, struct stat *out)
{
	char name[600];
	size_t found = 0;
	static const char *const ends[] = { "-wal", "-shm", "-journal" };
	assert_int_equal(stat(path, out), 0);
	for (size_t i = 0; i < 3; i++) {
		(void) snprintf(name, sizeof name, "%s%s", path, ends[i]);
		found += access(name, F_OK) == 0;
	}
	return found;
}

static void a_reader_changes_nothing(void **state)
{
	(void) state;
	struct err err = { 0 };
	struct stat before, after;
	char path[512];
	(void) snprintf(path, sizeof path, "%s/odd %%41 name?#.db", test_tmpdir()); /* what an address would read otherwise */
	struct db *db = open_ok(path, 3), *reader;
	exec_ok(db, "INSERT INTO third VALUES (5)");
	db_close(db);
	assert_int_equal(files_beside(path, &before), 0);
	assert_int_equal(db_open_reader(path, 3, &reader, &err), RC_OK);
	assert_int_equal(read_one(reader, "SELECT x FROM third"), 5);
	assert_int_not_equal(db_exec(reader, "INSERT INTO third VALUES (6)", &err), RC_OK);
	assert_int_equal(files_beside(path, &after), 0);
	db_close(reader);
	assert_int_equal(files_beside(path, &after), 0);
	assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
}

static void a_reader_reads_along_with_a_writer(void **state)
{
	(void) state;
	struct err err = { 0 };
	struct stat before, after;
	const char *path = temp_path();
	struct db *db = open_ok(path, 3), *reader;
	exec_ok(db, "INSERT INTO third VALUES (5)");
	size_t beside = files_beside(path, &before);
	assert_int_equal(beside, 2);
	assert_int_equal(db_open_reader(path, 3, &reader, &err), RC_OK);
	assert_int_equal(read_one(reader, "SELECT count(*) FROM third"), 1);
	exec_ok(db, "INSERT INTO third VALUES (6)");
	assert_int_equal(read_one(reader, "SELECT count(*) FROM third"), 2);
	db_close(reader);
	assert_int_equal(files_beside(path, &after), 2); /* the log is the writer's */
	db_close(db);
}

/* A process that was killed: its log holds what the file does not. */
static void a_reader_sees_what_a_dead_writer_committed(void **state)
{
	(void) state;
	struct err err = { 0 };
	struct stat st;
	const char *path = temp_path();
	db_close(open_ok(path, 3));
	pid_t child = fork();
	if (child == 0) {
		struct db *db = open_ok(path, 3);
		exec_ok(db, "INSERT INTO third VALUES (7)");
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	struct db *reader;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(db_open_reader(path, 3, &reader, &err), RC_OK);
		assert_int_equal(read_one(reader, "SELECT x FROM third"), 7);
		db_close(reader);
		assert_int_equal(files_beside(path, &st), 2);
	}
}

static void a_reader_says_what_it_cannot_read(void **state)
{
	(void) state;
	struct err err = { 0 };
	struct db *db = NULL;
	const char *path = temp_path();
	assert_int_equal(db_open_reader(path, 3, &db, &err), RC_NOT_FOUND);
	assert_int_not_equal(access(path, F_OK), 0);
	db_close(open_ok(path, 2));
	assert_int_equal(db_open_reader(path, 3, &db, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "older sargam: `sargam setup` brings it up to date"));
	assert_int_equal(db_open_reader(path, 1, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "newer sargam"));
	FILE *f = fopen(path, "w");
	assert_int_equal(fclose(f), 0);
	assert_int_equal(db_open_reader(path, 3, &db, &err), RC_NOT_FOUND);
	f = fopen(path, "w");
	assert_true(fputs("this is no database, as anybody can see at once", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(db_open_reader(path, 3, &db, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, path));
	assert_null(db);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(opens_with_the_promised_settings),
	cmocka_unit_test(every_type_comes_back_as_it_went_in),
	cmocka_unit_test(what_is_not_committed_is_gone),
	cmocka_unit_test(broken_rules_are_rejects_that_name_the_file),
	cmocka_unit_test(migrations_go_on_where_the_file_stands),
	cmocka_unit_test(a_migration_that_fails_leaves_the_version_before_it),
	cmocka_unit_test(a_newer_file_is_refused_and_not_touched),
	cmocka_unit_test(files_that_are_no_database_of_ours_are_fatal),
	cmocka_unit_test(a_torn_page_is_fatal),
	cmocka_unit_test(every_fault_leaves_a_consistent_database),
	cmocka_unit_test(a_change_alone_passes_the_points_of_a_commit),
	cmocka_unit_test(processes_share_a_database_from_its_first_moment),
	cmocka_unit_test(opening_waits_for_another_creator),
	cmocka_unit_test(free_pages_go_back_to_the_file_system),
	cmocka_unit_test(a_reader_changes_nothing),
	cmocka_unit_test(a_reader_reads_along_with_a_writer),
	cmocka_unit_test(a_reader_sees_what_a_dead_writer_committed),
	cmocka_unit_test(a_reader_says_what_it_cannot_read),
};
TEST_SUITE(db, tests);
