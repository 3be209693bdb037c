#include "bus/bus_admin.h"

#include "base/mem.h"

struct bus_fault {
	struct bus base;
	struct bus *inner;
	int calls, fail_at;
	bool after;
	enum rc rc;
};

static struct bus_fault *self(struct bus *b)
{
	return CONTAINER_OF(b, struct bus_fault, base);
}

/* Counts a call; true when it is the one to fail. */
static bool trip(struct bus *b)
{
	struct bus_fault *f = self(b);
	return ++f->calls == f->fail_at;
}

static enum rc fail(struct bus *b, const char *what, const char *object, struct err *err)
{
	struct bus_fault *f = self(b);
	return err_set(err, f->rc, "bus: %s '%s': injected fault %s call %d", what, object, f->after ? "after" : "before",
	               f->fail_at);
}

/* `before`: nothing is done.  `after`: it is done, and the caller is told that it was not. */
#define PASS(b, what, object, call, err)                          \
	do {                                                      \
		bool fails_ = trip(b);                            \
		if (fails_ && !self(b)->after)                    \
			return fail((b), (what), (object), (err)); \
		TRY(call);                                        \
		if (fails_)                                       \
			return fail((b), (what), (object), (err)); \
		return RC_OK;                                     \
	} while (0)

static enum rc fault_create_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	PASS(b, "create topic", topic->name, bus_make_topic(self(b)->inner, topic, err), err);
}

static enum rc fault_create_subscription(struct bus *b, const struct bus_subscription *sub, struct err *err)
{
	PASS(b, "create subscription", sub->name, bus_create_subscription(self(b)->inner, sub, err), err);
}

static enum rc fault_publish(struct bus *b, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                             struct err *err)
{
	PASS(b, "publish to", topic, bus_publish(self(b)->inner, topic, message, count, arena, err), err);
}

static enum rc fault_pull(struct bus *b, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                          struct bus_delivery **out, size_t *out_count, struct err *err)
{
	bool fails = trip(b);
	if (fails && !self(b)->after)
		return fail(b, "pull from", sub, err);
	struct bus_delivery *delivery;
	size_t count;
	TRY(bus_pull(self(b)->inner, sub, max, max_bytes, arena, &delivery, &count, err));
	if (fails)
		return fail(b, "pull from", sub, err);
	*out = delivery;
	*out_count = count;
	return RC_OK;
}

static enum rc fault_ack(struct bus *b, const char *sub, const struct slice *ack_id, size_t count, struct err *err)
{
	PASS(b, "ack on", sub, bus_ack(self(b)->inner, sub, ack_id, count, err), err);
}

static enum rc fault_modify_deadline(struct bus *b, const char *sub, const struct slice *ack_id, size_t count,
                                     int64_t seconds, struct err *err)
{
	PASS(b, seconds ? "modify deadline on" : "nack on", sub,
	     bus_modify_deadline(self(b)->inner, sub, ack_id, count, seconds, err), err);
}

static enum rc fault_stats(struct bus *b, const char *sub, struct bus_stats *out, struct err *err)
{
	PASS(b, "stats of", sub, bus_stats(self(b)->inner, sub, out, err), err);
}

/* ---- administration ---- */

static enum rc fault_topics(struct bus *b, struct arena *arena, struct bus_names *out, struct err *err)
{
	PASS(b, "list", "topics", bus_topics(self(b)->inner, arena, out, err), err);
}

static enum rc fault_topic(struct bus *b, const char *topic, struct arena *arena, struct bus_topic *out, struct err *err)
{
	PASS(b, "read topic", topic, bus_topic(self(b)->inner, topic, arena, out, err), err);
}

static enum rc fault_update_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	PASS(b, "update topic", topic->name, bus_update_topic(self(b)->inner, topic, err), err);
}

static enum rc fault_delete_topic(struct bus *b, const char *topic, struct err *err)
{
	PASS(b, "delete topic", topic, bus_delete_topic(self(b)->inner, topic, err), err);
}

static enum rc fault_subscriptions(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	PASS(b, "list subscriptions of", topic ? topic : "", bus_subscriptions(self(b)->inner, topic, arena, out, err), err);
}

static enum rc fault_subscription(struct bus *b, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	PASS(b, "read subscription", sub, bus_subscription(self(b)->inner, sub, arena, out, err), err);
}

static enum rc fault_delete_subscription(struct bus *b, const char *sub, struct err *err)
{
	PASS(b, "delete subscription", sub, bus_delete_subscription(self(b)->inner, sub, err), err);
}

static enum rc fault_detach(struct bus *b, const char *sub, struct err *err)
{
	PASS(b, "detach subscription", sub, bus_detach(self(b)->inner, sub, err), err);
}

static enum rc fault_snapshots(struct bus *b, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	PASS(b, "list snapshots of", topic ? topic : "", bus_snapshots(self(b)->inner, topic, arena, out, err), err);
}

static enum rc fault_snapshot(struct bus *b, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err)
{
	PASS(b, "read snapshot", name, bus_snapshot(self(b)->inner, name, arena, out, err), err);
}

static enum rc fault_create_snapshot(struct bus *b, const char *name, const char *sub, const char *labels, struct err *err)
{
	PASS(b, "create snapshot", name, bus_create_snapshot(self(b)->inner, name, sub, labels, err), err);
}

static enum rc fault_update_snapshot(struct bus *b, const struct bus_snapshot *snapshot, struct err *err)
{
	PASS(b, "update snapshot", snapshot->name, bus_update_snapshot(self(b)->inner, snapshot, err), err);
}

static enum rc fault_delete_snapshot(struct bus *b, const char *name, struct err *err)
{
	PASS(b, "delete snapshot", name, bus_delete_snapshot(self(b)->inner, name, err), err);
}

static enum rc fault_seek_time(struct bus *b, const char *sub, int64_t time_ms, struct err *err)
{
	PASS(b, "seek subscription", sub, bus_seek_time(self(b)->inner, sub, time_ms, err), err);
}

static enum rc fault_seek_snapshot(struct bus *b, const char *sub, const char *snapshot, struct err *err)
{
	PASS(b, "seek subscription", sub, bus_seek_snapshot(self(b)->inner, sub, snapshot, err), err);
}

static void fault_close(struct bus *b)
{
	bus_close(self(b)->inner);
	mem_free(self(b));
}

static const struct bus_admin_ops admin = {
	.topics = fault_topics,
	.topic = fault_topic,
	.update_topic = fault_update_topic,
	.delete_topic = fault_delete_topic,
	.subscriptions = fault_subscriptions,
	.subscription = fault_subscription,
	.delete_subscription = fault_delete_subscription,
	.detach = fault_detach,
	.snapshots = fault_snapshots,
	.snapshot = fault_snapshot,
	.create_snapshot = fault_create_snapshot,
	.update_snapshot = fault_update_snapshot,
	.delete_snapshot = fault_delete_snapshot,
	.seek_time = fault_seek_time,
	.seek_snapshot = fault_seek_snapshot,
};

struct bus *bus_fault_open(struct bus *inner, int fail_at, bool after, enum rc rc)
{
	static const struct bus_ops ops = {
		.name = "fault",
		.create_topic = fault_create_topic,
		.create_subscription = fault_create_subscription,
		.publish = fault_publish,
		.pull = fault_pull,
		.ack = fault_ack,
		.modify_deadline = fault_modify_deadline,
		.stats = fault_stats,
		.close = fault_close,
		.admin = &admin,
	};
	struct bus_fault *f = mem_alloc(sizeof *f);
	*f = (struct bus_fault){ .base.ops = &ops, .inner = inner, .fail_at = fail_at, .after = after, .rc = rc };
	return &f->base;
}

bool bus_fault_fired(const struct bus *b)
{
	const struct bus_fault *f = CONTAINER_OF(b, const struct bus_fault, base);
	return f->fail_at > 0 && f->calls >= f->fail_at;
}
