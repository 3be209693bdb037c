#include "dag/schedule.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag/schedule_table.h"
#include "io/db.h"
#include "raw/state.h"

#include <pthread.h>
#include <stdatomic.h>

/* A holder that cannot be judged (another container) counts as dead when its start is older than this. */
#define UNKNOWN_HOLDER_MS (24 * 60 * 60 * 1000LL)
/* A due time is started again after so many deaths of its process, less one. */
#define DEATHS_MAX 2
/* So many missed times are counted one by one; a gap of more is a clock that was wrong by years. */
#define MISSED_AT_ONCE_MAX 100000
#define HOUR_S 3600

struct schedule {
	struct db *db;
	struct clock *clock;
	char holder[PROCESS_NAME_BYTES];
	pthread_mutex_t lock;
	struct schedule_job job[SCHEDULE_JOBS_MAX];
	int64_t handed[SCHEDULE_JOBS_MAX]; /* the claim that schedule_next gave last; 0 for none */
	size_t count;
};

static void locked(struct schedule *s)
{
	int rc = pthread_mutex_lock(&s->lock);
	assert(rc == 0);
}

static void unlockp(struct schedule **s)
{
	pthread_mutex_unlock(&(*s)->lock);
}

struct schedule *schedule_open(const struct schedule_options *o)
{
	struct schedule *s = mem_alloc(sizeof *s);
	s->db = state_db(o->state);
	s->clock = o->clock;
	/* Two handles of one process are two daemons: each knows its own claims. */
	static atomic_uint handles;
	(void) snprintf(s->holder, sizeof s->holder, "%.100s #%u", o->holder ? o->holder : process_self().s,
	                atomic_fetch_add(&handles, 1) + 1);
	int rc = pthread_mutex_init(&s->lock, NULL);
	assert(rc == 0);
	return s;
}

void schedule_close(struct schedule *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

/* ---- jobs ---- */

enum rc schedule_job_init(struct schedule_job *job, const char *name, const char *cron, struct zone *zone,
                          enum schedule_missed missed, int64_t jitter_s, struct err *err)
{
	assert(jitter_s >= 0 && jitter_s <= SCHEDULE_JITTER_S_MAX);
	*job = (struct schedule_job){ .zone = zone, .missed = missed, .jitter_s = jitter_s };
	if (!name[0] || strlen(name) >= sizeof job->name)
		return err_set(err, RC_REJECT, "the name of a job has %zu bytes: want 1 to %zu", strlen(name), sizeof job->name - 1);
	TRY(cron_parse(slice_of(cron), &job->cron, err));
	(void) snprintf(job->name, sizeof job->name, "%s", name);
	struct slice text = slice_trim(slice_of(cron));
	(void) snprintf(job->rule, sizeof job->rule, "%.*s in %s", SLICE_FMT(text), zone_name(zone));
	return RC_OK;
}

int64_t schedule_due_after(const struct schedule_job *job, int64_t after_s)
{
	return cron_next(&job->cron, job->zone, after_s);
}

/* The part of the jitter: of name and time, so whoever asks gets the same. */
int64_t schedule_start_of(const struct schedule_job *job, int64_t due_s)
{
	if (job->jitter_s == 0 || due_s == INT64_MAX)
		return due_s;
	char text[SCHEDULE_JOB_BYTES + 32];
	int len = snprintf(text, sizeof text, "%s %lld", job->name, (long long) due_s);
	return due_s + (int64_t) (hash_u64((struct slice){ text, (size_t) len }) % (uint64_t) (job->jitter_s + 1));
}

static enum rc plan_job(struct schedule *s, const struct schedule_job *job, struct err *err)
{
	struct schedule_row row;
	TRY(schedule_row_read(s->db, job->name, &row, err));
	if (row.known && strcmp(row.rule, job->rule) == 0)
		return RC_OK;
	int64_t now_s = clock_now_ms(s->clock) / 1000;
	return schedule_row_plan(s->db, job->name, job->rule, schedule_due_after(job, now_s), row.missed, err);
}

/* A claim that is out stays out. */
static void take_jobs(struct schedule *s, const struct schedule_job *job, size_t count)
{
	int64_t handed[SCHEDULE_JOBS_MAX] = { 0 };
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < s->count; k++)
			if (strcmp(job[i].name, s->job[k].name) == 0)
				handed[i] = s->handed[k];
	for (size_t i = 0; i < count; i++)
		s->job[i] = job[i];
	memcpy(s->handed, handed, sizeof s->handed);
	s->count = count;
}

enum rc schedule_set(struct schedule *s, const struct schedule_job *job, size_t count, struct err *err)
{
	if (count > SCHEDULE_JOBS_MAX)
		return err_set(err, RC_REJECT, "schedule: %zu jobs, at most %d", count, SCHEDULE_JOBS_MAX);
	locked(s);
	CLEANUP(unlockp) struct schedule *unlock UNUSED = s;
	TRY_WRAP(db_begin(s->db, err), err, "schedule");
	CLEANUP(db_rollbackp) struct db *transaction = s->db;
	TRY_WRAP(schedule_row_keep(s->db, job, count, err), err, "schedule");
	for (size_t i = 0; i < count; i++)
		TRY_WRAP(plan_job(s, &job[i], err), err, "schedule: job '%s'", job[i].name);
	TRY_WRAP(db_commit(transaction, err), err, "schedule");
	take_jobs(s, job, count);
	return RC_OK;
}

/* ---- deciding: reads, writes nothing ---- */

enum decided { NOTHING, PLAN, START, HAND_OUT };
struct decision {
	enum decided what; /* PLAN: only the row changes; HAND_OUT: a claim whose answer was lost */
	bool died;         /* the last start's process is gone: to be written first */
	int64_t next_due_s, missed, due_s;
	bool late;
};

static bool is_dead(const struct schedule_row *row, int64_t now_ms)
{
	switch (process_look(row->holder)) {
	case PROCESS_ALIVE:
		return false;
	case PROCESS_DEAD:
		return true;
	case PROCESS_UNKNOWN:
		return now_ms - row->started_ms > UNKNOWN_HOLDER_MS;
	}
	return false;
}

/* Few are: only those before the latest that was. */
static enum rc was_started(struct schedule *s, const struct schedule_job *job, const struct schedule_row *row, int64_t due_s,
                           bool *out, struct err *err)
{
	*out = false;
	return due_s <= row->last_due_s ? schedule_row_started(s->db, job->name, due_s, out, err) : RC_OK;
}

/* Where the clock went back, times come again that were planned over: those of them that were not started are due. */
static enum rc plan_back(struct schedule *s, const struct schedule_job *job, const struct schedule_row *row, int64_t now_s,
                         int64_t *inout_next_s, struct err *err)
{
	bool started = true;
	int64_t due_s = schedule_due_after(job, now_s);
	for (; due_s < *inout_next_s; due_s = schedule_due_after(job, due_s)) {
		TRY(was_started(s, job, row, due_s, &started, err));
		if (!started)
			break;
	}
	if (due_s < *inout_next_s)
		*inout_next_s = due_s;
	return RC_OK;
}

struct due {
	int64_t count, latest_s, next_s; /* due and not started; the latest of them; the first that is not due yet */
};

static enum rc find_due(struct schedule *s, const struct schedule_job *job, const struct schedule_row *row, int64_t from_s,
                        int64_t now_s, struct due *out, struct err *err)
{
	*out = (struct due){ .next_s = from_s };
	for (int i = 0; schedule_start_of(job, out->next_s) <= now_s; i++) {
		if (i == MISSED_AT_ONCE_MAX && out->next_s < now_s - 2 * HOUR_S)
			out->next_s = schedule_due_after(job, now_s - 2 * HOUR_S); /* the last ones, so that the latest is late by little */
		if (schedule_start_of(job, out->next_s) > now_s)
			break;
		bool started;
		TRY(was_started(s, job, row, out->next_s, &started, err));
		if (!started) {
			out->count++;
			out->latest_s = out->next_s;
		}
		out->next_s = schedule_due_after(job, out->next_s);
	}
	return RC_OK;
}

static bool is_owed(const struct schedule_job *job, const struct schedule_row *row, bool died, int64_t now_s)
{
	enum schedule_outcome outcome = died ? SCHEDULE_DIED : row->outcome;
	int64_t deaths = row->deaths + died;
	if (!row->id || job->missed != SCHEDULE_CATCH_UP || schedule_start_of(job, row->due_s) > now_s)
		return false;
	return outcome == SCHEDULE_STOPPED || (outcome == SCHEDULE_DIED && deaths < DEATHS_MAX);
}

static enum rc decide(struct schedule *s, size_t i, const struct schedule_row *row, int64_t now_ms, struct decision *out,
                      struct err *err)
{
	const struct schedule_job *job = &s->job[i];
	int64_t now_s = now_ms / 1000;
	bool running = row->id && row->outcome == SCHEDULE_RUNNING;
	bool mine = running && strcmp(row->holder, s->holder) == 0;
	*out = (struct decision){ .died = running && !mine && is_dead(row, now_ms), .missed = row->missed };
	running = running && !out->died;
	if (mine && s->handed[i] != row->id) {
		*out = (struct decision){ .what = HAND_OUT, .due_s = row->due_s, .late = true, .next_due_s = row->next_due_s };
		return RC_OK;
	}
	int64_t next_s = row->known ? row->next_due_s : schedule_due_after(job, now_s);
	struct due due;
	TRY(plan_back(s, job, row, now_s, &next_s, err));
	TRY(find_due(s, job, row, next_s, now_s, &due, err));
	out->next_due_s = due.next_s;
	out->what = out->died || !row->known || due.next_s != row->next_due_s ? PLAN : NOTHING;
	bool late = due.count > 0 && now_s - schedule_start_of(job, due.latest_s) > SCHEDULE_LATE_S;
	if (due.count > 0 && !running && (!late || job->missed == SCHEDULE_CATCH_UP)) {
		out->what = START;
		out->due_s = due.latest_s;
		out->late = late;
		out->missed += due.count - 1;
		return RC_OK;
	}
	out->missed += due.count;
	if (!running && is_owed(job, row, out->died, now_s)) {
		out->what = START;
		out->due_s = row->due_s;
		out->late = true;
	}
	return RC_OK;
}

/* ---- claiming ---- */

static enum rc write_decision(struct schedule *s, size_t i, const struct schedule_row *row, const struct decision *d,
                              int64_t now_ms, int64_t *out_id, struct err *err)
{
	const struct schedule_job *job = &s->job[i];
	bool ended;
	if (d->died)
		TRY(schedule_row_end(s->db, row->id, row->holder, SCHEDULE_DIED, now_ms, "its process ended", &ended, err));
	if (!row->known || d->next_due_s != row->next_due_s || d->missed != row->missed)
		TRY(schedule_row_plan(s->db, job->name, row->known ? row->rule : job->rule, d->next_due_s, d->missed, err));
	if (d->what == START)
		TRY(schedule_row_start(s->db, job->name, d->due_s, s->holder, now_ms, out_id, err));
	return RC_OK;
}

static enum rc claim(struct schedule *s, size_t i, struct decision *d, int64_t *out_id, struct err *err)
{
	struct schedule_row row;
	int64_t now_ms = clock_now_ms(s->clock);
	TRY(schedule_row_read(s->db, s->job[i].name, &row, err));
	TRY(decide(s, i, &row, now_ms, d, err));
	*out_id = row.id;
	if (d->what == NOTHING || d->what == HAND_OUT) /* the usual case writes nothing */
		return RC_OK;

	TRY(db_begin(s->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = s->db;
	TRY(schedule_row_read(s->db, s->job[i].name, &row, err)); /* another daemon may have been first */
	TRY(decide(s, i, &row, now_ms, d, err));
	*out_id = row.id;
	if (d->what == PLAN || d->what == START)
		TRY(write_decision(s, i, &row, d, now_ms, out_id, err));
	return db_commit(transaction, err);
}

enum rc schedule_next(struct schedule *s, struct schedule_claim *out, struct err *err)
{
	*out = (struct schedule_claim){ .wait_ms = SCHEDULE_WAIT_MS_MAX };
	locked(s);
	CLEANUP(unlockp) struct schedule *unlock UNUSED = s;
	for (size_t i = 0; i < s->count; i++) {
		struct decision d;
		int64_t id;
		TRY_WRAP(claim(s, i, &d, &id, err), err, "schedule: job '%s'", s->job[i].name);
		if (d.what == START || d.what == HAND_OUT) {
			s->handed[i] = id;
			*out = (struct schedule_claim){ .id = id, .due_s = d.due_s, .late = d.late };
			memcpy(out->job, s->job[i].name, sizeof out->job);
			return RC_OK;
		}
		int64_t start_s = schedule_start_of(&s->job[i], d.next_due_s), now_ms = clock_now_ms(s->clock);
		if (start_s < (now_ms + out->wait_ms) / 1000 + 1 && start_s * 1000 - now_ms < out->wait_ms)
			out->wait_ms = start_s * 1000 > now_ms ? start_s * 1000 - now_ms : 0;
	}
	return RC_OK;
}

enum rc schedule_done(struct schedule *s, const struct schedule_claim *claim, enum schedule_outcome outcome, const char *error,
                      struct err *err)
{
	assert(outcome != SCHEDULE_RUNNING && claim->job[0]);
	bool ended;
	locked(s);
	CLEANUP(unlockp) struct schedule *unlock UNUSED = s;
	TRY_WRAP(schedule_row_end(s->db, claim->id, s->holder, outcome, clock_now_ms(s->clock), error, &ended, err), err,
	         "schedule: job '%s'", claim->job);
	if (ended)
		return RC_OK;
	return err_set(err, RC_FATAL, "schedule: job '%s' due at %s: another daemon took this process for dead meanwhile: `sargam dag "
	               "schedule` tells what became of it", claim->job, time_rfc3339(claim->due_s).s);
}

/* ---- looking ---- */

enum rc schedule_look(struct schedule *s, const struct schedule_job *job, struct arena *arena, struct schedule_status *out,
                      struct err *err)
{
	struct schedule_row row;
	int64_t now_ms = clock_now_ms(s->clock);
	locked(s);
	CLEANUP(unlockp) struct schedule *unlock UNUSED = s;
	TRY_WRAP(schedule_row_read(s->db, job->name, &row, err), err, "schedule: job '%s'", job->name);
	*out = (struct schedule_status){
		.known = row.known && strcmp(row.rule, job->rule) == 0,
		.missed = row.missed,
		.started = row.id != 0,
		.due_s = row.due_s,
		.started_ms = row.started_ms,
		.ended_ms = row.ended_ms,
		.outcome = row.outcome,
	};
	out->next_due_s = out->known ? row.next_due_s : schedule_due_after(job, now_ms / 1000);
	if (out->started && out->outcome == SCHEDULE_RUNNING && is_dead(&row, now_ms))
		out->outcome = SCHEDULE_DIED; /* as the next schedule_next() will find */
	return out->started ? schedule_row_error(s->db, row.id, arena, &out->error, err) : RC_OK;
}
