#include "support/wire.h"

#include "base/buf.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BYTES_MAX ((size_t) 64 << 20)

int wire_connect(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t) port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = WIRE_TIMEOUT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	if (connect(fd, (struct sockaddr *) &at, sizeof at) != 0)
		fail_msg("cannot connect to port %d", port);
	return fd;
}

bool wire_send(int fd, struct slice bytes)
{
	while (bytes.len) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes = slice_sub(bytes, (size_t) n, bytes.len - (size_t) n);
	}
	return true;
}

struct slice wire_header(const struct wire_reply *reply, const char *name)
{
	size_t name_len = strlen(name);
	for (size_t at = slice_find(reply->head, '\n', 0) + 1; at < reply->head.len;) {
		size_t end = slice_find(reply->head, '\n', at);
		struct slice line = slice_sub(reply->head, at, end - at);
		if (line.len > name_len && line.ptr[name_len] == ':' && strncasecmp(line.ptr, name, name_len) == 0)
			return slice_trim(slice_sub(line, name_len + 1, line.len - name_len - 1));
		at = end + 1;
	}
	return SLICE_NULL;
}

/* Where the body begins; 0 while the head is not whole. */
static size_t head_end(struct slice got)
{
	size_t at = slice_find_str(got, SLICE("\r\n\r\n"));
	return at == SIZE_MAX ? 0 : at + 4;
}

static void read_head(struct slice got, size_t end, struct wire_reply *out, size_t *out_wanted)
{
	int64_t status = 0, length = 0;
	out->head = slice_sub(got, 0, end);
	assert_true(end > 16 && slice_to_int(slice_sub(got, slice_find(got, ' ', 0) + 1, 3), &status));
	out->status = (int) status;
	struct slice announced = wire_header(out, "Content-Length");
	if (announced.ptr)
		assert_true(slice_to_int(announced, &length));
	*out_wanted = end + (size_t) length;
}

void wire_read(int fd, struct arena *arena, struct wire_reply *out)
{
	CLEANUP(buf_done) struct buf got = buf_new(REPLY_BYTES_MAX);
	size_t wanted = SIZE_MAX, end = 0;
	*out = (struct wire_reply){ .end = WIRE_WHOLE };
	while (got.len < wanted) {
		/* A head byte by byte, so that nothing of the next response is taken. */
		size_t room = end ? wanted - got.len : 1;
		char *at = buf_reserve(&got, room);
		assert_non_null(at);
		ssize_t n = recv(fd, at, room, 0);
		if (n <= 0) {
			bool reset = n < 0 && errno == ECONNRESET;
			out->end = reset ? WIRE_RESET : n < 0 ? WIRE_TIMEOUT : got.len ? WIRE_CUT : WIRE_NOTHING;
			break;
		}
		got.len += (size_t) n;
		if (end == 0 && (end = head_end(buf_slice(&got))))
			read_head(buf_slice(&got), end, out, &wanted);
	}
	struct slice all = arena_copy(arena, buf_slice(&got));
	out->head = slice_sub(all, 0, end);
	out->body = slice_sub(all, end, all.len - end);
}

void wire_ask(int port, const char *request, struct arena *arena, struct wire_reply *out)
{
	int fd = wire_connect(port);
	wire_send(fd, slice_of(request));
	wire_read(fd, arena, out);
	(void) close(fd);
}
