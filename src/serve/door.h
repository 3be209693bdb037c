/* Answers of the doors: JSON, errors in the shape of Google's APIs (cloud.google.com/apis/design/errors), which their clients read:
 * {"error":{"code":403,"message":"…","status":"PERMISSION_DENIED"}}. */
#ifndef SERVE_DOOR_H
#define SERVE_DOOR_H

#include "io/server.h"

struct json;
/* 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500 or 503; any bytes in `message`, which is copied. */
void door_error(const struct server_request *rq, struct server_reply *reply, int http, const char *message);
/* 503 with Retry-After: so many milliseconds, rounded up to seconds, at least one. */
void door_later(const struct server_request *rq, struct server_reply *reply, int64_t retry_after_ms, const char *message);
/* 405 with Allow unless that is the method: then false. */
bool door_wrong_method(const struct server_request *rq, struct server_reply *reply, const char *method);
/* Is the Content-Type that, whatever its parameters? */
bool door_has_type(const struct server_request *rq, const char *type);
void door_json(const struct server_request *rq, struct server_reply *reply, int http, const struct json *body);
/* The same of JSON that is text already; copied. */
void door_text(const struct server_request *rq, struct server_reply *reply, int http, struct slice body);

#endif
