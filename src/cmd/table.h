/* A small table for people: columns aligned by what a terminal shows, numbers to the right.
 * Made for results that fit in memory (a run's tasks, a list of runs); query has its own streams. */
#ifndef CMD_TABLE_H
#define CMD_TABLE_H

#include "base/arena.h"

#include <stdio.h>

#define TABLE_COLUMNS_MAX 16

struct table_column {
	const char *name;
	bool right; /* numbers */
};
struct table {
	const struct table_column *column;
	size_t columns, cells, cap;
	struct slice *cell; /* row by row */
	struct arena arena;
};

struct table table_new(const struct table_column *column, size_t columns);
void table_done(struct table *t);
/* The next cell, from left to right, row by row.  Control characters become '?'. */
PRINTF(2, 3) void table_add(struct table *t, const char *fmt, ...);
/* The head, then the rows; lines end without blanks.  Rows must be whole. */
void table_print(const struct table *t, FILE *out);
/* Columns a terminal needs for UTF-8 text: combining marks none, East Asian wide characters two. */
int table_width(struct slice s);

#endif
