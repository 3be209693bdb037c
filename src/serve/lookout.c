#include "serve/lookout.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct lookout {
	void (*look)(void *ctx);
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t wanted, begun, ended; /* looks, counted from 1 */
	bool closing;
};

static void *work(void *arg)
{
	struct lookout *l = arg;
	(void) pthread_mutex_lock(&l->lock);
	for (;;) {
		while (!l->closing && l->wanted == l->ended)
			(void) pthread_cond_wait(&l->changed, &l->lock);
		if (l->closing)
			break;
		uint64_t number = l->wanted;
		l->begun = number;
		(void) pthread_mutex_unlock(&l->lock);
		l->look(l->ctx);
		(void) pthread_mutex_lock(&l->lock);
		l->ended = number;
		(void) pthread_cond_broadcast(&l->changed);
	}
	(void) pthread_mutex_unlock(&l->lock);
	return NULL;
}

struct lookout *lookout_open(void (*look)(void *ctx), void *ctx)
{
	struct lookout *l = mem_alloc(sizeof *l);
	*l = (struct lookout){ .look = look, .ctx = ctx };
	pthread_condattr_t attr;
	int rc = pthread_condattr_init(&attr);
	rc = rc ? rc : pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	rc = rc ? rc : pthread_mutex_init(&l->lock, NULL);
	rc = rc ? rc : pthread_cond_init(&l->changed, &attr);
	rc = rc ? rc : pthread_create(&l->thread, NULL, work, l);
	(void) pthread_condattr_destroy(&attr);
	if (rc)
		abort();
	return l;
}

static struct timespec deadline(int64_t wait_ms)
{
	struct timespec at;
	(void) clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += wait_ms / 1000;
	at.tv_nsec += wait_ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

bool lookout_ask(struct lookout *l, int64_t wait_ms)
{
	assert(wait_ms >= 0);
	struct timespec until = deadline(wait_ms);
	int rc = 0;
	(void) pthread_mutex_lock(&l->lock);
	if (l->wanted == l->begun) /* else one is asked for that has not begun: it will do */
		l->wanted++;
	uint64_t mine = l->wanted;
	(void) pthread_cond_broadcast(&l->changed);
	while (l->ended < mine && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&l->changed, &l->lock, &until);
	bool done = l->ended >= mine;
	(void) pthread_mutex_unlock(&l->lock);
	return done;
}

void lookout_close(struct lookout *l)
{
	if (!l)
		return;
	(void) pthread_mutex_lock(&l->lock);
	l->closing = true;
	(void) pthread_cond_broadcast(&l->changed);
	(void) pthread_mutex_unlock(&l->lock);
	(void) pthread_join(l->thread, NULL);
	(void) pthread_cond_destroy(&l->changed);
	(void) pthread_mutex_destroy(&l->lock);
	mem_free(l);
}
