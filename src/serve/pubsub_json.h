/* Protocol buffers as JSON (protobuf.dev/programming-guides/json), as Google's APIs read and write them: names in lowerCamelCase or
 * snake_case, null is absent, numbers of 32 bits also as text, durations "3.5s".
 *
 * Readers take NULL for the object (nothing is in it).  RC_REJECT names the member and what is wanted, in the real service's words. */
#ifndef SERVE_PUBSUB_JSON_H
#define SERVE_PUBSUB_JSON_H

#include "base/arena.h"
#include "base/json.h"

#define PUBSUB_NAME_BYTES 64 /* of a member, in snake_case */

/* RC_REJECT that names the first member which is not in `known` ("a b c"). */
MUST_USE enum rc pubsub_only_fields(const struct json *object, const char *where, const char *known, struct err *err);
/* Is `key` this lowerCamelCase name, or the same in snake_case? */
bool pubsub_is_name(struct slice key, const char *name);
/* By its lowerCamelCase name; NULL when it is absent or null. */
const struct json *pubsub_field(const struct json *object, const char *name);
/* NULL when absent; never a list, a text or a number. */
MUST_USE enum rc pubsub_object(const struct json *object, const char *name, const struct json **out, struct err *err);
MUST_USE enum rc pubsub_string(const struct json *object, const char *name, struct slice *out, struct err *err); /* SLICE_NULL */
/* A text without NUL, of at most so many bytes; "" when absent. */
MUST_USE enum rc pubsub_text(const struct json *object, const char *name, size_t bytes_max, struct arena *arena, const char **out,
                             struct err *err);
/* 32 bits. */
MUST_USE enum rc pubsub_integer(const struct json *object, const char *name, int64_t otherwise, int64_t *out, struct err *err);
MUST_USE enum rc pubsub_bool(const struct json *object, const char *name, bool *out, struct err *err); /* false when absent */
/* One of the names "A B C", or its number from 0 on: *out, 0 when absent. */
MUST_USE enum rc pubsub_enum(const struct json *object, const char *name, const char *names, int64_t *out, struct err *err);
MUST_USE enum rc pubsub_duration(const struct json *object, const char *name, int64_t otherwise_ms, int64_t *out_ms, struct err *err);
struct json *pubsub_new_duration(int64_t ms, struct arena *arena);
/* "2026-01-02T03:04:05.678+01:00", up to nine digits of a second: milliseconds since 1970, a part of one counts as a whole one (what
 * was published in it lies before that time). */
MUST_USE enum rc pubsub_time(const struct json *object, const char *name, int64_t otherwise_ms, int64_t *out_ms, struct err *err);
struct slice pubsub_time_text(int64_t ms, struct arena *arena);
/* Base64 of either alphabet, padded or not; SLICE_NULL when absent. */
MUST_USE enum rc pubsub_bytes(const struct json *object, const char *name, struct arena *arena, struct slice *out, struct err *err);

#endif
