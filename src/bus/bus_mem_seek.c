/* Snapshots and seek on the bus in memory. */
#include "bus/bus_mem.h"

#include "base/clock.h"
#include "base/mem.h"

static struct subscription *find_snapshot(struct bus_mem *b, const char *name)
{
	for (struct subscription *s = b->subscription; s; s = s->next)
		if (s->is_snapshot && s->expire_ms > clock_now_ms(b->clock) && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static enum rc get_snapshot(struct bus_mem *b, const char *name, struct subscription **out, struct err *err)
{
	*out = find_snapshot(b, name);
	return *out ? RC_OK : err_set(err, RC_NOT_FOUND, "no snapshot '%s' on this bus", name);
}

enum rc bus_mem_snapshot(struct bus *base, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err)
{
	struct subscription *s;
	TRY(get_snapshot(bus_mem_of(base), name, &s, err));
	*out = (struct bus_snapshot){
		.name = arena_strdup(arena, slice_of(s->name)),
		.topic = bus_mem_topic_name(s->topic, arena),
		.labels = arena_strdup(arena, slice_of(s->labels)),
		.expire_ms = s->expire_ms,
	};
	return RC_OK;
}

static int64_t expiry(const struct subscription *of, int64_t now)
{
	int64_t oldest = now;
	for (const struct delivery *d = of->delivery; d; d = d->next)
		if (d->state != DELIVERY_ACKED && d->message->publish_time_ms < oldest)
			oldest = d->message->publish_time_ms;
	return oldest + BUS_SNAPSHOT_MS_MAX;
}

enum rc bus_mem_create_snapshot(struct bus *base, const char *name, const char *sub, const char *labels, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *of;
	struct filter *filter;
	int64_t now = clock_now_ms(b->clock);
	TRY_WRAP(bus_mem_get_subscription(b, sub, &of, err), err, "snapshot '%s'", name);
	if (find_snapshot(b, name))
		return err_set(err, RC_REJECT, "snapshot '%s': it exists (choose another name)", name);
	if (of->detached)
		return err_set(err, RC_REJECT, "snapshot '%s': subscription '%s' is detached from its topic", name, sub);
	bus_mem_keep(b, true);
	if (expiry(of, now) - now < BUS_SNAPSHOT_MS_MIN)
		return err_set(err, RC_REJECT, "snapshot '%s': subscription '%s': its oldest message is so old that a snapshot would not last an hour"
		               " (acknowledge it, or seek)", name, sub);
	TRY(filter_parse(slice_of(of->filter_text), &filter, err));
	struct subscription *s = bus_mem_add_subscription(b, name, of->topic, of->filter_text, filter);
	s->is_snapshot = true;
	s->expire_ms = expiry(of, now);
	bus_mem_set_text(&s->labels, labels);
	for (struct delivery *d = of->delivery; d; d = d->next)
		if (d->state != DELIVERY_ACKED)
			(void) bus_mem_deliver(s, d->message);
	return RC_OK;
}

enum rc bus_mem_update_snapshot(struct bus *base, const struct bus_snapshot *snapshot, struct err *err)
{
	struct subscription *s;
	TRY(get_snapshot(bus_mem_of(base), snapshot->name, &s, err));
	s->expire_ms = snapshot->expire_ms;
	bus_mem_set_text(&s->labels, snapshot->labels);
	return RC_OK;
}

enum rc bus_mem_delete_snapshot(struct bus *base, const char *name, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s, **at = &b->subscription;
	TRY(get_snapshot(b, name, &s, err));
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	bus_mem_free_subscription(b, s);
	return RC_OK;
}

/* ---- seek ---- */

static void bring_back(struct subscription *s, struct message *m)
{
	struct delivery *d = bus_mem_deliver(s, m);
	d->state = DELIVERY_READY;
	d->attempt = 0;
	d->due_ms = 0;
}

static void ack_before(struct bus_mem *b, struct subscription *s, int64_t time_ms)
{
	for (struct delivery *d = s->delivery, *next; d; d = next) {
		next = d->next;
		if (d->message->publish_time_ms < time_ms)
			bus_mem_end_delivery(b, s, d);
	}
}

enum rc bus_mem_seek_time(struct bus *base, const char *sub, int64_t time_ms, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s;
	TRY_WRAP(bus_mem_get_subscription(b, sub, &s, err), err, "seek subscription '%s'", sub);
	s->epoch++;
	ack_before(b, s, time_ms);
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (d->message->publish_time_ms >= time_ms)
			bring_back(s, d->message);
	for (struct message *m = b->message; m && s->topic->retention_ms && !s->topic->deleted && !s->detached; m = m->next)
		if (m->topic == s->topic && !m->letter && m->publish_time_ms >= time_ms && filter_match(s->filter, &m->m))
			bring_back(s, m);
	bus_mem_block_all(s);
	return RC_OK;
}

enum rc bus_mem_seek_snapshot(struct bus *base, const char *sub, const char *snapshot, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s, *from;
	TRY_WRAP(bus_mem_get_subscription(b, sub, &s, err), err, "seek subscription '%s'", sub);
	TRY_WRAP(get_snapshot(b, snapshot, &from, err), err, "seek subscription '%s'", sub);
	if (from->topic != s->topic || s->detached)
		return err_set(err, RC_REJECT, "seek subscription '%s': snapshot '%s' is of another topic", sub, snapshot);
	s->epoch++;
	ack_before(b, s, INT64_MAX);
	for (struct delivery *d = from->delivery; d; d = d->next)
		if (filter_match(s->filter, &d->message->m))
			bring_back(s, d->message);
	bus_mem_block_all(s);
	return RC_OK;
}
