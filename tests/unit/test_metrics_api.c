/* /metrics and what stands behind it, over a home on disk. */
#include "serve/metrics_api.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "base/time.h"
#include "io/db.h"
#include "io/file.h"
#include "raw/freshness.h"
#include "raw/key.h"
#include "raw/quarantine.h"
#include "serve/run_watch.h"
#include "test.h"

#include <pthread.h>
#include <sys/wait.h>

#define NOW_S INT64_C(1795446707) /* 2026-11-23T15:11:47Z */
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct home {
	char path[400];
	struct clock_fake clock;
	struct rand_gen rand;
	struct bus *bus;
	struct state *state;
	struct store *store;
	struct runlog log;
	struct arena arena;
};

static void ok(enum rc rc, const struct err *err)
{
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_name(rc), err->msg);
}
#define OK(call)                        \
	do {                            \
		struct err err = { 0 }; \
		ok(call, &err);         \
	} while (0)

static void home_open(struct home *h)
{
	*h = (struct home){ .rand = rand_new(test_seed()), .arena = arena_new((size_t) 64 << 20) };
	(void) snprintf(h->path, sizeof h->path, "%s", test_tmpdir());
	clock_fake_init(&h->clock, NOW_S * 1000);
	h->bus = bus_mem_open(&h->clock.base);
	OK(state_open(arena_printf(&h->arena, "%s/state.db", h->path).ptr, &h->clock.base, &h->state, &err));
	OK(store_folder_open(h->path, &h->store, &err));
	runlog_init(&h->log, h->state, &h->rand);
}

static void home_done(struct home *h)
{
	bus_close(h->bus);
	state_close(h->state);
	store_close(h->store);
	arena_done(&h->arena);
}
#define HOME(h)                          \
	CLEANUP(home_done) struct home h; \
	home_open(&(h))

static void receive(struct home *h, const char *playlist, int64_t at, const char *kind, const char *message)
{
	struct slice id = slice_of(playlist);
	struct slice key = strcmp(kind, "snapshot_complete") == 0 ? raw_manifest_key(id, at, 0, &h->arena)
	                                                          : raw_page_key(id, at, 0, SHA, &h->arena);
	const struct state_receipt receipt = { .message_id = slice_of(message), .run_id = SLICE("r"), .playlist_id = id,
		                               .snapshot_at = at, .kind = slice_of(kind), .key = key, .sha256 = SLICE(SHA), .bytes = 1 };
	OK(state_receipts_add(h->state, &receipt, 1, &err));
}

/* A run of two stages; the second one ends as `last` says. */
static struct run_id run(struct home *h, enum run_state state, enum task_state last)
{
	static const struct task_spec specs[] = { { "extract", "", { NULL } }, { "ingest", "", { "extract" } } };
	struct plan plan;
	struct run_id id;
	const struct plan_verdict done = { .to = TASK_DONE }, end = { .to = last };
	OK(plan_init(&plan, specs, COUNT_OF(specs), NULL, &err));
	OK(runlog_begin(&h->log, SLICE("{}"), "sample", &plan, &id, &err));
	plan_start(&plan.task[0], clock_now_ms(&h->clock.base));
	clock_fake_advance_ms(&h->clock, 2000);
	plan_end(&plan.task[0], &done, clock_now_ms(&h->clock.base), 2000, NULL);
	plan.task[0].rows = 7;
	plan.task[0].bytes = 70;
	plan_start(&plan.task[1], clock_now_ms(&h->clock.base));
	if (state == RUN_RUNNING) {
		OK(runlog_save(&h->log, &id, &plan, &err));
		return id;
	}
	clock_fake_advance_ms(&h->clock, 300);
	plan_end(&plan.task[1], &end, clock_now_ms(&h->clock.base), 300, last == TASK_DEAD ? "no" : NULL);
	OK(runlog_finish(&h->log, &id, &plan, state, last == TASK_DEAD ? "ingest: no" : NULL, &err));
	return id;
}

static void freshness_is_the_newest_manifest_and_those_of_today(void **state)
{
	(void) state;
	HOME(h);
	receive(&h, "b", NOW_S - 86400, "snapshot_complete", "1");
	receive(&h, "b", NOW_S - 10, "snapshot_complete", "2");
	receive(&h, "b", NOW_S - 10, "snapshot_complete", "3"); /* twice */
	receive(&h, "b", NOW_S, "playlist_page", "4");          /* its manifest has not come */
	receive(&h, "b-c", NOW_S - 5, "playlist_page", "5");
	receive(&h, "a", NOW_S - 20, "snapshot_complete", "6");
	receive(&h, "a", NOW_S - 30, "snapshot_complete", "7");
	receive(&h, "a", NOW_S - 40, "snapshot_complete", "8");
	struct freshness_list list;
	OK(freshness_list(h.state, NOW_S - 30, &h.arena, &list, &err));
	assert_int_equal(list.count, 3);
	assert_true(slice_is(list.playlist[0].playlist_id, "a") && slice_is(list.playlist[1].playlist_id, "b") &&
	            slice_is(list.playlist[2].playlist_id, "b-c"));
	assert_int_equal(list.playlist[0].newest_at, NOW_S - 20);
	assert_int_equal(list.playlist[0].count, 2);
	assert_int_equal(list.playlist[1].newest_at, NOW_S - 10);
	assert_int_equal(list.playlist[1].count, 1);
	assert_int_equal(list.playlist[2].newest_at, 0);
	assert_int_equal(list.playlist[2].count, 0);
	struct freshness one;
	OK(freshness_look(h.state, SLICE("nobody"), 0, &one, &err));
	assert_int_equal(one.newest_at, 0);
	CLEANUP(arena_done) struct arena small = arena_new(64);
	assert_int_equal(freshness_list(h.state, 0, &small, &list, NULL), RC_REJECT);
}

static void the_watch_list_and_the_setting_are_watched(void **state)
{
	(void) state;
	HOME(h);
	bool added;
	OK(state_watch_add(h.state, SLICE("b"), &added, &err));
	OK(state_watch_add(h.state, SLICE("never"), &added, &err));
	receive(&h, "b", NOW_S - 10, "snapshot_complete", "2");
	receive(&h, "c", NOW_S - 20, "snapshot_complete", "3");
	receive(&h, "unwatched", NOW_S - 5, "snapshot_complete", "4");
	struct overview_playlists p;
	OK(overview_playlists(h.state, " c,,b , https://open.spotify.com/album/x,c", overview_day_start(NOW_S, 0), &h.arena, &p, &err));
	assert_int_equal(p.count, 3);
	assert_int_equal(p.known, 3);
	assert_int_equal(p.today, 3);
	assert_int_equal(p.newest_at, NOW_S - 5);
	assert_true(slice_is(p.watched[0].id, "b") && slice_is(p.watched[1].id, "c") && slice_is(p.watched[2].id, "never"));
	assert_int_equal(p.watched[0].newest_at, NOW_S - 10);
	assert_int_equal(p.watched[0].watched_since, NOW_S);
	assert_int_equal(p.watched[1].newest_at, NOW_S - 20);
	assert_int_equal(p.watched[1].watched_since, 0);
	assert_int_equal(p.watched[2].newest_at, 0);
}

static void a_chart_day_begins_at_midnight_of_its_zone(void **state)
{
	(void) state;
	int64_t at;
	assert_true(time_parse_rfc3339(SLICE("2026-11-23T00:00:00Z"), &at));
	assert_int_equal(overview_day_start(NOW_S, 0), at);
	assert_true(time_parse_rfc3339(SLICE("2026-11-23T00:00:00+05:30"), &at));
	assert_int_equal(overview_day_start(NOW_S, 19800), at);
	assert_true(time_parse_rfc3339(SLICE("2026-11-24T00:00:00+10:00"), &at));
	assert_int_equal(overview_day_start(NOW_S, 36000), at);
}

static void what_ends_is_counted_once_whoever_ran_it(void **state)
{
	(void) state;
	HOME(h);
	struct overview_runs runs;
	struct run_watch *watch = run_watch_open();
	(void) run(&h, RUN_DONE, TASK_DONE); /* before anybody looked */
	OK(overview_runs(h.state, &h.arena, &runs, &err));
	assert_int_equal(runs.task_count, 2);
	int64_t durations = metric_get(METRIC_stage_duration_seconds), rows = metric_get(METRIC_stage_rows),
	        ended = metric_get(METRIC_runs_ended);
	run_watch_look(watch, &runs);
	assert_int_equal(metric_get(METRIC_stage_duration_seconds), durations);
	(void) run(&h, RUN_FAILED, TASK_DEAD);
	clock_fake_advance_ms(&h.clock, -3600000); /* the clock is set back */
	(void) run(&h, RUN_RUNNING, TASK_DONE);
	for (int i = 0; i < 3; i++) {
		OK(overview_runs(h.state, &h.arena, &runs, &err));
		run_watch_look(watch, &runs);
	}
	assert_int_equal(metric_get(METRIC_stage_duration_seconds), durations + 3);
	assert_int_equal(metric_get(METRIC_stage_rows), rows + 14);
	assert_int_equal(metric_get(METRIC_runs_ended), ended + 1);
	assert_int_equal(runs.by_state[RUN_FAILED], 1);
	assert_non_null(runs.running);
	assert_true(runs.in_stage && runs.at.stage == STAGE_ingest);
	assert_int_equal(runs.stages_done, 1);
	assert_int_equal(runs.stages, 2);
	assert_true(runs.has_last[STAGE_ingest] && runs.last[STAGE_ingest].state == TASK_DEAD);
	run_watch_close(watch);
}

static void letters_are_counted_by_reason(void **state)
{
	(void) state;
	HOME(h);
	for (int i = 0; i < 600; i++) { /* with their bodies more than one page of the listing */
		char name[32];
		bool is_new;
		(void) snprintf(name, sizeof name, "%04d", i);
		const struct letter l = { .reason = i % 3 ? SLICE("too_large") : SLICE("bad_manifest"), .name = slice_of(name),
			                  .detail = SLICE("d"), .kind = LETTER_MESSAGE };
		OK(quarantine_put(h.store, &l, SLICE("bytes"), &is_new, &err));
	}
	struct overview_letters letters;
	OK(overview_letters(h.store, &h.arena, &letters, &err));
	assert_int_equal(letters.count, 2);
	assert_true(slice_is(letters.reason[0].reason, "bad_manifest") && slice_is(letters.reason[1].reason, "too_large"));
	assert_int_equal(letters.reason[0].count, 200);
	assert_int_equal(letters.reason[1].count, 400);
	assert_int_equal(letters.total, 600);
}

/* --- the page ----------------------------------------------------------------------------------------------- */

static size_t one_job(void *ctx, struct overview_job *out)
{
	(void) ctx;
	out[0] = (struct overview_job){ .name = "daily \"run\"", .next_ms = (NOW_S + 60) * 1000, .missed = 2 };
	return 1;
}

static struct slice page_of(struct metrics_api *m, const char *method, int want_status, struct arena *arena)
{
	const struct server_request rq = { .method = method, .path = "/metrics", .target = "/metrics", .arena = arena };
	struct server_reply reply = { .status = 200 };
	assert_true(metrics_handle(m, &rq, &reply));
	assert_int_equal(reply.status, want_status);
	return reply.body;
}

/* What the official parser says of `text`: the samples named. */
static struct slice parsed(struct home *h, struct slice text, const char *names)
{
	const char *file = arena_printf(&h->arena, "%s/page", h->path).ptr;
	OK(file_replace(file, text, &err));
	FILE *pipe = popen(arena_printf(&h->arena, "/usr/bin/python3 tests/e2e/prometheus_check.py '%s' %s", file, names).ptr, "r");
	assert_non_null(pipe);
	char *out = arena_alloc(&h->arena, 65536);
	size_t len = fread(out, 1, 65535, pipe);
	int status = pclose(pipe);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("prometheus_check.py: status %d", status);
	return (struct slice){ out, len };
}

static const struct bus_subscription sub_a = { .name = "sub-a", .topic = "topic-a", .filter = "", .ack_deadline_s = 60,
	                                       .dead_letter_topic = "", .max_delivery_attempts = 5 };

static void fill(struct home *h)
{
	struct bus_message m[3] = { { .data = SLICE("1") }, { .data = SLICE("2") }, { .data = SLICE("3") } };
	struct bus_delivery *d;
	size_t count;
	bool is_new;
	const struct letter l = { .reason = SLICE("too_large"), .name = SLICE("x"), .detail = SLICE("d"), .kind = LETTER_MESSAGE };
	OK(bus_create_topic(h->bus, "topic-a", &err));
	OK(bus_create_subscription(h->bus, &sub_a, &err));
	OK(bus_publish(h->bus, "topic-a", m, 3, &h->arena, &err));
	OK(bus_pull(h->bus, "sub-a", 1, 1000, &h->arena, &d, &count, &err));
	clock_fake_advance_ms(&h->clock, 5000);
	OK(quarantine_put(h->store, &l, SLICE_NULL, &is_new, &err));
	receive(h, "b", NOW_S - 100, "snapshot_complete", "2");
	OK(store_put_if_absent(h->store, raw_page_key(SLICE("b"), NOW_S, 0, SHA, &h->arena), SLICE("{}"), NULL, &err));
}

static struct metrics_api *open_page(struct home *h, overview_jobs *jobs)
{
	const struct metrics_options o = { .bus = h->bus, .state = h->state, .store = h->store, .home = h->path, .playlists = "b,never",
		                           .clock = &h->clock.base, .jobs = jobs };
	return metrics_api_open(&o);
}

static void the_page_is_what_the_official_parser_reads(void **state)
{
	(void) state;
	HOME(h);
	(void) run(&h, RUN_DONE, TASK_DONE);
	(void) run(&h, RUN_FAILED, TASK_DEAD);
	fill(&h);
	struct metrics_api *m = open_page(&h, one_job);
	metrics_request("pubsub", 200, 1500);
	metrics_request("", 404, 20);
	metric_add_for(METRIC_bus_acks, "odd \"\\\n\xff name", 1);
	struct slice text = page_of(m, "GET", 200, &h.arena);
	struct slice got = parsed(&h, text,
	                          "'sargam_subscription_backlog{subscription=sub-a}' 'sargam_subscription_leased{subscription=sub-a}' "
	                          "'sargam_subscription_oldest_unacked_seconds{subscription=sub-a}' "
	                          "'sargam_stage_last_rows{stage=extract}' 'sargam_stage_last_duration_seconds{stage=extract}' "
	                          "'sargam_stage_last_success{stage=ingest}' 'sargam_stage_last_rows{stage=gold}' "
	                          "'sargam_runs{state=FAILED}' 'sargam_runs{state=RUNNING}' "
	                          "'sargam_dead_letters_kept{reason=too_large}' sargam_snapshots_incomplete sargam_snapshots_today "
	                          "'sargam_playlist_snapshot_age_seconds{playlist=b}' "
	                          "'sargam_playlist_snapshot_age_seconds{playlist=never}' "
	                          "'sargam_schedule_missed{job=daily \"run\"}' 'sargam_look_failed{part=bus}'");
	int64_t age_s = clock_now_ms(&h.clock.base) / 1000 - (NOW_S - 100);
	assert_string_equal(got.ptr, arena_printf(&h.arena,
	                                          "sargam_subscription_backlog{subscription=sub-a} 3\n"
	                                          "sargam_subscription_leased{subscription=sub-a} 1\n"
	                                          "sargam_subscription_oldest_unacked_seconds{subscription=sub-a} 5\n"
	                                          "sargam_stage_last_rows{stage=extract} 7\n"
	                                          "sargam_stage_last_duration_seconds{stage=extract} 2\n"
	                                          "sargam_stage_last_success{stage=ingest} 0\n"
	                                          "sargam_stage_last_rows{stage=gold} none\n"
	                                          "sargam_runs{state=FAILED} 1\nsargam_runs{state=RUNNING} 0\n"
	                                          "sargam_dead_letters_kept{reason=too_large} 1\nsargam_snapshots_incomplete 1\n"
	                                          "sargam_snapshots_today 1\n"
	                                          "sargam_playlist_snapshot_age_seconds{playlist=b} %lld\n"
	                                          "sargam_playlist_snapshot_age_seconds{playlist=never} none\n"
	                                          "sargam_schedule_missed{job=daily \"run\"} 2\nsargam_look_failed{part=bus} 0\n",
	                                          (long long) age_s).ptr);
	assert_true(slice_find_str(text, SLICE("\nprocess_start_time_seconds 1")) != SIZE_MAX);
	assert_true(slice_find_str(text, SLICE("\nprocess_resident_memory_bytes ")) != SIZE_MAX);
	(void) page_of(m, "HEAD", 200, &h.arena);
	(void) page_of(m, "POST", 405, &h.arena);
	metrics_api_close(m);
}

static void a_part_that_fails_costs_only_itself(void **state)
{
	(void) state;
	HOME(h);
	fill(&h);
	h.bus = bus_fault_open(h.bus, 1, false, RC_FATAL);
	struct metrics_api *m = open_page(&h, NULL);
	struct slice got = parsed(&h, page_of(m, "GET", 200, &h.arena),
	                          "'sargam_look_failed{part=bus}' 'sargam_subscription_backlog{subscription=sub-a}' "
	                          "'sargam_dead_letters_kept{reason=too_large}'");
	assert_string_equal(got.ptr, "sargam_look_failed{part=bus} 1\nsargam_subscription_backlog{subscription=sub-a} none\n"
	                             "sargam_dead_letters_kept{reason=too_large} 1\n");
	metrics_api_close(m);
}

static void the_bus_is_not_counted_for_every_page(void **state)
{
	(void) state;
	HOME(h);
	fill(&h);
	struct metrics_api *m = open_page(&h, NULL);
	(void) page_of(m, "GET", 200, &h.arena);
	struct bus_message more = { .data = SLICE("4") };
	OK(bus_publish(h.bus, "topic-a", &more, 1, &h.arena, &err)); /* within 15 s of the look */
	struct slice got = parsed(&h, page_of(m, "GET", 200, &h.arena), "'sargam_subscription_backlog{subscription=sub-a}'");
	assert_string_equal(got.ptr, "sargam_subscription_backlog{subscription=sub-a} 3\n");
	metrics_api_close(m);
}

static void *scrape_often(void *arg)
{
	for (int i = 0; i < 100; i++) {
		CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
		(void) page_of(arg, "GET", 200, &arena);
		metrics_request("pubsub", 200 + i % 3, i);
	}
	return NULL;
}

static void pages_may_be_asked_for_by_many_at_once(void **state)
{
	(void) state;
	HOME(h);
	fill(&h);
	struct metrics_api *m = open_page(&h, one_job);
	pthread_t thread[4];
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, scrape_often, m), 0);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	(void) parsed(&h, page_of(m, "GET", 200, &h.arena), "");
	metrics_api_close(m);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(freshness_is_the_newest_manifest_and_those_of_today),
	cmocka_unit_test(the_watch_list_and_the_setting_are_watched),
	cmocka_unit_test(a_chart_day_begins_at_midnight_of_its_zone),
	cmocka_unit_test(what_ends_is_counted_once_whoever_ran_it),
	cmocka_unit_test(letters_are_counted_by_reason),
	cmocka_unit_test(the_page_is_what_the_official_parser_reads),
	cmocka_unit_test(a_part_that_fails_costs_only_itself),
	cmocka_unit_test(the_bus_is_not_counted_for_every_page),
	cmocka_unit_test(pages_may_be_asked_for_by_many_at_once),
};
TEST_SUITE(metrics_api, tests);
