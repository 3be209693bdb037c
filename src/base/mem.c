#include "base/mem.h"

/* The one caller of what banned.h bans. */
#undef malloc
#undef calloc
#undef realloc

#include <malloc.h>

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

/* --- for others' libraries ------------------------------------------------------------------------------------ */

void *mem_wiping_malloc(size_t size)
{
	return malloc(size);
}

void *mem_wiping_calloc(size_t count, size_t size)
{
	return calloc(count, size);
}

void mem_wiping_free(void *ptr)
{
	if (ptr)
		explicit_bzero(ptr, malloc_usable_size(ptr));
	free(ptr);
}

/* realloc() would leave the old bytes where they were. */
void *mem_wiping_realloc(void *ptr, size_t size)
{
	void *p = malloc(size);
	if (!p || !ptr)
		return p;
	size_t had = malloc_usable_size(ptr);
	memcpy(p, ptr, had < size ? had : size);
	mem_wiping_free(ptr);
	return p;
}

char *mem_wiping_strdup(const char *s)
{
	size_t len = strlen(s) + 1;
	char *copy = malloc(len);
	return copy ? memcpy(copy, s, len) : NULL;
}
