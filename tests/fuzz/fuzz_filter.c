/* libFuzzer target for subscription filters: any text is refused with a column, or it judges every message, and NOT, AND and OR of
 * it mean what they say.
 *
 * The filter ends at the first byte 0xff; lines "key=value" behind it are the message's attributes. */
#include "base/buf.h"
#include "bus/filter.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_filter: %s\n", what);
	abort();
}

static void read_message(struct slice text, struct bus_attr *attr, struct bus_message *out)
{
	*out = (struct bus_message){ .attr = attr };
	for (size_t at = 0; at < text.len && out->attr_count < BUS_ATTRS_MAX;) {
		size_t end = slice_find(text, '\n', at);
		struct slice line = slice_sub(text, at, end - at);
		size_t equal = slice_find(line, '=', 0), after = equal < line.len ? equal + 1 : equal;
		attr[out->attr_count++] = (struct bus_attr){ slice_sub(line, 0, equal), slice_sub(line, after, line.len - after) };
		at = end + 1;
	}
}

/* What the filter says inside of another; refused only for what it grows by. */
static void judge_inside(const char *before, struct slice text, const char *between, const char *behind, const struct bus_message *m,
                         bool want)
{
	CLEANUP(buf_done) struct buf whole = buf_new(BUS_FILTER_BYTES_MAX);
	CLEANUP(filter_freep) struct filter *f = NULL;
	buf_adds(&whole, before);
	buf_add(&whole, text);
	buf_adds(&whole, between);
	if (*between)
		buf_add(&whole, text);
	buf_adds(&whole, behind);
	if (whole.over)
		return;
	struct err err = { 0 };
	enum rc rc = filter_parse(buf_slice(&whole), &f, &err);
	must(rc == RC_OK || strstr(err.msg, "parenthes"), "good alone, bad inside of another");
	must(rc != RC_OK || filter_match(f, m) == want, "it means another thing inside of another");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = { (const char *) data, size };
	size_t end = slice_find(input, '\xff', 0), after = end < size ? end + 1 : end;
	struct slice text = slice_sub(input, 0, end);
	struct bus_attr attr[BUS_ATTRS_MAX];
	struct bus_message m;
	CLEANUP(filter_freep) struct filter *f = NULL;
	struct err err = { 0 };
	read_message(slice_sub(input, after, size - after), attr, &m);
	enum rc rc = filter_parse(text, &f, &err);
	must(rc == RC_OK || rc == RC_REJECT, "a class that is none of the two");
	must(rc == RC_OK || (!f && strstr(err.msg, "column")) || text.len > BUS_FILTER_BYTES_MAX, "refused without a column");
	if (rc != RC_OK || !f)
		return 0;
	must(text.len <= BUS_FILTER_BYTES_MAX, "over the limit");
	bool matches = filter_match(f, &m);
	judge_inside("NOT (", text, "", ")", &m, !matches);
	judge_inside("-(", text, "", ")", &m, !matches);
	judge_inside("(", text, ") AND (", ")", &m, matches);
	judge_inside("(", text, ") OR NOT (", ")", &m, true);
	return 0;
}
