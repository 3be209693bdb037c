#include "serve/door_extract.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/time.h"
#include "raw/key.h"
#include "raw/state_call.h"
#include "serve/door.h"

#define BODY_BYTES_MAX ((size_t) 128 << 10) /* a thousand ids */
#define KEY_PART_BYTES_MAX 500              /* the longest name of a job (projects/P/locations/L/jobs/J) is shorter */
#define RETRY_AFTER_MS 30000
#define LOOK_MS 50

/* An extraction under way, or just ended: the answer is shared by all calls with its key. */
struct work {
	int holders; /* under the lock of the door */
	const char *key, *request_sha256; /* of the call that works; valid until it is done */
	bool done;
	int status;
	int64_t retry_after_ms;
	char *text; /* the answer's body (200), or a message */
};
struct door_extract {
	struct door_extract_options o;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct work *work; /* NULL: none is under way */
	uint64_t ended;    /* how many were */
	int waiting;
};

/* One request. */
struct call {
	struct door_extract *d;
	const struct server_request *rq;
	struct server_reply *reply;
	struct door_extract_job job;
	char request_sha256[HASH_HEX_BYTES];
	bool waits; /* counted among the waiting */
};

/* --- what is asked ------------------------------------------------------------------------------------------- */

static enum rc read_playlists(struct call *c, const struct json *list, struct err *err)
{
	size_t count = json_size(list);
	if (json_type(list) != JSON_ARRAY || !count || count > DOOR_EXTRACT_PLAYLISTS_MAX)
		return err_set(err, RC_REJECT, "playlists: want 1 to %d ids, or leave it out for all that are watched", DOOR_EXTRACT_PLAYLISTS_MAX);
	struct slice *playlist = arena_alloc_array(c->rq->arena, count, sizeof *playlist);
	for (size_t i = 0; i < count; i++) {
		struct slice id;
		if (!json_string(json_at(list, i), &id) || !playlist_id_ok(id))
			return err_set(err, RC_REJECT, "playlists[%zu] is no playlist id", i);
		playlist[i] = arena_copy(c->rq->arena, id);
	}
	c->job.playlist = playlist;
	c->job.playlist_count = count;
	return RC_OK;
}

static enum rc read_day(const struct json *v, const char *name, bool *out_has, int64_t *out_day, struct err *err)
{
	struct slice text;
	if (!json_string(v, &text) || !time_parse_date(text, out_day))
		return err_set(err, RC_REJECT, "%s: want \"YYYY-MM-DD\"", name);
	*out_has = true;
	return RC_OK;
}

static enum rc read_member(struct call *c, struct slice name, const struct json *v, struct err *err)
{
	if (slice_is(name, "playlists"))
		return read_playlists(c, v, err);
	if (slice_is(name, "since"))
		return read_day(v, "since", &c->job.has_since, &c->job.since_day, err);
	if (slice_is(name, "until"))
		return read_day(v, "until", &c->job.has_until, &c->job.until_day, err);
	return err_set(err, RC_REJECT, "unknown field \"%.*s\": known are playlists, since, until", (int) (name.len < 100 ? name.len : 100), name.ptr);
}

static enum rc read_body(struct call *c, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	void *iter = NULL;
	struct slice name;
	const struct json *v;
	if (!slice_trim(c->rq->body).len)
		return RC_OK;
	TRY(json_parse(c->rq->body, &root, err));
	if (json_type(root) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "the body is no JSON object");
	while (json_next(root, &iter, &name, &v))
		TRY(read_member(c, name, v, err));
	if (c->job.has_since && c->job.has_until && c->job.since_day > c->job.until_day)
		return err_set(err, RC_REJECT, "since is after until: no day is left");
	return RC_OK;
}

/* Printable ASCII of a sane length; "" when it is absent. */
static enum rc key_part(struct call *c, const char *header, const char **out, struct err *err)
{
	const char *value = server_header(c->rq, header);
	*out = value ? value : "";
	size_t len = strlen(*out);
	for (size_t i = 0; i < len; i++)
		if ((*out)[i] < ' ' || (*out)[i] > '~')
			return err_set(err, RC_REJECT, "%s: want printable ASCII", header);
	return len <= KEY_PART_BYTES_MAX ? RC_OK : err_set(err, RC_REJECT, "%s: more than %d characters", header, KEY_PART_BYTES_MAX);
}

/* The scheduler's goes first: a fixed Idempotency-Key in a job's headers would make all its runs one. */
static enum rc read_key(struct call *c, struct err *err)
{
	const char *job, *time, *key;
	TRY(key_part(c, "X-CloudScheduler-JobName", &job, err));
	TRY(key_part(c, "X-CloudScheduler-ScheduleTime", &time, err));
	TRY(key_part(c, "Idempotency-Key", &key, err));
	c->job.key = "";
	if (*job && *time)
		c->job.key = arena_printf(c->rq->arena, "scheduler %s %s", job, time).ptr;
	else if (*key)
		c->job.key = arena_printf(c->rq->arena, "key %s", key).ptr;
	return RC_OK;
}

/* --- how it is answered -------------------------------------------------------------------------------------- */

static void answer(struct call *c, int status, int64_t retry_after_ms, const char *text)
{
	if (status == 200)
		door_text(c->rq, c->reply, 200, slice_of(text));
	else if (status == 503)
		door_later(c->rq, c->reply, retry_after_ms ? retry_after_ms : RETRY_AFTER_MS, text);
	else
		door_error(c->rq, c->reply, status, text);
}

static void answer_again(struct call *c, const char *text)
{
	answer(c, 200, 0, text);
	server_reply_header(c->reply, "Idempotent-Replayed", "true");
}

/* A key means one request. */
static bool is_another_request(struct call *c, struct slice request_sha256)
{
	bool is_another = !slice_is(request_sha256, c->request_sha256);
	if (is_another)
		answer(c, 422, 0, "this key was used for another request: take a new one");
	return is_another;
}

/* --- the work ------------------------------------------------------------------------------------------------ */

static void drop(struct work *w)
{
	if (--w->holders > 0)
		return;
	mem_free(w->text);
	mem_free(w);
}

static char *done_text(struct json *summary)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(STATE_CALL_ANSWER_BYTES_MAX - 1);
	json_set(root, "state", json_new_string(SLICE("done")));
	json_set(root, "summary", summary);
	json_write(root, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	return mem_strdup(text.over ? "{\"state\":\"done\",\"summary\":{}}\n" : buf_str(&text));
}

static void run(struct call *c, struct work *w)
{
	struct err err = { 0 };
	struct json *summary = json_new_object();
	enum rc rc = c->d->o.run(c->d->o.ctx, &c->job, summary, &err);
	w->status = rc == RC_OK ? 200 : rc == RC_RETRY ? 503 : 500;
	w->retry_after_ms = err.retry_after_ms;
	if (rc == RC_OK) {
		w->text = done_text(summary);
		return;
	}
	json_free(summary);
	w->text = mem_strdup(err.msg);
	log_warn("serve", "extract%s%s: %s: %s", *c->job.key ? " for " : "", c->job.key, rc == RC_RETRY ? "deferred" : "failed", err.msg);
}

/* With the lock.  The work is done whether or not this can be remembered: a try that comes all the same does it once more. */
static void remember(struct call *c, const struct work *w)
{
	struct err err = { 0 };
	if (!c->d->o.state || !*c->job.key || w->status != 200)
		return;
	if (state_call_put(c->d->o.state, slice_of(c->job.key), c->request_sha256, slice_of(w->text), &err) != RC_OK)
		log_warn("serve", "that the extract for %s is done cannot be remembered: %s", c->job.key, err.msg);
}

/* --- turns --------------------------------------------------------------------------------------------------- */

static bool stops(const struct door_extract *d)
{
	return d->o.stop && *d->o.stop;
}

static bool refuse(struct call *c, const char *why)
{
	answer(c, 503, 0, why);
	return false;
}

/* With the lock.  false: it has been answered, for the time is up, too many wait, or the service stops. */
static bool wait_for_change(struct call *c, int64_t until_ns)
{
	struct door_extract *d = c->d;
	if (stops(d))
		return refuse(c, "the service stops");
	if (clock_mono_ns(d->o.clock) >= until_ns)
		return refuse(c, "another extract is under way");
	if (!c->waits && d->waiting >= d->o.waiting_max)
		return refuse(c, "too many calls wait for their turn");
	d->waiting += !c->waits;
	c->waits = true;
	thread_wait(&d->changed, &d->lock, LOOK_MS);
	return true;
}

static void stop_waiting(struct call *c)
{
	c->d->waiting -= c->waits;
	c->waits = false;
}

/* With the lock: the outcome of another call with the same key, which is under way. */
static void join(struct call *c, struct work *w, int64_t until_ns)
{
	if (is_another_request(c, slice_of(w->request_sha256)))
		return;
	w->holders++;
	while (!w->done && wait_for_change(c, until_ns))
		;
	if (w->done && w->status == 200)
		answer_again(c, w->text);
	else if (w->done)
		answer(c, w->status, w->retry_after_ms, w->text);
	drop(w);
}

/* With the lock.  Answered when it was done before, or when that cannot be known. */
static bool answered_before(struct call *c)
{
	struct state_call before;
	struct err err = { 0 };
	if (!*c->job.key || !c->d->o.state)
		return false;
	enum rc rc = state_call_get(c->d->o.state, slice_of(c->job.key), c->rq->arena, &before, &err);
	if (rc != RC_OK) {
		log_warn("serve", "extract: it cannot be looked up whether %s is done: %s", c->job.key, err.msg);
		answer(c, rc == RC_RETRY ? 503 : 500, err.retry_after_ms, "it cannot be looked up whether this is done: see the service's log");
		return true;
	}
	if (before.found && !is_another_request(c, before.request_sha256))
		answer_again(c, before.answer.ptr);
	return before.found;
}

/* With the lock, which is open meanwhile. */
static void work(struct call *c)
{
	struct door_extract *d = c->d;
	struct work *w = mem_alloc(sizeof *w);
	*w = (struct work){ .holders = 1, .key = c->job.key, .request_sha256 = c->request_sha256 };
	stop_waiting(c);
	d->work = w;
	(void) pthread_mutex_unlock(&d->lock);
	run(c, w);
	(void) pthread_mutex_lock(&d->lock);
	remember(c, w);
	w->done = true;
	d->work = NULL;
	d->ended++;
	answer(c, w->status, w->retry_after_ms, w->text);
	drop(w);
	(void) pthread_cond_broadcast(&d->changed);
}

/* With the lock.  What is under way with this key answers for it, then what was done with it, then it works. */
static void take_turn(struct call *c)
{
	struct door_extract *d = c->d;
	int64_t until_ns = clock_mono_ns(d->o.clock) + d->o.wait_ms * 1000000;
	uint64_t looked = UINT64_MAX; /* before so many had ended */
	do {
		if (d->work && *c->job.key && strcmp(d->work->key, c->job.key) == 0) {
			join(c, d->work, until_ns);
			break;
		}
		if (looked != d->ended && answered_before(c))
			break;
		looked = d->ended;
		if (!d->work && !stops(d)) {
			work(c);
			break;
		}
	} while (wait_for_change(c, until_ns));
	stop_waiting(c);
}

bool door_extract_handle(struct door_extract *d, const struct server_request *rq, struct server_reply *reply)
{
	struct err err = { 0 };
	struct call c = { .d = d, .rq = rq, .reply = reply };
	if (strcmp(rq->path, DOOR_EXTRACT_PATH) != 0)
		return false;
	if (door_wrong_method(rq, reply, "POST"))
		return true;
	bool typed = !rq->body.len || !server_header(rq, "Content-Type") || door_has_type(rq, "application/json") ||
	             door_has_type(rq, "application/octet-stream");
	if (rq->body.len > BODY_BYTES_MAX) {
		door_error(rq, reply, 413, "the body is too large");
	} else if (!typed) {
		door_error(rq, reply, 415, "want the body as application/json");
	} else if (read_key(&c, &err) != RC_OK || read_body(&c, &err) != RC_OK) {
		door_error(rq, reply, 400, err.msg);
	} else {
		hash_sha256_hex(rq->body, c.request_sha256);
		(void) pthread_mutex_lock(&d->lock);
		take_turn(&c);
		(void) pthread_mutex_unlock(&d->lock);
	}
	return true;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

struct door_extract *door_extract_open(const struct door_extract_options *options)
{
	assert(options->run && options->wait_ms >= 0 && options->waiting_max >= 0);
	struct door_extract *d = mem_alloc(sizeof *d);
	d->o = *options;
	int failed = pthread_mutex_init(&d->lock, NULL) | pthread_cond_init(&d->changed, NULL);
	assert(!failed);
	return d;
}

void door_extract_close(struct door_extract *d)
{
	if (!d)
		return;
	assert(!d->work && !d->waiting);
	(void) pthread_cond_destroy(&d->changed);
	(void) pthread_mutex_destroy(&d->lock);
	mem_free(d);
}
