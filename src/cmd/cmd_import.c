/* import: chart history from public archives becomes raw, and (unless --raw) charts. */
#include "base/clock.h"
#include "base/rand.h"
#include "base/time.h"
#include "cmd/run.h"
#include "raw/extract.h"

static enum rc set_source(struct app *app, const char *kind, const char *path, struct err *err)
{
	CLEANUP(buf_done) struct buf uri = buf_new(CONFIG_STRING_BYTES);
	buf_addf(&uri, "%s:%s", kind, path);
	TRY(buf_ok(&uri, "import: the path", err));
	return config_set(app_config(app), SLICE("source"), buf_slice(&uri), CONFIG_CLI, err);
}

/* Without --playlist all of the file, whatever is watched; with it what the options say. */
static enum rc open_build(struct app *app, const struct args *args, const char *run_id, struct build *b, struct err *err)
{
	TRY(build_open(app, args, run_id, b, err));
	if (!args_value(args, "playlist"))
		b->options.playlist_count = 0;
	return RC_OK;
}

static void tell(const struct build *b)
{
	const struct extract_result *r = pipeline_extracted(b->pipeline);
	if (app_quiet(b->app))
		return;
	(void) printf("\nImported:   %lld snapshots of %lld playlists (%lld items), %lld were there already\n", (long long) r->snapshots,
	              (long long) r->playlists, (long long) r->items, (long long) r->known);
	if (r->broken)
		(void) printf("Broken:     %lld lines, kept with their numbers and reasons: sargam dead list\n", (long long) r->broken);
}

static int import_raw(struct build *b, bool strict, struct err *err)
{
	for (enum stage stage = STAGE_extract; stage <= STAGE_ingest; stage++) {
		struct stage_result result;
		enum rc rc = pipeline_stage(b->pipeline, stage, &result, err);
		progress_wipe(b->progress);
		if (rc != RC_OK)
			return exit_of(err_wrap(err, rc, "%s", stage_info[stage].name));
		if (!app_quiet(b->app))
			(void) printf("%-8s %s\n", stage_info[stage].name, result.summary);
	}
	tell(b);
	if (!app_quiet(b->app))
		(void) printf("\nThe charts of it: sargam run --from bronze\n");
	const struct extract_result *r = pipeline_extracted(b->pipeline);
	return strict && (r->broken || r->failed) ? EXIT_DEAD_LETTERS : EXIT_DONE;
}

static int import_whole(struct build *b, bool strict, struct err *err)
{
	struct run_outcome outcome = { 0 };
	enum rc rc = run_whole(b, stage_info[STAGE_extract].name, &outcome, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (outcome.state == RUN_DONE)
		tell(b);
	return run_conclude(b, &outcome, strict, err);
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(build_close) struct build b = { 0 };
	const char *kind = args->word[0];
	char run_id[64]; /* without a run log: lineage names it all the same */
	struct source *source;
	if (strcmp(kind, "archive") != 0 && strcmp(kind, "csv") != 0) {
		(void) err_set(err, RC_FATAL, "usage: sargam import archive|csv PATH: '%s' is neither", kind);
		return EXIT_USAGE;
	}
	if (build_check_args(args, err) != RC_OK || set_source(app, kind, args->word[1], err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = app_check_source(app, err);
	if (rc != RC_OK)
		return exit_of_source(rc);
	(void) snprintf(run_id, sizeof run_id, "%s-import-%04llx", time_compact(clock_now_ms(app_clock(app)) / 1000).s,
	                (unsigned long long) (rand_os() & 0xffff));
	rc = open_build(app, args, run_id, &b, err);
	if (rc != RC_OK)
		return exit_of(rc);
	rc = app_source(app, &source, err);
	if (rc != RC_OK)
		return exit_of_source(rc); /* it does not belong into this home, perhaps */
	bool strict = args_flag(args, "strict");
	return args_flag(args, "raw") ? import_raw(&b, strict, err) : import_whole(&b, strict, err);
}

static const struct option_spec options[] = {
	{ "playlist", "ID", "only this one; may be repeated (csv: chart-IN, chart-GLOBAL, …)" },
	{ "since", "DATE", "only snapshots of this chart day (YYYY-MM-DD) or later" },
	{ "until", "DATE", "only snapshots of this chart day or earlier" },
	{ "raw", NULL, "stop when the snapshots are stored: no charts yet" },
	{ "strict", NULL, "exit with 4 when there are dead letters" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_import;
const struct command cmd_import = {
	.name = "import",
	.summary = "chart history from public archives, as if it had been recorded",
	.words = "archive|csv PATH",
	.words_min = 2,
	.words_max = 2,
	.details = "archive  a clone (with files or bare) or a bundle of the playlist archive: a Markdown table for each playlist, a commit for\n"
	           "         each change; every version of a list becomes a snapshot at its commit's author time. Needs the program git.\n"
	           "csv      \"Top Spotify Songs in 73 Countries\": each country becomes a playlist, each day a snapshot at noon UTC.\n"
	           "\n"
	           "Importing again adds what is new and changes nothing else. Lines that cannot be read are counted and kept (sargam dead\n"
	           "list); `sargam lineage` leads from a row to the file, its sha256 and the lines or the commit.",
	.option = options,
	.run = run,
};
