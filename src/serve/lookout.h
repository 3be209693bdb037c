/* Looking at something slow without holding up an answer: one function on a thread of its own, called on demand.
 * What the function reads is its own thread's; what it finds out is handed over under the caller's lock. */
#ifndef SERVE_LOOKOUT_H
#define SERVE_LOOKOUT_H

#include "base/macros.h"

struct lookout;
/* Aborts when there can be no thread. */
struct lookout *lookout_open(void (*look)(void *ctx), void *ctx);
/* Asks for a look that begins from now on, joins with others who ask, and waits for its end at most wait_ms; false when the
 * time is up: the look goes on, and its result counts for whoever asks later.  On any thread. */
bool lookout_ask(struct lookout *l, int64_t wait_ms);
/* Waits for the look under way.  Nobody may ask any more.  Takes NULL. */
void lookout_close(struct lookout *l);

#endif
