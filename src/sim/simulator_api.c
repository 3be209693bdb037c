/* The Web API: who may ask, and what is small. */
#include "base/clock.h"
#include "sim/simulator_private.h"

/* Both the missing and the bogus token are told by the same body. */
static bool authorized(struct call *c)
{
	bool missing;
	simulator_lock(c->s);
	const struct token *t = token_of(c, &missing);
	if (t)
		c->user = t->user;
	simulator_unlock(c->s);
	if (t)
		return true;
	answer_error(c, 401, "Missing/invalid/expired access token");
	server_reply_header(
		c->reply, "WWW-Authenticate",
		missing ? "Bearer realm=\"spotify\", error=\"missing_token\", error_description=\"Missing token\""
			: "Bearer realm=\"spotify\", error=\"invalid_token\", error_description=\"Invalid access token\"");
	return false;
}

static bool is_user(struct call *c)
{
	if (!c->user)
		answer_error(c, 401, "Valid user authentication required");
	return c->user;
}

static struct json *links(struct call *c, const char *what)
{
	struct json *urls = json_new_object();
	json_set(urls, "spotify",
	         json_new_string(arena_printf(c->rq->arena, "https://open.spotify.com/%s/%s", what, c->set.user_id)));
	return urls;
}

static void me(struct call *c)
{
	CLEANUP(json_freep) struct json *user = json_new_object(), *followers = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	const char *id = c->set.user_id;
	const struct view view = { .strip = c->set.population == SIMULATOR_NEW };
	json_set(followers, "href", json_new_null());
	json_set(followers, "total", json_new_integer(0));
	json_set(user, "account_id", json_new_string(slice_of(id)));
	json_set(user, "country", json_new_string(SLICE("IN")));
	json_set(user, "display_name", json_new_string(slice_of(id)));
	json_set(user, "email", json_new_string(arena_printf(c->rq->arena, "%s@example.com", id)));
	json_set(user, "external_urls", links(c, "user"));
	json_set(user, "followers", TAKE(followers));
	json_set(user, "href", json_new_string(arena_printf(c->rq->arena, "%s/v1/users/%s", c->s->url, id)));
	json_set(user, "id", json_new_string(slice_of(id)));
	json_set(user, "images", json_new_array());
	json_set(user, "product", json_new_string(SLICE("premium")));
	json_set(user, "type", json_new_string(SLICE("user")));
	json_set(user, "uri", json_new_string(arena_printf(c->rq->arena, "spotify:user:%s", id)));
	view_write(user, BODY_USER, &view, false, &text);
	answer_json(c, 200, &text);
}

static void markets(struct call *c)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	if (c->set.population == SIMULATOR_NEW) { /* removed in 2026-02 */
		answer_error(c, 403, "Forbidden");
		return;
	}
	buf_adds(
		&text,
		"{\"markets\":[\"AE\",\"AU\",\"BD\",\"BR\",\"CA\",\"DE\",\"ES\",\"FR\",\"GB\",\"IN\",\"LK\",\"NP\",\"PK\",\"US\"]}");
	answer_json(c, 200, &text);
}

/* One of Spotify's own lists is always there, for those who may see it: by it a client tells which app it is. */
#define GLOBAL_ID "37i9dQZEVXbMDoHDwVN2tF"
static bool is_global(struct call *c)
{
	simulator_lock(c->s);
	bool known = chart_find(c->s, c->playlist_id) != NULL;
	simulator_unlock(c->s);
	return c->set.population == SIMULATOR_EXTENDED && !known && slice_is(c->playlist_id, GLOBAL_ID);
}

static void global(struct call *c)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	buf_adds(&text, "{\"collaborative\":false,\"description\":\"\",\"id\":\"" GLOBAL_ID "\",\"name\":\"Top 50 - Global\",\"owner\":"
	                "{\"display_name\":\"Spotify\",\"id\":\"spotify\",\"type\":\"user\",\"uri\":\"spotify:user:spotify\"},\"public\":true,"
	                "\"snapshot_id\":\"AAAAAA==\",\"type\":\"playlist\",\"uri\":\"spotify:playlist:" GLOBAL_ID "\"}");
	answer_json(c, 200, &text);
}

void api_answer(struct call *c)
{
	if (!authorized(c))
		return;
	if (strcmp(c->rq->method, "GET") != 0) {
		answer_error(c, 405, "Method not allowed");
		return;
	}
	switch (c->route) {
	case ROUTE_ME:
		if (is_user(c))
			me(c);
		return;
	case ROUTE_ME_PLAYLISTS:
		if (is_user(c))
			api_my_playlists(c);
		return;
	case ROUTE_MARKETS: markets(c); return;
	case ROUTE_PLAYLIST:
		if (is_global(c))
			global(c);
		else
			api_playlist(c);
		return;
	case ROUTE_ITEMS:
	case ROUTE_TRACKS: api_items(c); return;
	default: answer_error(c, 404, "Service not found"); return;
	}
}
