/* A bus on a fake clock, and the few words in which its tests are written.  A new backend is one function and one line here, and one
 * line at the end of each suite. */
#ifndef SUITE_BUS_FIXTURE_H
#define SUITE_BUS_FIXTURE_H

#include "base/clock.h"
#include "bus/bus_admin.h"
#include "suite/bus_ok.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

#define NOW_MS INT64_C(1700000000123)
#define SOME_BYTES ((size_t) 1 << 20)

struct fixture {
	struct clock_fake clock;
	struct bus *bus;
	struct arena arena;
};

/* ---- the backends ---- */

static inline struct bus *open_sqlite(struct clock *clock)
{
	char path[512];
	struct bus *bus = NULL;
	struct err err = { 0 };
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	if (bus_sqlite_open(path, clock, &bus, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return bus;
}

static inline struct bus *open_mem(struct clock *clock)
{
	return bus_mem_open(clock);
}

static inline struct bus *open_fault(struct clock *clock)
{
	return bus_fault_open(bus_mem_open(clock), 0, false, RC_RETRY);
}

static inline struct bus *open_group(struct clock *clock)
{
	return bus_group_open(open_sqlite(clock));
}

struct bus_backend {
	struct bus *(*open)(struct clock *clock);
};
static struct bus_backend bus_on_sqlite UNUSED = { open_sqlite }, bus_on_mem UNUSED = { open_mem }, bus_on_fault UNUSED = { open_fault };
static struct bus_backend bus_on_group UNUSED = { open_group };

/* ---- helpers ---- */

/* The clock's address is inside the bus: the fixture must not move after this. */
#define FIXTURE(f)                                                        \
	CLEANUP(fixture_done) struct fixture f = { 0 };                   \
	do {                                                              \
		const struct bus_backend *backend_ = *state;                  \
		(f).arena = arena_new((size_t) 256 << 20);                \
		clock_fake_init(&(f).clock, NOW_MS);                      \
		(f).bus = backend_->open(&(f).clock.base);                \
	} while (0)

static inline void fixture_done(struct fixture *f)
{
	bus_close(f->bus);
	arena_done(&f->arena);
}

#define refused(rc_, text, call)                                                                        \
	do {                                                                                            \
		struct err err = { 0 };                                                                 \
		enum rc got_ = (call);                                                                  \
		if (got_ != (rc_) || !strstr(err.msg, (text)))                                          \
			fail_msg("line %d: %s, want \"%s\", got %s", __LINE__, rc_name(got_), (text), err.msg); \
	} while (0)

static const struct bus_subscription plain = {
	.name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "",
};

static inline void setup_plain(struct fixture *f)
{
	ok(bus_create_topic(f->bus, "topic-a", &err));
	ok(bus_create_subscription(f->bus, &plain, &err));
}

static inline int64_t publish(struct fixture *f, const char *topic, const char *data)
{
	struct bus_message m = { .data = slice_of(data) };
	int64_t id = 0;
	ok(bus_publish(f->bus, topic, &m, 1, &f->arena, &err));
	assert_true(slice_to_int(m.id, &id));
	return id;
}

static inline size_t pull(struct fixture *f, const char *sub, size_t max, struct bus_delivery **out)
{
	size_t count;
	ok(bus_pull(f->bus, sub, max, SOME_BYTES, &f->arena, out, &count, &err));
	assert_true(count <= max);
	return count;
}

static inline struct bus_delivery pull_one(struct fixture *f, const char *sub)
{
	struct bus_delivery *d;
	assert_int_equal(pull(f, sub, 1, &d), 1);
	return d[0];
}

static inline size_t waiting(struct fixture *f, const char *sub)
{
	struct bus_delivery *d;
	return pull(f, sub, 1000, &d);
}

static inline void ack(struct fixture *f, const char *sub, struct bus_delivery d)
{
	ok(bus_ack(f->bus, sub, &d.ack_id, 1, &err));
}

static inline void modify(struct fixture *f, const char *sub, struct bus_delivery d, int64_t seconds)
{
	ok(bus_modify_deadline(f->bus, sub, &d.ack_id, 1, seconds, &err));
}

static inline struct bus_stats stats(struct fixture *f, const char *sub)
{
	struct bus_stats s;
	ok(bus_stats(f->bus, sub, &s, &err));
	return s;
}

static inline bool is_attr(const struct bus_message *m, const char *key, const char *value)
{
	struct slice got = bus_attr_get(m, key);
	return got.ptr && slice_is(got, value);
}

static const struct bus_subscription mortal = {
	.name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 10,
	.dead_letter_topic = "topic-dead", .max_delivery_attempts = 5,
};

static inline void setup_mortal(struct fixture *f, const char *dead_letter_sub)
{
	ok(bus_create_topic(f->bus, "topic-a", &err));
	ok(bus_create_subscription(f->bus, &mortal, &err));
	struct bus_subscription dead = plain;
	dead.name = dead_letter_sub;
	dead.topic = "topic-dead";
	if (dead_letter_sub)
		ok(bus_create_subscription(f->bus, &dead, &err));
}

static inline void kill_by_nack(struct fixture *f, const char *sub, int attempts)
{
	for (int i = 0; i < attempts; i++)
		modify(f, sub, pull_one(f, sub), 0);
}

#define ON_BUS(test, backend_) { #test " [" #backend_ "]", test, NULL, NULL, &bus_on_##backend_ },

#endif
