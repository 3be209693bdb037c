/* The pipeline's own DAG: extract > ingest > bronze > gold > load > verify > publish, over the ports.
 *
 * Each stage is idempotent: its effects are named by their inputs, so doing it twice is doing it once, and a stage with nothing
 * new costs a listing.  bronze to publish build the home and hold its lock (home/lock) from the first of them until
 * pipeline_release(); who has to wait says for whom.  extract holds another one, home/live.lock, while it reads a live source;
 * ingest needs none. */
#ifndef DAG_PIPELINE_H
#define DAG_PIPELINE_H

#include "bronze/drift.h"
#include "bus/bus.h"
#include "dag/plan.h"
#include "io/duck.h"
#include "raw/state.h"
#include "source/source.h"
#include "store/store.h"
#include "warehouse/warehouse.h"

#define STAGES(X)                                                                                         \
	X(extract, NULL, "pages of each new snapshot become messages on the topic")                        \
	X(ingest, "extract", "deliveries of the subscription become raw objects")                        \
	X(bronze, "ingest", "complete snapshots become clean Parquet, partition by partition")           \
	X(gold, "bronze", "charts and dimensions, for playlist groups with a changed partition")         \
	X(load, "gold", "the next version of the warehouse is made beside the published one")            \
	X(verify, "load", "that version is audited")                                                     \
	X(publish, "verify", "it takes the published one's place")

enum stage {
#define X(name, needs, what) STAGE_##name,
	STAGES(X)
#undef X
	STAGE_COUNT
};
struct stage_info {
	const char *name, *needs, *what; /* needs: NULL or the stage before */
};
extern const struct stage_info stage_info[STAGE_COUNT];
/* The same as specs of a plan, STAGE_COUNT of them. */
const struct task_spec *pipeline_specs(void);
/* STAGE_COUNT when there is no such stage. */
enum stage stage_find(const char *name);

/* Where the backends come from; each is asked for when a stage first needs it. */
struct pipeline_ports {
	void *ctx;
	enum rc (*source)(void *ctx, struct source **out, struct err *err);
	enum rc (*bus)(void *ctx, struct bus **out, struct err *err);
	enum rc (*store)(void *ctx, struct store **out, struct err *err);   /* raw/ and quarantine/ */
	enum rc (*derived)(void *ctx, struct store **out, struct err *err); /* bronze/ and gold/; usually the same store */
	enum rc (*state)(void *ctx, struct state **out, struct err *err);
	enum rc (*duck)(void *ctx, struct duck **out, struct err *err);
	enum rc (*warehouse)(void *ctx, struct warehouse **out, struct err *err);
};
struct pipeline_options {
	struct pipeline_ports ports;
	struct clock *clock;
	const char *run_id;
	const char *home, *scratch_dir; /* the lock lies in home */
	const struct slice *playlist;   /* which ones extract takes; 0 = all */
	size_t playlist_count;
	bool has_since, has_until;
	int64_t since_day, until_day;
	int threads;
	int64_t chart_offset_s, playlist_groups, pages_max, wait_ms_max, lock_wait_ms;
	size_t page_limit_bytes;
	bool rebuild; /* load starts from nothing */
	/* The audit begins with drift: a field that fails by this policy is RC_REJECT, before anything counts as audited; one that
	 * warns is a line of the log.  NULL: nobody looks. */
	const struct drift_policy *drift_policy;
	void (*on_progress)(void *ctx, const char *stage, const char *what, size_t done, size_t total);
	void *progress_ctx;
	const atomic_bool *stop;
};
struct stage_result {
	int64_t rows, bytes;
	char summary[400]; /* "63 snapshots, 2 partitions built" */
	bool deferred;     /* a part of it is left to a later run, which may come after retry_after_ms */
	int64_t retry_after_ms;
	char deferred_why[ERR_MSG_BYTES];
};

/* `o` must outlive it. */
struct pipeline;
struct pipeline *pipeline_new(const struct pipeline_options *o);
void pipeline_free(struct pipeline *p); /* releases the lock */
static inline void pipeline_freep(struct pipeline **p)
{
	pipeline_free(*p);
	*p = NULL;
}
/* Take the home's lock now; a stage that builds does it by itself. */
MUST_USE enum rc pipeline_hold(struct pipeline *p, struct err *err);
void pipeline_release(struct pipeline *p);

MUST_USE enum rc pipeline_stage(struct pipeline *p, enum stage stage, struct stage_result *out, struct err *err);

/* What extract did in this process; all 0 when it did not run. */
struct extract_result;
const struct extract_result *pipeline_extracted(const struct pipeline *p);

/* The audit of what is staged, else of what is published, with every check reported. */
MUST_USE enum rc pipeline_audit(struct pipeline *p, void (*on_check)(void *ctx, const struct warehouse_check *check), void *ctx,
                                struct err *err);

#endif
