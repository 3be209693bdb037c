/* Dead letters on standard output: `sargam dead list` and `show`.  Much of a letter comes from outside: it is shown, not obeyed. */
#ifndef CMD_DEAD_SHOW_H
#define CMD_DEAD_SHOW_H

#include "cmd/app.h"
#include "cmd/terminal.h"
#include "raw/dead.h"

enum dead_format {
	DEAD_LINES, /* reason/name, kind, playlist, snapshot_at, detail, separated by tabs */
	DEAD_TABLE,
	DEAD_JSON,  /* an array, one object to a line, as the API writes them (serve/dead_api.h) */
};
/* How many there are of each reason follows on standard error. */
MUST_USE enum rc dead_show_list(const struct dead_place *p, const struct dead_filter *filter, enum dead_format format,
                                const struct terminal *t, struct err *err);
/* Everything about it, then the beginning of its bytes: as text when they are, else as a hex dump. */
MUST_USE enum rc dead_show_letter(const struct dead_place *p, const struct letter *l, struct err *err);
/* The bytes and nothing else. */
MUST_USE enum rc dead_show_bytes(const struct dead_place *p, const struct letter *l, struct err *err);

#endif
