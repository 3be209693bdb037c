/* JSON values: the only home of jansson.h.
 *
 * Parsing is strict (RFC 8259, UTF-8, no lone surrogates, nothing after the value) with what DATA.md adds:
 * the last of duplicate keys wins, nesting beyond JSON_DEPTH_MAX levels is refused, an integer that does not fit
 * 64 bits is kept as a number that json_integer() refuses (the field is of a wrong type, the page is fine).
 * Every parse failure is RC_REJECT and names the byte offset.  A level is an open bracket: 256 are accepted.
 * Refused too: a key that holds NUL, and a text whose tree would take more than JSON_TREE_BYTES_MAX.
 *
 * Values live in a tree owned by its root; json_free() ends it.  Slices handed out point into the tree.
 * All readers take NULL (absent) and wrong types and answer "no". */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

#define JSON_DEPTH_MAX 256
#define JSON_TREE_BYTES_MAX ((size_t) 512 << 20) /* "{},{},…" takes a hundred times its size */

struct json;

MUST_USE enum rc json_parse(struct slice text, struct json **out, struct err *err);
/* For a text that holds secrets: what the parser gives back is wiped first, and so is the tree by json_free_secret(). */
MUST_USE enum rc json_parse_secret(struct slice text, struct json **out, struct err *err);
void json_free_secret(struct json *root);
static inline void json_free_secretp(struct json **root)
{
	json_free_secret(*root);
	*root = NULL;
}
void json_free(struct json *root);
static inline void json_freep(struct json **root)
{
	json_free(*root);
	*root = NULL;
}

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(const struct json *v); /* JSON_ABSENT for NULL */
const char *json_type_name(enum json_type type);

/* Members and elements; NULL when absent or `v` is of another type. */
const struct json *json_get(const struct json *v, const char *key);
size_t json_size(const struct json *v); /* elements or members, else 0 */
const struct json *json_at(const struct json *v, size_t i);
/* The i-th member of an object in the order of the text (duplicates once); false past the end.
 * Walk with *inout_iter = NULL at first. */
bool json_next(const struct json *v, void **inout_iter, struct slice *out_key, const struct json **out_value);

/* True and a value only for that very type. */
bool json_bool(const struct json *v, bool *out);
bool json_string(const struct json *v, struct slice *out) __asm__("sargam_json_string");
/* Integers, and reals that are whole numbers within 64 bits (Spotify served 50.0). */
bool json_integer(const struct json *v, int64_t *out) __asm__("sargam_json_integer");
/* (Those two have linker names of their own: libjansson exports the plain ones, and calls them.) */
/* Shorthands on a member: SLICE_NULL, or `otherwise`, when it is not of the type. */
struct slice json_get_string(const struct json *v, const char *key);
int64_t json_get_integer(const struct json *v, const char *key, int64_t otherwise);

/* Building.  Strings must be UTF-8 (asserted).  json_set and json_append take over `value`. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(struct slice s); /* a NULL slice gives null */
struct json *json_new_integer(int64_t i);
struct json *json_new_real(double d);
struct json *json_new_bool(bool b);
struct json *json_new_null(void);
void json_set(struct json *object, const char *key, struct json *value);
void json_append(struct json *array, struct json *value);
struct json *json_clone(const struct json *v); /* deep */

enum json_style { JSON_COMPACT, JSON_INDENTED };
/* Members in the order they were set; the same tree always gives the same bytes. */
void json_write(const struct json *v, enum json_style style, struct buf *out);
/* A quoted, escaped JSON string; ill-formed UTF-8 is written as U+FFFD. */
void json_write_string(struct slice s, struct buf *out);

#endif
