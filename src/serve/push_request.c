#include "serve/push_request.h"

#include "base/base64.h"
#include "serve/pubsub_json.h"
#include "serve/pubsub_message.h"

#include <strings.h>

#define OWN_HEADERS_MAX 8
#define PIECE_BYTES ((size_t) 3 << 14)      /* of data at a time; a multiple of three goes without padding */
#define REST_BYTES_MAX ((size_t) 4 << 20)   /* a hundred attributes with every byte escaped are less than one */

/* --- wrapped ------------------------------------------------------------------------------------------------- */

static struct slice full_name(const struct push_subject *s, struct arena *arena)
{
	return arena_printf(arena, "projects/%s/subscriptions/%s", s->project, s->subscription);
}

/* All but the data, which may be large and is written without a tree. */
static void write_rest(const struct push_subject *subject, const struct bus_delivery *d, struct arena *arena, struct buf *out)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	struct bus_message m = d->message;
	m.data = SLICE_NULL;
	if (!subject->is_ordered)
		m.ordering_key = SLICE_NULL;
	struct json *message = pubsub_message_json(&m, subject->project, arena);
	json_set(message, "message_id", json_new_string(m.id)); /* the older spelling of both, for whoever still reads it */
	json_set(message, "publish_time", json_new_string(pubsub_time_text(m.publish_time_ms, arena)));
	json_set(root, "message", message);
	json_set(root, "subscription", json_new_string(full_name(subject, arena)));
	if (subject->is_counted)
		json_set(root, "deliveryAttempt", json_new_integer(d->attempt));
	json_write(root, JSON_COMPACT, out);
}

static void add_base64(struct slice data, struct buf *body)
{
	CLEANUP(arena_done) struct arena piece = arena_new(2 * PIECE_BYTES);
	for (size_t at = 0; at < data.len; at += PIECE_BYTES) {
		size_t len = data.len - at < PIECE_BYTES ? data.len - at : PIECE_BYTES;
		arena_reset(&piece);
		buf_add(body, base64_encode(slice_sub(data, at, len), &piece));
	}
}

static void wrap(const struct push_subject *subject, const struct bus_delivery *d, struct arena *arena, struct buf *body)
{
	CLEANUP(buf_done) struct buf rest = buf_new(REST_BYTES_MAX);
	struct slice begin = SLICE("{\"message\":{");
	write_rest(subject, d, arena, &rest);
	assert(!rest.over && slice_starts(buf_slice(&rest), begin)); /* a message has an id at least: a comma may follow the data */
	buf_add(body, begin);
	if (d->message.data.len) {
		buf_adds(body, "\"data\":\"");
		add_base64(d->message.data, body);
		buf_adds(body, "\",");
	}
	buf_add(body, slice_sub(buf_slice(&rest), begin.len, rest.len - begin.len));
}

/* --- headers ------------------------------------------------------------------------------------------------- */

struct headers {
	struct http_header *list;
	size_t count;
	bool has_type;
};

static void add_header(struct headers *h, const char *name, struct slice value)
{
	h->list[h->count++] = (struct http_header){ slice_of(name), value };
}

static bool is_name(struct slice s, const char *name)
{
	return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

static bool is_token(struct slice s)
{
	static const char mark[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_alphanumeric && (!c || !strchr(mark, c)))
			return false;
	}
	return s.len > 0;
}

static bool is_value(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char) s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0 && slice_trim(s).len == s.len;
}

/* Names that belong to the request itself: an attribute comes from whoever publishes. */
static bool is_reserved(struct slice name, bool has_token)
{
	static const char *const reserved[] = { "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
		                                "Upgrade", "Expect", "Accept-Encoding", "Content-Encoding", "User-Agent", "HTTP2-Settings",
		                                "x-goog-ordering-key" };
	for (size_t i = 0; i < COUNT_OF(reserved); i++)
		if (is_name(name, reserved[i]))
			return true;
	return (has_token && is_name(name, "Authorization")) || (name.len >= 6 && strncasecmp(name.ptr, "Proxy-", 6) == 0) ||
	       (name.len >= 14 && strncasecmp(name.ptr, "x-goog-pubsub-", 14) == 0);
}

static void add_attribute_headers(struct headers *h, const struct bus_message *m, bool has_token)
{
	for (size_t i = 0; i < m->attr_count; i++) {
		const struct bus_attr *a = &m->attr[i];
		if (!is_token(a->key) || !is_value(a->value) || is_reserved(a->key, has_token))
			continue;
		h->list[h->count++] = (struct http_header){ a->key, a->value };
		h->has_type = h->has_type || is_name(a->key, "Content-Type");
	}
}

static void add_metadata(struct headers *h, const struct push_subject *subject, const struct bus_message *m, bool has_token,
                         struct arena *arena)
{
	add_header(h, "x-goog-pubsub-subscription-name", full_name(subject, arena));
	add_header(h, "x-goog-pubsub-message-id", m->id);
	add_header(h, "x-goog-pubsub-publish-time", pubsub_time_text(m->publish_time_ms, arena));
	if (subject->is_ordered && is_value(m->ordering_key))
		add_header(h, "x-goog-pubsub-ordering-key", m->ordering_key);
	add_attribute_headers(h, m, has_token);
}

/* --- both ---------------------------------------------------------------------------------------------------- */

void push_request_make(const struct push_config *config, const struct push_subject *subject, const struct bus_delivery *delivery,
                       struct slice token, struct arena *arena, struct buf *body, struct http_request *out)
{
	const struct bus_message *m = &delivery->message;
	struct headers h = { .list = arena_alloc_array(arena, OWN_HEADERS_MAX + m->attr_count, sizeof *h.list) };
	*out = (struct http_request){ .method = "POST", .url = config->endpoint, .discard_answer = true };
	add_header(&h, "Expect", SLICE("")); /* else a large body waits a second for leave to come */
	if (token.ptr)
		add_header(&h, "Authorization", arena_printf(arena, "Bearer %.*s", SLICE_FMT(token)));
	if (config->no_wrapper) {
		out->body = m->data;
		if (config->write_metadata)
			add_metadata(&h, subject, m, token.ptr != NULL, arena);
	} else {
		wrap(subject, delivery, arena, body);
		out->body = buf_slice(body);
	}
	if (!h.has_type)
		add_header(&h, "Content-Type", config->no_wrapper ? SLICE("application/octet-stream") : SLICE("application/json"));
	out->header = h.list;
	out->header_count = h.count;
}

bool push_request_is_taken(int status)
{
	return status == 102 || status == 200 || status == 201 || status == 202 || status == 204;
}

bool push_request_is_refused(int status)
{
	return status != 0 && !push_request_is_taken(status) && status != 429 && (status < 502 || status > 504);
}
