/* A simulator on a fake clock and a client of it that writes requests by hand. */
#ifndef SUPPORT_SIM_H
#define SUPPORT_SIM_H

#include "base/clock.h"
#include "base/json.h"
#include "sim/simulator.h"
#include "support/wire.h"

#define SIM_NOW_MS 1790000000000 /* 2026-09-21 */

struct sim {
	struct clock_fake clock;
	struct simulator *s;
	struct arena arena; /* of all replies */
	char token[128];    /* sent with each get; "" for none */
	struct json *last;  /* the tree of the last JSON body */
};
/* What the options leave out is filled: the clock, the sample of 72 days with seed 1 when there is no world and no folder. */
void sim_open(struct sim *sim, struct simulator_options options);
void sim_close(struct sim *sim);

/* "GET path" with the token and more header lines ("Name: value\r\n", NULL for none). */
struct wire_reply sim_get(struct sim *sim, const char *path);
struct wire_reply sim_get_with(struct sim *sim, const char *path, const char *headers);
/* A form; `basic` is "id:secret", or NULL. */
struct wire_reply sim_post(struct sim *sim, const char *path, const char *basic, const char *body);
/* Gets it, wants 200 and JSON; the tree is the fixture's until the next one. */
const struct json *sim_json(struct sim *sim, const char *path);
/* The tree of a reply's body; the test fails when it is none. */
const struct json *sim_parse(struct sim *sim, struct slice body);
/* The token of the client itself, or of the user by way of /authorize; sent from then on. */
void sim_client_token(struct sim *sim);
void sim_user_token(struct sim *sim);
/* What follows `key=` in the Location of a reply. */
struct slice sim_redirected(const struct wire_reply *reply, const char *key);
/* Adds a fault; the test fails when it is none. */
void sim_fault(struct sim *sim, const char *spec);
struct simulator_stats sim_stats(struct sim *sim);

/* A JSON text of `v`. */
const char *sim_text(struct sim *sim, const struct json *v);

#endif
