#include "serve/pubsub_message.h"

#include "base/base64.h"
#include "serve/pubsub_json.h"

#define SOURCE "CloudPubSubDeadLetterSource"

/* --- read --------------------------------------------------------------------------------------------------- */

static enum rc read_attributes(const struct json *v, struct arena *arena, struct bus_message *m, struct err *err)
{
	const struct json *attributes, *item;
	void *iter = NULL;
	struct slice key, value;
	TRY(pubsub_object(v, "attributes", &attributes, err));
	if (json_size(attributes) > BUS_ATTRS_MAX)
		return err_set(err, RC_REJECT, "%zu attributes, at most %d are allowed", json_size(attributes), BUS_ATTRS_MAX);
	m->attr = arena_alloc_array(arena, json_size(attributes), sizeof *m->attr);
	while (json_next(attributes, &iter, &key, &item)) {
		if (!json_string(item, &value))
			return err_set(err, RC_REJECT, "Invalid value at 'attributes' of \"%.*s\": want a string", (int) (key.len < 100 ? key.len : 100),
			               key.ptr);
		m->attr[m->attr_count++] = (struct bus_attr){ key, value };
	}
	return RC_OK;
}

enum rc pubsub_message_read(const struct json *v, struct arena *arena, struct bus_message *out, struct err *err)
{
	*out = (struct bus_message){ 0 };
	if (json_type(v) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "want an object");
	TRY(pubsub_only_fields(v, "message", "data attributes orderingKey messageId publishTime", err));
	TRY(pubsub_bytes(v, "data", arena, &out->data, err));
	TRY(read_attributes(v, arena, out, err));
	return pubsub_string(v, "orderingKey", &out->ordering_key, err);
}

/* --- written ------------------------------------------------------------------------------------------------ */

static void set_attribute(struct json *attributes, struct slice key, struct slice value, struct arena *arena)
{
	json_set(attributes, arena_strdup(arena, key), json_new_string(value.ptr ? value : SLICE("")));
}

static struct json *attributes_json(const struct bus_message *m, const char *project, struct arena *arena)
{
	struct json *attributes = json_new_object();
	for (size_t i = 0; i < m->attr_count; i++)
		set_attribute(attributes, m->attr[i].key, m->attr[i].value, arena);
	if (json_get(attributes, SOURCE "Subscription") && json_get(attributes, SOURCE "DeliveryCount") &&
	    !json_get(attributes, SOURCE "SubscriptionProject"))
		json_set(attributes, SOURCE "SubscriptionProject", json_new_string(slice_of(project)));
	return attributes;
}

struct json *pubsub_message_json(const struct bus_message *m, const char *project, struct arena *arena)
{
	struct json *root = json_new_object();
	if (m->data.len)
		json_set(root, "data", json_new_string(base64_encode(m->data, arena)));
	if (m->attr_count)
		json_set(root, "attributes", attributes_json(m, project, arena));
	json_set(root, "messageId", json_new_string(m->id));
	json_set(root, "publishTime", json_new_string(pubsub_time_text(m->publish_time_ms, arena)));
	if (m->ordering_key.len)
		json_set(root, "orderingKey", json_new_string(m->ordering_key));
	return root;
}
