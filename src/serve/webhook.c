#include "serve/webhook.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "io/file.h"
#include "io/http.h"
#include "serve/lookout.h"
#include "serve/webhook_judge.h"

#define PATH_BYTES 4200
#define MEMORY_BYTES_MAX ((size_t) 64 << 20)
#define ARENA_BYTES ((size_t) 256 << 20)
#define ANSWER_BYTES_MAX ((size_t) 1 << 20) /* nobody reads it */
#define BODY_BYTES_MAX ((size_t) 256 << 10)
#define RETRY_MIN_MS (60 * 1000)
#define RETRY_MAX_MS (60 * 60 * 1000)
#define SHOWN_BYTES 300
#define LOG "webhook"

struct webhook {
	struct webhook_options o;
	char *url, *home, *playlists;
	char shown[SHOWN_BYTES]; /* "https://hooks.slack.com": what may be said of the address */
	struct http *http;
	struct lookout *lookout;
	struct webhook_memory memory; /* of the lookout's thread, as all below */
	bool unsaved, look_failed, save_failed;
	atomic_bool closing; /* ends a request under way; set by another thread */
};

/* --- the address -------------------------------------------------------------------------------------------- */

enum rc webhook_check_url(const char *url, struct err *err)
{
	if (http_is_safe_url(slice_of(url)))
		return RC_OK;
	return err_set(err, RC_FATAL, "setting webhook_url: want https://host/…, or http:// with 127.0.0.1, localhost or [::1]; "
	                              "no user name, no spaces");
}

/* Of an error of io/http.h, "https://host/secret: why": the why.  What does not begin so may hold anything. */
static const char *why_of(const struct webhook *w, const char *msg)
{
	size_t len = strcspn(w->url, "?#");
	bool is_known = strncmp(msg, w->url, len) == 0 && msg[len] == ':' && msg[len + 1] == ' ';
	return is_known && !strstr(msg + len, w->url) ? msg + len + 2 : "no answer";
}

/* --- what is remembered ------------------------------------------------------------------------------------- */

static void path_of(const struct webhook *w, char out[static PATH_BYTES])
{
	(void) snprintf(out, PATH_BYTES, "%s/webhook.json", w->home);
}

static enum rc load(struct webhook *w, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(MEMORY_BYTES_MAX + 4096);
	char path[PATH_BYTES];
	struct slice text;
	struct err why = { 0 };
	path_of(w, path);
	enum rc rc = file_read(path, MEMORY_BYTES_MAX, &arena, &text, &why);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = webhook_memory_read(text, &w->memory, &why);
	if (rc == RC_REJECT) {
		log_warn(LOG, "%s: %s: what was told is forgotten, it begins anew", path, why.msg);
		return RC_OK;
	}
	return rc == RC_OK ? RC_OK : err_set(err, rc, "%s", why.msg);
}

/* Trouble is told once: the disk may be full, and that is what has to be sent. */
static void save(struct webhook *w)
{
	CLEANUP(json_freep) struct json *root = webhook_memory_write(&w->memory);
	CLEANUP(buf_done) struct buf text = buf_new(MEMORY_BYTES_MAX);
	char path[PATH_BYTES];
	struct err err = { 0 };
	path_of(w, path);
	json_write(root, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	enum rc rc = buf_ok(&text, path, &err);
	if (rc == RC_OK)
		rc = file_replace(path, buf_slice(&text), &err);
	if (rc != RC_OK && !w->save_failed)
		log_warn(LOG, "%s; a restart may tell things twice", err.msg);
	w->save_failed = w->unsaved = rc != RC_OK;
}

/* --- one step, on the lookout's thread ---------------------------------------------------------------------- */

static const char *home_name(const struct webhook *w)
{
	const char *slash = strrchr(w->home, '/');
	return slash && slash[1] ? slash + 1 : w->home;
}

static enum rc judge(struct webhook *w, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct overview_runs runs;
	struct overview_playlists playlists;
	int64_t now_ms = clock_now_ms(w->o.clock), dropped = w->memory.dropped;
	TRY(overview_runs(w->o.state, &arena, &runs, err));
	TRY(overview_playlists(w->o.state, w->playlists, now_ms / 1000, &arena, &playlists, err));
	const struct webhook_facts facts = {
		.runs = &runs.newest, .playlist = playlists.watched, .playlist_count = playlists.count, .home = home_name(w),
		.now_ms = now_ms, .stale_after_s = w->o.stale_after_s, .keep_ms = w->o.keep_ms, .waiting_max = w->o.waiting_max,
	};
	w->unsaved = webhook_judge(&w->memory, &facts) || w->unsaved;
	dropped = w->memory.dropped - dropped;
	metric_add(METRIC_webhook_dropped, dropped);
	if (dropped)
		log_error(LOG, "%lld events are dropped: %s has not taken them", (long long) dropped, w->shown);
	return RC_OK;
}

static enum rc post(struct webhook *w, struct err *err)
{
	static const struct http_header header = { { "Content-Type", 12 }, { "application/json", 16 } };
	CLEANUP(arena_done) struct arena arena = arena_new(3 * ANSWER_BYTES_MAX);
	CLEANUP(buf_done) struct buf text = buf_new(BODY_BYTES_MAX);
	struct http_response answer;
	struct err why = { 0 };
	json_set(w->memory.event[0].body, "dropped", json_new_integer(w->memory.dropped));
	json_write(w->memory.event[0].body, JSON_COMPACT, &text);
	TRY(buf_ok(&text, "the event", err));
	const struct http_request rq = { .method = "POST", .url = w->url, .header = &header, .header_count = 1, .body = buf_slice(&text) };
	enum rc rc = http_send(w->http, &rq, &arena, &answer, &why);
	if (rc != RC_OK)
		return err_set(err, rc, "%s", why_of(w, why.msg));
	if (answer.status >= 200 && answer.status < 300)
		return RC_OK;
	return err_set(err, RC_RETRY, "it answered %d%s", answer.status,
	               answer.status >= 300 && answer.status < 400 ? ": redirects are not followed" : "");
}

static void try_later(struct webhook *w, const char *why)
{
	struct webhook_memory *m = &w->memory;
	int64_t wait_ms = m->tries < 6 ? RETRY_MIN_MS << m->tries : RETRY_MAX_MS;
	m->tries++;
	m->next_try_ms = clock_now_ms(w->o.clock) + wait_ms;
	metric_add(METRIC_webhook_failures, 1);
	log_warn(LOG, "%s has not taken an event: %s; %zu wait, next try in %lld min", w->shown, why, m->event_count,
	         (long long) (wait_ms / 60000));
}

/* A clock that was set back must not make it wait for longer than was meant. */
static bool is_due(const struct webhook *w)
{
	int64_t left_ms = w->memory.next_try_ms - clock_now_ms(w->o.clock);
	return left_ms <= 0 || left_ms > RETRY_MAX_MS;
}

static void send_waiting(struct webhook *w)
{
	while (w->memory.event_count && is_due(w) && !w->closing) {
		struct err err = { 0 };
		enum rc rc = post(w, &err);
		if (w->closing && rc != RC_OK) /* we broke it off: that is no try */
			return;
		if (rc == RC_OK) {
			webhook_taken(&w->memory);
			metric_add(METRIC_webhook_sent, 1);
		} else {
			try_later(w, err.msg);
		}
		save(w);
	}
}

static void look(void *ctx)
{
	struct webhook *w = ctx;
	struct err err = { 0 };
	enum rc rc = judge(w, &err);
	if (rc != RC_OK && !w->look_failed)
		log_warn(LOG, "%s", err.msg);
	w->look_failed = rc != RC_OK;
	if (w->unsaved)
		save(w);
	send_waiting(w);
	metric_set(METRIC_webhook_waiting, (int64_t) w->memory.event_count);
}

/* --- life --------------------------------------------------------------------------------------------------- */

static void show(const char *url, char out[static SHOWN_BYTES])
{
	struct slice authority = http_authority(slice_of(url));
	(void) snprintf(out, SHOWN_BYTES, "%s://%.*s", strncmp(url, "https", 5) == 0 ? "https" : "http", SLICE_FMT(authority));
}

static void closep(struct webhook **w)
{
	webhook_close(*w);
}

enum rc webhook_open(const struct webhook_options *options, struct webhook **out, struct err *err)
{
	*out = NULL;
	if (!options->url[0])
		return RC_OK;
	TRY(webhook_check_url(options->url, err));
	CLEANUP(closep) struct webhook *w = mem_alloc(sizeof *w);
	*w = (struct webhook){ .o = *options, .url = mem_strdup(options->url), .home = mem_strdup(options->home),
		               .playlists = mem_strdup(options->playlists) };
	show(w->url, w->shown);
	const struct http_options http = { .connect_timeout_ms = w->o.timeout_ms, .timeout_ms = w->o.timeout_ms,
		                           .body_limit_bytes = ANSWER_BYTES_MAX, .user_agent = "sargam", .stop = &w->closing };
	TRY(http_open(&http, &w->http, err));
	TRY(load(w, err));
	w->lookout = lookout_open(look, w);
	*out = TAKE(w);
	return RC_OK;
}

void webhook_close(struct webhook *w)
{
	if (!w)
		return;
	w->closing = true;
	lookout_close(w->lookout);
	http_close(w->http);
	webhook_memory_done(&w->memory);
	mem_free(w->url);
	mem_free(w->home);
	mem_free(w->playlists);
	mem_free(w);
}

bool webhook_step(struct webhook *w, int64_t wait_ms)
{
	return !w || lookout_ask(w->lookout, wait_ms);
}
