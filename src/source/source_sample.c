/* An invented world as a source. */
#include "source/source.h"

#include "base/mem.h"
#include "base/time.h"
#include "sim/world.h"

#define PAGE_BYTES_MAX ((size_t) 64 << 20)

struct source_sample {
	struct source base;
	struct world *world;
	size_t limit;
};

static struct source_sample *sample_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_sample, base);
}

static int by_id(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *) a, *(const struct slice *) b);
}

static enum rc sample_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	const struct world *w = sample_of(s)->world;
	(void) err;
	out->count = world_playlist_count(w);
	out->id = arena_alloc_array(arena, out->count, sizeof *out->id);
	for (size_t i = 0; i < out->count; i++)
		out->id[i] = arena_copy(arena, slice_of(world_playlist(w, i)->id));
	qsort(out->id, out->count, sizeof *out->id, by_id);
	return RC_OK;
}

static enum rc find(struct source *s, struct slice id, size_t *out_playlist, struct err *err)
{
	if (!world_find(sample_of(s)->world, id, out_playlist))
		return err_set(err, RC_NOT_FOUND, "source sample: no playlist '%.*s' in the invented history", SLICE_FMT(id));
	return RC_OK;
}

static enum rc sample_snapshots(struct source *s, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	size_t playlist;
	TRY(find(s, id, &playlist, err));
	world_times(sample_of(s)->world, playlist, arena, &out->unix_s, &out->count);
	return RC_OK;
}

static enum rc sample_fetch(struct source *s, struct slice id, int64_t snapshot_at, const struct source_sink *sink,
                            struct err *err)
{
	size_t limit = sample_of(s)->limit, playlist;
	TRY(find(s, id, &playlist, err));
	CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(sample_of(s)->world, playlist, snapshot_at);
	if (!c)
		return err_set(err, RC_NOT_FOUND, "source sample: playlist %.*s: no snapshot at that time", SLICE_FMT(id));

	CLEANUP(buf_done) struct buf body = buf_new(PAGE_BYTES_MAX);
	world_playlist_json(c, &body);
	TRY(buf_ok(&body, "source sample: a playlist", err));
	TRY(sink->object(sink->ctx, SOURCE_PLAYLIST, 0, buf_slice(&body), err));
	int64_t page = 0;
	for (size_t offset = 0; offset == 0 || offset < world_chart_items(c); offset += limit, page++) {
		buf_reset(&body);
		world_page(c, offset, limit, &body);
		TRY(buf_ok(&body, "source sample: a page", err));
		TRY(sink->object(sink->ctx, SOURCE_PAGE, page, buf_slice(&body), err));
	}
	return RC_OK;
}

static void sample_close(struct source *s)
{
	world_close(sample_of(s)->world);
	mem_free(sample_of(s));
}

static const struct source_ops sample_ops = {
	.scheme = "sample",
	.playlists = sample_playlists,
	.snapshots = sample_snapshots,
	.fetch = sample_fetch,
	.close = sample_close,
};

struct source *source_world_open(struct world *world, size_t limit)
{
	assert(limit > 0 && limit <= 100);
	struct source_sample *s = mem_alloc(sizeof *s);
	*s = (struct source_sample){ .base.ops = &sample_ops, .world = world, .limit = limit };
	return &s->base;
}

struct source *source_sample_open(uint64_t seed, int64_t days)
{
	return source_world_open(world_sample_open(seed, days), WORLD_SAMPLE_LIMIT);
}
