#include "base/metrics.h"

#include <stdatomic.h>

static _Atomic int64_t value[METRIC_COUNT];

static const struct {
	const char *name, *kind, *help;
} metric[METRIC_COUNT] = {
#define X(name, kind, help) { #name, #kind, help },
	METRICS(X)
#undef X
};

void metric_add(enum metric m, int64_t amount)
{
	assert(m < METRIC_COUNT);
	atomic_fetch_add_explicit(&value[m], amount, memory_order_relaxed);
}

int64_t metric_get(enum metric m)
{
	assert(m < METRIC_COUNT);
	return atomic_load_explicit(&value[m], memory_order_relaxed);
}

const char *metric_name(enum metric m)
{
	assert(m < METRIC_COUNT);
	return metric[m].name;
}

void metrics_write(struct buf *out)
{
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		bool counter = strcmp(metric[i].kind, "COUNTER") == 0;
		const char *suffix = counter ? "_total" : "";
		buf_addf(out, "# HELP sargam_%s%s %s\n", metric[i].name, suffix, metric[i].help);
		buf_addf(out, "# TYPE sargam_%s%s %s\n", metric[i].name, suffix, counter ? "counter" : "gauge");
		buf_addf(out, "sargam_%s%s %lld\n", metric[i].name, suffix, (long long) metric_get((enum metric) i));
	}
}
