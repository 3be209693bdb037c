#include "support/cloud.h"

#include "base/rand.h"
#include "io/file.h"
#include "test.h"

#include <stdio.h>

static const char *const variables[] = {
	"GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT",
	"PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT", "GCE_METADATA_TIMEOUT",
	"NO_GCE_CHECK",
};
static const char *const overrides[] = { "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE",
	                                 "CLOUDSDK_API_ENDPOINT_OVERRIDES_BIGQUERY" };

static void thing(struct fake_call *call)
{
	int *done = call->ctx;
	struct json *root = json_new_object();
	json_set(root, "done", json_new_integer(__atomic_add_fetch(done, 1, __ATOMIC_SEQ_CST)));
	fake_json(call, 200, root);
}

static void add_routes(struct fake *f, void *ctx)
{
	const struct fake_route route = { .prefix = "/v1/projects/echo-project/", .handle = thing, .ctx = ctx };
	fake_route_add(f, &route);
}

void cloud_open(struct cloud *c, bool real_clock)
{
	struct err err = { 0 };
	*c = (struct cloud){ .arena = arena_new((size_t) 512 << 20), .dir = test_tmpdir(), .real_clock = real_clock };
	clock_fake_init(&c->clock, CLOUD_NOW_MS);
	const struct fake_options o = { .clock = real_clock ? clock_system() : &c->clock.base, .add = add_routes, .ctx = &c->done };
	if (fake_open(&o, &c->fake, &err) != RC_OK)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < COUNT_OF(variables); i++)
		(void) unsetenv(variables[i]);
	for (size_t i = 0; i < COUNT_OF(overrides); i++)
		(void) setenv(overrides[i], fake_url(c->fake), 1);
	(void) setenv("HOME", c->dir, 1);
	(void) setenv("GCE_METADATA_HOST", fake_url(c->fake) + sizeof "http://" - 1, 1);
}

void cloud_done(struct cloud *c)
{
	gcp_close(c->gcp);
	fake_close(c->fake);
	arena_done(&c->arena);
}

const char *cloud_file(struct cloud *c, const char *name, struct slice text)
{
	struct err err = { 0 };
	const char *path = arena_printf(&c->arena, "%s/%s", c->dir, name).ptr;
	if (file_replace_secret(path, text, &err) != RC_OK)
		fail_msg("%s", err.msg);
	(void) setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
	return path;
}

void cloud_credentials(struct cloud *c, const char *type)
{
	struct slice text = fake_credentials(c->fake, type, &c->arena);
	assert_non_null(text.ptr);
	(void) cloud_file(c, arena_printf(&c->arena, "%s.json", type).ptr, text);
}

enum rc cloud_connect(struct cloud *c)
{
	const struct gcp_options o = { .clock = c->real_clock ? clock_system() : &c->clock.base, .rand = rand_new(test_seed()), .stop = &c->stop,
		                       .budget_ms = CLOUD_BUDGET_MS };
	gcp_close(c->gcp);
	c->err = (struct err){ 0 };
	return gcp_open(&o, &c->gcp, &c->err);
}

void cloud_must_connect(struct cloud *c)
{
	if (cloud_connect(c) != RC_OK)
		fail_msg("%s", c->err.msg);
}

enum rc cloud_send(struct cloud *c, const struct gcp_request *rq)
{
	c->err = (struct err){ 0 };
	return gcp_call(c->gcp, rq, &c->arena, &c->reply, &c->err);
}

enum rc cloud_call(struct cloud *c, const char *method, bool idempotent)
{
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = method, .path = SLICE(CLOUD_PATH), .idempotent = idempotent };
	return cloud_send(c, &rq);
}

void cloud_control(struct cloud *c, const char *json)
{
	struct err err = { 0 };
	char *text = arena_strdup(&c->arena, slice_of(json));
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (fake_control(c->fake, text, &err) != RC_OK)
		fail_msg("%s: %s", json, err.msg);
}

size_t cloud_count(struct cloud *c, const char *glob)
{
	return fake_count(c->fake, glob);
}

void cloud_assert_no_secret(struct cloud *c, struct slice text)
{
	struct slice secret, pem = rsa_secret_pem(fake_key(c->fake), &c->arena);
	for (size_t i = 0; tokens_secret(fake_tokens(c->fake), i, &c->arena, &secret); i++)
		if (slice_find_str(text, slice_sub(secret, 0, secret.len < 40 ? secret.len : 40)) != SIZE_MAX)
			fail_msg("secret %zu in: %.*s", i, SLICE_FMT(text));
	struct slice line = slice_sub(pem, slice_find(pem, '\n', 0) + 1, 60);
	assert_int_equal(line.len, 60);
	if (slice_find_str(text, line) != SIZE_MAX || slice_find_str(text, SLICE("PRIVATE KEY")) != SIZE_MAX)
		fail_msg("a key in: %.*s", SLICE_FMT(text));
	if (slice_find_str(text, SLICE("eyJhbGciOiJSUzI1NiIs")) != SIZE_MAX)
		fail_msg("an assertion in: %.*s", SLICE_FMT(text));
}
