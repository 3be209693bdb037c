/* The webhook: what it decides to tell, and how it gets there. */
#include "serve/webhook.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "io/file.h"
#include "io/server.h"
#include "serve/webhook_judge.h"
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define NOW_MS INT64_C(1795446707000) /* 2026-11-23T15:11:47Z */
#define HOUR_MS INT64_C(3600000)
#define STALE_S (36 * 3600)

/* --- deciding ----------------------------------------------------------------------------------------------- */

struct scene {
	struct webhook_memory memory;
	struct run run[8]; /* the newest last: reversed for the judge */
	size_t run_count;
	struct overview_playlist playlist[4];
	size_t playlist_count;
	int64_t now_ms, stale_after_s;
	size_t waiting_max;
};

static void scene_done(struct scene *s)
{
	webhook_memory_done(&s->memory);
}
#define SCENE(s) CLEANUP(scene_done) struct scene s = { .now_ms = NOW_MS, .stale_after_s = STALE_S, .waiting_max = 100 }

/* Through the file and back, as if the service had been started anew. */
static void restart(struct scene *s)
{
	CLEANUP(json_freep) struct json *root = webhook_memory_write(&s->memory);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	struct err err = { 0 };
	json_write(root, JSON_COMPACT, &text);
	webhook_memory_done(&s->memory);
	if (webhook_memory_read(buf_slice(&text), &s->memory, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static bool judge(struct scene *s)
{
	struct run reversed[COUNT_OF(s->run)];
	for (size_t i = 0; i < s->run_count; i++)
		reversed[i] = s->run[s->run_count - 1 - i];
	const struct runs runs = { reversed, s->run_count };
	const struct webhook_facts facts = { .runs = &runs, .playlist = s->playlist, .playlist_count = s->playlist_count,
		                             .home = "charts", .now_ms = s->now_ms, .stale_after_s = s->stale_after_s,
		                             .keep_ms = 24 * HOUR_MS, .waiting_max = s->waiting_max };
	return webhook_judge(&s->memory, &facts);
}

static void add_run(struct scene *s, const char *id, enum run_state state, const char *error)
{
	s->run[s->run_count++] = (struct run){ .id = slice_of(id), .state = state, .source = SLICE("spotify"), .error = slice_of(error),
		                               .started_ms = s->now_ms - 1000, .ended_ms = state == RUN_RUNNING ? 0 : s->now_ms };
}

/* The names of the events that wait, and nothing waits any more. */
static const char *told(struct scene *s)
{
	static char names[1000];
	names[0] = '\0';
	while (s->memory.event_count) {
		size_t len = strlen(names);
		(void) snprintf(names + len, sizeof names - len, "%s%.*s", len ? " " : "",
		                SLICE_FMT(json_get_string(s->memory.event[0].body, "event")));
		webhook_taken(&s->memory);
	}
	return names;
}

static struct slice text_of(const struct scene *s, size_t i)
{
	assert_true(i < s->memory.event_count);
	return json_get_string(s->memory.event[i].body, "text");
}

static void what_stood_at_the_first_look_is_not_told(void **state)
{
	(void) state;
	SCENE(s);
	add_run(&s, "r1", RUN_FAILED, "old");
	assert_true(judge(&s));
	assert_string_equal(told(&s), "");
	add_run(&s, "r2", RUN_DONE, NULL); /* nobody had heard of the failure */
	assert_true(judge(&s));
	assert_string_equal(told(&s), "");
	assert_false(judge(&s));
}

static void each_failure_is_told_once_and_the_first_success_after_it(void **state)
{
	(void) state;
	SCENE(s);
	(void) judge(&s);
	add_run(&s, "r1", RUN_FAILED, "gold: no & <!channel>\nboom\xff");
	(void) judge(&s);
	assert_true(slice_is(text_of(&s, 0), "sargam (charts): run r1 failed: gold: no &amp; &lt;!channel&gt; boom\xef\xbf\xbd"));
	const struct json *run = json_get(s.memory.event[0].body, "run");
	assert_true(slice_is(json_get_string(run, "id"), "r1") && slice_is(json_get_string(run, "state"), "FAILED"));
	assert_true(slice_is(json_get_string(run, "error"), "gold: no & <!channel>\nboom\xef\xbf\xbd"));
	assert_true(slice_is(json_get_string(s.memory.event[0].body, "id"), "run_failed:r1@1795446707000"));
	restart(&s);
	assert_false(judge(&s));
	assert_string_equal(told(&s), "run_failed");
	add_run(&s, "r2", RUN_FAILED, "again");
	add_run(&s, "r3", RUN_DEFERRED, "later");
	add_run(&s, "r4", RUN_ABANDONED, "its process ended");
	add_run(&s, "r5", RUN_RUNNING, NULL);
	(void) judge(&s);
	restart(&s);
	assert_string_equal(told(&s), "run_failed");
	s.run[4].state = RUN_DONE;
	s.run[4].ended_ms = s.now_ms + 1;
	(void) judge(&s);
	assert_true(slice_is(text_of(&s, 0), "sargam (charts): run r5 is done; r2 had failed at 2026-11-23T15:11:47Z"));
	restart(&s);
	add_run(&s, "r6", RUN_DONE, NULL);
	(void) judge(&s);
	assert_string_equal(told(&s), "run_recovered");
}

static void a_failure_and_its_recovery_between_two_looks_are_both_told(void **state)
{
	(void) state;
	SCENE(s);
	(void) judge(&s);
	add_run(&s, "r1", RUN_FAILED, "x");
	add_run(&s, "r2", RUN_DONE, NULL);
	(void) judge(&s);
	assert_string_equal(told(&s), "run_failed run_recovered");
}

static void a_run_that_is_tried_again_is_told_again_and_old_news_is_none(void **state)
{
	(void) state;
	SCENE(s);
	(void) judge(&s);
	add_run(&s, "r1", RUN_FAILED, "x");
	(void) judge(&s);
	assert_string_equal(told(&s), "run_failed");
	s.run[0].state = RUN_RUNNING;
	(void) judge(&s);
	s.run[0].state = RUN_FAILED;
	s.run[0].ended_ms += 5;
	(void) judge(&s);
	assert_string_equal(told(&s), "run_failed");
	add_run(&s, "r2", RUN_FAILED, "while nobody served");
	s.now_ms += 25 * HOUR_MS;
	(void) judge(&s);
	assert_string_equal(told(&s), "");
}

static void a_playlist_is_stale_once_until_it_has_a_snapshot_again(void **state)
{
	(void) state;
	SCENE(s);
	int64_t now_s = s.now_ms / 1000;
	s.playlist[0] = (struct overview_playlist){ .id = SLICE("a"), .watched_since = 1000, .newest_at = now_s - STALE_S };
	s.playlist[1] = (struct overview_playlist){ .id = SLICE("b"), .watched_since = 1000, .newest_at = now_s - STALE_S + 1 };
	s.playlist[2] = (struct overview_playlist){ .id = SLICE("c"), .watched_since = now_s, .newest_at = 1 }; /* new on the list */
	s.playlist[3] = (struct overview_playlist){ .id = SLICE("d") }; /* by the setting, never taken */
	s.playlist_count = 4;
	(void) judge(&s);
	assert_true(slice_is(text_of(&s, 0), "sargam (charts): no snapshot for 36 h: a (the last 2026-11-22T03:11:47Z)"));
	restart(&s);
	assert_string_equal(told(&s), "playlists_stale");
	s.now_ms += 1000;
	(void) judge(&s);
	assert_true(slice_is(text_of(&s, 0), "sargam (charts): no snapshot for 36 h: b (the last 2026-11-22T03:11:48Z)"));
	assert_string_equal(told(&s), "playlists_stale");
	s.now_ms -= 48 * HOUR_MS; /* a clock set back makes nothing fresh */
	assert_false(judge(&s));
	s.now_ms += 48 * HOUR_MS + STALE_S * INT64_C(1000);
	restart(&s);
	(void) judge(&s);
	assert_int_equal(json_get_integer(s.memory.event[0].body, "count", 0), 2);
	assert_true(slice_find_str(text_of(&s, 0), SLICE("c (the last 1970-01-01T00:00:01Z), d (never one)")) != SIZE_MAX);
	assert_string_equal(told(&s), "playlists_stale");
	s.playlist[0].newest_at = s.now_ms / 1000 - 10;
	s.playlist[1].newest_at += 10; /* newer, and still old */
	(void) judge(&s);
	assert_true(slice_is(text_of(&s, 0), "sargam (charts): there are snapshots again: a (the last 2026-11-25T03:11:38Z)"));
	restart(&s);
	assert_string_equal(told(&s), "playlists_fresh");
	assert_false(judge(&s));
	s.playlist_count = 1; /* the others are no longer watched */
	assert_true(judge(&s));
	assert_int_equal(s.memory.playlist_count, 0);
	assert_string_equal(told(&s), "");
}

static void many_stale_playlists_are_one_event(void **state)
{
	(void) state;
	SCENE(s);
	enum { MANY = 20000 };
	struct overview_playlist *many = mem_alloc_array(MANY, sizeof *many);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 8 << 20);
	const struct runs none = { 0 };
	for (int i = 0; i < MANY; i++)
		many[i] = (struct overview_playlist){ .id = arena_printf(&arena, "p%05d", i), .watched_since = 1 };
	const struct webhook_facts facts = { .runs = &none, .playlist = many, .playlist_count = MANY, .home = "h", .now_ms = NOW_MS,
		                             .stale_after_s = STALE_S, .keep_ms = HOUR_MS, .waiting_max = 5 };
	assert_true(webhook_judge(&s.memory, &facts));
	assert_int_equal(s.memory.event_count, 1);
	assert_int_equal(json_get_integer(s.memory.event[0].body, "count", 0), WEBHOOK_PLAYLISTS_MAX);
	assert_int_equal(json_size(json_get(s.memory.event[0].body, "playlists")), WEBHOOK_LISTED_MAX);
	assert_true(slice_ends(text_of(&s, 0), SLICE(" and 9990 more")));
	assert_false(webhook_judge(&s.memory, &facts));
	restart(&s);
	assert_false(webhook_judge(&s.memory, &facts));
	mem_free(many);
}

static void only_so_many_wait_and_only_so_long(void **state)
{
	(void) state;
	SCENE(s);
	s.waiting_max = 2;
	(void) judge(&s);
	add_run(&s, "r1", RUN_FAILED, "1");
	add_run(&s, "r2", RUN_FAILED, "2");
	add_run(&s, "r3", RUN_FAILED, "3");
	s.memory.tries = 3;
	(void) judge(&s);
	assert_int_equal(s.memory.event_count, 2);
	assert_int_equal(s.memory.dropped, 1);
	assert_int_equal(s.memory.tries, 3); /* the receiver is not better for it */
	assert_true(slice_find_str(text_of(&s, 0), SLICE("run r2")) != SIZE_MAX);
	restart(&s);
	assert_int_equal(s.memory.dropped, 1);
	s.now_ms += 24 * HOUR_MS + 1;
	(void) judge(&s);
	assert_int_equal(s.memory.event_count, 0);
	assert_int_equal(s.memory.dropped, 3);
}

static void a_file_of_another_making_is_refused(void **state)
{
	(void) state;
	static const char *const text[] = {
		"", "[]", "{}", "{\"version\":2,\"seen\":[],\"playlists\":[],\"waiting\":[]}",
		"{\"version\":1,\"seen\":[-1],\"playlists\":[],\"waiting\":[]}", "{\"version\":1,\"seen\":[],\"playlists\":[{}],\"waiting\":[]}",
		"{\"version\":1,\"seen\":[],\"playlists\":[{\"id\":\"\",\"told\":true}],\"waiting\":[]}",
		"{\"version\":1,\"seen\":[1,2],\"playlists\":[{\"id\":\"a\",\"told\":true}],\"waiting\":[{\"at_ms\":1,\"body\":7}]}",
		"{\"version\":1,\"seen\":[],\"playlists\":[],\"waiting\":[],\"failed_run\":\"0123456789012345678901234567890123456789\"}",
	};
	for (size_t i = 0; i < COUNT_OF(text); i++) {
		struct webhook_memory m = { 0 };
		if (webhook_memory_read(slice_of(text[i]), &m, NULL) != RC_REJECT)
			fail_msg("taken: %s", text[i]);
	}
}

/* --- the address -------------------------------------------------------------------------------------------- */

static void only_https_or_loopback_is_an_address(void **state)
{
	(void) state;
	static const char *const good[] = { "https://hooks.slack.com/services/T0/B0/x?y=1#z", "https://10.0.0.1:8443/", "https://h",
		                            "http://127.0.0.1:9/a", "http://localhost", "http://[::1]:80/x", "https://h/a@b" };
	static const char *const bad[] = { "http://example.com/", "http://127.0.0.1:80@example.com/", "https://user:secret@h/",
		                           "http://127.0.0.1.example.com/", "http://localhost.example.com", "http://[::1].x/", "ftp://h/",
		                           "file:///etc/passwd", "HTTP://h/", "https://", "https:///x", "https://:80/", "hooks.slack.com",
		                           "https://h/a b", "https://h/\x01", "https://h\\@x/", "http://127.0.0.1:x/", "http://127.0.0.1:/",
		                           "http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://0.0.0.0/", "https://h/\xc3\xa9" };
	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (webhook_check_url(good[i], NULL) != RC_OK)
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct err err = { 0 };
		if (webhook_check_url(bad[i], &err) != RC_FATAL)
			fail_msg("taken: %s", bad[i]);
		assert_null(strstr(err.msg, "secret"));
	}
}

/* --- sending ------------------------------------------------------------------------------------------------ */

struct receiver {
	int status; /* 0: the connection is reset */
	int64_t delay_ms;
	int requests;
	char body[4096], path[256], type[64];
	pthread_mutex_t lock;
};

static void receive(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct receiver *r = ctx;
	(void) pthread_mutex_lock(&r->lock);
	r->requests++;
	(void) snprintf(r->body, sizeof r->body, "%.*s", SLICE_FMT(rq->body));
	(void) snprintf(r->path, sizeof r->path, "%s %s", rq->method, rq->target);
	(void) snprintf(r->type, sizeof r->type, "%s", server_header(rq, "Content-Type"));
	reply->status = r->status ? r->status : 200;
	reply->wrong.reset = r->status == 0;
	reply->wrong.delay_ms = r->delay_ms;
	reply->body = SLICE("ok");
	if (r->status == 302)
		server_reply_header(reply, "Location", "/elsewhere");
	(void) pthread_mutex_unlock(&r->lock);
}

/* From now on it answers so. */
static void answer_with(struct receiver *r, int status, int64_t delay_ms)
{
	(void) pthread_mutex_lock(&r->lock);
	r->status = status;
	r->delay_ms = delay_ms;
	(void) pthread_mutex_unlock(&r->lock);
}

static int requests_of(struct receiver *r)
{
	(void) pthread_mutex_lock(&r->lock);
	int requests = r->requests;
	(void) pthread_mutex_unlock(&r->lock);
	return requests;
}

static bool has_body(struct receiver *r, const char *part)
{
	(void) pthread_mutex_lock(&r->lock);
	bool has = strstr(r->body, part) != NULL;
	(void) pthread_mutex_unlock(&r->lock);
	return has;
}

struct fixture {
	char home[400], url[200], log[512];
	int old_stderr;
	struct clock_fake clock;
	struct rand_gen rand;
	struct state *state;
	struct runlog runlog;
	struct receiver receiver;
	struct server *server;
	struct webhook *webhook;
	struct arena arena;
};

static void start(struct fixture *f)
{
	struct err err = { 0 };
	const struct webhook_options o = { .url = f->url, .state = f->state, .home = f->home, .playlists = "", .clock = &f->clock.base,
		                           .timeout_ms = 1000, .stale_after_s = STALE_S, .keep_ms = 24 * HOUR_MS, .waiting_max = 10 };
	if (webhook_open(&o, &f->webhook, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_non_null(f->webhook);
}

static void fixture_open(struct fixture *f)
{
	struct err err = { 0 };
	*f = (struct fixture){ .rand = rand_new(test_seed()), .arena = arena_new((size_t) 8 << 20),
		               .receiver = { .status = 200, .lock = PTHREAD_MUTEX_INITIALIZER } };
	(void) snprintf(f->home, sizeof f->home, "%s", test_tmpdir());
	clock_fake_init(&f->clock, NOW_MS);
	const struct server_options so = { .what = "test", .connections_max = 8, .body_limit_bytes = 1 << 20, .head_limit_bytes = 1 << 14,
		                           .idle_timeout_s = 30, .handle = receive, .ctx = &f->receiver };
	if (server_open(&so, &f->server, &err) != RC_OK ||
	    state_open(arena_printf(&f->arena, "%s/state.db", f->home).ptr, &f->clock.base, &f->state, &err) != RC_OK)
		fail_msg("%s", err.msg);
	runlog_init(&f->runlog, f->state, &f->rand);
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/services/SECRET?token=TOKEN", server_port(f->server));
	(void) snprintf(f->log, sizeof f->log, "%s/log", f->home);
	f->old_stderr = dup(STDERR_FILENO);
	int fd = open(f->log, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	(void) close(fd);
	start(f);
	assert_true(webhook_step(f->webhook, 20000)); /* the first look */
}

static void fixture_done(struct fixture *f)
{
	(void) dup2(f->old_stderr, STDERR_FILENO);
	(void) close(f->old_stderr);
	webhook_close(f->webhook);
	server_close(f->server);
	state_close(f->state);
	arena_done(&f->arena);
}
#define FIXTURE(f)                              \
	CLEANUP(fixture_done) struct fixture f; \
	fixture_open(&(f))

static void end_run(struct fixture *f, enum run_state state, const char *error)
{
	static const struct task_spec spec = { "extract", "", { NULL } };
	struct plan plan;
	struct run_id id;
	struct err err = { 0 };
	clock_fake_advance_ms(&f->clock, 1000);
	if (plan_init(&plan, &spec, 1, NULL, &err) != RC_OK || runlog_begin(&f->runlog, SLICE("{}"), "sample", &plan, &id, &err) != RC_OK ||
	    runlog_finish(&f->runlog, &id, &plan, state, error, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static void step(struct fixture *f, int want_requests)
{
	assert_true(webhook_step(f->webhook, 20000));
	assert_int_equal(requests_of(&f->receiver), want_requests);
}

static const char *file_text(struct fixture *f, const char *path)
{
	struct slice text;
	assert_int_equal(file_read(path, 1 << 20, &f->arena, &text, NULL), RC_OK);
	return text.ptr;
}

static void no_secret_is_written(struct fixture *f)
{
	const char *log = file_text(f, f->log), *memory = file_text(f, arena_printf(&f->arena, "%s/webhook.json", f->home).ptr);
	assert_null(strstr(log, "SECRET"));
	assert_null(strstr(log, "TOKEN"));
	assert_null(strstr(memory, "SECRET"));
	assert_null(strstr(memory, "TOKEN"));
}

static void a_failure_arrives_once_as_json(void **state)
{
	(void) state;
	FIXTURE(f);
	int64_t sent = metric_get(METRIC_webhook_sent);
	step(&f, 0);
	end_run(&f, RUN_FAILED, "extract: no");
	step(&f, 1);
	CLEANUP(json_freep) struct json *body = NULL;
	assert_true(has_body(&f.receiver, "{")); /* and what is read below was written before */
	assert_int_equal(json_parse(slice_of(f.receiver.body), &body, NULL), RC_OK);
	assert_string_equal(f.receiver.path, "POST /services/SECRET?token=TOKEN");
	assert_string_equal(f.receiver.type, "application/json");
	assert_true(slice_is(json_get_string(body, "event"), "run_failed"));
	assert_true(slice_ends(json_get_string(body, "text"), SLICE(" failed: extract: no")));
	assert_int_equal(json_get_integer(body, "dropped", -1), 0);
	step(&f, 1);
	end_run(&f, RUN_DONE, NULL);
	step(&f, 2);
	assert_true(has_body(&f.receiver, "\"event\":\"run_recovered\""));
	webhook_close(f.webhook);
	start(&f);
	step(&f, 2);
	assert_int_equal(metric_get(METRIC_webhook_sent), sent + 2);
	no_secret_is_written(&f);
}

static void what_is_not_taken_waits_longer_and_longer_and_survives(void **state)
{
	(void) state;
	static const int answers[] = { 500, 404, 0, 302, 429, 503 }; /* 0 on a fresh connection: on a used one curl asks twice */
	FIXTURE(f);
	int requests = 0;
	end_run(&f, RUN_FAILED, "one");
	end_run(&f, RUN_FAILED, "two");
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		answer_with(&f.receiver, answers[i], 0);
		step(&f, ++requests);
		step(&f, requests); /* not yet */
		if (i % 2) {
			webhook_close(f.webhook);
			start(&f);
			step(&f, requests);
		}
		clock_fake_advance_ms(&f.clock, (INT64_C(60000) << i) - 1);
		step(&f, requests);
		clock_fake_advance_ms(&f.clock, 1);
	}
	answer_with(&f.receiver, 204, 0);
	step(&f, requests + 2); /* both, the older one first */
	assert_true(has_body(&f.receiver, "two"));
	assert_non_null(strstr(file_text(&f, f.log), "redirects are not followed"));
	assert_int_equal(metric_get(METRIC_webhook_waiting), 0);
	no_secret_is_written(&f);
}

static void nobody_there_is_said_without_the_address(void **state)
{
	(void) state;
	FIXTURE(f);
	server_closep(&f.server);
	end_run(&f, RUN_FAILED, "one");
	assert_true(webhook_step(f.webhook, 20000));
	char want[64];
	(void) snprintf(want, sizeof want, "%.*s has not taken an event: ", (int) strcspn(f.url + 7, "/") + 7, f.url);
	assert_non_null(strstr(file_text(&f, f.log), want));
	clock_fake_advance_ms(&f.clock, 25 * HOUR_MS);
	assert_true(webhook_step(f.webhook, 20000));
	assert_non_null(strstr(file_text(&f, f.log), "1 events are dropped"));
	no_secret_is_written(&f);
}

static void nobody_waits_for_a_slow_receiver(void **state)
{
	(void) state;
	FIXTURE(f);
	answer_with(&f.receiver, 200, 5000);
	end_run(&f, RUN_FAILED, "one");
	int64_t begin_ns = clock_mono_ns(clock_system());
	assert_false(webhook_step(f.webhook, 0));
	assert_true((clock_mono_ns(clock_system()) - begin_ns) / 1000000 < 500);
	for (int i = 0; i < 400 && !requests_of(&f.receiver); i++)
		clock_sleep_ms(clock_system(), 10);
	webhook_close(f.webhook); /* breaks it off: that is no try */
	f.webhook = NULL;
	assert_true((clock_mono_ns(clock_system()) - begin_ns) / 1000000 < 4900);
	answer_with(&f.receiver, 200, 0);
	start(&f);
	int requests = requests_of(&f.receiver);
	step(&f, requests + 1);
}

static void a_damaged_file_is_told_and_begun_anew(void **state)
{
	(void) state;
	FIXTURE(f);
	webhook_close(f.webhook);
	end_run(&f, RUN_FAILED, "one");
	assert_int_equal(file_replace(arena_printf(&f.arena, "%s/webhook.json", f.home).ptr, SLICE("{\"version\":1"), NULL), RC_OK);
	start(&f);
	step(&f, 0);
	assert_non_null(strstr(file_text(&f, f.log), "it begins anew"));
	end_run(&f, RUN_FAILED, "two");
	step(&f, 1);
}

static void without_an_address_there_is_no_webhook(void **state)
{
	(void) state;
	struct webhook *webhook = (struct webhook *) 1;
	const struct webhook_options o = { .url = "", .home = "x", .playlists = "" };
	assert_int_equal(webhook_open(&o, &webhook, NULL), RC_OK);
	assert_null(webhook);
	assert_true(webhook_step(webhook, 0));
	webhook_close(webhook);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_stood_at_the_first_look_is_not_told),
	cmocka_unit_test(each_failure_is_told_once_and_the_first_success_after_it),
	cmocka_unit_test(a_failure_and_its_recovery_between_two_looks_are_both_told),
	cmocka_unit_test(a_run_that_is_tried_again_is_told_again_and_old_news_is_none),
	cmocka_unit_test(a_playlist_is_stale_once_until_it_has_a_snapshot_again),
	cmocka_unit_test(many_stale_playlists_are_one_event),
	cmocka_unit_test(only_so_many_wait_and_only_so_long),
	cmocka_unit_test(a_file_of_another_making_is_refused),
	cmocka_unit_test(only_https_or_loopback_is_an_address),
	cmocka_unit_test(a_failure_arrives_once_as_json),
	cmocka_unit_test(what_is_not_taken_waits_longer_and_longer_and_survives),
	cmocka_unit_test(nobody_there_is_said_without_the_address),
	cmocka_unit_test(nobody_waits_for_a_slow_receiver),
	cmocka_unit_test(a_damaged_file_is_told_and_begun_anew),
	cmocka_unit_test(without_an_address_there_is_no_webhook),
};
TEST_SUITE(webhook, tests);
