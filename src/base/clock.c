#include "base/clock.h"

#include <errno.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec ts;
	int failed = clock_gettime(id, &ts);
	assert(!failed);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_now_ms(struct clock *c UNUSED)
{
	return read_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t system_mono_ns(struct clock *c UNUSED)
{
	return read_ns(CLOCK_MONOTONIC);
}

static void system_sleep_ms(struct clock *c UNUSED, int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

struct clock *clock_system(void)
{
	static const struct clock_ops ops = { system_now_ms, system_mono_ns, system_sleep_ms };
	static struct clock clock = { &ops };
	return &clock;
}

void clock_sleep_unless(struct clock *c, int64_t ms, const atomic_bool *stop)
{
	const int64_t piece_ms = 200;
	for (; ms > 0 && !(stop && *stop); ms -= piece_ms)
		clock_sleep_ms(c, ms < piece_ms ? ms : piece_ms);
}

static int64_t fake_now_ms(struct clock *c)
{
	return CONTAINER_OF(c, struct clock_fake, base)->now_ms;
}

static int64_t fake_mono_ns(struct clock *c)
{
	return CONTAINER_OF(c, struct clock_fake, base)->mono_ns;
}

static void fake_sleep_ms(struct clock *c, int64_t ms)
{
	struct clock_fake *f = CONTAINER_OF(c, struct clock_fake, base);
	f->slept_ms += ms;
	clock_fake_advance_ms(f, ms);
}

void clock_fake_init(struct clock_fake *f, int64_t now_ms)
{
	static const struct clock_ops ops = { fake_now_ms, fake_mono_ns, fake_sleep_ms };
	*f = (struct clock_fake){ .base.ops = &ops, .now_ms = now_ms };
}

void clock_fake_advance_ms(struct clock_fake *f, int64_t ms)
{
	f->now_ms += ms;
	f->mono_ns += ms * 1000000;
}
