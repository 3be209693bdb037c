/* The token of a service account for somebody who may act as it (IAM Credentials API, generateAccessToken). */
#include "base/time.h"
#include "gcp/credential.h"
#include "gcp/exchange.h"

#define BODY_BYTES_MAX ((size_t) 256 << 10)

static struct slice make_body(const struct credential *c, struct arena *arena)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(BODY_BYTES_MAX);
	struct json *delegates = json_new_array(), *scopes = json_new_array();
	for (size_t i = 0; i < c->delegate_count; i++)
		json_append(delegates, json_new_string(slice_of(c->delegate[i])));
	json_append(scopes, json_new_string(SLICE(CREDENTIAL_SCOPE)));
	json_set(root, "delegates", delegates);
	json_set(root, "scope", scopes);
	json_set(root, "lifetime", json_new_string(arena_printf(arena, "%llds", (long long) c->lifetime_s)));
	json_write(root, JSON_COMPACT, &text);
	assert(!text.over); /* delegates are bounded */
	return arena_copy(arena, buf_slice(&text));
}

enum rc credential_impersonate(const struct credential *c, struct slice source, struct transport *t, struct arena *arena,
                               struct grant *out, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	struct google_answer answer;
	int64_t expires_s;
	const struct http_header header[] = {
		{ SLICE("Content-Type"), SLICE("application/json") },
		{ SLICE("Authorization"), ARENA_JOIN(arena, SLICE("Bearer "), source) },
	};
	struct slice what = arena_printf(arena, "%s: impersonation by %s", c->identity, c->impersonation_url);
	const struct exchange x = { .what = what.ptr, .method = "POST", .url = c->impersonation_url, .header = header,
		                    .header_count = COUNT_OF(header), .body = make_body(c, arena) };
	enum rc rc = exchange_json(t, &x, arena, &root, &answer, err);
	if (rc == RC_FATAL && *answer.said)
		return err_set(err, rc, "%s: %s: the account needs roles/iam.serviceAccountTokenCreator on the one it acts as, and the IAM "
		               "Credentials API must be enabled: `gcloud services enable iamcredentials.googleapis.com`", what.ptr, answer.said);
	TRY(rc);
	struct slice token = json_get_string(root, "accessToken");
	if (!exchange_is_token(token))
		return err_set(err, RC_RETRY, "%s: the answer holds no access token", what.ptr);
	int64_t now_s = clock_now_ms(t->clock) / 1000, life_s = c->lifetime_s;
	if (time_parse_rfc3339(json_get_string(root, "expireTime"), &expires_s))
		life_s = expires_s - now_s;
	*out = (struct grant){ arena_copy(arena, token), life_s < 0 ? 0 : life_s > c->lifetime_s ? c->lifetime_s : life_s };
	return RC_OK;
}
