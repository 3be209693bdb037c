/* What a day of a playlist holds: which snapshots, how many items, what happens to them. */
#include "sim/world_private.h"

/* Of the nasty worlds: one in so many days, stretches of days, or items. */
#define STRETCH_DAYS 15
#define ITEM_RUN_DAYS 4
#define ITEM_EVENT_ONE_IN 40
static const uint8_t nasty_one_in[WORLD_EVENT_KINDS] = {
	[WORLD_GAP] = 9,         [WORLD_TWICE] = 9,      [WORLD_EMPTY_FIRST] = 25,  [WORLD_EMPTY_LAST] = 25,
	[WORLD_EMPTY_ONLY] = 30, [WORLD_NULLS_LAST] = 30, [WORLD_HIDDEN_ITEM] = 20, [WORLD_BOTH_SHAPES] = 4,
	[WORLD_ITEM_SHAPE] = 3,  [WORLD_MARKET] = 2,     [WORLD_NO_POPULARITY] = 5, [WORLD_ESCAPED] = 6,
};

static bool is_stretch(enum world_event_kind kind)
{
	return kind >= WORLD_BOTH_SHAPES && kind <= WORLD_ESCAPED;
}

static bool covers(const struct world_playlist *p, const struct world_event *e, int64_t day)
{
	if (p->event_period > 0 && !is_stretch(e->kind))
		day %= p->event_period;
	return day >= e->from && day <= e->to;
}

bool world_event_on(const struct world *w, size_t playlist, int64_t day, enum world_event_kind kind)
{
	const struct world_playlist *p = &w->playlist[playlist];
	for (size_t i = 0; i < p->event_count; i++) {
		if (p->event[i].kind == kind && covers(p, &p->event[i], day))
			return true;
	}
	if (!p->nasty || !nasty_one_in[kind])
		return false;
	int64_t stretch = is_stretch(kind) && kind != WORLD_ESCAPED ? day / STRETCH_DAYS : day;
	uint64_t h = world_draw(w->seed, DRAW_EVENT, playlist * WORLD_EVENT_KINDS + kind, (uint64_t) stretch);
	return h % nasty_one_in[kind] == 0;
}

enum world_event_kind world_event_at(const struct world *w, size_t playlist, int64_t day, int64_t position)
{
	const struct world_playlist *p = &w->playlist[playlist];
	for (size_t i = 0; i < p->event_count; i++) {
		if (p->event[i].position == position && covers(p, &p->event[i], day))
			return p->event[i].kind;
	}
	if (!p->nasty)
		return WORLD_EVENT_KINDS;
	uint64_t h = world_draw(w->seed, DRAW_ITEM, playlist << 32 | (uint64_t) position, (uint64_t) (day / ITEM_RUN_DAYS));
	if (h % ITEM_EVENT_ONE_IN)
		return WORLD_EVENT_KINDS;
	return (enum world_event_kind)(WORLD_DUPLICATE + h / ITEM_EVENT_ONE_IN % (WORLD_WRONG_TYPE - WORLD_DUPLICATE + 1));
}

static bool taken_on(const struct world *w, size_t playlist, int64_t day, enum world_when when)
{
	if (day < w->playlist[playlist].start_day || day >= w->days || world_event_on(w, playlist, day, WORLD_GAP))
		return false;
	if (when == WHEN_MORNING)
		return true;
	if (world_event_on(w, playlist, day, WORLD_EMPTY_ONLY))
		return false;
	if (when == WHEN_EARLY)
		return world_event_on(w, playlist, day, WORLD_EMPTY_FIRST);
	if (when == WHEN_EVENING)
		return world_event_on(w, playlist, day, WORLD_TWICE);
	return world_event_on(w, playlist, day, WORLD_EMPTY_LAST) || world_event_on(w, playlist, day, WORLD_NULLS_LAST);
}

bool world_taken(const struct world *w, size_t playlist, int64_t day, enum world_when when, int64_t *out_unix_s)
{
	static const struct {
		int64_t from_s, for_s;
	} hours[WHEN_COUNT] = {
		[WHEN_EARLY] = { 60, 240 },
		[WHEN_MORNING] = { 5 * 60, 25 * 60 },
		[WHEN_EVENING] = { 19 * 3600, 3600 },
		[WHEN_NIGHT] = { 22 * 3600, 90 * 60 },
	};
	if (day < 0 || !taken_on(w, playlist, day, when))
		return false;
	uint64_t h = world_draw(w->seed, DRAW_TIME, playlist * WHEN_COUNT + when, (uint64_t) day);
	*out_unix_s = (w->first_day + day) * WORLD_DAY_S + hours[when].from_s + (int64_t) (h % (uint64_t) hours[when].for_s);
	return true;
}

int64_t world_size(const struct world *w, size_t playlist, int64_t day)
{
	const struct world_playlist *p = &w->playlist[playlist];
	if (p->size_wobble == 0)
		return p->size;
	uint64_t h = world_draw(w->seed, DRAW_SIZE, playlist, (uint64_t) (day / 10));
	int64_t size = p->size - p->size_wobble + (int64_t) (h % (uint64_t) (2 * p->size_wobble + 1));
	return size > 0 ? size : 1;
}
