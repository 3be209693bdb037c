/* The live source against the simulator: every fault in turn, all of them at random, what a run that cannot go on leaves to
 * the next, and how many requests it takes. */
#include "base/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "support/live.h"
#include "test.h"

#include <stdio.h>

#define WORLDS 200
#define RUNS_MAX 40
#define ARENA_BYTES ((size_t) 64 << 20)
#define SIZE 120
#define HOUR_MS 3600000
#define SLOW_MS 2000 /* then an answer is given up where slow ones are tested */

static void close_livep(struct live *l)
{
	live_close(l);
}
#define LIVE(l, ...)                                                                     \
	CLEANUP(close_livep) struct live l;                                              \
	live_open(&l, &(struct simulator_options){ .day = -1, __VA_ARGS__ })

static struct world *lists(uint64_t seed, size_t playlists, int64_t size, bool nasty)
{
	return world_lists_open(seed, 16, playlists, size, nasty);
}

/* --- the log of the simulator ------------------------------------------------------------------------------- */

struct log {
	struct arena arena;
	struct simulator_request *rq;
	size_t count;
};

static void log_done(struct log *log)
{
	arena_done(&log->arena);
}

static struct log read_log(struct live *l)
{
	struct log log = { .arena = arena_new(ARENA_BYTES) };
	simulator_requests(l->sim, &log.arena, &log.rq, &log.count);
	return log;
}

/* Of the Web API; tokens come from elsewhere and are not counted by its quota. */
static size_t api_requests(const struct log *log, size_t from)
{
	size_t count = 0;
	for (size_t i = from; i < log->count; i++)
		count += log->rq[i].kind != SIMULATOR_TOKEN;
	return count;
}

static bool is_good_page(const struct simulator_request *r)
{
	return r->kind == SIMULATOR_PAGE && r->status == 200 && !r->fault;
}

/* A page that came whole is not asked for again, unless the playlist was edited or too much time went by. */
static void check_no_repeats(struct live *l)
{
	CLEANUP(log_done) struct log read = read_log(l);
	const struct log *log = &read;
	for (size_t i = 0; i < log->count; i++) {
		for (size_t k = i + 1; is_good_page(&log->rq[i]) && k < log->count; k++) {
			if (log->rq[k].fault && strcmp(log->rq[k].fault, "edit") == 0)
				break;
			if (log->rq[k].kind == SIMULATOR_PAGE && strcmp(log->rq[k].target, log->rq[i].target) == 0) {
				live_print_log(l);
				fail_msg("request %zu asks again for the page of request %zu", k, i);
			}
		}
	}
}

/* --- runs --------------------------------------------------------------------------------------------------- */

static size_t ids_of(const struct world *w, struct slice *out, size_t max)
{
	size_t count = world_playlist_count(w);
	assert(count <= max);
	for (size_t i = 0; i < count; i++)
		out[i] = slice_of(world_playlist(w, i)->id);
	return count;
}

static bool all_taken(struct live *l, const struct slice *id, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (live_snapshots(l, id[i], NULL) == 0)
			return false;
	return true;
}

/* Runs as a scheduler would that obeys exit status 3, until every playlist was taken.  How many runs it took, and the longest wait
 * between two. */
static int run_until_complete(struct live *l, const struct slice *id, size_t count, const char *what, int64_t *out_wait_ms)
{
	*out_wait_ms = 0;
	for (int run = 1; run <= RUNS_MAX; run++) {
		struct extract_result r;
		struct err err = { 0 };
		enum rc rc = live_run(l, id, count, &r, &err);
		if (rc != RC_OK || r.failed || r.unread) {
			live_print_log(l);
			fail_msg("%s, run %d: %s: %s (%lld failed, %lld unread)", what, run, rc_name(rc), err.msg, (long long) r.failed,
			         (long long) r.unread);
		}
		if (r.deferred == 0) {
			assert_true(all_taken(l, id, count));
			return run;
		}
		if (!r.deferred_why[0])
			fail_msg("%s: deferred without a reason", what);
		int64_t wait_ms = r.retry_after_ms ? r.retry_after_ms : 60000;
		clock_fake_advance_ms(&l->clock, wait_ms);
		if (wait_ms > *out_wait_ms)
			*out_wait_ms = wait_ms;
	}
	fail_msg("%s: not complete after %d runs", what, RUNS_MAX);
	return RUNS_MAX;
}

static int check_all(struct live *l, const struct slice *id, size_t count)
{
	int kept = 0;
	struct simulator_stats stats;
	for (size_t i = 0; i < count; i++) {
		bool changed;
		live_check_truth(l, id[i], &changed);
		kept += changed;
	}
	simulator_stats(l->sim, &stats);
	assert_int_equal(stats.violations, 0);
	return kept;
}

/* --- how many requests -------------------------------------------------------------------------------------- */

static size_t requests_for(int64_t size, enum simulator_shape shape, size_t *out_again)
{
	struct world *w = lists(3, 1, size, false);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
	LIVE(l, .world = w, .shape = shape);
	struct extract_result r;
	struct err err = { 0 };
	bool kept;
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
	live_check_truth(&l, id, &kept);
	CLEANUP(log_done) struct log first = read_log(&l);
	clock_fake_advance_ms(&l.clock, 86400000);
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
	CLEANUP(log_done) struct log both = read_log(&l);
	*out_again = api_requests(&both, first.count);
	return api_requests(&first, 0);
}

/* The playlist, its pages (50 items at /items, 100 at /tracks), and the playlist again when there was more than one. */
static void a_snapshot_takes_no_more_requests_than_it_must(void **unused UNUSED)
{
	static const struct {
		int64_t size;
		enum simulator_shape shape;
		size_t first, again;
	} want[] = {
		{ 40, SIMULATOR_BOTH, 2, 2 },
		{ 44, SIMULATOR_TRACKS, 3, 2 }, /* once to learn that there is no /items */
		{ 120, SIMULATOR_ITEMS, 5, 5 },
		{ 120, SIMULATOR_TRACKS, 5, 4 },
	};
	for (size_t i = 0; i < COUNT_OF(want); i++) {
		size_t again, first = requests_for(want[i].size, want[i].shape, &again);
		printf("# about %lld items, shape %d: %zu requests for the first snapshot, %zu for the next\n", (long long) want[i].size,
		       (int) want[i].shape, first, again);
		assert_int_equal(first, want[i].first);
		assert_int_equal(again, want[i].again);
	}
}

static void what_has_not_changed_is_not_sent_again(void **unused UNUSED)
{
	struct world *w = lists(4, 1, SIZE, false);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
	LIVE(l, .world = w);
	struct extract_result r;
	struct err err = { 0 };
	struct simulator_stats stats;
	int64_t first_at, second_at;
	bool kept;
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
	assert_int_equal(live_snapshots(&l, id, &first_at), 1);
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK); /* within the same second */
	assert_int_equal(live_snapshots(&l, id, &second_at), 2);
	assert_true(second_at > first_at);
	live_check_truth(&l, id, &kept);
	simulator_stats(l.sim, &stats);
	assert_int_equal(stats.not_modified, 5 + 1); /* the look at the end of the first, too */
	simulator_set_day(l.sim, 0);
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
	live_check_truth(&l, id, &kept);
}

/* --- every fault -------------------------------------------------------------------------------------------- */

/* What passes, or can be waited for.  (invalid_grant, forbidden and not_found need a person: below.) */
static const char *const passing_faults[] = {
	"429,after=1", "429,after=3600", "429_no_header", "429_text", "quota", "quota,after=900", "500", "502", "503", "504",
	"500,burst=3", "503,burst=40", "reset", "reset,burst=3", "slow,ms=60000", "truncate", "empty", "html", "html,status=200", "text",
	"wrong_length", "endless", "edit", "edit,total=1", "expire",
};

static void every_fault_in_turn_ends_complete_or_deferred(void **unused UNUSED)
{
	int runs = 0, kept = 0, tried = 0;
	for (size_t f = 0; f < COUNT_OF(passing_faults); f++) {
		for (int at = 1; at <= 5; at++) {
			struct world *w = lists(5, 1, 110, false);
			CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
			struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
			LIVE(l, .world = w);
			l.timeout_ms = SLOW_MS;
			char spec[96];
			struct err err = { 0 };
			(void) snprintf(spec, sizeof spec, "%s,at=%d", passing_faults[f], at);
			if (simulator_fault(l.sim, spec, &err) != RC_OK)
				fail_msg("%s: %s", spec, err.msg);
			int64_t wait_ms;
			runs += run_until_complete(&l, &id, 1, spec, &wait_ms);
			kept += check_all(&l, &id, 1);
			if (wait_ms < HOUR_MS && strncmp(spec, "edit", 4) != 0) /* the cursor is good so long; an edited list is taken again */
				check_no_repeats(&l);
			tried++;
		}
	}
	printf("# %d cases of %zu faults: %d runs, %d snapshots kept with a warning\n", tried, COUNT_OF(passing_faults), runs, kept);
	assert_int_equal(kept, 0);
}

/* As often as they may be, by themselves and in any mixture. */
static void all_faults_at_random_end_complete_or_deferred(void **unused UNUSED)
{
	static const char *const mixture[] = {
		"429,p=0.03", "429,after=120,p=0.01", "429_no_header,p=0.01", "429_text,p=0.01", "quota,after=900,p=0.01", "quota,p=0.005",
		"500,p=0.02", "502,p=0.02", "503,p=0.02,burst=3", "504,p=0.02", "reset,p=0.02", "slow,ms=60000,p=0.001", "truncate,p=0.02",
		"empty,p=0.02", "html,p=0.02", "html,status=200,p=0.01", "text,p=0.01", "wrong_length,p=0.02", "endless,p=0.02", "edit,p=0.03",
		"edit,total=1,p=0.02", "expire,p=0.03",
	};
	uint64_t seed = test_seed();
	int runs = 0, kept = 0, deferred = 0, snapshots = 0;
	size_t requests = 0;
	for (uint64_t i = 0; i < WORLDS; i++) {
		bool user = i % 2;
		bool is_new = i % 8 == 1; /* reads its user's own lists only: the first two of the tame worlds */
		struct world *w = lists(seed + i, is_new ? 2 : 2 + i % 2, i % 5 ? 10 + (int64_t) (rand_new(seed + i).state % 50) : 110, i % 4 < 3 && !is_new);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
		struct slice id[3];
		size_t count = ids_of(w, id, COUNT_OF(id));
		for (size_t k = 0; k < count; k++)
			id[k] = arena_copy(&arena, id[k]);
		LIVE(l, .world = w, .seed = seed + i, .rotate = user && i % 4 == 3, .token_ttl_s = 900, .limit_max = i % 3 ? 100 : 50,
		     .population = is_new ? SIMULATOR_NEW : SIMULATOR_EXTENDED);
		char what[64];
		struct err err = { 0 };
		(void) snprintf(what, sizeof what, "world %llu of seed %llu", (unsigned long long) i, (unsigned long long) seed);
		l.timeout_ms = SLOW_MS;
		l.market = i % 5 == 0 ? "IN" : "";
		if (user)
			live_login(&l);
		for (size_t f = 0; f < COUNT_OF(mixture); f++) {
			char spec[96]; /* with rotation a lost answer of the accounts service would be a lost login: tested elsewhere */
			(void) snprintf(spec, sizeof spec, "%s%s", mixture[f], i % 4 == 3 || strncmp(mixture[f], "expire", 6) == 0 ? "" : ",on=any");
			if (simulator_fault(l.sim, spec, &err) != RC_OK)
				fail_msg("%s: %s", spec, err.msg);
		}
		int64_t wait_ms;
		int took = run_until_complete(&l, id, count, what, &wait_ms);
		simulator_faults_clear(l.sim);
		kept += check_all(&l, id, count);
		runs += took;
		deferred += took > 1;
		snapshots += (int) count;
		CLEANUP(log_done) struct log log = read_log(&l);
		requests += api_requests(&log, 0);
	}
	printf("# %d worlds: %d snapshots, %d runs, %d worlds deferred at least once, %d snapshots kept with a warning, %.1f requests a snapshot\n",
	       WORLDS, snapshots, runs, deferred, kept, (double) requests / snapshots);
	assert_true(kept * 50 <= snapshots); /* a list edited three times in a row is rare */
	assert_true(deferred > 10);
}

/* What no waiting mends is told at once, harms nothing, and is over when a person has done their part. */
static void what_needs_a_person_says_so(void **unused UNUSED)
{
	static const struct {
		const char *fault;
		bool as_user;
		enum rc rc;
		const char *says;
	} table[] = {
		{ "invalid_grant", true, RC_FATAL, "sargam login" },
		{ "text,on=playlist", false, RC_FATAL, "Active premium subscription required" },
		{ "forbidden,on=playlist", false, RC_REJECT, "three ways out" },
		{ "forbidden,on=page", false, RC_REJECT, "Three ways out" },
		{ "not_found,on=playlist", false, RC_NOT_FOUND, "check its link" },
		{ "not_found,on=page", false, RC_NOT_FOUND, "Three ways out" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		struct world *w = lists(12, 1, 60, false);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
		struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
		LIVE(l, .world = w);
		struct extract_result r;
		struct err err = { 0 };
		bool kept;
		if (table[i].as_user) {
			live_login(&l);
			clock_fake_advance_ms(&l.clock, 7200000); /* its access token has run out */
		}
		assert_int_equal(simulator_fault(l.sim, table[i].fault, &err), RC_OK);
		enum rc rc = live_run(&l, &id, 1, &r, &err);
		if (rc != table[i].rc || !strcasestr(err.msg, table[i].says)) {
			live_print_log(&l);
			fail_msg("%s: %s: %s", table[i].fault, rc_name(rc), err.msg);
		}
		assert_int_equal(live_snapshots(&l, id, NULL), 0);
		simulator_faults_clear(l.sim);
		if (table[i].as_user)
			live_login(&l);
		assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
		live_check_truth(&l, id, &kept);
		struct store_list letters; /* what was said yesterday is out of date */
		assert_int_equal(store_list(l.store, SLICE("quarantine/"), SLICE_NULL, 10, &arena, &letters, &err), RC_OK);
		assert_int_equal(letters.count, 0);
	}
}

/* --- deferred ----------------------------------------------------------------------------------------------- */

struct deferral {
	struct live l;
	struct arena arena;
	struct slice id;
	struct extract_result r;
	size_t requests; /* so far */
};

static void deferral_done(struct deferral *d)
{
	live_close(&d->l);
	arena_done(&d->arena);
}

/* The third page of three meets the fault: two pages are here. */
static void defer_third_page(struct deferral *d, const char *fault)
{
	struct err err = { 0 };
	struct world *w = lists(8, 1, SIZE, false);
	d->arena = arena_new(1 << 16);
	d->id = arena_copy(&d->arena, slice_of(world_playlist(w, 0)->id));
	live_open(&d->l, &(struct simulator_options){ .world = w, .day = -1, .seed = 7 });
	if (simulator_fault(d->l.sim, fault, &err) != RC_OK || live_run(&d->l, &d->id, 1, &d->r, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(d->r.deferred, 1);
	assert_int_equal(d->r.playlists, 0);
	assert_int_equal(live_snapshots(&d->l, d->id, NULL), 0);
	CLEANUP(log_done) struct log log = read_log(&d->l);
	d->requests = log.count;
}

static size_t run_again(struct deferral *d)
{

	struct err err = { 0 };
	if (live_run(&d->l, &d->id, 1, &d->r, &err) != RC_OK)
		fail_msg("%s", err.msg);
	CLEANUP(log_done) struct log log = read_log(&d->l);
	size_t made = api_requests(&log, d->requests);
	d->requests = log.count;
	return made;
}

static void nothing_is_asked_before_the_time_that_was_said(void **unused UNUSED)
{
	CLEANUP(deferral_done) struct deferral d = { 0 };
	defer_third_page(&d, "quota,after=900,on=page,at=3");
	assert_true(d.r.retry_after_ms >= 900000 && d.r.retry_after_ms < 910000);
	assert_non_null(strstr(d.r.deferred_why, "QUOTA_EXCEEDED"));
	clock_fake_advance_ms(&d.l.clock, 600000);
	assert_int_equal(run_again(&d), 0);
	assert_int_equal(d.r.deferred, 1);
	assert_true(d.r.retry_after_ms >= 290000 && d.r.retry_after_ms < 310000);
}

static void the_next_run_goes_on_where_this_one_stopped(void **unused UNUSED)
{
	CLEANUP(deferral_done) struct deferral d = { 0 };
	int64_t at;
	bool kept;
	defer_third_page(&d, "quota,after=900,on=page,at=3");
	int64_t began_s = clock_now_ms(&d.l.clock.base) / 1000;
	clock_fake_advance_ms(&d.l.clock, 1000000);
	assert_int_equal(run_again(&d), 3); /* is it still the same?, the third page, is it still the same? */
	assert_int_equal(d.r.deferred, 0);
	assert_int_equal(live_snapshots(&d.l, d.id, &at), 1);
	assert_true(at <= began_s); /* when its first page was asked for */
	live_check_truth(&d.l, d.id, &kept);
	check_no_repeats(&d.l);
	assert_int_equal(run_again(&d), 5); /* and then a new one */
	assert_int_equal(live_snapshots(&d.l, d.id, NULL), 2);
}

static void after_an_hour_a_new_snapshot_begins(void **unused UNUSED)
{
	CLEANUP(deferral_done) struct deferral d = { 0 };
	int64_t at;
	defer_third_page(&d, "quota,after=900,on=page,at=3");
	clock_fake_advance_ms(&d.l.clock, 3601000);
	assert_int_equal(run_again(&d), 5);
	assert_int_equal(live_snapshots(&d.l, d.id, &at), 1);
	assert_true(at >= clock_now_ms(&d.l.clock.base) / 1000 - 60);
}

static void a_playlist_that_changed_meanwhile_begins_anew(void **unused UNUSED)
{
	for (int total = 0; total < 2; total++) {
		CLEANUP(deferral_done) struct deferral d = { 0 };
		bool kept;
		defer_third_page(&d, "quota,after=900,on=page,at=3");
		assert_int_equal(simulator_edit(d.l.sim, d.id, total, NULL), RC_OK);
		clock_fake_advance_ms(&d.l.clock, 1000000);
		assert_int_equal(run_again(&d), 5); /* the look whether it is still the same is the first of the new take */
		assert_int_equal(d.r.deferred, 0);
		live_check_truth(&d.l, d.id, &kept);
	}
}

static void pages_that_were_tidied_away_are_read_again(void **unused UNUSED)
{
	CLEANUP(deferral_done) struct deferral d = { 0 };
	struct err err = { 0 };
	struct store_list list;
	bool kept;
	defer_third_page(&d, "quota,after=900,on=page,at=3");
	assert_int_equal(store_list(d.l.store, SLICE("pending/"), SLICE_NULL, 100, &d.arena, &list, &err), RC_OK);
	assert_true(list.count >= 4); /* the app, the cursor, the playlist, two pages */
	for (size_t i = 0; i < list.count; i++)
		if (slice_find_str(list.object[i].key, SLICE("/page-")) != SIZE_MAX)
			assert_int_equal(store_remove(d.l.store, list.object[i].key, &err), RC_OK);
	clock_fake_advance_ms(&d.l.clock, 1000000);
	(void) run_again(&d);
	if (d.r.deferred)
		(void) run_again(&d);
	assert_int_equal(d.r.deferred, 0);
	live_check_truth(&d.l, d.id, &kept);
}

static void nothing_pending_is_left_when_all_is_done(void **unused UNUSED)
{
	CLEANUP(deferral_done) struct deferral d = { 0 };
	struct err err = { 0 };
	struct store_list list;
	defer_third_page(&d, "503,burst=5,on=page,at=3");
	assert_int_equal(d.r.retry_after_ms, 0);
	assert_non_null(strstr(d.r.deferred_why, "given up after 5 tries"));
	assert_int_equal(run_again(&d), 3);
	assert_int_equal(store_list(d.l.store, SLICE("pending/"), SLICE_NULL, 100, &d.arena, &list, &err), RC_OK);
	for (size_t i = 0; i < list.count; i++)
		if (slice_find_str(list.object[i].key, SLICE("/page-")) != SIZE_MAX ||
		    slice_find_str(list.object[i].key, SLICE("cursor")) != SIZE_MAX)
			fail_msg("left: %.*s", SLICE_FMT(list.object[i].key));
}

/* A process that dies between the publication and the note about it leaves a snapshot that is here already. */
static void what_is_here_already_is_not_asked_for(void **unused UNUSED)
{
	struct world *w = lists(13, 1, SIZE, false);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
	LIVE(l, .world = w);
	struct extract_result r;
	struct err err = { 0 };
	bool kept;
	l.fail_at = 8; /* order, snapshots, fetch, the playlist, three pages, taken */
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "taken of"));
	CLEANUP(log_done) struct log before = read_log(&l);
	l.fail_at = 0;
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK); /* handed out again, from what is here */
	CLEANUP(log_done) struct log after = read_log(&l);
	assert_int_equal(api_requests(&after, before.count), 0);
	assert_int_equal(live_snapshots(&l, id, NULL), 1);
	live_check_truth(&l, id, &kept);
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
	assert_int_equal(live_snapshots(&l, id, NULL), 2);
}

/* Every step of the port failing once: the next run makes it good. */
static void every_call_failing_once_loses_nothing(void **unused UNUSED)
{
	for (int at = 1; at <= 9; at++) {
		struct world *w = lists(14, 1, SIZE, false);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
		struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
		LIVE(l, .world = w);
		struct extract_result r;
		struct err err = { 0 };
		bool kept;
		l.fail_at = at;
		enum rc rc = live_run(&l, &id, 1, &r, &err);
		assert_true((rc == RC_OK) == (at != 1 && at != 8)); /* what the source itself cannot do defers */
		l.fail_at = 0;
		assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
		live_check_truth(&l, id, &kept);
		if (at != 9) /* then there are two snapshots */
			check_no_repeats(&l);
	}
}

/* One playlist's trouble is not another's; and the round goes on where it was broken off. */
static void the_others_are_taken_and_not_asked_for_twice(void **unused UNUSED)
{
	struct world *w = lists(9, 3, 60, false);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id[3];
	for (size_t i = 0; i < 3; i++)
		id[i] = arena_copy(&arena, slice_of(world_playlist(w, i)->id));
	LIVE(l, .world = w);
	struct extract_result r;
	struct err err = { 0 };
	char spec[96];
	(void) snprintf(spec, sizeof spec, "503,on=page,times=5,playlist=%.*s", SLICE_FMT(id[1]));
	assert_int_equal(simulator_fault(l.sim, spec, &err), RC_OK);
	assert_int_equal(live_run(&l, id, 3, &r, &err), RC_OK);
	assert_int_equal(r.deferred, 1);
	assert_int_equal(r.playlists, 2);
	assert_int_equal(live_snapshots(&l, id[0], NULL), 1);
	assert_int_equal(live_snapshots(&l, id[1], NULL), 0);
	assert_int_equal(live_snapshots(&l, id[2], NULL), 1);
	CLEANUP(log_done) struct log before = read_log(&l);
	clock_fake_advance_ms(&l.clock, 60000);
	assert_int_equal(live_run(&l, id, 3, &r, &err), RC_OK);
	assert_int_equal(r.deferred, 0);
	assert_int_equal(live_snapshots(&l, id[0], NULL), 1); /* not again */
	assert_int_equal(live_snapshots(&l, id[1], NULL), 1);
	CLEANUP(log_done) struct log after = read_log(&l);
	for (size_t i = before.count; i < after.count; i++)
		if (after.rq[i].kind != SIMULATOR_TOKEN)
			assert_non_null(strstr(after.rq[i].target, id[1].ptr));
	clock_fake_advance_ms(&l.clock, 60000);
	assert_int_equal(live_run(&l, id, 3, &r, &err), RC_OK); /* the round is over: all of them */
	assert_int_equal(live_snapshots(&l, id[0], NULL), 2);
}

static void who_waited_longest_comes_first(void **unused UNUSED)
{
	struct world *w = lists(10, 3, 30, false);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id[3];
	for (size_t i = 0; i < 3; i++)
		id[i] = arena_copy(&arena, slice_of(world_playlist(w, i)->id));
	LIVE(l, .world = w);
	struct extract_result r;
	struct err err = { 0 };
	assert_int_equal(live_run(&l, &id[0], 1, &r, &err), RC_OK);
	clock_fake_advance_ms(&l.clock, 7200000);
	assert_int_equal(live_run(&l, &id[2], 1, &r, &err), RC_OK);
	clock_fake_advance_ms(&l.clock, 7200000);
	assert_int_equal(simulator_fault(l.sim, "quota,on=playlist,at=2", &err), RC_OK); /* the quota lasts for one */
	assert_int_equal(live_run(&l, id, 3, &r, &err), RC_OK);
	assert_int_equal(r.playlists, 1);
	assert_int_equal(live_snapshots(&l, id[1], NULL), 1); /* never taken before */
	clock_fake_advance_ms(&l.clock, 90000000);
	simulator_faults_clear(l.sim);
	assert_int_equal(simulator_fault(l.sim, "quota,on=playlist,at=2", &err), RC_OK);
	assert_int_equal(live_run(&l, id, 3, &r, &err), RC_OK);
	assert_int_equal(live_snapshots(&l, id[0], NULL), 2); /* owed, and its last one is the oldest */
	assert_int_equal(live_snapshots(&l, id[2], NULL), 1);
}

static void only_the_fields_that_are_needed_give_the_same_items(void **unused UNUSED)
{
	struct world *w = lists(15, 1, SIZE, true);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
	LIVE(l, .world = w);
	struct extract_result full, fields;
	struct err err = { 0 };
	assert_int_equal(live_run(&l, &id, 1, &full, &err), RC_OK);
	l.only_fields = true;
	assert_int_equal(live_run(&l, &id, 1, &fields, &err), RC_OK);
	assert_int_equal(fields.snapshots, 1);
	assert_int_equal(fields.pages, full.pages);
	assert_true(fields.bytes < full.bytes);
	printf("# %lld bytes with all fields, %lld with those that are needed\n", (long long) full.bytes, (long long) fields.bytes);
}

static void a_list_that_never_stands_still_is_kept_with_a_warning(void **unused UNUSED)
{
	struct world *w = lists(11, 1, SIZE, false);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice id = arena_copy(&arena, slice_of(world_playlist(w, 0)->id));
	LIVE(l, .world = w);
	struct extract_result r;
	struct err err = { 0 };
	bool kept;
	assert_int_equal(simulator_fault(l.sim, "edit,every=1", &err), RC_OK);
	assert_int_equal(live_run(&l, &id, 1, &r, &err), RC_OK);
	assert_int_equal(r.snapshots, 1);
	live_check_truth(&l, id, &kept);
	assert_true(kept);
	CLEANUP(log_done) struct log log = read_log(&l);
	assert_int_equal(api_requests(&log, 0), 1 + 3 * (3 + 1)); /* three takes; each look at the end begins the next */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_snapshot_takes_no_more_requests_than_it_must),
	cmocka_unit_test(what_has_not_changed_is_not_sent_again),
	cmocka_unit_test(every_fault_in_turn_ends_complete_or_deferred),
	cmocka_unit_test(all_faults_at_random_end_complete_or_deferred),
	cmocka_unit_test(what_needs_a_person_says_so),
	cmocka_unit_test(nothing_is_asked_before_the_time_that_was_said),
	cmocka_unit_test(the_next_run_goes_on_where_this_one_stopped),
	cmocka_unit_test(after_an_hour_a_new_snapshot_begins),
	cmocka_unit_test(a_playlist_that_changed_meanwhile_begins_anew),
	cmocka_unit_test(pages_that_were_tidied_away_are_read_again),
	cmocka_unit_test(nothing_pending_is_left_when_all_is_done),
	cmocka_unit_test(what_is_here_already_is_not_asked_for),
	cmocka_unit_test(every_call_failing_once_loses_nothing),
	cmocka_unit_test(only_the_fields_that_are_needed_give_the_same_items),
	cmocka_unit_test(the_others_are_taken_and_not_asked_for_twice),
	cmocka_unit_test(who_waited_longest_comes_first),
	cmocka_unit_test(a_list_that_never_stands_still_is_kept_with_a_warning),
};
TEST_SUITE(torture_spotify, tests)
