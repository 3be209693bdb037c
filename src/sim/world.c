#include "sim/world.h"

#include "base/mem.h"
#include "sim/world_private.h"

#define SPEC_BYTES_MAX ((size_t) 1 << 30)
#define ARTISTS_LEAST 60

static const char *keep(struct arena *arena, const char *s)
{
	return s ? arena_strdup(arena, slice_of(s)) : NULL;
}

static void keep_playlist(struct arena *arena, const struct world_playlist *from, struct world_playlist *to)
{
	assert(from->id && from->name && from->owner_id && from->owner_name);
	assert(from->size >= 0 && from->size_wobble >= 0 && from->size_wobble <= from->size && from->pool >= 0);
	assert(from->hold_days >= 1 && from->start_day >= 0 && from->event_period >= 0);
	*to = *from;
	to->id = keep(arena, from->id);
	to->name = keep(arena, from->name);
	to->later_name = keep(arena, from->later_name);
	to->owner_id = keep(arena, from->owner_id);
	to->owner_name = keep(arena, from->owner_name);
	to->description = keep(arena, from->description);
	struct world_event *event = arena_alloc_array(arena, from->event_count, sizeof *event);
	for (size_t i = 0; i < from->event_count; i++)
		event[i] = from->event[i];
	to->event = event;
}

struct world *world_open(const struct world_spec *spec)
{
	assert(spec->days >= 0 && spec->first_day >= 10000 && spec->markets >= 0 && spec->markets <= 32);
	struct world *w = mem_alloc(sizeof *w);
	*w = (struct world){ .seed = spec->seed, .first_day = spec->first_day, .days = spec->days, .markets = spec->markets,
		             .playlist_count = spec->playlist_count, .arena = arena_new(SPEC_BYTES_MAX) };
	w->playlist = arena_alloc_array(&w->arena, spec->playlist_count, sizeof *w->playlist);
	for (size_t i = 0; i < spec->playlist_count; i++) {
		keep_playlist(&w->arena, &spec->playlist[i], &w->playlist[i]);
		if (w->artists < spec->playlist[i].size)
			w->artists = spec->playlist[i].size;
	}
	w->artists += ARTISTS_LEAST;
	return w;
}

void world_close(struct world *w)
{
	if (!w)
		return;
	arena_done(&w->arena);
	mem_free(w);
}

size_t world_playlist_count(const struct world *w)
{
	return w->playlist_count;
}

const struct world_playlist *world_playlist(const struct world *w, size_t playlist)
{
	assert(playlist < w->playlist_count);
	return &w->playlist[playlist];
}

bool world_find(const struct world *w, struct slice id, size_t *out_playlist)
{
	for (size_t i = 0; i < w->playlist_count; i++) {
		if (slice_is(id, w->playlist[i].id)) {
			*out_playlist = i;
			return true;
		}
	}
	return false;
}

void world_times(const struct world *w, size_t playlist, struct arena *arena, int64_t **out_unix_s, size_t *out_count)
{
	assert(playlist < w->playlist_count);
	int64_t *at = arena_alloc_array(arena, (size_t) w->days * WHEN_COUNT, sizeof *at);
	size_t count = 0;
	for (int64_t day = 0; day < w->days; day++) {
		for (enum world_when when = 0; when < WHEN_COUNT; when++) {
			if (world_taken(w, playlist, day, when, &at[count]))
				count++;
		}
	}
	*out_unix_s = at;
	*out_count = count;
}
