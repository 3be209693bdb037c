#include "base/json.h"

#include <math.h>

/* Both headers speak of json_type, JSON_OBJECT, json_string(): inside this file jansson's go by other names.
 * Its own macros (json_is_object() and the like) would compare with our enumerators: not used here. */
#define json_type jansson_type
#define json_string jansson_string
#define json_integer jansson_integer
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL JANSSON_REAL
#define JSON_TRUE JANSSON_TRUE
#define JSON_FALSE JANSSON_FALSE
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef json_type
#undef json_string
#undef json_integer
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL
#undef JSON_COMPACT
/* Bound to jansson's own symbol; the plain name in this program would be ours. */
json_t *jansson_integer(json_int_t value) __asm__("json_integer");

static const json_t *tree(const struct json *v)
{
	return (const json_t *) v;
}

static json_t *tree_mut(struct json *v)
{
	return (json_t *) v;
}

/* What jansson's builders give: NULL means that the memory is gone. */
static struct json *built(json_t *v)
{
	if (!v)
		abort();
	return (struct json *) v;
}

/* --- parsing ------------------------------------------------------------------------------------------------ */

/* Bytes jansson takes for each token, malloc's overhead included; on the safe side. */
enum { TREE_OBJECT = 320, TREE_ARRAY = 160, TREE_MEMBER = 112, TREE_ELEMENT = 72 };

/* The index after the string that starts at `i`, or the end. */
static size_t skip_string(struct slice text, size_t i)
{
	for (i++; i < text.len && text.ptr[i] != '"'; i++)
		if (text.ptr[i] == '\\')
			i++;
	return i < text.len ? i + 1 : text.len;
}

/* What jansson does not look after: ill-formed UTF-8 anywhere with its offset, depth, the tree's size,
 * and NUL between tokens (its lexer swallows one after a number). */
static enum rc scan(struct slice text, struct err *err)
{
	size_t bad;
	if (!slice_is_utf8(text, &bad))
		return err_set(err, RC_REJECT, "byte %zu: invalid UTF-8", bad);
	size_t depth = 0, tree_bytes = text.len;
	for (size_t i = 0; i < text.len;) {
		switch (text.ptr[i]) {
		case '"':
			i = skip_string(text, i);
			continue;
		case '{':
		case '[':
			if (++depth > JSON_DEPTH_MAX)
				return err_set(err, RC_REJECT, "byte %zu: nested deeper than %d levels", i, JSON_DEPTH_MAX);
			tree_bytes += text.ptr[i] == '{' ? TREE_OBJECT : TREE_ARRAY;
			break;
		case '}':
		case ']':
			depth -= depth > 0;
			break;
		case ':':
			tree_bytes += TREE_MEMBER;
			break;
		case ',':
			tree_bytes += TREE_ELEMENT;
			break;
		case '\0':
			return err_set(err, RC_REJECT, "byte %zu: NUL outside a string", i);
		default:
			break;
		}
		if (tree_bytes > JSON_TREE_BYTES_MAX)
			return err_set(err, RC_REJECT, "byte %zu: too large: would take over %zu bytes of memory", i,
			               JSON_TREE_BYTES_MAX);
		i++;
	}
	return RC_OK;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Length of the JSON number at `p`, 0 when there is none. */
static size_t number_len(const char *p, const char *end, bool *out_is_integer)
{
	const char *at = p;
	at += at < end && *at == '-';
	if (at == end || !is_digit(*at))
		return 0;
	if (*at == '0')
		at++;
	else
		while (at < end && is_digit(*at))
			at++;
	*out_is_integer = true;
	if (at + 1 < end && *at == '.' && is_digit(at[1])) {
		*out_is_integer = false;
		for (at++; at < end && is_digit(*at);)
			at++;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		const char *exponent = at + 1;
		exponent += exponent < end && (*exponent == '+' || *exponent == '-');
		if (exponent < end && is_digit(*exponent)) {
			*out_is_integer = false;
			for (at = exponent; at < end && is_digit(*at);)
				at++;
		}
	}
	return (size_t) (at - p);
}

static bool overflows(const char *number, size_t len, bool is_integer)
{
	int64_t value;
	if (is_integer)
		return !slice_to_int((struct slice){ number, len }, &value);
	return isinf(strtod(number, NULL)); /* ends at the first byte that is not of the number */
}

/* One number too big for jansson fails the whole text.  Here only its field is of a wrong type: such numbers
 * become a real of the same length that no integer reader takes, so offsets stay true. */
static void tame_overflows(char *text, size_t len)
{
	static const char tame[] = "1e99";
	for (size_t i = 0; i < len;) {
		if (text[i] == '"') {
			i = skip_string((struct slice){ text, len }, i);
			continue;
		}
		bool is_integer;
		size_t number = number_len(text + i, text + len, &is_integer);
		if (number >= sizeof tame - 1 && overflows(text + i, number, is_integer)) {
			memset(text + i, ' ', number);
			memcpy(text + i, tame, sizeof tame - 1);
		}
		i += number ? number : 1;
	}
}

static enum rc refuse(const json_error_t *error, struct err *err)
{
	if (json_error_code(error) == json_error_out_of_memory)
		abort();
	/* "invalid token near '…'": what is near may be a secret */
	struct slice text = slice_of(error->text);
	size_t near = slice_find_str(text, SLICE(" near '"));
	if (near != SIZE_MAX)
		text.len = near;
	return err_set(err, RC_REJECT, "byte %d: invalid JSON: %.*s", error->position, SLICE_FMT(text));
}

enum rc json_parse(struct slice text, struct json **out, struct err *err)
{
	*out = NULL;
	TRY(scan(text, err));
	json_error_t error;
	const char *bytes = text.ptr ? text.ptr : "";
	json_t *root = json_loadb(bytes, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (!root && json_error_code(&error) == json_error_numeric_overflow) {
		struct buf copy CLEANUP(buf_done) = buf_new(text.len);
		buf_add(&copy, text);
		tame_overflows(copy.ptr, copy.len);
		root = json_loadb(copy.ptr, copy.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	}
	if (!root)
		return refuse(&error, err);
	*out = (struct json *) root;
	return RC_OK;
}

void json_free(struct json *root)
{
	json_decref(tree_mut(root));
}

/* --- reading ------------------------------------------------------------------------------------------------ */

enum json_type json_type(const struct json *v)
{
	if (!v)
		return JSON_ABSENT;
	switch (tree(v)->type) {
	case JANSSON_OBJECT: return JSON_OBJECT;
	case JANSSON_ARRAY: return JSON_ARRAY;
	case JANSSON_STRING: return JSON_STRING;
	case JANSSON_INTEGER:
	case JANSSON_REAL: return JSON_NUMBER;
	case JANSSON_TRUE:
	case JANSSON_FALSE: return JSON_BOOL;
	case JANSSON_NULL: return JSON_NULL;
	}
	abort();
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = { [JSON_ABSENT] = "absent", [JSON_NULL] = "null",     [JSON_BOOL] = "a boolean",
		                             [JSON_NUMBER] = "a number", [JSON_STRING] = "a string", [JSON_ARRAY] = "an array",
		                             [JSON_OBJECT] = "an object" };
	assert(type < COUNT_OF(names));
	return names[type];
}

const struct json *json_get(const struct json *v, const char *key)
{
	return (const struct json *) json_object_get(tree(v), key);
}

size_t json_size(const struct json *v)
{
	return json_type(v) == JSON_OBJECT ? json_object_size(tree(v)) : json_array_size(tree(v));
}

const struct json *json_at(const struct json *v, size_t i)
{
	return (const struct json *) json_array_get(tree(v), i);
}

bool json_next(const struct json *v, void **inout_iter, struct slice *out_key, const struct json **out_value)
{
	if (json_type(v) != JSON_OBJECT)
		return false;
	/* jansson's iterators want a mutable object for json_object_iter_set(), not used here */
	json_t *object = (json_t *) (uintptr_t) v;
	void *iter = *inout_iter ? json_object_iter_next(object, *inout_iter) : json_object_iter(object);
	if (!iter)
		return false;
	*inout_iter = iter;
	*out_key = (struct slice){ json_object_iter_key(iter), json_object_iter_key_len(iter) };
	*out_value = (const struct json *) json_object_iter_value(iter);
	return true;
}

bool json_bool(const struct json *v, bool *out)
{
	if (json_type(v) != JSON_BOOL)
		return false;
	*out = tree(v)->type == JANSSON_TRUE;
	return true;
}

bool json_string(const struct json *v, struct slice *out)
{
	if (json_type(v) != JSON_STRING)
		return false;
	*out = (struct slice){ json_string_value(tree(v)), json_string_length(tree(v)) };
	return true;
}

bool json_integer(const struct json *v, int64_t *out)
{
	if (json_type(v) != JSON_NUMBER)
		return false;
	if (tree(v)->type == JANSSON_INTEGER) {
		*out = json_integer_value(tree(v));
		return true;
	}
	double real = json_real_value(tree(v));
	if (!(real >= -0x1p63 && real < 0x1p63) || real != trunc(real))
		return false;
	*out = (int64_t) real;
	return true;
}

struct slice json_get_string(const struct json *v, const char *key)
{
	struct slice s = SLICE_NULL;
	(void) json_string(json_get(v, key), &s);
	return s;
}

int64_t json_get_integer(const struct json *v, const char *key, int64_t otherwise)
{
	(void) json_integer(json_get(v, key), &otherwise);
	return otherwise;
}

/* --- building ----------------------------------------------------------------------------------------------- */

struct json *json_new_object(void)
{
	return built(json_object());
}

struct json *json_new_array(void)
{
	return built(json_array());
}

struct json *json_new_string(struct slice s)
{
	if (!s.ptr)
		return json_new_null();
	assert(slice_is_utf8(s, NULL));
	return built(json_stringn_nocheck(s.ptr, s.len));
}

struct json *json_new_integer(int64_t i)
{
	return built(jansson_integer(i));
}

struct json *json_new_real(double d)
{
	assert(isfinite(d));
	return built(json_real(d));
}

struct json *json_new_bool(bool b)
{
	return built(json_boolean(b));
}

struct json *json_new_null(void)
{
	return built(json_null());
}

void json_set(struct json *object, const char *key, struct json *value)
{
	assert(json_type(object) == JSON_OBJECT && value && value != object);
	assert(slice_is_utf8(slice_of(key), NULL));
	if (json_object_set_new_nocheck(tree_mut(object), key, tree_mut(value)))
		abort();
}

void json_append(struct json *array, struct json *value)
{
	assert(json_type(array) == JSON_ARRAY && value && value != array);
	if (json_array_append_new(tree_mut(array), tree_mut(value)))
		abort();
}

struct json *json_clone(const struct json *v)
{
	return v ? built(json_deep_copy(tree(v))) : NULL;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

/* `s` is UTF-8 and holds neither controls nor quotes up to the next byte that needs an escape. */
static void write_escaped(struct slice s, struct buf *out)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	size_t from = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if ((unsigned char) c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(out, slice_sub(s, from, i - from));
		from = i + 1;
		size_t letter = 0;
		while (letters[letter] && letters[letter] != c)
			letter += 2;
		if (letters[letter]) {
			buf_addc(out, '\\');
			buf_addc(out, letters[letter + 1]);
		} else {
			buf_addf(out, "\\u%04x", (unsigned) (unsigned char) c);
		}
	}
	buf_add(out, slice_sub(s, from, s.len - from));
}

void json_write_string(struct slice s, struct buf *out)
{
	size_t bad;
	buf_addc(out, '"');
	while (s.len && !slice_is_utf8(s, &bad)) {
		write_escaped(slice_sub(s, 0, bad), out);
		buf_adds(out, "\xef\xbf\xbd");
		s = slice_sub(s, bad + 1, s.len - bad - 1);
	}
	write_escaped(s, out);
	buf_addc(out, '"');
}

/* The shortest text that reads back as the same number; always told from an integer. */
static void write_real(double d, struct buf *out)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		(void) snprintf(text, sizeof text, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	buf_adds(out, text);
	if (!strpbrk(text, ".e"))
		buf_adds(out, ".0");
}

static void write_break(enum json_style style, int level, struct buf *out)
{
	if (style == JSON_COMPACT)
		return;
	buf_addc(out, '\n');
	for (int i = 0; i < level; i++)
		buf_adds(out, "  ");
}

static void write_value(const struct json *v, enum json_style style, int level, struct buf *out);

static void write_object(const struct json *v, enum json_style style, int level, struct buf *out)
{
	void *iter = NULL;
	struct slice key;
	const struct json *value;
	const char *separator = "";
	buf_addc(out, '{');
	while (!out->over && json_next(v, &iter, &key, &value)) {
		buf_adds(out, separator);
		write_break(style, level + 1, out);
		json_write_string(key, out);
		buf_adds(out, style == JSON_COMPACT ? ":" : ": ");
		write_value(value, style, level + 1, out);
		separator = ",";
	}
	if (iter)
		write_break(style, level, out);
	buf_addc(out, '}');
}

static void write_array(const struct json *v, enum json_style style, int level, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < json_size(v) && !out->over; i++) {
		buf_adds(out, i ? "," : "");
		write_break(style, level + 1, out);
		write_value(json_at(v, i), style, level + 1, out);
	}
	if (json_size(v))
		write_break(style, level, out);
	buf_addc(out, ']');
}

static void write_value(const struct json *v, enum json_style style, int level, struct buf *out)
{
	struct slice text = SLICE_NULL;
	switch (json_type(v)) {
	case JSON_ABSENT: abort();
	case JSON_NULL: buf_adds(out, "null"); break;
	case JSON_BOOL: buf_adds(out, tree(v)->type == JANSSON_TRUE ? "true" : "false"); break;
	case JSON_NUMBER:
		if (tree(v)->type == JANSSON_INTEGER)
			buf_addf(out, "%lld", (long long) json_integer_value(tree(v)));
		else
			write_real(json_real_value(tree(v)), out);
		break;
	case JSON_STRING:
		(void) json_string(v, &text);
		json_write_string(text, out);
		break;
	case JSON_ARRAY: write_array(v, style, level, out); break;
	case JSON_OBJECT: write_object(v, style, level, out); break;
	}
}

void json_write(const struct json *v, enum json_style style, struct buf *out)
{
	assert(v);
	write_value(v, style, 0, out);
}
