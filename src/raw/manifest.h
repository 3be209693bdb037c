/* Manifest of a snapshot: what the extractor saw.  Facts of the observation only (no run id, no path, no time of writing), so
 * that a repeated delivery has the same bytes.  A snapshot is complete when its manifest and every object it names exist.
 *
 * JSON: {"schema_version":1,"playlist_id":…,"snapshot_at":…,"source":scheme,"total":…,"snapshot_id_first":…,
 * "snapshot_id_last":…,"pages":[{"page":0,"offset":0,"items":50,"bytes":…,"sha256":…}…],"playlist":{"bytes":…,"sha256":…}|null,
 * "warnings":[…],"origin":null|{…}}.  What a revision mended (a page, the playlist) carries "original":{"bytes":…,"sha256":…}
 * besides: the object the first manifest named. */
#ifndef RAW_MANIFEST_H
#define RAW_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"

#define MANIFEST_SCHEMA_VERSION 1
#define MANIFEST_BYTES_MAX ((size_t) 4 << 20)

struct manifest_original {
	bool has; /* the object is a mended one, this is what stood there first */
	int64_t bytes;
	char sha256[HASH_HEX_BYTES];
};
struct manifest_page {
	int64_t page, bytes;
	bool has_offset; /* false when the body could not be read */
	int64_t offset, items;
	char sha256[HASH_HEX_BYTES];
	struct manifest_original original;
};
struct manifest {
	struct slice playlist_id;
	int64_t snapshot_at;
	struct slice source;
	bool has_total;
	int64_t total;
	struct slice snapshot_id_first, snapshot_id_last; /* SLICE_NULL when the pages do not say */
	struct manifest_page *page;
	size_t page_count;
	bool has_playlist;
	int64_t playlist_bytes;
	char playlist_sha256[HASH_HEX_BYTES];
	struct manifest_original playlist_original;
	struct slice *warning;
	size_t warning_count;
	struct slice origin; /* JSON text of imported pages' origin, SLICE_NULL for none */
};

/* The same manifest always gives the same bytes. */
void manifest_write(const struct manifest *m, struct buf *out);
/* RC_REJECT says what is missing or of the wrong form; everything is owned by the arena. */
MUST_USE enum rc manifest_parse(struct slice text, struct arena *arena, struct manifest *out, struct err *err);

struct slice manifest_page_key(const struct manifest *m, size_t i, struct arena *arena);
struct slice manifest_playlist_key(const struct manifest *m, struct arena *arena);

#endif
