/* What faults do.  The bodies are those that were seen of the real service, where any were. */
#include "base/clock.h"
#include "sim/simulator_private.h"

#define HTML_502                                                                                                    \
	"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" \
	"</body>\r\n</html>\r\n"
#define TEXT_403 "Active premium subscription required for the owner of the app. Renew the subscription to go on using the Web API."

static void answer_text(struct call *c, int status, const char *type, const char *text)
{
	c->reply->status = status;
	c->reply->body = slice_of(text);
	server_reply_header(c->reply, "Content-Type", type);
}

static void too_many(struct call *c, bool quota, const char *retry_after)
{
	if (quota)
		answer_text(c, 429, "application/json; charset=utf-8",
		            "{\"error\":{\"status\":429,\"message\":\"Too many requests\",\"reason\":\"QUOTA_EXCEEDED\"}}");
	else
		answer_error(c, 429, "Too many requests");
	if (retry_after)
		server_reply_header(c->reply, "Retry-After", retry_after);
}

static const char *seconds(struct call *c, int64_t s)
{
	return arena_printf(c->rq->arena, "%lld", (long long) s).ptr;
}

void wrong_held(struct call *c)
{
	too_many(c, c->held_kind == FAULT_QUOTA, seconds(c, c->held_s));
}

/* What holds is the app's, so it holds for every request to the API, whoever asks. */
static void hold(struct call *c)
{
	int64_t until_ms = clock_now_ms(c->s->clock) + c->firing.after_s * 1000;
	simulator_lock(c->s);
	if (until_ms > c->s->hold_until_ms) {
		c->s->hold_until_ms = until_ms;
		c->s->hold_kind = c->firing.kind;
	}
	simulator_unlock(c->s);
	too_many(c, c->firing.kind == FAULT_QUOTA, seconds(c, c->firing.after_s));
}

static void expire(struct call *c)
{
	bool missing;
	simulator_lock(c->s);
	struct token *t = token_of(c, &missing);
	if (t)
		t->dead = true;
	simulator_unlock(c->s);
}

static void revoke(struct call *c)
{
	const char *text = server_form(c->rq, "refresh_token");
	simulator_lock(c->s);
	struct token *t = text ? token_find(c->s, TOKEN_REFRESH, text) : NULL;
	if (t)
		t->dead = true;
	simulator_unlock(c->s);
}

static void edit(struct call *c)
{
	struct listing *l = chart_find(c->s, c->playlist_id);
	if (l && chart_edit(c->s, l, c->firing.total, NULL) != RC_OK)
		return; /* it shows nothing: the answer will say so */
}

bool wrong_instead(struct call *c)
{
	if (!c->firing.fires)
		return false;
	switch (c->firing.kind) {
	case FAULT_429:
	case FAULT_QUOTA: hold(c); return true;
	case FAULT_429_NO_HEADER: too_many(c, false, NULL); return true;
	case FAULT_429_TEXT: too_many(c, false, "soon"); return true;
	case FAULT_500: answer_error(c, 500, "Server error."); return true;
	case FAULT_502: answer_error(c, 502, "Bad gateway."); return true;
	case FAULT_503: answer_error(c, 503, "Service unavailable."); return true;
	case FAULT_504: answer_error(c, 504, "Gateway timeout."); return true;
	case FAULT_EMPTY: answer_text(c, 200, "application/json; charset=utf-8", ""); return true;
	case FAULT_HTML: answer_text(c, (int) c->firing.status, "text/html", HTML_502); return true;
	case FAULT_TEXT: answer_text(c, (int) c->firing.status, "text/plain; charset=utf-8", TEXT_403); return true;
	case FAULT_FORBIDDEN: answer_error(c, 403, "Forbidden"); return true;
	case FAULT_NOT_FOUND: answer_error(c, 404, "Resource not found"); return true;
	case FAULT_EXPIRE: expire(c); return false;
	case FAULT_INVALID_GRANT: revoke(c); return false;
	case FAULT_EDIT: edit(c); return false;
	default: return false;
	}
}

void wrong_spoil(struct call *c)
{
	struct server_reply *r = c->reply;
	size_t half = r->body.len / 2;
	if (!c->firing.fires)
		return;
	switch (c->firing.kind) {
	case FAULT_RESET: r->wrong.reset = true; break;
	case FAULT_SLOW:
		r->wrong.delay_ms = half ? 0 : c->firing.ms;
		r->wrong.pause_ms = half ? c->firing.ms : 0;
		r->wrong.pause_bytes = r->body.len - half; /* once, in the middle */
		break;
	case FAULT_TRUNCATE:
		r->wrong.truncate = true;
		r->wrong.send_bytes = half;
		break;
	case FAULT_WRONG_LENGTH:
		r->wrong.short_length = true;
		r->wrong.send_bytes = half;
		break;
	default: break;
	}
}
