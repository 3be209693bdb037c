/* Decorator for many threads.  Whoever comes while the bus is busy waits in a queue; the first of them then does what all who want
 * the same (publish to the same topic, acknowledge on the same subscription) want, in one call: one transaction, one fsync. */
#include "bus/bus_admin.h"

#include "base/mem.h"

#include <pthread.h>
#include <sys/queue.h>

#define ACK_IDS_MAX 10000                 /* of one inner call */
#define ID_BYTES 48                       /* of a message id, in an arena */
#define MERGED_ARENA_BYTES ((size_t) 16 << 20)

/* A publish or an ack that waits, on its caller's stack. */
struct call {
	TAILQ_ENTRY(call) link;
	const char *name;            /* of the topic or the subscription */
	struct bus_message *message; /* NULL: an ack */
	const struct slice *ack_id;
	size_t count, bytes;
	struct arena *arena;
	struct err *err;
	enum rc rc;
	bool done, leads;
	pthread_cond_t turn;
};
TAILQ_HEAD(call_list, call);

struct bus_group {
	struct bus base;
	struct bus *inner;
	pthread_mutex_t inner_lock; /* the inner bus belongs to one thread at a time; taken before queue_lock */
	pthread_mutex_t queue_lock;
	struct call_list queue;
	bool is_led; /* one of the callers does the work */
	void (*published)(void *ctx, const char *topic);
	void *published_ctx;
};

static struct bus_group *self(struct bus *b)
{
	return CONTAINER_OF(b, struct bus_group, base);
}

/* --- one call for many -------------------------------------------------------------------------------------- */

/* Takes the first call of the queue and all that can go with it. */
static void take_batch(struct bus_group *g, struct call_list *out)
{
	pthread_mutex_lock(&g->queue_lock);
	struct call *first = TAILQ_FIRST(&g->queue), *next;
	size_t count = 0, bytes = 0, count_max = first->message ? BUS_PUBLISH_MESSAGES_MAX : ACK_IDS_MAX;
	for (struct call *c = first; c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (!c->message != !first->message || strcmp(c->name, first->name) != 0)
			continue;
		if (c != first && (count + c->count > count_max || bytes + c->bytes > BUS_PUBLISH_BYTES_MAX))
			break; /* nobody overtakes */
		count += c->count;
		bytes += c->bytes;
		TAILQ_REMOVE(&g->queue, c, link);
		TAILQ_INSERT_TAIL(out, c, link);
	}
	pthread_mutex_unlock(&g->queue_lock);
}

static enum rc do_one(struct bus_group *g, struct call *c, struct err *err)
{
	if (c->message)
		return bus_publish(g->inner, c->name, c->message, c->count, c->arena, err);
	return bus_ack(g->inner, c->name, c->ack_id, c->count, err);
}

static enum rc publish_all(struct bus_group *g, const struct call_list *batch, size_t count, struct err *err)
{
	CLEANUP(mem_freep) struct bus_message *all = mem_alloc_array(count, sizeof *all);
	CLEANUP(arena_done) struct arena arena = arena_new(MERGED_ARENA_BYTES);
	const struct call *c;
	size_t at = 0;
	TAILQ_FOREACH(c, batch, link) {
		memcpy(all + at, c->message, c->count * sizeof *all);
		at += c->count;
	}
	TRY(bus_publish(g->inner, TAILQ_FIRST(batch)->name, all, count, &arena, err));
	at = 0;
	TAILQ_FOREACH(c, batch, link)
		for (size_t i = 0; i < c->count; i++, at++) {
			c->message[i].id = arena_copy(c->arena, all[at].id);
			c->message[i].publish_time_ms = all[at].publish_time_ms;
		}
	return RC_OK;
}

static enum rc ack_all(struct bus_group *g, const struct call_list *batch, size_t count, struct err *err)
{
	CLEANUP(mem_freep) struct slice *all = mem_alloc_array(count, sizeof *all);
	const struct call *c;
	size_t at = 0;
	TAILQ_FOREACH(c, batch, link) {
		memcpy(all + at, c->ack_id, c->count * sizeof *all);
		at += c->count;
	}
	return bus_ack(g->inner, TAILQ_FIRST(batch)->name, all, count, err);
}

/* What is refused is refused alone: then each is asked for by itself. */
static void do_batch(struct bus_group *g, const struct call_list *batch)
{
	struct err err = { 0 };
	struct call *c, *first = TAILQ_FIRST(batch);
	size_t count = 0;
	enum rc rc = RC_REJECT;
	TAILQ_FOREACH(c, batch, link)
		count += c->count;
	bool is_alone = !TAILQ_NEXT(first, link);
	if (!is_alone)
		rc = first->message ? publish_all(g, batch, count, &err) : ack_all(g, batch, count, &err);
	TAILQ_FOREACH(c, batch, link) {
		c->rc = rc == RC_REJECT ? do_one(g, c, c->err) : rc;
		if (rc != RC_OK && rc != RC_REJECT && c->err)
			*c->err = err;
	}
}

/* --- who does it -------------------------------------------------------------------------------------------- */

static void tell_published(struct bus_group *g, const struct call_list *batch)
{
	const struct call *c;
	bool any = false;
	TAILQ_FOREACH(c, batch, link)
		any = any || (c->message && c->rc == RC_OK);
	if (any && g->published)
		g->published(g->published_ctx, TAILQ_FIRST(batch)->name);
}

/* Does what the first in the queue and others with it want, lets them go, and makes the next one the leader. */
static void lead(struct bus_group *g)
{
	struct call_list batch = TAILQ_HEAD_INITIALIZER(batch);
	struct call *c;
	pthread_mutex_lock(&g->inner_lock);
	take_batch(g, &batch); /* as late as can be: more have come meanwhile */
	do_batch(g, &batch);
	pthread_mutex_unlock(&g->inner_lock);
	tell_published(g, &batch);
	pthread_mutex_lock(&g->queue_lock);
	while ((c = TAILQ_FIRST(&batch))) {
		TAILQ_REMOVE(&batch, c, link);
		c->done = true;
		(void) pthread_cond_signal(&c->turn);
	}
	c = TAILQ_FIRST(&g->queue);
	g->is_led = c != NULL;
	if (c) {
		c->leads = true;
		(void) pthread_cond_signal(&c->turn);
	}
	pthread_mutex_unlock(&g->queue_lock);
}

static enum rc take_part(struct bus_group *g, struct call *c)
{
	int rc = pthread_cond_init(&c->turn, NULL);
	assert(rc == 0);
	pthread_mutex_lock(&g->queue_lock);
	TAILQ_INSERT_TAIL(&g->queue, c, link);
	c->leads = !g->is_led;
	g->is_led = true;
	while (!c->done && !c->leads)
		(void) pthread_cond_wait(&c->turn, &g->queue_lock);
	pthread_mutex_unlock(&g->queue_lock);
	if (!c->done)
		lead(g); /* a leader is the first in the queue */
	(void) pthread_cond_destroy(&c->turn);
	return c->rc;
}

static size_t bytes_of(const struct bus_message *message, size_t count)
{
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++) {
		bytes += message[i].data.len + message[i].ordering_key.len;
		for (size_t k = 0; k < message[i].attr_count; k++)
			bytes += message[i].attr[k].key.len + message[i].attr[k].value.len;
	}
	return bytes;
}

/* Checked by bus_publish(): nobody spoils the call of the others. */
static enum rc group_publish(struct bus *b, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                             struct err *err)
{
	struct call c = { .name = topic, .message = message, .count = count, .bytes = bytes_of(message, count), .arena = arena, .err = err };
	if (!arena_fits(arena, count * ID_BYTES))
		return err_set(err, RC_REJECT, "topic '%s': no room for %zu message ids in the caller's arena", topic, count);
	return take_part(self(b), &c);
}

static enum rc group_ack(struct bus *b, const char *sub, const struct slice *ack_id, size_t count, struct err *err)
{
	struct call c = { .name = sub, .ack_id = ack_id, .count = count, .err = err };
	return take_part(self(b), &c);
}

/* --- the rest: one at a time -------------------------------------------------------------------------------- */

#define ALONE(b, call)                                        \
	({                                                    \
		pthread_mutex_lock(&self(b)->inner_lock);     \
		enum rc alone_rc_ = (call);                   \
		pthread_mutex_unlock(&self(b)->inner_lock);   \
		alone_rc_;                                    \
	})
#define INNER(b) (self(b)->inner)

static enum rc group_create_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	return ALONE(b, bus_make_topic(INNER(b), topic, err));
}

static enum rc group_create_subscription(struct bus *b, const struct bus_subscription *sub, struct err *err)
{
	return ALONE(b, bus_create_subscription(INNER(b), sub, err));
}

static enum rc group_pull(struct bus *b, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                          struct bus_delivery **out, size_t *out_count, struct err *err)
{
	return ALONE(b, bus_pull(INNER(b), sub, max, max_bytes, arena, out, out_count, err));
}

static enum rc group_modify_deadline(struct bus *b, const char *sub, const struct slice *ack_id, size_t count, int64_t seconds,
                                     struct err *err)
{
	return ALONE(b, bus_modify_deadline(INNER(b), sub, ack_id, count, seconds, err));
}

static enum rc group_stats(struct bus *b, const char *sub, struct bus_stats *out, struct err *err)
{
	return ALONE(b, bus_stats(INNER(b), sub, out, err));
}

static void group_close(struct bus *b)
{
	struct bus_group *g = self(b);
	assert(TAILQ_EMPTY(&g->queue));
	bus_close(g->inner);
	(void) pthread_mutex_destroy(&g->inner_lock);
	(void) pthread_mutex_destroy(&g->queue_lock);
	mem_free(g);
}

static enum rc group_topics(struct bus *b, struct arena *arena, struct bus_names *out, struct err *err)
{
	return ALONE(b, bus_topics(INNER(b), arena, out, err));
}

static enum rc group_topic(struct bus *b, const char *topic, struct arena *arena, struct bus_topic *out, struct err *err)
{
	return ALONE(b, bus_topic(INNER(b), topic, arena, out, err));
}

static enum rc group_update_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	return ALONE(b, bus_update_topic(INNER(b), topic, err));
}

static enum rc group_delete_topic(struct bus *b, const char *topic, struct err *err)
{
	return ALONE(b, bus_delete_topic(INNER(b), topic, err));
}

static enum rc group_subscriptions(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	return ALONE(b, bus_subscriptions(INNER(b), topic, arena, out, err));
}

static enum rc group_subscription(struct bus *b, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	return ALONE(b, bus_subscription(INNER(b), sub, arena, out, err));
}

static enum rc group_delete_subscription(struct bus *b, const char *sub, struct err *err)
{
	return ALONE(b, bus_delete_subscription(INNER(b), sub, err));
}

static enum rc group_detach(struct bus *b, const char *sub, struct err *err)
{
	return ALONE(b, bus_detach(INNER(b), sub, err));
}

static enum rc group_snapshots(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	return ALONE(b, bus_snapshots(INNER(b), topic, arena, out, err));
}

static enum rc group_snapshot(struct bus *b, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err)
{
	return ALONE(b, bus_snapshot(INNER(b), name, arena, out, err));
}

static enum rc group_create_snapshot(struct bus *b, const char *name, const char *sub, const char *labels, struct err *err)
{
	return ALONE(b, bus_create_snapshot(INNER(b), name, sub, labels, err));
}

static enum rc group_update_snapshot(struct bus *b, const struct bus_snapshot *snapshot, struct err *err)
{
	return ALONE(b, bus_update_snapshot(INNER(b), snapshot, err));
}

static enum rc group_delete_snapshot(struct bus *b, const char *name, struct err *err)
{
	return ALONE(b, bus_delete_snapshot(INNER(b), name, err));
}

static enum rc group_seek_time(struct bus *b, const char *sub, int64_t time_ms, struct err *err)
{
	return ALONE(b, bus_seek_time(INNER(b), sub, time_ms, err));
}

static enum rc group_seek_snapshot(struct bus *b, const char *sub, const char *snapshot, struct err *err)
{
	return ALONE(b, bus_seek_snapshot(INNER(b), sub, snapshot, err));
}

static const struct bus_admin_ops admin = {
	.topics = group_topics,
	.topic = group_topic,
	.update_topic = group_update_topic,
	.delete_topic = group_delete_topic,
	.subscriptions = group_subscriptions,
	.subscription = group_subscription,
	.delete_subscription = group_delete_subscription,
	.detach = group_detach,
	.snapshots = group_snapshots,
	.snapshot = group_snapshot,
	.create_snapshot = group_create_snapshot,
	.update_snapshot = group_update_snapshot,
	.delete_snapshot = group_delete_snapshot,
	.seek_time = group_seek_time,
	.seek_snapshot = group_seek_snapshot,
};

struct bus *bus_group_open(struct bus *inner)
{
	static const struct bus_ops ops = {
		.name = "group",
		.create_topic = group_create_topic,
		.create_subscription = group_create_subscription,
		.publish = group_publish,
		.pull = group_pull,
		.ack = group_ack,
		.modify_deadline = group_modify_deadline,
		.stats = group_stats,
		.close = group_close,
		.admin = &admin,
	};
	struct bus_group *g = mem_alloc(sizeof *g);
	*g = (struct bus_group){ .base.ops = &ops,
		                 .inner = inner,
		                 .inner_lock = PTHREAD_MUTEX_INITIALIZER,
		                 .queue_lock = PTHREAD_MUTEX_INITIALIZER,
		                 .queue = TAILQ_HEAD_INITIALIZER(g->queue) };
	return &g->base;
}

void bus_group_on_publish(struct bus *group, void (*published)(void *ctx, const char *topic), void *ctx)
{
	struct bus_group *g = self(group);
	g->published = published;
	g->published_ctx = ctx;
}
