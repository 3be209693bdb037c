#include "dag/plan.h"

/* A wait from outside is cut to this before any arithmetic. */
#define RETRY_AFTER_MAX_MS (366LL * 24 * 60 * 60 * 1000)

static const char *const state_name[] = {
#define X(name) [TASK_##name] = #name,
	TASK_STATES(X)
#undef X
};

static const unsigned state_next[TASK_STATE_COUNT] = {
	[TASK_PENDING] = 1u << TASK_RUNNING | 1u << TASK_SKIPPED,
	[TASK_RUNNING] = 1u << TASK_DONE | 1u << TASK_WAITING | 1u << TASK_DEAD,
	[TASK_WAITING] = 1u << TASK_RUNNING | 1u << TASK_PENDING,
	[TASK_DONE] = 1u << TASK_PENDING,
	[TASK_DEAD] = 1u << TASK_PENDING,
	[TASK_SKIPPED] = 1u << TASK_PENDING,
};

const char *task_state_name(enum task_state state)
{
	assert((unsigned) state < TASK_STATE_COUNT);
	return state_name[state];
}

bool task_state_parse(const char *name, enum task_state *out)
{
	for (unsigned i = 0; i < TASK_STATE_COUNT; i++) {
		if (strcmp(name, state_name[i]) == 0) {
			*out = (enum task_state) i;
			return true;
		}
	}
	return false;
}

bool task_may_move(enum task_state from, enum task_state to)
{
	assert((unsigned) from < TASK_STATE_COUNT && (unsigned) to < TASK_STATE_COUNT);
	return state_next[from] & 1u << to;
}

void task_move(struct task *t, enum task_state to)
{
	assert(task_may_move(t->state, to));
	t->state = to;
	t->changed = true;
}

/* ---- making a plan ---- */

struct task *plan_find(struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->task[i].spec->name, name) == 0)
			return &plan->task[i];
	return NULL;
}

static bool needs(const struct task_spec *spec, const char *name)
{
	for (size_t i = 0; i < PLAN_NEEDS_MAX && spec->needs[i]; i++)
		if (strcmp(spec->needs[i], name) == 0)
			return true;
	return false;
}

static void assert_order(const struct task_spec *spec, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; n < PLAN_NEEDS_MAX && spec[i].needs[n]; n++) {
			size_t before = 0;
			while (before < i && strcmp(spec[before].name, spec[i].needs[n]) != 0)
				before++;
			assert(before < i); /* else the graph has a cycle, or a name is wrong */
		}
	}
}

static enum rc unknown_task(const struct task_spec *spec, size_t count, const char *name, struct err *err)
{
	char known[512];
	size_t at = 0;
	for (size_t i = 0; i < count && at < sizeof known; i++)
		at += (size_t) snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", spec[i].name);
	return err_set(err, RC_NOT_FOUND, "no stage '%s': want one of %s", name, known);
}

enum rc plan_init(struct plan *plan, const struct task_spec *spec, size_t count, const char *from, struct err *err)
{
	assert(count > 0 && count <= PLAN_TASKS_MAX);
	assert_order(spec, count);
	*plan = (struct plan){ 0 };
	for (size_t i = 0; i < count; i++) {
		bool wanted = !from || strcmp(spec[i].name, from) == 0;
		for (size_t k = 0; !wanted && k < plan->count; k++)
			wanted = needs(&spec[i], plan->task[k].spec->name);
		if (wanted)
			plan->task[plan->count++] = (struct task){ .spec = &spec[i], .state = TASK_PENDING, .changed = true };
	}
	return plan->count ? RC_OK : unknown_task(spec, count, from, err);
}

/* ---- what to do next ---- */

enum needed { NEEDS_DONE, NEEDS_OPEN, NEEDS_DEAD };

static enum needed look_at_needs(struct plan *plan, const struct task *t)
{
	enum needed all = NEEDS_DONE;
	for (size_t i = 0; i < PLAN_NEEDS_MAX && t->spec->needs[i]; i++) {
		const struct task *need = plan_find(plan, t->spec->needs[i]);
		if (!need || need->state == TASK_DONE) /* not in this plan: taken as done */
			continue;
		if (need->state == TASK_DEAD || need->state == TASK_SKIPPED)
			return NEEDS_DEAD;
		all = NEEDS_OPEN;
	}
	return all;
}

/* The clock may have jumped back since the wait was decided. */
static int64_t wait_left(const struct task *t, int64_t now_ms)
{
	int64_t decided = t->not_before_ms - t->ended_ms;
	int64_t left = t->not_before_ms - now_ms;
	if (left > decided)
		left = decided;
	return left > 0 ? left : 0;
}

struct plan_step plan_next(struct plan *plan, int64_t now_ms)
{
	struct plan_step step = { .what = PLAN_FINISHED };
	for (size_t i = 0; i < plan->count; i++) {
		struct task *t = &plan->task[i];
		assert(t->state != TASK_RUNNING);
		if (t->state == TASK_PENDING) {
			enum needed needed = look_at_needs(plan, t);
			if (needed == NEEDS_DONE)
				return (struct plan_step){ .what = PLAN_START, .task = t };
			if (needed == NEEDS_DEAD)
				task_move(t, TASK_SKIPPED);
		} else if (t->state == TASK_WAITING) {
			int64_t left = wait_left(t, now_ms);
			if (left == 0)
				return (struct plan_step){ .what = PLAN_START, .task = t };
			if (step.what == PLAN_FINISHED || left < step.wait_ms)
				step = (struct plan_step){ .what = PLAN_WAIT, .task = t, .wait_ms = left };
		}
	}
	return step;
}

/* ---- what becomes of a task ---- */

/* Exponential, with the upper half left to chance: retry_min <= wait <= retry_max. */
static int64_t backoff(int attempt, const struct plan_policy *policy, struct rand_gen *rand)
{
	int64_t most = policy->retry_min_ms;
	for (int i = 1; i < attempt && most < policy->retry_max_ms; i++)
		most *= 2;
	if (most > policy->retry_max_ms)
		most = policy->retry_max_ms;
	int64_t least = most / 2 > policy->retry_min_ms ? most / 2 : policy->retry_min_ms;
	if (least >= most)
		return most;
	return least + (int64_t) rand_below(rand, (uint64_t) (most - least) + 1);
}

static struct plan_verdict after_retry(const struct task *t, int64_t asked_ms, int64_t now_ms,
                                       const struct plan_policy *policy, struct rand_gen *rand)
{
	if (asked_ms > RETRY_AFTER_MAX_MS)
		asked_ms = RETRY_AFTER_MAX_MS;
	/* Before the tries are counted: a quota that is spent is no failure. */
	if (asked_ms > policy->defer_above_ms)
		return (struct plan_verdict){ TASK_WAITING, now_ms + asked_ms, PLAN_DEFER, true };
	if (t->attempt >= policy->attempts_max)
		return (struct plan_verdict){ TASK_DEAD, 0, PLAN_GO_ON, true };
	int64_t wait_ms = asked_ms > 0 ? asked_ms : backoff(t->attempt, policy, rand);
	return (struct plan_verdict){ TASK_WAITING, now_ms + wait_ms, PLAN_GO_ON, true };
}

struct plan_verdict plan_after(const struct task *t, enum rc rc, int64_t retry_after_ms, int64_t now_ms,
                               const struct plan_policy *policy, struct rand_gen *rand)
{
	assert(t->state == TASK_RUNNING);
	switch (rc) {
	case RC_OK:
		return (struct plan_verdict){ TASK_DONE, 0, PLAN_GO_ON, true };
	case RC_RETRY:
		return after_retry(t, retry_after_ms, now_ms, policy, rand);
	case RC_NOT_FOUND:
	case RC_REJECT:
		return (struct plan_verdict){ TASK_DEAD, 0, PLAN_GO_ON, true };
	case RC_FATAL: /* our fault, not the task's */
		return (struct plan_verdict){ TASK_WAITING, now_ms, PLAN_STOP, false };
	}
	abort();
}

void plan_start(struct task *t, int64_t now_ms)
{
	task_move(t, TASK_RUNNING);
	t->attempt++;
	t->started_ms = now_ms;
	t->ended_ms = 0;
	t->not_before_ms = 0;
}

void plan_end(struct task *t, const struct plan_verdict *verdict, int64_t now_ms, int64_t elapsed_ms, const char *error)
{
	task_move(t, verdict->to);
	t->ended_ms = now_ms;
	t->not_before_ms = verdict->not_before_ms;
	t->elapsed_ms += elapsed_ms;
	if (!verdict->counts)
		t->attempt--;
	(void) snprintf(t->error, sizeof t->error, "%s", error ? error : "");
}

struct plan_verdict plan_cut_off(int64_t now_ms)
{
	return (struct plan_verdict){ TASK_WAITING, now_ms, PLAN_GO_ON, false };
}

void plan_recover(struct plan *plan, int64_t now_ms)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct task *t = &plan->task[i];
		if (t->state != TASK_RUNNING)
			continue;
		struct plan_verdict cut_off = plan_cut_off(now_ms);
		plan_end(t, &cut_off, now_ms, 0, "the process that ran it ended");
	}
}

/* Of a run that was deferred all is done, as far as it went. */
static bool all_done(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->task[i].state != TASK_DONE)
			return false;
	return true;
}

void plan_retry(struct plan *plan)
{
	bool again = all_done(plan);
	for (size_t i = 0; i < plan->count; i++) {
		struct task *t = &plan->task[i];
		if (!task_may_move(t->state, TASK_PENDING) || (t->state == TASK_DONE && !again))
			continue;
		task_move(t, TASK_PENDING);
		t->attempt = 0;
		t->not_before_ms = 0;
	}
}
