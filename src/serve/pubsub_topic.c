/* projects.topics */
#include "serve/pubsub_private.h"

#include "serve/pubsub_message.h"

#define KIND "Topic"
#define STATES "STATE_UNSPECIFIED ACTIVE INGESTION_RESOURCE_ERROR"
#define FIELDS                                                                                                          \
	"name labels messageStoragePolicy kmsKeyName schemaSettings satisfiesPzs messageRetentionDuration state "         \
	"ingestionDataSourceSettings messageTransforms tags"
static const char *const not_here[] = {
	"messageStoragePolicy", "kmsKeyName", "schemaSettings", "ingestionDataSourceSettings", "messageTransforms", "tags", NULL,
};

static struct json *topic_json(const struct pubsub_call *c, const struct bus_topic *t)
{
	struct json *root = json_new_object();
	json_set(root, "name", pubsub_new_name(c, "topics", t->name));
	pubsub_set_stored(root, "labels", t->labels);
	if (t->retention_ms)
		json_set(root, "messageRetentionDuration", pubsub_new_duration(t->retention_ms, c->arena));
	return root;
}

static enum rc find(struct pubsub_call *c, const char *id, struct bus_topic *out, struct err *err)
{
	return pubsub_found(bus_topic(c->p->o.bus, id, c->arena, out, err), id, err);
}

/* --- from JSON ---------------------------------------------------------------------------------------------- */

/* What is told and not taken must be well-formed all the same. */
static enum rc check(const struct json *v, struct err *err)
{
	int64_t state;
	bool flag;
	TRY(pubsub_only_fields(v, "topic", FIELDS, err));
	TRY(pubsub_enum(v, "state", STATES, &state, err));
	return pubsub_bool(v, "satisfiesPzs", &flag, err);
}

static enum rc read_retention(const struct json *v, struct bus_topic *t, struct err *err)
{
	return pubsub_duration(v, "messageRetentionDuration", 0, &t->retention_ms, err);
}

/* --- methods ------------------------------------------------------------------------------------------------ */

static enum rc create(struct pubsub_call *c, const struct bus_topic *t, struct err *err)
{
	struct bus_topic there;
	TRY(pubsub_must_be_new(c, bus_topic(c->p->o.bus, t->name, c->arena, &there, err), t->name, err));
	return bus_make_topic(c->p->o.bus, t, err);
}

enum rc pubsub_topic_create(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_topic t = { .name = c->id };
	TRY(bus_check_name(c->id, err));
	TRY(check(c->body, err));
	TRY(pubsub_not_here(c, c->body, not_here, err));
	TRY(pubsub_labels(c->body, c->arena, &t.labels, err));
	TRY(read_retention(c->body, &t, err));
	PUBSUB_BUS_ALONE(c, create(c, &t, err));
	*out = topic_json(c, &t);
	return RC_OK;
}

static enum rc describe(struct pubsub_call *c, const char *id, struct json **out, struct err *err)
{
	struct bus_topic t;
	TRY(find(c, id, &t, err));
	*out = topic_json(c, &t);
	return RC_OK;
}

enum rc pubsub_topic_get(struct pubsub_call *c, struct json **out, struct err *err)
{
	return describe(c, c->id, out, err);
}

enum rc pubsub_topic_delete(struct pubsub_call *c, struct json **out, struct err *err)
{
	TRY(pubsub_found(bus_delete_topic(c->p->o.bus, c->id, err), c->id, err));
	*out = json_new_object();
	return RC_OK;
}

enum rc pubsub_topic_list(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	TRY(bus_topics(c->p->o.bus, c->arena, &names, err));
	return pubsub_list(c, &names, "topics", describe, out, err);
}

static enum rc subscription_name(struct pubsub_call *c, const char *id, struct json **out, struct err *err UNUSED)
{
	*out = pubsub_new_name(c, "subscriptions", id);
	return RC_OK;
}

enum rc pubsub_topic_subscriptions(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	TRY(pubsub_found(bus_subscriptions(c->p->o.bus, c->id, c->arena, &names, err), c->id, err));
	return pubsub_list(c, &names, "subscriptions", subscription_name, out, err);
}

static enum rc snapshot_name(struct pubsub_call *c, const char *id, struct json **out, struct err *err UNUSED)
{
	*out = pubsub_new_name(c, "snapshots", id);
	return RC_OK;
}

enum rc pubsub_topic_snapshots(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	TRY(pubsub_found(bus_snapshots(c->p->o.bus, c->id, c->arena, &names, err), c->id, err));
	return pubsub_list(c, &names, "snapshots", snapshot_name, out, err);
}

static enum rc patch_path(struct pubsub_call *c, struct slice path, const struct json *from, void *ctx, struct err *err)
{
	struct bus_topic *t = ctx;
	bool is_not_here;
	if (pubsub_is_name(path, "labels"))
		return pubsub_labels(from, c->arena, &t->labels, err);
	if (pubsub_is_name(path, "messageRetentionDuration"))
		return read_retention(from, t, err);
	TRY(pubsub_path_not_here(c, path, from, not_here, &is_not_here, err));
	return is_not_here ? RC_OK : pubsub_no_such_path(KIND, path, err);
}

static enum rc patch(struct pubsub_call *c, const struct json *from, struct bus_topic *t, struct err *err)
{
	TRY(find(c, c->id, t, err));
	TRY(pubsub_each_path(c, KIND, from, patch_path, t, err));
	return bus_update_topic(c->p->o.bus, t, err);
}

enum rc pubsub_topic_patch(struct pubsub_call *c, struct json **out, struct err *err)
{
	const struct json *from;
	struct bus_topic t;
	TRY(pubsub_only_fields(c->body, "updateTopicRequest", "topic updateMask", err));
	TRY(pubsub_object(c->body, "topic", &from, err));
	TRY(check(from, err));
	PUBSUB_BUS_ALONE(c, patch(c, from, &t, err));
	*out = topic_json(c, &t);
	return RC_OK;
}

/* --- publish ------------------------------------------------------------------------------------------------ */

enum rc pubsub_topic_publish(struct pubsub_call *c, struct json **out, struct err *err)
{
	TRY(pubsub_only_fields(c->body, "publishRequest", "messages", err));
	const struct json *list = pubsub_field(c->body, "messages");
	size_t count = json_size(list);
	if (json_type(list) != JSON_ARRAY || !count)
		return err_set(err, RC_REJECT, "The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.");
	if (count > BUS_PUBLISH_MESSAGES_MAX)
		return err_set(err, RC_REJECT, "The value for message_count is too large. You passed %zu in the request, but the maximum value is %d.",
		               count, BUS_PUBLISH_MESSAGES_MAX);
	struct bus_message *message = arena_alloc_array(c->arena, count, sizeof *message);
	for (size_t i = 0; i < count; i++) {
		TRY_WRAP(pubsub_message_read(json_at(list, i), c->arena, &message[i], err), err, "messages[%zu]", i);
		if (!slice_eq(message[i].ordering_key, message[0].ordering_key))
			return err_set(err, RC_REJECT, "messages[%zu]: In a single publish request, all messages must have no ordering key or they must all "
			               "have the same ordering key.", i);
	}
	TRY(pubsub_found(bus_publish(c->p->o.bus, c->id, message, count, c->arena, err), c->id, err));
	struct json *ids = json_new_array();
	for (size_t i = 0; i < count; i++)
		json_append(ids, json_new_string(message[i].id));
	*out = json_new_object();
	json_set(*out, "messageIds", ids);
	return RC_OK;
}
