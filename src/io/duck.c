#include "io/duck.h"

#include "base/buf.h"
#include "base/fault.h"
#include "base/mem.h"
#include "io/duck_private.h"
#include "io/scratch.h"

#include <ctype.h>
#include <strings.h>

struct duck {
	duckdb_database db;
	struct scratch *spill; /* NULL: none */
};

/* DuckDB's messages start with their kind; the C API has no code for all of them. */
static enum rc classify(struct slice msg)
{
	static const struct {
		const char *start;
		enum rc rc;
	} kinds[] = {
		{ "IO Error: No files found", RC_NOT_FOUND },
		{ "IO Error: Cannot open file", RC_FATAL },
		{ "IO Error: Could not read", RC_RETRY },
		{ "IO Error", RC_RETRY },
		{ "Out of Memory Error", RC_RETRY },
		{ "Connection Error", RC_RETRY },
		{ "Interrupt", RC_RETRY },
		{ "TransactionContext Error", RC_RETRY },
		{ "Permission Error", RC_REJECT },
		{ "INTERNAL Error", RC_FATAL },
		{ "FATAL Error", RC_FATAL },
		{ "Serialization Error", RC_FATAL },
	};
	/* I/O errors to DuckDB, but another try reads the same bytes */
	static const char *const damage[] = { "not a valid DuckDB database file", "database file with version number",
		                              "Corrupt database file", "does not match stored checksum", "Could not read enough bytes" };
	for (size_t i = 0; i < COUNT_OF(damage); i++)
		if (slice_find_str(msg, slice_of(damage[i])) != SIZE_MAX)
			return RC_FATAL;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (slice_starts(msg, slice_of(kinds[i].start)))
			return kinds[i].rc;
	return RC_REJECT;
}

/* What it is and what DuckDB proposes; not the picture of the statement or the stack that follow after an empty line. */
static struct slice first_paragraph(struct slice msg)
{
	size_t end = slice_find_str(msg, SLICE("\n\n"));
	return slice_trim(end == SIZE_MAX ? msg : slice_sub(msg, 0, end));
}

enum rc duck_fail(struct err *err, const char *msg)
{
	char line[ERR_MSG_BYTES];
	struct slice text = first_paragraph(slice_trim(slice_of(msg && *msg ? msg : "unknown DuckDB error")));
	if (text.len > sizeof line)
		text.len = sizeof line;
	for (size_t i = 0; i < text.len; i++)
		line[i] = text.ptr[i] == '\n' ? ' ' : text.ptr[i];
	text.ptr = line;
	const char *hint = "";
	if (slice_find_str(text, SLICE("No space left")) != SIZE_MAX)
		hint = " (free some space, then run the command again: it goes on where it stopped)";
	else if (slice_starts(text, SLICE("Out of Memory Error")))
		hint = " (a larger memory_limit_mb helps)";
	return err_set(err, classify(text), "%.*s%s", SLICE_FMT(text), hint);
}

bool duck_out_of_memory(const struct err *err)
{
	return strstr(err->msg, "Out of Memory Error") || strstr(err->msg, "Cannot allocate memory");
}

enum rc duck_pass(const char *point, struct err *err)
{
	int errnum = fault_point(point);
	return errnum ? err_errno(err, errnum, "%s", point) : RC_OK;
}

static void set_option(duckdb_config config, const char *name, const char *value)
{
	duckdb_state state = duckdb_set_config(config, name, value);
	assert(state == DuckDBSuccess);
}

enum rc duck_open(const struct duck_options *options, struct duck **out, struct err *err)
{
	TRY(duck_pass("duck.open", err));
	struct scratch *spill = NULL;
	enum rc made = options->temp_dir ? scratch_open(options->temp_dir, &spill, err) : RC_OK;
	if (made != RC_OK && made != RC_FATAL) /* where nothing can be written reading still can: in memory alone */
		return made;
	duckdb_config config;
	duckdb_state state = duckdb_create_config(&config);
	assert(state == DuckDBSuccess);
	char number[32];
	set_option(config, "access_mode", options->path && options->read_only ? "READ_ONLY" : "AUTOMATIC");
	set_option(config, "autoinstall_known_extensions", "false");
	set_option(config, "autoload_known_extensions", "false");
	/* it trusts times of modification, and our files are replaced under their names */
	set_option(config, "enable_external_file_cache", "false");
	if (options->threads > 0) {
		(void) snprintf(number, sizeof number, "%d", options->threads);
		set_option(config, "threads", number);
	}
	if (options->memory_limit_mb > 0) {
		(void) snprintf(number, sizeof number, "%lldMiB", (long long) options->memory_limit_mb);
		set_option(config, "memory_limit", number);
	}
	/* DuckDB's own default is a folder in the working directory */
	set_option(config, "temp_directory", spill ? scratch_path(spill) : "");
	struct duck *d = mem_alloc(sizeof *d);
	char *msg = NULL;
	state = duckdb_open_ext(options->path ? options->path : ":memory:", &d->db, config, &msg);
	duckdb_destroy_config(&config);
	if (state != DuckDBSuccess) {
		scratch_close(spill);
		mem_free(d);
		bool locked = msg && slice_find_str(slice_of(msg), SLICE("lock")) != SIZE_MAX;
		enum rc rc = err_set(err, locked ? RC_RETRY : RC_FATAL, "%s: %s", options->path ? options->path : "DuckDB",
		                     msg ? msg : "cannot open");
		duckdb_free(msg);
		return rc;
	}
	d->spill = spill;
	*out = d;
	return RC_OK;
}

void duck_close(struct duck *d)
{
	if (!d)
		return;
	duckdb_close(&d->db);
	scratch_close(d->spill);
	mem_free(d);
}

enum rc duck_connect(struct duck *d, struct duck_conn **out, struct err *err)
{
	CLEANUP(duck_disconnectp) struct duck_conn *c = mem_alloc(sizeof *c);
	if (duckdb_connect(d->db, &c->conn) != DuckDBSuccess)
		return err_set(err, RC_FATAL, "DuckDB: cannot connect");
	TRY(duck_exec(c, "SET TimeZone = 'UTC'", NULL, err));
	*out = TAKE(c);
	return RC_OK;
}

void duck_disconnect(struct duck_conn *c)
{
	if (!c)
		return;
	duckdb_disconnect(&c->conn);
	mem_free(c);
}

static void quote(struct slice text, char mark, struct buf *sql)
{
	buf_addc(sql, mark);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == mark)
			buf_addc(sql, mark);
		buf_addc(sql, text.ptr[i]);
	}
	buf_addc(sql, mark);
}

void duck_quote_text(struct slice text, struct buf *sql)
{
	quote(text, '\'', sql);
}

void duck_quote_name(struct slice name, struct buf *sql)
{
	quote(name, '"', sql);
}

enum rc duck_exec(struct duck_conn *c, const char *sql, int64_t *out_changed, struct err *err)
{
	TRY(duck_pass("duck.exec", err));
	duckdb_result result;
	enum rc rc = RC_OK;
	if (duckdb_query(c->conn, sql, &result) != DuckDBSuccess)
		rc = duck_fail(err, duckdb_result_error(&result));
	else if (out_changed)
		*out_changed = (int64_t) duckdb_rows_changed(&result);
	duckdb_destroy_result(&result);
	return rc;
}

static void destroy_extracted(duckdb_extracted_statements *statements)
{
	duckdb_destroy_extracted(statements);
}

static void destroy_prepared(duckdb_prepared_statement *statement)
{
	duckdb_destroy_prepare(statement);
}

static struct slice skip_space(struct slice sql)
{
	for (;;) {
		sql = slice_trim(sql);
		size_t end;
		if (slice_starts(sql, SLICE("--"))) {
			end = slice_find(sql, '\n', 0);
		} else if (slice_starts(sql, SLICE("/*"))) {
			size_t close = slice_find_str(sql, SLICE("*/"));
			end = close == SIZE_MAX ? sql.len : close + 2;
		} else {
			return sql;
		}
		sql = slice_sub(sql, end, sql.len - end);
	}
}

static bool skip_word(struct slice *sql, const char *word)
{
	size_t len = strlen(word);
	*sql = skip_space(*sql);
	if (sql->len < len || strncasecmp(sql->ptr, word, len) != 0 || (sql->len > len && isalnum((unsigned char) sql->ptr[len])))
		return false;
	*sql = skip_space(slice_sub(*sql, len, sql->len - len));
	return true;
}

/* EXPLAIN ANALYZE runs what it explains, so that must only read too. */
static enum rc check_explained(struct duck_conn *c, const char *sql, struct err *err)
{
	struct slice rest = slice_of(sql);
	if (!skip_word(&rest, "EXPLAIN"))
		return err_set(err, RC_REJECT, "write EXPLAIN at the start of the statement");
	(void) skip_word(&rest, "ANALYZE");
	if (slice_starts(rest, SLICE("("))) { /* options, or a SELECT in parentheses: only options are common */
		size_t close = slice_find(rest, ')', 0);
		struct slice after = slice_sub(rest, close + 1, rest.len - close - 1);
		if (close < rest.len && skip_space(after).len)
			rest = after;
	}
	return duck_check_read_only(c, rest.ptr, err);
}

enum rc duck_check_read_only(struct duck_conn *c, const char *sql, struct err *err)
{
	CLEANUP(destroy_extracted) duckdb_extracted_statements statements = NULL;
	idx_t count = duckdb_extract_statements(c->conn, sql, &statements);
	if (count == 0) {
		const char *msg = duckdb_extract_statements_error(statements);
		return msg && *msg ? duck_fail(err, msg) : err_set(err, RC_REJECT, "no SQL statement: give one SELECT");
	}
	if (count > 1)
		return err_set(err, RC_REJECT, "%llu SQL statements: give one SELECT", (unsigned long long) count);
	CLEANUP(destroy_prepared) duckdb_prepared_statement prepared = NULL;
	if (duckdb_prepare_extracted_statement(c->conn, statements, 0, &prepared) != DuckDBSuccess)
		return duck_fail(err, duckdb_prepare_error(prepared));
	switch (duckdb_prepared_statement_type(prepared)) {
	case DUCKDB_STATEMENT_TYPE_SELECT:
	case DUCKDB_STATEMENT_TYPE_RELATION:
		return RC_OK;
	case DUCKDB_STATEMENT_TYPE_EXPLAIN:
		return check_explained(c, sql, err);
	default:
		return err_set(err, RC_REJECT, "this statement writes or changes settings: only SELECT, SHOW, DESCRIBE and EXPLAIN "
		                               "are allowed here");
	}
}

enum rc duck_query_int(struct duck_conn *c, const char *sql, int64_t *out, struct err *err)
{
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	TRY(duck_query(c, sql, &r, err));
	bool row;
	TRY(duck_next(r, &row, err));
	if (!row || duck_is_null(r, 0))
		return err_set(err, RC_NOT_FOUND, "no value: %.200s", sql);
	*out = duck_int(r, 0);
	return RC_OK;
}

static enum rc walk_metadata(struct duck_conn *c, const char *sql, void (*on_value)(void *, struct slice, struct slice),
                             void *ctx, struct err *err)
{
	CLEANUP(duck_result_closep) struct duck_result *r = NULL;
	TRY(duck_query(c, sql, &r, err));
	for (;;) {
		bool row;
		TRY(duck_next(r, &row, err));
		if (!row)
			return RC_OK;
		on_value(ctx, duck_string(r, 0), duck_string(r, 1));
	}
}

enum rc duck_parquet_metadata(struct duck_conn *c, const struct slice *path, size_t count, const char *key,
                              void (*on_value)(void *ctx, struct slice path, struct slice value), void *ctx,
                              struct err *err)
{
	if (count == 0)
		return RC_OK;
	CLEANUP(buf_done) struct buf sql = buf_new(SIZE_MAX / 4);
	for (size_t i = 0; i < count; i++) {
		buf_adds(&sql, i ? ", " : "SELECT file_name, value FROM parquet_kv_metadata([");
		duck_quote_text(path[i], &sql);
	}
	buf_adds(&sql, "]) WHERE key = ");
	duck_quote_text(slice_of(key), &sql);
	buf_adds(&sql, " ORDER BY file_name"); /* sorting reads all files first: on_value hears of all or of none */
	enum rc rc = walk_metadata(c, buf_str(&sql), on_value, ctx, err);
	if (rc == RC_OK || rc == RC_RETRY)
		return rc;
	if (count == 1) /* torn, gone or no Parquet file: its value is not reported */
		return RC_OK;
	for (size_t i = 0; i < count; i++)
		TRY(duck_parquet_metadata(c, &path[i], 1, key, on_value, ctx, err));
	return RC_OK;
}

const char *duck_version(void)
{
	return duckdb_library_version();
}
