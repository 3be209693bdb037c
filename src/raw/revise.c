#include "raw/revise.h"

#include "base/buf.h"
#include "base/time.h"
#include "bronze/reader.h"
#include "raw/key.h"

#define PLAN_MEMORY_BYTES (64 * MANIFEST_BYTES_MAX)
#define READ_FACTOR 64 /* memory a page's rows may need, per byte of the page */
#define SMALL_BYTES ((size_t) 1 << 20)
#define WRITE_TRIES 64 /* each lost one is a revision of somebody else */

/* --- the manifest as it would be ---------------------------------------------------------------------------- */

/* The first bytes that stood there, for ever; none when they are back. */
static struct manifest_original original_of(const struct manifest_original *before, int64_t bytes, const char *sha256, const char *now)
{
	struct manifest_original original = { .has = true, .bytes = bytes };
	memcpy(original.sha256, sha256, sizeof original.sha256);
	if (before->has)
		original = *before;
	if (strcmp(original.sha256, now) == 0)
		original = (struct manifest_original){ 0 };
	return original;
}

static void describe_page(struct slice body, struct manifest *m, struct manifest_page *p)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(READ_FACTOR * body.len + SMALL_BYTES);
	struct page peek = { 0 };
	page_peek(body, &peek, &scratch);
	p->bytes = (int64_t) body.len;
	p->has_offset = !peek.reason;
	p->offset = peek.reason || !peek.offset.has ? 0 : peek.offset.value;
	p->items = peek.reason ? 0 : peek.items;
	if (p->page == 0) {
		m->has_total = peek.total.has;
		m->total = peek.total.value;
	}
}

static enum rc replace_page(const struct revise_wish *w, struct arena *arena, struct revise_plan *out, struct err *err)
{
	struct manifest *m = &out->manifest;
	size_t n = (size_t) w->page;
	if (w->page < 0 || n > m->page_count)
		return err_set(err, RC_REJECT, "page %lld: the manifest names pages 0 to %zu, and one more can be added", (long long) w->page,
		               m->page_count - 1);
	struct manifest_page *page = arena_alloc_array(arena, m->page_count + 1, sizeof *page), *p = &page[n];
	memcpy(page, m->page, m->page_count * sizeof *page);
	m->page = page;
	char sha256[HASH_HEX_BYTES];
	hash_sha256_hex(w->bytes, sha256);
	if (n == m->page_count) {
		m->page_count++;
		p->page = w->page;
	} else {
		memcpy(out->now_sha256, p->sha256, sizeof out->now_sha256);
		p->original = original_of(&p->original, p->bytes, p->sha256, sha256);
	}
	out->is_named = strcmp(out->now_sha256, sha256) == 0;
	memcpy(p->sha256, sha256, sizeof p->sha256);
	describe_page(w->bytes, m, p);
	out->key = manifest_page_key(m, n, arena);
	return RC_OK;
}

static void replace_playlist(const struct revise_wish *w, struct arena *arena, struct revise_plan *out)
{
	struct manifest *m = &out->manifest;
	char sha256[HASH_HEX_BYTES];
	hash_sha256_hex(w->bytes, sha256);
	if (m->has_playlist) {
		memcpy(out->now_sha256, m->playlist_sha256, sizeof out->now_sha256);
		m->playlist_original = original_of(&m->playlist_original, m->playlist_bytes, m->playlist_sha256, sha256);
	}
	out->is_named = strcmp(out->now_sha256, sha256) == 0;
	m->has_playlist = true;
	m->playlist_bytes = (int64_t) w->bytes.len;
	memcpy(m->playlist_sha256, sha256, sizeof m->playlist_sha256);
	out->key = manifest_playlist_key(m, arena);
}

static enum rc replace_manifest(const struct revise_wish *w, struct arena *arena, struct revise_plan *out, struct err *err)
{
	char sha256[HASH_HEX_BYTES];
	hash_sha256_hex(w->bytes, sha256);
	TRY(manifest_parse(w->bytes, arena, &out->manifest, err));
	if (!slice_eq(out->manifest.playlist_id, w->playlist_id) || out->manifest.snapshot_at != w->snapshot_at)
		return err_set(err, RC_REJECT, "it is the manifest of another snapshot: want playlist_id %.*s, snapshot_at %s",
		               SLICE_FMT(w->playlist_id), time_rfc3339(w->snapshot_at).s);
	memcpy(out->now_sha256, out->snapshot.manifest_sha256, sizeof out->now_sha256);
	out->is_named = out->snapshot.has_manifest && strcmp(out->now_sha256, sha256) == 0;
	out->text = w->bytes;
	return RC_OK;
}

static enum rc write_text(struct revise_plan *p, struct arena *arena, struct err *err)
{
	CLEANUP(buf_done) struct buf text = buf_new(MANIFEST_BYTES_MAX);
	manifest_write(&p->manifest, &text);
	TRY(buf_ok(&text, "manifest", err));
	p->text = arena_copy(arena, buf_slice(&text));
	return RC_OK;
}

static enum rc make_manifest(struct store *store, const struct revise_wish *w, struct arena *arena, struct revise_plan *out,
                             struct err *err)
{
	*out = (struct revise_plan){ .snapshot = { .playlist_id = w->playlist_id, .snapshot_at = w->snapshot_at } };
	enum rc rc = raw_snapshot_look(store, w->playlist_id, w->snapshot_at, &out->snapshot, err);
	if (rc != RC_OK && (rc != RC_NOT_FOUND || w->part != REVISE_MANIFEST))
		return rc;
	if (w->part == REVISE_MANIFEST)
		return replace_manifest(w, arena, out, err);
	if (!out->snapshot.has_manifest)
		return err_set(err, RC_REJECT,
		               "%.*s at %s has no manifest that can be read: run `sargam extract` with its source again, or give a manifest",
		               SLICE_FMT(w->playlist_id), time_rfc3339(w->snapshot_at).s);
	TRY(raw_manifest_read(store, &out->snapshot, arena, &out->manifest, err));
	if (w->part == REVISE_PLAYLIST)
		replace_playlist(w, arena, out);
	else
		TRY(replace_page(w, arena, out, err));
	return write_text(out, arena, err);
}

/* --- what bronze would say ---------------------------------------------------------------------------------- */

static void refuse(struct revise_plan *p, const char *reason, const char *why)
{
	p->is_usable = false;
	p->reason = reason;
	(void) snprintf(p->why, sizeof p->why, "%s", why);
}

/* By itself, whatever else of the snapshot is there. */
static void judge_object(const struct revise_wish *w, const struct snapshot_limits *limits, struct revise_plan *p)
{
	CLEANUP(arena_done) struct arena rows = arena_new(READ_FACTOR * w->bytes.len + SMALL_BYTES);
	struct err why = { 0 };
	struct page page = { 0 };
	struct playlist_facts facts;
	if (w->bytes.len > limits->page_limit_bytes)
		refuse(p, "too_large", "the bytes are over page_limit_bytes");
	else if (w->part == REVISE_PAGE && page_read(w->bytes, &rows, &page, &why) != RC_OK)
		refuse(p, page.reason ? page.reason : "unreadable_page", why.msg);
	else if (w->part == REVISE_PLAYLIST && playlist_read(w->bytes, &rows, &facts, &why) != RC_OK)
		refuse(p, "invalid_playlist", why.msg);
}

static enum rc look_at_key(struct store *store, const struct revise_wish *w, struct revise_plan *p, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(w->bytes.len + SMALL_BYTES);
	struct slice there;
	if (!p->key.ptr)
		return RC_OK;
	enum rc rc = store_get(store, p->key, &scratch, &there, NULL, err);
	p->is_there = rc == RC_OK && slice_eq(there, w->bytes);
	p->is_taken = rc == RC_REJECT || (rc == RC_OK && !p->is_there);
	if (p->is_taken)
		refuse(p, "damaged_object", "its key is taken by damaged bytes: put a line break at the end, so that it gets a name of its own");
	return rc == RC_NOT_FOUND || rc == RC_REJECT ? RC_OK : rc;
}

enum rc revise_plan(struct store *store, const struct snapshot_limits *limits, const struct revise_wish *wish, struct arena *arena,
                    struct revise_plan *out, struct err *err)
{
	TRY(make_manifest(store, wish, arena, out, err));
	out->is_usable = true;
	judge_object(wish, limits, out);
	if (out->is_usable)
		TRY(look_at_key(store, wish, out, err));
	if (!out->is_usable)
		return RC_OK;
	const struct snapshot_trial trial = { &out->manifest, out->key, wish->bytes };
	struct snapshot_refusal why;
	enum rc rc = snapshot_judge(store, &trial, limits, &out->sums, &why, err);
	out->is_complete = rc == RC_OK;
	if (rc != RC_REJECT)
		return rc;
	refuse(out, why.reason, why.detail);
	out->is_usable = strcmp(why.reason, SNAPSHOT_INCOMPLETE) == 0;
	return RC_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static enum rc put_object(struct store *store, const struct revise_wish *w, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(PLAN_MEMORY_BYTES);
	struct revise_plan p;
	TRY(make_manifest(store, w, &scratch, &p, err));
	return p.key.ptr ? store_put_if_absent(store, p.key, w->bytes.ptr ? w->bytes : SLICE(""), NULL, err) : RC_OK;
}

enum rc revise_write(struct store *store, const struct revise_wish *w, const char *base, int64_t *out_revision, struct err *err)
{
	TRY(put_object(store, w, err));
	for (int i = 0; i < WRITE_TRIES; i++) {
		CLEANUP(arena_done) struct arena scratch = arena_new(PLAN_MEMORY_BYTES);
		struct revise_plan p;
		TRY(make_manifest(store, w, &scratch, &p, err));
		*out_revision = p.snapshot.revision;
		if (p.is_named)
			return RC_OK;
		if (strcmp(p.now_sha256, base) != 0)
			return err_set(err, RC_REJECT, "%.*s at %s was mended by somebody else meanwhile (revision %lld): look at it again",
			               SLICE_FMT(w->playlist_id), time_rfc3339(w->snapshot_at).s, (long long) p.snapshot.revision);
		*out_revision = p.snapshot.revision + 1;
		struct slice key = raw_manifest_key(w->playlist_id, w->snapshot_at, *out_revision, &scratch);
		enum rc rc = store_put_if_absent(store, key, p.text, NULL, err);
		if (rc != RC_REJECT)
			return rc; /* else somebody took that number: the next one is built on theirs */
	}
	return err_set(err, RC_RETRY, "%.*s at %s is being mended by many at once: try again", SLICE_FMT(w->playlist_id),
	               time_rfc3339(w->snapshot_at).s);
}
