/* Fail call 1, 2, 3, ... of the bus, and step 1, 2, 3, ... of its database, until nothing fails any more.  Each time: the
 * class, a message that names the object, a second try that heals, and no message lost. */
#include "bus/bus.h"

#include "base/clock.h"
#include "base/fault.h"
#include "io/db.h"
#include "suite/bus_tables.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_MS INT64_C(1700000000000)

enum { MESSAGES = 5, POISON = 2, COPIES_MAX = 8 }; /* number POISON is never acknowledged */

/* What a consumer has seen of the message with this number: the distinct ids under which it came. */
struct seen {
	int64_t id[COPIES_MAX];
	size_t copies;
};
struct world {
	struct bus *bus;
	struct clock_fake clock;
	int published; /* confirmed */
	struct seen good[MESSAGES], dead;
};

static void note(struct seen *seen, struct slice id_text)
{
	int64_t id;
	assert_true(slice_to_int(id_text, &id));
	for (size_t i = 0; i < seen->copies; i++)
		if (seen->id[i] == id)
			return;
	assert_true(seen->copies < COPIES_MAX);
	seen->id[seen->copies++] = id;
}

static enum rc setup(struct world *w, struct err *err)
{
	const struct bus_subscription work = { .name = "sub-work", .topic = "topic-work", .filter = "", .ack_deadline_s = 10, .backoff_min_ms = 100, .backoff_max_ms = 400, .dead_letter_topic = "topic-dead", .max_delivery_attempts = 5 };
	const struct bus_subscription dead = { .name = "sub-dead", .topic = "topic-dead", .filter = "", .ack_deadline_s = 10, .dead_letter_topic = "" };
	TRY(bus_create_topic(w->bus, "topic-work", err));
	TRY(bus_create_subscription(w->bus, &work, err));
	return bus_create_subscription(w->bus, &dead, err);
}

static enum rc publish(struct world *w, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	while (w->published < MESSAGES) {
		struct bus_message m = { .data = arena_printf(&arena, "%d", w->published) };
		TRY(bus_publish(w->bus, "topic-work", &m, 1, &arena, err));
		w->published++;
	}
	return RC_OK;
}

static enum rc consume_one(struct world *w, const char *sub, const struct bus_delivery *d, struct err *err)
{
	int64_t number;
	assert_true(slice_to_int(d->message.data, &number) && number >= 0 && number < MESSAGES);
	if (strcmp(sub, "sub-dead") == 0) {
		assert_int_equal(number, POISON);
		note(&w->dead, d->message.id);
		return bus_ack(w->bus, sub, &d->ack_id, 1, err);
	}
	note(&w->good[number], d->message.id);
	if (number == POISON)
		return bus_modify_deadline(w->bus, sub, &d->ack_id, 1, 0, err);
	TRY(bus_modify_deadline(w->bus, sub, &d->ack_id, 1, 30, err));
	return bus_ack(w->bus, sub, &d->ack_id, 1, err);
}

/* Until nothing is left, waiting for leases that a failed call has left behind. */
static enum rc consume(struct world *w, const char *sub, struct err *err)
{
	for (;;) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct bus_delivery *d;
		struct bus_stats stats;
		size_t count;
		TRY(bus_pull(w->bus, sub, 3, 1 << 20, &arena, &d, &count, err));
		for (size_t i = 0; i < count; i++)
			TRY(consume_one(w, sub, &d[i], err));
		TRY(bus_stats(w->bus, sub, &stats, err));
		if (stats.waiting == 0 && stats.leased == 0)
			return RC_OK;
		clock_fake_advance_ms(&w->clock, stats.next_delivery_ms >= 0 ? stats.next_delivery_ms : 10000);
	}
}

static enum rc work(struct world *w, struct err *err)
{
	TRY(setup(w, err));
	TRY(publish(w, err));
	TRY(consume(w, "sub-work", err));
	return consume(w, "sub-dead", err);
}

/* `done`: the call that failed had been done all the same, so one message may have been published twice. */
static void check(const struct world *w, bool done)
{
	size_t copies = 0;
	for (int i = 0; i < MESSAGES; i++) {
		assert_true(w->good[i].copies >= 1);
		copies += w->good[i].copies;
	}
	assert_true(copies <= MESSAGES + (done ? 1 : 0));
	/* forwarded and acknowledged in one step: never none, never two for one */
	assert_int_equal(w->dead.copies, w->good[POISON].copies);
}

static void a_failed_call_of_the_bus_is_healed_by_the_next(void **state)
{
	(void) state;
	static const enum rc class[] = { RC_RETRY, RC_FATAL };
	for (int variant = 0; variant < 4; variant++) {
		bool after = variant & 1;
		enum rc want = class[variant >> 1];
		int fail_at = 1;
		for (;; fail_at++) {
			struct world w = { 0 };
			struct err err = { 0 };
			clock_fake_init(&w.clock, NOW_MS);
			w.bus = bus_fault_open(bus_mem_open(&w.clock.base), fail_at, after, want);
			enum rc rc = work(&w, &err);
			bool fired = bus_fault_fired(w.bus);
			assert_int_equal(rc, fired ? want : RC_OK);
			if (fired) {
				assert_true(strstr(err.msg, "'topic-") || strstr(err.msg, "'sub-"));
				if (work(&w, &err) != RC_OK)
					fail_msg("call %d: %s", fail_at, err.msg);
			}
			check(&w, after);
			bus_close(w.bus);
			if (!fired)
				break;
		}
		assert_true(fail_at > 30);
	}
}

static void a_failed_step_of_the_database_is_healed_by_the_next(void **state)
{
	(void) state;
	static const int errnum[] = { EIO, ENOSPC };
	for (size_t e = 0; e < COUNT_OF(errnum); e++) {
		/* EIO: every step of the first 30 (creation), then every eleventh; the other class of disk error more rarely */
		uint64_t nth = 1;
		for (;; nth += e ? 37 : nth < 30 ? 1 : 11) {
			struct world w = { 0 };
			struct err err = { 0 };
			char path[512];
			(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
			clock_fake_init(&w.clock, NOW_MS);
			fault_arm("db.*", nth, errnum[e]);
			enum rc rc = bus_sqlite_open(path, &w.clock.base, &w.bus, &err);
			if (rc == RC_OK)
				rc = work(&w, &err);
			bool fired = fault_fired(), after = strstr(err.msg, "db.commit.after");
			(void) fault_disarm();
			assert_int_equal(rc, fired ? RC_RETRY : RC_OK);
			if (fired) {
				assert_non_null(strstr(err.msg, path));
				assert_true(e == 0 || strstr(err.msg, "free some space"));
				if (!w.bus && bus_sqlite_open(path, &w.clock.base, &w.bus, &err) != RC_OK)
					fail_msg("step %llu: %s", (unsigned long long) nth, err.msg);
				bus_tables_check(path);
				if (work(&w, &err) != RC_OK)
					fail_msg("step %llu: %s", (unsigned long long) nth, err.msg);
			}
			check(&w, after);
			bus_close(w.bus);
			assert_int_equal(bus_tables_rows(path), 0);
			if (!fired)
				break;
		}
		assert_true(nth > 200);
	}
}

/* A disk that is full for real: the file may not grow beyond a limit. */
static void a_full_disk_loses_nothing(void **state)
{
	(void) state;
	char path[512];
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	pid_t child = fork();
	if (child == 0) {
		struct clock_fake clock;
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
		struct rlimit small = { 400000, RLIM_INFINITY }, large = { RLIM_INFINITY, RLIM_INFINITY };
		struct world w = { 0 };
		struct err err = { 0 };
		char data[10000];
		memset(data, 'x', sizeof data);
		struct bus_message m[4];
		int published = 0;
		(void) signal(SIGXFSZ, SIG_IGN);
		clock_fake_init(&clock, NOW_MS);
		bool good = bus_sqlite_open(path, &clock.base, &w.bus, &err) == RC_OK && setup(&w, &err) == RC_OK;
		(void) setrlimit(RLIMIT_FSIZE, &small);
		enum rc rc = RC_OK;
		for (; good && rc == RC_OK && published < 100; published += rc == RC_OK) {
			for (size_t i = 0; i < 4; i++)
				m[i] = (struct bus_message){ .data = { data, sizeof data } };
			rc = bus_publish(w.bus, "topic-work", m, 4, &arena, &err);
		}
		good = good && rc == RC_RETRY && published > 0 && strstr(err.msg, path);
		(void) setrlimit(RLIMIT_FSIZE, &large);
		struct bus_stats stats;
		good = good && bus_stats(w.bus, "sub-work", &stats, &err) == RC_OK && stats.waiting == 4 * published;
		good = good && bus_publish(w.bus, "topic-work", m, 4, &arena, &err) == RC_OK;
		bus_close(w.bus);
		if (!good)
			fprintf(stderr, "# %d published, %s: %s\n", published, rc_name(rc), err.msg);
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	bus_tables_check(path);
}

/* A child that dies by kill -9 at the `nth` passage of `point`; it writes a byte for each step that was confirmed. */
enum step { STEP_PUBLISHED = 'p', STEP_ACKED = 'a', STEP_DONE = 'd' };
enum { BATCHES = 4, BATCH = 3 };

static void confirm(int fd, enum step step)
{
	char byte = (char) step;
	if (write(fd, &byte, 1) != 1)
		_exit(1);
}

static void live_and_die(const char *path, const char *fault, int fd)
{
	struct world w = { 0 };
	struct err err = { 0 };
	(void) setenv("SARGAM_FAULT", fault, 1);
	fault_init_from_env();
	clock_fake_init(&w.clock, NOW_MS);
	if (bus_sqlite_open(path, &w.clock.base, &w.bus, &err) != RC_OK || setup(&w, &err) != RC_OK)
		_exit(1);
	for (int i = 0; i < BATCHES; i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct bus_message m[BATCH];
		struct bus_delivery *d;
		size_t count;
		for (int j = 0; j < BATCH; j++)
			m[j] = (struct bus_message){ .data = arena_printf(&arena, "%d", j) };
		if (bus_publish(w.bus, "topic-work", m, BATCH, &arena, &err) != RC_OK)
			_exit(1);
		confirm(fd, STEP_PUBLISHED);
		if (bus_pull(w.bus, "sub-work", 1, 1, &arena, &d, &count, &err) != RC_OK || count != 1 ||
		    bus_ack(w.bus, "sub-work", &d[0].ack_id, 1, &err) != RC_OK)
			_exit(1);
		confirm(fd, STEP_ACKED);
	}
	confirm(fd, STEP_DONE);
	_exit(0);
}

/* false when the child outlived it. */
static bool kill_once(const char *point, int nth)
{
	char path[512], fault[64], steps[64];
	int pipe_fd[2], status, published = 0, acked = 0;
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	(void) snprintf(fault, sizeof fault, "kill:%s:%d", point, nth);
	assert_int_equal(pipe(pipe_fd), 0);
	pid_t child = fork();
	if (child == 0)
		live_and_die(path, fault, pipe_fd[1]);
	(void) close(pipe_fd[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	ssize_t len = read(pipe_fd[0], steps, sizeof steps);
	(void) close(pipe_fd[0]);
	assert_true(len >= 0);
	for (ssize_t i = 0; i < len; i++) {
		published += steps[i] == STEP_PUBLISHED;
		acked += steps[i] == STEP_ACKED;
	}
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	assert_true(killed || status == 0);

	struct world w = { 0 };
	struct err err = { 0 };
	struct bus_stats stats;
	clock_fake_init(&w.clock, NOW_MS + 10000);
	if (bus_sqlite_open(path, &w.clock.base, &w.bus, &err) != RC_OK || setup(&w, &err) != RC_OK ||
	    bus_stats(w.bus, "sub-work", &stats, &err) != RC_OK)
		fail_msg("%s: %s", fault, err.msg);
	/* what was confirmed holds; the step that was cut short is there whole or not at all */
	int64_t least = published * BATCH - acked, left = stats.waiting;
	bool exact = left == least, published_more = left == least + BATCH, acked_more = left == least - 1;
	if (!exact && !(killed && (published > acked ? acked_more : published_more)))
		fail_msg("%s: %lld left after %d batches and %d acks", fault, (long long) left, published, acked);
	bus_close(w.bus);
	bus_tables_check(path);
	return killed;
}

static void kill_9_at_every_step_leaves_what_was_confirmed(void **state)
{
	(void) state;
	static const char *const point[] = { "db.commit.before", "db.commit.after", "db.begin", "db.step" };
	for (size_t i = 0; i < COUNT_OF(point); i++) {
		int nth = 1;
		while (kill_once(point[i], nth))
			nth += i < 2 ? 1 : i < 3 ? 3 : 23;
		assert_true(nth > 3 * BATCHES);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_failed_call_of_the_bus_is_healed_by_the_next),
	cmocka_unit_test(a_failed_step_of_the_database_is_healed_by_the_next),
	cmocka_unit_test(a_full_disk_loses_nothing),
	cmocka_unit_test(kill_9_at_every_step_leaves_what_was_confirmed),
};
TEST_SUITE(torture_bus, tests);
