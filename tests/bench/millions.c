/* millions - what a bus does when it holds a great deal, for tests/bench/millions.sh.
 *
 * usage: millions FILE COUNT SECONDS
 *
 * Makes a bus in FILE and measures it empty; publishes COUNT small messages, which its topic retains and which one subscription
 * never acknowledges; measures it again.  Each line printed is a row of a Markdown table.  One thread, the bus's own API. */
#include "base/clock.h"
#include "base/mem.h"
#include "bus/bus_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TOPIC "load"
#define BACKLOG "backlog" /* acknowledges nothing while it is filled */
#define QUICK "quick"     /* keeps up: made anew for each measurement */
#define FILL_BATCH 1000
#define BATCH 100
#define LOOKS 1000
#define ARENA_BYTES ((size_t) 8 << 20)

struct millions {
	const char *path;
	struct bus *bus;
	int64_t seconds;
	struct err err;
};

static int64_t now_ns(void)
{
	return clock_mono_ns(clock_system());
}

static double rate(int64_t items, int64_t took_ns)
{
	return (double) items * 1e9 / (double) took_ns;
}

static enum rc publish(struct millions *m, size_t count)
{
	static struct bus_attr kind = { { "kind", 4 }, { "page", 4 } };
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct bus_message *batch = arena_alloc_array(&arena, count, sizeof *batch);
	for (size_t i = 0; i < count; i++)
		batch[i] = (struct bus_message){ .data = SLICE("twenty bytes of data"), .attr = &kind, .attr_count = 1 };
	return bus_publish(m->bus, TOPIC, batch, count, &arena, &m->err);
}

/* One pull and its acknowledgement; *out_count = 0: there was nothing. */
static enum rc pull(struct millions *m, const char *sub, size_t *out_count)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct bus_delivery *d;
	struct slice id[BATCH];
	TRY(bus_pull(m->bus, sub, BATCH, ARENA_BYTES / 2, &arena, &d, out_count, &m->err));
	for (size_t i = 0; i < *out_count; i++)
		id[i] = d[i].ack_id;
	return bus_ack(m->bus, sub, id, *out_count, &m->err);
}

static enum rc publish_rate(struct millions *m, double *out)
{
	int64_t begin_ns = now_ns(), until_ns = begin_ns + m->seconds * INT64_C(1000000000), items = 0;
	for (; now_ns() < until_ns; items += BATCH)
		TRY(publish(m, BATCH));
	*out = rate(items, now_ns() - begin_ns);
	return RC_OK;
}

/* Until it is empty, or the time is over. */
static enum rc pull_rate(struct millions *m, const char *sub, bool until_empty, double *out)
{
	int64_t begin_ns = now_ns(), until_ns = begin_ns + m->seconds * INT64_C(1000000000), items = 0;
	size_t count = 1;
	while (count && (until_empty || now_ns() < until_ns)) {
		TRY(pull(m, sub, &count));
		items += (int64_t) count;
	}
	*out = rate(items, now_ns() - begin_ns);
	return RC_OK;
}

static enum rc look_ms(struct millions *m, double *out)
{
	int64_t begin_ns = now_ns();
	size_t count;
	for (int i = 0; i < LOOKS; i++)
		TRY(pull(m, QUICK, &count));
	*out = (double) (now_ns() - begin_ns) / 1e6 / LOOKS;
	return RC_OK;
}

static enum rc stats_ms(struct millions *m, const char *sub, double *out)
{
	struct bus_stats stats;
	int64_t begin_ns = now_ns();
	TRY(bus_stats(m->bus, sub, &stats, &m->err));
	*out = (double) (now_ns() - begin_ns) / 1e6;
	return RC_OK;
}

static double file_mib(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (double) st.st_size / 1048576 : 0;
}

static enum rc subscribe(struct millions *m, const char *name)
{
	const struct bus_subscription sub = { .name = name, .topic = TOPIC, .filter = "", .ack_deadline_s = 600, .dead_letter_topic = "" };
	return bus_create_subscription(m->bus, &sub, &m->err);
}

static enum rc measure(struct millions *m, int64_t retained)
{
	double published, quick, backlog, look, stats_quick, stats_backlog;
	TRY(subscribe(m, QUICK));
	TRY(publish_rate(m, &published));
	TRY(stats_ms(m, QUICK, &stats_quick));
	TRY(stats_ms(m, BACKLOG, &stats_backlog));
	TRY(pull_rate(m, QUICK, true, &quick));
	TRY(look_ms(m, &look));
	TRY(pull_rate(m, BACKLOG, false, &backlog));
	TRY(bus_delete_subscription(m->bus, QUICK, &m->err));
	(void) printf("| %lld | %.0f | %.0f | %.0f | %.3f | %.1f | %.1f | %.0f |\n", (long long) retained, published, quick, backlog, look,
	              stats_quick, stats_backlog, file_mib(m->path));
	(void) fflush(stdout);
	return RC_OK;
}

static enum rc fill(struct millions *m, int64_t count)
{
	int64_t begin_ns = now_ns();
	for (int64_t done = 0; done < count; done += FILL_BATCH)
		TRY(publish(m, FILL_BATCH));
	(void) fprintf(stderr, "millions: filled, %.0f messages a second\n", rate(count, now_ns() - begin_ns));
	return RC_OK;
}

static enum rc run(struct millions *m, int64_t count)
{
	TRY(bus_sqlite_open(m->path, clock_system(), &m->bus, &m->err));
	TRY(bus_make_topic(m->bus, &(struct bus_topic){ .name = TOPIC, .retention_ms = BUS_RETENTION_MS_MAX }, &m->err));
	TRY(subscribe(m, BACKLOG));
	TRY(measure(m, 0));
	TRY(fill(m, count));
	return measure(m, count);
}

int main(int argc, char **argv)
{
	struct millions m = { .path = argc == 4 ? argv[1] : "" };
	int64_t count;
	if (argc != 4 || !slice_to_int(slice_of(argv[2]), &count) || !slice_to_int(slice_of(argv[3]), &m.seconds) || count < 0 || m.seconds < 1) {
		(void) fprintf(stderr, "millions: want FILE COUNT SECONDS\n");
		return 2;
	}
	enum rc rc = run(&m, count);
	if (rc != RC_OK)
		(void) fprintf(stderr, "millions: %s\n", m.err.msg);
	bus_close(m.bus);
	return rc == RC_OK ? 0 : 1;
}
