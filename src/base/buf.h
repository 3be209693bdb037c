/* A growing byte buffer with a hard limit (the idea is curl's dynbuf).
 * What would pass the limit is not added and sets `over`, which the owner checks once at the end
 * with buf_ok(); sizes that come from outside can never exhaust the memory.
 * The bytes are always followed by a NUL that does not count. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
	char *ptr; /* never NULL after the first addition */
	size_t len, cap, limit;
	bool over;
};

struct buf buf_new(size_t limit_bytes);
void buf_done(struct buf *b);
void buf_reset(struct buf *b);

void buf_add(struct buf *b, struct slice s);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
PRINTF(2, 3) void buf_addf(struct buf *b, const char *fmt, ...);
/* Room for `size` more bytes at ->ptr + ->len (the caller adds to ->len); NULL over the limit. */
char *buf_reserve(struct buf *b, size_t size);

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->ptr ? b->ptr : "", b->len };
}
/* C string of what was added; asserts that nothing was cut. */
const char *buf_str(const struct buf *b);
/* RC_REJECT with "<what>: over the limit of N bytes" when something was cut. */
MUST_USE enum rc buf_ok(const struct buf *b, const char *what, struct err *err);

#endif
