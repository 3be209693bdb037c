/* status: what is read. */
#include "cmd/status.h"

#include "cmd/schedule_jobs.h"
#include "io/file.h"

#define PATH_BYTES 4200

static const char *const part_name[STATUS_PARTS] = {
	[STATUS_DAEMON] = "daemon", [STATUS_BUS] = "bus",             [STATUS_STATE] = "state",
	[STATUS_STORE] = "store",   [STATUS_WAREHOUSE] = "warehouse", [STATUS_DISK] = "disk",
};

const char *status_part_name(enum status_part part)
{
	assert(part < STATUS_PARTS);
	return part_name[part];
}

static void note(struct status *s, enum status_part part, enum rc rc, const struct err *err)
{
	s->has[part] = rc == RC_OK;
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		(void) snprintf(s->why[part], sizeof s->why[part], "%.*s", (int) sizeof s->why[part] - 1, err->msg);
}

static const char *path_in(const char *home, const char *name, char out[static PATH_BYTES])
{
	(void) snprintf(out, PATH_BYTES, "%s/%s", home, name);
	return out;
}

static enum rc read_bus(struct app *app, struct arena *arena, struct status *s, struct err *err)
{
	CLEANUP(bus_closep) struct bus *bus = NULL;
	char path[PATH_BYTES];
	TRY(bus_sqlite_open_reader(path_in(s->home, "bus.db", path), app_clock(app), &bus, err));
	return overview_bus(bus, arena, &s->bus, err);
}

/* Without jobs when the settings make none. */
static void read_schedule(struct app *app, struct state *st, struct status *s)
{
	struct schedule_jobs jobs;
	struct err ignored = { 0 };
	if (schedule_jobs_open(app_config(app), &jobs, &ignored) != RC_OK)
		return;
	CLEANUP(schedule_closep) struct schedule *schedule = schedule_open(&(struct schedule_options){ .state = st, .clock = app_clock(app) });
	s->job_count = schedule_jobs_overview(&jobs, schedule, s->job);
	schedule_jobs_close(&jobs);
}

static enum rc read_state(struct app *app, struct arena *arena, struct status *s, struct err *err)
{
	CLEANUP(state_closep) struct state *st = NULL;
	const struct config *c = app_config(app);
	char path[PATH_BYTES];
	int64_t day_start_s = overview_day_start(s->now_ms / 1000, config_chart_offset_s(c));
	TRY(state_open_reader(path_in(s->home, "state.db", path), app_clock(app), &st, err));
	TRY(overview_runs(st, arena, &s->runs, err));
	read_schedule(app, st, s);
	return overview_playlists(st, c->playlists, day_start_s, arena, &s->playlists, err);
}

static enum rc read_store(struct app *app, struct arena *arena, struct status *s, struct err *err)
{
	struct store *store;
	TRY(app_store(app, &store, err));
	return overview_letters(store, arena, &s->letters, err);
}

/* --- the newest chart --------------------------------------------------------------------------------------- */

static enum rc on_columns(void *ctx UNUSED, const struct slice *name UNUSED, const enum column_type *type UNUSED,
                          size_t count UNUSED, struct err *err UNUSED)
{
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err UNUSED)
{
	struct status_memory *memory = ctx;
	assert(count == 1);
	(void) snprintf(memory->newest_day, sizeof memory->newest_day, "%.*s", SLICE_FMT(cell[0].text));
	return RC_OK;
}

/* A warehouse of its own: it has no folder to spill into, so nothing is made in the home. */
static enum rc ask_warehouse(struct app *app, const char *path, struct status_memory *memory, struct err *err)
{
	CLEANUP(warehouse_closep) struct warehouse *w = NULL;
	const struct warehouse_sink sink = { memory, on_columns, on_row };
	const struct warehouse_duckdb_options options = {
		.path = path, .threads = 1, .memory_limit_mb = app_config(app)->memory_limit_mb,
	};
	TRY(warehouse_duckdb_open(&options, &w, err));
	return warehouse_query(w, "SELECT MAX(chart_date) FROM " WAREHOUSE_SCHEMA ".CHART_DAY", &sink, err);
}

static enum rc read_warehouse(struct app *app, struct status_memory *memory, struct status *s, struct err *err)
{
	const char *named = app_config(app)->warehouse;
	char path[PATH_BYTES];
	struct file_info info;
	(void) snprintf(path, sizeof path, "%s%s", *named ? named : s->home, *named ? "" : "/warehouse.duckdb");
	TRY(file_stat(path, &info, err));
	if (!info.exists)
		return RC_NOT_FOUND;
	if (!memory->has_asked || memory->inode != info.inode || memory->mtime_ns != info.mtime_ns) {
		*memory = (struct status_memory){ .inode = info.inode, .mtime_ns = info.mtime_ns };
		TRY(ask_warehouse(app, path, memory, err));
		memory->has_asked = true;
	}
	memcpy(s->newest_day, memory->newest_day, sizeof s->newest_day);
	return RC_OK;
}

void status_read(struct app *app, struct status_memory *memory, struct arena *arena, struct status *out)
{
	struct err err = { 0 };
	*out = (struct status){ .home = app_home(app), .now_ms = clock_now_ms(app_clock(app)),
		                .stale_after_s = app_config(app)->stale_after_h * 3600 };
	note(out, STATUS_DAEMON, presence_look(out->home, &out->daemon, &out->daemon_state, &err), &err);
	note(out, STATUS_BUS, read_bus(app, arena, out, &err), &err);
	note(out, STATUS_STATE, read_state(app, arena, out, &err), &err);
	note(out, STATUS_STORE, read_store(app, arena, out, &err), &err);
	note(out, STATUS_WAREHOUSE, read_warehouse(app, memory, out, &err), &err);
	note(out, STATUS_DISK, overview_disk(out->home, &out->disk, &err), &err);
}
