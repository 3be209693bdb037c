#include "spotify/paging.h"

#include "base/json.h"

static struct slice keep(struct arena *arena, struct slice s)
{
	return s.len ? arena_copy(arena, s) : SLICE_NULL;
}

/* `items` wins when it is an object, as with bronze. */
static const struct json *inner_of(const struct json *root)
{
	const struct json *items = json_get(root, "items");
	return json_type(items) == JSON_OBJECT ? items : json_get(root, "tracks");
}

enum rc paging_read(struct slice body, struct arena *arena, struct paging *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	*out = (struct paging){ 0 };
	TRY(json_parse(body, &root, err));
	const struct json *paging = json_type(json_get(root, "items")) == JSON_ARRAY ? root : inner_of(root);
	if (json_type(json_get(paging, "items")) != JSON_ARRAY)
		return err_set(err, RC_REJECT, "the answer is no page: it has no array 'items'");
	out->items = (int64_t) json_size(json_get(paging, "items"));
	out->offset = json_get_integer(paging, "offset", 0);
	out->has_total = json_integer(json_get(paging, "total"), &out->total) && out->total >= 0;
	out->next = keep(arena, json_get_string(paging, "next"));
	if (out->offset < 0)
		return err_set(err, RC_REJECT, "the answer's offset is %lld", (long long) out->offset);
	return RC_OK;
}

enum rc playlist_head_read(struct slice body, struct arena *arena, struct playlist_head *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	*out = (struct playlist_head){ 0 };
	TRY(json_parse(body, &root, err));
	if (json_type(root) != JSON_OBJECT || json_type(json_get(root, "error")) == JSON_OBJECT)
		return err_set(err, RC_REJECT, "the answer is no playlist");
	const struct json *owner = json_get(root, "owner"), *inner = inner_of(root);
	*out = (struct playlist_head){
		.id = keep(arena, json_get_string(root, "id")),
		.name = keep(arena, json_get_string(root, "name")),
		.owner_id = keep(arena, json_get_string(owner, "id")),
		.owner_name = keep(arena, json_get_string(owner, "display_name")),
		.snapshot_id = keep(arena, json_get_string(root, "snapshot_id")),
		.has_items = json_type(inner) == JSON_OBJECT,
	};
	out->has_total = json_integer(json_get(inner, "total"), &out->total) && out->total >= 0;
	return RC_OK;
}
