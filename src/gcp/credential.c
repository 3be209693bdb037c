#include "gcp/credential.h"

#include "base/mem.h"
#include "gcp/metadata.h"
#include "io/file.h"

#define WELL_KNOWN "application_default_credentials.json"
#define ARENA_BYTES (16 * CREDENTIAL_FILE_BYTES_MAX)

void credential_close(struct credential *c)
{
	if (!c)
		return;
	credential_close(c->source);
	rsa_secret_free(c->key);
	metadata_close(c->metadata);
	arena_done(&c->renewed);
	arena_done(&c->arena);
	mem_free(c);
}

/* --- looking for it ------------------------------------------------------------------------------------------ */

static enum rc read_file(const char *path, struct credential **out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new_secret(2 * CREDENTIAL_FILE_BYTES_MAX);
	struct slice text;
	enum rc rc = file_read(path, CREDENTIAL_FILE_BYTES_MAX, &arena, &text, err);
	if (rc != RC_OK)
		return err_wrap(err, RC_FATAL, "Google credentials: %s cannot be used: name another in GOOGLE_APPLICATION_CREDENTIALS, or "
		                CREDENTIAL_LOGIN, path);
	return credential_parse(path, text, out, err);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* NULL when there is no such place, or no file there. */
static const char *well_known(struct arena *arena)
{
	const char *config = variable("CLOUDSDK_CONFIG"), *home = variable("HOME");
	struct file_info info;
	if (!config && !home)
		return NULL;
	const char *path = config ? arena_printf(arena, "%s/" WELL_KNOWN, config).ptr :
	                            arena_printf(arena, "%s/.config/gcloud/" WELL_KNOWN, home).ptr;
	return file_stat(path, &info, NULL) == RC_OK && info.exists ? path : NULL;
}

static enum rc open_metadata(struct credential **out, struct err *err)
{
	CLEANUP(credential_closep) struct credential *c = mem_alloc(sizeof *c);
	*c = (struct credential){ .type = CREDENTIAL_METADATA, .arena = arena_new_secret(1 << 16) };
	TRY(metadata_open(&c->metadata, err));
	if (strlen(metadata_host(c->metadata)) > 1000)
		return err_set(err, RC_FATAL, "GCE_METADATA_HOST: too long for a host");
	c->identity = arena_printf(&c->arena, "the service account of the metadata server %s", metadata_host(c->metadata)).ptr;
	*out = TAKE(c);
	return RC_OK;
}

enum rc credential_open(struct credential **out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	const char *named = variable("GOOGLE_APPLICATION_CREDENTIALS");
	const char *path = named ? named : well_known(&arena);
	*out = NULL;
	return path ? read_file(path, out, err) : open_metadata(out, err);
}

/* --- asking -------------------------------------------------------------------------------------------------- */

static enum rc fetch_impersonated(const struct credential *c, struct transport *t, struct arena *arena, struct grant *out, struct err *err)
{
	struct grant source;
	TRY_WRAP(credential_fetch(c->source, t, arena, &source, err), err, "the source credentials of %s", c->identity);
	return credential_impersonate(c, source.token, t, arena, out, err);
}

static enum rc fetch_external(const struct credential *c, struct transport *t, struct arena *arena, struct grant *out, struct err *err)
{
	struct grant source;
	if (!c->impersonation_url)
		return credential_fetch_external(c, t, arena, out, err);
	TRY(credential_fetch_external(c, t, arena, &source, err));
	return credential_impersonate(c, source.token, t, arena, out, err);
}

enum rc credential_fetch(struct credential *c, struct transport *t, struct arena *arena, struct grant *out, struct err *err)
{
	*out = (struct grant){ 0 };
	switch (c->type) {
	case CREDENTIAL_METADATA:
		return metadata_token(c->metadata, t, arena, out, err);
	case CREDENTIAL_SERVICE_ACCOUNT:
		return credential_fetch_service_account(c, t, arena, out, err);
	case CREDENTIAL_USER:
	case CREDENTIAL_EXTERNAL_USER:
		return credential_fetch_user(c, t, arena, out, err);
	case CREDENTIAL_EXTERNAL:
		return fetch_external(c, t, arena, out, err);
	case CREDENTIAL_IMPERSONATED:
		return fetch_impersonated(c, t, arena, out, err);
	}
	abort();
}

enum rc credential_ask_project(struct credential *c, struct transport *t, struct arena *arena, struct slice *out, struct err *err)
{
	if (c->type != CREDENTIAL_METADATA)
		return err_set(err, RC_FATAL, "%s names no project", c->identity);
	return metadata_text(c->metadata, t, "project/project-id", arena, out, err);
}
