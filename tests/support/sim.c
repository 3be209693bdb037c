#include "support/sim.h"

#include "base/base64.h"
#include "sim/world.h"
#include "test.h"

#include <stdio.h>

#define ARENA_BYTES ((size_t) 1 << 30)
#define TEXT_BYTES_MAX ((size_t) 64 << 20)
#define REDIRECT "http://127.0.0.1:8912/callback"

void sim_open(struct sim *sim, struct simulator_options options)
{
	struct err err = { 0 };
	*sim = (struct sim){ .arena = arena_new(ARENA_BYTES) };
	clock_fake_init(&sim->clock, SIM_NOW_MS);
	options.clock = &sim->clock.base;
	if (!options.world && !options.recorded_dir)
		options.world = world_sample_open(1, 72);
	if (simulator_open(&options, &sim->s, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

void sim_close(struct sim *sim)
{
	simulator_close(sim->s);
	json_free(sim->last);
	arena_done(&sim->arena);
}

struct wire_reply sim_get_with(struct sim *sim, const char *path, const char *headers)
{
	struct wire_reply reply;
	struct slice request = arena_printf(&sim->arena, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s%s%s\r\n", path,
	                                    sim->token[0] ? "Authorization: Bearer " : "", sim->token,
	                                    sim->token[0] ? "\r\n" : "", headers ? headers : "");
	wire_ask(simulator_port(sim->s), request.ptr, &sim->arena, &reply);
	return reply;
}

struct wire_reply sim_get(struct sim *sim, const char *path)
{
	return sim_get_with(sim, path, NULL);
}

struct wire_reply sim_post(struct sim *sim, const char *path, const char *basic, const char *body)
{
	struct wire_reply reply;
	struct slice credentials = basic ? base64_encode(slice_of(basic), &sim->arena) : SLICE("");
	struct slice request = arena_printf(
		&sim->arena,
		"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		"%s%s%sContent-Length: %zu\r\n\r\n%s",
		path, basic ? "Authorization: Basic " : "", credentials.ptr, basic ? "\r\n" : "", strlen(body), body);
	wire_ask(simulator_port(sim->s), request.ptr, &sim->arena, &reply);
	return reply;
}

const struct json *sim_parse(struct sim *sim, struct slice body)
{
	struct err err = { 0 };
	json_freep(&sim->last);
	if (json_parse(body, &sim->last, &err) != RC_OK)
		fail_msg("%s: %.*s", err.msg, SLICE_FMT(body));
	return sim->last;
}

const struct json *sim_json(struct sim *sim, const char *path)
{
	struct wire_reply reply = sim_get(sim, path);
	if (reply.status != 200)
		fail_msg("%s: status %d: %.*s", path, reply.status, SLICE_FMT(reply.body));
	return sim_parse(sim, reply.body);
}

static void take_token(struct sim *sim, const struct wire_reply *reply)
{
	struct slice token = json_get_string(sim_parse(sim, reply->body), "access_token");
	assert_true(reply->status == 200 && token.len > 0 && token.len < sizeof sim->token);
	(void) snprintf(sim->token, sizeof sim->token, "%.*s", SLICE_FMT(token));
}

void sim_client_token(struct sim *sim)
{
	struct wire_reply reply = sim_post(sim, "/api/token", "client:secret", "grant_type=client_credentials");
	take_token(sim, &reply);
}

struct slice sim_redirected(const struct wire_reply *reply, const char *key)
{
	struct slice to = wire_header(reply, "Location");
	size_t at = to.ptr ? slice_find_str(to, slice_of(key)) : SIZE_MAX;
	if (at == SIZE_MAX || to.ptr[at + strlen(key)] != '=')
		return SLICE_NULL;
	at += strlen(key) + 1;
	return slice_sub(to, at, slice_find(to, '&', at) - at);
}

void sim_user_token(struct sim *sim)
{
	struct wire_reply yes = sim_get(sim, "/authorize?response_type=code&client_id=client&redirect_uri=" REDIRECT);
	struct slice code = sim_redirected(&yes, "code");
	assert_true(yes.status == 302 && code.ptr);
	struct slice body =
		arena_printf(&sim->arena, "grant_type=authorization_code&redirect_uri=" REDIRECT "&code=%.*s", SLICE_FMT(code));
	struct wire_reply reply = sim_post(sim, "/api/token", "client:secret", body.ptr);
	take_token(sim, &reply);
}

void sim_fault(struct sim *sim, const char *spec)
{
	struct err err = { 0 };
	if (simulator_fault(sim->s, spec, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

struct simulator_stats sim_stats(struct sim *sim)
{
	struct simulator_stats stats;
	simulator_stats(sim->s, &stats);
	return stats;
}

const char *sim_text(struct sim *sim, const struct json *v)
{
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES_MAX);
	json_write(v, JSON_COMPACT, &text);
	return arena_strdup(&sim->arena, buf_slice(&text));
}
