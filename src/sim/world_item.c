/* One element of `items`, spelled as Spotify spells it, fields in its order. */
#include "base/time.h"
#include "sim/world_private.h"

#define ADD(b, literal) buf_add((b), SLICE(literal))

void world_string_json(struct slice s, bool ascii, struct buf *b)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < s.len;) {
		unsigned char ch = (unsigned char) s.ptr[i];
		size_t plain = i;
		while (plain < s.len && (unsigned char) s.ptr[plain] >= ' ' && s.ptr[plain] != '"' && s.ptr[plain] != '\\' &&
		       !(ascii && (unsigned char) s.ptr[plain] >= 0x80))
			plain++;
		buf_add(b, slice_sub(s, i, plain - i));
		if (plain > i) {
			i = plain;
			continue;
		}
		if (ch < 0x80) {
			if (ch == '"' || ch == '\\')
				buf_addf(b, "\\%c", ch);
			else if (ch == '\t')
				ADD(b, "\\t");
			else
				buf_addf(b, "\\u%04x", ch);
			i++;
			continue;
		}
		int more = ch >= 0xf0 ? 3 : ch >= 0xe0 ? 2 : 1; /* our own names: well-formed */
		unsigned code = ch & (0x3fu >> more);
		for (int k = 1; k <= more; k++)
			code = code << 6 | ((unsigned char) s.ptr[i + (size_t) k] & 0x3fu);
		if (code >= 0x10000)
			buf_addf(b, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
		else
			buf_addf(b, "\\u%04x", code);
		i += (size_t) more + 1;
	}
	buf_addc(b, '"');
}

static void text(const struct world_chart *c, const struct world_text *t, struct buf *b)
{
	world_string_json((struct slice){ t->s, t->len }, c->escaped, b);
}

static void number(int64_t value, bool as_float, struct buf *b)
{
	char digits[24];
	size_t at = sizeof digits;
	uint64_t rest = value < 0 ? -(uint64_t) value : (uint64_t) value;
	do
		digits[--at] = (char) ('0' + rest % 10);
	while (rest /= 10);
	if (value < 0)
		digits[--at] = '-';
	buf_add(b, (struct slice){ digits + at, sizeof digits - at });
	if (as_float)
		ADD(b, ".0");
}

/* "external_urls":{…},"href":…,"id":… and, at the end of the object, "type":…,"uri":… */
static void links(const char *type, const char *id, struct buf *b)
{
	ADD(b, "\"external_urls\":{\"spotify\":\"https://open.spotify.com/");
	buf_adds(b, type);
	ADD(b, "/");
	buf_adds(b, id);
	ADD(b, "\"},\"href\":\"https://api.spotify.com/v1/");
	buf_adds(b, type);
	ADD(b, "s/");
	buf_adds(b, id);
	ADD(b, "\",\"id\":\"");
	buf_adds(b, id);
	ADD(b, "\"");
}

static void type_uri(const char *type, const char *id, struct buf *b)
{
	ADD(b, "\"type\":\"");
	buf_adds(b, type);
	ADD(b, "\",\"uri\":\"spotify:");
	buf_adds(b, type);
	ADD(b, ":");
	buf_adds(b, id);
	ADD(b, "\"");
}

static void artist(const struct world_chart *c, const struct world_artist *a, struct buf *b)
{
	ADD(b, "{");
	if (a->has_id)
		links("artist", a->id, b);
	else
		ADD(b, "\"external_urls\":{},\"href\":null,\"id\":null");
	ADD(b, ",\"name\":");
	if (a->has_name)
		text(c, &a->name, b);
	else
		ADD(b, "null");
	ADD(b, ",");
	if (a->has_id)
		type_uri("artist", a->id, b);
	else
		ADD(b, "\"type\":\"artist\",\"uri\":null");
	ADD(b, "}");
}

static void markets(const struct world_chart *c, struct buf *b)
{
	static const char *const code[32] = {
		"IN", "AE", "GB", "US", "PK", "BD", "NP", "LK", "CA", "AU", "SG", "MY", "ZA", "NZ", "DE", "FR",
		"ES", "IT", "NL", "SE", "NO", "DK", "FI", "PL", "PT", "BR", "MX", "AR", "JP", "KR", "ID", "TH",
	};
	ADD(b, "\"available_markets\":[");
	for (int i = 0; i < c->w->markets; i++) {
		buf_adds(b, i ? ",\"" : "\"");
		buf_adds(b, code[i]);
		ADD(b, "\"");
	}
	ADD(b, "],");
}

static void images(const char *prefix_kind, const char *hex, struct buf *b)
{
	static const struct {
		const char *size, *code;
	} sizes[] = { { "640", "0000b273" }, { "300", "00001e02" }, { "64", "00004851" } };
	ADD(b, "\"images\":[");
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		buf_adds(b, i ? ",{\"height\":" : "{\"height\":");
		buf_adds(b, sizes[i].size);
		ADD(b, ",\"url\":\"https://i.scdn.co/image/");
		buf_adds(b, prefix_kind);
		buf_adds(b, sizes[i].code);
		buf_adds(b, hex);
		ADD(b, "\",\"width\":");
		buf_adds(b, sizes[i].size);
		ADD(b, "}");
	}
	ADD(b, "],");
}

static void quoted_or_null(bool there, const char *s, struct buf *b)
{
	if (!there) {
		ADD(b, "null");
		return;
	}
	ADD(b, "\"");
	buf_adds(b, s);
	ADD(b, "\"");
}

static void album(const struct world_chart *c, const struct world_track *t, struct buf *b)
{
	static const struct world_artist various = { true, true, 0, "0SampleVariousArtists0", { 15, "Various Artists" } };
	const struct world_album *a = &t->album;
	if (a->is_null) {
		ADD(b, "\"album\":null,");
		return;
	}
	ADD(b, "\"album\":{\"album_type\":\"");
	buf_adds(b, a->type);
	ADD(b, "\",\"artists\":[");
	if (a->artist == WORLD_ARTISTS_MAX)
		artist(c, &various, b);
	else if (t->artist_count)
		artist(c, &t->artist[a->artist], b);
	ADD(b, "],");
	if (!c->market)
		markets(c, b);
	links("album", a->id, b);
	ADD(b, ",");
	if (a->has_images)
		images("ab67616d", a->image, b);
	else
		ADD(b, "\"images\":[],");
	ADD(b, "\"name\":");
	text(c, &a->name, b);
	ADD(b, ",\"release_date\":");
	quoted_or_null(a->has_date, a->release_date, b);
	ADD(b, ",\"release_date_precision\":");
	quoted_or_null(a->has_date, a->precision, b);
	ADD(b, ",\"total_tracks\":");
	number(a->total_tracks, false, b);
	ADD(b, ",");
	type_uri("album", a->id, b);
	ADD(b, "},");
}

/* With an id that is null when `id` is NULL: what stays of a track that Spotify no longer knows. */
static void track_links(const char *id, struct buf *b)
{
	if (id)
		links("track", id, b);
	else
		ADD(b, "\"external_urls\":{},\"href\":null,\"id\":null");
}

static void track(const struct world_chart *c, const struct world_track *t, const char *id, struct buf *b)
{
	ADD(b, "{");
	album(c, t, b);
	ADD(b, "\"artists\":[");
	for (size_t i = 0; i < t->artist_count; i++) {
		if (i)
			ADD(b, ",");
		artist(c, &t->artist[i], b);
	}
	ADD(b, "],");
	if (!c->market)
		markets(c, b);
	ADD(b, "\"disc_number\":");
	number(t->disc_number, t->floats, b);
	ADD(b, ",\"duration_ms\":");
	number(t->duration_ms, t->floats, b);
	buf_adds(b, t->explicit ? ",\"episode\":false,\"explicit\":true," : ",\"episode\":false,\"explicit\":false,");
	if (t->isrc[0]) {
		ADD(b, "\"external_ids\":{\"isrc\":\"");
		buf_adds(b, t->isrc);
		ADD(b, "\"},");
	} else {
		ADD(b, "\"external_ids\":{},");
	}
	track_links(id, b);
	ADD(b, ",\"is_local\":false,");
	if (c->market)
		buf_adds(b, t->restricted ? "\"is_playable\":false," : "\"is_playable\":true,");
	if (t->relinked) {
		ADD(b, "\"linked_from\":{");
		links("track", t->id, b);
		ADD(b, ",");
		type_uri("track", t->id, b);
		ADD(b, "},");
	}
	ADD(b, "\"name\":");
	text(c, &t->name, b);
	if (!c->no_popularity) {
		ADD(b, ",\"popularity\":");
		if (t->popularity < 0)
			ADD(b, "null");
		else
			number(t->popularity, t->floats, b);
	}
	ADD(b, ",\"preview_url\":null,");
	if (t->restricted)
		ADD(b, "\"restrictions\":{\"reason\":\"market\"},");
	ADD(b, "\"track\":true,\"track_number\":");
	number(t->track_number, t->floats, b);
	ADD(b, ",");
	type_uri("track", id ? id : "", b);
	ADD(b, "}");
}

static void local_file(const struct world_chart *c, const struct world_track *t, struct buf *b)
{
	static const char empty_links[] = "\"external_urls\":{},\"href\":null,\"id\":null,";
	ADD(b, "{\"album\":{\"album_type\":null,\"artists\":[],\"available_markets\":[],");
	buf_adds(b, empty_links);
	ADD(b, "\"images\":[],\"name\":\"\",\"release_date\":null,\"release_date_precision\":null,\"type\":\"album\",\"uri\":null},"
	       "\"artists\":[{");
	buf_adds(b, empty_links);
	ADD(b, "\"name\":\"Ghar Ki Recording\",\"type\":\"artist\",\"uri\":null}],\"available_markets\":[],\"disc_number\":0,\"duration_ms\":");
	number(t->duration_ms / 1000 * 1000, false, b);
	ADD(b, ",\"explicit\":false,\"external_ids\":{},");
	buf_adds(b, empty_links);
	ADD(b, "\"is_local\":true,\"name\":");
	text(c, &t->name, b);
	ADD(b, ",\"popularity\":0,\"preview_url\":null,\"track_number\":0,\"type\":\"track\",\"uri\":\"spotify:local:Ghar+Ki+Recording::");
	number(t->duration_ms % 1000, false, b);
	ADD(b, ":");
	number(t->duration_ms / 1000, false, b);
	ADD(b, "\"}");
}

static void episode(const struct world_chart *c, uint64_t h, bool as_track, struct buf *b)
{
	char id[WORLD_ID_BYTES];
	struct world_text name, show;
	world_id(c->w->seed, DRAW_EPISODE, h, 0, id);
	name_episode(h, &name);
	name_show(h, &show);
	if (as_track) { /* what a client gets that asked for tracks only */
		ADD(b, "{\"album\":{\"album_type\":null,\"artists\":[{\"external_urls\":{},\"href\":null,\"id\":null,\"name\":null,"
		       "\"type\":\"show\",\"uri\":null}],\"available_markets\":[],\"external_urls\":{},\"href\":null,\"id\":null,"
		       "\"images\":[],\"name\":");
		text(c, &show, b);
		ADD(b, ",\"release_date\":null,\"release_date_precision\":null,\"total_tracks\":0,\"type\":\"show\",\"uri\":null},"
		       "\"artists\":[{\"external_urls\":{},\"href\":null,\"id\":null,\"name\":null,\"type\":\"show\",\"uri\":null}],"
		       "\"available_markets\":[],\"disc_number\":0,");
	} else {
		ADD(b, "{\"audio_preview_url\":null,\"description\":\"Two people, one balcony &amp; the rain.\",");
	}
	ADD(b, "\"duration_ms\":");
	number(600000 + (int64_t) (h % 2400000), false, b);
	ADD(b, ",\"episode\":true,\"explicit\":false,");
	links("episode", id, b);
	ADD(b, ",\"is_local\":false,\"name\":");
	text(c, &name, b);
	if (!as_track) {
		ADD(b, ",\"release_date\":\"2026-01-02\",\"release_date_precision\":\"day\",\"show\":{\"name\":");
		text(c, &show, b);
		ADD(b, ",\"type\":\"show\"}");
	}
	buf_adds(b, as_track ? ",\"popularity\":0,\"track\":false,\"track_number\":0,\"type\":\"track\",\"uri\":\"spotify:episode:"
	                     : ",\"track\":false,\"type\":\"episode\",\"uri\":\"spotify:episode:");
	buf_adds(b, id);
	ADD(b, "\"}");
}

/* What a client of 2026 gets that asked for tracks only: the flags say track, the type and the address say episode, and the show
 * stands where album and artist do. */
static void disguised(const struct world_chart *c, uint64_t h, struct buf *b)
{
	char id[WORLD_ID_BYTES], show_id[WORLD_ID_BYTES];
	struct world_text name, show;
	world_id(c->w->seed, DRAW_EPISODE, h, 0, id);
	world_id(c->w->seed, DRAW_EPISODE, h, 1, show_id);
	name_episode(h, &name);
	name_show(h, &show);
	ADD(b, "{\"album\":{\"album_type\":\"compilation\",\"artists\":[],\"available_markets\":[],");
	links("show", show_id, b);
	ADD(b, ",\"images\":[],\"name\":");
	text(c, &show, b);
	ADD(b, ",\"release_date\":null,\"release_date_precision\":null,\"total_tracks\":1,");
	type_uri("show", show_id, b);
	ADD(b, "},\"artists\":[{");
	links("show", show_id, b);
	ADD(b, ",\"name\":null,\"type\":");
	text(c, &show, b);
	ADD(b, ",\"uri\":\"spotify:show:");
	buf_adds(b, show_id);
	ADD(b, "\"}],\"available_markets\":[],\"disc_number\":0,\"duration_ms\":");
	number(600000 + (int64_t) (h % 2400000), false, b);
	ADD(b, ",\"episode\":false,\"explicit\":false,\"external_ids\":{\"spotify\":\"https://open.spotify.com/episode/");
	buf_adds(b, id);
	ADD(b, "\"},");
	links("episode", id, b);
	ADD(b, ",\"is_local\":false,\"name\":");
	text(c, &name, b);
	ADD(b, ",\"popularity\":0,\"preview_url\":null,\"track\":true,\"track_number\":0,");
	type_uri("episode", id, b);
	ADD(b, "}");
}

static void content(const struct world_chart *c, size_t position, const struct world_slot *s, const struct world_track *t,
                    struct buf *b)
{
	uint64_t h = world_draw(c->w->seed, DRAW_EPISODE, c->playlist, (uint64_t) position << 32 | (uint64_t) (c->day / 4));
	switch (s->kind) {
	case WORLD_NULL_ITEM:
		ADD(b, "null");
		return;
	case WORLD_WRONG_TYPE:
		ADD(b, "\"gone\"");
		return;
	case WORLD_LOCAL:
		local_file(c, t, b);
		return;
	case WORLD_EPISODE:
	case WORLD_EPISODE_AS_TRACK:
		if (c->disguise && s->kind == WORLD_EPISODE_AS_TRACK)
			disguised(c, h, b);
		else
			episode(c, h, s->kind == WORLD_EPISODE_AS_TRACK, b);
		return;
	case WORLD_MISSING_ID:
		track(c, t, NULL, b);
		return;
	default:
		track(c, t, t->playable_id, b);
	}
}

static void added(const struct world_chart *c, const struct world_track *t, struct buf *b)
{
	const struct world_playlist *p = &c->w->playlist[c->playlist];
	if (p->spotify_owned) { /* one time for all, by nobody */
		ADD(b, "{\"added_at\":\"");
		buf_adds(b, time_date(c->w->first_day + c->day).s);
		ADD(b, "T00:00:00Z\",\"added_by\":{\"external_urls\":{\"spotify\":\"https://open.spotify.com/user/\"},"
		       "\"href\":\"https://api.spotify.com/v1/users/\",\"id\":\"\",\"type\":\"user\",\"uri\":\"spotify:user:\"},");
		return;
	}
	ADD(b, "{\"added_at\":");
	quoted_or_null(t->added_unix_s != INT64_MIN, t->added_unix_s != INT64_MIN ? time_rfc3339(t->added_unix_s).s : "", b);
	ADD(b, ",\"added_by\":{");
	links("user", p->owner_id, b);
	ADD(b, ",");
	type_uri("user", p->owner_id, b);
	ADD(b, "},");
}

void world_slot_json(const struct world_chart *c, const struct world_slot *s, size_t position, struct world_track *scratch,
                     struct buf *b)
{
	if (s->kind == WORLD_NULL_ENTRY) {
		ADD(b, "null");
		return;
	}
	world_track_facts(c, s, scratch);
	if (s->kind == WORLD_MISSING_ID)
		scratch->relinked = false; /* or linked_from would name it */
	added(c, scratch, b);
	buf_adds(b, s->kind == WORLD_LOCAL ? "\"is_local\":true,\"primary_color\":null," : "\"is_local\":false,\"primary_color\":null,");
	if (c->both || !c->item_shape) {
		ADD(b, "\"track\":");
		content(c, position, s, scratch, b);
		ADD(b, ",");
	}
	if (c->item_shape) {
		ADD(b, "\"item\":");
		if (c->both && position % 17 == 5) /* then it is `track` that counts */
			ADD(b, "null");
		else
			content(c, position, s, scratch, b);
		ADD(b, ",");
	}
	buf_adds(b, s->kind == WORLD_NULL_ITEM ? "\"video_thumbnail\":null}" : "\"video_thumbnail\":{\"url\":null}}");
}

void world_item_json(const struct world_chart *c, size_t position, struct world_track *scratch, struct buf *b)
{
	world_slot_json(c, &c->slot[position - 1], position, scratch, b);
}
