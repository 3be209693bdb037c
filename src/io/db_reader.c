/* Opening a database to look at it, so that neither it nor its folder changes. */
#include "io/db_private.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/file.h"

/* SQLite reads a path in an address: %, ? and # mean something there. */
static void add_path(const char *path, struct buf *uri)
{
	for (; *path; path++) {
		if (strchr("%?#", *path))
			buf_addf(uri, "%%%02x", (unsigned) *path);
		else
			buf_addc(uri, *path);
	}
}

/* A log with something in it: some process has the file open, or died with it open. */
static bool has_log(const char *path)
{
	CLEANUP(buf_done) struct buf log = buf_new(1 << 13);
	struct file_info info;
	buf_addf(&log, "%s-wal", path);
	return file_stat(buf_str(&log), &info, NULL) == RC_OK && info.exists && info.bytes > 0;
}

/* With a log it is read along with, by its own index, and stays.  Without one the file is all there is: "immutable" keeps
 * SQLite from making a log and an index beside it. */
static enum rc open_file(struct db *db, int version, struct err *err)
{
	CLEANUP(buf_done) struct buf uri = buf_new(1 << 14);
	buf_adds(&uri, "file:");
	add_path(db->path, &uri);
	buf_adds(&uri, has_log(db->path) ? "?mode=ro" : "?mode=ro&immutable=1");
	int status = sqlite3_open_v2(buf_str(&uri), &db->handle,
	                             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (status != SQLITE_OK)
		return db_fail(db, status, "open", err);
	(void) sqlite3_busy_timeout(db->handle, BUSY_MS);
	int64_t id, found;
	TRY(db_read_int(db, "PRAGMA application_id", &id, err));
	if (id != APPLICATION_ID)
		return err_set(err, id ? RC_FATAL : RC_NOT_FOUND, id ? "%s: a database of another program: choose another --home"
		                                                     : "%s: nothing in it yet", db->path);
	TRY(db_read_int(db, "PRAGMA user_version", &found, err));
	TRY(db_check_version(db, found, version, err));
	if (found < version)
		return err_set(err, RC_RETRY, "%s: written by an older sargam: `sargam setup` brings it up to date", db->path);
	return RC_OK;
}

enum rc db_open_reader(const char *path, int version, struct db **out, struct err *err)
{
	CLEANUP(db_closep) struct db *db = mem_alloc(sizeof *db);
	struct file_info info;
	TRY(file_stat(path, &info, err));
	if (!info.exists)
		return err_set(err, RC_NOT_FOUND, "%s does not exist yet", path);
	db->path = mem_strdup(path);
	TRY(open_file(db, version, err));
	*out = TAKE(db);
	return RC_OK;
}
