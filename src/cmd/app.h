/* The program's settings and the backends they name, opened when first asked for and closed at the end.
 * This room is the only one that names a backend. */
#ifndef CMD_APP_H
#define CMD_APP_H

#include "base/clock.h"
#include "base/config.h"
#include "bronze/drift.h"
#include "bus/bus.h"
#include "dag/pipeline.h"
#include "io/duck.h"
#include "raw/state.h"
#include "source/source.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

struct app;
struct app *app_new(void);
void app_free(struct app *app);
static inline void app_freep(struct app **app)
{
	app_free(*app);
	*app = NULL;
}

/* --home, --config, --log-format, --quiet. */
MUST_USE enum rc app_set_global(struct app *app, const char *name, const char *value, struct err *err);
/* Called once all options are read: file and environment below the command line, log format, home. */
MUST_USE enum rc app_settle(struct app *app, struct err *err);

struct config *app_config(struct app *app);
const struct drift_policy *app_drift_policy(struct app *app);
struct clock *app_clock(struct app *app);
const char *app_home(struct app *app);
const char *app_config_file(struct app *app); /* "" for none */
bool app_quiet(struct app *app);
/* Every line on standard error is a JSON object. */
bool app_json_log(struct app *app);
int app_threads(struct app *app);
/* From the first call on SIGINT and SIGTERM set it, and end the process only when they come twice. */
const atomic_bool *app_stop(struct app *app);

/* Each is opened once; NULL-safe to ask again.  The home is made when it is missing unless it only reads. */
MUST_USE enum rc app_store(struct app *app, struct store **out, struct err *err);
/* The bus is safe for several threads. */
MUST_USE enum rc app_bus(struct app *app, struct bus **out, struct err *err);
/* Can it be read?  Makes nothing in the home. */
MUST_USE enum rc app_check_source(struct app *app, struct err *err);
MUST_USE enum rc app_source(struct app *app, struct source **out, struct err *err);
MUST_USE enum rc app_state(struct app *app, struct state **out, struct err *err);
MUST_USE enum rc app_duck(struct app *app, struct duck **out, struct err *err);
MUST_USE enum rc app_warehouse(struct app *app, struct warehouse **out, struct err *err);
/* Handles of the caller's own, closed by it: for a thread that must not wait for another.  The bus is for one thread at a time. */
MUST_USE enum rc app_open_store(struct app *app, struct store **out, struct err *err);
MUST_USE enum rc app_open_bus(struct app *app, struct bus **out, struct err *err);
MUST_USE enum rc app_open_state(struct app *app, struct state **out, struct err *err);
/* For what reads or works on data that is there: RC_NOT_FOUND with the next step when there is no home, and neither --store
 * nor --warehouse names another place. */
MUST_USE enum rc app_need_home(struct app *app, struct err *err);
/* Topic, subscriptions, dataset: made when missing. */
MUST_USE enum rc app_setup(struct app *app, struct err *err);

/* A folder of this process alone (home/tmp/…), gone at its end. */
MUST_USE enum rc app_scratch_dir(struct app *app, const char **out, struct err *err);
/* For the temp_dir of a DuckDB instance. */
const char *app_spill_dir(struct app *app);

#endif
