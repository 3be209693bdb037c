/* Drift: watched fields that appeared, vanished or changed their type, for each playlist from one snapshot to the next.
 *
 * Told from bronze_field, from snapshots that have entries, in order of time.  One snapshot says of a field
 *	gone         no entry has a value (null is none)
 *	nothing      fewer than half of the entries have one: what was so before stays so
 *	wrong type   of the values, half or more are of a wrong type
 *	stands       else
 * A change of that is an event.  What was never there has not vanished; a field of a wrong type is an event from the first
 * snapshot on.  Fields that stand only where they apply (track.linked_from.id, track.restrictions.reason) neither appear nor
 * vanish, and one value of theirs tells its type.  docs/decisions/0013 says why.
 *
 * A field drifts now when the last thing that happened to it in a playlist is that it vanished or changed its type. */
#ifndef BRONZE_DRIFT_H
#define BRONZE_DRIFT_H

#include "bronze/partition.h"
#include "bronze/reader.h"
#include "raw/key.h"

/*        name          in words */
#define DRIFT_EVENTS(X)                      \
	X(APPEARED,     "appeared")     \
	X(VANISHED,     "vanished")     \
	X(CHANGED_TYPE, "changed type") \
	X(CAME_BACK,    "came back")
enum drift_what {
#define X(name, words) DRIFT_##name,
	DRIFT_EVENTS(X)
#undef X
	DRIFT_WHAT_COUNT
};
const char *drift_what_name(enum drift_what what);
static inline bool drift_is_bad(enum drift_what what)
{
	return what == DRIFT_VANISHED || what == DRIFT_CHANGED_TYPE;
}

/* --- the rule ----------------------------------------------------------------------------------------------- */

struct drift_change {
	enum drift_what what;
	bool as_null; /* vanished: the field is there and null, not left out */
	int64_t snapshot_at, day_number; /* the first snapshot with the new state */
};
enum drift_now { DRIFT_UNKNOWN, DRIFT_GONE, DRIFT_STANDS, DRIFT_WRONG };
/* What is known of one field of one playlist; zeroed at first. */
struct drift_state {
	enum drift_now now;
	bool stood; /* ever, of whatever type */
	bool has_last;
	struct drift_change last;
};
/* The next snapshot, later than those before, with count->items > 0.  True when something happened: then it is s->last. */
bool drift_step(struct drift_state *s, enum watched_field field, const struct field_count *count, int64_t snapshot_at,
                int64_t day_number);

/* --- a home ------------------------------------------------------------------------------------------------- */

struct drift_event {
	enum watched_field field;
	struct slice playlist_id;
	struct drift_change change;
	bool is_last; /* nothing has happened to this field of this playlist since */
};
struct drift_options {
	struct store *store; /* of the partitions */
	struct duck_conn *conn;
	const struct partition_list *partitions;
	void *ctx;
	/* Events that another one followed, as they are found; then the last ones, by playlist and field.  May be NULL. */
	enum rc (*on_event)(void *ctx, const struct drift_event *event, struct err *err);
	const atomic_bool *stop; /* may be NULL */
};

/* All that happened, in one number a question. */
struct drift_line {
	int64_t playlists; /* in which this is the last event of the field */
	int64_t as_null;   /* … vanished, and stands as null */
	int64_t since_at, since_day; /* the first of them */
	char playlist[PLAYLIST_ID_BYTES_MAX + 1];
};
struct drift_sum {
	int64_t playlists; /* with an entry in any snapshot */
	int64_t older;     /* events that something followed */
	struct drift_line line[FIELD_COUNT][DRIFT_WHAT_COUNT];
};
/* One pass over the field counts, oldest first; takes memory for the playlists, not for their snapshots.  RC_RETRY when a
 * partition is torn: `sargam bronze` mends it. */
MUST_USE enum rc drift_scan(const struct drift_options *o, struct drift_sum *out, struct err *err);

/* --- what follows from a field ------------------------------------------------------------------------------ */

struct drift_depends {
	bool where_it_applies; /* left out of an item to which it does not apply, and of all when it applies to none */
	/* Columns in the order of the schemas, "BRONZE_ENTRY.popularity, CHART_HISTORY.popularity, …"; "TABLE.*" when rows come
	 * or go.  BRONZE_FIELD and fields_missing, which tell of every field, are left out. */
	const char *columns;
};
extern const struct drift_depends drift_depends[FIELD_COUNT];

/* --- policy ------------------------------------------------------------------------------------------------- */

/* The setting drift_policy: does a drifting field fail the audit, or is it worth a warning? */
struct drift_policy {
	bool fail[FIELD_COUNT];
	bool any_fail;
};
/* "track.popularity=warn,track.name=fail,*=warn": `*` means those that are not named; warn where nothing is said.  RC_FATAL
 * lists the known fields or words. */
MUST_USE enum rc drift_policy_parse(struct slice text, struct drift_policy *out, struct err *err);

/* Fields that drift now: how many of them fail (or only warn). */
size_t drift_count(const struct drift_sum *sum, const struct drift_policy *policy, bool fail);
/* The first of them for one line: "track.popularity vanished in 1 of 2 playlists since 2026-02-24, … and 3 more".  Nothing when
 * there are none. */
void drift_tell(const struct drift_sum *sum, const struct drift_policy *policy, bool fail, struct buf *out);

#endif
