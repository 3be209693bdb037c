/* Playlists and their items. */
#include "base/log.h"
#include "base/mem.h"
#include "sim/simulator_private.h"

#define OFFSET_MAX 1000000000

bool api_list_request(struct call *c, int64_t limit_max, struct list_request *out)
{
	const char *limit = server_query(c->rq, "limit"), *offset = server_query(c->rq, "offset");
	*out = (struct list_request){ .limit = LIMIT_DEFAULT };
	if (limit && (!slice_to_int(slice_of(limit), &out->limit) || out->limit < 1 || out->limit > limit_max)) {
		answer_error(c, 400, "Invalid limit");
		return false;
	}
	if (offset && (!slice_to_int(slice_of(offset), &out->offset) || out->offset < 0 || out->offset > OFFSET_MAX)) {
		answer_error(c, 400, "Invalid offset");
		return false;
	}
	return true;
}

static bool is_market(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return strcmp(s, "from_token") == 0 || (strlen(s) == 2 && strspn(s, letters) == 2);
}

static bool has_episode(const char *types)
{
	struct slice s = slice_of(types);
	for (size_t at = 0; at < s.len;) {
		size_t end = slice_find(s, ',', at);
		if (slice_is(slice_trim(slice_sub(s, at, end - at)), "episode"))
			return true;
		at = end + 1;
	}
	return false;
}

/* What decides how items look; `market` and `types` may be NULL. */
static struct view view_of(const struct settings *set, const char *market, const char *types)
{
	bool new = set->population == SIMULATOR_NEW;
	return (struct view){
		.shape = set->shape == SIMULATOR_AUTO && new ? SIMULATOR_ITEMS : set->shape,
		.strip = new,
		.market = market && *market,
		.episodes = types &&has_episode(types),
	};
}

/* false: it has answered 400. */
static bool read_view(struct call *c, struct view *out)
{
	const char *market = server_query(c->rq, "market"), *fields = server_query(c->rq, "fields");
	*out = view_of(&c->set, market, server_query(c->rq, "additional_types"));
	if (market && *market && !is_market(market)) {
		answer_error(c, 400, "Invalid market code");
		return false;
	}
	if (fields && *fields && !fields_parse(slice_of(fields), c->rq->arena, &out->fields)) {
		answer_error(c, 400, "Invalid fields");
		return false;
	}
	return true;
}

/* NULL: it has answered 404.  Nothing of Spotify's own for apps in development mode since 2024-11-27. */
static struct listing *find(struct call *c)
{
	struct listing *l = chart_find(c->s, c->playlist_id);
	if (l && l->spotify_owned && c->set.population != SIMULATOR_EXTENDED)
		l = NULL;
	if (!l)
		answer_error(c, 404, "Resource not found");
	return l;
}

static bool is_own(const struct call *c, const struct listing *l)
{
	return c->user && !l->spotify_owned && strcmp(l->owner_id, c->set.user_id) == 0;
}

/* May the client read the items of this playlist? */
static bool may_read(const struct call *c, const struct listing *l)
{
	return c->set.shape != SIMULATOR_NONE && (c->set.population != SIMULATOR_NEW || is_own(c, l));
}

static bool show(struct call *c, struct listing *l, struct shown **out)
{
	struct err err = { 0 };
	enum rc rc = chart_show(c->s, l, out, &err);
	if (rc == RC_OK)
		return true;
	if (rc != RC_NOT_FOUND)
		log_warn("simulate", "%s", err.msg);
	answer_error(c, rc == RC_NOT_FOUND ? 404 : 500, rc == RC_NOT_FOUND ? "Resource not found" : "Server error.");
	return false;
}

static void finish(struct call *c, const struct buf *text)
{
	if (text->over)
		answer_error(c, 500, "Server error.");
	else
		answer_json(c, 200, text);
}

/* --- a page */

struct page {
	const char *id, *tail;   /* "items" or "tracks" */
	int64_t offset, limit, next_limit;
	bool fields;             /* the parameter stays in the addresses */
};

static void url(struct call *c, const struct page *p, int64_t offset, int64_t limit, struct buf *out)
{
	static const char *const kept[] = { "market", "fields", "additional_types" };
	CLEANUP(buf_done) struct buf b = buf_new(ANSWER_BYTES_MAX);
	buf_addf(&b, "%s/v1/playlists/%s/%s?offset=%lld&limit=%lld", c->s->url, p->id, p->tail, (long long) offset,
	         (long long) limit);
	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		struct slice value = raw_query(c->rq, kept[i]);
		if (value.len > 0 && (p->fields || strcmp(kept[i], "fields") != 0))
			buf_addf(&b, "&%s=%.*s", kept[i], SLICE_FMT(value));
	}
	json_write_string(buf_slice(&b), out);
}

static void url_or_null(bool there, struct call *c, const struct page *p, int64_t offset, int64_t limit, struct buf *out)
{
	if (there)
		url(c, p, offset, limit, out);
	else
		buf_adds(out, "null");
}

static void write_page(struct call *c, const struct shown *shown, const struct view *view, const struct page *p, struct buf *out)
{
	size_t from = (uint64_t) p->offset > shown->count ? shown->count : (size_t) p->offset;
	size_t to = shown->count - from > (uint64_t) p->limit ? from + (size_t) p->limit : shown->count;
	bool endless = c->firing.fires && c->firing.kind == FAULT_ENDLESS;
	bool itself = endless && c->firing.self;
	buf_adds(out, "{\"href\":");
	url(c, p, p->offset, p->limit, out);
	buf_adds(out, ",\"items\":");
	view_items(shown, view, from, to, out);
	buf_addf(out, ",\"limit\":%lld,\"next\":", (long long) p->limit);
	url_or_null(to < shown->count || endless, c, p, itself ? p->offset : p->offset + p->limit, p->next_limit, out);
	buf_addf(out, ",\"offset\":%lld,\"previous\":", (long long) p->offset);
	url_or_null(p->offset > 0, c, p, p->offset > p->limit ? p->offset - p->limit : 0, p->limit, out);
	buf_addf(out, ",\"total\":%zu}", shown->count + shown->hidden);
}

static void answer_page(struct call *c, struct shown *shown, const struct view *view, const struct page *p)
{
	CLEANUP(buf_done) struct buf raw = buf_new(RAW_BYTES_MAX), text = buf_new(ANSWER_BYTES_MAX);
	write_page(c, shown, view, p, &raw);
	if (raw.over || view_filter(buf_slice(&raw), BODY_PAGING, view, !c->s->world, &text, NULL) != RC_OK)
		answer_error(c, 500, "Server error.");
	else
		finish(c, &text);
}

void api_items(struct call *c)
{
	bool tracks = c->route == ROUTE_TRACKS;
	struct list_request list;
	struct view view = view_of(&c->set, NULL, NULL);
	struct shown *shown;
	if (!tracks && view.shape == SIMULATOR_TRACKS) {
		answer_error(c, 404, "Service not found");
		return;
	}
	if (tracks && view.shape == SIMULATOR_ITEMS) { /* removed in 2026-02 */
		answer_error(c, 403, "Forbidden");
		return;
	}
	if (!api_list_request(c, c->set.limit_max, &list) || !read_view(c, &view))
		return;
	struct listing *l = find(c);
	if (!l)
		return;
	if (!may_read(c, l)) {
		answer_error(c, 403, "Forbidden");
		return;
	}
	if (!show(c, l, &shown))
		return;
	const struct page p = { .id = l->id,
		                .tail = tracks ? "tracks" : "items",
		                .offset = list.offset,
		                .limit = list.limit,
		                .next_limit = list.limit,
		                .fields = true };
	answer_page(c, shown, &view, &p);
	chart_put(c->s, shown);
}

/* --- a playlist */

static struct json *bare_playlist(struct call *c, const struct listing *l, const struct shown *shown)
{
	struct json *playlist = NULL;
	enum rc rc = json_parse(slice_of(shown->meta), &playlist, NULL);
	assert(rc == RC_OK);
	json_set(playlist, "href", json_new_string(arena_printf(c->rq->arena, "%s/v1/playlists/%s", c->s->url, l->id)));
	json_set(playlist, "snapshot_id", json_new_string(slice_of(shown->snapshot_id)));
	return playlist;
}

/* Under which names a playlist holds its items. */
static bool holds(const struct shown *shown, enum simulator_shape shape, bool items)
{
	switch (shape) {
	case SIMULATOR_TRACKS: return !items;
	case SIMULATOR_ITEMS: return items;
	case SIMULATOR_BOTH: return true;
	case SIMULATOR_NONE: return false;
	default: return items ? shown->item_shape : shown->both || !shown->item_shape;
	}
}

static struct json *embedded(struct call *c, const struct listing *l, const struct shown *shown, const struct view *view,
                             bool items)
{
	int64_t next_limit = c->set.limit_max < EMBEDDED_ITEMS ? c->set.limit_max : EMBEDDED_ITEMS;
	const struct page p = {
		.id = l->id, .tail = items ? "items" : "tracks", .limit = EMBEDDED_ITEMS, .next_limit = next_limit
	};
	CLEANUP(buf_done) struct buf raw = buf_new(RAW_BYTES_MAX);
	struct json *paging = NULL;
	write_page(c, shown, view, &p, &raw);
	return raw.over || json_parse(buf_slice(&raw), &paging, NULL) != RC_OK ? json_new_null() : paging;
}

void api_playlist(struct call *c)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	struct view view;
	struct shown *shown;
	if (!read_view(c, &view))
		return;
	struct listing *l = find(c);
	if (!l || !show(c, l, &shown))
		return;
	CLEANUP(json_freep) struct json *playlist = bare_playlist(c, l, shown);
	for (int items = 0; items < 2; items++) {
		if (may_read(c, l) && holds(shown, view.shape, items))
			json_set(playlist, items ? "items" : "tracks", embedded(c, l, shown, &view, items));
	}
	view_write(playlist, BODY_PLAYLIST, &view, !c->s->world, &text);
	chart_put(c->s, shown);
	finish(c, &text);
}

/* --- the user's playlists: all there are, owned or followed, but those this population never sees */

static struct json *simplified(struct call *c, struct listing *l, const struct view *view)
{
	struct shown *shown;
	if (chart_show(c->s, l, &shown, NULL) != RC_OK)
		return json_new_null();
	struct json *playlist = bare_playlist(c, l, shown);
	for (int items = 0; items < 2; items++) {
		const char *tail = items ? "items" : "tracks";
		if (!may_read(c, l) || !holds(shown, view->shape, items))
			continue;
		struct json *some = json_new_object();
		json_set(some, "href",
		         json_new_string(arena_printf(c->rq->arena, "%s/v1/playlists/%s/%s", c->s->url, l->id, tail)));
		json_set(some, "total", json_new_integer((int64_t) (shown->count + shown->hidden)));
		json_set(playlist, tail, some);
	}
	chart_put(c->s, shown);
	return playlist;
}

static struct json *my_url(struct call *c, bool there, int64_t offset, int64_t limit)
{
	if (!there)
		return json_new_null();
	return json_new_string(arena_printf(c->rq->arena, "%s/v1/me/playlists?offset=%lld&limit=%lld", c->s->url,
	                                    (long long) offset, (long long) limit));
}

void api_my_playlists(struct call *c)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	CLEANUP(json_freep) struct json *body = json_new_object(), *items = json_new_array();
	const struct view view = view_of(&c->set, NULL, NULL);
	struct list_request list;
	int64_t total = 0;
	if (!api_list_request(c, PLAYLISTS_LIMIT_MAX, &list))
		return;
	for (size_t i = 0; i < c->s->listing_count; i++) {
		struct listing *l = &c->s->listing[i];
		if ((l->spotify_owned && c->set.population != SIMULATOR_EXTENDED) || !chart_exists(c->s, l))
			continue;
		if (total >= list.offset && total < list.offset + list.limit)
			json_append(items, simplified(c, l, &view));
		total++;
	}
	json_set(body, "href", my_url(c, true, list.offset, list.limit));
	json_set(body, "items", TAKE(items));
	json_set(body, "limit", json_new_integer(list.limit));
	json_set(body, "next", my_url(c, list.offset + list.limit < total, list.offset + list.limit, list.limit));
	json_set(body, "offset", json_new_integer(list.offset));
	json_set(body, "previous",
	         my_url(c, list.offset > 0, list.offset > list.limit ? list.offset - list.limit : 0, list.limit));
	json_set(body, "total", json_new_integer(total));
	view_write(body, BODY_PLAYLISTS, &view, false, &text);
	finish(c, &text);
}

/* --- what must have been read in the end */

#define TRUTH_ITEMS_AT_ONCE 100

static enum rc write_truth(const struct shown *shown, const struct view *view, bool recorded, struct buf *out, struct err *err)
{
	CLEANUP(buf_done) struct buf raw = buf_new(RAW_BYTES_MAX), some = buf_new(RAW_BYTES_MAX);
	buf_addc(out, '[');
	for (size_t from = 0; from < shown->count; from += TRUTH_ITEMS_AT_ONCE) {
		buf_reset(&raw);
		buf_reset(&some);
		size_t left = shown->count - from;
		view_items(shown, view, from, from + (left < TRUTH_ITEMS_AT_ONCE ? left : TRUTH_ITEMS_AT_ONCE), &raw);
		TRY(buf_ok(&raw, "the items of a playlist", err));
		TRY(view_filter(buf_slice(&raw), BODY_ITEM, view, recorded, &some, err));
		if (from > 0)
			buf_addc(out, ',');
		buf_add(out, slice_sub(buf_slice(&some), 1, some.len - 2));
	}
	buf_addc(out, ']');
	return buf_ok(out, "the items of a playlist", err);
}

enum rc simulator_truth(struct simulator *s, struct slice playlist_id, const char *market, const char *additional_types,
                        struct buf *out_items_json, struct simulator_truth *out, struct err *err)
{
	struct listing *l = chart_find(s, playlist_id);
	struct shown *shown;
	if (!l)
		return err_set(err, RC_NOT_FOUND, "no playlist '%.*s'", SLICE_FMT(playlist_id));
	TRY(chart_show(s, l, &shown, err));
	simulator_lock(s);
	const struct settings set = s->set;
	simulator_unlock(s);
	const struct view view = view_of(&set, market, additional_types);
	*out = (struct simulator_truth){ .total = (int64_t) (shown->count + shown->hidden), .items = shown->count };
	memcpy(out->snapshot_id, shown->snapshot_id, sizeof out->snapshot_id);
	enum rc rc = write_truth(shown, &view, !s->world, out_items_json, err);
	chart_put(s, shown);
	return rc;
}
