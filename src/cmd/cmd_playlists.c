/* playlists: what the account can read. */
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/grid.h"
#include "cmd/spotify_client.h"
#include "spotify/account.h"

#define LIST_BYTES ((size_t) 256 << 20)

static bool is_watched(const struct state_watches *watches, struct slice id)
{
	for (size_t i = 0; i < watches->count; i++)
		if (slice_eq(watches->watch[i].playlist_id, id))
			return true;
	return false;
}

static enum rc print(const struct spotify_listing *list, const struct state_watches *watches, struct arena *arena, struct err *err)
{
	static const struct grid_column column[] = {
		{ SLICE("id"), false, 0, 0 },      { SLICE("tracks"), true, 0, 0 },   { SLICE("access"), false, 0, 0 },
		{ SLICE("watched"), false, 0, 0 }, { SLICE("name"), false, 20, 60 },  { SLICE("owner"), false, 12, 40 },
	};
	struct terminal t = terminal_open();
	CLEANUP(grid_freep) struct grid *grid = grid_new(&t, column, COUNT_OF(column));
	for (size_t i = 0; i < list->count; i++) {
		const struct spotify_listed *p = &list->playlist[i];
		struct slice total = p->has_total ? arena_printf(arena, "%lld", (long long) p->total) : SLICE("?");
		const struct grid_cell cell[COUNT_OF(column)] = {
			{ p->id, INK_PLAIN, SLICE_NULL },
			{ total, INK_PLAIN, SLICE_NULL },
			{ p->own ? SLICE("own") : p->collaborative ? SLICE("together") : SLICE("of another"), INK_PLAIN, SLICE_NULL },
			{ is_watched(watches, p->id) ? SLICE("yes") : SLICE("no"), INK_PLAIN, SLICE_NULL },
			{ p->name.ptr ? p->name : SLICE(""), INK_STRONG, SLICE_NULL },
			{ p->owner_name.ptr ? p->owner_name : p->owner_id.ptr ? p->owner_id : SLICE(""), INK_DIM, SLICE_NULL },
		};
		TRY(grid_row(grid, cell, err));
	}
	return grid_end(grid, NULL, err);
}

static enum rc watched(struct app *app, struct arena *arena, struct state_watches *out, struct err *err)
{
	struct state *state;
	*out = (struct state_watches){ 0 };
	if (app_need_home(app, NULL) != RC_OK)
		return RC_OK;
	TRY(app_state(app, &state, err));
	return state_watch_list(state, arena, out, err);
}

static enum rc list(struct app *app, struct spotify_client *client, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LIST_BYTES);
	struct spotify_user me;
	struct spotify_listing found;
	struct state_watches watches;
	TRY(spotify_me(spotify_client_api(client), &arena, &me, err));
	TRY(spotify_my_playlists(spotify_client_api(client), me.id, &arena, &found, err));
	TRY(watched(app, &arena, &watches, err));
	if (found.count)
		TRY(print(&found, &watches, &arena, err));
	if (found.count == 0)
		log_note("the account %.*s has no playlists", SLICE_FMT(me.id));
	else
		log_note("%zu playlists of %.*s; `sargam watch add ID` follows one. Those of another can be read by older apps only "
		         "(`sargam doctor` says which this is)", found.count, SLICE_FMT(me.id));
	return RC_OK;
}

static int run(struct app *app, const struct args *args UNUSED, struct err *err)
{
	CLEANUP(spotify_client_closep) struct spotify_client *client = NULL;
	struct token_facts facts;
	if (spotify_client_open(app, &client, err) != RC_OK || token_check(spotify_client_token(client), err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = token_facts(spotify_client_token(client), &facts, err);
	if (rc == RC_OK && facts.kind == TOKEN_APP)
		rc = err_set(err, RC_REJECT, "playlists: the app's own credentials belong to no user, who could have playlists: run `sargam login`; "
		             "public playlists are watched by id or link");
	if (rc == RC_OK)
		rc = list(app, client, err);
	return rc == RC_RETRY ? EXIT_DEFERRED : exit_of(rc);
}

extern const struct command cmd_playlists;
const struct command cmd_playlists = {
	.name = "playlists",
	.summary = "the playlists of the account that is logged in",
	.words = "",
	.details = "One line each: id, number of tracks, access (own, together with others, of another), whether it is watched, name, owner.",
	.run = run,
};
