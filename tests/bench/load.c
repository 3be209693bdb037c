/* load - clients that ask a Pub/Sub REST service as fast as it answers, for tests/bench/serve.sh.
 *
 * usage: load PORT publish BATCH CLIENTS SECONDS   to projects/sargam/topics/load, messages of 100 bytes
 *        load PORT drain BATCH CLIENTS             pull and acknowledge projects/sargam/subscriptions/load until it is empty
 *        load PORT look CLIENTS SECONDS            pull the same subscription, which is empty
 *        load PORT wait SECONDS                    one client waits in pulls while another publishes, a message every 5 ms: how
 *                                                  long each is on its way, from before the publish to the end of the pull
 *        load PORT push SECONDS                    the same to an endpoint of ours, by a push subscription made for it
 *        load PORT get CLIENTS SECONDS             GET projects/sargam/topics/load
 *        load PORT nats-publish BATCH CLIENTS SECONDS   the same as publish to a stream of NATS, which is made when it is missing
 *        load PORT nats-drain BATCH CLIENTS             as drain, from that stream; NATS does not answer acknowledgements
 *        load PORT idle COUNT                      so many connections, one request each, held until standard input ends
 *        load FILE disk SECONDS                    append 100 bytes and fdatasync, one after the other
 *
 * Prints one line: items a second (messages or requests), then p50 and p99 of a request in ms; "idle" says "ready".  A client is a
 * thread with a connection of its own; any answer but 200 ends the program with 1. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "io/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BYTES_MAX ((size_t) 32 << 20)
#define REQUEST_BYTES_MAX ((size_t) 16 << 20)
#define SAMPLES_MAX 200000 /* of a client */
#define PAUSE_MS 5
#define DATA "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define BASE "/v1/projects/sargam/"

struct client {
	int fd;
	struct buf reply;
	int64_t items, samples;
	int64_t *took_ns;
};
struct load {
	int port, batch;
	const char *what;
	int64_t until_ns;
	_Atomic int64_t last_ns; /* when the last item came; 0: the end of the clients is the end */
	struct client *client;
};

static int64_t now_ns(void)
{
	return clock_mono_ns(clock_system());
}

static int connect_to(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *) &at, sizeof at) != 0) {
		(void) fprintf(stderr, "load: port %d: %s\n", port, strerror(errno));
		exit(1);
	}
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	return fd;
}

static bool send_all(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes = slice_sub(bytes, (size_t) n, bytes.len - (size_t) n);
	}
	return true;
}

/* Where the body begins and how long it is, once the head is there. */
static bool read_head(struct slice got, size_t *out_body, size_t *out_length)
{
	static const char name[] = "\r\ncontent-length:";
	size_t end = slice_find_str(got, SLICE("\r\n\r\n"));
	int64_t length = 0;
	if (end == SIZE_MAX)
		return false;
	for (size_t at = 0; at + sizeof name < end; at++)
		if (strncasecmp(got.ptr + at, name, sizeof name - 1) == 0) {
			struct slice value = slice_sub(got, at + sizeof name - 1, got.len - at - sizeof name + 1);
			if (!slice_to_int(slice_trim(slice_sub(value, 0, slice_find(value, '\r', 0))), &length))
				return false;
		}
	*out_body = end + 4;
	*out_length = (size_t) length;
	return true;
}

/* The body of a 200; else it says what came and fails. */
static enum rc read_reply(struct client *c, struct slice *out, struct err *err)
{
	size_t body = 0, length = 0;
	bool headed = false;
	buf_reset(&c->reply);
	while (!headed || c->reply.len < body + length) {
		char *at = buf_reserve(&c->reply, 65536);
		ssize_t n = at ? recv(c->fd, at, 65536, 0) : -1;
		if (n <= 0)
			return err_set(err, RC_FATAL, "the connection ended");
		c->reply.len += (size_t) n;
		headed = headed || read_head(buf_slice(&c->reply), &body, &length);
	}
	*out = slice_sub(buf_slice(&c->reply), body, length);
	if (strncmp(c->reply.ptr + 9, "200", 3) != 0)
		return err_set(err, RC_FATAL, "%.12s: %.*s", c->reply.ptr, (int) (out->len < 300 ? out->len : 300), out->ptr);
	return RC_OK;
}

static enum rc ask(struct client *c, const char *method, const char *path, struct slice body, struct slice *out, struct err *err)
{
	char head[300];
	int64_t begin_ns = now_ns();
	(void) snprintf(head, sizeof head, "%s " BASE "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	                method, path, body.len);
	if (!send_all(c->fd, slice_of(head)) || !send_all(c->fd, body))
		return err_set(err, RC_FATAL, "the connection ended");
	TRY(read_reply(c, out, err));
	if (c->samples < SAMPLES_MAX)
		c->took_ns[c->samples++] = now_ns() - begin_ns;
	return RC_OK;
}

static enum rc publish(struct load *l, struct client *c, struct err *err)
{
	CLEANUP(buf_done) struct buf body = buf_new(REQUEST_BYTES_MAX);
	struct slice got;
	buf_adds(&body, "{\"messages\":[");
	for (int i = 0; i < l->batch; i++)
		buf_addf(&body, "%s{\"data\":\"" DATA "\"}", i ? "," : "");
	buf_adds(&body, "]}");
	for (; now_ns() < l->until_ns; c->items += l->batch)
		TRY(ask(c, "POST", "topics/load:publish", buf_slice(&body), &got, err));
	return RC_OK;
}

/* The ids as they stand in the answer, strings of JSON; their number. */
static int collect_ack_ids(struct slice got, struct buf *out)
{
	int count = 0;
	const struct slice mark = SLICE("\"ackId\"");
	buf_reset(out);
	buf_adds(out, "{\"ackIds\":[");
	for (size_t at; (at = slice_find_str(got, mark)) != SIZE_MAX; count++) {
		size_t from = slice_find(got, '"', at + mark.len), to = slice_find(got, '"', from + 1);
		buf_adds(out, count ? "," : "");
		buf_add(out, slice_sub(got, from, to + 1 - from));
		got = slice_sub(got, to, got.len - to);
	}
	buf_adds(out, "]}");
	return count;
}

static enum rc drain(struct load *l, struct client *c, struct err *err)
{
	CLEANUP(buf_done) struct buf ids = buf_new(REQUEST_BYTES_MAX);
	char pull[100];
	struct slice got;
	(void) snprintf(pull, sizeof pull, "{\"maxMessages\":%d,\"returnImmediately\":true}", l->batch);
	for (;;) {
		TRY(ask(c, "POST", "subscriptions/load:pull", slice_of(pull), &got, err));
		int count = collect_ack_ids(got, &ids);
		if (!count)
			return RC_OK;
		TRY(ask(c, "POST", "subscriptions/load:acknowledge", buf_slice(&ids), &got, err));
		c->items += count;
	}
}

static enum rc look(struct load *l, struct client *c, struct err *err)
{
	struct slice got;
	for (; now_ns() < l->until_ns; c->items++)
		TRY(ask(c, "POST", "subscriptions/load:pull", SLICE("{\"maxMessages\":100,\"returnImmediately\":true}"), &got, err));
	return RC_OK;
}

/* --- messages on their way: each carries the time it was sent at */

/* The last one when the time is over: it ends the other's wait. */
static enum rc send_stamped(struct load *l, struct client *c, struct err *err)
{
	char body[100];
	struct slice got;
	for (bool over = false; !over; clock_sleep_ms(clock_system(), PAUSE_MS)) {
		over = now_ns() >= l->until_ns;
		(void) snprintf(body, sizeof body, "{\"messages\":[{\"attributes\":{\"at\":\"%lld\"}}]}", (long long) now_ns());
		TRY(ask(c, "POST", "topics/load:publish", slice_of(body), &got, err));
	}
	c->samples = 0; /* its own requests are not what is measured */
	return RC_OK;
}

/* From a pull's answer, or a push. */
static void take_stamps(struct client *c, struct slice got)
{
	const struct slice mark = SLICE("\"at\"");
	int64_t at_ns, now = now_ns();
	for (size_t at; (at = slice_find_str(got, mark)) != SIZE_MAX; c->items++) {
		got = slice_sub(got, at + mark.len, got.len - at - mark.len);
		size_t from = slice_find(got, '"', 0), to = slice_find(got, '"', from + 1);
		if (to < got.len && slice_to_int(slice_sub(got, from + 1, to - from - 1), &at_ns) && c->samples < SAMPLES_MAX)
			c->took_ns[c->samples++] = now - at_ns;
	}
}

/* Client 0 publishes. */
static enum rc wait_for_stamped(struct load *l, struct client *c, struct err *err)
{
	CLEANUP(buf_done) struct buf ids = buf_new(REQUEST_BYTES_MAX);
	struct slice got;
	if (c == l->client)
		return send_stamped(l, c, err);
	while (now_ns() < l->until_ns) {
		int64_t samples = c->samples;
		TRY(ask(c, "POST", "subscriptions/load:pull", SLICE("{\"maxMessages\":100}"), &got, err));
		c->samples = samples;
		take_stamps(c, got);
		samples = c->samples;
		if (collect_ack_ids(got, &ids))
			TRY(ask(c, "POST", "subscriptions/load:acknowledge", buf_slice(&ids), &got, err));
		c->samples = samples;
	}
	return RC_OK;
}

static enum rc get(struct load *l, struct client *c, struct err *err)
{
	struct slice got;
	for (; now_ns() < l->until_ns; c->items++)
		TRY(ask(c, "GET", "topics/load", SLICE(""), &got, err));
	return RC_OK;
}

/* --- NATS (docs.nats.io/reference/reference-protocols/nats-protocol, …/nats_api_reference for its streams) */

struct nats {
	int fd;
	struct buf *in; /* what has come; up to `at` it is taken */
	size_t at;
	char inbox[32]; /* answers come here */
};
struct nats_message { /* good until the next one is asked for */
	struct slice reply, payload;
	bool is_status; /* none, but a word about the request */
};
#define NATS_WORDS_MAX 6

static enum rc nats_fill(struct nats *n, struct err *err)
{
	if (n->at) {
		memmove(n->in->ptr, n->in->ptr + n->at, n->in->len - n->at);
		n->in->len -= n->at;
		n->at = 0;
	}
	char *to = buf_reserve(n->in, 65536);
	ssize_t got = to ? recv(n->fd, to, 65536, 0) : -1;
	if (got <= 0)
		return err_set(err, RC_FATAL, "the connection ended");
	n->in->len += (size_t) got;
	return RC_OK;
}

static size_t words_of(struct slice line, struct slice word[static NATS_WORDS_MAX])
{
	size_t count = 0;
	for (size_t at = 0, end; at < line.len && count < NATS_WORDS_MAX; at = end + 1) {
		end = slice_find(line, ' ', at);
		word[count++] = slice_sub(line, at, end - at);
	}
	return count;
}

static enum rc nats_next(struct nats *n, struct nats_message *out, struct err *err)
{
	for (;;) {
		struct slice rest = slice_sub(buf_slice(n->in), n->at, n->in->len - n->at), word[NATS_WORDS_MAX];
		size_t end = slice_find_str(rest, SLICE("\r\n"));
		if (end == SIZE_MAX) {
			TRY(nats_fill(n, err));
			continue;
		}
		struct slice line = slice_sub(rest, 0, end);
		size_t words = words_of(line, word), fixed = slice_is(word[0], "HMSG") ? 5 : 4;
		if (slice_starts(line, SLICE("-ERR")))
			return err_set(err, RC_FATAL, "%.*s", SLICE_FMT(line));
		if (!slice_is(word[0], "MSG") && fixed == 4) {
			n->at += end + 2;
			if (slice_is(line, "PING") && !send_all(n->fd, SLICE("PONG\r\n")))
				return err_set(err, RC_FATAL, "the connection ended");
			continue;
		}
		int64_t bytes;
		if (!slice_to_int(word[words - 1], &bytes))
			return err_set(err, RC_FATAL, "%.*s", SLICE_FMT(line));
		if (rest.len < end + 4 + (size_t) bytes) {
			TRY(nats_fill(n, err));
			continue;
		}
		*out = (struct nats_message){ words > fixed ? word[3] : SLICE_NULL, slice_sub(rest, end + 2, (size_t) bytes), fixed == 5 };
		n->at += end + 4 + (size_t) bytes;
		return RC_OK;
	}
}

static void nats_add(struct nats *n, const char *subject, struct slice body, struct buf *out)
{
	buf_addf(out, "PUB %s %s %zu\r\n%.*s\r\n", subject, n->inbox, body.len, SLICE_FMT(body));
}

static enum rc nats_send(struct nats *n, struct slice bytes, struct err *err)
{
	return send_all(n->fd, bytes) ? RC_OK : err_set(err, RC_FATAL, "the connection ended");
}

/* What is there already is no error. */
static enum rc nats_make(struct nats *n, const char *subject, const char *body, struct err *err)
{
	CLEANUP(buf_done) struct buf request = buf_new(REQUEST_BYTES_MAX);
	struct nats_message m;
	nats_add(n, subject, slice_of(body), &request);
	TRY(nats_send(n, buf_slice(&request), err));
	TRY(nats_next(n, &m, err));
	bool made = !m.is_status && slice_find_str(m.payload, SLICE("\"error\"")) == SIZE_MAX;
	return made ? RC_OK : err_set(err, RC_FATAL, "%s: %.*s", subject, SLICE_FMT(m.payload));
}

static enum rc nats_begin(struct load *l, struct client *c, struct nats *out, struct err *err)
{
	char hello[200];
	*out = (struct nats){ .fd = c->fd, .in = &c->reply };
	(void) snprintf(out->inbox, sizeof out->inbox, "_INBOX.%d", (int) (c - l->client));
	(void) snprintf(hello, sizeof hello, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\nSUB %s 1\r\n",
	                out->inbox);
	TRY(nats_send(out, slice_of(hello), err));
	return nats_make(out, "$JS.API.STREAM.CREATE.load", "{\"name\":\"load\",\"subjects\":[\"load\"],\"storage\":\"file\"}", err);
}

static enum rc nats_publish(struct load *l, struct client *c, struct err *err)
{
	CLEANUP(buf_done) struct buf batch = buf_new(REQUEST_BYTES_MAX);
	struct nats n;
	TRY(nats_begin(l, c, &n, err));
	for (int i = 0; i < l->batch; i++)
		nats_add(&n, "load", slice_sub(SLICE(DATA), 0, 100), &batch);
	for (; now_ns() < l->until_ns; c->items += l->batch) {
		int64_t begin_ns = now_ns();
		TRY(nats_send(&n, buf_slice(&batch), err));
		for (int i = 0; i < l->batch; i++) {
			struct nats_message m;
			TRY(nats_next(&n, &m, err));
			if (slice_find_str(m.payload, SLICE("\"seq\"")) == SIZE_MAX)
				return err_set(err, RC_FATAL, "%.*s", SLICE_FMT(m.payload));
		}
		if (c->samples < SAMPLES_MAX)
			c->took_ns[c->samples++] = now_ns() - begin_ns;
	}
	return RC_OK;
}

static enum rc nats_drain(struct load *l, struct client *c, struct err *err)
{
	CLEANUP(buf_done) struct buf acks = buf_new(REQUEST_BYTES_MAX), pull = buf_new(REQUEST_BYTES_MAX);
	struct nats n;
	char body[100];
	TRY(nats_begin(l, c, &n, err));
	TRY(nats_make(&n, "$JS.API.CONSUMER.DURABLE.CREATE.load.c",
	              "{\"stream_name\":\"load\",\"config\":{\"durable_name\":\"c\",\"ack_policy\":\"explicit\",\"max_ack_pending\":100000}}", err));
	(void) snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":1000000000}", l->batch);
	nats_add(&n, "$JS.API.CONSUMER.MSG.NEXT.load.c", slice_of(body), &pull);
	for (bool more = true; more;) {
		int64_t begin_ns = now_ns();
		int count = 0;
		TRY(nats_send(&n, buf_slice(&pull), err));
		buf_reset(&acks);
		while (count < l->batch && more) {
			struct nats_message m;
			TRY(nats_next(&n, &m, err));
			more = !m.is_status; /* a second has gone by without another one */
			if (!more)
				break;
			buf_addf(&acks, "PUB %.*s 4\r\n+ACK\r\n", SLICE_FMT(m.reply));
			l->last_ns = now_ns();
			count++;
		}
		TRY(nats_send(&n, buf_slice(&acks), err));
		c->items += count;
		if (more && c->samples < SAMPLES_MAX)
			c->took_ns[c->samples++] = now_ns() - begin_ns;
	}
	return RC_OK;
}

static enum rc run_client(void *ctx, size_t i, struct err *err)
{
	struct load *l = ctx;
	struct client *c = &l->client[i];
	static const struct {
		const char *what;
		enum rc (*run)(struct load *, struct client *, struct err *);
	} does[] = { { "publish", publish }, { "drain", drain }, { "look", look }, { "wait", wait_for_stamped }, { "get", get },
		      { "nats-publish", nats_publish }, { "nats-drain", nats_drain } };
	for (size_t k = 0; k < COUNT_OF(does); k++)
		if (strcmp(l->what, does[k].what) == 0)
			return does[k].run(l, c, err);
	return err_set(err, RC_FATAL, "no such thing to do");
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
	return (x > y) - (x < y);
}

static void print_figures(int64_t items, int64_t took_ns, int64_t *sample, size_t count)
{
	qsort(sample, count, sizeof *sample, compare);
	(void) printf("%.0f %.2f %.2f\n", (double) items * 1e9 / (double) took_ns, count ? (double) sample[count / 2] / 1e6 : 0,
	              count ? (double) sample[count * 99 / 100] / 1e6 : 0);
}

/* --- an endpoint for pushes */

struct endpoint {
	pthread_mutex_t lock;
	struct client taken;
};

static void take_push(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct endpoint *e = ctx;
	(void) pthread_mutex_lock(&e->lock);
	take_stamps(&e->taken, rq->body);
	(void) pthread_mutex_unlock(&e->lock);
	reply->status = 204;
}

static enum rc push(int port, int seconds, struct endpoint *e, int endpoint_port, struct err *err)
{
	struct load l = { 0 };
	struct client c = { .fd = connect_to(port), .reply = buf_new(REPLY_BYTES_MAX), .took_ns = mem_alloc_array(SAMPLES_MAX, sizeof(int64_t)) };
	char made[300];
	struct slice got;
	(void) snprintf(made, sizeof made, "{\"topic\":\"projects/sargam/topics/load\",\"pushConfig\":{\"pushEndpoint\":\"http://127.0.0.1:%d/push\"}}",
	                endpoint_port);
	TRY(ask(&c, "PUT", "subscriptions/pushed", slice_of(made), &got, err));
	clock_sleep_ms(clock_system(), 1500); /* the deliverer has seen it */
	l.until_ns = now_ns() + seconds * INT64_C(1000000000);
	TRY(send_stamped(&l, &c, err));
	clock_sleep_ms(clock_system(), 1000);
	TRY(ask(&c, "DELETE", "subscriptions/pushed", SLICE(""), &got, err));
	(void) pthread_mutex_lock(&e->lock);
	print_figures(e->taken.items, seconds * INT64_C(1000000000), e->taken.took_ns, (size_t) e->taken.samples);
	(void) pthread_mutex_unlock(&e->lock);
	buf_done(&c.reply);
	mem_free(c.took_ns);
	(void) close(c.fd);
	return RC_OK;
}

static int run_push(int port, int seconds)
{
	struct endpoint e = { .lock = PTHREAD_MUTEX_INITIALIZER, .taken.took_ns = mem_alloc_array(SAMPLES_MAX, sizeof(int64_t)) };
	struct server_options options = { .what = "load", .connections_max = 1000, .body_limit_bytes = 1 << 20, .head_limit_bytes = 1 << 16,
		                          .idle_timeout_s = 60, .handle = take_push, .ctx = &e };
	struct server *server = NULL;
	struct err err = { 0 };
	enum rc rc = server_open(&options, &server, &err);
	if (rc == RC_OK)
		rc = push(port, seconds, &e, server_port(server), &err);
	server_close(server);
	mem_free(e.taken.took_ns);
	if (rc == RC_OK)
		return 0;
	(void) fprintf(stderr, "load: push: %s\n", err.msg);
	return 1;
}

static int run(struct load *l, size_t clients, int seconds)
{
	CLEANUP(mem_freep) int64_t *all = mem_alloc_array(clients * SAMPLES_MAX, sizeof *all);
	struct err err = { 0 };
	int64_t items = 0;
	size_t count = 0;
	l->client = mem_alloc_array(clients, sizeof *l->client);
	for (size_t i = 0; i < clients; i++)
		l->client[i] = (struct client){ .fd = connect_to(l->port),
			                         .reply = buf_new(REPLY_BYTES_MAX),
			                         .took_ns = mem_alloc_array(SAMPLES_MAX, sizeof(int64_t)) };
	int64_t begin_ns = now_ns();
	l->until_ns = begin_ns + seconds * INT64_C(1000000000);
	if (thread_each(clients, (int) clients, run_client, l, &err) != RC_OK) {
		(void) fprintf(stderr, "load: %s: %s\n", l->what, err.msg);
		return 1;
	}
	int64_t took_ns = (l->last_ns ? l->last_ns : now_ns()) - begin_ns;
	for (size_t i = 0; i < clients; i++) {
		struct client *c = &l->client[i];
		memcpy(all + count, c->took_ns, (size_t) c->samples * sizeof *all);
		count += (size_t) c->samples;
		items += c->items;
		buf_done(&c->reply);
		mem_free(c->took_ns);
		(void) close(c->fd);
	}
	mem_free(l->client);
	print_figures(items, took_ns, all, count);
	return 0;
}

static int idle(int port, int count)
{
	struct rlimit files;
	struct err err = { 0 };
	struct slice got;
	(void) getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	(void) setrlimit(RLIMIT_NOFILE, &files);
	struct client c = { .reply = buf_new(REPLY_BYTES_MAX), .took_ns = mem_alloc_array(SAMPLES_MAX, sizeof(int64_t)) };
	for (int i = 0; i < count; i++) {
		c.fd = connect_to(port);
		if (ask(&c, "GET", "topics/load", SLICE(""), &got, &err) != RC_OK) {
			(void) fprintf(stderr, "load: connection %d: %s\n", i, err.msg);
			return 1;
		}
	}
	(void) puts("ready");
	(void) fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

static int disk(const char *path, int seconds)
{
	static char record[100];
	int64_t *sample = mem_alloc_array(SAMPLES_MAX, sizeof *sample), begin_ns = now_ns();
	size_t count = 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	while (count < SAMPLES_MAX && now_ns() - begin_ns < seconds * INT64_C(1000000000)) {
		int64_t from_ns = now_ns();
		if (write(fd, record, sizeof record) != (ssize_t) sizeof record || fdatasync(fd) != 0) {
			(void) fprintf(stderr, "load: %s: %s\n", path, strerror(errno));
			return 1;
		}
		sample[count++] = now_ns() - from_ns;
	}
	(void) close(fd);
	print_figures((int64_t) count, now_ns() - begin_ns, sample, count);
	mem_free(sample);
	return 0;
}

static int number(int argc, char **argv, int i)
{
	int64_t n = 0;
	if (i >= argc || !slice_to_int(slice_of(argv[i]), &n) || n < 0 || n > 100000) {
		(void) fprintf(stderr, "load: argument %d: want a number from 0 to 100000\n", i);
		exit(2);
	}
	return (int) n;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	struct load l = { .what = what };
	if (strcmp(what, "disk") == 0)
		return disk(argv[1], number(argc, argv, 3));
	l.port = number(argc, argv, 1);
	if (strcmp(what, "idle") == 0)
		return idle(l.port, number(argc, argv, 3));
	if (strcmp(what, "get") == 0 || strcmp(what, "look") == 0)
		return run(&l, (size_t) number(argc, argv, 3), number(argc, argv, 4));
	if (strcmp(what, "push") == 0)
		return run_push(l.port, number(argc, argv, 3));
	if (strcmp(what, "wait") == 0)
		return run(&l, 2, number(argc, argv, 3));
	l.batch = number(argc, argv, 3);
	if (strcmp(what, "publish") == 0 || strcmp(what, "nats-publish") == 0)
		return run(&l, (size_t) number(argc, argv, 4), number(argc, argv, 5));
	if (strcmp(what, "drain") == 0 || strcmp(what, "nats-drain") == 0)
		return run(&l, (size_t) number(argc, argv, 4), 0);
	(void) fprintf(stderr, "load: publish, drain, look, wait, push, get, nats-publish, nats-drain, idle or disk\n");
	return 2;
}
