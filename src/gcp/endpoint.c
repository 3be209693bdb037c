#include "gcp/endpoint.h"

#include "base/mem.h"
#include "gcp/exchange.h"

#include <strings.h>

#define PATH_BYTES_MAX ((size_t) 64 << 10)

static const struct {
	const char *url, *emulator, *override;
	const char *suffix; /* what gcloud's override has behind the host, and our paths have, too */
	struct patience patience;
} known[] = {
	[GCP_PUBSUB] = { "https://pubsub.googleapis.com", "PUBSUB_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "/v1",
		         { .start_ms = 100, .factor = 4, .cap_ms = 60000 } },
	[GCP_STORAGE] = { "https://storage.googleapis.com", "STORAGE_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", "/storage/v1",
		          { .start_ms = 1000, .factor = 2, .cap_ms = 64000 } },
	[GCP_BIGQUERY] = { "https://bigquery.googleapis.com", "BIGQUERY_EMULATOR_HOST", "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY", "/bigquery/v2",
		           { .start_ms = 1000, .factor = 2, .cap_ms = 60000 } },
};

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static struct slice without(struct slice s, struct slice end)
{
	return slice_ends(s, end) ? slice_sub(s, 0, s.len - end.len) : s;
}

/* "http://host:port" of a setting; false when it is none. */
static bool take(const char *value, const char *suffix, struct arena *arena, struct slice *out)
{
	struct slice s = slice_trim(slice_of(value));
	if (slice_find_str(s, SLICE("://")) == SIZE_MAX)
		s = arena_printf(arena, "http://%.*s", SLICE_FMT(s));
	while (s.len && s.ptr[s.len - 1] == '/')
		s.len--;
	s = without(s, slice_of(suffix));
	size_t host = slice_find_str(s, SLICE("://"));
	bool is_http = s.len > 7 && (strncasecmp(s.ptr, "http://", 7) == 0 || strncasecmp(s.ptr, "https://", 8) == 0);
	*out = s;
	return is_http && exchange_is_token(s) && s.len > host + 3 && s.ptr[host + 3] != '/' && slice_find(s, '?', 0) == s.len &&
	       slice_find(s, '@', 0) == s.len && slice_find(s, '#', 0) == s.len;
}

enum rc endpoint_open(enum gcp_api api, struct endpoint *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	const char *emulator = variable(known[api].emulator), *override = variable(known[api].override);
	const char *name = emulator ? known[api].emulator : known[api].override, *value = emulator ? emulator : override;
	struct slice url = slice_of(known[api].url);
	*out = (struct endpoint){ .is_emulator = emulator != NULL, .patience = known[api].patience };
	if (value && (strlen(value) > PATH_BYTES_MAX || !take(value, known[api].suffix, &arena, &url)))
		return err_set(err, RC_FATAL, "%s: want host:port or http://host:port", name);
	if (!emulator && !http_is_safe_url(url))
		return err_set(err, RC_FATAL, "%s: a token would be sent over plain http to another machine: want https://, or a host of this machine",
		               name);
	CLEANUP(buf_done) struct buf text = buf_new(2 * PATH_BYTES_MAX);
	buf_add(&text, url);
	out->url = mem_strdup(buf_str(&text));
	return RC_OK;
}

void endpoint_done(struct endpoint *e)
{
	mem_free(e->url);
	*e = (struct endpoint){ 0 };
}

/* "https://host:port" of a URL. */
static struct slice origin(struct slice url)
{
	struct slice host = http_authority(url);
	return slice_sub(url, 0, (size_t) (host.ptr - url.ptr) + host.len);
}

static bool same(struct slice a, struct slice b)
{
	return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static bool is_google(struct slice o)
{
	return slice_starts(o, SLICE("https://")) && slice_ends(o, SLICE(".googleapis.com")) && slice_find(o, '@', 0) == o.len;
}

enum rc endpoint_resolve(const struct endpoint *e, struct slice path, struct arena *arena, const char **out, struct err *err)
{
	bool usable = exchange_is_token(path) && path.len <= PATH_BYTES_MAX;
	if (!usable || !arena_fits(arena, path.len + strlen(e->url) + 1))
		return err_set(err, RC_REJECT, "%.80s…: is no address that can be asked for", usable ? path.ptr : "");
	if (path.ptr[0] == '/') {
		*out = arena_printf(arena, "%s%.*s", e->url, SLICE_FMT(path)).ptr;
		return RC_OK;
	}
	struct slice there = origin(path), here = origin(slice_of(e->url));
	if (!same(there, here) && !(is_google(there) && is_google(here)))
		return err_set(err, RC_REJECT, "an answer leads to %.*s, which is not %.*s: not followed, it would be given the token",
		               SLICE_FMT(there), SLICE_FMT(here));
	*out = arena_copy(arena, path).ptr;
	return RC_OK;
}
