/* projects.subscriptions: their settings. */
#include "serve/pubsub_private.h"

#define ACK_DEADLINE_S 10
#define BACKOFF_MIN_MS 10000
#define BACKOFF_MAX_MS 600000
#define DELIVERY_ATTEMPTS 5
#define OTHERS                                                                                                               \
	"pushConfig bigqueryConfig cloudStorageConfig retainAckedMessages labels enableMessageOrdering expirationPolicy detached " \
	"enableExactlyOnceDelivery messageRetentionDuration messageTransforms tags"

static struct json *subscription_json(const struct pubsub_call *c, const struct bus_subscription *s)
{
	struct json *root = json_new_object();
	json_set(root, "name", pubsub_new_name(c, "subscriptions", s->name));
	json_set(root, "topic", pubsub_new_name(c, "topics", s->topic));
	json_set(root, "pushConfig", json_new_object());
	json_set(root, "ackDeadlineSeconds", json_new_integer(s->ack_deadline_s));
	if (s->filter[0])
		json_set(root, "filter", json_new_string(slice_of(s->filter)));
	if (s->backoff_max_ms) {
		struct json *retry = json_new_object();
		json_set(retry, "minimumBackoff", pubsub_new_duration(s->backoff_min_ms, c->arena));
		json_set(retry, "maximumBackoff", pubsub_new_duration(s->backoff_max_ms, c->arena));
		json_set(root, "retryPolicy", retry);
	}
	if (s->dead_letter_topic[0]) {
		struct json *dead = json_new_object();
		json_set(dead, "deadLetterTopic", pubsub_new_name(c, "topics", s->dead_letter_topic));
		json_set(dead, "maxDeliveryAttempts", json_new_integer(s->max_delivery_attempts));
		json_set(root, "deadLetterPolicy", dead);
	}
	json_set(root, "state", json_new_string(SLICE("ACTIVE")));
	return root;
}

/* --- from JSON ---------------------------------------------------------------------------------------------- */

static enum rc read_ack_deadline(const struct json *v, struct bus_subscription *s, struct err *err)
{
	TRY(pubsub_integer(v, "ackDeadlineSeconds", 0, &s->ack_deadline_s, err));
	if (s->ack_deadline_s == 0)
		s->ack_deadline_s = ACK_DEADLINE_S;
	return RC_OK;
}

static enum rc read_retry(const struct json *v, struct bus_subscription *s, struct err *err)
{
	const struct json *retry = pubsub_field(v, "retryPolicy");
	s->backoff_min_ms = s->backoff_max_ms = 0;
	if (!retry)
		return RC_OK;
	TRY(pubsub_only_fields(retry, "retryPolicy", "minimumBackoff maximumBackoff", err));
	TRY(pubsub_duration(retry, "minimumBackoff", BACKOFF_MIN_MS, &s->backoff_min_ms, err));
	return pubsub_duration(retry, "maximumBackoff", BACKOFF_MAX_MS, &s->backoff_max_ms, err);
}

static enum rc read_dead_letter(struct pubsub_call *c, const struct json *v, struct bus_subscription *s, struct err *err)
{
	const struct json *dead = pubsub_field(v, "deadLetterPolicy");
	struct slice topic;
	s->dead_letter_topic = "";
	s->max_delivery_attempts = 0;
	if (!dead)
		return RC_OK;
	TRY(pubsub_only_fields(dead, "deadLetterPolicy", "deadLetterTopic maxDeliveryAttempts", err));
	TRY(pubsub_string(dead, "deadLetterTopic", &topic, err));
	if (!topic.len)
		return RC_OK;
	TRY(pubsub_resource(c, "topics", topic, &s->dead_letter_topic, err));
	TRY(pubsub_integer(dead, "maxDeliveryAttempts", 0, &s->max_delivery_attempts, err));
	if (s->max_delivery_attempts == 0)
		s->max_delivery_attempts = DELIVERY_ATTEMPTS;
	return RC_OK;
}

static enum rc read_whole(struct pubsub_call *c, const struct json *v, struct bus_subscription *s, struct err *err)
{
	struct slice topic, filter;
	TRY(pubsub_only_fields(v, "subscription", "name topic ackDeadlineSeconds filter retryPolicy deadLetterPolicy state "
	                       "topicMessageRetentionDuration " OTHERS, err));
	TRY(pubsub_not_here(c, v, (const char *const[]){ "pushConfig", "bigqueryConfig", "cloudStorageConfig", "retainAckedMessages", "labels", "enableMessageOrdering", "expirationPolicy", "detached", "enableExactlyOnceDelivery", "messageRetentionDuration", "messageTransforms", "tags", NULL }, err));
	TRY(pubsub_string(v, "topic", &topic, err));
	TRY(pubsub_resource(c, "topics", topic, &s->topic, err));
	TRY(pubsub_string(v, "filter", &filter, err));
	s->filter = filter.len ? arena_strdup(c->arena, filter) : "";
	TRY(read_ack_deadline(v, s, err));
	TRY(read_retry(v, s, err));
	return read_dead_letter(c, v, s, err);
}

/* --- methods ------------------------------------------------------------------------------------------------ */

static enum rc topic_must_be(struct pubsub_call *c, const char *topic, struct err *err)
{
	struct bus_names ignored;
	return *topic ? bus_subscriptions(c->p->o.bus, topic, c->arena, &ignored, err) : RC_OK;
}

static enum rc create(struct pubsub_call *c, const struct bus_subscription *s, struct err *err)
{
	struct bus_subscription there;
	TRY(topic_must_be(c, s->topic, err));
	TRY(topic_must_be(c, s->dead_letter_topic, err));
	enum rc rc = bus_subscription(c->p->o.bus, s->name, c->arena, &there, err);
	if (rc == RC_NOT_FOUND)
		return bus_create_subscription(c->p->o.bus, s, err);
	TRY(rc);
	c->status = PUBSUB_ALREADY_EXISTS;
	return err_set(err, RC_REJECT, "Resource already exists in the project (resource=%s).", s->name);
}

enum rc pubsub_subscription_create(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_subscription s = { .name = c->id };
	TRY(bus_check_name(c->id, err));
	TRY(read_whole(c, c->body, &s, err));
	PUBSUB_BUS_ALONE(c, create(c, &s, err));
	*out = subscription_json(c, &s);
	return RC_OK;
}

enum rc pubsub_subscription_get(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_subscription s;
	PUBSUB_BUS(c, bus_subscription(c->p->o.bus, c->id, c->arena, &s, err));
	*out = subscription_json(c, &s);
	return RC_OK;
}

enum rc pubsub_subscription_delete(struct pubsub_call *c, struct json **out, struct err *err)
{
	PUBSUB_BUS(c, bus_delete_subscription(c->p->o.bus, c->id, err));
	*out = json_new_object();
	return RC_OK;
}

static enum rc add_described(struct pubsub_call *c, const char *id, struct json *list, struct err *err)
{
	struct bus_subscription s;
	PUBSUB_BUS(c, bus_subscription(c->p->o.bus, id, c->arena, &s, err));
	json_append(list, subscription_json(c, &s));
	return RC_OK;
}

enum rc pubsub_subscription_list(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	size_t from, count;
	PUBSUB_BUS(c, bus_subscriptions(c->p->o.bus, NULL, c->arena, &names, err));
	struct json *list = json_new_array();
	*out = json_new_object();
	json_set(*out, "subscriptions", list);
	TRY(pubsub_page(c, &names, &from, &count, *out, err));
	for (size_t i = 0; i < count; i++) {
		enum rc rc = add_described(c, arena_strdup(c->arena, names.name[from + i]), list, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND) /* deleted meanwhile */
			return rc;
	}
	return RC_OK;
}

/* One path of the mask. */
static enum rc patch_one(struct pubsub_call *c, struct slice path, const struct json *v, struct bus_subscription *s, struct err *err)
{
	if (slice_is(path, "ackDeadlineSeconds") || slice_is(path, "ack_deadline_seconds"))
		return read_ack_deadline(v, s, err);
	if (slice_starts(path, SLICE("retryPolicy")) || slice_starts(path, SLICE("retry_policy")))
		return read_retry(v, s, err);
	if (slice_starts(path, SLICE("deadLetterPolicy")) || slice_starts(path, SLICE("dead_letter_policy")))
		return read_dead_letter(c, v, s, err);
	return err_set(err, RC_REJECT, "Invalid update_mask provided in the UpdateSubscriptionRequest: '%.*s' is not a known, mutable Subscription "
	               "field of this service.", (int) (path.len < 100 ? path.len : 100), path.ptr);
}

static enum rc patch(struct pubsub_call *c, struct slice mask, const struct json *v, struct bus_subscription *s, struct err *err)
{
	TRY(bus_subscription(c->p->o.bus, c->id, c->arena, s, err));
	for (size_t at = 0; at < mask.len;) {
		size_t end = slice_find(mask, ',', at);
		TRY(patch_one(c, slice_trim(slice_sub(mask, at, end - at)), v, s, err));
		at = end + 1;
	}
	TRY(topic_must_be(c, s->dead_letter_topic, err));
	return bus_create_subscription(c->p->o.bus, s, err);
}

enum rc pubsub_subscription_patch(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_subscription s;
	struct slice mask;
	TRY(pubsub_only_fields(c->body, "updateSubscriptionRequest", "subscription updateMask", err));
	TRY(pubsub_string(c->body, "updateMask", &mask, err));
	const char *query = server_query(c->rq, "updateMask");
	if (!mask.len && query)
		mask = slice_of(query);
	if (!mask.len)
		return err_set(err, RC_REJECT, "The update_mask in the UpdateSubscriptionRequest must be set, and must contain a non-empty paths list.");
	PUBSUB_BUS_ALONE(c, patch(c, mask, pubsub_field(c->body, "subscription"), &s, err));
	*out = subscription_json(c, &s);
	return RC_OK;
}
