/* status: how it is shown, to people and to programs. */
#include "base/json.h"
#include "base/time.h"
#include "cmd/progress.h"
#include "cmd/status.h"

#include <stdarg.h>

#define LABEL_COLUMNS 11
#define LINE_BYTES 4096
#define SUBSCRIPTIONS_SHOWN 20
#define PLAYLISTS_SHOWN 5
#define PROGRESS_COLUMNS 60

/* --- words -------------------------------------------------------------------------------------------------- */

struct words {
	char s[48];
};

static struct words for_how_long(int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" } };
	struct words w;
	size_t i = 0;
	ms = ms > 0 ? ms : 0;
	while (i + 1 < COUNT_OF(units) && ms < 2 * units[i].ms) /* "90 min" tells more than "1 h" */
		i++;
	(void) snprintf(w.s, sizeof w.s, "%lld %s", (long long) (ms / units[i].ms), units[i].unit);
	return w;
}

static struct words size_words(int64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	struct words w;
	double size = (double) bytes;
	size_t unit = 0;
	for (; size >= 1024 && unit + 1 < COUNT_OF(units); unit++)
		size /= 1024;
	(void) snprintf(w.s, sizeof w.s, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
	return w;
}

struct view {
	const struct status *s;
	const struct terminal *t;
	struct buf *out;
};

/* `text` in what `label` and the pause behind it leave; "" goes on with the section. */
static void add_line(struct view *v, const char *label, enum ink ink, struct slice text)
{
	bool is_wide = v->t->columns > 2 * LABEL_COLUMNS;
	size_t left = v->t->columns, pause = is_wide ? LABEL_COLUMNS : strlen(label) + 1, used = 0;
	if (label[0]) {
		terminal_ink(v->t, INK_DIM, v->out);
		used = display_add(slice_of(label), left, v->out);
		terminal_plain(v->t, INK_DIM, v->out);
	}
	for (; used < pause && used < left; used++)
		buf_addc(v->out, ' ');
	terminal_ink(v->t, ink, v->out);
	(void) display_add(text, left == SIZE_MAX ? left : left - used, v->out);
	terminal_plain(v->t, ink, v->out);
	buf_addc(v->out, '\n');
}

PRINTF(4, 5) static void line(struct view *v, const char *label, enum ink ink, const char *fmt, ...)
{
	char text[LINE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_line(v, label, ink, slice_of(text));
}

/* Says what a part is without; false when it is there. */
static bool says_missing(struct view *v, const char *label, enum status_part part, const char *none_yet)
{
	if (v->s->has[part])
		return false;
	if (v->s->why[part][0])
		line(v, label, INK_BAD, "%s", v->s->why[part]);
	else
		line(v, label, INK_DIM, "%s", none_yet);
	return true;
}

/* --- sections ----------------------------------------------------------------------------------------------- */

static void show_daemon(struct view *v)
{
	const struct presence *d = &v->s->daemon;
	struct words since = for_how_long(v->s->now_ms - d->since_s * 1000);
	if (says_missing(v, "daemon", STATUS_DAEMON, ""))
		return;
	switch (v->s->daemon_state) {
	case PRESENCE_NONE:
		line(v, "daemon", INK_DIM, "none: `sargam serve` starts one");
		break;
	case PRESENCE_ALIVE:
		line(v, "daemon", INK_GOOD, "running for %s, process %lld, %s", since.s, (long long) d->pid, d->url);
		break;
	case PRESENCE_DEAD:
		line(v, "daemon", INK_BAD, "process %lld has ended without saying so: `sargam serve` starts another", (long long) d->pid);
		break;
	case PRESENCE_UNKNOWN:
		line(v, "daemon", INK_NEWS, "serve.json names a process that cannot be looked at from here (%s)", d->url[0] ? d->url : "no address");
		break;
	}
}

static void show_jobs(struct view *v)
{
	for (size_t i = 0; i < v->s->job_count; i++) {
		const struct overview_job *j = &v->s->job[i];
		const char *label = i ? "" : "schedule";
		char missed[48] = "";
		if (j->missed)
			(void) snprintf(missed, sizeof missed, ", %lld missed", (long long) j->missed);
		if (j->is_running)
			line(v, label, INK_NEWS, "%s is running%s", j->name, missed);
		else if (j->next_ms)
			line(v, label, INK_PLAIN, "%s is due in %s, at %s%s", j->name, for_how_long(j->next_ms - v->s->now_ms).s,
			     time_rfc3339(j->next_ms / 1000).s, missed);
		else
			line(v, label, INK_DIM, "%s is never due%s", j->name, missed);
	}
}

static void show_running(struct view *v)
{
	const struct overview_runs *r = &v->s->runs;
	char text[LINE_BYTES];
	CLEANUP(buf_done) struct buf progress = buf_new(LINE_BYTES);
	if (r->in_stage) {
		const struct progress_view view = { .stage = stage_info[r->at.stage].name, .what = "", .unit = "stages",
			                            .done = r->stages_done, .total = r->stages };
		progress_text(&view, PROGRESS_COLUMNS, v->t->is_terminal, &progress);
		(void) snprintf(text, sizeof text, "%s, %s in it", buf_str(&progress),
		                for_how_long(v->s->now_ms - r->at.started_ms).s);
	} else {
		(void) snprintf(text, sizeof text, "%zu of %zu stages are done", r->stages_done, r->stages);
	}
	line(v, "running", INK_NEWS, "%.*s for %s: %s", SLICE_FMT(r->running->id),
	     for_how_long(v->s->now_ms - r->running->started_ms).s, text);
}

static enum ink ink_of(enum run_state state)
{
	return state == RUN_DONE ? INK_GOOD : state == RUN_FAILED ? INK_BAD : INK_NEWS;
}

static const struct run *last_ended(const struct overview_runs *r)
{
	for (size_t i = 0; i < r->newest.count; i++)
		if (r->newest.run[i].state != RUN_RUNNING)
			return &r->newest.run[i];
	return NULL;
}

static void show_runs(struct view *v)
{
	const struct overview_runs *r = &v->s->runs;
	const struct run *last = last_ended(r);
	if (says_missing(v, "runs", STATUS_STATE, "none yet: `sargam run` makes one"))
		return;
	if (r->running)
		show_running(v);
	if (last)
		line(v, "last run", ink_of(last->state), "%.*s %s %s ago after %s%s%.*s", SLICE_FMT(last->id), run_state_name(last->state),
		     for_how_long(v->s->now_ms - last->ended_ms).s, for_how_long(last->ended_ms - last->started_ms).s,
		     last->error.len ? ": " : "", SLICE_FMT(last->error));
	else if (!r->running && !r->unfinished)
		line(v, "runs", INK_DIM, "none yet: `sargam run` makes one");
	if (last && last->state != RUN_DONE && r->last_done_ms)
		line(v, "", INK_PLAIN, "the last that was done: %s ago", for_how_long(v->s->now_ms - r->last_done_ms).s);
	if (r->unfinished)
		line(v, "", INK_BAD, "%lld whose process ended: the next `sargam run` goes on with it", (long long) r->unfinished);
}

static void show_topic(struct view *v)
{
	const struct overview_bus *bus = &v->s->bus;
	if (says_missing(v, "topic", STATUS_BUS, "none yet: `sargam run` or `sargam setup` makes it"))
		return;
	for (size_t i = 0; i < bus->count && i < SUBSCRIPTIONS_SHOWN; i++) {
		const struct overview_subscription *s = &bus->subscription[i];
		int64_t backlog = s->stats.waiting + s->stats.leased;
		char more[128] = "";
		if (backlog)
			(void) snprintf(more, sizeof more, " (%lld under a lease), the oldest for %s", (long long) s->stats.leased,
			                for_how_long(s->stats.oldest_unacked_ms).s);
		line(v, i ? "" : "topic", backlog ? INK_NEWS : INK_PLAIN, "%.*s > %.*s: %lld messages wait%s", SLICE_FMT(s->topic),
		     SLICE_FMT(s->name), (long long) backlog, more);
	}
	if (bus->count > SUBSCRIPTIONS_SHOWN)
		line(v, "", INK_DIM, "and %zu subscriptions more", bus->count - SUBSCRIPTIONS_SHOWN);
}

static bool is_stale(const struct status *s, const struct overview_playlist *p)
{
	int64_t from = p->newest_at > p->watched_since ? p->newest_at : p->watched_since;
	return s->stale_after_s && s->now_ms / 1000 - from >= s->stale_after_s;
}

static void show_playlists(struct view *v)
{
	const struct overview_playlists *p = &v->s->playlists;
	size_t stale = 0;
	if (!v->s->has[STATUS_STATE])
		return;
	if (p->newest_at)
		line(v, "playlists", INK_PLAIN, "%lld with snapshots, %zu watched; %lld snapshots today, the newest is of %s", (long long) p->known,
		     p->count, (long long) p->today, time_rfc3339(p->newest_at).s);
	else
		line(v, "playlists", INK_DIM, "no snapshot yet, %zu watched", p->count);
	for (size_t i = 0; i < p->count; i++) {
		const struct overview_playlist *one = &p->watched[i];
		if (!is_stale(v->s, one) || ++stale > PLAYLISTS_SHOWN)
			continue;
		line(v, "", INK_BAD, "%.*s: no snapshot for %lld h (the last: %s)", SLICE_FMT(one->id), (long long) (v->s->stale_after_s / 3600),
		     one->newest_at ? time_rfc3339(one->newest_at).s : "never");
	}
	if (stale > PLAYLISTS_SHOWN)
		line(v, "", INK_BAD, "and %zu more", stale - PLAYLISTS_SHOWN);
}

static void show_letters(struct view *v)
{
	const struct overview_letters *l = &v->s->letters;
	CLEANUP(buf_done) struct buf text = buf_new(OVERVIEW_REASONS_MAX * 300);
	if (says_missing(v, "dead", STATUS_STORE, "no store yet"))
		return;
	if (!l->total) {
		line(v, "dead", INK_PLAIN, "no dead letters");
		return;
	}
	buf_addf(&text, "%lld dead letters:", (long long) l->total);
	for (size_t i = 0; i < l->count; i++)
		buf_addf(&text, "%s %lld %.*s", i ? "," : "", (long long) l->reason[i].count, SLICE_FMT(l->reason[i].reason));
	buf_adds(&text, " (`sargam dead list`)");
	add_line(v, "dead", INK_NEWS, buf_slice(&text));
}

static void show_disk(struct view *v)
{
	const struct overview_disk *d = &v->s->disk;
	if (says_missing(v, "disk", STATUS_DISK, "no home"))
		return;
	line(v, "disk", d->is_writable ? INK_PLAIN : INK_BAD, "%s of %s free%s; bus.db %s, state.db %s, warehouse.duckdb %s",
	     size_words(d->free_bytes).s, size_words(d->total_bytes).s, d->is_writable ? "" : ", and it cannot be written",
	     size_words(d->file[0].bytes).s, size_words(d->file[1].bytes).s, size_words(d->file[2].bytes).s);
}

void status_text(const struct status *s, const struct terminal *t, struct buf *out)
{
	struct view v = { s, t, out };
	line(&v, "sargam", INK_STRONG, "%s at %s", s->home, time_rfc3339(s->now_ms / 1000).s);
	show_daemon(&v);
	show_jobs(&v);
	show_runs(&v);
	show_topic(&v);
	show_playlists(&v);
	show_letters(&v);
	if (!says_missing(&v, "charts", STATUS_WAREHOUSE, "nothing is published yet"))
		line(&v, "charts", s->newest_day[0] ? INK_PLAIN : INK_DIM, "the newest chart day is %s", s->newest_day[0] ? s->newest_day : "none");
	show_disk(&v);
}

/* --- for programs ------------------------------------------------------------------------------------------- */

/* Names from a file system or a database; JSON wants UTF-8. */
static struct json *json_text(struct slice s)
{
	if (!s.len)
		return json_new_null();
	CLEANUP(buf_done) struct buf plain = buf_new(4 * s.len + 64);
	struct slice rest = s;
	for (size_t bad; rest.len && !slice_is_utf8(rest, &bad); rest = slice_sub(rest, bad + 1, rest.len - bad - 1)) {
		buf_add(&plain, slice_sub(rest, 0, bad));
		buf_adds(&plain, "\xef\xbf\xbd");
	}
	buf_add(&plain, rest);
	return json_new_string(buf_slice(&plain));
}

static struct json *json_time(int64_t unix_s)
{
	return unix_s ? json_new_string(slice_of(time_rfc3339(unix_s).s)) : json_new_null();
}

static struct json *json_daemon(const struct status *s)
{
	static const char *const state[] = { [PRESENCE_NONE] = "none", [PRESENCE_ALIVE] = "running", [PRESENCE_DEAD] = "dead",
		                             [PRESENCE_UNKNOWN] = "unknown" };
	struct json *o = json_new_object();
	json_set(o, "state", json_new_string(slice_of(state[s->daemon_state])));
	if (s->daemon_state == PRESENCE_NONE)
		return o;
	json_set(o, "pid", json_new_integer(s->daemon.pid));
	json_set(o, "port", json_new_integer(s->daemon.port));
	json_set(o, "url", json_text(slice_of(s->daemon.url)));
	json_set(o, "version", json_text(slice_of(s->daemon.version)));
	json_set(o, "since", json_time(s->daemon.since_s));
	return o;
}

static struct json *json_jobs(const struct status *s)
{
	struct json *all = json_new_array();
	for (size_t i = 0; i < s->job_count; i++) {
		struct json *o = json_new_object();
		json_set(o, "job", json_text(slice_of(s->job[i].name)));
		json_set(o, "next_at", json_time(s->job[i].next_ms / 1000));
		json_set(o, "running", json_new_bool(s->job[i].is_running));
		json_set(o, "missed", json_new_integer(s->job[i].missed));
		json_append(all, o);
	}
	return all;
}

static struct json *json_run(const struct run *run)
{
	struct json *o = json_new_object();
	json_set(o, "id", json_text(run->id));
	json_set(o, "state", json_new_string(slice_of(run_state_name(run->state))));
	json_set(o, "source", json_text(run->source));
	json_set(o, "started_at", json_time(run->started_ms / 1000));
	json_set(o, "ended_at", json_time(run->ended_ms / 1000));
	json_set(o, "error", json_text(run->error));
	return o;
}

static struct json *json_runs(const struct overview_runs *r)
{
	struct json *o = json_new_object(), *counts = json_new_object();
	const struct run *last = last_ended(r);
	json_set(o, "last", last ? json_run(last) : json_new_null());
	json_set(o, "last_done_at", json_time(r->last_done_ms / 1000));
	json_set(o, "running", r->running ? json_run(r->running) : json_new_null());
	json_set(o, "stage", r->in_stage ? json_new_string(slice_of(stage_info[r->at.stage].name)) : json_new_null());
	json_set(o, "stages_done", json_new_integer((int64_t) r->stages_done));
	json_set(o, "stages", json_new_integer((int64_t) r->stages));
	for (enum run_state state = 0; state < RUN_STATE_COUNT; state++)
		json_set(counts, run_state_name(state), json_new_integer(r->by_state[state] - (state == RUN_RUNNING ? r->unfinished : 0)));
	json_set(counts, "UNFINISHED", json_new_integer(r->unfinished));
	json_set(o, "by_state", counts);
	return o;
}

static struct json *json_topic(const struct overview_bus *bus)
{
	struct json *all = json_new_array();
	for (size_t i = 0; i < bus->count; i++) {
		const struct overview_subscription *s = &bus->subscription[i];
		struct json *o = json_new_object();
		json_set(o, "subscription", json_text(s->name));
		json_set(o, "topic", json_text(s->topic));
		json_set(o, "backlog", json_new_integer(s->stats.waiting + s->stats.leased));
		json_set(o, "leased", json_new_integer(s->stats.leased));
		json_set(o, "oldest_unacked_s", json_new_real((double) s->stats.oldest_unacked_ms / 1000));
		json_append(all, o);
	}
	return all;
}

static struct json *json_playlists(const struct status *s)
{
	struct json *o = json_new_object(), *all = json_new_array();
	for (size_t i = 0; i < s->playlists.count; i++) {
		const struct overview_playlist *p = &s->playlists.watched[i];
		struct json *one = json_new_object();
		json_set(one, "playlist", json_text(p->id));
		json_set(one, "newest_snapshot_at", json_time(p->newest_at));
		json_set(one, "stale", json_new_bool(is_stale(s, p)));
		json_append(all, one);
	}
	json_set(o, "known", json_new_integer(s->playlists.known));
	json_set(o, "snapshots_today", json_new_integer(s->playlists.today));
	json_set(o, "newest_snapshot_at", json_time(s->playlists.newest_at));
	json_set(o, "watched", all);
	return o;
}

static struct json *json_letters(const struct overview_letters *l)
{
	struct json *o = json_new_object(), *reasons = json_new_object();
	for (size_t i = 0; i < l->count; i++) {
		char reason[256];
		(void) snprintf(reason, sizeof reason, "%.*s", SLICE_FMT(l->reason[i].reason));
		if (slice_is_utf8(slice_of(reason), NULL))
			json_set(reasons, reason, json_new_integer(l->reason[i].count));
	}
	json_set(o, "total", json_new_integer(l->total));
	json_set(o, "by_reason", reasons);
	return o;
}

static struct json *json_disk(const struct overview_disk *d)
{
	struct json *o = json_new_object(), *files = json_new_object();
	for (size_t i = 0; i < OVERVIEW_FILES; i++)
		json_set(files, d->file[i].name, json_new_integer(d->file[i].bytes));
	json_set(o, "free_bytes", json_new_integer(d->free_bytes));
	json_set(o, "total_bytes", json_new_integer(d->total_bytes));
	json_set(o, "writable", json_new_bool(d->is_writable));
	json_set(o, "files", files);
	return o;
}

struct json *status_json(const struct status *s)
{
	struct json *root = json_new_object(), *problems = json_new_object();
	bool has_state = s->has[STATUS_STATE];
	for (enum status_part p = 0; p < STATUS_PARTS; p++)
		if (s->why[p][0])
			json_set(problems, status_part_name(p), json_text(slice_of(s->why[p])));
	json_set(root, "home", json_text(slice_of(s->home)));
	json_set(root, "time", json_time(s->now_ms / 1000));
	json_set(root, "daemon", json_daemon(s));
	json_set(root, "schedule", json_jobs(s));
	json_set(root, "runs", has_state ? json_runs(&s->runs) : json_new_null());
	json_set(root, "subscriptions", s->has[STATUS_BUS] ? json_topic(&s->bus) : json_new_null());
	json_set(root, "playlists", has_state ? json_playlists(s) : json_new_null());
	json_set(root, "dead_letters", s->has[STATUS_STORE] ? json_letters(&s->letters) : json_new_null());
	json_set(root, "newest_chart_day", json_text(slice_of(s->newest_day)));
	json_set(root, "disk", s->has[STATUS_DISK] ? json_disk(&s->disk) : json_new_null());
	json_set(root, "problems", problems);
	return root;
}
