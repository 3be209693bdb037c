/* Who may come in, as a client, a browser and a stranger meet it. */
#include "serve/gate.h"

#include "base/json.h"
#include "serve/oidc.h"
#include "support/jwt.h"
#include "support/wire.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_MS INT64_C(1795446707000)
#define TOKEN "0123456789abcdef0123456789ABCDEF"

struct fixture {
	struct clock_fake clock;
	struct jwt_key *key;
	struct jwt_issuer issuer;
	struct oidc *oidc;
	struct gate *gate;
	struct server *server;
	struct arena arena;
};

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	if (!gate_handle(ctx, rq, reply))
		reply->body = SLICE("inside");
}

static void fixture_open(struct fixture *f, const struct gate_options *options)
{
	struct gate_options o = *options;
	struct err err = { 0 };
	*f = (struct fixture){ .arena = arena_new((size_t) 16 << 20) };
	clock_fake_init(&f->clock, NOW_MS);
	o.clock = &f->clock.base;
	if (!o.address) { /* with OIDC */
		f->key = jwt_key_new(2048, 2);
		jwt_issuer_open(&f->issuer);
		jwt_issuer_publish(&f->issuer, jwt_jwk(f->key, "a", &f->arena), SLICE_NULL);
		const struct oidc_options oo = { .audience = JWT_AUDIENCE, .emails = JWT_EMAIL, .jwks_url = f->issuer.url, .clock = o.clock };
		assert_int_equal(oidc_open(&oo, &f->oidc, &err), RC_OK);
		o.address = "0.0.0.0";
		o.oidc = f->oidc;
	}
	if (gate_open(&o, &f->gate, &err) != RC_OK)
		fail_msg("%s", err.msg);
	const struct server_options so = { .what = "test", .connections_max = 8, .body_limit_bytes = 1 << 16, .head_limit_bytes = 1 << 16,
		                           .idle_timeout_s = 30, .handle = handle, .ctx = f->gate };
	if (server_open(&so, &f->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static void fixture_done(struct fixture *f)
{
	server_close(f->server);
	gate_close(f->gate);
	oidc_close(f->oidc);
	if (f->key)
		jwt_issuer_close(&f->issuer);
	jwt_key_free(f->key);
	arena_done(&f->arena);
}
#define FIXTURE(f, ...)                                              \
	CLEANUP(fixture_done) struct fixture f;                      \
	fixture_open(&(f), &(struct gate_options){ __VA_ARGS__ })
#define LOOPBACK .address = "127.0.0.1"

/* "METHOD /path" and header lines, each ended by \r\n; the answer's Host is 127.0.0.1 unless `headers` names one. */
static struct wire_reply ask(struct fixture *f, const char *what, const char *headers)
{
	struct wire_reply r;
	const char *host = strstr(headers, "Host:") ? "" : "Host: 127.0.0.1\r\n";
	wire_ask(server_port(f->server), arena_printf(&f->arena, "%s HTTP/1.1\r\n%s%s\r\n", what, host, headers).ptr, &f->arena, &r);
	return r;
}

static void passes(struct fixture *f, const char *what, const char *headers)
{
	struct wire_reply r = ask(f, what, headers);
	if (r.status != 200 || !slice_is(r.body, "inside"))
		fail_msg("%s %s: %d %.*s", what, headers, r.status, SLICE_FMT(r.body));
}

static void refused(struct fixture *f, const char *what, const char *headers, int status, const char *name)
{
	struct wire_reply r = ask(f, what, headers);
	CLEANUP(json_freep) struct json *root = NULL;
	if (r.status != status || json_parse(r.body, &root, NULL) != RC_OK)
		fail_msg("%s %s: %d, want %d: %.*s", what, headers, r.status, status, SLICE_FMT(r.body));
	assert_int_equal(json_get_integer(json_get(root, "error"), "code", 0), status);
	assert_true(slice_is(json_get_string(json_get(root, "error"), "status"), name));
	struct slice challenge = wire_header(&r, "WWW-Authenticate");
	assert_int_equal(challenge.ptr != NULL, status == 401);
	if (status == 401)
		assert_true(slice_starts(challenge, SLICE("Bearer realm=\"sargam\"")));
	assert_int_equal(status == 401 && strstr(headers, "Bearer") != NULL, slice_find_str(challenge, SLICE("invalid_token")) != SIZE_MAX);
	assert_int_equal(wire_header(&r, "Retry-After").ptr != NULL, status == 503);
}

/* --- on this machine, without configuration */

static void on_loopback_programs_come_in(void **unused UNUSED)
{
	FIXTURE(f, LOOPBACK);
	passes(&f, "GET /", "");
	passes(&f, "POST /push", "Content-Length: 0\r\n");
	static const char *const hosts[] = { "localhost", "LocalHost:8085", "127.0.0.1:8085", "[::1]", "[::1]:8085" };
	for (size_t i = 0; i < COUNT_OF(hosts); i++)
		passes(&f, "GET /", arena_printf(&f.arena, "Host: %s\r\n", hosts[i]).ptr);
}

static void a_name_that_was_bound_to_this_machine_is_not_it(void **unused UNUSED)
{
	static const char *const hosts[] = { "evil.example", "evil.example:8085", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2",
		                             "localhost.", "::1", "[::1", "[::1].evil.example", ":8085", "localhost@evil.example", "a,localhost", "0.0.0.0" };
	FIXTURE(f, LOOPBACK);
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		const char *header = arena_printf(&f.arena, "Host: %s\r\n", hosts[i]).ptr;
		refused(&f, "GET /", header, 403, "PERMISSION_DENIED");
		refused(&f, "POST /", arena_printf(&f.arena, "%sContent-Length: 0\r\n", header).ptr, 403, "PERMISSION_DENIED");
	}
}

static void a_page_from_elsewhere_changes_nothing(void **unused UNUSED)
{
	static const char *const elsewhere[] = { "http://evil.example", "https://evil.example", "null", "http://127.0.0.1:9", "http://localhost:8085", "file://",
		                                 "http://127.0.0.1:8085.evil.example", "ftp://127.0.0.1:8085", "", "127.0.0.1:8085",
		                                 "http://127.0.0.1:8085/", "moz-extension://127.0.0.1:8085", "http://x@127.0.0.1:8085" };
	static const char *const methods[] = { "POST", "PUT", "DELETE", "PATCH" };
	FIXTURE(f, LOOPBACK);
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
		for (size_t k = 0; k < COUNT_OF(methods); k++)
			refused(&f, arena_printf(&f.arena, "%s /", methods[k]).ptr,
			        arena_printf(&f.arena, "Host: 127.0.0.1:8085\r\nOrigin: %s\r\nContent-Length: 0\r\n", elsewhere[i]).ptr, 403,
			        "PERMISSION_DENIED");
	passes(&f, "GET /", "Origin: http://evil.example\r\n"); /* it may send this, and cannot read the answer */
	passes(&f, "POST /", "Host: 127.0.0.1:8085\r\nOrigin: http://127.0.0.1:8085\r\nContent-Length: 0\r\n"); /* our own page */
	passes(&f, "POST /", "Host: localhost:8085\r\nOrigin: HTTP://LOCALHOST:8085\r\nContent-Length: 0\r\n");
	struct wire_reply r = ask(&f, "OPTIONS /", "Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT\r\n");
	assert_null(wire_header(&r, "Access-Control-Allow-Origin").ptr);
}

static void a_proxys_name_can_be_allowed(void **unused UNUSED)
{
	FIXTURE(f, LOOPBACK, .hosts = " charts.example, b.example");
	passes(&f, "GET /", "Host: charts.example\r\n");
	passes(&f, "POST /", "Host: B.example:443\r\nOrigin: https://b.example:443\r\nContent-Length: 0\r\n");
	passes(&f, "GET /", "Host: localhost\r\n");
	refused(&f, "GET /", "Host: c.example\r\n", 403, "PERMISSION_DENIED");
	refused(&f, "POST /", "Host: b.example\r\nOrigin: https://charts.example\r\nContent-Length: 0\r\n", 403, "PERMISSION_DENIED");
}

/* --- with a token */

static void with_a_token_only_it_comes_in(void **unused UNUSED)
{
	static const char *const bad[] = { "Bearer " TOKEN "0", "Bearer 0123456789abcdef0123456789ABCDE", "Bearer 0123456789abcdef0123456789abcdef",
		                           "Bearer x", "Bearer ", "Bearer" };
	static const char *const none[] = { "Basic " TOKEN, TOKEN, "Bearer" TOKEN, "Token " TOKEN };
	FIXTURE(f, LOOPBACK, .token = SLICE(TOKEN));
	passes(&f, "GET /", "Authorization: Bearer " TOKEN "\r\n");
	passes(&f, "GET /", "Authorization: bearer   " TOKEN "  \r\n");
	passes(&f, "POST /", "Host: any.example\r\nOrigin: https://any.example\r\nContent-Length: 0\r\nAuthorization: Bearer " TOKEN "\r\n");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct wire_reply r = ask(&f, "GET /", arena_printf(&f.arena, "Authorization: %s\r\n", bad[i]).ptr);
		assert_int_equal(r.status, 401);
		assert_int_equal(slice_find_str(r.body, SLICE(TOKEN)), SIZE_MAX);
	}
	for (size_t i = 0; i < COUNT_OF(none); i++)
		assert_int_equal(ask(&f, "GET /", arena_printf(&f.arena, "Authorization: %s\r\n", none[i]).ptr).status, 401);
	refused(&f, "GET /", "", 401, "UNAUTHENTICATED");
	refused(&f, "GET /metrics", "", 401, "UNAUTHENTICATED");
	refused(&f, "GET /?token=" TOKEN, "", 401, "UNAUTHENTICATED");
	refused(&f, "GET /", "Authorization: Bearer " TOKEN "x\r\n", 401, "UNAUTHENTICATED");
	refused(&f, "POST /push", "Content-Length: 0\r\n", 401, "UNAUTHENTICATED");
}

static void health_is_open_to_all(void **unused UNUSED)
{
	FIXTURE(f, .address = "0.0.0.0", .token = SLICE(TOKEN));
	passes(&f, "GET /healthz", "");
	passes(&f, "GET /readyz?verbose=1", "Host: any.example\r\n");
	static const char *const others[] = { "/healthz/", "/healthz/x", "/HEALTHZ", "/readyz%2f", "//healthz", "/healthzz", "/x/healthz" };
	for (size_t i = 0; i < COUNT_OF(others); i++)
		refused(&f, arena_printf(&f.arena, "GET %s", others[i]).ptr, "", 401, "UNAUTHENTICATED");
}

static void an_address_others_reach_needs_a_key(void **unused UNUSED)
{
	static const char *const open[] = { "0.0.0.0", "::", "192.168.1.2", "10.0.0.1", "128.0.0.1", "example.org", "", "::ffff:192.168.1.2", "127.0.0.1.example.org" };
	static const char *const ours[] = { "127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST" };
	struct err err = { 0 };
	struct gate *gate;
	for (size_t i = 0; i < COUNT_OF(open); i++) {
		const struct gate_options o = { .address = open[i], .clock = clock_system() };
		assert_int_equal(gate_open(&o, &gate, &err), RC_FATAL);
		assert_null(gate);
		assert_non_null(strstr(err.msg, "SARGAM_SERVE_TOKEN"));
		assert_non_null(strstr(err.msg, open[i]));
	}
	for (size_t i = 0; i < COUNT_OF(ours); i++) {
		const struct gate_options o = { .address = ours[i], .clock = clock_system() };
		assert_int_equal(gate_open(&o, &gate, &err), RC_OK);
		gate_close(gate);
	}
	gate_close(NULL);
}

/* --- with OIDC */

static const char *with(struct fixture *f, struct slice token)
{
	return arena_printf(&f->arena, "Authorization: Bearer %.*s\r\n", SLICE_FMT(token)).ptr;
}

static struct slice token_of(struct fixture *f, const struct jwt_claims *claims)
{
	return jwt_token(f->key, "a", &f->clock.base, claims, &f->arena);
}

static void an_id_token_comes_in(void **unused UNUSED)
{
	FIXTURE(f, .address = NULL);
	passes(&f, "POST /push", arena_printf(&f.arena, "%sContent-Length: 0\r\n", with(&f, token_of(&f, &(struct jwt_claims){ 0 }))).ptr);
	refused(&f, "GET /", "", 401, "UNAUTHENTICATED");
	refused(&f, "GET /", "Authorization: Bearer " TOKEN "\r\n", 401, "UNAUTHENTICATED");
	refused(&f, "GET /", with(&f, token_of(&f, &(struct jwt_claims){ .exp = 1 })), 401, "UNAUTHENTICATED");
	refused(&f, "GET /", with(&f, token_of(&f, &(struct jwt_claims){ .iss = "https://evil.example" })), 401, "UNAUTHENTICATED");
	refused(&f, "GET /", with(&f, token_of(&f, &(struct jwt_claims){ .aud = "https://other.example" })), 403, "PERMISSION_DENIED");
	refused(&f, "GET /", with(&f, token_of(&f, &(struct jwt_claims){ .email = "evil@example.org" })), 403, "PERMISSION_DENIED");
	passes(&f, "GET /healthz", "");
}

static void the_token_and_oidc_go_together(void **unused UNUSED)
{
	FIXTURE(f, .address = NULL, .token = SLICE(TOKEN));
	passes(&f, "GET /", "Authorization: Bearer " TOKEN "\r\n");
	passes(&f, "GET /", with(&f, token_of(&f, &(struct jwt_claims){ 0 })));
	refused(&f, "GET /", "Authorization: Bearer x.y.z\r\n", 401, "UNAUTHENTICATED");
}

static void what_cannot_be_checked_may_come_later(void **unused UNUSED)
{
	FIXTURE(f, .address = NULL);
	f.issuer.status = 500;
	refused(&f, "GET /", with(&f, token_of(&f, &(struct jwt_claims){ 0 })), 503, "UNAVAILABLE");
}

/* --- where the token comes from */

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text) && fchmod(fd, mode) == 0);
	(void) close(fd);
}

static void the_token_is_read_from_a_private_file_or_the_environment(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	const char *path = arena_printf(&arena, "%s/token", test_tmpdir()).ptr;
	struct slice token;
	struct err err = { 0 };
	(void) unsetenv(GATE_TOKEN_ENV);
	assert_int_equal(gate_token_read(NULL, &arena, &token, &err), RC_OK);
	assert_null(token.ptr);
	assert_int_equal(gate_token_read("", &arena, &token, &err), RC_OK);
	assert_null(token.ptr);
	assert_int_equal(gate_token_read(path, &arena, &token, &err), RC_FATAL); /* there is none */
	write_file(path, TOKEN "\n", 0600);
	assert_int_equal(gate_token_read(path, &arena, &token, &err), RC_OK);
	assert_true(slice_is(token, TOKEN));
	write_file(path, "  " TOKEN " \r\nsecond line", 0400);
	assert_int_equal(gate_token_read(path, &arena, &token, &err), RC_OK);
	assert_true(slice_is(token, TOKEN));
	static const mode_t modes[] = { 0640, 0604, 0620, 0644, 0777 };
	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		write_file(path, TOKEN, modes[i]);
		assert_int_equal(gate_token_read(path, &arena, &token, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, "chmod 600"));
	}
	static const char *const bad[] = { "", "\n" TOKEN, "short", "0123456789abcdef0123456789ABCDE", "0123456789abcdef 0123456789ABCDEF", TOKEN "\"", TOKEN "\xc3\xa4" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		write_file(path, bad[i], 0600);
		assert_int_equal(gate_token_read(path, &arena, &token, &err), RC_FATAL);
		assert_null(strstr(err.msg, "abcdef"));
	}
	assert_int_equal(setenv(GATE_TOKEN_ENV, TOKEN "env", 1), 0);
	assert_int_equal(gate_token_read(path, &arena, &token, &err), RC_OK); /* the environment goes first */
	assert_true(slice_is(token, TOKEN "env"));
	assert_int_equal(setenv(GATE_TOKEN_ENV, "too-short-a-secret", 1), 0);
	assert_int_equal(gate_token_read(NULL, &arena, &token, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, GATE_TOKEN_ENV));
	assert_null(strstr(err.msg, "too-short-a-secret"));
	(void) unsetenv(GATE_TOKEN_ENV);
}

static void a_token_of_any_size_has_an_answer(void **unused UNUSED)
{
	FIXTURE(f, .address = NULL, .token = SLICE(TOKEN));
	char *long_token = arena_alloc(&f.arena, 60001);
	memset(long_token, 'A', 60000);
	for (size_t len = 1; len <= 60000; len = len * 3 + 1) {
		struct wire_reply r = ask(&f, "GET /", with(&f, (struct slice){ long_token, len }));
		assert_int_equal(r.status, 401);
	}
}

/* --- the log ------------------------------------------------------------------------------------------------- */

/* What was written to standard error meanwhile. */
static struct slice logged(struct fixture *f, void (*doing)(struct fixture *f))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	assert_true(file && saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	doing(f);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void) close(saved);
	char *text = arena_alloc(&f->arena, 1 << 20);
	ssize_t len = pread(fileno(file), text, (1 << 20) - 1, 0);
	(void) fclose(file);
	assert_true(len >= 0);
	return (struct slice){ text, (size_t) len };
}

static size_t lines_of(struct slice text)
{
	size_t lines = 0;
	for (size_t at = 0; (at = slice_find(text, '\n', at)) < text.len; at++)
		lines++;
	return lines;
}

static void knock(struct fixture *f)
{
	struct slice expired = token_of(f, &(struct jwt_claims){ .exp = 1 });
	for (int i = 0; i < 50; i++) {
		refused(f, "GET /a\x1b[31m?token=" TOKEN, "Authorization: Bearer x" TOKEN "\r\n", 401, "UNAUTHENTICATED");
		refused(f, "GET /", with(f, expired), 401, "UNAUTHENTICATED");
	}
}

static void knock_once(struct fixture *f)
{
	refused(f, "GET /", with(f, token_of(f, &(struct jwt_claims){ .aud = "https://other.example\\nforged line" })), 403, "PERMISSION_DENIED");
}

static void a_flood_is_one_line_and_shows_no_token(void **unused UNUSED)
{
	FIXTURE(f, .address = NULL, .token = SLICE(TOKEN));
	struct slice text = logged(&f, knock);
	assert_int_equal(lines_of(text), 1);
	assert_int_equal(slice_find_str(text, SLICE("0123456789")), SIZE_MAX);
	assert_int_equal(slice_find(text, '\x1b', 0), text.len);
	clock_fake_advance_ms(&f.clock, 1000);
	text = logged(&f, knock_once);
	assert_int_equal(lines_of(text), 1);
	assert_true(slice_find_str(text, SLICE("99 others")) != SIZE_MAX);
	assert_true(slice_find_str(text, SLICE("https://other.example?forged line")) != SIZE_MAX); /* why, on one line */
	assert_int_equal(slice_find_str(text, SLICE("eyJ")), SIZE_MAX);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(on_loopback_programs_come_in),
	cmocka_unit_test(a_name_that_was_bound_to_this_machine_is_not_it),
	cmocka_unit_test(a_page_from_elsewhere_changes_nothing),
	cmocka_unit_test(a_proxys_name_can_be_allowed),
	cmocka_unit_test(with_a_token_only_it_comes_in),
	cmocka_unit_test(health_is_open_to_all),
	cmocka_unit_test(an_address_others_reach_needs_a_key),
	cmocka_unit_test(an_id_token_comes_in),
	cmocka_unit_test(the_token_and_oidc_go_together),
	cmocka_unit_test(what_cannot_be_checked_may_come_later),
	cmocka_unit_test(the_token_is_read_from_a_private_file_or_the_environment),
	cmocka_unit_test(a_token_of_any_size_has_an_answer),
	cmocka_unit_test(a_flood_is_one_line_and_shows_no_token),
};
TEST_SUITE(gate, tests)
