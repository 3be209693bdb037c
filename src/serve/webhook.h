/* Tells a webhook what people want to know without looking: what webhook_judge.h lists, as JSON by POST.
 *
 * Nobody waits for it: one thread of its own looks, writes down what is to be told (webhook.json in the home), then sends what
 * waits, the oldest first, until the receiver does not take one: then again after 1, 2, 4, … 60 minutes, at each step.  Told means
 * answered 2xx.  What was told and what waits survives a restart, so nothing is told twice or forgotten, but for a crash between the
 * answer and the next write: then it comes again with the same `id`.  What has waited for keep_ms, or is more than waiting_max, is
 * dropped with a line of the log, and the next event that is taken says how many were ("dropped").
 *
 * The address is a secret (Slack's are): it is never logged nor written down but for scheme and host.  Only that very address is
 * asked: no redirect is followed; https, or http on loopback. */
#ifndef SERVE_WEBHOOK_H
#define SERVE_WEBHOOK_H

#include "raw/state.h"

struct webhook_options {
	const char *url;       /* the setting webhook_url; "" = there is none.  Copied */
	struct state *state;   /* not owned, for the webhook alone (its own thread uses it at any time) */
	const char *home;      /* copied */
	const char *playlists; /* the setting; copied */
	struct clock *clock;
	int64_t timeout_ms, stale_after_s, keep_ms;
	size_t waiting_max;
};
struct webhook;
/* *out = NULL when there is no address.  RC_FATAL when it cannot be one; the message does not repeat it. */
MUST_USE enum rc webhook_open(const struct webhook_options *options, struct webhook **out, struct err *err);
/* Breaks off what is being sent: it waits.  Takes NULL. */
void webhook_close(struct webhook *w);
/* To be called every minute.  Waits at most wait_ms (0: not at all) for the look and the sending; true when they have ended.
 * Takes NULL: true. */
bool webhook_step(struct webhook *w, int64_t wait_ms);

/* "https://host/…", or "http://" with 127.0.0.1, localhost or [::1]. */
MUST_USE enum rc webhook_check_url(const char *url, struct err *err);

#endif
