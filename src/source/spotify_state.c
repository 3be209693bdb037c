#include "source/spotify_state.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

#define VERSION 1
#define BYTES_MAX ((size_t) 16 << 20)

void spotify_state_done(struct spotify_state *st)
{
	arena_done(&st->arena);
	mem_free(st->playlist);
	*st = (struct spotify_state){ 0 };
}

const struct spotify_playlist *spotify_state_find(const struct spotify_state *st, struct slice id)
{
	static const struct spotify_playlist never;
	for (size_t i = 0; i < st->count; i++)
		if (slice_eq(st->playlist[i].id, id))
			return &st->playlist[i];
	return &never;
}

static struct spotify_playlist *playlist_of(struct spotify_state *st, struct slice id)
{
	for (size_t i = 0; i < st->count; i++)
		if (slice_eq(st->playlist[i].id, id))
			return &st->playlist[i];
	if (st->count == st->cap) {
		st->cap = st->cap ? 2 * st->cap : 16;
		st->playlist = mem_realloc(st->playlist, st->cap * sizeof *st->playlist);
	}
	st->playlist[st->count] = (struct spotify_playlist){ .id = arena_copy(&st->arena, id) };
	return &st->playlist[st->count++];
}

static void end_round(struct spotify_state *st)
{
	st->round_s = 0;
	for (size_t i = 0; i < st->count; i++)
		st->playlist[i].taken = st->playlist[i].owed = false;
}

static bool owes(const struct spotify_state *st)
{
	for (size_t i = 0; i < st->count; i++)
		if (st->playlist[i].owed)
			return true;
	return false;
}

static bool in_round(const struct spotify_state *st, int64_t now_s)
{
	return st->round_s && now_s >= st->round_s && now_s - st->round_s < ROUND_S && owes(st);
}

void spotify_state_take(struct spotify_state *st, struct slice id, int64_t snapshot_at)
{
	struct spotify_playlist *p = playlist_of(st, id);
	p->last_s = snapshot_at;
	p->taken = true;
	p->owed = false;
	st->changed = true;
	if (st->round_s && !owes(st))
		end_round(st);
}

void spotify_state_give_up(struct spotify_state *st, struct slice id)
{
	struct spotify_playlist *p = playlist_of(st, id);
	if (!p->owed)
		return;
	p->owed = false;
	st->changed = true;
	if (!owes(st))
		end_round(st);
}

void spotify_state_owe(struct spotify_state *st, struct slice id, int64_t now_s)
{
	if (!st->round_s)
		st->round_s = now_s;
	playlist_of(st, id)->owed = true;
	st->changed = true;
}

void spotify_state_set_not_before(struct spotify_state *st, int64_t ms, const char *why)
{
	if (st->not_before_ms == ms)
		return;
	st->not_before_ms = ms;
	st->why = arena_copy(&st->arena, slice_of(why));
	st->changed = true;
}

void spotify_state_name(const char *api_url, const char *client_id, char out[static SPOTIFY_STATE_NAME_BYTES])
{
	char hash[HASH_HEX_BYTES];
	CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
	buf_addf(&text, "%s\n%s", api_url, client_id);
	hash_sha256_hex(buf_slice(&text), hash);
	(void) snprintf(out, SPOTIFY_STATE_NAME_BYTES, "spotify/app-%.16s.json", hash);
}

/* --- as JSON ------------------------------------------------------------------------------------------------ */

static void from_json(struct spotify_state *st, const struct json *root)
{
	const struct json *list = json_get(root, "playlists");
	if (json_get_integer(root, "version", 0) != VERSION)
		return;
	struct slice endpoint = json_get_string(root, "endpoint"), why = json_get_string(root, "why");
	st->endpoint = slice_is(endpoint, "items") ? ENDPOINT_ITEMS : slice_is(endpoint, "tracks") ? ENDPOINT_TRACKS : ENDPOINT_UNKNOWN;
	st->not_before_ms = json_get_integer(root, "not_before_ms", 0);
	st->why = why.ptr ? arena_copy(&st->arena, why) : SLICE("");
	st->round_s = json_get_integer(root, "round_s", 0);
	for (size_t i = 0; i < json_size(list); i++) {
		const struct json *j = json_at(list, i);
		struct slice id = json_get_string(j, "id");
		if (!id.len)
			continue;
		struct spotify_playlist *p = playlist_of(st, id);
		int64_t last_s = json_get_integer(j, "last_s", 0);
		p->last_s = last_s > 0 && last_s <= MEMORY_S_MAX ? last_s : 0;
		(void) json_bool(json_get(j, "taken"), &p->taken);
		(void) json_bool(json_get(j, "owed"), &p->owed);
	}
}

enum rc spotify_state_load(struct spotify_state *st, const struct source_memory *m, const char *name, int64_t now_s, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(BYTES_MAX);
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice text;
	*st = (struct spotify_state){ .arena = arena_new(BYTES_MAX), .why = SLICE("") };
	(void) snprintf(st->name, sizeof st->name, "%s", name);
	TRY(m->get(m->ctx, st->name, &arena, &text, NULL, err));
	if (text.ptr && json_parse(text, &root, NULL) == RC_OK)
		from_json(st, root);
	bool going_on = in_round(st, now_s);
	if (!going_on)
		end_round(st);
	for (size_t i = 0; i < st->count; i++)
		st->playlist[i].done = going_on && st->playlist[i].taken && !st->playlist[i].owed;
	return RC_OK;
}

enum rc spotify_state_save(struct spotify_state *st, const struct source_memory *m, struct err *err)
{
	static const char *const endpoint[] = { "unknown", "items", "tracks" };
	if (!st->changed)
		return RC_OK;
	CLEANUP(buf_done) struct buf text = buf_new(BYTES_MAX);
	CLEANUP(json_freep) struct json *root = json_new_object();
	struct json *list = json_new_array();
	json_set(root, "version", json_new_integer(VERSION));
	json_set(root, "endpoint", json_new_string(slice_of(endpoint[st->endpoint])));
	json_set(root, "not_before_ms", json_new_integer(st->not_before_ms));
	json_set(root, "why", json_new_string(st->why));
	json_set(root, "round_s", json_new_integer(st->round_s));
	for (size_t i = 0; i < st->count; i++) {
		const struct spotify_playlist *p = &st->playlist[i];
		struct json *j = json_new_object();
		json_set(j, "id", json_new_string(p->id));
		json_set(j, "last_s", json_new_integer(p->last_s));
		json_set(j, "taken", json_new_bool(p->taken));
		json_set(j, "owed", json_new_bool(p->owed));
		json_append(list, j);
	}
	json_set(root, "playlists", list);
	json_write(root, JSON_COMPACT, &text);
	TRY(buf_ok(&text, st->name, err));
	TRY(m->put(m->ctx, st->name, buf_slice(&text), NULL, err));
	st->changed = false;
	return RC_OK;
}
