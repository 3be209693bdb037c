#include "raw/dead.h"

#include "base/clock.h"
#include "base/time.h"
#include "bronze/partition.h"
#include "raw/extract.h"
#include "raw/key.h"
#include "raw/mend.h"
#include "raw/snapshot.h"

#define KEY_BYTES_MAX 1024

static bool is_incomplete(const struct letter *l)
{
	return slice_is(l->reason, DEAD_INCOMPLETE);
}

/* When something of it last arrived. */
static enum rc last_seen(struct store *store, struct state *state, const struct raw_snapshot *s, int64_t *out_s,
                         struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 256 << 20);
	struct store_list list;
	*out_s = s->snapshot_at;
	if (!state)
		return RC_OK;
	TRY(store_list(store, raw_prefix(s->playlist_id, s->snapshot_at, &scratch), SLICE_NULL, 1000, &scratch, &list, err));
	for (size_t i = 0; i < list.count; i++) {
		struct state_receipts receipts;
		TRY(state_receipts_by_key(state, list.object[i].key, &scratch, &receipts, err));
		for (size_t k = 0; k < receipts.count; k++)
			if (receipts.receipt[k].received_at > *out_s)
				*out_s = receipts.receipt[k].received_at;
	}
	return RC_OK;
}

static struct letter incomplete_letter(const struct raw_snapshot *s, int64_t seen_s, struct arena *arena)
{
	struct slice what = s->has_manifest ? arena_printf(arena, "%zu objects its manifest names are missing", s->missing)
	                                    : arena_printf(arena, "%zu objects are there, but no manifest that can be read", s->objects);
	return (struct letter){
		.reason = SLICE(DEAD_INCOMPLETE),
		.name = letter_snapshot_name(s->playlist_id, s->snapshot_at, arena),
		.detail = arena_printf(arena, "%.*s; run `sargam extract` with its source again", SLICE_FMT(what)),
		.kind = LETTER_SNAPSHOT,
		.playlist_id = s->playlist_id,
		.has_snapshot_at = true,
		.snapshot_at = s->snapshot_at,
		.attempts = 1,
		.first_at = s->snapshot_at,
		.last_at = seen_s,
	};
}

/* *out_is when the snapshot has been incomplete for long enough, and nobody dropped it. */
static enum rc judge_incomplete(const struct dead_place *p, const struct raw_snapshot *s, struct arena *arena, struct letter *out,
                                bool *out_is, struct err *err)
{
	int64_t seen_s;
	bool dropped;
	*out_is = false;
	if (s->complete)
		return RC_OK;
	TRY(last_seen(p->store, p->state, s, &seen_s, err));
	if (clock_now_ms(p->clock) / 1000 - seen_s < p->incomplete_after_h * 3600)
		return RC_OK;
	*out = incomplete_letter(s, seen_s, arena);
	TRY(quarantine_is_dropped(p->store, out, &dropped, err));
	*out_is = !dropped;
	return RC_OK;
}

static enum rc add_incomplete(const struct dead_place *p, struct slice playlist_id, struct arena *arena, struct letters *out,
                              struct err *err)
{
	struct raw_snapshots all;
	TRY(raw_snapshots(p->store, playlist_id, arena, &all, err));
	for (size_t i = 0; i < all.count; i++) {
		struct letter l;
		bool is;
		TRY(judge_incomplete(p, &all.snapshot[i], arena, &l, &is, err));
		if (is)
			letters_add(out, &l, arena);
	}
	return RC_OK;
}

enum rc dead_list(struct store *store, struct state *state, struct clock *clock, int64_t after_h, struct arena *arena,
                  struct letters *out, struct err *err)
{
	const struct dead_place p = { store, state, clock, after_h };
	TRY(quarantine_list(store, arena, out, err));
	return add_incomplete(&p, SLICE_NULL, arena, out, err);
}

enum rc dead_find(struct store *store, struct state *state, struct clock *clock, int64_t after_h, struct slice which,
                  struct arena *arena, struct letter *out, struct err *err)
{
	struct letters all;
	size_t slash = slice_find(which, '/', 0);
	if (slash < which.len) { /* most often the whole name: that needs no list */
		const struct dead_place p = { store, state, clock, after_h };
		enum rc rc = dead_get(&p, slice_sub(which, 0, slash), slice_sub(which, slash + 1, which.len - slash - 1), arena, out, NULL);
		if (rc == RC_OK)
			return RC_OK;
	}
	TRY(dead_list(store, state, clock, after_h, arena, &all, err));
	return letters_find(&all, which, arena, out, err);
}

/* --- one by one --------------------------------------------------------------------------------------------- */

struct walk {
	const struct dead_place *p;
	const struct dead_filter *filter;
	const struct letter_visit *visit;
	struct slice after; /* id */
	bool incomplete_done, stop;
};

static int by_name(const void *a, const void *b)
{
	const struct letter *x = a, *y = b;
	return slice_cmp(x->name, y->name);
}

/* Incomplete snapshots have no object of their own; they stand where one of this reason would. */
static enum rc visit_incomplete(struct walk *w, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	struct letters all = { 0 };
	struct slice prefix = SLICE(DEAD_INCOMPLETE "/"), from = SLICE_NULL;
	w->incomplete_done = true;
	if (w->filter->reason.ptr && !slice_is(w->filter->reason, DEAD_INCOMPLETE))
		return RC_OK;
	if (slice_starts(w->after, prefix))
		from = slice_sub(w->after, prefix.len, w->after.len - prefix.len);
	else if (w->after.ptr && slice_cmp(w->after, prefix) > 0)
		return RC_OK;
	TRY(add_incomplete(w->p, w->filter->playlist_id, &arena, &all, err));
	if (all.count)
		qsort(all.letter, all.count, sizeof *all.letter, by_name);
	for (size_t i = 0; i < all.count && !w->stop; i++)
		if (!from.ptr || slice_cmp(all.letter[i].name, from) > 0)
			TRY(w->visit->each(w->visit->ctx, &all.letter[i], &w->stop, err));
	return RC_OK;
}

static enum rc visit_letter(void *ctx, const struct letter *l, bool *out_stop, struct err *err)
{
	struct walk *w = ctx;
	const struct dead_filter *f = w->filter;
	if (!w->incomplete_done && slice_cmp(l->reason, SLICE(DEAD_INCOMPLETE)) > 0)
		TRY(visit_incomplete(w, err));
	bool fits = (!f->reason.ptr || slice_eq(l->reason, f->reason)) && (!f->playlist_id.ptr || slice_eq(l->playlist_id, f->playlist_id));
	if (fits && !w->stop)
		TRY(w->visit->each(w->visit->ctx, l, &w->stop, err));
	*out_stop = w->stop;
	return RC_OK;
}

enum rc dead_walk(const struct dead_place *p, const struct dead_filter *filter, struct slice after, const struct letter_visit *visit,
                  struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct walk w = { .p = p, .filter = filter, .visit = visit, .after = after };
	const struct letter_visit all = { &w, visit_letter };
	struct slice prefix = SLICE("quarantine/"), key = SLICE_NULL;
	if (after.len > KEY_BYTES_MAX || (filter->reason.ptr && !letter_id_ok(filter->reason, SLICE("x"))))
		return RC_OK; /* behind every name there can be; no reason at all */
	if (filter->reason.ptr)
		prefix = arena_printf(&scratch, "quarantine/%.*s/", SLICE_FMT(filter->reason));
	if (after.ptr)
		key = arena_printf(&scratch, "quarantine/%.*s.json", SLICE_FMT(after));
	TRY(quarantine_walk(p->store, prefix, key, &all, err));
	return w.stop || w.incomplete_done ? RC_OK : visit_incomplete(&w, err);
}

/* "<playlist>.<time>" of an incomplete snapshot. */
static bool parse_name(struct slice name, struct slice *out_playlist, int64_t *out_at)
{
	size_t dot = name.len;
	while (dot > 0 && name.ptr[dot - 1] != '.')
		dot--;
	if (dot == 0)
		return false;
	*out_playlist = slice_sub(name, 0, dot - 1);
	return playlist_id_ok(*out_playlist) && time_parse_compact(slice_sub(name, dot, name.len - dot), out_at);
}

enum rc dead_get(const struct dead_place *p, struct slice reason, struct slice name, struct arena *arena, struct letter *out,
                 struct err *err)
{
	struct raw_snapshot s;
	struct slice playlist_id;
	int64_t at;
	bool is = false;
	enum rc rc = RC_NOT_FOUND;
	if (!slice_is(reason, DEAD_INCOMPLETE)) {
		rc = quarantine_get(p->store, reason, name, arena, out, err);
	} else if (parse_name(name, &playlist_id, &at)) {
		rc = raw_snapshot_look(p->store, playlist_id, at, &s, err);
		if (rc == RC_OK)
			rc = judge_incomplete(p, &s, arena, out, &is, err);
		if (rc == RC_OK && !is)
			rc = RC_NOT_FOUND;
	}
	return rc != RC_NOT_FOUND ? rc : err_set(err, RC_NOT_FOUND, "no dead letter '%.*s/%.*s': `sargam dead list` shows them",
	                                         SLICE_FMT(reason), SLICE_FMT(name));
}

/* --- what can be done --------------------------------------------------------------------------------------- */

enum rc dead_drop(struct store *store, const struct letter *l, struct err *err)
{
	return is_incomplete(l) ? quarantine_forget(store, l, err) : quarantine_drop(store, l, err);
}

static enum rc replay_message(const struct dead_replay_options *o, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(4 * (size_t) BUS_MESSAGE_BYTES_MAX);
	struct bus_message m;
	int64_t revision;
	TRY(mend_read(o->store, l, &scratch, &m, &revision, err));
	struct bus_attr *attr = arena_alloc_array(&scratch, m.attr_count + 3, sizeof *attr);
	if (m.attr_count)
		memcpy(attr, m.attr, m.attr_count * sizeof *attr);
	m.attr = attr;
	if (m.attr_count == BUS_ATTRS_MAX)
		return err_set(err, RC_REJECT, "it has %d attributes and no room for one more: edit it with --remove-attr", BUS_ATTRS_MAX);
	struct slice id = arena_printf(&scratch, "%.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	attr[m.attr_count++] = (struct bus_attr){ SLICE(LETTER_ATTR_ID), id };
	if (m.attr_count + 2 <= BUS_ATTRS_MAX) { /* else it starts to count anew */
		struct slice attempts = arena_printf(&scratch, "%lld", (long long) letter_attempts(l));
		attr[m.attr_count++] = (struct bus_attr){ SLICE(LETTER_ATTR_ATTEMPTS), attempts };
		if (l->first_at > 0)
			attr[m.attr_count++] = (struct bus_attr){ SLICE(LETTER_ATTR_SINCE), arena_copy(&scratch, slice_of(time_rfc3339(l->first_at).s)) };
	}
	return bus_publish(o->bus, TOPIC, &m, 1, &scratch, err);
}

/* Without its last file a partition is torn: bronze builds it anew. */
static enum rc mark_partition(const struct dead_replay_options *o, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	if (!playlist_id_ok(l->playlist_id) || !l->has_snapshot_at)
		return err_set(err, RC_REJECT, "%.*s/%.*s does not say which snapshot it is", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	int64_t day = time_day_number(l->snapshot_at, o->chart_offset_s);
	struct time_text month = time_month(day);
	struct slice group = partition_group(l->playlist_id, o->playlist_groups, &scratch);
	return store_remove(o->store, partition_key(BRONZE_SNAPSHOT, group, slice_of(month.s), &scratch), err);
}

enum rc dead_replay(const struct dead_replay_options *o, const struct letter *l, const char **out_next, struct err *err)
{
	if (is_incomplete(l)) {
		*out_next = "still incomplete: `sargam run` with its source fetches it again, `sargam dead edit` takes a missing page";
		return RC_OK;
	}
	switch (l->kind) {
	case LETTER_MESSAGE:
		TRY_WRAP(replay_message(o, l, err), err, "replay %.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name));
		*out_next = "published again: `sargam run` takes it from there, and the letter with it when it is usable";
		return RC_OK;
	case LETTER_SNAPSHOT:
		TRY(mark_partition(o, l, err));
		*out_next = "its partition will be read again: `sargam run`";
		return RC_OK;
	case LETTER_EXTRACT:
		*out_next = "`sargam run` with its source fetches it again; the letter goes when that succeeds";
		return RC_OK;
	case LETTER_IMPORT: /* nothing here can read those lines, whatever is tried again */
		break;
	}
	*out_next = "mend those lines in the file and import it again, then drop this letter";
	return RC_OK;
}
