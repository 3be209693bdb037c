/* The live source before an API that behaves in ways the simulator does not, and beside other runs. */
#include "source/source.h"

#include "base/json.h"
#include "io/server.h"
#include "raw/key.h"
#include "raw/snapshot.h"
#include "support/live.h"
#include "test.h"

#include <stdio.h>

#define ARENA_BYTES ((size_t) 64 << 20)
#define LIMIT 50

static const struct slice playlist = { "0OddPlaylistOfTheTest1", 22 };

/* A playlist of `size` items in pages of fifty, with what is odd about it. */
struct odd {
	int64_t size;
	int heads, pages;          /* requests so far */
	bool restless;             /* another snapshot_id with each request */
	int64_t shift;             /* added to what a page says about its offset */
	size_t next_bytes;         /* more of them in `next` */
	int64_t size_after_pages;  /* the size after so many pages; 0 = it stays */
	int64_t size_then;
	void (*on_page)(struct odd *odd, int64_t offset); /* on the server's thread, before the answer */
	struct live *live, *other; /* for on_page */
	char url[128];
};

static void answer_head(const struct odd *odd, const struct server_request *rq, struct server_reply *reply)
{
	reply->body = arena_printf(rq->arena,
	                           "{\"id\":\"%.*s\",\"name\":\"Odd\",\"owner\":{\"id\":\"spotify\"},\"snapshot_id\":\"id-%d\","
	                           "\"type\":\"playlist\",\"items\":{\"total\":%lld}}",
	                           SLICE_FMT(playlist), odd->restless ? odd->heads : 0, (long long) odd->size);
}

static void answer_page(const struct odd *odd, int64_t offset, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(buf_done) struct buf text = buf_new(16 << 20);
	bool last = offset + LIMIT >= odd->size;
	buf_addf(&text, "{\"offset\":%lld,\"limit\":%d,\"total\":%lld,\"next\":", (long long) (offset + odd->shift), LIMIT, (long long) odd->size);
	if (last)
		buf_adds(&text, "null");
	else
		buf_addf(&text, "\"%s/playlists/%.*s/items?offset=%lld&limit=%d&x=%0*d\"", odd->url, SLICE_FMT(playlist), (long long) offset + LIMIT, LIMIT,
		         (int) odd->next_bytes, 0);
	buf_adds(&text, ",\"items\":[");
	for (int64_t i = offset; i < offset + LIMIT && i < odd->size; i++)
		buf_addf(&text, "%s{\"item\":{\"type\":\"track\",\"id\":\"t%lld\",\"name\":\"n\",\"uri\":\"spotify:track:t%lld\"}}", i > offset ? "," : "",
		         (long long) i, (long long) i);
	buf_adds(&text, "]}");
	reply->body = arena_copy(rq->arena, buf_slice(&text));
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct odd *odd = ctx;
	const char *asked = server_query(rq, "offset");
	int64_t offset = asked ? atoll(asked) : 0;
	server_reply_header(reply, "Content-Type", "application/json");
	if (!slice_ends(slice_of(rq->path), SLICE("/items"))) {
		odd->heads++;
		answer_head(odd, rq, reply);
		return;
	}
	if (++odd->pages == odd->size_after_pages + 1 && odd->size_after_pages)
		odd->size = odd->size_then;
	if (odd->on_page)
		odd->on_page(odd, offset);
	answer_page(odd, offset, rq, reply);
}

static void odd_open(struct odd *odd, struct server **out_server, struct live *l)
{
	struct err err = { 0 };
	const struct server_options so = { .what = "odd API", .connections_max = 8, .body_limit_bytes = 1 << 20, .head_limit_bytes = 1 << 16,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = odd };
	if (server_open(&so, out_server, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) snprintf(odd->url, sizeof odd->url, "http://127.0.0.1:%d/v1", server_port(*out_server));
	live_open(l, &(struct simulator_options){ .world = world_lists_open(1, 2, 1, 10, false) });
	(void) snprintf(l->api_url, sizeof l->api_url, "%s", odd->url);
}

static void run(struct live *l, enum rc expected, struct extract_result *r)
{
	struct err err = { 0 };
	enum rc rc = live_run(l, &playlist, 1, r, &err);
	if (rc != expected)
		fail_msg("%s: %s", rc_name(rc), err.msg);
}

static void check_manifest(struct live *l, int64_t at, size_t pages, const char *warning)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct raw_snapshot shot;
	struct err err = { 0 };
	struct slice text;
	assert_int_equal(raw_snapshot_look(l->store, playlist, at, &shot, &err), RC_OK);
	assert_true(shot.complete);
	struct slice key = arena_printf(&arena, "%.*smanifest.json", SLICE_FMT(raw_prefix(playlist, at, &arena)));
	assert_int_equal(store_get(l->store, key, &arena, &text, NULL, &err), RC_OK);
	CLEANUP(json_freep) struct json *root = NULL;
	assert_int_equal(json_parse(text, &root, &err), RC_OK);
	assert_int_equal(json_size(json_get(root, "pages")), pages);
	if (!warning)
		assert_int_equal(json_size(json_get(root, "warnings")), 0);
	else
		assert_true(slice_find_str(text, slice_of(warning)) < text.len);
}

static size_t pending(struct live *l, const char *what)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct store_list list;
	struct err err = { 0 };
	struct slice prefix = arena_printf(&arena, PENDING_PREFIX "spotify/playlist_id=%.*s/%s", SLICE_FMT(playlist), what);
	assert_int_equal(store_list(l->store, prefix, SLICE_NULL, 1000, &arena, &list, &err), RC_OK);
	return list.count;
}

static void close_livep(struct live *l)
{
	live_close(l);
}
#define ODD(odd, l, ...)                                  \
	struct odd odd = { __VA_ARGS__ };                 \
	CLEANUP(close_livep) struct live l;               \
	CLEANUP(server_closep) struct server *server = NULL; \
	odd_open(&odd, &server, &l)

/* --- what the playlist does --------------------------------------------------------------------------------- */

static void a_snapshot_id_that_never_rests_costs_one_more_take(void **unused UNUSED)
{
	ODD(odd, l, .size = 120, .restless = true);
	struct extract_result r;
	int64_t at;
	run(&l, RC_OK, &r);
	assert_int_equal(r.snapshots, 1);
	assert_int_equal(odd.pages, 6);
	assert_int_equal(odd.heads, 3);
	assert_int_equal(live_snapshots(&l, playlist, &at), 1);
	check_manifest(&l, at, 3, "two takes in a row hold the same pages");
	assert_int_equal(pending(&l, ""), 1); /* the ETags */
}

static void a_list_that_shrinks_to_one_page_leaves_nothing_pending(void **unused UNUSED)
{
	ODD(odd, l, .size = 120, .size_after_pages = 2, .size_then = 40);
	struct extract_result r;
	int64_t at;
	run(&l, RC_OK, &r);
	assert_int_equal(r.snapshots, 1);
	assert_int_equal(live_snapshots(&l, playlist, &at), 1);
	check_manifest(&l, at, 1, NULL);
	assert_int_equal(pending(&l, "page-"), 0);
	assert_int_equal(pending(&l, "cursor"), 0);
	assert_int_equal(pending(&l, "playlist"), 0);
}

static void an_empty_list_and_full_pages_are_whole(void **unused UNUSED)
{
	static const struct {
		int64_t size;
		size_t pages;
	} sizes[] = { { 0, 1 }, { 1, 1 }, { LIMIT, 1 }, { LIMIT + 1, 2 }, { 2 * LIMIT, 2 } };
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		ODD(odd, l, .size = sizes[i].size);
		struct extract_result r;
		int64_t at;
		run(&l, RC_OK, &r);
		assert_int_equal(live_snapshots(&l, playlist, &at), 1);
		check_manifest(&l, at, sizes[i].pages, NULL);
		assert_int_equal(r.items, sizes[i].size);
		assert_int_equal(pending(&l, "page-"), 0);
	}
}

static void a_page_that_is_not_the_one_asked_for_is_not_taken(void **unused UNUSED)
{
	static const int64_t shifts[] = { LIMIT, 1, -1 };
	for (size_t i = 0; i < COUNT_OF(shifts); i++) {
		ODD(odd, l, .size = 120, .shift = shifts[i]);
		struct extract_result r;
		run(&l, RC_OK, &r);
		assert_int_equal(r.deferred, 1);
		assert_non_null(strstr(r.deferred_why, "offset"));
		assert_int_equal(live_snapshots(&l, playlist, NULL), 0);
		odd.shift = 0;
		clock_fake_advance_ms(&l.clock, 60000);
		run(&l, RC_OK, &r);
		assert_int_equal(live_snapshots(&l, playlist, NULL), 1);
	}
}

static void an_address_without_end_defers_its_playlist_only(void **unused UNUSED)
{
	ODD(odd, l, .size = 120, .next_bytes = 2 << 20);
	struct extract_result r;
	run(&l, RC_OK, &r);
	assert_int_equal(r.deferred, 1);
	assert_non_null(strstr(r.deferred_why, "names a next page by"));
	odd.next_bytes = 1;
	clock_fake_advance_ms(&l.clock, 60000);
	run(&l, RC_OK, &r);
	assert_int_equal(live_snapshots(&l, playlist, NULL), 1);
}

/* --- beside other runs -------------------------------------------------------------------------------------- */

static void other_runs(struct odd *odd, int64_t offset)
{
	struct extract_result r;
	if (offset != LIMIT || !odd->other)
		return;
	struct live *other = TAKE(odd->other);
	run(other, RC_OK, &r);
	assert_int_equal(r.snapshots, 1);
}

/* Two machines with one store: no lock keeps them apart. */
static void the_run_that_is_behind_leaves_the_playlist_to_the_other(void **unused UNUSED)
{
	ODD(odd, l, .size = 120, .on_page = other_runs);
	CLEANUP(close_livep) struct live second;
	live_open(&second, &(struct simulator_options){ .world = world_lists_open(1, 2, 1, 10, false) });
	(void) snprintf(second.api_url, sizeof second.api_url, "%s", odd.url);
	struct store *own = second.store;
	second.store = second.memory.store = l.store;
	odd.other = &second;
	struct extract_result r;
	int64_t at;
	run(&l, RC_OK, &r);
	assert_int_equal(r.deferred, 1);
	assert_non_null(strstr(r.deferred_why, "another run reads playlist"));
	assert_int_equal(live_snapshots(&l, playlist, &at), 1);
	check_manifest(&l, at, 3, NULL);
	clock_fake_advance_ms(&l.clock, 3600000);
	run(&l, RC_OK, &r);
	assert_int_equal(r.snapshots, 1);
	assert_int_equal(live_snapshots(&l, playlist, &at), 2);
	check_manifest(&l, at, 3, NULL);
	assert_int_equal(pending(&l, ""), 1);
	second.store = own;
}

/* --- the store ---------------------------------------------------------------------------------------------- */

/* What a person must see to is no deferral, and what was read before is not read again. */
static void a_store_that_fails_ends_the_run(void **unused UNUSED)
{
	for (int at = 1;; at++) {
		ODD(odd, l, .size = 120);
		struct extract_result r;
		struct err err = { 0 };
		struct store *good = l.store;
		struct store *bad = store_fault_open(good, at, false, RC_RETRY);
		l.memory.store = bad;
		enum rc rc = live_run(&l, &playlist, 1, &r, &err);
		bool fired = store_fault_fired(bad);
		if (rc != RC_OK)
			assert_int_equal(rc, RC_FATAL);
		else
			assert_int_equal(r.snapshots, 1); /* it only could not be remembered */
		assert_int_equal(r.deferred, 0);
		l.memory.store = good;
		clock_fake_advance_ms(&l.clock, 5000);
		run(&l, RC_OK, &r);
		assert_true(live_snapshots(&l, playlist, NULL) >= 1);
		assert_int_equal(pending(&l, "page-"), 0);
		l.store = bad; /* closes the one inside, too */
		if (!fired)
			break;
	}
}

static void an_unreadable_cursor_is_no_obstacle(void **unused UNUSED)
{
#define CURSOR(at) "{\"version\":1,\"settings\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"snapshot_at\":" at ",\"whole\":false}"
	static const char *const texts[] = { "", "{", "[]", "{\"version\":99}", "{\"version\":1,\"settings\":7}", CURSOR("9000000000000000000"),
		                             CURSOR("-9000000000000000000"), CURSOR("253402300799") };
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		ODD(odd, l, .size = 120);
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct extract_result r;
		struct err err = { 0 };
		struct slice key = arena_printf(&arena, PENDING_PREFIX "spotify/playlist_id=%.*s/cursor.json", SLICE_FMT(playlist));
		assert_int_equal(store_replace(l.store, key, STORE_ANY_VERSION, slice_of(texts[i]), NULL, &err), RC_OK);
		run(&l, RC_OK, &r);
		assert_int_equal(r.snapshots, 1);
		assert_int_equal(pending(&l, ""), 1);
	}
}

static void ids_of_any_bytes_are_refused_and_forgotten(void **unused UNUSED)
{
	ODD(odd, l, .size = 10);
	const struct slice ids[] = { { "\xff\xfe", 2 }, playlist };
	struct extract_result r;
	struct err err = { 0 };
	assert_int_equal(live_run(&l, ids, 2, &r, &err), RC_OK);
	assert_int_equal(r.unread, 1);
	assert_int_equal(r.snapshots, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_snapshot_id_that_never_rests_costs_one_more_take),
	cmocka_unit_test(a_list_that_shrinks_to_one_page_leaves_nothing_pending),
	cmocka_unit_test(an_empty_list_and_full_pages_are_whole),
	cmocka_unit_test(a_page_that_is_not_the_one_asked_for_is_not_taken),
	cmocka_unit_test(an_address_without_end_defers_its_playlist_only),
	cmocka_unit_test(the_run_that_is_behind_leaves_the_playlist_to_the_other),
	cmocka_unit_test(a_store_that_fails_ends_the_run),
	cmocka_unit_test(an_unreadable_cursor_is_no_obstacle),
	cmocka_unit_test(ids_of_any_bytes_are_refused_and_forgotten),
};
TEST_SUITE(source_spotify, tests)
