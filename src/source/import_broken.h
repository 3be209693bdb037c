/* Lines of imported files that could not be used, gathered by what is wrong with them until they are handed out
 * (source_broken in source.h).  All are counted; of each kind the first lines are kept, up to a limit. */
#ifndef SOURCE_IMPORT_BROKEN_H
#define SOURCE_IMPORT_BROKEN_H

#include "source/source.h"

#define IMPORT_BROKEN_BYTES_MAX ((size_t) 8 << 20)      /* kept of one kind */
#define IMPORT_BROKEN_ALL_BYTES_MAX ((size_t) 64 << 20) /* kept of all together */
#define IMPORT_BROKEN_LINE_BYTES_MAX ((size_t) 64 << 10) /* kept of one line */

/* Why a line is no use: a word for machines ("csv_bad_date"), and what is wrong in words. */
struct broken_reason {
	const char *name, *what;
};

struct broken_set;
struct broken_set *broken_set_new(void);
void broken_set_free(struct broken_set *set);

/* `playlist_id` SLICE_NULL: of no single one.  `reason` is static.  `where` is the line's number, after what it
 * takes to find the file ("2051", "<commit>:17"); `from` is the file, for people.  With `once`, a line that is kept
 * already is counted only: every version of a list repeats it. */
struct broken_line {
	struct slice playlist_id;
	const struct broken_reason *reason;
	struct slice from, where, line;
	bool once;
};
void broken_set_add(struct broken_set *set, const struct broken_line *line);
/* All kinds in the order of playlist id and reason; the same lines always give the same names. */
MUST_USE enum rc broken_set_each(const struct broken_set *set,
                                 enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err), void *ctx,
                                 struct err *err);
int64_t broken_set_lines(const struct broken_set *set);

#endif
