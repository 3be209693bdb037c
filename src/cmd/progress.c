#include "cmd/progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MS 1000000LL /* in nanoseconds */
#define PAINT_EVERY_NS (100 * MS)
#define LINE_EVERY_NS (10000 * MS)
#define COLUMNS_DEFAULT 80
#define COLUMNS_MAX 400
#define BAR_COLUMNS_MIN 10
#define BAR_COLUMNS_MAX 40
#define LINE_BYTES 4096

/* What the steps of a stage count, and the counter that tells how many bytes went through it. */
static const struct unit {
	const char *stage, *unit;
	int metric; /* -1: none */
} units[] = {
	{ "extract", "snapshots", METRIC_bytes_extracted },
	{ "ingest", "messages", -1 },
	{ "bronze", "partitions", METRIC_bytes_read },
	{ "gold", "files", -1 },
	{ "", "steps", -1 },
};

struct progress {
	struct clock *clock;
	int fd;
	enum progress_kind kind;
	pthread_mutex_t lock;
	char stage[32];
	const struct unit *unit;
	int64_t begun_ns, shown_ns, begun_bytes;
	bool painted;
};

static struct progress *active; /* the one whose bar a log line has to wipe */

static void put(struct progress *p, struct slice bytes)
{
	ssize_t ignored UNUSED = write(p->fd, bytes.ptr, bytes.len); /* a closed terminal is nobody's loss */
}

static void wipe_locked(struct progress *p)
{
	if (p->painted)
		put(p, SLICE("\r\033[K"));
	p->painted = false;
}

void progress_wipe(struct progress *p)
{
	if (!p || p->kind != PROGRESS_BAR)
		return;
	pthread_mutex_lock(&p->lock);
	wipe_locked(p);
	pthread_mutex_unlock(&p->lock);
}

static void before_log_line(void)
{
	progress_wipe(active);
}

enum progress_kind progress_kind_for(int fd, bool quiet, bool json_log)
{
	const char *term = getenv("TERM");
	if (quiet)
		return PROGRESS_OFF;
	return !json_log && isatty(fd) && term && *term && strcmp(term, "dumb") != 0 ? PROGRESS_BAR : PROGRESS_LINES;
}

struct progress *progress_new(struct clock *clock, int fd, enum progress_kind kind)
{
	struct progress *p = mem_alloc(sizeof *p);
	*p = (struct progress){ .clock = clock, .fd = fd, .kind = kind, .lock = PTHREAD_MUTEX_INITIALIZER };
	if (kind == PROGRESS_BAR) {
		assert(!active);
		active = p;
		log_set_before(before_log_line);
	}
	return p;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	if (p->kind == PROGRESS_BAR) {
		progress_wipe(p);
		log_set_before(NULL);
		active = NULL;
	}
	(void) pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

/* ---- the text ---- */

static void add_rate(int64_t bytes_per_s, struct buf *out)
{
	if (bytes_per_s >= 100000)
		buf_addf(out, ", %.1f MB/s", (double) bytes_per_s / 1e6);
	else if (bytes_per_s > 0)
		buf_addf(out, ", %.1f kB/s", (double) bytes_per_s / 1e3);
}

static void add_counts(const struct progress_view *v, struct buf *out)
{
	if (v->total)
		buf_addf(out, "%zu of %zu %s", v->done, v->total, v->unit);
	else
		buf_addf(out, "%zu %s", v->done, v->unit);
	add_rate(v->bytes_per_s, out);
}

static void add_bar(const struct progress_view *v, int columns, struct buf *out)
{
	size_t inner = (size_t) columns - 2;
	size_t filled = v->done >= v->total ? inner : (size_t) ((double) v->done / (double) v->total * (double) inner);
	buf_addc(out, '[');
	for (size_t i = 0; i < inner; i++)
		buf_addc(out, i < filled ? '=' : i == filled ? '>' : ' ');
	buf_adds(out, "] ");
}

/* Bytes of the first `columns` code points. */
static size_t cut(struct slice s, int columns)
{
	size_t i = 0;
	for (; i < s.len; i++) {
		bool begins = ((unsigned char) s.ptr[i] & 0xc0) != 0x80;
		if (begins && columns-- == 0)
			break;
	}
	return i;
}

void progress_text(const struct progress_view *v, int columns, bool bar, struct buf *out)
{
	CLEANUP(buf_done) struct buf text = buf_new(LINE_BYTES);
	CLEANUP(buf_done) struct buf counts = buf_new(LINE_BYTES);
	add_counts(v, &counts);
	bool wants_bar = bar && v->total;
	int room = columns - (int) (strlen(v->stage) + 2 + counts.len) - 1; /* for the bar and what is at hand */
	bool names_it = v->what[0] && (!wants_bar || room >= BAR_COLUMNS_MIN + 1 + (int) strlen(v->what));
	buf_addf(&text, "%s%s%.200s: ", v->stage, names_it ? " " : "", names_it ? v->what : "");
	for (size_t i = 0; i < text.len; i++) /* names from outside must not steer the terminal */
		if ((unsigned char) text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
			text.ptr[i] = '?';
	room -= names_it ? (int) strlen(v->what) + 1 : 0;
	if (wants_bar && room >= BAR_COLUMNS_MIN)
		add_bar(v, room < BAR_COLUMNS_MAX ? room : BAR_COLUMNS_MAX, &text);
	buf_add(&text, buf_slice(&counts));
	buf_add(out, slice_sub(buf_slice(&text), 0, cut(buf_slice(&text), columns)));
}

/* ---- showing it ---- */

static int columns_of(int fd)
{
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) || size.ws_col < 2)
		return COLUMNS_DEFAULT;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

static void begin_stage(struct progress *p, const char *stage, int64_t now_ns)
{
	const struct unit *u = units;
	while (*u->stage && strcmp(u->stage, stage) != 0)
		u++;
	(void) snprintf(p->stage, sizeof p->stage, "%s", stage);
	p->unit = u;
	p->begun_ns = p->shown_ns = now_ns;
	p->begun_bytes = u->metric < 0 ? 0 : metric_get((enum metric) u->metric);
}

static int64_t rate(const struct progress *p, int64_t now_ns)
{
	int64_t ms = (now_ns - p->begun_ns) / MS;
	if (p->unit->metric < 0 || ms <= 0)
		return 0;
	return (metric_get((enum metric) p->unit->metric) - p->begun_bytes) * 1000 / ms;
}

static void paint(struct progress *p, const struct progress_view *view)
{
	CLEANUP(buf_done) struct buf line = buf_new(2 * LINE_BYTES);
	buf_addc(&line, '\r');
	progress_text(view, columns_of(p->fd) - 1, true, &line); /* the last column would wrap on some terminals */
	buf_adds(&line, "\033[K");
	put(p, buf_slice(&line));
	p->painted = true;
}

static void say(const struct progress_view *view)
{
	CLEANUP(buf_done) struct buf line = buf_new(LINE_BYTES);
	add_counts(view, &line);
	log_info(view->stage, "%s%s%s", view->what, view->what[0] ? ": " : "", buf_str(&line));
}

void progress_step(void *ctx, const char *stage, const char *what, size_t done, size_t total)
{
	struct progress *p = ctx;
	if (p->kind == PROGRESS_OFF)
		return;
	pthread_mutex_lock(&p->lock);
	int64_t now_ns = clock_mono_ns(p->clock);
	if (strcmp(p->stage, stage) != 0)
		begin_stage(p, stage, now_ns);
	if (now_ns - p->shown_ns >= (p->kind == PROGRESS_BAR ? PAINT_EVERY_NS : LINE_EVERY_NS)) {
		struct progress_view view = {
			.stage = p->stage,
			.what = what ? what : "",
			.unit = p->unit->unit,
			.done = done,
			.total = total,
			.bytes_per_s = rate(p, now_ns),
		};
		p->shown_ns = now_ns;
		if (p->kind == PROGRESS_BAR)
			paint(p, &view);
		else
			say(&view);
	}
	pthread_mutex_unlock(&p->lock);
}
