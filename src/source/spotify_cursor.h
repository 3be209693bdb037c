/* A snapshot on its way: how far a source has read a playlist, as it is remembered between runs.  And what an earlier snapshot
 * says about answers that may not have changed (ETags).
 *
 * Of two runs that read one playlist at once, the one whose cursor stands goes on; the other notices when it saves its own.  Pages
 * are named by their content too, so neither overwrites the other's.
 *
 *	spotify/playlist_id=<id>/cursor.json               struct cursor
 *	spotify/playlist_id=<id>/playlist.<sha16>.json     the playlist without its items
 *	spotify/playlist_id=<id>/page-00000.<sha16>.json   pages read so far
 *	spotify/playlist_id=<id>/etags.json                struct cursor of the last snapshot that was taken */
#ifndef SOURCE_SPOTIFY_CURSOR_H
#define SOURCE_SPOTIFY_CURSOR_H

#include "base/hash.h"
#include "source/source.h"

#define CURSOR_BYTES_MAX ((size_t) 64 << 20)

struct cursor_object {
	char sha256[HASH_HEX_BYTES];
	struct slice url, etag; /* etag SLICE_NULL when the answer had none */
	int64_t offset, items;
};
struct cursor {
	struct arena arena;
	int64_t version;               /* of what is remembered of it; 0 when nothing is */
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

/* *out_found = false when there is none, or one that cannot be read: then its version is not 0. */
MUST_USE enum rc cursor_load(const struct source_memory *m, struct slice playlist_id, const char *name, struct cursor *out,
                             bool *out_found, struct err *err);
/* RC_RETRY when another run has remembered its own in the meantime. */
MUST_USE enum rc cursor_save(const struct source_memory *m, struct slice playlist_id, struct cursor *c, struct err *err);
/* As the last snapshot taken. */
MUST_USE enum rc cursor_save_etags(const struct source_memory *m, struct slice playlist_id, const struct cursor *c, struct err *err);
/* The cursor and all that was read; the ETags stay. */
MUST_USE enum rc cursor_forget(const struct source_memory *m, struct slice playlist_id, struct err *err);

/* Bodies that were read: the playlist, or its page i. */
MUST_USE enum rc cursor_keep_body(const struct source_memory *m, struct slice playlist_id, enum source_object kind, size_t page,
                                  const struct cursor_object *o, struct slice body, struct err *err);
/* RC_NOT_FOUND when it is gone or has other bytes. */
MUST_USE enum rc cursor_body(const struct source_memory *m, struct slice playlist_id, enum source_object kind, size_t page,
                             const struct cursor_object *o, struct arena *arena, struct slice *out, struct err *err);
#define CURSOR_FILE "cursor.json"
#define CURSOR_ETAGS "etags.json"

#endif
