/* The reference reader: a tree first, then the rows.  Strict and clear; speed is another reader's trade. */
#include "bronze/reader_entry.h"

/* --- the page around the items ------------------------------------------------------------------------------ */

/* Where things stand in the tree; `playlist` is set when the page is a full playlist, with its items or without
 * (Spotify leaves them out of other people's lists). */
struct shape {
	const struct json *paging, *items, *playlist;
};

static bool find_shape(const struct json *root, struct shape *out)
{
	*out = (struct shape){ 0 };
	if (json_type(root) == JSON_ARRAY && json_size(root) == 1)
		root = json_at(root, 0);
	if (json_type(root) != JSON_OBJECT)
		return false;
	out->paging = root;
	if (json_type(json_get(root, "items")) != JSON_ARRAY) {
		const struct json *inner = json_get(root, "items");
		out->paging = json_type(inner) == JSON_OBJECT ? inner : json_get(root, "tracks");
		if (json_type(out->paging) == JSON_OBJECT || slice_is(json_get_string(root, "type"), "playlist"))
			out->playlist = root;
	}
	out->items = json_get(out->paging, "items");
	return json_type(out->items) == JSON_ARRAY;
}

/* Null and nothing are no value; false when something stands there that is no whole number of 64 bits from 0 up. */
static bool read_count(const struct json *paging, const char *key, struct opt_int *out)
{
	const struct json *v = json_get(paging, key);
	*out = (struct opt_int){ 0 };
	if (json_type(v) <= JSON_NULL)
		return true;
	out->has = json_integer(v, &out->value) && out->value >= 0;
	if (!out->has)
		out->value = 0;
	return out->has;
}

/* "bad_offset", or NULL when every position can be told.  A total that is no number is none; a negative one is as
 * suspect as a negative offset. */
static const char *read_frame(const struct shape *shape, struct page *out, struct err *err)
{
	int64_t end, count = (int64_t) json_size(shape->items);
	bool total_is_count = read_count(shape->paging, "total", &out->total);
	out->items = count;
	out->has_next = json_get_string(shape->paging, "next").len > 0;
	if (!read_count(shape->paging, "offset", &out->offset)) {
		(void) err_set(err, RC_REJECT, "'offset' is not a whole number from 0 up");
		return "bad_offset";
	}
	if (__builtin_add_overflow(out->offset.value, count, &end)) {
		(void) err_set(err, RC_REJECT, "'offset' %lld leaves no room for %lld positions",
		               (long long) out->offset.value, (long long) count);
		return "bad_offset";
	}
	int64_t total;
	if (!total_is_count && json_integer(json_get(shape->paging, "total"), &total)) {
		(void) err_set(err, RC_REJECT, "'total' is negative: %lld", (long long) total);
		return "bad_offset";
	}
	return NULL;
}

static void read_facts(struct reading *r, const struct json *playlist, struct playlist_facts *out)
{
	const struct json *owner = json_get(playlist, "owner");
	struct slice id = json_get_string(playlist, "id"), owner_id = json_get_string(owner, "id");
	struct slice snapshot_id = json_get_string(playlist, "snapshot_id");
	*out = (struct playlist_facts){
		.id = reading_copy(r, id.len ? id : SLICE_NULL),
		.name = reading_copy(r, json_get_string(playlist, "name")),
		.owner_id = reading_copy(r, owner_id.len ? owner_id : SLICE_NULL),
		.owner_name = reading_copy(r, json_get_string(owner, "display_name")),
		.description = reading_copy(r, json_get_string(playlist, "description")),
		.snapshot_id = reading_copy(r, snapshot_id.len ? snapshot_id : SLICE_NULL),
	};
	out->followers.has = json_integer(json_get(json_get(playlist, "followers"), "total"), &out->followers.value);
}

/* --- the items ---------------------------------------------------------------------------------------------- */

/* Rows are counted before they are made: the arena is asked for what is needed, once. */
static void make_room(struct reading *r, const struct json *items)
{
	struct page *page = r->page;
	size_t entries = 0, credits = 0, count = json_size(items);
	for (size_t i = 0; i < count; i++) {
		struct item item;
		item_judge(json_at(items, i), &item);
		entries += item.usable;
		credits += item.usable ? item_credits_max(&item) : 0;
		page->shape_items = page->shape_items || item.has_item;
	}
	page->uri = reading_alloc(r, count, sizeof *page->uri);
	page->entry = reading_alloc(r, entries, sizeof *page->entry);
	page->credit = reading_alloc(r, credits, sizeof *page->credit);
	page->reject = reading_alloc(r, count - entries, sizeof *page->reject);
}

static void read_items(struct reading *r, const struct json *items)
{
	struct page *page = r->page;
	for (size_t i = 0; i < json_size(items) && !r->too_large; i++) {
		struct item item;
		int64_t position = page->offset.value + (int64_t) i + 1;
		item_judge(json_at(items, i), &item);
		struct slice uri = json_get_string(item.track, "uri");
		page->uri[i] = uri.ptr ? reading_copy(r, uri) : SLICE("");
		if (item.usable) {
			item_read_entry(r, &item, position, (int64_t) i, &page->entry[page->entry_count++]);
			continue;
		}
		page->reject[page->reject_count++] = (struct reject_row){
			.position = position,
			.reason = item.reason,
			.detail = reading_copy(r, slice_of(item.detail)),
			.raw_index = (int64_t) i,
		};
	}
}

static enum rc refuse(struct page *out, const char *reason)
{
	*out = (struct page){ .reason = reason };
	return RC_REJECT;
}

static enum rc refuse_too_large(struct page *out, const struct arena *arena, struct slice body, struct err *err)
{
	(void) err_set(err, RC_REJECT, "too large: %zu bytes of page do not fit the limit of %zu bytes", body.len,
	               arena->limit);
	return refuse(out, "too_large");
}

enum rc page_read(struct slice body, struct arena *arena, struct page *out, struct err *err)
{
	*out = (struct page){ 0 };
	if (!arena_fits(arena, body.len))
		return refuse_too_large(out, arena, body, err);
	struct json *root CLEANUP(json_freep) = NULL;
	if (json_parse(body, &root, err) != RC_OK)
		return refuse(out, "invalid_json");
	struct shape shape;
	if (!find_shape(root, &shape)) {
		(void) err_set(err, RC_REJECT, "no array 'items': neither a page of items nor a playlist that holds one");
		return refuse(out, "no_items");
	}
	const char *reason = read_frame(&shape, out, err);
	if (reason)
		return refuse(out, reason);

	struct reading r = { .arena = arena, .page = out };
	out->has_playlist = shape.playlist != NULL;
	if (out->has_playlist)
		read_facts(&r, shape.playlist, &out->playlist);
	make_room(&r, shape.items);
	if (!r.too_large)
		read_items(&r, shape.items);
	if (r.too_large)
		return refuse_too_large(out, arena, body, err);
	assert((int64_t) (out->entry_count + out->reject_count) == out->items);
	return RC_OK;
}

enum rc playlist_read(struct slice body, struct arena *arena, struct playlist_facts *out, struct err *err)
{
	*out = (struct playlist_facts){ 0 };
	struct json *root CLEANUP(json_freep) = NULL;
	TRY(json_parse(body, &root, err));
	if (json_type(root) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "a playlist is a JSON object, this is %s", json_type_name(json_type(root)));
	struct reading r = { .arena = arena };
	read_facts(&r, root, out);
	if (r.too_large) {
		*out = (struct playlist_facts){ 0 };
		return err_set(err, RC_REJECT, "too large: %zu bytes of playlist do not fit the limit of %zu bytes",
		               body.len, arena->limit);
	}
	return RC_OK;
}

enum rc page_item(struct slice body, int64_t index, struct buf *out, struct err *err)
{
	struct json *root CLEANUP(json_freep) = NULL;
	TRY(json_parse(body, &root, err));
	struct shape shape;
	if (!find_shape(root, &shape))
		return err_set(err, RC_REJECT, "no array 'items': neither a page of items nor a playlist that holds one");
	if (index < 0 || (uint64_t) index >= json_size(shape.items))
		return err_set(err, RC_NOT_FOUND, "no item %lld: the page holds %zu", (long long) index, json_size(shape.items));
	json_write(json_at(shape.items, (size_t) index), JSON_INDENTED, out);
	return buf_ok(out, "item", err);
}

void page_peek(struct slice body, struct page *out, struct arena *arena)
{
	*out = (struct page){ 0 };
	struct json *root CLEANUP(json_freep) = NULL;
	struct shape shape;
	if (json_parse(body, &root, NULL) != RC_OK) {
		out->reason = "invalid_json";
		return;
	}
	bool found = find_shape(root, &shape);
	struct reading r = { .arena = arena, .page = out };
	out->has_playlist = shape.playlist != NULL;
	if (out->has_playlist)
		read_facts(&r, shape.playlist, &out->playlist);
	out->reason = found ? read_frame(&shape, out, NULL) : "no_items";
	for (size_t i = 0; found && i < json_size(shape.items) && !out->shape_items; i++) {
		struct item item;
		item_judge(json_at(shape.items, i), &item);
		out->shape_items = item.has_item;
	}
	if (r.too_large)
		out->reason = "too_large";
}
