/* POST /push as Pub/Sub and others meet it: what is acknowledged is durable, and nothing is lost. */
#include "serve/door_push.h"

#include "base/base64.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/metrics.h"
#include "io/db.h"
#include "raw/key.h"
#include "raw/quarantine.h"
#include "raw/snapshot.h"
#include "serve/envelope.h"
#include "support/line.h"
#include "support/wire.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 256 << 20)

struct fixture {
	struct line line; /* what extract publishes, for real messages */
	struct state *state;
	struct door_push *door;
	struct server *server;
	struct arena arena;
	atomic_int completed;
	atomic_bool hold;
	atomic_bool stop;
	char path[512];
};

static void on_complete(void *ctx, struct slice playlist_id)
{
	struct fixture *f = ctx;
	assert_true(slice_is(playlist_id, LINE_PLAYLIST));
	(void) atomic_fetch_add(&f->completed, 1);
	while (atomic_load(&f->hold))
		clock_sleep_ms(clock_system(), 5);
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fixture *f = ctx;
	if (!door_push_handle(f->door, rq, reply))
		reply->status = 418;
}

static void open_door(struct fixture *f, int at_once, int64_t wait_ms)
{
	const struct door_push_options o = { .store = f->line.store, .state = f->state, .clock = clock_system(), .run_id = "serve",
		                             .page_limit_bytes = 9900000, .at_once = at_once, .wait_ms = wait_ms, .stop = &f->stop,
		                             .on_complete = on_complete, .ctx = f };
	f->door = door_push_open(&o);
}

static void fixture_open(struct fixture *f)
{
	struct err err = { 0 };
	memset(f, 0, sizeof *f);
	f->arena = arena_new(ARENA_BYTES);
	line_open(&f->line);
	line_add_snapshot(&f->line, LINE_PLAYLIST, LINE_AT, 3);
	(void) snprintf(f->path, sizeof f->path, "%s/state.db", test_tmpdir());
	if (state_open(f->path, clock_system(), &f->state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	open_door(f, 8, 10000);
	const struct server_options so = { .what = "test", .connections_max = 64, .body_limit_bytes = (size_t) 20 << 20, .head_limit_bytes = 1 << 16,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = f };
	if (server_open(&so, &f->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static void fixture_done(struct fixture *f)
{
	server_close(f->server);
	door_push_close(f->door);
	state_close(f->state);
	line_close(&f->line);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

/* As Pub/Sub writes it. */
static struct slice envelope_of(const struct bus_message *m, struct arena *arena)
{
	CLEANUP(buf_done) struct buf text = buf_new(ENVELOPE_BYTES_MAX);
	struct slice data = base64_encode(m->data, arena);
	buf_adds(&text, "{\"message\":{\"attributes\":{");
	for (size_t i = 0; i < m->attr_count; i++) {
		if (i)
			buf_addc(&text, ',');
		json_write_string(m->attr[i].key, &text);
		buf_addc(&text, ':');
		json_write_string(m->attr[i].value, &text);
	}
	buf_addf(&text, "},\"data\":\"%.*s\",\"messageId\":\"%.*s\",\"message_id\":\"%.*s\"},\"subscription\":\"projects\\/p\\/subscriptions\\/s\"}",
	         SLICE_FMT(data), SLICE_FMT(m->id), SLICE_FMT(m->id));
	assert_false(text.over);
	return arena_copy(arena, buf_slice(&text));
}

#define JSON_TYPE "Content-Type: application/json\r\n"

static struct wire_reply send_to(int port, const char *what, const char *headers, struct slice body, struct arena *arena)
{
	struct wire_reply r;
	int fd = wire_connect(port);
	(void) wire_send(fd, arena_printf(arena, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n", what, headers, body.len));
	(void) wire_send(fd, body);
	wire_read(fd, arena, &r);
	(void) close(fd);
	return r;
}

static struct wire_reply push(struct fixture *f, struct slice body)
{
	return send_to(server_port(f->server), "POST /push", JSON_TYPE, body, &f->arena);
}

static void pushes(struct fixture *f, struct slice body, int status)
{
	struct wire_reply r = push(f, body);
	if (r.status != status)
		fail_msg("%d, want %d: %.*s", r.status, status, SLICE_FMT(r.body));
	assert_int_equal(wire_header(&r, "Retry-After").ptr != NULL, status == 503);
}

/* The messages of a snapshot: three pages, the playlist, the manifest. */
static struct bus_delivery *messages(struct fixture *f, size_t *out_count)
{
	struct extract_result er;
	struct bus_delivery *d = NULL;
	struct err err = { 0 };
	if (line_extract(&f->line, &er, &err) != RC_OK || bus_pull(f->line.bus, SUBSCRIPTION, 100, 1 << 24, &f->arena, &d, out_count, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(*out_count, 5);
	return d;
}

static bool is_complete(struct fixture *f)
{
	struct raw_snapshot s;
	return raw_snapshot_look(f->line.store, SLICE(LINE_PLAYLIST), LINE_AT, &s, NULL) == RC_OK && s.complete;
}

static size_t receipts(struct fixture *f)
{
	struct db_stmt *stmt;
	bool row;
	assert_int_equal(db_query(state_db(f->state), "SELECT count(*) FROM receipt", &stmt, NULL), RC_OK);
	assert_int_equal(db_step(stmt, &row, NULL), RC_OK);
	size_t count = (size_t) db_column_int(stmt, 0);
	db_done(stmt);
	return count;
}

/* --- what comes in */

static void a_snapshot_becomes_complete_by_its_messages(void **unused UNUSED)
{
	FIXTURE(f);
	size_t count;
	struct bus_delivery *d = messages(&f, &count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(f.completed, 0);
		pushes(&f, envelope_of(&d[i].message, &f.arena), 204);
		assert_int_equal(receipts(&f), i + 1);
	}
	assert_true(is_complete(&f));
	assert_int_equal(f.completed, 1);
	assert_int_equal(line_count(&f.line, "raw/"), 5);
	for (size_t i = 0; i < count; i++) /* delivered again: the same */
		pushes(&f, envelope_of(&d[i].message, &f.arena), 204);
	assert_int_equal(line_count(&f.line, "raw/"), 5);
	assert_int_equal(receipts(&f), 5);
	assert_int_equal(f.completed, 1);
	assert_int_equal(line_count(&f.line, "quarantine/"), 0);
}

static void unwrapped_messages_are_the_same(void **unused UNUSED)
{
	FIXTURE(f);
	size_t count;
	struct bus_delivery *d = messages(&f, &count);
	for (size_t i = 0; i < count; i++) {
		CLEANUP(buf_done) struct buf headers = buf_new(1 << 16);
		buf_addf(&headers, "Content-Type: application/x-www-form-urlencoded\r\nx-goog-pubsub-message-id: %.*s\r\n", SLICE_FMT(d[i].message.id));
		for (size_t k = 0; k < d[i].message.attr_count; k++)
			buf_addf(&headers, "%.*s: %.*s\r\n", SLICE_FMT(d[i].message.attr[k].key), SLICE_FMT(d[i].message.attr[k].value));
		struct wire_reply r = send_to(server_port(f.server), "POST /push", buf_str(&headers), d[i].message.data, &f.arena);
		assert_int_equal(r.status, 204);
	}
	assert_true(is_complete(&f));
	assert_int_equal(line_count(&f.line, "quarantine/"), 0);
}

static void other_messages_are_acknowledged_and_skipped(void **unused UNUSED)
{
	FIXTURE(f);
	pushes(&f, SLICE("{\"message\":{\"messageId\":\"1\",\"attributes\":{\"type\":\"extract_failed\"}}}"), 204);
	pushes(&f, SLICE("{\"message\":{\"messageId\":\"1\",\"data\":\"YQ==\"}}"), 204);
	assert_int_equal(line_count(&f.line, ""), 0);
	assert_int_equal(receipts(&f), 0);
}

static void the_largest_message_goes_through(void **unused UNUSED)
{
	FIXTURE(f);
	char *bytes = arena_alloc(&f.arena, 9900001);
	memset(bytes, ' ', 9900001);
	struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), SLICE(LINE_PLAYLIST) },
		                   { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("page"), SLICE("0") } };
	struct bus_message m = { .data = { bytes, 9900000 }, .attr = attr, .attr_count = COUNT_OF(attr), .id = SLICE("1") };
	pushes(&f, envelope_of(&m, &f.arena), 204);
	assert_int_equal(line_count(&f.line, "raw/"), 1);
	m.data.len++; /* over page_limit_bytes: kept elsewhere */
	pushes(&f, envelope_of(&m, &f.arena), 204);
	assert_int_equal(line_count(&f.line, "quarantine/too_large/"), 2);
}

/* --- what does not */

static void what_is_no_envelope_is_told(void **unused UNUSED)
{
	static const char *const none[] = { "", "{", "[]", "hello", "{}", "{\"message\":{}}", "{\"message\":{\"data\":\"YQ==\"}}", "\xff" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(none); i++)
		pushes(&f, slice_of(none[i]), 400);
	assert_int_equal(line_count(&f.line, ""), 0);
}

/* It would come again for ever: its bytes are kept, then it is acknowledged. */
static void a_message_that_cannot_be_used_is_kept(void **unused UNUSED)
{
	static const char *const poison[] = { "{\"message\":{\"messageId\":\"1\",\"data\":\"!!\",\"attributes\":{\"type\":\"playlist\",\"playlist_id\":\"p\"}}}",
		                              "{\"message\":{\"messageId\":\"2\",\"data\":7}}", "{\"message\":{\"messageId\":\"3\",\"data\":\"YQ==\",\"attributes\":[]}}" };
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(poison); i++)
		for (int times = 0; times < 2; times++)
			pushes(&f, slice_of(poison[i]), 204);
	assert_int_equal(line_count(&f.line, "quarantine/bad_envelope/"), 2 * COUNT_OF(poison));
	struct letters letters = { 0 };
	struct err err = { 0 };
	assert_int_equal(quarantine_list(f.line.store, &f.arena, &letters, &err), RC_OK);
	assert_int_equal(letters.count, COUNT_OF(poison));
	size_t seen = 0;
	for (size_t i = 0; i < letters.count; i++) {
		struct slice body;
		assert_int_equal(quarantine_body(f.line.store, &letters.letter[i], &f.arena, &body, &err), RC_OK);
		for (size_t k = 0; k < COUNT_OF(poison); k++)
			seen += slice_is(body, poison[k]);
	}
	assert_int_equal(seen, COUNT_OF(poison)); /* byte for byte */
}

static void a_message_ingest_refuses_is_kept_too(void **unused UNUSED)
{
	FIXTURE(f);
	pushes(&f, SLICE("{\"message\":{\"messageId\":\"1\",\"data\":\"YQ==\",\"attributes\":{\"type\":\"playlist\"}}}"), 204);
	assert_int_equal(line_count(&f.line, "quarantine/bad_attributes/"), 2);
}

static void method_type_and_size_are_checked(void **unused UNUSED)
{
	static const char *const methods[] = { "GET", "PUT", "DELETE", "PATCH", "OPTIONS" };
	static const char *const types[] = { "", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n", "Content-Type: application/jsonx\r\n",
		                             "Content-Type: multipart/form-data; boundary=application/json\r\n" };
	FIXTURE(f);
	struct slice body = SLICE("{\"message\":{\"messageId\":\"1\",\"data\":\"YQ==\"}}");
	int port = server_port(f.server);
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		struct wire_reply r = send_to(port, arena_printf(&f.arena, "%s /push", methods[i]).ptr, JSON_TYPE, body, &f.arena);
		assert_int_equal(r.status, 405);
		assert_true(slice_is(wire_header(&r, "Allow"), "POST"));
	}
	for (size_t i = 0; i < COUNT_OF(types); i++)
		assert_int_equal(send_to(port, "POST /push", types[i], body, &f.arena).status, 415);
	assert_int_equal(send_to(port, "POST /push", "Content-Type: Application/JSON; charset=utf-8\r\n", body, &f.arena).status, 204);
	assert_int_equal(send_to(port, "POST /push/", JSON_TYPE, body, &f.arena).status, 418);
	assert_int_equal(send_to(port, "POST /push?x=1", JSON_TYPE, body, &f.arena).status, 204);
	char *huge = arena_alloc(&f.arena, ENVELOPE_BYTES_MAX + 1);
	memset(huge, ' ', ENVELOPE_BYTES_MAX + 1);
	memcpy(huge, body.ptr, body.len);
	assert_int_equal(send_to(port, "POST /push", JSON_TYPE, (struct slice){ huge, ENVELOPE_BYTES_MAX }, &f.arena).status, 204);
	assert_int_equal(send_to(port, "POST /push", JSON_TYPE, (struct slice){ huge, ENVELOPE_BYTES_MAX + 1 }, &f.arena).status, 413);
}

/* --- faults */

/* Every step of the store, of the receipt: what fails is given back, delivered again it is whole. */
static void what_fails_comes_again(void **unused UNUSED)
{
	static const int errnums[] = { ENOSPC, EIO };
	for (size_t e = 0; e < COUNT_OF(errnums); e++) {
		FIXTURE(f);
		size_t count, failures = 0;
		struct bus_delivery *d = messages(&f, &count);
		struct err err = { 0 };
		char folder[600];
		(void) snprintf(folder, sizeof folder, "%s/store", test_tmpdir());
		struct store *in_memory = f.line.store;
		if (store_folder_open(folder, &f.line.store, &err) != RC_OK)
			fail_msg("%s", err.msg);
		store_close(in_memory);
		door_push_close(f.door);
		open_door(&f, 8, 10000);
		for (uint64_t nth = 1;; nth++) {
			fault_arm("*", nth, errnums[e]);
			struct wire_reply r = push(&f, envelope_of(&d[nth % count].message, &f.arena));
			bool fired = fault_fired();
			(void) fault_disarm();
			assert_true(r.status == 204 || (fired && r.status == 503));
			failures += r.status == 503;
			pushes(&f, envelope_of(&d[nth % count].message, &f.arena), 204);
			if (!fired && nth >= count)
				break;
		}
		assert_true(failures >= 3);
		assert_true(is_complete(&f));
		assert_int_equal(receipts(&f), 5);
	}
}

static void a_store_that_refuses_all_is_a_500(void **unused UNUSED)
{
	FIXTURE(f);
	size_t count;
	struct bus_delivery *d = messages(&f, &count);
	f.line.store = store_fault_open(f.line.store, 1, false, RC_FATAL);
	door_push_close(f.door);
	open_door(&f, 8, 10000);
	pushes(&f, envelope_of(&d[0].message, &f.arena), 500);
	assert_int_equal(receipts(&f), 0);
	pushes(&f, envelope_of(&d[0].message, &f.arena), 204);
	f.line.store = store_fault_open(f.line.store, 1, false, RC_RETRY);
	door_push_close(f.door);
	open_door(&f, 8, 10000);
	pushes(&f, SLICE("{\"message\":{\"messageId\":\"1\",\"data\":\"!\"}}"), 503); /* not kept, not acknowledged */
	pushes(&f, SLICE("{\"message\":{\"messageId\":\"1\",\"data\":\"!\"}}"), 204);
}

/* --- many at once */

struct sender {
	struct fixture *f;
	struct slice *body;
	size_t from, step, count;
	int others, later;
};

static void *send_all(void *ctx)
{
	struct sender *s = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	for (size_t i = s->from; i < s->count;) {
		int status = send_to(server_port(s->f->server), "POST /push", JSON_TYPE, s->body[i], &arena).status;
		s->later += status == 503;
		s->others += status != 204 && status != 503;
		i += status == 503 ? 0 : s->step;
	}
	return NULL;
}

/* 200 messages by 16 threads; returns how often one was put off. */
static int flood(struct fixture *f)
{
	struct slice body[200];
	struct sender sender[16];
	pthread_t thread[COUNT_OF(sender)];
	int later = 0;
	for (size_t i = 0; i < COUNT_OF(body); i++) {
		struct slice page = arena_printf(&f->arena, "%zu", i), number = arena_printf(&f->arena, "%zu", i % 100);
		struct bus_attr attr[] = { { SLICE("type"), SLICE("playlist_page") }, { SLICE("playlist_id"), i < 100 ? SLICE("one") : SLICE("two") },
			                   { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") }, { SLICE("page"), number } };
		struct bus_message m = { .data = page, .attr = attr, .attr_count = COUNT_OF(attr), .id = page };
		body[i] = envelope_of(&m, &f->arena);
	}
	for (size_t i = 0; i < COUNT_OF(sender); i++) {
		sender[i] = (struct sender){ .f = f, .body = body, .from = i, .step = COUNT_OF(sender), .count = COUNT_OF(body) };
		assert_int_equal(pthread_create(&thread[i], NULL, send_all, &sender[i]), 0);
	}
	for (size_t i = 0; i < COUNT_OF(sender); i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(sender[i].others, 0);
		later += sender[i].later;
	}
	assert_int_equal(line_count(&f->line, "raw/"), COUNT_OF(body));
	assert_int_equal(receipts(f), COUNT_OF(body));
	return later;
}

static void many_at_once_are_all_stored(void **unused UNUSED)
{
	FIXTURE(f);
	assert_int_equal(flood(&f), 0);
}

static void who_finds_no_place_comes_later(void **unused UNUSED)
{
	FIXTURE(f);
	door_push_close(f.door);
	open_door(&f, 1, 0);
	assert_true(flood(&f) > 0);
}

struct late {
	struct fixture *f;
	struct slice body;
	int status;
};

static void *send_late(void *ctx)
{
	struct late *l = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	l->status = send_to(server_port(l->f->server), "POST /push", JSON_TYPE, l->body, &arena).status;
	return NULL;
}

static void who_waits_for_a_place_is_let_go_at_the_end(void **unused UNUSED)
{
	FIXTURE(f);
	size_t count;
	pthread_t thread[2];
	struct bus_delivery *d = messages(&f, &count);
	door_push_close(f.door);
	open_door(&f, 1, 60000);
	for (size_t i = 0; i + 1 < count; i++)
		pushes(&f, envelope_of(&d[i].message, &f.arena), 204);
	f.hold = true; /* the last one completes the snapshot and stays in its place */
	struct late late[] = { { .f = &f, .body = envelope_of(&d[count - 1].message, &f.arena) }, { .f = &f, .body = envelope_of(&d[0].message, &f.arena) } };
	assert_int_equal(pthread_create(&thread[0], NULL, send_late, &late[0]), 0);
	while (!f.completed)
		clock_sleep_ms(clock_system(), 5);
	assert_int_equal(pthread_create(&thread[1], NULL, send_late, &late[1]), 0);
	clock_sleep_ms(clock_system(), 200);
	int64_t from_ns = clock_mono_ns(clock_system());
	f.stop = true;
	assert_int_equal(pthread_join(thread[1], NULL), 0);
	assert_true(clock_mono_ns(clock_system()) - from_ns < INT64_C(5000000000));
	assert_int_equal(late[1].status, 503);
	f.hold = false;
	assert_int_equal(pthread_join(thread[0], NULL), 0);
	assert_int_equal(late[0].status, 204);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_snapshot_becomes_complete_by_its_messages),
	cmocka_unit_test(unwrapped_messages_are_the_same),
	cmocka_unit_test(other_messages_are_acknowledged_and_skipped),
	cmocka_unit_test(the_largest_message_goes_through),
	cmocka_unit_test(what_is_no_envelope_is_told),
	cmocka_unit_test(a_message_that_cannot_be_used_is_kept),
	cmocka_unit_test(a_message_ingest_refuses_is_kept_too),
	cmocka_unit_test(method_type_and_size_are_checked),
	cmocka_unit_test(what_fails_comes_again),
	cmocka_unit_test(a_store_that_refuses_all_is_a_500),
	cmocka_unit_test(many_at_once_are_all_stored),
	cmocka_unit_test(who_finds_no_place_comes_later),
	cmocka_unit_test(who_waits_for_a_place_is_let_go_at_the_end),
};
TEST_SUITE(door_push, tests)
