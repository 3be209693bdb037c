/* What only the embedded bus promises: that it is still there after closing, that several processes share it, that old
 * files open, and that its tables stay consistent. */
#include "bus/bus_sqlite.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/rand.h"
#include "io/db.h"
#include "suite/bus_ok.h"
#include "suite/bus_tables.h"
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_MS INT64_C(1700000000123)
#define SOME_BYTES ((size_t) 1 << 20)

static const char *temp_path(void)
{
	static char path[512];
	(void) snprintf(path, sizeof path, "%s/bus.db", test_tmpdir());
	return path;
}

static struct bus *open_bus(const char *path, struct clock *clock)
{
	struct bus *bus = NULL;
	ok(bus_sqlite_open(path, clock, &bus, &err));
	return bus;
}

static const struct bus_subscription plain = {
	.name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 600, .dead_letter_topic = "",
};

static void setup(struct bus *bus, const struct bus_subscription *sub)
{
	ok(bus_create_topic(bus, sub->topic, &err));
	ok(bus_create_subscription(bus, sub, &err));
}

static void publish(struct bus *bus, const char *topic, size_t count)
{
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	struct bus_message m[100];
	assert_true(count <= COUNT_OF(m));
	for (size_t i = 0; i < count; i++)
		m[i] = (struct bus_message){ .data = arena_printf(&arena, "message %zu", i) };
	ok(bus_publish(bus, topic, m, count, &arena, &err));
}

static void what_everyone_acknowledged_is_deleted(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	struct bus_subscription other = plain;
	other.name = "sub-b";
	struct bus *bus = open_bus(path, &clock.base);
	setup(bus, &plain);
	setup(bus, &other);
	publish(bus, "topic-a", 50);
	static const char *const name[] = { "sub-a", "sub-b" };
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
		struct bus_delivery *d;
		size_t count;
		ok(bus_pull(bus, name[i], 100, SOME_BYTES, &arena, &d, &count, &err));
		assert_int_equal(count, 50);
		struct slice id[50];
		for (size_t j = 0; j < count; j++)
			id[j] = d[j].ack_id;
		ok(bus_ack(bus, name[i], id, count, &err));
		assert_int_equal(bus_tables_rows(path), i == 0 ? 150 : 0);
	}
	bus_close(bus);
	bus_tables_check(path);
}

static void everything_is_there_after_reopening(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	struct bus_subscription sub = plain;
	sub.filter = "NOT attributes:x";
	sub.backoff_min_ms = 1000;
	sub.backoff_max_ms = 4000;
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	struct bus_delivery *d, *again;
	size_t count;
	CLEANUP(bus_closep) struct bus *bus = open_bus(path, &clock.base);
	setup(bus, &sub);
	publish(bus, "topic-a", 4);
	ok(bus_pull(bus, "sub-a", 2, SOME_BYTES, &arena, &d, &count, &err));
	bus_close(bus);

	bus = open_bus(path, &clock.base);
	setup(bus, &sub); /* as setup does each time */
	struct bus_stats s;
	ok(bus_stats(bus, "sub-a", &s, &err));
	assert_true(s.leased == 2 && s.waiting == 2);
	ok(bus_ack(bus, "sub-a", &d[0].ack_id, 1, &err));
	ok(bus_modify_deadline(bus, "sub-a", &d[1].ack_id, 1, 0, &err));
	bus_close(bus);

	bus = open_bus(path, &clock.base);
	clock_fake_advance_ms(&clock, 999);
	ok(bus_pull(bus, "sub-a", 10, SOME_BYTES, &arena, &again, &count, &err));
	assert_int_equal(count, 2); /* the two that nobody had; the other one backs off */
	clock_fake_advance_ms(&clock, 1);
	ok(bus_pull(bus, "sub-a", 10, SOME_BYTES, &arena, &again, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(again[0].attempt, 2);
	assert_true(slice_eq(again[0].message.id, d[1].message.id) && slice_eq(again[0].message.data, d[1].message.data));
	bus_tables_check(path);
}

/* A consumer that waits for work writes nothing: no fsync for each look. */
static void a_pull_that_finds_nothing_changes_nothing(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	CLEANUP(bus_closep) struct bus *bus = open_bus(path, &clock.base);
	struct bus_delivery *d;
	size_t count;
	setup(bus, &plain);
	publish(bus, "topic-a", 1);
	ok(bus_pull(bus, "sub-a", 10, SOME_BYTES, &arena, &d, &count, &err));
	assert_int_equal(count, 1);
	int64_t version[2];
	CLEANUP(db_closep) struct db *watch = NULL;
	static const struct db_migration known[] = { { "" }, { "" }, { "" }, { "" } };
	ok(db_open(path, known, COUNT_OF(known), &watch, &err));
	for (int i = 0; i < 2; i++) {
		struct db_stmt *q;
		bool row;
		ok(db_query(watch, "PRAGMA data_version", &q, &err));
		ok(db_step(q, &row, &err));
		version[i] = db_column_int(q, 0);
		db_done(q);
		for (int pulls = 0; i == 0 && pulls < 3; pulls++) {
			ok(bus_pull(bus, "sub-a", 10, SOME_BYTES, &arena, &d, &count, &err));
			assert_int_equal(count, 0);
			setup(bus, &plain); /* nor does a setup that finds all there */
		}
	}
	assert_int_equal(version[0], version[1]);
}

static size_t pulled(struct bus *bus, struct arena *arena)
{
	struct bus_delivery *d;
	size_t count;
	ok(bus_pull(bus, "sub-a", 1, SOME_BYTES, arena, &d, &count, &err));
	return count;
}

/* It would wait ten seconds for a writer that does not end, and fail. */
static void a_pull_that_finds_nothing_waits_for_no_writer(void **state)
{
	(void) state;
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	const char *path = temp_path();
	CLEANUP(bus_closep) struct bus *bus = open_bus(path, &clock.base);
	CLEANUP(bus_closep) struct bus *other = open_bus(path, &clock.base);
	struct db *writer = bus_sqlite_of(other)->db;
	setup(bus, &plain);
	ok(db_begin(writer, &err));
	assert_int_equal(pulled(bus, &arena), 0);
	db_rollback(writer);

	publish(bus, "topic-a", 2);
	assert_int_equal(pulled(bus, &arena), 1);
	assert_int_equal(pulled(bus, &arena), 1);
	ok(db_begin(writer, &err)); /* both are leased */
	assert_int_equal(pulled(bus, &arena), 0);
	clock_fake_advance_ms(&clock, 600 * 1000 - 1);
	assert_int_equal(pulled(bus, &arena), 0);
	db_rollback(writer);
	clock_fake_advance_ms(&clock, 1);
	assert_int_equal(pulled(bus, &arena), 1);
}

static void ids_are_never_used_again(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	int64_t last = 0;
	for (int round = 0; round < 3; round++) {
		CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
		CLEANUP(bus_closep) struct bus *bus = open_bus(path, &clock.base);
		struct bus_delivery *d;
		size_t count;
		int64_t id;
		setup(bus, &plain);
		publish(bus, "topic-a", 1);
		ok(bus_pull(bus, "sub-a", 10, SOME_BYTES, &arena, &d, &count, &err));
		assert_int_equal(count, 1);
		assert_true(slice_to_int(d[0].message.id, &id) && id > last);
		last = id;
		ok(bus_ack(bus, "sub-a", &d[0].ack_id, 1, &err));
	}
}

static void many_dead_letters_find_a_late_subscription(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	struct bus_subscription sub = plain;
	sub.dead_letter_topic = "topic-dead";
	sub.max_delivery_attempts = 5;
	CLEANUP(arena_done) struct arena arena = arena_new(8 * SOME_BYTES);
	struct bus *bus = open_bus(path, &clock.base);
	setup(bus, &sub);
	for (int i = 0; i < 3; i++)
		publish(bus, "topic-a", 99);
	struct bus_delivery *d;
	struct slice id[297];
	size_t count;
	for (int attempt = 0; attempt < 5; attempt++) {
		ok(bus_pull(bus, "sub-a", 1000, SOME_BYTES, &arena, &d, &count, &err));
		assert_int_equal(count, COUNT_OF(id));
		for (size_t i = 0; i < count; i++)
			id[i] = d[i].ack_id;
		ok(bus_modify_deadline(bus, "sub-a", id, count, 0, &err));
	}
	struct bus_subscription dead = plain;
	dead.name = "sub-dead";
	dead.topic = "topic-dead";
	setup(bus, &dead);
	ok(bus_pull(bus, "sub-dead", 1000, SOME_BYTES, &arena, &d, &count, &err));
	assert_int_equal(count, COUNT_OF(id));
	bus_close(bus);
	bus_tables_check(path);
}

/* ---- files of other versions ---- */

static char *read_fixture(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s: run the tests at the top of the checkout", path);
	static char text[1 << 16];
	size_t len = fread(text, 1, sizeof text - 1, f);
	text[len] = '\0';
	(void) fclose(f);
	return text;
}

/* tests/fixtures/bus-schema-1.sql was written by the first release: it is never edited, and neither is its migration. */
static void a_database_of_schema_1_opens_with_all_it_holds(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	struct db *old = NULL;
	ok(db_open(path, NULL, 0, &old, &err));
	ok(db_exec(old, read_fixture("tests/fixtures/bus-schema-1.sql"), &err));
	db_close(old);

	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	CLEANUP(bus_closep) struct bus *bus = open_bus(path, &clock.base);
	struct bus_delivery *d;
	size_t count;
	ok(bus_pull(bus, "old-sub", 10, SOME_BYTES, &arena, &d, &count, &err));
	assert_int_equal(count, 2);
	assert_true(slice_is(d[0].message.data, "kept since schema 1") && d[0].attempt == 3);
	assert_true(slice_is(bus_attr_get(&d[0].message, "kind"), "page") && slice_is(d[0].message.ordering_key, "o"));
	assert_true(slice_is(d[1].message.data, "never given out") && d[1].attempt == 1);
	bus_close(TAKE(bus));
	bus_tables_check(path);

	/* A fresh database has the same shape as one that came all the way. */
	const char *fresh = temp_path();
	bus_close(open_bus(fresh, &clock.base));
	char *shape[2] = { NULL };
	const char *paths[2] = { path, fresh };
	for (size_t i = 0; i < 2; i++) {
		static const struct db_migration known[] = { { "" }, { "" }, { "" }, { "" } };
		CLEANUP(db_closep) struct db *db = NULL;
		struct db_stmt *q;
		bool row;
		ok(db_open(paths[i], known, COUNT_OF(known), &db, &err));
		ok(db_query(db, "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)", &q, &err));
		ok(db_step(q, &row, &err));
		shape[i] = arena_strdup(&arena, db_column_text(q, 0));
		db_done(q);
	}
	assert_string_equal(shape[0], shape[1]);
}

static void a_database_of_a_newer_schema_is_refused(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	struct bus *bus = open_bus(path, &clock.base);
	setup(bus, &plain);
	bus_close(bus);
	struct db *db = NULL;
	static const struct db_migration newer[] = { { "" }, { "" }, { "" }, { "" }, { "ALTER TABLE messages RENAME TO log" } };
	ok(db_open(path, newer, COUNT_OF(newer), &db, &err));
	db_close(db);
	struct err err = { 0 };
	bus = NULL;
	assert_int_equal(bus_sqlite_open(path, &clock.base, &bus, &err), RC_FATAL);
	assert_null(bus);
	assert_non_null(strstr(err.msg, "bus.db: written by a newer sargam (schema 5, this one knows 4): install"));
}

/* ---- several processes ---- */

/* Nobody waits a deadline for a process that was killed. */
static void a_lease_of_a_dead_process_is_over_at_once(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	clock_fake_init(&clock, NOW_MS);
	CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
	CLEANUP(bus_closep) struct bus *bus = open_bus(path, &clock.base);
	struct bus_delivery *d;
	size_t count;
	setup(bus, &plain);
	publish(bus, plain.topic, 1);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct bus *own = NULL;
		bool pulled = bus_sqlite_open(path, &clock.base, &own, NULL) == RC_OK &&
		              bus_pull(own, plain.name, 10, SOME_BYTES, &arena, &d, &count, NULL) == RC_OK && count == 1;
		_exit(pulled ? 0 : 1);
	}
	int status;
	assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ok(bus_pull(bus, plain.name, 10, SOME_BYTES, &arena, &d, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(d[0].attempt, 2);
	ok(bus_pull(bus, plain.name, 10, SOME_BYTES, &arena, &d, &count, &err)); /* its own lease lasts */
	assert_int_equal(count, 0);
}

enum { PROCESSES = 6, MESSAGES = 300 };

/* Pulls, acknowledges three of four, gives the others back, and writes down every lease it had. */
static void consume(const char *path, FILE *out, uint64_t seed)
{
	CLEANUP(bus_closep) struct bus *bus = open_bus(path, clock_system());
	struct rand_gen g = rand_new(seed);
	for (;;) {
		CLEANUP(arena_done) struct arena arena = arena_new(SOME_BYTES);
		struct bus_delivery *d;
		struct bus_stats s;
		size_t count;
		ok(bus_pull(bus, "sub-a", 1 + rand_below(&g, 20), SOME_BYTES, &arena, &d, &count, &err));
		for (size_t i = 0; i < count; i++) {
			bool good = !rand_chance(&g, 4);
			if (good)
				ok(bus_ack(bus, "sub-a", &d[i].ack_id, 1, &err));
			else
				ok(bus_modify_deadline(bus, "sub-a", &d[i].ack_id, 1, 0, &err));
			fprintf(out, "%.*s %d %d\n", SLICE_FMT(d[i].message.id), d[i].attempt, good);
		}
		ok(bus_stats(bus, "sub-a", &s, &err));
		if (s.waiting == 0 && s.leased == 0)
			return;
	}
}

static void no_two_processes_ever_hold_the_same_lease(void **state)
{
	(void) state;
	const char *path = temp_path();
	char file[PROCESSES][600];
	pid_t child[PROCESSES];
	uint64_t seed = test_seed();
	struct bus *bus = open_bus(path, clock_system());
	setup(bus, &plain);
	for (int i = 0; i < MESSAGES / 100; i++)
		publish(bus, "topic-a", 100);
	bus_close(bus);
	for (int p = 0; p < PROCESSES; p++) {
		(void) snprintf(file[p], sizeof file[p], "%s.%d", path, p);
		child[p] = fork();
		if (child[p] == 0) {
			FILE *out = fopen(file[p], "w");
			consume(path, out, seed + (uint64_t) p);
			_exit(fclose(out) ? 1 : 0);
		}
	}
	for (int p = 0; p < PROCESSES; p++) {
		int status;
		assert_int_equal(waitpid(child[p], &status, 0), child[p]);
		assert_int_equal(status, 0);
	}
	static bool seen[MESSAGES + 1][64];
	static int good[MESSAGES + 1];
	memset(seen, 0, sizeof seen);
	memset(good, 0, sizeof good);
	for (int p = 0; p < PROCESSES; p++) {
		FILE *in = fopen(file[p], "r");
		int id, attempt, was_good;
		while (fscanf(in, "%d %d %d", &id, &attempt, &was_good) == 3) {
			assert_true(id >= 1 && id <= MESSAGES && attempt >= 1 && attempt < 64);
			assert_false(seen[id][attempt]);
			seen[id][attempt] = true;
			good[id] += was_good;
		}
		(void) fclose(in);
	}
	for (int id = 1; id <= MESSAGES; id++)
		assert_int_equal(good[id], 1);
	assert_int_equal(bus_tables_rows(path), 0);
	bus_tables_check(path);
}

/* More than one transaction sweeps; what a process leaves that fails in between goes with the next deletion. */
static void a_deletion_that_was_broken_off_is_finished_by_the_next(void **state)
{
	(void) state;
	const char *path = temp_path();
	struct clock_fake clock;
	struct bus_subscription other = plain;
	struct err why = { 0 };
	clock_fake_init(&clock, NOW_MS);
	other.name = "sub-b";
	struct bus *bus = open_bus(path, &clock.base);
	setup(bus, &plain);
	setup(bus, &other);
	for (int i = 0; i < 101; i++)
		publish(bus, "topic-a", 100);
	fault_arm("db.commit.before", 3, EIO); /* its name has gone, and so have the first ten thousand deliveries */
	assert_int_not_equal(bus_delete_subscription(bus, "sub-a", &why), RC_OK);
	assert_true(fault_fired());
	(void) fault_disarm();
	assert_int_equal(bus_tables_rows(path), 10100 * 2 + 100 + 10100);
	bus_tables_check(path);
	assert_int_equal(bus_delete_subscription(bus, "sub-a", &why), RC_NOT_FOUND);
	publish(bus, "topic-a", 1); /* nothing for the one that goes */
	ok(bus_delete_subscription(bus, "sub-b", &err));
	assert_int_equal(bus_tables_rows(path), 0);
	ok(bus_delete_topic(bus, "topic-a", &err));
	bus_close(bus);
	bus_tables_check(path);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_everyone_acknowledged_is_deleted),
	cmocka_unit_test(everything_is_there_after_reopening),
	cmocka_unit_test(a_pull_that_finds_nothing_changes_nothing),
	cmocka_unit_test(a_pull_that_finds_nothing_waits_for_no_writer),
	cmocka_unit_test(ids_are_never_used_again),
	cmocka_unit_test(many_dead_letters_find_a_late_subscription),
	cmocka_unit_test(a_deletion_that_was_broken_off_is_finished_by_the_next),
	cmocka_unit_test(a_database_of_schema_1_opens_with_all_it_holds),
	cmocka_unit_test(a_database_of_a_newer_schema_is_refused),
	cmocka_unit_test(a_lease_of_a_dead_process_is_over_at_once),
	cmocka_unit_test(no_two_processes_ever_hold_the_same_lease),
};
TEST_SUITE(bus_sqlite, tests);
