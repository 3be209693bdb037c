/* Carrying out a run of the pipeline and telling of it: what `run`, `import` and `dag retry` have in common. */
#ifndef CMD_RUN_H
#define CMD_RUN_H

#include "cmd/build.h"
#include "dag/runner.h"

/* What tells equal runs: a killed one is finished by the next that asks for the same work. */
void run_args_write(const struct build *b, const char *from, struct buf *out);
/* The build as it was asked for then, and its first stage; RC_FATAL when an older sargam wrote something else. */
MUST_USE enum rc run_args_read(struct slice args, struct build *b, const char **out_from, struct err *err);

/* A run that was begun, adopted or retried, to its end; the stages' summaries go to standard output. */
MUST_USE enum rc run_carry_out(struct build *b, struct runlog *log, struct plan *plan, const struct run_id *id,
                               struct rand_gen *rand, struct run_outcome *out, struct err *err);
/* A new run from stage `from` on to its end; one for the same work that a dead process left is finished first. */
MUST_USE enum rc run_whole(struct build *b, const char *from, struct run_outcome *out, struct err *err);
/* An exit status; says where to look next, or fills `err`. */
int run_conclude(struct build *b, const struct run_outcome *outcome, bool strict, struct err *err);

#endif
