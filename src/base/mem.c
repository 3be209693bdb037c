#include "base/mem.h"

/* The one caller of what banned.h bans. */
#undef calloc
#undef realloc

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);
	if (!p)
		abort();
	return p;
}

void *mem_alloc_array(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		abort();
	return mem_alloc(bytes);
}

void *mem_realloc(void *ptr, size_t size)
{
	void *p = realloc(ptr, size ? size : 1);
	if (!p)
		abort();
	return p;
}

char *mem_strdup(const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = mem_alloc(len);
	memcpy(copy, s, len);
	return copy;
}

void mem_free(void *ptr)
{
	free(ptr);
}
