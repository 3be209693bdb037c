#include "cmd/daemon.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cmd/command.h"
#include "cmd/schedule_jobs.h"
#include "cmd/self.h"
#include "raw/extract.h"
#include "serve/conductor.h"
#include "serve/consumer.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOOK_MS 500          /* for messages that another process published */
#define QUIET_MS 2000        /* snapshots that become complete within this of each other are built together, */
#define QUIET_MS_MAX 30000   /* but none waits longer than this */
#define RETRY_MS_MIN 60000
#define RETRY_MS_MAX 3600000
#define CONSUMER_RETRY_MS_MIN 1000
#define CONSUMER_RETRY_MS_MAX 60000
#define SAID_BYTES_MAX ((size_t) 64 << 10)

struct daemon {
	struct app *app;
	struct state *schedule_state, *look_state, *consumer_state;
	struct schedule_jobs jobs;
	struct schedule *schedule, *look; /* the conductor's; that of whoever asks */
	pthread_mutex_t look_lock;
	struct consumer *consumer;
	struct conductor *conductor;
	_Atomic(struct consumer *) awake; /* NULL until there is one to wake, and again when it goes */
	_Atomic(struct conductor *) triggered;
	atomic_bool stop; /* for children */
};

static enum rc open_schedule(struct daemon *d, struct err *err)
{
	TRY(schedule_jobs_open(app_config(d->app), &d->jobs, err));
	TRY(app_open_state(d->app, &d->schedule_state, err));
	TRY(app_open_state(d->app, &d->look_state, err));
	d->schedule = schedule_open(&(struct schedule_options){ .state = d->schedule_state, .clock = app_clock(d->app) });
	d->look = schedule_open(&(struct schedule_options){ .state = d->look_state, .clock = app_clock(d->app) });
	return schedule_set(d->schedule, d->jobs.job, d->jobs.count, err);
}

enum rc daemon_open(struct app *app, struct daemon **out, struct err *err)
{
	CLEANUP(daemon_closep) struct daemon *d = mem_alloc(sizeof *d);
	struct bus *bus;
	*d = (struct daemon){ .app = app, .look_lock = PTHREAD_MUTEX_INITIALIZER };
	*out = NULL;
	TRY(app_bus(app, &bus, err)); /* makes the home */
	TRY(open_schedule(d, err));
	TRY(app_open_state(app, &d->consumer_state, err));
	*out = TAKE(d);
	return RC_OK;
}

/* --- children ----------------------------------------------------------------------------------------------- */

/* RC_RETRY alone is no stop: there may have been no process to be had. */
static enum schedule_outcome outcome_of(const struct daemon *d, enum rc rc, int status, struct err *inout_why)
{
	if (rc == RC_RETRY && d->stop)
		return SCHEDULE_STOPPED;
	if (rc != RC_OK)
		return SCHEDULE_FAILED;
	if (status == EXIT_DONE || status == EXIT_DEAD_LETTERS)
		return SCHEDULE_DONE;
	if (status == EXIT_DEFERRED)
		(void) err_set(inout_why, RC_RETRY, "deferred (`sargam dag runs` says until when)");
	else
		(void) err_set(inout_why, RC_FATAL, "ended with status %d (see the lines before, and `sargam dag runs`)", status);
	return status == EXIT_DEFERRED ? SCHEDULE_DEFERRED : SCHEDULE_FAILED;
}

static enum schedule_outcome work(void *ctx, enum conductor_work what, struct err *out_why)
{
	struct daemon *d = ctx;
	static const char *const run[] = { "run", "--quiet", NULL }, *const build[] = { "run", "--from", "bronze", "--quiet", NULL };
	int status = EXIT_FAILED;
	enum rc rc = self_run(d->app, what == CONDUCTOR_RUN ? run : build, &d->stop, NULL, &status, out_why);
	return outcome_of(d, rc, status, out_why);
}

static const char **extract_words(const struct door_extract_job *job, struct arena *arena)
{
	const char **word = arena_alloc_array(arena, job->playlist_count + 8, sizeof *word);
	size_t count = 0;
	word[count++] = "extract";
	if (job->has_since)
		word[count++] = arena_strdup(arena, arena_printf(arena, "--since=%s", time_date(job->since_day).s));
	if (job->has_until)
		word[count++] = arena_strdup(arena, arena_printf(arena, "--until=%s", time_date(job->until_day).s));
	for (size_t i = 0; i < job->playlist_count; i++)
		word[count++] = arena_strdup(arena, arena_printf(arena, "--playlist=%.*s", SLICE_FMT(job->playlist[i])));
	word[count] = NULL;
	return word;
}

enum rc daemon_extract(void *ctx, const struct door_extract_job *job, struct json *out_summary, struct err *err)
{
	struct daemon *d = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	CLEANUP(buf_done) struct buf said = buf_new(SAID_BYTES_MAX);
	int status = EXIT_FAILED;
	TRY(self_run(d->app, extract_words(job, &arena), &d->stop, &said, &status, err));
	struct consumer *consumer = atomic_load(&d->awake);
	if (consumer)
		consumer_wake(consumer);
	enum schedule_outcome outcome = outcome_of(d, RC_OK, status, err);
	json_set(out_summary, "text", json_new_string(slice_trim(buf_slice(&said))));
	return outcome == SCHEDULE_DONE ? RC_OK : outcome == SCHEDULE_DEFERRED ? RC_RETRY : RC_FATAL;
}

/* --- work --------------------------------------------------------------------------------------------------- */

static void on_complete(void *ctx)
{
	daemon_completed(ctx, SLICE_NULL);
}

/* Is there anything that may have been left unbuilt? */
static enum rc has_raw(struct store *store, bool *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	struct store_list list;
	TRY(store_list(store, SLICE("raw/"), SLICE_NULL, 1, &arena, &list, err));
	*out = list.count > 0;
	return RC_OK;
}

enum rc daemon_start(struct daemon *d, struct err *err)
{
	const struct config *c = app_config(d->app);
	struct bus *bus;
	struct store *store;
	bool raw;
	TRY(app_bus(d->app, &bus, err));
	TRY(app_store(d->app, &store, err));
	TRY(has_raw(store, &raw, err));
	d->conductor = conductor_open(&(struct conductor_options){ .schedule = d->jobs.count ? d->schedule : NULL, .quiet_ms = QUIET_MS,
	                                                           .quiet_max_ms = QUIET_MS_MAX, .retry_min_ms = RETRY_MS_MIN,
	                                                           .retry_max_ms = RETRY_MS_MAX, .work = work, .ctx = d });
	atomic_store(&d->triggered, d->conductor);
	if (raw)
		conductor_trigger(d->conductor); /* what a killed service had no time to build */
	d->consumer = consumer_open(&(struct consumer_options){ .bus = bus, .store = store, .state = d->consumer_state, .clock = app_clock(d->app),
	                                                        .run_id = "serve", .page_limit_bytes = (size_t) c->page_limit_bytes,
	                                                        .threads = app_threads(d->app), .look_ms = LOOK_MS,
	                                                        .retry_min_ms = CONSUMER_RETRY_MS_MIN,
	                                                        .retry_max_ms = CONSUMER_RETRY_MS_MAX, .on_complete = on_complete,
	                                                        .ctx = d });
	atomic_store(&d->awake, d->consumer);
	return RC_OK;
}

void daemon_published(struct daemon *d, const char *topic)
{
	struct consumer *consumer = atomic_load(&d->awake);
	if (consumer && strcmp(topic, TOPIC) == 0)
		consumer_wake(consumer);
}

void daemon_completed(void *daemon, struct slice playlist_id UNUSED)
{
	struct daemon *d = daemon;
	struct conductor *conductor = atomic_load(&d->triggered);
	if (conductor)
		conductor_trigger(conductor);
}

bool daemon_failed(struct daemon *d, struct err *err)
{
	return d->consumer && consumer_failed(d->consumer, err);
}

size_t daemon_jobs(void *ctx, struct overview_job *out)
{
	struct daemon *d = ctx;
	(void) pthread_mutex_lock(&d->look_lock);
	size_t count = schedule_jobs_overview(&d->jobs, d->look, out);
	(void) pthread_mutex_unlock(&d->look_lock);
	return count;
}

/* --- the end ------------------------------------------------------------------------------------------------ */

void daemon_stop(struct daemon *d)
{
	d->stop = true;
	if (d->consumer)
		consumer_stop(d->consumer);
	if (d->conductor)
		conductor_stop(d->conductor);
}

void daemon_close(struct daemon *d)
{
	if (!d)
		return;
	daemon_stop(d);
	atomic_store(&d->awake, NULL);
	consumer_close(d->consumer); /* it may still trigger the conductor */
	atomic_store(&d->triggered, NULL);
	conductor_close(d->conductor);
	schedule_close(d->schedule);
	schedule_close(d->look);
	schedule_jobs_close(&d->jobs);
	state_close(d->consumer_state);
	state_close(d->look_state);
	state_close(d->schedule_state);
	(void) pthread_mutex_destroy(&d->look_lock);
	mem_free(d);
}
