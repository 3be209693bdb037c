#include "base/thread.h"

#include "base/log.h"
#include "base/mem.h"

#include <sched.h>
#include <time.h>

struct job {
	enum rc (*fn)(void *ctx, size_t i, struct err *err);
	void *ctx;
	size_t count, next;
	enum rc rc;
	struct err err;
	struct log_context context; /* of the caller */
	pthread_mutex_t lock;
};

static bool take(struct job *job, size_t *out_i)
{
	pthread_mutex_lock(&job->lock);
	bool more = job->rc == RC_OK && job->next < job->count;
	if (more)
		*out_i = job->next++;
	pthread_mutex_unlock(&job->lock);
	return more;
}

static void *work(void *arg)
{
	struct job *job = arg;
	size_t i;
	log_restorep(&job->context);
	while (take(job, &i)) {
		struct err err = { 0 };
		enum rc rc = job->fn(job->ctx, i, &err);
		if (rc == RC_OK)
			continue;
		pthread_mutex_lock(&job->lock);
		if (job->rc == RC_OK) {
			job->rc = rc;
			job->err = err;
		}
		pthread_mutex_unlock(&job->lock);
	}
	return NULL;
}

enum rc thread_each(size_t count, int threads, enum rc (*fn)(void *ctx, size_t i, struct err *err), void *ctx,
                    struct err *err)
{
	struct job job = { .fn = fn, .ctx = ctx, .count = count,
	                   .context = log_context(SLICE_NULL, SLICE_NULL, SLICE_NULL), .lock = PTHREAD_MUTEX_INITIALIZER };
	size_t helpers = threads > 1 ? (size_t) threads - 1 : 0;
	if (helpers >= count)
		helpers = count ? count - 1 : 0;
	CLEANUP(mem_freep) pthread_t *ids = mem_alloc_array(helpers, sizeof *ids);
	size_t started = 0;
	while (started < helpers && pthread_create(&ids[started], NULL, work, &job) == 0)
		started++; /* fewer threads than wished is slower, not wrong */
	work(&job);
	for (size_t i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	pthread_mutex_destroy(&job.lock);
	if (job.rc != RC_OK && err)
		*err = job.err;
	return job.rc;
}

void thread_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
	struct timespec until;
	(void) clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + ms % 1000 * 1000000;
	until.tv_sec += ms / 1000 + ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	(void) pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &until);
}

int thread_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? n : 1;
}
