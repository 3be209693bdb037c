#include "raw/key.h"

#include "base/time.h"

bool playlist_id_ok(struct slice id)
{
	if (id.len == 0 || id.len > PLAYLIST_ID_BYTES_MAX || id.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		bool ok = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
		          c == '_' || c == '.';
		if (!ok)
			return false;
	}
	return true;
}

struct slice raw_prefix(struct slice playlist_id, int64_t snapshot_at, struct arena *arena)
{
	return arena_printf(arena, "raw/playlist_id=%.*s/snapshot_at=%s/", SLICE_FMT(playlist_id), time_compact(snapshot_at).s);
}

struct slice raw_page_key(struct slice playlist_id, int64_t snapshot_at, int64_t page, const char *sha256_hex,
                          struct arena *arena)
{
	return arena_printf(arena, "raw/playlist_id=%.*s/snapshot_at=%s/page-%05lld.%.16s.json", SLICE_FMT(playlist_id),
	                    time_compact(snapshot_at).s, (long long) page, sha256_hex);
}

struct slice raw_playlist_key(struct slice playlist_id, int64_t snapshot_at, const char *sha256_hex, struct arena *arena)
{
	return arena_printf(arena, "raw/playlist_id=%.*s/snapshot_at=%s/playlist.%.16s.json", SLICE_FMT(playlist_id),
	                    time_compact(snapshot_at).s, sha256_hex);
}

struct slice raw_manifest_key(struct slice playlist_id, int64_t snapshot_at, int64_t revision, struct arena *arena)
{
	struct slice prefix = raw_prefix(playlist_id, snapshot_at, arena);
	if (revision == 0)
		return arena_printf(arena, "%.*smanifest.json", SLICE_FMT(prefix));
	return arena_printf(arena, "%.*smanifest.rev-%lld.json", SLICE_FMT(prefix), (long long) revision);
}

/* Cuts `prefix` off the front and what follows up to the next '/' out. */
static bool take_part(struct slice *rest, struct slice prefix, struct slice *out)
{
	if (!slice_starts(*rest, prefix))
		return false;
	size_t end = slice_find(*rest, '/', prefix.len);
	if (end == rest->len)
		return false;
	*out = slice_sub(*rest, prefix.len, end - prefix.len);
	*rest = slice_sub(*rest, end + 1, rest->len - end - 1);
	return true;
}

bool raw_key_parse(struct slice key, struct raw_name *out)
{
	struct slice rest = key, at;
	*out = (struct raw_name){ 0 };
	if (!take_part(&rest, SLICE("raw/playlist_id="), &out->playlist_id) || !playlist_id_ok(out->playlist_id))
		return false;
	if (!take_part(&rest, SLICE("snapshot_at="), &at) || !time_parse_compact(at, &out->snapshot_at))
		return false;
	if (rest.len == 0 || slice_find(rest, '/', 0) < rest.len)
		return false;
	out->name = rest;
	if (slice_is(rest, "manifest.json")) {
		out->is_manifest = true;
	} else if (slice_starts(rest, SLICE("manifest.rev-")) && slice_ends(rest, SLICE(".json"))) {
		out->is_manifest = slice_to_int(slice_sub(rest, 13, rest.len - 18), &out->revision) && out->revision > 0;
	}
	return true;
}
