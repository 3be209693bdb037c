/* A view of bytes somebody else owns.  Not terminated; may hold any byte.
 * `ptr == NULL` is "no value" (SQL NULL), `len == 0` with a pointer is the empty string. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/err.h"

#include <string.h>

struct slice {
	const char *ptr;
	size_t len;
};

#define SLICE(lit) ((struct slice){ "" lit, sizeof(lit) - 1 })
#define SLICE_NULL ((struct slice){ NULL, 0 })
/* For printf's "%.*s". */
#define SLICE_FMT(s) (int) (s).len, ((s).ptr ? (s).ptr : "")

static inline struct slice slice_of(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}
static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_of(s));
}
/* Byte order, shorter first when equal so far. */
int slice_cmp(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
/* Index of the first `c` at or after `from`; `s.len` when there is none. */
size_t slice_find(struct slice s, char c, size_t from);
/* Index of the first `needle`; SIZE_MAX when there is none. */
size_t slice_find_str(struct slice s, struct slice needle);
struct slice slice_sub(struct slice s, size_t from, size_t len);
/* Without ASCII white space at both ends. */
struct slice slice_trim(struct slice s);
/* The next entry of a list "a, b,c", without white space around it; empty ones are passed over.  false at the end. */
bool slice_next_entry(struct slice *inout_rest, struct slice *out_entry);
/* Decimal, the whole slice, no sign but '-'; RC_REJECT when it is anything else or out of range. */
MUST_USE bool slice_to_int(struct slice s, int64_t *out_value);
/* Well-formed UTF-8 (no surrogates, no overlong forms)?  `out_bad` gets the offset of the first bad byte. */
bool slice_is_utf8(struct slice s, size_t *out_bad);

#endif
