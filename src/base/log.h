/* Log lines for people (text) and machines (one JSON object a line), to standard error.
 * Normal operation says little: what changed, what is wrong, what to do next.
 * A function logs or returns an error, never both. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct clock;
/* Once, before threads start; until then: text, LOG_INFO, the system's clock. */
void log_init(enum log_format format, enum log_level least, struct clock *clock);
/* What every later line of this thread carries (JSON only; the text names its object itself). */
struct log_context {
	char run[64], playlist[136], message[64];
};
/* SLICE_NULL leaves a part as it is, an empty one removes it; bytes are copied, what is too long is cut.  Hands back what was:
 * `CLEANUP(log_restorep) UNUSED struct log_context before = log_context(…)` says it for a block.  thread_each() hands it on. */
struct log_context log_context(struct slice run_id, struct slice playlist_id, struct slice message_id);
void log_restorep(struct log_context *before);
/* `area` is the module ("ingest"), "" for the program as a whole; the text names the object. */
PRINTF(3, 4) void log_line(enum log_level level, const char *area, const char *fmt, ...);

#define log_debug(area, ...) log_line(LOG_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_INFO, area, __VA_ARGS__)
#define log_warn(area, ...) log_line(LOG_WARN, area, __VA_ARGS__)
#define log_error(area, ...) log_line(LOG_ERROR, area, __VA_ARGS__)

/* A remark beside results ("3 rows"): an info line; in text without the program's name. */
PRINTF(1, 2) void log_note(const char *fmt, ...);

/* For the progress bar: called before a line is written, so that the bar can be wiped; NULL for none. */
void log_set_before(void (*fn)(void));

#endif
