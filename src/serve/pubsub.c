/* Which method of the Pub/Sub API a request means, and how its answer or its error is written. */
#include "serve/pubsub_private.h"

#include "base/mem.h"
#include "serve/reply.h"

#define PREFIX "/v1/projects/"

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
	bool changes_subscriptions;
};
static const struct route routes[] = {
	{ "PUT", "topics", true, "", pubsub_topic_create, false },
	{ "GET", "topics", true, "", pubsub_topic_get, false },
	{ "DELETE", "topics", true, "", pubsub_topic_delete, false },
	{ "PATCH", "topics", true, "", pubsub_topic_patch, false },
	{ "GET", "topics", false, "", pubsub_topic_list, false },
	{ "POST", "topics", true, ":publish", pubsub_topic_publish, false },
	{ "GET", "topics", true, "/subscriptions", pubsub_topic_subscriptions, false },
	{ "GET", "topics", true, "/snapshots", pubsub_topic_snapshots, false },
	{ "PUT", "subscriptions", true, "", pubsub_subscription_create, true },
	{ "GET", "subscriptions", true, "", pubsub_subscription_get, false },
	{ "DELETE", "subscriptions", true, "", pubsub_subscription_delete, true },
	{ "PATCH", "subscriptions", true, "", pubsub_subscription_patch, true },
	{ "GET", "subscriptions", false, "", pubsub_subscription_list, false },
	{ "POST", "subscriptions", true, ":pull", pubsub_pull, false },
	{ "POST", "subscriptions", true, ":acknowledge", pubsub_acknowledge, false },
	{ "POST", "subscriptions", true, ":modifyAckDeadline", pubsub_modify_deadline, false },
	{ "POST", "subscriptions", true, ":modifyPushConfig", pubsub_modify_push_config, true },
	{ "POST", "subscriptions", true, ":detach", pubsub_subscription_detach, true },
	{ "POST", "subscriptions", true, ":seek", pubsub_seek, false },
	{ "PUT", "snapshots", true, "", pubsub_snapshot_create, false },
	{ "GET", "snapshots", true, "", pubsub_snapshot_get, false },
	{ "DELETE", "snapshots", true, "", pubsub_snapshot_delete, false },
	{ "PATCH", "snapshots", true, "", pubsub_snapshot_patch, false },
	{ "GET", "snapshots", false, "", pubsub_snapshot_list, false },
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

/* What the API has and this service has not: schemas, and who may what (serve/gate.h decides that). */
static bool is_of_api(struct slice collection, struct slice verb)
{
	return slice_is(collection, "schemas") || slice_is(verb, ":getIamPolicy") || slice_is(verb, ":setIamPolicy") ||
	       slice_is(verb, ":testIamPermissions");
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
	if (is_of_api(collection, rest))
		c->status = PUBSUB_UNIMPLEMENTED;
	return NULL;
}

/* --- the call ------------------------------------------------------------------------------------------------ */

static enum rc call(struct pubsub_call *c, struct json **out, struct err *err)
{
	CLEANUP(json_freep) struct json *body = NULL;
	struct slice project;
	const struct route *route = find_route(c, &project);
	if (!route)
		return err_set(err, c->status ? RC_REJECT : RC_NOT_FOUND, "%s %.300s: this service has no such method", c->rq->method, c->rq->path);
	if (!slice_is(project, c->p->project))
		return err_set(err, RC_NOT_FOUND, "Requested project not found: '%.*s' (this service holds '%s')", SLICE_FMT(project),
		               c->p->project);
	TRY(reply_read_body(c->rq, false, &body, err));
	c->body = body;
	TRY(route->method(c, out, err));
	if (route->changes_subscriptions && c->p->o.on_change)
		c->p->o.on_change(c->p->o.ctx);
	return RC_OK;
}

/* --- how it is answered ------------------------------------------------------------------------------------- */

/* A status that was set goes with RC_REJECT only: a disk that fails meanwhile says so itself. */
static struct reply_status status_of(enum pubsub_status status, enum rc rc)
{
	switch (status) {
	case PUBSUB_ALREADY_EXISTS:
		return reply_already_exists;
	case PUBSUB_FAILED_PRECONDITION:
		return (struct reply_status){ 400, "FAILED_PRECONDITION" };
	case PUBSUB_UNIMPLEMENTED:
		return reply_unimplemented;
	default:
		return reply_status_of(rc);
	}
}

bool pubsub_handle(struct pubsub *p, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(json_freep) struct json *root = NULL;
	struct pubsub_call c = { .p = p, .rq = rq, .reply = reply, .arena = rq->arena };
	struct err err = { 0 };
	if (strncmp(rq->path, PREFIX, strlen(PREFIX)) != 0)
		return false;
	enum rc rc = call(&c, &root, &err);
	if (reply->park_ms)
		return true;
	if (rc == RC_OK)
		reply_json(rq, reply, root);
	else
		reply_error(rq, reply, status_of(rc == RC_REJECT ? c.status : PUBSUB_BY_CLASS, rc), err.msg);
	return true;
}
