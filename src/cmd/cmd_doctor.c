#include "cmd/command.h"
#include "cmd/doctor.h"

#include "gen/version.h"
#include "io/db.h"
#include "io/duck.h"

#include <stdarg.h>

#define LINE_BYTES 4096
#define SUBJECT_COLUMNS 10

void doctor_say(struct doctor *d, enum doctor_level level, const char *subject, const char *fmt, ...)
{
	static const struct {
		const char *word;
		enum ink ink;
	} levels[DOCTOR_LEVELS] = { { "ok", INK_GOOD }, { "warn", INK_NEWS }, { "fail", INK_BAD } };
	char text[LINE_BYTES];
	va_list ap;
	d->said[level]++;
	if (level == DOCTOR_OK && app_quiet(d->app))
		return;
	va_start(ap, fmt);
	(void) vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	CLEANUP(buf_done) struct buf line = buf_new(16 * LINE_BYTES);
	terminal_ink(&d->terminal, levels[level].ink, &line);
	buf_adds(&line, levels[level].word);
	terminal_plain(&d->terminal, levels[level].ink, &line);
	buf_addf(&line, "%*s%-*s  ", (int) (6 - strlen(levels[level].word)), "", SUBJECT_COLUMNS, subject);
	(void) display_add(slice_of(text), SIZE_MAX, &line);
	(void) printf("%s\n", buf_str(&line));
}

static void version(struct doctor *d)
{
	doctor_say(d, DOCTOR_OK, "version", "sargam %s%s%s%s, DuckDB %s, SQLite %s", SARGAM_VERSION, *SARGAM_COMMIT ? " (" : "",
	           SARGAM_COMMIT, *SARGAM_COMMIT ? ")" : "", duck_version(), db_version());
}

static const struct section {
	void (*look)(struct doctor *d);
	bool needs_home;
} sections[] = {
	{ version, false },
	{ doctor_settings, false },
	{ doctor_home, false },
	{ doctor_source, false },
	{ doctor_spotify, false },
	{ doctor_databases, true },
	{ doctor_warehouse, true },
	{ doctor_lock, true },
	{ doctor_watches, true },
	{ doctor_snapshots, true },
	{ doctor_backlog, true },
	{ doctor_letters, true },
	{ doctor_drift, true },
};

static int run(struct app *app, const struct args *args, struct err *err UNUSED)
{
	struct doctor d = { .app = app, .terminal = terminal_open(), .offline = args_flag(args, "offline") };
	for (size_t i = 0; i < COUNT_OF(sections); i++)
		if (d.has_home || !sections[i].needs_home)
			sections[i].look(&d);
	state_close(d.state);
	(void) printf("%zu ok, %zu warning%s, %zu failed\n", d.said[DOCTOR_OK], d.said[DOCTOR_WARN], d.said[DOCTOR_WARN] == 1 ? "" : "s",
	              d.said[DOCTOR_FAIL]);
	return d.said[DOCTOR_FAIL] ? EXIT_FAILED : EXIT_DONE;
}

static const struct option_spec options[] = {
	{ "offline", NULL, "ask nothing but this machine" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_doctor;
const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "is everything set up and well? what is not, and what to do",
	.words = "",
	.details = "Looks at the home, the settings, the backends and the data in them; changes nothing. Each line is ok, warn or fail\n"
	           "and says the next step. Exit status 1 when one fails. --quiet leaves out what is ok.",
	.option = options,
	.run = run,
};
