#include "serve/door.h"

#include "base/json.h"

#include <strings.h>

#define ANSWER_BYTES_MAX ((size_t) 1 << 20)

/* google.rpc.Code of an HTTP status. */
static const char *status_name(int http)
{
	static const struct {
		int http;
		const char *name;
	} names[] = {
		{ 401, "UNAUTHENTICATED" },     { 403, "PERMISSION_DENIED" }, { 404, "NOT_FOUND" }, { 409, "ABORTED" },
		{ 429, "RESOURCE_EXHAUSTED" }, { 500, "INTERNAL" },          { 503, "UNAVAILABLE" },
	};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].http == http)
			return names[i].name;
	return "INVALID_ARGUMENT";
}

void door_text(const struct server_request *rq, struct server_reply *reply, int http, struct slice body)
{
	reply->status = http;
	reply->body = arena_copy(rq->arena, body);
	server_reply_header(reply, "Content-Type", "application/json; charset=UTF-8");
	server_reply_header(reply, "Cache-Control", "no-store");
}

void door_json(const struct server_request *rq, struct server_reply *reply, int http, const struct json *body)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	json_write(body, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	assert(!text.over); /* what is answered here is short */
	door_text(rq, reply, http, buf_slice(&text));
}

/* What is no text becomes one. */
static struct json *text_json(const char *message)
{
	CLEANUP(buf_done) struct buf quoted = buf_new(ANSWER_BYTES_MAX);
	struct json *value = NULL;
	json_write_string(slice_of(message), &quoted);
	enum rc rc = json_parse(buf_slice(&quoted), &value, NULL);
	assert(rc == RC_OK);
	return value;
}

void door_error(const struct server_request *rq, struct server_reply *reply, int http, const char *message)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	struct json *error = json_new_object();
	json_set(error, "code", json_new_integer(http));
	json_set(error, "message", text_json(message));
	json_set(error, "status", json_new_string(slice_of(status_name(http))));
	json_set(root, "error", error);
	door_json(rq, reply, http, root);
}

void door_later(const struct server_request *rq, struct server_reply *reply, int64_t retry_after_ms, const char *message)
{
	int64_t seconds = retry_after_ms <= 1000 ? 1 : (retry_after_ms - 1) / 1000 + 1;
	door_error(rq, reply, 503, message);
	server_reply_header(reply, "Retry-After", arena_printf(rq->arena, "%lld", (long long) seconds).ptr);
}

bool door_wrong_method(const struct server_request *rq, struct server_reply *reply, const char *method)
{
	if (strcmp(rq->method, method) == 0)
		return false;
	door_error(rq, reply, 405, "this address takes another method, see Allow");
	server_reply_header(reply, "Allow", method);
	return true;
}

bool door_has_type(const struct server_request *rq, const char *type)
{
	const char *given = server_header(rq, "Content-Type");
	size_t len = strlen(type);
	return given && strncasecmp(given, type, len) == 0 && (given[len] == '\0' || given[len] == ';' || given[len] == ' ');
}
