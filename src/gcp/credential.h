/* Application default credentials: who we are to Google, and how that becomes an access token.
 *
 * Looked for in Google's order: the file that GOOGLE_APPLICATION_CREDENTIALS names; application_default_credentials.json in
 * $CLOUDSDK_CONFIG, else in ~/.config/gcloud; the metadata server of Google's machines (GCE_METADATA_HOST, GCE_METADATA_IP,
 * GCE_METADATA_TIMEOUT in seconds; NO_GCE_CHECK=true: there is none).  Types of files: service_account, authorized_user,
 * external_account (subject tokens of a file or a URL), external_account_authorized_user, impersonated_service_account.  The
 * addresses of token services are those the file names; they want https, or this machine's loopback.
 *
 * What a credential holds lies in an arena for secrets.  Messages name the file and the field, never what stands in it. */
#ifndef GCP_CREDENTIAL_H
#define GCP_CREDENTIAL_H

#include "base/json.h"
#include "base/rsa_secret.h"
#include "gcp/transport.h"

#define CREDENTIAL_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define CREDENTIAL_SCOPE_IAM "https://www.googleapis.com/auth/iam"
#define CREDENTIAL_LOGIN "`gcloud auth application-default login`"
#define CREDENTIAL_FILE_BYTES_MAX ((size_t) 256 << 10)
#define CREDENTIAL_HEADERS_MAX 32
#define CREDENTIAL_DELEGATES_MAX 32

enum credential_type {
	CREDENTIAL_METADATA,
	CREDENTIAL_SERVICE_ACCOUNT,
	CREDENTIAL_USER,
	CREDENTIAL_EXTERNAL,
	CREDENTIAL_EXTERNAL_USER,
	CREDENTIAL_IMPERSONATED,
};
/* Of an external account: where its own identity provider's token is, read anew for each exchange. */
struct credential_subject {
	const char *file, *url; /* one of them */
	const char *field;      /* of a JSON answer; NULL: the whole text */
	struct http_header header[CREDENTIAL_HEADERS_MAX];
	size_t header_count;
};
/* NULL: not said. */
struct credential {
	enum credential_type type;
	struct arena arena;   /* of all its texts */
	const char *file;     /* NULL: none */
	const char *identity; /* "the service account a@b (PATH)" */
	const char *project, *quota_project;
	const char *token_url, *client_id, *client_secret, *refresh_token;
	const char *email, *key_id; /* of a service account */
	const char *scope;            /* it asks for: less when it is the source of another */
	struct rsa_secret *key;
	const char *audience, *subject_type, *user_project; /* of an external account */
	struct credential_subject subject;
	const char *impersonation_url; /* "…:generateAccessToken" */
	const char *delegate[CREDENTIAL_DELEGATES_MAX];
	size_t delegate_count;
	int64_t lifetime_s;
	struct credential *source; /* of an impersonated one */
	struct metadata *metadata;
	struct arena renewed; /* a refresh token that took the place of the file's */
};

/* Reads the environment and the file; nothing is sent.  RC_FATAL names the file, the field and the next step. */
MUST_USE enum rc credential_open(struct credential **out, struct err *err);
void credential_close(struct credential *c); /* takes NULL */
static inline void credential_closep(struct credential **c)
{
	credential_close(*c);
	*c = NULL;
}

struct grant {
	struct slice token;
	int64_t life_s; /* 0: it should have ended */
};
/* One new access token, owned by the arena (one for secrets).  For one thread at a time. */
MUST_USE enum rc credential_fetch(struct credential *c, struct transport *t, struct arena *arena, struct grant *out, struct err *err);
/* As the metadata server says, for a credential of that type; RC_FATAL for others. */
MUST_USE enum rc credential_ask_project(struct credential *c, struct transport *t, struct arena *arena, struct slice *out,
                                        struct err *err);

/* credential_file.c: `text` is what stands in `path`. */
MUST_USE enum rc credential_parse(const char *path, struct slice text, struct credential **out, struct err *err);

/* credential_grant.c */
MUST_USE enum rc credential_fetch_service_account(const struct credential *c, struct transport *t, struct arena *arena,
                                                  struct grant *out, struct err *err);
MUST_USE enum rc credential_fetch_user(struct credential *c, struct transport *t, struct arena *arena, struct grant *out,
                                       struct err *err);
/* credential_external.c: before impersonation. */
MUST_USE enum rc credential_fetch_external(const struct credential *c, struct transport *t, struct arena *arena, struct grant *out,
                                           struct err *err);
/* credential_impersonate.c: `source` is the token of who may. */
MUST_USE enum rc credential_impersonate(const struct credential *c, struct slice source, struct transport *t, struct arena *arena,
                                        struct grant *out, struct err *err);

#endif
