/* Where an imported snapshot came from, in words: the origin of its manifest (source_csv.c and source_archive.c write it). */
#ifndef CMD_ORIGIN_TEXT_H
#define CMD_ORIGIN_TEXT_H

#include "base/buf.h"

/* `position` 0: of the snapshot as a whole; `total`: how many positions it has, -1 when unknown.  Where each position has a line
 * of its own, the position's is named.  One or two lines of text; an origin of another form as it stands. */
void origin_text(struct slice origin, int64_t position, int64_t total, struct buf *out);

#endif
