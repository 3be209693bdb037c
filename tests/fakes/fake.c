#include "fakes/fake.h"

#include "base/mem.h"
#include "fakes/fake_private.h"

#include <fnmatch.h>
#include <stdio.h>

#define ROUTES_MAX 64
#define CONNECTIONS_MAX 128
#define BODY_BYTES_MAX ((size_t) 64 << 20)
#define HEAD_BYTES_MAX ((size_t) 128 << 10)
#define LOG_BYTES_MAX ((size_t) 64 << 20)
#define IDLE_S 60

struct fake {
	struct clock *clock;
	struct server *server;
	char *url;
	struct fake_route route[ROUTES_MAX];
	size_t route_count;
	struct plan *plan;
	struct tokens *tokens;
	pthread_mutex_t lock; /* of all below */
	struct rsa_secret *key;
	struct json *log; /* an array */
};

int fake_port(const struct fake *f)
{
	return server_port(f->server);
}

const char *fake_url(const struct fake *f)
{
	return f->url;
}

struct clock *fake_clock(struct fake *f)
{
	return f->clock;
}

struct tokens *fake_tokens(struct fake *f)
{
	return f->tokens;
}

void fake_set_key(struct fake *f, struct rsa_secret *key)
{
	pthread_mutex_lock(&f->lock);
	rsa_secret_free(f->key);
	f->key = key;
	pthread_mutex_unlock(&f->lock);
}

const struct rsa_secret *fake_key(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	if (!f->key)
		f->key = rsa_secret_new();
	const struct rsa_secret *key = f->key;
	pthread_mutex_unlock(&f->lock);
	return key;
}

void fake_route_add(struct fake *f, const struct fake_route *route)
{
	assert(f->route_count < ROUTES_MAX && !f->server);
	f->route[f->route_count++] = *route;
}

/* --- answers -------------------------------------------------------------------------------------------------- */

void fake_json(struct fake_call *call, int status, struct json *root)
{
	CLEANUP(json_freep) struct json *owned = root;
	CLEANUP(buf_done) struct buf text = buf_new(BODY_BYTES_MAX);
	json_write(owned, JSON_COMPACT, &text);
	assert(!text.over);
	call->reply->status = status;
	call->reply->body = arena_copy(call->rq->arena, buf_slice(&text));
	server_reply_header(call->reply, "Content-Type", "application/json; charset=UTF-8");
}

static const char *word_of(int status)
{
	static const struct {
		int status;
		const char *word;
	} known[] = { { 400, "INVALID_ARGUMENT" }, { 401, "UNAUTHENTICATED" }, { 403, "PERMISSION_DENIED" }, { 404, "NOT_FOUND" },
		      { 409, "ALREADY_EXISTS" }, { 412, "FAILED_PRECONDITION" }, { 429, "RESOURCE_EXHAUSTED" }, { 499, "CANCELLED" },
		      { 500, "INTERNAL" }, { 501, "UNIMPLEMENTED" }, { 503, "UNAVAILABLE" }, { 504, "DEADLINE_EXCEEDED" } };
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (known[i].status == status)
			return known[i].word;
	return "UNKNOWN";
}

void fake_error(struct fake_call *call, int status, const char *reason, const char *message)
{
	struct json *root = json_new_object(), *error = json_new_object();
	json_set(error, "code", json_new_integer(status));
	json_set(error, "message", json_new_string(slice_of(message)));
	if (reason) {
		struct json *list = json_new_array(), *one = json_new_object();
		json_set(one, "message", json_new_string(slice_of(message)));
		json_set(one, "domain", json_new_string(SLICE("global")));
		json_set(one, "reason", json_new_string(slice_of(reason)));
		json_append(list, one);
		json_set(error, "errors", list);
	}
	json_set(error, "status", json_new_string(slice_of(word_of(status))));
	json_set(root, "error", error);
	fake_json(call, status, root);
}

/* --- the log -------------------------------------------------------------------------------------------------- */

struct entry {
	bool authorized;
	const char *fault;
};

static void log_header(struct json *one, const struct server_request *rq, const char *header, const char *name)
{
	const char *value = server_header(rq, header);
	if (value && slice_is_utf8(slice_of(value), &(size_t){ 0 }))
		json_set(one, name, json_new_string(slice_of(value)));
}

static void log_request(struct fake *f, const struct fake_call *call, const struct entry *e)
{
	struct json *one = json_new_object();
	const struct server_request *rq = call->rq;
	json_set(one, "method", json_new_string(slice_of(rq->method)));
	json_set(one, "target", json_new_string(slice_of(rq->target)));
	json_set(one, "status", json_new_integer(call->reply->wrong.reset ? 0 : call->reply->status));
	json_set(one, "authorized", json_new_bool(e->authorized));
	json_set(one, "email", json_new_string(slice_of(call->email)));
	json_set(one, "fault", *e->fault ? json_new_string(slice_of(e->fault)) : json_new_null());
	json_set(one, "has_authorization", json_new_bool(server_header(rq, "Authorization") != NULL));
	log_header(one, rq, "Content-Type", "content_type");
	log_header(one, rq, "User-Agent", "user_agent");
	log_header(one, rq, "x-goog-user-project", "user_project");
	if (call->note)
		json_set(one, "note", call->note);
	pthread_mutex_lock(&f->lock);
	json_append(f->log, one);
	pthread_mutex_unlock(&f->lock);
}

struct slice fake_log(struct fake *f, struct arena *arena)
{
	CLEANUP(buf_done) struct buf text = buf_new(LOG_BYTES_MAX);
	buf_adds(&text, "{\"requests\":");
	pthread_mutex_lock(&f->lock);
	json_write(f->log, JSON_COMPACT, &text);
	pthread_mutex_unlock(&f->lock);
	buf_addc(&text, '}');
	return arena_copy(arena, buf_slice(&text));
}

size_t fake_count(struct fake *f, const char *glob)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LOG_BYTES_MAX);
	size_t count = 0;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < json_size(f->log); i++) {
		struct slice method = json_get_string(json_at(f->log, i), "method"), target = json_get_string(json_at(f->log, i), "target");
		count += fnmatch(glob, arena_printf(&arena, "%.*s %.*s", SLICE_FMT(method), SLICE_FMT(target)).ptr, 0) == 0;
	}
	pthread_mutex_unlock(&f->lock);
	return count;
}

/* --- the control endpoint ------------------------------------------------------------------------------------- */

void fake_forget(struct fake *f)
{
	plan_forget(f->plan);
	tokens_reset(f->tokens);
	pthread_mutex_lock(&f->lock);
	json_free(f->log);
	f->log = json_new_array();
	pthread_mutex_unlock(&f->lock);
}

enum rc fake_control(struct fake *f, const char *text, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	TRY(json_parse(slice_of(text), &root, err));
	const struct json *settings = json_get(root, "set");
	if (!settings)
		return plan_add(f->plan, f, root, err);
	tokens_set(f->tokens, settings);
	return RC_OK;
}

static void post_control(struct fake_call *call)
{
	struct err err = { 0 };
	const char *text = arena_strdup(call->rq->arena, call->rq->body);
	if (fake_control(call->fake, text, &err) != RC_OK)
		fake_error(call, 400, NULL, err.msg);
	else
		fake_json(call, 200, json_new_object());
}

static void control(struct fake_call *call)
{
	const struct server_request *rq = call->rq;
	const char *type = server_query(rq, "type");
	if (strcmp(rq->path, "/control") == 0 && strcmp(rq->method, "POST") == 0) {
		post_control(call);
	} else if (strcmp(rq->path, "/control") == 0 && strcmp(rq->method, "DELETE") == 0) {
		fake_forget(call->fake);
		fake_json(call, 200, json_new_object());
	} else if (strcmp(rq->path, "/control/log") == 0) {
		call->reply->body = fake_log(call->fake, rq->arena);
	} else if (strcmp(rq->path, "/control/credentials") == 0) {
		call->reply->body = fake_credentials(call->fake, type ? type : "service_account", rq->arena);
		if (!call->reply->body.ptr)
			fake_error(call, 404, NULL, "no such type of credentials");
	} else {
		fake_error(call, 404, NULL, "POST or DELETE /control, GET /control/log, GET /control/credentials?type=T");
	}
}

/* --- one request ---------------------------------------------------------------------------------------------- */

static bool fits(const struct fake_route *r, const char *path)
{
	if (r->prefix[0] == '=')
		return strcmp(path, r->prefix + 1) == 0;
	return strncmp(path, r->prefix, strlen(r->prefix)) == 0;
}

static const struct fake_route *route_of(const struct fake *f, const char *path)
{
	const struct fake_route *best = NULL;
	for (size_t i = 0; i < f->route_count; i++)
		if (fits(&f->route[i], path) && (!best || strlen(f->route[i].prefix) > strlen(best->prefix)))
			best = &f->route[i];
	return best;
}

static void answer_status(struct fake_call *call, const struct fault *fault)
{
	void *iter = NULL;
	struct slice name, value;
	const struct json *v;
	if (fault->body_json) {
		fake_json(call, fault->status, json_clone(fault->body_json));
	} else if (fault->body) {
		call->reply->status = fault->status;
		call->reply->body = arena_copy(call->rq->arena, slice_of(fault->body));
	} else {
		fake_error(call, fault->status, fault->reason, fault->message ? fault->message : "a fault of the plan");
	}
	if (fault->retry_after)
		server_reply_header(call->reply, "Retry-After", arena_strdup(call->rq->arena, slice_of(fault->retry_after)));
	while (json_next(fault->headers, &iter, &name, &v))
		if (json_string(v, &value))
			server_reply_header(call->reply, arena_strdup(call->rq->arena, name), arena_strdup(call->rq->arena, value));
}

/* true: no handler is asked. */
static bool before(struct fake_call *call, const struct fault *fault)
{
	bool status = strcmp(fault->kind, "status") == 0, closes = strcmp(fault->kind, "close") == 0;
	if (status)
		answer_status(call, fault);
	call->reply->wrong.reset = closes;
	if (strcmp(fault->kind, "expire-tokens") == 0 || strcmp(fault->kind, "revoke") == 0 || strcmp(fault->kind, "restore") == 0)
		plan_do_at_once(call->fake, fault->kind);
	if (strcmp(fault->kind, "wrong-checksum") == 0 || strcmp(fault->kind, "short-range") == 0)
		call->fault = fault->kind;
	call->bytes = fault->bytes;
	return status || closes;
}

static void after(struct fake_call *call, const struct fault *fault)
{
	size_t bytes = fault->bytes > 0 ? (size_t) fault->bytes : 0;
	if (strcmp(fault->kind, "lose-reply") == 0)
		call->reply->wrong.reset = true;
	if (strcmp(fault->kind, "slow") == 0)
		call->reply->wrong.delay_ms = fault->ms;
	if (strcmp(fault->kind, "truncate") == 0 && bytes < call->reply->body.len) {
		call->reply->wrong.truncate = true;
		call->reply->wrong.send_bytes = bytes;
	}
}

static void dispatch(struct fake_call *call, const struct fake_route *route, bool *out_authorized)
{
	*out_authorized = route && (route->open || tokens_check(call->fake->tokens, server_header(call->rq, "Authorization"), call->rq->arena, &call->email));
	if (!route)
		fake_error(call, 404, "notFound", "no service has this path");
	else if (!*out_authorized)
		fake_error(call, 401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token");
	else
		route->handle(call);
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fake *f = ctx;
	pthread_mutex_lock(&f->lock); /* fake_open() ends first */
	pthread_mutex_unlock(&f->lock);
	struct fake_call call = { .fake = f, .rq = rq, .reply = reply, .email = "", .fault = "" };
	const struct fake_route *route = route_of(f, rq->path);
	if (strcmp(rq->path, "/control") == 0 || strncmp(rq->path, "/control/", 9) == 0) {
		control(&call);
		return;
	}
	CLEANUP(fault_done) struct fault fault;
	struct entry entry = { .fault = fault.kind };
	plan_decide(f->plan, arena_printf(rq->arena, "%s %s", rq->method, rq->target).ptr, &fault);
	call.ctx = route ? route->ctx : NULL;
	if (!before(&call, &fault)) {
		dispatch(&call, route, &entry.authorized);
		after(&call, &fault);
	}
	log_request(f, &call, &entry);
}

/* --- opening -------------------------------------------------------------------------------------------------- */

enum rc fake_open(const struct fake_options *o, struct fake **out, struct err *err)
{
	CLEANUP(fake_closep) struct fake *f = mem_alloc(sizeof *f);
	*f = (struct fake){ .clock = o->clock, .lock = PTHREAD_MUTEX_INITIALIZER, .plan = plan_new(), .tokens = tokens_new(o->clock),
		            .log = json_new_array() };
	tokens_add_routes(f);
	if (o->add)
		o->add(f, o->ctx);
	const struct server_options so = { .what = "fake-google", .port = o->port, .connections_max = CONNECTIONS_MAX,
		                           .body_limit_bytes = BODY_BYTES_MAX, .head_limit_bytes = HEAD_BYTES_MAX, .idle_timeout_s = IDLE_S,
		                           .handle = handle, .ctx = f };
	CLEANUP(buf_done) struct buf url = buf_new(64);
	pthread_mutex_lock(&f->lock);
	enum rc rc = server_open(&so, &f->server, err);
	if (rc == RC_OK) {
		buf_addf(&url, "http://127.0.0.1:%d", server_port(f->server));
		f->url = mem_strdup(buf_str(&url));
	}
	pthread_mutex_unlock(&f->lock);
	TRY(rc);
	*out = TAKE(f);
	return RC_OK;
}

void fake_close(struct fake *f)
{
	if (!f)
		return;
	server_close(f->server);
	for (size_t i = 0; i < f->route_count; i++)
		if (f->route[i].close)
			f->route[i].close(f->route[i].ctx);
	plan_free(f->plan);
	tokens_free(f->tokens);
	rsa_secret_free(f->key);
	json_free(f->log);
	(void) pthread_mutex_destroy(&f->lock);
	mem_free(f->url);
	mem_free(f);
}
