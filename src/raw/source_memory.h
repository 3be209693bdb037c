/* What a live source remembers, kept in the store so that it outlives an instance: pending/<name>.  What it asks about earlier
 * snapshots is answered from raw/. */
#ifndef RAW_SOURCE_MEMORY_H
#define RAW_SOURCE_MEMORY_H

#include "raw/state.h"
#include "source/source.h"
#include "store/store.h"

#define PENDING_PREFIX "pending/"

struct raw_memory {
	struct store *store; /* not owned */
	struct state *state; /* the moments handed out; NULL where there is no disk: then raw/ alone tells the last one */
};
/* `m` must outlive it. */
struct source_memory raw_source_memory(struct raw_memory *m);

#endif
