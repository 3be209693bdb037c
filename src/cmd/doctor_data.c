/* doctor: what is in the home, and what is missing in it. */
#include "base/clock.h"
#include "base/time.h"
#include "cmd/build.h"
#include "cmd/doctor.h"
#include "cmd/drift_look.h"
#include "io/file.h"
#include "raw/dead.h"
#include "raw/extract.h"
#include "raw/key.h"
#include "raw/snapshot.h"

#include <stdlib.h>

#define LINES_MAX 10 /* of one kind; the rest is counted */
#define DATA_BYTES (SIZE_MAX / 4)
#define LIST_PAGE 1000
#define STALE_S (36 * 3600) /* a chart of every day, and half a day late */
#define WAITING_MS (3600 * 1000)

static int64_t now_s(struct doctor *d)
{
	return clock_now_ms(app_clock(d->app)) / 1000;
}

static void age_text(int64_t seconds, char out[static 32])
{
	if (seconds < 0)
		(void) snprintf(out, 32, "in the future");
	else if (seconds < 2 * 3600)
		(void) snprintf(out, 32, "%lld min ago", (long long) seconds / 60);
	else if (seconds < 2 * 86400)
		(void) snprintf(out, 32, "%lld h ago", (long long) seconds / 3600);
	else
		(void) snprintf(out, 32, "%lld days ago", (long long) seconds / 86400);
}

/* --- the watch list ----------------------------------------------------------------------------------------- */

struct names {
	struct slice *name;
	size_t count;
};

static void add_name(struct names *names, struct slice name)
{
	for (size_t i = 0; i < names->count; i++)
		if (slice_eq(names->name[i], name))
			return;
	names->name[names->count++] = name;
}

/* The watch list and the setting `playlists`; nothing stands for all that the source names. */
static enum rc watched(struct doctor *d, struct arena *arena, struct names *out, struct err *err)
{
	struct state_watches watches = { 0 };
	struct slice rest = slice_of(app_config(d->app)->playlists);
	if (doctor_state(d))
		TRY(state_watch_list(doctor_state(d), arena, &watches, err));
	*out = (struct names){ .name = arena_alloc_array(arena, watches.count + rest.len + 1, sizeof *out->name) };
	for (size_t i = 0; i < watches.count; i++)
		add_name(out, watches.watch[i].playlist_id);
	while (rest.len) {
		size_t comma = slice_find(rest, ',', 0);
		struct slice given = slice_trim(slice_sub(rest, 0, comma)), id;
		if (given.len) {
			TRY_WRAP(build_playlist_id(given, &id, err), err, "setting playlists");
			add_name(out, arena_copy(arena, id));
		}
		comma += comma < rest.len;
		rest = slice_sub(rest, comma, rest.len - comma);
	}
	return RC_OK;
}

void doctor_watches(struct doctor *d)
{
	CLEANUP(arena_done) struct arena arena = arena_new(DATA_BYTES);
	struct names names;
	struct err err = { 0 };
	if (watched(d, &arena, &names, &err) != RC_OK)
		doctor_say(d, DOCTOR_FAIL, "watch list", "%s", err.msg);
	else if (names.count == 0)
		doctor_say(d, DOCTOR_OK, "watch list", "empty: every playlist the source names is taken; `sargam watch add ID` chooses");
	else
		doctor_say(d, DOCTOR_OK, "watch list", "%zu playlist%s", names.count, names.count == 1 ? "" : "s");
}

/* --- snapshots ---------------------------------------------------------------------------------------------- */

struct latest {
	struct slice playlist_id;
	bool has;
	int64_t snapshot_at;
};

/* Who waits longest comes first, before all who has nothing. */
static int by_age(const void *a, const void *b)
{
	const struct latest *x = a, *y = b;
	if (x->has != y->has)
		return x->has - y->has;
	if (x->snapshot_at != y->snapshot_at)
		return x->snapshot_at < y->snapshot_at ? -1 : 1;
	return slice_cmp(x->playlist_id, y->playlist_id);
}

static bool is_live(struct doctor *d)
{
	return strcmp(app_config(d->app)->source, "spotify") == 0;
}

/* Of the watched playlists, else of all. */
static struct latest *find_latest(const struct raw_snapshots *all, const struct names *names, struct arena *arena, size_t *out_count)
{
	struct latest *latest = arena_alloc_array(arena, names->count + all->count, sizeof *latest);
	size_t count = 0;
	for (size_t i = 0; i < names->count; i++)
		latest[count++].playlist_id = names->name[i];
	for (size_t i = 0, at = 0; i < all->count; i++) { /* sorted: those of a playlist lie together */
		const struct raw_snapshot *s = &all->snapshot[i];
		if (i == 0 || !slice_eq(s->playlist_id, all->snapshot[i - 1].playlist_id)) {
			for (at = 0; at < count && !slice_eq(latest[at].playlist_id, s->playlist_id);)
				at = names->count ? at + 1 : count;
			if (at == count && names->count == 0)
				latest[count++].playlist_id = s->playlist_id;
		}
		if (at < count && s->complete) {
			latest[at].has = true;
			latest[at].snapshot_at = s->snapshot_at;
		}
	}
	*out_count = count;
	return latest;
}

static void say_latest(struct doctor *d, struct latest *latest, size_t count)
{
	bool must_be_new = is_live(d);
	if (count == 0) {
		doctor_say(d, DOCTOR_WARN, "snapshots", "none yet: `sargam run` takes some");
		return;
	}
	qsort(latest, count, sizeof *latest, by_age);
	for (size_t i = 0; i < count && i < LINES_MAX; i++) {
		const struct latest *l = &latest[i];
		int64_t age_s = now_s(d) - l->snapshot_at;
		char age[32];
		age_text(age_s, age);
		if (!l->has)
			doctor_say(d, DOCTOR_WARN, "snapshots", "%.*s has none yet: `sargam run` with its source takes one", SLICE_FMT(l->playlist_id));
		else if (must_be_new && age_s > STALE_S)
			doctor_say(d, DOCTOR_WARN, "snapshots", "%.*s: the latest is of %s, %s: does `sargam run` still run every day?",
			           SLICE_FMT(l->playlist_id), time_rfc3339(l->snapshot_at).s, age);
		else
			doctor_say(d, DOCTOR_OK, "snapshots", "%.*s: the latest is of %s, %s", SLICE_FMT(l->playlist_id),
			           time_rfc3339(l->snapshot_at).s, age);
	}
	if (count > LINES_MAX)
		doctor_say(d, DOCTOR_OK, "snapshots", "those of %zu other playlists are newer", count - LINES_MAX);
}

/* What lies below raw/ and is none of ours would be there for ever. */
static enum rc find_strangers(struct store *store, struct arena *arena, size_t *out_count, struct slice *out_first, struct err *err)
{
	struct slice from = SLICE_NULL;
	struct raw_name name;
	*out_count = 0;
	*out_first = SLICE_NULL;
	do {
		struct store_list list;
		TRY(store_list(store, SLICE("raw/"), from, LIST_PAGE, arena, &list, err));
		for (size_t i = 0; i < list.count; i++)
			if (!raw_key_parse(list.object[i].key, &name) && (*out_count)++ == 0)
				*out_first = list.object[i].key;
		from = list.next;
	} while (from.ptr);
	return RC_OK;
}

/* False: there is no store yet, which the section of the home has said, or it cannot be opened. */
static bool open_store(struct doctor *d, const char *subject, struct store **out)
{
	struct file_info info;
	struct err err = { 0 };
	if (file_stat(doctor_store_dir(d), &info, NULL) != RC_OK || !info.is_dir)
		return false;
	if (app_store(d->app, out, &err) == RC_OK)
		return true;
	doctor_say(d, DOCTOR_FAIL, subject, "%s", err.msg);
	return false;
}

static enum rc look_snapshots(struct doctor *d, struct store *store, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(DATA_BYTES);
	struct raw_snapshots all;
	struct names names;
	size_t count;
	struct slice first;
	TRY(watched(d, &arena, &names, err));
	TRY(raw_snapshots(store, SLICE_NULL, &arena, &all, err));
	struct latest *latest = find_latest(&all, &names, &arena, &count);
	say_latest(d, latest, count);
	TRY(find_strangers(store, &arena, &count, &first, err));
	if (count)
		doctor_say(d, DOCTOR_WARN, "snapshots", "%zu object%s below raw/ %s none of sargam's, such as %.*s: move %s away", count,
		           count == 1 ? "" : "s", count == 1 ? "is" : "are", SLICE_FMT(first), count == 1 ? "it" : "them");
	return RC_OK;
}

void doctor_snapshots(struct doctor *d)
{
	struct store *store;
	struct err err = { 0 };
	if (open_store(d, "snapshots", &store) && look_snapshots(d, store, &err) != RC_OK)
		doctor_say(d, DOCTOR_FAIL, "snapshots", "%s", err.msg);
}

/* --- what waits --------------------------------------------------------------------------------------------- */

void doctor_backlog(struct doctor *d)
{
	CLEANUP(bus_closep) struct bus *bus = NULL;
	CLEANUP(buf_done) struct buf path = buf_new(1 << 13);
	struct bus_stats stats;
	struct err err = { 0 };
	char age[32];
	buf_addf(&path, "%s/bus.db", app_home(d->app));
	if (bus_sqlite_open_reader(buf_str(&path), app_clock(d->app), &bus, NULL) != RC_OK)
		return; /* has been said */
	enum rc rc = bus_stats(bus, SUBSCRIPTION, &stats, &err);
	if (rc != RC_OK) {
		doctor_say(d, rc == RC_NOT_FOUND ? DOCTOR_WARN : DOCTOR_FAIL, "backlog", "%s", err.msg);
		return;
	}
	int64_t waiting = stats.waiting + stats.leased;
	age_text(stats.oldest_unacked_ms / 1000, age);
	if (waiting == 0)
		doctor_say(d, DOCTOR_OK, "backlog", "no message waits in subscription " SUBSCRIPTION);
	else if (stats.oldest_unacked_ms < WAITING_MS)
		doctor_say(d, DOCTOR_OK, "backlog", "%lld messages wait in subscription " SUBSCRIPTION ", the oldest came %s",
		           (long long) waiting, age);
	else
		doctor_say(d, DOCTOR_WARN, "backlog", "%lld messages wait in subscription " SUBSCRIPTION ", the oldest came %s: `sargam run` takes "
		           "them", (long long) waiting, age);
}

static int by_reason(const void *a, const void *b)
{
	const struct letter *x = a, *y = b;
	int order = slice_cmp(x->reason, y->reason);
	return order ? order : slice_cmp(x->name, y->name);
}

static void say_letters(struct doctor *d, struct letters *letters)
{
	if (letters->count)
		qsort(letters->letter, letters->count, sizeof *letters->letter, by_reason);
	else
		doctor_say(d, DOCTOR_OK, "letters", "no dead letters, no snapshot misses anything for %lld h",
		           (long long) app_config(d->app)->incomplete_after_h);
	for (size_t i = 0; i < letters->count;) {
		const struct letter *first = &letters->letter[i];
		size_t count = 0, told = 0;
		for (; i < letters->count && slice_eq(letters->letter[i].reason, first->reason); i++)
			count++;
		if (!slice_is(first->reason, DEAD_INCOMPLETE)) {
			doctor_say(d, DOCTOR_WARN, "letters", "%zu of reason %.*s: `sargam dead list` names %s", count, SLICE_FMT(first->reason),
			           count == 1 ? "it" : "them");
			continue;
		}
		for (; told < count && told < LINES_MAX; told++)
			doctor_say(d, DOCTOR_WARN, "incomplete", "%.*s, %s: %.*s", SLICE_FMT(first[told].playlist_id),
			           time_rfc3339(first[told].snapshot_at).s, SLICE_FMT(first[told].detail));
		if (told < count)
			doctor_say(d, DOCTOR_WARN, "incomplete", "%zu more: `sargam dead list` names them", count - told);
	}
}

void doctor_letters(struct doctor *d)
{
	CLEANUP(arena_done) struct arena arena = arena_new(DATA_BYTES);
	struct letters letters;
	struct store *store;
	struct err err = { 0 };
	if (!open_store(d, "letters", &store))
		return;
	if (dead_list(store, doctor_state(d), app_clock(d->app), app_config(d->app)->incomplete_after_h, &arena, &letters, &err) != RC_OK)
		doctor_say(d, DOCTOR_FAIL, "letters", "%s", err.msg);
	else
		say_letters(d, &letters);
}

/* --- drift -------------------------------------------------------------------------------------------------- */

static void say_drift(struct doctor *d, const struct drift_sum *sum, bool fail)
{
	CLEANUP(buf_done) struct buf told = buf_new(ERR_MSG_BYTES);
	drift_tell(sum, app_drift_policy(d->app), fail, &told);
	if (told.len)
		doctor_say(d, fail ? DOCTOR_FAIL : DOCTOR_WARN, "drift", "%s%s: `sargam drift` tells what depends on it", buf_str(&told),
		           fail ? ", and the setting drift_policy says fail: nothing new is published" : "");
}

void doctor_drift(struct doctor *d)
{
	struct drift_sum sum;
	struct err err = { 0 };
	struct store *store;
	if (!open_store(d, "drift", &store))
		return;
	enum rc rc = drift_look(d->app, NULL, NULL, &sum, &err);
	if (rc == RC_NOT_FOUND)
		return; /* no snapshot yet, as has been said */
	if (rc != RC_OK) {
		doctor_say(d, rc == RC_RETRY ? DOCTOR_WARN : DOCTOR_FAIL, "drift", "%s", err.msg);
		return;
	}
	say_drift(d, &sum, true);
	say_drift(d, &sum, false);
	const struct drift_policy *policy = app_drift_policy(d->app);
	if (drift_count(&sum, policy, true) + drift_count(&sum, policy, false) == 0)
		doctor_say(d, DOCTOR_OK, "drift", "none of %d watched fields drifts in %lld playlist%s", FIELD_COUNT, (long long) sum.playlists,
		           sum.playlists == 1 ? "" : "s");
}
