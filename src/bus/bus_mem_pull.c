/* Deliveries on the bus in memory. */
#include "bus/bus_mem.h"

#include "base/clock.h"

static bool is_spent(const struct subscription *s, int64_t attempt)
{
	return s->dead_letter_topic && !s->dead_letter_topic->deleted && attempt >= s->max_delivery_attempts;
}

static void forward(struct bus_mem *b, struct subscription *s, struct delivery *d)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct bus_message m = d->message->m;
	m.publish_time_ms = d->message->publish_time_ms;
	struct bus_message letter = dead_letter_of(&m, s->name, d->attempt, &arena);
	(void) bus_mem_add_message(b, s->dead_letter_topic, &letter, true);
	bus_mem_end_delivery(b, s, d);
}

static size_t message_bytes(const struct bus_message *m)
{
	size_t bytes = m->data.len + m->ordering_key.len + m->attr_count * (sizeof *m->attr + 64) + 512;
	for (size_t i = 0; i < m->attr_count; i++)
		bytes += m->attr[i].key.len + m->attr[i].value.len;
	return bytes;
}

struct pull {
	size_t max, max_bytes, count, bytes;
	struct arena *arena;
	struct bus_delivery *delivery;
	bool full;
};

static enum rc lease(struct pull *p, struct subscription *s, struct delivery *d, int64_t now, struct err *err)
{
	const struct bus_message *m = &d->message->m;
	bool fits = arena_fits(p->arena, message_bytes(m));
	if (!fits && !p->count)
		return err_set(err, RC_REJECT, "subscription '%s': message %lld: %zu bytes are over the limit of the reader", s->name,
		               (long long) d->message->number, message_bytes(m));
	if (!fits || (p->count && p->bytes + m->data.len > p->max_bytes)) {
		p->full = true;
		return RC_OK;
	}
	struct bus_delivery *out = &p->delivery[p->count];
	d->state = DELIVERY_LEASED;
	d->due_ms = now + s->ack_deadline_ms;
	d->attempt++;
	d->in_batch = true;
	bus_mem_copy_message(&out->message, m, p->arena);
	out->message.id = arena_printf(p->arena, "%lld", (long long) d->message->number);
	out->message.publish_time_ms = d->message->publish_time_ms;
	out->ack_id = ack_id_text((struct ack_id){ s->number, d->message->number, d->attempt, s->epoch }, p->arena);
	out->attempt = (int) d->attempt;
	p->bytes += m->data.len;
	p->full = ++p->count == p->max;
	return RC_OK;
}

/* What is ready once stays so, wherever the clock goes. */
static void return_due(struct subscription *s, int64_t now)
{
	for (struct delivery *d = s->delivery; d; d = d->next) {
		d->in_batch = false;
		if ((d->state == DELIVERY_LEASED || d->state == DELIVERY_BACKOFF) && delivery_is_due(d->due_ms, now))
			d->state = DELIVERY_READY;
	}
}

/* Leased, or at its end: kept too long, tried too often. */
static enum rc deliver(struct pull *p, struct bus_mem *b, struct subscription *s, struct delivery *d, int64_t now, struct err *err)
{
	if (bus_mem_is_old(s, d->message, now))
		bus_mem_drop_delivery(b, s, d);
	else if (is_spent(s, d->attempt))
		forward(b, s, d);
	else
		return lease(p, s, d, now, err);
	return RC_OK;
}

/* The open one of the key after this message. */
static struct delivery *next_of_key(const struct subscription *s, struct slice key, int64_t after)
{
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (d->message->number > after && d->state != DELIVERY_ACKED && slice_eq(d->message->m.ordering_key, key))
			return d;
	return NULL;
}

/* It and the ones of its key that follow. */
static enum rc deliver_key(struct pull *p, struct bus_mem *b, struct subscription *s, struct delivery *d, int64_t now, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(2 * BUS_ORDERING_KEY_BYTES_MAX);
	struct slice key = arena_copy(&arena, d->message->m.ordering_key);
	const struct delivery *before = bus_mem_predecessor(s, d);
	if (before && !before->in_batch) {
		d->state = DELIVERY_BLOCKED; /* that one is with somebody, or backs off */
		return RC_OK;
	}
	while (d && !p->full && (d->state == DELIVERY_READY || d->state == DELIVERY_BLOCKED)) {
		int64_t number = d->message->number;
		TRY(deliver(p, b, s, d, now, err));
		d = next_of_key(s, key, number);
	}
	return RC_OK;
}

static struct delivery *first_ready(const struct subscription *s)
{
	struct delivery *d = s->delivery;
	while (d && d->state != DELIVERY_READY)
		d = d->next;
	return d;
}

static enum rc fill(struct pull *p, struct bus_mem *b, struct subscription *s, int64_t now, struct err *err)
{
	for (struct delivery *d; !p->full && (d = first_ready(s));) {
		if (s->ordered && d->message->m.ordering_key.len)
			TRY(deliver_key(p, b, s, d, now, err));
		else
			TRY(deliver(p, b, s, d, now, err));
	}
	return RC_OK;
}

enum rc bus_mem_pull(struct bus *base, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                        struct bus_delivery **out, size_t *out_count, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s;
	int64_t now = clock_now_ms(b->clock);
	TRY(bus_mem_get_subscription(b, sub, &s, err));
	if (s->detached)
		return err_set(err, RC_REJECT, "pull from subscription '%s': it is detached from its topic (delete it and make it anew)", sub);
	if (!arena_fits(arena, max * sizeof(struct bus_delivery)))
		return err_set(err, RC_REJECT, "subscription '%s': no room for %zu deliveries in the caller's arena", sub, max);
	struct pull p = { .max = max, .max_bytes = max_bytes, .arena = arena };
	p.delivery = arena_alloc_array(arena, max, sizeof *p.delivery);
	return_due(s, now);
	TRY(fill(&p, b, s, now, err));
	*out = p.delivery;
	*out_count = p.count;
	return RC_OK;
}

/* NULL when the id means nothing (any more). */
static struct delivery *find_delivery(struct subscription *s, struct slice ack_id)
{
	struct ack_id id;
	if (!ack_id_parse(ack_id, &id) || id.subscription_id != s->number || id.epoch != s->epoch)
		return NULL;
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (d->message->number == id.message_id)
			return d->attempt == id.attempt && d->state != DELIVERY_ACKED ? d : NULL;
	return NULL;
}

enum rc bus_mem_ack(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, struct err *err)
{
	struct subscription *s;
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	for (size_t i = 0; i < count; i++) {
		struct delivery *d = find_delivery(s, ack_id[i]);
		if (d)
			bus_mem_end_delivery(bus_mem_of(base), s, d);
	}
	return RC_OK;
}

static void nack(struct bus_mem *b, struct subscription *s, struct delivery *d, int64_t now)
{
	if (d->state != DELIVERY_LEASED && d->state != DELIVERY_READY)
		return;
	if (is_spent(s, d->attempt)) {
		forward(b, s, d);
		return;
	}
	for (struct delivery *later = d->next; later; later = later->next)
		if (later->state != DELIVERY_ACKED && bus_mem_predecessor(s, later) && slice_eq(later->message->m.ordering_key, d->message->m.ordering_key))
			later->state = DELIVERY_BLOCKED;
	int64_t backoff_ms = delivery_backoff_ms(s->backoff_min_ms, s->backoff_max_ms, d->attempt);
	d->state = backoff_ms ? DELIVERY_BACKOFF : DELIVERY_READY;
	d->due_ms = now + backoff_ms;
}

enum rc bus_mem_modify_deadline(struct bus *base, const char *sub, const struct slice *ack_id, size_t count,
                                   int64_t seconds, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s;
	int64_t now = clock_now_ms(b->clock);
	TRY(bus_mem_get_subscription(b, sub, &s, err));
	for (size_t i = 0; i < count; i++) {
		struct delivery *d = find_delivery(s, ack_id[i]);
		if (!d)
			continue;
		if (seconds == 0)
			nack(b, s, d, now);
		else if (d->state == DELIVERY_LEASED && !delivery_is_due(d->due_ms, now))
			d->due_ms = now + seconds * 1000;
	}
	return RC_OK;
}

enum rc bus_mem_stats(struct bus *base, const char *sub, struct bus_stats *out, struct err *err)
{
	struct subscription *s;
	int64_t now = clock_now_ms(bus_mem_of(base)->clock);
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	bool first = true;
	for (const struct delivery *d = s->delivery; d; d = d->next) {
		if (d->state == DELIVERY_ACKED)
			continue;
		if (first && now > d->message->publish_time_ms)
			out->oldest_unacked_ms = now - d->message->publish_time_ms;
		first = false;
		if (d->state == DELIVERY_BLOCKED) {
			out->waiting++;
			continue;
		}
		bool due = d->state == DELIVERY_READY || delivery_is_due(d->due_ms, now);
		if (!due && d->state == DELIVERY_LEASED) {
			out->leased++;
			continue;
		}
		int64_t in_ms = due ? 0 : d->due_ms - now;
		if (out->next_delivery_ms < 0 || in_ms < out->next_delivery_ms)
			out->next_delivery_ms = in_ms;
		out->waiting++;
	}
	return RC_OK;
}
