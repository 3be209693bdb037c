/* The metadata server of Google's machines (Compute Engine, Cloud Run, Kubernetes Engine): tokens and facts about the machine.
 *
 * Asked only when something is needed of it, and looked for once: who answers at its address without the header
 * Metadata-Flavor: Google is not it. */
#ifndef GCP_METADATA_H
#define GCP_METADATA_H

#include "gcp/credential.h"

struct metadata;
/* Reads GCE_METADATA_HOST, GCE_METADATA_IP, GCE_METADATA_TIMEOUT, NO_GCE_CHECK. */
MUST_USE enum rc metadata_open(struct metadata **out, struct err *err);
void metadata_close(struct metadata *m); /* takes NULL */
const char *metadata_host(const struct metadata *m);
/* RC_FATAL: there is none here. */
MUST_USE enum rc metadata_token(struct metadata *m, struct transport *t, struct arena *arena, struct grant *out, struct err *err);
/* "project/project-id", "instance/service-accounts/default/email". */
MUST_USE enum rc metadata_text(struct metadata *m, struct transport *t, const char *path, struct arena *arena, struct slice *out,
                               struct err *err);

#endif
