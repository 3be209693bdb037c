/* What fake.c and fake_plan.c share. */
#ifndef FAKES_FAKE_PRIVATE_H
#define FAKES_FAKE_PRIVATE_H

#include "fakes/fake.h"

/* --- fake_plan.c: rules; any thread */
struct plan;
struct plan *plan_new(void);
void plan_free(struct plan *p);
void plan_forget(struct plan *p);
/* A rule or a list of them; RC_REJECT says what is wrong.  *out_at_once: the ones that wait for no request. */
MUST_USE enum rc plan_add(struct plan *p, struct fake *f, const struct json *rule, struct err *err);

struct fault {
	char kind[24];   /* "" none */
	int status;
	int64_t bytes, ms;
	struct json *body_json, *headers; /* owned by the caller */
	char *body, *reason, *message, *retry_after;
};
void fault_done(struct fault *fault);
/* The first rule that befalls "METHOD target". */
void plan_decide(struct plan *p, const char *request, struct fault *out);
void plan_do_at_once(struct fake *f, const char *kind);

#endif
