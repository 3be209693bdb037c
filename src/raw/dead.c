#include "raw/dead.h"

#include "base/clock.h"
#include "base/time.h"
#include "bronze/partition.h"
#include "raw/extract.h"
#include "raw/key.h"
#include "raw/snapshot.h"

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

enum rc dead_list(struct store *store, struct state *state, struct clock *clock, int64_t after_h, struct arena *arena,
                  struct letters *out, struct err *err)
{
	struct raw_snapshots all;
	TRY(quarantine_list(store, arena, out, err));
	TRY(raw_snapshots(store, SLICE_NULL, arena, &all, err));
	int64_t now_s = clock_now_ms(clock) / 1000, seen_s;
	for (size_t i = 0; i < all.count; i++) {
		const struct raw_snapshot *s = &all.snapshot[i];
		if (s->complete)
			continue;
		TRY(last_seen(store, state, s, &seen_s, err));
		if (now_s - seen_s < after_h * 3600)
			continue;
		struct slice what = s->has_manifest
		                            ? arena_printf(arena, "%zu objects its manifest names are missing", s->missing)
		                            : arena_printf(arena, "%zu objects are there, but no manifest that can be read", s->objects);
		const struct letter l = {
			.reason = SLICE(DEAD_INCOMPLETE),
			.name = letter_snapshot_name(s->playlist_id, s->snapshot_at, arena),
			.detail = arena_printf(arena, "%.*s; run `sargam extract` with its source again", SLICE_FMT(what)),
			.kind = LETTER_SNAPSHOT,
			.playlist_id = s->playlist_id,
			.has_snapshot_at = true,
			.snapshot_at = s->snapshot_at,
		};
		bool dropped;
		TRY(quarantine_is_dropped(store, &l, &dropped, err));
		if (!dropped)
			letters_add(out, &l, arena);
	}
	return RC_OK;
}

enum rc dead_find(struct store *store, struct state *state, struct clock *clock, int64_t after_h, struct slice which,
                  struct arena *arena, struct letter *out, struct err *err)
{
	struct letters all;
	TRY(dead_list(store, state, clock, after_h, arena, &all, err));
	return letters_find(&all, which, arena, out, err);
}

enum rc dead_drop(struct store *store, const struct letter *l, struct err *err)
{
	return is_incomplete(l) ? quarantine_forget(store, l, err) : quarantine_drop(store, l, err);
}

static enum rc replay_message(const struct dead_replay_options *o, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(4 * (size_t) BUS_MESSAGE_BYTES_MAX);
	struct bus_message m = { .attr = arena_alloc_array(&scratch, l->attr_count, sizeof *m.attr) };
	TRY(quarantine_body(o->store, l, &scratch, &m.data, err));
	for (size_t i = 0; i < l->attr_count; i++)
		if (!slice_starts(l->attr[i].key, SLICE("CloudPubSubDeadLetter"))) /* the bus writes its own */
			m.attr[m.attr_count++] = l->attr[i];
	return bus_publish(o->bus, TOPIC, &m, 1, &scratch, err);
}

enum rc dead_replay(const struct dead_replay_options *o, const struct letter *l, const char **out_next, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	if (is_incomplete(l)) {
		*out_next = "still incomplete: `sargam run` with its source fetches it again";
		return RC_OK;
	}
	switch (l->kind) {
	case LETTER_MESSAGE:
		TRY_WRAP(replay_message(o, l, err), err, "replay %.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name));
		*out_next = "published again: `sargam run` takes it from there";
		break;
	case LETTER_SNAPSHOT: {
		if (!l->playlist_id.ptr || !l->has_snapshot_at)
			return err_set(err, RC_REJECT, "%.*s/%.*s does not say which snapshot it is", SLICE_FMT(l->reason),
			               SLICE_FMT(l->name));
		/* without its last file a partition is torn: bronze builds it anew */
		int64_t day = time_day_number(l->snapshot_at, o->chart_offset_s);
		struct time_text month = time_month(day);
		struct slice group = partition_group(l->playlist_id, o->playlist_groups, &scratch);
		TRY(store_remove(o->store, partition_key(BRONZE_SNAPSHOT, group, slice_of(month.s), &scratch), err));
		*out_next = "its partition will be read again: `sargam run`";
		break;
	}
	case LETTER_EXTRACT:
		*out_next = "off the list: `sargam run` with its source fetches it again";
		break;
	case LETTER_IMPORT: /* it stays: nothing here can read those lines, whatever is tried again */
		*out_next = "mend those lines in the file and import it again, then drop this letter";
		return RC_OK;
	}
	return quarantine_remove(o->store, l, err);
}
