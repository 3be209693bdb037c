/* Progress of long work, on standard error: a bar on a terminal, else a log line now and then, nothing with --quiet.
 *
 * The bar is painted at most ten times a second, each time with one write, so it does not flicker; it is wiped before a log
 * line is written and when its owner is freed.  One owner at a time; steps may come from any thread. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "base/buf.h"

struct clock;
struct progress;

enum progress_kind { PROGRESS_OFF, PROGRESS_LINES, PROGRESS_BAR };
/* What suits the file: a bar for a terminal that can wipe a line, but never among lines for machines. */
enum progress_kind progress_kind_for(int fd, bool quiet, bool json_log);

struct progress *progress_new(struct clock *clock, int fd, enum progress_kind kind);
void progress_free(struct progress *p);
static inline void progress_freep(struct progress **p)
{
	progress_free(*p);
	*p = NULL;
}

/* Shaped as pipeline.h's on_progress.  `what` is the object at hand, "" for none; `total` 0 = not known. */
void progress_step(void *ctx, const char *stage, const char *what, size_t done, size_t total);
/* Before something else is written to the terminal. */
void progress_wipe(struct progress *p);

struct progress_view {
	const char *stage, *what, *unit;
	size_t done, total;
	int64_t bytes_per_s; /* 0 = not told */
};
/* The text of a line of at most `columns` columns: with a bar when there is room and a total. */
void progress_text(const struct progress_view *view, int columns, bool bar, struct buf *out);

#endif
