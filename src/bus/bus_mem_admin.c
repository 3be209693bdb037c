#include "bus/bus_mem.h"

#include "base/mem.h"

static int by_name(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *) a, *(const struct slice *) b);
}

static enum rc list_names(const char *const *name, size_t count, struct arena *arena, struct bus_names *out, struct err *err)
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

enum rc bus_mem_topics(struct bus *base, struct arena *arena, struct bus_names *out, struct err *err)
{
	CLEANUP(mem_freep) const char **name = NULL;
	size_t count = 0, all = 0;
	for (const struct topic *t = bus_mem_of(base)->topic; t; t = t->next)
		all++;
	name = mem_alloc_array(all, sizeof *name);
	for (const struct topic *t = bus_mem_of(base)->topic; t; t = t->next)
		if (!t->deleted)
			name[count++] = t->name;
	return list_names(name, count, arena, out, err);
}

enum rc bus_mem_subscriptions(struct bus *base, const char *topic_name, struct arena *arena, struct bus_names *out, struct err *err)
{
	CLEANUP(mem_freep) const char **name = NULL;
	struct topic *topic = NULL;
	size_t count = 0, all = 0;
	if (topic_name)
		TRY(bus_mem_get_topic(bus_mem_of(base), topic_name, &topic, err));
	for (const struct subscription *s = bus_mem_of(base)->subscription; s; s = s->next)
		all++;
	name = mem_alloc_array(all, sizeof *name);
	for (const struct subscription *s = bus_mem_of(base)->subscription; s; s = s->next)
		if (!topic || s->topic == topic)
			name[count++] = s->name;
	return list_names(name, count, arena, out, err);
}

static const char *seen_name(const struct topic *t, struct arena *arena)
{
	return !t ? "" : t->deleted ? BUS_DELETED_TOPIC : arena_strdup(arena, slice_of(t->name));
}

enum rc bus_mem_describe(struct bus *base, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err)
{
	struct subscription *s;
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	*out = (struct bus_subscription){
		.name = arena_strdup(arena, slice_of(s->name)),
		.topic = seen_name(s->topic, arena),
		.filter = arena_strdup(arena, slice_of(s->filter_text)),
		.ack_deadline_s = s->ack_deadline_ms / 1000,
		.backoff_min_ms = s->backoff_min_ms,
		.backoff_max_ms = s->backoff_max_ms,
		.dead_letter_topic = seen_name(s->dead_letter_topic, arena),
		.max_delivery_attempts = s->max_delivery_attempts,
	};
	return RC_OK;
}

enum rc bus_mem_delete_topic(struct bus *base, const char *name, struct err *err)
{
	struct topic *topic;
	TRY(bus_mem_get_topic(bus_mem_of(base), name, &topic, err));
	for (struct message *m = bus_mem_of(base)->message, *next; m; m = next) {
		next = m->next;
		if (m->topic == topic && m->pending == 0)
			bus_mem_drop_message(bus_mem_of(base), m);
	}
	topic->deleted = true;
	return RC_OK;
}

enum rc bus_mem_delete_subscription(struct bus *base, const char *sub, struct err *err)
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
