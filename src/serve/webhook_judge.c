#include "serve/webhook_judge.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"

#define TEXT_BYTES_MAX 8192
#define ERROR_BYTES_MAX 700
#define NAMED_IN_TEXT_MAX 10
#define HOUR_S 3600

void webhook_memory_done(struct webhook_memory *m)
{
	for (size_t i = 0; i < m->event_count; i++)
		json_free(m->event[i].body);
	mem_free(m->event);
	mem_free(m->seen);
	mem_free(m->playlist);
	*m = (struct webhook_memory){ 0 };
}

/* --- words -------------------------------------------------------------------------------------------------- */

/* Length of the well-formed character at the start, 0 when there is none. */
static size_t character(struct slice s)
{
	unsigned char c = (unsigned char) s.ptr[0];
	size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	return len <= s.len && slice_is_utf8(slice_sub(s, 0, len), NULL) ? len : 0;
}

static struct slice stand_in(struct slice one)
{
	if (!one.len)
		return SLICE("\xef\xbf\xbd");
	if ((unsigned char) one.ptr[0] < ' ' || one.ptr[0] == 0x7f)
		return SLICE(" ");
	return one.ptr[0] == '&' ? SLICE("&amp;") : one.ptr[0] == '<' ? SLICE("&lt;") : one.ptr[0] == '>' ? SLICE("&gt;") : one;
}

void webhook_text(struct slice text, size_t bytes_max, struct buf *out)
{
	size_t used = 0;
	while (text.len) {
		size_t len = character(text);
		struct slice one = stand_in(slice_sub(text, 0, len));
		if (used + one.len > bytes_max) {
			buf_adds(out, "…");
			return;
		}
		buf_add(out, one);
		used += one.len;
		len = len ? len : 1;
		text = slice_sub(text, len, text.len - len);
	}
}

/* For a field: UTF-8, nothing escaped. */
static struct json *json_plain(struct slice s)
{
	CLEANUP(buf_done) struct buf text = buf_new(4 * ERR_MSG_BYTES + 64);
	for (size_t len; s.len && text.len < ERR_MSG_BYTES; s = slice_sub(s, len, s.len - len)) {
		len = character(s);
		buf_add(&text, len ? slice_sub(s, 0, len) : SLICE("\xef\xbf\xbd"));
		len = len ? len : 1;
	}
	return text.len ? json_new_string(buf_slice(&text)) : json_new_null();
}

static struct json *json_time(int64_t unix_s)
{
	return unix_s ? json_new_string(slice_of(time_rfc3339(unix_s).s)) : json_new_null();
}

/* --- events ------------------------------------------------------------------------------------------------- */

static void drop_first(struct webhook_memory *m)
{
	json_free(m->event[0].body);
	m->event_count--;
	memmove(m->event, m->event + 1, m->event_count * sizeof *m->event);
	m->tries = m->next_try_ms = 0;
}

void webhook_taken(struct webhook_memory *m)
{
	assert(m->event_count);
	drop_first(m);
	m->dropped = 0;
}

size_t webhook_expire(struct webhook_memory *m, int64_t now_ms, int64_t keep_ms, size_t waiting_max)
{
	size_t count = 0;
	int64_t tries = m->tries, next_try_ms = m->next_try_ms;
	while (m->event_count && (m->event_count > waiting_max || now_ms - m->event[0].at_ms > keep_ms)) {
		drop_first(m);
		count++;
	}
	m->dropped += (int64_t) count;
	if (m->event_count) { /* they are the receiver's, not the event's */
		m->tries = tries;
		m->next_try_ms = next_try_ms;
	}
	return count;
}

/* Takes over nothing but the event made: the caller adds what belongs to it. */
static struct json *add_event(struct webhook_memory *m, const struct webhook_facts *f, const char *event, const char *id,
                              const struct buf *text)
{
	struct json *body = json_new_object();
	json_set(body, "text", json_new_string(buf_slice(text)));
	json_set(body, "event", json_new_string(slice_of(event)));
	json_set(body, "id", json_new_string(slice_of(id)));
	json_set(body, "time", json_time(f->now_ms / 1000));
	json_set(body, "home", json_plain(slice_of(f->home)));
	m->event = mem_realloc(m->event, (m->event_count + 1) * sizeof *m->event);
	m->event[m->event_count++] = (struct webhook_event){ .at_ms = f->now_ms, .body = body };
	return body;
}

static void begin_text(const struct webhook_facts *f, struct buf *text)
{
	buf_adds(text, "sargam (");
	webhook_text(slice_of(f->home), 100, text);
	buf_adds(text, "): ");
}

/* --- runs --------------------------------------------------------------------------------------------------- */

static struct json *json_run(const struct run *run)
{
	struct json *o = json_new_object();
	json_set(o, "id", json_plain(run->id));
	json_set(o, "state", json_new_string(slice_of(run_state_name(run->state))));
	json_set(o, "source", json_plain(run->source));
	json_set(o, "started_at", json_time(run->started_ms / 1000));
	json_set(o, "ended_at", json_time(run->ended_ms / 1000));
	json_set(o, "error", json_plain(run->error));
	return o;
}

static void tell_failed(struct webhook_memory *m, const struct webhook_facts *f, const struct run *run)
{
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES_MAX);
	char id[128];
	(void) snprintf(id, sizeof id, "run_failed:%.*s@%lld", (int) (run->id.len < 64 ? run->id.len : 64), run->id.ptr,
	                (long long) run->ended_ms);
	begin_text(f, &text);
	buf_adds(&text, "run ");
	webhook_text(run->id, 64, &text);
	buf_adds(&text, " failed: ");
	webhook_text(run->error.len ? run->error : SLICE("no reason is remembered"), ERROR_BYTES_MAX, &text);
	json_set(add_event(m, f, "run_failed", id, &text), "run", json_run(run));
	(void) snprintf(m->failed_run, sizeof m->failed_run, "%.*s", SLICE_FMT(run->id));
	m->failed_at_ms = run->ended_ms;
}

static void tell_recovered(struct webhook_memory *m, const struct webhook_facts *f, const struct run *run)
{
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES_MAX);
	char id[128];
	(void) snprintf(id, sizeof id, "run_recovered:%.*s@%lld", (int) (run->id.len < 64 ? run->id.len : 64), run->id.ptr,
	                (long long) run->ended_ms);
	begin_text(f, &text);
	buf_adds(&text, "run ");
	webhook_text(run->id, 64, &text);
	buf_adds(&text, " is done; ");
	webhook_text(slice_of(m->failed_run), 64, &text);
	buf_addf(&text, " had failed at %s", time_rfc3339(m->failed_at_ms / 1000).s);
	struct json *body = add_event(m, f, "run_recovered", id, &text);
	json_set(body, "run", json_run(run));
	json_set(body, "failed_run", json_plain(slice_of(m->failed_run)));
	json_set(body, "failed_at", json_time(m->failed_at_ms / 1000));
	m->failed_run[0] = '\0';
}

static uint64_t name_of(const struct run *run)
{
	char name[160];
	int len = snprintf(name, sizeof name, "%.*s %s %lld", (int) (run->id.len < 100 ? run->id.len : 100), run->id.ptr,
	                   run_state_name(run->state), (long long) run->ended_ms);
	return hash_u64((struct slice){ name, (size_t) len }) >> 1; /* JSON's integers are signed */
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
	return x < y ? -1 : x > y;
}

static bool judge_runs(struct webhook_memory *m, const struct webhook_facts *f)
{
	uint64_t *seen = mem_alloc_array(f->runs->count, sizeof *seen);
	size_t count = 0;
	for (size_t i = f->runs->count; i-- > 0;) { /* the oldest first: a failure, then what followed it */
		const struct run *run = &f->runs->run[i];
		if (run->state == RUN_RUNNING)
			continue;
		uint64_t name = name_of(run);
		seen[count++] = name;
		bool known = m->seen_count && bsearch(&name, m->seen, m->seen_count, sizeof name, by_number);
		if (!m->begun || known)
			continue;
		if (run->state == RUN_FAILED && f->now_ms - run->ended_ms <= f->keep_ms)
			tell_failed(m, f, run);
		else if (run->state == RUN_DONE && m->failed_run[0])
			tell_recovered(m, f, run);
	}
	qsort(seen, count, sizeof *seen, by_number);
	bool changed = count != m->seen_count || (count && memcmp(seen, m->seen, count * sizeof *seen) != 0);
	mem_free(m->seen);
	m->seen = seen;
	m->seen_count = count;
	return changed;
}

/* --- playlists ---------------------------------------------------------------------------------------------- */

struct told {
	const struct overview_playlist *playlist[WEBHOOK_LISTED_MAX];
	size_t count; /* more than are listed */
};

static void list(struct told *t, const struct overview_playlist *p)
{
	if (t->count < WEBHOOK_LISTED_MAX)
		t->playlist[t->count] = p;
	t->count++;
}

static void name_playlists(const struct told *t, struct buf *text)
{
	for (size_t i = 0; i < t->count && i < NAMED_IN_TEXT_MAX; i++) {
		const struct overview_playlist *p = t->playlist[i];
		buf_adds(text, i ? ", " : "");
		webhook_text(p->id, 136, text);
		if (p->newest_at)
			buf_addf(text, " (the last %s)", time_rfc3339(p->newest_at).s);
		else
			buf_adds(text, " (never one)");
	}
	if (t->count > NAMED_IN_TEXT_MAX)
		buf_addf(text, " and %zu more", t->count - NAMED_IN_TEXT_MAX);
}

static void tell_playlists(struct webhook_memory *m, const struct webhook_facts *f, const char *event, const struct told *t)
{
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES_MAX);
	char id[64];
	if (!t->count)
		return;
	bool is_stale = strcmp(event, "playlists_stale") == 0;
	(void) snprintf(id, sizeof id, "%s:%lld", event, (long long) f->now_ms);
	begin_text(f, &text);
	if (is_stale)
		buf_addf(&text, "no snapshot for %lld h: ", (long long) (f->stale_after_s / HOUR_S));
	else
		buf_adds(&text, "there are snapshots again: ");
	name_playlists(t, &text);
	struct json *body = add_event(m, f, event, id, &text), *all = json_new_array();
	for (size_t i = 0; i < t->count && i < WEBHOOK_LISTED_MAX; i++) {
		struct json *one = json_new_object();
		json_set(one, "playlist", json_plain(t->playlist[i]->id));
		json_set(one, "last_snapshot_at", json_time(t->playlist[i]->newest_at));
		json_append(all, one);
	}
	json_set(body, "playlists", all);
	json_set(body, "count", json_new_integer((int64_t) t->count));
}

static struct webhook_playlist remember(const struct overview_playlist *p, const struct webhook_playlist *was, int64_t now_s)
{
	struct webhook_playlist one = { .since_s = now_s };
	if (was)
		return *was;
	(void) snprintf(one.id, sizeof one.id, "%.*s", SLICE_FMT(p->id));
	return one;
}

/* What is remembered of a playlist becomes `*inout`; true when it still is worth remembering. */
static bool judge_playlist(const struct overview_playlist *p, const struct webhook_facts *f, bool has_room,
                           struct webhook_playlist *inout, struct told *stale, struct told *fresh)
{
	int64_t now_s = f->now_ms / 1000, from = p->newest_at > p->watched_since ? p->newest_at : p->watched_since;
	if (!from)
		from = inout->since_s;
	bool is_stale = f->stale_after_s && now_s - from >= f->stale_after_s;
	if (inout->told && (!f->stale_after_s || (!is_stale && p->newest_at > inout->newest_at))) { /* not by a clock set back */
		inout->told = false;
		if (f->stale_after_s)
			list(fresh, p);
	} else if (!inout->told && is_stale && has_room) {
		inout->told = true;
		inout->newest_at = p->newest_at;
		list(stale, p);
	}
	return inout->told || (!p->newest_at && !p->watched_since);
}

static bool judge_playlists(struct webhook_memory *m, const struct webhook_facts *f)
{
	struct told stale = { 0 }, fresh = { 0 };
	struct webhook_playlist *kept = mem_alloc_array(WEBHOOK_PLAYLISTS_MAX < f->playlist_count ? WEBHOOK_PLAYLISTS_MAX
	                                                                                           : f->playlist_count, sizeof *kept);
	size_t count = 0, at = 0;
	for (size_t i = 0; i < f->playlist_count; i++) {
		const struct overview_playlist *p = &f->playlist[i];
		while (at < m->playlist_count && slice_cmp(slice_of(m->playlist[at].id), p->id) < 0)
			at++; /* no longer watched */
		bool known = at < m->playlist_count && slice_is(p->id, m->playlist[at].id), has_room = count < WEBHOOK_PLAYLISTS_MAX;
		struct webhook_playlist one = remember(p, known ? &m->playlist[at] : NULL, f->now_ms / 1000);
		if (judge_playlist(p, f, has_room, &one, &stale, &fresh) && has_room)
			kept[count++] = one;
	}
	bool changed = stale.count || fresh.count || count != m->playlist_count;
	for (size_t i = 0; i < count && !changed; i++)
		changed = strcmp(kept[i].id, m->playlist[i].id) != 0;
	mem_free(m->playlist);
	m->playlist = kept;
	m->playlist_count = count;
	tell_playlists(m, f, "playlists_stale", &stale);
	tell_playlists(m, f, "playlists_fresh", &fresh);
	return changed;
}

bool webhook_judge(struct webhook_memory *m, const struct webhook_facts *f)
{
	bool changed = !m->begun;
	changed = judge_runs(m, f) || changed;
	changed = judge_playlists(m, f) || changed;
	m->begun = true;
	return webhook_expire(m, f->now_ms, f->keep_ms, f->waiting_max) > 0 || changed;
}
