#include "serve/conductor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define IDLE_MS 60000 /* the longest wait, with nothing to wait for */
#define TELL_AGAIN_MS 1000

struct conductor {
	struct conductor_options o;
	pthread_t thread;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	bool stopping, triggered;
	int64_t first_ms, last_ms; /* of the triggers since the last build began; monotonic */
	/* of the thread alone */
	int64_t schedule_ms;       /* when to ask the schedule again */
	int64_t retry_ms, held_ms; /* after a failed build: the wait, and its end */
};

static int64_t mono_ms(void)
{
	return clock_mono_ns(clock_system()) / 1000000;
}

static bool is_stopping(struct conductor *c)
{
	(void) pthread_mutex_lock(&c->lock);
	bool stopping = c->stopping;
	(void) pthread_mutex_unlock(&c->lock);
	return stopping;
}

/* --- builds ------------------------------------------------------------------------------------------------- */

/* When the next build is due; INT64_MAX when nothing was triggered.  With the lock. */
static int64_t build_due_ms(const struct conductor *c)
{
	if (!c->triggered)
		return INT64_MAX;
	int64_t quiet = c->last_ms + c->o.quiet_ms, latest = c->first_ms + c->o.quiet_max_ms;
	int64_t due = quiet < latest ? quiet : latest;
	return due > c->held_ms ? due : c->held_ms;
}

/* Takes the triggers when a build is due. */
static bool take_triggers(struct conductor *c)
{
	(void) pthread_mutex_lock(&c->lock);
	bool due = !c->stopping && build_due_ms(c) <= mono_ms();
	if (due)
		c->triggered = false;
	(void) pthread_mutex_unlock(&c->lock);
	return due;
}

static void build(struct conductor *c)
{
	struct err why = { 0 };
	enum schedule_outcome outcome = c->o.work(c->o.ctx, CONDUCTOR_BUILD, &why);
	if (outcome == SCHEDULE_DONE) {
		c->retry_ms = c->held_ms = 0;
		return;
	}
	if (outcome == SCHEDULE_STOPPED && is_stopping(c))
		return;
	c->retry_ms = c->retry_ms ? 2 * c->retry_ms : c->o.retry_min_ms;
	if (c->retry_ms > c->o.retry_max_ms)
		c->retry_ms = c->o.retry_max_ms;
	c->held_ms = mono_ms() + c->retry_ms;
	log_error("serve", "build: %s; tried again in %lld s", why.msg, (long long) (c->retry_ms / 1000));
	conductor_trigger(c);
}

/* --- the schedule ------------------------------------------------------------------------------------------- */

/* Until it is told the job counts as running, so it is told. */
static void tell(struct conductor *c, const struct schedule_claim *claim, enum schedule_outcome outcome, const struct err *why)
{
	for (bool told = false;;) {
		struct err err = { 0 };
		enum rc rc = schedule_done(c->o.schedule, claim, outcome, why->msg[0] ? why->msg : NULL, &err);
		if (rc != RC_OK && !told)
			log_error("serve", "schedule: %s", err.msg);
		told = true;
		if (rc != RC_RETRY || is_stopping(c))
			return;
		clock_sleep_ms(clock_system(), TELL_AGAIN_MS);
	}
}

static void run(struct conductor *c, const struct schedule_claim *claim)
{
	struct err why = { 0 };
	log_info("serve", "scheduled run '%s'%s", claim->job, claim->late ? ", for a time that was missed" : "");
	enum schedule_outcome outcome = SCHEDULE_STOPPED;
	if (is_stopping(c)) /* since it was claimed */
		(void) err_set(&why, RC_RETRY, "the service stops");
	else
		outcome = c->o.work(c->o.ctx, CONDUCTOR_RUN, &why);
	if (outcome == SCHEDULE_FAILED)
		log_error("serve", "scheduled run '%s': %s", claim->job, why.msg);
	else if (outcome != SCHEDULE_DONE)
		log_warn("serve", "scheduled run '%s': %s", claim->job, why.msg);
	tell(c, claim, outcome, &why);
}

static void ask_schedule(struct conductor *c)
{
	struct schedule_claim claim;
	struct err err = { 0 };
	if (!c->o.schedule || mono_ms() < c->schedule_ms)
		return;
	if (schedule_next(c->o.schedule, &claim, &err) != RC_OK) {
		log_warn("serve", "schedule: %s; asked again", err.msg);
		c->schedule_ms = mono_ms() + SCHEDULE_WAIT_MS_MAX;
		return;
	}
	if (claim.job[0])
		run(c, &claim);
	else
		c->schedule_ms = mono_ms() + claim.wait_ms;
}

/* --- the thread --------------------------------------------------------------------------------------------- */

static void wait_for_work(struct conductor *c)
{
	(void) pthread_mutex_lock(&c->lock);
	for (;;) {
		int64_t now = mono_ms(), until = now + IDLE_MS, due = build_due_ms(c);
		if (c->o.schedule && c->schedule_ms < until)
			until = c->schedule_ms;
		if (due < until)
			until = due;
		if (c->stopping || until <= now)
			break;
		thread_wait(&c->changed, &c->lock, until - now);
	}
	(void) pthread_mutex_unlock(&c->lock);
}

static void *conduct(void *ctx)
{
	struct conductor *c = ctx;
	while (!is_stopping(c)) {
		ask_schedule(c);
		if (take_triggers(c))
			build(c);
		wait_for_work(c);
	}
	return NULL;
}

struct conductor *conductor_open(const struct conductor_options *options)
{
	struct conductor *c = mem_alloc(sizeof *c);
	*c = (struct conductor){ .o = *options, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	int rc = pthread_create(&c->thread, NULL, conduct, c);
	assert(rc == 0);
	return c;
}

void conductor_trigger(struct conductor *c)
{
	(void) pthread_mutex_lock(&c->lock);
	c->last_ms = mono_ms();
	if (!c->triggered)
		c->first_ms = c->last_ms;
	c->triggered = true;
	(void) pthread_cond_signal(&c->changed);
	(void) pthread_mutex_unlock(&c->lock);
}

void conductor_stop(struct conductor *c)
{
	(void) pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void) pthread_cond_signal(&c->changed);
	(void) pthread_mutex_unlock(&c->lock);
}

void conductor_close(struct conductor *c)
{
	if (!c)
		return;
	conductor_stop(c);
	(void) pthread_join(c->thread, NULL);
	(void) pthread_cond_destroy(&c->changed);
	(void) pthread_mutex_destroy(&c->lock);
	mem_free(c);
}
