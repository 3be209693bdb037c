/* The workers: one message each at a time, posted and settled. */
#include "serve/push_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"

#define IDLE_MS 5000             /* a worker without work ends, and its connections with it */
#define CONNECT_MS 10000
#define MARGIN_MS 500            /* a late answer is given up so long before the lease runs out */
#define EXCHANGE_ARENA_BYTES ((size_t) 1 << 20)
#define HELD_ROUNDS 8            /* see push.h */
#define HELD_S_MAX 600           /* a lease's limit */
#define ACK_TRIES 3
#define ACK_PAUSE_MS 200
#define TELL_NS (60 * INT64_C(1000000000))
#define LOG "push"

enum outcome { TAKEN, FAILED, BROKEN_OFF };

/* --- one message --------------------------------------------------------------------------------------------- */

static int64_t left_ms(const struct push_job *job)
{
	int64_t spent_ms = (clock_mono_ns(clock_system()) - job->taken_ns) / 1000000;
	return job->ack_deadline_ms - spent_ms - MARGIN_MS;
}

static enum rc open_client(struct push *p, struct http **inout_http, struct err *err)
{
	const struct http_options o = { .connect_timeout_ms = CONNECT_MS, .timeout_ms = CONNECT_MS, .body_limit_bytes = EXCHANGE_ARENA_BYTES,
		                        .user_agent = "sargam-push", .stop = &p->is_broken_off };
	return *inout_http ? RC_OK : http_open(&o, inout_http, err);
}

static enum rc token_of(struct push *p, const struct push_config *c, struct arena *arena, struct slice *out, struct err *err)
{
	*out = SLICE_NULL;
	if (!c->oidc_email[0])
		return RC_OK;
	return push_tokens_get(p->tokens, c->oidc_email, c->oidc_audience[0] ? c->oidc_audience : c->endpoint, arena, out, err);
}

/* RC_OK with the status of an answer. */
static enum rc post(struct push *p, const struct push_job *job, struct http **inout_http, int *out_status, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(PUSH_REQUEST_ARENA_BYTES);
	CLEANUP(arena_done) struct arena exchange = arena_new(EXCHANGE_ARENA_BYTES);
	CLEANUP(buf_done) struct buf body = buf_new(PUSH_REQUEST_BODY_BYTES_MAX);
	struct http_request rq;
	struct http_response answer;
	struct slice token;
	TRY(open_client(p, inout_http, err));
	TRY(token_of(p, &job->batch->config, &arena, &token, err));
	push_request_make(&job->batch->config, &job->subject, job->delivery, token, &arena, &body, &rq);
	TRY(buf_ok(&body, "the body of the push", err));
	rq.timeout_ms = left_ms(job);
	if (rq.timeout_ms <= 0)
		return err_set(err, RC_RETRY, "no time is left of its ack deadline");
	TRY(http_send(*inout_http, &rq, &exchange, &answer, err));
	*out_status = answer.status;
	return RC_OK;
}

static enum outcome outcome_of(struct push *p, enum rc rc, int status, struct err *err)
{
	char code[16];
	if (rc == RC_OK && push_request_is_taken(status))
		return TAKEN;
	if (rc != RC_OK && p->is_broken_off)
		return BROKEN_OFF;
	if (rc == RC_OK)
		(void) err_set(err, RC_RETRY, "it answered %d%s", status, status >= 300 && status < 400 ? ": redirects are not followed" : "");
	(void) snprintf(code, sizeof code, "%d", rc == RC_OK ? status : 0);
	metric_add_for(METRIC_push_failures, code, 1);
	return FAILED;
}

/* --- what the bus is told ------------------------------------------------------------------------------------- */

/* Worth a few tries: else the endpoint gets the message again. */
static void acknowledge(struct push *p, const struct push_job *job)
{
	struct err err = { 0 };
	enum rc rc = RC_RETRY;
	for (int i = 0; i < ACK_TRIES && rc == RC_RETRY; i++) {
		if (i)
			clock_sleep_ms(clock_system(), ACK_PAUSE_MS);
		rc = bus_ack(p->o.bus, job->subject.subscription, &job->delivery->ack_id, 1, &err);
	}
	if (rc == RC_OK)
		metric_observe(METRIC_push_latency_seconds, job->subject.subscription,
		               (clock_now_ms(p->o.clock) - job->delivery->message.publish_time_ms) * 1000);
	else if (rc != RC_NOT_FOUND)
		log_warn(LOG, "a message was taken and comes again all the same: %s", err.msg);
}

/* What cannot be given back comes again when its lease runs out. */
static void give_back(struct push *p, const struct push_job *job, int64_t hold_s)
{
	struct err err = { 0 };
	enum rc rc = bus_modify_deadline(p->o.bus, job->subject.subscription, &job->delivery->ack_id, 1, hold_s, &err);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		log_warn(LOG, "%s; the message comes again when its lease runs out", err.msg);
}

/* --- what its subscription learns from it --------------------------------------------------------------------- */

/* Called with the lock.  True when that is worth a line. */
static bool learn(struct push *p, struct push_job *job, enum outcome outcome, int status)
{
	struct push_sub *s = job->sub;
	int64_t now = clock_mono_ns(p->o.clock);
	bool tell = false;
	if (outcome == TAKEN) {
		push_window_taken(&s->window);
		tell = s->is_told;
		s->is_told = false;
	} else if (outcome == FAILED) {
		push_window_failed(&s->window, job->round, push_request_is_refused(status), now);
		tell = !s->is_told && (!s->told_ns || now - s->told_ns >= TELL_NS);
		s->is_told = s->is_told || tell;
		s->told_ns = tell ? now + !now : s->told_ns;
	}
	job->may_look = outcome == FAILED || s->is_ordered; /* for it, or for the next of its key */
	return tell;
}

/* Called with the lock.  For how long a message that failed stays leased; 0: it is given back, the bus says when it comes. */
static int64_t hold_s_of(const struct push *p, const struct push_job *job, enum outcome outcome, int status)
{
	const struct push_window *w = &job->sub->window;
	int64_t left_ns = w->hold_until_ns - clock_mono_ns(p->o.clock);
	if (outcome != FAILED || job->has_retry_policy || job->max_attempts || !push_request_is_refused(status) || w->fails < 2)
		return 0;
	int64_t hold_s = left_ns > 0 ? left_ns * HELD_ROUNDS / 1000000000 + 1 : 1;
	return hold_s < HELD_S_MAX ? hold_s : HELD_S_MAX;
}

static void tell(const char *subscription, enum outcome outcome, const struct err *err)
{
	if (outcome == TAKEN)
		log_info(LOG, "subscription '%s': its endpoint takes messages again", subscription);
	else
		log_warn(LOG, "subscription '%s': its endpoint does not take messages, they are sent again: %s", subscription, err->msg);
}

/* Called with the lock.  Its subscription may be gone afterwards. */
static void settle(struct push *p, struct push_job *job)
{
	struct push_sub *s = job->sub;
	struct push_batch *b = job->batch;
	size_t bytes = job->delivery->message.data.len;
	s->outstanding--;
	s->bytes -= bytes;
	p->outstanding--;
	p->bytes -= bytes;
	p->probes -= job->is_probe;
	if (job->may_look)
		s->due_ns = 0;
	if (--b->left == 0) {
		arena_done(&b->arena); /* and the job in it */
		mem_free(b);
	}
	push_poke(p);
	(void) pthread_cond_signal(&p->settled);
}

static void deliver(struct push *p, struct push_job *job, struct http **inout_http)
{
	struct err err = { 0 };
	int status = 0;
	enum rc rc = p->is_broken_off ? RC_RETRY : post(p, job, inout_http, &status, &err);
	enum outcome outcome = outcome_of(p, rc, status, &err);
	if (outcome == TAKEN)
		acknowledge(p, job);
	pthread_mutex_lock(&p->lock);
	bool is_news = learn(p, job, outcome, status);
	int64_t hold_s = hold_s_of(p, job, outcome, status);
	pthread_mutex_unlock(&p->lock);
	if (outcome != TAKEN)
		give_back(p, job, hold_s);
	if (is_news)
		tell(job->subject.subscription, outcome, &err);
}

/* --- the threads ---------------------------------------------------------------------------------------------- */

/* Called with the lock.  NULL when there has been nothing for IDLE_MS. */
static struct push_job *next_job(struct push *p)
{
	int64_t until_ns = clock_mono_ns(clock_system()) + IDLE_MS * INT64_C(1000000);
	p->idle++;
	while (STAILQ_EMPTY(&p->queue) && !p->is_ending) {
		int64_t left_idle_ms = (until_ns - clock_mono_ns(clock_system())) / 1000000;
		if (left_idle_ms <= 0)
			break;
		thread_wait(&p->queued, &p->lock, left_idle_ms);
	}
	p->idle--;
	struct push_job *job = STAILQ_FIRST(&p->queue);
	if (job) {
		STAILQ_REMOVE_HEAD(&p->queue, link);
		p->queue_length--;
	}
	return job;
}

static void *work(void *arg)
{
	struct push_worker *w = arg;
	struct push *p = w->push;
	struct http *http = NULL;
	struct push_job *job;
	pthread_mutex_lock(&p->lock);
	while ((job = next_job(p))) {
		pthread_mutex_unlock(&p->lock);
		deliver(p, job, &http);
		pthread_mutex_lock(&p->lock);
		settle(p, job);
	}
	pthread_mutex_unlock(&p->lock);
	http_close(http);
	pthread_mutex_lock(&p->lock);
	w->state = PUSH_WORKER_ENDED;
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void join_ended(struct push *p)
{
	for (size_t i = 0; i < COUNT_OF(p->worker); i++)
		if (p->worker[i].state == PUSH_WORKER_ENDED) {
			(void) pthread_join(p->worker[i].thread, NULL); /* it waits for nothing any more */
			p->worker[i].state = PUSH_WORKER_NONE;
		}
}

static bool start_one(struct push *p)
{
	for (size_t i = 0; i < COUNT_OF(p->worker); i++) {
		struct push_worker *w = &p->worker[i];
		if (w->state != PUSH_WORKER_NONE)
			continue;
		if (pthread_create(&w->thread, NULL, work, w))
			return false;
		w->state = PUSH_WORKER_RUNS;
		return true;
	}
	return false;
}

static bool has_worker(const struct push *p)
{
	for (size_t i = 0; i < COUNT_OF(p->worker); i++)
		if (p->worker[i].state == PUSH_WORKER_RUNS)
			return true;
	return false;
}

static void give_queue_back(struct push *p)
{
	struct push_job *job;
	log_error(LOG, "no thread can be started for push deliveries, they wait: raise the limit of processes (ulimit -u) or of memory");
	while ((job = STAILQ_FIRST(&p->queue))) {
		STAILQ_REMOVE_HEAD(&p->queue, link);
		p->queue_length--;
		pthread_mutex_unlock(&p->lock);
		give_back(p, job, 0);
		pthread_mutex_lock(&p->lock);
		job->sub->due_ns = clock_mono_ns(p->o.clock) + INT64_C(1000000000);
		settle(p, job);
	}
}

void push_work_start(struct push *p)
{
	join_ended(p);
	size_t awake = p->idle;
	for (size_t i = 0; i < p->queue_length && i < p->idle; i++)
		(void) pthread_cond_signal(&p->queued);
	while (awake < p->queue_length && start_one(p)) /* fewer threads than wished is slower, not wrong */
		awake++;
	if (p->queue_length && !has_worker(p))
		give_queue_back(p);
}
