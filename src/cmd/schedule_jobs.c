#include "cmd/schedule_jobs.h"

static enum rc read_missed(const struct config *c, enum schedule_missed *out, struct err *err)
{
	bool skip = strcmp(c->schedule_missed, "skip") == 0;
	*out = skip ? SCHEDULE_SKIP : SCHEDULE_CATCH_UP;
	if (skip || strcmp(c->schedule_missed, "catch_up") == 0)
		return RC_OK;
	return err_set(err, RC_FATAL, "setting schedule_missed = '%s' (%s): want catch_up or skip", c->schedule_missed,
	               config_from_name(c->from.schedule_missed));
}

/* The same class whatever was wrong: a setting is to be changed. */
static enum rc refuse(const char *setting, const char *value, enum config_from from, const struct err *why, struct err *err)
{
	return err_set(err, RC_FATAL, "setting %s = '%.200s' (%s): %s", setting, value, config_from_name(from), why->msg);
}

enum rc schedule_jobs_open(const struct config *c, struct schedule_jobs *out, struct err *err)
{
	enum schedule_missed missed;
	struct err why = { 0 };
	*out = (struct schedule_jobs){ 0 };
	TRY(read_missed(c, &missed, err));
	enum rc rc = zone_open(slice_of(c->schedule_time_zone), &out->zone, &why);
	if (rc != RC_OK)
		return refuse("schedule_time_zone", c->schedule_time_zone, c->from.schedule_time_zone, &why, err);
	if (c->schedule[0])
		rc = schedule_job_init(&out->job[0], SCHEDULE_JOB_RUN, c->schedule, out->zone, missed, c->schedule_jitter_s, &why);
	if (rc != RC_OK) {
		schedule_jobs_close(out);
		return refuse("schedule", c->schedule, c->from.schedule, &why, err);
	}
	out->count = c->schedule[0] != '\0';
	return RC_OK;
}

void schedule_jobs_close(struct schedule_jobs *jobs)
{
	zone_closep(&jobs->zone);
	jobs->count = 0;
}

size_t schedule_jobs_overview(const struct schedule_jobs *jobs, struct schedule *s, struct overview_job *out)
{
	size_t count = 0;
	for (size_t i = 0; i < jobs->count && i < OVERVIEW_JOBS_MAX; i++) {
		CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
		struct schedule_status status;
		struct err ignored = { 0 };
		if (schedule_look(s, &jobs->job[i], &arena, &status, &ignored) != RC_OK || !status.known)
			continue;
		struct overview_job *job = &out[count++];
		*job = (struct overview_job){ .missed = status.missed, .is_running = status.started && status.outcome == SCHEDULE_RUNNING };
		(void) snprintf(job->name, sizeof job->name, "%s", jobs->job[i].name);
		if (status.next_due_s != INT64_MAX)
			job->next_ms = schedule_start_of(&jobs->job[i], status.next_due_s) * 1000;
	}
	return count;
}
