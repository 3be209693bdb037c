/* A snapshot on its way: how far a source has read a playlist, as it is remembered between runs.  And what an earlier snapshot
 * says about answers that may not have changed (ETags).
 *
 *	spotify/playlist_id=<id>/cursor.json      struct cursor
 *	spotify/playlist_id=<id>/playlist.json    the playlist without its items
 *	spotify/playlist_id=<id>/page-00000.json  pages read so far
 *	spotify/playlist_id=<id>/etags.json       struct cursor of the last snapshot that was taken */
#ifndef SOURCE_SPOTIFY_CURSOR_H
#define SOURCE_SPOTIFY_CURSOR_H

#include "base/hash.h"
#include "source/source.h"

#define CURSOR_BYTES_MAX ((size_t) 64 << 20)
#define CURSOR_NAME_BYTES 160

struct cursor_object {
	char sha256[HASH_HEX_BYTES];
	struct slice url, etag; /* etag SLICE_NULL when the answer had none */
	int64_t offset, items;
};
struct cursor {
	struct arena arena;
	int64_t snapshot_at;
	char settings[HASH_HEX_BYTES]; /* of what decides the answers: another app or market starts anew */
	struct slice snapshot_id;      /* of the playlist before the first page */
	struct slice last_id;          /* after the last one; SLICE_NULL while it was not asked */
	bool has_head, has_total;
	int64_t total;
	struct cursor_object head, *page;
	size_t page_count, page_cap;
	struct slice next;             /* the page to read; SLICE_NULL before the first and after the last */
	bool whole;                    /* nothing is left to ask */
	int64_t takes;                 /* begun for this snapshot, this one too */
	struct slice warning[8];
	size_t warning_count;
};
void cursor_init(struct cursor *c, int64_t snapshot_at, const char *settings);
void cursor_done(struct cursor *c);
/* What was read is not wanted any more; a further take begins. */
void cursor_restart(struct cursor *c);
struct cursor_object *cursor_add_page(struct cursor *c);
void cursor_warn(struct cursor *c, const char *text); /* once each; the ninth is dropped */
int64_t cursor_items(const struct cursor *c);

/* *out_found = false when there is none, or one that cannot be read. */
MUST_USE enum rc cursor_load(const struct source_memory *m, struct slice playlist_id, const char *name, struct cursor *out,
                             bool *out_found, struct err *err);
MUST_USE enum rc cursor_save(const struct source_memory *m, struct slice playlist_id, const char *name, const struct cursor *c,
                             struct err *err);
/* The cursor and all it read. */
MUST_USE enum rc cursor_forget(const struct source_memory *m, struct slice playlist_id, size_t pages, struct err *err);

/* "spotify/playlist_id=<id>/<name>" and the name of page i there. */
void cursor_name(struct slice playlist_id, const char *name, char out[static CURSOR_NAME_BYTES]);
void cursor_page_name(struct slice playlist_id, size_t page, char out[static CURSOR_NAME_BYTES]);
#define CURSOR_FILE "cursor.json"
#define CURSOR_ETAGS "etags.json"
#define CURSOR_HEAD "playlist.json"

#endif
