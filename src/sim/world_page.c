/* Response bodies: the paging object and the playlist without its items. */
#include "base/mem.h"
#include "base/time.h"
#include "sim/world_private.h"

#define ADD(b, literal) buf_add((b), SLICE(literal))

static void page_url(const struct world_chart *c, size_t offset, size_t limit, struct buf *b)
{
	buf_addf(b, "\"https://api.spotify.com/v1/playlists/%s/%s?offset=%zu&limit=%zu%s\"", c->w->playlist[c->playlist].id,
	         c->item_shape ? "items" : "tracks", offset, limit, c->market ? "&market=IN" : "");
}

static void page_url_or_null(bool there, const struct world_chart *c, size_t offset, size_t limit, struct buf *b)
{
	if (there)
		page_url(c, offset, limit, b);
	else
		ADD(b, "null");
}

void world_page(const struct world_chart *c, size_t offset, size_t limit, struct buf *b)
{
	assert(limit > 0);
	struct world_track *scratch = mem_alloc(sizeof *scratch);
	size_t end = offset >= c->count ? offset : c->count - offset > limit ? offset + limit : c->count;

	ADD(b, "{\"href\":");
	page_url(c, offset, limit, b);
	ADD(b, ",\"items\":[");
	for (size_t i = offset; i < end; i++) {
		if (i > offset)
			ADD(b, ",");
		world_item_json(c, i + 1, scratch, b);
	}
	buf_addf(b, "],\"limit\":%zu,\"next\":", limit);
	page_url_or_null(end < c->count, c, offset + limit, limit, b);
	buf_addf(b, ",\"offset\":%zu,\"previous\":", offset);
	page_url_or_null(offset > 0, c, offset > limit ? offset - limit : 0, limit, b);
	buf_addf(b, ",\"total\":%zu}", c->total);
	mem_free(scratch);
}

void world_snapshot_id(const struct world_chart *c, uint64_t edit, char out[static WORLD_SNAPSHOT_ID_BYTES])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct rand_gen g = rand_new(world_draw(c->w->seed, DRAW_SNAPSHOT_ID, c->playlist, (uint64_t) c->unix_s) + edit);
	for (size_t i = 0; i < WORLD_SNAPSHOT_ID_BYTES - 1; i++)
		out[i] = digits[rand_next(&g) & 63];
	memcpy(out, "AAAA", 4);
	out[WORLD_SNAPSHOT_ID_BYTES - 1] = '\0';
}

void world_playlist_json(const struct world_chart *c, struct buf *b)
{
	const struct world_playlist *p = &c->w->playlist[c->playlist];
	bool renamed = p->later_name && c->day >= p->rename_day;

	ADD(b, "{\"collaborative\":false,\"description\":");
	world_string_json(slice_of(p->description ? p->description : ""), c->escaped, b);
	buf_addf(b, ",\"external_urls\":{\"spotify\":\"https://open.spotify.com/playlist/%s\"}", p->id);
	buf_addf(b, ",\"followers\":{\"href\":null,\"total\":%lld}", (long long) (p->followers + p->followers_per_day * c->day));
	buf_addf(b, ",\"href\":\"https://api.spotify.com/v1/playlists/%s\",\"id\":\"%s\"", p->id, p->id);
	ADD(b, ",\"images\":[],\"name\":");
	world_string_json(slice_of(renamed ? p->later_name : p->name), c->escaped, b);
	ADD(b, ",\"owner\":{\"display_name\":");
	world_string_json(slice_of(p->owner_name), c->escaped, b);
	buf_addf(b, ",\"external_urls\":{\"spotify\":\"https://open.spotify.com/user/%s\"}", p->owner_id);
	buf_addf(b, ",\"href\":\"https://api.spotify.com/v1/users/%s\",\"id\":\"%s\"", p->owner_id, p->owner_id);
	buf_addf(b, ",\"type\":\"user\",\"uri\":\"spotify:user:%s\"}", p->owner_id);
	char snapshot_id[WORLD_SNAPSHOT_ID_BYTES];
	world_snapshot_id(c, 0, snapshot_id);
	buf_addf(b, ",\"primary_color\":null,\"public\":true,\"snapshot_id\":\"%s\"", snapshot_id);
	buf_addf(b, ",\"type\":\"playlist\",\"uri\":\"spotify:playlist:%s\"}", p->id);
}
