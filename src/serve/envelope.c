#include "serve/envelope.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/time.h"

#define SIGNS_MAX 4096 /* brackets, colons and commas outside strings: an envelope has a few for each attribute */
#define ID_BYTES_MAX 1024
#define NAME_BYTES_MAX 1024

/* Before a tree is made of it: "[[],[],…" would take a hundred times its size. */
static enum rc check_shape(struct slice body, struct err *err)
{
	size_t signs = 0;
	if (body.len > ENVELOPE_BYTES_MAX)
		return err_set(err, RC_REJECT, "an envelope of %zu bytes, at most %zu are allowed", body.len, ENVELOPE_BYTES_MAX);
	for (size_t i = 0; i < body.len && signs <= SIGNS_MAX; i++) {
		char c = body.ptr[i];
		signs += c == '{' || c == '[' || c == ':' || c == ',';
		if (c == '"')
			for (i++; i < body.len && body.ptr[i] != '"'; i++)
				i += body.ptr[i] == '\\';
	}
	return signs <= SIGNS_MAX ? RC_OK : err_set(err, RC_REJECT, "no envelope: more than %d values", SIGNS_MAX);
}

/* The first of two spellings that is there; null is as good as absent. */
static const struct json *field(const struct json *object, const char *camel, const char *snake)
{
	const struct json *v = json_get(object, camel);
	v = v && json_type(v) != JSON_NULL ? v : json_get(object, snake);
	return v && json_type(v) != JSON_NULL ? v : NULL;
}

/* A string or nothing; its copy. */
static enum rc text_field(const struct json *object, const char *camel, const char *snake, size_t bytes_max, struct arena *arena,
                          struct slice *out, struct err *err)
{
	const struct json *v = field(object, camel, snake);
	struct slice s = SLICE("");
	*out = SLICE("");
	if (v && !json_string(v, &s))
		return err_set(err, RC_REJECT, "%s is no string", camel);
	if (s.len > bytes_max)
		return err_set(err, RC_REJECT, "%s of %zu bytes, at most %zu are allowed", camel, s.len, bytes_max);
	*out = arena_copy(arena, s);
	return RC_OK;
}

static int64_t publish_ms(struct slice time)
{
	int64_t seconds;
	return time_parse_rfc3339(time, &seconds) ? seconds * 1000 : 0;
}

/* Takes one when it is within the limits. */
static enum rc add_attribute(struct bus_message *m, struct slice key, struct slice value, struct arena *arena, struct err *err)
{
	if (slice_starts(key, SLICE("goog")))
		return RC_OK;
	if (key.len == 0 || key.len > BUS_ATTR_KEY_BYTES_MAX || value.len > BUS_ATTR_VALUE_BYTES_MAX || m->attr_count == BUS_ATTRS_MAX)
		return err_set(err, RC_REJECT, "attributes: want at most %d with keys of 1 to %d bytes and values of at most %d", BUS_ATTRS_MAX,
		               BUS_ATTR_KEY_BYTES_MAX, BUS_ATTR_VALUE_BYTES_MAX);
	m->attr[m->attr_count++] = (struct bus_attr){ arena_copy(arena, key), arena_copy(arena, value) };
	return RC_OK;
}

/* All that can be read are taken, the first that cannot is told. */
static enum rc read_attributes(const struct json *v, struct bus_message *m, struct arena *arena, struct err *err)
{
	void *iter = NULL;
	struct slice key, value;
	const struct json *item;
	enum rc rc = RC_OK;
	if (v && json_type(v) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "attributes are no object");
	m->attr = arena_alloc_array(arena, BUS_ATTRS_MAX, sizeof *m->attr);
	while (json_next(v, &iter, &key, &item)) {
		enum rc one = json_string(item, &value) ? add_attribute(m, key, value, arena, rc == RC_OK ? err : NULL)
		                                        : err_set(rc == RC_OK ? err : NULL, RC_REJECT, "an attribute is no string");
		rc = rc == RC_OK ? one : rc;
	}
	return rc;
}

static enum rc read_data(const struct json *message, struct arena *arena, struct slice *out, struct err *err)
{
	struct slice text = SLICE("");
	const struct json *v = field(message, "data", "data");
	if (v && !json_string(v, &text))
		return err_set(err, RC_REJECT, "data is no string");
	if (text.len / 4 * 3 > (size_t) BUS_MESSAGE_BYTES_MAX + 3)
		return err_set(err, RC_REJECT, "data of more than %d bytes", BUS_MESSAGE_BYTES_MAX);
	if (!base64_decode(text, arena, out) && !base64url_decode(text, arena, out))
		return err_set(err, RC_REJECT, "data is not base64");
	return RC_OK;
}

static enum rc read_message(const struct json *message, struct arena *arena, struct bus_message *m, struct err *err)
{
	struct slice time;
	TRY(read_attributes(field(message, "attributes", "attributes"), m, arena, err));
	TRY(text_field(message, "publishTime", "publish_time", NAME_BYTES_MAX, arena, &time, err));
	TRY(text_field(message, "orderingKey", "ordering_key", BUS_ORDERING_KEY_BYTES_MAX, arena, &m->ordering_key, err));
	m->publish_time_ms = publish_ms(time);
	TRY(read_data(message, arena, &m->data, err));
	return bus_check_message(m, err);
}

enum rc envelope_read(struct slice body, struct arena *arena, struct envelope *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	*out = (struct envelope){ 0 };
	TRY(check_shape(body, err));
	TRY(json_parse(body, &root, err));
	const struct json *message = json_get(root, "message");
	if (json_type(message) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "no envelope: want {\"message\":{...}}");
	TRY(text_field(message, "messageId", "message_id", ID_BYTES_MAX, arena, &out->message.id, err));
	TRY(text_field(root, "subscription", "subscription", NAME_BYTES_MAX, arena, &out->subscription, err));
	if (!out->message.id.len)
		return err_set(err, RC_REJECT, "no envelope: its message has no messageId");
	out->is_push = true;
	const struct json *attempt = field(root, "deliveryAttempt", "delivery_attempt");
	attempt = attempt ? attempt : field(message, "deliveryAttempt", "delivery_attempt");
	if (!json_integer(attempt, &out->delivery_attempt) || out->delivery_attempt < 0)
		out->delivery_attempt = 0;
	return read_message(message, arena, &out->message, err);
}

/* --- unwrapped ----------------------------------------------------------------------------------------------- */

static struct slice header_text(envelope_header *header, const void *ctx, const char *name)
{
	const char *value = header(ctx, name);
	return value ? slice_of(value) : SLICE("");
}

static bool has_header(envelope_header *header, const void *ctx, const char *name)
{
	return header_text(header, ctx, name).len > 0;
}

bool envelope_is_unwrapped(envelope_header *header, const void *ctx)
{
	return has_header(header, ctx, "x-goog-pubsub-message-id");
}

static enum rc copy_header(envelope_header *header, const void *ctx, const char *name, size_t bytes_max, struct arena *arena,
                           struct slice *out, struct err *err)
{
	struct slice value = header_text(header, ctx, name);
	*out = SLICE("");
	if (value.len > bytes_max || !slice_is_utf8(value, NULL))
		return err_set(err, RC_REJECT, "%s: not UTF-8, or over %zu bytes", name, bytes_max);
	*out = arena_copy(arena, value);
	return RC_OK;
}

static enum rc read_attribute_headers(envelope_header *header, const void *ctx, struct bus_message *m, struct arena *arena,
                                      struct err *err)
{
	static const char *const names[] = { "type", "playlist_id", "snapshot_at", "run_id", "schema_version", "sha256",
		                             "bytes", "page", "offset", "shape", "pages" };
	m->attr = arena_alloc_array(arena, COUNT_OF(names), sizeof *m->attr);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct slice value;
		if (!header(ctx, names[i]))
			continue;
		TRY(copy_header(header, ctx, names[i], BUS_ATTR_VALUE_BYTES_MAX, arena, &value, err));
		m->attr[m->attr_count++] = (struct bus_attr){ slice_of(names[i]), value };
	}
	return RC_OK;
}

enum rc envelope_read_unwrapped(struct slice body, envelope_header *header, const void *ctx, struct arena *arena,
                                struct envelope *out, struct err *err)
{
	struct bus_message *m = &out->message;
	struct slice time;
	*out = (struct envelope){ .message.data = body, .is_push = true };
	/* The emulator spells it the shorter way. */
	const char *key = has_header(header, ctx, "x-goog-pubsub-ordering-key") ? "x-goog-pubsub-ordering-key" : "x-goog-ordering-key";
	TRY(copy_header(header, ctx, "x-goog-pubsub-message-id", ID_BYTES_MAX, arena, &m->id, err));
	TRY(copy_header(header, ctx, "x-goog-pubsub-subscription-name", NAME_BYTES_MAX, arena, &out->subscription, err));
	TRY(read_attribute_headers(header, ctx, m, arena, err));
	TRY(copy_header(header, ctx, key, BUS_ORDERING_KEY_BYTES_MAX, arena, &m->ordering_key, err));
	TRY(copy_header(header, ctx, "x-goog-pubsub-publish-time", NAME_BYTES_MAX, arena, &time, err));
	m->publish_time_ms = publish_ms(time);
	return bus_check_message(m, err);
}
