/* state.db: what a home remembers beside its data: which source it holds, the watch list, when each playlist was last
 * looked at, the receipt of every message ingest took, the calls from outside that are done (raw/state_call.h), the history
 * of runs (dag/runlog.h) and the schedule (dag/schedule.h).
 *
 * Everything here can be lost without losing a row of any table: it is rebuilt, or only the memory of past runs is gone.
 * Each writing call is one transaction, durable when it returns RC_OK.  Several processes may have the file open; a handle
 * belongs to one thread at a time.  Errors are those of io/db.h, with the file in the message. */
#ifndef RAW_STATE_H
#define RAW_STATE_H

#include "base/arena.h"

struct clock;
struct db;
struct state;

/* Made when missing, brought to the newest schema when it is older; a newer one is RC_FATAL. */
MUST_USE enum rc state_open(const char *path, struct clock *clock, struct state **out, struct err *err);
/* For looking only; see db_open_reader. */
MUST_USE enum rc state_open_reader(const char *path, struct clock *clock, struct state **out, struct err *err);
void state_close(struct state *st);
static inline void state_closep(struct state **st)
{
	state_close(*st);
	*st = NULL;
}
/* For the run log, which keeps the tables `run` and `task`, the schedule, which keeps `schedule` and `schedule_start`, and
 * raw/state_call.c, which keeps `call`. */
struct db *state_db(struct state *st);
struct clock *state_clock(struct state *st);

/* Small facts by name.  SLICE_NULL when there is none; bytes owned by `arena`. */
MUST_USE enum rc state_meta_get(struct state *st, const char *key, struct arena *arena, struct slice *out_value,
                                struct err *err);
MUST_USE enum rc state_meta_set(struct state *st, const char *key, struct slice value, struct err *err);

/* May this source feed this home?  `source` as the user names it ("sample", "dir:PATH", "spotify"); the first one is
 * remembered.  Invented and real data never share a home, nor do two invented histories; real sources may.
 * RC_FATAL names what the home holds and what to do. */
MUST_USE enum rc state_check_source(struct state *st, const char *source, struct err *err);

/* The watch list: playlists to follow beside the configured ones.  An id is 1 to 128 letters, digits, '-', '_' or '.',
 * a letter or digit first; else RC_REJECT. */
struct state_watch {
	struct slice playlist_id;
	int64_t added_at; /* seconds since 1970 UTC */
};
struct state_watches {
	struct state_watch *watch; /* sorted by playlist_id, bytewise */
	size_t count;
};
MUST_USE enum rc state_watch_add(struct state *st, struct slice playlist_id, bool *out_added, struct err *err);
MUST_USE enum rc state_watch_remove(struct state *st, struct slice playlist_id, bool *out_removed, struct err *err);
MUST_USE enum rc state_watch_list(struct state *st, struct arena *arena, struct state_watches *out, struct err *err);

/* What ingest took from the bus and where it put it.  The same message for the same key twice is one row, the first.
 * (A key stands beside the message id because a new bus counts its ids from the start.) */
struct state_receipt {
	struct slice message_id, run_id, playlist_id;
	int64_t snapshot_at; /* seconds since 1970 UTC; 0 when the message did not say */
	struct slice kind;   /* the message's type attribute */
	struct slice key;    /* the object its data became */
	struct slice sha256; /* 64 hex digits of the data */
	int64_t bytes;
	int64_t received_at; /* seconds since 1970 UTC; set by state_receipts_add */
};
struct state_receipts {
	struct state_receipt *receipt; /* by received_at, then message_id */
	size_t count;
};
/* All of them, or none, in one transaction. */
MUST_USE enum rc state_receipts_add(struct state *st, const struct state_receipt *receipt, size_t count, struct err *err);
MUST_USE enum rc state_receipts_by_key(struct state *st, struct slice key, struct arena *arena, struct state_receipts *out,
                                       struct err *err);

/* snapshot_at of one playlist never repeats and never goes back, whatever the clock does: hands out max(now_s, last + 1)
 * and remembers it, for one caller only when several ask at once. */
MUST_USE enum rc state_snapshot_at_next(struct state *st, struct slice playlist_id, int64_t now_s, int64_t *out_at,
                                        struct err *err);
/* The last one handed out or set; 0 when there is none. */
MUST_USE enum rc state_snapshot_at_last(struct state *st, struct slice playlist_id, int64_t *out_at, struct err *err);
/* Learned elsewhere (raw of an earlier state.db): remembered when it is later than the last. */
MUST_USE enum rc state_snapshot_at_seen(struct state *st, struct slice playlist_id, int64_t at, struct err *err);

#endif
