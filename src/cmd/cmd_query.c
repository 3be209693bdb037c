#include "base/log.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/output.h"

#include "io/file.h"

#include <errno.h>
#include <unistd.h>

#define SQL_BYTES_MAX ((size_t) 1 << 20)
#define FORMATS "table, csv, json and parquet"

/* `-`: SQL from standard input. */
static enum rc read_stdin(struct buf *sql, struct err *err)
{
	for (;;) {
		char piece[4096];
		size_t count = fread(piece, 1, sizeof piece, stdin);
		buf_add(sql, (struct slice){ piece, count });
		if (count < sizeof piece)
			break;
	}
	if (ferror(stdin))
		return err_set(err, RC_FATAL, "query: standard input cannot be read");
	return buf_ok(sql, "query: SQL on standard input", err);
}

static enum rc read_sql(const char *word, struct buf *sql, struct err *err)
{
	if (strcmp(word, "-") == 0)
		TRY(read_stdin(sql, err));
	else
		buf_adds(sql, word);
	TRY(buf_ok(sql, "query: SQL", err));
	struct slice text = slice_trim(buf_slice(sql));
	if (text.len == 0)
		return err_set(err, RC_FATAL, "query: the SQL is empty; try 'SELECT * FROM SPOTIFY_ANALYTICS.TRACK_INFO'");
	if (slice_find(text, '\0', 0) < text.len)
		return err_set(err, RC_FATAL, "query: the SQL holds a NUL byte: it is no text");
	return RC_OK;
}

static bool format_find(const char *name, enum output_format *out)
{
	static const char *const known[] = { [OUTPUT_TABLE] = "table", [OUTPUT_CSV] = "csv", [OUTPUT_JSON] = "json" };
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i], name) == 0) {
			*out = (enum output_format) i;
			return true;
		}
	return false;
}

static enum rc print_rows(struct app *app, const char *sql, enum output_format format, const struct terminal *terminal,
                          struct err *err)
{
	struct warehouse *warehouse;
	TRY(app_warehouse(app, &warehouse, err));
	CLEANUP(output_freep) struct output *output = output_new(format, terminal);
	const struct warehouse_sink sink = output_sink(output);
	TRY(warehouse_query(warehouse, sql, &sink, err));
	int64_t rows;
	size_t hidden;
	TRY(output_end(output, &rows, &hidden, err));
	if (format != OUTPUT_TABLE || app_quiet(app))
		return RC_OK;
	(void) fflush(stdout);
	log_note("%lld %s", (long long) rows, rows == 1 ? "row" : "rows");
	if (hidden)
		log_note("%zu more %s not shown: the terminal is too narrow (name the columns, or --format csv)",
		               hidden, hidden == 1 ? "column is" : "columns are");
	return RC_OK;
}

static enum rc copy_out(const char *path, struct err *err)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return err_errno(err, errno, "query: '%s'", path);
	(void) unlink(path); /* nothing stays behind, whatever happens from here on */
	enum rc rc = RC_OK;
	for (size_t count = 1; rc == RC_OK && count > 0;) {
		char piece[1 << 16];
		count = fread(piece, 1, sizeof piece, f);
		if (ferror(f))
			rc = err_set(err, RC_RETRY, "query: '%s' cannot be read back", path);
		else if (fwrite(piece, 1, count, stdout) != count)
			rc = err_set(err, RC_FATAL, "standard output: the Parquet file is not whole");
	}
	(void) fclose(f);
	return rc;
}

/* Parquet ends with its index, so it is made as a file and then copied. */
static enum rc print_parquet(struct app *app, const char *sql, struct err *err)
{
	struct warehouse *warehouse;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	const char *dir;
	TRY(app_warehouse(app, &warehouse, err));
	TRY(app_scratch_dir(app, &dir, err));
	struct slice path = arena_printf(&arena, "%s/query.parquet", dir);
	enum rc rc = warehouse_query_file(warehouse, sql, path.ptr, err);
	if (rc == RC_OK)
		rc = copy_out(path.ptr, err);
	if (rc != RC_OK && file_remove(path.ptr, NULL) != RC_OK)
		return rc; /* the first failure is the one to tell */
	return rc;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *name = args_value(args, "format") ? args_value(args, "format") : "table";
	const struct terminal terminal = terminal_open();
	enum output_format format = OUTPUT_TABLE;
	bool parquet = strcmp(name, "parquet") == 0;
	if (!parquet && !format_find(name, &format)) {
		(void) err_set(err, RC_FATAL, "query: --format '%s': known are " FORMATS, name);
		return EXIT_USAGE;
	}
	if (parquet && terminal.is_terminal) {
		(void) err_set(err, RC_FATAL, "query: Parquet is not for a terminal: put it into a file (> file.parquet)");
		return EXIT_USAGE;
	}
	CLEANUP(buf_done) struct buf sql = buf_new(SQL_BYTES_MAX);
	if (read_sql(args->word[0], &sql, err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = app_need_home(app, err);
	if (rc == RC_OK)
		rc = parquet ? print_parquet(app, buf_str(&sql), err) : print_rows(app, buf_str(&sql), format, &terminal, err);
	return exit_of(rc);
}

static const struct option_spec options[] = {
	{ "format", "NAME", FORMATS " (default: table)" },
	{ NULL, NULL, NULL },
};

extern const struct command cmd_query;
const struct command cmd_query = {
	.name = "query",
	.summary = "read-only SQL on the published warehouse",
	.words = "SQL | -",
	.words_min = 1,
	.words_max = 1,
	.details =
		"SQL is one word (quote it), or `-`: it is read from standard input. The tables are those of the schema\n"
		"SPOTIFY_ANALYTICS; BRONZE_SNAPSHOT, BRONZE_ENTRY, BRONZE_CREDIT, BRONZE_REJECT and BRONZE_FIELD are there, too.\n"
		"\n"
		"  sargam query 'SELECT * FROM SPOTIFY_ANALYTICS.TRACK_INFO ORDER BY artist_name'\n"
		"  sargam query --format csv 'SELECT * FROM SPOTIFY_ANALYTICS.CHART_HISTORY' > history.csv\n"
		"\n"
		"table: columns aligned; on a terminal long cells end with … and what does not fit is left out.\n"
		"csv: a header line, NULL empty, an empty string \"\", true and false, ISO dates and times.\n"
		"json: an array of objects, one to a line. parquet: a file, for `>`.",
	.option = options,
	.run = run,
};
