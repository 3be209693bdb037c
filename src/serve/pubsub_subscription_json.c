#include "serve/pubsub_subscription.h"

#include "serve/push_config.h"

#define ACK_DEADLINE_S 10
#define BACKOFF_MIN_MS 10000
#define BACKOFF_MAX_MS 600000
#define DELIVERY_ATTEMPTS 5
#define RETENTION_MS (7 * INT64_C(86400000))
#define EXPIRATION_MS_MIN INT64_C(86400000)
#define STATE_ACTIVE 1
#define STATES "STATE_UNSPECIFIED ACTIVE RESOURCE_ERROR"
#define FIELDS                                                                                                              \
	"name topic pushConfig bigqueryConfig cloudStorageConfig ackDeadlineSeconds retainAckedMessages "                    \
	"messageRetentionDuration labels enableMessageOrdering expirationPolicy filter deadLetterPolicy retryPolicy detached " \
	"enableExactlyOnceDelivery topicMessageRetentionDuration state messageTransforms tags"
static const char *const not_here[] = { "bigqueryConfig", "cloudStorageConfig", "enableExactlyOnceDelivery", "messageTransforms", "tags", NULL };

/* --- to JSON ------------------------------------------------------------------------------------------------ */

static void set_retry(const struct pubsub_call *c, const struct bus_subscription *s, struct json *root)
{
	if (!s->backoff_max_ms)
		return;
	struct json *retry = json_new_object();
	json_set(retry, "minimumBackoff", pubsub_new_duration(s->backoff_min_ms, c->arena));
	json_set(retry, "maximumBackoff", pubsub_new_duration(s->backoff_max_ms, c->arena));
	json_set(root, "retryPolicy", retry);
}

static void set_dead_letter(const struct pubsub_call *c, const struct bus_subscription *s, struct json *root)
{
	if (!s->dead_letter_topic[0])
		return;
	struct json *dead = json_new_object();
	json_set(dead, "deadLetterTopic", pubsub_new_name(c, "topics", s->dead_letter_topic));
	json_set(dead, "maxDeliveryAttempts", json_new_integer(s->max_delivery_attempts));
	json_set(root, "deadLetterPolicy", dead);
}

static void set_true(struct json *root, const char *name, bool flag)
{
	if (flag)
		json_set(root, name, json_new_bool(true));
}

static void set_duration(const struct pubsub_call *c, struct json *root, const char *name, int64_t ms)
{
	if (ms)
		json_set(root, name, pubsub_new_duration(ms, c->arena));
}

struct json *pubsub_subscription_json(const struct pubsub_call *c, const struct bus_subscription *s, int64_t topic_retention_ms)
{
	struct json *root = json_new_object();
	json_set(root, "name", pubsub_new_name(c, "subscriptions", s->name));
	json_set(root, "topic", pubsub_new_name(c, "topics", s->topic));
	json_set(root, "pushConfig", json_new_object());
	pubsub_set_stored(root, "pushConfig", s->push_config);
	json_set(root, "ackDeadlineSeconds", json_new_integer(s->ack_deadline_s));
	set_true(root, "retainAckedMessages", s->retain_acked);
	set_duration(c, root, "messageRetentionDuration", s->retention_ms);
	pubsub_set_stored(root, "labels", s->labels);
	set_true(root, "enableMessageOrdering", s->ordered);
	json_set(root, "expirationPolicy", json_new_object()); /* without a time: never */
	if (s->filter[0])
		json_set(root, "filter", json_new_string(slice_of(s->filter)));
	set_retry(c, s, root);
	set_dead_letter(c, s, root);
	set_true(root, "detached", s->detached);
	set_duration(c, root, "topicMessageRetentionDuration", topic_retention_ms);
	json_set(root, "state", pubsub_new_enum(c, "ACTIVE", STATE_ACTIVE));
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

static enum rc read_retention(const struct json *v, struct bus_subscription *s, struct err *err)
{
	TRY(pubsub_duration(v, "messageRetentionDuration", RETENTION_MS, &s->retention_ms, err));
	if (s->retention_ms > 0)
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid value at 'messageRetentionDuration': want ten minutes to 31 days"); /* 0 is the bus's never */
}

/* What is not given is the default, also of an empty policy. */
static enum rc read_retry(const struct json *v, struct bus_subscription *s, struct err *err)
{
	const struct json *retry;
	s->backoff_min_ms = s->backoff_max_ms = 0;
	TRY(pubsub_object(v, "retryPolicy", &retry, err));
	if (!retry)
		return RC_OK;
	TRY(pubsub_only_fields(retry, "retryPolicy", "minimumBackoff maximumBackoff", err));
	TRY(pubsub_duration(retry, "minimumBackoff", BACKOFF_MIN_MS, &s->backoff_min_ms, err));
	return pubsub_duration(retry, "maximumBackoff", BACKOFF_MAX_MS, &s->backoff_max_ms, err);
}

static enum rc read_dead_letter(struct pubsub_call *c, const struct json *v, struct bus_subscription *s, struct err *err)
{
	const struct json *dead;
	struct slice topic;
	s->dead_letter_topic = "";
	s->max_delivery_attempts = 0;
	TRY(pubsub_object(v, "deadLetterPolicy", &dead, err));
	TRY(pubsub_only_fields(dead, "deadLetterPolicy", "deadLetterTopic maxDeliveryAttempts", err));
	TRY(pubsub_string(dead, "deadLetterTopic", &topic, err));
	TRY(pubsub_integer(dead, "maxDeliveryAttempts", 0, &s->max_delivery_attempts, err));
	if (!topic.len && !s->max_delivery_attempts)
		return RC_OK;
	TRY(pubsub_resource(c, "topics", topic, &s->dead_letter_topic, err));
	if (s->max_delivery_attempts == 0)
		s->max_delivery_attempts = DELIVERY_ATTEMPTS;
	return RC_OK;
}

enum rc pubsub_subscription_read_push(struct pubsub_call *c, const struct json *v, struct bus_subscription *s, struct err *err)
{
	const struct json *push;
	struct push_config config;
	TRY(pubsub_object(v, "pushConfig", &push, err));
	TRY(push_config_read(push, c->arena, &config, err));
	s->push_config = push_config_text(&config, c->arena);
	return RC_OK;
}

/* Nothing expires here: an empty policy says so, a time cannot be kept. */
static enum rc check_expiration(struct pubsub_call *c, const struct json *v, struct err *err)
{
	const struct json *policy;
	int64_t ttl_ms;
	TRY(pubsub_object(v, "expirationPolicy", &policy, err));
	TRY(pubsub_only_fields(policy, "expirationPolicy", "ttl", err));
	TRY(pubsub_duration(policy, "ttl", -1, &ttl_ms, err));
	if (ttl_ms < 0)
		return RC_OK;
	if (ttl_ms < EXPIRATION_MS_MIN)
		return err_set(err, RC_REJECT, "Invalid value at 'expirationPolicy.ttl': want a day at least, or no ttl for never");
	c->status = PUBSUB_UNIMPLEMENTED;
	return err_set(err, RC_REJECT, "'expirationPolicy.ttl': this service does not do that (nothing expires here; {} says so)");
}

enum rc pubsub_subscription_check(const struct json *v, struct err *err)
{
	int64_t ignored;
	bool flag;
	TRY(pubsub_only_fields(v, "subscription", FIELDS, err));
	TRY(pubsub_enum(v, "state", STATES, &ignored, err));
	TRY(pubsub_bool(v, "detached", &flag, err));
	return pubsub_duration(v, "topicMessageRetentionDuration", 0, &ignored, err);
}

enum rc pubsub_subscription_read(struct pubsub_call *c, const struct json *v, struct bus_subscription *out, struct err *err)
{
	struct slice topic;
	TRY(pubsub_subscription_check(v, err));
	TRY(check_expiration(c, v, err));
	TRY(pubsub_not_here(c, v, not_here, err));
	TRY(pubsub_string(v, "topic", &topic, err));
	TRY(pubsub_resource(c, "topics", topic, &out->topic, err));
	TRY(pubsub_text(v, "filter", BUS_FILTER_BYTES_MAX, c->arena, &out->filter, err));
	TRY(pubsub_subscription_read_push(c, v, out, err));
	TRY(read_ack_deadline(v, out, err));
	TRY(pubsub_bool(v, "retainAckedMessages", &out->retain_acked, err));
	TRY(read_retention(v, out, err));
	TRY(pubsub_labels(v, c->arena, &out->labels, err));
	TRY(pubsub_bool(v, "enableMessageOrdering", &out->ordered, err));
	TRY(read_retry(v, out, err));
	return read_dead_letter(c, v, out, err);
}

/* --- updates ------------------------------------------------------------------------------------------------ */

enum rc pubsub_subscription_path(struct pubsub_call *c, struct slice path, const struct json *from, void *ctx, struct err *err)
{
	struct bus_subscription *s = ctx;
	bool is_not_here;
	if (pubsub_is_name(path, "ackDeadlineSeconds"))
		return read_ack_deadline(from, s, err);
	if (pubsub_is_name(path, "pushConfig"))
		return pubsub_subscription_read_push(c, from, s, err);
	if (pubsub_is_name(path, "retainAckedMessages"))
		return pubsub_bool(from, "retainAckedMessages", &s->retain_acked, err);
	if (pubsub_is_name(path, "messageRetentionDuration"))
		return read_retention(from, s, err);
	if (pubsub_is_name(path, "labels"))
		return pubsub_labels(from, c->arena, &s->labels, err);
	if (pubsub_is_name(path, "retryPolicy"))
		return read_retry(from, s, err);
	if (pubsub_is_name(path, "deadLetterPolicy"))
		return read_dead_letter(c, from, s, err);
	if (pubsub_is_name(path, "expirationPolicy"))
		return check_expiration(c, from, err);
	TRY(pubsub_path_not_here(c, path, from, not_here, &is_not_here, err));
	return is_not_here ? RC_OK : pubsub_no_such_path("Subscription", path, err);
}
