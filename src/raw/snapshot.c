#include "raw/snapshot.h"

#include "base/mem.h"
#include "base/time.h"
#include "raw/key.h"

#define LIST_PAGE 1000

/* The names of one snapshot's objects, gathered while the listing passes over them. */
struct gather {
	struct store *store;
	struct arena names; /* of the snapshot at hand */
	struct slice *name;
	size_t count, cap;
	struct raw_snapshot at;
	bool open;
	struct raw_snapshot *found;
	size_t found_count, found_cap;
};

static void gather_done(struct gather *g)
{
	arena_done(&g->names);
	mem_free(g->name);
	mem_free(g->found);
}

static bool has_name(const struct gather *g, struct slice key)
{
	size_t low = 0, high = g->count; /* the listing is sorted */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = slice_cmp(g->name[mid], key);
		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

enum rc raw_manifest_read(struct store *store, const struct raw_snapshot *s, struct arena *arena, struct manifest *out,
                          struct err *err)
{
	struct slice key = raw_manifest_key(s->playlist_id, s->snapshot_at, s->revision, arena), body;
	TRY(store_get(store, key, arena, &body, NULL, err));
	TRY_WRAP(manifest_parse(body, arena, out, err), err, "%.*s", SLICE_FMT(key));
	if (!slice_eq(out->playlist_id, s->playlist_id) || out->snapshot_at != s->snapshot_at)
		return err_set(err, RC_REJECT, "%.*s: it is the manifest of another snapshot", SLICE_FMT(key));
	return RC_OK;
}

/* Decide about the snapshot whose names are gathered. */
static enum rc settle(struct gather *g, struct err *err)
{
	if (!g->open)
		return RC_OK;
	g->open = false;
	struct raw_snapshot *s = &g->at;
	s->objects = g->count;
	if (s->has_manifest) {
		CLEANUP(arena_done) struct arena scratch = arena_new(32 * MANIFEST_BYTES_MAX);
		struct slice key = raw_manifest_key(s->playlist_id, s->snapshot_at, s->revision, &scratch), body;
		TRY(store_get(g->store, key, &scratch, &body, NULL, err));
		hash_sha256_hex(body, s->manifest_sha256);
		struct manifest m;
		s->complete = manifest_parse(body, &scratch, &m, NULL) == RC_OK && slice_eq(m.playlist_id, s->playlist_id) &&
		              m.snapshot_at == s->snapshot_at;
		s->has_manifest = s->complete;
		for (size_t i = 0; s->has_manifest && i < m.page_count; i++)
			s->missing += !has_name(g, manifest_page_key(&m, i, &scratch));
		if (s->has_manifest && m.has_playlist)
			s->missing += !has_name(g, manifest_playlist_key(&m, &scratch));
		s->complete = s->complete && s->missing == 0;
	}
	if (g->found_count == g->found_cap) {
		g->found_cap = g->found_cap ? 2 * g->found_cap : 64;
		g->found = mem_realloc(g->found, g->found_cap * sizeof *g->found);
	}
	g->found[g->found_count++] = *s;
	return RC_OK;
}

static enum rc add(struct gather *g, struct slice key, struct arena *arena, struct err *err)
{
	struct raw_name n;
	if (!raw_key_parse(key, &n))
		return RC_OK; /* not ours; doctor lists strangers */
	if (!g->open || g->at.snapshot_at != n.snapshot_at || !slice_eq(g->at.playlist_id, n.playlist_id)) {
		TRY(settle(g, err));
		arena_reset(&g->names);
		g->count = 0;
		struct slice id = g->found_count && slice_eq(g->found[g->found_count - 1].playlist_id, n.playlist_id)
		                          ? g->found[g->found_count - 1].playlist_id
		                          : arena_copy(arena, n.playlist_id);
		g->at = (struct raw_snapshot){ .playlist_id = id, .snapshot_at = n.snapshot_at };
		g->open = true;
	}
	if (n.is_manifest) {
		g->at.has_manifest = true;
		if (n.revision > g->at.revision)
			g->at.revision = n.revision;
	}
	if (g->count == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 16;
		g->name = mem_realloc(g->name, g->cap * sizeof *g->name);
	}
	g->name[g->count++] = arena_copy(&g->names, key);
	return RC_OK;
}

static enum rc walk(struct gather *g, struct slice prefix, struct arena *arena, struct err *err)
{
	CLEANUP(arena_done) struct arena even = arena_new((size_t) 64 << 20), odd = arena_new((size_t) 64 << 20);
	struct arena *page = &even, *spare = &odd; /* the next page is listed from a key that lies in the last one */
	struct slice from = SLICE_NULL;
	do {
		struct store_list list;
		arena_reset(page);
		TRY(store_list(g->store, prefix, from, LIST_PAGE, page, &list, err));
		for (size_t i = 0; i < list.count; i++)
			TRY(add(g, list.object[i].key, arena, err));
		from = list.next;
		struct arena *swap = page;
		page = spare;
		spare = swap;
	} while (from.ptr);
	return settle(g, err);
}

/* Keys sort by "<id>/", which is not the order of the ids: '-' and '.' come before '/'. */
static int by_playlist_and_time(const void *a, const void *b)
{
	const struct raw_snapshot *x = a, *y = b;
	int order = slice_cmp(x->playlist_id, y->playlist_id);
	return order ? order : (x->snapshot_at > y->snapshot_at) - (x->snapshot_at < y->snapshot_at);
}

enum rc raw_snapshots(struct store *store, struct slice playlist_id, struct arena *arena, struct raw_snapshots *out,
                      struct err *err)
{
	CLEANUP(gather_done) struct gather g = { .store = store, .names = arena_new((size_t) 256 << 20) };
	struct slice prefix = playlist_id.ptr ? arena_printf(arena, "raw/playlist_id=%.*s/", SLICE_FMT(playlist_id))
	                                      : SLICE("raw/");
	TRY_WRAP(walk(&g, prefix, arena, err), err, "list %.*s", SLICE_FMT(prefix));
	out->count = g.found_count;
	out->snapshot = arena_alloc_array(arena, g.found_count, sizeof *out->snapshot);
	if (g.found_count)
		memcpy(out->snapshot, g.found, g.found_count * sizeof *out->snapshot);
	qsort(out->snapshot, out->count, sizeof *out->snapshot, by_playlist_and_time);
	return RC_OK;
}

enum rc raw_snapshot_look(struct store *store, struct slice playlist_id, int64_t snapshot_at, struct raw_snapshot *out,
                          struct err *err)
{
	CLEANUP(gather_done) struct gather g = { .store = store, .names = arena_new((size_t) 256 << 20) };
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 1 << 20);
	TRY(walk(&g, raw_prefix(playlist_id, snapshot_at, &scratch), &scratch, err));
	if (g.found_count == 0)
		return err_set(err, RC_NOT_FOUND, "no snapshot of %.*s at %s", SLICE_FMT(playlist_id),
		               time_rfc3339(snapshot_at).s);
	*out = g.found[0];
	out->playlist_id = playlist_id;
	return RC_OK;
}

const struct raw_snapshot *raw_snapshots_find(const struct raw_snapshots *list, struct slice playlist_id,
                                              int64_t snapshot_at)
{
	size_t low = 0, high = list->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct raw_snapshot *s = &list->snapshot[mid];
		int order = slice_cmp(s->playlist_id, playlist_id);
		if (order == 0)
			order = s->snapshot_at < snapshot_at ? -1 : s->snapshot_at > snapshot_at;
		if (order == 0)
			return s;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}
