/* Work side by side, bounded. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/err.h"

#include <pthread.h>

/* Calls fn(ctx, i, err) for each 0 <= i < count on at most `threads` threads (the caller's is one of them).
 * The first failure stops handing out more; its class and message are returned.  fn must be safe to run
 * several times at once. */
MUST_USE enum rc thread_each(size_t count, int threads, enum rc (*fn)(void *ctx, size_t i, struct err *err), void *ctx,
                             struct err *err);
/* pthread_cond_wait for at most `ms`, whatever the wall clock does; may come back early, as that does. */
void thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);
/* Processors this process may use, at least 1. */
int thread_cpus(void);

#endif
