/* One server and what is under way on it: private to server*.c.
 *
 * Threads: the library's (one with workers, else one per connection), the workers, the timer.  A request belongs to the library's
 * thread, from pool_take() to pool_resume() to the pool; `pool.lock` guards its place in the lists. */
#ifndef IO_SERVER_PRIVATE_H
#define IO_SERVER_PRIVATE_H

#include "base/buf.h"
#include "io/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define SERVER_ARENA_BYTES_MAX ((size_t) 256 << 20) /* what a handler may make for one reply */
#define KEY_CHAINS 64

enum phase { PHASE_IDLE, PHASE_READING, PHASE_WORKING, PHASE_SENDING };
struct connection {
	TAILQ_ENTRY(connection) link;
	int fd;
	enum phase phase;
	int64_t since_ns; /* of the phase */
	bool dropped;
};
TAILQ_HEAD(connection_list, connection);

/* One request and its reply: from the first line read to the last byte sent. */
struct exchange {
	struct server *server;
	struct connection *connection;
	char *target;
	bool begun, busy;
	struct buf body;
	size_t discarded, held_bytes; /* held: its part of the server's */
	bool no_room;                 /* for its body */
	struct arena arena;
	struct server_request request;
	struct server_reply reply;
	/* the pool's */
	TAILQ_ENTRY(exchange) link, key_link; /* ready or parked; parked by key */
	bool asked;
	int64_t begun_ns, due_ns;
};
TAILQ_HEAD(exchange_list, exchange);

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work, timer, here; /* workers; the timer; requests parked on a thread of their own */
	struct exchange_list ready, parked /* in the order they are due */, by_key[KEY_CHAINS];
	int new_count;  /* of the ready ones: never asked before */
	int64_t woken_ns[KEY_CHAINS];
	uint64_t wakes; /* calls of server_wake() */
	bool late;      /* the wait of server_close() is over: what is not begun is refused */
	bool ended, timer_runs;
	pthread_t *thread, timer_thread;
	size_t threads;
};

struct server {
	struct server_options options;
	struct MHD_Daemon *daemon;
	int port, quiet_fd; /* the listening socket after server_stop(), else -1 */
	atomic_int busy;    /* requests that are with the handler or being answered */
	atomic_bool stopping;
	atomic_size_t held_bytes;
	struct pool pool;
	pthread_mutex_t connections_lock;
	struct connection_list connections;
	int connection_count, connection_peak;
};

/* --- server.c */

/* Makes the reply a 503 that tells when to come again. */
void server_refuse(struct server_reply *reply, const char *why);

/* --- server_pool.c */

MUST_USE enum rc pool_start(struct server *s, struct err *err);
/* Requests that are not begun are refused, the running ones end, all are resumed; the threads end. */
void pool_end(struct server *s);
void pool_done(struct server *s); /* after the library's threads */
/* Ends the parking. */
void pool_stop_parking(struct server *s);
/* On the library's thread: suspends the connection and hands the request to the workers, who resume it with the reply in it.  False
 * when it is refused, with that reply in it. */
MUST_USE bool pool_take(struct exchange *x);
/* Without workers: asks on this thread, and parks on it. */
void pool_ask_here(struct exchange *x);

/* --- server_connection.c */

/* `literal` NULL: 127.0.0.1. */
MUST_USE enum rc connection_listen(const struct server_options *options, int *out_fd, int *out_port, struct err *err);
/* How many connections the limit of open files allows, at most connections_max. */
int connection_room(const struct server_options *options);
enum MHD_Result connection_accept(void *server, const struct sockaddr *peer, socklen_t peer_bytes);
void connection_notify(void *server, struct MHD_Connection *c, void **inout_connection, enum MHD_ConnectionNotificationCode what);
struct connection *connection_of(struct MHD_Connection *c);
void connection_phase(struct server *s, struct connection *connection, enum phase phase);
/* Has the client closed its side, or the connection broken? */
bool connection_gone(const struct connection *connection);
/* Drops those that are in a phase for longer than it may take. */
void connection_sweep(struct server *s, int64_t now_ns);

#endif
