/* Aligned tables on standard output.
 *
 * Column widths come from the first 1,000 rows (or fewer when those are large); later rows stream, so that a table of any length
 * takes the memory of those.  On a terminal a row is one line: cells that may be cut share what the others leave, and
 * columns that do not fit at all are left out at the right (grid_end tells how many).  Elsewhere nothing is cut. */
#ifndef CMD_GRID_H
#define CMD_GRID_H

#include "cmd/terminal.h"

struct grid_column {
	struct slice name; /* in the header; a table whose names are all empty has none */
	bool right;        /* numbers */
	size_t cut;        /* may be shortened to this to fit a terminal; 0: never */
	size_t width_max;  /* 0: none.  One that is wider takes its line apart instead of making every other line wider */
};
struct grid_cell {
	struct slice text;
	enum ink ink;
	struct slice link; /* SLICE_NULL for none */
};

struct grid;
/* `t` must outlive the grid; the columns are copied. */
struct grid *grid_new(const struct terminal *t, const struct grid_column *column, size_t count);
void grid_free(struct grid *grid);
static inline void grid_freep(struct grid **grid)
{
	grid_free(*grid);
	*grid = NULL;
}
MUST_USE enum rc grid_row(struct grid *grid, const struct grid_cell *cell, struct err *err);
/* Prints what is held back; *out_hidden (may be NULL) = columns left out. */
MUST_USE enum rc grid_end(struct grid *grid, size_t *out_hidden, struct err *err);

#endif
