/* run: the whole DAG once. */
#include "cmd/run.h"

static int run(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(build_close) struct build b = { 0 };
	const char *from = args_value(args, "from") ? args_value(args, "from") : stage_info[0].name;
	struct run_outcome outcome = { 0 };
	struct state *state;
	struct source *source;
	if (stage_find(from) == STAGE_COUNT) {
		(void) err_set(err, RC_FATAL, "--from '%s': stages are extract, ingest, bronze, gold, load, verify, publish", from);
		return EXIT_USAGE;
	}
	if (build_check_args(args, err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = stage_find(from) == STAGE_extract ? app_check_source(app, err) : RC_OK;
	if (rc != RC_OK)
		return exit_of_source(rc); /* a wrong path is told before anything is made */
	rc = app_state(app, &state, err);
	if (rc == RC_OK)
		rc = build_open(app, args, "", &b, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (stage_find(from) == STAGE_extract)
		rc = app_source(app, &source, err);
	if (rc != RC_OK)
		return exit_of_source(rc); /* so is a source that does not belong into this home, before a run begins */
	rc = run_whole(&b, from, &outcome, err);
	return rc == RC_OK ? run_conclude(&b, &outcome, args_flag(args, "strict"), err) : exit_of(rc);
}

static const struct option_spec options[] = {
	BUILD_OPTIONS,
	{ "from", "STAGE", "begin there: extract, ingest, bronze, gold, load, verify, publish" },
	{ "strict", NULL, "exit with 4 when there are dead letters" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_run;
const struct command cmd_run = {
	.name = "run",
	.summary = "the whole pipeline once, from the source's pages to published charts",
	.words = "",
	.details = "extract > ingest > bronze > gold > load > verify > publish. What is there already is not done again; a run that was\n"
	           "killed is finished by the next one. Without --source the invented sample is told; a home remembers which kind of\n"
	           "data it holds.",
	.option = options,
	.run = run,
};
