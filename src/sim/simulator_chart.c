/* Which playlists there are, which snapshot each shows on the day, and edits of it. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "sim/simulator_private.h"
#include "sim/world_private.h"

#define LISTINGS_BYTES_MAX ((size_t) 4 << 30)
#define META_BYTES_MAX ((size_t) 1 << 20)

static enum rc open_world(struct simulator *s)
{
	const struct world *w = s->world;
	s->first_day = w->first_day;
	s->days = w->days;
	s->listing_count = w->playlist_count;
	s->listing = arena_alloc_array(&s->arena, s->listing_count, sizeof *s->listing);
	for (size_t i = 0; i < s->listing_count; i++) {
		const struct world_playlist *p = &w->playlist[i];
		s->listing[i] = (struct listing){ .id = arena_strdup(&s->arena, slice_of(p->id)),
			                           .owner_id = arena_strdup(&s->arena, slice_of(p->owner_id)),
			                           .spotify_owned = p->spotify_owned };
	}
	return RC_OK;
}

enum rc chart_open(struct simulator *s, const struct simulator_options *o, struct err *err)
{
	s->arena = arena_new(LISTINGS_BYTES_MAX);
	if (o->recorded_dir)
		s->recorded_dir = mem_strdup(o->recorded_dir);
	TRY(s->world ? open_world(s) : recorded_open(s, err));
	for (size_t i = 0; i < s->listing_count; i++) {
		struct listing *l = &s->listing[i];
		l->spotify_owned |= strcmp(l->owner_id, "spotify") == 0 || strncmp(l->id, "37i9", 4) == 0;
	}
	return RC_OK;
}

struct listing *chart_find(struct simulator *s, struct slice id)
{
	for (size_t i = 0; i < s->listing_count; i++) {
		if (slice_is(id, s->listing[i].id))
			return &s->listing[i];
	}
	return NULL;
}

/* --- what is shown */

static void let_go(struct shown *shown)
{
	if (!shown || --shown->refs > 0)
		return;
	let_go(shown->of);
	if (!shown->of) {
		world_chart_close(shown->chart);
		recorded_free(shown->recorded);
		mem_free(shown->meta);
	}
	mem_free(shown->order);
	mem_free(shown);
}

void chart_put(struct simulator *s, struct shown *shown)
{
	simulator_lock(s);
	let_go(shown);
	simulator_unlock(s);
}

void chart_forget(struct simulator *s)
{
	for (size_t i = 0; i < s->listing_count; i++) {
		let_go(s->listing[i].shown);
		s->listing[i].shown = NULL;
	}
	s->version++;
}

void chart_close(struct simulator *s)
{
	chart_forget(s);
	arena_done(&s->arena);
	mem_free(s->recorded_dir);
}

/* The latest snapshot at or before the end of the day; false: there was none yet. */
static bool latest(const struct simulator *s, const struct listing *l, int64_t *out_unix_s)
{
	if (!s->world) {
		int64_t end = (s->first_day + s->set.day + 1) * WORLD_DAY_S;
		size_t i = l->at_count;
		while (i > 0 && l->at[i - 1] >= end)
			i--;
		*out_unix_s = i > 0 ? l->at[i - 1] : 0;
		return i > 0;
	}
	for (int64_t day = s->set.day; day >= 0; day--) {
		for (int when = WHEN_COUNT - 1; when >= 0; when--) {
			if (world_taken(s->world, (size_t) (l - s->listing), day, (enum world_when) when, out_unix_s))
				return true;
		}
	}
	return false;
}

bool chart_exists(struct simulator *s, const struct listing *l)
{
	int64_t at;
	simulator_lock(s);
	bool there = latest(s, l, &at);
	simulator_unlock(s);
	return there;
}

static enum rc show_world(struct simulator *s, struct listing *l, int64_t at, struct shown *shown, struct err *err)
{
	CLEANUP(buf_done) struct buf meta = buf_new(META_BYTES_MAX);
	struct world_chart *c = shown->chart = world_chart_open(s->world, (size_t) (l - s->listing), at);
	assert(c);
	world_playlist_json(c, &meta);
	shown->meta = mem_strdup(buf_str(&meta));
	shown->count = c->count;
	shown->hidden = c->total - c->count;
	shown->both = c->both;
	shown->item_shape = c->item_shape;
	world_snapshot_id(c, 0, shown->snapshot_id);
	return buf_ok(&meta, l->id, err);
}

/* The recorded id is that of the latest snapshot; the others, and edits, are named by their content. */
static void recorded_id(const struct listing *l, int64_t at, struct shown *shown)
{
	CLEANUP(json_freep) struct json *meta = NULL;
	enum rc rc = json_parse(slice_of(l->meta), &meta, NULL);
	assert(rc == RC_OK);
	struct slice id = json_get_string(meta, "snapshot_id");
	if (id.len > 0 && id.len < sizeof shown->snapshot_id && at == l->at[l->at_count - 1])
		memcpy(shown->snapshot_id, id.ptr, id.len);
	else
		(void) snprintf(shown->snapshot_id, sizeof shown->snapshot_id, "AAAA%016llx",
		                (unsigned long long) (hash_u64(buf_slice(&shown->recorded->text)) + (uint64_t) at));
}

static enum rc show_recorded(struct simulator *s, struct listing *l, int64_t at, struct shown *shown, struct err *err)
{
	TRY(recorded_load(s, l, at, &shown->recorded, err));
	const struct recorded_items *r = shown->recorded;
	shown->meta = mem_strdup(l->meta);
	shown->count = r->count;
	shown->hidden = r->total - r->count;
	shown->both = r->both;
	shown->item_shape = r->item_shape;
	recorded_id(l, at, shown);
	return RC_OK;
}

/* With the lock held. */
static enum rc show(struct simulator *s, struct listing *l, struct err *err)
{
	int64_t at;
	if (l->shown)
		return RC_OK;
	if (!latest(s, l, &at))
		return err_set(err, RC_NOT_FOUND, "playlist %s: no snapshot yet on day %lld", l->id, (long long) s->set.day);
	struct shown *shown = mem_alloc(sizeof *shown);
	shown->refs = 1;
	enum rc rc = s->world ? show_world(s, l, at, shown, err) : show_recorded(s, l, at, shown, err);
	if (rc != RC_OK) {
		let_go(shown);
		return rc;
	}
	shown->order = mem_alloc_array(shown->count, sizeof *shown->order);
	for (size_t i = 0; i < shown->count; i++)
		shown->order[i] = (uint32_t) i;
	l->shown = shown;
	return RC_OK;
}

enum rc chart_show(struct simulator *s, struct listing *l, struct shown **out, struct err *err)
{
	simulator_lock(s);
	enum rc rc = show(s, l, err);
	if (rc == RC_OK) {
		l->shown->refs++;
		*out = l->shown;
	}
	simulator_unlock(s);
	return rc;
}

/* --- edits */

static const struct shown *snapshot_of(const struct shown *shown)
{
	return shown->of ? shown->of : shown;
}

/* An item of the snapshot that edits have taken out; false when there is none. */
static bool missing_item(const struct shown *shown, uint32_t *out)
{
	size_t all = snapshot_of(shown)->count;
	CLEANUP(mem_freep) bool *there = mem_alloc_array(all, sizeof *there);
	for (size_t i = 0; i < shown->count; i++)
		there[shown->order[i]] = true;
	for (size_t i = 0; i < all; i++) {
		if (!there[i]) {
			*out = (uint32_t) i;
			return true;
		}
	}
	return false;
}

static void move_item(struct shown *shown, size_t from, size_t to)
{
	uint32_t item = shown->order[from];
	memmove(&shown->order[from], &shown->order[from + 1], (shown->count - from - 1) * sizeof *shown->order);
	memmove(&shown->order[to + 1], &shown->order[to], (shown->count - to - 1) * sizeof *shown->order);
	shown->order[to] = item;
}

/* The worst for a reader in the middle: what it has not seen moves to where it has been, and all between move by one; two places
 * change besides.  With `total` an item comes back that was taken out, else the first goes. */
static void rearrange(uint64_t seed, struct shown *shown, bool total)
{
	struct rand_gen g = rand_fork(seed, "edit", shown->edits);
	uint32_t item;
	if (total && missing_item(shown, &item)) {
		shown->order[shown->count++] = item;
		move_item(shown, shown->count - 1, 0);
	} else if (total && shown->count > 0) {
		move_item(shown, 0, shown->count - 1);
		shown->count--;
	}
	if (!total && shown->count > 1)
		move_item(shown, shown->count - 1, 0);
	if (shown->count < 3) /* of two, one more change would be none at all */
		return;
	size_t a = rand_below(&g, shown->count), b = rand_below(&g, shown->count);
	item = shown->order[a];
	shown->order[a] = shown->order[b];
	shown->order[b] = item;
}

static void edited_id(struct shown *shown)
{
	const struct shown *of = shown->of;
	if (of->chart)
		world_snapshot_id(of->chart, shown->edits, shown->snapshot_id);
	else
		(void) snprintf(shown->snapshot_id, sizeof shown->snapshot_id, "AAAA%016llx",
		                (unsigned long long) (hash_u64(buf_slice(&of->recorded->text)) ^ shown->edits << 40));
}

enum rc chart_edit(struct simulator *s, struct listing *l, bool total, struct err *err)
{
	simulator_lock(s);
	enum rc rc = show(s, l, err);
	if (rc == RC_OK) {
		struct shown *old = l->shown, *of = old->of ? old->of : old, *edited = mem_alloc(sizeof *edited);
		*edited = *old;
		edited->refs = 1;
		edited->of = of;
		of->refs++;
		edited->order = mem_alloc_array(of->count, sizeof *edited->order);
		if (old->count)
			memcpy(edited->order, old->order, old->count * sizeof *edited->order);
		edited->edits++;
		rearrange(s->seed, edited, total);
		edited_id(edited);
		l->shown = edited;
		let_go(old);
		s->version++;
	}
	simulator_unlock(s);
	return rc;
}
