#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/time.h"

#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#define LINE_BYTES 4096

static struct {
	enum log_format format;
	enum log_level least;
	struct clock *clock;
	void (*before)(void);
	pthread_mutex_t lock;
} logger = { .least = LOG_INFO, .lock = PTHREAD_MUTEX_INITIALIZER };

static _Thread_local struct log_context context;

void log_init(enum log_format format, enum log_level least, struct clock *clock)
{
	logger.format = format;
	logger.least = least;
	logger.clock = clock;
}

void log_set_before(void (*fn)(void))
{
	logger.before = fn;
}

static void copy_part(char *out, size_t size, struct slice part)
{
	if (!part.ptr)
		return;
	size_t len = part.len < size - 1 ? part.len : size - 1;
	memcpy(out, part.ptr, len);
	out[len] = '\0';
}

struct log_context log_context(struct slice run_id, struct slice playlist_id, struct slice message_id)
{
	struct log_context before = context;
	copy_part(context.run, sizeof context.run, run_id);
	copy_part(context.playlist, sizeof context.playlist, playlist_id);
	copy_part(context.message, sizeof context.message, message_id);
	return before;
}

void log_restorep(struct log_context *before)
{
	context = *before;
}

static void write_part(struct buf *line, const char *name, const char *part)
{
	if (!part[0])
		return;
	buf_addf(line, ",\"%s\":", name);
	json_write_string(slice_of(part), line);
}

static void write_json(struct buf *line, const char *level, const char *area, struct slice text)
{
	struct clock *clock = logger.clock ? logger.clock : clock_system();
	struct time_text now = time_rfc3339(clock_now_ms(clock) / 1000);
	buf_addf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"area\":\"%s\",\"message\":", now.s, level, area);
	json_write_string(text, line);
	write_part(line, "run", context.run);
	write_part(line, "playlist", context.playlist);
	write_part(line, "message_id", context.message);
	buf_adds(line, "}\n");
}

/* Text from outside must not steer the terminal: control characters become '?'. */
static void write_plain(struct buf *line, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char) text.ptr[i];
		buf_addc(line, c < 0x20 || c == 0x7f ? '?' : text.ptr[i]);
	}
	buf_addc(line, '\n');
}

static void write_text(struct buf *line, const char *level, const char *area, struct slice text)
{
	buf_addf(line, "sargam: %s%s%s%s", strcmp(level, "info") ? level : "", strcmp(level, "info") ? ": " : "", area,
	         *area ? ": " : "");
	write_plain(line, text);
}

static void put(const struct buf *line)
{
	pthread_mutex_lock(&logger.lock);
	if (logger.before)
		logger.before();
	/* one write, so that lines of several processes do not mix; a closed stderr is nobody's loss */
	ssize_t ignored UNUSED = write(STDERR_FILENO, line->ptr, line->len);
	pthread_mutex_unlock(&logger.lock);
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
	static const char *const name[] = { "debug", "info", "warning", "error" };
	if (level < logger.least)
		return;
	char text[LINE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	CLEANUP(buf_done) struct buf line = buf_new(8 * LINE_BYTES); /* every byte may need a \u escape */
	if (logger.format == LOG_JSON)
		write_json(&line, name[level], area, slice_of(text));
	else
		write_text(&line, name[level], area, slice_of(text));
	put(&line);
}

void log_note(const char *fmt, ...)
{
	if (LOG_INFO < logger.least)
		return;
	char text[LINE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	CLEANUP(buf_done) struct buf line = buf_new(8 * LINE_BYTES);
	if (logger.format == LOG_JSON)
		write_json(&line, "info", "", slice_of(text));
	else
		write_plain(&line, slice_of(text));
	put(&line);
}
