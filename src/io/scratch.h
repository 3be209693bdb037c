/* A folder of one owner for files that are worth nothing after it: <parent>/scratch-<pid>-<chance>.
 *
 * It is locked while it is open.  Opening one removes those below the same parent whose owners died; nothing else there is
 * touched.  Not durable: it need not survive anything.  Errors as those of io/file.h. */
#ifndef IO_SCRATCH_H
#define IO_SCRATCH_H

#include "base/err.h"

struct scratch;
/* The parent is made when it is missing. */
MUST_USE enum rc scratch_open(const char *parent, struct scratch **out, struct err *err);
/* Takes NULL; removes the folder with all that is in it. */
void scratch_close(struct scratch *s);
static inline void scratch_closep(struct scratch **s)
{
	scratch_close(*s);
	*s = NULL;
}
/* As long as it is open. */
const char *scratch_path(const struct scratch *s);

#endif
