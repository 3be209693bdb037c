#include "cmd/app.h"
#include "cmd/command.h"
#include "raw/extract.h"

static int run(struct app *app, const struct args *args UNUSED, struct err *err)
{
	struct store *store;
	struct state *state;
	struct warehouse *warehouse;
	enum rc rc = app_store(app, &store, err);
	if (rc == RC_OK)
		rc = app_state(app, &state, err);
	if (rc == RC_OK)
		rc = app_setup(app, err);
	if (rc == RC_OK)
		rc = app_warehouse(app, &warehouse, err);
	if (rc == RC_OK)
		rc = warehouse_schema(warehouse, err);
	if (rc != RC_OK)
		return exit_of(rc);
	(void) printf("home %s is ready: topic %s, subscription %s, dead letters %s, dataset " WAREHOUSE_SCHEMA "\n",
	              app_home(app), TOPIC, SUBSCRIPTION, DEAD_SUBSCRIPTION);
	return EXIT_DONE;
}

extern const struct command cmd_setup;
const struct command cmd_setup = {
	.name = "setup",
	.summary = "make what is missing: home, topic, subscriptions, dataset (run calls it)",
	.words = "",
	.run = run,
};
