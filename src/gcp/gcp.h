/* Google Cloud's REST APIs, as every backend on them needs it: where they are, who we are, one call.
 *
 * All functions may be called by several threads at once; a struct gcp serves a whole process.
 *
 * The environment means what it means to Google's own clients:
 *
 *	PUBSUB_EMULATOR_HOST, STORAGE_EMULATOR_HOST, BIGQUERY_EMULATOR_HOST
 *		host:port, with or without http:// before it; no token is asked for and none is sent.
 *	CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB, …_STORAGE, …_BIGQUERY
 *		a URL in place of https://pubsub.googleapis.com; the token is sent there.
 *	GOOGLE_APPLICATION_CREDENTIALS, CLOUDSDK_CONFIG, GCE_METADATA_HOST, … (gcp/credential.h)
 *	GOOGLE_CLOUD_PROJECT, GCLOUD_PROJECT
 *	GOOGLE_CLOUD_QUOTA_PROJECT: whom requests are counted for (x-goog-user-project)
 *
 * A token goes over plain http to this machine's loopback only, and only to an address of the API it was meant for.  Redirects
 * are not followed.  No token, key or assertion is ever part of a message or a log line. */
#ifndef GCP_GCP_H
#define GCP_GCP_H

#include "base/clock.h"
#include "base/rand.h"
#include "io/http.h"

enum gcp_api { GCP_PUBSUB, GCP_STORAGE, GCP_BIGQUERY, GCP_API_COUNT };
const char *gcp_api_name(enum gcp_api api); /* "Pub/Sub", "Cloud Storage", "BigQuery" */

struct gcp_options {
	struct clock *clock;
	struct rand_gen rand; /* of the jitter */
	const atomic_bool *stop; /* when it becomes true calls end soon (RC_RETRY); may be NULL */
	int64_t budget_ms;    /* no further try of a call begins later than this after its first; 0: GCP_BUDGET_MS */
};
#define GCP_BUDGET_MS 600000
#define GCP_TIMEOUT_MS 60000 /* of one try */
#define GCP_TRIES_MAX 16
#define GCP_CONNECTIONS_MAX 32 /* at once; further calls wait for one */
#define GCP_ANSWER_BYTES_MAX ((size_t) 256 << 20)
#define GCP_ARENA_BYTES_MIN ((size_t) 256 << 10) /* of a call's arena, free */

struct gcp;
/* Reads the environment and the file of the credentials; nothing is sent.  RC_FATAL names the variable or the file.  That there are no
 * credentials is no failure yet: an emulator wants none, and the metadata server is asked when a token is needed. */
MUST_USE enum rc gcp_open(const struct gcp_options *o, struct gcp **out, struct err *err);
void gcp_close(struct gcp *g); /* no call may be under way */
static inline void gcp_closep(struct gcp **g)
{
	gcp_close(*g);
	*g = NULL;
}

/* "https://pubsub.googleapis.com", or what stands in its place; no slash at the end. */
const char *gcp_url(const struct gcp *g, enum gcp_api api);
bool gcp_is_emulator(const struct gcp *g, enum gcp_api api);
/* Of the environment, the credentials, the metadata server (asked once), in this order. */
MUST_USE enum rc gcp_project(struct gcp *g, struct arena *arena, struct slice *out, struct err *err);
/* Who we are, for messages and `doctor`: "service account a@b (file)", "the metadata server at …". */
const char *gcp_identity(const struct gcp *g);

struct gcp_request {
	enum gcp_api api;
	const char *method;
	/* "/v1/projects/p/topics/t:publish", "/storage/v1/…", "/upload/storage/v1/…", "/bigquery/v2/…": escaped, with its query.  Or a
	 * whole URL of this API, as an answer named it (a resumable session). */
	struct slice path;
	const char *content_type;         /* NULL: application/json, with POST, PUT and PATCH (Pub/Sub's emulator takes nothing else) */
	const struct http_header *header; /* more of them */
	size_t header_count;
	struct slice body;
	/* May be done twice: then it is sent again when its fate is unknown (connection lost, no answer in time, 408, 499, 5xx).  Else only when it
	 * surely was not done: no connection, 401, 429, a rate limit. */
	bool idempotent;
	int64_t timeout_ms; /* of each try; 0: GCP_TIMEOUT_MS */
	/* Statuses besides 2xx that are RC_OK and the caller's to judge (308, 404, 409, 412, 416). */
	const int *expect;
	size_t expect_count;
};
/* Filled as far as it is known also when the call fails.  Owned by the arena. */
struct gcp_reply {
	int status; /* 0: no answer */
	struct slice body;
	struct http_header *header;
	size_t header_count;
	bool was_lost;       /* an earlier try may have been done: a 409 or 412 may be its effect.  Of a failed call: it may be done */
	int64_t tries;
	struct slice reason; /* of an error, Google's word: "quotaExceeded", "jobInternalError", "NOT_FOUND"; SLICE_NULL when there is none */
	const char *said;    /* "503 The service is unavailable (backendError)" */
};
/* RC_OK: a 2xx or what was expected, whole.  Else the class is decided here, once:
 *
 *	RC_NOT_FOUND  404, 410
 *	RC_REJECT     400, 409, 412, 413, 416, 501 and the like; an answer over the limit; `path` leads elsewhere
 *	RC_RETRY      408, 429, 499, 5xx, no answer, rate limits whatever their status (rateLimitExceeded, backendError, ABORTED …): after
 *	              GCP_TRIES_MAX tries or the budget, or at once when it may not be sent again; quotaExceeded: at once
 *	RC_FATAL      401 with two tokens, 403, 3xx, no usable credentials, a bad certificate
 *
 * Between tries: truncated exponential backoff with full jitter, at least Retry-After; a Retry-After beyond the budget ends
 * the call and is handed on in err->retry_after_ms.  The arena must have room for twice the answer, and for
 * GCP_ARENA_BYTES_MIN. */
MUST_USE enum rc gcp_call(struct gcp *g, const struct gcp_request *rq, struct arena *arena, struct gcp_reply *out, struct err *err);
/* Names are compared without case; SLICE_NULL when absent. */
struct slice gcp_reply_header(const struct gcp_reply *reply, const char *name);

#endif
