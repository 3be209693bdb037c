/* The ready-made worlds: the bundled sample, and lists in any number, tame or nasty. */
#include "base/mem.h"
#include "sim/world_private.h"

#define FOR_EVER INT64_MAX
#define SAMPLE_PERIOD 72

/* What world.h promises of the sample stands here; tests/unit/test_world.c counts it. */
static const struct world_event top50_events[] = {
	{ WORLD_GAP, 12, 12, 0 },           { WORLD_GAP, 25, 26, 0 },
	{ WORLD_GAP, 47, 47, 0 },           { WORLD_GAP, 61, 61, 0 },
	{ WORLD_TWICE, 19, 19, 0 },         { WORLD_TWICE, 40, 40, 0 },
	{ WORLD_EMPTY_FIRST, 33, 33, 0 },   { WORLD_EMPTY_LAST, 8, 8, 0 },
	{ WORLD_EMPTY_ONLY, 54, 54, 0 },    { WORLD_MARKET, 48, FOR_EVER, 0 },
	{ WORLD_DUPLICATE, 5, 6, 31 },      { WORLD_DUPLICATE, 28, 29, 50 },
	{ WORLD_DUPLICATE, 66, 66, 9 },     { WORLD_EPISODE, 15, 17, 44 },
	{ WORLD_EPISODE_AS_TRACK, 36, 37, 44 }, { WORLD_NULL_ITEM, 29, 30, 17 },
	{ WORLD_LOCAL, 57, 59, 50 },        { WORLD_MISSING_ID, 68, 68, 38 },
};
static const struct world_event bollywood_events[] = {
	{ WORLD_GAP, 3, 3, 0 },             { WORLD_GAP, 17, 17, 0 },
	{ WORLD_GAP, 30, 32, 0 },           { WORLD_GAP, 58, 58, 0 },
	{ WORLD_TWICE, 10, 10, 0 },         { WORLD_TWICE, 45, 45, 0 },
	{ WORLD_EMPTY_ONLY, 22, 22, 0 },    { WORLD_NULLS_LAST, 37, 37, 0 },
	{ WORLD_HIDDEN_ITEM, 51, 51, 0 },   { WORLD_MARKET, 20, FOR_EVER, 0 },
	{ WORLD_BOTH_SHAPES, 30, 41, 0 },   { WORLD_ITEM_SHAPE, 42, FOR_EVER, 0 },
	{ WORLD_NO_POPULARITY, 50, 59, 0 }, { WORLD_DUPLICATE, 13, 14, 60 },
	{ WORLD_DUPLICATE, 49, 50, 53 },    { WORLD_NULL_ITEM, 6, 7, 20 },
	{ WORLD_NULL_ENTRY, 8, 8, 20 },     { WORLD_LOCAL, 23, 29, 88 },
	{ WORLD_EPISODE, 35, 36, 71 },      { WORLD_EPISODE_AS_TRACK, 43, 45, 71 },
	{ WORLD_MISSING_ID, 55, 56, 70 },   { WORLD_WRONG_TYPE, 62, 62, 33 },
};

static const struct world_playlist sample_playlists[] = {
	{
		.id = WORLD_SAMPLE_BOLLYWOOD,
		.name = "Bollywood Sample 96",
		.later_name = "Bollywood Sample 96 – बॉलीवुड",
		.rename_day = 36,
		.owner_id = "sargam_sample_curator",
		.owner_name = "Sargam Sample \"Curator\"",
		.description = "Ninety-six invented film songs &amp; more. Nothing here exists.",
		.size = 96,
		.film_bias = 900,
		.hold_days = 1,
		.followers = 227604,
		.followers_per_day = 131,
		.event = bollywood_events,
		.event_count = COUNT_OF(bollywood_events),
		.event_period = SAMPLE_PERIOD,
	},
	{
		.id = WORLD_SAMPLE_TOP50,
		.name = "Top 50 – Sample",
		.owner_id = "sargam_sample",
		.owner_name = "Sargam Sample",
		.description = "Your daily update of tracks that nobody ever played.",
		.size = 50,
		.hold_days = 1,
		.spotify_owned = true,
		.followers = 1697842,
		.followers_per_day = 2417,
		.event = top50_events,
		.event_count = COUNT_OF(top50_events),
		.event_period = SAMPLE_PERIOD,
	},
};

struct world *world_sample_open(uint64_t seed, int64_t days)
{
	const struct world_spec spec = {
		.seed = seed,
		.first_day = WORLD_SAMPLE_FIRST_DAY,
		.days = days,
		.playlist = sample_playlists,
		.playlist_count = COUNT_OF(sample_playlists),
		.markets = 4,
	};
	return world_open(&spec);
}

#define PLAYLISTS_PER_POOL 3
#define PLAYLIST_TEXT_BYTES 64
struct playlist_text {
	char id[WORLD_ID_BYTES], name[PLAYLIST_TEXT_BYTES], later_name[PLAYLIST_TEXT_BYTES];
};

/* What tame and nasty lists have in common: `h` is the draw of the list. */
static void some_playlist(uint64_t h, size_t i, int64_t size, const struct playlist_text *text, struct world_playlist *p)
{
	static const int64_t tastes[] = { 0, 400, 900 }, holds[] = { 1, 1, 2, 5 };
	int64_t some = size * (int64_t) (60 + h % 81) / 100;
	if (some < 1 || i == 0)
		some = size;
	*p = (struct world_playlist){
		.id = text->id,
		.name = text->name,
		.owner_id = "sargam_sample",
		.owner_name = "Sargam Sample",
		.description = "",
		.size = some,
		.size_wobble = some / 10,
		.pool = (int) (i / PLAYLISTS_PER_POOL),
		.film_bias = tastes[(h >> 16 & 0xff) % COUNT_OF(tastes)],
		.hold_days = holds[h >> 24 & 3],
		.followers = (int64_t) (h >> 40 & 0xffff),
	};
}

static void nasty_playlist(uint64_t h, size_t i, size_t count, int64_t size, struct playlist_text *text, struct world_playlist *p)
{
	(void) snprintf(text->name, sizeof text->name, "List \"%zu\", रोज़", i);
	(void) snprintf(text->later_name, sizeof text->later_name, "List %zu \\ renamed", i);
	some_playlist(h, i, size, text, p);
	if (count >= 4 && i == count - 1)
		p->size = p->size_wobble = 0;
	p->later_name = h >> 8 & 1 ? text->later_name : NULL;
	p->rename_day = (int64_t) (h >> 9 & 31);
	p->spotify_owned = h >> 26 & 1;
	p->start_day = i ? (int64_t) (h >> 32 & 0xff) % 12 : 0;
	p->followers_per_day = -3;
	p->nasty = true;
}

/* The first one is as large as asked and of our own user; every third is another user's, every ninth Spotify's. */
static void tame_playlist(uint64_t h, size_t i, int64_t size, struct playlist_text *text, struct world_playlist *p)
{
	(void) snprintf(text->name, sizeof text->name, "Sample List %zu", i + 1);
	some_playlist(h, i, size, text, p);
	p->followers_per_day = (int64_t) (h >> 56 & 31);
	p->spotify_owned = i % 9 == 8;
	if (i % 3 == 2) {
		p->owner_id = "sargam_sample_other";
		p->owner_name = "Sargam Sample, Somebody Else";
	}
}

struct world *world_lists_open(uint64_t seed, int64_t days, size_t playlists, int64_t size, bool nasty)
{
	CLEANUP(mem_freep) struct world_playlist *p = mem_alloc_array(playlists, sizeof *p);
	CLEANUP(mem_freep) struct playlist_text *text = mem_alloc_array(playlists, sizeof *text);
	for (size_t i = 0; i < playlists; i++) {
		uint64_t h = world_draw(seed, DRAW_PLAYLIST, i, 0);
		world_id(seed, DRAW_PLAYLIST, i, 1, text[i].id);
		if (nasty)
			nasty_playlist(h, i, playlists, size, &text[i], &p[i]);
		else
			tame_playlist(h, i, size, &text[i], &p[i]);
	}
	const struct world_spec spec = {
		.seed = seed,
		.first_day = WORLD_SAMPLE_FIRST_DAY,
		.days = days,
		.playlist = p,
		.playlist_count = playlists,
		.markets = nasty ? 2 : 4,
	};
	return world_open(&spec);
}

struct world *world_nasty_open(uint64_t seed, int64_t days, size_t playlists, int64_t size)
{
	return world_lists_open(seed, days, playlists, size, true);
}
