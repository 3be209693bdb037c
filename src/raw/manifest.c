#include "raw/manifest.h"

#include "base/json.h"
#include "base/time.h"
#include "raw/key.h"

static struct json *optional_string(struct slice s)
{
	return s.ptr ? json_new_string(s) : json_new_null();
}

static struct json *object_json(int64_t bytes, const char *sha256)
{
	struct json *o = json_new_object();
	json_set(o, "bytes", json_new_integer(bytes));
	json_set(o, "sha256", json_new_string(slice_of(sha256)));
	return o;
}

static void set_original(struct json *object, const struct manifest_original *original)
{
	if (original->has)
		json_set(object, "original", object_json(original->bytes, original->sha256));
}

static struct json *playlist_json(const struct manifest *m)
{
	if (!m->has_playlist)
		return json_new_null();
	struct json *o = object_json(m->playlist_bytes, m->playlist_sha256);
	set_original(o, &m->playlist_original);
	return o;
}

static struct json *page_json(const struct manifest_page *p)
{
	struct json *o = json_new_object();
	json_set(o, "page", json_new_integer(p->page));
	json_set(o, "offset", p->has_offset ? json_new_integer(p->offset) : json_new_null());
	json_set(o, "items", p->has_offset ? json_new_integer(p->items) : json_new_null());
	json_set(o, "bytes", json_new_integer(p->bytes));
	json_set(o, "sha256", json_new_string(slice_of(p->sha256)));
	set_original(o, &p->original);
	return o;
}

static struct json *origin_json(struct slice text)
{
	struct json *origin = NULL;
	if (!text.ptr)
		return json_new_null();
	enum rc rc = json_parse(text, &origin, NULL);
	assert(rc == RC_OK); /* we wrote it */
	return origin;
}

void manifest_write(const struct manifest *m, struct buf *out)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	json_set(root, "schema_version", json_new_integer(MANIFEST_SCHEMA_VERSION));
	json_set(root, "playlist_id", json_new_string(m->playlist_id));
	json_set(root, "snapshot_at", json_new_string(slice_of(time_rfc3339(m->snapshot_at).s)));
	json_set(root, "source", json_new_string(m->source));
	json_set(root, "total", m->has_total ? json_new_integer(m->total) : json_new_null());
	json_set(root, "snapshot_id_first", optional_string(m->snapshot_id_first));
	json_set(root, "snapshot_id_last", optional_string(m->snapshot_id_last));
	struct json *pages = json_new_array();
	for (size_t i = 0; i < m->page_count; i++)
		json_append(pages, page_json(&m->page[i]));
	json_set(root, "pages", pages);
	json_set(root, "playlist", playlist_json(m));
	struct json *warnings = json_new_array();
	for (size_t i = 0; i < m->warning_count; i++)
		json_append(warnings, json_new_string(m->warning[i]));
	json_set(root, "warnings", warnings);
	json_set(root, "origin", origin_json(m->origin));
	json_write(root, JSON_COMPACT, out);
}

static bool read_object(const struct json *o, int64_t *out_bytes, char sha256[static HASH_HEX_BYTES])
{
	struct slice hex = json_get_string(o, "sha256");
	*out_bytes = json_get_integer(o, "bytes", -1);
	if (*out_bytes < 0 || hex.len != HASH_HEX_BYTES - 1)
		return false;
	for (size_t i = 0; i < hex.len; i++)
		if (!strchr("0123456789abcdef", hex.ptr[i]) || !hex.ptr[i])
			return false;
	memcpy(sha256, hex.ptr, hex.len);
	sha256[hex.len] = '\0';
	return true;
}

static bool read_original(const struct json *object, struct manifest_original *out)
{
	const struct json *original = json_get(object, "original");
	out->has = json_type(original) == JSON_OBJECT;
	return !out->has || read_object(original, &out->bytes, out->sha256);
}

static enum rc read_pages(const struct json *pages, struct arena *arena, struct manifest *out, struct err *err)
{
	if (json_type(pages) != JSON_ARRAY || json_size(pages) == 0)
		return err_set(err, RC_REJECT, "manifest: 'pages' must be an array of at least one page");
	out->page_count = json_size(pages);
	out->page = arena_alloc_array(arena, out->page_count, sizeof *out->page);
	for (size_t i = 0; i < out->page_count; i++) {
		const struct json *p = json_at(pages, i);
		struct manifest_page *page = &out->page[i];
		page->page = json_get_integer(p, "page", -1);
		page->has_offset = json_integer(json_get(p, "offset"), &page->offset);
		page->items = json_get_integer(p, "items", 0);
		if (page->page != (int64_t) i || !read_object(p, &page->bytes, page->sha256) || !read_original(p, &page->original))
			return err_set(err, RC_REJECT, "manifest: pages[%zu] must say page %zu, bytes and sha256", i, i);
	}
	return RC_OK;
}

static struct slice copied(struct slice s, struct arena *arena)
{
	return s.ptr ? arena_copy(arena, s) : SLICE_NULL;
}

static enum rc read_root(const struct json *root, struct arena *arena, struct manifest *out, struct err *err)
{
	*out = (struct manifest){ 0 };
	if (json_type(root) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "manifest: not a JSON object");
	int64_t version = json_get_integer(root, "schema_version", -1);
	if (version != MANIFEST_SCHEMA_VERSION)
		return err_set(err, RC_REJECT, "manifest: schema_version %lld, this sargam reads %d", (long long) version,
		               MANIFEST_SCHEMA_VERSION);
	out->playlist_id = copied(json_get_string(root, "playlist_id"), arena);
	if (!playlist_id_ok(out->playlist_id))
		return err_set(err, RC_REJECT, "manifest: 'playlist_id' is no playlist id");
	if (!time_parse_rfc3339(json_get_string(root, "snapshot_at"), &out->snapshot_at))
		return err_set(err, RC_REJECT, "manifest: 'snapshot_at' is no time");
	out->source = copied(json_get_string(root, "source"), arena);
	if (!out->source.len)
		return err_set(err, RC_REJECT, "manifest: 'source' is missing");
	out->has_total = json_integer(json_get(root, "total"), &out->total);
	out->snapshot_id_first = copied(json_get_string(root, "snapshot_id_first"), arena);
	out->snapshot_id_last = copied(json_get_string(root, "snapshot_id_last"), arena);
	TRY(read_pages(json_get(root, "pages"), arena, out, err));
	const struct json *playlist = json_get(root, "playlist");
	out->has_playlist = json_type(playlist) == JSON_OBJECT;
	if (out->has_playlist && (!read_object(playlist, &out->playlist_bytes, out->playlist_sha256) ||
	                          !read_original(playlist, &out->playlist_original)))
		return err_set(err, RC_REJECT, "manifest: 'playlist' must say bytes and sha256");
	const struct json *warnings = json_get(root, "warnings");
	out->warning_count = json_size(warnings);
	out->warning = arena_alloc_array(arena, out->warning_count, sizeof *out->warning);
	for (size_t i = 0; i < out->warning_count; i++) {
		struct slice text = SLICE_NULL;
		if (!json_string(json_at(warnings, i), &text))
			return err_set(err, RC_REJECT, "manifest: warnings[%zu] is no string", i);
		out->warning[i] = copied(text, arena);
	}
	const struct json *origin = json_get(root, "origin");
	if (json_type(origin) == JSON_OBJECT) {
		CLEANUP(buf_done) struct buf text = buf_new(MANIFEST_BYTES_MAX);
		json_write(origin, JSON_COMPACT, &text);
		out->origin = arena_copy(arena, buf_slice(&text));
	}
	return RC_OK;
}

enum rc manifest_parse(struct slice text, struct arena *arena, struct manifest *out, struct err *err)
{
	/* 16: the tightest JSON, a list of "", costs 32 bytes of memory for 3 of text */
	if (text.len > MANIFEST_BYTES_MAX || !arena_fits(arena, 16 * text.len + 4096))
		return err_set(err, RC_REJECT, "manifest: %zu bytes are over the limit", text.len);
	CLEANUP(json_freep) struct json *root = NULL;
	TRY_WRAP(json_parse(text, &root, err), err, "manifest");
	return read_root(root, arena, out, err);
}

struct slice manifest_page_key(const struct manifest *m, size_t i, struct arena *arena)
{
	assert(i < m->page_count);
	return raw_page_key(m->playlist_id, m->snapshot_at, m->page[i].page, m->page[i].sha256, arena);
}

struct slice manifest_playlist_key(const struct manifest *m, struct arena *arena)
{
	assert(m->has_playlist);
	return raw_playlist_key(m->playlist_id, m->snapshot_at, m->playlist_sha256, arena);
}
