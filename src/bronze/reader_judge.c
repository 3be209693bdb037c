/* Which items are usable tracks.  The order of the questions is the order of the reasons. */
#include "bronze/reader_entry.h"

#include <stdarg.h>

static enum json_type type_of(const struct json *object, const char *key)
{
	return json_type(json_get(object, key));
}

static bool is_true(const struct json *object, const char *key)
{
	bool value = false;
	return json_bool(json_get(object, key), &value) && value;
}

static bool starts(const struct json *object, const char *key, struct slice prefix)
{
	struct slice value = json_get_string(object, key);
	return value.ptr && slice_starts(value, prefix);
}

PRINTF(3, 4) static void reject(struct item *item, enum reject_reason reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	item->reason = reason;
	(void) vsnprintf(item->detail, sizeof item->detail, fmt, ap);
	va_end(ap);
}

/* The longest start of `s` of at most `max` bytes that cuts no character. */
static struct slice excerpt(struct slice s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && ((unsigned char) s.ptr[max] & 0xc0) == 0x80)
		max--;
	return slice_sub(s, 0, max);
}

/* Sets ->track and ->has_item; an item without a usable object is a reject already. */
static bool find_track(struct item *item)
{
	enum json_type kind = json_type(item->json);
	if (kind == JSON_NULL) {
		reject(item, REJECT_NULL_ITEM, "the item is null");
		return false;
	}
	if (kind != JSON_OBJECT) {
		reject(item, REJECT_WRONG_TYPE, "the item is %s", json_type_name(kind));
		return false;
	}
	enum json_type as_item = type_of(item->json, "item"), as_track = type_of(item->json, "track");
	item->has_item = as_item == JSON_OBJECT || (as_item != JSON_ABSENT && as_track == JSON_ABSENT);
	if (as_item == JSON_OBJECT || as_track == JSON_OBJECT) {
		item->track = json_get(item->json, as_item == JSON_OBJECT ? "item" : "track");
		return true;
	}
	if (is_true(item->json, "is_local"))
		reject(item, REJECT_LOCAL_FILE, "is_local");
	else if (as_item > JSON_NULL)
		reject(item, REJECT_WRONG_TYPE, "item is %s", json_type_name(as_item));
	else if (as_track > JSON_NULL)
		reject(item, REJECT_WRONG_TYPE, "track is %s", json_type_name(as_track));
	else if (as_item == as_track)
		reject(item, REJECT_NULL_ITEM, as_item == JSON_NULL ? "item and track are null" : "neither item nor track");
	else
		reject(item, REJECT_NULL_ITEM, "%s is null", as_item == JSON_NULL ? "item" : "track");
	return false;
}

/* Local files and episodes come disguised: any of the signs is enough. */
static bool is_foreign(struct item *item)
{
	struct slice type = json_get_string(item->track, "type");
	if (is_true(item->json, "is_local"))
		reject(item, REJECT_LOCAL_FILE, "is_local");
	else if (is_true(item->track, "is_local"))
		reject(item, REJECT_LOCAL_FILE, "track.is_local");
	else if (starts(item->track, "uri", SLICE("spotify:local:")))
		reject(item, REJECT_LOCAL_FILE, "track.uri");
	else if (slice_is(type, "episode"))
		reject(item, REJECT_EPISODE, "track.type");
	else if (is_true(item->track, "episode"))
		reject(item, REJECT_EPISODE, "track.episode");
	else if (starts(item->track, "uri", SLICE("spotify:episode:")))
		reject(item, REJECT_EPISODE, "track.uri");
	else
		return false;
	return true;
}

/* Old and reduced pages have no `type`: absent and null mean a track. */
static bool has_other_type(struct item *item)
{
	const struct json *type = json_get(item->track, "type");
	struct slice name;
	if (json_type(type) <= JSON_NULL)
		return false;
	if (!json_string(type, &name)) {
		reject(item, REJECT_WRONG_TYPE, "track.type is %s", json_type_name(json_type(type)));
		return true;
	}
	if (slice_is(name, "track"))
		return false;
	name = excerpt(name, 40);
	reject(item, REJECT_WRONG_TYPE, "track.type is '%.*s'", SLICE_FMT(name));
	return true;
}

static bool find_id(struct item *item)
{
	struct slice linked = json_get_string(json_get(item->track, "linked_from"), "id");
	if (linked.len) {
		item->track_id = linked;
		item->relinked = true;
		return true;
	}
	const struct json *id = json_get(item->track, "id");
	if (json_string(id, &item->track_id) && item->track_id.len)
		return true;
	if (json_type(id) == JSON_STRING)
		reject(item, REJECT_MISSING_ID, "track.id is empty");
	else
		reject(item, json_type(id) <= JSON_NULL ? REJECT_MISSING_ID : REJECT_WRONG_TYPE, "track.id is %s",
		       json_type_name(json_type(id)));
	return false;
}

void item_judge(const struct json *json, struct item *out)
{
	*out = (struct item){ .json = json };
	out->usable = find_track(out) && !is_foreign(out) && !has_other_type(out) && find_id(out);
}
