/* Answers in Google's manner, for every door that speaks JSON: {"error":{"code":…,"message":…,"status":…}} with the status of
 * cloud.google.com/apis/design/errors that belongs to the class of an error. */
#ifndef SERVE_REPLY_H
#define SERVE_REPLY_H

#include "base/json.h"
#include "io/server.h"

struct reply_status {
	int http;
	const char *name;
};
/* REJECT is INVALID_ARGUMENT, NOT_FOUND itself, RETRY UNAVAILABLE, FATAL INTERNAL. */
struct reply_status reply_status_of(enum rc rc);
/* What no class says. */
extern const struct reply_status reply_already_exists, reply_aborted, reply_precondition, reply_unimplemented;

/* Content-Type and body; the status stays what it is. */
void reply_json(const struct server_request *rq, struct server_reply *reply, const struct json *root);
void reply_error(const struct server_request *rq, struct server_reply *reply, struct reply_status status, const char *message);

bool reply_is_json_type(const char *content_type);
/* The body as a JSON object that says it is JSON.  An empty one is {}, with `strict` only when it says so, too: a page of another
 * site can send anything but that without asking. */
MUST_USE enum rc reply_read_body(const struct server_request *rq, bool strict, struct json **out, struct err *err);
/* ?pageSize=: `otherwise` when absent or 0, at most `most`. */
MUST_USE enum rc reply_page_size(const struct server_request *rq, int64_t otherwise, int64_t most, int64_t *out, struct err *err);

#endif
