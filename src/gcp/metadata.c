#include "gcp/metadata.h"

#include "base/mem.h"
#include "gcp/exchange.h"

#include <strings.h>

#define HOST "metadata.google.internal"
#define IP "169.254.169.254" /* the name may not resolve everywhere */
#define TIMEOUT_S 3
#define TIMEOUT_S_MAX 60
#define PING_TRIES 3
#define TRIES 5
#define START_MS 100

struct metadata {
	char *host, *ping_host;
	int64_t timeout_ms;
	bool forbidden;   /* by NO_GCE_CHECK */
	bool found;       /* under `lock` */
	pthread_mutex_t lock;
};

static const char *variable(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	return value && *value ? value : otherwise;
}

static enum rc check_host(const char *name, const char *host, struct err *err)
{
	for (const char *c = host; *c; c++)
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7f || strchr("/?#@", *c))
			return err_set(err, RC_FATAL, "%s: want a host or host:port", name);
	return RC_OK;
}

enum rc metadata_open(struct metadata **out, struct err *err)
{
	const char *host = variable("GCE_METADATA_HOST", variable("GCE_METADATA_ROOT", NULL));
	const char *ping = variable("GCE_METADATA_IP", host ? host : IP);
	const char *seconds = variable("GCE_METADATA_TIMEOUT", "");
	int64_t timeout_s = TIMEOUT_S;
	*out = NULL;
	TRY(check_host("GCE_METADATA_HOST", host ? host : HOST, err));
	TRY(check_host("GCE_METADATA_IP", ping, err));
	if (*seconds && (!slice_to_int(slice_of(seconds), &timeout_s) || timeout_s < 1 || timeout_s > TIMEOUT_S_MAX))
		return err_set(err, RC_FATAL, "GCE_METADATA_TIMEOUT: want whole seconds from 1 to %d", TIMEOUT_S_MAX);
	struct metadata *m = mem_alloc(sizeof *m);
	*m = (struct metadata){ .host = mem_strdup(host ? host : HOST), .ping_host = mem_strdup(ping), .timeout_ms = timeout_s * 1000,
		                .forbidden = strcasecmp(variable("NO_GCE_CHECK", ""), "true") == 0, .lock = PTHREAD_MUTEX_INITIALIZER };
	*out = m;
	return RC_OK;
}

void metadata_close(struct metadata *m)
{
	if (!m)
		return;
	(void) pthread_mutex_destroy(&m->lock);
	mem_free(m->host);
	mem_free(m->ping_host);
	mem_free(m);
}

const char *metadata_host(const struct metadata *m)
{
	return m->host;
}

static const struct http_header flavor = { { "Metadata-Flavor", 15 }, { "Google", 6 } };

static enum rc no_credentials(const struct metadata *m, const char *why, struct err *err)
{
	return err_set(err, RC_FATAL, "no Google credentials: (1) log in: " CREDENTIAL_LOGIN "; or (2) name the file of a service account or "
	               "a workload identity in GOOGLE_APPLICATION_CREDENTIALS; or (3) run on a machine of Google's with a service account "
	               "(the metadata server %s: %s)", m->host, why);
}

static enum rc ping(struct metadata *m, struct transport *t, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new_secret(1 << 18);
	struct http_response r;
	struct google_answer answer;
	struct err why = { 0 };
	if (m->forbidden)
		return no_credentials(m, "NO_GCE_CHECK says that there is none", err);
	struct slice url = arena_printf(&arena, "http://%s/", m->ping_host);
	const struct exchange x = { .what = "the metadata server", .method = "GET", .url = url.ptr, .header = &flavor, .header_count = 1,
		                    .timeout_ms = m->timeout_ms, .tries_max = PING_TRIES, .start_ms = START_MS, .metadata = true };
	if (exchange_send(t, &x, &arena, &r, &answer, &why) == RC_OK)
		return RC_OK;
	return transport_is_stopped(t) ? err_set(err, RC_RETRY, "%s", why.msg) : no_credentials(m, why.msg, err);
}

static enum rc find(struct metadata *m, struct transport *t, struct err *err)
{
	pthread_mutex_lock(&m->lock);
	enum rc rc = m->found ? RC_OK : ping(m, t, err);
	m->found = rc == RC_OK;
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static struct exchange request(const struct metadata *m, const char *path, struct arena *arena)
{
	return (struct exchange){ .what = arena_printf(arena, "the metadata server %s", m->host).ptr, .method = "GET",
		                  .url = arena_printf(arena, "http://%s/computeMetadata/v1/%s", m->host, path).ptr, .header = &flavor,
		                  .header_count = 1, .timeout_ms = m->timeout_ms, .tries_max = TRIES, .start_ms = START_MS, .metadata = true };
}

enum rc metadata_token(struct metadata *m, struct transport *t, struct arena *arena, struct grant *out, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	struct google_answer answer;
	TRY(find(m, t, err));
	struct slice scope = http_escape(SLICE(CREDENTIAL_SCOPE), arena);
	struct slice path = arena_printf(arena, "instance/service-accounts/default/token?scopes=%.*s", SLICE_FMT(scope));
	const struct exchange x = request(m, path.ptr, arena);
	enum rc rc = exchange_json(t, &x, arena, &root, &answer, err);
	if (rc == RC_FATAL && answer.class == GOOGLE_NOT_FOUND)
		return err_set(err, RC_FATAL, "the metadata server %s: this machine has no service account: give it one, or name a file in "
		               "GOOGLE_APPLICATION_CREDENTIALS", m->host);
	TRY(rc);
	struct slice token = json_get_string(root, "access_token");
	if (!exchange_is_token(token))
		return err_set(err, RC_RETRY, "the metadata server %s: the answer holds no access token", m->host);
	*out = (struct grant){ arena_copy(arena, token), exchange_life_s(root) };
	return RC_OK;
}

enum rc metadata_text(struct metadata *m, struct transport *t, const char *path, struct arena *arena, struct slice *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new_secret(1 << 18);
	struct http_response r;
	struct google_answer answer;
	TRY(find(m, t, err));
	const struct exchange x = request(m, path, &scratch);
	TRY_WRAP(exchange_send(t, &x, &scratch, &r, &answer, err), err, "%s", path);
	struct slice text = slice_trim(r.body);
	if (!exchange_is_token(text) || !arena_fits(arena, text.len + 1))
		return err_set(err, RC_FATAL, "the metadata server %s: %s: the answer is no word", m->host, path);
	*out = arena_copy(arena, text);
	return RC_OK;
}
