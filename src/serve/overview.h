/* What stands in a home: the facts behind `/metrics`, the webhook and `sargam status`, each part read by itself, so that one
 * that fails or is slow costs only itself.
 *
 * Everything found is owned by the arena given; sizes are checked before memory is taken (RC_REJECT).  A part reads nothing
 * but what its arguments name; none changes anything. */
#ifndef SERVE_OVERVIEW_H
#define SERVE_OVERVIEW_H

#include "bus/bus.h"
#include "dag/pipeline.h"
#include "dag/runlog.h"
#include "raw/state.h"
#include "store/store.h"

#define OVERVIEW_RUNS 100 /* the newest ones, among which the last of each stage is looked for */

/* --- the bus ------------------------------------------------------------------------------------------------ */

struct overview_subscription {
	struct slice name, topic;
	struct bus_stats stats;
};
struct overview_bus {
	struct overview_subscription *subscription; /* by name */
	size_t count;
};
/* Counts what waits: about 20 ms for a million messages. */
MUST_USE enum rc overview_bus(struct bus *bus, struct arena *arena, struct overview_bus *out, struct err *err);

/* --- runs --------------------------------------------------------------------------------------------------- */

/* A stage that ended, of a run of whatever process. */
struct overview_task {
	struct slice run_id;
	enum stage stage;
	enum task_state state;
	int64_t started_ms, ended_ms, elapsed_ms, rows, bytes;
};
struct overview_runs {
	struct runs newest;                 /* at most OVERVIEW_RUNS, the newest first */
	int64_t by_state[RUN_STATE_COUNT];  /* of all that are remembered */
	int64_t unfinished;                 /* of RUN_RUNNING: their process died */
	int64_t last_done_ms, last_failed_ms; /* 0 = never */
	bool has_last[STAGE_COUNT];
	struct overview_task last[STAGE_COUNT]; /* how each stage ended last */
	struct overview_task *task;         /* all that ended in the newest runs */
	size_t task_count;
	const struct run *running;          /* the newest under a living process; NULL for none */
	bool in_stage;
	struct overview_task at;            /* in_stage: the stage it is in */
	size_t stages_done, stages;         /* of `running` */
};
MUST_USE enum rc overview_runs(struct state *st, struct arena *arena, struct overview_runs *out, struct err *err);

/* --- playlists ---------------------------------------------------------------------------------------------- */

struct overview_playlist {
	struct slice id;
	int64_t watched_since; /* seconds since 1970 UTC; 0: by the setting `playlists` */
	int64_t newest_at;     /* the newest snapshot whose manifest was received; 0 for none */
};
struct overview_playlists {
	struct overview_playlist *watched; /* the watch list and the setting, by id */
	size_t count;
	int64_t known;   /* playlists with a snapshot, watched or not */
	int64_t today;   /* snapshots of all playlists since `day_start_s` */
	int64_t newest_at; /* of all */
};
/* `configured`: the setting `playlists`. */
MUST_USE enum rc overview_playlists(struct state *st, const char *configured, int64_t day_start_s, struct arena *arena,
                                    struct overview_playlists *out, struct err *err);
/* When the chart day that holds `now_s` began. */
int64_t overview_day_start(int64_t now_s, int64_t chart_offset_s);

/* --- the store ---------------------------------------------------------------------------------------------- */

struct overview_reason {
	struct slice reason;
	int64_t count;
};
struct overview_letters {
	struct overview_reason *reason; /* by name */
	size_t count;
	int64_t total;
};
#define OVERVIEW_REASONS_MAX 256 /* more are counted in `total` only */
/* A listing of quarantine/; reads no letter. */
MUST_USE enum rc overview_letters(struct store *store, struct arena *arena, struct overview_letters *out, struct err *err);
/* Reads every manifest: slow on a large home. */
MUST_USE enum rc overview_incomplete(struct store *store, int64_t *out_count, struct err *err);

/* --- files -------------------------------------------------------------------------------------------------- */

struct overview_file {
	const char *name; /* "bus.db" */
	int64_t bytes;    /* with its log ("-wal"); 0 when it is not there */
};
#define OVERVIEW_FILES 3
struct overview_disk {
	int64_t free_bytes, total_bytes;
	bool is_writable;
	struct overview_file file[OVERVIEW_FILES]; /* bus.db, state.db, warehouse.duckdb */
};
MUST_USE enum rc overview_disk(const char *home, struct overview_disk *out, struct err *err);

/* --- the schedule ------------------------------------------------------------------------------------------- */

/* A job of the scheduler, as whoever asks is told by a callback. */
struct overview_job {
	char name[64];
	int64_t next_ms; /* 0 = never */
	int64_t missed;
	bool is_running;
};
#define OVERVIEW_JOBS_MAX 16
/* How many there are, at most OVERVIEW_JOBS_MAX, written to `out`; on any thread. */
typedef size_t overview_jobs(void *ctx, struct overview_job *out);

#endif
