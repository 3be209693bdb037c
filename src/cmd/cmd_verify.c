#include "cmd/build.h"

struct listing {
	size_t failed, passed;
};

static void on_check(void *ctx, const struct warehouse_check *check)
{
	struct listing *l = ctx;
	(void) printf("%-6s %-32s %s\n", check->violations ? "FAILED" : "ok", check->name, check->what);
	if (check->violations)
		(void) printf("       %lld violations, the first: %s\n", (long long) check->violations, check->example);
	if (check->violations)
		l->failed++;
	else
		l->passed++;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(build_close) struct build b = { 0 };
	struct listing l = { 0 };
	enum rc rc = app_need_home(app, err);
	if (rc == RC_OK)
		rc = build_open(app, args, "verify", &b, err);
	if (rc == RC_OK)
		rc = pipeline_audit(b.pipeline, on_check, &l, err);
	if (l.passed + l.failed)
		(void) printf("%zu checks passed, %zu failed\n", l.passed, l.failed);
	return exit_of(rc);
}

extern const struct command cmd_verify;
const struct command cmd_verify = {
	.name = "verify",
	.summary = "audit the staged version of the warehouse, else the published one",
	.words = "",
	.details = "Every check is one question in SQL over the warehouse and the bronze files. A failed one leaves the published\n"
	           "version in place and says which row is wrong. `sargam rebuild` makes the tables anew from raw.",
	.run = run,
};
