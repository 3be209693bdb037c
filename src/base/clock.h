/* Time is passed in (law 7): nobody else asks the system for it. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/macros.h"

struct clock;
struct clock_ops {
	int64_t (*now_ms)(struct clock *c);              /* milliseconds since 1970 UTC; may jump back */
	int64_t (*mono_ns)(struct clock *c);             /* never goes back; for durations */
	void (*sleep_ms)(struct clock *c, int64_t ms);
};
struct clock {
	const struct clock_ops *ops;
};

static inline int64_t clock_now_ms(struct clock *c)
{
	return c->ops->now_ms(c);
}
static inline int64_t clock_mono_ns(struct clock *c)
{
	return c->ops->mono_ns(c);
}
static inline void clock_sleep_ms(struct clock *c, int64_t ms)
{
	assert(ms >= 0);
	c->ops->sleep_ms(c, ms);
}

/* In pieces, so that a signal is not left waiting: over soon after *stop is set.  `stop` may be NULL. */
void clock_sleep_unless(struct clock *c, int64_t ms, const atomic_bool *stop);

/* The machine's clock; one for the process, any thread. */
struct clock *clock_system(void);

/* For tests: stands still until told; sleeping advances it. */
struct clock_fake {
	struct clock base;
	int64_t now_ms, mono_ns, slept_ms;
};
void clock_fake_init(struct clock_fake *f, int64_t now_ms);
void clock_fake_advance_ms(struct clock_fake *f, int64_t ms);

#endif
