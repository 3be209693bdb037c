/* HTTP server: the only home of microhttpd.h.  HTTP/1.1 with keep-alive; a thread per connection, so a handler may wait.
 *
 * It listens on 127.0.0.1 only.  Refused before the handler is asked: a body over the limit (413), a head over the limit (431,
 * or 414 for the address alone), Content-Length together with Transfer-Encoding or given twice, a NUL in the address, no Host
 * (400), more connections than allowed (closed).  A client that says nothing for idle_timeout_s is dropped. */
#ifndef IO_SERVER_H
#define IO_SERVER_H

#include "base/arena.h"

struct server_request {
	const char *method, *path; /* path: decoded, without the query */
	const char *target;        /* as it was sent: path and query, nothing decoded */
	struct slice body;
	struct arena *arena; /* of this request: for the reply */
	void *connection;    /* private */
};
/* NULL when absent.  Header names without case; a query value is decoded, "" when there is only a name.  Any bytes but NUL: what
 * must be UTF-8 is checked by the caller. */
const char *server_header(const struct server_request *rq, const char *name);
const char *server_query(const struct server_request *rq, const char *name);
/* A field of a body that is application/x-www-form-urlencoded, decoded; NULL when absent, or when it holds NUL. */
const char *server_form(const struct server_request *rq, const char *name);

struct server_reply_header {
	const char *name, *value;
};
#define SERVER_REPLY_HEADERS_MAX 16
struct server_reply {
	int status;        /* 200 */
	struct slice body; /* owned by the request's arena, or static */
	struct server_reply_header header[SERVER_REPLY_HEADERS_MAX];
	size_t header_count;
	/* For the simulator, how the answer goes wrong on its way.  All zero: it does not. */
	struct {
		bool reset;        /* the connection is reset before a byte is sent */
		bool truncate;     /* the whole length is announced, the connection closed after send_bytes */
		bool short_length; /* send_bytes is announced and sent, though the body is longer */
		size_t send_bytes;
		int64_t delay_ms; /* before the first byte of the body, */
		int64_t pause_ms; /* and between pieces of pause_bytes */
		size_t pause_bytes;
	} wrong;
};
/* Keeps the pointers.  A value with a line break makes the answer a 500. */
void server_reply_header(struct server_reply *reply, const char *name, const char *value);

struct server_options {
	const char *what; /* for messages: "simulator", "login" */
	int port;         /* 0 = any free one */
	int connections_max;
	size_t body_limit_bytes, head_limit_bytes;
	int idle_timeout_s;
	/* Called on several threads at once; `reply` comes as 200 without a body. */
	void (*handle)(void *ctx, const struct server_request *rq, struct server_reply *reply);
	void *ctx;
};
struct server;
/* RC_FATAL when the port is taken (the message names it). */
MUST_USE enum rc server_open(const struct server_options *options, struct server **out, struct err *err);
int server_port(const struct server *s);
/* Stops listening, lets answers under way end (what they would still wait is left out), closes. */
void server_close(struct server *s);
static inline void server_closep(struct server **s)
{
	server_close(*s);
	*s = NULL;
}

#endif
