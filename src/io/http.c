#include "io/http.h"

#include "base/buf.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <pthread.h>
#include <strings.h>

#define HEADERS_BYTES_MAX ((size_t) 64 << 10)
#define HEADERS_MAX 128
#define HOST_BYTES_MAX 255                   /* and its port; a name has at most 253 (RFC 1035) */
#define HEADER_BYTES_MAX ((size_t) 64 << 10) /* of one that is sent */
#define NAME_BYTES 512

struct http {
	CURL *curl;
	struct http_options options;
	char *user_agent;
};

static void global_init(void)
{
	CURLcode rc = curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_wiping_malloc, mem_wiping_free, mem_wiping_realloc, mem_wiping_strdup,
	                                   mem_wiping_calloc); /* headers and forms with tokens go through its buffers */
	assert(rc == CURLE_OK); /* out of memory */
}

enum rc http_open(const struct http_options *options, struct http **out, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void) pthread_once(&once, global_init);
	*out = NULL;
	CURL *curl = curl_easy_init();
	if (!curl)
		return err_set(err, RC_FATAL, "http: the library cannot be initialised");
	struct http *h = mem_alloc(sizeof *h);
	*h = (struct http){ .curl = curl, .options = *options, .user_agent = mem_strdup(options->user_agent) };
	*out = h;
	return RC_OK;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	mem_free(h->user_agent);
	mem_free(h);
}

/* --- one exchange ------------------------------------------------------------------------------------------- */

struct exchange {
	struct http *http;
	struct arena *arena;
	struct buf body;
	struct http_response *out;
	size_t header_bytes;
	int64_t timeout_ms;
	bool discard, once, body_over, head_over;
};

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct exchange *x = ctx;
	if (x->discard)
		return size * count;
	buf_add(&x->body, (struct slice){ data, size * count });
	x->body_over = x->body.over;
	return x->body_over ? 0 : size * count;
}

/* A status line begins a new answer (after "100 Continue", say): only the last one's headers count, but all of them take room. */
static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct exchange *x = ctx;
	struct slice line = { data, size * count };
	size_t colon = slice_find(line, ':', 0);
	if (slice_starts(line, SLICE("HTTP/"))) {
		x->out->header_count = 0;
		return line.len;
	}
	if (colon == line.len)
		return line.len;
	x->header_bytes += line.len;
	x->head_over = x->header_bytes > HEADERS_BYTES_MAX || x->out->header_count == HEADERS_MAX ||
	               !arena_fits(x->arena, line.len + 64);
	if (x->head_over)
		return 0;
	x->out->header[x->out->header_count++] = (struct http_header){
		arena_copy(x->arena, slice_trim(slice_sub(line, 0, colon))),
		arena_copy(x->arena, slice_trim(slice_sub(line, colon + 1, line.len - colon - 1))),
	};
	return line.len;
}

/* A connection stands, the request comes next. */
static int on_connected(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
	struct exchange *x = ctx;
	(void) ip, (void) local_ip, (void) port, (void) local_port;
	if (x->once && x->out->sends > 0)
		return CURL_PREREQFUNC_ABORT;
	x->out->sends++;
	return CURL_PREREQFUNC_OK;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct http *h = ctx;
	(void) a, (void) b, (void) c, (void) d;
	return h->options.stop && *h->options.stop; /* another thread's or a signal's */
}

/* "https://host/path" of a URL: its query may hold a secret, and so may what stands before the '@' of user:password@host. */
static void url_name(const char *url, char out[static NAME_BYTES])
{
	size_t len = strcspn(url, "?#");
	const char *scheme = strstr(url, "://"), *host = scheme && scheme < url + len ? scheme + 3 : url;
	const char *at = memrchr(host, '@', strcspn(host, "/?#"));
	const char *from = at ? at + 1 : url;
	(void) snprintf(out, NAME_BYTES, "%.*s", (int) (len - (size_t) (from - url)), from);
}

static bool is_http(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static enum rc class_of(CURLcode code, const char *url)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL: /* also said of a peer that does not speak HTTP/1 */
		return is_http(url) ? RC_RETRY : RC_FATAL;
	case CURLE_URL_MALFORMAT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CERTPROBLEM:
		return RC_FATAL;
	default:
		return RC_RETRY;
	}
}

static enum rc failed(const struct exchange *x, const char *url, CURLcode code, const char *detail, struct err *err)
{
	char name[NAME_BYTES];
	url_name(url, name);
	if (code == CURLE_ABORTED_BY_CALLBACK && !on_progress(x->http, 0, 0, 0, 0))
		return err_set(err, RC_RETRY, "%s: the connection was closed before an answer came", name);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, RC_RETRY, "%s: stopped", name);
	if (x->body_over)
		return err_set(err, RC_REJECT, "%s: the answer is over the limit of %zu bytes", name, x->body.limit);
	if (x->head_over)
		return err_set(err, RC_REJECT, "%s: the answer's headers are over the limit of %zu bytes", name, HEADERS_BYTES_MAX);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, RC_RETRY, "%s: no whole answer within %lld ms", name, (long long) x->timeout_ms);
	return err_set(err, class_of(code, url), "%s: %s", name, detail[0] ? detail : curl_easy_strerror(code));
}

/* One line, and not two of them. */
static bool can_be_sent(const struct http_header *h)
{
	for (size_t i = 0; i < h->value.len; i++)
		if (h->value.ptr[i] == '\r' || h->value.ptr[i] == '\n' || h->value.ptr[i] == '\0')
			return false;
	return h->name.len + h->value.len <= HEADER_BYTES_MAX;
}

static enum rc check_headers(const struct http_request *rq, struct err *err)
{
	for (size_t i = 0; i < rq->header_count; i++)
		if (!can_be_sent(&rq->header[i]))
			return err_set(err, RC_FATAL, "the header %.*s cannot be sent: it holds a line break or a NUL, or is over %zu bytes",
			               SLICE_FMT(rq->header[i].name), HEADER_BYTES_MAX);
	return RC_OK;
}

static void wipe(struct buf *b)
{
	if (b->ptr)
		explicit_bzero(b->ptr, b->cap);
}

static struct curl_slist *make_headers(const struct http_request *rq)
{
	struct curl_slist *list = NULL;
	CLEANUP(buf_done) struct buf line = buf_new(HEADER_BYTES_MAX + 2);
	size_t longest = 0;
	for (size_t i = 0; i < rq->header_count; i++)
		longest = rq->header[i].name.len + rq->header[i].value.len > longest ? rq->header[i].name.len + rq->header[i].value.len : longest;
	(void) buf_reserve(&line, longest + 2); /* growing would leave copies */
	for (size_t i = 0; i < rq->header_count; i++) {
		buf_reset(&line);
		buf_add(&line, rq->header[i].name);
		buf_adds(&line, ": ");
		buf_add(&line, rq->header[i].value);
		struct curl_slist *longer = curl_slist_append(list, buf_str(&line));
		assert(longer);
		list = longer;
	}
	wipe(&line);
	return list;
}

static void free_headers(struct curl_slist *list)
{
	for (struct curl_slist *at = list; at; at = at->next)
		explicit_bzero(at->data, strlen(at->data));
	curl_slist_free_all(list);
}

struct slice http_authority(struct slice url)
{
	size_t at = slice_find_str(url, SLICE("://")), from = at == SIZE_MAX ? 0 : at + 3, end = from;
	while (end < url.len && (url.ptr[end] == '\0' || !strchr("/?#", url.ptr[end])))
		end++;
	return slice_sub(url, from, end - from);
}

bool http_is_loopback(struct slice url)
{
	static const char *const host[] = { "127.0.0.1", "localhost", "[::1]" };
	struct slice where = http_authority(url);
	for (size_t i = 0; i < COUNT_OF(host); i++) {
		size_t len = strlen(host[i]);
		int64_t port;
		if (where.len < len || strncasecmp(where.ptr, host[i], len) != 0)
			continue;
		if (where.len == len)
			return true;
		return where.ptr[len] == ':' && slice_to_int(slice_sub(where, len + 1, where.len - len - 1), &port) && port > 0 && port < 65536;
	}
	return false;
}

bool http_is_safe_url(struct slice url)
{
	struct slice where = http_authority(url);
	bool https = url.len > 8 && strncasecmp(url.ptr, "https://", 8) == 0;
	bool http = url.len > 7 && strncasecmp(url.ptr, "http://", 7) == 0;
	for (size_t i = 0; i < url.len; i++)
		if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '\\')
			return false;
	bool has_host = where.len > 0 && where.len <= HOST_BYTES_MAX && where.ptr[0] != ':' && slice_find(where, '@', 0) == where.len;
	return has_host && (https || (http && http_is_loopback(url)));
}

static void set_up(struct exchange *x, const struct http_request *rq, struct curl_slist *headers, char *detail)
{
	CURL *c = x->http->curl;
	const struct http_options *o = &x->http->options;
	curl_easy_reset(c); /* keeps the connections */
	(void) curl_easy_setopt(c, CURLOPT_URL, rq->url);
	(void) curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	(void) curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	(void) curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, ""); /* all this build can undo */
	(void) curl_easy_setopt(c, CURLOPT_USERAGENT, x->http->user_agent);
	(void) curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	(void) curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long) o->connect_timeout_ms);
	(void) curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long) x->timeout_ms);
	(void) curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	if (rq->direct || http_is_loopback(slice_of(rq->url))) /* no proxy of the environment leads to this machine */
		(void) curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void) curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
	(void) curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void) curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void) curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void) curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	(void) curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connected);
	(void) curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
	(void) curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	(void) curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void) curl_easy_setopt(c, CURLOPT_XFERINFODATA, x->http);
	if (strcmp(rq->method, "GET") != 0) {
		(void) curl_easy_setopt(c, CURLOPT_POST, 1L);
		(void) curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) rq->body.len);
		(void) curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body.ptr ? rq->body.ptr : "");
		(void) curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method);
	}
}

enum rc http_send(struct http *h, const struct http_request *rq, struct arena *arena, struct http_response *out, struct err *err)
{
	char detail[CURL_ERROR_SIZE] = "";
	*out = (struct http_response){ 0 };
	TRY(check_headers(rq, err));
	out->header = arena_alloc_array(arena, HEADERS_MAX, sizeof *out->header);
	size_t room = arena->limit - arena->used;
	size_t limit = h->options.body_limit_bytes < room / 2 ? h->options.body_limit_bytes : room / 2;
	struct exchange x = { .http = h, .arena = arena, .body = buf_new(limit), .out = out, .discard = rq->discard_answer, .once = rq->once,
		              .timeout_ms = rq->timeout_ms ? rq->timeout_ms : h->options.timeout_ms };
	(void) buf_reserve(&x.body, rq->secret_answer ? limit : 0);
	struct curl_slist *headers = make_headers(rq);
	set_up(&x, rq, headers, detail);
	CURLcode code = curl_easy_perform(h->curl);
	enum rc rc = RC_OK;
	long status = 0;
	curl_off_t elapsed_us = 0;
	if (code != CURLE_OK) {
		rc = failed(&x, rq->url, code, detail, err);
	} else {
		(void) curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
		(void) curl_easy_getinfo(h->curl, CURLINFO_TOTAL_TIME_T, &elapsed_us);
		out->status = (int) status;
		out->elapsed_ms = elapsed_us / 1000;
		x.body_over = !arena_fits(arena, x.body.len + 1);
		if (x.body_over)
			rc = failed(&x, rq->url, CURLE_WRITE_ERROR, detail, err);
		else
			out->body = arena_copy(arena, buf_slice(&x.body));
	}
	if (rq->secret_answer)
		wipe(&x.body);
	buf_done(&x.body);
	free_headers(headers);
	(void) curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	return rc;
}

struct slice http_response_header(const struct http_response *response, const char *name)
{
	for (size_t i = response->header_count; i-- > 0;) {
		struct slice have = response->header[i].name;
		if (have.len == strlen(name) && strncasecmp(have.ptr, name, have.len) == 0)
			return response->header[i].value;
	}
	return SLICE_NULL;
}

bool http_parse_date(struct slice s, int64_t *out_unix_s)
{
	CLEANUP(buf_done) struct buf text = buf_new(HEADER_BYTES_MAX);
	buf_add(&text, s);
	time_t at = text.over || memchr(buf_str(&text), '\0', text.len) ? -1 : curl_getdate(buf_str(&text), NULL);
	*out_unix_s = at;
	return at >= 0;
}

/* --- percent-encoding (RFC 3986) ---------------------------------------------------------------------------- */

static bool unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c));
}

struct slice http_escape(struct slice s, struct arena *arena)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, 3 * s.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char) s.ptr[i];
		if (unreserved(s.ptr[i])) {
			out[len++] = s.ptr[i];
			continue;
		}
		out[len++] = '%';
		out[len++] = digits[c >> 4];
		out[len++] = digits[c & 15];
	}
	return (struct slice){ out, len };
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct slice http_unescape(struct slice s, bool form, struct arena *arena)
{
	char *out = arena_alloc(arena, s.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < s.len; i++) {
		bool pair = s.ptr[i] == '%' && i + 2 < s.len && digit(s.ptr[i + 1]) >= 0 && digit(s.ptr[i + 2]) >= 0;
		if (!pair) {
			out[len++] = form && s.ptr[i] == '+' ? ' ' : s.ptr[i];
			continue;
		}
		out[len++] = (char) (digit(s.ptr[i + 1]) << 4 | digit(s.ptr[i + 2]));
		i += 2;
	}
	return (struct slice){ out, len };
}
