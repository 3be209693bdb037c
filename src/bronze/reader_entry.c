#include "bronze/reader_entry.h"

#include "base/time.h"
#include "bronze/film.h"

void *reading_alloc(struct reading *r, size_t count, size_t size)
{
	size_t bytes;
	if (!count)
		return NULL;
	if (__builtin_mul_overflow(count, size, &bytes) || !arena_fits(r->arena, bytes)) {
		r->too_large = true;
		return NULL;
	}
	return arena_alloc(r->arena, bytes);
}

struct slice reading_copy(struct reading *r, struct slice s)
{
	if (!s.ptr)
		return SLICE_NULL;
	if (!arena_fits(r->arena, s.len + 1)) {
		r->too_large = true;
		return SLICE_NULL;
	}
	return arena_copy(r->arena, s);
}

/* --- watched fields ----------------------------------------------------------------------------------------- */

/* The end of a path.  Where the path breaks off, what stands there decides: nothing (absent), null, or `misplaced`:
 * something that has no members. */
struct place {
	const struct json *value;
	bool misplaced;
};

static struct place member(struct place p, const char *key)
{
	if (json_type(p.value) == JSON_OBJECT)
		return (struct place){ json_get(p.value, key), false };
	return (struct place){ p.value, json_type(p.value) > JSON_NULL };
}

/* Counts the field; `good` says whether a value that stands there is of the right type. */
static bool count(struct reading *r, enum watched_field field, struct place p, bool good)
{
	struct field_count *c = &r->page->field[field];
	enum json_type type = json_type(p.value);
	c->items++;
	good = good && !p.misplaced;
	if (type == JSON_NULL)
		c->nulls++;
	else if (type != JSON_ABSENT && good)
		c->present++;
	else if (type != JSON_ABSENT)
		c->wrong_type++;
	return type > JSON_NULL && good;
}

static struct slice text_of(struct reading *r, enum watched_field field, struct place p)
{
	struct slice s = SLICE_NULL;
	return count(r, field, p, json_string(p.value, &s)) ? reading_copy(r, s) : SLICE_NULL;
}

/* Spotify's own lists hold "" where there is no id. */
static struct slice none_if_empty(struct slice s)
{
	return s.len ? s : SLICE_NULL;
}

static struct opt_int integer_of(struct reading *r, enum watched_field field, struct place p)
{
	int64_t i = 0;
	bool has = count(r, field, p, json_integer(p.value, &i));
	return (struct opt_int){ has, has ? i : 0 };
}

static struct opt_bool bool_of(struct reading *r, enum watched_field field, struct place p)
{
	bool b = false;
	bool has = count(r, field, p, json_bool(p.value, &b));
	return (struct opt_bool){ has, has && b };
}

static struct opt_int time_of(struct reading *r, enum watched_field field, struct place p)
{
	struct slice s = SLICE_NULL;
	int64_t unix_s = 0;
	bool has = count(r, field, p, json_string(p.value, &s) && time_parse_rfc3339(s, &unix_s));
	return (struct opt_int){ has, has ? unix_s : 0 };
}

static struct slice precision_of(struct reading *r, enum watched_field field, struct place p)
{
	struct slice s = SLICE_NULL;
	bool known = json_string(p.value, &s) && (slice_is(s, "day") || slice_is(s, "month") || slice_is(s, "year"));
	return count(r, field, p, known) ? reading_copy(r, s) : SLICE_NULL;
}

/* An array of objects; other elements are skipped by all who walk it, and make the field one of a wrong type. */
static const struct json *list_of(struct reading *r, enum watched_field field, struct place p)
{
	bool good = json_type(p.value) == JSON_ARRAY;
	for (size_t i = 0; good && i < json_size(p.value); i++)
		good = json_type(json_at(p.value, i)) == JSON_OBJECT;
	(void) count(r, field, p, good);
	return p.misplaced || json_type(p.value) != JSON_ARRAY ? NULL : p.value;
}

/* --- what needs thought ------------------------------------------------------------------------------------- */

/* Width times height; 0 when it is not told, so that the first such image stands until a sized one comes. */
static double image_area(const struct json *image)
{
	int64_t width = json_get_integer(image, "width", 0), height = json_get_integer(image, "height", 0);
	return width > 0 && height > 0 ? (double) width * (double) height : 0;
}

static struct slice largest_image(const struct json *images)
{
	struct slice best = SLICE_NULL;
	double best_area = -1;
	for (size_t i = 0; i < json_size(images); i++) {
		const struct json *image = json_at(images, i);
		struct slice url = json_get_string(image, "url");
		double area = image_area(image);
		if (!url.len || area <= best_area)
			continue;
		best = url;
		best_area = area;
	}
	return best;
}

/* First day of the period.  Precision and text may disagree ("1981-12" with "year"): the text has the say. */
static struct opt_int release_day(struct slice date)
{
	char text[] = "YYYY-01-01";
	int64_t day = 0;
	if (date.len != 4 && date.len != 7 && date.len != 10)
		return (struct opt_int){ 0 };
	memcpy(text, date.ptr, date.len);
	bool has = time_parse_date((struct slice){ text, 10 }, &day);
	return (struct opt_int){ has, has ? day : 0 };
}

/* Appends a credit for each object in `artists`; returns how many. */
static size_t read_credits(struct reading *r, const struct json *artists, enum credit_scope scope,
                           const struct entry_row *row)
{
	struct page *page = r->page;
	size_t from = page->credit_count;
	for (size_t i = 0; i < json_size(artists); i++) {
		const struct json *artist = json_at(artists, i);
		if (json_type(artist) != JSON_OBJECT)
			continue;
		page->credit[page->credit_count] = (struct credit_row){
			.position = row->position,
			.track_id = row->track_id,
			.scope = scope,
			.ordinal = (int64_t) (page->credit_count - from) + 1,
			.artist_id = reading_copy(r, none_if_empty(json_get_string(artist, "id"))),
			.artist_name = reading_copy(r, json_get_string(artist, "name")),
			.artist_uri = reading_copy(r, json_get_string(artist, "uri")),
			.artist_url = reading_copy(r, json_get_string(json_get(artist, "external_urls"), "spotify")),
		};
		page->credit_count++;
	}
	return page->credit_count - from;
}

/* Names that are null are left out; NULL when all are. */
static struct slice joined_names(struct reading *r, const struct credit_row *credits, size_t credit_count)
{
	size_t room = 0;
	for (size_t i = 0; i < credit_count; i++)
		if (credits[i].artist_name.ptr)
			room += credits[i].artist_name.len + 2;
	char *text = reading_alloc(r, room, 1);
	if (!text)
		return SLICE_NULL;
	size_t len = 0;
	for (size_t i = 0; i < credit_count; i++) {
		struct slice name = credits[i].artist_name;
		if (!name.ptr)
			continue;
		memcpy(text + len, name.ptr, name.len);
		memcpy(text + len + name.len, ", ", 2);
		len += name.len + 2;
	}
	return (struct slice){ text, len - 2 };
}

/* --- the columns -------------------------------------------------------------------------------------------- */

static void read_track(struct reading *r, const struct item *item, struct entry_row *row)
{
	struct place track = { item->track, false };
	row->track_id = reading_copy(r, item->track_id);
	row->playable_id = reading_copy(r, none_if_empty(json_get_string(item->track, "id")));
	row->track_name = text_of(r, FIELD_track_name, member(track, "name"));
	row->track_uri = text_of(r, FIELD_track_uri, member(track, "uri"));
	row->track_href = text_of(r, FIELD_track_href, member(track, "href"));
	row->track_url = text_of(r, FIELD_track_url, member(member(track, "external_urls"), "spotify"));
	row->isrc = text_of(r, FIELD_isrc, member(member(track, "external_ids"), "isrc"));
	row->duration_ms = integer_of(r, FIELD_duration_ms, member(track, "duration_ms"));
	row->explicit_ = bool_of(r, FIELD_explicit_, member(track, "explicit"));
	row->popularity = integer_of(r, FIELD_popularity, member(track, "popularity"));
	row->disc_number = integer_of(r, FIELD_disc_number, member(track, "disc_number"));
	row->track_number = integer_of(r, FIELD_track_number, member(track, "track_number"));
	row->is_playable = bool_of(r, FIELD_is_playable, member(track, "is_playable"));
	row->restriction = text_of(r, FIELD_restriction, member(member(track, "restrictions"), "reason"));

	struct place linked_id = member(member(track, "linked_from"), "id");
	(void) count(r, FIELD_linked_from, linked_id, json_type(linked_id.value) == JSON_STRING);
	if (item->relinked) {
		const struct json *linked = json_get(item->track, "linked_from");
		row->track_uri = reading_copy(r, json_get_string(linked, "uri"));
		row->track_href = reading_copy(r, json_get_string(linked, "href"));
		row->track_url = reading_copy(r, json_get_string(json_get(linked, "external_urls"), "spotify"));
	}
	/* These three columns are never null. */
	if (!row->track_name.ptr)
		row->track_name = SLICE("");
	if (!row->track_uri.ptr)
		row->track_uri = SLICE("");
	if (!row->playable_id.ptr)
		row->playable_id = row->track_id;
}

static void read_album(struct reading *r, const struct item *item, struct entry_row *row)
{
	struct place album = member((struct place){ item->track, false }, "album");
	row->album_id = none_if_empty(text_of(r, FIELD_album_id, member(album, "id")));
	row->album_name = text_of(r, FIELD_album_name, member(album, "name"));
	row->album_type = text_of(r, FIELD_album_type, member(album, "album_type"));
	row->album_uri = text_of(r, FIELD_album_uri, member(album, "uri"));
	row->album_href = text_of(r, FIELD_album_href, member(album, "href"));
	row->album_url = text_of(r, FIELD_album_url, member(member(album, "external_urls"), "spotify"));
	row->album_image_url = reading_copy(r, largest_image(list_of(r, FIELD_album_images, member(album, "images"))));
	row->album_total_tracks = integer_of(r, FIELD_album_total_tracks, member(album, "total_tracks"));
	row->release_date = text_of(r, FIELD_release_date, member(album, "release_date"));
	row->release_precision = precision_of(r, FIELD_release_precision, member(album, "release_date_precision"));
	row->release_day = release_day(row->release_date);
	(void) read_credits(r, list_of(r, FIELD_album_artists, member(album, "artists")), CREDIT_ALBUM, row);
}

static void read_artists(struct reading *r, const struct item *item, struct entry_row *row)
{
	const struct json *artists = list_of(r, FIELD_artists, member((struct place){ item->track, false }, "artists"));
	size_t from = r->page->credit_count;
	size_t credit_count = read_credits(r, artists, CREDIT_TRACK, row);
	row->artist_count = (int64_t) credit_count;
	if (!credit_count)
		return;
	const struct credit_row *credits = r->page->credit + from;
	row->artist_id = credits[0].artist_id;
	row->artist_name = credits[0].artist_name;
	row->artist_names = joined_names(r, credits, credit_count);
}

size_t item_credits_max(const struct item *item)
{
	return json_size(json_get(item->track, "artists")) + json_size(json_get(json_get(item->track, "album"), "artists"));
}

void item_read_entry(struct reading *r, const struct item *item, int64_t position, int64_t raw_index,
                     struct entry_row *row)
{
	struct place self = { item->json, false };
	row->position = position;
	row->raw_index = raw_index;
	row->added_at = time_of(r, FIELD_added_at, member(self, "added_at"));
	row->added_by_id = none_if_empty(text_of(r, FIELD_added_by_id, member(member(self, "added_by"), "id")));
	read_track(r, item, row);
	read_artists(r, item, row);
	read_album(r, item, row);
	row->film_name = film_name(row->track_name, row->album_name);
}
