/* Recorded pages, in the layout of source_dir_open(), put together to lists of items that can be paged anew. */
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/file.h"
#include "sim/simulator_private.h"

#define NAMES_BYTES_MAX ((size_t) 256 << 20)
#define PAGE_BYTES_MAX ((size_t) 64 << 20)
#define TEXT_BYTES_MAX ((size_t) 1 << 30)
#define ITEMS_MAX 10000000
#define ID_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"

/* A dump may hold an array around a playlist; a playlist holds its first page. */
static const struct json *paging_of(const struct json *body)
{
	if (json_type(body) == JSON_ARRAY && json_size(body) == 1)
		body = json_at(body, 0);
	const struct json *items = json_get(body, "items"), *tracks = json_get(body, "tracks");
	if (json_type(items) == JSON_OBJECT)
		return items;
	return json_type(tracks) == JSON_OBJECT ? tracks : body;
}

/* How items are written is told by the first that is an object. */
static void note_shape(const struct json *item, struct recorded_items *r, bool *inout_known)
{
	bool one = json_get(item, "item"), other = json_get(item, "track");
	if (*inout_known || (!one && !other))
		return;
	*inout_known = true;
	r->item_shape = one;
	r->both = one && other;
}

static enum rc add_page(struct recorded_items *r, struct slice body, size_t **inout_end, size_t *inout_cap, bool *inout_known,
                        struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	TRY(json_parse(body, &root, err));
	const struct json *paging = paging_of(root), *items = json_get(paging, "items");
	if (json_type(items) != JSON_ARRAY)
		return err_set(err, RC_REJECT, "no items: want a page of a playlist");
	int64_t total = json_get_integer(paging, "total", 0);
	if (total > 0 && (size_t) total > r->total)
		r->total = (size_t) total;
	for (size_t i = 0; i < json_size(items); i++) {
		if (r->count == ITEMS_MAX)
			return err_set(err, RC_REJECT, "more than %d items", ITEMS_MAX);
		if (r->count == *inout_cap) {
			*inout_cap = *inout_cap ? 2 * *inout_cap : 256;
			*inout_end = mem_realloc(*inout_end, *inout_cap * sizeof **inout_end);
		}
		note_shape(json_at(items, i), r, inout_known);
		json_write(json_at(items, i), JSON_COMPACT, &r->text);
		(*inout_end)[r->count++] = r->text.len;
	}
	return buf_ok(&r->text, "a recorded snapshot", err);
}

static enum rc load_pages(const struct simulator *s, const struct listing *l, int64_t at, struct recorded_items *r,
                          struct err *err)
{
	CLEANUP(mem_freep) size_t *end = NULL;
	size_t cap = 0;
	bool known = false;
	for (int64_t page = 0;; page++) {
		CLEANUP(arena_done) struct arena arena = arena_new(PAGE_BYTES_MAX + 8192);
		struct slice path = arena_printf(&arena, "%s/%s/%s/page-%04lld.json", s->recorded_dir, l->id, time_folder(at).s,
		                                 (long long) page),
			     body;
		enum rc rc = file_read(path.ptr, PAGE_BYTES_MAX, &arena, &body, err);
		if (rc == RC_NOT_FOUND && page > 0)
			break;
		TRY(rc);
		TRY_WRAP(add_page(r, body, &end, &cap, &known, err), err, "%s", path.ptr);
	}
	r->item = mem_alloc_array(r->count, sizeof *r->item);
	for (size_t i = 0; i < r->count; i++)
		r->item[i] = slice_sub(buf_slice(&r->text), i ? end[i - 1] : 0, end[i] - (i ? end[i - 1] : 0));
	if (r->total < r->count)
		r->total = r->count;
	return RC_OK;
}

enum rc recorded_load(const struct simulator *s, const struct listing *l, int64_t at, struct recorded_items **out,
                      struct err *err)
{
	struct recorded_items *r = mem_alloc(sizeof *r);
	r->text = buf_new(TEXT_BYTES_MAX);
	enum rc rc = load_pages(s, l, at, r, err);
	if (rc != RC_OK) {
		recorded_free(r);
		return rc == RC_FATAL ? rc : RC_REJECT;
	}
	*out = r;
	return RC_OK;
}

void recorded_free(struct recorded_items *r)
{
	if (!r)
		return;
	buf_done(&r->text);
	mem_free(r->item);
	mem_free(r);
}

/* --- the folder */

static struct json *user_object(const char *id, struct arena *arena)
{
	struct json *user = json_new_object();
	json_set(user, "display_name", json_new_string(slice_of(id)));
	json_set(user, "href", json_new_string(arena_printf(arena, "https://api.spotify.com/v1/users/%s", id)));
	json_set(user, "id", json_new_string(slice_of(id)));
	json_set(user, "type", json_new_string(SLICE("user")));
	json_set(user, "uri", json_new_string(arena_printf(arena, "spotify:user:%s", id)));
	return user;
}

/* What playlist.json says of the playlist, the rest invented; never its items. */
static struct json *complete(const struct json *given, const char *id, struct arena *arena)
{
	struct json *meta = json_new_object(), *followers = json_new_object(), *links = json_new_object();
	struct slice key;
	const struct json *value;
	json_set(followers, "href", json_new_null());
	json_set(followers, "total", json_new_integer(0));
	json_set(links, "spotify", json_new_string(arena_printf(arena, "https://open.spotify.com/playlist/%s", id)));
	json_set(meta, "collaborative", json_new_bool(false));
	json_set(meta, "description", json_new_string(SLICE("")));
	json_set(meta, "external_urls", links);
	json_set(meta, "followers", followers);
	json_set(meta, "href", json_new_null());
	json_set(meta, "id", json_new_null());
	json_set(meta, "images", json_new_array());
	json_set(meta, "name", json_new_string(slice_of(id)));
	json_set(meta, "owner", user_object(strncmp(id, "37i9", 4) == 0 ? "spotify" : "sargam_recorded", arena));
	json_set(meta, "primary_color", json_new_null());
	json_set(meta, "public", json_new_bool(true));
	json_set(meta, "snapshot_id", json_new_null());
	for (void *iter = NULL; json_next(given, &iter, &key, &value);) {
		if (!slice_is(key, "tracks") && !slice_is(key, "items") && !slice_is(key, "id"))
			json_set(meta, arena_strdup(arena, key), json_clone(value));
	}
	json_set(meta, "id", json_new_string(slice_of(id)));
	json_set(meta, "type", json_new_string(SLICE("playlist")));
	json_set(meta, "uri", json_new_string(arena_printf(arena, "spotify:playlist:%s", id)));
	return meta;
}

static enum rc read_meta(struct simulator *s, struct listing *l, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(PAGE_BYTES_MAX + (1 << 20));
	CLEANUP(json_freep) struct json *root = NULL, *meta = NULL;
	CLEANUP(buf_done) struct buf text = buf_new(PAGE_BYTES_MAX);
	struct slice path = arena_printf(&arena, "%s/%s/playlist.json", s->recorded_dir, l->id), body;
	enum rc rc = file_read(path.ptr, PAGE_BYTES_MAX, &arena, &body, err);
	if (rc == RC_OK)
		TRY_WRAP(json_parse(body, &root, err), err, "%s", path.ptr);
	else if (rc != RC_NOT_FOUND)
		return rc;
	meta = complete(json_type(root) == JSON_ARRAY ? json_at(root, 0) : root, l->id, &arena);
	json_write(meta, JSON_COMPACT, &text);
	TRY(buf_ok(&text, path.ptr, err));
	struct slice owner = json_get_string(json_get(meta, "owner"), "id");
	l->meta = arena_strdup(&s->arena, buf_slice(&text));
	l->owner_id = arena_strdup(&s->arena, owner.ptr ? owner : SLICE(""));
	return RC_OK;
}

static enum rc open_listing(struct simulator *s, const char *name, struct listing *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(NAMES_BYTES_MAX);
	struct file_names names;
	TRY(file_list(arena_printf(&scratch, "%s/%s", s->recorded_dir, name).ptr, &scratch, &names, err));
	*l = (struct listing){ .id = arena_strdup(&s->arena, slice_of(name)),
		                .at = arena_alloc_array(&s->arena, names.count, sizeof *l->at) };
	for (size_t i = 0; i < names.count; i++) { /* names of times sort as the times do */
		if (names.is_dir[i] && time_parse_folder(slice_of(names.name[i]), &l->at[l->at_count]))
			l->at_count++;
	}
	return l->at_count ? read_meta(s, l, err) : RC_OK;
}

enum rc recorded_open(struct simulator *s, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(NAMES_BYTES_MAX);
	struct file_names names;
	int64_t last_day = INT64_MIN;
	s->first_day = INT64_MAX;
	enum rc rc = file_list(s->recorded_dir, &scratch, &names, err);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND
		               ? err_set(err, RC_FATAL, "%s: no such folder: name that of the recorded pages", s->recorded_dir)
		               : rc;
	s->listing = arena_alloc_array(&s->arena, names.count, sizeof *s->listing);
	for (size_t i = 0; i < names.count; i++) {
		struct listing *l = &s->listing[s->listing_count];
		if (!names.is_dir[i] || names.name[i][strspn(names.name[i], ID_CHARACTERS)])
			continue;
		TRY(open_listing(s, names.name[i], l, err));
		if (l->at_count == 0)
			continue;
		int64_t first = time_day_number(l->at[0], 0), last = time_day_number(l->at[l->at_count - 1], 0);
		s->first_day = first < s->first_day ? first : s->first_day;
		last_day = last > last_day ? last : last_day;
		s->listing_count++;
	}
	if (s->listing_count == 0)
		return err_set(err, RC_FATAL,
		               "%s: holds no snapshot: want <playlist id>/<YYYY-MM-DDTHH-MM-SSZ>/page-0000.json below it",
		               s->recorded_dir);
	s->days = last_day - s->first_day + 1;
	return RC_OK;
}
