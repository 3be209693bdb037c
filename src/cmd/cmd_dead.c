/* Dead letters: list, show, replay, drop. */
#include "base/clock.h"
#include "base/time.h"
#include "bronze/partition.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "raw/dead.h"
#include "raw/extract.h"

#include <unistd.h>

#define LETTERS_BYTES ((size_t) 1 << 30)

static void print_line(const struct letter *l)
{
	(void) printf("%.*s/%.*s\t%s\t%.*s\t%s\t%.*s\n", SLICE_FMT(l->reason), SLICE_FMT(l->name), letter_kind_name(l->kind),
	              SLICE_FMT(l->playlist_id), l->has_snapshot_at ? time_rfc3339(l->snapshot_at).s : "",
	              SLICE_FMT(l->detail));
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
		(void) fprintf(stderr, "no dead letters\n");
	else
		(void) fprintf(stderr, "%zu dead letters; `sargam dead show NAME` shows one, replay tries again, drop forgets it\n",
		               letters.count);
	return RC_OK;
}

static enum rc show(struct store *store, struct slice which, bool only_bytes, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	TRY(quarantine_find(store, which, &arena, &l, err));
	if (!only_bytes) {
		(void) printf("reason       %.*s\nname         %.*s\nkind         %s\ndetail       %.*s\n", SLICE_FMT(l.reason),
		              SLICE_FMT(l.name), letter_kind_name(l.kind), SLICE_FMT(l.detail));
		(void) printf("playlist     %.*s\nsnapshot_at  %s\nbytes        %.*s\n", SLICE_FMT(l.playlist_id),
		              l.has_snapshot_at ? time_rfc3339(l.snapshot_at).s : "", SLICE_FMT(l.object));
		for (size_t i = 0; i < l.attr_count; i++)
			(void) printf("attribute    %.*s = %.*s\n", SLICE_FMT(l.attr[i].key), SLICE_FMT(l.attr[i].value));
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
	TRY(quarantine_find(store, which, &arena, &l, err));
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

static enum rc drop(struct store *store, struct slice which, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LETTERS_BYTES);
	struct letter l;
	TRY(quarantine_find(store, which, &arena, &l, err));
	TRY(quarantine_drop(store, &l, err));
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
	enum rc rc = app_need_home(app, err);
	if (rc == RC_OK)
		rc = app_store(app, &store, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (is_list)
		return exit_of(list(app, store, err));
	if (is_show)
		return exit_of(show(store, which, args_flag(args, "bytes"), err));
	return exit_of(is_replay ? replay(app, store, which, err) : drop(store, which, err));
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
