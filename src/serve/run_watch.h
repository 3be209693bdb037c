/* What ended since the last look at the run log, whichever process ran it: so that counters hold for stages that run in child
 * processes or by hand beside the daemon.  Knows runs and stages by name, not by time: no jump of the clock counts one twice or
 * not at all.  One thread at a time. */
#ifndef SERVE_RUN_WATCH_H
#define SERVE_RUN_WATCH_H

#include "serve/overview.h"

struct run_watch;
struct run_watch *run_watch_open(void);
void run_watch_close(struct run_watch *w); /* takes NULL */
/* Adds to METRIC_stage_duration_seconds, _stage_rows, _stage_bytes and _runs_ended what is new in `runs`.  The first look only
 * remembers: what ended before is not this process's. */
void run_watch_look(struct run_watch *w, const struct overview_runs *runs);

#endif
