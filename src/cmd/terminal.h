/* Standard output as its reader sees it: a terminal with a width, colours and links, or a file or pipe with none of them. */
#ifndef CMD_TERMINAL_H
#define CMD_TERMINAL_H

#include "base/buf.h"

struct terminal {
	bool is_terminal;
	bool colours, links; /* not with NO_COLOR or TERM=dumb */
	size_t columns;      /* SIZE_MAX when it is no terminal: nothing is cut */
};
/* Once, before other threads start: widths of characters come from the locale C.UTF-8.  From here on the process ends as
 * every filter does when its reader goes away (`sargam query … | head`). */
struct terminal terminal_open(void);

enum ink { INK_PLAIN, INK_DIM, INK_STRONG, INK_GOOD, INK_BAD, INK_NEWS };
/* The escape sequences that begin and end an ink; nothing without colours. */
void terminal_ink(const struct terminal *t, enum ink ink, struct buf *out);
void terminal_plain(const struct terminal *t, enum ink ink, struct buf *out);
/* The same for a hyperlink (OSC 8).  A `url` with anything but printable ASCII is not linked; SLICE_NULL ends one. */
void terminal_link(const struct terminal *t, struct slice url, struct buf *out);
/* May `url` be printed and linked? */
bool terminal_url_ok(struct slice url);

/* Writes the buffer to standard output and empties it; RC_FATAL when the disk is full. */
MUST_USE enum rc terminal_write(struct buf *out, struct err *err);

/* UTF-8 from outside, shown harmlessly: control characters as their pictures (␊), what turns the direction of writing and
 * what is no UTF-8 as U+FFFD.  Wide characters take two columns, combining ones none. */
size_t display_columns(struct slice s);
/* Appends at most `columns` columns of `s`, the last one '…' when something was cut; returns how many it takes. */
size_t display_add(struct slice s, size_t columns, struct buf *out);

#endif
