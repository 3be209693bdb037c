#include "gcp/gcp.h"

#include "base/log.h"
#include "base/mem.h"
#include "gcp/answer.h"
#include "gcp/bearer.h"
#include "gcp/endpoint.h"

#define PROJECT_BYTES_MAX 256
#define QUOTA_WAIT_MS ((int64_t) 3600 * 1000) /* when a spent quota does not say how long */

struct gcp {
	struct gcp_options o;
	struct transport transport;
	struct endpoint endpoint[GCP_API_COUNT];
	struct credential *credential; /* NULL: `credential_err` says why */
	struct err credential_err;
	struct bearers *bearers;
	char *project;       /* of the environment or the credentials; NULL: to be asked for, under `lock` */
	char *quota_project; /* NULL: none */
	pthread_mutex_t lock;
};

const char *gcp_api_name(enum gcp_api api)
{
	static const char *const name[] = { [GCP_PUBSUB] = "Pub/Sub", [GCP_STORAGE] = "Cloud Storage", [GCP_BIGQUERY] = "BigQuery" };
	assert((unsigned) api < COUNT_OF(name));
	return name[api];
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static const char *first_of(const char *a, const char *b, const char *c)
{
	return a && *a ? a : b && *b ? b : c && *c ? c : NULL;
}

static char *copy(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

/* Stands in addresses and in headers. */
static enum rc check_project(const char *what, const char *project, struct err *err)
{
	size_t len = project ? strlen(project) : 1;
	for (size_t i = 0; project && i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:_", project[i]))
			len = 0;
	return len > 0 && len <= PROJECT_BYTES_MAX ? RC_OK :
	       err_set(err, RC_FATAL, "%s: is no project id: `gcloud projects list` names them", what);
}

static enum rc find_projects(struct gcp *g, struct err *err)
{
	const struct credential *c = g->credential;
	g->project = copy(first_of(getenv("GOOGLE_CLOUD_PROJECT"), getenv("GCLOUD_PROJECT"), c ? c->project : NULL));
	g->quota_project = copy(first_of(getenv("GOOGLE_CLOUD_QUOTA_PROJECT"), c ? c->quota_project : NULL, NULL));
	TRY(check_project("the project (GOOGLE_CLOUD_PROJECT, GCLOUD_PROJECT or project_id of the credentials)", g->project, err));
	return check_project("the quota project (GOOGLE_CLOUD_QUOTA_PROJECT or quota_project_id of the credentials)", g->quota_project, err);
}

static enum rc open_all(struct gcp *g, struct err *err)
{
	bool emulators = false;
	for (enum gcp_api api = 0; api < GCP_API_COUNT; api++) {
		TRY(endpoint_open(api, &g->endpoint[api], err));
		emulators = emulators || g->endpoint[api].is_emulator;
	}
	enum rc rc = credential_open(&g->credential, &g->credential_err);
	if (rc != RC_OK && !emulators) /* who works with an emulator may not need any */
		return err_set(err, rc, "%s", g->credential_err.msg);
	if (g->credential)
		g->bearers = bearers_open(&g->transport, g->credential);
	return find_projects(g, err);
}

enum rc gcp_open(const struct gcp_options *o, struct gcp **out, struct err *err)
{
	*out = NULL;
	CLEANUP(gcp_closep) struct gcp *g = mem_alloc(sizeof *g);
	*g = (struct gcp){ .o = *o, .lock = PTHREAD_MUTEX_INITIALIZER };
	transport_init(&g->transport, o->clock, o->rand, o->stop, GCP_CONNECTIONS_MAX);
	if (g->o.budget_ms <= 0)
		g->o.budget_ms = GCP_BUDGET_MS;
	TRY(open_all(g, err));
	*out = TAKE(g);
	return RC_OK;
}

void gcp_close(struct gcp *g)
{
	if (!g)
		return;
	bearers_close(g->bearers);
	credential_close(g->credential);
	transport_done(&g->transport);
	for (enum gcp_api api = 0; api < GCP_API_COUNT; api++)
		endpoint_done(&g->endpoint[api]);
	(void) pthread_mutex_destroy(&g->lock);
	mem_free(g->project);
	mem_free(g->quota_project);
	mem_free(g);
}

const char *gcp_url(const struct gcp *g, enum gcp_api api)
{
	assert((unsigned) api < GCP_API_COUNT);
	return g->endpoint[api].url;
}

bool gcp_is_emulator(const struct gcp *g, enum gcp_api api)
{
	assert((unsigned) api < GCP_API_COUNT);
	return g->endpoint[api].is_emulator;
}

const char *gcp_identity(const struct gcp *g)
{
	return g->credential ? g->credential->identity : "no credentials";
}

static enum rc ask_project(struct gcp *g, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice project;
	if (g->project)
		return RC_OK;
	enum rc rc = !g->credential ? RC_FATAL : credential_ask_project(g->credential, &g->transport, &arena, &project, err);
	if (rc == RC_RETRY)
		return rc;
	if (rc != RC_OK)
		return err_set(err, RC_FATAL, "no Google Cloud project: set GOOGLE_CLOUD_PROJECT, or name it in the address (%s)", gcp_identity(g));
	TRY(check_project("the project that the metadata server names", project.ptr, err));
	g->project = mem_strdup(project.ptr);
	return RC_OK;
}

enum rc gcp_project(struct gcp *g, struct arena *arena, struct slice *out, struct err *err)
{
	pthread_mutex_lock(&g->lock);
	enum rc rc = ask_project(g, err);
	if (rc == RC_OK)
		*out = arena_copy(arena, slice_of(g->project));
	pthread_mutex_unlock(&g->lock);
	return rc;
}

/* --- one call ------------------------------------------------------------------------------------------------ */

struct call {
	struct gcp *g;
	const struct gcp_request *rq;
	struct arena *arena;
	struct gcp_reply *out;
	const char *url;
	struct patience patience;
	struct bearer *bearer;
	int64_t refusals; /* 401 */
};

static void call_done(struct call *c)
{
	bearer_put(c->bearer);
}

#define HEADERS_OF_OURS 4
static size_t make_headers(const struct call *c, struct http_header *out)
{
	const struct gcp_request *rq = c->rq;
	bool has_body = strcmp(rq->method, "POST") == 0 || strcmp(rq->method, "PUT") == 0 || strcmp(rq->method, "PATCH") == 0;
	size_t count = 0;
	if (c->bearer)
		out[count++] = (struct http_header){ SLICE("Authorization"), bearer_header(c->bearer) };
	if (c->bearer && c->g->quota_project)
		out[count++] = (struct http_header){ SLICE("x-goog-user-project"), slice_of(c->g->quota_project) };
	if (has_body || rq->content_type)
		out[count++] = (struct http_header){ SLICE("Content-Type"), slice_of(rq->content_type ? rq->content_type : "application/json") };
	if (has_body)
		out[count++] = (struct http_header){ SLICE("Expect"), SLICE("") }; /* no round trip before the body */
	for (size_t i = 0; i < rq->header_count; i++)
		out[count++] = rq->header[i];
	return count;
}

static enum rc get_bearer(struct call *c, struct err *err)
{
	struct gcp *g = c->g;
	bearer_putp(&c->bearer);
	if (g->endpoint[c->rq->api].is_emulator)
		return RC_OK;
	if (!g->bearers)
		return err_set(err, RC_FATAL, "%s", g->credential_err.msg);
	enum rc rc = bearers_get(g->bearers, &c->bearer, err);
	return rc == RC_OK || rc == RC_RETRY ? rc : RC_FATAL; /* what is wrong with the credentials is no verdict on this request */
}

static enum rc send_once(struct call *c, struct http_response *out, struct err *err)
{
	CLEANUP(mem_freep) struct http_header *header = mem_alloc_array(c->rq->header_count + HEADERS_OF_OURS, sizeof *header);
	size_t count = make_headers(c, header);
	const struct http_request rq = { .method = c->rq->method, .url = c->url, .header = header, .header_count = count, .body = c->rq->body,
		                         .timeout_ms = c->rq->timeout_ms ? c->rq->timeout_ms : GCP_TIMEOUT_MS, .once = !c->rq->idempotent };
	c->out->tries++;
	return transport_send(&c->g->transport, &rq, c->arena, out, err);
}

static struct slice name_of(const struct call *c)
{
	struct slice path = c->rq->path;
	return slice_sub(path, 0, slice_find(path, '?', 0));
}

/* It failed in passing: wait for the next try, or say why there is none. */
static enum rc again(struct call *c, bool may_be_done, int64_t asked_ms, const char *why, struct err *err)
{
	int64_t wait_ms;
	const char *api = gcp_api_name(c->rq->api);
	struct slice name = name_of(c);
	c->out->was_lost = c->out->was_lost || may_be_done;
	if (transport_is_stopped(&c->g->transport))
		return err_set(err, RC_RETRY, "stopped: run the command again to go on");
	if (may_be_done && !c->rq->idempotent) {
		(void) err_set(err, RC_RETRY, "%s: %s %.*s: may or may not have been done: %s", api, c->rq->method, SLICE_FMT(name), why);
		if (err)
			err->retry_after_ms = asked_ms > 0 ? asked_ms : 0;
		return RC_RETRY;
	}
	enum patience_end end = patience_wait(&c->g->transport, &c->patience, asked_ms, &wait_ms);
	if (end == PATIENCE_AGAIN) {
		log_debug("gcp", "%s: %s %.*s: %s: again", api, c->rq->method, SLICE_FMT(name), why);
		return RC_OK;
	}
	if (end == PATIENCE_STOPPED)
		return err_set(err, RC_RETRY, "stopped: run the command again to go on");
	(void) err_set(err, RC_RETRY, "%s: %s %.*s: given up after %lld tries, the last: %s", api, c->rq->method, SLICE_FMT(name),
	               (long long) c->out->tries, why);
	if (err)
		err->retry_after_ms = wait_ms;
	return RC_RETRY;
}

static bool is_expected(const struct gcp_request *rq, int status)
{
	for (size_t i = 0; i < rq->expect_count; i++)
		if (rq->expect[i] == status)
			return true;
	return false;
}

static enum rc take_answer(struct call *c, const struct http_response *r, bool *out_again, struct err *err)
{
	const char *api = gcp_api_name(c->rq->api), *method = c->rq->method;
	struct slice name = name_of(c);
	struct google_answer a;
	google_answer(r, clock_now_ms(c->g->o.clock), c->arena, &a);
	c->out->status = r->status;
	c->out->body = r->body;
	c->out->header = r->header;
	c->out->header_count = r->header_count;
	c->out->reason = a.reason;
	c->out->said = a.said;
	bool passes = a.class == GOOGLE_BUSY || a.class == GOOGLE_PASSING;
	*out_again = false;
	if (a.class == GOOGLE_OK || (is_expected(c->rq, r->status) && !passes))
		return RC_OK;
	switch (a.class) {
	case GOOGLE_NOT_FOUND:
		return err_set(err, RC_NOT_FOUND, "%s: %s %.*s: %s", api, method, SLICE_FMT(name), a.said);
	case GOOGLE_UNAUTHORIZED:
		if (!c->bearer || ++c->refusals > 1)
			return err_set(err, RC_FATAL, "%s: %s %.*s: %s: two tokens of %s were refused: " CREDENTIAL_LOGIN ", or a key that is in force",
			               api, method, SLICE_FMT(name), a.said, gcp_identity(c->g));
		bearers_refused(c->g->bearers, c->bearer);
		*out_again = true;
		return RC_OK;
	case GOOGLE_FORBIDDEN:
		return err_set(err, RC_FATAL, "%s: %s %.*s: %s (%s): %s", api, method, SLICE_FMT(name), a.said, gcp_identity(c->g), a.advice);
	case GOOGLE_REDIRECT:
		return err_set(err, RC_FATAL, "%s: %s %.*s: %s: a redirect, which is not followed: is %s the API?", api, method, SLICE_FMT(name),
		               a.said, gcp_url(c->g, c->rq->api));
	case GOOGLE_QUOTA:
		(void) err_set(err, RC_RETRY, "%s: %s %.*s: %s: see the quotas at console.cloud.google.com/iam-admin/quotas", api, method,
		               SLICE_FMT(name), a.said);
		if (err)
			err->retry_after_ms = a.wait_ms > 0 ? a.wait_ms : QUOTA_WAIT_MS;
		return RC_RETRY;
	case GOOGLE_BUSY:
	case GOOGLE_PASSING:
		*out_again = true;
		return again(c, a.class == GOOGLE_PASSING, a.wait_ms, a.said, err);
	default:
		return err_set(err, RC_REJECT, "%s: %s %.*s: %s", api, method, SLICE_FMT(name), a.said);
	}
}

static enum rc try_once(struct call *c, bool *out_again, struct err *err)
{
	struct http_response r;
	struct err why = { 0 };
	*out_again = false;
	TRY(get_bearer(c, err));
	enum rc rc = send_once(c, &r, &why);
	if (rc == RC_OK) {
		c->out->was_lost = c->out->was_lost || r.sends > 1;
		return take_answer(c, &r, out_again, err);
	}
	*out_again = rc == RC_RETRY;
	if (rc == RC_RETRY)
		return again(c, r.sends > 0, -1, why.msg, err);
	c->out->was_lost = c->out->was_lost || r.sends > 0;
	return err_set(err, rc, "%s: %s", gcp_api_name(c->rq->api), why.msg);
}

enum rc gcp_call(struct gcp *g, const struct gcp_request *rq, struct arena *arena, struct gcp_reply *out, struct err *err)
{
	assert((unsigned) rq->api < GCP_API_COUNT && arena_fits(arena, GCP_ARENA_BYTES_MIN));
	const struct endpoint *at = &g->endpoint[rq->api];
	*out = (struct gcp_reply){ .said = "" };
	CLEANUP(call_done) struct call c = { .g = g, .rq = rq, .arena = arena, .out = out, .patience = at->patience };
	TRY(endpoint_resolve(at, rq->path, arena, &c.url, err));
	c.patience.tries_max = GCP_TRIES_MAX;
	c.patience.deadline_ns = clock_mono_ns(g->o.clock) + g->o.budget_ms * 1000000;
	struct arena_mark mark = arena_mark(arena);
	bool more = true;
	enum rc rc = RC_OK;
	while (more && rc == RC_OK) {
		arena_rewind(arena, mark);
		*out = (struct gcp_reply){ .said = "no answer", .was_lost = out->was_lost, .tries = out->tries };
		rc = try_once(&c, &more, err);
	}
	return rc;
}

struct slice gcp_reply_header(const struct gcp_reply *reply, const char *name)
{
	const struct http_response r = { .header = reply->header, .header_count = reply->header_count };
	return http_response_header(&r, name);
}
