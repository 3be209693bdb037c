/* Who we are to Google: where credentials are looked for, every type of file, what is wrong with one, and how it becomes a token. */
#include "gcp/gcp.h"

#include "io/file.h"
#include "support/cloud.h"
#include "test.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void must_call_as(struct cloud *c, const char *email)
{
	CLEANUP(json_freep) struct json *root = NULL;
	enum rc rc = cloud_call(c, "GET", true);
	if (rc != RC_OK)
		fail_msg("%s", c->err.msg);
	assert_int_equal(json_parse(fake_log(c->fake, &c->arena), &root, NULL), RC_OK);
	const struct json *list = json_get(root, "requests"), *last = json_at(list, json_size(list) - 1);
	struct slice got = json_get_string(last, "email");
	if (!slice_is(got, email))
		fail_msg("called as '%.*s', want '%s'", SLICE_FMT(got), email);
}

static void call_fails(struct cloud *c, enum rc want, const char *part)
{
	enum rc rc = cloud_call(c, "GET", true);
	if (rc != want || !strstr(c->err.msg, part))
		fail_msg("%s: %s; want %s with '%s'", rc_name(rc), c->err.msg, rc_name(want), part);
	cloud_assert_no_secret(c, slice_of(c->err.msg));
}

/* --- every type ----------------------------------------------------------------------------------------------- */

static void every_type_of_credentials_gets_a_token(void **unused UNUSED)
{
	static const struct {
		const char *type, *email;
		size_t requests; /* for the token */
	} table[] = {
		{ "service_account", FAKE_EMAIL, 1 },
		{ "authorized_user", "user@example.com", 1 },
		{ "external_account", "principal://fake/subject/1", 2 },
		{ "external_account_json", "principal://fake/subject/1", 2 },
		{ "external_account_impersonating", FAKE_EMAIL, 3 },
		{ "external_account_authorized_user", "user@example.com", 1 },
		{ "impersonated_service_account", "target@fake-project.iam.gserviceaccount.com", 2 },
		{ "impersonated_by_user", "target@fake-project.iam.gserviceaccount.com", 2 },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		cloud_credentials(&c, table[i].type);
		cloud_must_connect(&c);
		assert_non_null(strstr(gcp_identity(c.gcp), table[i].type)); /* the file's name */
		assert_int_equal(cloud_count(&c, "*"), 0);                   /* nothing is sent before it is needed */
		must_call_as(&c, table[i].email);
		must_call_as(&c, table[i].email);
		if (cloud_count(&c, "*") != table[i].requests + 2)
			fail_msg("%s: %.*s", table[i].type, SLICE_FMT(fake_log(c.fake, &c.arena)));
	}
}

static void delegates_and_lifetime_are_asked_for(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "impersonated_service_account");
	cloud_must_connect(&c);
	must_call_as(&c, "target@fake-project.iam.gserviceaccount.com");
	const char *log = fake_log(c.fake, &c.arena).ptr;
	assert_non_null(strstr(log, "\"delegates\":[\"delegate@fake-project.iam.gserviceaccount.com\"]"));
	assert_non_null(strstr(log, "\"lifetime\":\"3600s\""));
	assert_non_null(strstr(log, "\"scope\":[\"https://www.googleapis.com/auth/cloud-platform\"]"));
}

static void an_assertion_says_what_google_wants(void **unused UNUSED)
{
	CLOUD(c);
	CLEANUP(json_freep) struct json *root = NULL;
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	must_call_as(&c, FAKE_EMAIL);
	assert_int_equal(json_parse(fake_log(c.fake, &c.arena), &root, NULL), RC_OK);
	const struct json *note = json_get(json_at(json_get(root, "requests"), 0), "note"), *claims = json_get(note, "claims");
	assert_true(slice_is(json_get_string(json_get(note, "head"), "kid"), FAKE_KEY_ID));
	assert_true(slice_is(json_get_string(claims, "iss"), FAKE_EMAIL));
	assert_true(slice_is(json_get_string(claims, "aud"), arena_printf(&c.arena, "%s/token", fake_url(c.fake)).ptr));
	assert_true(slice_is(json_get_string(claims, "scope"), "https://www.googleapis.com/auth/cloud-platform"));
	assert_int_equal(json_get_integer(claims, "iat", 0), CLOUD_NOW_MS / 1000);
	assert_int_equal(json_get_integer(claims, "exp", 0), CLOUD_NOW_MS / 1000 + 3600);
}

static struct slice pem_of(EVP_PKEY *pkey, struct arena *arena)
{
	char *text;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	struct slice pem = { NULL, (size_t) BIO_get_mem_data(bio, &text) };
	pem.ptr = text;
	pem = arena_copy(arena, pem);
	BIO_free(bio);
	EVP_PKEY_free(pkey);
	return pem;
}

static EVP_PKEY *rsa_key_of(int bits, int primes)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, primes), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &pkey), 1);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* With more primes a large key is made quickly; to who signs it is a key like any other. */
static void a_key_may_have_any_size(void **unused UNUSED)
{
	static const struct {
		int bits, primes;
	} size[] = { { 2048, 2 }, { 3072, 2 }, { 4096, 4 }, { 8192, 5 } };
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		CLOUD(c);
		struct rsa_secret *key;
		assert_int_equal(rsa_secret_parse(pem_of(rsa_key_of(size[i].bits, size[i].primes), &c.arena), &key, NULL), RC_OK);
		fake_set_key(c.fake, key);
		cloud_credentials(&c, "service_account");
		cloud_must_connect(&c);
		must_call_as(&c, FAKE_EMAIL);
	}
}

static void a_subject_token_may_be_in_a_file_that_changes(void **unused UNUSED)
{
	CLOUD(c);
	struct err err = { 0 };
	const char *token = arena_printf(&c.arena, "%s/subject", c.dir).ptr;
	struct slice text = arena_printf(&c.arena, "{\"type\":\"external_account\",\"audience\":\"" FAKE_AUDIENCE "\",\"subject_token_type\":"
	                                 "\"urn:ietf:params:oauth:token-type:jwt\",\"token_url\":\"%s/v1/token\",\"credential_source\":{\"file\":\"%s\"}}",
	                                 fake_url(c.fake), token);
	(void) cloud_file(&c, "wif.json", text);
	cloud_must_connect(&c);
	call_fails(&c, RC_FATAL, "the subject token (credential_source.file)");
	assert_int_equal(file_replace(token, SLICE("not the one\n"), &err), RC_OK);
	call_fails(&c, RC_FATAL, "The subject token is not valid");
	assert_int_equal(file_replace(token, SLICE(FAKE_SUBJECT_TOKEN "\n"), &err), RC_OK);
	must_call_as(&c, "principal://fake/subject/1");
}

static void a_new_refresh_token_takes_the_place_of_the_old(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "external_account_authorized_user");
	cloud_control(&c, "{'set':{'rotate':true}}");
	cloud_must_connect(&c);
	for (int i = 0; i < 4; i++) {
		must_call_as(&c, "user@example.com");
		cloud_control(&c, "{'do':'expire-tokens'}");
	}
	assert_int_equal(cloud_count(&c, "POST /v1/oauthtoken"), 4);
}

/* --- where they are looked for --------------------------------------------------------------------------------- */

static void credentials_are_looked_for_in_googles_order(void **unused UNUSED)
{
	CLOUD(c);
	struct err err = { 0 };
	struct slice user = fake_credentials(c.fake, "authorized_user", &c.arena), sa = fake_credentials(c.fake, "service_account", &c.arena),
	             external = fake_credentials(c.fake, "external_account", &c.arena);
	cloud_must_connect(&c); /* the metadata server */
	must_call_as(&c, FAKE_EMAIL);
	assert_int_equal(cloud_count(&c, "GET /computeMetadata/*"), 1);
	const char *home = arena_printf(&c.arena, "%s/.config/gcloud/application_default_credentials.json", c.dir).ptr;
	assert_int_equal(file_replace_secret(home, user, &err), RC_OK);
	cloud_must_connect(&c);
	must_call_as(&c, "user@example.com");
	const char *config = arena_printf(&c.arena, "%s/config", c.dir).ptr;
	(void) setenv("CLOUDSDK_CONFIG", config, 1); /* there is nothing there: not the home's */
	cloud_must_connect(&c);
	assert_non_null(strstr(gcp_identity(c.gcp), "metadata server"));
	assert_int_equal(file_replace_secret(arena_printf(&c.arena, "%s/application_default_credentials.json", config).ptr, external, &err), RC_OK);
	cloud_must_connect(&c);
	must_call_as(&c, "principal://fake/subject/1");
	(void) cloud_file(&c, "sa.json", sa);
	cloud_must_connect(&c);
	must_call_as(&c, FAKE_EMAIL);
	assert_int_equal(cloud_count(&c, "GET /computeMetadata/*"), 1);
}

static void a_file_that_is_named_must_be_there(void **unused UNUSED)
{
	CLOUD(c);
	(void) setenv("GOOGLE_APPLICATION_CREDENTIALS", arena_printf(&c.arena, "%s/none.json", c.dir).ptr, 1);
	assert_int_equal(cloud_connect(&c), RC_FATAL); /* and not the metadata server */
	assert_non_null(strstr(c.err.msg, "none.json"));
	assert_non_null(strstr(c.err.msg, "gcloud auth application-default login"));
	(void) setenv("GOOGLE_APPLICATION_CREDENTIALS", c.dir, 1);
	assert_int_equal(cloud_connect(&c), RC_FATAL);
	const char *closed = cloud_file(&c, "closed.json", SLICE("{}"));
	if (geteuid() != 0) {
		assert_int_equal(chmod(closed, 0), 0);
		assert_int_equal(cloud_connect(&c), RC_FATAL);
		assert_non_null(strstr(c.err.msg, "closed.json"));
	}
	(void) setenv("GOOGLE_APPLICATION_CREDENTIALS", "", 1); /* as good as not set */
	assert_int_equal(cloud_connect(&c), RC_OK);
}

static void without_any_credentials_the_three_ways_are_named(void **unused UNUSED)
{
	static const struct {
		const char *host, *no_check, *why;
	} table[] = { { "127.0.0.1:1", "", "127.0.0.1" }, { "127.0.0.1:1", "true", "NO_GCE_CHECK" }, { NULL, "", "Metadata-Flavor" } };
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		if (table[i].host)
			(void) setenv("GCE_METADATA_HOST", table[i].host, 1);
		(void) setenv("NO_GCE_CHECK", table[i].no_check, 1);
		cloud_control(&c, "{'set':{'flavor':false}}"); /* somebody else answers at that address */
		cloud_must_connect(&c);
		call_fails(&c, RC_FATAL, "gcloud auth application-default login");
		assert_non_null(strstr(c.err.msg, "GOOGLE_APPLICATION_CREDENTIALS"));
		assert_non_null(strstr(c.err.msg, "metadata server"));
		assert_non_null(strstr(c.err.msg, table[i].why));
		assert_int_equal(cloud_count(&c, "*token*"), 0);
	}
}

static void the_project_has_four_sources(void **unused UNUSED)
{
	CLOUD(c);
	struct slice project;
	cloud_must_connect(&c);
	assert_int_equal(gcp_project(c.gcp, &c.arena, &project, &c.err), RC_OK);
	assert_true(slice_is(project, FAKE_PROJECT));
	assert_int_equal(gcp_project(c.gcp, &c.arena, &project, &c.err), RC_OK);
	assert_int_equal(cloud_count(&c, "GET /computeMetadata/v1/project/project-id"), 1); /* asked once */
	cloud_credentials(&c, "service_account");
	cloud_must_connect(&c);
	assert_int_equal(gcp_project(c.gcp, &c.arena, &project, &c.err), RC_OK);
	assert_true(slice_is(project, FAKE_PROJECT));
	(void) setenv("GCLOUD_PROJECT", "second", 1);
	cloud_must_connect(&c);
	assert_int_equal(gcp_project(c.gcp, &c.arena, &project, &c.err), RC_OK);
	assert_true(slice_is(project, "second"));
	(void) setenv("GOOGLE_CLOUD_PROJECT", "example.com:first", 1);
	cloud_must_connect(&c);
	assert_int_equal(gcp_project(c.gcp, &c.arena, &project, &c.err), RC_OK);
	assert_true(slice_is(project, "example.com:first"));
	(void) setenv("GOOGLE_CLOUD_PROJECT", "a/b", 1);
	assert_int_equal(cloud_connect(&c), RC_FATAL);
	assert_non_null(strstr(c.err.msg, "GOOGLE_CLOUD_PROJECT"));
	(void) unsetenv("GOOGLE_CLOUD_PROJECT");
	(void) unsetenv("GCLOUD_PROJECT");
	cloud_credentials(&c, "external_account");
	cloud_must_connect(&c);
	assert_int_equal(gcp_project(c.gcp, &c.arena, &project, &c.err), RC_FATAL); /* no network for that */
	assert_non_null(strstr(c.err.msg, "set GOOGLE_CLOUD_PROJECT"));
	assert_int_equal(cloud_count(&c, "GET /computeMetadata/v1/project/project-id"), 1);
}

static void a_quota_project_comes_from_the_environment_or_the_file(void **unused UNUSED)
{
	CLOUD(c);
	cloud_credentials(&c, "authorized_user");
	cloud_must_connect(&c);
	must_call_as(&c, "user@example.com");
	assert_non_null(strstr(fake_log(c.fake, &c.arena).ptr, "\"user_project\":\"" FAKE_PROJECT "\""));
	(void) setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "other", 1);
	cloud_must_connect(&c);
	must_call_as(&c, "user@example.com");
	assert_non_null(strstr(fake_log(c.fake, &c.arena).ptr, "\"user_project\":\"other\""));
}

/* --- what is wrong with a file ---------------------------------------------------------------------------------- */

#define SA_HEAD "{\"type\":\"service_account\",\"client_email\":\"a@b\""
#define WIF_HEAD                                                                                                            \
	"{\"type\":\"external_account\",\"audience\":\"a\",\"subject_token_type\":\"t\",\"token_url\":\"https://sts.googleapis.com/v1/token\""
static void a_file_that_cannot_be_used_names_itself_and_the_field(void **unused UNUSED)
{
	static const char *const table[][2] = {
		{ "", "is no JSON" },
		{ "{", "is no JSON" },
		{ "[]", "no JSON object" },
		{ "{\"installed\":{}}", "OAuth client" },
		{ "{}", "the field type is missing" },
		{ "{\"type\":7}", "the field type is a number" },
		{ "{\"type\":\"s3\"}", "the type 's3' is unknown" },
		{ "{\"type\":\"gdch_service_account\"}", "Google Distributed Cloud" },
		{ "{\"type\":\"service_account\"}", "client_email" },
		{ SA_HEAD "}", "private_key is missing" },
		{ SA_HEAD ",\"private_key\":\"\"}", "private_key is missing" },
		{ SA_HEAD ",\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n\"}", "private_key: no RSA key" },
		{ SA_HEAD ",\"private_key\":\"x\",\"token_uri\":\"http://oauth2.googleapis.com/token\"}", "token_uri is no https address" },
		{ SA_HEAD ",\"private_key\":\"x\",\"token_uri\":\"https://user:pass@h/token\"}", "token_uri is no https address" },
		{ SA_HEAD ",\"private_key\":\"x\",\"universe_domain\":\"example.org\"}", "universe_domain is 'example.org'" },
		{ SA_HEAD ",\"private_key\":\"x\",\"private_key_id\":\"a\\nb\"}", "private_key_id holds a control character" },
		{ "{\"type\":\"authorized_user\",\"client_secret\":\"s\",\"refresh_token\":\"r\"}", "client_id is missing" },
		{ "{\"type\":\"authorized_user\",\"client_id\":\"s\",\"refresh_token\":\"r\"}", "client_secret is missing" },
		{ "{\"type\":\"authorized_user\",\"client_id\":\"s\",\"client_secret\":\"r\",\"refresh_token\":null}", "refresh_token is missing" },
		{ "{\"type\":\"authorized_user\",\"client_id\":\"s\",\"client_secret\":\"r\",\"refresh_token\":[]}", "refresh_token is an array" },
		{ "{\"type\":\"external_account_authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s\",\"refresh_token\":\"r\",\"token_url\":\"x\"}",
		  "token_url is no https" },
		{ "{\"type\":\"external_account\"}", "audience is missing" },
		{ WIF_HEAD "}", "credential_source is missing" },
		{ WIF_HEAD ",\"credential_source\":{}}", "either file or url" },
		{ WIF_HEAD ",\"credential_source\":{\"file\":\"f\",\"url\":\"http://h\"}}", "either file or url" },
		{ WIF_HEAD ",\"credential_source\":{\"url\":\"file:///etc/passwd\"}}", "want http:// or https://" },
		{ WIF_HEAD ",\"credential_source\":{\"environment_id\":\"aws1\"}}", "AWS" },
		{ WIF_HEAD ",\"credential_source\":{\"executable\":{\"command\":\"x\"}}}", "programs that bring subject tokens are not run" },
		{ WIF_HEAD ",\"credential_source\":{\"certificate\":{}}}", "certificate" },
		{ WIF_HEAD ",\"credential_source\":{\"file\":\"f\",\"format\":{\"type\":\"xml\"}}}", "'xml', want text or json" },
		{ WIF_HEAD ",\"credential_source\":{\"file\":\"f\",\"format\":{\"type\":\"json\"}}}", "subject_token_field_name is missing" },
		{ WIF_HEAD ",\"credential_source\":{\"file\":\"f\",\"headers\":{\"a b\":\"c\"}}}", "headers" },
		{ WIF_HEAD ",\"credential_source\":{\"file\":\"f\",\"headers\":{\"a\":\"c\\r\\nX: y\"}}}", "control character" },
		{ WIF_HEAD ",\"service_account_impersonation\":{\"token_lifetime_seconds\":99999},\"credential_source\":{\"file\":\"f\"}}",
		  "token_lifetime_seconds" },
		{ "{\"type\":\"impersonated_service_account\",\"source_credentials\":{}}", "service_account_impersonation_url is missing" },
		{ "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://h/\"}", "source_credentials is missing" },
		{ "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://h/\",\"source_credentials\":"
		  "{\"type\":\"impersonated_service_account\"}}", "delegates" },
		{ "{\"type\":\"impersonated_service_account\",\"service_account_impersonation_url\":\"https://h/\",\"delegates\":[7],"
		  "\"source_credentials\":{}}", "entry 0" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		(void) cloud_file(&c, "odd.json", slice_of(table[i][0]));
		enum rc rc = cloud_connect(&c);
		bool names = strstr(c.err.msg, "odd.json") && strstr(c.err.msg, "gcloud auth application-default login");
		if (rc != RC_FATAL || !names || !strstr(c.err.msg, table[i][1]))
			fail_msg("%s: %s: %s", table[i][0], rc_name(rc), c.err.msg);
	}
}

static void a_key_of_another_kind_is_no_key(void **unused UNUSED)
{
	CLOUD(c);
	EVP_PKEY *keys[] = { EVP_EC_gen("P-256"), EVP_RSA_gen(1024) };
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		CLEANUP(json_freep) struct json *root = NULL;
		CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
		struct slice pem = pem_of(keys[i], &c.arena);
		assert_int_equal(json_parse(fake_credentials(c.fake, "service_account", &c.arena), &root, NULL), RC_OK);
		json_set(root, "private_key", json_new_string(pem));
		json_write(root, JSON_COMPACT, &text);
		(void) cloud_file(&c, "ec.json", buf_slice(&text));
		assert_int_equal(cloud_connect(&c), RC_FATAL);
		assert_non_null(strstr(c.err.msg, "private_key: no RSA key"));
		assert_null(strstr(c.err.msg, arena_strdup(&c.arena, slice_sub(pem, 40, 30))));
	}
}

static void a_file_may_be_too_large(void **unused UNUSED)
{
	CLOUD(c);
	char *big = arena_alloc(&c.arena, 1 << 20);
	memset(big, ' ', 1 << 20);
	(void) cloud_file(&c, "big.json", (struct slice){ big, 1 << 20 });
	assert_int_equal(cloud_connect(&c), RC_FATAL);
	assert_non_null(strstr(c.err.msg, "big.json"));
}

/* Who works with an emulator may have old credentials lying about. */
static void credentials_that_are_not_needed_may_be_broken(void **unused UNUSED)
{
	CLOUD(c);
	(void) cloud_file(&c, "odd.json", SLICE("{"));
	(void) setenv("STORAGE_EMULATOR_HOST", fake_url(c.fake), 1);
	cloud_must_connect(&c);
	call_fails(&c, RC_FATAL, "odd.json: is no JSON"); /* Pub/Sub is no emulator */
	assert_int_equal(cloud_count(&c, "*"), 0);
}

/* --- asking for a token ----------------------------------------------------------------------------------------- */

static void a_token_service_that_passes_is_asked_again(void **unused UNUSED)
{
	static const char *const table[] = {
		"{'match':'POST /token','times':2,'do':'status','status':503}",
		"{'match':'POST /token','times':2,'do':'status','status':429,'retry_after':'1'}",
		"{'match':'POST /token','times':2,'do':'status','status':408}",
		"{'match':'POST /token','times':2,'do':'status','status':500}",
		"{'match':'POST /token','times':2,'do':'status','status':400,'body':{'error':'internal_failure'}}",
		"{'match':'POST /token','times':2,'do':'status','status':400,'body':{'error':'server_error'}}",
		"{'match':'POST /token','times':2,'do':'status','status':401,'body':{'error':'temporarily_unavailable'}}",
		"{'match':'POST /token','times':2,'do':'close'}",
		"{'match':'POST /token','times':2,'do':'lose-reply'}",
		"{'match':'POST /token','times':2,'do':'truncate','bytes':5}",
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		cloud_credentials(&c, "service_account");
		cloud_must_connect(&c);
		cloud_control(&c, table[i]);
		must_call_as(&c, FAKE_EMAIL);
		assert_true(c.clock.slept_ms <= 3000);
	}
}

static void a_token_service_that_stays_away_is_a_matter_of_time(void **unused UNUSED)
{
	static const char *const table[] = {
		"{'match':'POST /token','times':99,'do':'status','status':503}",
		"{'match':'POST /token','times':99,'do':'status','status':200,'body':'<html>'}",
		"{'match':'POST /token','times':99,'do':'status','status':200,'body':{'access_token':'a\\nb'}}",
		"{'match':'POST /token','times':99,'do':'status','status':200,'body':{'access_token':7}}",
		"{'match':'POST /token','times':99,'do':'status','status':200,'body':{'id_token':'x'}}",
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		cloud_credentials(&c, "service_account");
		cloud_must_connect(&c);
		cloud_control(&c, table[i]);
		call_fails(&c, RC_RETRY, "token endpoint");
		assert_in_range(cloud_count(&c, "POST /token"), 1, 3);
		assert_int_equal(c.done, 0);
	}
}

static void what_no_later_try_can_mend_says_what_to_do(void **unused UNUSED)
{
	static const struct {
		const char *type, *rule, *says;
	} table[] = {
		{ "service_account", "{'do':'revoke'}", "the key was deleted or disabled" },
		{ "service_account", "{'set':{'clock_skew_s':-90000}}", "clock is wrong" },
		{ "authorized_user", "{'do':'revoke'}", "the login has ended" },
		{ "external_account_authorized_user", "{'do':'revoke'}", "the login has ended" },
		{ "external_account", "{'do':'revoke'}", "does the pool's provider" },
		{ "external_account", "{'match':'GET /subject*','do':'status','status':404}", "credential_source.url" },
		{ "external_account_json", "{'match':'GET /subject*','do':'status','status':200,'body':'{}'}", "no JSON with the field value" },
		{ "external_account", "{'match':'GET /subject*','do':'status','status':200,'body':' '}", "subject token is empty" },
		{ "impersonated_service_account", "{'match':'*generateAccessToken','do':'status','status':403}", "roles/iam.serviceAccountTokenCreator" },
		{ "authorized_user", "{'match':'POST /token','do':'status','status':401,'body':{'error':'invalid_client'}}", "log in again" },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		cloud_credentials(&c, table[i].type);
		cloud_must_connect(&c);
		cloud_control(&c, table[i].rule);
		call_fails(&c, RC_FATAL, table[i].says);
		assert_non_null(strstr(c.err.msg, table[i].type)); /* the file */
	}
}

/* The endpoint gives back what it was sent, the worst that an error body can do. */
static void an_echo_of_a_secret_is_not_repeated(void **unused UNUSED)
{
	static const char *const rules[] = {
		"{'match':'POST /token','do':'status','status':400,'body':{'error':'invalid_grant','error_description':'bad token %s'}}",
		"{'match':'POST /token','do':'status','status':400,'body':{'error':'%s'}}",
		"{'match':'POST /token','do':'status','status':400,'body':'%s'}",
	};
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		CLOUD(c);
		struct slice token = tokens_issue(fake_tokens(c.fake), "x", &c.arena);
		const char *at = strstr(rules[i], "%s");
		cloud_credentials(&c, "service_account");
		cloud_must_connect(&c);
		cloud_control(&c, arena_printf(&c.arena, "%.*s%.*s%s", (int) (at - rules[i]), rules[i], SLICE_FMT(token), at + 2).ptr);
		call_fails(&c, RC_FATAL, "token endpoint");
	}
}

static void the_metadata_server_is_asked_as_it_wants(void **unused UNUSED)
{
	CLOUD(c);
	cloud_control(&c, "[{'match':'GET /computeMetadata/*','times':4,'do':'status','status':503,'headers':{'Metadata-Flavor':'Google'}},"
	              "{'match':'GET /','times':2,'do':'close'}]");
	cloud_must_connect(&c);
	must_call_as(&c, FAKE_EMAIL);
	assert_int_equal(cloud_count(&c, "GET /"), 3);
	assert_int_equal(cloud_count(&c, "GET /computeMetadata/v1/instance/service-accounts/default/token?scopes="
	                             "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"), 5);
	cloud_control(&c, "[{'do':'expire-tokens'},{'match':'GET /computeMetadata/*','do':'status','status':404,'headers':{'Metadata-Flavor':'Google'}}]");
	call_fails(&c, RC_FATAL, "has no service account");
	cloud_control(&c, "[{'do':'expire-tokens'},{'match':'GET /computeMetadata/*','do':'status','status':200,'body':{'access_token':'t'}}]");
	call_fails(&c, RC_FATAL, "Metadata-Flavor"); /* an answer without the header is nobody's */
	assert_int_equal(cloud_count(&c, "GET /"), 3); /* found once */
}

static void the_metadata_servers_variables_are_looked_at(void **unused UNUSED)
{
	static const char *const table[][2] = { { "GCE_METADATA_HOST", "a/b" }, { "GCE_METADATA_IP", "a b" }, { "GCE_METADATA_TIMEOUT", "soon" },
		                                { "GCE_METADATA_TIMEOUT", "0" } };
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		(void) setenv(table[i][0], table[i][1], 1);
		assert_int_equal(cloud_connect(&c), RC_FATAL);
		assert_non_null(strstr(c.err.msg, table[i][0]));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_type_of_credentials_gets_a_token),
	cmocka_unit_test(delegates_and_lifetime_are_asked_for),
	cmocka_unit_test(an_assertion_says_what_google_wants),
	cmocka_unit_test(a_key_may_have_any_size),
	cmocka_unit_test(a_subject_token_may_be_in_a_file_that_changes),
	cmocka_unit_test(a_new_refresh_token_takes_the_place_of_the_old),
	cmocka_unit_test(credentials_are_looked_for_in_googles_order),
	cmocka_unit_test(a_file_that_is_named_must_be_there),
	cmocka_unit_test(without_any_credentials_the_three_ways_are_named),
	cmocka_unit_test(the_project_has_four_sources),
	cmocka_unit_test(a_quota_project_comes_from_the_environment_or_the_file),
	cmocka_unit_test(a_file_that_cannot_be_used_names_itself_and_the_field),
	cmocka_unit_test(a_key_of_another_kind_is_no_key),
	cmocka_unit_test(a_file_may_be_too_large),
	cmocka_unit_test(credentials_that_are_not_needed_may_be_broken),
	cmocka_unit_test(a_token_service_that_passes_is_asked_again),
	cmocka_unit_test(a_token_service_that_stays_away_is_a_matter_of_time),
	cmocka_unit_test(what_no_later_try_can_mend_says_what_to_do),
	cmocka_unit_test(an_echo_of_a_secret_is_not_repeated),
	cmocka_unit_test(the_metadata_server_is_asked_as_it_wants),
	cmocka_unit_test(the_metadata_servers_variables_are_looked_at),
};
TEST_SUITE(gcp_credentials, tests)
