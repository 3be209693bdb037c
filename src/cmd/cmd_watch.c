#include "base/log.h"
#include "base/time.h"
#include "cmd/app.h"
#include "cmd/build.h"
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

static enum rc add(struct state *state, struct slice id, struct err *err)
{
	bool changed;
	TRY(state_watch_add(state, id, &changed, err));
	(void) printf("%.*s %s\n", SLICE_FMT(id), changed ? "is watched from now on" : "is watched already");
	return RC_OK;
}

static enum rc remove_one(struct state *state, struct slice id, struct err *err)
{
	bool changed;
	TRY(state_watch_remove(state, id, &changed, err));
	if (!changed)
		return err_set(err, RC_NOT_FOUND, "'%.*s' is not on the watch list: `sargam watch list` shows it", SLICE_FMT(id));
	(void) printf("%.*s is no longer watched; its data stays\n", SLICE_FMT(id));
	return RC_OK;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *verb = args->word[0], *id = args->word_count > 1 ? args->word[1] : NULL;
	bool is_list = strcmp(verb, "list") == 0, is_add = strcmp(verb, "add") == 0, is_remove = strcmp(verb, "remove") == 0;
	if ((!is_list && !is_add && !is_remove) || is_list != !id) {
		(void) err_set(err, RC_FATAL, "usage: sargam watch list | add PLAYLIST | remove PLAYLIST");
		return EXIT_USAGE;
	}
	struct slice playlist = slice_of(id);
	if (id && build_playlist_id(slice_of(id), &playlist, err) != RC_OK)
		return EXIT_USAGE;
	struct state *state;
	enum rc rc = is_add ? RC_OK : app_need_home(app, err); /* the first one may be added before the first run */
	if (rc == RC_OK)
		rc = app_state(app, &state, err);
	if (rc != RC_OK)
		return exit_of(rc);
	if (is_list)
		return list(state, err);
	return exit_of(is_add ? add(state, playlist, err) : remove_one(state, playlist, err));
}

extern const struct command cmd_watch;
const struct command cmd_watch = {
	.name = "watch",
	.summary = "the playlists to follow",
	.words = "list | add PLAYLIST | remove PLAYLIST",
	.words_min = 1,
	.words_max = 2,
	.details = "PLAYLIST is an id, a URI (spotify:playlist:…) or a link (https://open.spotify.com/playlist/…).\n"
	           "An empty list means: every playlist the source names. The setting `playlists` adds to it.",
	.run = run,
};
