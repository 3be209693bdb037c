/* Page reader: page bytes in, rows, rejects and field counts out.  The one narrow interface behind which readers of
 * Spotify's JSON stand; the reference reader (reader_jansson.c) is strict and clear, and every faster one is judged
 * against it.  What each field means, and every rule about odd input, stands in DATA.md ("Bronze").
 *
 * A page is: a paging object (`items` is an array); or a full playlist with the paging object under `items` or `tracks`
 * (`items` wins when it is an object); or an array that holds exactly one such object (dump tools write that).
 *
 * A page that is refused as a whole gives RC_REJECT, out->reason and a message:
 *	invalid_json   not JSON, not UTF-8, nested too deep (the message names the byte)
 *	no_items       none of the shapes above
 *	bad_offset     `offset` is no whole number from 0 up or leaves no room for the items; or `total` is negative
 *	too_large      does not fit the arena's limit; a body larger than that is not even looked at
 * Otherwise a `total` that is no number is NULL, and one of any size is only a number.
 * All slices point into the arena; they hold UTF-8.  SLICE_NULL is NULL. */
#ifndef BRONZE_READER_H
#define BRONZE_READER_H

#include "base/arena.h"
#include "base/buf.h"

#define READER_VERSION 1 /* counts up when rows change for the same bytes */

struct opt_int {
	bool has;
	int64_t value;
};
struct opt_bool {
	bool has, value;
};

/* The columns of bronze_entry that a page decides, in the table's order.
 * Never NULL: track_id; playable_id (track_id when the response has no id of its own), track_name and track_uri ("" when not
 * given).  Ids that are "" are NULL, other texts stay as they are.  release_precision is one of the three or NULL. */
struct entry_row {
	int64_t position; /* offset + index + 1 */
	struct opt_int added_at; /* seconds since 1970 UTC */
	struct slice added_by_id;
	struct slice track_id, playable_id, track_name, track_uri, track_href, track_url, isrc;
	struct opt_int duration_ms;
	struct opt_bool explicit_;
	struct opt_int popularity, disc_number, track_number;
	struct opt_bool is_playable;
	struct slice restriction;
	struct slice album_id, album_name, album_type, album_uri, album_href, album_url, album_image_url;
	struct opt_int album_total_tracks;
	struct slice release_date, release_precision;
	struct opt_int release_day;
	int64_t artist_count;
	struct slice artist_id, artist_name, artist_names, film_name;
	int64_t raw_index; /* index in the page's items */
};
/* In the order of the entries; of each the track's credits, then the album's. What is no object in a list is no credit. */
enum credit_scope { CREDIT_TRACK, CREDIT_ALBUM };
struct credit_row {
	int64_t position;
	struct slice track_id;
	enum credit_scope scope;
	int64_t ordinal; /* from 1 */
	struct slice artist_id, artist_name, artist_uri, artist_url;
};
enum reject_reason { REJECT_NULL_ITEM, REJECT_LOCAL_FILE, REJECT_EPISODE, REJECT_MISSING_ID, REJECT_WRONG_TYPE };
const char *reject_reason_name(enum reject_reason reason); /* null_item, local_file, … */
struct reject_row {
	int64_t position;
	enum reject_reason reason;
	struct slice detail;
	int64_t raw_index;
};

/* Watched fields: JSON path below an item, counted over the items that are usable tracks (entries).
 * present = stands with a value of the right type, nulls = stands as null, wrong_type = stands with another type;
 * items - present - nulls - wrong_type are absent.  Where a path breaks off, what stands there decides: nothing (absent),
 * null (null), something without members (wrong type).  A time that cannot be read and a list with anything but objects in
 * it are of a wrong type; `track.uri` and its like are counted as they stand, relinked or not. */
#define WATCHED_FIELDS(X)                                                                                          \
	X(added_at, "added_at") X(added_by_id, "added_by.id") X(track_name, "track.name") X(track_uri, "track.uri")       \
	X(track_href, "track.href") X(track_url, "track.external_urls.spotify") X(isrc, "track.external_ids.isrc")         \
	X(duration_ms, "track.duration_ms") X(explicit_, "track.explicit") X(popularity, "track.popularity")             \
	X(disc_number, "track.disc_number") X(track_number, "track.track_number") X(is_playable, "track.is_playable")     \
	X(restriction, "track.restrictions.reason") X(linked_from, "track.linked_from.id") X(artists, "track.artists")                       \
	X(album_id, "track.album.id") X(album_name, "track.album.name") X(album_type, "track.album.album_type")           \
	X(album_uri, "track.album.uri") X(album_href, "track.album.href") X(album_url, "track.album.external_urls.spotify") \
	X(album_images, "track.album.images") X(album_total_tracks, "track.album.total_tracks")                          \
	X(album_artists, "track.album.artists") X(release_date, "track.album.release_date")                               \
	X(release_precision, "track.album.release_date_precision")
enum watched_field {
#define X(name, path) FIELD_##name,
	WATCHED_FIELDS(X)
#undef X
	FIELD_COUNT
};
extern const char *const watched_field_path[FIELD_COUNT];
struct field_count {
	int64_t items, present, nulls, wrong_type;
};

/* Facts of a playlist object, from a full-playlist page or playlist.json. */
struct playlist_facts {
	struct slice id, name, owner_id, owner_name, description, snapshot_id;
	struct opt_int followers;
};

struct page {
	struct opt_int offset, total; /* as the page says; offset absent counts as 0 */
	bool has_next;
	bool shape_items;       /* the items carry `item` rather than `track` */
	int64_t items;          /* entries + rejects */
	struct slice *uri;      /* for content_sha256: one per item: its uri as given ("" when it has none) */
	struct entry_row *entry;
	size_t entry_count;
	struct credit_row *credit;
	size_t credit_count;
	struct reject_row *reject;
	size_t reject_count;
	struct field_count field[FIELD_COUNT];
	bool has_playlist;
	struct playlist_facts playlist;
	const char *reason; /* when the page was refused: the dead letter's reason */
};

MUST_USE enum rc page_read(struct slice body, struct arena *arena, struct page *out, struct err *err);
/* playlist.json: RC_REJECT when it is not a JSON object. */
MUST_USE enum rc playlist_read(struct slice body, struct arena *arena, struct playlist_facts *out, struct err *err);
/* The item at `index` of the page's items, as it stands there, indented (for people).  RC_NOT_FOUND when there are fewer. */
MUST_USE enum rc page_item(struct slice body, int64_t index, struct buf *out, struct err *err);
/* What the extractor needs of a page, without rows: offset, total, has_next, shape_items, items, the playlist's facts (also of
 * a playlist whose items were left out).  Never fails on odd pages: out->reason tells, as page_read would. */
void page_peek(struct slice body, struct page *out, struct arena *arena);

#endif
