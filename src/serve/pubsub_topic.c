/* projects.topics */
#include "serve/pubsub_private.h"

#include "serve/pubsub_message.h"

static struct json *topic_json(const struct pubsub_call *c, const char *id)
{
	struct json *topic = json_new_object();
	json_set(topic, "name", pubsub_new_name(c, "topics", id));
	return topic;
}

/* RC_NOT_FOUND when there is none; its subscriptions. */
static enum rc find_topic(struct pubsub_call *c, struct bus_names *out, struct err *err)
{
	return bus_subscriptions(c->p->o.bus, c->id, c->arena, out, err);
}

static enum rc create(struct pubsub_call *c, struct err *err)
{
	struct bus_names ignored;
	TRY(bus_check_name(c->id, err));
	enum rc rc = find_topic(c, &ignored, err);
	if (rc == RC_NOT_FOUND)
		return bus_create_topic(c->p->o.bus, c->id, err);
	TRY(rc);
	c->status = PUBSUB_ALREADY_EXISTS;
	return err_set(err, RC_REJECT, "Resource already exists in the project (resource=%s).", c->id);
}

enum rc pubsub_topic_create(struct pubsub_call *c, struct json **out, struct err *err)
{
#define OTHERS "labels messageStoragePolicy kmsKeyName schemaSettings messageRetentionDuration ingestionDataSourceSettings messageTransforms tags"
	TRY(pubsub_only_fields(c->body, "topic", "name satisfiesPzs state " OTHERS, err));
	TRY(pubsub_not_here(c, c->body, (const char *const[]){ "labels", "messageStoragePolicy", "kmsKeyName", "schemaSettings", "messageRetentionDuration", "ingestionDataSourceSettings", "messageTransforms", "tags", NULL }, err));
	PUBSUB_BUS_ALONE(c, create(c, err));
	*out = topic_json(c, c->id);
	return RC_OK;
#undef OTHERS
}

enum rc pubsub_topic_get(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names ignored;
	PUBSUB_BUS(c, find_topic(c, &ignored, err));
	*out = topic_json(c, c->id);
	return RC_OK;
}

enum rc pubsub_topic_delete(struct pubsub_call *c, struct json **out, struct err *err)
{
	PUBSUB_BUS(c, bus_delete_topic(c->p->o.bus, c->id, err));
	*out = json_new_object();
	return RC_OK;
}

enum rc pubsub_topic_list(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	size_t from, count;
	PUBSUB_BUS(c, bus_topics(c->p->o.bus, c->arena, &names, err));
	struct json *list = json_new_array();
	*out = json_new_object();
	json_set(*out, "topics", list);
	TRY(pubsub_page(c, &names, &from, &count, *out, err));
	for (size_t i = 0; i < count; i++)
		json_append(list, topic_json(c, arena_strdup(c->arena, names.name[from + i])));
	return RC_OK;
}

enum rc pubsub_topic_subscriptions(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	size_t from, count;
	PUBSUB_BUS(c, find_topic(c, &names, err));
	struct json *list = json_new_array();
	*out = json_new_object();
	json_set(*out, "subscriptions", list);
	TRY(pubsub_page(c, &names, &from, &count, *out, err));
	for (size_t i = 0; i < count; i++)
		json_append(list, pubsub_new_name(c, "subscriptions", arena_strdup(c->arena, names.name[from + i])));
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
	PUBSUB_BUS(c, bus_publish(c->p->o.bus, c->id, message, count, c->arena, err));
	struct json *ids = json_new_array();
	for (size_t i = 0; i < count; i++)
		json_append(ids, json_new_string(message[i].id));
	*out = json_new_object();
	json_set(*out, "messageIds", ids);
	return RC_OK;
}
