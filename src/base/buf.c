#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>

struct buf buf_new(size_t limit_bytes)
{
	return (struct buf){ .limit = limit_bytes };
}

void buf_done(struct buf *b)
{
	mem_free(b->ptr);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->ptr)
		b->ptr[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t size)
{
	if (b->over || size > b->limit - b->len) {
		b->over = true;
		return NULL;
	}
	size_t need = b->len + size + 1;
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : 256;
		while (cap < need)
			cap *= 2;
		b->ptr = mem_realloc(b->ptr, cap);
		b->cap = cap;
	}
	return b->ptr + b->len;
}

void buf_add(struct buf *b, struct slice s)
{
	char *at = buf_reserve(b, s.len);
	if (!at)
		return;
	if (s.len)
		memcpy(at, s.ptr, s.len);
	at[s.len] = '\0';
	b->len += s.len;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, slice_of(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, (struct slice){ &c, 1 });
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	char *at = buf_reserve(b, (size_t) n);
	if (at) {
		(void) vsnprintf(at, (size_t) n + 1, fmt, again);
		b->len += (size_t) n;
	}
	va_end(again);
}

const char *buf_str(const struct buf *b)
{
	assert(!b->over);
	return b->ptr ? b->ptr : "";
}

enum rc buf_ok(const struct buf *b, const char *what, struct err *err)
{
	if (b->over)
		return err_set(err, RC_REJECT, "%s: over the limit of %zu bytes", what, b->limit);
	return RC_OK;
}
