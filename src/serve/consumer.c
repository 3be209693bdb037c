#include "serve/consumer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define RETRY_MS_MIN 1000
#define RETRY_MS_MAX 60000

struct consumer {
	struct consumer_options o;
	char *run_id;
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	bool woken, stopping, failed;
	struct err why; /* failed */
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

static void *consume(void *ctx)
{
	struct consumer *c = ctx;
	const struct ingest_options o = { .bus = c->o.bus, .store = c->o.store, .state = c->o.state, .clock = c->o.clock,
		                          .run_id = c->run_id, .page_limit_bytes = c->o.page_limit_bytes, .threads = c->o.threads };
	int64_t retry_ms = 0;
	while (!is_stopping(c)) {
		struct ingest_result result = { 0 };
		struct err err = { 0 };
		bool any;
		enum rc rc = ingest_some(&o, &result, &any, &err);
		if (result.completed && c->o.on_complete)
			c->o.on_complete(c->o.ctx);
		if (rc == RC_OK) {
			if (retry_ms)
				log_info("consumer", "goes on");
			retry_ms = 0;
			if (!any)
				wait_ms(c, c->o.look_ms, false);
		} else if (rc == RC_RETRY) {
			if (!retry_ms)
				log_warn("consumer", "%s; tried again until it can be done", err.msg);
			retry_ms = retry_ms ? 2 * retry_ms : RETRY_MS_MIN;
			if (retry_ms > RETRY_MS_MAX)
				retry_ms = RETRY_MS_MAX;
			wait_ms(c, retry_ms, true);
		} else {
			fail(c, &err);
			break;
		}
	}
	return NULL;
}

struct consumer *consumer_open(const struct consumer_options *options)
{
	struct consumer *c = mem_alloc(sizeof *c);
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
