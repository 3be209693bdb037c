#include "cmd/app.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cmd/schedule_jobs.h"
#include "cmd/spotify_client.h"
#include "io/file.h"
#include "io/scratch.h"
#include "raw/extract.h"
#include "raw/source_memory.h"

#include <signal.h>
#include <unistd.h>

#define PATH_BYTES 4096

struct app {
	struct config config;
	struct drift_policy drift_policy;
	char home[PATH_BYTES], config_file[PATH_BYTES], tmp[PATH_BYTES];
	bool json_log, quiet, settled;
	struct store *store;
	struct bus *bus;
	struct source *source;
	struct state *state;
	struct duck *duck;
	struct warehouse *warehouse;
	struct scratch *scratch;
	struct spotify_client *spotify;
	struct raw_memory memory; /* of the live source */
};

static volatile sig_atomic_t signalled;
static atomic_bool stop_flag;

static void on_signal(int number)
{
	if (signalled) /* asked twice: at once, as kill -9 would; the next run goes on */
		_exit(128 + number);
	signalled = 1;
	stop_flag = true;
}

struct app *app_new(void)
{
	struct app *app = mem_alloc(sizeof *app);
	config_init(&app->config);
	(void) signal(SIGPIPE, SIG_IGN);
	return app;
}

void app_free(struct app *app)
{
	if (!app)
		return;
	warehouse_close(app->warehouse);
	duck_close(app->duck);
	source_close(app->source);
	spotify_client_close(app->spotify);
	bus_close(app->bus);
	store_close(app->store);
	state_close(app->state);
	scratch_close(app->scratch);
	mem_free(app);
}

struct config *app_config(struct app *app)
{
	return &app->config;
}

const struct drift_policy *app_drift_policy(struct app *app)
{
	return &app->drift_policy;
}

struct clock *app_clock(struct app *app UNUSED)
{
	return clock_system();
}

const char *app_home(struct app *app)
{
	return app->home;
}

const char *app_config_file(struct app *app)
{
	return app->config_file;
}

bool app_quiet(struct app *app)
{
	return app->quiet;
}

bool app_json_log(struct app *app)
{
	return app->json_log;
}

/* Whoever never asks for the flag ends at once, as every program does. */
const atomic_bool *app_stop(struct app *app UNUSED)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	(void) sigaction(SIGINT, &action, NULL);
	(void) sigaction(SIGTERM, &action, NULL);
	return &stop_flag;
}

int app_threads(struct app *app)
{
	return app->config.threads ? (int) app->config.threads : thread_cpus();
}

static enum rc set_path(char out[static PATH_BYTES], const char *what, const char *value, struct err *err)
{
	size_t len = strlen(value);
	if (len == 0 || len >= PATH_BYTES - 64)
		return err_set(err, RC_FATAL, "%s: want a path of 1 to %d bytes", what, PATH_BYTES - 65);
	memcpy(out, value, len + 1);
	while (len > 1 && out[len - 1] == '/')
		out[--len] = '\0';
	return RC_OK;
}

enum rc app_set_global(struct app *app, const char *name, const char *value, struct err *err)
{
	if (strcmp(name, "home") == 0)
		return set_path(app->home, "--home", value, err);
	if (strcmp(name, "config") == 0)
		return set_path(app->config_file, "--config", value, err);
	if (strcmp(name, "quiet") == 0) {
		app->quiet = true;
		return RC_OK;
	}
	assert(strcmp(name, "log-format") == 0);
	if (strcmp(value, "text") != 0 && strcmp(value, "json") != 0)
		return err_set(err, RC_FATAL, "--log-format '%s': want text or json", value);
	app->json_log = strcmp(value, "json") == 0;
	return RC_OK;
}

/* "gs://…" and the like: what is configured and not built into this binary. */
static enum rc unknown(const char *what, const char *value, const char *known, struct err *err)
{
	return err_set(err, RC_FATAL, "--%s '%s': this sargam knows %s", what, value, known);
}

static enum rc check_backends(const struct config *c, struct err *err)
{
	static const char *const paths[] = { "dir:", "archive:", "csv:" };
	bool known = strcmp(c->source, "sample") == 0 || strcmp(c->source, "spotify") == 0;
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		known = known || (strncmp(c->source, paths[i], strlen(paths[i])) == 0 && c->source[strlen(paths[i])]);
	if (!known)
		return unknown("source", c->source, "sample, dir:PATH, spotify, archive:PATH and csv:PATH", err);
	if (strcmp(c->bus, "sqlite") != 0)
		return unknown("bus", c->bus, "sqlite", err);
	if (strstr(c->store, "://"))
		return unknown("store", c->store, "a folder's path", err);
	if (strstr(c->warehouse, "://"))
		return unknown("warehouse", c->warehouse, "a .duckdb file's path", err);
	if (strcmp(c->engine, "duckdb") != 0)
		return unknown("engine", c->engine, "duckdb", err);
	return RC_OK;
}

/* DuckDB reads a path with these as a pattern that may fit other files, and they cannot all be escaped. */
static enum rc check_folder(const char *what, const char *path, struct err *err)
{
	if (strpbrk(path, "*?[\\"))
		return err_set(err, RC_FATAL, "%s '%s': a folder with *, ?, [ or \\ in its name cannot be used: choose another", what,
		               path);
	return RC_OK;
}

static enum rc check_together(const struct config *c, struct err *err)
{
	if (c->retry_max_ms < c->retry_min_ms)
		return err_set(err, RC_FATAL, "setting retry_max_ms = %lld (%s) is less than retry_min_ms = %lld (%s): make it at least that",
		               (long long) c->retry_max_ms, config_from_name(c->from.retry_max_ms), (long long) c->retry_min_ms,
		               config_from_name(c->from.retry_min_ms));
	return RC_OK;
}

static enum rc check_schedule(const struct config *c, struct err *err)
{
	struct schedule_jobs jobs;
	TRY(schedule_jobs_open(c, &jobs, err));
	schedule_jobs_close(&jobs);
	return RC_OK;
}

enum rc app_settle(struct app *app, struct err *err)
{
	const char *env = getenv("SARGAM_HOME");
	if (!app->home[0])
		TRY(set_path(app->home, "SARGAM_HOME", env && *env ? env : "sargam-data", err));
	if (app->config_file[0])
		TRY(config_load_file(&app->config, app->config_file, err));
	TRY(config_load_env(&app->config, err));
	TRY(check_backends(&app->config, err));
	TRY(check_together(&app->config, err));
	TRY(check_schedule(&app->config, err));
	TRY(drift_policy_parse(slice_of(app->config.drift_policy), &app->drift_policy, err));
	TRY(check_folder("home", app->home, err));
	TRY(check_folder("--store", app->config.store, err));
	(void) snprintf(app->tmp, sizeof app->tmp, "%.*s/tmp", PATH_BYTES - 8, app->home);
	log_init(app->json_log ? LOG_JSON : LOG_TEXT, app->quiet ? LOG_WARN : LOG_INFO, clock_system());
	return RC_OK;
}

static enum rc make_home(struct app *app, struct err *err)
{
	return file_mkdirs(app->home, err);
}

enum rc app_need_home(struct app *app, struct err *err)
{
	struct file_info info;
	if (app->config.store[0] || app->config.warehouse[0]) /* what is asked for may lie there */
		return RC_OK;
	TRY(file_stat(app->home, &info, err));
	if (!info.exists)
		return err_set(err, RC_NOT_FOUND, "home '%s' does not exist yet: `sargam run` makes it, --home names another",
		               app->home);
	if (!info.is_dir)
		return err_set(err, RC_FATAL, "home '%s' is no folder: choose another --home", app->home);
	return RC_OK;
}


enum rc app_open_store(struct app *app, struct store **out, struct err *err)
{
	const char *uri = app->config.store;
	return store_folder_open(*uri ? uri : app->home, out, err);
}

enum rc app_open_bus(struct app *app, struct bus **out, struct err *err)
{
	char path[PATH_BYTES + 16];
	TRY(make_home(app, err));
	(void) snprintf(path, sizeof path, "%s/bus.db", app->home);
	return bus_sqlite_open(path, app_clock(app), out, err);
}

enum rc app_open_state(struct app *app, struct state **out, struct err *err)
{
	char path[PATH_BYTES + 16];
	TRY(make_home(app, err));
	(void) snprintf(path, sizeof path, "%s/state.db", app->home);
	return state_open(path, app_clock(app), out, err);
}

enum rc app_store(struct app *app, struct store **out, struct err *err)
{
	if (!app->store)
		TRY(app_open_store(app, &app->store, err));
	*out = app->store;
	return RC_OK;
}

enum rc app_bus(struct app *app, struct bus **out, struct err *err)
{
	if (!app->bus) {
		struct bus *bus;
		TRY(app_open_bus(app, &bus, err));
		app->bus = bus_group_open(bus);
		TRY(app_setup(app, err));
	}
	*out = app->bus;
	return RC_OK;
}

enum rc app_state(struct app *app, struct state **out, struct err *err)
{
	if (!app->state)
		TRY(app_open_state(app, &app->state, err));
	*out = app->state;
	return RC_OK;
}

static enum rc check_spotify(struct app *app, struct err *err)
{
	if (!app->spotify)
		TRY(spotify_client_open(app, &app->spotify, err));
	return token_check(spotify_client_token(app->spotify), err);
}

/* It keeps what it has to remember in the store. */
static enum rc open_spotify(struct app *app, struct err *err)
{
	const struct config *c = &app->config;
	TRY(app_store(app, &app->memory.store, err));
	TRY(app_state(app, &app->memory.state, err));
	const struct source_spotify_options options = {
		.api = spotify_client_api(app->spotify),
		.clock = app_clock(app),
		.memory = raw_source_memory(&app->memory),
		.market = c->spotify_market,
		.only_fields = strcmp(c->spotify_bodies, "fields") == 0,
		.retakes_max = c->spotify_retakes_max,
		.pages_max = c->snapshot_pages_max,
		.page_limit_bytes = (size_t) c->page_limit_bytes,
	};
	app->source = source_spotify_open(&options);
	return RC_OK;
}

static enum rc scratch_of(void *ctx, const char **out, struct err *err)
{
	return app_scratch_dir(ctx, out, err);
}

/* A bundle is unpacked into the home; when that fails, a home that was not there is not there again (only empty folders go). */
static enum rc open_archive(struct app *app, const char *path, struct err *err)
{
	const struct source_archive_options o = { .path = path, .scratch_dir = scratch_of, .ctx = app, .stop = app_stop(app) };
	struct file_info home;
	TRY(file_stat(app->home, &home, err));
	enum rc rc = source_archive_open(&o, &app->source, err);
	if (rc == RC_OK || home.exists)
		return rc;
	scratch_close(app->scratch);
	app->scratch = NULL;
	(void) !(rmdir(app->tmp) == 0 && rmdir(app->home) == 0);
	return rc;
}

enum rc app_check_source(struct app *app, struct err *err)
{
	const struct config *c = &app->config;
	if (app->source)
		return RC_OK;
	if (strcmp(c->source, "sample") == 0) {
		app->source = source_sample_open((uint64_t) c->sample_seed, c->sample_days);
		return RC_OK;
	}
	if (strcmp(c->source, "spotify") == 0)
		return check_spotify(app, err);
	if (strncmp(c->source, "archive:", 8) == 0)
		return open_archive(app, c->source + 8, err);
	if (strncmp(c->source, "csv:", 4) == 0)
		return source_csv_open(c->source + 4, app_stop(app), &app->source, err);
	assert(strncmp(c->source, "dir:", 4) == 0); /* check_backends */
	return source_dir_open(c->source + 4, (size_t) c->page_limit_bytes, &app->source, err);
}

enum rc app_source(struct app *app, struct source **out, struct err *err)
{
	const struct config *c = &app->config;
	struct state *state;
	char name[CONFIG_STRING_BYTES + 64];
	(void) snprintf(name, sizeof name, "%s", c->source);
	if (strcmp(c->source, "sample") == 0)
		(void) snprintf(name, sizeof name, "sample:%lld", (long long) c->sample_seed);
	if (strcmp(c->source, "spotify") == 0 && spotify_is_simulated(c))
		(void) snprintf(name, sizeof name, "sample:simulator"); /* invented, as the sample is */
	TRY(app_check_source(app, err));
	TRY(app_state(app, &state, err));
	TRY(state_check_source(state, name, err));
	if (!app->source)
		TRY(open_spotify(app, err));
	*out = app->source;
	return RC_OK;
}

enum rc app_scratch_dir(struct app *app, const char **out, struct err *err)
{
	if (!app->scratch)
		TRY(scratch_open(app->tmp, &app->scratch, err));
	*out = scratch_path(app->scratch);
	return RC_OK;
}

const char *app_spill_dir(struct app *app)
{
	return app->tmp;
}

enum rc app_duck(struct app *app, struct duck **out, struct err *err)
{
	if (!app->duck) {
		const struct duck_options options = {
			.threads = app_threads(app),
			.memory_limit_mb = app->config.memory_limit_mb,
			.temp_dir = app->tmp,
		};
		TRY(duck_open(&options, &app->duck, err));
	}
	*out = app->duck;
	return RC_OK;
}

enum rc app_warehouse(struct app *app, struct warehouse **out, struct err *err)
{
	if (!app->warehouse) {
		char path[PATH_BYTES + 32], bronze[PATH_BYTES + 16];
		const char *uri = app->config.warehouse;
		struct file_info home; /* asking a --warehouse elsewhere makes no home to spill into */
		TRY(file_stat(app->home, &home, err));
		(void) snprintf(path, sizeof path, "%s%s", *uri ? uri : app->home, *uri ? "" : "/warehouse.duckdb");
		(void) snprintf(bronze, sizeof bronze, "%s/bronze", *app->config.store ? app->config.store : app->home);
		const struct warehouse_duckdb_options options = {
			.path = path,
			.temp_dir = home.exists ? app->tmp : NULL,
			.threads = app_threads(app),
			.memory_limit_mb = app->config.memory_limit_mb,
			.bronze_dir = bronze,
		};
		TRY(warehouse_duckdb_open(&options, &app->warehouse, err));
	}
	*out = app->warehouse;
	return RC_OK;
}

enum rc app_setup(struct app *app, struct err *err)
{
	struct bus *bus = app->bus;
	if (!bus)
		return app_bus(app, &bus, err); /* which calls back */
	const struct config *c = &app->config;
	const struct bus_subscription raw = {
		.name = SUBSCRIPTION,
		.topic = TOPIC,
		.filter = SUBSCRIPTION_FILTER,
		.ack_deadline_s = c->ack_deadline_s,
		.backoff_min_ms = c->retry_min_ms,
		.backoff_max_ms = c->retry_max_ms < BUS_BACKOFF_MS_MAX ? c->retry_max_ms : BUS_BACKOFF_MS_MAX,
		.dead_letter_topic = DEAD_TOPIC,
		.max_delivery_attempts = c->delivery_attempts_max,
	};
	const struct bus_subscription dead = {
		.name = DEAD_SUBSCRIPTION,
		.topic = DEAD_TOPIC,
		.filter = "",
		.ack_deadline_s = c->ack_deadline_s,
		.dead_letter_topic = "",
		.max_delivery_attempts = 5,
	};
	TRY(bus_create_topic(bus, TOPIC, err));
	TRY(bus_create_topic(bus, DEAD_TOPIC, err));
	TRY(bus_create_subscription(bus, &dead, err)); /* before the first letter can come */
	return bus_create_subscription(bus, &raw, err);
}
