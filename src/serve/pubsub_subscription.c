/* projects.subscriptions: their settings. */
#include "serve/pubsub_subscription.h"

static enum rc find(struct pubsub_call *c, const char *id, struct bus_subscription *out, struct err *err)
{
	return pubsub_found(bus_subscription(c->p->o.bus, id, c->arena, out, err), id, err);
}

static enum rc topic_must_be(struct pubsub_call *c, const char *topic, struct err *err)
{
	struct bus_topic ignored;
	return *topic ? pubsub_found(bus_topic(c->p->o.bus, topic, c->arena, &ignored, err), topic, err) : RC_OK;
}

/* With what only its topic knows. */
static enum rc tell(struct pubsub_call *c, const struct bus_subscription *s, struct json **out, struct err *err)
{
	struct bus_topic topic = { 0 };
	if (strcmp(s->topic, BUS_DELETED_TOPIC) != 0) {
		enum rc rc = bus_topic(c->p->o.bus, s->topic, c->arena, &topic, err);
		if (rc != RC_NOT_FOUND) /* deleted meanwhile */
			TRY(rc);
	}
	*out = pubsub_subscription_json(c, s, topic.retention_ms);
	return RC_OK;
}

/* --- made, read, gone --------------------------------------------------------------------------------------- */

static enum rc create(struct pubsub_call *c, const struct bus_subscription *s, struct err *err)
{
	struct bus_subscription there;
	TRY(topic_must_be(c, s->topic, err));
	TRY(topic_must_be(c, s->dead_letter_topic, err));
	TRY(pubsub_must_be_new(c, bus_subscription(c->p->o.bus, s->name, c->arena, &there, err), s->name, err));
	return bus_create_subscription(c->p->o.bus, s, err);
}

enum rc pubsub_subscription_create(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_subscription s = { .name = c->id };
	TRY(bus_check_name(c->id, err));
	TRY(pubsub_subscription_read(c, c->body, &s, err));
	PUBSUB_BUS_ALONE(c, create(c, &s, err));
	return tell(c, &s, out, err);
}

static enum rc describe(struct pubsub_call *c, const char *id, struct json **out, struct err *err)
{
	struct bus_subscription s;
	TRY(find(c, id, &s, err));
	return tell(c, &s, out, err);
}

enum rc pubsub_subscription_get(struct pubsub_call *c, struct json **out, struct err *err)
{
	return describe(c, c->id, out, err);
}

enum rc pubsub_subscription_list(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	TRY(bus_subscriptions(c->p->o.bus, NULL, c->arena, &names, err));
	return pubsub_list(c, &names, "subscriptions", describe, out, err);
}

enum rc pubsub_subscription_delete(struct pubsub_call *c, struct json **out, struct err *err)
{
	TRY(pubsub_found(bus_delete_subscription(c->p->o.bus, c->id, err), c->id, err));
	*out = json_new_object();
	return RC_OK;
}

enum rc pubsub_subscription_detach(struct pubsub_call *c, struct json **out, struct err *err)
{
	TRY(pubsub_only_fields(c->body, "detachSubscriptionRequest", "", err));
	TRY(pubsub_found(bus_detach(c->p->o.bus, c->id, err), c->id, err));
	*out = json_new_object();
	return RC_OK;
}

/* --- changed ------------------------------------------------------------------------------------------------ */

/* The bus changes a subscription by its topic's name, which a deleted topic has no more; of another deleted one it would make a new one. */
static enum rc write_back(struct pubsub_call *c, const struct bus_subscription *s, struct err *err)
{
	if (strcmp(s->topic, BUS_DELETED_TOPIC) == 0)
		return pubsub_precondition(c, err, "The topic of subscription '%s' has been deleted: it can only be detached or deleted.", s->name);
	if (strcmp(s->dead_letter_topic, BUS_DELETED_TOPIC) == 0)
		return pubsub_precondition(c, err, "The dead letter topic of subscription '%s' has been deleted: update deadLetterPolicy, too.", s->name);
	TRY(topic_must_be(c, s->dead_letter_topic, err));
	return bus_create_subscription(c->p->o.bus, s, err);
}

static enum rc patch(struct pubsub_call *c, const struct json *from, struct bus_subscription *s, struct err *err)
{
	TRY(find(c, c->id, s, err));
	TRY(pubsub_each_path(c, "Subscription", from, pubsub_subscription_path, s, err));
	return write_back(c, s, err);
}

enum rc pubsub_subscription_patch(struct pubsub_call *c, struct json **out, struct err *err)
{
	const struct json *from;
	struct bus_subscription s;
	TRY(pubsub_only_fields(c->body, "updateSubscriptionRequest", "subscription updateMask", err));
	TRY(pubsub_object(c->body, "subscription", &from, err));
	TRY(pubsub_subscription_check(from, err));
	PUBSUB_BUS_ALONE(c, patch(c, from, &s, err));
	return tell(c, &s, out, err);
}

static enum rc modify_push(struct pubsub_call *c, struct err *err)
{
	struct bus_subscription s;
	TRY(find(c, c->id, &s, err));
	TRY(pubsub_subscription_read_push(c, c->body, &s, err));
	return write_back(c, &s, err);
}

enum rc pubsub_modify_push_config(struct pubsub_call *c, struct json **out, struct err *err)
{
	TRY(pubsub_only_fields(c->body, "modifyPushConfigRequest", "pushConfig", err));
	PUBSUB_BUS_ALONE(c, modify_push(c, err));
	*out = json_new_object();
	return RC_OK;
}
