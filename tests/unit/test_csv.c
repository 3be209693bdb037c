/* CSV: records and rows, with what exporters, spreadsheets and torn downloads make of them. */
#include "source/csv.h"
#include "source/csv_row.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "test.h"

/* All records of a text, as "[a|b]" for each, "!state" for a broken one; read in pieces of `step` bytes more each time, as
 * from a file (0: all at once). */
static const char *told(struct slice text, size_t step, struct buf *out)
{
	static const char *const names[] = { "", "more", "quote", "long", "columns" };
	CLEANUP(mem_freep) struct csv_record *r = mem_alloc(sizeof *r);
	size_t at = 0, seen = step ? 0 : text.len;
	buf_reset(out);
	while (at < text.len) {
		bool at_end = seen == text.len;
		enum csv_state state = CSV_MORE;
		if (seen > at)
			state = csv_read(slice_sub(text, at, seen - at), at_end, r);
		if (state == CSV_MORE) {
			assert_false(at_end);
			seen = seen + step < text.len ? seen + step : text.len;
			continue;
		}
		assert_true(r->bytes > 0 && r->bytes <= seen - at && r->raw.len <= r->bytes);
		if (state != CSV_RECORD) {
			buf_addf(out, "!%s", names[state]);
		} else {
			buf_addc(out, '[');
			for (size_t i = 0; i < r->count; i++) {
				if (i)
					buf_addc(out, '|');
				buf_add(out, r->field[i]);
			}
			buf_addc(out, ']');
			if (r->lines != 1)
				buf_addf(out, "*%lld", (long long) r->lines);
		}
		at += r->bytes;
	}
	return buf_str(out);
}

static void check(const char *text, const char *want)
{
	CLEANUP(buf_done) struct buf out = buf_new(1 << 20);
	for (size_t step = 0; step < 8; step++) {
		const char *have = told(slice_of(text), step, &out);
		if (strcmp(have, want) != 0)
			fail_msg("'%s' in steps of %zu: have %s, want %s", text, step, have, want);
	}
}

static void records_are_parted_at_lines_and_fields_at_commas(void **unused UNUSED)
{
	check("a,b\nc,d\n", "[a|b][c|d]");
	check("a,b\r\nc,d", "[a|b][c|d]");
	check("a,,\n,\n", "[a||][|]");
	check("a\n\n\r\nb\n", "[a][][][b]");
	check("a\rb,c\r", "[a\rb|c]");
	check(" a , b \n", "[ a | b ]");
	check("\n", "[]");
}

static void quotes_keep_commas_lines_and_quotes(void **unused UNUSED)
{
	check("\"a,b\",c\n", "[a,b|c]");
	check("\"a \"\"b\"\" c\",\"\"\"d\"\"\"\n", "[a \"b\" c|\"d\"]");
	check("\"\",\"\"\r\n\"x\"\r\n", "[|][x]");
	check("\"a\nb\",c\r\n\"d\r\n\r\ne\",f\n", "[a\nb|c]*2[d\r\n\r\ne|f]*3");
	check("\"a\n8%\r!\"\r\n\"b\nc\";\r\nd\n", "[a\n8%\r!]*2[b\nc]*2[d]");
	check("a\"b,c \"d\" e\n", "[a\"b|c \"d\" e]");
	check("5\" disc,\"12\"\"\"\n", "[5\" disc|12\"]");
	check("\"\"\"\"", "[\"]");
}

static void a_broken_quote_costs_its_own_line_only(void **unused UNUSED)
{
	check("1,\"open\n2,b\n3,c\n", "!quote[2|b][3|c]");
	check("1,\"open\n2,\"x, y\",z\n3,\"c\"\n", "!quote[2|x, y|z][3|c]");
	check("\"closed\" too early,b\n2,b\n", "!quote[2|b]");
	check("1,\"", "!quote");
	check("\"a\nb\nc", "!quote[b][c]");
	check("a,\"b\"c\"\r\nd\n", "!quote[d]");
	check("\"a\"\r,b\nc\n", "!quote[c]");
}

static void a_line_without_end_is_too_long(void **unused UNUSED)
{
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	CLEANUP(mem_freep) struct csv_record *r = mem_alloc(sizeof *r);
	while (text.len < CSV_RECORD_BYTES_MAX)
		buf_addc(&text, 'x');
	assert_int_equal(csv_read(buf_slice(&text), true, r), CSV_RECORD);
	assert_int_equal(r->field[0].len, CSV_RECORD_BYTES_MAX);
	assert_int_equal(csv_read(buf_slice(&text), false, r), CSV_TOO_LONG);
	buf_adds(&text, "x\nnext\n");
	assert_int_equal(csv_read(buf_slice(&text), true, r), CSV_TOO_LONG);
	assert_int_equal(r->bytes, CSV_RECORD_BYTES_MAX);
	text.ptr[10] = '"';
	text.ptr[9] = ',';
	assert_int_equal(csv_read(buf_slice(&text), true, r), CSV_TOO_LONG);
	text.ptr[100] = '\n';
	assert_int_equal(csv_read(buf_slice(&text), true, r), CSV_UNTERMINATED_QUOTE);
	assert_int_equal(r->bytes, 101);
	assert_int_equal(r->lines, 1);
}

static void many_columns_are_counted_and_refused(void **unused UNUSED)
{
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	CLEANUP(mem_freep) struct csv_record *r = mem_alloc(sizeof *r);
	for (int i = 0; i < CSV_COLUMNS_MAX - 1; i++)
		buf_adds(&text, "\"\"\"\",");
	assert_int_equal(csv_read(buf_slice(&text), true, r), CSV_RECORD);
	assert_int_equal(r->count, CSV_COLUMNS_MAX);
	buf_adds(&text, ",");
	assert_int_equal(csv_read(buf_slice(&text), true, r), CSV_TOO_MANY_COLUMNS);
	assert_int_equal(r->bytes, text.len);
}

static void a_line_in_quotes_as_a_whole_is_unwrapped(void **unused UNUSED)
{
	static const char *const texts[] = { "\"a,\"\"b, \"\"\"\"c\"\"\"\"\"\",d\"\n", "\"a,\"\"b, \"\"\"\"c\"\"\"\"\"\",d\";\r\n",
		                             "\"a,\"\"b, \"\"\"\"c\"\"\"\"\"\",d\";" };
	CLEANUP(mem_freep) struct csv_record *outer = mem_alloc(sizeof *outer);
	CLEANUP(mem_freep) struct csv_record *r = mem_alloc(sizeof *r);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		assert_int_equal(csv_read(slice_of(texts[i]), true, outer), CSV_RECORD);
		assert_true(outer->wrapped && outer->count == 1 && outer->bytes == strlen(texts[i]));
		assert_int_equal(csv_unwrap(outer, r), CSV_RECORD);
		assert_int_equal(r->count, 3);
		assert_true(slice_is(r->field[1], "b, \"c\"") && slice_is(r->field[2], "d"));
		assert_int_equal(r->bytes, outer->bytes);
	}
	static const char *const bad[] = { "\"\"\n", "\"a,\"\"b\"\n", "\"a\nb\"\n", "\"a,\"\"b\"\"c\"\n" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(csv_read(slice_of(bad[i]), true, outer), CSV_RECORD);
		assert_int_equal(csv_unwrap(outer, r), CSV_UNTERMINATED_QUOTE);
	}
	assert_int_equal(csv_read(SLICE("\"a\",b\n"), true, outer), CSV_RECORD);
	assert_false(outer->wrapped);
}

static void only_the_first_of_several_lines(void **unused UNUSED)
{
	CLEANUP(mem_freep) struct csv_record *r = mem_alloc(sizeof *r);
	assert_int_equal(csv_read(SLICE("a,\"b\r\nc\"\nd"), true, r), CSV_RECORD);
	csv_first_line(r);
	assert_true(slice_is(r->raw, "a,\"b"));
	assert_int_equal(r->bytes, 6);
	assert_int_equal(r->lines, 1);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

#define HEADER "spotify_id,name,artists,daily_rank,country,snapshot_date,popularity,is_explicit,duration_ms,album_name,album_release_date"

static enum rc columns_of(const char *header, struct csv_columns *out, struct err *err)
{
	CLEANUP(mem_freep) struct csv_record *r = mem_alloc(sizeof *r);
	assert_int_equal(csv_read(slice_of(header), true, r), CSV_RECORD);
	return csv_columns_read(r, out, err);
}

static void columns_are_known_by_name(void **unused UNUSED)
{
	struct csv_columns c;
	struct err err = { 0 };
	assert_int_equal(columns_of(HEADER, &c, &err), RC_OK);
	assert_int_equal(c.at[CSV_name], 1);
	assert_int_equal(columns_of("x,Country, NAME ,artists,daily_rank,snapshot_date,spotify_id,name", &c, &err), RC_OK);
	assert_int_equal(c.at[CSV_country], 1);
	assert_int_equal(c.at[CSV_name], 2);
	assert_true(c.at[CSV_popularity] == SIZE_MAX);
	assert_int_equal(columns_of("spotify_id,artist,daily_rank,country,name", &c, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "lacks the columns artists, snapshot_date: want the CSV of"));
	assert_int_equal(columns_of("spotify_id,artists,daily_rank,country,snapshot_date", &c, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "lacks the column name:"));
}

struct line {
	struct csv_record *r;
	struct csv_row row;
	char text[1024];
};

static enum csv_reason read_row(struct line *l, const char *text)
{
	struct csv_columns c;
	assert_int_equal(columns_of(HEADER, &c, NULL), RC_OK);
	if (!l->r)
		l->r = mem_alloc(sizeof *l->r);
	(void) snprintf(l->text, sizeof l->text, "%s", text); /* fields point into it */
	assert_int_equal(csv_read(slice_of(l->text), true, l->r), CSV_RECORD);
	return csv_row_read(&c, l->r, &l->row);
}

static void line_done(struct line *l)
{
	mem_free(l->r);
}

static void a_row_is_read(void **unused UNUSED)
{
	CLEANUP(line_done) struct line l = { 0 };
	assert_int_equal(read_row(&l, "6AI3ezQ4o3HUoP6Dhudph3, Not Like Us ,Kendrick Lamar,1,in,2/12/2025,90.0,TRUE,274192,GNX,5/4/2024"), CSV_FINE);
	assert_true(slice_is(l.row.id, "6AI3ezQ4o3HUoP6Dhudph3") && slice_is(l.row.name, "Not Like Us"));
	assert_string_equal(l.row.country, "IN");
	assert_int_equal(l.row.rank, 1);
	assert_string_equal(time_date(l.row.day).s, "2025-02-12");
	assert_int_equal(l.row.popularity, 90);
	assert_int_equal(l.row.duration_ms, 274192);
	assert_true(l.row.has_explicit && l.row.is_explicit);
	assert_string_equal(l.row.release, "2024-05-04");
	assert_string_equal(l.row.release_precision, "day");
	assert_int_equal(read_row(&l, "a,,,1000,,2025-02-12,,,,,"), CSV_FINE);
	assert_string_equal(l.row.country, "GLOBAL");
	assert_true(!l.row.has_popularity && !l.row.has_duration && !l.row.has_explicit && !l.row.release_precision);
	assert_int_equal(read_row(&l, "a,b,c,1,Global,2024-02-29,0,0,0,d,2019-05"), CSV_FINE);
	assert_string_equal(l.row.country, "GLOBAL");
	assert_true(l.row.has_explicit && !l.row.is_explicit);
	assert_string_equal(l.row.release_precision, "month");
	assert_int_equal(read_row(&l, "a,b,c,1,IN,12/31/1999,0,1,0,d,1969"), CSV_FINE);
	assert_string_equal(l.row.release_precision, "year");
	assert_true(l.row.is_explicit);
	assert_int_equal(read_row(&l, "a,b,\" Cardi B, \",1,IN,2025-02-12,1,true,1,d,2019"), CSV_FINE);
	struct slice rest = l.row.artists, name;
	assert_true(csv_next_artist(&rest, &name) && slice_is(name, "Cardi B")); /* what parts the last from nobody is no name */
	assert_false(csv_next_artist(&rest, &name));
	static const char *const unknown[] = { "soon", "2019-13", "13/13/2019", "20190", "2019-1-1", "0000" };
	for (size_t i = 0; i < COUNT_OF(unknown); i++) {
		char text[200];
		(void) snprintf(text, sizeof text, "a,b,c,1,IN,2025-02-12,1,true,1,d,%s", unknown[i]);
		assert_int_equal(read_row(&l, text), CSV_FINE); /* the place on the chart counts */
		assert_true(i == 5 || !l.row.release_precision);
	}
}

static void each_kind_of_broken_row_has_its_name(void **unused UNUSED)
{
	static const struct {
		const char *reason, *row;
	} cases[] = {
		{ "csv_wrong_columns", "a,b,c,1,IN,2025-02-12" },
		{ "csv_wrong_columns", "a,b,c,1,IN,2025-02-12,1,true,1,d,2019,x" },
		{ "csv_not_utf8", "a,\xff,c,1,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_not_utf8", "a,b,\xed\xa0\x80,1,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_missing_id", " ,b,c,1,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_id", "5E+21,b,c,1,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_id", "../x,b,c,1,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_rank", "a,b,c,0,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_rank", "a,b,c,1001,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_rank", "a,b,c,-1,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_rank", "a,b,c,1.5,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_rank", "a,b,c,,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_rank", "a,b,c,99999999999999999999,IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,12.2.2025,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,13/12/2025,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,2/30/2025,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,2/12/25,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,/12/2025,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,2/-1/2025,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,1969-12-31,1,true,1,d,2019" },
		{ "csv_bad_date", "a,b,c,1,IN,,1,true,1,d,2019" },
		{ "csv_bad_country", "a,b,c,1,I N,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_country", "a,b,c,1,../IN,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_country", "a,b,c,1,ABCDEFGHIJKLMNOPQ,2025-02-12,1,true,1,d,2019" },
		{ "csv_bad_number", "a,b,c,1,IN,2025-02-12,many,true,1,d,2019" },
		{ "csv_bad_number", "a,b,c,1,IN,2025-02-12,1,true,-1,d,2019" },
		{ "csv_bad_number", "a,b,c,1,IN,2025-02-12,1,true,1e5,d,2019" },
		{ "csv_bad_flag", "a,b,c,1,IN,2025-02-12,1,yes,1,d,2019" },
	};
	CLEANUP(line_done) struct line l = { 0 };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		enum csv_reason reason = read_row(&l, cases[i].row);
		if (reason == CSV_FINE || strcmp(csv_reason(reason)->name, cases[i].reason) != 0)
			fail_msg("%s: want %s, have %s", cases[i].row, cases[i].reason, reason == CSV_FINE ? "a row" : csv_reason(reason)->name);
		assert_true(strlen(csv_reason(reason)->what) > 0);
	}
}

static void artists_are_parted_outside_of_quotes(void **unused UNUSED)
{
	static const struct {
		const char *cell, *want;
	} cases[] = {
		{ "Lady Gaga, Bruno Mars", "Lady Gaga|Bruno Mars|" },
		{ "ANH TRAI \"SAY HI\", RHYDER, Dương Domic", "ANH TRAI \"SAY HI\"|RHYDER|Dương Domic|" },
		{ "\"Weird, Al\" Yankovic, X", "\"Weird, Al\" Yankovic|X|" },
		{ "12\" Band, Other", "12\" Band|Other|" },
		{ "A \"b, c\" d, 5\" e, f", "A \"b, c\" d|5\" e|f|" },
		{ "Earth,Wind & Fire", "Earth,Wind & Fire|" },
		{ ", ,  A , , B, ", "A|B|" },
		{ "", "" },
		{ ",", ",|" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(buf_done) struct buf out = buf_new(1000);
		struct slice rest = slice_of(cases[i].cell), name;
		while (csv_next_artist(&rest, &name)) {
			buf_add(&out, name);
			buf_addc(&out, '|');
		}
		assert_string_equal(buf_str(&out), cases[i].want);
	}
}

static void what_cannot_be_charts_text_says_what_it_is(void **unused UNUSED)
{
	static const struct {
		struct slice head;
		const char *want;
	} cases[] = {
		{ SLICE("\x1f\x8b\x08"), "is compressed" },
		{ SLICE("PK\x03\x04"), "is compressed" },
		{ SLICE("\x28\xb5\x2f\xfd"), "is compressed" },
		{ SLICE("\xfd" "7zXZ"), "is compressed" },
		{ SLICE("7z\xbc\xaf\x27\x1c"), "is compressed" },
		{ SLICE("BZh9"), "is compressed" },
		{ SLICE("\xff\xfe" "a\0,\0"), "is UTF-16 text: convert it to UTF-8 first" },
		{ SLICE("\xfe\xff\0a\0,"), "is UTF-16 text" },
		{ SLICE("a,b\rc,d\re,f"), "ends its lines with CR alone: convert" },
		{ SLICE("a,b\rc,d\n"), "ends its lines with CR alone" },
	}, fine[] = {
		{ SLICE(""), NULL }, { SLICE("a,b\r\nc\r"), NULL }, { SLICE("a,b\r"), NULL }, { SLICE("PK,b\n"), NULL }, { SLICE("\xef\xbb\xbf" "a,b\n"), NULL },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const char *have = csv_unfit(cases[i].head);
		if (!have || !strstr(have, cases[i].want))
			fail_msg("%zu: %s", i, have ? have : "fit");
	}
	for (size_t i = 0; i < COUNT_OF(fine); i++)
		assert_null(csv_unfit(fine[i].head));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(records_are_parted_at_lines_and_fields_at_commas),
	cmocka_unit_test(quotes_keep_commas_lines_and_quotes),
	cmocka_unit_test(a_broken_quote_costs_its_own_line_only),
	cmocka_unit_test(a_line_without_end_is_too_long),
	cmocka_unit_test(many_columns_are_counted_and_refused),
	cmocka_unit_test(a_line_in_quotes_as_a_whole_is_unwrapped),
	cmocka_unit_test(only_the_first_of_several_lines),
	cmocka_unit_test(what_cannot_be_charts_text_says_what_it_is),
	cmocka_unit_test(columns_are_known_by_name),
	cmocka_unit_test(a_row_is_read),
	cmocka_unit_test(each_kind_of_broken_row_has_its_name),
	cmocka_unit_test(artists_are_parted_outside_of_quotes),
};
TEST_SUITE(csv, tests)
