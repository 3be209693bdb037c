#include "serve/reply.h"

#include "base/buf.h"

#define REPLY_BYTES_MAX ((size_t) 64 << 20)

const struct reply_status reply_already_exists = { 409, "ALREADY_EXISTS" }, reply_aborted = { 409, "ABORTED" },
			  reply_precondition = { 412, "FAILED_PRECONDITION" }, reply_unimplemented = { 501, "UNIMPLEMENTED" };

struct reply_status reply_status_of(enum rc rc)
{
	switch (rc) {
	case RC_NOT_FOUND:
		return (struct reply_status){ 404, "NOT_FOUND" };
	case RC_REJECT:
		return (struct reply_status){ 400, "INVALID_ARGUMENT" };
	case RC_RETRY:
		return (struct reply_status){ 503, "UNAVAILABLE" };
	default:
		return (struct reply_status){ 500, "INTERNAL" };
	}
}

void reply_json(const struct server_request *rq, struct server_reply *reply, const struct json *root)
{
	CLEANUP(buf_done) struct buf text = buf_new(REPLY_BYTES_MAX);
	json_write(root, JSON_COMPACT, &text);
	buf_addc(&text, '\n');
	server_reply_header(reply, "Content-Type", "application/json; charset=UTF-8");
	reply->body = arena_copy(rq->arena, buf_slice(&text));
}

void reply_error(const struct server_request *rq, struct server_reply *reply, struct reply_status status, const char *message)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	struct json *error = json_new_object();
	struct slice text = slice_of(message);
	json_set(error, "code", json_new_integer(status.http));
	json_set(error, "message", json_new_string(slice_is_utf8(text, NULL) ? text : SLICE("the request holds bytes that are not UTF-8")));
	json_set(error, "status", json_new_string(slice_of(status.name)));
	json_set(root, "error", error);
	reply->status = status.http;
	reply_json(rq, reply, root);
}

bool reply_is_json_type(const char *type)
{
	static const char want[] = "application/json";
	size_t len = strlen(want);
	return type && strncasecmp(type, want, len) == 0 && (type[len] == '\0' || type[len] == ';' || type[len] == ' ');
}

enum rc reply_read_body(const struct server_request *rq, bool strict, struct json **out, struct err *err)
{
	const char *type = server_header(rq, "Content-Type");
	if ((strict || rq->body.len) && !reply_is_json_type(type))
		return err_set(err, RC_REJECT, "Content-Type '%.80s': want application/json", type ? type : "");
	if (!rq->body.len) {
		*out = json_new_object();
		return RC_OK;
	}
	TRY(json_parse(rq->body, out, err));
	if (json_type(*out) == JSON_OBJECT)
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid JSON payload received: want an object");
}

enum rc reply_page_size(const struct server_request *rq, int64_t otherwise, int64_t most, int64_t *out, struct err *err)
{
	const char *text = server_query(rq, "pageSize");
	*out = 0;
	if (text && *text && (!slice_to_int(slice_of(text), out) || *out < 0))
		return err_set(err, RC_REJECT, "Invalid value at 'pageSize': want a number from 0 on");
	*out = *out == 0 ? otherwise : *out > most ? most : *out;
	return RC_OK;
}
