/* What the settings schedule, schedule_time_zone, schedule_missed and schedule_jitter_s ask for: the one job of a home, a run of
 * the whole pipeline for its watch list.
 *
 * A daemon: schedule_jobs_open(), schedule_open() over a state_open() of its own, schedule_set(s, jobs.job, jobs.count), then
 * schedule_next() until it stops; the jobs stay open as long as the schedule. */
#ifndef CMD_SCHEDULE_JOBS_H
#define CMD_SCHEDULE_JOBS_H

#include "base/config.h"
#include "dag/schedule.h"
#include "serve/overview.h"

#define SCHEDULE_JOB_RUN "run"

struct schedule_jobs {
	struct zone *zone;
	struct schedule_job job[1];
	size_t count; /* 0: the setting schedule is empty */
};
/* RC_FATAL names the setting, where it stood and what is wanted. */
MUST_USE enum rc schedule_jobs_open(const struct config *c, struct schedule_jobs *out, struct err *err);
void schedule_jobs_close(struct schedule_jobs *jobs);
/* What a schedule knows of them, for people and metrics: how many there are in out[OVERVIEW_JOBS_MAX].  A job that no daemon has had yet is
 * none; nor is one that cannot be read. */
size_t schedule_jobs_overview(const struct schedule_jobs *jobs, struct schedule *s, struct overview_job *out);

#endif
