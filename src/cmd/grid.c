#include "cmd/grid.h"

#include "base/arena.h"
#include "base/mem.h"

#define ROWS_MEASURED 1000
#define HELD_BYTES_MAX ((size_t) 64 << 20) /* rows held back to measure them */
#define LINE_BYTES_MAX ((size_t) 1 << 30)
#define GAP 2

struct grid {
	const struct terminal *terminal;
	struct arena arena, held;
	struct grid_column *column;
	size_t *width; /* widest cell, then what is printed */
	size_t count, shown;
	const struct grid_cell *row[ROWS_MEASURED];
	size_t rows;
	bool has_header, streams;
	struct buf line;
};

struct grid *grid_new(const struct terminal *t, const struct grid_column *column, size_t count)
{
	struct grid *grid = mem_alloc(sizeof *grid);
	grid->terminal = t;
	grid->arena = arena_new((size_t) 64 << 20);
	grid->held = arena_new(HELD_BYTES_MAX);
	grid->line = buf_new(LINE_BYTES_MAX);
	grid->column = arena_alloc_array(&grid->arena, count, sizeof *grid->column);
	grid->width = arena_alloc_array(&grid->arena, count, sizeof *grid->width);
	grid->count = count;
	for (size_t i = 0; i < count; i++) {
		grid->column[i] = column[i];
		grid->column[i].name = arena_copy(&grid->arena, column[i].name);
		grid->width[i] = display_columns(column[i].name);
		grid->has_header = grid->has_header || column[i].name.len > 0;
	}
	return grid;
}

void grid_free(struct grid *grid)
{
	if (!grid)
		return;
	buf_done(&grid->line);
	arena_done(&grid->held);
	arena_done(&grid->arena);
	mem_free(grid);
}

/* --- widths ------------------------------------------------------------------------------------------------- */

/* How wide column `i` is when those that may be cut are `share` wide. */
static size_t width_at(const struct grid *grid, size_t i, size_t share)
{
	size_t least = grid->column[i].cut, width = grid->width[i];
	if (least == 0 || width <= least)
		return width;
	return share < least ? least : share < width ? share : width;
}

static size_t line_width(const struct grid *grid, size_t count, size_t share)
{
	size_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += (i ? GAP : 0) + width_at(grid, i, share);
	return sum;
}

static void fit(struct grid *grid)
{
	size_t columns = grid->terminal->columns;
	grid->shown = grid->count;
	for (size_t i = 0; i < grid->count; i++)
		if (grid->column[i].width_max && grid->width[i] > grid->column[i].width_max)
			grid->width[i] = grid->column[i].width_max;
	if (columns == SIZE_MAX)
		return;
	while (grid->shown > 1 && line_width(grid, grid->shown, 0) > columns)
		grid->shown--;
	size_t share = columns;
	while (share > 0 && line_width(grid, grid->shown, share) > columns)
		share--;
	for (size_t i = 0; i < grid->shown; i++)
		grid->width[i] = width_at(grid, i, share);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

static void pad(struct buf *line, size_t count)
{
	for (; count > 0; count--)
		buf_addc(line, ' ');
}

static void add_cell(struct grid *grid, size_t i, const struct grid_cell *cell)
{
	const struct grid_column *column = &grid->column[i];
	struct buf *line = &grid->line;
	size_t width = grid->width[i];
	size_t limit = column->cut && grid->terminal->columns != SIZE_MAX ? width : SIZE_MAX;
	size_t columns = column->right ? display_columns(cell->text) : 0;
	if (columns > limit)
		columns = limit;
	if (i)
		pad(line, GAP);
	if (column->right && columns < width)
		pad(line, width - columns);
	terminal_ink(grid->terminal, cell->ink, line);
	if (cell->link.ptr)
		terminal_link(grid->terminal, cell->link, line);
	columns = display_add(cell->text, limit, line);
	if (cell->link.ptr)
		terminal_link(grid->terminal, SLICE_NULL, line);
	terminal_plain(grid->terminal, cell->ink, line);
	if (!column->right && columns < width && i + 1 < grid->shown)
		pad(line, width - columns);
}

static enum rc print_row(struct grid *grid, const struct grid_cell *cell, struct err *err)
{
	for (size_t i = 0; i < grid->shown; i++)
		add_cell(grid, i, &cell[i]);
	while (grid->line.len && grid->line.ptr[grid->line.len - 1] == ' ')
		grid->line.len--;
	buf_addc(&grid->line, '\n');
	return terminal_write(&grid->line, err);
}

static enum rc print_header(struct grid *grid, struct err *err)
{
	struct grid_cell *cell = arena_alloc_array(&grid->arena, grid->count, sizeof *cell);
	for (size_t i = 0; i < grid->count; i++)
		cell[i] = (struct grid_cell){ grid->column[i].name, INK_STRONG, SLICE_NULL };
	TRY(print_row(grid, cell, err));
	for (size_t i = 0; i < grid->shown; i++) {
		if (i)
			pad(&grid->line, GAP);
		for (size_t k = 0; k < grid->width[i]; k++)
			buf_addc(&grid->line, '-');
	}
	buf_addc(&grid->line, '\n');
	return terminal_write(&grid->line, err);
}

static enum rc begin_stream(struct grid *grid, struct err *err)
{
	grid->streams = true;
	fit(grid);
	if (grid->has_header)
		TRY(print_header(grid, err));
	for (size_t i = 0; i < grid->rows; i++)
		TRY(print_row(grid, grid->row[i], err));
	arena_reset(&grid->held);
	return RC_OK;
}

static bool fits_held(const struct grid *grid, const struct grid_cell *cell)
{
	size_t bytes = grid->count * sizeof *cell;
	for (size_t i = 0; i < grid->count; i++)
		bytes += cell[i].text.len + cell[i].link.len + 64; /* terminators and alignment */
	return grid->rows < ROWS_MEASURED && arena_fits(&grid->held, bytes);
}

static void hold(struct grid *grid, const struct grid_cell *cell)
{
	struct grid_cell *copy = arena_alloc_array(&grid->held, grid->count, sizeof *copy);
	for (size_t i = 0; i < grid->count; i++) {
		size_t columns = display_columns(cell[i].text);
		copy[i] = cell[i];
		copy[i].text = arena_copy(&grid->held, cell[i].text);
		copy[i].link = arena_copy(&grid->held, cell[i].link);
		if (grid->width[i] < columns)
			grid->width[i] = columns;
	}
	grid->row[grid->rows++] = copy;
}

enum rc grid_row(struct grid *grid, const struct grid_cell *cell, struct err *err)
{
	if (!grid->streams && fits_held(grid, cell)) {
		hold(grid, cell);
		return RC_OK;
	}
	if (!grid->streams)
		TRY(begin_stream(grid, err));
	return print_row(grid, cell, err);
}

enum rc grid_end(struct grid *grid, size_t *out_hidden, struct err *err)
{
	if (!grid->streams)
		TRY(begin_stream(grid, err));
	if (out_hidden)
		*out_hidden = grid->count - grid->shown;
	return RC_OK;
}
