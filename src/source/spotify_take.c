#include "source/spotify_take.h"

#include "base/buf.h"
#include "base/log.h"
#include "source/spotify_ask.h"

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

/* --- the playlist without its items ------------------------------------------------------------------------- */

static void use_head(struct take *t, const struct head_answer *a)
{
	struct cursor *c = &t->cursor;
	c->head = a->object;
	c->has_head = true;
	c->snapshot_id = a->head.snapshot_id.ptr ? arena_copy(&c->arena, a->head.snapshot_id) : SLICE_NULL;
	arena_reset(&t->bodies);
	t->head = arena_copy(&t->bodies, a->body);
}

static enum rc load_head(struct take *t, struct err *err)
{
	arena_reset(&t->bodies);
	return cursor_body(&t->o->memory, t->playlist_id, SOURCE_PLAYLIST, 0, &t->cursor.head, &t->bodies, &t->head, err);
}

enum rc take_check(struct take *t, bool *out_same, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * t->o->page_limit_bytes + ASK_URL_BYTES);
	struct head_answer a;
	*out_same = false;
	enum rc rc = t->cursor.has_head ? load_head(t, err) : RC_NOT_FOUND;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(ask_head(t, false, &arena, &a, err));
	*out_same = head_is_same(&t->cursor, &a.head);
	if (*out_same)
		return RC_OK;
	t->checked = arena_copy(&t->bodies, a.body);
	t->checked_object = a.object;
	t->checked_object.url = arena_copy(&t->bodies, a.object.url);
	t->checked_object.etag = a.object.etag.ptr ? arena_copy(&t->bodies, a.object.etag) : SLICE_NULL;
	return RC_OK;
}

/* --- pages -------------------------------------------------------------------------------------------------- */

#define NEXT_BYTES_MAX ((size_t) 8 << 10)

struct page_wanted {
	const struct take *t;
	struct slice url;
	int64_t offset_min, items_before; /* offset_min is exact where the address says so */
	bool offset_exact;
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

static bool url_offset(struct slice url, int64_t *out)
{
	size_t at = slice_find(url, '?', 0);
	while (at < url.len) {
		size_t end = slice_find(url, '&', at + 1);
		struct slice pair = slice_sub(url, at + 1, end - at - 1), name = SLICE("offset=");
		if (slice_starts(pair, name))
			return slice_to_int(slice_sub(pair, name.len, pair.len - name.len), out);
		at = end;
	}
	return false;
}

/* What `offset` of the address says; without one, somewhere behind the last page. */
static void want_offset(struct page_wanted *w, const struct cursor *c)
{
	int64_t offset;
	w->offset_min = c->page_count ? c->page[c->page_count - 1].offset + 1 : 0;
	w->offset_exact = c->page_count == 0;
	if (!url_offset(w->url, &offset) || offset < w->offset_min)
		return;
	w->offset_min = offset;
	w->offset_exact = true;
}

static bool page_fits(void *ctx, struct slice body, struct err *why)
{
	struct page_wanted *w = ctx;
	arena_reset(&w->scratch);
	if (!arena_fits(&w->scratch, body.len + 1) || paging_read(body, &w->scratch, &w->paging, why) != RC_OK)
		return false;
	const struct paging *p = &w->paging;
	if (p->offset < w->offset_min || (w->offset_exact && p->offset > w->offset_min)) {
		(void) err_set(why, RC_REJECT, "the page begins at offset %lld, one %s %lld was asked for", (long long) p->offset,
		               w->offset_exact ? "at" : "after", (long long) w->offset_min - !w->offset_exact);
		return false;
	}
	if (p->next.len > NEXT_BYTES_MAX) {
		(void) err_set(why, RC_REJECT, "the page at offset %lld names a next page by %zu bytes", (long long) p->offset, p->next.len);
		return false;
	}
	if (leads_nowhere(w, p) && !is_end(w, p)) {
		(void) err_set(why, RC_REJECT, "the page at offset %lld names a next page that leads nowhere", (long long) p->offset);
		return false;
	}
	return true;
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

/* The whole answer is kept: in memory while it may be the only page, else beside the cursor. */
static enum rc keep_page(struct take *t, size_t i, const struct cursor_object *o, struct slice body, struct err *err)
{
	const struct source_memory *m = &t->o->memory;
	if (i == 0)
		TRY(cursor_keep_body(m, t->playlist_id, SOURCE_PLAYLIST, 0, &t->cursor.head, t->head, err));
	TRY(cursor_keep_body(m, t->playlist_id, SOURCE_PAGE, i, o, body, err));
	return cursor_save(m, t->playlist_id, &t->cursor, err);
}

/* Reads the page at `url`, keeps it, and sets the cursor on the next one. */
static enum rc read_page(struct take *t, struct slice url, bool known, bool *out_changed, struct err *err)
{
	struct cursor *c = &t->cursor;
	CLEANUP(arena_done) struct arena arena = arena_new(4 * t->o->page_limit_bytes + ASK_URL_BYTES);
	struct page_wanted w = {
		.t = t,
		.url = url,
		.items_before = cursor_items(c),
		.scratch = arena_new(t->o->page_limit_bytes + ASK_URL_BYTES),
	};
	struct slice body;
	struct cursor_object o;
	want_offset(&w, c);
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
	return keep_page(t, i, &o, body, err);
}

static bool other_may_answer(enum rc rc)
{
	return rc == RC_NOT_FOUND || rc == RC_REJECT;
}

/* /items, the name of 2026, or /tracks, which older apps know: the one that answers is remembered. */
static enum rc read_first(struct take *t, bool *out_changed, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * ASK_URL_BYTES);
	enum spotify_endpoint first = t->state->endpoint == ENDPOINT_TRACKS ? ENDPOINT_TRACKS : ENDPOINT_ITEMS;
	enum spotify_endpoint other = first == ENDPOINT_ITEMS ? ENDPOINT_TRACKS : ENDPOINT_ITEMS, found = first;
	struct err second = { 0 };
	enum rc rc = read_page(t, ask_first_url(t, first, &arena), false, out_changed, err);
	if (other_may_answer(rc)) {
		enum rc other_rc = read_page(t, ask_first_url(t, other, &arena), false, out_changed, &second);
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

/* Of all pages and the total: what two takes of a playlist that stood still have in common. */
static void hash_pages(const struct cursor *c, char out[static HASH_HEX_BYTES])
{
	CLEANUP(buf_done) struct buf text = buf_new(CURSOR_BYTES_MAX);
	buf_addf(&text, "%lld\n", c->has_total ? (long long) c->total : -1);
	for (size_t i = 0; i < c->page_count; i++)
		buf_addf(&text, "%s\n", c->page[i].sha256);
	hash_sha256_hex(buf_slice(&text), out);
}

/* Spotify's own lists may have another snapshot_id with each request (the public playlist archive found that out): when the pages
 * are those of the take before, a further take would show the same. */
static bool stood_still(struct take *t)
{
	char pages[HASH_HEX_BYTES];
	hash_pages(&t->cursor, pages);
	bool same = strcmp(pages, t->pages_before) == 0;
	memcpy(t->pages_before, pages, sizeof pages);
	return same;
}

static void warn_changed(struct take *t, bool still)
{
	char text[200];
	if (still) {
		cursor_warn(&t->cursor, "snapshot_id changes with each request; two takes in a row hold the same pages");
		return;
	}
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
	CLEANUP(arena_done) struct arena arena = arena_new(4 * t->o->page_limit_bytes + ASK_URL_BYTES);
	bool changed = false, still = false, may_retake = c->takes <= t->o->retakes_max;
	struct head_answer a, after = { 0 };
	struct playlist_head head;
	*out_again = false;
	if (!c->has_head) {
		enum rc rc = first_head(t, &arena, &a, err);
		if (other_may_answer(rc))
			return ask_explain(t, NULL, rc, err);
		TRY(rc);
		use_head(t, &a);
	}
	TRY(playlist_head_read(t->head, &arena, &head, err));
	if (c->page_count == 0) {
		enum rc rc = read_first(t, &changed, err);
		if (other_may_answer(rc))
			return ask_explain(t, &head, rc, err);
		TRY(rc);
	}
	TRY(read_pages(t, may_retake, &changed, err));
	if (c->page_count > 1 && !(changed && may_retake)) {
		TRY(ask_head(t, true, &arena, &after, err));
		bool same_total = !changed && (!c->has_total || !after.head.has_total || c->total == after.head.total);
		changed = changed || !head_is_same(c, &after.head);
		still = changed && stood_still(t) && same_total;
		may_retake = may_retake && !still;
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
		warn_changed(t, still);
	c->whole = true;
	return c->page_count > 1 ? cursor_save(&t->o->memory, t->playlist_id, c, err) : RC_OK;
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
	if (i == 0 && t->cursor.page_count == 1 && t->only_page.ptr) {
		*out = t->only_page;
		return RC_OK;
	}
	struct err why = { 0 };
	enum rc rc = cursor_body(m, t->playlist_id, SOURCE_PAGE, i, &t->cursor.page[i], arena, out, &why);
	if (rc != RC_NOT_FOUND)
		return rc == RC_OK ? RC_OK : err_set(err, rc, "%s", why.msg);
	TRY(cursor_forget(m, t->playlist_id, err));
	return err_set(err, RC_RETRY, "%s: the snapshot is taken anew by the next run", why.msg);
}

enum rc take_hand_out(struct take *t, const struct source_sink *sink, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(t->o->page_limit_bytes + ASK_URL_BYTES);
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
