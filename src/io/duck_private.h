/* What the files of io/duck share; nobody else includes it. */
#ifndef IO_DUCK_PRIVATE_H
#define IO_DUCK_PRIVATE_H

#include "io/duck.h"

#include <duckdb.h>

#define DUCK_CHUNK_ROWS 2048 /* DuckDB's vector size */

struct duck_conn {
	duckdb_connection conn;
};

/* Fill err from DuckDB's message; the class follows from its kind. */
MUST_USE enum rc duck_fail(struct err *err, const char *msg);
MUST_USE enum rc duck_pass(const char *point, struct err *err);

#endif
