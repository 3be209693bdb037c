/* A strict Google Cloud on 127.0.0.1 for tests: what emulators do not do.  One server, the services side by side.
 *
 * A service is a file fake_NOUN.c with one function fake_NOUN_add() that adds its routes (fake.c: fake_open() calls it).  The longest
 * prefix that fits takes a request.  A route demands a bearer token that this fake issued, that has not ended and was not
 * revoked, unless it says `open`.  Handlers run on many threads at once: a service has a lock of its own.
 *
 * Every request passes the fault plan first.  POST /control takes one rule or a list of them:
 *
 *	{"match":"POST *:publish", "skip":0, "times":2, "do":"status", "status":503}
 *
 * `match` is a glob over "METHOD path?query" as it was sent; `skip` lets so many pass first, `times` (1) is how often it happens.
 *
 *	status          "status", and perhaps "reason", "message", "body" (text or JSON), "retry_after" (text), "headers" {"name":"value"}
 *	lose-reply      it is done, then the connection is reset
 *	close           the connection is reset, nothing is done
 *	truncate        it is done, the answer's body ends after "bytes"
 *	slow            "ms" before the answer
 *	wrong-checksum  left to the handler: call->fault
 *	short-range     left to the handler: call->fault, call->bytes ("bytes")
 *	expire-tokens   all tokens end before it is looked at, and new ones are issued when asked for
 *	revoke          the same, and no grant is good any more (invalid_grant) until {"do":"restore"}
 *
 * Without `match` the last two happen at once.  {"set":{…}} changes how tokens are issued (fake_token.c).  DELETE /control forgets
 * rules, settings and the log.  GET /control/log: {"requests":[{"method","target","status","authorized","email","fault", …}]}, without
 * secrets.  GET /control/credentials?type=service_account: a file of credentials for this fake (fake_credentials.c). */
#ifndef FAKES_FAKE_H
#define FAKES_FAKE_H

#include "base/clock.h"
#include "base/json.h"
#include "base/rsa_secret.h"
#include "io/server.h"

#include <pthread.h>

struct fake;
struct fake_options {
	struct clock *clock;
	int port; /* 0: any */
	void (*add)(struct fake *f, void *ctx); /* a test's own routes; may be NULL */
	void *ctx;
};
MUST_USE enum rc fake_open(const struct fake_options *o, struct fake **out, struct err *err);
void fake_close(struct fake *f);
static inline void fake_closep(struct fake **f)
{
	fake_close(*f);
	*f = NULL;
}
int fake_port(const struct fake *f);
const char *fake_url(const struct fake *f); /* "http://127.0.0.1:PORT" */
struct clock *fake_clock(struct fake *f);

/* --- for services */

struct fake_call {
	struct fake *fake;
	void *ctx; /* of the route */
	const struct server_request *rq;
	struct server_reply *reply;
	const char *email;  /* whose token it was; "" on open routes */
	const char *fault;  /* what is left to the handler: "wrong-checksum", "short-range"; "" */
	int64_t bytes;
	struct json *note;  /* an object for the log's entry of this request: no secrets */
};
struct fake_route {
	const char *prefix; /* of the decoded path; with "=" before it the whole path */
	bool open;
	void (*handle)(struct fake_call *call);
	void *ctx;
	void (*close)(void *ctx); /* may be NULL; give it with one route of a service */
};
void fake_route_add(struct fake *f, const struct fake_route *route);

/* Takes over `root`. */
void fake_json(struct fake_call *call, int status, struct json *root);
/* {"error":{"code","message","status","errors":[{"reason","message","domain":"global"}]}}; `reason` NULL: no errors[]. */
void fake_error(struct fake_call *call, int status, const char *reason, const char *message);

/* --- the control endpoint, for tests in the same process; the test asserts the class */

MUST_USE enum rc fake_control(struct fake *f, const char *json, struct err *err);
void fake_forget(struct fake *f);
/* Requests whose "METHOD path?query" a glob matches, faulty ones included. */
size_t fake_count(struct fake *f, const char *glob);
/* What GET /control/log says. */
struct slice fake_log(struct fake *f, struct arena *arena);

/* --- tokens (fake_token.c) */

#define FAKE_EMAIL "sargam-test@fake-project.iam.gserviceaccount.com"
#define FAKE_PROJECT "fake-project"
struct tokens;
struct tokens *fake_tokens(struct fake *f);
struct tokens *tokens_new(struct clock *clock);
void tokens_free(struct tokens *t);
void tokens_add_routes(struct fake *f);
/* Whose it is; false: not issued here, ended, revoked. */
bool tokens_check(struct tokens *t, const char *authorization, struct arena *arena, const char **out_email);
void tokens_expire(struct tokens *t);
void tokens_revoke(struct tokens *t, bool revoked);
void tokens_reset(struct tokens *t);
void tokens_set(struct tokens *t, const struct json *settings);
/* A token as if it had been asked for: for raw requests of tests. */
struct slice tokens_issue(struct tokens *t, const char *email, struct arena *arena);
/* Every token, subject and refresh token so far, to look for in what must not hold them; false past the end. */
bool tokens_secret(struct tokens *t, size_t i, struct arena *arena, struct slice *out);

/* --- credentials (fake_credentials.c): the text of a file that leads here; SLICE_NULL: no such type */

extern const char *const fake_credential_types[]; /* the last is NULL */
struct slice fake_credentials(struct fake *f, const char *type, struct arena *arena);
/* The key the service account signs with; a new one is made when none was set.  Takes over `key`. */
void fake_set_key(struct fake *f, struct rsa_secret *key);
const struct rsa_secret *fake_key(struct fake *f);
#define FAKE_KEY_ID "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"
#define FAKE_CLIENT_ID "client-1.apps.googleusercontent.com"
#define FAKE_CLIENT_SECRET "GOCSPX-fake-client-secret-value"
#define FAKE_REFRESH_TOKEN "1//fake-refresh-token-value"
#define FAKE_SUBJECT_TOKEN "eyJhbGciOi.fake-subject-token-value.c2ln"
#define FAKE_AUDIENCE "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/provider"

#endif
