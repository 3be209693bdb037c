/* doctor: where things lie and who works on them. */
#include "base/log.h"
#include "cmd/doctor.h"
#include "io/file.h"
#include "raw/extract.h"

#include <unistd.h>

#define PATH_BYTES 4200
#define GIB ((int64_t) 1 << 30)
#define FREE_BYTES_WARN GIB
#define FREE_BYTES_FAIL (GIB / 10)

const char *doctor_store_dir(struct doctor *d)
{
	const char *store = app_config(d->app)->store;
	return *store ? store : app_home(d->app);
}

struct state *doctor_state(struct doctor *d)
{
	char path[PATH_BYTES];
	(void) snprintf(path, sizeof path, "%s/state.db", app_home(d->app));
	if (!d->state && state_open_reader(path, app_clock(d->app), &d->state, NULL) != RC_OK)
		d->state = NULL;
	return d->state;
}

/* --- folders ------------------------------------------------------------------------------------------------ */

static void size_text(int64_t bytes, char out[static 32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double size = (double) bytes;
	size_t unit = 0;
	for (; size >= 1024 && unit + 1 < COUNT_OF(units); unit++)
		size /= 1024;
	(void) snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

/* True when it is a folder that can be looked into. */
static bool look_folder(struct doctor *d, const char *subject, const char *path, const char *option)
{
	struct file_info info;
	struct file_space space;
	struct err err = { 0 };
	char left[32], all[32];
	if (file_stat(path, &info, &err) != RC_OK) {
		doctor_say(d, DOCTOR_FAIL, subject, "%s", err.msg);
		return false;
	}
	if (!info.exists) {
		doctor_say(d, DOCTOR_WARN, subject, "'%s' does not exist yet: `sargam run` makes it and fills it, `sargam setup` only makes it; "
		           "%s names another", path, option);
		return false;
	}
	if (!info.is_dir || access(path, R_OK | X_OK) != 0) {
		doctor_say(d, DOCTOR_FAIL, subject, info.is_dir ? "'%s' may not be read by this user: change its rights, or choose another %s"
		                                                : "'%s' is no folder: choose another %s", path, option);
		return false;
	}
	if (file_space_look(path, &space, &err) != RC_OK) {
		doctor_say(d, DOCTOR_FAIL, subject, "%s", err.msg);
		return true;
	}
	size_text(space.free_bytes, left);
	size_text(space.total_bytes, all);
	if (!space.is_writable)
		doctor_say(d, DOCTOR_FAIL, subject, "'%s' may not be written by this user: change its rights, or choose another %s", path, option);
	else if (space.free_bytes < FREE_BYTES_WARN)
		doctor_say(d, space.free_bytes < FREE_BYTES_FAIL ? DOCTOR_FAIL : DOCTOR_WARN, subject,
		           "'%s': only %s of %s are free (%s): free some space, or choose another %s", path, left, all, space.file_system, option);
	else
		doctor_say(d, DOCTOR_OK, subject, "'%s' can be written: %s of %s are free (%s)", path, left, all, space.file_system);
	if (space.is_remote)
		doctor_say(d, DOCTOR_WARN, subject, "'%s' lies on a network file system (%s), where locks and SQLite's log may not work: choose a "
		           "local folder", path, space.file_system);
	return true;
}

void doctor_home(struct doctor *d)
{
	d->has_home = look_folder(d, "home", app_home(d->app), "--home");
	if (*app_config(d->app)->store)
		d->has_home = look_folder(d, "store", doctor_store_dir(d), "--store") || d->has_home;
}

/* --- settings ----------------------------------------------------------------------------------------------- */

void doctor_settings(struct doctor *d)
{
	size_t others = 0;
	for (size_t i = 0; i < config_count(); i++) {
		struct config_entry e;
		config_entry(app_config(d->app), i, &e);
		if (strcmp(e.value, e.default_value) == 0)
			continue;
		others++;
		doctor_say(d, DOCTOR_OK, "setting", "%s = %s (%s)", e.name, e.value, e.from);
	}
	if (!others)
		doctor_say(d, DOCTOR_OK, "settings", "all %zu have their defaults", config_count());
}

/* --- backends ----------------------------------------------------------------------------------------------- */

/* Credentials are looked for, not tried: that is a section of its own. */
void doctor_source(struct doctor *d)
{
	struct err err = { 0 };
	const char *source = app_config(d->app)->source;
	if (strcmp(source, "spotify") == 0) /* its section says more */
		return;
	if (app_check_source(d->app, &err) == RC_OK)
		doctor_say(d, DOCTOR_OK, "source", "%s", source);
	else
		doctor_say(d, DOCTOR_FAIL, "source", "%s: %s", source, err.msg);
}

static void say_database(struct doctor *d, const char *subject, enum rc rc, const struct err *err)
{
	if (rc == RC_OK)
		doctor_say(d, DOCTOR_OK, subject, "its database can be read");
	else if (rc == RC_NOT_FOUND)
		doctor_say(d, DOCTOR_WARN, subject, "%s: `sargam run` or `sargam setup` makes it", err->msg);
	else
		doctor_say(d, rc == RC_RETRY ? DOCTOR_WARN : DOCTOR_FAIL, subject, "%s", err->msg);
}

void doctor_databases(struct doctor *d)
{
	struct err err = { 0 };
	char path[PATH_BYTES];
	(void) snprintf(path, sizeof path, "%s/state.db", app_home(d->app));
	enum rc rc = d->state ? RC_OK : state_open_reader(path, app_clock(d->app), &d->state, &err);
	say_database(d, "state", rc, &err);
	if (rc != RC_OK)
		d->state = NULL;
	CLEANUP(bus_closep) struct bus *bus = NULL;
	(void) snprintf(path, sizeof path, "%s/bus.db", app_home(d->app));
	say_database(d, "bus", bus_sqlite_open_reader(path, app_clock(d->app), &bus, &err), &err);
}

struct latest {
	char days[32], date[32];
};

static enum rc on_columns(void *ctx UNUSED, const struct slice *name UNUSED, const enum column_type *type UNUSED, size_t count UNUSED,
                          struct err *err UNUSED)
{
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err UNUSED)
{
	struct latest *l = ctx;
	assert(count == 2);
	(void) snprintf(l->days, sizeof l->days, "%.*s", SLICE_FMT(cell[0].text));
	(void) snprintf(l->date, sizeof l->date, "%.*s", SLICE_FMT(cell[1].text));
	return RC_OK;
}

void doctor_warehouse(struct doctor *d)
{
	const struct config *c = app_config(d->app);
	char path[PATH_BYTES];
	struct latest latest = { 0 };
	struct err err = { 0 };
	const struct warehouse_sink sink = { &latest, on_columns, on_row };
	CLEANUP(warehouse_closep) struct warehouse *w = NULL; /* of its own: it has no folder to spill into */
	(void) snprintf(path, sizeof path, "%s%s", *c->warehouse ? c->warehouse : app_home(d->app), *c->warehouse ? "" : "/warehouse.duckdb");
	const struct warehouse_duckdb_options options = {
		.path = path, .threads = app_threads(d->app), .memory_limit_mb = c->memory_limit_mb,
	};
	enum rc rc = warehouse_duckdb_open(&options, &w, &err);
	if (rc == RC_OK)
		rc = warehouse_query(w, "SELECT COUNT(*), MAX(chart_date) FROM " WAREHOUSE_SCHEMA ".CHART_DAY", &sink, &err);
	if (rc == RC_OK)
		doctor_say(d, DOCTOR_OK, "warehouse", "%s chart days are published, the latest %s", latest.days, *latest.date ? latest.date : "-");
	else
		doctor_say(d, rc == RC_NOT_FOUND ? DOCTOR_WARN : DOCTOR_FAIL, "warehouse", "%s", err.msg);
}

void doctor_lock(struct doctor *d)
{
	char path[PATH_BYTES], note[FILE_NOTE_BYTES];
	struct err err = { 0 };
	bool held;
	(void) snprintf(path, sizeof path, "%s/lock", app_home(d->app));
	if (file_lock_look(path, &held, note, &err) != RC_OK)
		doctor_say(d, DOCTOR_FAIL, "lock", "%s", err.msg);
	else if (held)
		doctor_say(d, DOCTOR_OK, "lock", "a build is at work: %s", note);
	else
		doctor_say(d, DOCTOR_OK, "lock", "nobody builds on this home");
}
