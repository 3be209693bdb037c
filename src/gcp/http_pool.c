#include "gcp/http_pool.h"

#include "base/mem.h"
#include "base/thread.h"
#include "gcp/gcp.h"
#include "gen/version.h"

#define CONNECT_TIMEOUT_MS 10000
#define LOOK_MS 200 /* at the stop flag, while waiting */

struct http_pool {
	const atomic_bool *stop;
	size_t max;
	pthread_mutex_t lock;
	pthread_cond_t given;
	size_t made, free_count;
	struct http **free; /* the last one was used last */
};

struct http_pool *http_pool_open(const atomic_bool *stop, size_t handles_max)
{
	struct http_pool *p = mem_alloc(sizeof *p);
	*p = (struct http_pool){ .stop = stop, .max = handles_max, .free = mem_alloc_array(handles_max, sizeof *p->free),
		            .lock = PTHREAD_MUTEX_INITIALIZER, .given = PTHREAD_COND_INITIALIZER };
	return p;
}

void http_pool_close(struct http_pool *p)
{
	if (!p)
		return;
	assert(p->free_count == p->made);
	for (size_t i = 0; i < p->free_count; i++)
		http_close(p->free[i]);
	(void) pthread_cond_destroy(&p->given);
	(void) pthread_mutex_destroy(&p->lock);
	mem_free(p->free);
	mem_free(p);
}

static bool is_stopped(const struct http_pool *p)
{
	return p->stop && *p->stop;
}

static enum rc take_locked(struct http_pool *p, struct http **out, struct err *err)
{
	const struct http_options o = { .connect_timeout_ms = CONNECT_TIMEOUT_MS, .timeout_ms = GCP_TIMEOUT_MS,
		                        .body_limit_bytes = GCP_ANSWER_BYTES_MAX, .user_agent = "sargam/" SARGAM_VERSION, .stop = p->stop };
	while (p->free_count == 0 && p->made == p->max) {
		if (is_stopped(p))
			return err_set(err, RC_RETRY, "stopped: run the command again to go on");
		thread_wait(&p->given, &p->lock, LOOK_MS);
	}
	if (p->free_count > 0) {
		*out = p->free[--p->free_count];
		return RC_OK;
	}
	TRY(http_open(&o, out, err));
	p->made++;
	return RC_OK;
}

enum rc http_pool_take(struct http_pool *p, struct http **out, struct err *err)
{
	pthread_mutex_lock(&p->lock);
	enum rc rc = take_locked(p, out, err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void http_pool_give(struct http_pool *p, struct http *http)
{
	pthread_mutex_lock(&p->lock);
	p->free[p->free_count++] = http;
	pthread_cond_signal(&p->given);
	pthread_mutex_unlock(&p->lock);
}
