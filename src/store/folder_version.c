/* Versions of a folder's objects.
 *
 * A version is the file's time of last change in nanoseconds, so an immutable object needs no second file, a listing
 * costs one stat a name, and a reader gets bytes and version from one open file.  The clock alone would not do: it stands
 * still for milliseconds and may be set back.  So a write takes effect (rename or link) under a lock of the store, held for
 * those system calls only, and just before it looks: is the new file's time greater than the version it replaces, and
 * greater than the floor?  If not, the time is set by hand to one more (to whole seconds where the file system keeps no
 * finer times).  The floor is the greatest version that was ever removed: it stands in ".store-floor", is raised (durably)
 * before an object above it is removed, and is missing as long as nothing was.  Hence no version of a key comes twice,
 * neither after a removal, nor by another process, nor after the clock was set back. */
#include "base/clock.h"
#include "store/folder.h"

static enum rc read_floor(const struct folder_paths *f, int64_t *out_floor, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(256);
	struct file_info info;
	struct slice text;
	*out_floor = 0;
	TRY(file_stat(f->floor, &info, err));
	if (!info.exists)
		return RC_OK;
	TRY(file_read(f->floor, 64, &arena, &text, err));
	if (!slice_to_int(slice_trim(text), out_floor) || *out_floor < 0)
		return err_set(err, RC_FATAL, "%s: is no number: write the present time in nanoseconds into it", f->floor);
	return RC_OK;
}

/* Before an object is removed: no later one may have its version again.  The present time as floor spares the write for
 * every older object. */
enum rc folder_raise_floor(const struct folder_paths *f, int64_t version, struct err *err)
{
	int64_t floor, now_ns = clock_now_ms(clock_system()) * 1000000;
	TRY(read_floor(f, &floor, err));
	if (version <= floor)
		return RC_OK;
	char text[32];
	(void) snprintf(text, sizeof text, "%lld\n", (long long) (version > now_ns ? version : now_ns));
	return file_replace(f->floor, slice_of(text), err);
}

enum rc folder_look(const struct folder_paths *f, const char *path, struct folder_present *out, struct err *err)
{
	struct file_info info;
	int64_t floor;
	TRY(file_stat(path, &info, err));
	TRY(read_floor(f, &floor, err));
	out->version = info.exists && !info.is_dir ? folder_version(&info) : STORE_NO_VERSION;
	out->least = (out->version > floor ? out->version : floor) + 1;
	/* a folder here is explain()'s business: the rename fails */
	if (out->least > INT64_MAX / 2)
		return err_set(err, RC_FATAL, "%s: its time lies centuries ahead: touch it", path);
	return RC_OK;
}

enum rc folder_check_version(const struct folder_present *present, struct slice key, int64_t expected, struct err *err)
{
	if (expected == STORE_ANY_VERSION || expected == present->version)
		return RC_OK;
	return err_set(err, RC_REJECT, "object '%.*s': is at version %lld, not %lld: read it again", SLICE_FMT(key),
	               (long long) present->version, (long long) expected);
}

/* Two seconds more are enough for every file system that keeps time at all. */
enum rc folder_set_version(const char *path, int64_t least, int64_t *out_version, struct err *err)
{
	static const int64_t steps_ns[] = { 0, 1000000000, 2000000000 };
	for (size_t i = 0; i < COUNT_OF(steps_ns); i++) {
		TRY(file_set_mtime(path, least + steps_ns[i], out_version, err));
		if (*out_version >= least)
			return RC_OK;
	}
	return err_set(err, RC_FATAL, "%s: this file system keeps no times of change: choose another place", path);
}
