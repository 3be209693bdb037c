/* Attributes and the two idioms of structural cleanup. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define UNUSED __attribute__((unused))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Give a pointer away: the cleanup of the old variable becomes a no-op. */
#define TAKE(p)                              \
	({                                   \
		__typeof__(p) take_ = (p);   \
		(p) = NULL;                  \
		take_;                       \
	})

/* The structure around a member: how a backend finds itself behind a port. */
#define CONTAINER_OF(ptr, type, member) ((type *) (void *) ((char *) (ptr) - offsetof(type, member)))

#ifdef NDEBUG
#error "asserts stay on in release builds: they guard our own mistakes"
#endif

#endif
