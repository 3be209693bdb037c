#include "spotify/account.h"

#include "base/json.h"
#include "base/mem.h"

#define BODIES_BYTES ((size_t) 64 << 20)
#define PAGES_MAX 1000
#define LISTED_MAX ((size_t) 50 * PAGES_MAX)
#define LISTED_BYTES_MIN 64 /* of a playlist's four strings in an arena */

/* `fits`: the body is what was asked for; NULL for any JSON. */
static enum rc get(struct spotify_api *a, struct slice url, bool (*fits)(void *ctx, struct slice body, struct err *why),
                   struct arena *arena, struct json **out, struct err *err)
{
	const struct spotify_request rq = { .url = url.ptr, .fits = fits };
	struct spotify_reply reply;
	TRY(spotify_get(a, &rq, arena, &reply, err));
	return json_parse(reply.body, out, err);
}

static struct slice keep(struct arena *arena, struct slice s)
{
	return s.ptr ? arena_copy(arena, s) : SLICE_NULL;
}

static bool is_user(void *ctx UNUSED, struct slice body, struct err *why)
{
	CLEANUP(json_freep) struct json *root = NULL;
	return json_parse(body, &root, why) == RC_OK &&
	       (json_get_string(root, "id").len || err_set(why, RC_REJECT, "the answer names no user") == RC_OK);
}

enum rc spotify_me(struct spotify_api *a, struct arena *arena, struct spotify_user *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	TRY(get(a, arena_printf(arena, "%s/me", spotify_api_url(a)), is_user, arena, &root, err));
	out->id = keep(arena, json_get_string(root, "id"));
	out->name = keep(arena, json_get_string(root, "display_name"));
	return RC_OK;
}

/* --- playlists ---------------------------------------------------------------------------------------------- */

static void read_listed(const struct json *j, struct slice user_id, struct arena *arena, struct spotify_listed *out)
{
	const struct json *owner = json_get(j, "owner"), *items = json_get(j, "items");
	const struct json *inner = json_type(items) == JSON_OBJECT ? items : json_get(j, "tracks");
	*out = (struct spotify_listed){
		.id = keep(arena, json_get_string(j, "id")),
		.name = keep(arena, json_get_string(j, "name")),
		.owner_id = keep(arena, json_get_string(owner, "id")),
		.owner_name = keep(arena, json_get_string(owner, "display_name")),
	};
	out->own = out->owner_id.len && slice_eq(out->owner_id, user_id);
	(void) json_bool(json_get(j, "collaborative"), &out->collaborative);
	out->has_total = json_integer(json_get(inner, "total"), &out->total);
}

struct growing {
	struct spotify_listed *list;
	size_t count, cap;
};

static void growing_done(struct growing *g)
{
	mem_free(g->list);
}

static struct spotify_listed *grow(struct growing *g)
{
	if (g->count == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 64;
		g->list = mem_realloc(g->list, g->cap * sizeof *g->list);
	}
	return &g->list[g->count++];
}

static bool is_list(void *ctx UNUSED, struct slice body, struct err *why)
{
	CLEANUP(json_freep) struct json *root = NULL;
	return json_parse(body, &root, why) == RC_OK &&
	       (json_type(json_get(root, "items")) == JSON_ARRAY ||
	        err_set(why, RC_REJECT, "the answer is no page: it has no array 'items'") == RC_OK);
}

static enum rc no_end(const struct growing *g, struct err *err)
{
	return err_set(err, RC_REJECT, "Spotify: /me/playlists has no end: given up after %zu playlists; `sargam watch add` takes their links",
	               g->count);
}

/* Takes what a page lists; false when it is more than there is room for. */
static bool take_page(const struct json *items, size_t bytes, struct slice user_id, struct arena *arena, struct growing *g)
{
	size_t count = json_size(items);
	if (count > LISTED_MAX - g->count || !arena_fits(arena, bytes + count * LISTED_BYTES_MIN))
		return false;
	for (size_t i = 0; i < count; i++)
		if (json_get_string(json_at(items, i), "id").len)
			read_listed(json_at(items, i), user_id, arena, grow(g));
	return true;
}

/* Pages may be short or empty: `next` tells the end, and `total` when an empty page leads on (rspotify #494).  Each page must
 * stand behind the one before. */
static enum rc read_list(struct spotify_api *a, struct slice user_id, struct arena *arena, struct growing *g, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(BODIES_BYTES);
	struct slice url = arena_printf(arena, "%s/me/playlists?limit=50", spotify_api_url(a));
	int64_t before = -1, seen = 0;
	for (int page = 0; page < PAGES_MAX; page++) {
		CLEANUP(json_freep) struct json *root = NULL;
		arena_reset(&scratch);
		TRY(get(a, url, is_list, &scratch, &root, err));
		const struct json *items = json_get(root, "items");
		int64_t offset = json_get_integer(root, "offset", seen), total = json_get_integer(root, "total", 0);
		if (offset <= before || !take_page(items, scratch.used, user_id, arena, g))
			break;
		before = json_size(items) ? offset : before;
		seen += (int64_t) json_size(items);
		struct slice next = json_get_string(root, "next");
		if (!next.len || (json_size(items) == 0 && seen >= total))
			return RC_OK;
		if (slice_eq(next, url))
			break;
		url = arena_copy(arena, next);
	}
	return no_end(g, err);
}

enum rc spotify_my_playlists(struct spotify_api *a, struct slice user_id, struct arena *arena, struct spotify_listing *out,
                             struct err *err)
{
	CLEANUP(growing_done) struct growing g = { 0 };
	TRY(read_list(a, user_id, arena, &g, err));
	if (!arena_fits(arena, g.count * sizeof *out->playlist))
		return no_end(&g, err);
	*out = (struct spotify_listing){ arena_alloc_array(arena, g.count, sizeof *out->playlist), g.count };
	if (g.count)
		memcpy(out->playlist, g.list, g.count * sizeof *g.list);
	return RC_OK;
}

/* --- which app ---------------------------------------------------------------------------------------------- */

const char *spotify_population_name(enum spotify_population population)
{
	static const char *const name[] = {
		[POPULATION_EXTENDED] = "extended quota",
		[POPULATION_EXISTING] = "development mode, from before 2026-02-11",
		[POPULATION_NEW] = "development mode, since 2026-02-11",
	};
	assert((unsigned) population < COUNT_OF(name));
	return name[population];
}

const char *spotify_population_help(enum spotify_population population)
{
	static const char *const help[] = {
		[POPULATION_EXTENDED] = "reads every public playlist, Spotify's own lists too",
		[POPULATION_EXISTING] = "reads public playlists of others, not Spotify's own lists (404)",
		[POPULATION_NEW] = "reads the items of playlists that its user owns or works on, no others (403)",
	};
	assert((unsigned) population < COUNT_OF(help));
	return help[population];
}

/* Does it answer?  What refuses is an answer, too. */
static enum rc answers(struct spotify_api *a, const char *path, bool *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(BODIES_BYTES);
	CLEANUP(json_freep) struct json *root = NULL;
	enum rc rc = get(a, arena_printf(&arena, "%s/%s", spotify_api_url(a), path), NULL, &arena, &root, err);
	*out = rc == RC_OK;
	return rc == RC_NOT_FOUND || rc == RC_REJECT ? RC_OK : rc;
}

enum rc spotify_population_find(struct spotify_api *a, enum spotify_population *out, struct err *err)
{
	bool reads_charts, has_markets = true;
	TRY(answers(a, "playlists/" SPOTIFY_PROBE_PLAYLIST "?fields=id", &reads_charts, err));
	if (!reads_charts)
		TRY(answers(a, "markets", &has_markets, err));
	*out = reads_charts ? POPULATION_EXTENDED : has_markets ? POPULATION_EXISTING : POPULATION_NEW;
	return RC_OK;
}
