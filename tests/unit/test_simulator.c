/* The simulated Web API: endpoints, errors, paging, populations, shapes, markets, fields. */
#include "sim/simulator.h"

#include "base/mem.h"
#include "base/thread.h"
#include "sim/world.h"
#include "support/sim.h"
#include "test.h"

#include <stdio.h>

#define BOLLYWOOD "/v1/playlists/" WORLD_SAMPLE_BOLLYWOOD
#define TOP50 "/v1/playlists/" WORLD_SAMPLE_TOP50
#define FORBIDDEN "{\"error\":{\"status\":403,\"message\":\"Forbidden\"}}"
#define NOT_FOUND "{\"error\":{\"status\":404,\"message\":\"Resource not found\"}}"
#define NO_SERVICE "{\"error\":{\"status\":404,\"message\":\"Service not found\"}}"
#define BAD_TOKEN "{\"error\":{\"status\":401,\"message\":\"Missing/invalid/expired access token\"}}"

static void assert_reply(struct sim *sim, const char *path, int status, const char *body)
{
	struct wire_reply r = sim_get(sim, path);
	if (r.status != status || !slice_is(r.body, body))
		fail_msg("%s: status %d: %.*s", path, r.status, SLICE_FMT(r.body));
	assert_true(slice_is(wire_header(&r, "Content-Type"), "application/json; charset=utf-8"));
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* All pages by `next`, as one array; *out_pages how many there were. */
static struct json *read_all(struct sim *sim, const char *path, size_t *out_pages)
{
	struct json *all = json_new_array();
	struct slice next = slice_of(path);
	size_t origin = strlen(simulator_url(sim->s));
	for (*out_pages = 0; next.ptr; (*out_pages)++) {
		assert_true(*out_pages < 1000);
		const struct json *page = sim_json(sim, arena_strdup(&sim->arena, next));
		const struct json *items = json_get(page, "items");
		assert_int_equal(json_type(items), JSON_ARRAY);
		for (size_t i = 0; i < json_size(items); i++)
			json_append(all, json_clone(json_at(items, i)));
		next = json_get_string(page, "next");
		assert_true(next.ptr || json_type(json_get(page, "next")) == JSON_NULL);
		if (next.ptr) {
			assert_true(slice_starts(next, slice_of(simulator_url(sim->s))));
			next = arena_copy(&sim->arena, slice_sub(next, origin, next.len - origin));
		}
	}
	return all;
}

static void assert_truth(struct sim *sim, const char *path, const char *id, const char *market, size_t pages)
{
	size_t got;
	struct err err = { 0 };
	struct simulator_truth truth;
	CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20);
	CLEANUP(json_freep) struct json *all = read_all(sim, path, &got);
	if (simulator_truth(sim->s, slice_of(id), market, NULL, &text, &truth, &err) != RC_OK)
		fail_msg("%s", err.msg);
	CLEANUP(json_freep) struct json *want = NULL;
	assert_int_equal(json_parse(buf_slice(&text), &want, &err), RC_OK);
	assert_int_equal(json_size(want), truth.items);
	assert_string_equal(sim_text(sim, all), sim_text(sim, want));
	assert_int_equal(got, pages);
}

static void without_a_good_token_401(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = -1 });
	assert_reply(&sim, "/v1/me", 401, BAD_TOKEN);
	struct wire_reply r = sim_get(&sim, BOLLYWOOD);
	assert_true(
		slice_starts(wire_header(&r, "WWW-Authenticate"), SLICE("Bearer realm=\"spotify\", error=\"missing_token\"")));
	(void) snprintf(sim.token, sizeof sim.token, "made-up");
	r = sim_get(&sim, BOLLYWOOD);
	assert_int_equal(r.status, 401);
	assert_true(
		slice_starts(wire_header(&r, "WWW-Authenticate"), SLICE("Bearer realm=\"spotify\", error=\"invalid_token\"")));
	sim_client_token(&sim);
	assert_int_equal(sim_get(&sim, BOLLYWOOD).status, 200);
	clock_fake_advance_ms(&sim.clock, 3599 * 1000);
	assert_int_equal(sim_get(&sim, BOLLYWOOD).status, 200);
	clock_fake_advance_ms(&sim.clock, 1000);
	assert_reply(&sim, BOLLYWOOD, 401, BAD_TOKEN);
	sim_client_token(&sim);
	simulator_expire_tokens(sim.s);
	assert_reply(&sim, BOLLYWOOD, 401, BAD_TOKEN);
	sim_close(&sim);
}

static void unknown_things_are_404_and_other_methods_405(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = -1 });
	sim_client_token(&sim);
	assert_reply(&sim, "/v1/playlists/0000000000000000000000", 404, NOT_FOUND);
	assert_reply(&sim, "/v1/playlists/0000000000000000000000/tracks", 404, NOT_FOUND);
	assert_reply(&sim, "/v1/playlists/", 404, NO_SERVICE);
	assert_reply(&sim, BOLLYWOOD "/images", 404, NO_SERVICE);
	assert_reply(&sim, "/v1/search", 404, NO_SERVICE);
	assert_int_equal(sim_get(&sim, "/v2").status, 404);
	struct wire_reply r;
	struct slice post = arena_printf(
		&sim.arena, "POST /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n\r\n",
		sim.token);
	wire_ask(simulator_port(sim.s), post.ptr, &sim.arena, &r);
	assert_int_equal(r.status, 405);
	sim_close(&sim);
}

static void limits_and_offsets_are_checked(void **state UNUSED)
{
	static const char bad_limit[] = "{\"error\":{\"status\":400,\"message\":\"Invalid limit\"}}";
	static const char *const bad[] = { "0", "101", "-1", "x", "", "50.0", "99999999999999999999" };
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = -1 });
	sim_client_token(&sim);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_reply(&sim, arena_printf(&sim.arena, BOLLYWOOD "/tracks?limit=%s", bad[i]).ptr, 400, bad_limit);
	assert_int_equal(sim_get(&sim, BOLLYWOOD "/tracks?offset=-1").status, 400);
	assert_int_equal(sim_get(&sim, BOLLYWOOD "/tracks?offset=x").status, 400);
	assert_int_equal(sim_get(&sim, BOLLYWOOD "/tracks?market=india").status, 400);
	assert_int_equal(sim_get(&sim, BOLLYWOOD "/tracks?fields=a((").status, 400);
	assert_int_equal(json_size(json_get(sim_json(&sim, BOLLYWOOD "/tracks?limit=100"), "items")), 96);
	assert_int_equal(json_size(json_get(sim_json(&sim, BOLLYWOOD "/tracks"), "items")), 20);
	sim_close(&sim);
	sim_open(&sim, (struct simulator_options){ .day = -1, .limit_max = 50 });
	sim_client_token(&sim);
	assert_reply(&sim, BOLLYWOOD "/tracks?limit=51", 400, bad_limit);
	assert_reply(&sim, BOLLYWOOD "/items?limit=100", 400, bad_limit);
	assert_int_equal(json_size(json_get(sim_json(&sim, BOLLYWOOD "/items?limit=50"), "items")), 50);
	sim_close(&sim);
}

static void pages_lead_from_one_to_the_next(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = -1 });
	sim_client_token(&sim);
	const struct json *page =
		sim_json(&sim, BOLLYWOOD "/tracks?offset=50&limit=25&market=IN&additional_types=track%2Cepisode&locale=en");
	const char *tail = "&market=IN&additional_types=track%2Cepisode";
	const char *base = arena_printf(&sim.arena, "%s" BOLLYWOOD "/tracks", simulator_url(sim.s)).ptr;
	assert_string_equal(json_get_string(page, "href").ptr,
	                    arena_printf(&sim.arena, "%s?offset=50&limit=25%s", base, tail).ptr);
	assert_string_equal(json_get_string(page, "next").ptr,
	                    arena_printf(&sim.arena, "%s?offset=75&limit=25%s", base, tail).ptr);
	assert_string_equal(json_get_string(page, "previous").ptr,
	                    arena_printf(&sim.arena, "%s?offset=25&limit=25%s", base, tail).ptr);
	assert_int_equal(json_get_integer(page, "total", 0), 96);
	assert_int_equal(json_get_integer(page, "offset", 0), 50);
	assert_int_equal(json_get_integer(page, "limit", 0), 25);
	page = sim_json(&sim, BOLLYWOOD "/tracks?offset=0&limit=96");
	assert_int_equal(json_type(json_get(page, "next")), JSON_NULL);
	assert_int_equal(json_type(json_get(page, "previous")), JSON_NULL);
	page = sim_json(&sim, BOLLYWOOD "/tracks?offset=5000&limit=50");
	assert_int_equal(json_size(json_get(page, "items")), 0);
	assert_int_equal(json_type(json_get(page, "next")), JSON_NULL);
	assert_truth(&sim, BOLLYWOOD "/tracks?limit=20", WORLD_SAMPLE_BOLLYWOOD, NULL, 5);
	assert_truth(&sim, BOLLYWOOD "/items?limit=50&market=IN", WORLD_SAMPLE_BOLLYWOOD, "IN", 2);
	assert_truth(&sim, TOP50 "/tracks?limit=50", WORLD_SAMPLE_TOP50, NULL, 1);
	sim_close(&sim);
}

/* The items are those of the sample source, whatever way they are paged. */
static void a_world_shows_its_own_items(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 18 });
	sim_client_token(&sim);
	CLEANUP(world_closep) struct world *w = world_sample_open(1, 72);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(buf_done) struct buf body = buf_new((size_t) 64 << 20);
	CLEANUP(json_freep) struct json *want = NULL;
	int64_t *at;
	size_t count, playlist, pages, last = 0;
	assert_true(world_find(w, SLICE(WORLD_SAMPLE_BOLLYWOOD), &playlist));
	world_times(w, playlist, &arena, &at, &count);
	for (size_t i = 0; i < count && at[i] < (WORLD_SAMPLE_FIRST_DAY + 19) * (int64_t) 86400; i++)
		last = i;
	CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[last]);
	world_page(c, 0, 1000, &body);
	assert_int_equal(json_parse(buf_slice(&body), &want, NULL), RC_OK);
	CLEANUP(json_freep) struct json *all = read_all(&sim, BOLLYWOOD "/tracks?limit=33", &pages);
	assert_string_equal(sim_text(&sim, all), sim_text(&sim, json_get(want, "items")));
	sim_close(&sim);
}

static void the_day_moves(void **state UNUSED)
{
	struct sim sim;
	char before[80], gap[80], after[80];
	sim_open(&sim, (struct simulator_options){ .day = 16 });
	sim_client_token(&sim);
	(void) snprintf(before, sizeof before, "%s", json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id").ptr);
	simulator_set_day(sim.s, 17); /* a day without a snapshot shows the one before */
	(void) snprintf(gap, sizeof gap, "%s", json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id").ptr);
	simulator_set_day(sim.s, 18);
	(void) snprintf(after, sizeof after, "%s", json_get_string(sim_json(&sim, BOLLYWOOD), "snapshot_id").ptr);
	assert_string_equal(before, gap);
	assert_string_not_equal(before, after);
	simulator_set_day(sim.s, 36);
	assert_true(has(json_get_string(sim_json(&sim, BOLLYWOOD), "name").ptr, "बॉलीवुड"));
	simulator_set_day(sim.s, 22); /* emptied on that day */
	assert_int_equal(json_size(json_get(sim_json(&sim, BOLLYWOOD "/tracks"), "items")), 0);
	simulator_set_day(sim.s, 100000);
	int64_t last = json_get_integer(json_get(sim_json(&sim, BOLLYWOOD), "followers"), "total", 0);
	simulator_set_day(sim.s, -1);
	assert_int_equal(json_get_integer(json_get(sim_json(&sim, BOLLYWOOD), "followers"), "total", 0), last);
	sim_close(&sim);
}

static void a_playlist_holds_its_first_hundred_items(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .world = world_lists_open(3, 5, 3, 250, false), .day = -1 });
	struct slice id, owner;
	assert_true(simulator_playlist(sim.s, 0, &id, &owner));
	sim_client_token(&sim);
	const char *path = arena_printf(&sim.arena, "/v1/playlists/%.*s", SLICE_FMT(id)).ptr;
	const struct json *playlist = sim_json(&sim, path), *tracks = json_get(playlist, "tracks");
	assert_true(slice_eq(json_get_string(playlist, "id"), id));
	assert_string_equal(json_get_string(playlist, "href").ptr,
	                    arena_printf(&sim.arena, "%s%s", simulator_url(sim.s), path).ptr);
	assert_null(json_get(playlist, "items"));
	assert_int_equal(json_size(json_get(tracks, "items")), 100);
	assert_int_equal(json_get_integer(tracks, "limit", 0), 100);
	assert_string_equal(json_get_string(tracks, "next").ptr,
	                    arena_printf(&sim.arena, "%s%s/tracks?offset=100&limit=100", simulator_url(sim.s), path).ptr);
	sim_close(&sim);
}

/* Its next page may be asked for where 50 is the most. */
static void the_first_hundred_lead_on_within_the_limit(void **state UNUSED)
{
	struct sim sim;
	struct slice id, owner;
	sim_open(&sim, (struct simulator_options){ .world = world_lists_open(3, 5, 1, 250, false), .day = -1, .limit_max = 50 });
	assert_true(simulator_playlist(sim.s, 0, &id, &owner));
	sim_client_token(&sim);
	const char *path = arena_printf(&sim.arena, "/v1/playlists/%.*s", SLICE_FMT(id)).ptr;
	const struct json *tracks = json_get(sim_json(&sim, path), "tracks");
	assert_int_equal(json_size(json_get(tracks, "items")), 100);
	struct slice next = json_get_string(tracks, "next");
	assert_true(slice_ends(next, SLICE("/tracks?offset=100&limit=50")));
	path = arena_strdup(&sim.arena, slice_sub(next, strlen(simulator_url(sim.s)), next.len - strlen(simulator_url(sim.s))));
	assert_int_equal(json_size(json_get(sim_json(&sim, path), "items")), 50);
	sim_close(&sim);
}

static void who_may_see_what(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 10, .population = SIMULATOR_EXISTING });
	sim_client_token(&sim);
	assert_reply(&sim, TOP50, 404, NOT_FOUND); /* Spotify's own */
	assert_reply(&sim, TOP50 "/tracks", 404, NOT_FOUND);
	assert_int_equal(sim_get(&sim, BOLLYWOOD "/tracks").status, 200);
	assert_int_equal(sim_get(&sim, "/v1/markets").status, 200);

	simulator_set_population(sim.s, SIMULATOR_NEW); /* no user: all lists are foreign */
	assert_reply(&sim, TOP50, 404, NOT_FOUND);
	assert_reply(&sim, "/v1/markets", 403, FORBIDDEN);
	assert_reply(&sim, BOLLYWOOD "/items", 403, FORBIDDEN);
	assert_reply(&sim, BOLLYWOOD "/tracks", 403, FORBIDDEN);
	const struct json *playlist = sim_json(&sim, BOLLYWOOD);
	assert_true(json_get(playlist, "name") && !json_get(playlist, "items") && !json_get(playlist, "tracks"));

	sim_user_token(&sim); /* its own */
	playlist = sim_json(&sim, BOLLYWOOD);
	assert_true(json_get(playlist, "items") && !json_get(playlist, "tracks"));
	assert_reply(&sim, BOLLYWOOD "/tracks", 403, FORBIDDEN);
	assert_truth(&sim, BOLLYWOOD "/items?limit=50", WORLD_SAMPLE_BOLLYWOOD, NULL, 2);
	sim_close(&sim);

	sim_open(&sim, (struct simulator_options){ .day = 10, .population = SIMULATOR_NEW, .user_id = "somebody" });
	sim_user_token(&sim);
	assert_reply(&sim, BOLLYWOOD "/items", 403, FORBIDDEN);
	sim_close(&sim);
}

static void new_clients_get_fewer_fields(void **state UNUSED)
{
	static const char *const gone[] = { "available_markets", "linked_from", "popularity", "\"label\"", "album_group" };
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 10 });
	sim_user_token(&sim);
	const char *full = sim_text(&sim, sim_json(&sim, BOLLYWOOD "/items?limit=100"));
	assert_true(has(full, "available_markets") && has(full, "popularity"));
	const char *linked = sim_text(&sim, sim_json(&sim, BOLLYWOOD "/items?limit=100&market=IN"));
	assert_true(has(linked, "is_playable") && !has(linked, "available_markets"));
	assert_true(has(sim_text(&sim, sim_json(&sim, "/v1/me")), "\"country\""));
	simulator_set_population(sim.s, SIMULATOR_NEW);
	static const char *const paths[] = { BOLLYWOOD "/items?limit=100", BOLLYWOOD "/items?limit=100&market=IN", BOLLYWOOD };
	for (size_t p = 0; p < COUNT_OF(paths); p++) {
		const char *text = sim_text(&sim, sim_json(&sim, paths[p]));
		for (size_t i = 0; i < COUNT_OF(gone); i++)
			assert_false(has(text, gone[i]));
		assert_true(has(text, "external_ids") && has(text, "release_date"));
	}
	assert_true(has(sim_text(&sim, sim_json(&sim, BOLLYWOOD)), "\"followers\""));
	const char *me = sim_text(&sim, sim_json(&sim, "/v1/me"));
	assert_false(has(me, "country") || has(me, "email") || has(me, "product") || has(me, "followers"));
	assert_true(has(me, "account_id"));
	sim_close(&sim);
}

static const struct json *first_item(struct sim *sim, const char *path)
{
	return json_at(json_get(sim_json(sim, path), "items"), 0);
}

static void shapes_name_things(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 10, .shape = SIMULATOR_TRACKS });
	sim_client_token(&sim);
	assert_reply(&sim, BOLLYWOOD "/items", 404, NO_SERVICE);
	assert_true(json_get(first_item(&sim, BOLLYWOOD "/tracks"), "track") &&
	            !json_get(first_item(&sim, BOLLYWOOD "/tracks"), "item"));
	assert_true(json_get(sim_json(&sim, BOLLYWOOD), "tracks") && !json_get(sim_json(&sim, BOLLYWOOD), "items"));
	simulator_set_shape(sim.s, SIMULATOR_ITEMS);
	assert_reply(&sim, BOLLYWOOD "/tracks", 403, FORBIDDEN);
	assert_true(json_get(first_item(&sim, BOLLYWOOD "/items"), "item") &&
	            !json_get(first_item(&sim, BOLLYWOOD "/items"), "track"));
	assert_true(json_get(sim_json(&sim, BOLLYWOOD), "items") && !json_get(sim_json(&sim, BOLLYWOOD), "tracks"));
	simulator_set_shape(sim.s, SIMULATOR_BOTH);
	assert_true(json_get(first_item(&sim, BOLLYWOOD "/items"), "item") &&
	            json_get(first_item(&sim, BOLLYWOOD "/tracks"), "track"));
	const struct json *playlist = sim_json(&sim, BOLLYWOOD);
	assert_true(has(json_get_string(json_get(playlist, "tracks"), "href").ptr, "/tracks?"));
	assert_true(has(json_get_string(json_get(playlist, "items"), "href").ptr, "/items?"));
	simulator_set_shape(sim.s, SIMULATOR_NONE);
	assert_reply(&sim, BOLLYWOOD "/items", 403, FORBIDDEN);
	assert_reply(&sim, BOLLYWOOD "/tracks", 403, FORBIDDEN);
	playlist = sim_json(&sim, BOLLYWOOD);
	assert_true(json_get(playlist, "snapshot_id") && !json_get(playlist, "items") && !json_get(playlist, "tracks"));
	simulator_set_shape(sim.s, SIMULATOR_AUTO); /* as the sample promises: track, then both, then item */
	simulator_set_day(sim.s, 35);
	playlist = sim_json(&sim, BOLLYWOOD);
	assert_true(json_get(playlist, "items") && json_get(playlist, "tracks"));
	simulator_set_day(sim.s, 50);
	playlist = sim_json(&sim, BOLLYWOOD);
	assert_true(json_get(playlist, "items") && !json_get(playlist, "tracks"));
	sim_close(&sim);
}

static void a_market_relinks_and_restricts(void **state UNUSED)
{
	struct sim sim;
	size_t linked = 0, restricted = 0;
	sim_open(&sim, (struct simulator_options){ .day = 0 });
	sim_client_token(&sim);
	for (int64_t day = 0; day < 72; day += 8) {
		simulator_set_day(sim.s, day);
		const char *plain = sim_text(&sim, sim_json(&sim, BOLLYWOOD "/tracks?limit=100"));
		const char *market = sim_text(&sim, sim_json(&sim, BOLLYWOOD "/tracks?limit=100&market=IN"));
		assert_false(has(plain, "is_playable") || has(plain, "linked_from") || has(plain, "restrictions"));
		assert_true(!has(market, "\"track\":{") || has(market, "\"is_playable\":true"));
		linked += has(market, "\"linked_from\":{");
		restricted += has(market, "\"is_playable\":false") && has(market, "\"restrictions\":{\"reason\":\"market\"}");
	}
	assert_true(linked > 0 && restricted > 0);
	sim_close(&sim);
}

/* The trap of 2026: the booleans say track, only the type and the address tell. */
static void episodes_are_disguised_unless_asked_for(void **state UNUSED)
{
	static const int64_t days[] = { 15, 36 }; /* an episode, and an episode as a track, of the sample */
	for (size_t i = 0; i < COUNT_OF(days); i++) {
		struct sim sim;
		bool flag = true;
		sim_open(&sim, (struct simulator_options){ .day = days[i] });
		sim_client_token(&sim);
		const struct json *items = json_get(sim_json(&sim, TOP50 "/tracks?limit=50"), "items");
		const struct json *track = json_get(json_at(items, 43), "track");
		assert_true(slice_starts(json_get_string(track, "uri"), SLICE("spotify:episode:")));
		assert_true(slice_is(json_get_string(track, "type"), "episode"));
		assert_true(json_bool(json_get(track, "episode"), &flag) && !flag);
		assert_true(json_bool(json_get(track, "track"), &flag) && flag);
		assert_true(slice_is(json_get_string(json_get(track, "album"), "type"), "show"));
		assert_true(json_type(json_get(json_at(json_get(track, "artists"), 0), "name")) == JSON_NULL);
		struct slice uri = arena_copy(&sim.arena, json_get_string(track, "uri"));
		items = json_get(sim_json(&sim, TOP50 "/tracks?limit=50&additional_types=track,episode"), "items");
		track = json_get(json_at(items, 43), "track");
		assert_true(slice_eq(json_get_string(track, "uri"), uri)); /* the same one */
		assert_true(json_bool(json_get(track, "episode"), &flag) && flag);
		assert_true(json_bool(json_get(track, "track"), &flag) && !flag);
		assert_true(json_get(track, "show") && !json_get(track, "album") && !json_get(track, "artists"));
		sim_close(&sim);
	}
}

static void fields_choose(void **state UNUSED)
{
	static const struct {
		const char *fields, *want; /* of the first item of page 0 with limit=1, offset=0 */
	} cases[] = {
		{ "total,limit", "{\"limit\":1,\"total\":96}" },
		{ "offset,items(is_local)", "{\"items\":[{\"is_local\":false}],\"offset\":0}" },
		{ "items.is_local,items.primary_color", "{\"items\":[{\"is_local\":false,\"primary_color\":null}]}" },
		{ "items(track(type,album(album_type)))",
		  "{\"items\":[{\"track\":{\"album\":{\"album_type\":\"ALBUM\"},\"type\":\"track\"}}]}" },
		{ "items(track.album.type,is_local)",
		  "{\"items\":[{\"is_local\":false,\"track\":{\"album\":{\"type\":\"album\"}}}]}" },
		{ "items(track.type),items.is_local", "{\"items\":[{\"is_local\":false,\"track\":{\"type\":\"track\"}}]}" },
		{ "nothing", "{}" },
		{ "total(a,b),limit.x", "{\"limit\":1,\"total\":96}" },
		{ "!href,items,next,previous", "{\"limit\":1,\"offset\":0,\"total\":96}" },
	};
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 0 });
	sim_client_token(&sim);
	const struct json *whole = json_get(first_item(&sim, BOLLYWOOD "/tracks?limit=1"), "track");
	const char *type = arena_strdup(&sim.arena, json_get_string(json_get(whole, "album"), "album_type"));
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *path = arena_printf(&sim.arena, BOLLYWOOD "/tracks?limit=1&fields=%s", cases[i].fields).ptr;
		const char *got = sim_text(&sim, sim_json(&sim, path)), *mark = strstr(cases[i].want, "ALBUM");
		const char *want =
			mark ? arena_printf(&sim.arena, "%.*s%s%s", (int) (mark - cases[i].want), cases[i].want, type, mark + 5)
					.ptr
			     : cases[i].want;
		assert_string_equal(got, want);
	}
	const char *less = sim_text(
		&sim, first_item(&sim, BOLLYWOOD "/tracks?limit=1&fields=items.track.album(!external_urls,images,artists)"));
	assert_true(has(less, "release_date") && !has(less, "external_urls") && !has(less, "images") && !has(less, "artists"));
	less = sim_text(&sim, first_item(&sim, BOLLYWOOD "/tracks?limit=1&fields=items(track(!album.images))"));
	assert_true(has(less, "release_date") && has(less, "popularity") && !has(less, "images"));
	assert_string_equal(sim_text(&sim, sim_json(&sim, BOLLYWOOD "?fields=id,tracks.total,owner.id")),
	                    "{\"id\":\"" WORLD_SAMPLE_BOLLYWOOD
	                    "\",\"owner\":{\"id\":\"sargam_sample_curator\"},\"tracks\":{\"total\":96}}");
	const struct json *page = sim_json(&sim, BOLLYWOOD "/tracks?limit=1&fields=next,items(is_local)");
	assert_true(slice_ends(json_get_string(page, "next"), SLICE("&fields=next,items(is_local)")));
	sim_close(&sim);
}

static void what_did_not_change_is_304(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .day = 10 });
	sim_client_token(&sim);
	struct wire_reply r = sim_get(&sim, BOLLYWOOD "/tracks");
	struct slice etag = wire_header(&r, "ETag");
	assert_true(etag.len > 2);
	const char *match = arena_printf(&sim.arena, "If-None-Match: %.*s\r\n", SLICE_FMT(etag)).ptr;
	const char *weak = arena_printf(&sim.arena, "If-None-Match: \"x\", W/%.*s\r\n", SLICE_FMT(etag)).ptr;
	for (int i = 0; i < 2; i++) {
		r = sim_get_with(&sim, BOLLYWOOD "/tracks", i ? weak : match);
		assert_int_equal(r.status, 304);
		assert_true(r.body.len == 0 && slice_eq(wire_header(&r, "ETag"), etag));
		assert_int_equal(sim_stats(&sim).not_modified, i + 1);
	}
	simulator_set_day(sim.s, 11);
	r = sim_get_with(&sim, BOLLYWOOD "/tracks", match);
	assert_true(r.status == 200 && r.body.len > 0);
	sim_close(&sim);
}

static void the_user_and_their_playlists(void **state UNUSED)
{
	struct sim sim;
	size_t pages;
	sim_open(&sim, (struct simulator_options){ .world = world_lists_open(3, 5, 25, 4, false), .day = -1 });
	sim_client_token(&sim);
	assert_int_equal(sim_get(&sim, "/v1/me").status, 401);
	assert_int_equal(sim_get(&sim, "/v1/me/playlists").status, 401);
	sim_user_token(&sim);
	assert_string_equal(json_get_string(sim_json(&sim, "/v1/me"), "id").ptr, "sargam_sample");
	assert_int_equal(sim_get(&sim, "/v1/me/playlists?limit=51").status, 400);
	CLEANUP(json_freep) struct json *all = read_all(&sim, "/v1/me/playlists?limit=7", &pages);
	assert_int_equal(json_size(all), 25);
	assert_int_equal(pages, 4);
	const struct json *tracks = json_get(json_at(all, 0), "tracks");
	assert_int_equal(json_size(tracks), 2); /* simplified: where, and how many */
	assert_true(json_get_integer(tracks, "total", 0) > 0 && json_get_string(tracks, "href").ptr);
	assert_int_equal(json_get_integer(sim_json(&sim, "/v1/me/playlists?offset=20"), "total", 0), 25);
	simulator_set_population(sim.s, SIMULATOR_NEW);
	CLEANUP(json_freep) struct json *fewer = read_all(&sim, "/v1/me/playlists?limit=50", &pages);
	assert_int_equal(json_size(fewer), 23); /* without the two of Spotify's */
	assert_true(json_get(json_at(fewer, 0), "items") && !json_get(json_at(fewer, 2), "items"));
	sim_close(&sim);
}

static void a_list_that_is_not_there_yet_is_not_found(void **state UNUSED)
{
	static const struct world_playlist late = { .id = "0SampleOfLaterDays00001",
		                                    .name = "n",
		                                    .owner_id = "o",
		                                    .owner_name = "O",
		                                    .size = 5,
		                                    .hold_days = 1,
		                                    .start_day = 3 };
	const struct world_spec spec = { .seed = 3, .first_day = 20000, .days = 6, .playlist = &late, .playlist_count = 1 };
	struct sim sim;
	size_t pages;
	sim_open(&sim, (struct simulator_options){ .world = world_open(&spec), .day = 2 });
	sim_user_token(&sim);
	assert_reply(&sim, "/v1/playlists/0SampleOfLaterDays00001", 404, NOT_FOUND);
	CLEANUP(json_freep) struct json *none = read_all(&sim, "/v1/me/playlists", &pages);
	assert_int_equal(json_size(none), 0);
	simulator_set_day(sim.s, 3);
	assert_int_equal(sim_get(&sim, "/v1/playlists/0SampleOfLaterDays00001").status, 200);
	sim_close(&sim);
}

/* Whatever a nasty world holds, the pages are well-formed and together the truth, in every shape. */
static void nasty_worlds_are_served_whole(void **state UNUSED)
{
	struct sim sim;
	sim_open(&sim, (struct simulator_options){ .world = world_nasty_open(11, 40, 4, 120), .day = -1 });
	sim_user_token(&sim);
	for (int shape = SIMULATOR_AUTO; shape <= SIMULATOR_BOTH; shape++) {
		simulator_set_shape(sim.s, (enum simulator_shape) shape);
		for (int64_t day = 12; day < 40; day += 13) {
			struct slice id, owner;
			simulator_set_day(sim.s, day);
			for (size_t i = 0; simulator_playlist(sim.s, i, &id, &owner); i++) {
				struct simulator_truth truth;
				CLEANUP(buf_done) struct buf text = buf_new((size_t) 64 << 20);
				assert_int_equal(simulator_truth(sim.s, id, "IN", NULL, &text, &truth, NULL), RC_OK);
				const char *path = arena_printf(&sim.arena, "/v1/playlists/%.*s/%s?limit=50&market=IN",
				                                SLICE_FMT(id), shape == SIMULATOR_TRACKS ? "tracks" : "items")
				                           .ptr;
				assert_truth(&sim, path, arena_strdup(&sim.arena, id), "IN",
				             truth.items ? (truth.items + 49) / 50 : 1);
			}
		}
	}
	sim_close(&sim);
}

/* The 0th moves days and edits, the others read: each answer is whole, and of one moment. */
static enum rc read_or_change(void *ctx, size_t i, struct err *err)
{
	struct sim *sim = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 256 << 20);
	for (int64_t k = 0; k < 25; k++) {
		if (i == 0) {
			simulator_set_day(sim->s, k % 2 ? 10 : 40);
			TRY(simulator_edit(sim->s, SLICE(WORLD_SAMPLE_BOLLYWOOD), k % 3 == 0, err));
			simulator_faults_clear(sim->s);
			TRY(simulator_fault(sim->s, "slow,ms=1,every=3", err));
			simulator_set_shape(sim->s, k % 4 ? SIMULATOR_BOTH : SIMULATOR_AUTO);
			continue;
		}
		struct wire_reply r;
		CLEANUP(json_freep) struct json *page = NULL;
		struct slice request = arena_printf(&arena, "GET " BOLLYWOOD "/items?limit=100 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n",
		                                    sim->token);
		wire_ask(simulator_port(sim->s), request.ptr, &arena, &r);
		if (r.status != 200 || r.end != WIRE_WHOLE)
			return err_set(err, RC_REJECT, "status %d", r.status);
		TRY(json_parse(r.body, &page, err));
		if ((int64_t) json_size(json_get(page, "items")) != json_get_integer(page, "total", -1))
			return err_set(err, RC_REJECT, "%zu items of %lld", json_size(json_get(page, "items")),
			               (long long) json_get_integer(page, "total", -1));
	}
	return RC_OK;
}

static void many_clients_while_everything_moves(void **state UNUSED)
{
	struct sim sim;
	struct err err = { 0 };
	sim_open(&sim, (struct simulator_options){ .day = 10 });
	sim_client_token(&sim);
	if (thread_each(9, 9, read_or_change, &sim, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(sim_stats(&sim).requests[SIMULATOR_PAGE], 8 * 25);
	sim_close(&sim);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_a_good_token_401),
	cmocka_unit_test(unknown_things_are_404_and_other_methods_405),
	cmocka_unit_test(limits_and_offsets_are_checked),
	cmocka_unit_test(pages_lead_from_one_to_the_next),
	cmocka_unit_test(a_world_shows_its_own_items),
	cmocka_unit_test(the_day_moves),
	cmocka_unit_test(a_playlist_holds_its_first_hundred_items),
	cmocka_unit_test(the_first_hundred_lead_on_within_the_limit),
	cmocka_unit_test(who_may_see_what),
	cmocka_unit_test(new_clients_get_fewer_fields),
	cmocka_unit_test(shapes_name_things),
	cmocka_unit_test(a_market_relinks_and_restricts),
	cmocka_unit_test(episodes_are_disguised_unless_asked_for),
	cmocka_unit_test(fields_choose),
	cmocka_unit_test(what_did_not_change_is_304),
	cmocka_unit_test(the_user_and_their_playlists),
	cmocka_unit_test(a_list_that_is_not_there_yet_is_not_found),
	cmocka_unit_test(nasty_worlds_are_served_whole),
	cmocka_unit_test(many_clients_while_everything_moves),
};
TEST_SUITE(simulator, tests)
