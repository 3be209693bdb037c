/* A fake Google Cloud and a struct gcp that leads to it: the environment, credentials in a file, an API that counts what was done.
 *
 * The environment is the process's: one of these at a time.  The clock is a fake one unless `real_clock`: then waits are real. */
#ifndef SUPPORT_CLOUD_H
#define SUPPORT_CLOUD_H

#include "base/clock.h"
#include "fakes/fake.h"
#include "gcp/gcp.h"

#define CLOUD_NOW_MS 1790000000000 /* 2026-09-21 */
#define CLOUD_BUDGET_MS 600000
/* A path of the API of tests: any method, answers {"done":N} and counts; demands a token. */
#define CLOUD_PATH "/v1/projects/echo-project/thing"

struct cloud {
	struct clock_fake clock;
	struct fake *fake;
	struct gcp *gcp;     /* NULL until cloud_connect() */
	struct arena arena;  /* of all replies */
	const char *dir;     /* of files; an empty home, too */
	bool real_clock;
	atomic_bool stop;
	int done;            /* requests of the API that were done; atomic */
	struct gcp_reply reply; /* of the last call */
	struct err err;
};
/* No credentials, no project, all APIs lead to the fake, and so does the metadata server. */
void cloud_open(struct cloud *c, bool real_clock);
void cloud_done(struct cloud *c);
#define CLOUD(c)                             \
	CLEANUP(cloud_done) struct cloud c;  \
	cloud_open(&(c), false)

/* Writes a file and names it in GOOGLE_APPLICATION_CREDENTIALS; its path. */
const char *cloud_file(struct cloud *c, const char *name, struct slice text);
/* Those of the fake, of this type. */
void cloud_credentials(struct cloud *c, const char *type);
/* gcp_open(), again if it was: what the process remembers is gone. */
MUST_USE enum rc cloud_connect(struct cloud *c);
void cloud_must_connect(struct cloud *c); /* fails the test when it fails */
/* Pub/Sub's API at CLOUD_PATH. */
enum rc cloud_call(struct cloud *c, const char *method, bool idempotent);
/* Any other call; c->reply and c->err are filled. */
enum rc cloud_send(struct cloud *c, const struct gcp_request *rq);
/* A rule or setting of the fake; fails the test when it is none. JSON with single quotes for double ones. */
void cloud_control(struct cloud *c, const char *json);
/* Requests that matched, as fake_count(). */
size_t cloud_count(struct cloud *c, const char *glob);
/* Fails the test when `text` holds a secret the fake knows, or a part of the key. */
void cloud_assert_no_secret(struct cloud *c, struct slice text);

#endif
