/* An invented world of charts: seeded, believable, and the same bytes on every machine.
 *
 * Tracks are released day by day, most of them on Fridays; they climb, peak, fade and now and then come back.  A playlist
 * shows the strongest of its day.  Every snapshot is a pure function of (seed, playlist, time), reckoned in integers: any
 * one can be made alone, in any order, and asking for more days changes none of the earlier ones.
 *
 * On top of the charts lies what Spotify's answers really hold (reference: developer.spotify.com/documentation/web-api):
 * null, local and episode items, relinked and restricted tracks, both shapes of an item (`track`, `item`), fields that go
 * missing, dates of every precision, integers written as floats.  `event` places such things on chosen days; `nasty` strews
 * them everywhere.  Every name is invented.
 *
 * A world does not change after world_open(): any number of threads may read it.  Nothing here fails: a spec is our own. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/arena.h"
#include "base/buf.h"

#define WORLD_EVENTS(X)                                                                        \
	/* a day */                                                                            \
	X(GAP)              /* no snapshot */                                                  \
	X(TWICE)            /* one more in the evening, with another order */                  \
	X(EMPTY_FIRST)      /* an empty one before the day's chart */                          \
	X(EMPTY_LAST)       /* an empty one after it */                                        \
	X(EMPTY_ONLY)       /* an empty one instead of it */                                   \
	X(NULLS_LAST)       /* one more late at night in which every item is null */           \
	X(HIDDEN_ITEM)      /* `total` counts one item more than the pages hold */             \
	/* a stretch of days: how items are written */                                         \
	X(BOTH_SHAPES)      /* `track` and `item` at once (else `track`) */                    \
	X(ITEM_SHAPE)       /* `item` only, below /items */                                    \
	X(MARKET)           /* asked with market=IN: is_playable, linked_from, restrictions */ \
	X(NO_POPULARITY)    /* the field is missing */                                         \
	X(ESCAPED)          /* \uXXXX for all that is not ASCII */                             \
	/* the item at `position` */                                                           \
	X(DUPLICATE)        /* a track that stands higher up too */                            \
	X(NULL_ITEM)        /* {"track": null} */                                              \
	X(NULL_ENTRY)       /* null in place of the item */                                    \
	X(LOCAL)            /* a file of the owner's */                                        \
	X(EPISODE)          /* type "episode" */                                               \
	X(EPISODE_AS_TRACK) /* an episode that says it is a track */                           \
	X(MISSING_ID)       /* a track without an id that is no local file */                  \
	X(WRONG_TYPE)       /* a string in place of the track */

enum world_event_kind {
#define X(name) WORLD_##name,
	WORLD_EVENTS(X)
#undef X
	WORLD_EVENT_KINDS
};

struct world_event {
	enum world_event_kind kind;
	int64_t from, to;  /* days after the world's first, both included */
	int64_t position;  /* 1-based; 0 where it has no meaning */
};

struct world_playlist {
	const char *id, *name, *owner_id, *owner_name, *description;
	const char *later_name;  /* from rename_day on; NULL = never renamed */
	int64_t rename_day;
	int64_t size;            /* items; 0 is an emptied playlist */
	int64_t size_wobble;     /* the size goes up and down by as much, in steps of ten days */
	int pool;                /* playlists of one pool draw from the same catalogue */
	int64_t film_bias;       /* 0 = indifferent, 1000 = hardly anything but film songs */
	int64_t hold_days;       /* 1 = a new order every day; n = every n days on average */
	bool spotify_owned;      /* one added_at for all items, added_by without an id */
	int64_t start_day;       /* first snapshot, days after the world's first */
	int64_t followers, followers_per_day;
	const struct world_event *event;
	size_t event_count;
	int64_t event_period;    /* events of days and of items come again after so many days; 0 = never */
	bool nasty;              /* events of all kinds at random besides */
};

struct world_spec {
	uint64_t seed;
	int64_t first_day;  /* days since 1970-01-01 */
	int64_t days;
	const struct world_playlist *playlist;
	size_t playlist_count;
	int markets;        /* length of available_markets, up to 32; the real ones run to 185 */
};

struct world;
/* Keeps no pointer into `spec`. */
struct world *world_open(const struct world_spec *spec);
void world_close(struct world *w);
static inline void world_closep(struct world **w)
{
	world_close(*w);
	*w = NULL;
}

size_t world_playlist_count(const struct world *w);
const struct world_playlist *world_playlist(const struct world *w, size_t playlist);
/* false when there is no such playlist. */
bool world_find(const struct world *w, struct slice id, size_t *out_playlist);
/* The UTC seconds of all its snapshots, ascending. */
void world_times(const struct world *w, size_t playlist, struct arena *arena, int64_t **out_unix_s, size_t *out_count);

/* One snapshot's order.  NULL when there is no snapshot at that second. */
struct world_chart;
struct world_chart *world_chart_open(const struct world *w, size_t playlist, int64_t unix_s);
void world_chart_close(struct world_chart *c);
static inline void world_chart_closep(struct world_chart **c)
{
	world_chart_close(*c);
	*c = NULL;
}
size_t world_chart_items(const struct world_chart *c);

/* The body of GET /playlists/{id}/tracks (or /items): the paging object of `limit` items from `offset` on. */
void world_page(const struct world_chart *c, size_t offset, size_t limit, struct buf *out);
/* The body of GET /playlists/{id} without its items. */
void world_playlist_json(const struct world_chart *c, struct buf *out);

/* The whole world in the recorded layout of source_dir_open(), pages of `limit` items; playlist.json is the latest. */
MUST_USE enum rc world_write_recorded(const struct world *w, const char *dir, size_t limit, struct err *err);

/* The bundled history: two playlists from 2026-01-05 on.  For every seed, in the first 72 days:
 *
 *                                        "Top 50 – Sample"   "Bollywood Sample 96"
 *	items of a full snapshot                  50                  96
 *	pages of WORLD_SAMPLE_LIMIT                1                   2
 *	snapshots                                 71                  69
 *	of them empty (EMPTY_*)                    3                   1
 *	chart days                                66                  65
 *	days of two snapshots                      4                   3
 *	missing days                               6                   7
 *	items not usable (all snapshots)          11                 115   (96 of them the NULLS_LAST snapshot of day 37)
 *	duplicates (all snapshots)                 5                   4
 *	shape                                `track`             `track`, both from day 30, `item` from day 42
 *	market=IN                            from day 48         from day 20
 *	no popularity                        -                   days 50 to 59
 *	renamed                              -                   day 36
 *	hidden item                          -                   day 51
 *
 * Later days bring the days' and items' events again every 72 days.  Every kind of event but ESCAPED, and every peculiarity
 * of a track listed in world_private.h, stands on at least one chart. */
#define WORLD_SAMPLE_FIRST_DAY 20458 /* 2026-01-05, a Monday */
#define WORLD_SAMPLE_TOP50 "0SampleTop50Sargam0001"
#define WORLD_SAMPLE_BOLLYWOOD "0SampleBollywood960001"
#define WORLD_SAMPLE_LIMIT 50
struct world *world_sample_open(uint64_t seed, int64_t days);

/* `playlists` lists of about `size` items (the first of just so many, give or take the tenth that every list wobbles by), several
 * to a pool, each with habits of its own.  Tame ones change and nothing else: lists 1, 2, 4, 5, … are those of the user
 * "sargam_sample", 3, 6, … of another one, 9, 18, … of Spotify.  Nasty ones, for tests, have every kind of event besides; with four or
 * more, one is empty. */
struct world *world_lists_open(uint64_t seed, int64_t days, size_t playlists, int64_t size, bool nasty);
struct world *world_nasty_open(uint64_t seed, int64_t days, size_t playlists, int64_t size);

#endif
