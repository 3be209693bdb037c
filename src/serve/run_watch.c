#include "serve/run_watch.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/metrics.h"

/* One that ended, by the hash of its name and the time it ended: a stage that was tried again ends again. */
struct run_watch {
	bool has_looked;
	uint64_t *seen; /* ascending; those of the last look */
	size_t seen_count;
};

struct run_watch *run_watch_open(void)
{
	return mem_alloc(sizeof(struct run_watch));
}

void run_watch_close(struct run_watch *w)
{
	if (!w)
		return;
	mem_free(w->seen);
	mem_free(w);
}

static uint64_t name_of(struct slice run_id, const char *what, int64_t ended_ms)
{
	char name[160];
	int len = snprintf(name, sizeof name, "%.*s %s %lld", (int) (run_id.len < 100 ? run_id.len : 100), run_id.ptr, what,
	                   (long long) ended_ms);
	return hash_u64((struct slice){ name, (size_t) len });
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
	return x < y ? -1 : x > y;
}

static bool is_new(const struct run_watch *w, uint64_t name)
{
	return w->has_looked && !(w->seen_count && bsearch(&name, w->seen, w->seen_count, sizeof name, by_number));
}

static void count_task(const struct overview_task *t)
{
	const char *stage = stage_info[t->stage].name;
	metric_observe(METRIC_stage_duration_seconds, stage, t->elapsed_ms * 1000);
	metric_add_for(METRIC_stage_rows, stage, t->rows);
	metric_add_for(METRIC_stage_bytes, stage, t->bytes);
}

void run_watch_look(struct run_watch *w, const struct overview_runs *runs)
{
	size_t count = 0;
	uint64_t *seen = mem_alloc_array(runs->task_count + runs->newest.count, sizeof *seen);
	for (size_t i = 0; i < runs->task_count; i++) {
		const struct overview_task *t = &runs->task[i];
		seen[count] = name_of(t->run_id, stage_info[t->stage].name, t->ended_ms);
		if (is_new(w, seen[count++]))
			count_task(t);
	}
	for (size_t i = 0; i < runs->newest.count; i++) {
		const struct run *run = &runs->newest.run[i];
		if (run->state == RUN_RUNNING)
			continue;
		seen[count] = name_of(run->id, run_state_name(run->state), run->ended_ms);
		if (is_new(w, seen[count++]))
			metric_add_for(METRIC_runs_ended, run_state_name(run->state), 1);
	}
	qsort(seen, count, sizeof *seen, by_number);
	mem_free(w->seen);
	w->seen = seen;
	w->seen_count = count;
	w->has_looked = true;
}
