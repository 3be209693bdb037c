/* libFuzzer target for Pub/Sub's REST API: a script of requests against a fresh bus in memory.  Whatever is asked: an object of JSON, or
 * an error of Google's shape whose code is the status and which blames the request, never this service.
 *
 * A script is requests set apart by lines "---".  A request's first line is "METHOD TARGET"; a target without a '/' in front is
 * below /v1/projects/p1/.  Lines "Name: value" may follow; the rest is the body, which is application/json unless a header says
 * otherwise.  "$ack" in a body is the ack id that was told last.  "WAIT MS" lets time pass.
 *
 * The functions of io/server.h that a handler calls are defined here, so that no socket is needed: the linker then takes no
 * other (fuzz_http.c has the real server). */
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "serve/pubsub.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define REQUESTS_MAX 64
#define HEADERS_MAX 8
#define PARAMETERS_MAX 16
#define ARENA_BYTES ((size_t) 64 << 20)
#define WAIT_MS_MAX (INT64_C(40) * 86400 * 1000)
#define BELOW "/v1/projects/p1/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pair {
	const char *name, *value;
};
struct asked { /* what server_request.connection points to */
	struct pair header[HEADERS_MAX], parameter[PARAMETERS_MAX];
	size_t header_count, parameter_count;
};

static void must(bool fine, const char *what, const struct server_request *rq, const struct server_reply *reply)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_pubsub: %s\n%s %s\n%.*s\n%d %.*s\n", what, rq->method, rq->target, SLICE_FMT(rq->body), reply->status,
	               SLICE_FMT(reply->body));
	abort();
}

/* --- what a handler asks of its server ----------------------------------------------------------------------- */

static const char *look_up(const struct pair *pair, size_t count, const char *name, int (*compare)(const char *, const char *))
{
	for (size_t i = 0; i < count; i++)
		if (compare(pair[i].name, name) == 0)
			return pair[i].value;
	return NULL;
}

const char *server_header(const struct server_request *rq, const char *name)
{
	const struct asked *a = rq->connection;
	return look_up(a->header, a->header_count, name, strcasecmp);
}

const char *server_query(const struct server_request *rq, const char *name)
{
	const struct asked *a = rq->connection;
	return look_up(a->parameter, a->parameter_count, name, strcmp);
}

void server_reply_header(struct server_reply *reply, const char *name, const char *value)
{
	assert(reply->header_count < SERVER_REPLY_HEADERS_MAX && !strpbrk(value, "\r\n"));
	reply->header[reply->header_count++] = (struct server_reply_header){ name, value };
}

uint64_t server_key(const char *text)
{
	return hash_u64(slice_of(text));
}

/* --- a request ------------------------------------------------------------------------------------------------ */

static struct slice line_of(struct slice *rest)
{
	size_t end = slice_find(*rest, '\n', 0), after = end < rest->len ? end + 1 : end;
	struct slice line = slice_sub(*rest, 0, end);
	*rest = slice_sub(*rest, after, rest->len - after);
	return line;
}

static int hex(char c)
{
	const char *digit = c ? strchr("0123456789abcdef", c | 0x20) : NULL;
	return digit ? (int) (digit - "0123456789abcdef") : -1;
}

/* %XX as the server's library does; what follows a NUL is cut off. */
static const char *decode(struct slice s, struct arena *arena)
{
	char *text = arena_alloc(arena, s.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++, len++) {
		bool is_escape = s.ptr[i] == '%' && i + 2 < s.len && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0;
		text[len] = is_escape ? (char) (hex(s.ptr[i + 1]) << 4 | hex(s.ptr[i + 2])) : s.ptr[i];
		i += is_escape ? 2 : 0;
	}
	text[len] = '\0';
	return text;
}

static void read_query(struct slice query, struct asked *a, struct arena *arena)
{
	for (size_t at = 0; at < query.len && a->parameter_count < PARAMETERS_MAX;) {
		size_t end = slice_find(query, '&', at);
		struct slice pair = slice_sub(query, at, end - at);
		size_t equal = slice_find(pair, '=', 0), after = equal < pair.len ? equal + 1 : equal;
		a->parameter[a->parameter_count++] =
			(struct pair){ decode(slice_sub(pair, 0, equal), arena), decode(slice_sub(pair, after, pair.len - after), arena) };
		at = end + 1;
	}
}

static void read_headers(struct slice *rest, struct asked *a, struct arena *arena)
{
	while (rest->len && a->header_count < HEADERS_MAX - 1) {
		struct slice after = *rest, line = line_of(&after);
		size_t colon = slice_find(line, ':', 0);
		if (colon >= line.len || slice_find(line, '"', 0) < line.len || slice_find(line, '{', 0) < line.len)
			break;
		struct slice value = slice_trim(slice_sub(line, colon + 1, line.len - colon - 1));
		a->header[a->header_count++] = (struct pair){ arena_strdup(arena, slice_sub(line, 0, colon)), arena_strdup(arena, value) };
		*rest = after;
	}
	a->header[a->header_count++] = (struct pair){ "Content-Type", "application/json" }; /* the first of a name wins */
}

static struct slice with_ack_id(struct slice body, struct slice ack_id, struct arena *arena)
{
	const struct slice mark = SLICE("$ack");
	size_t at = slice_find_str(body, mark);
	if (at == SIZE_MAX)
		return body;
	struct slice behind = slice_sub(body, at + mark.len, body.len - at - mark.len);
	return arena_printf(arena, "%.*s%.*s%.*s", (int) at, body.ptr, SLICE_FMT(ack_id), SLICE_FMT(behind));
}

static void read_request(struct slice text, struct slice ack_id, struct asked *a, struct server_request *rq)
{
	struct slice rest = text, line = line_of(&rest);
	size_t space = slice_find(line, ' ', 0), from = space < line.len ? space + 1 : space;
	struct slice target = slice_sub(line, from, line.len - from);
	const char *above = target.len && target.ptr[0] == '/' ? "" : BELOW;
	rq->method = arena_strdup(rq->arena, slice_sub(line, 0, space));
	rq->target = arena_printf(rq->arena, "%s%.*s", above, SLICE_FMT(target)).ptr;
	target = slice_of(rq->target);
	size_t end = slice_find(target, '?', 0), after = end < target.len ? end + 1 : end;
	rq->path = decode(slice_sub(target, 0, end), rq->arena);
	read_query(slice_sub(target, after, target.len - after), a, rq->arena);
	read_headers(&rest, a, rq->arena);
	rq->body = with_ack_id(rest, ack_id, rq->arena);
	rq->connection = a;
}

/* --- its answer ----------------------------------------------------------------------------------------------- */

static bool is_status(struct slice name, int64_t code)
{
	static const struct {
		int code;
		const char *name;
	} known[] = { { 400, "INVALID_ARGUMENT" }, { 400, "FAILED_PRECONDITION" }, { 404, "NOT_FOUND" }, { 409, "ALREADY_EXISTS" },
		      { 409, "ABORTED" },          { 412, "FAILED_PRECONDITION" }, { 429, "RESOURCE_EXHAUSTED" }, { 501, "UNIMPLEMENTED" } };
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (known[i].code == code && slice_is(name, known[i].name))
			return true;
	return false;
}

static void check(const struct server_request *rq, const struct server_reply *reply, const struct json *root)
{
	const struct json *error = json_get(root, "error");
	must(json_type(root) == JSON_OBJECT, "no object", rq, reply);
	must((reply->status == 200) == !error, "an error without its status, or a status without its error", rq, reply);
	if (!error)
		return;
	int64_t code = json_get_integer(error, "code", 0);
	must(code == reply->status && is_status(json_get_string(error, "status"), code), "an error that is none of the request's", rq, reply);
	must(json_get_string(error, "message").len > 0, "an error without a message", rq, reply);
}

/* Asked again as long as it is parked, as after a while and then at the server's end. */
static bool handle(struct pubsub *p, struct server_request *rq, struct server_reply *reply)
{
	bool is_own = false;
	for (int i = 0; i < 3; i++) {
		rq->ending = i == 2;
		rq->waited_ms = i * 50;
		*reply = (struct server_reply){ .status = 200 };
		is_own = pubsub_handle(p, rq, reply);
		if (!reply->park_ms)
			return is_own;
		must(is_own && reply->park_ms > 0 && !rq->ending, "parked without an end", rq, reply);
	}
	return is_own;
}

struct world {
	struct clock_fake clock;
	struct pubsub *pubsub;
	char ack_id[256];
};

static void keep_ack_id(struct world *w, const struct json *root)
{
	struct slice id = json_get_string(json_at(json_get(root, "receivedMessages"), 0), "ackId");
	if (id.len && id.len < sizeof w->ack_id)
		(void) snprintf(w->ack_id, sizeof w->ack_id, "%.*s", SLICE_FMT(id));
}

static void ask(struct world *w, struct slice text)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(json_freep) struct json *root = NULL;
	struct asked asked = { .header_count = 0 };
	struct server_request rq = { .arena = &arena, .now_ns = clock_mono_ns(&w->clock.base) };
	struct server_reply reply;
	struct err err = { 0 };
	int64_t ms;
	read_request(text, slice_of(w->ack_id), &asked, &rq);
	if (strcmp(rq.method, "WAIT") == 0) {
		size_t from = text.len < strlen("WAIT ") ? text.len : strlen("WAIT ");
		struct slice number = slice_sub(text, from, text.len - from);
		if (slice_to_int(slice_trim(number), &ms) && ms > 0 && ms < WAIT_MS_MAX)
			clock_fake_advance_ms(&w->clock, ms);
		return;
	}
	bool is_own = handle(w->pubsub, &rq, &reply);
	must(is_own == (strncmp(rq.path, "/v1/projects/", strlen("/v1/projects/")) == 0), "answered what is not its own", &rq, &reply);
	if (!is_own)
		return;
	must(json_parse(reply.body, &root, &err) == RC_OK, "an answer that is no JSON", &rq, &reply);
	check(&rq, &reply, root);
	keep_ack_id(w, root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice mark = SLICE("\n---\n");
	struct slice rest = { (const char *) data, size };
	struct world w = { .ack_id = "" };
	clock_fake_init(&w.clock, INT64_C(1700000000123));
	struct bus *bus = bus_mem_open(&w.clock.base);
	w.pubsub = pubsub_open(&(struct pubsub_options){ .bus = bus, .project = "p1", .clock = &w.clock.base, .pull_wait_ms = 100 });
	for (int i = 0; i < REQUESTS_MAX && rest.len; i++) {
		size_t end = slice_find_str(rest, mark), after = end == SIZE_MAX ? rest.len : end + mark.len;
		ask(&w, slice_sub(rest, 0, end == SIZE_MAX ? rest.len : end));
		rest = slice_sub(rest, after, rest.len - after);
	}
	pubsub_close(w.pubsub);
	bus_close(bus);
	return 0;
}
