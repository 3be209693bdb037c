/* The rule of drift on hand-written histories, and the policy over it. */
#include "bronze/drift.h"
#include "test.h"

/* One snapshot a word, a day each: present, nulls, wrong types of so many items ("10/0/0/10"; "10/10" has no other). */
static void follows(enum watched_field field, const char *history, const char *events)
{
	CLEANUP(buf_done) struct buf got = buf_new(1 << 12);
	struct drift_state state = { 0 };
	struct slice rest = slice_of(history);
	for (int64_t day = 1; rest.len; day++) {
		size_t end = slice_find(rest, ' ', 0);
		int64_t n[4] = { 0 };
		size_t count = 0;
		struct slice word = slice_sub(rest, 0, end);
		for (size_t from = 0; from <= word.len; count++) {
			size_t slash = slice_find(word, '/', from);
			assert_true(count < 4 && slice_to_int(slice_sub(word, from, slash - from), &n[count]));
			from = slash + 1;
		}
		const struct field_count c = { n[count - 1], n[0], count > 2 ? n[1] : 0, count > 3 ? n[2] : 0 };
		if (drift_step(&state, field, &c, 86400 * day, day)) {
			assert_true(state.has_last && state.last.day_number == day && state.last.snapshot_at == 86400 * day);
			buf_addf(&got, "%s%lld %s%s", got.len ? ", " : "", (long long) day, drift_what_name(state.last.what),
			         state.last.as_null ? " as null" : "");
		}
		rest = slice_sub(rest, end + (end < rest.len), rest.len - end - (end < rest.len));
	}
	buf_adds(&got, "");
	if (strcmp(buf_str(&got), events) != 0)
		fail_msg("%s: \"%s\" gives \"%s\", not \"%s\"", watched_field_path[field], history, buf_str(&got), events);
}

static void what_stood_in_most_entries_and_then_in_none_has_vanished(void **state)
{
	(void) state;
	follows(FIELD_popularity, "50/50 50/50 0/50 0/50", "3 vanished");
	follows(FIELD_popularity, "96/96 94/96 0/95 0/96 97/97", "3 vanished, 5 came back");
	follows(FIELD_popularity, "50/50 0/50/50", "2 vanished as null");
	follows(FIELD_popularity, "1/1 0/1", "2 vanished");
	follows(FIELD_isrc, "5/10 0/10", "2 vanished");
}

static void what_never_stood_has_not_vanished(void **state)
{
	(void) state;
	follows(FIELD_popularity, "0/50 0/50 0/50/50", "");
	follows(FIELD_isrc, "4/10 0/10 4/10 0/10", "");
}

static void a_field_that_comes_for_the_first_time_appears(void **state)
{
	(void) state;
	follows(FIELD_is_playable, "0/50 0/50 50/50 50/50", "3 appeared");
	follows(FIELD_is_playable, "0/50 50/50 0/50 50/50 0/50", "2 appeared, 3 vanished, 4 came back, 5 vanished");
	follows(FIELD_is_playable, "50/50 50/50", "");
}

/* A few entries with or without a value are the chart's doing, not Spotify's. */
static void fewer_than_half_change_nothing(void **state)
{
	(void) state;
	follows(FIELD_isrc, "50/50 3/50 50/50 24/50", "");
	follows(FIELD_isrc, "50/50 0/50 24/50 0/50 25/50", "2 vanished, 5 came back");
	follows(FIELD_isrc, "0/50 24/50 0/50 1/50", "");
	follows(FIELD_isrc, "24/50 50/50 0/50", "3 vanished");
}

/* A list that shrinks to one song without a film, an album or a restriction. */
static void what_stands_only_where_it_applies_neither_appears_nor_vanishes(void **state)
{
	(void) state;
	follows(FIELD_restriction, "1/1 0/1 2/2 0/50 1/50", "");
	follows(FIELD_linked_from, "0/50 50/50 0/50", "");
	follows(FIELD_linked_from, "0/50 0/0/1/50 0/50 1/50 0/50", "2 changed type, 4 came back");
}

static void a_wrong_type_is_told_when_most_values_are_of_one(void **state)
{
	(void) state;
	follows(FIELD_popularity, "50/50 0/0/50/50 0/0/50/50 50/50", "2 changed type, 4 came back");
	follows(FIELD_popularity, "50/50 24/0/26/50 26/0/24/50", "2 changed type, 3 came back");
	follows(FIELD_popularity, "50/50 25/0/25/50", "2 changed type");
	follows(FIELD_release_precision, "98/100 97/0/1/100 98/100", ""); /* one odd album */
	follows(FIELD_added_at, "0/100/100 0/99/1/100 0/100/100", "");    /* one odd time where there are none */
	follows(FIELD_popularity, "0/0/50/50 0/0/50/50", "1 changed type");
	follows(FIELD_popularity, "0/0/50/50 50/50 0/50", "1 changed type, 2 came back, 3 vanished");
	follows(FIELD_popularity, "50/50 0/0/50/50 0/50 50/50", "2 changed type, 3 vanished, 4 came back");
	follows(FIELD_popularity, "0/50 0/0/50/50 0/50", "2 changed type, 3 vanished");
}

/* --- policy ------------------------------------------------------------------------------------------------- */

static struct drift_policy parsed(const char *text)
{
	struct drift_policy p;
	struct err err = { 0 };
	if (drift_policy_parse(slice_of(text), &p, &err) != RC_OK)
		fail_msg("%s: %s", text, err.msg);
	return p;
}

static size_t failing(const struct drift_policy *p)
{
	size_t n = 0;
	for (size_t f = 0; f < FIELD_COUNT; f++)
		n += p->fail[f];
	assert_int_equal(p->any_fail, n > 0);
	return n;
}

static void where_nothing_is_said_it_is_a_warning(void **state)
{
	(void) state;
	struct drift_policy p = parsed("");
	assert_int_equal(failing(&p), 0);
	p = parsed(" , track.name = fail ,track.popularity=warn,");
	assert_int_equal(failing(&p), 1);
	assert_true(p.fail[FIELD_track_name]);
}

static void a_named_field_wins_over_the_star_wherever_it_stands(void **state)
{
	(void) state;
	struct drift_policy p = parsed("track.popularity=warn,*=fail,added_at=warn");
	assert_int_equal(failing(&p), FIELD_COUNT - 2);
	assert_false(p.fail[FIELD_popularity] || p.fail[FIELD_added_at]);
	p = parsed("*=fail,*=warn,track.name=warn,track.name=fail"); /* the last word counts */
	assert_int_equal(failing(&p), 1);
}

static void refused(const char *text, const char *why)
{
	struct drift_policy p;
	struct err err = { 0 };
	assert_int_equal(drift_policy_parse(slice_of(text), &p, &err), RC_FATAL);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s", text, err.msg);
}

static void unknown_fields_and_words_are_refused_with_the_known_ones(void **state)
{
	(void) state;
	refused("track.populrity=fail", "'track.populrity' is no watched field; there are * added_at added_by.id track.name");
	refused("track.populrity=fail", "track.album.release_date_precision");
	refused("popularity=fail", "is no watched field");
	refused("=fail", "'' is no watched field");
	refused("track.name", "'track.name': want track.name=warn or track.name=fail");
	refused("track.name=", "want track.name=warn or track.name=fail");
	refused("*=stop", "'*=stop': want *=warn or *=fail");
	refused("track.name=fail track.popularity=fail", "'track.name=fail track.popularity=fail': want track.name=warn");
	char longest[1024];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	refused(longest, "track.album.release_date_precision");
}

static void a_line_tells_the_first_fields_and_counts_the_others(void **state)
{
	(void) state;
	static struct drift_sum sum = { .playlists = 4 };
	const struct drift_policy warn = parsed(""), fail = parsed("track.name=fail");
	CLEANUP(buf_done) struct buf line = buf_new(1 << 12);
	drift_tell(&sum, &warn, false, &line);
	assert_int_equal(line.len, 0);
	sum.line[FIELD_is_playable][DRIFT_APPEARED] = (struct drift_line){ .playlists = 4, .since_day = 20458 };
	sum.line[FIELD_isrc][DRIFT_CAME_BACK] = (struct drift_line){ .playlists = 4, .since_day = 20458 };
	sum.line[FIELD_popularity][DRIFT_VANISHED] = (struct drift_line){ .playlists = 3, .since_day = 20521, .playlist = "p1" };
	assert_int_equal(drift_count(&sum, &warn, false), 1);
	drift_tell(&sum, &warn, false, &line);
	assert_string_equal(buf_str(&line), "track.popularity vanished in 3 of 4 playlists since 2026-03-09");
	sum.line[FIELD_popularity][DRIFT_CHANGED_TYPE] = (struct drift_line){ .playlists = 1, .since_day = 20522, .playlist = "p2" };
	sum.line[FIELD_track_name][DRIFT_VANISHED] = (struct drift_line){ .playlists = 4, .since_day = 20521 };
	for (enum watched_field f = FIELD_album_uri; f <= FIELD_album_url; f++)
		sum.line[f][DRIFT_VANISHED] = (struct drift_line){ .playlists = 1, .since_day = 20521, .playlist = "p3" };
	assert_int_equal(drift_count(&sum, &fail, true), 1);
	assert_int_equal(drift_count(&sum, &fail, false), 4);
	buf_reset(&line);
	drift_tell(&sum, &fail, false, &line);
	assert_string_equal(buf_str(&line), "track.popularity vanished in 3 of 4 playlists since 2026-03-09, track.popularity changed type in p2 since "
	                                    "2026-03-10, track.album.uri vanished in p3 since 2026-03-09 and 2 more");
	buf_reset(&line);
	drift_tell(&sum, &fail, true, &line);
	assert_string_equal(buf_str(&line), "track.name vanished in 4 of 4 playlists since 2026-03-09");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_stood_in_most_entries_and_then_in_none_has_vanished),
	cmocka_unit_test(what_never_stood_has_not_vanished),
	cmocka_unit_test(a_field_that_comes_for_the_first_time_appears),
	cmocka_unit_test(fewer_than_half_change_nothing),
	cmocka_unit_test(what_stands_only_where_it_applies_neither_appears_nor_vanishes),
	cmocka_unit_test(a_wrong_type_is_told_when_most_values_are_of_one),
	cmocka_unit_test(where_nothing_is_said_it_is_a_warning),
	cmocka_unit_test(a_named_field_wins_over_the_star_wherever_it_stands),
	cmocka_unit_test(unknown_fields_and_words_are_refused_with_the_known_ones),
	cmocka_unit_test(a_line_tells_the_first_fields_and_counts_the_others),
};
TEST_SUITE(drift, tests)
