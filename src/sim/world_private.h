/* What the files of the world share. */
#ifndef SIM_WORLD_PRIVATE_H
#define SIM_WORLD_PRIVATE_H

#include "base/rand.h"
#include "sim/world.h"

#define WORLD_DAY_S 86400
#define WORLD_CLASSIC INT32_MIN /* cohort of the tracks that were always there */
#define WORLD_HIT_EVERY 3       /* days between two releases that are sure to chart */

struct world {
	uint64_t seed;
	int64_t first_day, days;
	int markets;
	struct world_playlist *playlist;
	size_t playlist_count;
	int64_t artists; /* of a pool */
	struct arena arena;
};

/* Independent draws: every question asked of the world has a purpose of its own. */
enum world_purpose {
	DRAW_RELEASES, DRAW_SCORE, DRAW_AFFINITY, DRAW_WEEK, DRAW_DAY, DRAW_HOLD, DRAW_TIME, DRAW_SIZE, DRAW_EVENT, DRAW_ITEM,
	DRAW_DUPLICATE, DRAW_TRACK, DRAW_TRACK_ID, DRAW_PLAYABLE_ID, DRAW_FILM, DRAW_ALBUM, DRAW_ALBUM_ID, DRAW_ARTIST,
	DRAW_ARTIST_ID, DRAW_CREDIT, DRAW_EPISODE, DRAW_SNAPSHOT_ID, DRAW_PLAYLIST, DRAW_IMAGE, DRAW_MARKET,
};
static inline uint64_t world_draw(uint64_t seed, enum world_purpose purpose, uint64_t a, uint64_t b)
{
	struct rand_gen g = rand_new(seed + (uint64_t) purpose * 0xa24baed4963ee407u);
	g.state ^= rand_next(&g) + a * 0x9fb21c651e98df25u;
	g.state ^= rand_next(&g) + b * 0xd6e8feb86659fd93u;
	return rand_next(&g);
}

/* world_plan.c: what a day holds. */
enum world_when { WHEN_EARLY, WHEN_MORNING, WHEN_EVENING, WHEN_NIGHT, WHEN_COUNT };
bool world_event_on(const struct world *w, size_t playlist, int64_t day, enum world_event_kind kind);
/* The kind of item event at a position, WORLD_EVENT_KINDS for none. */
enum world_event_kind world_event_at(const struct world *w, size_t playlist, int64_t day, int64_t position);
bool world_taken(const struct world *w, size_t playlist, int64_t day, enum world_when when, int64_t *out_unix_s);
int64_t world_size(const struct world *w, size_t playlist, int64_t day);

/* world_chart.c */
struct world_ref {
	int32_t pool, cohort; /* released so many days after the world's first day; WORLD_CLASSIC */
	uint32_t index;       /* within the cohort; 0 of every WORLD_HIT_EVERYth day is a hit */
};
static inline uint64_t world_ref_key(struct world_ref r)
{
	return (uint64_t) (uint32_t) r.pool << 32 | (uint32_t) r.cohort;
}
static inline bool world_ref_is_hit(struct world_ref r)
{
	return r.cohort != WORLD_CLASSIC && r.index == 0 && r.cohort % WORLD_HIT_EVERY == 0;
}
struct world_slot {
	enum world_event_kind kind; /* of an item, or WORLD_EVENT_KINDS for a plain track; DUPLICATE is one too */
	struct world_ref ref;
	int64_t score, heard; /* on this list; by everybody */
};
struct world_chart {
	const struct world *w;
	size_t playlist;
	int64_t unix_s, day; /* day: after the world's first */
	size_t count, total; /* slots; what the API says */
	bool both, item_shape, market, no_popularity, escaped;
	bool disguise; /* EPISODE_AS_TRACK as the service of 2026 writes it; never in a world's own pages */
	struct world_slot *slot;
};

/* world_track.c: everything an answer says about a track. */
#define WORLD_QUIRKS(X)                                                                                   \
	X(YEAR_DATE) X(MONTH_DATE) X(ZERO_DATE) X(NULL_DATE) X(ODD_DATE)                                  \
	X(ARTIST_TWICE) X(ARTIST_NO_ID) X(LEAD_NO_ID) X(NO_ARTISTS) X(MANY_ARTISTS) X(ARTIST_NULL_NAME)   \
	X(NO_ISRC) X(FLOATS) X(RENAMED) X(RELINKED) X(RESTRICTED) X(NO_IMAGES) X(NULL_ALBUM)              \
	X(NULL_POPULARITY) X(QUOTES) X(EMOJI) X(LONG_NAME) X(EMPTY_NAME)
enum world_quirk {
#define X(name) QUIRK_##name,
	WORLD_QUIRKS(X)
#undef X
	QUIRK_COUNT
};
/* How a film song tells its film; the last three do not. */
#define WORLD_FILM_FORMS(X)                                                                               \
	X(TRACK_ROUND) X(TRACK_SQUARE) X(TRACK_CURLY) X(TRACK_TWO) X(ALBUM_FROM) X(OST_ROUND) X(OST_SQUARE) \
	X(SOUNDTRACK_ROUND) X(SOUNDTRACK_SQUARE) X(UNCLOSED) X(BARE) X(NAMELESS_OST)
enum world_film_form {
#define X(name) FILM_##name,
	WORLD_FILM_FORMS(X)
#undef X
	FILM_FORM_COUNT
};

#define WORLD_ID_BYTES 23
#define WORLD_ARTISTS_MAX 14
struct world_text {
	size_t len;
	char s[760];
};
void text_add(struct world_text *t, const char *s); /* asserts that it fits */
struct world_artist {
	bool has_id, has_name;
	uint64_t key;
	char id[WORLD_ID_BYTES];
	struct world_text name;
};
struct world_album {
	bool is_null, has_images, has_date;
	char id[WORLD_ID_BYTES], image[25], release_date[11];
	const char *type, *precision;
	int total_tracks;
	struct world_text name;
	size_t artist; /* of the track's artists, the one it belongs to; WORLD_ARTISTS_MAX: "Various" */
};
struct world_track {
	char id[WORLD_ID_BYTES];          /* as it stands in the playlist */
	char playable_id[WORLD_ID_BYTES]; /* as the answer's own id; another one when relinked */
	bool relinked, restricted, floats, explicit;
	char isrc[13];                    /* "" for none */
	int duration_ms, track_number, disc_number, popularity; /* popularity -1: null */
	int64_t added_unix_s;             /* to a playlist that is kept by hand; INT64_MIN: null */
	struct world_text name;
	struct world_album album;
	size_t artist_count;
	struct world_artist artist[WORLD_ARTISTS_MAX];
};
bool world_is_film(const struct world *w, struct world_ref r);
/* Fills `out` wholly; it need not be zeroed. */
void world_track_facts(const struct world_chart *c, const struct world_slot *s, struct world_track *out);
void world_id(uint64_t seed, enum world_purpose purpose, uint64_t a, uint64_t b, char out[static WORLD_ID_BYTES]);

/* world_names.c: names made of a draw. */
void name_artist(uint64_t h, struct world_text *out);
void name_song(uint64_t h, struct world_text *out);
void name_film_song(uint64_t h, struct world_text *out);
void name_medley(uint64_t h, struct world_text *inout); /* makes a name long: some 500 bytes */
void name_film(uint64_t h, struct world_text *out);
void name_album(uint64_t h, struct world_text *out);
void name_episode(uint64_t h, struct world_text *out);
void name_show(uint64_t h, struct world_text *out);

/* world_page.c */
#define WORLD_SNAPSHOT_ID_BYTES 33
/* Another one for every snapshot, and for every edit of it. */
void world_snapshot_id(const struct world_chart *c, uint64_t edit, char out[static WORLD_SNAPSHOT_ID_BYTES]);

/* world_item.c */
void world_item_json(const struct world_chart *c, size_t position, struct world_track *scratch, struct buf *out);
/* As if `s` stood there. */
void world_slot_json(const struct world_chart *c, const struct world_slot *s, size_t position, struct world_track *scratch,
                     struct buf *out);
void world_string_json(struct slice s, bool ascii, struct buf *out);

#endif
