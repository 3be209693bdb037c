#include "fakes/fake_private.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <stdio.h>

#define RULES_MAX 256

struct rule {
	char *match;
	int64_t skip, times;
	struct fault fault;
};
struct plan {
	pthread_mutex_t lock;
	struct rule rule[RULES_MAX];
	size_t count;
};

static const char *const kinds[] = { "status", "lose-reply", "close", "truncate", "slow", "wrong-checksum", "short-range", "expire-tokens", "revoke",
	                             "restore" };
static const char *const at_once[] = { "expire-tokens", "revoke", "restore" };

static bool is_one_of(const char *s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

struct plan *plan_new(void)
{
	struct plan *p = mem_alloc(sizeof *p);
	p->lock = (pthread_mutex_t) PTHREAD_MUTEX_INITIALIZER;
	return p;
}

void fault_done(struct fault *f)
{
	json_free(f->body_json);
	json_free(f->headers);
	mem_free(f->body);
	mem_free(f->reason);
	mem_free(f->message);
	mem_free(f->retry_after);
	*f = (struct fault){ 0 };
}

void plan_forget(struct plan *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->count; i++) {
		mem_free(p->rule[i].match);
		fault_done(&p->rule[i].fault);
	}
	p->count = 0;
	pthread_mutex_unlock(&p->lock);
}

void plan_free(struct plan *p)
{
	plan_forget(p);
	(void) pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

static char *copy(const struct json *rule, const char *name)
{
	struct slice s = json_get_string(rule, name);
	if (!s.ptr)
		return NULL;
	char *text = mem_alloc(s.len + 1);
	memcpy(text, s.ptr, s.len);
	return text;
}

static char *copy_text(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

static struct fault copy_fault(const struct fault *f)
{
	struct fault c = *f;
	c.body_json = f->body_json ? json_clone(f->body_json) : NULL;
	c.headers = f->headers ? json_clone(f->headers) : NULL;
	c.body = copy_text(f->body);
	c.reason = copy_text(f->reason);
	c.message = copy_text(f->message);
	c.retry_after = copy_text(f->retry_after);
	return c;
}

void plan_do_at_once(struct fake *f, const char *kind)
{
	if (strcmp(kind, "expire-tokens") == 0)
		tokens_expire(fake_tokens(f));
	else
		tokens_revoke(fake_tokens(f), strcmp(kind, "revoke") == 0);
}

static enum rc check_members(const struct json *rule, struct err *err)
{
	static const char *const known[] = { "match", "skip", "times", "do", "status", "reason", "message", "body", "retry_after", "headers", "bytes",
		                             "ms" };
	void *iter = NULL;
	struct slice name;
	const struct json *value;
	while (json_next(rule, &iter, &name, &value)) {
		bool ok = false;
		for (size_t i = 0; i < COUNT_OF(known); i++)
			ok = ok || slice_is(name, known[i]);
		if (!ok)
			return err_set(err, RC_REJECT, "a rule has no '%.*s'", SLICE_FMT(name));
	}
	return RC_OK;
}

static enum rc add_one(struct plan *p, struct fake *f, const struct json *rule, struct err *err)
{
	CLEANUP(mem_freep) char *kind = copy(rule, "do");
	CLEANUP(mem_freep) char *match = copy(rule, "match");
	TRY(check_members(rule, err));
	if (!kind || !is_one_of(kind, kinds, COUNT_OF(kinds)))
		return err_set(err, RC_REJECT, "a rule wants \"do\", one of status, lose-reply, close, truncate, slow, wrong-checksum, short-range, "
		               "expire-tokens, revoke, restore");
	if (!match && is_one_of(kind, at_once, COUNT_OF(at_once))) {
		plan_do_at_once(f, kind);
		return RC_OK;
	}
	int64_t status = json_get_integer(rule, "status", 0);
	if (!match)
		return err_set(err, RC_REJECT, "a rule wants \"match\"");
	if (strcmp(kind, "status") == 0 && (status < 200 || status > 599))
		return err_set(err, RC_REJECT, "a rule that does status wants \"status\" from 200 to 599");
	if (p->count == RULES_MAX)
		return err_set(err, RC_REJECT, "more than %d rules", RULES_MAX);
	struct rule *r = &p->rule[p->count++];
	const struct json *body = json_get(rule, "body"), *headers = json_get(rule, "headers");
	bool is_tree = json_type(body) == JSON_OBJECT || json_type(body) == JSON_ARRAY;
	*r = (struct rule){ .match = TAKE(match), .skip = json_get_integer(rule, "skip", 0), .times = json_get_integer(rule, "times", 1) };
	r->fault = (struct fault){ .status = (int) status, .bytes = json_get_integer(rule, "bytes", 0), .ms = json_get_integer(rule, "ms", 0),
		                   .body_json = is_tree ? json_clone(body) : NULL, .headers = headers ? json_clone(headers) : NULL,
		                   .body = copy(rule, "body"), .reason = copy(rule, "reason"), .message = copy(rule, "message"),
		                   .retry_after = copy(rule, "retry_after") };
	(void) snprintf(r->fault.kind, sizeof r->fault.kind, "%s", kind);
	return RC_OK;
}

enum rc plan_add(struct plan *p, struct fake *f, const struct json *rule, struct err *err)
{
	enum rc rc = RC_OK;
	bool is_list = json_type(rule) == JSON_ARRAY;
	pthread_mutex_lock(&p->lock);
	if (!is_list)
		rc = add_one(p, f, rule, err);
	for (size_t i = 0; is_list && rc == RC_OK && i < json_size(rule); i++)
		rc = add_one(p, f, json_at(rule, i), err);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void plan_decide(struct plan *p, const char *request, struct fault *out)
{
	*out = (struct fault){ 0 };
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->count; i++) {
		struct rule *r = &p->rule[i];
		if (r->times <= 0 || fnmatch(r->match, request, 0) != 0)
			continue;
		if (r->skip > 0) {
			r->skip--;
			continue;
		}
		r->times--;
		*out = copy_fault(&r->fault);
		break;
	}
	pthread_mutex_unlock(&p->lock);
}
