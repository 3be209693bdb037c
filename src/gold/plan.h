/* The gold plan: which tables there are, what each reads and in what order they are made.  It follows from the headers of
 * sql/gold/<table>.sql alone (their form: sql/gold/README.md); no I/O happens here.
 *
 * A header that is not as the README wants it, a name nobody defines, a table that needs itself: RC_FATAL, naming the file. */
#ifndef GOLD_PLAN_H
#define GOLD_PLAN_H

#include "base/arena.h"
#include "bronze/partition.h"

struct gold_sql {
	const char *name; /* chart_history: the file's name without ending */
	struct slice text;
};
struct gold_table {
	const char *name, *folder; /* CHART_HISTORY, chart_history */
	struct slice sql;          /* the whole file */
	struct slice key, order;   /* as written: "playlist_id, chart_date, track_id" */
	bool per_group;            /* scope group: one file a playlist group */
	bool bronze[BRONZE_TABLE_COUNT]; /* which it reads */
	size_t *need, need_count;  /* gold tables it reads: indexes below its own */
	/* Tables of one stage may be made side by side, except that a group's tables of one stage follow their order: a stage
	 * ends where a table reads other groups' rows. */
	int stage;
};
struct gold_plan {
	struct gold_table *table; /* each after those it needs, else by name */
	size_t count;
	int stage_count;
};
MUST_USE enum rc gold_plan_make(const struct gold_sql *file, size_t count, struct arena *arena, struct gold_plan *out,
                                struct err *err);
/* The plan of the files built into the binary. */
MUST_USE enum rc gold_plan_embedded(struct arena *arena, struct gold_plan *out, struct err *err);
/* NULL when there is none; `name` in upper case, or the folder. */
const struct gold_table *gold_plan_find(const struct gold_plan *plan, struct slice name);

#endif
