#include "bus/bus_mem.h"

#include "base/clock.h"
#include "base/mem.h"

/* ---- topics and subscriptions ---- */

static struct topic *find_topic(struct bus_mem *b, const char *name)
{
	for (struct topic *t = b->topic; t; t = t->next)
		if (!t->deleted && strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static struct topic *make_topic(struct bus_mem *b, const char *name)
{
	struct topic *t = find_topic(b, name);
	if (t)
		return t;
	t = mem_alloc(sizeof *t);
	t->name = mem_strdup(name);
	t->next = b->topic;
	b->topic = t;
	return t;
}

enum rc bus_mem_get_topic(struct bus_mem *b, const char *name, struct topic **out, struct err *err)
{
	*out = find_topic(b, name);
	return *out ? RC_OK : err_set(err, RC_NOT_FOUND, "no topic '%s' on this bus (sargam setup makes it)", name);
}

static struct subscription *find_subscription(struct bus_mem *b, const char *name)
{
	for (struct subscription *s = b->subscription; s; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

enum rc bus_mem_get_subscription(struct bus_mem *b, const char *name, struct subscription **out, struct err *err)
{
	*out = find_subscription(b, name);
	return *out ? RC_OK : err_set(err, RC_NOT_FOUND, "no subscription '%s' on this bus (sargam setup makes it)", name);
}

static enum rc mem_create_topic(struct bus *base, const char *topic, struct err *err UNUSED)
{
	(void) make_topic(bus_mem_of(base), topic);
	return RC_OK;
}

static void deliver(struct subscription *s, struct message *m)
{
	struct delivery *d = mem_alloc(sizeof *d), **at = &s->delivery;
	*d = (struct delivery){ .message = m, .state = DELIVERY_READY };
	while (*at && (*at)->message->number < m->number)
		at = &(*at)->next;
	d->next = *at;
	*at = d;
	m->pending++;
}

static enum rc make_subscription(struct bus_mem *b, const struct bus_subscription *sub, struct topic *topic,
                                 struct subscription **out, struct err *err)
{
	struct filter *filter;
	TRY(filter_parse(slice_of(sub->filter), &filter, err));
	struct subscription *s = mem_alloc(sizeof *s), **last = &b->subscription;
	*s = (struct subscription){
		.number = ++b->last_subscription,
		.name = mem_strdup(sub->name),
		.filter_text = mem_strdup(sub->filter),
		.topic = topic,
		.filter = filter,
	};
	while (*last)
		last = &(*last)->next;
	*last = s;
	for (struct message *m = b->message; m; m = m->next)
		if (m->topic == topic && m->pending == 0 && filter_match(filter, &m->m))
			deliver(s, m);
	*out = s;
	return RC_OK;
}

static enum rc mem_create_subscription(struct bus *base, const struct bus_subscription *sub, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct topic *topic;
	struct subscription *s = find_subscription(b, sub->name);
	if (s && (s->topic->deleted || strcmp(s->topic->name, sub->topic) != 0))
		return err_set(err, RC_REJECT, "subscription '%s' exists on topic '%s', not '%s' (choose another name)", sub->name,
		               s->topic->deleted ? BUS_DELETED_TOPIC : s->topic->name, sub->topic);
	if (s && strcmp(s->filter_text, sub->filter) != 0)
		return err_set(err, RC_REJECT, "subscription '%s' exists with filter '%s', not '%s' (choose another name)",
		               sub->name, s->filter_text, sub->filter);
	TRY(bus_mem_get_topic(b, sub->topic, &topic, err));
	if (!s)
		TRY(make_subscription(b, sub, topic, &s, err));
	s->dead_letter_topic = sub->dead_letter_topic[0] ? make_topic(b, sub->dead_letter_topic) : NULL;
	s->ack_deadline_ms = sub->ack_deadline_s * 1000;
	s->backoff_min_ms = sub->backoff_min_ms;
	s->backoff_max_ms = sub->backoff_max_ms;
	s->max_delivery_attempts = sub->max_delivery_attempts;
	return RC_OK;
}

/* ---- publish ---- */

static void copy_message(struct bus_message *to, const struct bus_message *from, struct arena *arena)
{
	to->data = arena_copy(arena, from->data.ptr ? from->data : SLICE(""));
	to->ordering_key = arena_copy(arena, from->ordering_key.ptr ? from->ordering_key : SLICE(""));
	to->attr = arena_alloc_array(arena, from->attr_count, sizeof *to->attr);
	to->attr_count = from->attr_count;
	for (size_t i = 0; i < from->attr_count; i++) {
		to->attr[i].key = arena_copy(arena, from->attr[i].key);
		to->attr[i].value = arena_copy(arena, from->attr[i].value.ptr ? from->attr[i].value : SLICE(""));
	}
}

void bus_mem_drop_message(struct bus_mem *b, struct message *m)
{
	struct message **at = &b->message;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	arena_done(&m->arena);
	mem_free(m);
}

/* `keep`: also without a subscription that wants it.  The number of the message. */
static int64_t add_message(struct bus_mem *b, struct topic *topic, const struct bus_message *from, bool keep)
{
	struct message *m = mem_alloc(sizeof *m), **last = &b->message;
	m->topic = topic;
	m->number = ++b->last_message;
	m->publish_time_ms = clock_now_ms(b->clock);
	m->arena = arena_new((size_t) 64 << 20);
	copy_message(&m->m, from, &m->arena);
	while (*last)
		last = &(*last)->next;
	*last = m;
	for (struct subscription *s = b->subscription; s; s = s->next)
		if (s->topic == topic && filter_match(s->filter, &m->m))
			deliver(s, m);
	if (!m->pending && !keep)
		bus_mem_drop_message(b, m);
	return b->last_message;
}

static enum rc mem_publish(struct bus *base, const char *topic_name, struct bus_message *message, size_t count,
                           struct arena *arena, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct topic *topic;
	TRY_WRAP(bus_mem_get_topic(b, topic_name, &topic, err), err, "publish to topic '%s'", topic_name);
	if (!arena_fits(arena, count * 32))
		return err_set(err, RC_REJECT, "topic '%s': no room for %zu message ids in the caller's arena", topic_name, count);
	for (size_t i = 0; i < count; i++) {
		message[i].id = arena_printf(arena, "%lld", (long long) add_message(b, topic, &message[i], false));
		message[i].publish_time_ms = clock_now_ms(b->clock);
	}
	return RC_OK;
}

/* ---- deliveries ---- */

static void end_delivery(struct bus_mem *b, struct subscription *s, struct delivery *d)
{
	struct delivery **at = &s->delivery;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	if (--d->message->pending == 0)
		bus_mem_drop_message(b, d->message);
	mem_free(d);
}

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
	(void) add_message(b, s->dead_letter_topic, &letter, true);
	end_delivery(b, s, d);
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
	copy_message(&out->message, m, p->arena);
	out->message.id = arena_printf(p->arena, "%lld", (long long) d->message->number);
	out->message.publish_time_ms = d->message->publish_time_ms;
	out->ack_id = ack_id_text((struct ack_id){ s->number, d->message->number, d->attempt }, p->arena);
	out->attempt = (int) d->attempt;
	p->bytes += m->data.len;
	p->full = ++p->count == p->max;
	return RC_OK;
}

/* What is ready once stays so, wherever the clock goes. */
static void return_due(struct subscription *s, int64_t now)
{
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (delivery_is_due(d->due_ms, now))
			d->state = DELIVERY_READY;
}

static enum rc mem_pull(struct bus *base, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                        struct bus_delivery **out, size_t *out_count, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct subscription *s;
	int64_t now = clock_now_ms(b->clock);
	TRY(bus_mem_get_subscription(b, sub, &s, err));
	if (!arena_fits(arena, max * sizeof(struct bus_delivery)))
		return err_set(err, RC_REJECT, "subscription '%s': no room for %zu deliveries in the caller's arena", sub, max);
	struct pull p = { .max = max, .max_bytes = max_bytes, .arena = arena };
	p.delivery = arena_alloc_array(arena, max, sizeof *p.delivery);
	return_due(s, now);
	for (struct delivery *d = s->delivery, *next; d && !p.full; d = next) {
		next = d->next;
		if (d->state != DELIVERY_READY)
			continue;
		if (is_spent(s, d->attempt))
			forward(b, s, d);
		else
			TRY(lease(&p, s, d, now, err));
	}
	*out = p.delivery;
	*out_count = p.count;
	return RC_OK;
}

/* NULL when the id means nothing (any more). */
static struct delivery *find_delivery(struct subscription *s, struct slice ack_id)
{
	struct ack_id id;
	if (!ack_id_parse(ack_id, &id) || id.subscription_id != s->number)
		return NULL;
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (d->message->number == id.message_id)
			return d->attempt == id.attempt ? d : NULL;
	return NULL;
}

static enum rc mem_ack(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, struct err *err)
{
	struct subscription *s;
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	for (size_t i = 0; i < count; i++) {
		struct delivery *d = find_delivery(s, ack_id[i]);
		if (d)
			end_delivery(bus_mem_of(base), s, d);
	}
	return RC_OK;
}

static void nack(struct bus_mem *b, struct subscription *s, struct delivery *d, int64_t now)
{
	if (d->state == DELIVERY_BACKOFF)
		return;
	if (is_spent(s, d->attempt)) {
		forward(b, s, d);
		return;
	}
	int64_t backoff_ms = delivery_backoff_ms(s->backoff_min_ms, s->backoff_max_ms, d->attempt);
	d->state = backoff_ms ? DELIVERY_BACKOFF : DELIVERY_READY;
	d->due_ms = now + backoff_ms;
}

static enum rc mem_modify_deadline(struct bus *base, const char *sub, const struct slice *ack_id, size_t count,
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

static enum rc mem_stats(struct bus *base, const char *sub, struct bus_stats *out, struct err *err)
{
	struct subscription *s;
	int64_t now = clock_now_ms(bus_mem_of(base)->clock);
	TRY(bus_mem_get_subscription(bus_mem_of(base), sub, &s, err));
	if (s->delivery && now > s->delivery->message->publish_time_ms)
		out->oldest_unacked_ms = now - s->delivery->message->publish_time_ms;
	for (const struct delivery *d = s->delivery; d; d = d->next) {
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

/* ---- life ---- */

void bus_mem_free_subscription(struct bus_mem *b, struct subscription *s)
{
	while (s->delivery)
		end_delivery(b, s, s->delivery);
	filter_free(s->filter);
	mem_free(s->name);
	mem_free(s->filter_text);
	mem_free(s);
}

static void mem_close(struct bus *base)
{
	struct bus_mem *b = bus_mem_of(base);
	for (struct subscription *s = b->subscription, *next; s; s = next) {
		next = s->next;
		bus_mem_free_subscription(b, s);
	}
	while (b->message)
		bus_mem_drop_message(b, b->message);
	for (struct topic *t = b->topic, *next; t; t = next) {
		next = t->next;
		mem_free(t->name);
		mem_free(t);
	}
	mem_free(b);
}

struct bus *bus_mem_open(struct clock *clock)
{
	static const struct bus_ops ops = {
		.name = "mem",
		.create_topic = mem_create_topic,
		.create_subscription = mem_create_subscription,
		.topics = bus_mem_topics,
		.subscriptions = bus_mem_subscriptions,
		.subscription = bus_mem_describe,
		.delete_topic = bus_mem_delete_topic,
		.delete_subscription = bus_mem_delete_subscription,
		.publish = mem_publish,
		.pull = mem_pull,
		.ack = mem_ack,
		.modify_deadline = mem_modify_deadline,
		.stats = mem_stats,
		.close = mem_close,
	};
	struct bus_mem *b = mem_alloc(sizeof *b);
	*b = (struct bus_mem){ .base.ops = &ops, .clock = clock };
	return &b->base;
}
