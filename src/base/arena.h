/* One arena per unit of work (a page, a message, a task).  Nothing inside it is freed alone;
 * arena_done() ends the unit, arena_reset() starts the next one in the same memory.
 *
 * The owner chooses the limit.  arena_alloc() aborts beyond it, so a size that comes from
 * outside is asked about first: !arena_fits() is RC_REJECT, never a crash.
 * Blocks are taken as they are needed: a high limit costs nothing.  Not for several threads at once.
 *
 * Secrets (keys, tokens, what they stand in) have arenas of their own: their blocks are mappings that core files leave out, and
 * are wiped before they are given back. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_block;
struct arena {
	struct arena_block *head;
	size_t used, limit; /* bytes handed out, bytes that may be */
	bool secret;
};

struct arena arena_new(size_t limit_bytes);
struct arena arena_new_secret(size_t limit_bytes);
void arena_done(struct arena *a);
/* Forget everything, keep one block. */
void arena_reset(struct arena *a);
/* Forget what came after the mark, which stands until an older one is gone back to. */
struct arena_mark {
	struct arena_block *head;
	size_t block_used, used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

bool arena_fits(const struct arena *a, size_t size);
/* Zeroed, aligned to 16 bytes. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t count, size_t size);
/* Copies are terminated, so `.ptr` is a C string too (NULL stays NULL). */
struct slice arena_copy(struct arena *a, struct slice s);
char *arena_strdup(struct arena *a, struct slice s);
/* One after the other; unlike arena_printf() it leaves nothing of them on the stack. */
struct slice arena_join(struct arena *a, const struct slice *part, size_t count);
#define ARENA_JOIN(a, ...) arena_join((a), (const struct slice[]){ __VA_ARGS__ }, COUNT_OF(((const struct slice[]){ __VA_ARGS__ })))
PRINTF(2, 3) struct slice arena_printf(struct arena *a, const char *fmt, ...);

#endif
