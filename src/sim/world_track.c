/* What an answer says about a track: pure functions of the track and the day. */
#include "base/time.h"
#include "sim/world_private.h"

#define SONGS_PER_FILM 3       /* neighbours within a cohort share a film */
#define FILMS_PERCENT 45
#define QUIRKY_ONE_IN 6        /* of the tracks has something odd */
#define ODD_FORM_ONE_IN 8      /* of the film songs names its film in one of the rare ways */
#define ALBUM_DAYS 40          /* an artist's tracks of so many days share an album */
#define RENAMED_ARTIST_ONE_IN 14
#define RENAMED_ALBUM_ONE_IN 30

void world_id(uint64_t seed, enum world_purpose purpose, uint64_t a, uint64_t b, char out[static WORLD_ID_BYTES])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	uint64_t h = world_draw(seed, purpose, a, b);
	out[0] = digits[h % 7]; /* 22 digits of base 62 hold 130 bits; ids have 128 */
	struct rand_gen g = rand_new(h);
	for (int i = 1; i < WORLD_ID_BYTES - 1;) {
		uint64_t x = rand_next(&g);
		for (int k = 0; k < 7; k++, i++, x /= 62)
			out[i] = digits[x % 62];
	}
	out[WORLD_ID_BYTES - 1] = '\0';
}

static uint64_t film_key(const struct world *w, struct world_ref r)
{
	return world_draw(w->seed, DRAW_FILM, world_ref_key(r), r.index / SONGS_PER_FILM);
}

/* Hits take turns, so that even a short history has every form and every quirk. */
static uint32_t turn_of(struct world_ref r, uint32_t every, uint32_t turns)
{
	return (uint32_t) (r.cohort / WORLD_HIT_EVERY + (1 << 20)) / every % turns;
}

bool world_is_film(const struct world *w, struct world_ref r)
{
	if (world_ref_is_hit(r))
		return turn_of(r, 1, 2) == 0;
	return film_key(w, r) % 100 < FILMS_PERCENT;
}

static enum world_quirk quirk_of(struct world_ref r, uint64_t h)
{
	if (world_ref_is_hit(r))
		return (enum world_quirk) turn_of(r, 1, QUIRK_COUNT);
	return h % QUIRKY_ONE_IN ? QUIRK_COUNT : (enum world_quirk)(h / QUIRKY_ONE_IN % QUIRK_COUNT);
}

static enum world_film_form form_of(struct world_ref r, uint64_t h)
{
	static const uint8_t often[] = { FILM_TRACK_ROUND, FILM_TRACK_ROUND, FILM_OST_ROUND, FILM_TRACK_ROUND };
	if (world_ref_is_hit(r))
		return (enum world_film_form) turn_of(r, 2, FILM_FORM_COUNT);
	if (h % ODD_FORM_ONE_IN)
		return (enum world_film_form) often[h >> 8 & 3];
	return (enum world_film_form)((h >> 16) % FILM_FORM_COUNT);
}

/* Artists: a few make most of the tracks.  One in four comes from the pool that all others borrow from. */
static void artist_facts(const struct world_chart *c, int pool, uint64_t h, struct world_artist *out)
{
	const struct world *w = c->w;
	uint64_t common = h % 4 == 0 ? 0 : (uint64_t) pool;
	uint64_t x = h >> 8 & 0xffff, number = ((uint64_t) w->artists * x >> 16) * x >> 16;
	uint64_t who = world_draw(w->seed, DRAW_ARTIST, common, number);
	out->key = who;
	name_artist(who, &out->name);
	if (who % RENAMED_ARTIST_ONE_IN == 0 && c->day >= (int64_t) (10 + who / RENAMED_ARTIST_ONE_IN % 60))
		text_add(&out->name, " ✦");
	world_id(w->seed, DRAW_ARTIST_ID, common, number, out->id);
	out->has_id = out->has_name = true;
}

static bool credited(const struct world_track *t, uint64_t key)
{
	for (size_t i = 0; i < t->artist_count; i++) {
		if (t->artist[i].key == key)
			return true;
	}
	return false;
}

static void credits(const struct world_chart *c, struct world_ref r, enum world_quirk quirk, bool film, struct world_track *t)
{
	uint64_t key = world_ref_key(r);
	uint64_t h = world_draw(c->w->seed, DRAW_CREDIT, key, r.index);
	size_t wanted = film ? 1 + h % 3 + (h >> 4) % 2 : h % 17 == 0 ? 3 : h % 3 == 0 ? 2 : 1;
	if (quirk == QUIRK_NO_ARTISTS)
		wanted = 0;
	if (quirk == QUIRK_MANY_ARTISTS)
		wanted = WORLD_ARTISTS_MAX - 1;
	t->artist_count = 0;
	for (uint64_t i = 0; i < wanted; i++) {
		/* A film's songs share its composer, who stands first. */
		uint64_t who = film && i == 0 ? film_key(c->w, r) >> 8 : world_draw(c->w->seed, DRAW_CREDIT, key ^ h, i + 1);
		artist_facts(c, r.pool, who, &t->artist[t->artist_count]);
		if (!credited(t, t->artist[t->artist_count].key))
			t->artist_count++;
	}
	if (t->artist_count == 0)
		return;
	size_t last = t->artist_count - 1;
	if (quirk == QUIRK_ARTIST_TWICE)
		t->artist[t->artist_count++] = t->artist[0];
	if (quirk == QUIRK_LEAD_NO_ID)
		t->artist[0].has_id = false;
	if (quirk == QUIRK_ARTIST_NO_ID) {
		artist_facts(c, r.pool, h >> 16, &t->artist[t->artist_count]);
		t->artist[t->artist_count++].has_id = false;
	}
	if (quirk == QUIRK_ARTIST_NULL_NAME)
		t->artist[last].has_name = false;
}

/* Classics came out long ago. */
static int64_t release_day(const struct world *w, struct world_ref r, uint64_t h)
{
	if (r.cohort == WORLD_CLASSIC)
		return w->first_day - 260 - (int64_t) (h % 18000);
	return w->first_day + r.cohort;
}

static void release_date(int64_t day, bool old, uint64_t h, enum world_quirk quirk, struct world_album *a)
{
	struct time_text date = time_date(day);
	a->has_date = quirk != QUIRK_NULL_DATE;
	a->precision = "day";
	size_t len = 10;
	if (quirk == QUIRK_YEAR_DATE || (old && h % 3 == 0)) {
		a->precision = "year";
		len = 4;
	} else if (quirk == QUIRK_MONTH_DATE || (old && h % 11 == 0)) {
		a->precision = "month";
		len = 7;
	} else if (quirk == QUIRK_ODD_DATE) {
		a->precision = "year"; /* says year, gives the month: the documentation's own sample does */
		len = 7;
	} else if (quirk == QUIRK_ZERO_DATE) {
		a->precision = "year";
		len = 4;
		memcpy(date.s, "0000", 4);
	}
	memcpy(a->release_date, date.s, len);
	a->release_date[len] = '\0';
}

/* Puts the film's name where this form has it: behind the track's name, behind the album's, or before it.
 * True when the album is the film's and not the song's own. */
static bool name_film_album(const struct world *w, struct world_ref r, uint64_t h, struct world_track *t)
{
	static const char *const form[FILM_FORM_COUNT][2] = {
		[FILM_TRACK_ROUND] = { " (From \"", "\")" },
		[FILM_TRACK_SQUARE] = { " [From \"", "\"]" },
		[FILM_TRACK_CURLY] = { " (From “", "”)" },
		[FILM_TRACK_TWO] = { " (From \"", "\") [From \"Dusri Picture\"]" },
		[FILM_ALBUM_FROM] = { " (From \"", "\")" },
		[FILM_OST_ROUND] = { "", " (Original Motion Picture Soundtrack)" },
		[FILM_OST_SQUARE] = { "", " [Original Motion Picture Soundtrack]" },
		[FILM_SOUNDTRACK_ROUND] = { "", " (Original Soundtrack)" },
		[FILM_SOUNDTRACK_SQUARE] = { "", " [Original Soundtrack]" },
		[FILM_UNCLOSED] = { " (From \"", "" },
		[FILM_BARE] = { "", "" },
		[FILM_NAMELESS_OST] = { "(Original Motion Picture Soundtrack)", "" },
	};
	struct world_text film;
	name_film(film_key(w, r), &film);
	enum world_film_form f = form_of(r, h);
	struct world_text *album = &t->album.name;
	album->len = 0;
	if (f <= FILM_TRACK_TWO || f == FILM_UNCLOSED) {
		text_add(&t->name, form[f][0]);
		text_add(&t->name, film.s);
		text_add(&t->name, form[f][1]);
		text_add(album, t->name.s);
		return false;
	}
	if (f == FILM_ALBUM_FROM)
		text_add(album, t->name.s);
	text_add(album, form[f][0]);
	if (f != FILM_NAMELESS_OST)
		text_add(album, film.s);
	text_add(album, form[f][1]);
	return f != FILM_ALBUM_FROM;
}

static void album_facts(const struct world_chart *c, struct world_ref r, uint64_t h, enum world_quirk quirk, bool film,
                        struct world_track *t)
{
	static const char *const types[] = { "album", "album", "album", "album", "single", "compilation", "ALBUM", "ep" };
	const struct world *w = c->w;
	struct world_album *a = &t->album;
	/* What the album is known by: itself (a single), its film, or its artist and season. */
	uint64_t key = world_draw(w->seed, DRAW_ALBUM, world_ref_key(r), r.index);
	int64_t day = release_day(w, r, key);
	bool classic = r.cohort == WORLD_CLASSIC;
	a->type = "single";
	a->total_tracks = 1;
	if (film) {
		if (name_film_album(w, r, h, t)) {
			key = world_draw(w->seed, DRAW_ALBUM, film_key(w, r), form_of(r, h));
			a->type = "album";
			a->total_tracks = 5 + (int) (key % 6);
		}
	} else if (h % 5 < 3 || t->artist_count == 0) {
		a->name = t->name;
	} else {
		int64_t season = classic ? (int64_t) (r.index / 4) : (r.cohort + ALBUM_DAYS * 1000) / ALBUM_DAYS - 1000;
		key = world_draw(w->seed, DRAW_ALBUM, t->artist[0].key, (uint64_t) (classic ? -season - 100000 : season));
		day = classic ? release_day(w, r, key) : w->first_day + season * ALBUM_DAYS;
		name_album(key, &a->name);
		a->type = types[key >> 8 & 7];
		a->total_tracks = 4 + (int) (key % 12);
	}
	if (key % RENAMED_ALBUM_ONE_IN == 0 && c->day >= 30)
		text_add(&a->name, " (Deluxe)");
	a->is_null = quirk == QUIRK_NULL_ALBUM;
	a->has_images = quirk != QUIRK_NO_IMAGES;
	a->artist = h % 23 == 0 ? WORLD_ARTISTS_MAX : 0;
	world_id(w->seed, DRAW_ALBUM_ID, key, 0, a->id);
	(void) snprintf(a->image, sizeof a->image, "%016llx%08x",
	                (unsigned long long) world_draw(w->seed, DRAW_IMAGE, key, 0), (unsigned) (key >> 32));
	release_date(day, classic, key, quirk, a);
}

static void song_name(const struct world_chart *c, uint64_t h, enum world_quirk quirk, bool film, struct world_text *name)
{
	if (film)
		name_film_song(h, name);
	else
		name_song(h, name);
	if (quirk == QUIRK_QUOTES)
		text_add(name, " \"Haan / Na\" \\o/\t'bas'");
	if (quirk == QUIRK_EMOJI)
		text_add(name, " 🎵🪁");
	if (quirk == QUIRK_LONG_NAME)
		name_medley(h, name);
	if (quirk == QUIRK_RENAMED && c->day >= (int64_t) (5 + h % 60))
		text_add(name, " (2026 Version)");
}

static void numbers(const struct world_chart *c, const struct world_slot *s, uint64_t h, enum world_quirk quirk,
                    struct world_track *t)
{
	t->floats = quirk == QUIRK_FLOATS;
	t->explicit = h % 9 == 0;
	t->duration_ms = 140000 + (int) (h >> 8 & 0x1ffff);
	t->disc_number = h % 41 == 0 ? 2 : 1;
	t->track_number = t->album.total_tracks > 1 ? 1 + (int) (h >> 3 & 0xff) % t->album.total_tracks : 1;
	int64_t popularity = 42 + s->heard / 65;
	t->popularity = popularity < 0 ? 0 : popularity > 100 ? 100 : (int) popularity;
	if (quirk == QUIRK_NULL_POPULARITY)
		t->popularity = -1;
	t->isrc[0] = '\0';
	if (quirk != QUIRK_NO_ISRC)
		(void) snprintf(t->isrc, sizeof t->isrc, "ZZSGM%02d%05d", (int) (h >> 40 & 31), (int) (h >> 20 & 0xffff));
	int64_t out_s = release_day(c->w, s->ref, h) * WORLD_DAY_S;
	t->added_unix_s = s->ref.cohort == WORLD_CLASSIC && h % 5 == 0 ? INT64_MIN : out_s + 36000 + (int64_t) (h % 30000);
}

void world_track_facts(const struct world_chart *c, const struct world_slot *s, struct world_track *out)
{
	const struct world *w = c->w;
	struct world_ref r = s->ref;
	uint64_t key = world_ref_key(r);
	uint64_t h = world_draw(w->seed, DRAW_TRACK, key, r.index);
	enum world_quirk quirk = quirk_of(r, h >> 16);
	bool film = world_is_film(w, r);

	song_name(c, h, quirk, film, &out->name);
	credits(c, r, quirk, film, out);
	album_facts(c, r, h >> 8, quirk, film, out);
	numbers(c, s, h, quirk, out);
	if (quirk == QUIRK_EMPTY_NAME) { /* what is left after a takedown */
		out->name.len = 0;
		out->name.s[0] = '\0';
	}

	world_id(w->seed, DRAW_TRACK_ID, key, r.index, out->id);
	memcpy(out->playable_id, out->id, sizeof out->id);
	/* Only an answer for a market says so, and not on all days: the same track stands there plainly and relinked. */
	out->relinked = quirk == QUIRK_RELINKED && c->market && (c->day + (int64_t) (h >> 50)) % 10 < 7;
	out->restricted = quirk == QUIRK_RESTRICTED && c->market;
	if (out->relinked)
		world_id(w->seed, DRAW_PLAYABLE_ID, key, r.index, out->playable_id);
}
