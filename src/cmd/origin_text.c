#include "cmd/origin_text.h"

#include "base/json.h"

/* One range [from, to], or a list of ranges and nulls in the order of the positions. */
static bool read_range(const struct json *range, int64_t *out_from, int64_t *out_to)
{
	return json_size(range) == 2 && json_integer(json_at(range, 0), out_from) && json_integer(json_at(range, 1), out_to) &&
	       *out_from >= 1 && *out_to >= *out_from;
}

/* The line of one position; 0 when a record of several lines, or a row left out, makes that a guess. */
static int64_t line_of(const struct json *lines, int64_t position, int64_t total)
{
	int64_t from, to, seen = 0, line = 0;
	bool one = read_range(lines, &from, &to);
	for (size_t i = 0; i < (one ? 1 : json_size(lines)); i++) {
		int64_t count = 1;
		if (one || read_range(json_at(lines, i), &from, &to)) {
			count = to - from + 1;
			if (position > seen && position <= seen + count)
				line = from + position - seen - 1;
		}
		seen += count;
	}
	return seen == total ? line : 0;
}

static void add_range(int64_t from, int64_t to, bool first, struct buf *out)
{
	buf_addf(out, from == to ? "%s%lld" : "%s%lld to %lld", first ? "" : ", ", (long long) from, (long long) to);
}

static void add_lines(const struct json *lines, struct buf *out)
{
	int64_t from, to;
	bool first = true;
	if (read_range(lines, &from, &to)) {
		add_range(from, to, true, out);
		return;
	}
	for (size_t i = 0; i < json_size(lines); i++) {
		if (!read_range(json_at(lines, i), &from, &to))
			continue;
		add_range(from, to, first, out);
		first = false;
	}
}

void origin_text(struct slice origin, int64_t position, int64_t total, struct buf *out)
{
	CLEANUP(json_freep) struct json *root = NULL;
	enum rc rc = json_parse(origin, &root, NULL);
	struct slice file = json_get_string(root, "file"), sha256 = json_get_string(root, "sha256");
	struct slice commit = json_get_string(root, "commit"), blob = json_get_string(root, "blob");
	const struct json *lines = json_get(root, "lines");
	if (rc != RC_OK || !file.ptr || !sha256.ptr || json_type(lines) != JSON_ARRAY) {
		buf_add(out, origin);
		return;
	}
	int64_t line = position > 0 ? line_of(lines, position, total) : 0;
	buf_addf(out, "%.*s, ", SLICE_FMT(file));
	if (line > 0) {
		buf_addf(out, "line %lld (of ", (long long) line);
		add_lines(lines, out);
		buf_addc(out, ')');
	} else {
		buf_adds(out, "lines ");
		add_lines(lines, out);
	}
	if (commit.ptr)
		buf_addf(out, ", commit %.*s", SLICE_FMT(commit));
	buf_addf(out, "\nsha256 %.*s", SLICE_FMT(sha256));
	if (blob.ptr)
		buf_addf(out, ", blob %.*s", SLICE_FMT(blob));
}
