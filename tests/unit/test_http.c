/* The HTTP client against the HTTP server, over loopback. */
#include "io/http.h"

#include "base/mem.h"
#include "io/server.h"
#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 8 << 20)
#define BODY_LIMIT ((size_t) 64 << 10)

static char big[BODY_LIMIT + 1];

/* gzip of "hello, compressed", and of 200,000 times 'x'. */
static const char packed[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xcb\x48\xcd\xc9\xc9\xd7\x51\x48\xce\xcf\x2d\x28\x4a\x2d\x2e\x4e\x4d\x01\x00\x12"
	"\x7e\x19\x78\x11\x00\x00\x00";
static const char bomb[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xda\x8b\x6f\x06\x7f\xa0\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	"\x00\x00\x00\x00\x00\x00\x00\x00\x80\xd7\x00\x72\x02\xbf\x51\x40\x0d\x03\x00";

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	atomic_int *requests = ctx;
	(*requests)++;
	server_reply_header(reply, "X-One", "first");
	server_reply_header(reply, "ETag", "\"abc\"");
	reply->body = SLICE("hello");
	if (strcmp(rq->path, "/echo") == 0) {
		const char *seen = server_header(rq, "X-Sent");
		reply->body = arena_printf(rq->arena, "%s %s %s %.*s", rq->method, seen ? seen : "-", server_header(rq, "User-Agent"),
		                           SLICE_FMT(rq->body));
	} else if (strcmp(rq->path, "/404") == 0) {
		reply->status = 404;
	} else if (strcmp(rq->path, "/304") == 0) {
		reply->status = 304;
		reply->body = SLICE("");
	} else if (strcmp(rq->path, "/302") == 0) {
		reply->status = 302;
		server_reply_header(reply, "Location", "http://127.0.0.1:1/elsewhere");
	} else if (strcmp(rq->path, "/reset") == 0) {
		reply->wrong.reset = true;
	} else if (strcmp(rq->path, "/truncate") == 0) {
		reply->wrong.truncate = true;
		reply->wrong.send_bytes = 2;
	} else if (strcmp(rq->path, "/slow") == 0) {
		reply->wrong.delay_ms = 5000;
	} else if (strcmp(rq->path, "/big") == 0) {
		reply->body = (struct slice){ big, sizeof big };
	} else if (strcmp(rq->path, "/packed") == 0 || strcmp(rq->path, "/bomb") == 0) {
		bool accepted = strstr(server_header(rq, "Accept-Encoding"), "gzip") != NULL;
		bool small = strcmp(rq->path, "/packed") == 0;
		if (accepted)
			server_reply_header(reply, "Content-Encoding", "gzip");
		reply->body = small ? (struct slice){ packed, sizeof packed - 1 } : (struct slice){ bomb, sizeof bomb - 1 };
	} else if (strcmp(rq->path, "/fits") == 0) {
		reply->body = (struct slice){ big, BODY_LIMIT };
	}
}

struct fixture {
	atomic_int requests;
	struct server *server;
	struct http *http;
	struct arena arena;
	char url[128];
	atomic_bool stop;
};

static void reopen(struct fixture *f)
{
	struct err err = { 0 };
	const struct http_options ho = { .connect_timeout_ms = 1000, .timeout_ms = 400, .body_limit_bytes = BODY_LIMIT,
		                         .user_agent = "sargam-test/1", .stop = &f->stop };
	if (http_open(&ho, &f->http, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static struct fixture *open_both(void)
{
	struct fixture *f = mem_alloc(sizeof *f);
	struct err err = { 0 };
	const struct server_options so = { .what = "test", .connections_max = 8, .body_limit_bytes = 1 << 20,
		                           .head_limit_bytes = 16384, .idle_timeout_s = 10, .handle = handle, .ctx = &f->requests };
	memset(big, 'x', sizeof big);
	f->arena = arena_new(ARENA_BYTES);
	if (server_open(&so, &f->server, &err) != RC_OK)
		fail_msg("%s", err.msg);
	reopen(f);
	return f;
}

static void close_both(struct fixture **f)
{
	http_close((*f)->http);
	server_close((*f)->server);
	arena_done(&(*f)->arena);
	mem_free(*f);
}
#define WITH_BOTH(f) CLEANUP(close_both) struct fixture *f = open_both()

static enum rc get(struct fixture *f, const char *path, struct http_response *out, struct err *err)
{
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d%s", server_port(f->server), path);
	const struct http_request rq = { .method = "GET", .url = f->url };
	return http_send(f->http, &rq, &f->arena, out, err);
}

static void an_answer_comes_whole(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	assert_int_equal(get(f, "/", &r, &err), RC_OK);
	assert_int_equal(r.status, 200);
	assert_true(slice_is(r.body, "hello"));
	assert_true(slice_is(http_response_header(&r, "etag"), "\"abc\""));
	assert_true(slice_is(http_response_header(&r, "x-ONE"), "first"));
	assert_null(http_response_header(&r, "X-Two").ptr);
}

static void what_is_sent_arrives(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	const struct http_header header = { SLICE("X-Sent"), SLICE("yes") };
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/echo", server_port(f->server));
	const struct http_request rq = { .method = "POST", .url = f->url, .header = &header, .header_count = 1, .body = SLICE("a=1&b=2") };
	assert_int_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_OK);
	assert_true(slice_is(r.body, "POST yes sargam-test/1 a=1&b=2"));
	assert_int_equal(get(f, "/echo", &r, &err), RC_OK); /* nothing of it is left */
	assert_true(slice_is(r.body, "GET - sargam-test/1 "));
}

static void every_status_is_an_answer(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	assert_int_equal(get(f, "/404", &r, &err), RC_OK);
	assert_int_equal(r.status, 404);
	assert_int_equal(get(f, "/304", &r, &err), RC_OK);
	assert_int_equal(r.status, 304);
	assert_int_equal(r.body.len, 0);
	assert_int_equal(get(f, "/302", &r, &err), RC_OK); /* not followed */
	assert_int_equal(r.status, 302);
}

static void an_answer_that_breaks_off_may_come_later(void **unused UNUSED)
{
	static const struct {
		const char *path, *says;
	} broken[] = { { "/reset", "" }, { "/truncate", "" }, { "/slow", "no whole answer within 400 ms" } };
	WITH_BOTH(f);
	for (size_t i = 0; i < COUNT_OF(broken); i++) {
		struct http_response r;
		struct err err = { 0 };
		assert_int_equal(get(f, broken[i].path, &r, &err), RC_RETRY);
		assert_non_null(strstr(err.msg, "127.0.0.1"));
		assert_non_null(strstr(err.msg, broken[i].says));
		assert_int_equal(get(f, "/", &r, &err), RC_OK); /* the handle goes on */
	}
}

static void a_body_has_a_limit(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	assert_int_equal(get(f, "/fits", &r, &err), RC_OK);
	assert_int_equal(r.body.len, BODY_LIMIT);
	assert_int_equal(get(f, "/big", &r, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "limit of 65536 bytes"));
}

static void a_body_may_come_compressed(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	assert_int_equal(get(f, "/packed", &r, &err), RC_OK);
	assert_true(slice_is(r.body, "hello, compressed"));
	assert_int_equal(get(f, "/bomb", &r, &err), RC_REJECT); /* the limit is that of what comes out */
	assert_non_null(strstr(err.msg, "limit of 65536 bytes"));
}

static void a_message_holds_no_query(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	assert_int_equal(get(f, "/reset?code=secret", &r, &err), RC_RETRY);
	assert_null(strstr(err.msg, "secret"));
	const struct http_request rq = { .method = "GET", .url = "http://user:secret@127.0.0.1:1/x?token=secret" };
	assert_int_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_RETRY); /* refused */
	assert_null(strstr(err.msg, "secret"));
}

/* The path may hold an '@'; a password may, too. */
static void a_message_names_host_and_path(void **unused UNUSED)
{
	static const struct {
		const char *url, *name;
	} cases[] = {
		{ "http://127.0.0.1:1/a@b/c?d=e@f", "http://127.0.0.1:1/a@b/c: " },
		{ "http://user:se@cret@127.0.0.1:1/a", "127.0.0.1:1/a: " }, { "http://user:cret@127.0.0.1:1", "127.0.0.1:1: " },
		{ "http://127.0.0.1:1?secret", "http://127.0.0.1:1: " },
	};
	WITH_BOTH(f);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct http_response r;
		struct err err = { 0 };
		const struct http_request rq = { .method = "GET", .url = cases[i].url };
		assert_int_not_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_OK);
		if (strncmp(err.msg, cases[i].name, strlen(cases[i].name)) != 0 || strstr(err.msg, "cret"))
			fail_msg("%s: %s", cases[i].url, err.msg);
	}
}

static void a_header_that_cannot_be_sent_is_refused(void **unused UNUSED)
{
	static char longest[128 << 10];
	WITH_BOTH(f);
	memset(longest, 'x', sizeof longest);
	const struct slice bad[] = { { longest, sizeof longest }, SLICE("a\r\nX-Sent: b"), SLICE("a\nb"), { "a\0b", 3 } };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct http_response r;
		struct err err = { 0 };
		const struct http_header header = { SLICE("X-Sent"), bad[i] };
		(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/echo", server_port(f->server));
		const struct http_request rq = { .method = "GET", .url = f->url, .header = &header, .header_count = 1 };
		assert_int_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_FATAL);
		assert_non_null(strstr(err.msg, "X-Sent"));
		assert_true(strlen(err.msg) < 200);
	}
	assert_int_equal(f->requests, 0);
}

/* A peer that says `said` to each request on a connection, whatever was asked, and counts the connections. */
struct speaker {
	int listening, port;
	const char *said;
	pthread_t thread;
	int connections;
};

static void serve(struct speaker *s, int fd)
{
	char heard[8192];
	size_t len = strlen(s->said);
	while (read(fd, heard, sizeof heard) > 0 && write(fd, s->said, len) == (ssize_t) len)
		if (!strstr(s->said, "Content-Length"))
			break;
	(void) shutdown(fd, SHUT_RDWR);
	(void) close(fd);
}

static void *speak(void *ctx)
{
	struct speaker *s = ctx;
	for (int fd; (fd = accept(s->listening, NULL, NULL)) >= 0; s->connections++)
		serve(s, fd);
	return NULL;
}

static void speaker_open(struct speaker *s, const char *said)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	*s = (struct speaker){ .said = said, .listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(bind(s->listening, (struct sockaddr *) &at, len), 0);
	assert_int_equal(listen(s->listening, 8), 0);
	assert_int_equal(getsockname(s->listening, (struct sockaddr *) &at, &len), 0);
	s->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, speak, s), 0);
}

static void speaker_close(struct speaker *s)
{
	(void) shutdown(s->listening, SHUT_RDWR);
	(void) pthread_join(s->thread, NULL);
	(void) close(s->listening);
}

static enum rc ask(struct fixture *f, const struct speaker *s, struct http_response *out, struct err *err)
{
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/", s->port);
	const struct http_request rq = { .method = "GET", .url = f->url };
	return http_send(f->http, &rq, &f->arena, out, err);
}

/* A captive portal, a broken proxy: something listens there that speaks another language. */
static void what_is_no_http_may_be_mended(void **unused UNUSED)
{
	static const char *const said[] = { "SSH-2.0-other\r\n", "\x15\x03\x01", "<html>", "HTTP/9.9 ok\r\n\r\n", "HTTP/1.1\r\n\r\n", "\r\n" };
	WITH_BOTH(f);
	for (size_t i = 0; i < COUNT_OF(said); i++) {
		struct http_response r;
		struct err err = { 0 };
		struct speaker s;
		speaker_open(&s, said[i]);
		enum rc rc = ask(f, &s, &r, &err);
		if (rc != RC_RETRY)
			fail_msg("%s: %s: %s", said[i], rc_name(rc), err.msg);
		http_close(f->http);
		f->http = NULL;
		speaker_close(&s);
		reopen(f);
	}
}

static void one_connection_serves_many_requests(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct speaker s;
	speaker_open(&s, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nETag: \"2\"\r\nContent-Length: 2\r\n\r\n{}");
	for (int i = 0; i < 20; i++) {
		struct http_response r;
		struct err err = { 0 };
		if (ask(f, &s, &r, &err) != RC_OK)
			fail_msg("%s", err.msg);
		assert_true(slice_is(http_response_header(&r, "etag"), "\"2\"")); /* the last of two */
	}
	http_close(f->http);
	f->http = NULL;
	speaker_close(&s);
	assert_int_equal(s.connections, 1);
}

/* Answers before the answer ("103 Early Hints") fill the same arena. */
static void many_headers_leave_room_for_the_body_or_end_it(void **unused UNUSED)
{
	static char said[512 << 10];
	char *to = said;
	WITH_BOTH(f);
	for (int i = 0; i < 3; i++)
		to += snprintf(to, (size_t) (said + sizeof said - to), "HTTP/1.1 103 Early Hints\r\nLink: %049000d\r\n\r\n", i);
	(void) snprintf(to, (size_t) (said + sizeof said - to), "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n%060000d", 7);
	struct speaker s;
	speaker_open(&s, said);
	for (size_t room = 100 << 10; room <= 400 << 10; room += 20 << 10) {
		CLEANUP(arena_done) struct arena arena = arena_new(room);
		struct http_response r;
		struct err err = { 0 };
		(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/", s.port);
		const struct http_request rq = { .method = "GET", .url = f->url };
		enum rc rc = http_send(f->http, &rq, &arena, &r, &err);
		if (rc != RC_REJECT || !strstr(err.msg, "over the limit"))
			fail_msg("%zu: %s: %s", room, rc_name(rc), err.msg);
	}
	http_close(f->http);
	f->http = NULL;
	speaker_close(&s);
}

static void what_is_no_address_is_told_at_once(void **unused UNUSED)
{
	static const char *const url[] = { "", "nonsense://x", "file:///etc/passwd", "http://" };
	WITH_BOTH(f);
	for (size_t i = 0; i < COUNT_OF(url); i++) {
		struct http_response r;
		struct err err = { 0 };
		const struct http_request rq = { .method = "GET", .url = url[i] };
		enum rc rc = http_send(f->http, &rq, &f->arena, &r, &err);
		if (rc != RC_FATAL)
			fail_msg("'%s': %s: %s", url[i], rc_name(rc), err.msg);
	}
}

static void a_stop_ends_it(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	f->stop = true;
	assert_int_equal(get(f, "/slow", &r, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "stopped"));
}

static void a_request_may_have_a_time_limit_of_its_own(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/slow", server_port(f->server));
	const struct http_request rq = { .method = "GET", .url = f->url, .timeout_ms = 90 };
	assert_int_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "within 90 ms"));
	assert_int_equal(get(f, "/slow", &r, &err), RC_RETRY);
	assert_non_null(strstr(err.msg, "within 400 ms"));
}

static void an_answer_that_nobody_reads_may_be_of_any_length(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/big", server_port(f->server));
	struct http_request rq = { .method = "GET", .url = f->url };
	assert_int_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_REJECT);
	rq.discard_answer = true;
	assert_int_equal(http_send(f->http, &rq, &f->arena, &r, &err), RC_OK);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body.len, 0);
}

/* A kept connection that breaks: the library sends again by itself, unless it must not. */
static void how_often_a_request_went_on_its_way_is_told(void **unused UNUSED)
{
	WITH_BOTH(f);
	struct http_response r;
	struct err err = { 0 };
	assert_int_equal(get(f, "/", &r, &err), RC_OK);
	assert_int_equal(r.sends, 1);
	assert_int_equal(get(f, "/reset", &r, &err), RC_RETRY);
	assert_int_equal(r.sends, 2);
	assert_int_equal(f->requests, 3);
	assert_int_equal(get(f, "/", &r, &err), RC_OK);
	(void) snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d/reset", server_port(f->server));
	const struct http_request once = { .method = "POST", .url = f->url, .body = SLICE("x"), .once = true };
	assert_int_equal(http_send(f->http, &once, &f->arena, &r, &err), RC_RETRY);
	assert_int_equal(r.sends, 1);
	assert_int_equal(f->requests, 5);
	assert_non_null(strstr(err.msg, "closed before an answer came"));
	const struct http_request nobody = { .method = "GET", .url = "http://127.0.0.1:1/" };
	assert_int_equal(http_send(f->http, &nobody, &f->arena, &r, &err), RC_RETRY);
	assert_int_equal(r.sends, 0);
}

static void dates_of_headers_are_read(void **unused UNUSED)
{
	static const struct {
		const char *text;
		int64_t unix_s; /* -1: none */
	} table[] = {
		{ "Wed, 21 Oct 2026 07:28:00 GMT", 1792567680 }, { "Wednesday, 21-Oct-26 07:28:00 GMT", 1792567680 },
		{ "Wed Oct 21 07:28:00 2026", 1792567680 },      { "soon", -1 }, { "", -1 },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		int64_t got = 0;
		bool is_date = http_parse_date(slice_of(table[i].text), &got);
		if (is_date != (table[i].unix_s >= 0) || (is_date && got != table[i].unix_s))
			fail_msg("'%s' is %lld", table[i].text, (long long) got);
	}
}

static void this_machine_is_told_from_others(void **unused UNUSED)
{
	static const char *const here[] = { "http://127.0.0.1", "http://127.0.0.1:80/x", "http://localhost/", "https://LOCALHOST:1", "http://[::1]:8085/v1",
		                            "http://localhost?x" };
	static const char *const elsewhere[] = { "http://127.0.0.1.example", "http://localhost.example/", "http://localhost:1@example/", "http://localhost@example",
		                                 "http://example/localhost", "http://127.0.0.10:1.example", "http://127.0.0.1:/", "http://localhost:0/",
		                                 "http://[::1]:65536", "" };
	for (size_t i = 0; i < COUNT_OF(here); i++)
		if (!http_is_loopback(slice_of(here[i])))
			fail_msg("%s is elsewhere", here[i]);
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
		if (http_is_loopback(slice_of(elsewhere[i])))
			fail_msg("%s is here", elsewhere[i]);
}

static void secrets_go_by_tls_or_stay_here(void **unused UNUSED)
{
	static const char *const safe[] = { "https://h", "HTTPS://h/x?y#z", "https://10.0.0.1:8443/", "https://h/a@b", "http://localhost", "http://[::1]:80/x" };
	static const char *const unsafe[] = { "http://h/", "ftp://localhost/", "localhost", "https://", "https:///x", "https://:80/", "https://u:p@h/", "https://h/a b",
		                              "https://h\\@x/", "https://h/\x01", "https://h/\xc3\xa9", "http://127.0.0.1:80@h/", "http://127.0.0.1:x/" };
	for (size_t i = 0; i < COUNT_OF(safe); i++)
		if (!http_is_safe_url(slice_of(safe[i])))
			fail_msg("refused: %s", safe[i]);
	for (size_t i = 0; i < COUNT_OF(unsafe); i++)
		if (http_is_safe_url(slice_of(unsafe[i])))
			fail_msg("taken: %s", unsafe[i]);
}

static void texts_are_escaped_and_back(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct slice text = { "a b&c=d/\xe0\xa4\x97~-._\0%", 17 };
	struct slice escaped = http_escape(text, &arena);
	assert_true(slice_is(escaped, "a%20b%26c%3Dd%2F%E0%A4%97~-._%00%25"));
	assert_true(slice_eq(http_unescape(escaped, false, &arena), text));
	assert_true(slice_is(http_unescape(SLICE("a+b%2"), true, &arena), "a b%2"));
	assert_true(slice_is(http_unescape(SLICE("a+b%zz%41"), false, &arena), "a+b%zzA"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_answer_comes_whole),
	cmocka_unit_test(what_is_sent_arrives),
	cmocka_unit_test(every_status_is_an_answer),
	cmocka_unit_test(an_answer_that_breaks_off_may_come_later),
	cmocka_unit_test(a_body_has_a_limit),
	cmocka_unit_test(a_body_may_come_compressed),
	cmocka_unit_test(a_message_holds_no_query),
	cmocka_unit_test(a_message_names_host_and_path),
	cmocka_unit_test(a_header_that_cannot_be_sent_is_refused),
	cmocka_unit_test(what_is_no_http_may_be_mended),
	cmocka_unit_test(many_headers_leave_room_for_the_body_or_end_it),
	cmocka_unit_test(one_connection_serves_many_requests),
	cmocka_unit_test(what_is_no_address_is_told_at_once),
	cmocka_unit_test(a_stop_ends_it),
	cmocka_unit_test(a_request_may_have_a_time_limit_of_its_own),
	cmocka_unit_test(an_answer_that_nobody_reads_may_be_of_any_length),
	cmocka_unit_test(how_often_a_request_went_on_its_way_is_told),
	cmocka_unit_test(dates_of_headers_are_read),
	cmocka_unit_test(this_machine_is_told_from_others),
	cmocka_unit_test(secrets_go_by_tls_or_stay_here),
	cmocka_unit_test(texts_are_escaped_and_back),
};
TEST_SUITE(http, tests)
