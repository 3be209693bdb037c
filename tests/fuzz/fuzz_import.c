/* libFuzzer target for what reads other people's files: a CSV line by line, a list's Markdown row by row. Any bytes: nothing is read
 * twice or left out, what is broken ends with its line, positions grow, names are text, memory stays within its arena. */
#include "source/archive_md.h"
#include "source/csv_row.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_import: %s\n", what);
	abort();
}

static void try_row(const struct csv_columns *columns, const struct csv_record *r)
{
	struct csv_row row;
	if (csv_row_read(columns, r, &row) != CSV_FINE)
		return;
	must(row.id.len > 0 && row.rank >= 1 && row.rank <= CSV_RANK_MAX && row.day >= 0 && row.country[0], "a row without its place");
	must(slice_is_utf8(row.name, NULL) && slice_is_utf8(row.artists, NULL), "a name that is no text");
	size_t artists = 0;
	for (struct slice rest = row.artists, name; csv_next_artist(&rest, &name); artists++)
		must(name.len > 0 && artists <= row.artists.len, "an artist without a name");
}

/* In steps and all at once: the same records. */
static void read_csv(struct slice text, size_t step)
{
	static struct csv_record whole, part, inner;
	struct csv_columns columns = { .count = 0 };
	bool has_header = false;
	for (size_t at = 0, seen = 0; at < text.len; at += whole.bytes) {
		enum csv_state state = csv_read(slice_sub(text, at, text.len - at), true, &whole), again = CSV_MORE;
		must(state != CSV_MORE && whole.bytes > 0 && whole.bytes <= text.len - at && whole.raw.len <= whole.bytes && whole.lines > 0,
		     "a record without an end");
		if (state == CSV_UNTERMINATED_QUOTE)
			must(!whole.raw.len || !memchr(whole.raw.ptr, '\n', whole.raw.len), "a broken quote took more than its line");
		for (seen = seen > at ? seen : at; again == CSV_MORE; seen = seen + step < text.len ? seen + step : text.len)
			if (seen > at)
				again = csv_read(slice_sub(text, at, seen - at), seen == text.len, &part);
		must(again == state && part.bytes == whole.bytes && part.count == whole.count, "read in steps it is another");
		if (state != CSV_RECORD)
			continue;
		const struct csv_record *r = &whole;
		if (whole.wrapped && csv_unwrap(&whole, &inner) == CSV_RECORD)
			r = &inner;
		if (!has_header)
			has_header = csv_columns_read(r, &columns, NULL) == RC_OK;
		else
			try_row(&columns, r);
		if (whole.lines > 1) {
			size_t bytes = whole.bytes;
			csv_first_line(&whole);
			must(whole.lines == 1 && whole.bytes > 0 && whole.bytes < bytes, "the first line is not one");
		}
	}
}

static void read_markdown(struct slice text)
{
	static struct md_row row;
	struct arena head = arena_new(MD_HEAD_BYTES), names = arena_new(MD_NAMES_BYTES);
	struct md_reader md;
	int64_t position = 0, line = 0;
	if (md_open(text, &head, &md) == MD_FINE) {
		must(md.playlist_id.len > 0 && slice_is_utf8(md.name, NULL), "a list without a name");
		for (; md_next(&md, &names, &row); arena_reset(&names)) {
			must(row.line > line, "a line twice");
			must(row.position == 0 || (row.position > position && row.position <= position + MD_GAP_MAX), "a position out of order");
			must(row.reason == MD_FINE || row.item.kind == IMPORT_NULL, "a broken row with an item");
			must(row.reason != MD_FINE || (row.position > 0 && slice_is_utf8(row.item.name, NULL)), "a row without its place");
			line = row.line;
			position = row.position ? row.position : position;
		}
	}
	arena_done(&head);
	arena_done(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct slice text = { (const char *) data + 1, size - 1 };
	read_csv(text, 1 + data[0] % 16);
	read_markdown(text);
	return 0;
}
