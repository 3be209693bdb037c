/* The bus in memory: private to bus_mem*.c. */
#ifndef BUS_BUS_MEM_H
#define BUS_BUS_MEM_H

#include "bus/bus.h"
#include "bus/filter.h"
#include "bus/redelivery.h"

/* Lists in order of age; every operation may walk them: this backend is for tests and dry runs. */
struct message {
	struct message *next;
	struct topic *topic;
	int64_t number, publish_time_ms;
	size_t pending; /* deliveries; 0 for a dead letter that nobody has subscribed to */
	struct arena arena;
	struct bus_message m;
};

struct delivery {
	struct delivery *next;
	struct message *message;
	enum delivery_state state;
	int64_t attempt, due_ms;
};

struct topic {
	struct topic *next;
	char *name;
	bool deleted; /* subscriptions or messages still refer to it */
};

struct subscription {
	struct subscription *next;
	int64_t number;
	char *name, *filter_text;
	struct topic *topic, *dead_letter_topic; /* the second may be NULL */
	struct filter *filter;
	int64_t ack_deadline_ms, backoff_min_ms, backoff_max_ms, max_delivery_attempts;
	struct delivery *delivery;
};

struct bus_mem {
	struct bus base;
	struct clock *clock;
	struct topic *topic;
	struct subscription *subscription;
	struct message *message;
	int64_t last_message, last_subscription;
};

static inline struct bus_mem *bus_mem_of(struct bus *b)
{
	return CONTAINER_OF(b, struct bus_mem, base);
}

MUST_USE enum rc bus_mem_get_topic(struct bus_mem *b, const char *name, struct topic **out, struct err *err);
MUST_USE enum rc bus_mem_get_subscription(struct bus_mem *b, const char *name, struct subscription **out, struct err *err);
void bus_mem_drop_message(struct bus_mem *b, struct message *m);
void bus_mem_free_subscription(struct bus_mem *b, struct subscription *s);

/* bus_mem_admin.c */
MUST_USE enum rc bus_mem_topics(struct bus *base, struct arena *arena, struct bus_names *out, struct err *err);
MUST_USE enum rc bus_mem_subscriptions(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err);
MUST_USE enum rc bus_mem_describe(struct bus *base, const char *sub, struct arena *arena, struct bus_subscription *out, struct err *err);
MUST_USE enum rc bus_mem_delete_topic(struct bus *base, const char *name, struct err *err);
MUST_USE enum rc bus_mem_delete_subscription(struct bus *base, const char *sub, struct err *err);

#endif
