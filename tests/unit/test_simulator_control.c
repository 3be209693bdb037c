/* The control endpoint, and recorded pages in place of a world. */
#include "sim/simulator.h"

#include "base/mem.h"
#include "io/file.h"
#include "sim/world.h"
#include "support/sim.h"
#include "test.h"

#include <stdio.h>

#define BOLLYWOOD "/v1/playlists/" WORLD_SAMPLE_BOLLYWOOD
#define PAGE BOLLYWOOD "/items?limit=50"
#define LIST "0RecordedTestList00001"
#define PATH_BYTES 512

static struct wire_reply control(struct sim *sim, const char *body)
{
	return sim_post(sim, "/control", NULL, body);
}

static void changes(struct sim *sim, const char *body)
{
	struct wire_reply r = control(sim, body);
	if (r.status != 200)
		fail_msg("%s: status %d: %.*s", body, r.status, SLICE_FMT(r.body));
}

static void the_state_is_told(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 3, .rotate = true, .limit_max = 50 });
	sim_client_token(&sim);
	sim_fault(&sim, "429,after=9,at=2");
	(void) sim_get(&sim, PAGE);
	(void) sim_get(&sim, PAGE);
	(void) sim_get(&sim, PAGE);
	const struct json *told = sim_json(&sim, "/control");
	assert_string_equal(json_get_string(told, "url").ptr, simulator_url(sim.s));
	assert_int_equal(json_get_integer(told, "day", -1), 3);
	assert_int_equal(json_get_integer(told, "days", -1), 72);
	assert_string_equal(json_get_string(told, "date").ptr, "2026-01-08");
	assert_string_equal(json_get_string(told, "shape").ptr, "auto");
	assert_string_equal(json_get_string(told, "population").ptr, "extended");
	assert_int_equal(json_get_integer(told, "limit", -1), 50);
	assert_int_equal(json_get_integer(told, "holds_s", -1), 9);
	assert_string_equal(sim_text(&sim, json_get(told, "faults")), "[{\"spec\":\"429,after=9,at=2\",\"matched\":2,\"fired\":1}]");
	assert_string_equal(sim_text(&sim, json_get(told, "stats")),
	                    "{\"requests\":{\"token\":1,\"playlist\":0,\"page\":3,\"me\":0,\"other\":0},\"not_modified\":0,\"violations\":1,"
	                    "\"repeats\":0,\"faults\":{\"429\":1}}");
	assert_int_equal(json_size(json_get(told, "playlists")), 2);
	sim_close(&sim);
}

static void a_post_changes_what_it_names(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 3 });
	sim_user_token(&sim);
	changes(&sim, "{\"day\": 40, \"shape\": \"both\", \"limit\": 50, \"token_ttl\": 7, \"rotate\": true, \"deny\": true, \"user\": \"someone\"}");
	const struct json *told = sim_json(&sim, "/control");
	assert_int_equal(json_get_integer(told, "day", -1), 40);
	assert_string_equal(json_get_string(told, "shape").ptr, "both");
	assert_int_equal(json_get_integer(told, "token_ttl", -1), 7);
	assert_int_equal(sim_get(&sim, BOLLYWOOD "/items?limit=51").status, 400);
	assert_string_equal(json_get_string(sim_json(&sim, "/v1/me"), "id").ptr, "someone");
	struct wire_reply no = sim_get(&sim, "/authorize?response_type=code&client_id=a&redirect_uri=https%3A%2F%2Fa.example");
	assert_true(slice_is(sim_redirected(&no, "error"), "access_denied"));
	changes(&sim, "{\"day\": -1}");
	told = sim_json(&sim, "/control");
	assert_int_equal(json_get_integer(told, "day", -1), 71);
	assert_string_equal(json_get_string(told, "shape").ptr, "both"); /* what is not named stays */
	changes(&sim, "{\"population\": \"new\"}");
	assert_int_equal(sim_get(&sim, "/v1/markets").status, 403);
	changes(&sim, "{\"population\": \"extended\", \"faults\": [\"500,times=1\", \"502\"]}");
	assert_int_equal(sim_get(&sim, PAGE).status, 500);
	changes(&sim, "{\"faults\": [\"503\"]}"); /* added to those that are there */
	assert_int_equal(sim_get(&sim, PAGE).status, 502);
	changes(&sim, "{\"faults\": [\"504\"], \"clear\": true}");
	assert_int_equal(sim_get(&sim, PAGE).status, 504);
	changes(&sim, "{\"clear\": true}");
	assert_int_equal(sim_get(&sim, PAGE).status, 200);
	const char *id = arena_strdup(&sim.arena, json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id"));
	changes(&sim, "{\"edit\": \"" WORLD_SAMPLE_BOLLYWOOD "\"}");
	assert_string_not_equal(json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id").ptr, id);
	assert_int_equal(json_get_integer(sim_json(&sim, PAGE), "total", 0), 96);
	changes(&sim, "{\"edit_total\": \"" WORLD_SAMPLE_BOLLYWOOD "\"}");
	assert_int_equal(json_get_integer(sim_json(&sim, PAGE), "total", 0), 95);
	changes(&sim, "{\"expire_tokens\": true}");
	assert_int_equal(sim_get(&sim, PAGE).status, 401);
	sim_close(&sim);
}

static void what_cannot_be_changed_is_told_and_nothing_is(void **state UNUSED)
{
	static const struct {
		const char *body, *says;
	} bad[] = {
		{ "", "JSON" },
		{ "{\"day\": 5", "JSON" },
		{ "[]", "known are day" },
		{ "{\"days\": 5}", "'days': known are day, shape" },
		{ "{\"day\": 72}", "day: want a number from -1 to 71" },
		{ "{\"day\": \"x\"}", "day: want a number" },
		{ "{\"shape\": \"round\"}", "shape: want auto, tracks" },
		{ "{\"population\": \"old\"}", "population: want extended" },
		{ "{\"limit\": 70}", "limit: want 50 or 100" },
		{ "{\"token_ttl\": 0}", "token_ttl: want" },
		{ "{\"rotate\": 1}", "rotate: want true or false" },
		{ "{\"user\": \"\"}", "user: want" },
		{ "{\"faults\": \"500\"}", "faults: want a list" },
		{ "{\"faults\": [500]}", "faults: want texts" },
		{ "{\"faults\": [\"501\"]}", "fault '501': known are 429" },
		{ "{\"edit\": \"nobody\"}", "edit: want the id" },
	};
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 3 });
	const char *before = sim_text(&sim, sim_json(&sim, "/control"));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct wire_reply r = control(&sim, bad[i].body);
		struct slice says = json_get_string(sim_parse(&sim, r.body), "error");
		if (r.status != 400 || !strstr(says.ptr, bad[i].says))
			fail_msg("%s: status %d: %.*s", bad[i].body, r.status, SLICE_FMT(r.body));
	}
	assert_int_equal(control(&sim, "{\"shape\": \"both\", \"faults\": [\"500\"], \"day\": 5, \"nothing\": 1}").status, 400);
	assert_string_equal(sim_text(&sim, sim_json(&sim, "/control")), before);
	assert_int_equal(sim_get(&sim, "/control/nothing").status, 404);
	assert_int_equal(sim_post(&sim, "/control/requests", NULL, "{}").status, 404);
	sim_close(&sim);
}

static void the_journal_and_the_truth_are_told(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 35 });
	assert_string_equal(sim_text(&sim, sim_json(&sim, "/control/requests")), "[]");
	sim_client_token(&sim);
	sim_fault(&sim, "500,times=1");
	(void) sim_get(&sim, PAGE);
	const struct json *items = json_get(sim_json(&sim, BOLLYWOOD "/tracks?limit=100&market=IN"), "items");
	const char *read = sim_text(&sim, items);
	assert_string_equal(sim_text(&sim, json_at(sim_json(&sim, "/control/requests"), 1)),
	                    "{\"method\":\"GET\",\"target\":\"" PAGE "\",\"kind\":\"page\",\"status\":500,\"fault\":\"500\"}");
	const struct json *truth = sim_json(&sim, "/control/truth?playlist=" WORLD_SAMPLE_BOLLYWOOD "&market=IN");
	assert_string_equal(sim_text(&sim, json_get(truth, "items")), read);
	assert_int_equal(json_get_integer(truth, "total", 0), 96);
	const char *snapshot_id = arena_strdup(&sim.arena, json_get_string(truth, "snapshot_id"));
	assert_string_equal(json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id").ptr, snapshot_id);
	truth = sim_json(&sim, "/control/truth?playlist=" WORLD_SAMPLE_BOLLYWOOD "&additional_types=episode");
	const char *such = sim_text(&sim, json_get(truth, "items"));
	assert_true(strstr(such, "\"episode\":true") && !strstr(read, "\"episode\":true") && strstr(such, "available_markets"));
	assert_int_equal(sim_get(&sim, "/control/truth").status, 400);
	assert_int_equal(sim_get(&sim, "/control/truth?playlist=nobody").status, 404);
	sim_close(&sim);
}

/* --- recorded pages */

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_BYTES];
	struct err err = { 0 };
	(void) snprintf(path, sizeof path, "%s/%s", dir, name);
	if (file_replace(path, slice_of(text), &err) != RC_OK)
		fail_msg("%s", err.msg);
}

#define ITEM(n) "{\"added_at\":null,\"track\":{\"id\":\"t" #n "\",\"popularity\":" #n ",\"album\":{\"label\":\"x\",\"id\":\"a\"}}}"

static const char *record(void)
{
	const char *dir = test_tmpdir();
	put(dir, LIST "/2026-01-01T10-00-00Z/page-0000.json", "{\"total\":3,\"offset\":0,\"items\":[" ITEM(1) ",null," ITEM(2) "]}");
	put(dir, LIST "/2026-01-03T10-00-00Z/page-0000.json", "{\"total\":6,\"offset\":0,\"items\":[" ITEM(3) "," ITEM(4) "]}");
	put(dir, LIST "/2026-01-03T10-00-00Z/page-0001.json", "{\"total\":6,\"offset\":2,\"items\":[" ITEM(5) "," ITEM(6) "]}");
	put(dir, LIST "/2026-01-03T10-00-00Z/page-0002.json", "{\"total\":6,\"offset\":4,\"items\":[" ITEM(7) "]}");
	put(dir, LIST "/2026-01-04T10-00-00Z/page-0000.json", "{\"total\":1,\"items\":[{\"item\":{\"id\":\"t9\"},\"track\":{\"id\":\"t9\"}}]}");
	put(dir, LIST "/playlist.json", "{\"name\":\"A list\",\"owner\":{\"id\":\"me\"},\"snapshot_id\":\"LATEST\",\"tracks\":{\"items\":[]}}");
	put(dir, "another/2026-01-02T00-00-00Z/page-0000.json", "[{\"name\":\"whole\",\"tracks\":{\"total\":1,\"items\":[" ITEM(8) "]}}]");
	put(dir, "37i9dQZEVXbXXXXXXXXXXX/2026-01-02T00-00-00Z/page-0000.json", "{\"items\":[]}");
	put(dir, "torn/2026-01-01T00-00-00Z/page-0000.json", "{\"items\":[");
	put(dir, "README", "no playlist");
	return dir;
}

static void recorded_pages_are_paged_anew(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .recorded_dir = record(), .day = 2 });
	sim_user_token(&sim);
	const struct json *page = sim_json(&sim, "/v1/playlists/" LIST "/tracks?offset=1&limit=3");
	assert_string_equal(sim_text(&sim, json_get(page, "items")), "[" ITEM(4) "," ITEM(5) "," ITEM(6) "]");
	assert_int_equal(json_get_integer(page, "total", 0), 6); /* as recorded: one more than there is */
	assert_true(slice_ends(json_get_string(page, "next"), SLICE("/v1/playlists/" LIST "/tracks?offset=4&limit=3")));
	assert_int_equal(json_type(json_get(sim_json(&sim, "/v1/playlists/" LIST "/tracks?offset=4"), "next")), JSON_NULL);
	simulator_set_day(sim.s, 1); /* nothing was recorded on the second day */
	assert_string_equal(sim_text(&sim, json_get(sim_json(&sim, "/v1/playlists/" LIST "/tracks"), "items")),
	                    "[" ITEM(1) ",null," ITEM(2) "]");
	page = json_get(sim_json(&sim, "/v1/playlists/another"), "tracks");
	assert_string_equal(sim_text(&sim, json_get(page, "items")), "[" ITEM(8) "]");
	simulator_set_day(sim.s, 0);
	assert_int_equal(sim_get(&sim, "/v1/playlists/another").status, 404);
	assert_int_equal(sim_get(&sim, "/v1/playlists/torn").status, 500);
	sim_close(&sim);
}

static void a_recorded_playlist_is_completed(void **state UNUSED)
{
	struct sim sim;
	const char *id[3];
	sim_open(&sim, (struct simulator_options){ .recorded_dir = record(), .day = -1 });
	sim_user_token(&sim);
	const struct json *playlist = sim_json(&sim, "/v1/playlists/" LIST);
	assert_true(slice_is(json_get_string(playlist, "name"), "A list") && slice_is(json_get_string(playlist, "id"), LIST));
	assert_true(slice_is(json_get_string(json_get(playlist, "owner"), "id"), "me"));
	assert_true(json_get(playlist, "followers") && json_get(playlist, "collaborative") && json_get(playlist, "external_urls"));
	assert_true(json_get(playlist, "tracks") && json_get(playlist, "items")); /* as that day was written */
	assert_true(slice_is(json_get_string(playlist, "snapshot_id"), "LATEST"));
	for (int64_t day = 0; day < 3; day++) {
		simulator_set_day(sim.s, day);
		id[day] = arena_strdup(&sim.arena, json_get_string(sim_json(&sim, "/v1/playlists/" LIST), "snapshot_id"));
	}
	assert_true(strcmp(id[0], id[1]) == 0 && strcmp(id[1], id[2]) != 0 && strcmp(id[2], "LATEST") != 0);
	assert_int_equal(simulator_edit(sim.s, SLICE(LIST), true, NULL), RC_OK);
	playlist = sim_json(&sim, "/v1/playlists/" LIST);
	assert_string_not_equal(json_get_string(playlist, "snapshot_id").ptr, id[2]);
	assert_int_equal(json_size(json_get(json_get(playlist, "tracks"), "items")), 4);
	playlist = sim_json(&sim, "/v1/playlists/another");
	assert_true(slice_is(json_get_string(playlist, "name"), "another") && json_get_string(playlist, "snapshot_id").len > 10);
	simulator_set_population(sim.s, SIMULATOR_EXISTING);
	assert_int_equal(sim_get(&sim, "/v1/playlists/37i9dQZEVXbXXXXXXXXXXX").status, 404);
	sim_close(&sim);
}

static void recorded_items_bear_the_names_asked_for(void **state UNUSED)
{
#define TRACK7 "{\"id\":\"t7\",\"popularity\":7,\"album\":{\"label\":\"x\",\"id\":\"a\"}}"
	static const struct {
		enum simulator_shape shape;
		const char *tail, *want;
	} cases[] = {
		{ SIMULATOR_AUTO, "tracks", "[{\"added_at\":null,\"track\":" TRACK7 "}]" },
		{ SIMULATOR_TRACKS, "tracks", "[{\"added_at\":null,\"track\":" TRACK7 "}]" },
		{ SIMULATOR_ITEMS, "items", "[{\"added_at\":null,\"item\":" TRACK7 "}]" },
		{ SIMULATOR_BOTH, "items", "[{\"added_at\":null,\"track\":" TRACK7 ",\"item\":" TRACK7 "}]" },
	};
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .recorded_dir = record(), .day = 2, .user_id = "me" });
	sim_user_token(&sim);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		simulator_set_shape(sim.s, cases[i].shape);
		const char *path = arena_printf(&sim.arena, "/v1/playlists/" LIST "/%s?offset=4", cases[i].tail).ptr;
		assert_string_equal(sim_text(&sim, json_get(sim_json(&sim, path), "items")), cases[i].want);
	}
	simulator_set_day(sim.s, 3); /* recorded with both names */
	simulator_set_shape(sim.s, SIMULATOR_TRACKS);
	assert_string_equal(sim_text(&sim, json_get(sim_json(&sim, "/v1/playlists/" LIST "/tracks"), "items")), "[{\"track\":{\"id\":\"t9\"}}]");
	simulator_set_day(sim.s, 2);
	simulator_set_shape(sim.s, SIMULATOR_AUTO);
	simulator_set_population(sim.s, SIMULATOR_NEW);
	assert_string_equal(sim_text(&sim, json_get(sim_json(&sim, "/v1/playlists/" LIST "/items?offset=4"), "items")),
	                    "[{\"added_at\":null,\"item\":{\"id\":\"t7\",\"album\":{\"id\":\"a\"}}}]");
	sim_close(&sim);
}

static void a_folder_that_holds_nothing_is_refused(void **state UNUSED)
{
	struct clock_fake clock;
	struct simulator *s;
	struct err err = { 0 };
	clock_fake_init(&clock, 0);
	assert_int_equal(simulator_open(&(struct simulator_options){ .recorded_dir = "/nowhere/at/all", .clock = &clock.base }, &s, &err), RC_FATAL);
	assert_true(!s && strstr(err.msg, "/nowhere/at/all"));
	assert_int_equal(simulator_open(&(struct simulator_options){ .recorded_dir = test_tmpdir(), .clock = &clock.base }, &s, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "page-0000.json"));
}

/* What was recorded of the real service comes back item by item. */
static void real_recordings_are_served(void **state UNUSED)
{
	TEST_NEED_SHARED();
	struct sim sim;
	struct slice id, owner;
	char dir[4096];
	struct file_info info;
	(void) snprintf(dir, sizeof dir, "%s/data/recorded", test_shared_dir());
	assert_int_equal(file_stat(dir, &info, NULL), RC_OK);
	if (!info.exists)
		test_skip("needs ../shared");
	sim_open(&sim, (struct simulator_options){ .recorded_dir = dir, .day = -1 });
	sim_client_token(&sim);
	for (size_t i = 0; simulator_playlist(sim.s, i, &id, &owner); i++) {
		struct simulator_truth truth;
		CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20);
		CLEANUP(json_freep) struct json *items = NULL;
		assert_int_equal(simulator_truth(sim.s, id, NULL, NULL, &text, &truth, NULL), RC_OK);
		assert_int_equal(json_parse(buf_slice(&text), &items, NULL), RC_OK);
		assert_true(truth.items > 40 && json_size(items) == truth.items);
		for (size_t k = 0; k < truth.items; k += 7) {
			const char *path = arena_printf(&sim.arena, "/v1/playlists/%.*s/tracks?limit=1&offset=%zu", SLICE_FMT(id), k).ptr;
			assert_string_equal(sim_text(&sim, json_at(json_get(sim_json(&sim, path), "items"), 0)), sim_text(&sim, json_at(items, k)));
		}
	}
	simulator_set_population(sim.s, SIMULATOR_EXISTING);
	assert_int_equal(sim_get(&sim, "/v1/playlists/37i9dQZEVXbLZ52XmnySJg").status, 404);
	assert_int_equal(sim_get(&sim, "/v1/playlists/4nNVfQ9eWidZXkBKZN5li4").status, 200);
	sim_close(&sim);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_state_is_told),
	cmocka_unit_test(a_post_changes_what_it_names),
	cmocka_unit_test(what_cannot_be_changed_is_told_and_nothing_is),
	cmocka_unit_test(the_journal_and_the_truth_are_told),
	cmocka_unit_test(recorded_pages_are_paged_anew),
	cmocka_unit_test(a_recorded_playlist_is_completed),
	cmocka_unit_test(recorded_items_bear_the_names_asked_for),
	cmocka_unit_test(a_folder_that_holds_nothing_is_refused),
	cmocka_unit_test(real_recordings_are_served),
};
TEST_SUITE(simulator_control, tests)
