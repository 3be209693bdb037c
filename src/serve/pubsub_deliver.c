/* projects.subscriptions: messages. */
#include "serve/pubsub_private.h"

#include "base/clock.h"
#include "serve/pubsub_message.h"

#define LOOK_MS 100                           /* between two looks of a pull that waits: other processes publish, too */
#define FRESH_NS (LOOK_MS * INT64_C(900000))  /* so long a look of one is good for the others (less, or who looks relies on itself), */
#define RELY_MS 1000                          /* who then look only so often whether somebody still looks */
#define PULL_BYTES_MAX ((size_t) 10000000)    /* of data: what an answer holds at most, but for one message */
#define PULL_ARENA_BYTES ((size_t) 96 << 20)
#define ACK_IDS_MAX 2500                      /* the service's limit is 512 KiB a request, ids of 200 bytes */

struct pulled {
	struct bus_delivery *delivery;
	size_t count;
	const char *topic;
	bool is_counted; /* a dead-letter policy: only then the attempt is told */
};

static enum rc pull_once(struct pubsub_call *c, size_t max, struct arena *arena, struct pulled *out, struct err *err)
{
	struct bus_subscription s;
	TRY(pubsub_found(bus_subscription(c->p->o.bus, c->id, arena, &s, err), c->id, err));
	if (s.detached)
		return pubsub_precondition(c, err, "Subscription '%s' is detached from its topic: nothing can be pulled from it.", c->id);
	if (s.push_config[0])
		return pubsub_precondition(c, err, "Subscription '%s' is pushed: modify its push configuration to pull from it.", c->id);
	out->topic = s.topic;
	out->is_counted = s.dead_letter_topic[0] != '\0';
	return bus_pull(c->p->o.bus, c->id, max, PULL_BYTES_MAX, arena, &out->delivery, &out->count, err);
}

uint64_t pubsub_published_key(const char *topic)
{
	return server_key(topic);
}

/* Hundreds may wait on one subscription: that one of them has just found nothing, after the last publish, is enough for all. */
static bool is_known_empty(const struct pubsub_call *c, uint64_t *out_topic_key)
{
	struct pubsub *p = c->p;
	uint64_t key = server_key(c->id);
	if (c->rq->waited_ms == 0)
		return false;
	pthread_mutex_lock(&p->empty_lock);
	struct pubsub_empty e = p->empty[key % PUBSUB_EMPTIES];
	pthread_mutex_unlock(&p->empty_lock);
	*out_topic_key = e.topic_key;
	return e.key == key && e.seen_ns > c->rq->woken_ns && c->rq->now_ns - e.seen_ns < FRESH_NS;
}

static void found_empty(const struct pubsub_call *c, uint64_t topic_key)
{
	struct pubsub *p = c->p;
	uint64_t key = server_key(c->id);
	pthread_mutex_lock(&p->empty_lock);
	p->empty[key % PUBSUB_EMPTIES] = (struct pubsub_empty){ key, topic_key, c->rq->now_ns };
	pthread_mutex_unlock(&p->empty_lock);
}

static void wait_for(const struct pubsub_call *c, uint64_t topic_key, int64_t ms)
{
	int64_t left_ms = c->p->o.pull_wait_ms - c->rq->waited_ms;
	c->reply->park_key = topic_key;
	c->reply->park_ms = left_ms < ms ? left_ms : ms;
}

static enum rc read_pull(struct pubsub_call *c, size_t *out_max, bool *out_may_wait, struct err *err)
{
	int64_t max;
	bool at_once;
	TRY(pubsub_only_fields(c->body, "pullRequest", "maxMessages returnImmediately", err));
	TRY(pubsub_integer(c->body, "maxMessages", 0, &max, err));
	TRY(pubsub_bool(c->body, "returnImmediately", &at_once, err));
	if (max < 1)
		return err_set(err, RC_REJECT, "The value for max_messages is too small. You passed %lld in the request, but the minimum value is 1.",
		               (long long) max);
	*out_max = max > BUS_PULL_MESSAGES_MAX ? BUS_PULL_MESSAGES_MAX : (size_t) max;
	*out_may_wait = !at_once && !c->rq->ending && c->rq->waited_ms < c->p->o.pull_wait_ms;
	return RC_OK;
}

enum rc pubsub_pull(struct pubsub_call *c, struct json **out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(PULL_ARENA_BYTES);
	struct pulled got = { 0 };
	size_t max = 0;
	bool may_wait = false;
	uint64_t topic_key;
	TRY(read_pull(c, &max, &may_wait, err));
	if (may_wait && is_known_empty(c, &topic_key)) {
		wait_for(c, topic_key, RELY_MS);
		return RC_OK;
	}
	TRY(pull_once(c, max, &arena, &got, err));
	if (!got.count && may_wait) {
		topic_key = pubsub_published_key(got.topic);
		found_empty(c, topic_key);
		wait_for(c, topic_key, LOOK_MS);
		return RC_OK;
	}
	if (got.count && c->rq->waited_ms > 0 && !c->rq->woken)
		c->reply->wake_key = pubsub_published_key(got.topic); /* of another process, or come due: the others rely on us */
	*out = json_new_object();
	if (!got.count)
		return RC_OK;
	struct json *list = json_new_array();
	json_set(*out, "receivedMessages", list);
	for (size_t i = 0; i < got.count; i++) {
		struct json *received = json_new_object();
		json_set(received, "ackId", json_new_string(got.delivery[i].ack_id));
		json_set(received, "message", pubsub_message_json(&got.delivery[i].message, c->p->project, &arena));
		if (got.is_counted)
			json_set(received, "deliveryAttempt", json_new_integer(got.delivery[i].attempt));
		json_append(list, received);
	}
	return RC_OK;
}

static enum rc read_ack_ids(struct pubsub_call *c, struct slice **out, size_t *out_count, struct err *err)
{
	const struct json *list = pubsub_field(c->body, "ackIds");
	size_t count = json_size(list);
	if (json_type(list) != JSON_ARRAY || !count)
		return err_set(err, RC_REJECT, "No ack ids specified.");
	if (count > ACK_IDS_MAX)
		return err_set(err, RC_REJECT, "%zu ack ids: at most %d in one request", count, ACK_IDS_MAX);
	*out = arena_alloc_array(c->arena, count, sizeof **out);
	for (size_t i = 0; i < count; i++)
		if (!json_string(json_at(list, i), &(*out)[i]))
			return err_set(err, RC_REJECT, "Invalid value at 'ackIds[%zu]': want a string", i);
	*out_count = count;
	return RC_OK;
}

enum rc pubsub_acknowledge(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct slice *id;
	size_t count;
	TRY(pubsub_only_fields(c->body, "acknowledgeRequest", "ackIds", err));
	TRY(read_ack_ids(c, &id, &count, err));
	TRY(pubsub_found(bus_ack(c->p->o.bus, c->id, id, count, err), c->id, err));
	*out = json_new_object();
	return RC_OK;
}

enum rc pubsub_modify_deadline(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct slice *id;
	size_t count;
	int64_t seconds;
	TRY(pubsub_only_fields(c->body, "modifyAckDeadlineRequest", "ackIds ackDeadlineSeconds", err));
	TRY(read_ack_ids(c, &id, &count, err));
	TRY(pubsub_integer(c->body, "ackDeadlineSeconds", 0, &seconds, err));
	if (seconds < 0 || seconds > 600)
		return err_set(err, RC_REJECT, "Invalid ack deadline given in the request: %lld: want 0 to 600 seconds", (long long) seconds);
	TRY(pubsub_found(bus_modify_deadline(c->p->o.bus, c->id, id, count, seconds, err), c->id, err));
	*out = json_new_object();
	return RC_OK;
}
