/* Pages in the API's shape for charts that were told elsewhere: the paging object of /playlists/{id}/items, its items with the
 * fields that are known.  What is not known is not there: nothing is invented. */
#ifndef SOURCE_IMPORT_PAGE_H
#define SOURCE_IMPORT_PAGE_H

#include "base/buf.h"

#define IMPORT_PAGE_ITEMS 50
#define IMPORT_PAGE_BYTES_MAX ((size_t) 64 << 20) /* beyond what extract takes, so that its words are heard */

enum import_kind { IMPORT_NULL, IMPORT_TRACK, IMPORT_EPISODE, IMPORT_LOCAL };
struct import_artist {
	struct slice id, name; /* id SLICE_NULL when unknown */
	bool is_spotify;       /* the id is Spotify's: it has an address and a uri */
};
struct import_item {
	enum import_kind kind;
	struct slice id, name;
	struct import_artist *artist;
	size_t artist_count;
	bool has_album;
	struct slice album_id, album_name; /* id SLICE_NULL when unknown */
	struct slice release, release_precision; /* SLICE_NULL when unknown */
	bool has_duration, has_popularity, has_explicit;
	int64_t duration_ms, popularity;
	bool is_explicit;
};

/* A page: begin, an import_item_write for each item, end. */
void import_page_begin(struct slice playlist_id, int64_t offset, int64_t total, struct buf *b);
/* `first`: of its page. */
void import_item_write(const struct import_item *item, bool first, struct buf *b);
void import_page_end(struct buf *b);

struct import_playlist {
	struct slice id, name, description; /* the description is SLICE_NULL when unknown, as all that follow */
	struct slice owner_id, owner_name;
	struct slice snapshot_id;
	bool has_followers, is_spotify; /* the id is Spotify's */
	int64_t followers;
};
void import_playlist_write(const struct import_playlist *p, struct buf *b);

#endif
