/* Calls from outside that are done, by their idempotency key, in state.db: who asks again gets the answer that was given.
 *
 * Kept for 7 days, which is longer than any scheduler tries again.  Errors are those of raw/state.h. */
#ifndef RAW_STATE_CALL_H
#define RAW_STATE_CALL_H

#include "base/hash.h"
#include "raw/state.h"

#define STATE_CALL_KEY_BYTES_MAX 1024
#define STATE_CALL_ANSWER_BYTES_MAX ((size_t) 64 << 10)
#define STATE_CALL_KEEP_S (7 * 86400)

struct state_call {
	bool found;
	struct slice request_sha256; /* 64 hex digits: what was asked */
	struct slice answer;
	int64_t done_at; /* seconds since 1970 UTC */
};
/* out->found = false when there is none, or one that is older.  Strings are owned by `arena` (room for the largest answer). */
MUST_USE enum rc state_call_get(struct state *st, struct slice key, struct arena *arena, struct state_call *out, struct err *err);
/* Durable when it returns RC_OK; the first answer to a key stands.  Forgets those that are older.  RC_REJECT: over a limit. */
MUST_USE enum rc state_call_put(struct state *st, struct slice key, const char request_sha256[static HASH_HEX_BYTES],
                                struct slice answer, struct err *err);

#endif
