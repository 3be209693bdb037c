#include "spotify/api.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/time.h"

#define BODY_BYTES_MAX ((size_t) 64 << 20)
#define BACKOFF_MS 500
#define BACKOFF_MS_MAX 30000
#define QUOTA_MS ((int64_t) 3600 * 1000) /* when a spent quota does not say how long */
#define SAY_ABOVE_MS 2000
#define URL_BYTES_MAX 8192
#define ETAG_BYTES_MAX 1024
#define LOCKED_OUT_MS 60000 /* when Spotify does not take its own tokens */
#define SLACK_MS 60000

struct spotify_api {
	struct spotify_api_options o;
	char *api_url;
	struct spotify_counts counts;
	int64_t budget_ms, playlist_budget_ms; /* left */
	int64_t last_ns;                       /* end of the last request, monotonic; 0 = none yet */
	int64_t not_before_ms;
	char why[ERR_MSG_BYTES / 2];
};

struct spotify_api *spotify_api_open(const struct spotify_api_options *o)
{
	struct spotify_api *a = mem_alloc(sizeof *a);
	*a = (struct spotify_api){ .o = *o, .api_url = mem_strdup(o->api_url), .budget_ms = o->budget_ms,
		                   .playlist_budget_ms = o->playlist_budget_ms };
	return a;
}

void spotify_api_close(struct spotify_api *a)
{
	if (!a)
		return;
	mem_free(a->api_url);
	mem_free(a);
}

const char *spotify_api_url(const struct spotify_api *a)
{
	return a->api_url;
}

struct token_keeper *spotify_api_token(struct spotify_api *a)
{
	return a->o.token;
}

void spotify_next_playlist(struct spotify_api *a)
{
	a->playlist_budget_ms = a->o.playlist_budget_ms;
}

int64_t spotify_not_before(const struct spotify_api *a)
{
	return a->not_before_ms;
}

void spotify_set_not_before(struct spotify_api *a, int64_t ms, const char *why)
{
	a->not_before_ms = ms;
	(void) snprintf(a->why, sizeof a->why, "%s", why);
}

const char *spotify_why(const struct spotify_api *a)
{
	return a->why;
}

struct spotify_counts spotify_counts(const struct spotify_api *a)
{
	return a->counts;
}

bool spotify_is_api_url(const struct spotify_api *a, struct slice url)
{
	size_t len = strlen(a->api_url);
	if (url.len > URL_BYTES_MAX)
		return false;
	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char) url.ptr[i] <= ' ' || (unsigned char) url.ptr[i] >= 0x7f)
			return false; /* no address at all */
	return slice_starts(url, slice_of(a->api_url)) && url.len > len && url.ptr[len] == '/';
}

/* --- waiting ------------------------------------------------------------------------------------------------ */

bool spotify_is_stopped(const struct spotify_api *a)
{
	return a->o.stop && *a->o.stop;
}

static enum rc stop(struct err *err)
{
	return err_set(err, RC_RETRY, "stopped: run the command again to go on");
}

static void sleep_ms(struct spotify_api *a, int64_t ms)
{
	clock_sleep_unless(a->o.clock, ms, a->o.stop);
}

/* A short pause belongs to good manners, not to the budgets. */
static void keep_gap(struct spotify_api *a)
{
	if (a->last_ns == 0 || a->o.gap_ms == 0)
		return;
	int64_t since_ms = (clock_mono_ns(a->o.clock) - a->last_ns) / 1000000;
	if (since_ms < a->o.gap_ms)
		sleep_ms(a, a->o.gap_ms - since_ms);
}

static bool afford(struct spotify_api *a, int64_t ms)
{
	if (ms > a->budget_ms || ms > a->playlist_budget_ms)
		return false;
	a->budget_ms -= ms;
	a->playlist_budget_ms -= ms;
	a->counts.waited_ms += ms;
	return true;
}

static int64_t backoff_ms(struct spotify_api *a, int64_t tries)
{
	int64_t ms = BACKOFF_MS;
	for (int64_t i = 1; i < tries && ms < BACKOFF_MS_MAX; i++)
		ms *= 2;
	if (ms > BACKOFF_MS_MAX)
		ms = BACKOFF_MS_MAX;
	return ms / 2 + (int64_t) rand_below(&a->o.rand, (uint64_t) ms / 2 + 1);
}

static enum rc not_yet(struct spotify_api *a, int64_t now_ms, struct err *err)
{
	(void) err_set(err, RC_RETRY, "%s; no request before %s", a->why, time_rfc3339((a->not_before_ms + 999) / 1000).s);
	if (err)
		err->retry_after_ms = a->not_before_ms - now_ms;
	return RC_RETRY;
}

bool spotify_forbids(int64_t not_before_ms, int64_t now_ms)
{
	return not_before_ms > now_ms && not_before_ms - now_ms <= ANSWER_WAIT_MS_MAX + SLACK_MS;
}

enum rc spotify_allowed(struct spotify_api *a, struct err *err)
{
	int64_t now_ms = clock_now_ms(a->o.clock);
	if (spotify_is_stopped(a))
		return stop(err);
	if (spotify_forbids(a->not_before_ms, now_ms))
		return not_yet(a, now_ms, err);
	a->not_before_ms = 0;
	return RC_OK;
}

/* Sits out what the other side asked for, or remembers it and gives up. */
static enum rc obey(struct spotify_api *a, int64_t ms, bool may_sleep, const char *why, struct err *err)
{
	if (may_sleep && afford(a, ms)) {
		if (ms >= SAY_ABOVE_MS)
			log_info("spotify", "%s: waiting %.1f s", why, (double) ms / 1000);
		sleep_ms(a, ms);
		return spotify_is_stopped(a) ? stop(err) : RC_OK;
	}
	int64_t now_ms = clock_now_ms(a->o.clock);
	spotify_set_not_before(a, now_ms + ms, why);
	return not_yet(a, now_ms, err);
}

/* --- one request -------------------------------------------------------------------------------------------- */

struct sending {
	const struct spotify_request *rq;
	struct arena arena; /* of one try */
	int64_t tries, busy; /* that failed in passing; 429 */
	int64_t refusals, app_refusals; /* 401 and refusals of the whole app, in a row */
};

static void sending_done(struct sending *s)
{
	arena_done(&s->arena);
}

/* One that can be sent back as it came. */
static bool is_etag(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char) s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return false;
	return s.len > 0 && s.len <= ETAG_BYTES_MAX;
}

/* What is wrong with the login is wrong with every request: never a verdict on this one. */
static enum rc get_token(struct spotify_api *a, struct arena *arena, struct slice *out, struct err *err)
{
	enum rc rc = token_get(a->o.token, arena, out, err);
	return rc == RC_OK || rc == RC_RETRY ? rc : RC_FATAL;
}

static enum rc send_once(struct spotify_api *a, struct sending *s, struct http_response *out, struct err *err)
{
	struct slice token;
	struct http_header header[3];
	size_t count = 0;
	arena_reset(&s->arena);
	TRY(get_token(a, &s->arena, &token, err));
	header[count++] = (struct http_header){ SLICE("Authorization"), arena_printf(&s->arena, "Bearer %.*s", SLICE_FMT(token)) };
	header[count++] = (struct http_header){ SLICE("Accept"), SLICE("application/json") };
	if (is_etag(s->rq->etag))
		header[count++] = (struct http_header){ SLICE("If-None-Match"), s->rq->etag };
	const struct http_request rq = { .method = "GET", .url = s->rq->url, .header = header, .header_count = count };
	keep_gap(a);
	a->counts.requests++;
	metric_add(METRIC_spotify_requests, 1);
	enum rc rc = http_send(a->o.http, &rq, &s->arena, out, err);
	a->last_ns = clock_mono_ns(a->o.clock);
	return rc;
}

static bool body_fits(const struct spotify_request *rq, struct slice body, struct err *why)
{
	if (rq->fits)
		return rq->fits(rq->ctx, body, why);
	CLEANUP(json_freep) struct json *root = NULL;
	return json_parse(body, &root, why) == RC_OK;
}

/* What the URL asks for, without its query. */
static struct slice name_of(const struct spotify_api *a, const struct spotify_request *rq)
{
	struct slice url = slice_of(rq->url);
	size_t skip = spotify_is_api_url(a, url) ? strlen(a->api_url) : 0;
	url = slice_sub(url, skip, url.len - skip);
	return slice_sub(url, 0, slice_find(url, '?', 0));
}

/* Again after a pause, or enough of it. */
static enum rc passing(struct spotify_api *a, struct sending *s, const char *why, struct err *err)
{
	struct slice name = name_of(a, s->rq);
	if (spotify_is_stopped(a))
		return stop(err);
	s->tries++;
	int64_t ms = backoff_ms(a, s->tries);
	if (s->tries >= a->o.attempts_max)
		return err_set(err, RC_RETRY, "Spotify: %.*s: given up after %lld tries, the last: %s", SLICE_FMT(name),
		               (long long) s->tries, why);
	if (!afford(a, ms))
		return err_set(err, RC_RETRY, "Spotify: %.*s: the time for waiting is spent (spotify_playlist_budget_s, spotify_budget_s), "
		               "the last answer: %s", SLICE_FMT(name), why);
	a->counts.retries++;
	metric_add(METRIC_spotify_retries, 1);
	log_debug("spotify", "%.*s: %s: again in %lld ms", SLICE_FMT(name), why, (long long) ms);
	sleep_ms(a, ms);
	return spotify_is_stopped(a) ? stop(err) : RC_OK;
}

static enum rc take_body(const struct sending *s, const struct http_response *r, struct arena *arena, struct spotify_reply *out,
                         struct err *err)
{
	struct slice etag = http_response_header(r, "ETag");
	if (!arena_fits(arena, r->body.len + ETAG_BYTES_MAX + 64))
		return err_set(err, RC_REJECT, "Spotify: %.*s: an answer of %zu bytes, there is room for %zu", (int) strcspn(s->rq->url, "?"),
		               s->rq->url, r->body.len, arena->limit - arena->used);
	out->body = arena_copy(arena, r->body);
	out->etag = is_etag(etag) ? arena_copy(arena, etag) : SLICE_NULL;
	return RC_OK;
}

static enum rc take_answer(struct spotify_api *a, struct sending *s, const struct http_response *r, struct arena *arena,
                           bool *out_again, struct spotify_reply *out, struct err *err)
{
	struct answer answer;
	struct err why = { 0 };
	struct slice name = name_of(a, s->rq);
	answer_judge(r, &answer);
	*out_again = false;
	out->kind = answer.kind;
	memcpy(out->said, answer.said, sizeof out->said);
	s->refusals = answer.kind == ANSWER_UNAUTHORIZED ? s->refusals + 1 : 0;
	s->app_refusals = answer.kind == ANSWER_APP_REFUSED ? s->app_refusals + 1 : 0;
	switch (answer.kind) {
	case ANSWER_NOT_MODIFIED:
		if (!is_etag(s->rq->etag)) /* nobody asked */
			break;
		a->counts.not_modified++;
		metric_add(METRIC_spotify_not_modified, 1);
		out->not_modified = true;
		return RC_OK;
	case ANSWER_OK:
		if (!body_fits(s->rq, r->body, &why))
			break;
		return take_body(s, r, arena, out, err);
	case ANSWER_UNAUTHORIZED:
		token_drop(a->o.token);
		*out_again = true;
		if (s->refusals == 1)
			return RC_OK;
		return obey(a, LOCKED_OUT_MS, false, "Spotify refuses a token that was just issued (401)", err);
	case ANSWER_BUSY:
		*out_again = true;
		s->busy++;
		return obey(a, answer.wait_ms >= 0 ? answer.wait_ms + 1000 : backoff_ms(a, s->busy + 2), s->busy < a->o.attempts_max,
		            "Spotify asks for a pause (429)", err);
	case ANSWER_QUOTA:
		return obey(a, answer.wait_ms >= 0 ? answer.wait_ms + 1000 : QUOTA_MS, false,
		            "the quota of the developer's account at Spotify is spent (429 QUOTA_EXCEEDED)", err);
	case ANSWER_APP_REFUSED: /* it stops everything: not believed at once */
		*out_again = true;
		if (s->app_refusals < a->o.attempts_max)
			return passing(a, s, answer.said, err);
		return err_set(err, RC_FATAL, "Spotify refuses the app as a whole: %s (developer.spotify.com/dashboard shows its owner and users)",
		               answer.said);
	case ANSWER_NOT_FOUND:
		if (s->rq->known)
			break;
		return err_set(err, RC_NOT_FOUND, "Spotify: %.*s: %s", SLICE_FMT(name), answer.said);
	case ANSWER_FORBIDDEN:
		if (s->rq->known)
			break;
		return err_set(err, RC_REJECT, "Spotify: %.*s: %s%s", SLICE_FMT(name), answer.said,
		               strstr(answer.said, "scope") ? ": `sargam login` asks for the scopes that are needed" : "");
	case ANSWER_REFUSED:
		return err_set(err, RC_REJECT, "Spotify: %.*s: %s", SLICE_FMT(name), answer.said);
	default:
		break;
	}
	*out_again = true;
	return passing(a, s, why.msg[0] ? why.msg : answer.said, err);
}

enum rc spotify_get(struct spotify_api *a, const struct spotify_request *rq, struct arena *arena, struct spotify_reply *out,
                    struct err *err)
{
	*out = (struct spotify_reply){ 0 };
	if (!spotify_is_api_url(a, slice_of(rq->url)))
		return err_set(err, RC_REJECT, "Spotify: '%.100s' does not lead to %s: not followed, it would be given the token", rq->url,
		               a->api_url);
	CLEANUP(sending_done) struct sending s = { .rq = rq, .arena = arena_new(2 * BODY_BYTES_MAX) };
	enum rc rc = RC_OK;
	bool again = true;
	while (again && rc == RC_OK) {
		struct http_response r;
		struct err why = { 0 };
		rc = spotify_allowed(a, err);
		if (rc != RC_OK)
			break;
		rc = send_once(a, &s, &r, &why);
		if (rc == RC_RETRY && why.retry_after_ms > 0)
			rc = obey(a, why.retry_after_ms + 1000, ++s.busy < a->o.attempts_max, why.msg, err);
		else if (rc == RC_RETRY)
			rc = passing(a, &s, why.msg, err);
		else if (rc != RC_OK && err)
			*err = why;
		else if (rc == RC_OK)
			rc = take_answer(a, &s, &r, arena, &again, out, err);
	}
	return rc;
}
