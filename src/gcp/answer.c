#include "gcp/answer.h"

#include "base/json.h"

#define SAID_BYTES_MAX 600
#define WORD_BYTES_MAX 160 /* what is longer may be an echo of what was sent */
#define REASON_BYTES_MAX 64
#define PERMISSION_BYTES_MAX 128
#define ERROR_BODY_BYTES_MAX ((size_t) 1 << 20)

/* One line of printable ASCII without tags; words that are too long become "…". */
static void add_plain(struct buf *out, struct slice text)
{
	bool tag = false;
	size_t from = 0;
	for (size_t i = 0; i <= text.len && out->len < SAID_BYTES_MAX; i++) {
		unsigned char c = i < text.len ? (unsigned char) text.ptr[i] : ' ';
		bool ends = c <= ' ' || c >= 0x7f || c == '<' || c == '>';
		if (!ends)
			continue;
		struct slice word = slice_sub(text, from, i - from);
		if (word.len && !tag) {
			if (out->len && out->ptr[out->len - 1] != ' ')
				buf_addc(out, ' ');
			buf_add(out, word.len > WORD_BYTES_MAX ? SLICE("...") : word);
		}
		tag = c == '<' || (tag && c != '>');
		from = i + 1;
	}
}

static bool is_word(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char) s.ptr[i] <= ' ' || (unsigned char) s.ptr[i] >= 0x7f)
			return false;
	return s.len > 0 && s.len <= REASON_BYTES_MAX;
}

static const struct json *info_of(const struct json *error)
{
	const struct json *details = json_get(error, "details");
	for (size_t i = 0; i < json_size(details); i++)
		if (json_get_string(json_at(details, i), "reason").len)
			return json_at(details, i);
	return NULL;
}

static struct slice reason_of(const struct json *error)
{
	struct slice s;
	if (json_string(error, &s))
		return is_word(s) ? s : SLICE_NULL;
	const struct slice candidate[] = { json_get_string(json_at(json_get(error, "errors"), 0), "reason"), json_get_string(info_of(error), "reason"),
		                           json_get_string(error, "status") };
	for (size_t i = 0; i < COUNT_OF(candidate); i++)
		if (is_word(candidate[i]))
			return candidate[i];
	return SLICE_NULL;
}

static bool is_any(struct slice s, const char *const *word, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(s, word[i]))
			return true;
	return false;
}

/* Seconds, a part of one counts whole; or a date. */
static int64_t retry_after_ms(const struct http_response *r, int64_t now_ms)
{
	struct slice value = http_response_header(r, "Retry-After");
	size_t dot = slice_find(value, '.', 0);
	int64_t seconds, at_s;
	if (!value.len)
		return -1;
	if (slice_to_int(slice_sub(value, 0, dot), &seconds))
		seconds += seconds >= 0 && seconds < INT64_MAX && dot < value.len;
	else if (http_parse_date(value, &at_s))
		seconds = at_s > now_ms / 1000 ? at_s - now_ms / 1000 : 0;
	else
		return -1;
	if (seconds < 0)
		return -1;
	return seconds < GOOGLE_WAIT_MS_MAX / 1000 ? seconds * 1000 : GOOGLE_WAIT_MS_MAX;
}

static enum answer_class class_of(int status, struct slice reason, struct slice word)
{
	static const char *const not_done[] = { "rateLimitExceeded", "userRateLimitExceeded", "jobRateLimitExceeded", "tableUnavailable" };
	static const char *const spent[] = { "quotaExceeded", "dailyLimitExceeded" };
	/* of token services, with whatever status */
	static const char *const passing[] = { "backendError", "internal_failure", "server_error", "temporarily_unavailable" };
	if (status >= 200 && status < 300)
		return GOOGLE_OK;
	if (is_any(reason, spent, COUNT_OF(spent)))
		return GOOGLE_QUOTA;
	if (status == 429 || is_any(reason, not_done, COUNT_OF(not_done)) || (status == 409 && slice_is(word, "ABORTED")))
		return GOOGLE_BUSY;
	if (is_any(reason, passing, COUNT_OF(passing)))
		return GOOGLE_PASSING;
	switch (status) {
	case 401:
		return GOOGLE_UNAUTHORIZED;
	case 403:
		return GOOGLE_FORBIDDEN;
	case 404:
	case 410:
		return GOOGLE_NOT_FOUND;
	case 408:
	case 499:
		return GOOGLE_PASSING;
	case 501:
	case 505:
		return GOOGLE_REFUSED;
	default:
		return status >= 400 && status < 500 ? GOOGLE_REFUSED : status >= 300 && status < 400 ? GOOGLE_REDIRECT : GOOGLE_PASSING;
	}
}

static const char *advice_of(const struct json *error, struct slice reason, struct arena *arena)
{
	static const char *const off[] = { "accessNotConfigured", "SERVICE_DISABLED" };
	static const char *const unpaid[] = { "BILLING_DISABLED", "billingNotEnabled", "billingTierLimitExceeded", "accountDisabled", "UREQ_PROJECT_BILLING_NOT_OPEN" };
	static const char *const scope[] = { "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions", "insufficientScopes" };
	const struct json *about = json_get(info_of(error), "metadata");
	struct slice service = json_get_string(about, "service"), permission = json_get_string(about, "permission");
	if (is_any(reason, off, COUNT_OF(off)))
		return is_word(service) ? arena_printf(arena, "enable the API: `gcloud services enable %.*s`", SLICE_FMT(service)).ptr :
		                          "enable the API in the project: `gcloud services enable`";
	if (is_any(reason, unpaid, COUNT_OF(unpaid)))
		return "link the project to an open billing account: `gcloud billing projects link`";
	if (slice_is(reason, "USER_PROJECT_DENIED"))
		return "the quota project needs the permission serviceusage.services.use (roles/serviceusage.serviceUsageConsumer), or take away "
		       "GOOGLE_CLOUD_QUOTA_PROJECT and quota_project_id";
	if (is_any(reason, scope, COUNT_OF(scope)))
		return "the credentials need the permission of the request and the scope https://www.googleapis.com/auth/cloud-platform (of an "
		       "instance: `gcloud compute instances set-service-account --scopes=cloud-platform`)";
	if (permission.len && permission.len <= PERMISSION_BYTES_MAX && is_word(slice_sub(permission, 0, 1)))
		return arena_printf(arena, "grant it a role with the permission %.*s: `gcloud projects add-iam-policy-binding`",
		                    SLICE_FMT(permission)).ptr;
	return "grant it a role with the permission that is named: `gcloud projects add-iam-policy-binding`";
}

static void describe(const struct http_response *r, const struct json *error, struct slice description, struct buf *out)
{
	struct slice text = json_get_string(error, "message");
	if (!text.len)
		text = description;
	buf_addf(out, "%d", r->status);
	if (text.len)
		add_plain(out, text);
	else if (!r->body.len)
		buf_adds(out, " with an empty body");
	else if (!error)
		add_plain(out, r->body);
}

void google_answer(const struct http_response *r, int64_t now_ms, struct arena *arena, struct google_answer *out)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	CLEANUP(buf_done) struct buf said = buf_new(2 * SAID_BYTES_MAX);
	*out = (struct google_answer){ .wait_ms = -1, .said = "200", .advice = "" };
	if (r->status >= 200 && r->status < 300)
		return;
	if (r->body.len <= ERROR_BODY_BYTES_MAX)
		(void) !json_parse_secret(r->body, &root, NULL);
	/* a batch of one: Cloud Storage's uploads answer with a list now and then */
	const struct json *error = json_get(json_type(root) == JSON_ARRAY ? json_at(root, 0) : root, "error");
	struct slice reason = reason_of(error);
	out->class = class_of(r->status, reason, json_get_string(error, "status"));
	out->wait_ms = retry_after_ms(r, now_ms);
	describe(r, error, json_get_string(root, "error_description"), &said);
	if (reason.ptr)
		buf_addf(&said, " (%.*s)", SLICE_FMT(reason));
	if (!arena_fits(arena, GOOGLE_ANSWER_BYTES)) {
		out->said = "an error, and no room for its words";
		return;
	}
	out->said = arena_copy(arena, buf_slice(&said)).ptr;
	out->reason = arena_copy(arena, reason);
	if (out->class == GOOGLE_FORBIDDEN)
		out->advice = advice_of(error, reason, arena);
}
