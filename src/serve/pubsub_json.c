#include "serve/pubsub_json.h"

#include "base/base64.h"
#include "base/time.h"

#define NAME_BYTES PUBSUB_NAME_BYTES
#define NUMBER_BYTES_MAX 32
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

bool pubsub_is_name(struct slice key, const char *name)
{
	char snake[NAME_BYTES];
	snake_name(name, snake);
	return slice_is(key, name) || slice_is(key, snake);
}

static bool is_known(struct slice key, const char *known)
{
	char word[NAME_BYTES];
	while (next_word(&known, word))
		if (pubsub_is_name(key, word))
			return true;
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

enum rc pubsub_object(const struct json *object, const char *name, const struct json **out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	*out = v;
	return !v || json_type(v) == JSON_OBJECT ? RC_OK : wrong_type(name, "an object", err);
}

enum rc pubsub_text(const struct json *object, const char *name, size_t bytes_max, struct arena *arena, const char **out, struct err *err)
{
	struct slice text;
	*out = "";
	TRY(pubsub_string(object, name, &text, err));
	if (!text.len)
		return RC_OK;
	if (text.len > bytes_max)
		return err_set(err, RC_REJECT, "Invalid value at '%s': %zu bytes, at most %zu are allowed", name, text.len, bytes_max);
	if (memchr(text.ptr, '\0', text.len))
		return wrong_type(name, "a string without NUL", err);
	*out = arena_strdup(arena, text);
	return RC_OK;
}

/* --- numbers ------------------------------------------------------------------------------------------------ */

/* Of JSON's grammar, so "3e1" and "30.0" too. */
static bool number_in_text(struct slice text, int64_t *out)
{
	CLEANUP(json_freep) struct json *v = NULL;
	struct err ignored;
	if (text.len > NUMBER_BYTES_MAX || slice_trim(text).len != text.len || json_parse(text, &v, &ignored) != RC_OK)
		return false;
	return json_integer(v, out);
}

enum rc pubsub_integer(const struct json *object, const char *name, int64_t otherwise, int64_t *out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	struct slice text;
	*out = otherwise;
	if (!v || ((json_integer(v, out) || (json_string(v, &text) && number_in_text(text, out))) && *out >= INT32_MIN && *out <= INT32_MAX))
		return RC_OK;
	return wrong_type(name, "a whole number of 32 bits", err);
}

enum rc pubsub_enum(const struct json *object, const char *name, const char *names, int64_t *out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	char word[NAME_BYTES];
	struct slice text;
	*out = 0;
	if (!v || (json_integer(v, out) && *out >= INT32_MIN && *out <= INT32_MAX))
		return RC_OK;
	if (json_string(v, &text))
		for (*out = 0; next_word(&names, word); ++*out)
			if (slice_is(text, word))
				return RC_OK;
	return wrong_type(name, "one of the names of this field", err);
}

enum rc pubsub_bool(const struct json *object, const char *name, bool *out, struct err *err)
{
	const struct json *v = pubsub_field(object, name);
	*out = false;
	return !v || json_bool(v, out) ? RC_OK : wrong_type(name, "true or false", err);
}

/* --- times -------------------------------------------------------------------------------------------------- */

/* One to nine digits; a part of a millisecond is told apart. */
static bool parse_fraction(struct slice digits, int64_t *out_ms, bool *out_more)
{
	*out_ms = 0;
	*out_more = false;
	if (digits.len < 1 || digits.len > 9)
		return false;
	for (size_t i = 0; i < 9; i++) {
		char digit = i < digits.len ? digits.ptr[i] : '0';
		if (digit < '0' || digit > '9')
			return false;
		if (i < 3)
			*out_ms = 10 * *out_ms + (digit - '0');
		else
			*out_more |= digit != '0';
	}
	return true;
}

static bool parse_duration(struct slice text, int64_t *out_ms)
{
	int64_t seconds, fraction_ms = 0;
	bool more;
	if (text.len < 2 || text.ptr[text.len - 1] != 's')
		return false;
	text.len--;
	size_t dot = slice_find(text, '.', 0);
	if (!slice_to_int(slice_sub(text, 0, dot), &seconds) || seconds < 0 || seconds > DURATION_S_MAX)
		return false;
	if (dot < text.len && !parse_fraction(slice_sub(text, dot + 1, text.len - dot - 1), &fraction_ms, &more))
		return false;
	*out_ms = seconds * 1000 + fraction_ms;
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

static bool parse_time(struct slice text, int64_t *out_ms)
{
	int64_t seconds, fraction_ms = 0;
	bool more = false;
	if (!time_parse_rfc3339(text, &seconds))
		return false;
	size_t dot = slice_find(text, '.', 0), end = dot + 1;
	while (end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9')
		end++;
	if (dot < text.len && !parse_fraction(slice_sub(text, dot + 1, end - dot - 1), &fraction_ms, &more))
		return false;
	*out_ms = seconds * 1000 + fraction_ms + more;
	return true;
}

enum rc pubsub_time(const struct json *object, const char *name, int64_t otherwise_ms, int64_t *out_ms, struct err *err)
{
	struct slice text;
	*out_ms = otherwise_ms;
	TRY(pubsub_string(object, name, &text, err));
	return !text.ptr || parse_time(text, out_ms) ? RC_OK : wrong_type(name, "a time, such as 2026-01-31T12:00:00.5Z", err);
}

struct slice pubsub_time_text(int64_t ms, struct arena *arena)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	struct time_text text = time_rfc3339(seconds);
	return arena_printf(arena, "%.*s.%03dZ", (int) strlen(text.s) - 1, text.s, (int) (ms - seconds * 1000));
}

/* --- bytes -------------------------------------------------------------------------------------------------- */

enum rc pubsub_bytes(const struct json *object, const char *name, struct arena *arena, struct slice *out, struct err *err)
{
	struct slice text;
	*out = SLICE_NULL;
	TRY(pubsub_string(object, name, &text, err));
	if (text.len && !arena_fits(arena, text.len))
		return err_set(err, RC_REJECT, "the request is too large");
	if (text.len && !base64_decode_lenient(text, arena, out))
		return err_set(err, RC_REJECT, "Invalid value at '%s': Base64 decoding failed", name);
	return RC_OK;
}
