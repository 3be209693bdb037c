#include "cmd/terminal.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_WITHOUT_AN_ANSWER 80

static size_t ask_columns(void)
{
	struct winsize size;
	int64_t value;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (slice_to_int(slice_of(getenv("COLUMNS")), &value) && value > 0 && value < 100000)
		return (size_t) value;
	return COLUMNS_WITHOUT_AN_ANSWER;
}

struct terminal terminal_open(void)
{
	(void) setlocale(LC_CTYPE, "C.UTF-8"); /* without it wcwidth() knows ASCII only and the rest counts one column */
	(void) signal(SIGPIPE, SIG_DFL);
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct terminal t = { .is_terminal = isatty(STDOUT_FILENO), .columns = SIZE_MAX };
	if (!t.is_terminal)
		return t;
	bool is_dumb = term && strcmp(term, "dumb") == 0;
	t.colours = !is_dumb && !(no_color && *no_color);
	t.links = !is_dumb;
	t.columns = ask_columns();
	return t;
}

void terminal_ink(const struct terminal *t, enum ink ink, struct buf *out)
{
	static const char *const begin[] = {
		[INK_PLAIN] = "",         [INK_DIM] = "\033[2m",  [INK_STRONG] = "\033[1m",
		[INK_GOOD] = "\033[32m", [INK_BAD] = "\033[31m", [INK_NEWS] = "\033[33m",
	};
	if (t->colours)
		buf_adds(out, begin[ink]);
}

void terminal_plain(const struct terminal *t, enum ink ink, struct buf *out)
{
	if (t->colours && ink != INK_PLAIN)
		buf_adds(out, "\033[0m");
}

bool terminal_url_ok(struct slice url)
{
	for (size_t i = 0; i < url.len; i++)
		if (url.ptr[i] <= ' ' || url.ptr[i] > '~')
			return false;
	return url.len > 0 && url.len <= 2048;
}

void terminal_link(const struct terminal *t, struct slice url, struct buf *out)
{
	if (t->links && (!url.ptr || terminal_url_ok(url)))
		buf_addf(out, "\033]8;;%.*s\033\\", SLICE_FMT(url));
}

enum rc terminal_write(struct buf *out, struct err *err)
{
	TRY(buf_ok(out, "a row", err));
	size_t written = fwrite(out->ptr ? out->ptr : "", 1, out->len, stdout);
	if (written != out->len) {
		int number = errno;
		return err_set(err, RC_FATAL, "standard output: %s; the result is not whole", strerror(number));
	}
	buf_reset(out);
	return RC_OK;
}

/* --- characters --------------------------------------------------------------------------------------------- */

/* What is printed for one character: its own bytes, or a stand-in. */
struct glyph {
	struct slice bytes;
	size_t columns;
	char own[4];
};

/* Length of the well-formed character at the start of `s`, 0 when there is none. */
static size_t decode(struct slice s, uint32_t *out_code)
{
	const unsigned char *b = (const unsigned char *) s.ptr;
	size_t len = b[0] < 0x80 ? 1 : b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (len > s.len || !slice_is_utf8(slice_sub(s, 0, len), NULL))
		return 0;
	uint32_t code = len == 1 ? b[0] : b[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (b[i] & 0x3f);
	*out_code = code;
	return len;
}

static bool turns_direction(uint32_t code)
{
	return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

/* Takes one character off `inout_rest`. */
static void next_glyph(struct slice *inout_rest, struct glyph *out)
{
	uint32_t code = 0;
	size_t len = decode(*inout_rest, &code);
	size_t used = len ? len : 1;
	out->bytes = slice_sub(*inout_rest, 0, used);
	out->columns = 1;
	if (code < 0x20 && len) { /* U+2400 and on: pictures of the control characters */
		memcpy(out->own, "\xe2\x90", 2);
		out->own[2] = (char) (0x80 + code);
		out->bytes = (struct slice){ out->own, 3 };
	} else if (code == 0x7f) {
		out->bytes = SLICE("\xe2\x90\xa1");
	} else if (!len || (code >= 0x80 && code < 0xa0) || turns_direction(code)) {
		out->bytes = SLICE("\xef\xbf\xbd");
	} else if (code >= 0x80) {
		int columns = wcwidth((wchar_t) code);
		out->columns = columns < 0 ? 1 : (size_t) columns;
	}
	*inout_rest = slice_sub(*inout_rest, used, inout_rest->len - used);
}

size_t display_columns(struct slice s)
{
	size_t columns = 0;
	struct glyph g;
	while (s.len) {
		next_glyph(&s, &g);
		columns += g.columns;
	}
	return columns;
}

size_t display_add(struct slice s, size_t columns, struct buf *out)
{
	size_t whole = columns == SIZE_MAX ? 0 : display_columns(s), used = 0;
	bool cut = whole > columns;
	struct glyph g;
	if (cut && columns == 0)
		return 0;
	while (s.len) {
		next_glyph(&s, &g);
		if (cut && used + g.columns > columns - 1)
			break;
		buf_add(out, g.bytes);
		used += g.columns;
	}
	if (cut) {
		buf_adds(out, "…");
		used++;
	}
	return used;
}
