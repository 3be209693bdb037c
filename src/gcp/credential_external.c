/* Workload identity: another provider's token for one of Google's security token service (RFC 8693). */
#include "base/base64.h"
#include "gcp/credential.h"
#include "gcp/exchange.h"
#include "io/file.h"

#define SUBJECT_BYTES_MAX ((size_t) 64 << 10)
#define TYPE_ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"
#define GRANT_EXCHANGE "urn:ietf:params:oauth:grant-type:token-exchange"

/* --- the subject token ---------------------------------------------------------------------------------------- */

static enum rc read_subject(const struct credential *c, struct transport *t, struct arena *arena, struct slice *out, struct err *err)
{
	const struct credential_subject *s = &c->subject;
	struct http_response r;
	struct google_answer answer;
	if (s->file) {
		enum rc rc = file_read(s->file, SUBJECT_BYTES_MAX, arena, out, err);
		return rc == RC_OK ? rc : err_wrap(err, rc == RC_RETRY ? rc : RC_FATAL, "%s: the subject token (credential_source.file)", c->identity);
	}
	struct slice what = arena_printf(arena, "%s: the subject token of %.*s (credential_source.url)", c->identity, (int) strcspn(s->url, "?#"), s->url);
	const struct exchange x = { .what = what.ptr, .method = "GET", .url = s->url, .header = s->header, .header_count = s->header_count };
	TRY(exchange_send(t, &x, arena, &r, &answer, err));
	*out = r.body;
	return RC_OK;
}

static enum rc get_subject(const struct credential *c, struct transport *t, struct arena *arena, struct slice *out, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	struct slice text;
	TRY(read_subject(c, t, arena, &text, err));
	*out = slice_trim(text);
	if (c->subject.field) {
		if (json_parse_secret(text, &root, NULL) != RC_OK || !json_get_string(root, c->subject.field).len)
			return err_set(err, RC_FATAL, "%s: the subject token: no JSON with the field %s (credential_source.format)", c->identity,
			               c->subject.field);
		*out = arena_copy(arena, json_get_string(root, c->subject.field));
	}
	if (!out->len || out->len > SUBJECT_BYTES_MAX)
		return err_set(err, RC_FATAL, "%s: the subject token is empty, or over %zu bytes", c->identity, SUBJECT_BYTES_MAX);
	return RC_OK;
}

/* --- the exchange --------------------------------------------------------------------------------------------- */

static struct slice make_form(const struct credential *c, struct slice subject, struct arena *arena)
{
	struct slice form = SLICE("");
	exchange_form(&form, "grant_type", SLICE(GRANT_EXCHANGE), arena);
	exchange_form(&form, "audience", slice_of(c->audience), arena);
	exchange_form(&form, "scope", SLICE(CREDENTIAL_SCOPE), arena);
	exchange_form(&form, "requested_token_type", SLICE(TYPE_ACCESS_TOKEN), arena);
	exchange_form(&form, "subject_token_type", slice_of(c->subject_type), arena);
	exchange_form(&form, "subject_token", subject, arena);
	if (c->user_project && !c->client_id) {
		CLEANUP(json_freep) struct json *options = json_new_object();
		CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
		json_set(options, "userProject", json_new_string(slice_of(c->user_project)));
		json_write(options, JSON_COMPACT, &text);
		exchange_form(&form, "options", buf_slice(&text), arena);
	}
	return form;
}

enum rc credential_fetch_external(const struct credential *c, struct transport *t, struct arena *arena, struct grant *out, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	struct http_header header[2] = { { SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded") } };
	size_t headers = 1;
	struct slice subject;
	struct google_answer answer;
	TRY(get_subject(c, t, arena, &subject, err));
	if (c->client_id) {
		struct slice basic = base64_encode(ARENA_JOIN(arena, slice_of(c->client_id), SLICE(":"), slice_of(c->client_secret)), arena);
		header[headers++] = (struct http_header){ SLICE("Authorization"), ARENA_JOIN(arena, SLICE("Basic "), basic) };
	}
	struct slice what = arena_printf(arena, "%s: the token exchange %s", c->identity, c->token_url);
	const struct exchange x = { .what = what.ptr, .method = "POST", .url = c->token_url, .header = header, .header_count = headers,
		                    .body = make_form(c, subject, arena) };
	enum rc rc = exchange_json(t, &x, arena, &root, &answer, err);
	if (rc == RC_FATAL && *answer.said)
		return err_set(err, rc, "%s: %s: does the pool's provider (audience) take the subject token, and is that token in force?", what.ptr,
		               answer.said);
	TRY(rc);
	struct slice token = json_get_string(root, "access_token");
	if (!exchange_is_token(token))
		return err_set(err, RC_RETRY, "%s: the answer holds no access token", what.ptr);
	*out = (struct grant){ arena_copy(arena, token), exchange_life_s(root) };
	return RC_OK;
}
