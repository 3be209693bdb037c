#include "source/spotify_cursor.h"

#include "base/json.h"
#include "base/mem.h"

#define VERSION 1
#define NAME_BYTES 160

void cursor_init(struct cursor *c, int64_t snapshot_at, const char *settings)
{
	*c = (struct cursor){ .arena = arena_new(CURSOR_BYTES_MAX), .snapshot_at = snapshot_at, .takes = 1 };
	(void) snprintf(c->settings, sizeof c->settings, "%s", settings);
}

void cursor_done(struct cursor *c)
{
	arena_done(&c->arena);
	mem_free(c->page);
	*c = (struct cursor){ 0 };
}

void cursor_restart(struct cursor *c)
{
	c->snapshot_id = c->last_id = c->next = SLICE_NULL;
	c->has_head = c->has_total = c->whole = false;
	c->total = 0;
	c->page_count = c->warning_count = 0;
	c->takes++;
}

struct cursor_object *cursor_add_page(struct cursor *c)
{
	if (c->page_count == c->page_cap) {
		c->page_cap = c->page_cap ? 2 * c->page_cap : 8;
		c->page = mem_realloc(c->page, c->page_cap * sizeof *c->page);
	}
	c->page[c->page_count] = (struct cursor_object){ 0 };
	return &c->page[c->page_count++];
}

void cursor_warn(struct cursor *c, const char *text)
{
	for (size_t i = 0; i < c->warning_count; i++)
		if (slice_is(c->warning[i], text))
			return;
	if (c->warning_count < COUNT_OF(c->warning))
		c->warning[c->warning_count++] = arena_copy(&c->arena, slice_of(text));
}

int64_t cursor_items(const struct cursor *c)
{
	int64_t items = 0;
	for (size_t i = 0; i < c->page_count; i++)
		items += c->page[i].items;
	return items;
}

/* "spotify/playlist_id=<id>/<name>" */
static void name_of(struct slice playlist_id, const char *name, char out[static NAME_BYTES])
{
	int n = snprintf(out, NAME_BYTES, "spotify/playlist_id=%.*s/%s", SLICE_FMT(playlist_id), name);
	assert(n > 0 && n < NAME_BYTES);
}

static void body_name(struct slice playlist_id, enum source_object kind, size_t page, const struct cursor_object *o,
                      char out[static NAME_BYTES])
{
	char name[64];
	if (kind == SOURCE_PAGE)
		(void) snprintf(name, sizeof name, "page-%05zu.%.16s.json", page, o->sha256);
	else
		(void) snprintf(name, sizeof name, "playlist.%.16s.json", o->sha256);
	name_of(playlist_id, name, out);
}

enum rc cursor_keep_body(const struct source_memory *m, struct slice playlist_id, enum source_object kind, size_t page,
                         const struct cursor_object *o, struct slice body, struct err *err)
{
	char name[NAME_BYTES];
	body_name(playlist_id, kind, page, o, name);
	return m->put(m->ctx, name, body, NULL, err);
}

enum rc cursor_body(const struct source_memory *m, struct slice playlist_id, enum source_object kind, size_t page,
                    const struct cursor_object *o, struct arena *arena, struct slice *out, struct err *err)
{
	char name[NAME_BYTES], sha256[HASH_HEX_BYTES];
	body_name(playlist_id, kind, page, o, name);
	TRY(m->get(m->ctx, name, arena, out, NULL, err));
	hash_sha256_hex(out->ptr ? *out : SLICE(""), sha256);
	if (out->ptr && strcmp(sha256, o->sha256) == 0)
		return RC_OK;
	*out = SLICE_NULL;
	return err_set(err, RC_NOT_FOUND, "%s is gone or changed", name);
}

/* --- as JSON ------------------------------------------------------------------------------------------------ */

static struct json *text_or_null(struct slice s)
{
	return s.ptr ? json_new_string(s) : json_new_null();
}

static struct json *object_json(const struct cursor_object *o)
{
	struct json *j = json_new_object();
	json_set(j, "sha256", json_new_string(slice_of(o->sha256)));
	json_set(j, "url", text_or_null(o->url));
	json_set(j, "etag", text_or_null(o->etag));
	json_set(j, "offset", json_new_integer(o->offset));
	json_set(j, "items", json_new_integer(o->items));
	return j;
}

static struct json *cursor_json(const struct cursor *c)
{
	struct json *root = json_new_object(), *pages = json_new_array(), *warnings = json_new_array();
	json_set(root, "version", json_new_integer(VERSION));
	json_set(root, "snapshot_at", json_new_integer(c->snapshot_at));
	json_set(root, "settings", json_new_string(slice_of(c->settings)));
	json_set(root, "snapshot_id", text_or_null(c->snapshot_id));
	json_set(root, "last_id", text_or_null(c->last_id));
	json_set(root, "total", c->has_total ? json_new_integer(c->total) : json_new_null());
	json_set(root, "head", c->has_head ? object_json(&c->head) : json_new_null());
	for (size_t i = 0; i < c->page_count; i++)
		json_append(pages, object_json(&c->page[i]));
	json_set(root, "pages", pages);
	json_set(root, "next", text_or_null(c->next));
	json_set(root, "whole", json_new_bool(c->whole));
	json_set(root, "takes", json_new_integer(c->takes));
	for (size_t i = 0; i < c->warning_count; i++)
		json_append(warnings, json_new_string(c->warning[i]));
	json_set(root, "warnings", warnings);
	return root;
}

static struct slice keep(struct cursor *c, struct slice s)
{
	return s.ptr ? arena_copy(&c->arena, s) : SLICE_NULL;
}

static bool read_sha256(const struct json *j, const char *key, char out[static HASH_HEX_BYTES])
{
	struct slice hex = json_get_string(j, key);
	if (hex.len != HASH_HEX_BYTES - 1)
		return false;
	memcpy(out, hex.ptr, hex.len);
	out[hex.len] = '\0';
	return true;
}

static bool read_object(struct cursor *c, const struct json *j, struct cursor_object *out)
{
	*out = (struct cursor_object){
		.url = keep(c, json_get_string(j, "url")),
		.etag = keep(c, json_get_string(j, "etag")),
		.offset = json_get_integer(j, "offset", -1),
		.items = json_get_integer(j, "items", -1),
	};
	return out->url.ptr && out->offset >= 0 && out->items >= 0 && read_sha256(j, "sha256", out->sha256);
}

static bool from_json(const struct json *root, struct cursor *c)
{
	const struct json *head = json_get(root, "head"), *pages = json_get(root, "pages"), *warnings = json_get(root, "warnings");
	if (json_get_integer(root, "version", 0) != VERSION || !read_sha256(root, "settings", c->settings))
		return false;
	c->snapshot_at = json_get_integer(root, "snapshot_at", 0);
	if (c->snapshot_at < 0 || c->snapshot_at > MEMORY_S_MAX)
		return false;
	c->snapshot_id = keep(c, json_get_string(root, "snapshot_id"));
	c->last_id = keep(c, json_get_string(root, "last_id"));
	c->has_total = json_integer(json_get(root, "total"), &c->total);
	c->has_head = json_type(head) == JSON_OBJECT;
	if (c->has_head && !read_object(c, head, &c->head))
		return false;
	for (size_t i = 0; i < json_size(pages); i++)
		if (!read_object(c, json_at(pages, i), cursor_add_page(c)))
			return false;
	c->next = keep(c, json_get_string(root, "next"));
	c->takes = json_get_integer(root, "takes", 1);
	for (size_t i = 0; i < json_size(warnings); i++) {
		struct slice text;
		if (json_string(json_at(warnings, i), &text))
			cursor_warn(c, arena_strdup(&c->arena, text));
	}
	return json_bool(json_get(root, "whole"), &c->whole);
}

enum rc cursor_load(const struct source_memory *m, struct slice playlist_id, const char *name, struct cursor *out,
                    bool *out_found, struct err *err)
{
	char path[NAME_BYTES];
	CLEANUP(arena_done) struct arena arena = arena_new(CURSOR_BYTES_MAX);
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice text;
	cursor_init(out, 0, "");
	*out_found = false;
	name_of(playlist_id, name, path);
	TRY(m->get(m->ctx, path, &arena, &text, &out->version, err));
	if (!text.ptr || 8 * text.len > CURSOR_BYTES_MAX || json_parse(text, &root, NULL) != RC_OK)
		return RC_OK;
	*out_found = from_json(root, out);
	return RC_OK;
}

/* RC_REJECT: another version stands there. */
static enum rc save(const struct source_memory *m, const char *path, const struct cursor *c, int64_t *version, struct err *err)
{
	CLEANUP(buf_done) struct buf text = buf_new(CURSOR_BYTES_MAX / 8);
	CLEANUP(json_freep) struct json *root = cursor_json(c);
	json_write(root, JSON_COMPACT, &text);
	if (buf_ok(&text, path, err) != RC_OK)
		return RC_FATAL;
	return m->put(m->ctx, path, buf_slice(&text), version, err);
}

enum rc cursor_save(const struct source_memory *m, struct slice playlist_id, struct cursor *c, struct err *err)
{
	char path[NAME_BYTES];
	name_of(playlist_id, CURSOR_FILE, path);
	enum rc rc = save(m, path, c, &c->version, err);
	if (rc != RC_REJECT)
		return rc;
	return err_set(err, RC_RETRY, "another run reads playlist %.*s at the same time and is further: left to it", SLICE_FMT(playlist_id));
}

enum rc cursor_save_etags(const struct source_memory *m, struct slice playlist_id, const struct cursor *c, struct err *err)
{
	char path[NAME_BYTES];
	name_of(playlist_id, CURSOR_ETAGS, path);
	return save(m, path, c, NULL, err);
}

enum rc cursor_forget(const struct source_memory *m, struct slice playlist_id, struct err *err)
{
	char path[NAME_BYTES], prefix[NAME_BYTES];
	name_of(playlist_id, CURSOR_FILE, path); /* first: bodies without a cursor mean nothing */
	TRY(m->forget(m->ctx, path, err));
	name_of(playlist_id, CURSOR_ETAGS, path);
	name_of(playlist_id, "", prefix);
	return m->forget_all(m->ctx, prefix, path, err);
}
