#include "serve/consumer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define HOLD_MS_MAX 3600000

struct consumer {
	struct consumer_options o;
	char *run_id;
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	bool woken, stopping, failed;
	struct err why; /* failed */
	/* of the thread alone */
	int64_t retry_ms; /* the last wait since something could not be done; 0: all is well */
	int64_t held_ms;  /* since when what was pulled is held back; 0: it is not */
};

/* Until `ms` have passed, something was published (unless `sleep_on`), or the service stops. */
static void wait_ms(struct consumer *c, int64_t ms, bool sleep_on)
{
	int64_t until_ns = clock_mono_ns(clock_system()) + ms * 1000000;
	(void) pthread_mutex_lock(&c->lock);
	for (;;) {
		int64_t left_ms = (until_ns - clock_mono_ns(clock_system()) + 999999) / 1000000;
		if (c->stopping || (c->woken && !sleep_on) || left_ms <= 0)
			break;
		thread_wait(&c->changed, &c->lock, left_ms);
	}
	c->woken = false;
	(void) pthread_mutex_unlock(&c->lock);
}

static bool is_stopping(struct consumer *c)
{
	(void) pthread_mutex_lock(&c->lock);
	bool stopping = c->stopping;
	(void) pthread_mutex_unlock(&c->lock);
	return stopping;
}

static void fail(struct consumer *c, const struct err *why)
{
	(void) pthread_mutex_lock(&c->lock);
	c->failed = true;
	c->why = *why;
	(void) pthread_mutex_unlock(&c->lock);
}

/* Something cannot be done now: says so once and waits, the longer the more often. */
static void put_off(struct consumer *c, const struct err *why)
{
	if (!c->retry_ms)
		log_warn("consumer", "%s; tried again until it can be done", why->msg);
	c->retry_ms = c->retry_ms ? 2 * c->retry_ms : c->o.retry_min_ms;
	if (c->retry_ms > c->o.retry_max_ms)
		c->retry_ms = c->o.retry_max_ms;
	wait_ms(c, c->retry_ms, true);
}

/* The store takes nothing: what was pulled stays here, for an hour before the bus may count that as an attempt. */
static bool hold(void *ctx, const struct err *why)
{
	struct consumer *c = ctx;
	int64_t now_ms = clock_mono_ns(clock_system()) / 1000000;
	if (!c->held_ms)
		c->held_ms = now_ms;
	put_off(c, why);
	if (now_ms - c->held_ms < HOLD_MS_MAX && !is_stopping(c))
		return true;
	c->held_ms = 0;
	return false;
}

static void went_on(struct consumer *c)
{
	if (c->retry_ms)
		log_info("consumer", "goes on");
	c->retry_ms = c->held_ms = 0;
}

/* Only what a person must mend ends it: a subscription that was deleted may be made again. */
static void *consume(void *ctx)
{
	struct consumer *c = ctx;
	const struct ingest_options o = { .bus = c->o.bus, .store = c->o.store, .state = c->o.state, .clock = c->o.clock,
		                          .run_id = c->run_id, .page_limit_bytes = c->o.page_limit_bytes, .threads = c->o.threads,
		                          .hold = hold, .ctx = c };
	while (!is_stopping(c)) {
		struct ingest_result result = { 0 };
		struct err err = { 0 };
		bool any;
		enum rc rc = ingest_some(&o, &result, &any, &err);
		if (result.completed && c->o.on_complete)
			c->o.on_complete(c->o.ctx);
		if (rc == RC_FATAL) {
			fail(c, &err);
			break;
		}
		if (rc == RC_OK)
			went_on(c);
		if (rc != RC_OK && !is_stopping(c))
			put_off(c, &err);
		else if (!any)
			wait_ms(c, c->o.look_ms, false);
	}
	return NULL;
}

struct consumer *consumer_open(const struct consumer_options *options)
{
	struct consumer *c = mem_alloc(sizeof *c);
	assert(options->retry_max_ms <= INGEST_HOLD_MS_MAX);
	*c = (struct consumer){ .o = *options, .run_id = mem_strdup(options->run_id), .lock = PTHREAD_MUTEX_INITIALIZER,
		                .changed = PTHREAD_COND_INITIALIZER };
	int rc = pthread_create(&c->thread, NULL, consume, c);
	assert(rc == 0);
	return c;
}

void consumer_wake(struct consumer *c)
{
	(void) pthread_mutex_lock(&c->lock);
	c->woken = true;
	(void) pthread_cond_signal(&c->changed);
	(void) pthread_mutex_unlock(&c->lock);
}

bool consumer_failed(struct consumer *c, struct err *err)
{
	(void) pthread_mutex_lock(&c->lock);
	bool failed = c->failed;
	if (failed)
		*err = c->why;
	(void) pthread_mutex_unlock(&c->lock);
	return failed;
}

void consumer_stop(struct consumer *c)
{
	(void) pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void) pthread_cond_signal(&c->changed);
	(void) pthread_mutex_unlock(&c->lock);
}

void consumer_close(struct consumer *c)
{
	if (!c)
		return;
	consumer_stop(c);
	(void) pthread_join(c->thread, NULL);
	(void) pthread_cond_destroy(&c->changed);
	(void) pthread_mutex_destroy(&c->lock);
	mem_free(c->run_id);
	mem_free(c);
}
