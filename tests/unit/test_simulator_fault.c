/* Faults of the simulator: their grammar, whom they befall, what they do, and what holds afterwards. */
#include "sim/simulator.h"

#include "sim/world.h"
#include "support/sim.h"
#include "test.h"

#include <stdio.h>

#define BOLLYWOOD "/v1/playlists/" WORLD_SAMPLE_BOLLYWOOD
#define TOP50 "/v1/playlists/" WORLD_SAMPLE_TOP50
#define PAGE BOLLYWOOD "/tracks?offset=0&limit=50"
#define PAGE_2 BOLLYWOOD "/tracks?offset=50&limit=50"

static void open_with(struct sim *sim, const char *spec)
{
	sim_open(sim, (struct simulator_options){ .day = 10, .seed = 5 });
	sim_user_token(sim);
	if (spec)
		sim_fault(sim, spec);
}

static void what_is_no_fault_is_told(void **state UNUSED)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{ "", "known are 429, quota" },
		{ "430", "known are 429, quota" },
		{ "429,after", "want seconds" },
		{ "429,after=x", "want seconds" },
		{ "500,at=0", "want a number" },
		{ "500,every=", "want a number" },
		{ "500,p=2", "want a chance" },
		{ "500,p=x", "want a chance" },
		{ "500,p=", "want a chance" },
		{ "500,on=pages", "token, playlist" },
		{ "500,on=", "token, playlist" },
		{ "500,on=page+", "token, playlist" },
		{ "edit,total=2", "want 0 or 1" },
		{ "html,status=99", "want a status" },
		{ "slow,ms=-1", "want milliseconds" },
		{ "500,playlist=", "want the id" },
		{ "500,colour=red", "known are on=" },
		{ "500,", "known are on=" },
		{ "500,\xff=1", "UTF-8" },
	};
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ 0 });
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = { 0 };
		if (simulator_fault(sim.s, bad[i].spec, &err) != RC_REJECT || !strstr(err.msg, bad[i].says))
			fail_msg("'%s': %s", bad[i].spec, err.msg);
		assert_int_equal(simulator_fault_check(bad[i].spec, NULL), RC_REJECT);
	}
	for (int i = 0; i < 64; i++)
		sim_fault(
			&sim,
			"500,at=1000,every=7,p=0.5,times=1,burst=2,on=token+page,playlist=x,after=3,ms=4,status=500,total=1,self=0");
	assert_int_equal(simulator_fault(sim.s, "500", NULL), RC_REJECT);
	sim_close(&sim);
}

/* --- what they answer */

static void error_answers(void **state UNUSED)
{
	static const char json[] = "application/json; charset=utf-8";
	static const struct {
		const char *spec;
		int status;
		const char *body, *type, *retry_after;
	} cases[] = {
		{ "429", 429, "{\"error\":{\"status\":429,\"message\":\"Too many requests\"}}", json, "1" },
		{ "429,after=7", 429, "{\"error\":{\"status\":429,\"message\":\"Too many requests\"}}", json, "7" },
		{ "quota", 429, "{\"error\":{\"status\":429,\"message\":\"Too many requests\",\"reason\":\"QUOTA_EXCEEDED\"}}",
		  json, "86400" },
		{ "quota,after=48925", 429,
		  "{\"error\":{\"status\":429,\"message\":\"Too many requests\",\"reason\":\"QUOTA_EXCEEDED\"}}", json, "48925" },
		{ "429_no_header", 429, "{\"error\":{\"status\":429,\"message\":\"Too many requests\"}}", json, NULL },
		{ "429_text", 429, "{\"error\":{\"status\":429,\"message\":\"Too many requests\"}}", json, "soon" },
		{ "500", 500, "{\"error\":{\"status\":500,\"message\":\"Server error.\"}}", json, NULL },
		{ "502", 502, "{\"error\":{\"status\":502,\"message\":\"Bad gateway.\"}}", json, NULL },
		{ "503", 503, "{\"error\":{\"status\":503,\"message\":\"Service unavailable.\"}}", json, NULL },
		{ "504", 504, "{\"error\":{\"status\":504,\"message\":\"Gateway timeout.\"}}", json, NULL },
		{ "forbidden", 403, "{\"error\":{\"status\":403,\"message\":\"Forbidden\"}}", json, NULL },
		{ "not_found", 404, "{\"error\":{\"status\":404,\"message\":\"Resource not found\"}}", json, NULL },
		{ "empty", 200, "", json, NULL },
		{ "html", 502, NULL, "text/html", NULL },
		{ "html,status=200", 200, NULL, "text/html", NULL },
		{ "text", 403, NULL, "text/plain; charset=utf-8", NULL },
		{ "text,status=503", 503, NULL, "text/plain; charset=utf-8", NULL },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sim sim;
		open_with(&sim, cases[i].spec);
		struct wire_reply r = sim_get(&sim, PAGE);
		if (r.status != cases[i].status || (cases[i].body && !slice_is(r.body, cases[i].body)))
			fail_msg("%s: status %d: %.*s", cases[i].spec, r.status, SLICE_FMT(r.body));
		assert_true(slice_is(wire_header(&r, "Content-Type"), cases[i].type));
		assert_true(slice_eq(wire_header(&r, "Retry-After"), slice_of(cases[i].retry_after)));
		if (strncmp(cases[i].spec, "html", 4) == 0)
			assert_true(slice_starts(r.body, SLICE("<html>")));
		if (strncmp(cases[i].spec, "text", 4) == 0)
			assert_true(slice_starts(r.body, SLICE("Active premium subscription required for the owner of the app")));
		sim_close(&sim);
	}
}

static void answers_that_break_on_the_way(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, NULL);
	struct slice whole = sim_get(&sim, PAGE).body;
	sim_fault(&sim, "reset");
	assert_int_equal(sim_get(&sim, PAGE).end, WIRE_RESET);
	simulator_faults_clear(sim.s);
	sim_fault(&sim, "truncate");
	struct wire_reply r = sim_get(&sim, PAGE);
	assert_true(r.status == 200 && (r.end == WIRE_CUT || r.end == WIRE_RESET) && r.body.len == whole.len / 2);
	simulator_faults_clear(sim.s);
	sim_fault(&sim, "wrong_length");
	r = sim_get(&sim, PAGE);
	assert_true(r.status == 200 && r.end == WIRE_WHOLE && r.body.len == whole.len / 2);
	simulator_faults_clear(sim.s);
	sim_fault(&sim, "slow,ms=300");
	int64_t begin = clock_mono_ns(clock_system());
	r = sim_get(&sim, PAGE);
	assert_true(clock_mono_ns(clock_system()) - begin >= 300 * 1000000);
	assert_true(r.status == 200 && r.end == WIRE_WHOLE && slice_eq(r.body, whole));
	simulator_faults_clear(sim.s);
	assert_true(slice_eq(sim_get(&sim, PAGE).body, whole));
	sim_close(&sim);
}

static void expire_kills_the_token_in_use(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "expire,at=2");
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_get(&sim, PAGE).status, 401);
	assert_int_equal(sim_get(&sim, PAGE).status, 401);
	sim_user_token(&sim);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	sim_close(&sim);
}

static void invalid_grant_kills_the_refresh_token(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "invalid_grant,at=2");
	struct slice refresh = arena_copy(&sim.arena, json_get_string(sim.last, "refresh_token"));
	const char *body = arena_printf(&sim.arena, "grant_type=refresh_token&refresh_token=%.*s", SLICE_FMT(refresh)).ptr;
	assert_int_equal(sim_post(&sim, "/api/token", "client:secret", body).status, 200);
	assert_int_equal(sim_post(&sim, "/api/token", "client:secret", "grant_type=client_credentials").status,
	                 200); /* does not match */
	for (int i = 0; i < 2; i++) {
		struct wire_reply r = sim_post(&sim, "/api/token", "client:secret", body);
		assert_int_equal(r.status, 400);
		assert_true(slice_is(json_get_string(sim_parse(&sim, r.body), "error"), "invalid_grant"));
	}
	sim_close(&sim);
}

static void faults_of_the_token_endpoint_speak_its_language(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "503,on=token");
	struct wire_reply r = sim_post(&sim, "/api/token", "client:secret", "grant_type=client_credentials");
	assert_int_equal(r.status, 503);
	assert_true(slice_is(json_get_string(sim_parse(&sim, r.body), "error"), "server_error"));
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	sim_close(&sim);
}

static void endless_pages_never_end(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "endless");
	const struct json *page = sim_json(&sim, PAGE_2);
	assert_int_equal(json_size(json_get(page, "items")), 46);
	for (int64_t offset = 100; offset < 400; offset += 50) {
		struct slice want = arena_printf(&sim.arena, "%s" BOLLYWOOD "/tracks?offset=%lld&limit=50", simulator_url(sim.s),
		                                 (long long) offset);
		assert_true(slice_eq(json_get_string(page, "next"), want));
		page = sim_json(&sim, want.ptr + strlen(simulator_url(sim.s)));
		assert_int_equal(json_size(json_get(page, "items")), 0);
	}
	simulator_faults_clear(sim.s);
	sim_fault(&sim, "endless,self=1");
	page = sim_json(&sim, PAGE_2);
	assert_true(slice_eq(json_get_string(page, "next"), json_get_string(page, "href")));
	sim_close(&sim);
}

/* --- edits */

static struct slice truth_of(struct sim *sim, struct simulator_truth *out)
{
	CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20);
	assert_int_equal(simulator_truth(sim->s, SLICE(WORLD_SAMPLE_BOLLYWOOD), NULL, NULL, &text, out, NULL), RC_OK);
	return arena_copy(&sim->arena, buf_slice(&text));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static const char **sorted_items(struct sim *sim, struct slice text, size_t *out_count)
{
	const struct json *items = sim_parse(sim, text);
	*out_count = json_size(items);
	const char **all = arena_alloc_array(&sim->arena, *out_count, sizeof *all);
	for (size_t i = 0; i < *out_count; i++)
		all[i] = sim_text(sim, json_at(items, i));
	qsort(all, *out_count, sizeof *all, by_text);
	return all;
}

static void an_edit_between_pages_reorders(void **state UNUSED)
{
	struct sim sim;
	struct simulator_truth before, after;
	size_t count, edited_count;
	open_with(&sim, "edit,at=1");
	struct slice old = truth_of(&sim, &before);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_stats(&sim).faults[FAULT_EDIT], 0); /* before the first page nobody would notice */
	const char *second = sim_text(&sim, json_get(sim_json(&sim, PAGE_2), "items"));
	struct slice new = truth_of(&sim, &after);
	assert_int_equal(sim_stats(&sim).faults[FAULT_EDIT], 1);
	assert_string_not_equal(before.snapshot_id, after.snapshot_id);
	assert_true(slice_is(json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id"), after.snapshot_id));
	assert_false(slice_eq(old, new));
	assert_true(before.total == after.total && before.items == after.items);
	assert_true(slice_find_str(new, slice_sub(slice_of(second), 1, strlen(second) - 2)) !=
	            SIZE_MAX); /* the page is of the new order */
	const char **a = sorted_items(&sim, old, &count), **b = sorted_items(&sim, new, &edited_count);
	assert_int_equal(count, edited_count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(a[i], b[i]); /* the same items */
	sim_close(&sim);
}

static void an_edit_of_the_total_takes_out_and_puts_back(void **state UNUSED)
{
	struct sim sim;
	struct simulator_truth truth[4];
	open_with(&sim, NULL);
	(void) truth_of(&sim, &truth[0]);
	for (size_t i = 1; i < COUNT_OF(truth); i++) {
		assert_int_equal(simulator_edit(sim.s, SLICE(WORLD_SAMPLE_BOLLYWOOD), true, NULL), RC_OK);
		(void) truth_of(&sim, &truth[i]);
		assert_int_equal(truth[i].total, truth[0].total - (int64_t) (i % 2));
		assert_int_equal(json_get_integer(sim_json(&sim, PAGE), "total", 0), truth[i].total);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(truth[k].snapshot_id, truth[i].snapshot_id);
	}
	assert_int_equal(simulator_edit(sim.s, SLICE("nobody"), true, NULL), RC_NOT_FOUND);
	simulator_set_day(sim.s, 11); /* another day knows nothing of it */
	(void) truth_of(&sim, &truth[1]);
	assert_int_equal(truth[1].total, 96);
	sim_close(&sim);
}

static void small_lists_can_be_edited(void **state UNUSED)
{
	for (int64_t size = 0; size < 4; size++) {
		struct sim sim;
		struct slice id, owner;
		struct simulator_truth before, after;
		CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20), changed = buf_new((size_t) 64 << 20);
		sim_open(&sim, (struct simulator_options){ .world = world_lists_open(3, 5, 1, size, false), .day = -1 });
		assert_true(simulator_playlist(sim.s, 0, &id, &owner));
		assert_int_equal(simulator_truth(sim.s, id, NULL, NULL, &text, &before, NULL), RC_OK);
		assert_int_equal(simulator_edit(sim.s, id, false, NULL), RC_OK);
		assert_int_equal(simulator_truth(sim.s, id, NULL, NULL, &changed, &after, NULL), RC_OK);
		assert_string_not_equal(before.snapshot_id, after.snapshot_id);
		assert_int_equal(before.items, after.items);
		assert_true(before.items < 2 || !slice_eq(buf_slice(&text), buf_slice(&changed)));
		for (int i = 0; i < 5; i++)
			assert_int_equal(simulator_edit(sim.s, id, true, NULL), RC_OK);
		sim_close(&sim);
	}
}

/* --- whom they befall */

/* The statuses of so many requests for a page: 'x' for one that failed, '.' for a good one. */
static const char *statuses(struct sim *sim, const char *path, size_t count)
{
	char *s = arena_alloc(&sim->arena, count + 1);
	for (size_t i = 0; i < count; i++)
		s[i] = sim_get(sim, path).status == 200 ? '.' : 'x';
	return s;
}

static void faults_have_a_schedule(void **state UNUSED)
{
	static const struct {
		const char *spec, *want;
	} cases[] = {
		{ "500", "xxxxxxxxxx" },
		{ "500,at=3", "..x......." },
		{ "500,at=3,at=5", "..x.x....." },
		{ "500,every=4", "...x...x.." },
		{ "500,every=2,times=3", ".x.x.x...." },
		{ "500,at=2,burst=4", ".xxxx....." },
		{ "500,every=5,burst=2", "....xx...x" },
		{ "500,times=2", "xx........" },
		{ "500,p=0", ".........." },
		{ "500,p=1", "xxxxxxxxxx" },
		{ "500,on=playlist", ".........." },
		{ "500,on=page+playlist,at=1", "x........." },
		{ "500,playlist=" WORLD_SAMPLE_TOP50, ".........." },
		{ "500,playlist=" WORLD_SAMPLE_BOLLYWOOD ",times=1", "x........." },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct sim sim;
		open_with(&sim, cases[i].spec);
		const char *got = statuses(&sim, PAGE, 10);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s, want %s", cases[i].spec, got, cases[i].want);
		sim_close(&sim);
	}
}

static void other_requests_do_not_count(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "500,on=page,at=2,playlist=" WORLD_SAMPLE_BOLLYWOOD);
	assert_string_equal(statuses(&sim, PAGE, 1), ".");
	assert_string_equal(statuses(&sim, TOP50 "/tracks", 3), "...");
	assert_string_equal(statuses(&sim, BOLLYWOOD, 3), "...");
	assert_string_equal(statuses(&sim, "/v1/me", 3), "...");
	assert_string_equal(statuses(&sim, PAGE, 2), "x.");
	sim_close(&sim);
}

static void luck_is_the_seed_s(void **state UNUSED)
{
	const char *got[3];
	struct sim sim[3];
	for (size_t i = 0; i < 3; i++) {
		sim_open(&sim[i], (struct simulator_options){ .day = 10, .seed = i == 2 ? 6 : 5 });
		sim_client_token(&sim[i]);
		sim_fault(&sim[i], "500,p=0.3");
		got[i] = statuses(&sim[i], "/v1/markets", 200);
	}
	assert_string_equal(got[0], got[1]);
	assert_string_not_equal(got[0], got[2]);
	assert_in_range(sim_stats(&sim[0]).faults[FAULT_500], 35, 85);
	for (size_t i = 0; i < 3; i++)
		sim_close(&sim[i]);
}

/* What the other requests were does not matter, nor how many of them the fault was about. */
static void luck_is_the_request_s_number_s(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "500,p=0.5,on=page");
	char alone[61];
	(void) snprintf(alone, sizeof alone, "%s", statuses(&sim, PAGE, 60));
	sim_close(&sim);
	open_with(&sim, "500,p=0.5,on=page");
	for (size_t i = 0; i < 60; i++)
		assert_true(i % 3 ? sim_get(&sim, BOLLYWOOD).status == 200 : statuses(&sim, PAGE, 1)[0] == alone[i]);
	sim_close(&sim);
}

static void the_first_of_two_faults_wins(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "500,at=1");
	sim_fault(&sim, "502,times=2");
	assert_int_equal(sim_get(&sim, PAGE).status, 500);
	assert_int_equal(sim_get(&sim, PAGE).status, 502);
	assert_int_equal(sim_get(&sim, PAGE).status, 502);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	sim_close(&sim);
}

/* --- what holds */

static void a_429_holds_until_its_time_is_over(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "429,after=10,at=1");
	assert_int_equal(sim_get(&sim, PAGE).status, 429);
	assert_int_equal(sim_stats(&sim).violations, 0);
	clock_fake_advance_ms(&sim.clock, 7200);
	struct wire_reply r = sim_get(&sim, BOLLYWOOD); /* another address: it is the app that must wait */
	assert_true(r.status == 429 && slice_is(wire_header(&r, "Retry-After"), "3"));
	assert_int_equal(sim_post(&sim, "/api/token", "client:secret", "grant_type=client_credentials").status, 200);
	clock_fake_advance_ms(&sim.clock, 2799);
	assert_int_equal(sim_get(&sim, PAGE).status, 429);
	clock_fake_advance_ms(&sim.clock, 1);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_stats(&sim).violations, 2);
	assert_int_equal(sim_stats(&sim).faults[FAULT_429], 1);
	sim_close(&sim);

	open_with(&sim, "quota,at=1");
	assert_int_equal(sim_get(&sim, PAGE).status, 429);
	r = sim_get(&sim, PAGE);
	assert_true(slice_is(wire_header(&r, "Retry-After"), "86400") &&
	            slice_find_str(r.body, SLICE("QUOTA_EXCEEDED")) != SIZE_MAX);
	simulator_faults_clear(sim.s);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	sim_close(&sim);
}

static void a_429_without_a_time_holds_for_none(void **state UNUSED)
{
	static const char *const specs[] = { "429_no_header,at=1", "429_text,at=1", "429,after=0,at=1" };
	for (size_t i = 0; i < COUNT_OF(specs); i++) {
		struct sim sim;
		open_with(&sim, specs[i]);
		assert_int_equal(sim_get(&sim, PAGE).status, 429);
		assert_int_equal(sim_get(&sim, PAGE).status, 200);
		assert_int_equal(sim_stats(&sim).violations, 0);
		sim_close(&sim);
	}
}

/* Nobody knows here whether the client waited for the rest. */
static void a_page_that_stalled_may_be_asked_for_again(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "slow,ms=1,at=1");
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_stats(&sim).repeats, 0);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_stats(&sim).repeats, 1);
	sim_close(&sim);
}

static void pages_asked_for_twice_are_counted(void **state UNUSED)
{
	struct sim sim;
	open_with(&sim, "500,at=2");
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_get(&sim, PAGE_2).status, 500);
	assert_int_equal(sim_get(&sim, PAGE_2).status, 200); /* the first did not come */
	assert_int_equal(sim_get(&sim, BOLLYWOOD).status, 200);
	assert_int_equal(sim_get(&sim, BOLLYWOOD).status, 200); /* no page */
	assert_int_equal(sim_stats(&sim).repeats, 0);
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	assert_int_equal(sim_get(&sim, PAGE_2).status, 200);
	assert_int_equal(sim_stats(&sim).repeats, 2);
	assert_int_equal(simulator_edit(sim.s, SLICE(WORLD_SAMPLE_BOLLYWOOD), false, NULL), RC_OK);
	assert_int_equal(sim_get(&sim, PAGE).status, 200); /* another order */
	assert_int_equal(sim_stats(&sim).repeats, 2);
	sim_close(&sim);
}

static void the_journal_holds_every_request(void **state UNUSED)
{
	struct sim sim;
	struct simulator_request *log;
	size_t count;
	open_with(&sim, "reset,at=2");
	sim_fault(&sim, "429,at=3,after=5");
	(void) sim_get(&sim, BOLLYWOOD "?fields=id%2Cname");
	for (int i = 0; i < 3; i++)
		(void) sim_get(&sim, PAGE);
	simulator_requests(sim.s, &sim.arena, &log, &count);
	static const struct {
		const char *method, *target, *fault;
		enum simulator_kind kind;
		int status;
	} want[] = {
		{ "GET", NULL, NULL, SIMULATOR_OTHER, 302 },
		{ "POST", "/api/token", NULL, SIMULATOR_TOKEN, 200 },
		{ "GET", BOLLYWOOD "?fields=id%2Cname", NULL, SIMULATOR_PLAYLIST, 200 },
		{ "GET", PAGE, "reset", SIMULATOR_PAGE, 0 },
		{ "GET", PAGE, "429", SIMULATOR_PAGE, 429 },
		{ "GET", PAGE, "429", SIMULATOR_PAGE, 429 },
	};
	assert_int_equal(count, COUNT_OF(want));
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(log[i].method, want[i].method);
		assert_true(!want[i].target || strcmp(log[i].target, want[i].target) == 0);
		assert_true(slice_eq(slice_of(log[i].fault), slice_of(want[i].fault)));
		assert_true(log[i].kind == want[i].kind && log[i].status == want[i].status);
	}
	struct simulator_stats stats = sim_stats(&sim);
	assert_int_equal(simulator_stats_requests(&stats), 6);
	assert_int_equal(stats.requests[SIMULATOR_PAGE], 3);
	assert_int_equal(stats.faults[FAULT_RESET], 1);
	sim_close(&sim);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_no_fault_is_told),
	cmocka_unit_test(error_answers),
	cmocka_unit_test(answers_that_break_on_the_way),
	cmocka_unit_test(expire_kills_the_token_in_use),
	cmocka_unit_test(invalid_grant_kills_the_refresh_token),
	cmocka_unit_test(faults_of_the_token_endpoint_speak_its_language),
	cmocka_unit_test(endless_pages_never_end),
	cmocka_unit_test(an_edit_between_pages_reorders),
	cmocka_unit_test(an_edit_of_the_total_takes_out_and_puts_back),
	cmocka_unit_test(small_lists_can_be_edited),
	cmocka_unit_test(faults_have_a_schedule),
	cmocka_unit_test(other_requests_do_not_count),
	cmocka_unit_test(luck_is_the_seed_s),
	cmocka_unit_test(luck_is_the_request_s_number_s),
	cmocka_unit_test(the_first_of_two_faults_wins),
	cmocka_unit_test(a_429_holds_until_its_time_is_over),
	cmocka_unit_test(a_429_without_a_time_holds_for_none),
	cmocka_unit_test(a_page_that_stalled_may_be_asked_for_again),
	cmocka_unit_test(pages_asked_for_twice_are_counted),
	cmocka_unit_test(the_journal_holds_every_request),
};
TEST_SUITE(simulator_fault, tests)
