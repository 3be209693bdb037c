#include "gcp/exchange.h"

#define TIMEOUT_MS 30000
#define START_MS 1000
#define FACTOR 2
#define CAP_MS 10000
#define BUDGET_MS 120000
#define LIFE_S 3600
#define LIFE_S_MAX 43200

bool exchange_is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char) s.ptr[i] <= ' ' || (unsigned char) s.ptr[i] >= 0x7f)
			return false;
	return s.len > 0;
}

int64_t exchange_life_s(const struct json *answer)
{
	const struct json *v = json_get(answer, "expires_in");
	struct slice text;
	int64_t seconds = LIFE_S;
	if (!json_integer(v, &seconds) && json_string(v, &text))
		(void) !slice_to_int(slice_trim(text), &seconds);
	return seconds < 0 ? 0 : seconds > LIFE_S_MAX ? LIFE_S_MAX : seconds;
}

void exchange_form(struct slice *inout_form, const char *name, struct slice value, struct arena *arena)
{
	struct slice escaped = http_escape(value, arena);
	*inout_form = ARENA_JOIN(arena, *inout_form, inout_form->len ? SLICE("&") : SLICE(""), slice_of(name), SLICE("="), escaped);
}

/* Not only on Google's machines does something answer at that address. */
static bool is_metadata(const struct http_response *r)
{
	return slice_is(http_response_header(r, "Metadata-Flavor"), "Google");
}

static enum rc gave_up(const struct exchange *x, enum patience_end end, int64_t wait_ms, const char *why, struct err *err)
{
	if (end == PATIENCE_STOPPED)
		return err_set(err, RC_RETRY, "stopped: run the command again to go on");
	(void) err_set(err, RC_RETRY, "%s: %s", x->what, why);
	if (err)
		err->retry_after_ms = wait_ms;
	return RC_RETRY;
}

enum rc exchange_send(struct transport *t, const struct exchange *x, struct arena *arena, struct http_response *out,
                      struct google_answer *out_answer, struct err *err)
{
	const struct http_request rq = { .method = x->method, .url = x->url, .header = x->header, .header_count = x->header_count,
		                         .body = x->body, .timeout_ms = x->timeout_ms ? x->timeout_ms : TIMEOUT_MS, .direct = x->metadata,
		                         .secret_answer = true };
	struct patience patience = { .start_ms = x->start_ms ? x->start_ms : START_MS, .factor = FACTOR, .cap_ms = CAP_MS,
		                     .tries_max = x->tries_max ? x->tries_max : EXCHANGE_TRIES_MAX,
		                     .deadline_ns = clock_mono_ns(t->clock) + (int64_t) BUDGET_MS * 1000000 };
	struct arena_mark mark = arena_mark(arena);
	for (;;) {
		struct err why = { 0 };
		int64_t wait_ms;
		arena_rewind(arena, mark);
		*out_answer = (struct google_answer){ .class = GOOGLE_PASSING, .wait_ms = -1, .said = "", .advice = "" };
		enum rc rc = transport_send(t, &rq, arena, out, &why);
		if (rc == RC_FATAL)
			return err_set(err, rc, "%s: %s", x->what, why.msg);
		if (rc == RC_OK) {
			google_answer(out, clock_now_ms(t->clock), arena, out_answer);
			if (x->metadata && !is_metadata(out))
				return err_set(err, RC_FATAL, "%s: %s answered, without the header Metadata-Flavor: Google: it is not the metadata server",
				               x->what, x->url);
		}
		bool passing = out_answer->class == GOOGLE_PASSING || out_answer->class == GOOGLE_BUSY;
		if (rc == RC_OK && out_answer->class == GOOGLE_OK)
			return RC_OK;
		if (rc == RC_OK && !passing)
			return err_set(err, RC_FATAL, "%s: %s", x->what, out_answer->said);
		enum patience_end end = patience_wait(t, &patience, out_answer->wait_ms, &wait_ms);
		if (end != PATIENCE_AGAIN)
			return gave_up(x, end, wait_ms, rc == RC_OK ? out_answer->said : why.msg, err);
	}
}

enum rc exchange_json(struct transport *t, const struct exchange *x, struct arena *arena, struct json **out,
                      struct google_answer *out_answer, struct err *err)
{
	CLEANUP(json_free_secretp) struct json *root = NULL;
	struct http_response r;
	TRY(exchange_send(t, x, arena, &r, out_answer, err));
	if (json_parse_secret(r.body, &root, NULL) != RC_OK || json_type(root) != JSON_OBJECT)
		return err_set(err, RC_RETRY, "%s: the answer is no JSON object", x->what);
	*out = TAKE(root);
	return RC_OK;
}
