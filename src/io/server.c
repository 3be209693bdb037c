#include "io/server_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLOSE_WAIT_MS 5000
#define LAST_WAIT_MS 1000
#define WAIT_PIECE_MS 20
#define DISCARD_BYTES_MAX ((size_t) 1 << 20) /* of a body over a limit, so that the client hears of it */
#define READER_BLOCK_BYTES 65536
#define CONNECTIONS_SPARE 64 /* accepted only to be closed */
#define RETRY_AFTER_S "1"

const char *server_header(const struct server_request *rq, const char *name)
{
	return MHD_lookup_connection_value(rq->connection, MHD_HEADER_KIND, name);
}

const char *server_query(const struct server_request *rq, const char *name)
{
	const char *value = NULL;
	enum MHD_Result there =
		MHD_lookup_connection_value_n(rq->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, NULL);
	return there == MHD_YES && !value ? "" : value;
}

/* The decoded text of a form's name or value; NULL when it holds NUL. */
static const char *form_text(struct slice s, struct arena *arena)
{
	char *text = arena_strdup(arena, s);
	for (size_t i = 0; i < s.len; i++) {
		if (text[i] == '+')
			text[i] = ' ';
	}
	return memchr(text, '\0', s.len) || MHD_http_unescape(text) != strlen(text) ? NULL : text;
}

const char *server_form(const struct server_request *rq, const char *name)
{
	for (size_t at = 0; at < rq->body.len;) {
		size_t end = slice_find(rq->body, '&', at);
		struct slice pair = slice_sub(rq->body, at, end - at);
		size_t equal = slice_find(pair, '=', 0);
		const char *key = form_text(slice_sub(pair, 0, equal), rq->arena);
		if (key && strcmp(key, name) == 0)
			return equal < pair.len ? form_text(slice_sub(pair, equal + 1, pair.len - equal - 1), rq->arena) : "";
		at = end + 1;
	}
	return NULL;
}

void server_reply_header(struct server_reply *reply, const char *name, const char *value)
{
	assert(reply->header_count < SERVER_REPLY_HEADERS_MAX);
	reply->header[reply->header_count++] = (struct server_reply_header){ name, value };
}

void server_refuse(struct server_reply *reply, const char *why)
{
	*reply = (struct server_reply){ .status = 503, .body = slice_of(why) };
	server_reply_header(reply, "Content-Type", "text/plain; charset=utf-8");
	server_reply_header(reply, "Retry-After", RETRY_AFTER_S);
}

/* --- what is sent */

/* In pieces: who closes the server does not wait for us. */
static void wait_ms(struct server *s, int64_t ms)
{
	for (; ms > 0 && !atomic_load(&s->stopping); ms -= WAIT_PIECE_MS)
		clock_sleep_ms(clock_system(), ms < WAIT_PIECE_MS ? ms : WAIT_PIECE_MS);
}

static ssize_t read_reply(void *ctx, uint64_t position, char *out, size_t max)
{
	struct exchange *x = ctx;
	const struct server_reply *r = &x->reply;
	size_t at = (size_t) position, end = r->wrong.truncate ? r->wrong.send_bytes : r->body.len;
	size_t piece = r->wrong.pause_bytes ? r->wrong.pause_bytes : SIZE_MAX;
	if (at == 0)
		wait_ms(x->server, r->wrong.delay_ms);
	else if (at < end && at % piece == 0)
		wait_ms(x->server, r->wrong.pause_ms);
	if (at >= end)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t len = end - at;
	if (len > piece - at % piece)
		len = piece - at % piece;
	if (len > max)
		len = max;
	memcpy(out, r->body.ptr + at, len);
	return (ssize_t) len;
}

static struct MHD_Response *whole_response(struct slice body)
{
	/* Copied by nobody: the arena outlives the response. */
	return MHD_create_response_from_buffer(body.len, (void *) (uintptr_t) body.ptr, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *response_of(struct exchange *x, struct MHD_Connection *c)
{
	struct server_reply *r = &x->reply;
	struct slice body = r->body;
	if (r->wrong.send_bytes > body.len)
		r->wrong.send_bytes = body.len;
	if (r->wrong.short_length)
		body.len = r->wrong.send_bytes;
	int64_t longest_ms = r->wrong.delay_ms > r->wrong.pause_ms ? r->wrong.delay_ms : r->wrong.pause_ms;
	if (!r->wrong.truncate && longest_ms == 0)
		return whole_response(body);
	unsigned idle_s = (unsigned) x->server->options.idle_timeout_s + (unsigned) (longest_ms / 1000) + 1;
	(void) MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, idle_s);
	r->body = body;
	return MHD_create_response_from_callback(body.len, READER_BLOCK_BYTES, read_reply, x, NULL);
}

static enum MHD_Result send_text(struct MHD_Connection *c, int status, const char *text)
{
	struct MHD_Response *response = whole_response(slice_of(text));
	if (!response)
		return MHD_NO;
	enum MHD_Result done = MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	if (status >= 400 && done == MHD_YES)
		done = MHD_add_response_header(response, "Connection", "close");
	if (done == MHD_YES)
		done = MHD_queue_response(c, (unsigned) status, response);
	MHD_destroy_response(response);
	return done;
}

static enum MHD_Result send_reply(struct exchange *x, struct MHD_Connection *c)
{
	const struct server_reply *r = &x->reply;
	struct MHD_Response *response = response_of(x, c);
	if (!response)
		return MHD_NO;
	enum MHD_Result done = MHD_YES;
	if (atomic_load(&x->server->stopping))
		done = MHD_add_response_header(response, "Connection", "close");
	for (size_t i = 0; i < r->header_count && done == MHD_YES; i++)
		done = MHD_add_response_header(response, r->header[i].name, r->header[i].value);
	if (done == MHD_YES)
		done = MHD_queue_response(c, (unsigned) r->status, response);
	else
		done = send_text(c, 500, "a header of the answer holds a line break\n");
	MHD_destroy_response(response);
	return done;
}

/* The client gets a reset, not an end: a connected socket is dissolved, which Linux does by RST, before the library says goodbye. */
static enum MHD_Result reset(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	(void) setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	(void) connect(info->connect_fd, &nobody, sizeof nobody);
	return MHD_NO;
}

/* --- what is read */

static void *exchange_new(void *ctx, const char *target, struct MHD_Connection *c)
{
	struct server *s = ctx;
	struct exchange *x = mem_alloc(sizeof *x);
	*x = (struct exchange){ .server = s,
		                 .target = mem_strdup(target),
		                 .body = buf_new(s->options.body_limit_bytes),
		                 .connection = connection_of(c),
		                 .arena = arena_new(SERVER_ARENA_BYTES_MAX) };
	connection_phase(s, x->connection, PHASE_READING);
	x->request = (struct server_request){ .target = x->target, .arena = &x->arena, .connection = c };
	return x;
}

static void exchange_end(void *ctx UNUSED, struct MHD_Connection *c UNUSED, void **inout_exchange,
                         enum MHD_RequestTerminationCode why UNUSED)
{
	struct exchange *x = *inout_exchange;
	if (!x)
		return;
	if (x->busy)
		(void) atomic_fetch_sub(&x->server->busy, 1);
	(void) atomic_fetch_sub(&x->server->held_bytes, x->held_bytes);
	connection_phase(x->server, x->connection, PHASE_IDLE);
	arena_done(&x->arena);
	buf_done(&x->body);
	mem_free(x->target);
	mem_free(x);
	*inout_exchange = NULL;
}

struct head {
	size_t bytes, lengths, encodings;
	int64_t length; /* announced; -1 when it is no number */
	bool chunked;
};

static enum MHD_Result look_at_header(void *ctx, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
	struct head *h = ctx;
	h->bytes += strlen(name) + (value ? strlen(value) : 0) + 4;
	if (strcasecmp(name, "Content-Length") == 0) {
		h->lengths++;
		if (!value || !slice_to_int(slice_of(value), &h->length))
			h->length = -1;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		h->encodings++;
		h->chunked = value && strcasecmp(value, "chunked") == 0;
	}
	return MHD_YES;
}

/* 0 when the request may come in; the library lets some pass that two servers in a row would read differently. */
static int refusal(const struct exchange *x, struct MHD_Connection *c, const char *method, const char **out_why)
{
	const struct server_options *o = &x->server->options;
	struct head h = { .bytes = strlen(method) + strlen(x->target) };
	(void) MHD_get_connection_values(c, MHD_HEADER_KIND, look_at_header, &h);
	*out_why = "the request is malformed\n";
	if (h.lengths + h.encodings > 1 || h.length < 0 || (h.encodings && !h.chunked) || strstr(x->target, "%00"))
		return 400;
	*out_why = "the address is too long\n";
	if (strlen(x->target) > o->head_limit_bytes)
		return 414;
	*out_why = "the head is too large\n";
	if (h.bytes > o->head_limit_bytes)
		return 431;
	*out_why = "the body is too large\n";
	return (uint64_t) h.length > o->body_limit_bytes ? 413 : 0;
}

static void hold(struct exchange *x, size_t bytes)
{
	x->held_bytes += bytes;
	(void) atomic_fetch_add(&x->server->held_bytes, bytes);
}

static enum MHD_Result take_piece(struct exchange *x, struct slice piece)
{
	const struct server_options *o = &x->server->options;
	if (o->workers && !x->no_room)
		x->no_room = atomic_load(&x->server->held_bytes) + piece.len > o->held_bytes_max;
	if (!x->no_room)
		buf_add(&x->body, piece);
	if (x->no_room || x->body.over)
		x->discarded += piece.len;
	else
		hold(x, piece.len);
	return x->discarded > DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
}

/* The request is whole: true when x->reply is the answer, false when the workers have it (and it may be no longer ours). */
static bool answer(struct exchange *x)
{
	connection_phase(x->server, x->connection, PHASE_WORKING);
	x->request.body = buf_slice(&x->body);
	if (x->no_room) {
		server_refuse(&x->reply, "too much is in memory: come again\n");
		return true;
	}
	if (x->server->options.workers)
		return !pool_take(x);
	pool_ask_here(x);
	return true;
}

/* MHD calls it when the head is there, then for each piece of the body, then with nothing: then it is answered, at once or, called
 * once more, when the workers are done with it. */
static enum MHD_Result on_request(void *ctx UNUSED, struct MHD_Connection *c, const char *path, const char *method,
                                  const char *version UNUSED, const char *piece, size_t *inout_piece_bytes, void **inout_exchange)
{
	struct exchange *x = *inout_exchange;
	const char *why;
	if (!x->begun) {
		x->begun = true;
		int status = refusal(x, c, method, &why);
		return status ? send_text(c, status, why) : MHD_YES;
	}
	if (*inout_piece_bytes) {
		struct slice bytes = { piece, *inout_piece_bytes };
		*inout_piece_bytes = 0;
		return take_piece(x, bytes);
	}
	if (!x->busy) {
		x->busy = true;
		(void) atomic_fetch_add(&x->server->busy, 1);
		if (x->body.over)
			return send_text(c, 413, "the body is too large\n");
		x->request.method = method;
		x->request.path = path;
		if (!answer(x))
			return MHD_YES;
	}
	hold(x, x->arena.used);
	connection_phase(x->server, x->connection, PHASE_SENDING);
	return x->reply.wrong.reset ? reset(c) : send_reply(x, c);
}

/* --- life */

static struct MHD_Daemon *start(struct server *s, int fd)
{
	const struct server_options *o = &s->options;
	unsigned how = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL;
	/* The library keeps a head, what it reads from it and the answer's head in one block, and the block as long as the connection:
	 * with workers they are many, and it must be small. */
	size_t memory_bytes = 4 * o->head_limit_bytes + 8192;
	if (o->workers) {
		how = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
		memory_bytes = o->head_limit_bytes + o->head_limit_bytes / 4 + 4096;
	}
	return MHD_start_daemon(how, 0, connection_accept, s, on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	                        (unsigned) o->connections_max + CONNECTIONS_SPARE, MHD_OPTION_CONNECTION_TIMEOUT,
	                        (unsigned) o->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_bytes,
	                        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, exchange_new, s,
	                        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, s, MHD_OPTION_NOTIFY_COMPLETED, exchange_end, NULL,
	                        MHD_OPTION_END);
}

static void server_free(struct server *s)
{
	(void) pthread_mutex_destroy(&s->connections_lock);
	mem_free(s);
}

enum rc server_open(const struct server_options *options, struct server **out, struct err *err)
{
	int fd = -1, port = 0;
	assert(options->port >= 0 && options->port <= 65535 && options->connections_max > 0 && options->idle_timeout_s > 0);
	assert(!options->workers || (options->queue_max > 0 && options->held_bytes_max > 0 && options->transfer_timeout_s > 0));
	*out = NULL;
	TRY(connection_listen(options, &fd, &port, err));
	struct server *s = mem_alloc(sizeof *s);
	*s = (struct server){ .options = *options, .port = port, .quiet_fd = -1, .connections_lock = PTHREAD_MUTEX_INITIALIZER };
	s->options.connections_max = connection_room(options);
	TAILQ_INIT(&s->connections);
	enum rc rc = pool_start(s, err);
	if (rc == RC_OK && !(s->daemon = start(s, fd))) {
		pool_end(s);
		pool_done(s);
		rc = err_set(err, RC_RETRY, "%s: the server does not start: threads or memory are short", options->what);
	}
	if (rc == RC_OK) {
		*out = s;
		return RC_OK;
	}
	(void) close(fd);
	server_free(s);
	return rc;
}

int server_port(const struct server *s)
{
	return s->port;
}

void server_stop(struct server *s)
{
	if (atomic_exchange(&s->stopping, true))
		return;
	s->quiet_fd = MHD_quiesce_daemon(s->daemon);
	pool_stop_parking(s);
}

static void let_answers_end(struct server *s, int wait_ms)
{
	for (int waited_ms = 0; atomic_load(&s->busy) > 0 && waited_ms < wait_ms; waited_ms += WAIT_PIECE_MS)
		clock_sleep_ms(clock_system(), WAIT_PIECE_MS);
}

void server_close(struct server *s)
{
	if (!s)
		return;
	int wait_ms = s->options.close_wait_ms ? s->options.close_wait_ms : CLOSE_WAIT_MS;
	server_stop(s);
	let_answers_end(s, wait_ms);
	pool_end(s);
	let_answers_end(s, s->options.workers ? LAST_WAIT_MS : 0); /* those that came with the end of the pool */
	MHD_stop_daemon(s->daemon);
	pool_done(s);
	if (s->quiet_fd >= 0)
		(void) close(s->quiet_fd);
	server_free(s);
}
