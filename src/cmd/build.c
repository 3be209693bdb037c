#include "cmd/build.h"

#include "base/time.h"
#include "raw/key.h"
#include "spotify/playlist_ref.h"

#include <unistd.h>

static enum rc port_source(void *ctx, struct source **out, struct err *err)
{
	return app_source(ctx, out, err);
}
static enum rc port_bus(void *ctx, struct bus **out, struct err *err)
{
	return app_bus(ctx, out, err);
}
static enum rc port_store(void *ctx, struct store **out, struct err *err)
{
	return app_store(ctx, out, err);
}
static enum rc port_state(void *ctx, struct state **out, struct err *err)
{
	return app_state(ctx, out, err);
}
static enum rc port_duck(void *ctx, struct duck **out, struct err *err)
{
	return app_duck(ctx, out, err);
}
static enum rc port_warehouse(void *ctx, struct warehouse **out, struct err *err)
{
	return app_warehouse(ctx, out, err);
}

static enum rc read_day(const struct args *args, const char *name, bool *out_has, int64_t *out_day, struct err *err)
{
	const char *value = args_value(args, name);
	*out_has = value != NULL;
	if (value && !time_parse_date(slice_of(value), out_day))
		return err_set(err, RC_FATAL, "--%s '%s': want a date as YYYY-MM-DD", name, value);
	return RC_OK;
}

enum rc build_playlist_id(struct slice given, struct slice *out_id, struct err *err)
{
	if (playlist_ref_parse(given, out_id) && playlist_id_ok(*out_id))
		return RC_OK;
	return err_set(err, RC_FATAL, "'%.*s': want a playlist's id (what stands after /playlist/ in its address, such as "
	               "37i9dQZF1DX5cZuAHLNjGz), its URI or its link", (int) (given.len < 200 ? given.len : 200), given.ptr);
}

enum rc build_check_args(const struct args *args, struct err *err)
{
	bool has;
	int64_t since = INT64_MIN, until = INT64_MAX;
	TRY(read_day(args, "since", &has, &since, err));
	TRY(read_day(args, "until", &has, &until, err));
	if (since > until)
		return err_set(err, RC_FATAL, "--since %s is after --until %s: no day is left", args_value(args, "since"),
		               args_value(args, "until"));
	const char *id;
	struct slice parsed;
	for (size_t i = 0; (id = args_nth(args, "playlist", i)); i++)
		TRY_WRAP(build_playlist_id(slice_of(id), &parsed, err), err, "--playlist");
	return RC_OK;
}

static enum rc add_playlist(struct build *b, struct slice given, struct err *err)
{
	struct slice id;
	TRY(build_playlist_id(given, &id, err));
	struct slice *list = arena_alloc_array(&b->arena, b->options.playlist_count + 1, sizeof *list);
	for (size_t i = 0; i < b->options.playlist_count; i++) {
		list[i] = b->options.playlist[i];
		if (slice_eq(list[i], id))
			return RC_OK;
	}
	list[b->options.playlist_count++] = arena_copy(&b->arena, id);
	b->options.playlist = list;
	return RC_OK;
}

/* --playlist, else the watch list and the configured ones, else (none) all the source has. */
static enum rc read_playlists(struct build *b, const struct args *args, struct err *err)
{
	const char *given;
	for (size_t i = 0; (given = args_nth(args, "playlist", i)); i++)
		TRY_WRAP(add_playlist(b, slice_of(given), err), err, "--playlist");
	if (b->options.playlist_count)
		return RC_OK;
	struct state *state;
	struct state_watches watches;
	TRY(app_state(b->app, &state, err));
	TRY(state_watch_list(state, &b->arena, &watches, err));
	for (size_t i = 0; i < watches.count; i++)
		TRY_WRAP(add_playlist(b, watches.watch[i].playlist_id, err), err, "watch list");
	struct slice rest = slice_of(app_config(b->app)->playlists);
	while (rest.len) {
		size_t comma = slice_find(rest, ',', 0);
		struct slice id = slice_trim(slice_sub(rest, 0, comma));
		if (id.len)
			TRY_WRAP(add_playlist(b, id, err), err, "setting playlists");
		rest = slice_sub(rest, comma < rest.len ? comma + 1 : comma, comma < rest.len ? rest.len - comma - 1 : 0);
	}
	return RC_OK;
}

enum rc build_open(struct app *app, const struct args *args, const char *run_id, struct build *out, struct err *err)
{
	const struct config *c = app_config(app);
	const char *scratch_dir;
	*out = (struct build){ .app = app, .arena = arena_new((size_t) 64 << 20), .last = STAGE_publish };
	(void) snprintf(out->run_id, sizeof out->run_id, "%s", run_id);
	TRY(app_scratch_dir(app, &scratch_dir, err));
	out->options = (struct pipeline_options){
		.ports = { app, port_source, port_bus, port_store, port_store, port_state, port_duck, port_warehouse },
		.clock = app_clock(app),
		.run_id = out->run_id,
		.home = app_home(app),
		.scratch_dir = scratch_dir,
		.threads = app_threads(app),
		.chart_offset_s = config_chart_offset_s(c),
		.playlist_groups = c->playlist_groups,
		.pages_max = c->snapshot_pages_max,
		.wait_ms_max = c->ack_deadline_s * 1000 + c->retry_max_ms,
		.lock_wait_ms = c->lock_wait_s * 1000,
		.page_limit_bytes = (size_t) c->page_limit_bytes,
		.drift_policy = app_drift_policy(app),
		.stop = app_stop(app),
	};
	TRY(read_day(args, "since", &out->options.has_since, &out->options.since_day, err));
	TRY(read_day(args, "until", &out->options.has_until, &out->options.until_day, err));
	TRY(read_playlists(out, args, err));
	out->progress = progress_new(app_clock(app), STDERR_FILENO,
	                             progress_kind_for(STDERR_FILENO, app_quiet(app), app_json_log(app)));
	out->options.on_progress = progress_step;
	out->options.progress_ctx = out->progress;
	out->pipeline = pipeline_new(&out->options);
	return RC_OK;
}

void build_close(struct build *b)
{
	pipeline_free(b->pipeline);
	progress_free(b->progress);
	arena_done(&b->arena);
}
