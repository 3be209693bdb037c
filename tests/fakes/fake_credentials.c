/* Files of credentials whose addresses lead to a fake: what gcloud and the console would have written. */
#include "fakes/fake.h"

const char *const fake_credential_types[] = {
	"service_account", "authorized_user", "external_account", "external_account_json", "external_account_impersonating",
	"external_account_authorized_user", "impersonated_service_account", "impersonated_by_user", NULL,
};

static void add(struct json *object, const char *name, const char *value)
{
	json_set(object, name, json_new_string(slice_of(value)));
}

static const char *at(struct fake *f, const char *path, struct arena *arena)
{
	return arena_printf(arena, "%s%s", fake_url(f), path).ptr;
}

static struct json *of_type(const char *type)
{
	struct json *root = json_new_object();
	add(root, "type", type);
	return root;
}

static struct json *service_account(struct fake *f, struct arena *arena)
{
	struct json *root = of_type("service_account");
	add(root, "project_id", FAKE_PROJECT);
	add(root, "private_key_id", FAKE_KEY_ID);
	json_set(root, "private_key", json_new_string(rsa_secret_pem(fake_key(f), arena)));
	add(root, "client_email", FAKE_EMAIL);
	add(root, "client_id", "112233445566778899000");
	add(root, "auth_uri", "https://accounts.google.com/o/oauth2/auth");
	add(root, "token_uri", at(f, "/token", arena));
	add(root, "universe_domain", "googleapis.com");
	return root;
}

static struct json *authorized_user(struct fake *f, struct arena *arena)
{
	struct json *root = of_type("authorized_user");
	add(root, "account", "");
	add(root, "client_id", FAKE_CLIENT_ID);
	add(root, "client_secret", FAKE_CLIENT_SECRET);
	add(root, "quota_project_id", FAKE_PROJECT);
	add(root, "refresh_token", FAKE_REFRESH_TOKEN);
	add(root, "token_uri", at(f, "/token", arena));
	add(root, "universe_domain", "googleapis.com");
	return root;
}

static struct json *external_account(struct fake *f, bool json, bool impersonates, struct arena *arena)
{
	struct json *root = of_type("external_account"), *source = json_new_object(), *headers = json_new_object(), *format = json_new_object();
	add(root, "audience", FAKE_AUDIENCE);
	add(root, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
	add(root, "token_url", at(f, "/v1/token", arena));
	add(source, "url", at(f, json ? "/subject?format=json" : "/subject", arena));
	add(headers, "X-Subject", "yes");
	json_set(source, "headers", headers);
	add(format, "type", json ? "json" : "text");
	if (json)
		add(format, "subject_token_field_name", "value");
	json_set(source, "format", format);
	json_set(root, "credential_source", source);
	if (impersonates)
		add(root, "service_account_impersonation_url", at(f, "/v1/projects/-/serviceAccounts/" FAKE_EMAIL ":generateAccessToken", arena));
	return root;
}

static struct json *external_user(struct fake *f, struct arena *arena)
{
	struct json *root = of_type("external_account_authorized_user");
	add(root, "audience", FAKE_AUDIENCE);
	add(root, "client_id", FAKE_CLIENT_ID);
	add(root, "client_secret", FAKE_CLIENT_SECRET);
	add(root, "refresh_token", FAKE_REFRESH_TOKEN);
	add(root, "token_url", at(f, "/v1/oauthtoken", arena));
	return root;
}

static struct json *impersonated(struct fake *f, struct json *source, struct arena *arena)
{
	struct json *root = of_type("impersonated_service_account"), *delegates = json_new_array();
	json_append(delegates, json_new_string(SLICE("delegate@fake-project.iam.gserviceaccount.com")));
	json_set(root, "delegates", delegates);
	add(root, "service_account_impersonation_url", at(f, "/v1/projects/-/serviceAccounts/target@fake-project.iam.gserviceaccount.com:generateAccessToken", arena));
	json_set(root, "source_credentials", source);
	return root;
}

static struct json *make(struct fake *f, const char *type, struct arena *arena)
{
	if (strcmp(type, "service_account") == 0)
		return service_account(f, arena);
	if (strcmp(type, "authorized_user") == 0)
		return authorized_user(f, arena);
	if (strcmp(type, "external_account") == 0)
		return external_account(f, false, false, arena);
	if (strcmp(type, "external_account_json") == 0)
		return external_account(f, true, false, arena);
	if (strcmp(type, "external_account_impersonating") == 0)
		return external_account(f, false, true, arena);
	if (strcmp(type, "external_account_authorized_user") == 0)
		return external_user(f, arena);
	if (strcmp(type, "impersonated_service_account") == 0)
		return impersonated(f, service_account(f, arena), arena);
	if (strcmp(type, "impersonated_by_user") == 0)
		return impersonated(f, authorized_user(f, arena), arena);
	return NULL;
}

struct slice fake_credentials(struct fake *f, const char *type, struct arena *arena)
{
	CLEANUP(json_freep) struct json *root = make(f, type, arena);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	if (!root)
		return SLICE_NULL;
	json_write(root, JSON_INDENTED, &text);
	return arena_copy(arena, buf_slice(&text));
}
