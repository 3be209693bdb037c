#include "support/line.h"

#include "base/buf.h"
#include "test.h"

void line_open(struct line *l)
{
	struct err err = { 0 };
	*l = (struct line){ 0 };
	clock_fake_init(&l->clock, 1767400000000);
	l->source = source_mem_open();
	l->bus = bus_mem_open(&l->clock.base);
	l->store = store_mem_open(test_tmpdir());
	const struct bus_subscription raw = {
		.name = SUBSCRIPTION, .topic = TOPIC, .filter = SUBSCRIPTION_FILTER, .ack_deadline_s = 60,
		.backoff_min_ms = 1000, .backoff_max_ms = 10000, .dead_letter_topic = DEAD_TOPIC, .max_delivery_attempts = 5,
	};
	const struct bus_subscription dead = {
		.name = DEAD_SUBSCRIPTION, .topic = DEAD_TOPIC, .filter = "", .ack_deadline_s = 60, .dead_letter_topic = "",
		.max_delivery_attempts = 5,
	};
	assert_int_equal(bus_create_topic(l->bus, TOPIC, &err), RC_OK);
	assert_int_equal(bus_create_topic(l->bus, DEAD_TOPIC, &err), RC_OK);
	assert_int_equal(bus_create_subscription(l->bus, &raw, &err), RC_OK);
	assert_int_equal(bus_create_subscription(l->bus, &dead, &err), RC_OK);
}

void line_close(struct line *l)
{
	source_close(l->source);
	bus_close(l->bus);
	store_close(l->store);
}

struct slice line_page(struct arena *arena, int64_t offset, int64_t count, int64_t total)
{
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	buf_addf(&text, "{\"offset\":%lld,\"total\":%lld,\"next\":null,\"items\":[", (long long) offset, (long long) total);
	for (int64_t i = offset; i < offset + count; i++)
		buf_addf(&text,
		         "%s{\"added_at\":null,\"is_local\":false,\"track\":{\"type\":\"track\",\"id\":\"track%lld\",\"name\":\"Track %lld\","
		         "\"uri\":\"spotify:track:track%lld\",\"artists\":[{\"id\":\"artist%lld\",\"name\":\"Artist %lld\"}],"
		         "\"album\":{\"id\":\"album1\",\"name\":\"Album\"}}}",
		         i > offset ? "," : "", (long long) i, (long long) i, (long long) i, (long long) i % 3, (long long) i % 3);
	buf_adds(&text, "]}");
	return arena_copy(arena, buf_slice(&text));
}

void line_add_snapshot(struct line *l, const char *playlist_id, int64_t at, int64_t pages)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	for (int64_t p = 0; p < pages; p++)
		source_mem_add(l->source, slice_of(playlist_id), at, SOURCE_PAGE, p, line_page(&arena, 2 * p, 2, 2 * pages));
	source_mem_add(l->source, slice_of(playlist_id), at, SOURCE_PLAYLIST, 0,
	               SLICE("{\"id\":\"p\",\"name\":\"A list\",\"snapshot_id\":\"s1\",\"owner\":{\"id\":\"o\",\"display_name\":\"O\"}}"));
}

enum rc line_extract(struct line *l, struct extract_result *out, struct err *err)
{
	const struct extract_options o = {
		.source = l->source, .bus = l->bus, .store = l->store, .run_id = "test", .pages_max = 100,
		.page_limit_bytes = 1 << 20,
	};
	return extract_run(&o, out, err);
}

enum rc line_ingest(struct line *l, struct ingest_result *out, struct err *err)
{
	const struct ingest_options o = {
		.bus = l->bus, .store = l->store, .clock = &l->clock.base, .run_id = "test", .page_limit_bytes = 1 << 20,
		.wait_ms_max = 700000,
	};
	return ingest_run(&o, out, err);
}

size_t line_count(struct line *l, const char *prefix)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 24);
	struct store_list list;
	struct err err = { 0 };
	assert_int_equal(store_list(l->store, slice_of(prefix), SLICE_NULL, 1000, &arena, &list, &err), RC_OK);
	assert_null(list.next.ptr);
	return list.count;
}
