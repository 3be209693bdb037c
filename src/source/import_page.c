#include "source/import_page.h"

#include "base/json.h"

#define ADD(b, literal) buf_add((b), SLICE(literal))

static void add_string(const char *key, struct slice value, struct buf *b)
{
	buf_addf(b, ",\"%s\":", key);
	if (value.ptr)
		json_write_string(value, b);
	else
		ADD(b, "null");
}

/* {"external_urls":…,"href":…,"id":…,"name":…,"type":…,"uri":…  and no closing brace */
static void begin_object(const char *type, struct slice id, struct slice name, bool is_spotify, struct buf *b)
{
	if (is_spotify) { /* ids of letters and digits only */
		buf_addf(b, "{\"external_urls\":{\"spotify\":\"https://open.spotify.com/%s/%.*s\"}", type, SLICE_FMT(id));
		buf_addf(b, ",\"href\":\"https://api.spotify.com/v1/%ss/%.*s\"", type, SLICE_FMT(id));
	} else {
		ADD(b, "{\"external_urls\":{},\"href\":null");
	}
	add_string("id", id, b);
	add_string("name", name, b);
	buf_addf(b, ",\"type\":\"%s\",\"uri\":", type);
	if (is_spotify)
		buf_addf(b, "\"spotify:%s:%.*s\"", type, SLICE_FMT(id));
	else
		ADD(b, "null");
}

static void add_url(struct slice playlist_id, int64_t offset, struct buf *b)
{
	buf_addf(b, "\"https://api.spotify.com/v1/playlists/%.*s/items?offset=%lld&limit=%d\"", SLICE_FMT(playlist_id),
	         (long long) offset, IMPORT_PAGE_ITEMS);
}

void import_page_begin(struct slice playlist_id, int64_t offset, int64_t total, struct buf *b)
{
	assert(offset >= 0 && offset % IMPORT_PAGE_ITEMS == 0 && (offset < total || offset == 0));
	ADD(b, "{\"href\":");
	add_url(playlist_id, offset, b);
	buf_addf(b, ",\"limit\":%d,\"next\":", IMPORT_PAGE_ITEMS);
	if (offset + IMPORT_PAGE_ITEMS < total)
		add_url(playlist_id, offset + IMPORT_PAGE_ITEMS, b);
	else
		ADD(b, "null");
	buf_addf(b, ",\"offset\":%lld,\"previous\":", (long long) offset);
	if (offset > 0)
		add_url(playlist_id, offset - IMPORT_PAGE_ITEMS, b);
	else
		ADD(b, "null");
	buf_addf(b, ",\"total\":%lld,\"items\":[", (long long) total);
}

void import_page_end(struct buf *b)
{
	ADD(b, "]}");
}

static void add_album(const struct import_item *item, struct buf *b)
{
	ADD(b, ",\"album\":");
	begin_object("album", item->album_id, item->album_name, item->album_id.ptr != NULL, b);
	if (item->release.ptr) {
		add_string("release_date", item->release, b);
		add_string("release_date_precision", item->release_precision, b);
	}
	ADD(b, "}");
}

void import_item_write(const struct import_item *item, bool first, struct buf *b)
{
	static const char *const type[] = { [IMPORT_TRACK] = "track", [IMPORT_EPISODE] = "episode", [IMPORT_LOCAL] = "track" };
	if (!first)
		ADD(b, ",");
	if (item->kind == IMPORT_NULL) {
		ADD(b, "null");
		return;
	}
	bool is_local = item->kind == IMPORT_LOCAL;
	const char *local = is_local ? "true" : "false";
	buf_addf(b, "{\"added_at\":null,\"is_local\":%s,\"item\":", local);
	begin_object(type[item->kind], item->id, item->name, !is_local, b);
	if (item->has_album)
		add_album(item, b);
	ADD(b, ",\"artists\":[");
	for (size_t i = 0; i < item->artist_count; i++) {
		if (i)
			ADD(b, ",");
		begin_object("artist", item->artist[i].id, item->artist[i].name, item->artist[i].is_spotify, b);
		ADD(b, "}");
	}
	ADD(b, "]");
	if (item->has_duration)
		buf_addf(b, ",\"duration_ms\":%lld", (long long) item->duration_ms);
	if (item->has_explicit)
		buf_addf(b, ",\"explicit\":%s", item->is_explicit ? "true" : "false");
	buf_addf(b, ",\"is_local\":%s", local);
	if (item->has_popularity)
		buf_addf(b, ",\"popularity\":%lld", (long long) item->popularity);
	ADD(b, "}}");
}

void import_playlist_write(const struct import_playlist *p, struct buf *b)
{
	begin_object("playlist", p->id, p->name, p->is_spotify, b);
	if (p->description.ptr)
		add_string("description", p->description, b);
	if (p->has_followers)
		buf_addf(b, ",\"followers\":{\"href\":null,\"total\":%lld}", (long long) p->followers);
	if (p->owner_name.ptr) {
		ADD(b, ",\"owner\":{\"display_name\":");
		json_write_string(p->owner_name, b);
		add_string("id", p->owner_id, b);
		ADD(b, ",\"type\":\"user\"}");
	}
	if (p->snapshot_id.ptr)
		add_string("snapshot_id", p->snapshot_id, b);
	ADD(b, "}");
}
