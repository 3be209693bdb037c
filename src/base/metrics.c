#include "base/metrics.h"

#include "base/mem.h"

#include <stdatomic.h>

#define BOUNDS_MAX 14
#define OTHER "other"

enum kind { COUNTER, GAUGE, SHORT, LONG, TOLD };

static const struct family {
	const char *name, *label, *help;
	enum kind kind;
} families[METRIC_COUNT] = {
#define X(name, kind, label, help) { #name, label, help, kind },
	METRICS(X)
#undef X
};

/* Upper bounds of the buckets in microseconds, ascending; 0 ends them. */
static const int64_t short_bounds[BOUNDS_MAX + 1] = { 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
	                                              2500000, 10000000, 30000000, 60000000 };
static const int64_t long_bounds[BOUNDS_MAX + 1] = { 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
	                                             60000000, 300000000, 900000000, 1800000000, 3600000000 };

/* One value of a label.  Made when it first counts, never freed: a reader needs no lock. */
struct series {
	char value[METRIC_VALUE_BYTES];
	_Atomic int64_t sum;                    /* a counter's count, a histogram's microseconds */
	_Atomic int64_t bucket[BOUNDS_MAX + 1]; /* each its own; the last is what is over all bounds */
};
static struct {
	_Atomic int64_t plain;
	_Atomic(struct series *) series[METRIC_VALUES_MAX + 1]; /* the last one is OTHER */
} held[METRIC_COUNT];

static bool is_histogram(enum metric m)
{
	return families[m].kind == SHORT || families[m].kind == LONG;
}

static const int64_t *bounds_of(enum metric m)
{
	return families[m].kind == SHORT ? short_bounds : long_bounds;
}

const char *metric_name(enum metric m)
{
	assert(m < METRIC_COUNT);
	return families[m].name;
}

/* --- counting ----------------------------------------------------------------------------------------------- */

void metric_add(enum metric m, int64_t amount)
{
	assert(m < METRIC_COUNT && !families[m].label[0] && (families[m].kind == COUNTER || families[m].kind == GAUGE));
	atomic_fetch_add_explicit(&held[m].plain, amount, memory_order_relaxed);
}

void metric_set(enum metric m, int64_t value)
{
	assert(m < METRIC_COUNT && !families[m].label[0] && families[m].kind == GAUGE);
	atomic_store_explicit(&held[m].plain, value, memory_order_relaxed);
}

/* A value is cut between two characters, so that what is left is UTF-8 when it was before. */
static void copy_value(char out[static METRIC_VALUE_BYTES], const char *value)
{
	size_t len = strnlen(value, METRIC_VALUE_BYTES);
	if (len == METRIC_VALUE_BYTES)
		for (len--; len > 0 && ((unsigned char) value[len] & 0xc0) == 0x80; len--)
			;
	memcpy(out, value, len);
	out[len] = '\0';
}

/* The series that stands in this place; made, when there is none, for `value`. */
static struct series *series_at(enum metric m, size_t i, const char *value)
{
	struct series *found = atomic_load_explicit(&held[m].series[i], memory_order_acquire), *made;
	if (found)
		return found;
	made = mem_alloc(sizeof *made);
	memcpy(made->value, value, METRIC_VALUE_BYTES);
	if (atomic_compare_exchange_strong_explicit(&held[m].series[i], &found, made, memory_order_acq_rel, memory_order_acquire))
		return made;
	mem_free(made); /* another thread was first, perhaps with another value */
	return found;
}

static struct series *series_of(enum metric m, const char *value)
{
	char wanted[METRIC_VALUE_BYTES];
	copy_value(wanted, value ? value : "");
	for (size_t i = 0; i < METRIC_VALUES_MAX && strcmp(wanted, OTHER) != 0; i++) {
		struct series *s = series_at(m, i, wanted);
		if (strcmp(s->value, wanted) == 0)
			return s;
	}
	memcpy(wanted, OTHER, sizeof OTHER);
	return series_at(m, METRIC_VALUES_MAX, wanted);
}

void metric_add_for(enum metric m, const char *value, int64_t amount)
{
	assert(m < METRIC_COUNT && families[m].label[0] && families[m].kind == COUNTER);
	atomic_fetch_add_explicit(&series_of(m, value)->sum, amount, memory_order_relaxed);
}

void metric_observe(enum metric m, const char *value, int64_t duration_us)
{
	assert(m < METRIC_COUNT && is_histogram(m));
	struct series *s = series_of(m, value);
	const int64_t *bound = bounds_of(m);
	int64_t us = duration_us > 0 ? duration_us : 0;
	size_t i = 0;
	while (bound[i] && us > bound[i])
		i++;
	atomic_fetch_add_explicit(&s->sum, us, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->bucket[i], 1, memory_order_relaxed);
}

static int64_t read_figure(_Atomic int64_t *figure)
{
	return atomic_load_explicit(figure, memory_order_relaxed);
}

int64_t metric_get(enum metric m)
{
	assert(m < METRIC_COUNT && families[m].kind != TOLD);
	int64_t sum = read_figure(&held[m].plain);
	for (size_t i = 0; i <= METRIC_VALUES_MAX; i++) {
		struct series *s = atomic_load_explicit(&held[m].series[i], memory_order_acquire);
		if (s && !is_histogram(m))
			sum += read_figure(&s->sum);
		for (size_t k = 0; s && is_histogram(m) && k <= BOUNDS_MAX; k++)
			sum += read_figure(&s->bucket[k]);
	}
	return sum;
}

/* --- the text ----------------------------------------------------------------------------------------------- */

/* A help text may hold no line break and no single backslash, a label's value no quote either; both are UTF-8. */
static void add_escaped(struct slice text, bool quoted, struct buf *out)
{
	for (size_t i = 0; i < text.len;) {
		size_t bad = 0;
		struct slice rest = slice_sub(text, i, text.len - i);
		size_t good = slice_is_utf8(rest, &bad) ? rest.len : bad;
		for (size_t k = 0; k < good; k++) {
			char c = rest.ptr[k];
			if (c == '\\' || (quoted && c == '"'))
				buf_addc(out, '\\');
			if (c == '\n')
				buf_adds(out, "\\n");
			else
				buf_addc(out, c);
		}
		if (good < rest.len)
			buf_adds(out, "\xef\xbf\xbd");
		i += good + (good < rest.len);
	}
}

static const char *suffix_of(enum metric m)
{
	return families[m].kind == COUNTER ? "_total" : "";
}

static void add_head(enum metric m, struct buf *out)
{
	static const char *const type[] = { "counter", "gauge", "histogram", "histogram", "gauge" };
	const struct family *f = &families[m];
	buf_addf(out, "# HELP sargam_%s%s ", f->name, suffix_of(m));
	add_escaped(slice_of(f->help), false, out);
	buf_addf(out, "\n# TYPE sargam_%s%s %s\n", f->name, suffix_of(m), type[f->kind]);
}

/* `le` NULL for none; a metric without a label of its own has an empty `value`. */
static void add_name(enum metric m, const char *suffix, struct slice value, const char *le, struct buf *out)
{
	const struct family *f = &families[m];
	buf_addf(out, "sargam_%s%s", f->name, suffix);
	if (f->label[0] || le)
		buf_addc(out, '{');
	if (f->label[0]) {
		buf_addf(out, "%s=\"", f->label);
		add_escaped(value, true, out);
		buf_addc(out, '"');
	}
	if (le)
		buf_addf(out, "%sle=\"%s\"", f->label[0] ? "," : "", le);
	if (f->label[0] || le)
		buf_addc(out, '}');
	buf_addc(out, ' ');
}

static void add_figure(int64_t figure, struct buf *out)
{
	buf_addf(out, "%lld\n", (long long) figure);
}

static void add_seconds(int64_t us, struct buf *out)
{
	buf_addf(out, "%lld.%06lld\n", (long long) (us / 1000000), (long long) (us % 1000000));
}

static void add_histogram(enum metric m, struct series *s, struct buf *out)
{
	const int64_t *bound = bounds_of(m);
	struct slice value = slice_of(s->value);
	int64_t count = 0;
	for (size_t i = 0; i <= BOUNDS_MAX; i++) {
		char le[32] = "+Inf";
		if (i < BOUNDS_MAX)
			(void) snprintf(le, sizeof le, "%g", (double) bound[i] / 1e6);
		count += read_figure(&s->bucket[i]);
		add_name(m, "_bucket", value, le, out);
		add_figure(count, out);
	}
	add_name(m, "_sum", value, NULL, out);
	add_seconds(read_figure(&s->sum), out);
	add_name(m, "_count", value, NULL, out);
	add_figure(count, out);
}

static void write_labelled(enum metric m, struct buf *out)
{
	bool begun = false;
	for (size_t i = 0; i <= METRIC_VALUES_MAX; i++) {
		struct series *s = atomic_load_explicit(&held[m].series[i], memory_order_acquire);
		if (!s)
			continue;
		if (!begun)
			add_head(m, out);
		begun = true;
		if (is_histogram(m)) {
			add_histogram(m, s, out);
			continue;
		}
		add_name(m, suffix_of(m), slice_of(s->value), NULL, out);
		add_figure(read_figure(&s->sum), out);
	}
}

void metrics_write(struct buf *out)
{
	for (enum metric m = 0; m < METRIC_COUNT; m++) {
		if (families[m].kind == TOLD)
			continue;
		if (families[m].label[0]) {
			write_labelled(m, out);
			continue;
		}
		add_head(m, out);
		add_name(m, suffix_of(m), SLICE(""), NULL, out);
		add_figure(metric_get(m), out);
	}
}

void metrics_told_head(enum metric m, struct buf *out)
{
	assert(m < METRIC_COUNT && families[m].kind == TOLD);
	add_head(m, out);
}

void metrics_told(enum metric m, struct slice value, int64_t figure, struct buf *out)
{
	assert(m < METRIC_COUNT && families[m].kind == TOLD);
	add_name(m, "", value, NULL, out);
	add_figure(figure, out);
}

void metrics_told_ms(enum metric m, struct slice value, int64_t ms, struct buf *out)
{
	assert(m < METRIC_COUNT && families[m].kind == TOLD && ms >= 0);
	add_name(m, "", value, NULL, out);
	add_seconds(ms * 1000, out);
}
