/* Who runs the handler: workers behind a bounded queue, and a timer for what is parked. */
#include "io/server_private.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define SWEEP_MS 500
#define PARK_MS_MAX 60000

static int64_t now_ns(void)
{
	return clock_mono_ns(clock_system());
}

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns)
{
	const struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };
	(void) pthread_cond_timedwait(cond, lock, &until);
}

/* --- one question ------------------------------------------------------------------------------------------- */

/* Calls the handler; true when there is an answer, false when it is to be parked. */
static bool ask(struct exchange *x, bool ending)
{
	struct server *s = x->server;
	x->reply = (struct server_reply){ .status = 200 };
	x->request.now_ns = now_ns();
	x->begun_ns = x->asked ? x->begun_ns : x->request.now_ns;
	x->asked = true;
	x->request.waited_ms = (x->request.now_ns - x->begun_ns) / NS_PER_MS;
	x->request.ending = ending;
	s->options.handle(s->options.ctx, &x->request, &x->reply);
	x->request.woken = false;
	if (x->reply.park_ms <= 0) {
		if (x->reply.wake_key)
			server_wake(s, x->reply.wake_key);
		return true;
	}
	arena_done(&x->arena); /* whole, so that who is parked costs little */
	x->arena = arena_new(SERVER_ARENA_BYTES_MAX);
	if (ending)
		server_refuse(&x->reply, "the service is stopping\n");
	else if (x->reply.park_ms > PARK_MS_MAX)
		x->reply.park_ms = PARK_MS_MAX;
	return ending;
}

void pool_ask_here(struct exchange *x)
{
	struct server *s = x->server;
	struct pool *p = &s->pool;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		uint64_t wakes = p->wakes;
		pthread_mutex_unlock(&p->lock);
		if (ask(x, atomic_load(&s->stopping)))
			return;
		int64_t due_ns = now_ns() + x->reply.park_ms * NS_PER_MS;
		pthread_mutex_lock(&p->lock);
		while (p->wakes == wakes && !atomic_load(&s->stopping) && now_ns() < due_ns)
			wait_until(&p->here, &p->lock, due_ns);
		x->request.woken = p->wakes != wakes;
		x->request.woken_ns = p->woken_ns[x->reply.park_key % KEY_CHAINS];
	}
}

/* --- the lists: under the lock ------------------------------------------------------------------------------ */

static struct exchange_list *chain_of(struct pool *p, uint64_t key)
{
	return &p->by_key[key % KEY_CHAINS];
}

static void make_ready(struct pool *p, struct exchange *x)
{
	TAILQ_INSERT_TAIL(&p->ready, x, link);
	(void) pthread_cond_signal(&p->work);
}

static void unpark(struct pool *p, struct exchange *x, bool woken)
{
	TAILQ_REMOVE(&p->parked, x, link);
	TAILQ_REMOVE(chain_of(p, x->reply.park_key), x, key_link);
	x->request.woken = woken;
	make_ready(p, x);
}

/* Most wait as long as the one before: the search from the end is short. */
static void park(struct pool *p, struct exchange *x)
{
	struct exchange *before = TAILQ_LAST(&p->parked, exchange_list);
	x->due_ns = now_ns() + x->reply.park_ms * NS_PER_MS;
	while (before && before->due_ns > x->due_ns)
		before = TAILQ_PREV(before, exchange_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&p->parked, before, x, link);
	else
		TAILQ_INSERT_HEAD(&p->parked, x, link);
	TAILQ_INSERT_TAIL(chain_of(p, x->reply.park_key), x, key_link);
	if (!before)
		(void) pthread_cond_signal(&p->timer);
}

/* --- workers ------------------------------------------------------------------------------------------------ */

static void resume(struct exchange *x)
{
	MHD_resume_connection(x->request.connection); /* from here on it is the library's */
}

/* Of one that was ready: NULL when the pool has ended. */
static struct exchange *next_ready(struct pool *p)
{
	struct exchange *x;
	while (!(x = TAILQ_FIRST(&p->ready)) && !p->ended)
		(void) pthread_cond_wait(&p->work, &p->lock);
	if (!x)
		return NULL;
	TAILQ_REMOVE(&p->ready, x, link);
	if (x->asked)
		x->request.woken_ns = p->woken_ns[x->reply.park_key % KEY_CHAINS];
	else
		p->new_count--;
	return x;
}

/* Parked, unless what it waits for came while it was asked. */
static void put_aside(struct server *s, struct exchange *x, uint64_t wakes)
{
	struct pool *p = &s->pool;
	x->request.woken = p->wakes != wakes;
	if (x->request.woken || atomic_load(&s->stopping))
		make_ready(p, x);
	else
		park(p, x);
}

static void *work(void *arg)
{
	struct server *s = arg;
	struct pool *p = &s->pool;
	struct exchange *x;
	pthread_mutex_lock(&p->lock);
	while ((x = next_ready(p))) {
		uint64_t wakes = p->wakes;
		bool late = p->late, ending = atomic_load(&s->stopping);
		pthread_mutex_unlock(&p->lock);
		bool answered = late || (x->asked && connection_gone(x->connection));
		if (answered)
			server_refuse(&x->reply, "the service is stopping\n"); /* who has gone does not hear it */
		else
			answered = ask(x, ending);
		if (answered)
			resume(x);
		pthread_mutex_lock(&p->lock);
		if (!answered)
			put_aside(s, x, wakes);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

bool pool_take(struct exchange *x)
{
	struct server *s = x->server;
	struct pool *p = &s->pool;
	const char *why = NULL;
	pthread_mutex_lock(&p->lock);
	if (atomic_load(&s->stopping))
		why = "the service is stopping\n";
	else if (p->new_count >= s->options.queue_max)
		why = "too many requests wait: come again\n";
	else if (atomic_load(&s->held_bytes) > s->options.held_bytes_max)
		why = "too much is in memory: come again\n";
	if (why) {
		server_refuse(&x->reply, why);
	} else {
		/* Suspended before a worker can resume it. */
		MHD_suspend_connection(x->request.connection);
		p->new_count++;
		make_ready(p, x);
	}
	pthread_mutex_unlock(&p->lock);
	return !why;
}

/* --- the timer ---------------------------------------------------------------------------------------------- */

static void *run_timer(void *arg)
{
	struct server *s = arg;
	struct pool *p = &s->pool;
	int64_t sweep_ns = now_ns();
	pthread_mutex_lock(&p->lock);
	while (!p->ended) {
		int64_t now = now_ns();
		struct exchange *first;
		while ((first = TAILQ_FIRST(&p->parked)) && first->due_ns <= now)
			unpark(p, first, false);
		if (now >= sweep_ns) {
			pthread_mutex_unlock(&p->lock);
			connection_sweep(s, now);
			sweep_ns = now + SWEEP_MS * NS_PER_MS;
			pthread_mutex_lock(&p->lock);
			continue;
		}
		wait_until(&p->timer, &p->lock, first && first->due_ns < sweep_ns ? first->due_ns : sweep_ns);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* --- waking ------------------------------------------------------------------------------------------------- */

uint64_t server_key(const char *text)
{
	return hash_u64(slice_of(text));
}

void server_wake(struct server *s, uint64_t key)
{
	struct pool *p = &s->pool;
	struct exchange *x, *next;
	pthread_mutex_lock(&p->lock);
	p->wakes++;
	p->woken_ns[key % KEY_CHAINS] = now_ns();
	for (x = TAILQ_FIRST(chain_of(p, key)); x; x = next) {
		next = TAILQ_NEXT(x, key_link);
		if (x->reply.park_key == key)
			unpark(p, x, true);
	}
	(void) pthread_cond_broadcast(&p->here);
	pthread_mutex_unlock(&p->lock);
}

void pool_stop_parking(struct server *s)
{
	struct pool *p = &s->pool;
	struct exchange *x;
	pthread_mutex_lock(&p->lock);
	while ((x = TAILQ_FIRST(&p->parked)))
		unpark(p, x, false);
	(void) pthread_cond_broadcast(&p->here);
	pthread_mutex_unlock(&p->lock);
}

/* --- life --------------------------------------------------------------------------------------------------- */

static void init_cond(pthread_cond_t *cond)
{
	pthread_condattr_t monotonic;
	int rc = pthread_condattr_init(&monotonic);
	rc = rc ? rc : pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	rc = rc ? rc : pthread_cond_init(cond, &monotonic);
	assert(rc == 0);
	(void) pthread_condattr_destroy(&monotonic);
}

static void init(struct pool *p)
{
	int rc = pthread_mutex_init(&p->lock, NULL);
	assert(rc == 0);
	init_cond(&p->work);
	init_cond(&p->timer);
	init_cond(&p->here);
	TAILQ_INIT(&p->ready);
	TAILQ_INIT(&p->parked);
	for (size_t i = 0; i < KEY_CHAINS; i++)
		TAILQ_INIT(&p->by_key[i]);
}

enum rc pool_start(struct server *s, struct err *err)
{
	struct pool *p = &s->pool;
	size_t wanted = (size_t) s->options.workers;
	init(p);
	if (wanted == 0)
		return RC_OK;
	p->thread = mem_alloc_array(wanted, sizeof *p->thread);
	bool ok = p->timer_runs = pthread_create(&p->timer_thread, NULL, run_timer, s) == 0;
	while (ok && p->threads < wanted && (ok = pthread_create(&p->thread[p->threads], NULL, work, s) == 0))
		p->threads++;
	if (ok)
		return RC_OK;
	pool_end(s);
	pool_done(s);
	return err_set(err, RC_RETRY, "%s: %zu threads for the server do not start: too many run on this machine", s->options.what, wanted);
}

void pool_end(struct server *s)
{
	struct pool *p = &s->pool;
	pool_stop_parking(s);
	pthread_mutex_lock(&p->lock);
	p->late = p->ended = true;
	(void) pthread_cond_broadcast(&p->work);
	(void) pthread_cond_broadcast(&p->timer);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->threads; i++)
		(void) pthread_join(p->thread[i], NULL);
	if (p->timer_runs)
		(void) pthread_join(p->timer_thread, NULL);
}

void pool_done(struct server *s)
{
	struct pool *p = &s->pool;
	mem_free(p->thread);
	(void) pthread_cond_destroy(&p->work);
	(void) pthread_cond_destroy(&p->timer);
	(void) pthread_cond_destroy(&p->here);
	(void) pthread_mutex_destroy(&p->lock);
}
