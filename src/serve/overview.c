#include "serve/overview.h"

#include "bus/bus_admin.h"

#include "base/time.h"
#include "io/file.h"
#include "raw/freshness.h"
#include "raw/snapshot.h"
#include "spotify/playlist_ref.h"

#define PATH_BYTES 4200
#define LIST_PAGE 1000

static enum rc too_much(const char *what, size_t count, struct err *err)
{
	return err_set(err, RC_REJECT, "%s: %zu of them need more memory than allowed", what, count);
}

/* --- the bus ------------------------------------------------------------------------------------------------ */

enum rc overview_bus(struct bus *bus, struct arena *arena, struct overview_bus *out, struct err *err)
{
	struct bus_names names;
	*out = (struct overview_bus){ 0 };
	TRY(bus_subscriptions(bus, NULL, arena, &names, err));
	if (!arena_fits(arena, names.count * (sizeof *out->subscription + 16)))
		return too_much("subscriptions", names.count, err);
	out->subscription = arena_alloc_array(arena, names.count, sizeof *out->subscription);
	for (size_t i = 0; i < names.count; i++) {
		struct overview_subscription *s = &out->subscription[out->count];
		struct bus_subscription sub;
		if (!arena_fits(arena, 8192))
			return too_much("subscriptions", names.count, err);
		const char *name = arena_strdup(arena, names.name[i]);
		enum rc rc = bus_subscription(bus, name, arena, &sub, err);
		if (rc == RC_OK)
			rc = bus_stats(bus, name, &s->stats, err);
		if (rc == RC_NOT_FOUND) /* deleted meanwhile */
			continue;
		TRY(rc);
		s->name = slice_of(name);
		s->topic = slice_of(sub.topic);
		out->count++;
	}
	return RC_OK;
}

/* --- runs --------------------------------------------------------------------------------------------------- */

static struct overview_task task_of(const struct run *run, enum stage stage, const struct task *t)
{
	return (struct overview_task){ .run_id = run->id, .stage = stage, .state = t->state, .started_ms = t->started_ms,
		                       .ended_ms = t->ended_ms, .elapsed_ms = t->elapsed_ms, .rows = t->rows, .bytes = t->bytes };
}

static void note_running(const struct run *run, const struct task *task, size_t count, struct overview_runs *out)
{
	out->running = run;
	out->stages = count;
	for (size_t k = 0; k < count; k++) {
		enum stage stage = stage_find(task[k].spec->name);
		out->stages_done += task[k].state == TASK_DONE;
		if (stage < STAGE_COUNT && (task[k].state == TASK_RUNNING || task[k].state == TASK_WAITING)) {
			out->in_stage = true;
			out->at = task_of(run, stage, &task[k]);
		}
	}
}

/* A task that runs again has the times of its last try: it ended when it is in a state that nothing but a person changes. */
static bool has_ended(const struct task *t)
{
	return (t->state == TASK_DONE || t->state == TASK_DEAD) && t->ended_ms > 0;
}

static void note_ended(const struct run *run, const struct task *task, size_t count, struct overview_runs *out)
{
	for (size_t k = 0; k < count; k++) {
		enum stage stage = stage_find(task[k].spec->name);
		if (stage >= STAGE_COUNT || !has_ended(&task[k]))
			continue;
		struct overview_task t = task_of(run, stage, &task[k]);
		out->task[out->task_count++] = t;
		if (!out->has_last[stage]) /* the newest run is the first that comes */
			out->last[stage] = t;
		out->has_last[stage] = true;
	}
}

static enum rc read_tasks(struct runlog *log, struct arena *arena, struct overview_runs *out, struct err *err)
{
	size_t most = out->newest.count * PLAN_TASKS_MAX;
	if (!arena_fits(arena, most * sizeof *out->task))
		return too_much("stages", most, err);
	out->task = arena_alloc_array(arena, most, sizeof *out->task);
	for (size_t i = 0; i < out->newest.count; i++) {
		const struct run *run = &out->newest.run[i];
		CLEANUP(arena_done) struct arena scratch = arena_new(1 << 20);
		struct task *task;
		size_t count;
		TRY(runlog_tasks(log, run->id, &scratch, &task, &count, err));
		if (count > PLAN_TASKS_MAX)
			count = PLAN_TASKS_MAX;
		if (run->state == RUN_RUNNING && !out->running && !runlog_is_unfinished(log, run))
			note_running(run, task, count, out);
		note_ended(run, task, count, out);
	}
	return RC_OK;
}

enum rc overview_runs(struct state *st, struct arena *arena, struct overview_runs *out, struct err *err)
{
	struct runlog log;
	struct runs all;
	*out = (struct overview_runs){ 0 };
	runlog_init(&log, st, NULL); /* only a new run needs chance */
	TRY(runlog_list(&log, 2 * RUNLOG_RUNS_KEPT, arena, &all, err));
	for (size_t i = 0; i < all.count; i++) {
		const struct run *run = &all.run[i];
		out->by_state[run->state]++;
		out->unfinished += run->state == RUN_RUNNING && runlog_is_unfinished(&log, run);
		if (run->state == RUN_DONE && run->ended_ms > out->last_done_ms)
			out->last_done_ms = run->ended_ms;
		if (run->state == RUN_FAILED && run->ended_ms > out->last_failed_ms)
			out->last_failed_ms = run->ended_ms;
	}
	out->newest = (struct runs){ all.run, all.count < OVERVIEW_RUNS ? all.count : OVERVIEW_RUNS };
	return read_tasks(&log, arena, out, err);
}

/* --- playlists ---------------------------------------------------------------------------------------------- */

int64_t overview_day_start(int64_t now_s, int64_t chart_offset_s)
{
	return time_day_number(now_s, chart_offset_s) * 86400 - chart_offset_s;
}

static int by_id(const void *a, const void *b)
{
	return slice_cmp(((const struct overview_playlist *) a)->id, ((const struct overview_playlist *) b)->id);
}

/* Those of the setting, as a run reads it: ids, URIs and links between commas.  What is none of them a run refuses. */
static void add_configured(const char *configured, struct arena *arena, struct overview_playlists *out)
{
	struct slice rest = slice_of(configured);
	while (rest.len) {
		size_t comma = slice_find(rest, ',', 0);
		struct slice id = SLICE(""), given = slice_trim(slice_sub(rest, 0, comma));
		rest = slice_sub(rest, comma < rest.len ? comma + 1 : comma, comma < rest.len ? rest.len - comma - 1 : 0);
		bool known = !playlist_ref_parse(given, &id);
		for (size_t i = 0; i < out->count && !known; i++)
			known = slice_eq(out->watched[i].id, id);
		if (!known)
			out->watched[out->count++] = (struct overview_playlist){ .id = arena_copy(arena, id) };
	}
}

static enum rc gather_watched(struct state *st, const char *configured, struct arena *arena, struct overview_playlists *out,
                              struct err *err)
{
	struct state_watches watches;
	TRY(state_watch_list(st, arena, &watches, err));
	size_t most = watches.count + strlen(configured) / 2 + 1;
	if (!arena_fits(arena, most * (sizeof *out->watched + 32) + strlen(configured)))
		return too_much("watched playlists", most, err);
	out->watched = arena_alloc_array(arena, most, sizeof *out->watched);
	for (size_t i = 0; i < watches.count; i++)
		out->watched[out->count++] = (struct overview_playlist){ .id = watches.watch[i].playlist_id,
			                                                 .watched_since = watches.watch[i].added_at };
	add_configured(configured, arena, out);
	qsort(out->watched, out->count, sizeof *out->watched, by_id);
	return RC_OK;
}

enum rc overview_playlists(struct state *st, const char *configured, int64_t day_start_s, struct arena *arena,
                           struct overview_playlists *out, struct err *err)
{
	struct freshness_list list;
	*out = (struct overview_playlists){ 0 };
	TRY(gather_watched(st, configured, arena, out, err));
	TRY(freshness_list(st, day_start_s, arena, &list, err));
	size_t at = 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct freshness *f = &list.playlist[i];
		out->known += f->newest_at > 0;
		out->today += f->count;
		if (f->newest_at > out->newest_at)
			out->newest_at = f->newest_at;
		while (at < out->count && slice_cmp(out->watched[at].id, f->playlist_id) < 0)
			at++;
		if (at < out->count && slice_eq(out->watched[at].id, f->playlist_id))
			out->watched[at].newest_at = f->newest_at;
	}
	return RC_OK;
}

/* --- the store ---------------------------------------------------------------------------------------------- */

static void count_letter(struct slice key, struct arena *arena, struct overview_letters *out)
{
	static const char prefix[] = "quarantine/";
	struct slice rest = slice_sub(key, strlen(prefix), key.len - strlen(prefix));
	size_t slash = slice_find(rest, '/', 0);
	if (!slice_ends(key, SLICE(".json")) || slash == rest.len)
		return;
	struct slice reason = slice_sub(rest, 0, slash);
	struct overview_reason *last = out->count ? &out->reason[out->count - 1] : NULL;
	out->total++;
	if (last && slice_eq(last->reason, reason)) { /* the listing is sorted */
		last->count++;
	} else if (out->count < OVERVIEW_REASONS_MAX && arena_fits(arena, reason.len + 32)) {
		out->reason[out->count++] = (struct overview_reason){ arena_copy(arena, reason), 1 };
	}
}

enum rc overview_letters(struct store *store, struct arena *arena, struct overview_letters *out, struct err *err)
{
	CLEANUP(arena_done) struct arena cursor = arena_new(1 << 14);
	struct slice from = SLICE_NULL;
	*out = (struct overview_letters){ 0 };
	if (!arena_fits(arena, OVERVIEW_REASONS_MAX * sizeof *out->reason))
		return too_much("reasons", OVERVIEW_REASONS_MAX, err);
	out->reason = arena_alloc_array(arena, OVERVIEW_REASONS_MAX, sizeof *out->reason);
	do {
		CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 16 << 20);
		struct store_list list;
		TRY(store_list(store, SLICE("quarantine/"), from, LIST_PAGE, &scratch, &list, err));
		for (size_t i = 0; i < list.count; i++)
			count_letter(list.object[i].key, arena, out);
		arena_reset(&cursor);
		from = arena_copy(&cursor, list.next);
	} while (from.ptr);
	return RC_OK;
}

enum rc overview_incomplete(struct store *store, int64_t *out_count, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 1 << 30);
	struct raw_snapshots all;
	*out_count = 0;
	TRY(raw_snapshots(store, SLICE_NULL, &scratch, &all, err));
	for (size_t i = 0; i < all.count; i++)
		*out_count += !all.snapshot[i].complete;
	return RC_OK;
}

/* --- files -------------------------------------------------------------------------------------------------- */

static enum rc add_size(const char *home, const char *name, const char *suffix, int64_t *inout_bytes, struct err *err)
{
	char path[PATH_BYTES];
	struct file_info info;
	(void) snprintf(path, sizeof path, "%s/%s%s", home, name, suffix);
	TRY(file_stat(path, &info, err));
	*inout_bytes += info.exists ? info.bytes : 0;
	return RC_OK;
}

enum rc overview_disk(const char *home, struct overview_disk *out, struct err *err)
{
	static const char *const name[OVERVIEW_FILES] = { "bus.db", "state.db", "warehouse.duckdb" };
	struct file_space space;
	*out = (struct overview_disk){ 0 };
	TRY(file_space_look(home, &space, err));
	out->free_bytes = space.free_bytes;
	out->total_bytes = space.total_bytes;
	out->is_writable = space.is_writable;
	for (size_t i = 0; i < OVERVIEW_FILES; i++) {
		out->file[i].name = name[i];
		TRY(add_size(home, name[i], "", &out->file[i].bytes, err));
		TRY(add_size(home, name[i], "-wal", &out->file[i].bytes, err));
	}
	return RC_OK;
}
