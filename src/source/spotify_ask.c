/* One answer at a time: addresses, ETags, and why a playlist cannot be read. */
#include "source/spotify_ask.h"

#include "base/buf.h"
#include "spotify/playlist_ref.h"

#define TRACKS_LIMIT 100
#define ITEMS_LIMIT 50 /* what the documentation allows (2026); more is refused with 400 */

static const char head_fields[] =
	"collaborative,description,external_urls,followers,href,id,name,owner,primary_color,public,snapshot_id,type,uri,"
	"items(total),tracks(total)";
#define TRACK_FIELDS \
	"artists(external_urls,id,name,uri),disc_number,duration_ms,episode,explicit,external_ids,external_urls,href,id,is_local," \
	"is_playable,linked_from,name,popularity,restrictions,track_number,type,uri,album(album_type,artists(external_urls,id,name,uri)," \
	"external_urls,href,id,images,name,release_date,release_date_precision,total_tracks,type,uri)"
static const char page_fields[] =
	"href,limit,next,offset,previous,total,items(added_at,added_by.id,is_local,item(" TRACK_FIELDS "),track(" TRACK_FIELDS "))";
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
	CLEANUP(buf_done) struct buf url = buf_new(ASK_URL_BYTES);
	buf_addf(&url, "%s/playlists/%.*s", spotify_api_url(t->o->api), SLICE_FMT(t->playlist_id));
	add_query(&url, "fields", head_fields, arena);
	add_query(&url, "market", t->o->market, arena);
	return arena_copy(arena, slice_of(buf_str(&url)));
}

struct slice ask_first_url(const struct take *t, enum spotify_endpoint endpoint, struct arena *arena)
{
	bool tracks = endpoint == ENDPOINT_TRACKS;
	char limit[16];
	CLEANUP(buf_done) struct buf url = buf_new(ASK_URL_BYTES);
	(void) snprintf(limit, sizeof limit, "%d", tracks ? TRACKS_LIMIT : ITEMS_LIMIT);
	buf_addf(&url, "%s/playlists/%.*s/%s", spotify_api_url(t->o->api), SLICE_FMT(t->playlist_id), tracks ? "tracks" : "items");
	add_query(&url, "limit", limit, arena);
	add_query(&url, "additional_types", "track,episode", arena); /* else episodes come disguised as tracks */
	add_query(&url, "market", t->o->market, arena);
	add_query(&url, "fields", t->o->only_fields ? page_fields : "", arena);
	return arena_copy(arena, slice_of(buf_str(&url)));
}

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

enum rc ask(struct take *t, struct slice url, bool known, bool (*fits)(void *ctx, struct slice body, struct err *why),
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
	CLEANUP(arena_done) struct arena scratch = arena_new(ASK_URL_BYTES + body.len);
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

enum rc ask_head(struct take *t, bool known, struct arena *arena, struct head_answer *out, struct err *err)
{
	TRY(ask(t, head_url(t, arena), known, head_fits, t, arena, &out->body, &out->object, err));
	return playlist_head_read(out->body, arena, &out->head, err);
}

static bool same_id(struct slice a, struct slice b)
{
	return !a.ptr == !b.ptr && slice_eq(a, b);
}

bool head_is_same(const struct cursor *c, const struct playlist_head *h)
{
	return same_id(c->snapshot_id, h->snapshot_id) && (!c->has_total || !h->has_total || c->total == h->total);
}

/* --- why not ------------------------------------------------------------------------------------------------ */

#define WAYS_OUT \
	"Three ways out: (1) the id of an app that still may (extended quota); (2) copy the tracks into a playlist of your own, " \
	"`sargam login` and watch that; (3) history from public archives: `sargam import archive|csv PATH`"

/* The rule behind a refusal, and what a person can do (developer.spotify.com/blog, 2024-11-27 and 2026-02-06). */
enum rc ask_explain(const struct take *t, const struct playlist_head *head, enum rc rc, struct err *err)
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
