#include "source/spotify_take.h"

#include "base/buf.h"
#include "base/log.h"
#include "spotify/playlist_ref.h"

#define TRACKS_LIMIT 100
#define ITEMS_LIMIT 50 /* what the documentation allows (2026); more is refused with 400 */
#define URL_BYTES ((size_t) 64 << 10)

static const char head_fields[] =
	"collaborative,description,external_urls,followers,href,id,name,owner,primary_color,public,snapshot_id,type,uri,"
	"items(total),tracks(total)";
#define TRACK_FIELDS \
	"artists(external_urls,id,name,uri),disc_number,duration_ms,episode,explicit,external_ids,external_urls,href,id,is_local," \
	"is_playable,linked_from,name,popularity,restrictions,track_number,type,uri,album(album_type,artists(external_urls,id,name,uri)," \
	"external_urls,href,id,images,name,release_date,release_date_precision,total_tracks,type,uri)"
static const char page_fields[] =
	"href,limit,next,offset,previous,total,items(added_at,added_by.id,is_local,item(" TRACK_FIELDS "),track(" TRACK_FIELDS "))";

void take_done(struct take *t)
{
	cursor_done(&t->cursor);
	cursor_done(&t->before);
	arena_done(&t->bodies);
}

void take_begin(struct take *t, int64_t snapshot_at, const char *settings)
{
	cursor_done(&t->cursor);
	cursor_init(&t->cursor, snapshot_at, settings);
}

/* --- addresses ---------------------------------------------------------------------------------------------- */

static void add_query(struct buf *url, const char *name, const char *value, struct arena *arena)
{
	if (!*value)
		return;
	buf_addc(url, memchr(url->ptr, '?', url->len) ? '&' : '?');
	buf_adds(url, name);
	buf_addc(url, '=');
	buf_add(url, http_escape(slice_of(value), arena));
}

static struct slice head_url(const struct take *t, struct arena *arena)
{
	CLEANUP(buf_done) struct buf url = buf_new(URL_BYTES);
	buf_addf(&url, "%s/playlists/%.*s", spotify_api_url(t->o->api), SLICE_FMT(t->playlist_id));
	add_query(&url, "fields", head_fields, arena);
	add_query(&url, "market", t->o->market, arena);
	return arena_copy(arena, slice_of(buf_str(&url)));
}

static struct slice first_url(const struct take *t, enum spotify_endpoint endpoint, struct arena *arena)
{
	bool tracks = endpoint == ENDPOINT_TRACKS;
	char limit[16];
	CLEANUP(buf_done) struct buf url = buf_new(URL_BYTES);
	(void) snprintf(limit, sizeof limit, "%d", tracks ? TRACKS_LIMIT : ITEMS_LIMIT);
	buf_addf(&url, "%s/playlists/%.*s/%s", spotify_api_url(t->o->api), SLICE_FMT(t->playlist_id), tracks ? "tracks" : "items");
	add_query(&url, "limit", limit, arena);
	add_query(&url, "additional_types", "track,episode", arena); /* else episodes come disguised as tracks */
	add_query(&url, "market", t->o->market, arena);
	add_query(&url, "fields", t->o->only_fields ? page_fields : "", arena);
	return arena_copy(arena, slice_of(buf_str(&url)));
}

/* --- one answer --------------------------------------------------------------------------------------------- */

/* What an earlier snapshot got from the same address, with its bytes at hand. */
struct earlier {
	struct slice etag, body;
};

static const struct cursor_object *same_address(const struct take *t, struct slice url, enum source_object *out_kind, int64_t *out_page)
{
	const struct cursor *b = &t->before;
	*out_kind = SOURCE_PLAYLIST;
	*out_page = 0;
	if (b->has_head && b->head.etag.ptr && slice_eq(b->head.url, url))
		return &b->head;
	*out_kind = SOURCE_PAGE;
	for (size_t i = 0; i < b->page_count; i++) {
		*out_page = (int64_t) i;
		if (b->page[i].etag.ptr && slice_eq(b->page[i].url, url))
			return &b->page[i];
	}
	return NULL;
}

/* Bytes that are gone are no reason to fail: then the answer is asked for whole. */
static struct earlier look_up(const struct take *t, struct slice url, struct arena *arena)
{
	enum source_object kind;
	int64_t page;
	struct earlier e = { 0 };
	const struct cursor *c = &t->cursor;
	const struct source_memory *m = &t->o->memory;
	if (c->has_head && c->head.etag.ptr && t->head.ptr && slice_eq(c->head.url, url)) /* the look at the end */
		return (struct earlier){ c->head.etag, arena_copy(arena, t->head) };
	const struct cursor_object *o = same_address(t, url, &kind, &page);
	if (o && m->object(m->ctx, kind, t->playlist_id, t->before.snapshot_at, page, o->sha256, arena, &e.body, NULL) == RC_OK)
		e.etag = o->etag;
	return e;
}

static enum rc ask(struct take *t, struct slice url, bool known, bool (*fits)(void *ctx, struct slice body, struct err *why),
                   void *ctx, struct arena *arena, struct slice *out_body, struct cursor_object *out, struct err *err)
{
	struct earlier e = look_up(t, url, arena);
	if (e.etag.ptr && !fits(ctx, e.body, NULL))
		e = (struct earlier){ 0 };
	const struct spotify_request rq = { .url = url.ptr, .etag = e.etag, .known = known, .fits = fits, .ctx = ctx };
	struct spotify_reply reply;
	enum rc rc = spotify_get(t->o->api, &rq, arena, &reply, err);
	t->answer = reply.kind;
	TRY(rc);
	if (reply.not_modified && !fits(ctx, e.body, err)) /* `ctx` may hold what another answer in between was */
		return RC_RETRY;
	bool keep_etag = reply.etag.ptr && slice_is_utf8(reply.etag, NULL);
	struct slice etag = reply.not_modified ? e.etag : keep_etag ? reply.etag : SLICE_NULL;
	*out_body = reply.not_modified ? e.body : reply.body;
	*out = (struct cursor_object){
		.url = arena_copy(&t->cursor.arena, url),
		.etag = etag.ptr ? arena_copy(&t->cursor.arena, etag) : SLICE_NULL,
	};
	hash_sha256_hex(*out_body, out->sha256);
	return RC_OK;
}

/* --- the playlist without its items ------------------------------------------------------------------------- */

static bool head_fits(void *ctx, struct slice body, struct err *why)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(URL_BYTES + body.len);
	struct playlist_head head;
	const struct take *t = ctx;
	if (playlist_head_read(body, &scratch, &head, why) != RC_OK)
		return false;
	if (!slice_eq(head.id, t->playlist_id)) {
		(void) err_set(why, RC_REJECT, "the answer is another playlist");
		return false;
	}
	return true;
}

struct head_answer {
	struct slice body;
	struct cursor_object object;
	struct playlist_head head;
};

static enum rc ask_head(struct take *t, bool known, struct arena *arena, struct head_answer *out, struct err *err)
{
	TRY(ask(t, head_url(t, arena), known, head_fits, t, arena, &out->body, &out->object, err));
	return playlist_head_read(out->body, arena, &out->head, err);
}

static void use_head(struct take *t, const struct head_answer *a)
{
	struct cursor *c = &t->cursor;
	c->head = a->object;
	c->has_head = true;
	c->snapshot_id = a->head.snapshot_id.ptr ? arena_copy(&c->arena, a->head.snapshot_id) : SLICE_NULL;
	arena_reset(&t->bodies);
	t->head = arena_copy(&t->bodies, a->body);
}

static bool same_id(struct slice a, struct slice b)
{
	return !a.ptr == !b.ptr && slice_eq(a, b);
}

static bool is_same(const struct cursor *c, const struct playlist_head *h)
{
	return same_id(c->snapshot_id, h->snapshot_id) && (!c->has_total || !h->has_total || c->total == h->total);
}

static enum rc load_head(struct take *t, struct err *err)
{
	const struct source_memory *m = &t->o->memory;
	char name[CURSOR_NAME_BYTES], sha256[HASH_HEX_BYTES];
	arena_reset(&t->bodies);
	cursor_name(t->playlist_id, CURSOR_HEAD, name);
	TRY(m->get(m->ctx, name, &t->bodies, &t->head, err));
	hash_sha256_hex(t->head.ptr ? t->head : SLICE(""), sha256);
	if (t->head.ptr && strcmp(sha256, t->cursor.head.sha256) == 0)
		return RC_OK;
	t->head = SLICE_NULL;
	return err_set(err, RC_NOT_FOUND, "%s is gone", name);
}

enum rc take_check(struct take *t, bool *out_same, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * t->o->page_limit_bytes + URL_BYTES);
	struct head_answer a;
	*out_same = false;
	if (!t->cursor.has_head || load_head(t, NULL) != RC_OK)
		return RC_OK;
	TRY(ask_head(t, false, &arena, &a, err));
	*out_same = is_same(&t->cursor, &a.head);
	if (*out_same)
		return RC_OK;
	t->checked = arena_copy(&t->bodies, a.body);
	t->checked_object = a.object;
	t->checked_object.url = arena_copy(&t->bodies, a.object.url);
	t->checked_object.etag = a.object.etag.ptr ? arena_copy(&t->bodies, a.object.etag) : SLICE_NULL;
	return RC_OK;
}

/* --- why not ------------------------------------------------------------------------------------------------ */

#define WAYS_OUT \
	"Three ways out: (1) the id of an app that still may (extended quota); (2) copy the tracks into a playlist of your own, " \
	"`sargam login` and watch that; (3) history from public archives: `sargam import archive|csv PATH`"

/* The rule behind a refusal, and what a person can do (developer.spotify.com/blog, 2024-11-27 and 2026-02-06). */
static enum rc explain(const struct take *t, const struct playlist_head *head, enum rc rc, struct err *err)
{
	bool spotifys = slice_starts(t->playlist_id, SLICE("37i9")) || (head && slice_is(head->owner_id, "spotify"));
	char why[ERR_MSG_BYTES];
	(void) snprintf(why, sizeof why, "%s", err ? err->msg : "");
	if (t->answer != ANSWER_FORBIDDEN && t->answer != ANSWER_NOT_FOUND)
		return rc;
	if (!playlist_id_is_spotify(t->playlist_id))
		return err_set(err, rc, "%s: '%.*s' is no id of Spotify's (22 letters and digits)", why, SLICE_FMT(t->playlist_id));
	if (spotifys)
		return err_set(err, rc, "%s: it is one of Spotify's own lists, which are closed to every app registered since 2024-11-27 "
		               "(they do not exist for it). " WAYS_OUT, why);
	if (rc == RC_NOT_FOUND && !head)
		return err_set(err, rc, "%s: there is no such playlist, or it is private: check its link; `sargam login` reads the private ones "
		               "of an account (`sargam playlists` lists them)", why);
	return err_set(err, rc, "%s: an app registered since 2026-02-11 reads only playlists that its user owns or works on%s. " WAYS_OUT,
	               why, head && !head->has_items ? " (of this one Spotify tells the name and hides the items)" : "");
}

/* --- pages -------------------------------------------------------------------------------------------------- */

struct page_wanted {
	const struct take *t;
	struct slice url;
	int64_t offset_min, items_before;
	struct paging paging;
	struct arena scratch;
};

/* Have all items come that `total` promised? */
static bool is_end(const struct page_wanted *w, const struct paging *p)
{
	int64_t total = p->has_total ? p->total : w->t->cursor.has_total ? w->t->cursor.total : INT64_MAX;
	return w->items_before + p->items >= total;
}

/* `next` that leads nowhere: to the same page, or on from a page without items. */
static bool leads_nowhere(const struct page_wanted *w, const struct paging *p)
{
	return p->next.ptr && (slice_eq(p->next, w->url) || p->items == 0);
}

static bool page_fits(void *ctx, struct slice body, struct err *why)
{
	struct page_wanted *w = ctx;
	arena_reset(&w->scratch);
	if (!arena_fits(&w->scratch, body.len + 1) || paging_read(body, &w->scratch, &w->paging, why) != RC_OK)
		return false;
	const struct paging *p = &w->paging;
	if (p->offset < w->offset_min) {
		(void) err_set(why, RC_REJECT, "the page begins at offset %lld, one from %lld on was asked for", (long long) p->offset,
		               (long long) w->offset_min);
		return false;
	}
	if (leads_nowhere(w, p) && !is_end(w, p)) {
		(void) err_set(why, RC_REJECT, "the page at offset %lld names a next page that leads nowhere", (long long) p->offset);
		return false;
	}
	return true;
}

/* The whole answer is kept: in memory while it may be the only page, else beside the cursor. */
static enum rc keep_page(struct take *t, size_t i, struct slice body, struct err *err)
{
	const struct source_memory *m = &t->o->memory;
	char name[CURSOR_NAME_BYTES];
	cursor_page_name(t->playlist_id, i, name);
	return m->put(m->ctx, name, body, err);
}

static enum rc keep_head(struct take *t, struct err *err)
{
	const struct source_memory *m = &t->o->memory;
	char name[CURSOR_NAME_BYTES];
	cursor_name(t->playlist_id, CURSOR_HEAD, name);
	return m->put(m->ctx, name, t->head, err);
}

static void note_total(struct take *t, const struct paging *p, bool *out_changed)
{
	struct cursor *c = &t->cursor;
	if (!p->has_total)
		return;
	if (c->has_total && c->total != p->total)
		*out_changed = true;
	if (!c->has_total)
		c->total = p->total;
	c->has_total = true;
}

/* Reads the page at `url`, keeps it, and sets the cursor on the next one. */
static enum rc read_page(struct take *t, struct slice url, bool known, bool *out_changed, struct err *err)
{
	struct cursor *c = &t->cursor;
	CLEANUP(arena_done) struct arena arena = arena_new(4 * t->o->page_limit_bytes + URL_BYTES);
	struct page_wanted w = {
		.t = t,
		.url = url,
		.offset_min = c->page_count ? c->page[c->page_count - 1].offset + 1 : 0,
		.items_before = cursor_items(c),
		.scratch = arena_new(t->o->page_limit_bytes + URL_BYTES),
	};
	struct slice body;
	struct cursor_object o;
	enum rc rc = ask(t, url, known, page_fits, &w, &arena, &body, &o, err); /* w.paging is that of `body` */
	bool nowhere = rc == RC_OK && leads_nowhere(&w, &w.paging);
	struct slice next = rc == RC_OK && !nowhere && w.paging.next.ptr ? arena_copy(&c->arena, w.paging.next) : SLICE_NULL;
	struct paging paging = w.paging;
	arena_done(&w.scratch);
	TRY(rc);
	note_total(t, &paging, out_changed);
	if (nowhere)
		cursor_warn(c, "the last page named a next page that leads nowhere: not followed");
	c->next = next;
	if (nowhere && paging.items == 0 && c->page_count)
		return RC_OK; /* it holds nothing, and says so in vain */
	o.offset = paging.offset;
	o.items = paging.items;
	size_t i = c->page_count;
	*cursor_add_page(c) = o;
	if (i == 0 && !next.ptr) {
		t->only_page = arena_copy(&t->bodies, body);
		return RC_OK;
	}
	if (i == 0)
		TRY(keep_head(t, err));
	TRY(keep_page(t, i, body, err));
	return cursor_save(&t->o->memory, t->playlist_id, CURSOR_FILE, c, err);
}

static bool other_may_answer(enum rc rc)
{
	return rc == RC_NOT_FOUND || rc == RC_REJECT;
}

/* /items, the name of 2026, or /tracks, which older apps know: the one that answers is remembered. */
static enum rc read_first(struct take *t, bool *out_changed, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * URL_BYTES);
	enum spotify_endpoint first = t->state->endpoint == ENDPOINT_TRACKS ? ENDPOINT_TRACKS : ENDPOINT_ITEMS;
	enum spotify_endpoint other = first == ENDPOINT_ITEMS ? ENDPOINT_TRACKS : ENDPOINT_ITEMS, found = first;
	struct err second = { 0 };
	enum rc rc = read_page(t, first_url(t, first, &arena), false, out_changed, err);
	if (other_may_answer(rc)) {
		enum rc other_rc = read_page(t, first_url(t, other, &arena), false, out_changed, &second);
		if (other_rc != RC_OK && !other_may_answer(other_rc)) {
			if (err)
				*err = second;
			return other_rc;
		}
		found = other;
		rc = other_rc == RC_OK ? RC_OK : rc;
	}
	if (rc == RC_OK && t->state->endpoint != found) {
		t->state->endpoint = found;
		t->state->changed = true;
	}
	return rc;
}

/* Pages up to the last; ends early when `total` shows that the playlist has changed. */
static enum rc read_pages(struct take *t, bool may_retake, bool *out_changed, struct err *err)
{
	struct cursor *c = &t->cursor;
	while (c->next.ptr && !(*out_changed && may_retake)) {
		if ((int64_t) c->page_count >= t->o->pages_max)
			return err_set(err, RC_REJECT, "more than %lld pages (snapshot_pages_max)", (long long) t->o->pages_max);
		if (!spotify_is_api_url(t->o->api, c->next))
			return err_set(err, RC_REJECT, "its next page lies elsewhere, at '%.100s': not followed", c->next.ptr);
		TRY(read_page(t, c->next, true, out_changed, err));
	}
	return RC_OK;
}

static void warn_changed(struct take *t)
{
	char text[200];
	(void) snprintf(text, sizeof text, "the playlist changed while it was read, %lld times in a row: these pages may not fit together",
	                (long long) t->cursor.takes);
	cursor_warn(&t->cursor, text);
}

/* The one that was just seen, when there is one. */
static enum rc first_head(struct take *t, struct arena *arena, struct head_answer *out, struct err *err)
{
	if (!t->checked.ptr)
		return ask_head(t, t->cursor.takes > 1, arena, out, err);
	out->body = arena_copy(arena, t->checked);
	t->checked = SLICE_NULL;
	out->object = t->checked_object;
	out->object.url = arena_copy(&t->cursor.arena, out->object.url);
	out->object.etag = out->object.etag.ptr ? arena_copy(&t->cursor.arena, out->object.etag) : SLICE_NULL;
	return playlist_head_read(out->body, arena, &out->head, err);
}

/* One take, from the playlist's head to the look at it afterwards. *out_again: it changed, and there may be another. */
static enum rc read_once(struct take *t, bool *out_again, struct err *err)
{
	struct cursor *c = &t->cursor;
	CLEANUP(arena_done) struct arena arena = arena_new(4 * t->o->page_limit_bytes + URL_BYTES);
	bool changed = false, may_retake = c->takes <= t->o->retakes_max;
	struct head_answer a, after = { 0 };
	struct playlist_head head;
	*out_again = false;
	if (!c->has_head) {
		enum rc rc = first_head(t, &arena, &a, err);
		if (other_may_answer(rc))
			return explain(t, NULL, rc, err);
		TRY(rc);
		use_head(t, &a);
	}
	TRY(playlist_head_read(t->head, &arena, &head, err));
	if (c->page_count == 0) {
		enum rc rc = read_first(t, &changed, err);
		if (other_may_answer(rc))
			return explain(t, &head, rc, err);
		TRY(rc);
	}
	TRY(read_pages(t, may_retake, &changed, err));
	if (c->page_count > 1 && !(changed && may_retake)) {
		TRY(ask_head(t, true, &arena, &after, err));
		changed = changed || !is_same(c, &after.head);
		if (changed && !may_retake && after.head.snapshot_id.ptr)
			c->last_id = arena_copy(&c->arena, after.head.snapshot_id);
	}
	if (changed && may_retake) {
		log_debug("spotify", "%.*s changed while it was read: taken again", SLICE_FMT(t->playlist_id));
		cursor_restart(c);
		*out_again = true;
		if (after.body.ptr) /* the look at the end is the look at the beginning of the next */
			use_head(t, &after);
		return RC_OK;
	}
	if (changed)
		warn_changed(t);
	c->whole = true;
	return c->page_count > 1 ? cursor_save(&t->o->memory, t->playlist_id, CURSOR_FILE, c, err) : RC_OK;
}

enum rc take_read(struct take *t, struct err *err)
{
	bool again = true;
	if (t->cursor.has_head && !t->head.ptr)
		TRY(load_head(t, err)); /* of a whole snapshot, which nobody checked */
	while (again && !t->cursor.whole)
		TRY(read_once(t, &again, err));
	return RC_OK;
}

static enum rc kept_page(struct take *t, size_t i, struct arena *arena, struct slice *out, struct err *err)
{
	const struct source_memory *m = &t->o->memory;
	char name[CURSOR_NAME_BYTES], sha256[HASH_HEX_BYTES];
	if (i == 0 && t->cursor.page_count == 1 && t->only_page.ptr) {
		*out = t->only_page;
		return RC_OK;
	}
	cursor_page_name(t->playlist_id, i, name);
	TRY(m->get(m->ctx, name, arena, out, err));
	hash_sha256_hex(out->ptr ? *out : SLICE(""), sha256);
	if (out->ptr && strcmp(sha256, t->cursor.page[i].sha256) == 0)
		return RC_OK;
	TRY(cursor_forget(m, t->playlist_id, t->cursor.page_count, err));
	return err_set(err, RC_RETRY, "%s is gone or changed: the snapshot is taken anew by the next run", name);
}

enum rc take_hand_out(struct take *t, const struct source_sink *sink, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(t->o->page_limit_bytes + URL_BYTES);
	const struct cursor *c = &t->cursor;
	assert(c->whole);
	TRY(sink->object(sink->ctx, SOURCE_PLAYLIST, 0, t->head, err));
	for (size_t i = 0; i < c->page_count; i++) {
		struct slice body;
		arena_reset(&arena);
		TRY(kept_page(t, i, &arena, &body, err));
		TRY(sink->object(sink->ctx, SOURCE_PAGE, (int64_t) i, body, err));
	}
	for (size_t i = 0; sink->warn && i < c->warning_count; i++)
		sink->warn(sink->ctx, arena_copy(&arena, c->warning[i]).ptr);
	if (sink->last_id && c->last_id.ptr)
		sink->last_id(sink->ctx, c->last_id);
	return RC_OK;
}
