/* libFuzzer target for the HTTP server: raw bytes into a socket of a real one with workers, whole or cut in pieces, then the client
 * closes its side, and goes.  Answers begin with a status line, none blames the server, and another client's requests are answered
 * throughout.
 *
 * The first byte is the size of the pieces, 0 for all at once.  Paths: /park waits for its time, all others tell their body's size. */
#include "io/server.h"
#include "support/wire.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PARK_MS 5
#define SILENCE_MS 10
#define PIECES_MAX 64
#define ANSWERS_BYTES_MAX ((size_t) 1 << 20)
#define CHECK_EVERY 16 /* inputs, between requests of the other client */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_http: %s\n", what);
	abort();
}

static void handle(void *ctx UNUSED, const struct server_request *rq, struct server_reply *reply)
{
	const char *query = server_query(rq, "q"), *header = server_header(rq, "X-Test"), *form = server_form(rq, "f");
	if (strcmp(rq->path, "/park") == 0 && !rq->ending && rq->waited_ms < PARK_MS) {
		reply->park_ms = PARK_MS;
		return;
	}
	server_reply_header(reply, "Content-Type", "text/plain");
	reply->body = arena_printf(rq->arena, "%s %s %zu %zu\n", rq->method, rq->path, rq->body.len,
	                           (query ? strlen(query) : 0) + (header ? strlen(header) : 0) + (form ? strlen(form) : 0));
}

static struct server *server;

static void open_server(void)
{
	static const struct server_options options = {
		.what = "fuzz", .connections_max = 32, .body_limit_bytes = 16384, .head_limit_bytes = 4096, .idle_timeout_s = 10,
		.handle = handle, .workers = 2, .queue_max = 16, .held_bytes_max = 1 << 18, .transfer_timeout_s = 10,
	};
	struct err err = { 0 };
	must(server_open(&options, &server, &err) == RC_OK, err.msg);
}

static void send_pieces(int fd, struct slice bytes, size_t piece)
{
	if (piece * PIECES_MAX < bytes.len)
		piece = piece ? bytes.len / PIECES_MAX + 1 : bytes.len;
	while (bytes.len) {
		size_t len = piece < bytes.len ? piece : bytes.len;
		if (!wire_send(fd, slice_sub(bytes, 0, len)))
			return;
		bytes = slice_sub(bytes, len, bytes.len - len);
	}
}

/* Until the server closes, or is silent because it waits for the rest of a request. */
static struct slice read_answers(int fd, struct arena *arena)
{
	char *got = arena_alloc(arena, ANSWERS_BYTES_MAX);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n = 1;
	while (n > 0 && poll(&p, 1, SILENCE_MS) > 0) {
		n = recv(fd, got + len, ANSWERS_BYTES_MAX - len, 0);
		len += n > 0 ? (size_t) n : 0;
	}
	return (struct slice){ got, len };
}

/* A parked request's client that has closed its side counts as gone: it is refused with 503. */
static void check_answers(struct slice got)
{
	int64_t status = 0;
	if (!got.len)
		return;
	must(got.len > 12 && slice_starts(got, SLICE("HTTP/1.")) && slice_to_int(slice_sub(got, 9, 3), &status), "an answer without a status");
	must((status >= 100 && status < 500) || status == 501 || status == 503 || status == 505, "an answer that blames the server");
}

static void ask_as_another(void)
{
	CLEANUP(arena_done) struct arena arena = arena_new(2 * ANSWERS_BYTES_MAX);
	struct wire_reply r;
	wire_ask(server_port(server), "POST /fine?q=abc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", &arena, &r);
	must(r.end == WIRE_WHOLE && r.status == 200 && slice_is(r.body, "POST /fine 2 3\n"), "another client is not answered");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct linger at_once = { .l_onoff = 1 };
	static unsigned inputs;
	CLEANUP(arena_done) struct arena arena = arena_new(2 * ANSWERS_BYTES_MAX);
	if (!server)
		open_server();
	if (size == 0)
		return 0;
	int fd = wire_connect(server_port(server));
	send_pieces(fd, (struct slice){ (const char *) data + 1, size - 1 }, data[0]);
	(void) shutdown(fd, SHUT_WR);
	check_answers(read_answers(fd, &arena));
	(void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* a reset: the server forgets it */
	(void) close(fd);
	if (++inputs % CHECK_EVERY == 0)
		ask_as_another();
	return 0;
}
