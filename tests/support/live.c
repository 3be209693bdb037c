#include "support/live.h"

#include "base/json.h"
#include "base/mem.h"
#include "raw/ingest.h"
#include "raw/snapshot.h"
#include "spotify/login.h"
#include "spotify/token.h"
#include "test.h"

#include <stdio.h>

#define ARENA_BYTES ((size_t) 256 << 20)
#define PAGE_LIMIT ((size_t) 4 << 20)
#define NOW_MS ((int64_t) 1795000000 * 1000)

static void process_end(struct live *l)
{
	source_close(TAKE(l->source));
	spotify_api_close(TAKE(l->api));
	token_close(TAKE(l->token));
	http_close(TAKE(l->http));
}

void live_restart(struct live *l)
{
	struct err err = { 0 };
	process_end(l);
	const struct http_options http = { .connect_timeout_ms = 10000, .timeout_ms = l->timeout_ms, .body_limit_bytes = PAGE_LIMIT,
		                           .user_agent = "sargam-test" };
	if (http_open(&http, &l->http, &err) != RC_OK)
		fail_msg("%s", err.msg);
	const struct token_options token = {
		.http = l->http,
		.clock = &l->clock.base,
		.accounts_url = simulator_url(l->sim),
		.client_id = "an-app",
		.client_secret = l->as_user ? "" : "its-secret",
		.refresh_token = "",
		.file = l->token_file,
	};
	l->token = token_open(&token);
	const struct spotify_api_options api = {
		.http = l->http,
		.token = l->token,
		.clock = &l->clock.base,
		.rand = rand_new(test_seed()),
		.api_url = l->api_url,
		.gap_ms = l->gap_ms,
		.attempts_max = l->attempts_max,
		.budget_ms = l->budget_ms,
		.playlist_budget_ms = l->playlist_budget_ms,
	};
	l->api = spotify_api_open(&api);
	const struct source_spotify_options source = {
		.api = l->api,
		.clock = &l->clock.base,
		.memory = raw_source_memory(&l->memory),
		.market = l->market,
		.only_fields = l->only_fields,
		.retakes_max = l->retakes_max,
		.pages_max = 1000,
		.page_limit_bytes = PAGE_LIMIT,
	};
	l->source = source_spotify_open(&source);
	if (l->fail_at)
		l->source = source_fault_open(l->source, l->fail_at, RC_RETRY);
}

void live_open(struct live *l, struct simulator_options *options)
{
	struct err err = { 0 };
	*l = (struct live){ .market = "", .timeout_ms = 60000, .attempts_max = 5, .budget_ms = 300000, .playlist_budget_ms = 30000, .retakes_max = 2, .gap_ms = 100 };
	clock_fake_init(&l->clock, NOW_MS);
	options->clock = &l->clock.base;
	if (simulator_open(options, &l->sim, &err) != RC_OK)
		fail_msg("%s", err.msg);
	const char *dir = test_tmpdir();
	l->store = store_mem_open(dir);
	l->bus = bus_mem_open(&l->clock.base);
	l->memory = (struct raw_memory){ .store = l->store };
	(void) snprintf(l->token_file, sizeof l->token_file, "%s/token.json", dir);
	(void) snprintf(l->api_url, sizeof l->api_url, "%s/v1", simulator_url(l->sim));
	const struct bus_subscription sub = { .name = SUBSCRIPTION, .topic = TOPIC, .filter = SUBSCRIPTION_FILTER, .ack_deadline_s = 60,
		                              .dead_letter_topic = DEAD_TOPIC, .max_delivery_attempts = 5 };
	if (bus_create_topic(l->bus, TOPIC, &err) != RC_OK || bus_create_subscription(l->bus, &sub, &err) != RC_OK)
		fail_msg("%s", err.msg);
	live_restart(l);
}

void live_close(struct live *l)
{
	process_end(l);
	bus_close(l->bus);
	store_close(l->store);
	simulator_close(l->sim);
}

void live_login(struct live *l)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct err err = { 0 };
	struct login login;
	struct http_response r;
	struct slice code;
	l->as_user = true;
	live_restart(l);
	login_begin(&login, 8912);
	const struct http_request rq = { .method = "GET", .url = login_url(&login, simulator_url(l->sim), "an-app", &arena).ptr };
	enum rc rc = http_send(l->http, &rq, &arena, &r, &err);
	if (rc == RC_OK && r.status != 302)
		fail_msg("/authorize answers %d: %.*s", r.status, SLICE_FMT(r.body));
	if (rc == RC_OK)
		rc = login_read_redirect(&login, http_response_header(&r, "Location"), &arena, &code, &err);
	if (rc == RC_OK)
		rc = token_exchange(l->token, code, slice_of(login.verifier), slice_of(login.redirect_uri), &err);
	if (rc != RC_OK)
		fail_msg("login: %s", err.msg);
}

enum rc live_run(struct live *l, const struct slice *playlist, size_t count, struct extract_result *out, struct err *err)
{
	live_restart(l);
	const struct extract_options eo = {
		.source = l->source,
		.bus = l->bus,
		.store = l->store,
		.run_id = "run",
		.playlist = playlist,
		.playlist_count = count,
		.pages_max = 1000,
		.page_limit_bytes = PAGE_LIMIT,
	};
	const struct ingest_options io = {
		.bus = l->bus, .store = l->store, .clock = &l->clock.base, .run_id = "run", .page_limit_bytes = PAGE_LIMIT, .threads = 1,
	};
	struct ingest_result ingested;
	TRY(extract_run(&eo, out, err));
	return ingest_run(&io, &ingested, err);
}

/* --- what came out ------------------------------------------------------------------------------------------ */

static void add_items(const struct json *items, struct buf *out)
{
	for (size_t i = 0; i < json_size(items); i++) {
		json_write(json_at(items, i), JSON_COMPACT, out);
		buf_addc(out, '\n');
	}
}

static const struct json *items_of(const struct json *page)
{
	const struct json *items = json_get(page, "items");
	if (json_type(items) == JSON_ARRAY)
		return items;
	return json_get(json_type(items) == JSON_OBJECT ? items : json_get(page, "tracks"), "items");
}

static const struct raw_snapshot *latest(struct live *l, struct slice playlist_id, struct arena *arena, size_t *out_complete)
{
	struct raw_snapshots list;
	struct err err = { 0 };
	const struct raw_snapshot *last = NULL;
	if (raw_snapshots(l->store, playlist_id, arena, &list, &err) != RC_OK)
		fail_msg("%s", err.msg);
	*out_complete = 0;
	for (size_t i = 0; i < list.count; i++) {
		if (!list.snapshot[i].complete)
			continue;
		last = &list.snapshot[i];
		(*out_complete)++;
	}
	return last;
}

size_t live_snapshots(struct live *l, struct slice playlist_id, int64_t *out_last_at)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	size_t complete;
	const struct raw_snapshot *last = latest(l, playlist_id, &arena, &complete);
	if (out_last_at)
		*out_last_at = last ? last->snapshot_at : 0;
	return complete;
}

static void read_items(struct live *l, const struct manifest *m, struct arena *arena, struct buf *out)
{
	struct err err = { 0 };
	for (size_t i = 0; i < m->page_count; i++) {
		struct slice body;
		CLEANUP(json_freep) struct json *page = NULL;
		if (store_get(l->store, manifest_page_key(m, i, arena), arena, &body, NULL, &err) != RC_OK ||
		    json_parse(body, &page, &err) != RC_OK)
			fail_msg("page %zu: %s", i, err.msg);
		add_items(items_of(page), out);
	}
}

void live_print_log(struct live *l)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct simulator_request *rq;
	size_t count;
	simulator_requests(l->sim, &arena, &rq, &count);
	for (size_t i = 0; i < count; i++)
		printf("# %3zu %3d %s %s %s\n", i, rq[i].status, rq[i].method, rq[i].target, rq[i].fault ? rq[i].fault : "");
}

static void show_difference(struct live *l, struct slice playlist_id, struct slice got, struct slice want)
{
	size_t at = 0;
	live_print_log(l);
	while (at < got.len && at < want.len && got.ptr[at] == want.ptr[at])
		at++;
	size_t from = at > 60 ? at - 60 : 0;
	fail_msg("%.*s: not what the simulator shows (%zu bytes, want %zu), from byte %zu:\n%.200s\nwant:\n%.200s", SLICE_FMT(playlist_id),
	         got.len, want.len, at, got.ptr + from, want.ptr + from);
}

void live_check_truth(struct live *l, struct slice playlist_id, bool *out_kept)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf truth_json = buf_new(ARENA_BYTES), got = buf_new(ARENA_BYTES), want = buf_new(ARENA_BYTES);
	CLEANUP(json_freep) struct json *truth_items = NULL;
	struct err err = { 0 };
	struct simulator_truth truth;
	struct manifest m;
	size_t complete;
	const struct raw_snapshot *last = latest(l, playlist_id, &arena, &complete);
	if (!last)
		fail_msg("%.*s: no complete snapshot", SLICE_FMT(playlist_id));
	if (raw_manifest_read(l->store, last, &arena, &m, &err) != RC_OK ||
	    simulator_truth(l->sim, playlist_id, *l->market ? l->market : NULL, "track,episode", &truth_json, &truth, &err) != RC_OK ||
	    json_parse(buf_slice(&truth_json), &truth_items, &err) != RC_OK)
		fail_msg("%.*s: %s", SLICE_FMT(playlist_id), err.msg);
	*out_kept = false;
	for (size_t i = 0; i < m.warning_count; i++)
		*out_kept = *out_kept || slice_find_str(m.warning[i], SLICE("changed while it was read")) != SIZE_MAX;
	if (*out_kept)
		return;
	read_items(l, &m, &arena, &got);
	add_items(truth_items, &want);
	if (!slice_eq(buf_slice(&got), buf_slice(&want)))
		show_difference(l, playlist_id, buf_slice(&got), buf_slice(&want));
	assert_int_equal(m.total, truth.total);
	assert_true(slice_is(m.snapshot_id_first, truth.snapshot_id));
}
