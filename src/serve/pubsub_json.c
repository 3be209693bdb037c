#include "serve/pubsub_private.h"

#include "serve/reply.h"

#define NAME_BYTES 64
#define PAGE_SIZE_DEFAULT 100
#define PAGE_SIZE_MAX 1000
#define DURATION_S_MAX INT64_C(315576000000) /* google.protobuf.Duration: ten thousand years */

static void snake_name(const char *camel, char out[static NAME_BYTES])
{
	size_t len = 0;
	for (; *camel && len + 2 < NAME_BYTES; camel++) {
		bool upper = *camel >= 'A' && *camel <= 'Z';
		if (upper)
			out[len++] = '_';
		out[len++] = (char) (upper ? *camel - 'A' + 'a' : *camel);
	}
	out[len] = '\0';
}

const struct json *pubsub_field(const struct json *object, const char *name)
{
	char snake[NAME_BYTES];
	const struct json *v = json_get(object, name);
	snake_name(name, snake);
	v = v ? v : json_get(object, snake);
	return json_type(v) == JSON_NULL ? NULL : v;
}

/* The next of "a b c"; false at the end. */
static bool next_word(const char **at, char out[static NAME_BYTES])
{
	size_t len = strcspn(*at, " ");
	if (!len)
		return false;
	assert(len < NAME_BYTES);
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len + ((*at)[len] == ' ');
	return true;
}

static bool is_known(struct slice key, const char *known)
{
	char word[NAME_BYTES], snake[NAME_BYTES];
	while (next_word(&known, word)) {
		snake_name(word, snake);
		if (slice_is(key, word) || slice_is(key, snake))
			return true;
	}
	return false;
}

enum rc pubsub_only_fields(const struct json *object, const char *where, const char *known, struct err *err)
{
	void *iter = NULL;
	struct slice key;
	const struct json *value;
	while (json_next(object, &iter, &key, &value))
		if (!is_known(key, known))
			return err_set(err, RC_REJECT, "Invalid JSON payload received. Unknown name \"%.*s\" at '%s': Cannot find field.",
			               (int) (key.len < 100 ? key.len : 100), key.ptr, where);
	return RC_OK;
}

static enum rc wrong_type(const char *name, const char *want, struct err *err)
{
	return err_set(err, RC_REJECT, "Invalid value at '%s': want %s", name, want);
}

enum rc pubsub_string(const struct json *object, const char *name, struct slice *out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	*out = SLICE_NULL;
	return !v || json_string(v, out) ? RC_OK : wrong_type(name, "a string", err);
}

/* Numbers of 64 bits come as strings, those of 32 as either. */
enum rc pubsub_integer(const struct json *object, const char *name, int64_t otherwise, int64_t *out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	struct slice text;
	*out = otherwise;
	if (!v || json_integer(v, out) || (json_string(v, &text) && slice_to_int(text, out)))
		return RC_OK;
	return wrong_type(name, "a whole number", err);
}

enum rc pubsub_bool(const struct json *object, const char *name, bool *out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	*out = false;
	return !v || json_bool(v, out) ? RC_OK : wrong_type(name, "true or false", err);
}

static bool parse_duration(struct slice text, int64_t *out_ms)
{
	int64_t seconds, fraction = 0;
	if (text.len < 2 || text.ptr[text.len - 1] != 's')
		return false;
	text.len--;
	size_t dot = slice_find(text, '.', 0);
	if (!slice_to_int(slice_sub(text, 0, dot), &seconds) || seconds < 0 || seconds > DURATION_S_MAX)
		return false;
	if (dot < text.len) {
		struct slice digits = slice_sub(text, dot + 1, text.len - dot - 1);
		if (digits.len < 1 || digits.len > 9)
			return false;
		for (size_t i = 0; i < digits.len; i++)
			if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
				return false;
		for (size_t i = 0; i < 3; i++)
			fraction = 10 * fraction + (i < digits.len ? digits.ptr[i] - '0' : 0);
	}
	*out_ms = seconds * 1000 + fraction;
	return true;
}

enum rc pubsub_duration(const struct json *object, const char *name, int64_t otherwise_ms, int64_t *out_ms, struct err *err)
{
	struct slice text;
	*out_ms = otherwise_ms;
	TRY(pubsub_string(object, name, &text, err));
	return !text.ptr || parse_duration(text, out_ms) ? RC_OK : wrong_type(name, "a duration, such as 10s or 1.5s", err);
}

struct json *pubsub_new_duration(int64_t ms, struct arena *arena)
{
	return json_new_string(ms % 1000 ? arena_printf(arena, "%lld.%03llds", (long long) (ms / 1000), (long long) (ms % 1000))
	                                 : arena_printf(arena, "%llds", (long long) (ms / 1000)));
}

static bool is_default(const struct json *v)
{
	struct slice text;
	bool flag;
	int64_t number;
	return !v || (json_bool(v, &flag) && !flag) || (json_string(v, &text) && !text.len) || (json_integer(v, &number) && !number) ||
	       ((json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) && !json_size(v));
}

enum rc pubsub_not_here(struct pubsub_call *c, const struct json *object, const char *names, struct err *err)
{
	char word[NAME_BYTES];
	while (next_word(&names, word)) {
		if (is_default(pubsub_field(object, word)))
			continue;
		c->status = PUBSUB_UNIMPLEMENTED;
		return err_set(err, RC_REJECT, "'%s': this service does not do that", word);
	}
	return RC_OK;
}

enum rc pubsub_resource(struct pubsub_call *c, const char *kind, struct slice name, const char **out_id, struct err *err)
{
	struct slice prefix = arena_printf(c->arena, "projects/%s/%s/", c->p->project, kind);
	if (!slice_starts(name, prefix) || name.len == prefix.len)
		return err_set(err, RC_REJECT, "Invalid resource name given (name=%.*s): want %.*sNAME", (int) (name.len < 200 ? name.len : 200),
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

enum rc pubsub_page(struct pubsub_call *c, const struct bus_names *names, size_t *out_from, size_t *out_count, struct json *reply,
                    struct err *err)
{
	const char *token = server_query(c->rq, "pageToken");
	int64_t size;
	size_t from = 0;
	TRY(reply_page_size(c->rq, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, &size, err));
	while (token && *token && from < names->count && slice_cmp(names->name[from], slice_of(token)) <= 0)
		from++;
	*out_from = from;
	*out_count = names->count - from < (size_t) size ? names->count - from : (size_t) size;
	if (from + *out_count < names->count) /* the token is the last name of the page: what comes and goes meanwhile shifts nothing */
		json_set(reply, "nextPageToken", json_new_string(names->name[from + *out_count - 1]));
	return RC_OK;
}
