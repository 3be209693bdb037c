/* `sargam-test --gcp-call API-PATH`: one GET to Pub/Sub's API as the environment says, for a test in another language.  Prints the
 * status; exit status 1 with the error when there was no answer. */
#include "gcp/gcp.h"
#include "test.h"

#include <stdio.h>

int test_gcp_call(const char *path)
{
	CLEANUP(gcp_closep) struct gcp *g = NULL;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	struct err err = { 0 };
	struct gcp_reply reply = { 0 };
	const struct gcp_options o = { .clock = clock_system(), .rand = rand_new(rand_os()), .budget_ms = 5000 };
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = slice_of(path), .idempotent = true };
	if (gcp_open(&o, &g, &err) == RC_OK)
		(void) !gcp_call(g, &rq, &arena, &reply, &err);
	if (!reply.status) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	printf("%d\n", reply.status);
	return 0;
}
