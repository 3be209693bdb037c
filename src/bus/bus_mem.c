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

static struct topic *make_topic(struct bus_mem *b, const struct bus_topic *topic)
{
	struct topic *t = find_topic(b, topic->name);
	if (t)
		return t;
	t = mem_alloc(sizeof *t);
	*t = (struct topic){ .next = b->topic, .name = mem_strdup(topic->name), .labels = mem_strdup(topic->labels), .retention_ms = topic->retention_ms };
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
		if (!s->is_snapshot && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

enum rc bus_mem_get_subscription(struct bus_mem *b, const char *name, struct subscription **out, struct err *err)
{
	*out = find_subscription(b, name);
	return *out ? RC_OK : err_set(err, RC_NOT_FOUND, "no subscription '%s' on this bus (sargam setup makes it)", name);
}

static enum rc mem_create_topic(struct bus *base, const struct bus_topic *topic, struct err *err UNUSED)
{
	(void) make_topic(bus_mem_of(base), topic);
	return RC_OK;
}

void bus_mem_set_text(char **text, const char *to)
{
	mem_free(*text);
	*text = mem_strdup(to);
}

struct subscription *bus_mem_add_subscription(struct bus_mem *b, const char *name, struct topic *topic, const char *filter_text,
                                              struct filter *filter)
{
	struct subscription *s = mem_alloc(sizeof *s), **last = &b->subscription;
	*s = (struct subscription){
		.number = ++b->last_subscription,
		.name = mem_strdup(name),
		.filter_text = mem_strdup(filter_text),
		.topic = topic,
		.filter = filter,
	};
	while (*last)
		last = &(*last)->next;
	*last = s;
	return s;
}

static enum rc make_subscription(struct bus_mem *b, const struct bus_subscription *sub, struct topic *topic,
                                 struct subscription **out, struct err *err)
{
	struct filter *filter;
	TRY(filter_parse(slice_of(sub->filter), &filter, err));
	*out = bus_mem_add_subscription(b, sub->name, topic, sub->filter, filter);
	(*out)->ordered = sub->ordered;
	for (struct message *m = b->message; m; m = m->next) {
		if (m->topic == topic && m->letter && filter_match(filter, &m->m)) {
			m->letter = false;
			(void) bus_mem_deliver(*out, m);
		}
	}
	return RC_OK;
}

/* Another topic, filter or order than the one that is there? */
static enum rc check_same(const struct subscription *s, const struct bus_subscription *sub, struct err *err)
{
	if (s->topic->deleted || strcmp(s->topic->name, sub->topic) != 0)
		return err_set(err, RC_REJECT, "subscription '%s' exists on topic '%s', not '%s' (choose another name)", sub->name,
		               s->topic->deleted ? BUS_DELETED_TOPIC : s->topic->name, sub->topic);
	if (strcmp(s->filter_text, sub->filter) != 0)
		return err_set(err, RC_REJECT, "subscription '%s' exists with filter '%s', not '%s' (choose another name)", sub->name,
		               s->filter_text, sub->filter);
	if (s->ordered != sub->ordered)
		return err_set(err, RC_REJECT, "subscription '%s' exists and is%s ordered (choose another name)", sub->name,
		               sub->ordered ? " not" : "");
	return RC_OK;
}

static enum rc mem_create_subscription(struct bus *base, const struct bus_subscription *sub, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct topic *topic;
	struct subscription *s = find_subscription(b, sub->name);
	if (s)
		TRY(check_same(s, sub, err));
	TRY(bus_mem_get_topic(b, sub->topic, &topic, err));
	if (!s)
		TRY(make_subscription(b, sub, topic, &s, err));
	const struct bus_topic dead = { .name = sub->dead_letter_topic, .labels = "" };
	s->dead_letter_topic = sub->dead_letter_topic[0] ? make_topic(b, &dead) : NULL;
	s->ack_deadline_ms = sub->ack_deadline_s * 1000;
	s->backoff_min_ms = sub->backoff_min_ms;
	s->backoff_max_ms = sub->backoff_max_ms;
	s->max_delivery_attempts = sub->max_delivery_attempts;
	s->retention_ms = sub->retention_ms;
	s->retain_acked = sub->retain_acked;
	bus_mem_set_text(&s->push_config, sub->push_config);
	bus_mem_set_text(&s->labels, sub->labels);
	return RC_OK;
}

/* ---- ordering ---- */

struct delivery *bus_mem_predecessor(const struct subscription *s, const struct delivery *d)
{
	struct slice key = d->message->m.ordering_key;
	struct delivery *found = NULL;
	if (!s->ordered || !key.len)
		return NULL;
	for (struct delivery *e = s->delivery; e != d; e = e->next)
		if (e->state != DELIVERY_ACKED && slice_eq(e->message->m.ordering_key, key))
			found = e;
	return found;
}

void bus_mem_block_all(struct subscription *s)
{
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (d->state == DELIVERY_READY && bus_mem_predecessor(s, d))
			d->state = DELIVERY_BLOCKED;
}

/* After one of them ended: who waited for it alone. */
static void unblock(struct subscription *s)
{
	for (struct delivery *d = s->delivery; d; d = d->next)
		if (d->state == DELIVERY_BLOCKED && !bus_mem_predecessor(s, d))
			d->state = DELIVERY_READY;
}

/* ---- publish ---- */

struct delivery *bus_mem_deliver(struct subscription *s, struct message *m)
{
	struct delivery *d, **at = &s->delivery;
	while (*at && (*at)->message->number < m->number)
		at = &(*at)->next;
	if (*at && (*at)->message == m)
		return *at;
	d = mem_alloc(sizeof *d);
	*d = (struct delivery){ .next = *at, .message = m, .state = DELIVERY_READY };
	*at = d;
	m->pending++;
	if (bus_mem_predecessor(s, d))
		d->state = DELIVERY_BLOCKED;
	return d;
}

void bus_mem_copy_message(struct bus_message *to, const struct bus_message *from, struct arena *arena)
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

static void drop_message(struct bus_mem *b, struct message *m)
{
	struct message **at = &b->message;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	arena_done(&m->arena);
	mem_free(m);
}

void bus_mem_release_message(struct bus_mem *b, struct message *m)
{
	bool retained = !m->topic->deleted && m->topic->retention_ms;
	if (!m->pending && !m->letter && !retained)
		drop_message(b, m);
}

int64_t bus_mem_add_message(struct bus_mem *b, struct topic *topic, const struct bus_message *from, bool letter)
{
	struct message *m = mem_alloc(sizeof *m), **last = &b->message;
	*m = (struct message){ .topic = topic, .number = ++b->last_message, .publish_time_ms = clock_now_ms(b->clock),
		               .arena = arena_new((size_t) 64 << 20) };
	bus_mem_copy_message(&m->m, from, &m->arena);
	while (*last)
		last = &(*last)->next;
	*last = m;
	for (struct subscription *s = b->subscription; s; s = s->next)
		if (s->topic == topic && !s->detached && filter_match(s->filter, &m->m))
			(void) bus_mem_deliver(s, m);
	m->letter = letter && !m->pending;
	bus_mem_release_message(b, m);
	return b->last_message;
}

static enum rc mem_publish(struct bus *base, const char *topic_name, struct bus_message *message, size_t count,
                           struct arena *arena, struct err *err)
{
	struct bus_mem *b = bus_mem_of(base);
	struct topic *topic;
	TRY_WRAP(bus_mem_get_topic(b, topic_name, &topic, err), err, "publish to topic '%s'", topic_name);
	bus_mem_keep(b, false);
	if (!arena_fits(arena, count * 32))
		return err_set(err, RC_REJECT, "topic '%s': no room for %zu message ids in the caller's arena", topic_name, count);
	for (size_t i = 0; i < count; i++) {
		message[i].id = arena_printf(arena, "%lld", (long long) bus_mem_add_message(b, topic, &message[i], false));
		message[i].publish_time_ms = clock_now_ms(b->clock);
	}
	return RC_OK;
}

/* ---- the end of things ---- */

void bus_mem_drop_delivery(struct bus_mem *b, struct subscription *s, struct delivery *d)
{
	struct delivery **at = &s->delivery;
	struct message *m = d->message;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	mem_free(d);
	unblock(s);
	m->pending--;
	bus_mem_release_message(b, m);
}

void bus_mem_end_delivery(struct bus_mem *b, struct subscription *s, struct delivery *d)
{
	if (!s->retain_acked) {
		bus_mem_drop_delivery(b, s, d);
		return;
	}
	d->state = DELIVERY_ACKED;
	unblock(s);
}

bool bus_mem_is_old(const struct subscription *s, const struct message *m, int64_t now)
{
	int64_t topic_ms = s->topic->deleted ? 0 : s->topic->retention_ms; /* what the topic retains is always there */
	return s->retention_ms && m->publish_time_ms <= now - (s->retention_ms > topic_ms ? s->retention_ms : topic_ms);
}

static void keep_subscription(struct bus_mem *b, struct subscription *s, int64_t now)
{
	for (struct delivery *d = s->delivery, *next; d; d = next) {
		next = d->next;
		if (bus_mem_is_old(s, d->message, now) || (d->state == DELIVERY_ACKED && !s->retain_acked))
			bus_mem_drop_delivery(b, s, d);
	}
}

#define KEEP_EVERY_MS 1000
void bus_mem_keep(struct bus_mem *b, bool at_once)
{
	int64_t now = clock_now_ms(b->clock);
	if (!at_once && now >= b->kept_ms && now - b->kept_ms < KEEP_EVERY_MS)
		return;
	b->kept_ms = now;
	for (struct subscription **at = &b->subscription; *at;) {
		struct subscription *s = *at;
		if (s->is_snapshot && s->expire_ms <= now) {
			*at = s->next;
			bus_mem_free_subscription(b, s);
			continue;
		}
		keep_subscription(b, s, now);
		at = &s->next;
	}
	for (struct message *m = b->message, *next; m; m = next) {
		next = m->next;
		int64_t retention_ms = m->topic->retention_ms;
		if (!m->pending && !m->letter && (!retention_ms || m->publish_time_ms <= now - retention_ms))
			drop_message(b, m);
	}
}

/* ---- life ---- */

void bus_mem_free_subscription(struct bus_mem *b, struct subscription *s)
{
	while (s->delivery)
		bus_mem_drop_delivery(b, s, s->delivery);
	filter_free(s->filter);
	mem_free(s->name);
	mem_free(s->filter_text);
	mem_free(s->push_config);
	mem_free(s->labels);
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
		drop_message(b, b->message);
	for (struct topic *t = b->topic, *next; t; t = next) {
		next = t->next;
		mem_free(t->name);
		mem_free(t->labels);
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
		.publish = mem_publish,
		.pull = bus_mem_pull,
		.ack = bus_mem_ack,
		.modify_deadline = bus_mem_modify_deadline,
		.stats = bus_mem_stats,
		.close = mem_close,
		.admin = &bus_mem_admin,
	};
	struct bus_mem *b = mem_alloc(sizeof *b);
	*b = (struct bus_mem){ .base.ops = &ops, .clock = clock };
	return &b->base;
}
