#include "sim/world.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "test.h"

#include <stdio.h>

#define PAGE_BYTES_MAX ((size_t) 256 << 20)
#define IDS_MAX 12000
#define SAMPLE_DAYS 72

struct id {
	char s[24];
};
struct ids {
	struct id at[IDS_MAX];
	size_t count;
};

static struct id id_of(struct slice s)
{
	struct id id = { "" };
	assert_true(s.len < sizeof id.s);
	memcpy(id.s, s.ptr, s.len);
	return id;
}

static bool ids_have(const struct ids *ids, struct id id)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (strcmp(ids->at[i].s, id.s) == 0)
			return true;
	}
	return false;
}

/* What was seen of a playlist, or of a world. */
enum sight {
	SAW_TRACK_KEY, SAW_ITEM_KEY, SAW_BOTH_KEYS, SAW_ITEM_NULL_BESIDE_TRACK, SAW_NULL_ENTRY, SAW_NULL_ITEM, SAW_WRONG_TYPE,
	SAW_LOCAL, SAW_EPISODE, SAW_EPISODE_AS_TRACK, SAW_MISSING_ID, SAW_RELINKED, SAW_RESTRICTED, SAW_MARKETS, SAW_PLAYABLE,
	SAW_NO_POPULARITY, SAW_NULL_POPULARITY, SAW_FLOATS, SAW_NO_ISRC, SAW_NO_ARTISTS, SAW_ARTIST_TWICE, SAW_ARTIST_NO_ID,
	SAW_LEAD_NO_ID, SAW_ARTIST_NULL_NAME, SAW_MANY_ARTISTS, SAW_NULL_ALBUM, SAW_NO_IMAGES, SAW_YEAR, SAW_MONTH, SAW_ZERO_DATE,
	SAW_NULL_DATE, SAW_ODD_DATE, SAW_FROM_ROUND, SAW_FROM_SQUARE, SAW_FROM_CURLY, SAW_FROM_ALBUM_ONLY, SAW_FROM_UNCLOSED,
	SAW_OST, SAW_OST_SQUARE, SAW_SOUNDTRACK, SAW_SOUNDTRACK_SQUARE, SAW_NAMELESS_OST, SAW_QUOTES, SAW_EMOJI, SAW_DEVANAGARI,
	SAW_LONG_NAME, SAW_EMPTY_NAME, SIGHTS
};
struct sights {
	bool seen[SIGHTS];
	int64_t snapshots, empty, pages, items, rejects, duplicates, hidden;
};

static bool has(struct slice s, const char *part)
{
	return s.ptr && slice_find_str(s, slice_of(part)) != SIZE_MAX;
}

static bool is_float(const struct json *v)
{
	CLEANUP(buf_done) struct buf text = buf_new(1000);
	json_write(v, JSON_COMPACT, &text);
	return has(buf_slice(&text), ".");
}

static void look_at_artists(const struct json *track, bool *seen)
{
	const struct json *artists = json_get(track, "artists");
	size_t count = json_size(artists);
	seen[SAW_NO_ARTISTS] |= count == 0;
	seen[SAW_MANY_ARTISTS] |= count > 7;
	for (size_t i = 0; i < count; i++) {
		struct slice id = json_get_string(json_at(artists, i), "id");
		seen[SAW_ARTIST_NO_ID] |= !id.ptr && i > 0;
		seen[SAW_LEAD_NO_ID] |= !id.ptr && i == 0;
		seen[SAW_ARTIST_NULL_NAME] |= json_type(json_get(json_at(artists, i), "name")) == JSON_NULL;
		for (size_t k = 0; k < i; k++)
			seen[SAW_ARTIST_TWICE] |= id.ptr && slice_eq(id, json_get_string(json_at(artists, k), "id"));
	}
}

static void look_at_album(const struct json *album, struct slice track_name, bool *seen)
{
	seen[SAW_NULL_ALBUM] |= json_type(album) == JSON_NULL;
	if (json_type(album) != JSON_OBJECT)
		return;
	struct slice name = json_get_string(album, "name"), date = json_get_string(album, "release_date");
	struct slice precision = json_get_string(album, "release_date_precision");
	seen[SAW_NO_IMAGES] |= json_size(json_get(album, "images")) == 0;
	seen[SAW_YEAR] |= slice_is(precision, "year") && date.len == 4 && !slice_is(date, "0000");
	seen[SAW_MONTH] |= slice_is(precision, "month") && date.len == 7;
	seen[SAW_ZERO_DATE] |= slice_is(date, "0000");
	seen[SAW_NULL_DATE] |= !date.ptr && !precision.ptr;
	seen[SAW_ODD_DATE] |= slice_is(precision, "year") && date.len == 7;
	seen[SAW_FROM_ALBUM_ONLY] |= has(name, "(From \"") && !has(track_name, "(From \"");
	seen[SAW_NAMELESS_OST] |= slice_starts(name, SLICE("(Original Motion Picture Soundtrack)"));
	seen[SAW_OST] |= has(name, " (Original Motion Picture Soundtrack)");
	seen[SAW_OST_SQUARE] |= has(name, " [Original Motion Picture Soundtrack]");
	seen[SAW_SOUNDTRACK] |= has(name, " (Original Soundtrack)");
	seen[SAW_SOUNDTRACK_SQUARE] |= has(name, " [Original Soundtrack]");
}

static void look_at_track(const struct json *track, bool *seen)
{
	struct slice name = json_get_string(track, "name");
	bool playable = true;
	seen[SAW_RELINKED] |= json_type(json_get(track, "linked_from")) == JSON_OBJECT;
	seen[SAW_RESTRICTED] |= json_bool(json_get(track, "is_playable"), &playable) && !playable &&
	                        json_get_string(json_get(track, "restrictions"), "reason").ptr;
	seen[SAW_PLAYABLE] |= json_get(track, "is_playable") != NULL;
	seen[SAW_MARKETS] |= json_size(json_get(track, "available_markets")) > 0;
	seen[SAW_NO_POPULARITY] |= json_get(track, "popularity") == NULL;
	seen[SAW_NULL_POPULARITY] |= json_type(json_get(track, "popularity")) == JSON_NULL;
	seen[SAW_FLOATS] |= is_float(json_get(track, "duration_ms"));
	seen[SAW_NO_ISRC] |= json_get(json_get(track, "external_ids"), "isrc") == NULL;
	seen[SAW_FROM_ROUND] |= has(name, "(From \"") && has(name, "\")");
	seen[SAW_FROM_SQUARE] |= has(name, "[From \"") && has(name, "\"]") && !has(name, "(From");
	seen[SAW_FROM_CURLY] |= has(name, "(From “") && has(name, "”)");
	seen[SAW_FROM_UNCLOSED] |= has(name, "(From \"") && !has(name, "\")");
	seen[SAW_QUOTES] |= has(name, "\"Haan / Na\" \\o/\t");
	seen[SAW_EMOJI] |= has(name, "🪁");
	seen[SAW_DEVANAGARI] |= has(name, "ी");
	seen[SAW_LONG_NAME] |= name.len > 400;
	seen[SAW_EMPTY_NAME] |= name.ptr && name.len == 0;
	look_at_artists(track, seen);
	look_at_album(json_get(track, "album"), name, seen);
}

/* The track id by DATA.md's rules, "" when the item cannot be used. */
static struct id look_at_item(const struct json *item, bool *seen)
{
	static const struct id none = { "" };
	seen[SAW_NULL_ENTRY] |= json_type(item) == JSON_NULL;
	if (json_type(item) != JSON_OBJECT)
		return none;
	const struct json *one = json_get(item, "item"), *other = json_get(item, "track");
	seen[SAW_TRACK_KEY] |= other && !one;
	seen[SAW_ITEM_KEY] |= one && !other;
	seen[SAW_BOTH_KEYS] |= json_type(one) == JSON_OBJECT && json_type(other) == JSON_OBJECT;
	seen[SAW_ITEM_NULL_BESIDE_TRACK] |= json_type(one) == JSON_NULL && json_type(other) == JSON_OBJECT;
	const struct json *track = json_type(one) == JSON_OBJECT ? one : other ? other : one;
	seen[SAW_NULL_ITEM] |= json_type(track) == JSON_NULL;
	seen[SAW_WRONG_TYPE] |= json_type(track) == JSON_STRING;
	if (json_type(track) != JSON_OBJECT)
		return none;
	bool local = false, episode = false;
	(void) json_bool(json_get(item, "is_local"), &local);
	(void) json_bool(json_get(track, "episode"), &episode);
	bool typed = slice_is(json_get_string(track, "type"), "episode");
	seen[SAW_LOCAL] |= local;
	seen[SAW_EPISODE] |= typed;
	seen[SAW_EPISODE_AS_TRACK] |= episode && !typed && slice_starts(json_get_string(track, "uri"), SLICE("spotify:episode:"));
	if (local || episode || typed)
		return none;
	look_at_track(track, seen);
	const struct json *linked = json_get(track, "linked_from");
	struct slice id = json_get_string(linked ? linked : track, "id");
	seen[SAW_MISSING_ID] |= !id.ptr;
	return id.ptr ? id_of(id) : none;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct id *) a)->s, ((const struct id *) b)->s);
}

static void count_ids(const struct ids *ids, struct sights *s)
{
	CLEANUP(mem_freep) struct id *sorted = mem_alloc_array(ids->count, sizeof *sorted);
	memcpy(sorted, ids->at, ids->count * sizeof *sorted);
	qsort(sorted, ids->count, sizeof *sorted, by_id);
	for (size_t i = 0; i < ids->count; i++) {
		s->rejects += sorted[i].s[0] == '\0';
		s->duplicates += i > 0 && sorted[i].s[0] && by_id(&sorted[i], &sorted[i - 1]) == 0;
	}
}

/* The track ids of a snapshot in order, "" for what cannot be used. */
static void read_chart(const struct world_chart *c, size_t limit, struct ids *out, struct sights *s)
{
	CLEANUP(buf_done) struct buf body = buf_new(PAGE_BYTES_MAX);
	out->count = 0;
	for (size_t offset = 0;; offset += limit) {
		CLEANUP(json_freep) struct json *page = NULL;
		struct err err = { 0 };
		buf_reset(&body);
		world_page(c, offset, limit, &body);
		if (json_parse(buf_slice(&body), &page, &err) != RC_OK)
			fail_msg("%s", err.msg);
		const struct json *items = json_get(page, "items");
		assert_int_equal(json_get_integer(page, "offset", -1), offset);
		assert_int_equal(json_get_integer(page, "limit", -1), limit);
		int64_t total = json_get_integer(page, "total", -1);
		assert_in_range(total - (int64_t) world_chart_items(c), 0, 1);
		s->hidden += offset == 0 ? total - (int64_t) world_chart_items(c) : 0;
		s->pages++;
		for (size_t i = 0; i < json_size(items); i++)
			out->at[out->count++] = look_at_item(json_at(items, i), s->seen);
		if (json_type(json_get(page, "next")) == JSON_NULL)
			break;
		assert_int_equal(json_size(items), limit);
	}
	assert_int_equal(out->count, world_chart_items(c));
	s->snapshots++;
	s->empty += out->count == 0;
	s->items += (int64_t) out->count;
	count_ids(out, s);
}

static bool has_entry(const struct ids *ids)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (ids->at[i].s[0])
			return true;
	}
	return false;
}

static void times_of(const struct world *w, const char *id, struct arena *arena, size_t *out_playlist, int64_t **out, size_t *out_count)
{
	assert_true(world_find(w, slice_of(id), out_playlist));
	world_times(w, *out_playlist, arena, out, out_count);
}

struct promise {
	const char *id;
	int64_t snapshots, empty, full_items, pages_each, chart_days, twice_days, missing_days, rejects, duplicates, hidden;
};

static void keeps(uint64_t seed, const struct promise *p, bool *seen)
{
	CLEANUP(world_closep) struct world *w = world_sample_open(seed, SAMPLE_DAYS);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct ids *ids = arena_alloc(&arena, sizeof *ids);
	struct sights s = { 0 };
	size_t playlist, count;
	int64_t *at, chart_days = 0, twice_days = 0, first = 0, last = 0, last_seen = -1, last_chart = -1;
	times_of(w, p->id, &arena, &playlist, &at, &count);
	for (size_t i = 0; i < count; i++) {
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[i]);
		int64_t pages = s.pages, day = time_day_number(at[i], 0);
		assert_true(i == 0 || at[i] > at[i - 1]);
		read_chart(c, WORLD_SAMPLE_LIMIT, ids, &s);
		if (ids->count) {
			assert_int_equal(ids->count, p->full_items);
			assert_int_equal(s.pages - pages, p->pages_each);
		}
		twice_days += day == last_seen;
		last_seen = day;
		if (has_entry(ids) && day != last_chart) {
			first = chart_days++ ? first : day;
			last = last_chart = day;
		}
	}
	assert_int_equal(s.snapshots, p->snapshots);
	assert_int_equal(s.empty, p->empty);
	assert_int_equal(chart_days, p->chart_days);
	assert_int_equal(twice_days, p->twice_days);
	assert_int_equal(last - first + 1 - chart_days, p->missing_days);
	assert_int_equal(s.rejects, p->rejects);
	assert_int_equal(s.duplicates, p->duplicates);
	assert_int_equal(s.hidden, p->hidden);
	for (size_t i = 0; i < SIGHTS; i++)
		seen[i] |= s.seen[i];
}

static void assert_all_seen(const bool *seen, uint64_t seed)
{
	for (size_t i = 0; i < SIGHTS; i++) {
		if (!seen[i])
			fail_msg("seed %d: number %zu of enum sight is missing", (int) seed, i);
	}
}

static void the_sample_keeps_what_its_header_promises(void **state)
{
	(void) state;
	static const struct promise promises[] = {
		{ WORLD_SAMPLE_TOP50, 71, 3, 50, 1, 66, 4, 6, 11, 5, 0 },
		{ WORLD_SAMPLE_BOLLYWOOD, 69, 1, 96, 2, 65, 3, 7, 115, 4, 1 },
	};
	for (uint64_t seed = 1; seed <= 2; seed++) {
		bool seen[SIGHTS] = { false };
		for (size_t i = 0; i < COUNT_OF(promises); i++)
			keeps(seed, &promises[i], seen);
		assert_all_seen(seen, seed);
	}
}

static void shapes_change_on_the_promised_days(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_sample_open(1, SAMPLE_DAYS);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct ids *ids = arena_alloc(&arena, sizeof *ids);
	size_t playlist, count;
	int64_t *at;
	times_of(w, WORLD_SAMPLE_BOLLYWOOD, &arena, &playlist, &at, &count);
	for (size_t i = 0; i < count; i++) {
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[i]);
		CLEANUP(buf_done) struct buf body = buf_new(1 << 20);
		int64_t day = time_day_number(at[i], 0) - WORLD_SAMPLE_FIRST_DAY;
		struct sights s = { 0 };
		read_chart(c, WORLD_SAMPLE_LIMIT, ids, &s);
		world_playlist_json(c, &body);
		assert_int_equal(has(buf_slice(&body), "बॉलीवुड"), day >= 36);
		if (!has_entry(ids))
			continue;
		assert_int_equal(s.seen[SAW_TRACK_KEY], day < 30);
		assert_int_equal(s.seen[SAW_BOTH_KEYS], day >= 30 && day < 42);
		assert_int_equal(s.seen[SAW_ITEM_KEY], day >= 42);
		assert_int_equal(s.seen[SAW_PLAYABLE], day >= 20);
		assert_int_equal(s.seen[SAW_MARKETS], day < 20);
		assert_int_equal(s.seen[SAW_NO_POPULARITY], day >= 50 && day < 60);
		assert_int_equal(s.hidden, day == 51);
	}
}

static void later_days_bring_the_events_again(void **state)
{
	(void) state;
	static const struct {
		const char *id;
		size_t snapshots;
	} lists[] = { { WORLD_SAMPLE_TOP50, 71 }, { WORLD_SAMPLE_BOLLYWOOD, 69 } };
	CLEANUP(world_closep) struct world *w = world_sample_open(4, 10 * SAMPLE_DAYS);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		size_t playlist, count;
		int64_t *at;
		times_of(w, lists[i].id, &arena, &playlist, &at, &count);
		assert_int_equal(count, 10 * lists[i].snapshots);
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[count - 1]);
		CLEANUP(buf_done) struct buf body = buf_new(PAGE_BYTES_MAX);
		world_page(c, 0, WORLD_SAMPLE_LIMIT, &body); /* the shape stays what it became */
		assert_int_equal(has(buf_slice(&body), "\"item\":"), i == 1);
	}
}

/* Adds every body of a snapshot. */
static void hash_snapshot(const struct world *w, size_t playlist, int64_t at, struct hash *h)
{
	CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at);
	CLEANUP(buf_done) struct buf body = buf_new(PAGE_BYTES_MAX);
	world_playlist_json(c, &body);
	for (size_t offset = 0; offset == 0 || offset < world_chart_items(c); offset += WORLD_SAMPLE_LIMIT)
		world_page(c, offset, WORLD_SAMPLE_LIMIT, &body);
	hash_add(h, buf_slice(&body));
}

static void the_same_seed_gives_the_same_bytes_everywhere(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_sample_open(1, SAMPLE_DAYS);
	CLEANUP(hash_closep) struct hash *h = hash_open();
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	char hex[HASH_HEX_BYTES];
	for (size_t p = 0; p < world_playlist_count(w); p++) {
		int64_t *at;
		size_t count;
		world_times(w, p, &arena, &at, &count);
		for (size_t i = 0; i < count; i++)
			hash_snapshot(w, p, at[i], h);
	}
	hash_hex(h, hex);
	/* On every machine and compiler.  A generator that was changed on purpose has another: put it here. */
	assert_string_equal(hex, "d9c9ddf093556062b5a57e159d830c9c188c1ec76b56c15068503d56c5f5c222");
}

static void each_snapshot_can_be_made_alone_and_more_days_change_none(void **state)
{
	(void) state;
	for (size_t p = 0; p < 2; p++) {
		CLEANUP(world_closep) struct world *w = world_sample_open(7, 60);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		int64_t *at, *longer_at;
		size_t count, longer_count;
		world_times(w, p, &arena, &at, &count);
		for (size_t i = 0; i < count; i += 9) {
			CLEANUP(world_closep) struct world *longer = world_sample_open(7, 400);
			CLEANUP(hash_closep) struct hash *one = hash_open();
			CLEANUP(hash_closep) struct hash *other = hash_open();
			char a[HASH_HEX_BYTES], b[HASH_HEX_BYTES];
			world_times(longer, p, &arena, &longer_at, &longer_count);
			assert_int_equal(longer_at[i], at[i]);
			hash_snapshot(w, p, at[count - 1 - i], one);
			hash_snapshot(longer, p, at[count - 1 - i], other);
			hash_hex(one, a);
			hash_hex(other, b);
			assert_string_equal(a, b);
		}
	}
}

static void another_seed_is_another_world(void **state)
{
	(void) state;
	CLEANUP(mem_freep) struct ids *a = mem_alloc(sizeof *a);
	CLEANUP(mem_freep) struct ids *b = mem_alloc(sizeof *b);
	struct ids *both[] = { a, b };
	for (size_t k = 0; k < 2; k++) {
		CLEANUP(world_closep) struct world *w = world_sample_open(k + 1, 3);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct sights s = { 0 };
		size_t playlist, count;
		int64_t *at;
		times_of(w, WORLD_SAMPLE_TOP50, &arena, &playlist, &at, &count);
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[0]);
		read_chart(c, 50, both[k], &s);
	}
	for (size_t i = 0; i < a->count; i++)
		assert_false(ids_have(b, a->at[i]));
}

static void a_second_snapshot_of_a_day_has_another_order(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_sample_open(1, SAMPLE_DAYS);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct ids *before = arena_alloc(&arena, sizeof *before), *now = arena_alloc(&arena, sizeof *now);
	size_t playlist, count, pairs = 0;
	int64_t *at;
	times_of(w, WORLD_SAMPLE_TOP50, &arena, &playlist, &at, &count);
	for (size_t i = 0; i < count; i++) {
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[i]);
		struct sights s = { 0 };
		read_chart(c, 50, now, &s);
		if (i && at[i] / 86400 == at[i - 1] / 86400 && now->count && before->count) {
			assert_memory_not_equal(now->at, before->at, now->count * sizeof *now->at);
			pairs++;
		}
		*before = *now;
	}
	assert_int_equal(pairs, 2);
}

static void pages_of_any_size_hold_the_same_items(void **state)
{
	(void) state;
	static const size_t limits[] = { 1, 7, 50, 95, 96, 97, 100 };
	CLEANUP(world_closep) struct world *w = world_sample_open(1, 5);
	CLEANUP(arena_done) struct arena arena = arena_new(2 << 20);
	struct ids *whole = arena_alloc(&arena, sizeof *whole), *ids = arena_alloc(&arena, sizeof *ids);
	struct sights s = { 0 };
	size_t playlist, count;
	int64_t *at;
	times_of(w, WORLD_SAMPLE_BOLLYWOOD, &arena, &playlist, &at, &count);
	CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[1]);
	read_chart(c, 1000, whole, &s);
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		read_chart(c, limits[i], ids, &s);
		assert_memory_equal(ids->at, whole->at, whole->count * sizeof *whole->at);
	}
	CLEANUP(buf_done) struct buf beyond = buf_new(4096);
	world_page(c, 500, 50, &beyond);
	assert_true(has(buf_slice(&beyond), "\"items\":[],\"limit\":50,\"next\":null,\"offset\":500"));
	assert_null(world_chart_open(w, playlist, at[1] + 1));
	assert_null(world_chart_open(w, playlist, at[count - 1] + 86400 * 1000));
	assert_null(world_chart_open(w, playlist, 0));
}

static size_t place(const struct ids *ids, struct id id)
{
	for (size_t i = 0; i < ids->count; i++) {
		if (strcmp(ids->at[i].s, id.s) == 0)
			return i + 1;
	}
	return 0;
}

/* The measures of a real daily chart of 50: a third stand still, nine in ten move three places or fewer, some seven new ones
 * come in a week, and of those that leave one in four returns. */
static void charts_move_believably(void **state)
{
	(void) state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		CLEANUP(world_closep) struct world *w = world_sample_open(seed, SAMPLE_DAYS);
		CLEANUP(arena_done) struct arena arena = arena_new(2 << 20);
		struct ids *before = arena_alloc(&arena, sizeof *before), *now = arena_alloc(&arena, sizeof *now);
		struct ids *ever = arena_alloc(&arena, sizeof *ever);
		size_t playlist, count, kept = 0, same = 0, near = 0, fresh = 0, again = 0, days = 0;
		int64_t *at;
		times_of(w, WORLD_SAMPLE_TOP50, &arena, &playlist, &at, &count);
		for (size_t i = 0; i < count; i++) {
			CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[i]);
			struct sights s = { 0 };
			read_chart(c, 50, now, &s);
			if (now->count == 0)
				continue;
			for (size_t k = 0; k < now->count; k++) {
				size_t was = place(before, now->at[k]), is = place(now, now->at[k]);
				if (now->at[k].s[0] == '\0' || is != k + 1)
					continue;
				kept += was > 0;
				same += was == is;
				near += was > 0 && was <= is + 3 && is <= was + 3;
				again += days > 0 && was == 0 && ids_have(ever, now->at[k]);
				fresh += days > 0 && !ids_have(ever, now->at[k]);
				if (!ids_have(ever, now->at[k]))
					ever->at[ever->count++] = now->at[k];
			}
			*before = *now;
			days++;
		}
		assert_in_range(same * 100 / kept, 20, 50);
		assert_in_range(near * 100 / kept, 80, 97);
		assert_in_range(fresh * 7 / days, 4, 14);
		assert_in_range(again, 8, 60);
	}
}

/* name, artists, album: what a track is does not depend on the list it stands on. */
static void a_track_is_the_same_on_every_list_of_a_day(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_sample_open(1, 2);
	CLEANUP(buf_done) struct buf one = buf_new(PAGE_BYTES_MAX);
	CLEANUP(buf_done) struct buf other = buf_new(PAGE_BYTES_MAX);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct buf *bodies[] = { &one, &other };
	CLEANUP(json_freep) struct json *a = NULL;
	CLEANUP(json_freep) struct json *b = NULL;
	struct json **pages[] = { &a, &b };
	for (size_t p = 0; p < 2; p++) {
		int64_t *at;
		size_t count;
		world_times(w, p, &arena, &at, &count);
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, p, at[0]);
		world_page(c, 0, 100, bodies[p]);
		assert_int_equal(json_parse(buf_slice(bodies[p]), pages[p], NULL), RC_OK);
	}
	size_t shared = 0;
	for (size_t i = 0; i < 96; i++) {
		const struct json *x = json_get(json_at(json_get(a, "items"), i), "track");
		for (size_t k = 0; k < 50; k++) {
			const struct json *y = json_get(json_at(json_get(b, "items"), k), "track");
			if (!slice_eq(json_get_string(x, "id"), json_get_string(y, "id")))
				continue;
			CLEANUP(buf_done) struct buf left = buf_new(100000);
			CLEANUP(buf_done) struct buf right = buf_new(100000);
			json_write(x, JSON_COMPACT, &left);
			json_write(y, JSON_COMPACT, &right);
			assert_string_equal(buf_str(&left), buf_str(&right));
			shared++;
		}
	}
	assert_in_range(shared, 10, 50);
}

static void see_all(const struct world *w, size_t limit, struct sights *s)
{
	CLEANUP(mem_freep) struct ids *ids = mem_alloc(sizeof *ids);
	for (size_t p = 0; p < world_playlist_count(w); p++) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		int64_t *at;
		size_t count;
		world_times(w, p, &arena, &at, &count);
		for (size_t i = 0; i < count; i++) {
			CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, p, at[i]);
			read_chart(c, limit, ids, s);
		}
	}
}

static void nasty_worlds_are_nasty_and_well_formed(void **state)
{
	(void) state;
	struct sights s = { 0 };
	for (uint64_t seed = 100; seed < 103; seed++) {
		CLEANUP(world_closep) struct world *w = world_nasty_open(seed, 40, 5, 60);
		see_all(w, 23, &s);
		assert_int_equal(world_playlist(w, 4)->size, 0);
		assert_int_equal(world_playlist_count(w), 5);
	}
	assert_all_seen(s.seen, 100);
	assert_true(s.empty > 0 && s.hidden > 0 && s.duplicates > 0);
}

static void tame_lists_hold_nothing_but_tracks(void **state)
{
	(void) state;
	struct sights s = { 0 };
	CLEANUP(world_closep) struct world *w = world_lists_open(9, 30, 10, 80, false);
	see_all(w, 50, &s);
	assert_int_equal(s.rejects, 0);
	assert_int_equal(s.duplicates, 0);
	assert_int_equal(s.hidden, 0);
	assert_int_equal(s.empty, 0);
	assert_int_equal(s.snapshots, 10 * 30);
	assert_true(s.seen[SAW_TRACK_KEY] && !s.seen[SAW_ITEM_KEY]);
	size_t spotify_owned = 0, others = 0;
	for (size_t i = 0; i < 10; i++) {
		const struct world_playlist *p = world_playlist(w, i);
		assert_true(p->size >= 80 * 60 / 100 && p->size <= 80 * 140 / 100);
		spotify_owned += p->spotify_owned;
		others += strcmp(p->owner_id, world_playlist(w, 0)->owner_id) != 0;
	}
	assert_int_equal(world_playlist(w, 0)->size, 80);
	assert_int_equal(spotify_owned, 1);
	assert_int_equal(others, 3);
}

static void escaped_pages_are_ascii(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_nasty_open(5, 40, 1, 50);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	size_t count, escaped = 0, plain = 0;
	int64_t *at;
	world_times(w, 0, &arena, &at, &count);
	for (size_t i = 0; i < count; i++) {
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, 0, at[i]);
		CLEANUP(buf_done) struct buf body = buf_new(PAGE_BYTES_MAX);
		world_page(c, 0, 100, &body);
		bool ascii = true;
		for (size_t k = 0; k < body.len; k++)
			ascii &= (unsigned char) body.ptr[k] < 0x80;
		escaped += ascii && has(buf_slice(&body), "\\u09") && has(buf_slice(&body), "\\ud83e\\ude81");
		plain += !ascii;
	}
	assert_true(escaped > 0 && plain > 0);
}

static void lists_of_any_size(void **state)
{
	(void) state;
	static const int64_t sizes[] = { 1, 2, 10000 };
	CLEANUP(mem_freep) struct ids *ids = mem_alloc(sizeof *ids);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		const struct world_playlist p = { .id = "0SampleOfAnySize000001", .name = "n", .owner_id = "o", .owner_name = "O",
			                          .size = sizes[i], .hold_days = 1 };
		const struct world_spec spec = { .seed = 3, .first_day = 20000, .days = 1, .playlist = &p, .playlist_count = 1 };
		CLEANUP(world_closep) struct world *w = world_open(&spec);
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
		struct sights s = { 0 };
		int64_t *at;
		size_t count;
		world_times(w, 0, &arena, &at, &count);
		assert_int_equal(count, 1);
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, 0, at[0]);
		read_chart(c, 100, ids, &s);
		assert_int_equal(ids->count, sizes[i]);
		assert_int_equal(s.rejects, 0);
		assert_int_equal(s.duplicates, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_sample_keeps_what_its_header_promises),
	cmocka_unit_test(shapes_change_on_the_promised_days),
	cmocka_unit_test(later_days_bring_the_events_again),
	cmocka_unit_test(the_same_seed_gives_the_same_bytes_everywhere),
	cmocka_unit_test(each_snapshot_can_be_made_alone_and_more_days_change_none),
	cmocka_unit_test(another_seed_is_another_world),
	cmocka_unit_test(a_second_snapshot_of_a_day_has_another_order),
	cmocka_unit_test(pages_of_any_size_hold_the_same_items),
	cmocka_unit_test(charts_move_believably),
	cmocka_unit_test(a_track_is_the_same_on_every_list_of_a_day),
	cmocka_unit_test(nasty_worlds_are_nasty_and_well_formed),
	cmocka_unit_test(tame_lists_hold_nothing_but_tracks),
	cmocka_unit_test(escaped_pages_are_ascii),
	cmocka_unit_test(lists_of_any_size),
};
TEST_SUITE(world, tests)
