/* status: what goes on in a home, once or as a live view. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/status.h"
#include "io/http.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 256 << 20)
#define TEXT_BYTES ((size_t) 16 << 20)
#define EVERY_S 2
#define CHECK_MS 5000
#define CHECK_BYTES ((size_t) 64 << 10)
#define SHARE 10 /* of the time, one part in so many goes into looking */
#define ENTER SLICE("\033[?1049h\033[?25l") /* a screen of its own, no cursor */
#define LEAVE SLICE("\033[?25h\033[?1049l")

static enum rc print_json(struct app *app, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES);
	struct status_memory memory = { 0 };
	struct status s;
	status_read(app, &memory, &arena, &s);
	CLEANUP(json_freep) struct json *root = status_json(&s);
	json_write(root, JSON_INDENTED, &text);
	buf_addc(&text, '\n');
	return terminal_write(&text, err);
}

static enum rc print_text(struct app *app, struct status_memory *memory, const struct terminal *t, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES);
	struct status s;
	status_read(app, memory, &arena, &s);
	status_text(&s, t, &text);
	return terminal_write(&text, err);
}

static size_t rows_of(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row : 24;
}

/* From the top left, each line over the one that stood there: nothing flickers.  What does not fit is left out at the end. */
static void paint(struct slice text, size_t rows, struct buf *out)
{
	buf_adds(out, "\033[H");
	for (size_t row = 0; row + 1 < rows && text.len; row++) {
		size_t end = slice_find(text, '\n', 0);
		buf_add(out, slice_sub(text, 0, end));
		buf_adds(out, "\033[K\n");
		end = end < text.len ? end + 1 : end;
		text = slice_sub(text, end, text.len - end);
	}
	buf_adds(out, "\033[J");
}

static enum rc write_now(struct slice bytes, struct err *err)
{
	CLEANUP(buf_done) struct buf out = buf_new(TEXT_BYTES);
	buf_add(&out, bytes);
	TRY(terminal_write(&out, err));
	(void) fflush(stdout);
	return RC_OK;
}

static enum rc show(struct app *app, struct status_memory *memory, int64_t every_s, struct err *err)
{
	const atomic_bool *stop = app_stop(app);
	while (!*stop) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES);
		CLEANUP(buf_done) struct buf screen = buf_new(TEXT_BYTES);
		struct terminal t = terminal_open(); /* its width may have changed */
		struct status s;
		int64_t begin_ns = clock_mono_ns(app_clock(app));
		status_read(app, memory, &arena, &s);
		status_text(&s, &t, &text);
		paint(buf_slice(&text), rows_of(), &screen);
		TRY(write_now(buf_slice(&screen), err));
		int64_t wait_ms = SHARE * (clock_mono_ns(app_clock(app)) - begin_ns) / 1000000;
		clock_sleep_unless(app_clock(app), wait_ms > every_s * 1000 ? wait_ms : every_s * 1000, stop);
	}
	return RC_OK;
}

/* Until it is interrupted; the last picture stays. */
static enum rc live(struct app *app, int64_t every_s, struct err *err)
{
	struct status_memory memory = { 0 };
	TRY(write_now(ENTER, err));
	enum rc rc = show(app, &memory, every_s, err);
	TRY(write_now(LEAVE, err));
	TRY(rc);
	struct terminal t = terminal_open();
	return print_text(app, &memory, &t, err);
}

static enum rc ask_health(const char *daemon_url, struct err *err)
{
	const struct http_options options = { .connect_timeout_ms = CHECK_MS, .timeout_ms = CHECK_MS, .body_limit_bytes = CHECK_BYTES,
		                              .user_agent = "sargam status --check" };
	char url[300];
	CLEANUP(arena_done) struct arena arena = arena_new(4 * CHECK_BYTES);
	CLEANUP(http_closep) struct http *http = NULL;
	struct http_response response;
	(void) snprintf(url, sizeof url, "%s/healthz", daemon_url);
	TRY(http_open(&options, &http, err));
	TRY(http_send(http, &(struct http_request){ .method = "GET", .url = url }, &arena, &response, err));
	if (response.status != 200)
		return err_set(err, RC_RETRY, "%s answered %d: see the daemon's log", url, response.status);
	(void) printf("%s: alive\n", daemon_url);
	return RC_OK;
}

/* A process of another container may be the daemon as well: its answer tells. */
static enum rc check(struct app *app, struct err *err)
{
	struct presence daemon;
	enum presence_state state;
	TRY(presence_look(app_home(app), &daemon, &state, err));
	if (state == PRESENCE_NONE)
		return err_set(err, RC_NOT_FOUND, "%s: nobody serves this home: `sargam serve` does", app_home(app));
	if (state == PRESENCE_DEAD)
		return err_set(err, RC_NOT_FOUND, "%s: process %" PRId64 ", which served this home, has ended: `sargam serve` starts another",
		               app_home(app), daemon.pid);
	return ask_health(daemon.url, err);
}

static bool can_be_live(const struct terminal *t)
{
	const char *term = getenv("TERM");
	return t->is_terminal && term && *term && strcmp(term, "dumb") != 0;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *format = args_value(args, "format");
	int64_t every_s = EVERY_S;
	bool is_json = format && strcmp(format, "json") == 0;
	struct status_memory memory = { 0 };
	if (format && !is_json && strcmp(format, "text") != 0) {
		(void) err_set(err, RC_FATAL, "--format '%s': want text or json", format);
		return EXIT_USAGE;
	}
	if (args_number(args, "every", 1, 3600, &every_s, err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = app_need_home(app, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (args_flag(args, "check"))
		return exit_of(check(app, err));
	struct terminal t = terminal_open();
	if (is_json)
		return exit_of(print_json(app, err));
	if (args_flag(args, "once") || !can_be_live(&t))
		return exit_of(print_text(app, &memory, &t, err));
	return exit_of(live(app, every_s, err));
}

static const struct option_spec options[] = {
	{ "once", NULL, "one picture, on a terminal too" },
	{ "every", "S", "seconds between two pictures (2)" },
	{ "format", "FORMAT", "text or json (once)" },
	{ "check", NULL, "only ask the daemon whether it is alive; the exit status tells" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_status;
const struct command cmd_status = {
	.name = "status",
	.summary = "what goes on: daemon, runs, topic, playlists, dead letters, disk",
	.words = "",
	.details = "A live view on a terminal until it is interrupted; elsewhere one picture as plain text. Works with and without a\n"
	           "daemon, beside whatever runs, and changes nothing.",
	.option = options,
	.run = run,
};
