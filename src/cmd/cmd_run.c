/* run: the whole DAG once. */
#include "base/log.h"
#include "base/mem.h"
#include "cmd/run.h"
#include "io/file.h"

/* One run to its end; *out_adopted when it was one that a dead process had left. */
static enum rc run_once(struct build *b, struct runlog *log, struct slice args, const char *from, bool may_adopt,
                        struct rand_gen *rand, bool *out_adopted, struct run_outcome *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	CLEANUP(mem_freep) struct plan *plan = mem_alloc(sizeof *plan);
	struct takeover takeover = { 0 };
	struct run_id id;
	TRY(plan_init(plan, pipeline_specs(), STAGE_COUNT, from, err));
	if (may_adopt)
		TRY(runlog_take_over(log, args, plan, &arena, &takeover, err));
	for (size_t i = 0; i < takeover.abandoned.count; i++)
		log_info("run", "%.*s is abandoned: %.*s", SLICE_FMT(takeover.abandoned.run[i].id),
		         SLICE_FMT(takeover.abandoned.run[i].error));
	if (takeover.adopted || takeover.abandoned.count > 0)
		(void) !file_sweep(app_home(b->app), 0, NULL); /* what the dead left half; if it stays it hurts nobody */
	*out_adopted = takeover.adopted;
	if (takeover.adopted) {
		id = takeover.id;
		log_info("run", "finishing %s, which a process that died had begun", id.s);
	} else {
		TRY(runlog_begin(log, args, app_config(b->app)->source, plan, &id, err));
	}
	return run_carry_out(b, log, plan, &id, rand, out, err);
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(build_close) struct build b = { 0 };
	CLEANUP(buf_done) struct buf run_args = buf_new(RUN_ARGS_BYTES_MAX);
	const char *from = args_value(args, "from") ? args_value(args, "from") : stage_info[0].name;
	struct rand_gen rand = rand_new(rand_os());
	struct runlog log;
	struct run_outcome outcome = { 0 };
	struct state *state;
	struct source *source;
	bool adopted = false;
	if (stage_find(from) == STAGE_COUNT) {
		(void) err_set(err, RC_FATAL, "--from '%s': stages are extract, ingest, bronze, gold, load, verify, publish", from);
		return EXIT_USAGE;
	}
	if (build_check_args(args, err) != RC_OK)
		return EXIT_USAGE;
	if (stage_find(from) == STAGE_extract && app_check_source(app, err) != RC_OK)
		return EXIT_USAGE; /* a wrong path is told before anything is made */
	enum rc rc = app_state(app, &state, err);
	if (rc == RC_OK)
		rc = build_open(app, args, "", &b, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (stage_find(from) == STAGE_extract && app_source(app, &source, err) != RC_OK)
		return EXIT_USAGE; /* so is a source that does not belong into this home, before a run begins */
	run_args_write(&b, from, &run_args);
	rc = buf_ok(&run_args, "the run's arguments", err);
	if (rc != RC_OK)
		return exit_of(rc);
	runlog_init(&log, state, &rand);
	rc = run_once(&b, &log, buf_slice(&run_args), from, true, &rand, &adopted, &outcome, err);
	bool observed = b.extracted && stage_find(from) == STAGE_extract && source_is_live(source);
	if (rc == RC_OK && adopted && outcome.state == RUN_DONE && !observed) /* that was yesterday's work; today's may be new */
		rc = run_once(&b, &log, buf_slice(&run_args), from, false, &rand, &adopted, &outcome, err);
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
