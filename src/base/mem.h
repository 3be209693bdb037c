/* Memory that must be there.  A program that is safe against kill -9 may as well abort
 * when the machine has none left: the next run finishes the work. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/macros.h"

/* Zeroed memory; aborts when there is none.  `size` 0 gives one byte. */
void *mem_alloc(size_t size);
/* count * size, overflow aborts. */
void *mem_alloc_array(size_t count, size_t size);
/* New bytes are not zeroed. */
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *s);
void mem_free(void *ptr);

/* For a library through whose hands secrets go: malloc and its kin (NULL when there is no memory), but what is given back is wiped. */
void *mem_wiping_malloc(size_t size);
void *mem_wiping_calloc(size_t count, size_t size);
void *mem_wiping_realloc(void *ptr, size_t size);
char *mem_wiping_strdup(const char *s);
void mem_wiping_free(void *ptr);

/* For CLEANUP on a heap pointer of any type. */
static inline void mem_freep(void *pp)
{
	void **p = pp;
	mem_free(*p);
	*p = NULL;
}

#endif
