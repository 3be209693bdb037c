/* Ingest: deliveries of the subscription become raw objects, exactly once in effect (DATA.md, "Raw" and "Messages").
 *
 * A delivery is acknowledged only after its object is durable and its receipt is written.  Messages may come in any order,
 * twice, or mixed with another extraction's of the same second; every effect is named by its content.  What cannot be used
 * goes to quarantine (with its bytes) before it is acknowledged.  Other message types are acknowledged and skipped.
 * What the bus gave up on (dead-letter topic) is moved to quarantine as "undeliverable".
 *
 * RC_RETRY and RC_FATAL of store or bus end the call; deliveries not yet acknowledged come again. */
#ifndef RAW_INGEST_H
#define RAW_INGEST_H

#include "bus/bus.h"
#include "raw/state.h"
#include "store/store.h"

struct ingest_options {
	struct bus *bus;
	struct store *store;
	struct state *state; /* receipts; NULL for none (an instance without a disk) */
	struct clock *clock;
	const char *run_id;
	size_t page_limit_bytes;
	int threads; /* deliveries worked on side by side; 0 = 1 */
	int64_t wait_ms_max; /* how long to wait for messages that are backing off or leased by another consumer */
	void (*on_progress)(void *ctx, size_t done, size_t waiting);
	/* None of the messages at hand could be stored (RC_RETRY: a full disk).  Waits at most INGEST_HOLD_MS_MAX; true: they are tried again
	 * under a new lease, so that none comes nearer to the dead letters for it; false, or no function: they are given back. */
	bool (*hold)(void *ctx, const struct err *why);
	void *ctx;
	const atomic_bool *stop; /* asked between batches; may be NULL */
};
struct ingest_result {
	int64_t received, objects, twice, skipped, quarantined, completed; /* completed: snapshots that became complete */
};

#define INGEST_HOLD_MS_MAX 300000 /* half of the longest lease */

/* What one pull brings, at most; adds to *out.  *out_any: false when nothing is due now: then what the bus gave up on has been looked
 * after, too. */
MUST_USE enum rc ingest_some(const struct ingest_options *o, struct ingest_result *out, bool *out_any, struct err *err);
/* Until nothing is left to deliver. */
MUST_USE enum rc ingest_run(const struct ingest_options *o, struct ingest_result *out, struct err *err);
/* One message's effect, for the push door too: RC_OK = acknowledge. */
MUST_USE enum rc ingest_message(const struct ingest_options *o, const struct bus_message *m, struct ingest_result *out,
                                struct err *err);
/* The same but for the receipt, which is handed out and not written: the caller acknowledges after it is durable.  No receipt (no
 * key) when no object stands for the message.  Touches the store only, so that several may run at once; the receipt is owned by
 * `arena` (a limit of INGEST_MEMORY_BYTES) and `m`. */
MUST_USE enum rc ingest_effect(const struct ingest_options *o, const struct bus_message *m, struct arena *arena,
                               struct state_receipt *out_receipt, struct ingest_result *out, struct err *err);
#define INGEST_MEMORY_BYTES ((size_t) 128 << 20) /* a limit, not a use: a manifest may be that large */
/* What ingest would say of the message, whatever is in the store: RC_REJECT with *out_reason when it would go to quarantine. */
MUST_USE enum rc ingest_check(size_t page_limit_bytes, const struct bus_message *m, const char **out_reason, struct err *err);

#endif
