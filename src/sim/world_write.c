/* A world on disk, in the layout source_dir_open() reads. */
#include "base/time.h"
#include "io/file.h"
#include "sim/world_private.h"

#define TIMES_BYTES_MAX ((size_t) 1 << 30)
#define BODY_BYTES_MAX ((size_t) 1 << 30)
#define PATH_BYTES_MAX 4096

static enum rc write_body(const struct buf *path, const struct buf *body, struct err *err)
{
	TRY(buf_ok(path, "name of a page file", err));
	TRY(buf_ok(body, buf_str(path), err));
	return file_replace(buf_str(path), buf_slice(body), err);
}

static enum rc write_snapshot(const struct world_chart *c, const char *folder, size_t limit, struct buf *body, struct err *err)
{
	size_t pages = c->count == 0 ? 1 : (c->count + limit - 1) / limit;
	CLEANUP(buf_done) struct buf path = buf_new(PATH_BYTES_MAX);
	for (size_t page = 0; page < pages; page++) {
		buf_reset(&path);
		buf_reset(body);
		buf_addf(&path, "%s/%s/page-%04zu.json", folder, time_folder(c->unix_s).s, page);
		world_page(c, page * limit, limit, body);
		TRY(write_body(&path, body, err));
	}
	return RC_OK;
}

static enum rc write_playlist(const struct world *w, size_t playlist, const char *dir, size_t limit, struct buf *body,
                              struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(TIMES_BYTES_MAX);
	int64_t *at;
	size_t count;
	world_times(w, playlist, &arena, &at, &count);
	struct slice folder = arena_printf(&arena, "%s/%s", dir, w->playlist[playlist].id);
	TRY(file_mkdirs(folder.ptr, err));
	for (size_t i = 0; i < count; i++) {
		CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, playlist, at[i]);
		TRY(write_snapshot(c, folder.ptr, limit, body, err));
		if (i + 1 < count)
			continue;
		CLEANUP(buf_done) struct buf path = buf_new(PATH_BYTES_MAX);
		buf_addf(&path, "%s/playlist.json", folder.ptr);
		buf_reset(body);
		world_playlist_json(c, body);
		TRY(write_body(&path, body, err));
	}
	return RC_OK;
}

enum rc world_write_recorded(const struct world *w, const char *dir, size_t limit, struct err *err)
{
	assert(limit > 0);
	CLEANUP(buf_done) struct buf body = buf_new(BODY_BYTES_MAX);
	for (size_t i = 0; i < w->playlist_count; i++)
		TRY_WRAP(write_playlist(w, i, dir, limit, &body, err), err, "world: playlist %s", w->playlist[i].id);
	return RC_OK;
}
