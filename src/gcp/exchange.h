/* One request to a service that gives out tokens, with its retries: 408, 429, 5xx, no answer, and the errors that say of
 * themselves that they pass.  Google's client does the same: github.com/googleapis/google-auth-library-python, _exponential_backoff.py. */
#ifndef GCP_EXCHANGE_H
#define GCP_EXCHANGE_H

#include "base/json.h"
#include "gcp/answer.h"
#include "gcp/transport.h"

#define EXCHANGE_TRIES_MAX 3

struct exchange {
	const char *what;   /* for messages: "the token endpoint" */
	const char *method, *url;
	const struct http_header *header;
	size_t header_count;
	struct slice body;
	int64_t timeout_ms; /* of each try; 0: 30 s */
	int64_t tries_max;  /* 0: EXCHANGE_TRIES_MAX */
	int64_t start_ms;   /* of the backoff; 0: 1 s */
	bool metadata;      /* of the metadata server: by no proxy, plain http, and the answer must say that it is one */
};
/* RC_OK: 200, whole.  RC_RETRY.  RC_FATAL: any other answer, its body in `out`, *out_said what it says.  `arena` is one for secrets. */
MUST_USE enum rc exchange_send(struct transport *t, const struct exchange *x, struct arena *arena, struct http_response *out,
                               struct google_answer *out_answer, struct err *err);
/* The same, for an answer that is a JSON object. */
MUST_USE enum rc exchange_json(struct transport *t, const struct exchange *x, struct arena *arena, struct json **out,
                               struct google_answer *out_answer, struct err *err);
/* A field of a form, escaped. */
void exchange_form(struct slice *inout_form, const char *name, struct slice value, struct arena *arena);
/* expires_in: a number or a string of one; 3600 when it is absent or none, never under 0, at most 12 h. */
int64_t exchange_life_s(const struct json *answer);
/* A token that can stand in a header. */
bool exchange_is_token(struct slice s);

#endif
