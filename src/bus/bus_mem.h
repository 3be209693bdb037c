/* The bus in memory: private to bus_mem*.c. */
#ifndef BUS_BUS_MEM_H
#define BUS_BUS_MEM_H

#include "bus/bus_admin.h"
#include "bus/filter.h"
#include "bus/redelivery.h"

/* Lists in order of age; every operation may walk them: this backend is for tests and dry runs. */
struct message {
	struct message *next;
	struct topic *topic;
	int64_t number, publish_time_ms;
	size_t pending; /* deliveries */
	bool letter;    /* a dead letter that nobody has subscribed to */
	struct arena arena;
	struct bus_message m;
};

struct delivery {
	struct delivery *next;
	struct message *message;
	enum delivery_state state;
	int64_t attempt, due_ms;
	bool in_batch; /* of the pull under way */
};

struct topic {
	struct topic *next;
	char *name, *labels;
	int64_t retention_ms;
	bool deleted; /* subscriptions or messages still refer to it */
};

struct subscription {
	struct subscription *next;
	int64_t number, epoch;
	char *name, *filter_text, *push_config, *labels;
	struct topic *topic, *dead_letter_topic; /* the second may be NULL */
	struct filter *filter;
	int64_t ack_deadline_ms, backoff_min_ms, backoff_max_ms, max_delivery_attempts, retention_ms;
	bool retain_acked, ordered, detached;
	bool is_snapshot; /* gets what is published; nobody pulls it */
	int64_t expire_ms;
	struct delivery *delivery;
};

struct bus_mem {
	struct bus base;
	struct clock *clock;
	struct topic *topic;
	struct subscription *subscription;
	struct message *message;
	int64_t last_message, last_subscription;
	int64_t kept_ms; /* when bus_mem_keep() last looked */
};

static inline struct bus_mem *bus_mem_of(struct bus *b)
{
	return CONTAINER_OF(b, struct bus_mem, base);
}

MUST_USE enum rc bus_mem_get_topic(struct bus_mem *b, const char *name, struct topic **out, struct err *err);
MUST_USE enum rc bus_mem_get_subscription(struct bus_mem *b, const char *name, struct subscription **out, struct err *err);
/* A new one at the end of the list, without settings. */
struct subscription *bus_mem_add_subscription(struct bus_mem *b, const char *name, struct topic *topic, const char *filter_text,
                                              struct filter *filter);
void bus_mem_free_subscription(struct bus_mem *b, struct subscription *s);
/* A delivery in its place; the one that is there already when there is one. */
struct delivery *bus_mem_deliver(struct subscription *s, struct message *m);
/* One more message of the topic, to whom it concerns; its number.  `letter`: kept also without a subscription that wants it. */
int64_t bus_mem_add_message(struct bus_mem *b, struct topic *topic, const struct bus_message *from, bool letter);
void bus_mem_copy_message(struct bus_message *to, const struct bus_message *from, struct arena *arena);
/* Gone, unless a delivery, its topic or its being a letter keeps it. */
void bus_mem_release_message(struct bus_mem *b, struct message *m);
/* The delivery is gone. */
void bus_mem_drop_delivery(struct bus_mem *b, struct subscription *s, struct delivery *d);
/* Acknowledged: gone, or kept as such. */
void bus_mem_end_delivery(struct bus_mem *b, struct subscription *s, struct delivery *d);
/* The open delivery of the same ordering key before this one, the nearest; NULL when it need not wait for any. */
struct delivery *bus_mem_predecessor(const struct subscription *s, const struct delivery *d);
/* After the states of many were set: all but the first of each ordering key wait. */
void bus_mem_block_all(struct subscription *s);
/* Has it been kept long enough? */
bool bus_mem_is_old(const struct subscription *s, const struct message *m, int64_t now);
/* What has been kept long enough goes; once a second, `at_once` in any case. */
void bus_mem_keep(struct bus_mem *b, bool at_once);
void bus_mem_set_text(char **text, const char *to);

extern const struct bus_admin_ops bus_mem_admin; /* bus_mem_admin.c */
/* bus_mem_seek.c */
MUST_USE enum rc bus_mem_snapshots(struct bus *base, const char *topic, struct arena *arena, struct bus_names *out, struct err *err);
MUST_USE enum rc bus_mem_snapshot(struct bus *base, const char *name, struct arena *arena, struct bus_snapshot *out, struct err *err);
MUST_USE enum rc bus_mem_create_snapshot(struct bus *base, const char *name, const char *sub, const char *labels, struct err *err);
MUST_USE enum rc bus_mem_update_snapshot(struct bus *base, const struct bus_snapshot *snapshot, struct err *err);
MUST_USE enum rc bus_mem_delete_snapshot(struct bus *base, const char *name, struct err *err);
MUST_USE enum rc bus_mem_seek_time(struct bus *base, const char *sub, int64_t time_ms, struct err *err);
MUST_USE enum rc bus_mem_seek_snapshot(struct bus *base, const char *sub, const char *snapshot, struct err *err);
const char *bus_mem_topic_name(const struct topic *t, struct arena *arena);
MUST_USE enum rc bus_mem_list_names(const char *const *name, size_t count, struct arena *arena, struct bus_names *out, struct err *err);

/* bus_mem_pull.c */
MUST_USE enum rc bus_mem_pull(struct bus *base, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                              struct bus_delivery **out, size_t *out_count, struct err *err);
MUST_USE enum rc bus_mem_ack(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, struct err *err);
MUST_USE enum rc bus_mem_modify_deadline(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, int64_t seconds,
                                         struct err *err);
MUST_USE enum rc bus_mem_stats(struct bus *base, const char *sub, struct bus_stats *out, struct err *err);

#endif
