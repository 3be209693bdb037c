/* Connections: where they come from, how many, and how long each may take. */
#include "io/server_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_BESIDE 128 /* open files of this process that are no connections */
#define MANY 1000        /* connections whose memory is worth giving back */
#define NS_PER_S INT64_C(1000000000)
/* A machine that has gone says nothing: TCP asks after KEEP_IDLE_S, every KEEP_INTERVAL_S, KEEP_COUNT times; bytes that nobody
 * confirms are given up after USER_TIMEOUT_MS. */
#define KEEP_IDLE_S 30
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 3
#define USER_TIMEOUT_MS 60000

static enum rc find_address(const struct server_options *o, struct addrinfo **out, struct err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	if (getaddrinfo(o->address ? o->address : "127.0.0.1", NULL, &hints, out) == 0)
		return RC_OK;
	return err_set(err, RC_FATAL, "%s: address '%.100s': want an IPv4 or IPv6 address, such as 127.0.0.1, 0.0.0.0 or ::", o->what,
	               o->address);
}

static in_port_t *port_of(struct sockaddr_storage *at)
{
	return at->ss_family == AF_INET6 ? &((struct sockaddr_in6 *) at)->sin6_port : &((struct sockaddr_in *) at)->sin_port;
}

enum rc connection_listen(const struct server_options *o, int *out_fd, int *out_port, struct err *err)
{
	struct addrinfo *found;
	struct sockaddr_storage at = { 0 };
	socklen_t at_bytes = sizeof at;
	int yes = 1;
	TRY(find_address(o, &found, err));
	socklen_t bind_bytes = found->ai_addrlen;
	memcpy(&at, found->ai_addr, bind_bytes);
	freeaddrinfo(found);
	*port_of(&at) = htons((uint16_t) o->port);
	int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "%s: socket", o->what);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 && bind(fd, (struct sockaddr *) &at, bind_bytes) == 0 &&
	    listen(fd, SOMAXCONN) == 0 && getsockname(fd, (struct sockaddr *) &at, &at_bytes) == 0) {
		*out_fd = fd;
		*out_port = ntohs(*port_of(&at));
		return RC_OK;
	}
	int why = errno;
	const char *address = o->address ? o->address : "127.0.0.1";
	(void) close(fd);
	if (why == EADDRINUSE)
		return err_set(err, RC_FATAL, "%s: port %d of %s is taken: choose another one, 0 for any", o->what, o->port, address);
	(void) err_errno(err, why, "%s: port %d of %s", o->what, o->port, address);
	return RC_FATAL;
}

int connection_room(const struct server_options *o)
{
	struct rlimit files;
	rlim_t wanted = (rlim_t) o->connections_max + FILES_BESIDE;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
		return o->connections_max;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		(void) getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur >= wanted)
		return o->connections_max;
	int room = files.rlim_cur > 2 * FILES_BESIDE ? (int) files.rlim_cur - FILES_BESIDE : FILES_BESIDE;
	room = room < o->connections_max ? room : o->connections_max;
	log_warn(o->what, "%d connections at most, not %d: this process may open %llu files (ulimit -n)", room, o->connections_max,
	         (unsigned long long) files.rlim_cur);
	return room;
}

enum MHD_Result connection_accept(void *server, const struct sockaddr *peer UNUSED, socklen_t peer_bytes UNUSED)
{
	struct server *s = server;
	return server_connections(s) < s->options.connections_max ? MHD_YES : MHD_NO;
}

/* A failure is harmless: then a dead client is found later. */
static void watch_over(int fd)
{
	const struct {
		int level, name, value;
	} set[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS },
	};
	for (size_t i = 0; i < COUNT_OF(set); i++)
		(void) setsockopt(fd, set[i].level, set[i].name, &set[i].value, sizeof set[i].value);
}

/* The library closes the socket after this said CLOSED: an fd in the list is open. */
void connection_notify(void *server, struct MHD_Connection *c, void **inout_connection, enum MHD_ConnectionNotificationCode what)
{
	struct server *s = server;
	struct connection *connection = *inout_connection;
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		connection = mem_alloc(sizeof *connection);
		connection->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		connection->since_ns = clock_mono_ns(clock_system());
		watch_over(connection->fd);
	}
	pthread_mutex_lock(&s->connections_lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		TAILQ_INSERT_TAIL(&s->connections, connection, link);
		s->connection_count++;
	} else {
		TAILQ_REMOVE(&s->connections, connection, link);
		s->connection_count--;
	}
	pthread_mutex_unlock(&s->connections_lock);
	if (what != MHD_CONNECTION_NOTIFY_STARTED)
		mem_free(TAKE(connection));
	*inout_connection = connection;
}

struct connection *connection_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

int server_connections(struct server *s)
{
	pthread_mutex_lock(&s->connections_lock);
	int count = s->connection_count;
	pthread_mutex_unlock(&s->connections_lock);
	return count;
}

void connection_phase(struct server *s, struct connection *connection, enum phase phase)
{
	int64_t now_ns = clock_mono_ns(clock_system());
	pthread_mutex_lock(&s->connections_lock);
	connection->phase = phase;
	connection->since_ns = now_ns;
	pthread_mutex_unlock(&s->connections_lock);
}

bool connection_gone(const struct connection *connection)
{
	struct pollfd p = { .fd = connection->fd, .events = POLLRDHUP };
	return poll(&p, 1, 0) > 0;
}

static bool is_late(const struct server_options *o, const struct connection *connection, int64_t now_ns)
{
	int64_t took_s = (now_ns - connection->since_ns) / NS_PER_S;
	switch (connection->phase) {
	case PHASE_IDLE:
		return took_s >= o->idle_timeout_s;
	case PHASE_READING:
	case PHASE_SENDING:
		return took_s >= o->transfer_timeout_s;
	default:
		return false;
	}
}

/* After a crowd has left: its small blocks lie between others, and the allocator keeps them unless it is told. */
static bool has_emptied(struct server *s)
{
	bool emptied = s->connection_peak >= MANY && s->connection_count < s->connection_peak / 4;
	if (emptied || s->connection_count > s->connection_peak)
		s->connection_peak = s->connection_count;
	return emptied;
}

void connection_sweep(struct server *s, int64_t now_ns)
{
	struct connection *connection;
	pthread_mutex_lock(&s->connections_lock);
	TAILQ_FOREACH(connection, &s->connections, link) {
		if (connection->dropped || !is_late(&s->options, connection, now_ns))
			continue;
		/* The library sees the end of the stream, and closes. */
		connection->dropped = true;
		(void) shutdown(connection->fd, SHUT_RDWR);
	}
	bool emptied = has_emptied(s);
	pthread_mutex_unlock(&s->connections_lock);
	if (emptied)
		(void) malloc_trim(0);
}
