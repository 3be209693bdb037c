/* Query results on standard output, row by row as they come: an aligned table, CSV or JSON.
 *
 *	csv   a header line; RFC 4180 quoting, lines end with LF; NULL is an empty field, an empty string is ""; true/false, ISO dates and times
 *	json  an array of objects, one to a line; numbers and booleans typed, NULL null, the rest strings (a number JSON cannot
 *	      spell, such as inf, too) */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include "cmd/terminal.h"
#include "warehouse/warehouse.h"

enum output_format { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON };

struct output;
/* `t` must outlive it. */
struct output *output_new(enum output_format format, const struct terminal *t);
void output_free(struct output *o);
static inline void output_freep(struct output **o)
{
	output_free(*o);
	*o = NULL;
}
struct warehouse_sink output_sink(struct output *o);
/* After the last row.  *out_hidden: columns for which the terminal had no room. */
MUST_USE enum rc output_end(struct output *o, int64_t *out_rows, size_t *out_hidden, struct err *err);

#endif
