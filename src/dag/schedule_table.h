/* The tables `schedule` and `schedule_start` of state.db; the callers of what writes hold the transaction. */
#ifndef DAG_SCHEDULE_TABLE_H
#define DAG_SCHEDULE_TABLE_H

#include "dag/schedule.h"

struct db;
struct schedule_row {
	bool known;
	char rule[SCHEDULE_RULE_BYTES];
	int64_t next_due_s, missed;
	/* The last start; id 0: none. */
	int64_t id, due_s, started_ms, ended_ms;
	int64_t deaths; /* of starts of the same due time */
	enum schedule_outcome outcome;
	char holder[PROCESS_NAME_BYTES];
	int64_t last_due_s; /* the latest due time that was ever started; INT64_MIN: none */
};
MUST_USE enum rc schedule_row_read(struct db *db, const char *job, struct schedule_row *out, struct err *err);
/* Of that start; SLICE_NULL for none. */
MUST_USE enum rc schedule_row_error(struct db *db, int64_t id, struct arena *arena, struct slice *out, struct err *err);
MUST_USE enum rc schedule_row_started(struct db *db, const char *job, int64_t due_s, bool *out, struct err *err);

MUST_USE enum rc schedule_row_plan(struct db *db, const char *job, const char *rule, int64_t next_due_s, int64_t missed,
                                   struct err *err);
MUST_USE enum rc schedule_row_start(struct db *db, const char *job, int64_t due_s, const char *holder, int64_t now_ms,
                                    int64_t *out_id, struct err *err);
/* *out_ended = false when the start is not that holder's (any more). */
MUST_USE enum rc schedule_row_end(struct db *db, int64_t id, const char *holder, enum schedule_outcome outcome, int64_t now_ms,
                                  const char *error, bool *out_ended, struct err *err);
/* Forgets the jobs that are none of these. */
MUST_USE enum rc schedule_row_keep(struct db *db, const struct schedule_job *job, size_t count, struct err *err);

#endif
