#include "cmd/table.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>

#define TABLE_BYTES_MAX ((size_t) 256 << 20)

struct table table_new(const struct table_column *column, size_t columns)
{
	assert(columns > 0 && columns <= TABLE_COLUMNS_MAX);
	return (struct table){ .column = column, .columns = columns, .arena = arena_new(TABLE_BYTES_MAX) };
}

void table_done(struct table *t)
{
	mem_free(t->cell);
	arena_done(&t->arena);
	*t = (struct table){ 0 };
}

void table_add(struct table *t, const char *fmt, ...)
{
	char text[2048]; /* longer ones are cut: this is for people */
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t) n < sizeof text ? (size_t) n : sizeof text - 1;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	if (t->cells == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->cell = mem_realloc(t->cell, t->cap * sizeof *t->cell);
	}
	t->cell[t->cells++] = arena_copy(&t->arena, (struct slice){ text, len });
}

/* Unicode 15, EastAsianWidth.txt (W and F) and the blocks of combining marks, in whole blocks: enough for names. */
static int width_of(uint32_t c)
{
	static const struct {
		uint32_t first, last;
		int width;
	} range[] = {
		{ 0x0300, 0x036f, 0 },   { 0x0483, 0x0489, 0 },   { 0x0591, 0x05bd, 0 },   { 0x0610, 0x061a, 0 },
		{ 0x064b, 0x065f, 0 },   { 0x0900, 0x0902, 0 },   { 0x093a, 0x093a, 0 },   { 0x093c, 0x093c, 0 },
		{ 0x0941, 0x0948, 0 },   { 0x094d, 0x094d, 0 },   { 0x1100, 0x115f, 2 },   { 0x1ab0, 0x1aff, 0 },
		{ 0x1dc0, 0x1dff, 0 },   { 0x200b, 0x200f, 0 },   { 0x20d0, 0x20ff, 0 },   { 0x2e80, 0x303e, 2 },
		{ 0x3041, 0x33ff, 2 },   { 0x3400, 0x4dbf, 2 },   { 0x4e00, 0x9fff, 2 },   { 0xa000, 0xa4cf, 2 },
		{ 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },   { 0xfe00, 0xfe0f, 0 },   { 0xfe20, 0xfe2f, 0 },
		{ 0xfe30, 0xfe6f, 2 },   { 0xff00, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },   { 0x1f300, 0x1f64f, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
	};
	for (size_t i = 0; i < COUNT_OF(range); i++)
		if (c >= range[i].first && c <= range[i].last)
			return range[i].width;
	return 1;
}

int table_width(struct slice s)
{
	int width = 0;
	for (size_t i = 0; i < s.len;) {
		unsigned char lead = (unsigned char) s.ptr[i++];
		int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
		uint32_t c = more ? lead & (0x3fu >> more) : lead;
		for (; more && i < s.len && ((unsigned char) s.ptr[i] & 0xc0) == 0x80; more--)
			c = c << 6 | ((unsigned char) s.ptr[i++] & 0x3f);
		width += width_of(c);
	}
	return width;
}

static void add_cell(const struct table *t, size_t column, const int *width, struct slice cell, struct buf *line)
{
	int pad = width[column] - table_width(cell);
	if (t->column[column].right)
		buf_addf(line, "%*s", pad, "");
	buf_add(line, cell);
	if (!t->column[column].right && column + 1 < t->columns)
		buf_addf(line, "%*s", pad, "");
	if (column + 1 < t->columns)
		buf_adds(line, "  ");
}

static void print_line(struct buf *line, FILE *out)
{
	size_t len = line->len;
	while (len && line->ptr[len - 1] == ' ')
		len--;
	(void) fprintf(out, "%.*s\n", (int) len, line->ptr);
	buf_reset(line);
}

void table_print(const struct table *t, FILE *out)
{
	int width[TABLE_COLUMNS_MAX];
	assert(t->cells % t->columns == 0);
	for (size_t c = 0; c < t->columns; c++) {
		width[c] = table_width(slice_of(t->column[c].name));
		for (size_t i = c; i < t->cells; i += t->columns) {
			int w = table_width(t->cell[i]);
			width[c] = w > width[c] ? w : width[c];
		}
	}
	CLEANUP(buf_done) struct buf line = buf_new(TABLE_BYTES_MAX);
	for (size_t c = 0; c < t->columns; c++)
		add_cell(t, c, width, slice_of(t->column[c].name), &line);
	print_line(&line, out);
	for (size_t i = 0; i < t->cells; i++) {
		add_cell(t, i % t->columns, width, t->cell[i], &line);
		if ((i + 1) % t->columns == 0)
			print_line(&line, out);
	}
}
