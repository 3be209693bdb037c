/* What the methods share: resources by name, lists by pages, updates by mask, labels, and what is not done here. */
#include "serve/pubsub_private.h"

#include "base/base64.h"
#include "serve/reply.h"

#include <stdarg.h>
#include <stdio.h>

#define PAGE_SIZE_DEFAULT 100
#define PAGE_SIZE_MAX 1000
#define ID_BYTES_MAX 255 /* bus_check_name() says more */
#define PATHS_MAX 64
#define LABELS_MAX 64
#define LABEL_CHARS_MAX 63
#define SHOWN_BYTES 100

/* So many bytes go into a message: whole characters. */
static int shown(struct slice s)
{
	size_t len = s.len < SHOWN_BYTES ? s.len : SHOWN_BYTES;
	while (len < s.len && len > 0 && ((unsigned char) s.ptr[len] & 0xc0) == 0x80)
		len--;
	return (int) len;
}

/* --- answers ------------------------------------------------------------------------------------------------ */

enum rc pubsub_found(enum rc rc, const char *id, struct err *err)
{
	return rc == RC_NOT_FOUND ? err_set(err, rc, "Resource not found (resource=%s).", id) : rc;
}

enum rc pubsub_must_be_new(struct pubsub_call *c, enum rc rc, const char *id, struct err *err)
{
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	c->status = PUBSUB_ALREADY_EXISTS;
	return err_set(err, RC_REJECT, "Resource already exists in the project (resource=%s).", id);
}

enum rc pubsub_precondition(struct pubsub_call *c, struct err *err, const char *fmt, ...)
{
	char text[ERR_MSG_BYTES];
	va_list args;
	va_start(args, fmt);
	(void) vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	c->status = PUBSUB_FAILED_PRECONDITION;
	return err_set(err, RC_REJECT, "%s", text);
}

static bool is_default(const struct json *v)
{
	struct slice text;
	bool flag;
	int64_t number;
	return !v || (json_bool(v, &flag) && !flag) || (json_string(v, &text) && !text.len) || (json_integer(v, &number) && !number) ||
	       ((json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) && !json_size(v));
}

enum rc pubsub_not_here(struct pubsub_call *c, const struct json *object, const char *const *name, struct err *err)
{
	for (; *name; name++)
		if (!is_default(pubsub_field(object, *name))) {
			c->status = PUBSUB_UNIMPLEMENTED;
			return err_set(err, RC_REJECT, "'%s': this service does not do that", *name);
		}
	return RC_OK;
}

/* --- names and values --------------------------------------------------------------------------------------- */

enum rc pubsub_resource(struct pubsub_call *c, const char *kind, struct slice name, const char **out_id, struct err *err)
{
	struct slice prefix = arena_printf(c->arena, "projects/%s/%s/", c->p->project, kind);
	if (!slice_starts(name, prefix) || name.len == prefix.len || name.len - prefix.len > ID_BYTES_MAX || memchr(name.ptr, '\0', name.len))
		return err_set(err, RC_REJECT, "Invalid resource name given (name=%.*s): want %.*sNAME", shown(name),
		               name.ptr ? name.ptr : "", SLICE_FMT(prefix));
	*out_id = arena_strdup(c->arena, slice_sub(name, prefix.len, name.len - prefix.len));
	return bus_check_name(*out_id, err);
}

struct json *pubsub_new_name(const struct pubsub_call *c, const char *kind, const char *id)
{
	if (strcmp(id, BUS_DELETED_TOPIC) == 0)
		return json_new_string(slice_of(id));
	return json_new_string(arena_printf(c->arena, "projects/%s/%s/%s", c->p->project, kind, id));
}

/* cloud.google.com/apis/docs/system-parameters: "$alt" goes by "alt", too. */
struct json *pubsub_new_enum(const struct pubsub_call *c, const char *name, int64_t number)
{
	const char *alt = server_query(c->rq, "$alt");
	alt = alt ? alt : server_query(c->rq, "alt");
	return alt && strcmp(alt, "json;enum-encoding=int") == 0 ? json_new_integer(number) : json_new_string(slice_of(name));
}

void pubsub_set_stored(struct json *object, const char *name, const char *text)
{
	struct json *v;
	if (*text && json_parse(slice_of(text), &v, NULL) == RC_OK)
		json_set(object, name, v);
}

/* --- labels ------------------------------------------------------------------------------------------------- */

static bool is_label(struct slice s, bool is_key)
{
	size_t chars = 0;
	for (size_t i = 0; i < s.len; i++) {
		char ch = s.ptr[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (unsigned char) ch >= 0x80;
		if (!letter && ((is_key && i == 0) || !ch || !strchr("0123456789_-", ch)))
			return false;
		chars += ((unsigned char) ch & 0xc0) != 0x80;
	}
	return chars <= LABEL_CHARS_MAX && (!is_key || chars > 0);
}

enum rc pubsub_labels(const struct json *object, struct arena *arena, const char **out, struct err *err)
{
	CLEANUP(buf_done) struct buf text = buf_new(BUS_TEXT_BYTES_MAX);
	const struct json *labels, *item;
	struct slice key, value;
	void *iter = NULL;
	*out = "";
	TRY(pubsub_object(object, "labels", &labels, err));
	if (json_size(labels) > LABELS_MAX)
		return err_set(err, RC_REJECT, "Invalid labels: %zu of them, at most %d are allowed", json_size(labels), LABELS_MAX);
	while (json_next(labels, &iter, &key, &item)) {
		if (!is_label(key, true))
			return err_set(err, RC_REJECT, "Invalid label key '%.*s': want 1 to %d lower-case letters, digits, _ and -, a letter first", shown(key),
			               key.ptr, LABEL_CHARS_MAX);
		if (!json_string(item, &value))
			return err_set(err, RC_REJECT, "Invalid value at 'labels' of \"%.*s\": want a string", shown(key), key.ptr);
		if (!is_label(value, false))
			return err_set(err, RC_REJECT, "Invalid label value '%.*s': want at most %d lower-case letters, digits, _ and -", shown(value),
			               value.ptr, LABEL_CHARS_MAX);
	}
	if (!json_size(labels))
		return RC_OK;
	json_write(labels, JSON_COMPACT, &text);
	TRY(buf_ok(&text, "labels", err));
	*out = arena_strdup(arena, buf_slice(&text));
	return RC_OK;
}

/* --- lists by pages ----------------------------------------------------------------------------------------- */

/* A token is the list it belongs to and the last name of a page: what comes and goes meanwhile shifts nothing. */
static struct slice token_of(const struct pubsub_call *c, struct slice name)
{
	return base64url_encode(arena_printf(c->arena, "%s %.*s", c->rq->path, SLICE_FMT(name)), c->arena);
}

static enum rc read_token(struct pubsub_call *c, struct slice *out_after, struct err *err)
{
	const char *token = server_query(c->rq, "pageToken");
	struct slice text, list = arena_printf(c->arena, "%s ", c->rq->path);
	*out_after = SLICE("");
	if (!token || !*token)
		return RC_OK;
	if (!base64url_decode(slice_of(token), c->arena, &text) || !slice_starts(text, list))
		return err_set(err, RC_REJECT, "Invalid page token given (page_token=%.100s)", token);
	*out_after = slice_sub(text, list.len, text.len - list.len);
	return RC_OK;
}

enum rc pubsub_list(struct pubsub_call *c, const struct bus_names *names, const char *field, pubsub_item *item, struct json **out,
                    struct err *err)
{
	struct slice after;
	int64_t size;
	size_t from = 0;
	TRY(reply_page_size(c->rq, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, &size, err));
	TRY(read_token(c, &after, err));
	while (from < names->count && slice_cmp(names->name[from], after) <= 0)
		from++;
	size_t end = names->count - from < (size_t) size ? names->count : from + (size_t) size;
	struct json *list = json_new_array();
	*out = json_new_object();
	json_set(*out, field, list);
	for (size_t i = from; i < end; i++) {
		struct json *one = NULL;
		enum rc rc = item(c, arena_strdup(c->arena, names->name[i]), &one, err);
		if (rc == RC_OK)
			json_append(list, one);
		else if (rc != RC_NOT_FOUND)
			return rc;
	}
	if (end < names->count)
		json_set(*out, "nextPageToken", json_new_string(token_of(c, names->name[end - 1])));
	return RC_OK;
}

/* --- updates by mask ---------------------------------------------------------------------------------------- */

enum rc pubsub_each_path(struct pubsub_call *c, const char *kind, const struct json *from, pubsub_path *path, void *ctx, struct err *err)
{
	struct slice mask, one;
	const char *query = server_query(c->rq, "updateMask");
	size_t count = 0;
	TRY(pubsub_string(c->body, "updateMask", &mask, err));
	if (!mask.len && query)
		mask = slice_of(query);
	while (slice_next_entry(&mask, &one)) {
		if (++count > PATHS_MAX) /* each takes room for what it names */
			return err_set(err, RC_REJECT, "The update_mask in the Update%sRequest has more than %d paths.", kind, PATHS_MAX);
		TRY(path(c, one, from, ctx, err));
	}
	if (count)
		return RC_OK;
	return err_set(err, RC_REJECT, "The update_mask in the Update%sRequest must be set, and must contain a non-empty paths list.", kind);
}

enum rc pubsub_no_such_path(const char *kind, struct slice path, struct err *err)
{
	return err_set(err, RC_REJECT, "Invalid update_mask provided in the Update%sRequest: '%.*s' is not a known, mutable %s field.", kind, shown(path),
	               path.ptr, kind);
}

enum rc pubsub_path_not_here(struct pubsub_call *c, struct slice path, const struct json *from, const char *const *not_here, bool *out_is,
                             struct err *err)
{
	*out_is = false;
	for (; *not_here && !*out_is; not_here++) {
		*out_is = pubsub_is_name(path, *not_here);
		if (*out_is)
			TRY(pubsub_not_here(c, from, (const char *const[]){ *not_here, NULL }, err));
	}
	return RC_OK;
}
