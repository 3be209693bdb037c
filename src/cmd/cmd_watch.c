#include "base/log.h"
#include "base/time.h"
#include "cmd/app.h"
#include "cmd/command.h"

static int list(struct state *state, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct state_watches watches;
	enum rc rc = state_watch_list(state, &arena, &watches, err);
	if (rc != RC_OK)
		return exit_of(rc);
	for (size_t i = 0; i < watches.count; i++)
		(void) printf("%.*s\t%s\n", SLICE_FMT(watches.watch[i].playlist_id),
		              time_rfc3339(watches.watch[i].added_at).s);
	if (watches.count == 0)
		log_note("the watch list is empty: every playlist the source names is taken");
	return EXIT_DONE;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *verb = args->word[0], *id = args->word_count > 1 ? args->word[1] : NULL;
	struct state *state;
	bool changed = false;
	enum rc rc = app_state(app, &state, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (strcmp(verb, "list") == 0 && !id)
		return list(state, err);
	if (strcmp(verb, "add") == 0 && id) {
		rc = state_watch_add(state, slice_of(id), &changed, err);
		if (rc == RC_OK)
			(void) printf("%s %s\n", id, changed ? "is watched from now on" : "is watched already");
		return exit_of(rc);
	}
	if (strcmp(verb, "remove") == 0 && id) {
		rc = state_watch_remove(state, slice_of(id), &changed, err);
		if (rc == RC_OK && !changed)
			rc = err_set(err, RC_NOT_FOUND, "'%s' is not on the watch list: `sargam watch list` shows it", id);
		else if (rc == RC_OK)
			(void) printf("%s is no longer watched; its data stays\n", id);
		return exit_of(rc);
	}
	(void) err_set(err, RC_FATAL, "usage: sargam watch list | add PLAYLIST | remove PLAYLIST");
	return EXIT_USAGE;
}

extern const struct command cmd_watch;
const struct command cmd_watch = {
	.name = "watch",
	.summary = "the playlists to follow",
	.words = "list | add PLAYLIST | remove PLAYLIST",
	.words_min = 1,
	.words_max = 2,
	.details = "An empty list means: every playlist the source names. The setting `playlists` adds to it.",
	.run = run,
};
