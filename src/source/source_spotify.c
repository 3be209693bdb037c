/* Playlists of Spotify's Web API as a source. */
#include "source/source.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "source/spotify_take.h"

#define ID_BYTES_MAX 64
#define CLOCK_SLACK_S 60 /* clocks are set back a little now and then */
#define DAY_S 86400

struct source_spotify {
	struct source base;
	struct source_spotify_options o;
	char *market;
	char settings[HASH_HEX_BYTES];
	struct spotify_state state;
	bool loaded;
	struct take take;   /* of the playlist asked about last */
	char id[ID_BYTES_MAX + 1];
	bool has_take;
};

static struct source_spotify *spotify_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_spotify, base);
}

static int64_t now_s(const struct source_spotify *s)
{
	return clock_now_ms(s->o.clock) / 1000;
}

/* --- what is remembered ------------------------------------------------------------------------------------- */

static enum rc load(struct source_spotify *s, struct err *err)
{
	char name[SPOTIFY_STATE_NAME_BYTES];
	struct token_facts facts;
	if (s->loaded)
		return RC_OK;
	TRY(token_facts(spotify_api_token(s->o.api), &facts, err));
	CLEANUP(buf_done) struct buf text = buf_new(1 << 16);
	spotify_state_name(spotify_api_url(s->o.api), facts.client_id, name);
	buf_addf(&text, "%s\n%s\n%s", name, s->market, s->o.only_fields ? "fields" : "full");
	hash_sha256_hex(buf_slice(&text), s->settings);
	TRY(spotify_state_load(&s->state, &s->o.memory, name, now_s(s), err));
	s->loaded = true;
	spotify_set_not_before(s->o.api, s->state.not_before_ms, s->state.why.ptr);
	return RC_OK;
}

/* What a request came to is remembered before anybody hears of it. */
static enum rc remember(struct source_spotify *s, struct slice id, enum rc rc, const struct err *why, struct err *err)
{
	int64_t not_before_ms = spotify_not_before(s->o.api);
	if (rc == RC_RETRY && !spotify_is_stopped(s->o.api)) {
		spotify_state_owe(&s->state, id, now_s(s));
		if (why->retry_after_ms > 0)
			spotify_state_set_not_before(&s->state, not_before_ms, spotify_why(s->o.api));
	}
	if (rc == RC_REJECT || rc == RC_NOT_FOUND)
		spotify_state_give_up(&s->state, id);
	struct err failed = { 0 };
	if (spotify_state_save(&s->state, &s->o.memory, &failed) != RC_OK)
		log_warn("spotify", "what this run has learned cannot be remembered: %s", failed.msg);
	if (rc != RC_OK && err)
		*err = *why;
	return rc;
}

static void drop_take(struct source_spotify *s)
{
	if (s->has_take)
		take_done(&s->take);
	s->has_take = false;
}

static enum rc begin_take(struct source_spotify *s, struct slice id, struct err *err)
{
	bool found;
	drop_take(s);
	s->take = (struct take){ .o = &s->o, .state = &s->state,
		                 .bodies = arena_new(4 * s->o.page_limit_bytes + ((size_t) 1 << 20)) };
	(void) snprintf(s->id, sizeof s->id, "%.*s", SLICE_FMT(id));
	s->take.playlist_id = slice_of(s->id);
	s->has_take = true;
	TRY(cursor_load(&s->o.memory, id, CURSOR_ETAGS, &s->take.before, &found, err));
	if (!found || strcmp(s->take.before.settings, s->settings) != 0)
		cursor_done(&s->take.before);
	return RC_OK;
}

/* --- the port ----------------------------------------------------------------------------------------------- */

static enum rc spotify_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	(void) s, (void) arena, (void) out;
	return err_set(err, RC_FATAL, "no playlist to follow: `sargam watch add` takes an id or a link, `sargam playlists` lists what the "
	               "account can read, --playlist names one for this run");
}

static bool in_time(const struct source_spotify *s, const struct cursor *c)
{
	int64_t age_s = now_s(s) - c->snapshot_at;
	return age_s > -CLOCK_SLACK_S && age_s < RESUME_S && strcmp(c->settings, s->settings) == 0;
}

/* Is there a snapshot that an earlier run could not finish, and is it still the playlist's?  It costs a request to know. */
static enum rc resume(struct source_spotify *s, bool *out_resumed, struct err *err)
{
	struct cursor *c = &s->take.cursor;
	struct slice id = s->take.playlist_id;
	bool found;
	*out_resumed = false;
	TRY(cursor_load(&s->o.memory, id, CURSOR_FILE, c, &found, err));
	if (!found)
		return c->version ? cursor_forget(&s->o.memory, id, err) : RC_OK;
	*out_resumed = in_time(s, c);
	if (*out_resumed && !c->whole) {
		enum rc rc = take_check(&s->take, out_resumed, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND && rc != RC_REJECT)
			return rc;
		*out_resumed = *out_resumed && rc == RC_OK;
	}
	if (*out_resumed) {
		log_info("spotify", "%.*s: going on with the snapshot of %s, %zu pages of it are here", SLICE_FMT(id),
		         time_rfc3339(c->snapshot_at).s, c->page_count);
		return RC_OK;
	}
	log_info("spotify", "%.*s: the unfinished snapshot of %s is dropped: %s", SLICE_FMT(id), time_rfc3339(c->snapshot_at).s,
	         in_time(s, c) ? "the playlist has changed" : "it is too old, or the settings are others");
	return cursor_forget(&s->o.memory, id, err);
}

static enum rc find_moment(struct source_spotify *s, struct slice id, int64_t *out_at, struct err *err)
{
	bool resumed;
	TRY(begin_take(s, id, err));
	TRY(resume(s, &resumed, err));
	if (!resumed) {
		int64_t at;
		TRY(s->o.memory.next_at(s->o.memory.ctx, id, now_s(s), &at, err));
		if (at - now_s(s) > DAY_S)
			log_warn("spotify", "%.*s: the snapshot before this one is of %s, so this one is a second later: is this machine's clock right?",
			         SLICE_FMT(id), time_rfc3339(at - 1).s);
		take_begin(&s->take, at, s->settings);
	}
	*out_at = s->take.cursor.snapshot_at;
	return RC_OK;
}

static enum rc spotify_snapshots(struct source *base, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	struct source_spotify *s = spotify_of(base);
	struct err why = { 0 };
	int64_t at;
	if (id.len > ID_BYTES_MAX)
		return err_set(err, RC_REJECT, "'%.*s' is no playlist id of Spotify's", SLICE_FMT(id));
	TRY(load(s, err));
	spotify_next_playlist(s->o.api);
	if (spotify_state_find(&s->state, id)->done) {
		log_info("spotify", "%.*s: taken at %s, by the run that was deferred", SLICE_FMT(id),
		         time_rfc3339(spotify_state_find(&s->state, id)->last_s).s);
		return RC_OK;
	}
	enum rc rc = spotify_allowed(s->o.api, &why);
	if (rc == RC_OK)
		rc = find_moment(s, id, &at, &why);
	if (rc != RC_OK)
		return remember(s, id, rc, &why, err);
	out->unix_s = arena_alloc_array(arena, 1, sizeof *out->unix_s);
	out->unix_s[0] = at;
	out->count = 1;
	return RC_OK;
}

static enum rc spotify_fetch(struct source *base, struct slice id, int64_t snapshot_at, const struct source_sink *sink, struct err *err)
{
	struct source_spotify *s = spotify_of(base);
	struct err why = { 0 };
	bool is_ours = s->has_take && slice_eq(s->take.playlist_id, id) && s->take.cursor.snapshot_at == snapshot_at;
	if (!is_ours)
		return err_set(err, RC_NOT_FOUND, "source spotify: playlist %.*s: only the moment that was just named can be read",
		               SLICE_FMT(id));
	TRY(remember(s, id, take_read(&s->take, &why), &why, err));
	return take_hand_out(&s->take, sink, err);
}

/* The pages lie in raw from now on: what was kept to go on with may go, and the ETags are worth remembering. */
static enum rc spotify_taken(struct source *base, struct slice id, int64_t snapshot_at, struct err *err UNUSED)
{
	struct source_spotify *s = spotify_of(base);
	bool is_ours = s->has_take && slice_eq(s->take.playlist_id, id) && s->take.cursor.snapshot_at == snapshot_at;
	if (!is_ours)
		return RC_OK;
	struct err why = { 0 };
	enum rc rc = cursor_save_etags(&s->o.memory, id, &s->take.cursor, &why);
	if (rc == RC_OK && s->take.cursor.version)
		rc = cursor_forget(&s->o.memory, id, &why);
	spotify_state_take(&s->state, s->take.playlist_id, snapshot_at);
	drop_take(s);
	if (rc == RC_OK && (s->state.round_s || s->state.endpoint == ENDPOINT_UNKNOWN))
		rc = spotify_state_save(&s->state, &s->o.memory, &why);
	if (rc != RC_OK) /* the snapshot is taken all the same; the next one may ask for more than it needs */
		log_warn("spotify", "what this run has learned cannot be remembered: %s", why.msg);
	return RC_OK;
}

struct waiting {
	struct slice id;
	bool owed;
	int64_t last_s;
	size_t at;
};

/* Those a deferred run owes first, then those that were taken longest ago; else as they were named. */
static int by_wait(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;
	if (x->owed != y->owed)
		return x->owed ? -1 : 1;
	if (x->last_s != y->last_s)
		return x->last_s < y->last_s ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static enum rc spotify_order(struct source *base, struct source_ids *inout, struct err *err)
{
	struct source_spotify *s = spotify_of(base);
	TRY(load(s, err));
	CLEANUP(mem_freep) struct waiting *list = mem_alloc_array(inout->count, sizeof *list);
	for (size_t i = 0; i < inout->count; i++) {
		const struct spotify_playlist *p = spotify_state_find(&s->state, inout->id[i]);
		list[i] = (struct waiting){ inout->id[i], p->owed, p->last_s, i };
	}
	qsort(list, inout->count, sizeof *list, by_wait);
	for (size_t i = 0; i < inout->count; i++)
		inout->id[i] = list[i].id;
	return RC_OK;
}

static void spotify_close(struct source *base)
{
	struct source_spotify *s = spotify_of(base);
	struct err err = { 0 };
	if (s->loaded && spotify_state_save(&s->state, &s->o.memory, &err) != RC_OK)
		log_warn("spotify", "what this run has learned cannot be remembered: %s", err.msg);
	drop_take(s);
	spotify_state_done(&s->state);
	mem_free(s->market);
	mem_free(s);
}

static const struct source_ops spotify_ops = {
	.scheme = "spotify",
	.live = true,
	.playlists = spotify_playlists,
	.snapshots = spotify_snapshots,
	.fetch = spotify_fetch,
	.taken = spotify_taken,
	.order = spotify_order,
	.close = spotify_close,
};

struct source *source_spotify_open(const struct source_spotify_options *o)
{
	struct source_spotify *s = mem_alloc(sizeof *s);
	*s = (struct source_spotify){ .base.ops = &spotify_ops, .o = *o, .market = mem_strdup(o->market) };
	s->o.market = s->market;
	return &s->base;
}
