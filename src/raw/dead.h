/* Dead letters as people see them: the quarantine, and snapshots that stay incomplete. */
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
/* Off the list for good; raw bytes stay.  A dropped incomplete snapshot is used all the same should it become complete. */
MUST_USE enum rc dead_drop(struct store *store, const struct letter *letter, struct err *err);

struct dead_replay_options {
	struct store *store;
	struct bus *bus;
	int64_t chart_offset_s, playlist_groups;
};
/* Try again: a message is published anew, a snapshot's partition is marked to be built anew, an extract is simply taken off the
 * list; lines of an imported file can only be mended in the file, so their letter stays.  The letter goes last, so that nothing is lost midway.  *out_next says what happens next. */
MUST_USE enum rc dead_replay(const struct dead_replay_options *o, const struct letter *letter, const char **out_next,
                             struct err *err);

#endif
