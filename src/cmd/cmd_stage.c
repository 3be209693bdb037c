/* extract, ingest, bronze, gold, load, publish: one stage each, the ones that Cloud Run, Spark and Airflow call. */
#include "base/clock.h"
#include "base/rand.h"
#include "base/time.h"
#include "cmd/build.h"

static int run_stage(struct app *app, const struct args *args, enum stage stage, struct err *err)
{
	CLEANUP(build_close) struct build b = { 0 };
	char run_id[64]; /* a stage by hand is its own run: lineage names it */
	(void) snprintf(run_id, sizeof run_id, "%s-%s-%04llx", time_compact(clock_now_ms(app_clock(app)) / 1000).s,
	                stage_info[stage].name, (unsigned long long) (rand_os() & 0xffff));
	struct source *source;
	if (build_check_args(args, err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = stage == STAGE_extract ? app_check_source(app, err) : RC_OK;
	if (rc != RC_OK)
		return exit_of_source(rc);
	rc = stage > STAGE_ingest ? app_need_home(app, err) : RC_OK;
	if (rc == RC_OK)
		rc = build_open(app, args, run_id, &b, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (stage == STAGE_extract)
		rc = app_source(app, &source, err);
	if (rc != RC_OK)
		return exit_of_source(rc); /* as with run */
	struct stage_result result;
	rc = pipeline_stage(b.pipeline, stage, &result, err);
	progress_wipe(b.progress);
	if (rc != RC_OK)
		return exit_of(err_wrap(err, rc, "%s", stage_info[stage].name));
	if (!app_quiet(app))
		(void) printf("%s: %s\n", stage_info[stage].name, result.summary);
	if (result.deferred) {
		(void) err_set(err, RC_RETRY, "deferred: %s", result.deferred_why);
		return EXIT_DEFERRED;
	}
	return EXIT_DONE;
}

static const struct option_spec extract_options[] = { BUILD_OPTIONS, { NULL, NULL, NULL } };

#define STAGE_COMMAND(stage_, options_, details_)                                                       \
	static int run_##stage_(struct app *app, const struct args *args, struct err *err)              \
	{                                                                                               \
		return run_stage(app, args, STAGE_##stage_, err);                                       \
	}                                                                                               \
	extern const struct command cmd_##stage_;                                                       \
	const struct command cmd_##stage_ = {                                                           \
		.name = #stage_,                                                                        \
		.summary = "one stage: " details_,                                                      \
		.words = "",                                                                            \
		.option = options_,                                                                     \
		.run = run_##stage_,                                                                    \
	};

STAGE_COMMAND(extract, extract_options, "publish the pages of each new snapshot to the topic")
STAGE_COMMAND(ingest, NULL, "store what the subscription delivers as raw objects")
STAGE_COMMAND(bronze, NULL, "turn complete snapshots into clean Parquet")
STAGE_COMMAND(gold, NULL, "compute charts and dimensions of changed playlist groups")
STAGE_COMMAND(load, NULL, "make the warehouse's next version")
STAGE_COMMAND(publish, NULL, "put the audited version in place")
