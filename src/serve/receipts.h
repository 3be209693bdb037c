/* Receipts of many threads on one state.db: who comes while another's are being written waits with the others, and they are written
 * in one transaction.  So a hundred deliveries at once wait for the disk twice, not a hundred times. */
#ifndef SERVE_RECEIPTS_H
#define SERVE_RECEIPTS_H

#include "raw/state.h"

struct receipts;
struct receipts *receipts_open(struct state *state); /* not owned; used by one call at a time */
void receipts_close(struct receipts *r);             /* takes NULL; no call may be under way */
/* Durable when it returns RC_OK.  A failure is that of all that were written together. */
MUST_USE enum rc receipts_add(struct receipts *r, const struct state_receipt *receipt, struct err *err);

#endif
