#include "gcp/transport.h"

void transport_init(struct transport *t, struct clock *clock, struct rand_gen rand, const atomic_bool *stop, size_t connections_max)
{
	*t = (struct transport){ .clock = clock, .rand = rand, .stop = stop, .pool = http_pool_open(stop, connections_max),
		                 .lock = PTHREAD_MUTEX_INITIALIZER };
}

void transport_done(struct transport *t)
{
	http_pool_close(t->pool);
	t->pool = NULL;
	(void) pthread_mutex_destroy(&t->lock);
}

bool transport_is_stopped(const struct transport *t)
{
	return t->stop && *t->stop;
}

static int64_t ceiling_ms(const struct patience *p)
{
	int64_t ms = p->start_ms;
	for (int64_t i = 1; i < p->tries && ms < p->cap_ms; i++)
		ms *= p->factor;
	return ms < p->cap_ms ? ms : p->cap_ms;
}

enum patience_end patience_wait(struct transport *t, struct patience *p, int64_t asked_ms, int64_t *out_ms)
{
	p->tries++;
	int64_t ceiling = ceiling_ms(p);
	pthread_mutex_lock(&t->lock);
	int64_t ms = (int64_t) rand_below(&t->rand, (uint64_t) ceiling + 1);
	pthread_mutex_unlock(&t->lock);
	if (ms < asked_ms)
		ms = asked_ms;
	*out_ms = asked_ms > ceiling ? asked_ms : ceiling;
	if (transport_is_stopped(t))
		return PATIENCE_STOPPED;
	int64_t left_ms = (p->deadline_ns - clock_mono_ns(t->clock)) / 1000000;
	if (p->tries >= p->tries_max || ms > left_ms)
		return PATIENCE_SPENT;
	clock_sleep_unless(t->clock, ms, t->stop);
	return transport_is_stopped(t) ? PATIENCE_STOPPED : PATIENCE_AGAIN;
}

enum rc transport_send(struct transport *t, const struct http_request *rq, struct arena *arena, struct http_response *out,
                       struct err *err)
{
	struct http *http;
	*out = (struct http_response){ 0 };
	TRY(http_pool_take(t->pool, &http, err));
	enum rc rc = http_send(http, rq, arena, out, err);
	http_pool_give(t->pool, http);
	return rc;
}
