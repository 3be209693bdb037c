/* HTTP server: the only home of microhttpd.h.  HTTP/1.1 with keep-alive, on one address.
 *
 * Two ways to run.  Without workers: a thread per connection, for a few clients.  With workers: one thread reads and writes for
 * all connections, the handler runs on `workers` threads, requests wait for them in a queue, and a request that waits for
 * something to happen is parked and costs no thread.
 *
 * Refused before the handler is asked: a body over the limit (413), a head over the limit (431, or 414 for the address alone),
 * Content-Length together with Transfer-Encoding or given twice, a NUL in the address, no Host (400); with workers also more
 * requests than the queue holds, or more bytes in memory than allowed: 503 with Retry-After.  More connections than allowed are
 * closed unread.  A client that says nothing for idle_timeout_s is dropped, one whose machine has gone is found by TCP.
 * With workers a client that is slow on purpose is dropped, too: a connection without a first line for idle_timeout_s, a request
 * that is not whole, or an answer that is not taken, within transfer_timeout_s. */
#ifndef IO_SERVER_H
#define IO_SERVER_H

#include "base/arena.h"

struct server_request {
	const char *method, *path; /* path: decoded, without the query */
	const char *target;        /* as it was sent: path and query, nothing decoded */
	struct slice body;
	struct arena *arena; /* of this request: for the reply; what an earlier call for a parked request put there is gone */
	/* Of a request that was parked.  The first call: 0, false. */
	int64_t waited_ms; /* since the first call */
	bool woken;        /* by server_wake(), not by time */
	int64_t woken_ns;  /* when its key was last woken, or one like it; 0: never */
	bool ending;       /* the server closes: parking is over, answer with what there is */
	int64_t now_ns;    /* the server's monotonic clock at this call */
	void *connection;  /* private */
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
	/* Above 0: no answer yet, nothing else here counts.  The handler is called again for this request after that time, or as
	 * soon as server_wake(park_key) is called; a wake during the handler's call counts.  Not when the request is `ending`.  A
	 * client that closes its side while it is parked has gone: its request ends without another call. */
	int64_t park_ms;
	uint64_t park_key; /* server_key() of what it waits for; 0 for the time only */
	uint64_t wake_key; /* of an answer: server_wake() it; 0: nothing */
	/* For the simulator, how the answer goes wrong on its way; not with workers.  All zero: it does not. */
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
	const char *what;    /* for messages: "simulator", "login" */
	const char *address; /* an IPv4 or IPv6 literal; NULL: 127.0.0.1 */
	int port;            /* 0 = any free one */
	int connections_max; /* less where the limit of open files does not allow it, with a warning */
	size_t body_limit_bytes, head_limit_bytes;
	int idle_timeout_s;
	/* Called on several threads at once; `reply` comes as 200 without a body.  It must end: server_close() waits for it. */
	void (*handle)(void *ctx, const struct server_request *rq, struct server_reply *reply);
	void *ctx;
	int workers;            /* 0: a thread per connection, and what follows does not count */
	int queue_max;          /* requests that wait for a worker; parked ones are not among them */
	size_t held_bytes_max;  /* bodies and answers in memory; one body a connection and one answer a worker may come on top */
	int transfer_timeout_s; /* for a request to come, for an answer to go */
	int close_wait_ms;      /* how long server_close() lets answers end; 0: 5 s */
};
struct server;
/* Raises the process's soft limit of open files to the hard one when connections_max needs it.
 * RC_FATAL when the port is taken, or the address is none of this machine (the message names it). */
MUST_USE enum rc server_open(const struct server_options *options, struct server **out, struct err *err);
int server_port(const struct server *s);
int server_connections(struct server *s);

uint64_t server_key(const char *text);
/* Calls the handler again for requests that are parked on `key`; from any thread, cheap when there is none. */
void server_wake(struct server *s, uint64_t key);

/* Takes no new connection, ends the parking, answers new requests 503 and lets the others end; does not wait. */
void server_stop(struct server *s);
/* server_stop(), then waits: answers under way end within close_wait_ms (what they would still wait is left out), requests that no
 * worker has taken by then are answered 503, a handler that runs still is waited for.  Takes NULL. */
void server_close(struct server *s);
static inline void server_closep(struct server **s)
{
	server_close(*s);
	*s = NULL;
}

#endif
