/* The Pub/Sub REST API over a bus in memory, on a server of its own, and a client that calls it. */
#ifndef SUPPORT_REST_H
#define SUPPORT_REST_H

#include "base/clock.h"
#include "base/json.h"
#include "io/http.h"
#include "serve/pubsub.h"

struct rest {
	struct clock_fake clock;
	struct bus *bus;
	struct pubsub *_Atomic pubsub; /* read by the server's threads */
	struct server *server;
	struct http *http;
	char url[96]; /* of the project, "p1" */
	atomic_int changes; /* of subscriptions, as the service was told */
	int status;
	struct json *answer; /* of the last call; NULL before the first */
};

/* Asserts that it opens. */
void rest_open(struct rest *r);
void rest_done(struct rest *r);
#define REST(r)                              \
	CLEANUP(rest_done) struct rest r;    \
	rest_open(&(r))
/* Requests go to this bus (not owned) from now on; nothing may be under way. */
void rest_use(struct rest *r, struct bus *bus);

/* Any request; fails the test when the answer is no JSON. */
void rest_send(struct rest *r, const char *type, const char *method, const char *url, struct slice body);
/* METHOD path below the project, JSON in single quotes for double ones. */
void rest_ask(struct rest *r, const char *method, const char *path, const char *body);
/* The same; fails the test at another status. */
void rest_call(struct rest *r, int status, const char *method, const char *path, const char *body);
/* The last answer: an error whose message contains this; exactly this, in single quotes. */
void rest_is_error(struct rest *r, int code, const char *status, const char *message);
void rest_is(struct rest *r, const char *json);

#endif
