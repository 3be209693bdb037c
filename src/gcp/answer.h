/* What an answer of Google's APIs or token services means, decided here once (a foreign status is classified where it is first seen).
 *
 * Bodies are {"error":{"code","message","status","errors":[{"reason"}],"details":[{"reason","metadata"}]}}, of token services
 * {"error":"invalid_grant","error_description":"…"}, of front ends HTML, of downloads plain text. */
#ifndef GCP_ANSWER_H
#define GCP_ANSWER_H

#include "io/http.h"

enum answer_class {
	GOOGLE_OK,           /* 2xx */
	GOOGLE_NOT_FOUND,
	GOOGLE_REFUSED,      /* this request, always */
	GOOGLE_UNAUTHORIZED, /* this token */
	GOOGLE_FORBIDDEN,    /* until a person changes something: `advice` */
	GOOGLE_BUSY,         /* not done; later */
	GOOGLE_PASSING,      /* fate unknown; later */
	GOOGLE_QUOTA,        /* not done; much later */
	GOOGLE_REDIRECT,
};
struct google_answer {
	enum answer_class class;
	int64_t wait_ms;       /* Retry-After; -1: not said */
	struct slice reason;   /* SLICE_NULL when there is none */
	const char *said;      /* "403 The caller does not have permission (forbidden)": printable, bounded, no long words without a space */
	const char *advice;    /* GOOGLE_FORBIDDEN: the next step; "" */
};
#define GOOGLE_WAIT_MS_MAX ((int64_t) 24 * 3600 * 1000)
#define GOOGLE_ANSWER_BYTES ((size_t) 8 << 10) /* room of the arena that suffices */
void google_answer(const struct http_response *r, int64_t now_ms, struct arena *arena, struct google_answer *out);

#endif
