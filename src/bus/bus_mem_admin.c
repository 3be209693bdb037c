#include "bus/bus_mem.h"

#include "base/clock.h"
#include "base/mem.h"

static int by_name(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *) a, *(const struct slice *) b);
}

enum rc bus_mem_list_names(const char *const *name, size_t count, struct arena *arena, struct bus_names *out, struct err *err)
{
	size_t need = count * sizeof *out->name;
	for (size_t i = 0; i < count; i++)
		need += strlen(name[i]) + 64;
	if (!arena_fits(arena, need))
		return err_set(err, RC_REJECT, "%zu names: over the limit of the reader", count);
	out->name = arena_alloc_array(arena, count, sizeof *out->name);
	out->count = count;
	for (size_t i = 0; i < count; i++)
		out->name[i] = arena_copy(arena, slice_of(name[i]));
	if (count)
		qsort(out->name, count, sizeof *out->name, by_name);
	return RC_OK;
}

static enum rc topics(struct bus *base, struct arena *arena, struct bus_names *out, struct err *err)
{
	CLEANUP(mem_freep) const char **name = NULL;
	size_t count = 0, all = 0;
	for (const struct topic *t = bus_mem_of(base)->topic; t; t = t->next)
		all++;
	name = mem_alloc_array(all, sizeof *name);
	for (const struct topic *t = bus_mem_of(base)->topic; t; t = t->next)
		if (!t->deleted)
			name[count++] = t->name;
	return bus_mem_list_names(name, count, arena, out, err);
}

/* Subscriptions or snapshots; of a topic, or of all when it is NULL. */
static enum rc list_subscriptions(struct bus_mem *b, const char *topic_name, bool snapshots, struct arena *arena, struct bus_names *out,
                                  struct err *err)
{
	CLEANUP(mem_freep) const char **name = NULL;
	struct topic *topic = NULL;
	size_t count = 0, all = 0;
	if (topic_name)
		TRY(bus_mem_get_topic(b, topic_name, &topic, err));
	for (const struct subscription *s = b->subscription; s; s = s->next)
		all++;
	name = mem_alloc_array(all, sizeof *name);
	for (const struct subscription *s = b->subscription; s; s = s->next)
		if ((!topic || s->topic == topic) && s->is_snapshot == snapshots && (!snapshots || s->expire_ms > clock_now_ms(b->clock)))
			name[count++] = s->name;
	return bus_mem_list_names(name, count, arena, out, err);
}

static enum rc subscriptions(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	return list_subscriptions(bus_mem_of(base), topic, false, arena, out, err);
}

enum rc bus_mem_snapshots(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err)
{
	return list_subscriptions(bus_mem_of(base), topic, true, arena, out, err);
}

const char *bus_mem_topic_name(const struct topic *t, struct arena *arena)
{
	return !t ? "" : t->deleted ? BUS_DELETED_TOPIC : arena_strdup(arena, slice_of(t->name));
}

static enum rc describe_topic(struct bus *base, const char *topic, struct arena *arena, struct bus_topic *out, struct err *err)
{
	struct topic *t;
	TRY(bus_mem_get_topic(bus_mem_of(base), topic, &t, err));
	*out = (struct bus_topic){ arena_strdup(arena, slice_of(t->name)), t->retention_ms, arena_strdup(arena, slice_of(t->labels)) };
	return RC_OK;
}

static enum rc describe(struct bus *base, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	struct subscription *s;
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	*out = (struct bus_subscription){
		.name = arena_strdup(arena, slice_of(s->name)),
		.topic = bus_mem_topic_name(s->topic, arena),
		.filter = arena_strdup(arena, slice_of(s->filter_text)),
		.ack_deadline_s = s->ack_deadline_ms / 1000,
		.backoff_min_ms = s->backoff_min_ms,
		.backoff_max_ms = s->backoff_max_ms,
		.dead_letter_topic = bus_mem_topic_name(s->dead_letter_topic, arena),
		.max_delivery_attempts = s->max_delivery_attempts,
		.retention_ms = s->retention_ms,
		.retain_acked = s->retain_acked,
		.ordered = s->ordered,
		.push_config = arena_strdup(arena, slice_of(s->push_config)),
		.labels = arena_strdup(arena, slice_of(s->labels)),
		.detached = s->detached,
	};
	return RC_OK;
}

static enum rc update_topic(struct bus *base, const struct bus_topic *topic, struct err *err)
{
	struct topic *t;
	TRY(bus_mem_get_topic(bus_mem_of(base), topic->name, &t, err));
	t->retention_ms = topic->retention_ms;
	bus_mem_set_text(&t->labels, topic->labels);
	bus_mem_keep(bus_mem_of(base), true);
	return RC_OK;
}

static enum rc delete_topic(struct bus *base, const char *name, struct err *err)
{
	struct topic *topic;
	TRY(bus_mem_get_topic(bus_mem_of(base), name, &topic, err));
	topic->deleted = true;
	for (struct message *m = bus_mem_of(base)->message, *next; m; m = next) {
		next = m->next;
		if (m->topic != topic)
			continue;
		m->letter = false;
		bus_mem_release_message(bus_mem_of(base), m);
	}
	return RC_OK;
}

static enum rc delete_subscription(struct bus *base, const char *sub, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s, **at = &b->subscription;
	TRY(bus_mem_get_subscription(b, sub, &s, err));
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	bus_mem_free_subscription(b, s);
	return RC_OK;
}

static enum rc detach(struct bus *base, const char *sub, struct err *err)
{
	struct subscription *s;
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	s->detached = true;
	while (s->delivery)
		bus_mem_drop_delivery(bus_mem_of(base), s, s->delivery);
	return RC_OK;
}

const struct bus_admin_ops bus_mem_admin = {
	.topics = topics,
	.topic = describe_topic,
	.update_topic = update_topic,
	.delete_topic = delete_topic,
	.subscriptions = subscriptions,
	.subscription = describe,
	.delete_subscription = delete_subscription,
	.detach = detach,
	.snapshots = bus_mem_snapshots,
	.snapshot = bus_mem_snapshot,
	.create_snapshot = bus_mem_create_snapshot,
	.update_snapshot = bus_mem_update_snapshot,
	.delete_snapshot = bus_mem_delete_snapshot,
	.seek_time = bus_mem_seek_time,
	.seek_snapshot = bus_mem_seek_snapshot,
};
