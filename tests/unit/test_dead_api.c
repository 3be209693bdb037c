/* Dead letters over HTTP, as a dashboard meets them: letters made by ingest, a real server, a real client. */
#include "serve/dead_api.h"

#include "base/base64.h"
#include "base/buf.h"
#include "io/http.h"
#include "raw/snapshot.h"
#include "support/line.h"
#include "test.h"

#define ARENA_BYTES ((size_t) 256 << 20)
#define LETTER_URL "/api/dead/sha256_mismatch/"

struct fixture {
	struct line line;
	struct dead_api *api;
	struct server *server;
	struct http *http;
	struct arena arena;
	const char *if_match, *type; /* of the next call; NULL for none */
	int status;
	struct http_response response;
	struct json *answer; /* NULL when it is no JSON */
	char url[96];
};

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct fixture *f = ctx;
	if (!dead_api_handle(f->api, rq, reply))
		reply->status = 418;
}

static void fixture_open(struct fixture *f)
{
	struct err err = { 0 };
	*f = (struct fixture){ .arena = arena_new(ARENA_BYTES), .type = "application/json" };
	line_open(&f->line);
	f->api = dead_api_open(&(struct dead_api_options){ .store = f->line.store, .bus = f->line.bus, .clock = &f->line.clock.base,
	                                                   .incomplete_after_h = 24, .pages_max = 100, .page_limit_bytes = 1 << 20 });
	const struct server_options so = { .what = "test", .connections_max = 8, .body_limit_bytes = (size_t) 20 << 20,
		                           .head_limit_bytes = 1 << 16, .idle_timeout_s = 30, .handle = handle, .ctx = f };
	const struct http_options ho = { .connect_timeout_ms = 10000, .timeout_ms = 60000, .body_limit_bytes = (size_t) 20 << 20,
		                         .user_agent = "test" };
	if (server_open(&so, &f->server, &err) != RC_OK || http_open(&ho, &f->http, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", server_port(f->server));
}

static void fixture_done(struct fixture *f)
{
	json_free(f->answer);
	http_close(f->http);
	server_close(f->server);
	dead_api_close(f->api);
	line_close(&f->line);
	arena_done(&f->arena);
}
#define FIXTURE(f)                                 \
	CLEANUP(fixture_done) struct fixture f;    \
	fixture_open(&(f))

/* JSON in single quotes for double ones. */
static void call(struct fixture *f, int status, const char *method, const char *path, const char *body)
{
	struct http_header header[2];
	struct http_request rq = { .method = method, .header = header };
	struct err err = { 0 };
	char *text = arena_strdup(&f->arena, slice_of(body));
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	rq.url = arena_printf(&f->arena, "%s%s", f->url, path).ptr;
	rq.body = slice_of(text);
	if (f->type)
		header[rq.header_count++] = (struct http_header){ SLICE("Content-Type"), slice_of(f->type) };
	if (f->if_match)
		header[rq.header_count++] = (struct http_header){ SLICE("If-Match"), slice_of(f->if_match) };
	json_freep(&f->answer);
	if (http_send(f->http, &rq, &f->arena, &f->response, &err) != RC_OK)
		fail_msg("%s %s: %s", method, path, err.msg);
	f->status = f->response.status;
	if (json_parse(f->response.body, &f->answer, NULL) != RC_OK)
		f->answer = NULL;
	if (f->status != status)
		fail_msg("%s %s: %d, want %d: %.*s", method, path, f->status, status, SLICE_FMT(f->response.body));
}

static void is_error(struct fixture *f, const char *status, const char *message)
{
	const struct json *error = json_get(f->answer, "error");
	struct slice text = json_get_string(error, "message");
	if (json_get_integer(error, "code", 0) != f->status || !slice_is(json_get_string(error, "status"), status) ||
	    slice_find_str(text, slice_of(message)) == SIZE_MAX)
		fail_msg("want %s %s, got %.*s", status, message, SLICE_FMT(f->response.body));
}

static struct slice header(const struct fixture *f, const char *name)
{
	return http_response_header(&f->response, name);
}

static void send(struct fixture *f, const char *playlist, struct slice data, size_t count)
{
	struct bus_message m[100];
	struct bus_attr attr[100][4];
	struct err err = { 0 };
	struct ingest_result r;
	for (size_t sent = 0; sent < count;) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		size_t n = 0;
		for (; n < 100 && sent < count; n++, sent++) {
			struct slice which = arena_printf(&arena, "%zu", sent);
			const struct bus_attr all[4] = { { SLICE("type"), SLICE("playlist") }, { SLICE("playlist_id"), slice_of(playlist) },
				                         { SLICE("sha256"), which }, { SLICE("snapshot_at"), SLICE("2026-01-01T00:00:05Z") } };
			memcpy(attr[n], all, sizeof all);
			m[n] = (struct bus_message){ .data = data, .attr = attr[n], .attr_count = 4 };
		}
		assert_int_equal(bus_publish(f->line.bus, TOPIC, m, n, &arena, &err), RC_OK);
	}
	assert_int_equal(line_ingest(&f->line, &r, &err), RC_OK);
}

/* The name of the only letter, as a path. */
static const char *only(struct fixture *f)
{
	call(f, 200, "GET", "/api/dead", "");
	const struct json *letters = json_get(f->answer, "letters");
	assert_int_equal(json_size(letters), 1);
	return arena_printf(&f->arena, "/api/dead/%.*s", SLICE_FMT(json_get_string(json_at(letters, 0), "id"))).ptr;
}

static const char *with(struct fixture *f, const char *path, const char *rest)
{
	return arena_printf(&f->arena, "%s%s", path, rest).ptr;
}

static void a_letter_is_listed_shown_and_its_bytes_are_only_bytes(void **state UNUSED)
{
	FIXTURE(f);
	call(&f, 200, "GET", "/api/dead", "");
	assert_int_equal(json_size(json_get(f.answer, "letters")), 0);
	send(&f, LINE_PLAYLIST, SLICE("<script>\x01\xff</script>"), 1);
	const char *path = only(&f);
	call(&f, 200, "GET", path, "");
	assert_true(slice_is(json_get_string(f.answer, "reason"), "sha256_mismatch"));
	assert_true(slice_is(json_get_string(f.answer, "playlistId"), LINE_PLAYLIST));
	assert_true(slice_is(json_get_string(f.answer, "snapshotAt"), "2026-01-01T00:00:05Z"));
	assert_int_equal(json_get_integer(f.answer, "attempts", 0), 1);
	assert_true(json_get_string(f.answer, "firstAt").len == 20 && json_get_string(f.answer, "lastAt").len == 20);
	assert_true(slice_is(json_get_string(json_get(f.answer, "attributes"), "type"), "playlist"));
	struct slice etag = json_get_string(json_get(f.answer, "edit"), "etag");
	assert_int_equal(etag.len, 16);
	assert_true(slice_eq(header(&f, "ETag"), arena_printf(&f.arena, "\"%.*s\"", SLICE_FMT(etag))));
	assert_true(slice_is(header(&f, "Cache-Control"), "no-store"));
	call(&f, 200, "GET", with(&f, path, "/data"), "");
	assert_true(slice_is(f.response.body, "<script>\x01\xff</script>"));
	assert_true(slice_is(header(&f, "Content-Type"), "application/octet-stream"));
	assert_true(slice_is(header(&f, "X-Content-Type-Options"), "nosniff"));
	assert_true(slice_is(header(&f, "Content-Disposition"), "attachment"));
}

static void what_is_not_there_or_not_meant_is_told(void **state UNUSED)
{
	static const struct {
		int status;
		const char *method, *path, *body, *message;
	} cases[] = {
		{ 404, "GET", "/api/dead/none/none", "", "no dead letter 'none/none'" },
		{ 404, "GET", "/api/dead/none", "", "no such method" },
		{ 404, "GET", "/api/dead/none/", "", "no such method" },
		{ 404, "GET", "/api/dead//x", "", "no such method" },
		{ 404, "GET", "/api/dead/..%2f../x", "", "no such method" },
		{ 404, "GET", "/api/dead/a/..%2fx", "", "no such method" },
		{ 404, "GET", "/api/dead/a%ffb/x", "", "UTF-8" },
		{ 404, "GET", "/api/dead/a%0ab/x", "", "no dead letter" },
		{ 404, "GET", "/api/dead/incomplete/x.20260101T000005Z", "", "no dead letter" },
		{ 404, "GET", "/api/dead/a/b:replay", "", "no such method" },
		{ 404, "DELETE", "/api/dead/a/b", "", "no such method" },
		{ 404, "POST", "/api/dead", "{}", "no such method" },
		{ 404, "POST", "/api/dead/a/b:replay", "{}", "no dead letter" },
		{ 404, "POST", "/api/dead/a/b:drop", "{}", "no dead letter" },
		{ 404, "POST", "/api/dead/a/b:edit", "{}", "no dead letter" },
		{ 400, "GET", "/api/dead?pageSize=x", "", "pageSize" },
		{ 400, "POST", "/api/dead/a/b:edit", "[]", "want an object" },
		{ 400, "POST", "/api/dead/a/b:edit", "{", "invalid JSON" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'date':'x'}", "Unknown name \"date\"" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'data':'x'}", "'data': want base64" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'data':7}", "'data': want base64" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'attributes':[]}", "'attributes': want an object" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'attributes':{'k':1}}", "'attributes': want an object" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'dryRun':'yes'}", "'dryRun': want true" },
		{ 400, "POST", "/api/dead/a/b:edit", "{'part':3}", "'part': want a string" },
		{ 400, "POST", "/api/dead/a/b:drop", "{'why':3}", "'why': want a string" },
		{ 400, "POST", "/api/dead/a/b:replay", "{'x':3}", "Unknown name" },
	};
	FIXTURE(f);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		call(&f, cases[i].status, cases[i].method, cases[i].path, cases[i].body);
		is_error(&f, cases[i].status == 404 ? "NOT_FOUND" : "INVALID_ARGUMENT", cases[i].message);
	}
	call(&f, 418, "GET", "/api/deadly", "");
	call(&f, 418, "GET", "/v1/projects", "");
	f.type = "text/plain";
	call(&f, 400, "POST", "/api/dead/a/b:drop", "{}");
	is_error(&f, "INVALID_ARGUMENT", "want application/json");
	f.type = NULL;
	call(&f, 400, "POST", "/api/dead/a/b:drop", "");
	is_error(&f, "INVALID_ARGUMENT", "want application/json");
}

static void an_edit_is_tried_then_written_then_replayed(void **state UNUSED)
{
	FIXTURE(f);
	send(&f, LINE_PLAYLIST, SLICE("x"), 1);
	const char *path = only(&f), *edit = with(&f, path, ":edit");
	size_t objects = line_count(&f.line, "");
	call(&f, 200, "POST", edit, "{'data':'W10=','dryRun':true}");
	bool flag;
	assert_true(json_bool(json_get(f.answer, "changed"), &flag) && flag);
	assert_true(json_bool(json_get(f.answer, "usable"), &flag) && flag); /* no manifest yet: raw takes any bytes */
	assert_int_equal(line_count(&f.line, ""), objects);
	call(&f, 412, "POST", edit, "{'data':'e30='}");
	is_error(&f, "FAILED_PRECONDITION", "If-Match");
	f.if_match = "\"0000000000000000\"";
	call(&f, 412, "POST", edit, "{'data':'e30='}");
	call(&f, 412, "POST", with(&f, path, ":replay"), "");
	call(&f, 412, "POST", with(&f, path, ":drop"), "{}");
	f.if_match = NULL;
	call(&f, 200, "GET", path, "");
	struct slice mine = arena_copy(&f.arena, header(&f, "ETag"));
	f.if_match = mine.ptr;
	call(&f, 400, "POST", edit, "{'attributes':{'sha256':'00'}}");
	is_error(&f, "INVALID_ARGUMENT", "still be unusable: sha256_mismatch");
	call(&f, 200, "POST", edit, "{'data':'e30=','attributes':{'note':'mended','snapshot_at':'2026-01-01T00:00:06Z'}}");
	assert_int_equal(json_get_integer(f.answer, "revision", 0), 1);
	assert_true(slice_is(json_get_string(f.answer, "revised"), "message"));
	struct slice next = arena_copy(&f.arena, header(&f, "ETag"));
	assert_false(slice_eq(next, mine));
	call(&f, 412, "POST", edit, "{'data':'W10='}"); /* the other editor */
	is_error(&f, "FAILED_PRECONDITION", "meanwhile");
	f.if_match = next.ptr;
	call(&f, 200, "POST", edit, "{'attributes':{'note':null}}");
	assert_int_equal(json_get_integer(f.answer, "revision", 0), 2);
	f.if_match = NULL;
	call(&f, 200, "GET", path, "");
	const struct json *edited = json_get(f.answer, "edit");
	assert_int_equal(json_get_integer(edited, "revision", 0), 2);
	assert_null(json_get(json_get(edited, "attributes"), "note"));
	call(&f, 200, "GET", with(&f, path, "/data"), "");
	assert_true(slice_is(f.response.body, "x"));
	call(&f, 200, "GET", with(&f, path, "/data?mended=true"), "");
	assert_true(slice_is(f.response.body, "{}"));
	call(&f, 200, "POST", with(&f, path, ":replay"), "");
	struct ingest_result r;
	struct err err = { 0 };
	assert_int_equal(line_ingest(&f.line, &r, &err), RC_OK);
	call(&f, 404, "GET", path, "");
	assert_int_equal(line_count(&f.line, "raw/playlist_id=" LINE_PLAYLIST "/snapshot_at=20260101T000006Z/playlist."), 1);
	assert_int_equal(line_count(&f.line, "quarantine/"), 0);
}

static void a_drop_says_why(void **state UNUSED)
{
	FIXTURE(f);
	send(&f, LINE_PLAYLIST, SLICE("x"), 1);
	const char *path = only(&f);
	call(&f, 200, "POST", with(&f, path, ":drop"), "{'why':'a test'}");
	call(&f, 404, "GET", path, "");
	send(&f, LINE_PLAYLIST, SLICE("x"), 1);
	call(&f, 404, "GET", path, "");
	assert_int_equal(line_count(&f.line, "dropped/"), 1);
}

static void a_missing_page_is_chosen_and_supplied(void **state UNUSED)
{
	FIXTURE(f);
	struct extract_result er;
	struct ingest_result ir;
	struct raw_snapshot s;
	struct manifest m;
	struct err err = { 0 };
	line_add_snapshot(&f.line, LINE_PLAYLIST, LINE_AT, 3);
	assert_int_equal(line_extract(&f.line, &er, &err), RC_OK);
	assert_int_equal(line_ingest(&f.line, &ir, &err), RC_OK);
	assert_int_equal(raw_snapshot_look(f.line.store, SLICE(LINE_PLAYLIST), LINE_AT, &s, &err), RC_OK);
	assert_int_equal(raw_manifest_read(f.line.store, &s, &f.arena, &m, &err), RC_OK);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(store_remove(f.line.store, manifest_page_key(&m, i, &f.arena), &err), RC_OK);
	const char *path = only(&f);
	assert_non_null(strstr(path, "/incomplete/"));
	call(&f, 200, "GET", path, "");
	bool possible;
	assert_true(json_bool(json_get(json_get(f.answer, "edit"), "possible"), &possible) && !possible);
	assert_true(slice_find_str(json_get_string(json_get(f.answer, "edit"), "hint"), SLICE("( 1 2 )")) != SIZE_MAX);
	call(&f, 404, "GET", with(&f, path, "/data"), "");
	call(&f, 200, "GET", with(&f, path, "?part=0"), "");
	assert_true(slice_is(json_get_string(json_get(f.answer, "edit"), "part"), "0"));
	f.if_match = "*";
	for (int64_t i = 1; i < 3; i++) {
		struct slice body = base64_encode(line_page(&f.arena, 2 * i, 2, 6), &f.arena);
		call(&f, 200, "POST", with(&f, path, ":edit"), arena_printf(&f.arena, "{'part':'%lld','data':'%.*s'}", (long long) i, SLICE_FMT(body)).ptr);
	}
	assert_int_equal(json_get_integer(f.answer, "items", 0), 6);
	call(&f, 404, "GET", path, "");
}

static void ten_thousand_letters_come_in_pages(void **state UNUSED)
{
	FIXTURE(f);
	char token[256] = "";
	size_t seen = 0, pages = 0;
	send(&f, LINE_PLAYLIST, SLICE("x"), 9990);
	send(&f, "other", SLICE("y"), 10);
	do {
		char path[512];
		(void) snprintf(path, sizeof path, "/api/dead?pageSize=1000&pageToken=%s", token);
		call(&f, 200, "GET", path, "");
		struct slice next = json_get_string(f.answer, "nextPageToken");
		(void) snprintf(token, sizeof token, "%.*s", SLICE_FMT(next));
		seen += json_size(json_get(f.answer, "letters"));
		pages++;
	} while (*token);
	assert_int_equal(seen, 10000);
	assert_int_equal(pages, 10);
	call(&f, 200, "GET", "/api/dead?playlist=other&pageSize=7", "");
	assert_int_equal(json_size(json_get(f.answer, "letters")), 7);
	call(&f, 200, "GET", "/api/dead?reason=nothing", "");
	assert_int_equal(json_size(json_get(f.answer, "letters")), 0);
	call(&f, 200, "GET", "/api/dead?reason=../raw", "");
	assert_int_equal(json_size(json_get(f.answer, "letters")), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_letter_is_listed_shown_and_its_bytes_are_only_bytes),
	cmocka_unit_test(what_is_not_there_or_not_meant_is_told),
	cmocka_unit_test(an_edit_is_tried_then_written_then_replayed),
	cmocka_unit_test(a_drop_says_why),
	cmocka_unit_test(a_missing_page_is_chosen_and_supplied),
	cmocka_unit_test(ten_thousand_letters_come_in_pages),
};
TEST_SUITE(dead_api, tests);
