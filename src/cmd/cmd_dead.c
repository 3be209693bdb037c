/* Dead letters: list, show, edit, replay, drop. */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/dead_mend.h"
#include "cmd/dead_show.h"
#include "cmd/terminal.h"
#include "raw/dead.h"

#define LETTERS_BYTES ((size_t) 1 << 30)

enum verb { LIST, SHOW, EDIT, REPLAY, DROP, VERBS };
/* What each takes: a name, letters chosen by --reason, --playlist and --all, and which options. */
static const struct {
	const char *name;
	bool takes_name, takes_choice;
	const char *options; /* " a b " */
} verbs[VERBS] = {
	[LIST] = { "list", false, true, " reason playlist format " },
	[SHOW] = { "show", true, false, " raw bytes " },
	[EDIT] = { "edit", true, false, " data attr remove-attr part force dry-run " },
	[REPLAY] = { "replay", true, true, " reason playlist all " },
	[DROP] = { "drop", true, true, " reason playlist all why " },
};

struct job {
	struct app *app;
	const struct args *args;
	struct terminal terminal;
	struct dead_place place;
	enum verb verb;
	struct slice which; /* SLICE_NULL: those the filter chooses */
	struct dead_filter filter;
	enum dead_format format;
	struct bus *bus; /* for replay */
	size_t done;
};

static enum rc find(struct job *j, struct arena *arena, struct letter *out, struct err *err)
{
	const struct dead_place *p = &j->place;
	return dead_find(p->store, p->state, p->clock, p->incomplete_after_h, j->which, arena, out, err);
}

static enum rc show(struct job *j, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	TRY(find(j, &arena, &l, err));
	bool only_bytes = args_flag(j->args, "raw") || args_flag(j->args, "bytes");
	return only_bytes ? dead_show_bytes(&j->place, &l, err) : dead_show_letter(&j->place, &l, err);
}

static enum rc replay_one(struct job *j, const struct letter *l, const char **out_next, struct err *err)
{
	const struct dead_replay_options o = {
		.store = j->place.store,
		.bus = j->bus,
		.chart_offset_s = config_chart_offset_s(app_config(j->app)),
		.playlist_groups = app_config(j->app)->playlist_groups,
	};
	return dead_replay(&o, l, out_next, err);
}

static enum rc drop_one(struct job *j, const struct letter *l, const char **out_next, struct err *err)
{
	struct letter dropped = *l;
	dropped.dropped_why = slice_of(args_value(j->args, "why"));
	dropped.dropped_at = clock_now_ms(j->place.clock) / 1000;
	*out_next = l->kind == LETTER_MESSAGE ? "dropped, its bytes too" : "dropped; the raw bytes stay";
	return dead_drop(j->place.store, &dropped, err);
}

static enum rc treat(void *ctx, const struct letter *l, bool *out_stop, struct err *err)
{
	struct job *j = ctx;
	CLEANUP(buf_done) struct buf line = buf_new(1 << 16);
	const char *next;
	TRY(j->verb == REPLAY ? replay_one(j, l, &next, err) : drop_one(j, l, &next, err));
	(void) display_add(l->reason, SIZE_MAX, &line);
	buf_addc(&line, '/');
	(void) display_add(l->name, SIZE_MAX, &line);
	buf_addf(&line, ": %s\n", next);
	j->done++;
	*out_stop = *app_stop(j->app);
	return terminal_write(&line, err);
}

static enum rc treat_chosen(struct job *j, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	bool stop = false;
	if (j->verb == REPLAY)
		TRY(app_bus(j->app, &j->bus, err));
	if (j->which.ptr) {
		TRY(find(j, &arena, &l, err));
		return treat(j, &l, &stop, err);
	}
	enum rc rc = dead_walk(&j->place, &j->filter, SLICE_NULL, &(struct letter_visit){ j, treat }, err);
	log_note("%zu dead letters %s", j->done, j->verb == REPLAY ? "tried again" : "dropped");
	if (rc == RC_OK && *app_stop(j->app))
		return err_set(err, RC_RETRY, "stopped: run the command again to go on");
	return rc;
}

static enum rc work(struct job *j, struct err *err)
{
	TRY(app_need_home(j->app, err));
	TRY(app_store(j->app, &j->place.store, err));
	TRY(app_state(j->app, &j->place.state, err));
	j->place.clock = app_clock(j->app);
	j->place.incomplete_after_h = app_config(j->app)->incomplete_after_h;
	switch (j->verb) {
	case LIST:
		return dead_show_list(&j->place, &j->filter, j->format, &j->terminal, err);
	case SHOW:
		return show(j, err);
	case EDIT:
		return dead_mend(j->app, &j->place, j->which, j->args, err);
	default:
		return treat_chosen(j, err);
	}
}

/* --- the command line ----------------------------------------------------------------------------------------- */

#define WORDS "list | show NAME | edit NAME | replay NAME | drop NAME"

static enum rc check_options(const struct job *j, struct err *err)
{
	for (size_t i = 0; i < j->args->option_count; i++) {
		char word[64];
		const char *name = j->args->option[i].spec->name;
		(void) snprintf(word, sizeof word, " %s ", name);
		if (!strstr(verbs[j->verb].options, word))
			return err_set(err, RC_FATAL, "dead %s: --%s is not for it (`sargam dead --help`)", verbs[j->verb].name, name);
	}
	return RC_OK;
}

static enum rc read_choice(struct job *j, struct err *err)
{
	bool chosen = j->filter.reason.ptr || j->filter.playlist_id.ptr || args_flag(j->args, "all");
	const char *name = verbs[j->verb].name;
	if (j->verb == LIST)
		return j->which.ptr ? err_set(err, RC_FATAL, "dead list takes no name: --reason and --playlist choose (`sargam dead --help`)") : RC_OK;
	if (j->which.ptr && chosen)
		return err_set(err, RC_FATAL, "dead %s: a name, or --reason, --playlist and --all: not both", name);
	if (!j->which.ptr && verbs[j->verb].takes_choice && !chosen)
		return err_set(err, RC_FATAL, "dead %s: want a NAME, or --reason R, --playlist ID or --all", name);
	if (!j->which.ptr && !chosen)
		return err_set(err, RC_FATAL, "dead %s: want a NAME (`sargam dead list` shows them)", name);
	return RC_OK;
}

static enum rc read_format(struct job *j, struct err *err)
{
	const char *text = args_value(j->args, "format");
	j->format = j->terminal.is_terminal ? DEAD_TABLE : DEAD_LINES;
	if (!text)
		return RC_OK;
	if (strcmp(text, "table") == 0)
		j->format = DEAD_TABLE;
	else if (strcmp(text, "json") == 0)
		j->format = DEAD_JSON;
	else if (strcmp(text, "lines") == 0)
		j->format = DEAD_LINES;
	else
		return err_set(err, RC_FATAL, "dead list: --format '%.100s': want table, lines or json", text);
	return RC_OK;
}

static enum rc read_words(struct job *j, struct err *err)
{
	while (j->verb < VERBS && strcmp(j->args->word[0], verbs[j->verb].name) != 0)
		j->verb++;
	if (j->verb == VERBS)
		return err_set(err, RC_FATAL, "usage: sargam dead " WORDS);
	j->which = slice_of(j->args->word_count > 1 ? j->args->word[1] : NULL);
	j->filter = (struct dead_filter){ slice_of(args_value(j->args, "reason")), slice_of(args_value(j->args, "playlist")) };
	TRY(check_options(j, err));
	TRY(read_choice(j, err));
	TRY(read_format(j, err));
	return j->verb == EDIT ? dead_mend_check(j->args, err) : RC_OK;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	struct job j = { .app = app, .args = args, .terminal = terminal_open() };
	return read_words(&j, err) == RC_OK ? exit_of(work(&j, err)) : EXIT_USAGE;
}

static const struct option_spec options[] = {
	{ "reason", "R", "list, replay, drop: letters of this reason" },
	{ "playlist", "ID", "list, replay, drop: letters of this playlist" },
	{ "all", NULL, "replay, drop: all letters" },
	{ "format", "table|lines|json", "list: a table on a terminal, else five fields a line, separated by tabs" },
	{ "raw", NULL, "show: the bytes themselves, as they came, and nothing else" },
	{ "bytes", NULL, "show: the same as --raw" },
	{ "data", "FILE", "edit: the mended bytes (- is standard input) instead of an editor" },
	{ "attr", "KEY=VALUE", "edit: an attribute of a message; may be repeated" },
	{ "remove-attr", "KEY", "edit: one that goes; may be repeated" },
	{ "part", "N|playlist|manifest", "edit: which object of a snapshot; N is a page, from 0; one more than the last adds one" },
	{ "dry-run", NULL, "edit: say what would change and write nothing" },
	{ "force", NULL, "edit: write also what would still be unusable" },
	{ "why", "TEXT", "drop: kept beside the name of what was dropped" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_dead;
const struct command cmd_dead = {
	.name = "dead",
	.summary = "dead letters and quarantine: what could not be used, and why",
	.words = WORDS,
	.words_min = 1,
	.words_max = 2,
	.details = "NAME is reason/name as in the list, or the beginning of either that fits one letter only. list also names snapshots\n"
	           "that miss pages for longer than incomplete_after_h.\n"
	           "\n"
	           "edit   mends one: the mended bytes become a new object in raw/ and a revision of the manifest that names it; nothing is\n"
	           "       overwritten. NAME may also be the key of a page in raw/ (BRONZE_REJECT names them). A message's mend waits for replay.\n"
	           "replay sends a message through the topic again, lets bronze read a snapshot again; what is still wrong comes back,\n"
	           "       with its attempts counted.\n"
	           "drop   takes a letter off the list for good; raw bytes stay.",
	.option = options,
	.run = run,
};
