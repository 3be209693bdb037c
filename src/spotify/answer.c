#include "spotify/answer.h"

#include "base/json.h"

const char *answer_kind_name(enum answer_kind kind)
{
	static const char *const name[] = {
		[ANSWER_OK] = "ok",
		[ANSWER_NOT_MODIFIED] = "not modified",
		[ANSWER_UNAUTHORIZED] = "unauthorized",
		[ANSWER_BUSY] = "busy",
		[ANSWER_QUOTA] = "quota",
		[ANSWER_PASSING] = "passing",
		[ANSWER_FORBIDDEN] = "forbidden",
		[ANSWER_APP_REFUSED] = "app refused",
		[ANSWER_NOT_FOUND] = "not found",
		[ANSWER_REFUSED] = "refused",
	};
	assert((unsigned) kind < ANSWER_KINDS);
	return name[kind];
}

/* {"error":{"status":…,"message":…,"reason":…}} of the API, {"error":…,"error_description":…} of the accounts service. */
static struct slice message_of(const struct json *root, struct slice *out_reason)
{
	const struct json *error = json_get(root, "error");
	*out_reason = json_get_string(error, "reason");
	struct slice text = json_get_string(error, "message"), description = json_get_string(root, "error_description");
	if (text.ptr)
		return text;
	return description.len ? description : json_get_string(root, "error");
}

/* One line of plain ASCII: what stands there comes from outside, and tags of an HTML page say nothing. */
static void add_plain(char *out, struct slice text)
{
	size_t len = strlen(out);
	bool tag = false, space = false;
	for (size_t i = 0; i < text.len && len + 2 < ANSWER_SAID_BYTES; i++) {
		unsigned char c = (unsigned char) text.ptr[i];
		if (c == '<' || c == '>') {
			tag = c == '<';
			space = true;
			continue;
		}
		if (tag)
			continue;
		if (c <= ' ' || c >= 0x7f) {
			space = true;
			continue;
		}
		if (space && len && out[len - 1] != ' ')
			out[len++] = ' ';
		space = false;
		out[len++] = (char) c;
	}
	out[len] = '\0';
}

static void describe(const struct http_response *r, const struct json *root, struct slice *out_reason, char *out)
{
	(void) snprintf(out, ANSWER_SAID_BYTES, "%d ", r->status);
	struct slice text = message_of(root, out_reason);
	if (text.len)
		add_plain(out, text);
	else if (!r->body.len)
		add_plain(out, SLICE("with an empty body"));
	else if (!root && r->status != 200)
		add_plain(out, r->body);
}

/* Seconds, a part of one counts whole; a date or anything else is no number and tells nothing. */
static int64_t retry_after_ms(const struct http_response *r)
{
	struct slice value = http_response_header(r, "Retry-After");
	size_t dot = slice_find(value, '.', 0);
	int64_t seconds, part = 0;
	if (!slice_to_int(slice_sub(value, 0, dot), &seconds) || seconds < 0)
		return ANSWER_WAIT_UNKNOWN;
	if (dot < value.len && (!slice_to_int(slice_sub(value, dot + 1, value.len - dot - 1), &part) || part < 0))
		return ANSWER_WAIT_UNKNOWN;
	if (seconds >= ANSWER_WAIT_MS_MAX / 1000)
		return ANSWER_WAIT_MS_MAX;
	return (seconds + (dot < value.len)) * 1000;
}

static bool has(struct slice text, const char *words)
{
	return slice_find_str(text, slice_of(words)) != SIZE_MAX;
}

/* What is said of the app or its user is true of every playlist: the owner has no Premium (zmb3/spotify#301), the user is not
 * on the app's list in the dashboard (spotipy#1044, OSC-Chat-Tools#11 and #32).  Both came as plain text. */
static bool refuses_app(const struct http_response *r, const struct json *root)
{
	struct slice reason, text = root ? message_of(root, &reason) : r->body;
	bool user = has(text, "not registered") || has(text, "not be registered");
	return user || has(text, "owner of the app") || (!root && has(text, "remium"));
}

static enum answer_kind kind_of(const struct http_response *r, struct slice reason, const struct json *root)
{
	switch (r->status) {
	case 200:
		return r->body.len ? ANSWER_OK : ANSWER_PASSING;
	case 304:
		return ANSWER_NOT_MODIFIED;
	case 401:
		return ANSWER_UNAUTHORIZED;
	case 403:
		return refuses_app(r, root) ? ANSWER_APP_REFUSED : ANSWER_FORBIDDEN;
	case 404:
	case 410:
		return ANSWER_NOT_FOUND;
	case 408:
	case 425:
		return ANSWER_PASSING;
	case 429:
		return slice_is(reason, "QUOTA_EXCEEDED") ? ANSWER_QUOTA : ANSWER_BUSY;
	default:
		return r->status >= 400 && r->status < 500 ? ANSWER_REFUSED : ANSWER_PASSING;
	}
}

void answer_judge(const struct http_response *r, struct answer *out)
{
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice reason = SLICE_NULL;
	*out = (struct answer){ .wait_ms = ANSWER_WAIT_UNKNOWN };
	if (r->status != 200 && r->status != 304) /* a good body is read by whoever asked for it */
		(void) !json_parse(r->body, &root, NULL);
	describe(r, root, &reason, out->said);
	out->kind = kind_of(r, reason, root);
	if (out->kind == ANSWER_BUSY || out->kind == ANSWER_QUOTA)
		out->wait_ms = retry_after_ms(r);
}
