/* Schedule: which job is due, and what became of it, in state.db; so a restart, a kill or a second daemon on the same home
 * starts no due time twice.
 *
 * Due times follow from a cron expression in a time zone (dag/cron.h).  A job may have a jitter: each due time is put off by
 * 0 to jitter_s seconds, which ones follows from job and due time, so a restart draws no other.
 *
 * schedule_next() claims a due time in one transaction: whoever finds it claimed does not get it.  A due time is
 *   - started, when it is claimed within SCHEDULE_LATE_S of its moment;
 *   - missed, when nobody asked in time (no daemon, a clock that jumped ahead).  With SCHEDULE_CATCH_UP the latest of those
 *     missed since is started at once and the others count as missed; with SCHEDULE_SKIP all of them do;
 *   - missed, when it is asked for while the job still runs (by another daemon; one that works asks again when it is done, and then the
 *     two rules before hold): the job is never started beside itself, nor is such a time caught up on.
 * A start whose process died is DIED, one that a stop cut off is STOPPED: with SCHEDULE_CATCH_UP the same due time is started
 * again, after a death once only (what kills its process would do so each time), unless a later one has come by then.
 *
 * The clock may jump back: a due time that was started is never started again (of the last SCHEDULE_STARTS_KEPT starts of a
 * job), and the next one is the next the clock comes to.
 *
 * Times in names ending _s are seconds since 1970 UTC, _ms milliseconds.  Errors are those of io/db.h.  Calls of one handle
 * take turns; several processes may have one each. */
#ifndef DAG_SCHEDULE_H
#define DAG_SCHEDULE_H

#include "dag/cron.h"
#include "io/process.h"

#define SCHEDULE_JOBS_MAX 64
#define SCHEDULE_JOB_BYTES 64
#define SCHEDULE_RULE_BYTES (CRON_BYTES_MAX + ZONE_NAME_BYTES_MAX + 8)
#define SCHEDULE_LATE_S 60
#define SCHEDULE_JITTER_S_MAX 3600
#define SCHEDULE_STARTS_KEPT 1000
/* schedule_next() never asks for a longer wait: a clock that jumped is noticed within it. */
#define SCHEDULE_WAIT_MS_MAX 30000

enum schedule_missed { SCHEDULE_CATCH_UP, SCHEDULE_SKIP };
#define SCHEDULE_OUTCOMES(X) X(RUNNING) X(DONE) X(FAILED) X(DEFERRED) X(STOPPED) X(DIED)
enum schedule_outcome {
#define X(name) SCHEDULE_##name,
	SCHEDULE_OUTCOMES(X)
#undef X
	SCHEDULE_OUTCOME_COUNT
};
const char *schedule_outcome_name(enum schedule_outcome outcome);

struct schedule_job {
	char name[SCHEDULE_JOB_BYTES];
	char rule[SCHEDULE_RULE_BYTES]; /* expression and zone as text: when it changes, due times are planned anew from now on */
	struct cron cron;
	struct zone *zone; /* not owned */
	enum schedule_missed missed;
	int64_t jitter_s;
};
/* Fills a job; RC_REJECT names what is wrong with the expression or the name (1 to 63 bytes). */
MUST_USE enum rc schedule_job_init(struct schedule_job *job, const char *name, const char *cron, struct zone *zone,
                                   enum schedule_missed missed, int64_t jitter_s, struct err *err);
/* The due time after `after_s`, and when it is to be started. */
int64_t schedule_due_after(const struct schedule_job *job, int64_t after_s);
int64_t schedule_start_of(const struct schedule_job *job, int64_t due_s);

struct state;
struct clock;
struct schedule_options {
	struct state *state; /* not owned; used by one call at a time: nobody else's meanwhile */
	struct clock *clock; /* not owned */
	const char *holder;  /* the process that claims, as io/process.h names it; NULL: this one */
};
struct schedule;
struct schedule *schedule_open(const struct schedule_options *o);
void schedule_close(struct schedule *s);
static inline void schedule_closep(struct schedule **s)
{
	schedule_close(*s);
	*s = NULL;
}
/* From now on these are the jobs (copied; zones stay the caller's).  A job that was not there, or by another rule, is due after
 * now; one that is no longer named is forgotten, but not its starts.  At most SCHEDULE_JOBS_MAX, else RC_REJECT. */
MUST_USE enum rc schedule_set(struct schedule *s, const struct schedule_job *job, size_t count, struct err *err);

struct schedule_claim {
	int64_t id;
	char job[SCHEDULE_JOB_BYTES]; /* "" when none is due: ask again after wait_ms */
	int64_t due_s;
	bool late; /* it makes up for missed ones, or for a start that came to no end */
	int64_t wait_ms;
};
/* A due job, claimed for this holder until schedule_done(). */
MUST_USE enum rc schedule_next(struct schedule *s, struct schedule_claim *out, struct err *err);
/* `error`: why it is not DONE, may be NULL.  To be called again after RC_RETRY: until it is told, the job counts as running.
 * RC_FATAL when another daemon took this one for dead meanwhile. */
MUST_USE enum rc schedule_done(struct schedule *s, const struct schedule_claim *claim, enum schedule_outcome outcome,
                               const char *error, struct err *err);

struct schedule_status {
	bool known;         /* a daemon has had this job by this rule; else all is 0 and next_due_s follows from now */
	int64_t next_due_s; /* not yet claimed; INT64_MAX: never */
	int64_t missed;
	bool started;       /* ever; the rest is of the last start */
	int64_t due_s, started_ms, ended_ms; /* ended_ms 0: not yet */
	enum schedule_outcome outcome;
	struct slice error; /* SLICE_NULL for none; owned by the arena */
};
/* Writes nothing: works over state_open_reader(), too. */
MUST_USE enum rc schedule_look(struct schedule *s, const struct schedule_job *job, struct arena *arena,
                               struct schedule_status *out, struct err *err);

#endif
