#include "gcp/credential.h"

#include "base/mem.h"
#include "gcp/exchange.h"

#include <stdarg.h>

#define TEXT_BYTES_MAX 4096
#define SECRET_BYTES_MAX ((size_t) 32 << 10)
#define TOKEN_URL "https://oauth2.googleapis.com/token"
#define STS_TOKEN_URL "https://sts.googleapis.com/v1/oauthtoken"
#define LIFETIME_S 3600
#define LIFETIME_S_MAX 43200

struct reading {
	const char *path;
	const struct json *root;
	struct credential *c;
	struct err *err;
};
static enum rc parse(const char *path, const struct json *root, bool may_impersonate, struct credential **out, struct err *err);

/* --- fields -------------------------------------------------------------------------------------------------- */

PRINTF(2, 3) static enum rc wrong(const struct reading *r, const char *fmt, ...)
{
	char why[ERR_MSG_BYTES / 2];
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return err_set(r->err, RC_FATAL, "Google credentials: %s: %s: make the file anew (" CREDENTIAL_LOGIN ", or the console's key), or name another in "
	               "GOOGLE_APPLICATION_CREDENTIALS", r->path, why);
}

static const char *keep(const struct reading *r, struct slice s)
{
	return arena_copy(&r->c->arena, s).ptr;
}

enum want { REQUIRED, OPTIONAL };
/* Printable, one line; NULL when it may be absent and is (null and "" are absent). */
static enum rc text_in(const struct reading *r, const struct json *object, const char *name, enum want want, size_t bytes_max,
                       const char **out)
{
	const struct json *v = json_get(object, name);
	struct slice s = SLICE_NULL;
	*out = NULL;
	bool absent = json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL || (json_string(v, &s) && s.len == 0);
	if (absent)
		return want == OPTIONAL ? RC_OK : wrong(r, "the field %s is missing", name);
	if (json_type(v) != JSON_STRING)
		return wrong(r, "the field %s is %s, want a string", name, json_type_name(json_type(v)));
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char) s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return wrong(r, "the field %s holds a control character", name);
	if (s.len > bytes_max)
		return wrong(r, "the field %s is over %zu bytes", name, bytes_max);
	*out = keep(r, s);
	return RC_OK;
}

static enum rc text_of(const struct reading *r, const char *name, enum want want, const char **out)
{
	return text_in(r, r->root, name, want, TEXT_BYTES_MAX, out);
}

static enum rc secret_of(const struct reading *r, const char *name, enum want want, const char **out)
{
	return text_in(r, r->root, name, want, SECRET_BYTES_MAX, out);
}

static enum rc check_url(const struct reading *r, const char *name, const char *url)
{
	return !url || http_is_safe_url(slice_of(url)) ? RC_OK :
	       wrong(r, "the field %s is no https address, and secrets go over plain http to this machine only", name);
}

static enum rc url_of(const struct reading *r, const char *name, enum want want, const char **out)
{
	TRY(text_of(r, name, want, out));
	return check_url(r, name, *out);
}

/* --- types --------------------------------------------------------------------------------------------------- */

static enum rc read_key(const struct reading *r)
{
	const struct json *v = json_get(r->root, "private_key");
	struct slice pem;
	struct err why = { 0 };
	if (!json_string(v, &pem) || !pem.len)
		return wrong(r, "the field private_key is missing");
	if (rsa_secret_parse(pem, &r->c->key, &why) != RC_OK)
		return wrong(r, "private_key: %s", why.msg);
	return RC_OK;
}

static enum rc read_service_account(struct reading *r)
{
	struct credential *c = r->c;
	c->type = CREDENTIAL_SERVICE_ACCOUNT;
	TRY(text_of(r, "client_email", REQUIRED, &c->email));
	TRY(text_of(r, "private_key_id", OPTIONAL, &c->key_id));
	TRY(text_of(r, "project_id", OPTIONAL, &c->project));
	TRY(url_of(r, "token_uri", OPTIONAL, &c->token_url));
	TRY(read_key(r));
	c->token_url = c->token_url ? c->token_url : TOKEN_URL;
	c->identity = arena_printf(&c->arena, "the service account %s (%s)", c->email, c->file).ptr;
	return RC_OK;
}

static enum rc read_user(struct reading *r)
{
	struct credential *c = r->c;
	c->type = CREDENTIAL_USER;
	TRY(text_of(r, "client_id", REQUIRED, &c->client_id));
	TRY(secret_of(r, "client_secret", REQUIRED, &c->client_secret));
	TRY(secret_of(r, "refresh_token", REQUIRED, &c->refresh_token));
	TRY(url_of(r, "token_uri", OPTIONAL, &c->token_url));
	c->token_url = c->token_url ? c->token_url : TOKEN_URL;
	c->identity = arena_printf(&c->arena, "the user's login (%s)", c->file).ptr;
	return RC_OK;
}

static enum rc read_external_user(struct reading *r)
{
	struct credential *c = r->c;
	c->type = CREDENTIAL_EXTERNAL_USER;
	TRY(text_of(r, "client_id", REQUIRED, &c->client_id));
	TRY(secret_of(r, "client_secret", REQUIRED, &c->client_secret));
	TRY(secret_of(r, "refresh_token", REQUIRED, &c->refresh_token));
	TRY(url_of(r, "token_url", OPTIONAL, &c->token_url));
	c->token_url = c->token_url ? c->token_url : STS_TOKEN_URL;
	c->identity = arena_printf(&c->arena, "the workforce user's login (%s)", c->file).ptr;
	return RC_OK;
}

static enum rc read_format(struct reading *r, const struct json *source)
{
	const struct json *format = json_get(source, "format");
	const char *type;
	TRY(text_in(r, format, "type", OPTIONAL, TEXT_BYTES_MAX, &type));
	if (!type || strcmp(type, "text") == 0)
		return RC_OK;
	if (strcmp(type, "json") != 0)
		return wrong(r, "credential_source.format.type is '%.40s', want text or json", type);
	return text_in(r, format, "subject_token_field_name", REQUIRED, TEXT_BYTES_MAX, &r->c->subject.field);
}

static enum rc read_headers(struct reading *r, const struct json *headers)
{
	struct credential_subject *s = &r->c->subject;
	void *iter = NULL;
	struct slice name;
	const struct json *value;
	while (json_next(headers, &iter, &name, &value)) {
		const char *text;
		if (s->header_count == CREDENTIAL_HEADERS_MAX || !exchange_is_token(name) || slice_find(name, ':', 0) < name.len)
			return wrong(r, "credential_source.headers: more than %d, or a name that is none", CREDENTIAL_HEADERS_MAX);
		const char *key = keep(r, name);
		TRY(text_in(r, headers, key, REQUIRED, SECRET_BYTES_MAX, &text));
		s->header[s->header_count++] = (struct http_header){ slice_of(key), slice_of(text) };
	}
	return RC_OK;
}

static enum rc read_subject(struct reading *r)
{
	const struct json *source = json_get(r->root, "credential_source");
	struct credential_subject *s = &r->c->subject;
	const char *environment;
	if (json_type(source) != JSON_OBJECT)
		return wrong(r, "the field credential_source is missing");
	TRY(text_in(r, source, "environment_id", OPTIONAL, TEXT_BYTES_MAX, &environment));
	if (environment)
		return wrong(r, "credential_source.environment_id is '%.40s': identities of AWS are not supported, only those of a file or a URL", environment);
	if (json_get(source, "executable"))
		return wrong(r, "credential_source.executable: programs that bring subject tokens are not run: let one write a file, and name that");
	if (json_get(source, "certificate"))
		return wrong(r, "credential_source.certificate: identities by client certificate are not supported, only those of a file or a URL");
	TRY(text_in(r, source, "file", OPTIONAL, TEXT_BYTES_MAX, &s->file));
	TRY(text_in(r, source, "url", OPTIONAL, TEXT_BYTES_MAX, &s->url));
	if (!s->file == !s->url)
		return wrong(r, "credential_source: want either file or url");
	if (s->url && strncmp(s->url, "http://", 7) != 0 && strncmp(s->url, "https://", 8) != 0)
		return wrong(r, "credential_source.url: want http:// or https://");
	TRY(read_headers(r, json_get(source, "headers")));
	return read_format(r, source);
}

static enum rc read_lifetime(struct reading *r, const struct json *object, const char *name)
{
	const struct json *v = json_get(object, name);
	r->c->lifetime_s = LIFETIME_S;
	if (json_type(v) == JSON_ABSENT || json_type(v) == JSON_NULL)
		return RC_OK;
	if (!json_integer(v, &r->c->lifetime_s) || r->c->lifetime_s < 1 || r->c->lifetime_s > LIFETIME_S_MAX)
		return wrong(r, "%s: want whole seconds from 1 to %d", name, LIFETIME_S_MAX);
	return RC_OK;
}

static enum rc read_external(struct reading *r)
{
	struct credential *c = r->c;
	c->type = CREDENTIAL_EXTERNAL;
	TRY(text_of(r, "audience", REQUIRED, &c->audience));
	TRY(text_of(r, "subject_token_type", REQUIRED, &c->subject_type));
	TRY(url_of(r, "token_url", REQUIRED, &c->token_url));
	TRY(url_of(r, "service_account_impersonation_url", OPTIONAL, &c->impersonation_url));
	TRY(read_lifetime(r, json_get(r->root, "service_account_impersonation"), "token_lifetime_seconds"));
	TRY(text_of(r, "client_id", OPTIONAL, &c->client_id));
	TRY(secret_of(r, "client_secret", OPTIONAL, &c->client_secret));
	TRY(text_of(r, "workforce_pool_user_project", OPTIONAL, &c->user_project));
	c->identity = arena_printf(&c->arena, "the workload identity (%s)", c->file).ptr;
	return read_subject(r);
}

static enum rc read_delegates(struct reading *r)
{
	const struct json *list = json_get(r->root, "delegates");
	struct credential *c = r->c;
	if (json_type(list) == JSON_ABSENT || json_type(list) == JSON_NULL)
		return RC_OK;
	if (json_type(list) != JSON_ARRAY || json_size(list) > CREDENTIAL_DELEGATES_MAX)
		return wrong(r, "delegates: want a list of at most %d service accounts", CREDENTIAL_DELEGATES_MAX);
	for (size_t i = 0; i < json_size(list); i++) {
		struct slice s;
		if (!json_string(json_at(list, i), &s) || !exchange_is_token(s) || s.len > TEXT_BYTES_MAX)
			return wrong(r, "delegates: entry %zu is no service account", i);
		c->delegate[c->delegate_count++] = keep(r, s);
	}
	return RC_OK;
}

static enum rc read_impersonated(struct reading *r)
{
	struct credential *c = r->c;
	const struct json *source = json_get(r->root, "source_credentials");
	c->type = CREDENTIAL_IMPERSONATED;
	TRY(url_of(r, "service_account_impersonation_url", REQUIRED, &c->impersonation_url));
	TRY(read_lifetime(r, r->root, "token_lifetime_seconds"));
	TRY(read_delegates(r));
	c->identity = arena_printf(&c->arena, "the impersonated service account (%s)", c->file).ptr;
	if (json_type(source) != JSON_OBJECT)
		return wrong(r, "the field source_credentials is missing");
	return parse(r->path, source, false, &c->source, r->err);
}

/* --- the file ------------------------------------------------------------------------------------------------ */

static enum rc read_type(struct reading *r, bool may_impersonate)
{
	static const struct {
		const char *name;
		enum rc (*read)(struct reading *r);
	} known[] = {
		{ "service_account", read_service_account },
		{ "authorized_user", read_user },
		{ "external_account", read_external },
		{ "external_account_authorized_user", read_external_user },
		{ "impersonated_service_account", read_impersonated },
	};
	const char *type;
	TRY(text_of(r, "type", REQUIRED, &type));
	if (strcmp(type, "gdch_service_account") == 0)
		return wrong(r, "gdch_service_account is of Google Distributed Cloud, which has none of the services that are used here");
	if (strcmp(type, "impersonated_service_account") == 0 && !may_impersonate)
		return wrong(r, "source_credentials may not be impersonated_service_account: list the accounts between in delegates");
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(type, known[i].name) == 0)
			return known[i].read(r);
	return wrong(r, "the type '%.60s' is unknown (known: service_account, authorized_user, external_account, external_account_authorized_user, "
	             "impersonated_service_account)", type);
}

static enum rc read_universe(const struct reading *r)
{
	const char *universe;
	TRY(text_of(r, "universe_domain", OPTIONAL, &universe));
	return !universe || strcmp(universe, "googleapis.com") == 0 ? RC_OK : wrong(r, "universe_domain is '%.60s': only googleapis.com is supported", universe);
}

static enum rc parse(const char *path, const struct json *root, bool may_impersonate, struct credential **out, struct err *err)
{
	CLEANUP(credential_closep) struct credential *c = mem_alloc(sizeof *c);
	*c = (struct credential){ .arena = arena_new_secret(16 * CREDENTIAL_FILE_BYTES_MAX), .renewed = arena_new_secret(2 * SECRET_BYTES_MAX),
		                  .scope = may_impersonate ? CREDENTIAL_SCOPE : CREDENTIAL_SCOPE_IAM };
	struct reading r = { path, root, c, err };
	c->file = arena_copy(&c->arena, slice_of(path)).ptr;
	TRY(read_universe(&r));
	TRY(text_of(&r, "quota_project_id", OPTIONAL, &c->quota_project));
	TRY(read_type(&r, may_impersonate));
	*out = TAKE(c);
	return RC_OK;
}

enum rc credential_parse(const char *path, struct slice text, struct credential **out, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	struct err why = { 0 };
	struct reading r = { .path = path, .err = err };
	*out = NULL;
	if (text.len > CREDENTIAL_FILE_BYTES_MAX)
		return wrong(&r, "over %zu bytes", CREDENTIAL_FILE_BYTES_MAX);
	if (json_parse_secret(text, &root, &why) != RC_OK)
		return wrong(&r, "is no JSON: %s", strncmp(why.msg, "byte ", 5) == 0 ? why.msg : "it cannot be read");
	if (json_type(root) != JSON_OBJECT)
		return wrong(&r, "is no JSON object");
	if (json_get(root, "installed") || json_get(root, "web"))
		return wrong(&r, "is an OAuth client's id, not credentials");
	return parse(path, root, true, out, err);
}
