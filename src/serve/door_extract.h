/* POST /extract: where Cloud Scheduler (or cron, or a person) asks for an extraction.  The gate has let the request in.
 *
 * The body says what: nothing, or {"playlists":["ID",…],"since":"YYYY-MM-DD","until":"YYYY-MM-DD"}; chart days, inclusive.  Cloud Scheduler
 * sends a body as application/octet-stream unless its job says otherwise, so that is taken too.
 *
 * A call has a key when it comes with X-CloudScheduler-JobName and X-CloudScheduler-ScheduleTime (the same for each try of one
 * run: cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs) or else with Idempotency-Key
 * (draft-ietf-httpapi-idempotency-key-header).  A key that is done gets the answer that was given, for 7 days and across restarts, with
 * `Idempotent-Replayed: true`.  A key that is being worked on waits for that answer: the scheduler tries again when its attempt deadline
 * has passed, while the first try goes on here.  A failure is not remembered: the next try works.  A key with another body is 422.
 * Without a key each call is its own.
 *
 * One extraction at a time; other calls wait for their turn: a job that is never tried again (retryCount 0, the scheduler's default) must
 * not be lost because another was running.
 *
 * 200: done, {"state":"done","summary":{…}}.  503 with Retry-After: deferred (a source's quota), no turn within wait_ms, too many wait, or
 * the service stops.  500: failed, with the error.  400, 405, 413, 415, 422: the request.  Cloud Scheduler takes any 2xx as done and tries
 * again after anything else, as its job's retryConfig has it. */
#ifndef SERVE_DOOR_EXTRACT_H
#define SERVE_DOOR_EXTRACT_H

#include "io/server.h"
#include "raw/state.h"

#define DOOR_EXTRACT_PATH "/extract"
#define DOOR_EXTRACT_PLAYLISTS_MAX 1000

struct json;
struct door_extract_job {
	const char *key; /* for the log; "" for none */
	const struct slice *playlist; /* checked ids; count 0 = all that are watched */
	size_t playlist_count;
	bool has_since, has_until;
	int64_t since_day, until_day;
};
/* The work.  RC_OK: done, *out_summary (an object) has got its figures.  RC_RETRY: deferred, err->retry_after_ms from now when that is
 * known.  Others: failed.  Called by one thread at a time. */
MUST_USE typedef enum rc door_extract_run(void *ctx, const struct door_extract_job *job, struct json *out_summary, struct err *err);

struct door_extract_options {
	door_extract_run *run;
	void *ctx;
	struct state *state; /* for keys that are done, NULL for none; not owned; nobody else may use this handle */
	struct clock *clock;
	int64_t wait_ms;     /* how long a call waits for its turn or for the answer of another with its key */
	int waiting_max;     /* calls that may wait; each holds a thread of the server, as the one that works does */
	const atomic_bool *stop; /* ends that waiting; may be NULL */
};
struct door_extract;
struct door_extract *door_extract_open(const struct door_extract_options *options);
void door_extract_close(struct door_extract *d); /* takes NULL; no request may be under way */
/* Answers DOOR_EXTRACT_PATH; false for anything else.  On any thread. */
bool door_extract_handle(struct door_extract *d, const struct server_request *rq, struct server_reply *reply);

#endif
