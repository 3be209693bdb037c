/* Dead letters: list, show, replay, drop. */
#include "base/clock.h"
#include "base/log.h"
#include "base/time.h"
#include "bronze/partition.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/terminal.h"
#include "raw/dead.h"
#include "raw/extract.h"

#include <unistd.h>

#define LETTERS_BYTES ((size_t) 1 << 30)

/* Much of a letter comes from outside: it is shown, not obeyed. */
static void print_text(const char *before, struct slice text, const char *after)
{
	CLEANUP(buf_done) struct buf out = buf_new(LETTERS_BYTES);
	(void) display_add(text, SIZE_MAX, &out);
	(void) printf("%s%s%s", before, buf_str(&out), after);
}

static void print_line(const struct letter *l)
{
	(void) printf("%.*s/%.*s\t%s", SLICE_FMT(l->reason), SLICE_FMT(l->name), letter_kind_name(l->kind));
	print_text("\t", l->playlist_id, "\t");
	(void) printf("%s", l->has_snapshot_at ? time_rfc3339(l->snapshot_at).s : "");
	print_text("\t", l->detail, "\n");
}

static enum rc list(struct app *app, struct store *store, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letters letters;
	struct state *state;
	TRY(app_state(app, &state, err));
	TRY(dead_list(store, state, app_clock(app), app_config(app)->incomplete_after_h, &arena, &letters, err));
	for (size_t i = 0; i < letters.count; i++)
		print_line(&letters.letter[i]);
	if (letters.count == 0)
		log_note("no dead letters");
	else
		log_note("%zu dead letters; `sargam dead show NAME` shows one, replay tries again, drop forgets it",
		               letters.count);
	return RC_OK;
}

static enum rc find(struct app *app, struct store *store, struct slice which, struct arena *arena, struct letter *out,
                    struct err *err)
{
	struct state *state;
	TRY(app_state(app, &state, err));
	return dead_find(store, state, app_clock(app), app_config(app)->incomplete_after_h, which, arena, out, err);
}

static enum rc show(struct app *app, struct store *store, struct slice which, bool only_bytes, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	TRY(find(app, store, which, &arena, &l, err));
	if (!only_bytes) {
		(void) printf("reason       %.*s\nname         %.*s\nkind         %s\n", SLICE_FMT(l.reason), SLICE_FMT(l.name),
		              letter_kind_name(l.kind));
		print_text("detail       ", l.detail, "\n");
		print_text("playlist     ", l.playlist_id, "\n");
		(void) printf("snapshot_at  %s\n", l.has_snapshot_at ? time_rfc3339(l.snapshot_at).s : "");
		print_text("bytes        ", l.object, "\n");
		for (size_t i = 0; i < l.attr_count; i++) {
			print_text("attribute    ", l.attr[i].key, " = ");
			print_text("", l.attr[i].value, "\n");
		}
		return RC_OK;
	}
	struct slice body;
	TRY(quarantine_body(store, &l, &arena, &body, err));
	(void) fwrite(body.ptr, 1, body.len, stdout);
	return RC_OK;
}

static enum rc replay(struct app *app, struct store *store, struct slice which, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	struct bus *bus;
	TRY(find(app, store, which, &arena, &l, err));
	TRY(app_bus(app, &bus, err));
	const struct dead_replay_options o = {
		.store = store,
		.bus = bus,
		.chart_offset_s = config_chart_offset_s(app_config(app)),
		.playlist_groups = app_config(app)->playlist_groups,
	};
	const char *next;
	TRY(dead_replay(&o, &l, &next, err));
	(void) printf("%.*s/%.*s: %s\n", SLICE_FMT(l.reason), SLICE_FMT(l.name), next);
	return RC_OK;
}

static enum rc drop(struct app *app, struct store *store, struct slice which, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	TRY(find(app, store, which, &arena, &l, err));
	TRY(dead_drop(store, &l, err));
	(void) printf("%.*s/%.*s is dropped%s\n", SLICE_FMT(l.reason), SLICE_FMT(l.name),
	              l.kind == LETTER_MESSAGE ? ", its bytes too" : "; the raw bytes stay");
	return RC_OK;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *verb = args->word[0];
	struct slice which = slice_of(args->word_count > 1 ? args->word[1] : NULL);
	bool is_list = strcmp(verb, "list") == 0, is_show = strcmp(verb, "show") == 0;
	bool is_replay = strcmp(verb, "replay") == 0, is_drop = strcmp(verb, "drop") == 0;
	if ((!is_list && !is_show && !is_replay && !is_drop) || is_list != !which.ptr) {
		(void) err_set(err, RC_FATAL, "usage: sargam dead list | show NAME | replay NAME | drop NAME");
		return EXIT_USAGE;
	}
	struct store *store;
	(void) terminal_open();
	enum rc rc = app_need_home(app, err);
	if (rc == RC_OK)
		rc = app_store(app, &store, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (is_list)
		return exit_of(list(app, store, err));
	if (is_show)
		return exit_of(show(app, store, which, args_flag(args, "bytes"), err));
	return exit_of(is_replay ? replay(app, store, which, err) : drop(app, store, which, err));
}

static const struct option_spec options[] = {
	{ "bytes", NULL, "show: the bytes themselves, as they came" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_dead;
const struct command cmd_dead = {
	.name = "dead",
	.summary = "dead letters and quarantine: what could not be used, and why",
	.words = "list | show NAME | replay NAME | drop NAME",
	.words_min = 1,
	.words_max = 2,
	.details = "NAME is reason/name as in the list, or the beginning of either that fits one letter only. replay sends a message\n"
	           "through the topic again, lets bronze read a snapshot again, or lets extract fetch one again; what is still\n"
	           "wrong comes back. list also names snapshots that miss pages for longer than incomplete_after_h.",
	.option = options,
	.run = run,
};
