/* The order of a playlist at one moment.
 *
 * A track's score is the logarithm of how much it is heard, in thousandths: how good it is, less what it has yet to gain,
 * less what it has lost with age, more or less its luck of these weeks and of today.  The goodness of a release is
 * exponentially distributed, so a few tower above the rest and the places further down lie close together, as in real
 * charts.  Integers only: the logarithms and powers are straight lines between powers of two, which is as good a shape as
 * any and the same on every machine. */
#include "sim/world.h"

#include "base/mem.h"
#include "base/time.h"
#include "sim/world_private.h"

#define MILLI 1000
#define WINDOW_DAYS 210         /* a release is heard of for so long */
#define ITEMS_PER_RELEASE 18    /* a list of N items chooses from N / 18 releases a day */
#define CLASSICS_SPARE 12       /* classics beyond the list's size: no list is ever short of tracks */
#define GOODNESS 700
#define GREAT 1700
#define NOT_YET_HEARD 2200
#define LUCK_WEEKS 150
#define LUCK_TODAY 9
#define LUCK_OF_CLASSICS 450
#define CLASSICS_BEHIND 900
#define CLASSIC_BEST 2200
#define EVENING_MILLI 800

/* -ln(x / 2^32), in thousandths. */
static int64_t neg_log(uint32_t x)
{
	int64_t zeros = x ? __builtin_clz(x) : 31;
	uint64_t mantissa = (x ? (uint64_t) x : 1) << zeros;
	int64_t fraction = (int64_t) ((mantissa - ((uint64_t) 1 << 31)) * MILLI >> 31);
	return ((zeros + 1) * MILLI - fraction) * 693 / MILLI;
}

/* 1000 * exp(-x / 1000), x >= 0. */
static int64_t exp_neg(int64_t x)
{
	int64_t bits = x * 1443 / MILLI;
	if (bits / MILLI > 30)
		return 0;
	return (2 * MILLI - bits % MILLI) / 2 >> (bits / MILLI);
}

/* Smooth noise of -1000 to 1000: straight lines between draws that lie `knot_days` apart. */
static int64_t drift(uint64_t seed, enum world_purpose purpose, uint64_t key, int64_t time_milli, int64_t knot_days)
{
	int64_t step = knot_days * MILLI;
	int64_t shifted = time_milli + 1000 * step + (int64_t) (key % (uint64_t) step);
	uint64_t knot = (uint64_t) (shifted / step);
	int64_t at = shifted % step;
	int64_t from = (int64_t) (world_draw(seed, purpose, key, knot) % 2001) - MILLI;
	int64_t to = (int64_t) (world_draw(seed, purpose, key, knot + 1) % 2001) - MILLI;
	return (from * (step - at) + to * at) / step;
}

static uint32_t releases(const struct world *w, const struct world_playlist *p, int64_t cohort)
{
	static const int64_t weekday_milli[7] = { 300, 875, 875, 875, 875, 2800, 400 }; /* from Sunday; new music comes on Fridays */
	int64_t expected = p->size * weekday_milli[(w->first_day + cohort + 4) % 7] / ITEMS_PER_RELEASE;
	uint64_t h = world_draw(w->seed, DRAW_RELEASES, (uint64_t) p->pool, (uint64_t) cohort);
	int64_t count = (expected + (int64_t) (h % MILLI)) / MILLI;
	bool hit = cohort % WORLD_HIT_EVERY == 0;
	return (uint32_t) (hit && count == 0 ? 1 : count);
}

static int64_t goodness(struct world_ref r, uint64_t h)
{
	int64_t good = neg_log((uint32_t) h) * GOODNESS / MILLI;
	if (r.cohort == WORLD_CLASSIC && good > CLASSIC_BEST)
		return CLASSIC_BEST; /* none of them leads a chart for ever */
	if (world_ref_is_hit(r))
		good = 1500 + good / 2;
	return good > GREAT ? GREAT + (good - GREAT) / 3 : good; /* so that the first place changes hands */
}

/* How much a track is heard by everybody. */
static int64_t heard(const struct world *w, struct world_ref r, uint64_t h, int64_t time_milli)
{
	int64_t u = goodness(r, h) + drift(w->seed, DRAW_WEEK, h, time_milli, 6) * LUCK_WEEKS / MILLI;
	uint64_t today = world_draw(w->seed, DRAW_DAY, h, (uint64_t) time_milli);
	u += (int64_t) (today % (2 * LUCK_TODAY + 1)) - LUCK_TODAY;
	if (r.cohort == WORLD_CLASSIC)
		return u - CLASSICS_BEHIND + drift(w->seed, DRAW_WEEK, h ^ 1, time_milli, 28) * LUCK_OF_CLASSICS / MILLI;

	int64_t age = time_milli - (int64_t) r.cohort * MILLI;
	bool awaited = (h >> 32 & 255) < 90; /* known before it is out: its first day is its best */
	int64_t rise = awaited ? 300 : 1200 + (int64_t) (h >> 40 & 255) * 36;
	int64_t life = 22 + (int64_t) (h >> 48 & 255) * 60 / 256;
	u -= NOT_YET_HEARD * exp_neg(age * MILLI / rise) / MILLI;
	u -= age / life;
	if (age > 120 * MILLI)
		u -= (age - 120 * MILLI) / 30;
	return u;
}

/* And on one playlist, which has a taste of its own. */
static void score(const struct world *w, size_t playlist, int64_t time_milli, struct world_slot *s)
{
	const struct world_playlist *p = &w->playlist[playlist];
	uint64_t h = world_draw(w->seed, DRAW_SCORE, world_ref_key(s->ref), s->ref.index);
	uint64_t liking = world_draw(w->seed, DRAW_AFFINITY, playlist, h);
	s->heard = heard(w, s->ref, h, time_milli);
	s->score = s->heard + (int64_t) (liking % 301 + liking / 301 % 301) - 300;
	if (p->film_bias && world_is_film(w, s->ref))
		s->score += p->film_bias;
}

static int by_score(const void *a, const void *b)
{
	const struct world_slot *x = a, *y = b;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->ref.cohort != y->ref.cohort)
		return x->ref.cohort < y->ref.cohort ? -1 : 1;
	return x->ref.index < y->ref.index ? -1 : x->ref.index > y->ref.index;
}

/* All tracks that may stand on the list at that moment, strongest first. */
static struct world_slot *candidates(const struct world *w, size_t playlist, int64_t time_milli, size_t *out_count)
{
	const struct world_playlist *p = &w->playlist[playlist];
	int64_t today = time_milli / MILLI;
	size_t count = (size_t) (p->size + p->size_wobble) + CLASSICS_SPARE;
	for (int64_t cohort = today - WINDOW_DAYS; cohort < today; cohort++)
		count += releases(w, p, cohort);
	struct world_slot *all = mem_alloc_array(count, sizeof *all), *s = all;
	for (uint32_t i = 0; i < (uint32_t) (p->size + p->size_wobble) + CLASSICS_SPARE; i++)
		*s++ = (struct world_slot){ .ref = { p->pool, WORLD_CLASSIC, i } };
	for (int64_t cohort = today - WINDOW_DAYS; cohort < today; cohort++) {
		uint32_t n = releases(w, p, cohort);
		for (uint32_t i = 0; i < n; i++)
			*s++ = (struct world_slot){ .ref = { p->pool, (int32_t) cohort, i } };
	}
	for (size_t i = 0; i < count; i++) {
		all[i].kind = WORLD_EVENT_KINDS;
		score(w, playlist, time_milli, &all[i]);
	}
	qsort(all, count, sizeof *all, by_score);
	*out_count = count;
	return all;
}

/* A list kept by hand gets a new order every hold_days days on average. */
static int64_t day_of_order(const struct world *w, size_t playlist, int64_t day)
{
	int64_t hold = w->playlist[playlist].hold_days;
	for (int64_t d = day; d > day - 20 * hold; d--) {
		if (world_draw(w->seed, DRAW_HOLD, playlist, (uint64_t) d) % (uint64_t) hold == 0)
			return d;
	}
	return day;
}

/* The slots of one snapshot: what events say about a position, else the next track in order. */
static void fill(struct world_chart *c, enum world_when when)
{
	const struct world *w = c->w;
	bool nulls = when == WHEN_NIGHT;
	int64_t order = when == WHEN_EVENING ? c->day * MILLI + EVENING_MILLI : day_of_order(w, c->playlist, c->day) * MILLI;
	size_t count, next = 0;
	CLEANUP(mem_freep) struct world_slot *all = candidates(w, c->playlist, order, &count);
	assert(count >= c->count);
	c->slot = mem_alloc_array(c->count, sizeof *c->slot);
	for (size_t i = 0; i < c->count; i++) {
		enum world_event_kind kind = world_event_at(w, c->playlist, c->day, (int64_t) i + 1);
		if (nulls)
			kind = WORLD_NULL_ITEM;
		size_t up = 1 + world_draw(w->seed, DRAW_DUPLICATE, i, (uint64_t) c->day) % (i > 6 ? 6 : i ? i : 1);
		bool duplicate = kind == WORLD_DUPLICATE && i >= up && c->slot[i - up].kind == WORLD_EVENT_KINDS;
		if (kind == WORLD_DUPLICATE && !duplicate)
			kind = WORLD_EVENT_KINDS; /* nothing above it to repeat */
		c->slot[i] = duplicate ? c->slot[i - up] : all[next++];
		c->slot[i].kind = kind;
	}
}

struct world_chart *world_chart_open(const struct world *w, size_t playlist, int64_t unix_s)
{
	assert(playlist < w->playlist_count);
	int64_t day = time_day_number(unix_s, 0) - w->first_day;
	enum world_when when = 0;
	for (int64_t taken_s;; when++) {
		if (when == WHEN_COUNT)
			return NULL;
		if (world_taken(w, playlist, day, when, &taken_s) && taken_s == unix_s)
			break;
	}
	struct world_chart *c = mem_alloc(sizeof *c);
	*c = (struct world_chart){ .w = w, .playlist = playlist, .unix_s = unix_s, .day = day };
	c->both = world_event_on(w, playlist, day, WORLD_BOTH_SHAPES);
	c->item_shape = c->both || world_event_on(w, playlist, day, WORLD_ITEM_SHAPE);
	c->market = world_event_on(w, playlist, day, WORLD_MARKET);
	c->no_popularity = world_event_on(w, playlist, day, WORLD_NO_POPULARITY);
	c->escaped = world_event_on(w, playlist, day, WORLD_ESCAPED);

	bool empty = when == WHEN_EARLY || (when == WHEN_MORNING && world_event_on(w, playlist, day, WORLD_EMPTY_ONLY)) ||
	             (when == WHEN_NIGHT && world_event_on(w, playlist, day, WORLD_EMPTY_LAST));
	c->count = empty ? 0 : (size_t) world_size(w, playlist, day);
	c->total = c->count;
	/* One in twenty at the most: a larger shortfall would make the pages inconsistent. */
	if (c->count >= 20 && world_event_on(w, playlist, day, WORLD_HIDDEN_ITEM))
		c->total++;
	if (c->count)
		fill(c, when);
	return c;
}

void world_chart_close(struct world_chart *c)
{
	if (!c)
		return;
	mem_free(c->slot);
	mem_free(c);
}

size_t world_chart_items(const struct world_chart *c)
{
	return c->count;
}
