/* Names of raw objects (DATA.md, "Raw").
 *
 *	raw/playlist_id=<id>/snapshot_at=<YYYYMMDDTHHMMSSZ>/page-00000.<sha16>.json
 *	                                                    playlist.<sha16>.json
 *	                                                    manifest.json, manifest.rev-<N>.json */
#ifndef RAW_KEY_H
#define RAW_KEY_H

#include "base/arena.h"

#define PLAYLIST_ID_BYTES_MAX 64

/* Letters, digits, '-', '_', '.' (not first), 1 to 64: Spotify's ids and those of imported charts; safe in a key, in a
 * file name and in a hive folder. */
bool playlist_id_ok(struct slice id);

struct slice raw_prefix(struct slice playlist_id, int64_t snapshot_at, struct arena *arena); /* ends with '/' */
struct slice raw_page_key(struct slice playlist_id, int64_t snapshot_at, int64_t page, const char *sha256_hex,
                          struct arena *arena);
struct slice raw_playlist_key(struct slice playlist_id, int64_t snapshot_at, const char *sha256_hex, struct arena *arena);
struct slice raw_manifest_key(struct slice playlist_id, int64_t snapshot_at, int64_t revision, struct arena *arena);

/* The parts of a raw key; false when it is none.  `name` is what follows the last '/'. */
struct raw_name {
	struct slice playlist_id, name;
	int64_t snapshot_at;
	bool is_manifest;
	int64_t revision; /* of a manifest; 0 for manifest.json */
};
bool raw_key_parse(struct slice key, struct raw_name *out);

#endif
