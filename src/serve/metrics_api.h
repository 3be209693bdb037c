/* GET /metrics: Prometheus text (base/metrics.h) of this process and of what stands in its home.
 *
 * What is in the home is looked up on a thread of its own, when somebody asks: a part (the bus, runs, playlists, dead letters,
 * incomplete snapshots, disk) at most every 15 s, the quick ones every second, and never for more than a twentieth of the time,
 * however large the home is.  An answer waits at most two seconds for the parts that are due, then tells the ones it has and how
 * old they are (look_age_seconds); a part that cannot be read is left out and said so (look_failed). */
#ifndef SERVE_METRICS_API_H
#define SERVE_METRICS_API_H

#include "io/server.h"
#include "serve/overview.h"

struct metrics_options {
	struct bus *bus;        /* these three: not owned, for the metrics alone (their own thread uses them at any time) */
	struct state *state;
	struct store *store;
	const char *home;       /* copied */
	const char *playlists;  /* the setting; copied */
	int64_t chart_offset_s;
	struct clock *clock;
	overview_jobs *jobs;    /* the scheduler's; NULL for none */
	void *jobs_ctx;
};
struct metrics_api;
struct metrics_api *metrics_api_open(const struct metrics_options *options);
/* No request may be under way; waits for the look under way.  Takes NULL. */
void metrics_api_close(struct metrics_api *m);
/* Answers that address; false for anything else.  On any thread. */
bool metrics_handle(struct metrics_api *m, const struct server_request *rq, struct server_reply *reply);

/* For whoever answers requests, after each: `route` is the module that answered ("pubsub", "push", "" for none).  On any thread. */
void metrics_request(const char *route, int status, int64_t elapsed_us);

#endif
