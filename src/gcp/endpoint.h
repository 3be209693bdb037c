/* Where an API is: its own address, an emulator's, or another that the environment names. */
#ifndef GCP_ENDPOINT_H
#define GCP_ENDPOINT_H

#include "gcp/gcp.h"
#include "gcp/transport.h"

struct endpoint {
	char *url; /* no slash at the end */
	bool is_emulator;
	struct patience patience; /* start, factor and cap as Google's client of this API has them */
};
/* RC_FATAL names the variable: no host in it, or a token would go over plain http to another machine. */
MUST_USE enum rc endpoint_open(enum gcp_api api, struct endpoint *out, struct err *err);
void endpoint_done(struct endpoint *e);
/* The whole URL of a path.  One that is whole already must lead to the same host, or from a host of googleapis.com to another:
 * RC_REJECT. */
MUST_USE enum rc endpoint_resolve(const struct endpoint *e, struct slice path, struct arena *arena, const char **out, struct err *err);

#endif
