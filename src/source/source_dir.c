/* Recorded pages in a folder: PATH/<playlist_id>/<YYYY-MM-DDTHH-MM-SSZ>/page-NNNN.json. */
#include "source/source.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/file.h"

#define NAMES_BYTES_MAX ((size_t) 256 << 20) /* about a million names */
#define PATH_BYTES_MAX 4096
#define ID_BYTES_MAX 64

struct source_dir {
	struct source base;
	char *path;
	size_t page_limit_bytes;
};

static struct source_dir *dir_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_dir, base);
}

static bool id_ok(struct slice id)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
	for (size_t i = 0; i < id.len; i++) {
		if (!memchr(allowed, id.ptr[i], sizeof allowed - 1))
			return false;
	}
	return id.len > 0 && id.len <= ID_BYTES_MAX;
}

/* The folder's own spelling of a time; a leap second is read as the next minute and would be looked for elsewhere. */
static bool time_of_folder(const char *name, int64_t *out_unix_s)
{
	return time_parse_folder(slice_of(name), out_unix_s) && strcmp(time_folder(*out_unix_s).s, name) == 0;
}

/* Both at least four digits, so that each number has one spelling. */
static bool page_of_file(const char *name, int64_t *out_page)
{
	static const char prefix[] = "page-", suffix[] = ".json";
	struct slice s = slice_of(name);
	if (!slice_starts(s, slice_of(prefix)) || !slice_ends(s, slice_of(suffix)) || s.len < sizeof prefix + sizeof suffix - 2)
		return false;
	struct slice digits = slice_sub(s, sizeof prefix - 1, s.len - sizeof prefix - sizeof suffix + 2);
	if (digits.len < 4 || digits.ptr[0] == '-' || (digits.len > 4 && digits.ptr[0] == '0'))
		return false;
	return slice_to_int(digits, out_page);
}

static enum rc is_folder(const char *path, bool *out_is, struct err *err)
{
	struct file_info info;
	TRY(file_stat(path, &info, err));
	*out_is = info.exists && info.is_dir;
	return RC_OK;
}

static enum rc dir_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	struct source_dir *d = dir_of(s);
	CLEANUP(arena_done) struct arena scratch = arena_new(NAMES_BYTES_MAX);
	struct file_names names;
	enum rc rc = file_list(d->path, &scratch, &names, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, RC_FATAL, "source dir:%s: the folder is gone: name the folder of the recorded pages", d->path);
	TRY(rc);
	out->id = arena_alloc_array(arena, names.count, sizeof *out->id);
	for (size_t i = 0; i < names.count; i++) {
		struct slice name = slice_of(names.name[i]);
		bool folder = false;
		if (id_ok(name))
			TRY(is_folder(arena_printf(&scratch, "%s/%s", d->path, names.name[i]).ptr, &folder, err));
		if (folder)
			out->id[out->count++] = arena_copy(arena, name);
		else
			log_warn("source", "%s/%s: skipped: not a playlist's folder (letters, digits, - and _, at most %d)", d->path,
			         names.name[i], ID_BYTES_MAX);
	}
	if (out->count == 0)
		log_warn("source", "%s: holds no playlist: want <playlist id>/<YYYY-MM-DDTHH-MM-SSZ>/page-0000.json below it", d->path);
	return RC_OK;
}

/* RC_NOT_FOUND also for a name that could lead out of the folder. */
static enum rc playlist_folder(struct source_dir *d, struct slice id, struct arena *arena, struct slice *out, struct err *err)
{
	bool folder = false;
	if (id_ok(id)) {
		*out = arena_printf(arena, "%s/%.*s", d->path, SLICE_FMT(id));
		TRY(is_folder(out->ptr, &folder, err));
	}
	if (!folder)
		return err_set(err, RC_NOT_FOUND, "source dir:%s: no folder of a playlist '%.*s'", d->path, SLICE_FMT(id));
	return RC_OK;
}

static enum rc dir_snapshots(struct source *s, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(NAMES_BYTES_MAX);
	struct slice folder;
	struct file_names names;
	TRY(playlist_folder(dir_of(s), id, &scratch, &folder, err));
	TRY(file_list(folder.ptr, &scratch, &names, err));
	/* Names of times sort as the times do. */
	out->unix_s = arena_alloc_array(arena, names.count, sizeof *out->unix_s);
	for (size_t i = 0; i < names.count; i++) {
		bool is_dir = false;
		if (strcmp(names.name[i], "playlist.json") == 0)
			continue;
		if (time_of_folder(names.name[i], &out->unix_s[out->count]))
			TRY(is_folder(arena_printf(&scratch, "%s/%s", folder.ptr, names.name[i]).ptr, &is_dir, err));
		if (is_dir)
			out->count++;
		else
			log_warn("source", "%s/%s: skipped: not a snapshot's folder (want YYYY-MM-DDTHH-MM-SSZ)", folder.ptr,
			         names.name[i]);
	}
	return RC_OK;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
	return x < y ? -1 : x > y;
}

/* How many pages the snapshot has; all of them from 0000 on must be there. */
static enum rc count_pages(const char *folder, struct arena *arena, int64_t *out_count, struct err *err)
{
	struct file_names names;
	TRY(file_list(folder, arena, &names, err));
	int64_t *page = arena_alloc_array(arena, names.count, sizeof *page);
	size_t count = 0;
	for (size_t i = 0; i < names.count; i++) {
		if (page_of_file(names.name[i], &page[count]))
			count++;
		else
			log_warn("source", "%s/%s: skipped: not a page (want page-NNNN.json)", folder, names.name[i]);
	}
	qsort(page, count, sizeof *page, by_number);
	for (size_t i = 0; i < count || i == 0; i++) {
		if (i == count || page[i] != (int64_t) i)
			return err_set(err, RC_REJECT, "%s: page-%04zu.json is missing: put it back or remove the snapshot's folder",
			               folder, i);
	}
	*out_count = (int64_t) count;
	return RC_OK;
}

/* What is wrong with one file concerns its playlist only. */
static enum rc read_object(struct source_dir *d, const char *path, struct arena *arena, struct slice *out, struct err *err)
{
	enum rc rc = file_read(path, d->page_limit_bytes, arena, out, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, RC_RETRY, "%s: went away while the snapshot was read", path);
	return rc == RC_FATAL ? RC_REJECT : rc;
}

static enum rc fetch_playlist(struct source_dir *d, const char *folder, const struct source_sink *sink, struct arena *body,
                              struct err *err)
{
	struct file_info info;
	struct slice path = arena_printf(body, "%s/playlist.json", folder), bytes;
	TRY(file_stat(path.ptr, &info, err));
	if (!info.exists)
		return RC_OK;
	TRY(read_object(d, path.ptr, body, &bytes, err));
	return sink->object(sink->ctx, SOURCE_PLAYLIST, 0, bytes, err);
}

static enum rc dir_fetch(struct source *s, struct slice id, int64_t snapshot_at, const struct source_sink *sink, struct err *err)
{
	struct source_dir *d = dir_of(s);
	CLEANUP(arena_done) struct arena names = arena_new(NAMES_BYTES_MAX);
	CLEANUP(arena_done) struct arena body = arena_new(d->page_limit_bytes + 2 * PATH_BYTES_MAX);
	struct slice playlist;
	TRY(playlist_folder(d, id, &names, &playlist, err));
	struct slice folder = arena_printf(&names, "%s/%s", playlist.ptr, time_folder(snapshot_at).s);
	bool there;
	int64_t pages = 0;
	TRY(is_folder(folder.ptr, &there, err));
	if (!there)
		return err_set(err, RC_NOT_FOUND, "%s: no such snapshot", folder.ptr);
	TRY(count_pages(folder.ptr, &names, &pages, err));

	TRY(fetch_playlist(d, playlist.ptr, sink, &body, err));
	for (int64_t page = 0; page < pages; page++) {
		arena_reset(&body);
		struct slice path = arena_printf(&body, "%s/page-%04lld.json", folder.ptr, (long long) page), bytes;
		TRY(read_object(d, path.ptr, &body, &bytes, err));
		TRY(sink->object(sink->ctx, SOURCE_PAGE, page, bytes, err));
	}
	return RC_OK;
}

static void dir_close(struct source *s)
{
	struct source_dir *d = dir_of(s);
	mem_free(d->path);
	mem_free(d);
}

static const struct source_ops dir_ops = {
	.scheme = "dir",
	.playlists = dir_playlists,
	.snapshots = dir_snapshots,
	.fetch = dir_fetch,
	.close = dir_close,
};

enum rc source_dir_open(const char *path, size_t page_limit_bytes, struct source **out, struct err *err)
{
	bool folder;
	*out = NULL;
	if (path[0] == '\0' || strlen(path) >= PATH_BYTES_MAX / 2)
		return err_set(err, RC_FATAL, "source dir:%s: name the folder of the recorded pages", path);
	TRY(is_folder(path, &folder, err));
	if (!folder)
		return err_set(err, RC_FATAL, "source dir:%s: no such folder: name the folder of the recorded pages", path);
	struct source_dir *d = mem_alloc(sizeof *d);
	*d = (struct source_dir){ .base.ops = &dir_ops, .path = mem_strdup(path), .page_limit_bytes = page_limit_bytes };
	*out = &d->base;
	return RC_OK;
}
