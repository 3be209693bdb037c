/* Dead letters as people see them: the quarantine, and snapshots that stay incomplete.  How one is mended: raw/dead_edit.h. */
#ifndef RAW_DEAD_H
#define RAW_DEAD_H

#include "raw/quarantine.h"
#include "raw/state.h"

#define DEAD_INCOMPLETE "incomplete"
/* All letters, and one of reason DEAD_INCOMPLETE for each snapshot that has missed its manifest or objects for longer than
 * `after_h` hours: since its last receipt, else since snapshot_at.  `state` may be NULL: no receipts. */
MUST_USE enum rc dead_list(struct store *store, struct state *state, struct clock *clock, int64_t after_h,
                           struct arena *arena, struct letters *out, struct err *err);
/* One of them, found as letters_find does. */
MUST_USE enum rc dead_find(struct store *store, struct state *state, struct clock *clock, int64_t after_h, struct slice which,
                           struct arena *arena, struct letter *out, struct err *err);

/* Where letters lie, for what follows. */
struct dead_place {
	struct store *store;
	struct state *state; /* may be NULL */
	struct clock *clock;
	int64_t incomplete_after_h;
};
struct dead_filter {
	struct slice reason, playlist_id; /* SLICE_NULL: any */
};
/* Letters one by one, sorted by reason and name, from behind `after` ("reason/name" of a letter that was or is there; SLICE_NULL:
 * from the start).  Memory for one letter at a time, and for the incomplete snapshots when the walk passes them. */
MUST_USE enum rc dead_walk(const struct dead_place *p, const struct dead_filter *filter, struct slice after,
                           const struct letter_visit *visit, struct err *err);
/* The one of exactly that name; RC_NOT_FOUND. */
MUST_USE enum rc dead_get(const struct dead_place *p, struct slice reason, struct slice name, struct arena *arena,
                          struct letter *out, struct err *err);

/* Off the list for good, with letter->dropped_why and dropped_at; raw bytes stay.  A dropped incomplete snapshot is used all the
 * same should it become complete. */
MUST_USE enum rc dead_drop(struct store *store, const struct letter *letter, struct err *err);

struct dead_replay_options {
	struct store *store;
	struct bus *bus;
	int64_t chart_offset_s, playlist_groups;
};
/* Try again.  A message is published anew, as its latest mend says, with the name of its letter and the count of its attempts
 * (raw/mend.h).  A snapshot's partition is marked to be built anew.  Nothing is taken off the list here: ingest and bronze do that
 * when they could use it, else the letter counts another attempt.  For the other kinds there is nothing to do.  *out_next says
 * what happens next. */
MUST_USE enum rc dead_replay(const struct dead_replay_options *o, const struct letter *letter, const char **out_next,
                             struct err *err);

#endif
