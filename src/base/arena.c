#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <sys/mman.h>

#define BLOCK_BYTES ((size_t) 64 << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	bool secret;
	_Alignas(16) char bytes[];
};

struct arena arena_new(size_t limit_bytes)
{
	return (struct arena){ .limit = limit_bytes };
}

struct arena arena_new_secret(size_t limit_bytes)
{
	return (struct arena){ .limit = limit_bytes, .secret = true };
}

static struct arena_block *map_block(size_t size)
{
	struct arena_block *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED)
		abort();
	(void) madvise(block, size, MADV_DONTDUMP); /* a kernel that cannot is no reason to stop */
	block->secret = true;
	return block;
}

static void free_block(struct arena_block *block)
{
	if (!block->secret) {
		mem_free(block);
		return;
	}
	size_t size = sizeof *block + block->size;
	explicit_bzero(block->bytes, block->used);
	(void) munmap(block, size);
}

/* Those before `end`. */
static void free_blocks(struct arena_block *block, const struct arena_block *end)
{
	while (block != end) {
		struct arena_block *next = block->next;
		free_block(block);
		block = next;
	}
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head, a->head ? a->head->used : 0, a->used };
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	free_blocks(a->head, mark.head);
	a->head = mark.head;
	a->used = mark.used;
	if (a->head) {
		explicit_bzero(a->head->bytes + mark.block_used, a->head->used - mark.block_used);
		a->head->used = mark.block_used;
	}
}

void arena_done(struct arena *a)
{
	free_blocks(a->head, NULL);
	*a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
	if (a->head) {
		free_blocks(a->head->next, NULL);
		a->head->next = NULL;
		explicit_bzero(a->head->bytes, a->head->used);
		a->head->used = 0;
	}
	a->used = 0;
}

static size_t aligned(size_t size)
{
	return (size + 15u) & ~(size_t) 15;
}

bool arena_fits(const struct arena *a, size_t size)
{
	return size <= SIZE_MAX - 15 && aligned(size ? size : 1) <= a->limit - a->used;
}

void *arena_alloc(struct arena *a, size_t size)
{
	assert(arena_fits(a, size));
	size = aligned(size ? size : 1);
	struct arena_block *block = a->head;
	if (!block || block->size - block->used < size) {
		size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		block = a->secret ? map_block(sizeof *block + bytes) : mem_alloc(sizeof *block + bytes);
		block->size = bytes;
		block->next = a->head;
		a->head = block;
	}
	void *p = block->bytes + block->used;
	block->used += size;
	a->used += size;
	return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
	size_t bytes;
	bool overflow = __builtin_mul_overflow(count, size, &bytes);
	assert(!overflow);
	return arena_alloc(a, bytes);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	if (!s.ptr)
		return SLICE_NULL;
	char *copy = arena_alloc(a, s.len + 1);
	memcpy(copy, s.ptr, s.len);
	return (struct slice){ copy, s.len };
}

char *arena_strdup(struct arena *a, struct slice s)
{
	char *copy = arena_alloc(a, s.len + 1);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

struct slice arena_join(struct arena *a, const struct slice *part, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += part[i].len;
	char *text = arena_alloc(a, len + 1), *to = text;
	for (size_t i = 0; i < count; i++) {
		if (part[i].len)
			memcpy(to, part[i].ptr, part[i].len);
		to += part[i].len;
	}
	return (struct slice){ text, len };
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	char *text = arena_alloc(a, (size_t) n + 1);
	(void) vsnprintf(text, (size_t) n + 1, fmt, again);
	va_end(again);
	return (struct slice){ text, (size_t) n };
}
