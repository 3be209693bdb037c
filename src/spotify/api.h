/* Requests to the Web API: one at a time with a small gap, the token put in, answers classified (answer.h), what passes waited
 * out within budgets.
 *
 * A wait that does not fit the budgets, and a quota that is spent, end the request with RC_RETRY and are remembered: until
 * spotify_not_before() has passed no further request goes out.  The caller keeps that moment for the next run.
 *
 * RC_OK: a 200 whose body fits, or a 304.  RC_NOT_FOUND: 404.  RC_REJECT: 403 or another refusal of this one thing
 * (out->kind tells).  RC_RETRY: tries or budget spent; err->retry_after_ms says how long to wait at least (0 = not said).
 * RC_FATAL: credentials, or the whole app is refused. */
#ifndef SPOTIFY_API_H
#define SPOTIFY_API_H

#include "base/clock.h"
#include "base/rand.h"
#include "spotify/answer.h"
#include "spotify/token.h"

struct spotify_api_options {
	struct http *http;          /* not owned */
	struct token_keeper *token; /* not owned */
	struct clock *clock;
	struct rand_gen rand;       /* jitter */
	const char *api_url;        /* "https://api.spotify.com/v1" */
	int64_t gap_ms, attempts_max;
	int64_t budget_ms, playlist_budget_ms; /* waiting for all requests; for those of one playlist */
	const atomic_bool *stop;
};
struct spotify_api;
struct spotify_api *spotify_api_open(const struct spotify_api_options *o);
void spotify_api_close(struct spotify_api *a); /* takes NULL */
const char *spotify_api_url(const struct spotify_api *a);
struct token_keeper *spotify_api_token(struct spotify_api *a);

struct spotify_request {
	const char *url;
	struct slice etag; /* If-None-Match; SLICE_NULL for none */
	bool known;        /* it was there a moment ago: a 403 or 404 is asked about again */
	/* Is that what was asked for?  A body that is none is asked for again; `why` says what is wrong with it.  NULL: any JSON. */
	bool (*fits)(void *ctx, struct slice body, struct err *why);
	void *ctx;
};
struct spotify_reply {
	enum answer_kind kind;
	bool not_modified;
	struct slice body, etag; /* owned by the arena; etag SLICE_NULL when the answer has none that can be sent back */
	char said[ANSWER_SAID_BYTES];
};
MUST_USE enum rc spotify_get(struct spotify_api *a, const struct spotify_request *rq, struct arena *arena,
                             struct spotify_reply *out, struct err *err);
/* What follows is for another playlist: its waiting is counted anew. */
void spotify_next_playlist(struct spotify_api *a);

/* Milliseconds since 1970 UTC; 0 when nothing forbids a request.  Set: learned in an earlier run. */
int64_t spotify_not_before(const struct spotify_api *a);
void spotify_set_not_before(struct spotify_api *a, int64_t ms, const char *why);
const char *spotify_why(const struct spotify_api *a); /* of not_before */
bool spotify_is_stopped(const struct spotify_api *a); /* somebody asked to stop */
/* Does such a moment forbid a request now?  One farther off than any answer is believed was noted by a clock that was wrong. */
bool spotify_forbids(int64_t not_before_ms, int64_t now_ms);
/* RC_RETRY, with the wait, when a request may not go out now. */
MUST_USE enum rc spotify_allowed(struct spotify_api *a, struct err *err);

struct spotify_counts {
	int64_t requests, not_modified, retries, waited_ms; /* requests of the API; those for tokens are the keeper's */
};
struct spotify_counts spotify_counts(const struct spotify_api *a);

/* Does the URL lead to the API this was opened for, and can it be one?  The token goes nowhere else. */
bool spotify_is_api_url(const struct spotify_api *a, struct slice url);

#endif
