#include "serve/health.h"

#include "bus/bus_admin.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "io/file.h"
#include "serve/lookout.h"

#include <pthread.h>

#define WAIT_MS 900 /* the answer has a second */
#define REPLY_BYTES_MAX (16 << 10)
#define CHECK_SUBSCRIPTION "readyz" /* need not be there: "no such subscription" is an answer, too */

enum check { CHECK_BUS, CHECK_STATE, CHECK_HOME, CHECK_DISK, CHECK_COUNT };
static const char *const check_name[CHECK_COUNT] = { "bus", "state", "home", "disk" };

struct result {
	bool has_ended, is_ok;
	int64_t elapsed_us;
	char why[256]; /* "" when it is ok */
};
struct health {
	struct health_options o;
	char *home;
	struct lookout *lookout;
	pthread_mutex_t lock; /* of both */
	struct result now[CHECK_COUNT];  /* of the look under way */
	struct result last[CHECK_COUNT]; /* of the last one that has ended */
};

/* --- the checks, on the lookout's thread -------------------------------------------------------------------- */

static enum rc check_bus(struct health *h, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct bus_subscription ignored;
	enum rc rc = bus_subscription(h->o.bus, CHECK_SUBSCRIPTION, &scratch, &ignored, err);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc check_state(struct health *h, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct slice ignored;
	return state_meta_get(h->o.state, "source", &scratch, &ignored, err);
}

static enum rc check_home(struct health *h, struct err *err)
{
	struct file_space space;
	TRY(file_space_look(h->home, &space, err));
	return space.is_writable ? RC_OK : err_set(err, RC_FATAL, "%s cannot be written", h->home);
}

static enum rc check_disk(struct health *h, struct err *err)
{
	struct file_space space;
	TRY(file_space_look(h->home, &space, err));
	if (space.free_bytes >= h->o.free_bytes_min)
		return RC_OK;
	return err_set(err, RC_RETRY, "%lld MB are free, want at least %lld (setting disk_free_min_mb)",
	               (long long) (space.free_bytes / 1000000), (long long) (h->o.free_bytes_min / 1000000));
}

static void look(void *ctx)
{
	static enum rc (*const fn[CHECK_COUNT])(struct health *, struct err *) = { check_bus, check_state, check_home, check_disk };
	struct health *h = ctx;
	(void) pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < CHECK_COUNT; i++)
		h->now[i].has_ended = false;
	(void) pthread_mutex_unlock(&h->lock);
	for (size_t i = 0; i < CHECK_COUNT; i++) {
		struct err err = { 0 };
		int64_t begin_ns = clock_mono_ns(clock_system());
		enum rc rc = fn[i](h, &err);
		struct result r = { .has_ended = true, .is_ok = rc == RC_OK,
			            .elapsed_us = (clock_mono_ns(clock_system()) - begin_ns) / 1000 };
		(void) snprintf(r.why, sizeof r.why, "%.*s", (int) sizeof r.why - 1, rc == RC_OK ? "" : err.msg);
		(void) pthread_mutex_lock(&h->lock);
		h->now[i] = r;
		(void) pthread_mutex_unlock(&h->lock);
	}
	(void) pthread_mutex_lock(&h->lock);
	memcpy(h->last, h->now, sizeof h->last);
	(void) pthread_mutex_unlock(&h->lock);
}

/* --- life --------------------------------------------------------------------------------------------------- */

struct health *health_open(const struct health_options *options)
{
	struct health *h = mem_alloc(sizeof *h);
	*h = (struct health){ .o = *options, .home = mem_strdup(options->home) };
	int rc = pthread_mutex_init(&h->lock, NULL);
	assert(rc == 0);
	h->lookout = lookout_open(look, h);
	return h;
}

void health_close(struct health *h)
{
	if (!h)
		return;
	lookout_close(h->lookout);
	(void) pthread_mutex_destroy(&h->lock);
	mem_free(h->home);
	mem_free(h);
}

/* --- the answers -------------------------------------------------------------------------------------------- */

static struct json *json_check(const char *name, bool is_ok, const char *why)
{
	struct json *check = json_new_object();
	json_set(check, "check", json_new_string(slice_of(name)));
	json_set(check, "ok", json_new_bool(is_ok));
	if (why[0])
		json_set(check, "why", json_new_string(slice_is_utf8(slice_of(why), NULL) ? slice_of(why) : SLICE("not to be printed")));
	return check;
}

static struct json *ready_json(struct health *h, bool *out_ready)
{
	struct result result[CHECK_COUNT];
	bool stopping = h->o.stop && *h->o.stop;
	struct json *root = json_new_object(), *checks = json_new_array();
	bool has_ended = lookout_ask(h->lookout, stopping ? 0 : WAIT_MS);
	(void) pthread_mutex_lock(&h->lock);
	memcpy(result, has_ended ? h->last : h->now, sizeof result); /* another look may have begun meanwhile */
	(void) pthread_mutex_unlock(&h->lock);
	*out_ready = !stopping;
	json_append(checks, json_check("running", !stopping, stopping ? "the service is stopping" : ""));
	for (size_t i = 0; i < CHECK_COUNT; i++) {
		const struct result *r = &result[i];
		bool is_ok = r->has_ended && r->is_ok;
		struct json *check = json_check(check_name[i], is_ok, r->has_ended ? r->why : "no answer yet");
		if (r->has_ended)
			json_set(check, "ms", json_new_real((double) r->elapsed_us / 1000));
		json_append(checks, check);
		*out_ready = *out_ready && is_ok;
	}
	json_set(root, "ready", json_new_bool(*out_ready));
	json_set(root, "checks", checks);
	return root;
}

static void answer_ready(struct health *h, const struct server_request *rq, struct server_reply *reply)
{
	bool ready;
	CLEANUP(json_freep) struct json *root = ready_json(h, &ready);
	CLEANUP(buf_done) struct buf text = buf_new(REPLY_BYTES_MAX);
	json_write(root, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	reply->status = ready ? 200 : 503;
	reply->body = arena_copy(rq->arena, buf_slice(&text));
}

bool health_handle(struct health *h, const struct server_request *rq, struct server_reply *reply)
{
	bool is_health = strcmp(rq->path, "/healthz") == 0;
	if (!is_health && strcmp(rq->path, "/readyz") != 0)
		return false;
	server_reply_header(reply, "Cache-Control", "no-store");
	server_reply_header(reply, "Content-Type", "application/json; charset=utf-8");
	if (strcmp(rq->method, "GET") != 0 && strcmp(rq->method, "HEAD") != 0) {
		server_reply_header(reply, "Allow", "GET, HEAD");
		reply->status = 405;
		reply->body = SLICE("{\"error\":\"want GET\"}\n");
	} else if (is_health) {
		reply->body = SLICE("{\"alive\":true}\n");
	} else {
		answer_ready(h, rq, reply);
	}
	return true;
}
