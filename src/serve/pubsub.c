/* Which method of the Pub/Sub API a request means, and how its answer or its error is written. */
#include "serve/pubsub_private.h"

#include "base/mem.h"

#define PREFIX "/v1/projects/"
#define REPLY_BYTES_MAX ((size_t) 64 << 20)

struct pubsub *pubsub_open(const struct pubsub_options *options)
{
	struct pubsub *p = mem_alloc(sizeof *p);
	*p = (struct pubsub){ .o = *options, .project = mem_strdup(options->project) };
	int rc = pthread_mutex_init(&p->lock, NULL);
	rc = rc ? rc : pthread_mutex_init(&p->empty_lock, NULL);
	assert(rc == 0);
	return p;
}

void pubsub_close(struct pubsub *p)
{
	if (!p)
		return;
	(void) pthread_mutex_destroy(&p->lock);
	(void) pthread_mutex_destroy(&p->empty_lock);
	mem_free(p->project);
	mem_free(p);
}

void pubsub_lock(struct pubsub *p)
{
	(void) pthread_mutex_lock(&p->lock);
}

void pubsub_unlock(struct pubsub *p)
{
	(void) pthread_mutex_unlock(&p->lock);
}

/* --- which method ------------------------------------------------------------------------------------------- */

struct route {
	const char *http, *collection;
	bool has_id;
	const char *rest; /* behind the id: "", ":verb" or "/collection" */
	pubsub_method *method;
};
static const struct route routes[] = {
	{ "PUT", "topics", true, "", pubsub_topic_create },
	{ "GET", "topics", true, "", pubsub_topic_get },
	{ "DELETE", "topics", true, "", pubsub_topic_delete },
	{ "GET", "topics", false, "", pubsub_topic_list },
	{ "POST", "topics", true, ":publish", pubsub_topic_publish },
	{ "GET", "topics", true, "/subscriptions", pubsub_topic_subscriptions },
	{ "PUT", "subscriptions", true, "", pubsub_subscription_create },
	{ "GET", "subscriptions", true, "", pubsub_subscription_get },
	{ "DELETE", "subscriptions", true, "", pubsub_subscription_delete },
	{ "PATCH", "subscriptions", true, "", pubsub_subscription_patch },
	{ "GET", "subscriptions", false, "", pubsub_subscription_list },
	{ "POST", "subscriptions", true, ":pull", pubsub_pull },
	{ "POST", "subscriptions", true, ":acknowledge", pubsub_acknowledge },
	{ "POST", "subscriptions", true, ":modifyAckDeadline", pubsub_modify_deadline },
};

static struct slice cut(struct slice *rest, const char *ends)
{
	size_t len = 0;
	while (len < rest->len && !strchr(ends, rest->ptr[len]))
		len++;
	struct slice head = slice_sub(*rest, 0, len);
	*rest = slice_sub(*rest, len, rest->len - len);
	return head;
}

static bool skip_slash(struct slice *rest)
{
	if (!rest->len || rest->ptr[0] != '/')
		return false;
	*rest = slice_sub(*rest, 1, rest->len - 1);
	return true;
}

/* NULL when there is no such method. */
static const struct route *find_route(struct pubsub_call *c, struct slice *out_project)
{
	struct slice rest = slice_of(c->rq->path + strlen(PREFIX)), id = SLICE("");
	*out_project = cut(&rest, "/:");
	if (!skip_slash(&rest))
		return NULL;
	struct slice collection = cut(&rest, "/:");
	if (skip_slash(&rest))
		id = cut(&rest, "/:");
	c->id = arena_strdup(c->arena, id);
	for (size_t i = 0; i < COUNT_OF(routes); i++)
		if (strcmp(routes[i].http, c->rq->method) == 0 && slice_is(collection, routes[i].collection) &&
		    routes[i].has_id == (id.len > 0) && slice_is(rest, routes[i].rest))
			return &routes[i];
	return NULL;
}

/* --- what it is given --------------------------------------------------------------------------------------- */

static bool is_json_type(const char *type)
{
	static const char want[] = "application/json";
	size_t len = strlen(want);
	return type && strncasecmp(type, want, len) == 0 && (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

static enum rc read_body(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct slice text = c->rq->body;
	if (!text.len) {
		*out = json_new_object();
		return RC_OK;
	}
	const char *type = server_header(c->rq, "Content-Type");
	if (!is_json_type(type))
		return err_set(err, RC_REJECT, "Content-Type '%.80s': want application/json", type ? type : "");
	TRY(json_parse(text, out, err));
	if (json_type(*out) == JSON_OBJECT)
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid JSON payload received: want an object");
}

static enum rc call(struct pubsub_call *c, struct json **out, struct err *err)
{
	CLEANUP(json_freep) struct json *body = NULL;
	struct slice project;
	const struct route *route = find_route(c, &project);
	if (!route)
		return err_set(err, RC_NOT_FOUND, "%s %.300s: this service has no such method", c->rq->method, c->rq->path);
	if (!slice_is(project, c->p->project))
		return err_set(err, RC_NOT_FOUND, "Requested project not found: '%.*s' (this service holds '%s')", SLICE_FMT(project),
		               c->p->project);
	TRY(read_body(c, &body, err));
	c->body = body;
	return route->method(c, out, err);
}

/* --- how it is answered ------------------------------------------------------------------------------------- */

struct status {
	int http;
	const char *name;
};

/* cloud.google.com/apis/design/errors */
static struct status status_of(enum pubsub_status status, enum rc rc)
{
	if (status == PUBSUB_ALREADY_EXISTS)
		return (struct status){ 409, "ALREADY_EXISTS" };
	if (status == PUBSUB_UNIMPLEMENTED)
		return (struct status){ 501, "UNIMPLEMENTED" };
	switch (rc) {
	case RC_NOT_FOUND:
		return (struct status){ 404, "NOT_FOUND" };
	case RC_REJECT:
		return (struct status){ 400, "INVALID_ARGUMENT" };
	case RC_RETRY:
		return (struct status){ 503, "UNAVAILABLE" };
	default:
		return (struct status){ 500, "INTERNAL" };
	}
}

static struct json *error_json(struct status status, const char *message)
{
	struct json *root = json_new_object(), *error = json_new_object();
	struct slice text = slice_of(message);
	json_set(error, "code", json_new_integer(status.http));
	json_set(error, "message", json_new_string(slice_is_utf8(text, NULL) ? text : SLICE("the request holds bytes that are not UTF-8")));
	json_set(error, "status", json_new_string(slice_of(status.name)));
	json_set(root, "error", error);
	return root;
}

bool pubsub_handle(struct pubsub *p, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(json_freep) struct json *root = NULL;
	CLEANUP(buf_done) struct buf text = buf_new(REPLY_BYTES_MAX);
	struct pubsub_call c = { .p = p, .rq = rq, .reply = reply, .arena = rq->arena };
	struct err err = { 0 };
	if (strncmp(rq->path, PREFIX, strlen(PREFIX)) != 0)
		return false;
	enum rc rc = call(&c, &root, &err);
	if (reply->park_ms)
		return true;
	if (rc != RC_OK) {
		struct status status = status_of(c.status, rc);
		json_freep(&root);
		root = error_json(status, err.msg);
		reply->status = status.http;
	}
	json_write(root, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	server_reply_header(reply, "Content-Type", "application/json; charset=UTF-8");
	reply->body = arena_copy(rq->arena, buf_slice(&text));
	return true;
}
