/* What was asked: counts, the log, and which pages were answered already. */
#include "base/mem.h"
#include "sim/simulator_private.h"

struct journal {
	struct simulator_stats stats;
	struct simulator_request *log;
	size_t log_count, log_cap;
	uint64_t *seen; /* open addressing; 0 = free */
	size_t seen_count, seen_cap;
};

struct journal *journal_new(void)
{
	return mem_alloc(sizeof(struct journal));
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->log_count; i++) {
		mem_free((void *) (uintptr_t) j->log[i].method);
		mem_free((void *) (uintptr_t) j->log[i].target);
	}
	mem_free(j->log);
	mem_free(j->seen);
	mem_free(j);
}

struct simulator_stats *journal_stats(struct journal *j)
{
	return &j->stats;
}

void journal_add(struct journal *j, const struct simulator_request *request)
{
	if (j->log_count == SIMULATOR_LOG_MAX)
		return;
	if (j->log_count == j->log_cap) {
		j->log_cap = j->log_cap ? 2 * j->log_cap : 256;
		j->log = mem_realloc(j->log, j->log_cap * sizeof *j->log);
	}
	struct simulator_request *r = &j->log[j->log_count++];
	*r = *request;
	r->method = mem_strdup(request->method);
	r->target = mem_strdup(request->target);
}

static bool put(uint64_t *set, size_t cap, uint64_t hash)
{
	size_t i = hash & (cap - 1);
	while (set[i] && set[i] != hash)
		i = (i + 1) & (cap - 1);
	bool there = set[i] == hash;
	set[i] = hash;
	return there;
}

bool journal_seen(struct journal *j, uint64_t hash)
{
	if (2 * j->seen_count >= j->seen_cap) {
		size_t cap = j->seen_cap ? 2 * j->seen_cap : 1024;
		uint64_t *larger = mem_alloc_array(cap, sizeof *larger);
		for (size_t i = 0; i < j->seen_cap; i++) {
			if (j->seen[i])
				(void) put(larger, cap, j->seen[i]);
		}
		mem_free(j->seen);
		j->seen = larger;
		j->seen_cap = cap;
	}
	bool there = put(j->seen, j->seen_cap, hash ? hash : 1);
	j->seen_count += !there;
	return there;
}

void simulator_stats(struct simulator *s, struct simulator_stats *out)
{
	simulator_lock(s);
	*out = s->journal->stats;
	simulator_unlock(s);
}

int64_t simulator_stats_requests(const struct simulator_stats *stats)
{
	int64_t all = 0;
	for (int i = 0; i < SIMULATOR_KIND_COUNT; i++)
		all += stats->requests[i];
	return all;
}

void simulator_requests(struct simulator *s, struct arena *arena, struct simulator_request **out, size_t *out_count)
{
	simulator_lock(s);
	const struct journal *j = s->journal;
	*out_count = j->log_count;
	*out = arena_alloc_array(arena, j->log_count, sizeof **out);
	for (size_t i = 0; i < j->log_count; i++) {
		(*out)[i] = j->log[i];
		(*out)[i].method = arena_strdup(arena, slice_of(j->log[i].method));
		(*out)[i].target = arena_strdup(arena, slice_of(j->log[i].target));
	}
	simulator_unlock(s);
}
