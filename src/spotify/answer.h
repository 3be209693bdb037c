/* What an answer of Spotify means, decided here once (law: a foreign status is classified where it is first seen).
 * Sources: developer.spotify.com/documentation/web-api/concepts/api-calls and /rate-limits; bodies as seen in 2026. */
#ifndef SPOTIFY_ANSWER_H
#define SPOTIFY_ANSWER_H

#include "io/http.h"

enum answer_kind {
	ANSWER_OK,
	ANSWER_NOT_MODIFIED, /* 304 */
	ANSWER_UNAUTHORIZED, /* 401: the token is not (or no longer) good */
	ANSWER_BUSY,         /* 429: too many requests in 30 seconds */
	ANSWER_QUOTA,        /* 429 with reason QUOTA_EXCEEDED: those of the developer's account for this day are spent */
	ANSWER_PASSING,      /* 5xx, 408, 3xx, an empty body: the same request may succeed soon */
	ANSWER_FORBIDDEN,    /* 403: not for this app or user */
	ANSWER_APP_REFUSED,  /* 403: nothing is for this app (its owner has no Premium) or this user (not on the app's list) */
	ANSWER_NOT_FOUND,    /* 404, 410 */
	ANSWER_REFUSED,      /* 400 and the rest: asked wrongly */
	ANSWER_KINDS
};
const char *answer_kind_name(enum answer_kind kind);

#define ANSWER_SAID_BYTES 200
#define ANSWER_WAIT_UNKNOWN (-1)
#define ANSWER_WAIT_MS_MAX ((int64_t) 7 * 86400 * 1000)
struct answer {
	enum answer_kind kind;
	int64_t wait_ms;              /* BUSY, QUOTA: Retry-After, at most ANSWER_WAIT_MS_MAX; ANSWER_WAIT_UNKNOWN when it does not say */
	char said[ANSWER_SAID_BYTES]; /* "429 Too many requests": status and what the body says, harmless to print */
};
void answer_judge(const struct http_response *response, struct answer *out);

#endif
