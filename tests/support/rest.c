#include "support/rest.h"

#include "test.h"

#include <stdio.h>

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct rest *r = ctx;
	if (!pubsub_handle(r->pubsub, rq, reply))
		reply->status = 418;
}

static void count_change(void *ctx)
{
	struct rest *r = ctx;
	r->changes++;
}

void rest_use(struct rest *r, struct bus *bus)
{
	pubsub_close(r->pubsub);
	r->pubsub = pubsub_open(&(struct pubsub_options){ .bus = bus, .project = "p1", .clock = &r->clock.base, .pull_wait_ms = 100,
	                                                .on_change = count_change, .ctx = r });
}

void rest_open(struct rest *r)
{
	struct err err = { 0 };
	*r = (struct rest){ 0 };
	clock_fake_init(&r->clock, INT64_C(1700000000123));
	r->bus = bus_group_open(bus_mem_open(&r->clock.base));
	rest_use(r, r->bus);
	const struct server_options so = { .what = "test", .connections_max = 8, .body_limit_bytes = (size_t) 20 << 20,
		                           .head_limit_bytes = 1 << 16, .idle_timeout_s = 30, .handle = handle, .ctx = r };
	const struct http_options ho = { .connect_timeout_ms = 10000, .timeout_ms = 60000, .body_limit_bytes = (size_t) 20 << 20,
		                         .user_agent = "test" };
	if (server_open(&so, &r->server, &err) != RC_OK || http_open(&ho, &r->http, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) snprintf(r->url, sizeof r->url, "http://127.0.0.1:%d/v1/projects/p1", server_port(r->server));
}

void rest_done(struct rest *r)
{
	json_free(r->answer);
	http_close(r->http);
	server_close(r->server);
	pubsub_close(r->pubsub);
	bus_close(r->bus);
}

void rest_send(struct rest *r, const char *type, const char *method, const char *url, struct slice body)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 96 << 20);
	const struct http_header header = { SLICE("Content-Type"), slice_of(type) };
	const struct http_request rq = { .method = method, .url = url, .header = &header, .header_count = 1, .body = body };
	struct http_response response;
	struct err err = { 0 };
	json_freep(&r->answer);
	if (http_send(r->http, &rq, &arena, &response, &err) != RC_OK || json_parse(response.body, &r->answer, &err) != RC_OK)
		fail_msg("%s %s: %s", method, url, err.msg);
	r->status = response.status;
}

void rest_ask(struct rest *r, const char *method, const char *path, const char *body)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	char *text = arena_strdup(&arena, slice_of(body));
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	rest_send(r, "application/json", method, arena_printf(&arena, "%s/%s", r->url, path).ptr, slice_of(text));
}

void rest_call(struct rest *r, int status, const char *method, const char *path, const char *body)
{
	rest_ask(r, method, path, body);
	if (r->status != status)
		fail_msg("%s %s: %d, want %d: %.*s", method, path, r->status, status,
		         SLICE_FMT(json_get_string(json_get(r->answer, "error"), "message")));
}

void rest_is_error(struct rest *r, int code, const char *status, const char *message)
{
	const struct json *error = json_get(r->answer, "error");
	struct slice text = json_get_string(error, "message");
	if (json_get_integer(error, "code", 0) != code || !slice_is(json_get_string(error, "status"), status) ||
	    slice_find_str(text, slice_of(message)) == SIZE_MAX)
		fail_msg("want %d %s %s, got %.*s", code, status, message, SLICE_FMT(text));
}

void rest_is(struct rest *r, const char *json)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(buf_done) struct buf got = buf_new(1 << 20);
	char *want = arena_strdup(&arena, slice_of(json));
	for (char *p = want; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	json_write(r->answer, JSON_COMPACT, &got);
	assert_string_equal(buf_str(&got), want);
}

