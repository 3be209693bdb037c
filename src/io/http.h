/* HTTP client: the only home of curl.h.
 *
 * One handle is one connection pool (keep-alive, HTTP/2 over TLS, compressed bodies) for one request at a time; a handle
 * belongs to one thread at a time.  Certificates are checked.  Redirects are not followed: a token goes where it was meant to.
 *
 * RC_OK means that an answer came whole, whatever its status: what a status means is the caller's trade (the vendor's folder).
 * RC_RETRY: no answer, or one that broke off (name not found, refused, reset, timed out, cut short).  RC_REJECT: the body is
 * over the limit.  RC_FATAL: the URL is none, a header cannot be sent, or the peer's certificate is not good.  Messages name the
 * host and the path, never a header's value, a query or a body: those hold secrets. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "base/arena.h"

struct http_options {
	int64_t connect_timeout_ms; /* until the connection stands */
	int64_t timeout_ms;         /* until the answer is whole */
	size_t body_limit_bytes;    /* of an answer, decompressed */
	const char *user_agent;
	const atomic_bool *stop; /* when it becomes true the request under way ends (RC_RETRY); may be NULL */
};
struct http;
MUST_USE enum rc http_open(const struct http_options *options, struct http **out, struct err *err);
void http_close(struct http *h);
static inline void http_closep(struct http **h)
{
	http_close(*h);
	*h = NULL;
}

struct http_header {
	struct slice name, value;
};
struct http_request {
	const char *method; /* "GET", "POST", … */
	const char *url;
	const struct http_header *header; /* Accept-Encoding and User-Agent are set by the handle */
	size_t header_count;
	struct slice body;
	int64_t timeout_ms;  /* 0: the handle's */
	bool discard_answer; /* its body is thrown away as it comes, of whatever length */
	/* A kept connection that the peer has closed is found when a request was written to it; the request is then sent again on a
	 * new one, though the peer may have done it.  `once`: not again, RC_RETRY instead. */
	bool once;
	bool direct;         /* never by a proxy of the environment */
	bool secret_answer;  /* this client's copy of its body is wiped (headers that are sent always are); room is taken at once */
};
struct http_response {
	int status;
	struct slice body;          /* decompressed; owned by the arena */
	struct http_header *header; /* of the last answer, in its order */
	size_t header_count;
	int64_t elapsed_ms;
	int sends; /* how often it went on its way, also when no answer came; 0: the peer has surely seen nothing of it */
};
/* The arena must have room for the body; its limit is checked too. */
MUST_USE enum rc http_send(struct http *h, const struct http_request *request, struct arena *arena, struct http_response *out,
                           struct err *err);
/* Names are compared without case; SLICE_NULL when absent. */
struct slice http_response_header(const struct http_response *response, const char *name);

/* "a b&c" as "a%20b%26c", and back ('+' is a space when `form`). */
struct slice http_escape(struct slice s, struct arena *arena);
struct slice http_unescape(struct slice s, bool form, struct arena *arena);

/* A moment as headers write it ("Wed, 21 Oct 2026 07:28:00 GMT"), in the three forms of RFC 9110. */
MUST_USE bool http_parse_date(struct slice s, int64_t *out_unix_s);
/* What stands between "://" and the path, or before the path when there is no "://". */
struct slice http_authority(struct slice url);
/* Leads this URL, of whatever scheme, to this machine's own loopback, and without user:password@ before the host? */
bool http_is_loopback(struct slice url);
/* May a secret be sent there?  https, or http to this machine's loopback; printable ASCII, no white space, no backslash and no
 * user:password@, which one program reads as one host and another as another. */
bool http_is_safe_url(struct slice url);

#endif
