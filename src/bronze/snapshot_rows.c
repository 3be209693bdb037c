#include "bronze/snapshot_rows.h"

#include "base/buf.h"
#include "base/time.h"

#include <stdarg.h>

#define READ_FACTOR 64 /* memory a page's rows may need, per byte of the page */
#define SMALL_BYTES ((size_t) 1 << 20)

/* What is known of the snapshot so far. */
struct reading {
	struct store *raw;
	const struct snapshot_limits *limits;
	struct bronze_writer *writer;       /* NULL in a trial */
	const struct snapshot_trial *trial; /* NULL for rows */
	struct snapshot_refusal *why;
	struct manifest manifest;
	struct snapshot_head head;
	struct snapshot_sums *sums;
	struct field_count field[FIELD_COUNT];
	struct hash *content;
	int64_t next_position; /* the first one no page has covered */
	struct opt_int total;
	bool has_playlist;
	struct playlist_facts playlist;
	struct arena arena; /* for what outlives a page */
};

static void reading_done(struct reading *r)
{
	hash_close(r->content);
	arena_done(&r->arena);
}

PRINTF(3, 4) static enum rc refuse(struct reading *r, const char *reason, const char *fmt, ...);
static enum rc refuse(struct reading *r, const char *reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(r->why->detail, sizeof r->why->detail, fmt, ap);
	va_end(ap);
	r->why->reason = reason;
	return RC_REJECT;
}

static void keep_playlist(struct reading *r, const struct playlist_facts *p)
{
	struct arena *a = &r->arena;
	r->has_playlist = true;
	r->playlist = (struct playlist_facts){
		.id = arena_copy(a, p->id),
		.name = arena_copy(a, p->name),
		.owner_id = arena_copy(a, p->owner_id),
		.owner_name = arena_copy(a, p->owner_name),
		.description = arena_copy(a, p->description),
		.snapshot_id = arena_copy(a, p->snapshot_id),
		.followers = p->followers,
	};
}

static void add_content(struct reading *r, const struct page *page, int64_t offset)
{
	char number[24];
	for (int64_t i = 0; i < page->items; i++) {
		int len = snprintf(number, sizeof number, "%lld\t", (long long) (offset + i + 1));
		hash_add(r->content, (struct slice){ number, (size_t) len });
		hash_add(r->content, page->uri[i].ptr ? page->uri[i] : SLICE(""));
		hash_add(r->content, SLICE("\n"));
	}
}

/* Pages must fit together: a chart with overlapping pages would show false exits. */
static enum rc fit(struct reading *r, const struct page *page, size_t i, int64_t *out_offset)
{
	*out_offset = page->offset.has ? page->offset.value : 0;
	if (i > 0 && !page->offset.has)
		return refuse(r, "inconsistent_pages", "page %zu does not say its offset", i);
	if (*out_offset < r->next_position)
		return refuse(r, "inconsistent_pages", "page %zu starts at offset %lld, but items up to %lld stand on earlier pages",
		              i, (long long) *out_offset, (long long) r->next_position);
	r->next_position = *out_offset + page->items;
	if (i == 0)
		r->total = page->total;
	return RC_OK;
}

/* RC_REJECT of the store is a page that is over the limit or has other bytes than its manifest says. */
static enum rc read_body(struct reading *r, struct slice key, const char *sha256, struct arena *arena, struct slice *out,
                         struct err *err)
{
	struct err why = { 0 };
	if (r->trial && r->trial->key.ptr && slice_eq(key, r->trial->key)) {
		*out = r->trial->body;
		return RC_OK;
	}
	enum rc rc = store_get(r->raw, key, arena, out, NULL, &why);
	if (rc == RC_NOT_FOUND && r->trial)
		return refuse(r, SNAPSHOT_INCOMPLETE, "%.*s is not there", SLICE_FMT(key));
	if (rc == RC_REJECT)
		return refuse(r, "too_large", "%s", why.msg);
	if (rc != RC_OK) {
		if (err)
			*err = why;
		/* it was there when the snapshot was found complete: somebody removes raw objects while we read */
		return rc == RC_NOT_FOUND ? err_wrap(err, RC_RETRY, "a raw object vanished") : rc;
	}
	char hex[HASH_HEX_BYTES];
	hash_sha256_hex(*out, hex);
	if (strcmp(hex, sha256) != 0)
		return refuse(r, "damaged_object", "%.*s has sha256 %.16s…, its manifest says %.16s…", SLICE_FMT(key), hex, sha256);
	return RC_OK;
}

static enum rc read_page(struct reading *r, size_t i, struct err *err)
{
	CLEANUP(arena_done) struct arena text = arena_new(r->limits->page_limit_bytes + SMALL_BYTES);
	struct slice key = manifest_page_key(&r->manifest, i, &text), body;
	(void) snprintf(r->why->object, sizeof r->why->object, "%.*s", SLICE_FMT(key));
	if (r->manifest.page[i].bytes > (int64_t) r->limits->page_limit_bytes)
		return refuse(r, "too_large", "page %zu has %lld bytes, over page_limit_bytes = %zu", i,
		              (long long) r->manifest.page[i].bytes, r->limits->page_limit_bytes);
	TRY(read_body(r, key, r->manifest.page[i].sha256, &text, &body, err));
	CLEANUP(arena_done) struct arena rows = arena_new(READ_FACTOR * body.len + SMALL_BYTES);
	struct page page = { 0 };
	struct err why = { 0 };
	if (page_read(body, &rows, &page, &why) != RC_OK)
		return refuse(r, page.reason ? page.reason : "unreadable_page", "page %zu: %s", i, why.msg);
	int64_t offset;
	TRY(fit(r, &page, i, &offset));
	add_content(r, &page, offset);
	for (size_t f = 0; f < FIELD_COUNT; f++) {
		r->field[f].items += page.field[f].items;
		r->field[f].present += page.field[f].present;
		r->field[f].nulls += page.field[f].nulls;
		r->field[f].wrong_type += page.field[f].wrong_type;
	}
	if (page.has_playlist && !r->has_playlist)
		keep_playlist(r, &page.playlist);
	r->sums->bytes += (int64_t) body.len;
	r->sums->items += page.items;
	r->sums->entries += (int64_t) page.entry_count;
	r->sums->rejects += (int64_t) page.reject_count;
	return r->trial ? RC_OK : bronze_writer_page(r->writer, &r->head, &page, key, err);
}

static enum rc read_playlist(struct reading *r, struct err *err)
{
	CLEANUP(arena_done) struct arena text = arena_new(r->limits->page_limit_bytes + SMALL_BYTES);
	struct slice key = manifest_playlist_key(&r->manifest, &text), body;
	(void) snprintf(r->why->object, sizeof r->why->object, "%.*s", SLICE_FMT(key));
	TRY(read_body(r, key, r->manifest.playlist_sha256, &text, &body, err));
	CLEANUP(arena_done) struct arena rows = arena_new(READ_FACTOR * body.len + SMALL_BYTES);
	struct playlist_facts facts = { 0 };
	struct err why = { 0 };
	if (playlist_read(body, &rows, &facts, &why) != RC_OK)
		return refuse(r, "invalid_playlist", "%s", why.msg);
	if (!r->has_playlist)
		keep_playlist(r, &facts);
	r->why->object[0] = '\0';
	return RC_OK;
}

static enum rc check_total(struct reading *r)
{
	int64_t items = r->sums->items;
	r->why->object[0] = '\0';
	if (!r->total.has)
		return RC_OK;
	if (items == 0 && r->total.value > 0)
		return refuse(r, "inconsistent_pages", "no items, but a total of %lld", (long long) r->total.value);
	if ((__int128) items * 10 < (__int128) r->total.value * 9)
		return refuse(r, "inconsistent_pages", "%lld items, fewer than 90 %% of the total of %lld", (long long) items,
		              (long long) r->total.value);
	return RC_OK;
}

static struct slice missing_fields(struct reading *r)
{
	CLEANUP(buf_done) struct buf names = buf_new(1 << 14);
	if (r->sums->entries == 0)
		return SLICE_NULL; /* nothing was looked at */
	for (size_t f = 0; f < FIELD_COUNT; f++)
		if (r->field[f].present == 0) {
			if (names.len)
				buf_addc(&names, ',');
			buf_adds(&names, watched_field_path[f]);
		}
	return names.len ? arena_copy(&r->arena, buf_slice(&names)) : SLICE_NULL;
}

static enum rc read_objects(struct reading *r, struct err *err)
{
	if ((int64_t) r->manifest.page_count > r->limits->pages_max)
		return refuse(r, "too_large", "%zu pages, over pages_max = %lld", r->manifest.page_count,
		              (long long) r->limits->pages_max);
	for (size_t i = 0; i < r->manifest.page_count; i++)
		TRY(read_page(r, i, err));
	TRY(check_total(r));
	return r->manifest.has_playlist ? read_playlist(r, err) : RC_OK;
}

static enum rc read_all(struct reading *r, const struct raw_snapshot *s, struct err *err)
{
	TRY(read_objects(r, err));
	char content[HASH_HEX_BYTES];
	hash_hex(r->content, content);
	struct slice id = r->manifest.snapshot_id_first;
	struct snapshot_row row = {
		.spotify_snapshot_id = id.ptr ? id : r->playlist.snapshot_id,
		.playlist = r->playlist,
		.total = r->total,
		.pages = (int64_t) r->manifest.page_count,
		.items = r->sums->items,
		.entries = r->sums->entries,
		.rejects = r->sums->rejects,
		.warnings = (int64_t) r->manifest.warning_count,
		.fields_missing = missing_fields(r),
		.source = r->manifest.source,
		.content_sha256 = content,
		.revision = s->revision,
	};
	return bronze_writer_snapshot(r->writer, &r->head, &row, r->field, err);
}

enum rc snapshot_rows(struct store *raw, const struct raw_snapshot *s, const struct snapshot_limits *limits,
                      struct bronze_writer *writer, struct snapshot_sums *out, struct snapshot_refusal *out_why,
                      struct err *err)
{
	CLEANUP(reading_done) struct reading r = {
		.raw = raw,
		.limits = limits,
		.writer = writer,
		.why = out_why,
		.head = { .playlist_id = s->playlist_id, .snapshot_at = s->snapshot_at,
		          .day_number = time_day_number(s->snapshot_at, limits->chart_offset_s) },
		.sums = out,
		.content = hash_open(),
		.arena = arena_new(64 * MANIFEST_BYTES_MAX),
	};
	*out = (struct snapshot_sums){ 0 };
	enum rc rc = raw_manifest_read(raw, s, &r.arena, &r.manifest, err);
	if (rc == RC_OK)
		rc = read_all(&r, s, err);
	if (rc != RC_REJECT)
		return rc;
	if (!out_why->reason) /* refused by the engine or the store, not by what the page says: nothing wrong with the page */
		return RC_FATAL;
	return bronze_writer_discard(writer, &r.head, err) == RC_OK ? RC_REJECT : RC_RETRY;
}

enum rc snapshot_judge(struct store *raw, const struct snapshot_trial *trial, const struct snapshot_limits *limits,
                       struct snapshot_sums *out, struct snapshot_refusal *out_why, struct err *err)
{
	CLEANUP(reading_done) struct reading r = {
		.raw = raw,
		.trial = trial,
		.limits = limits,
		.why = out_why,
		.manifest = *trial->manifest,
		.sums = out,
		.content = hash_open(),
		.arena = arena_new(64 * MANIFEST_BYTES_MAX),
	};
	*out = (struct snapshot_sums){ 0 };
	*out_why = (struct snapshot_refusal){ 0 };
	return read_objects(&r, err);
}
