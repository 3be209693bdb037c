/* Objects as files below a folder; store/folder_version.c says what their versions are.
 *
 * Durability.  A file's bytes and time are synced before it gets its name, always: a name that outlives a power cut while
 * its bytes do not would be half an object.  The folder is synced after the lock is free, or later by sync. */
#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "store/folder.h"
#include "store/store.h"

#include <pthread.h>

/* Folders with names that wait for sync; the one that does not fit starts it. */
#define UNSYNCED_MAX 1024
#define TRIES_MAX 100

struct store_folder {
	struct store base;
	struct folder_paths paths;
	pthread_mutex_t sync_lock; /* held during a sync: who comes second must wait for the first one's folders, too */
	pthread_mutex_t lock;      /* of what follows */
	char *unsynced[UNSYNCED_MAX];
	size_t unsynced_count;
};

static struct store_folder *folder_of(struct store *s)
{
	return CONTAINER_OF(s, struct store_folder, base);
}

static char *path_below(const char *folder, struct slice name)
{
	size_t len = strlen(folder), size = len + 1 + name.len + 1;
	char *path = mem_alloc(size);
	(void) snprintf(path, size, "%s/%.*s", folder, SLICE_FMT(name));
	return path;
}

/* `path` holds at least the one '/' behind the root. */
static char *folder_path(const char *path)
{
	char *folder = mem_strdup(path);
	*strrchr(folder, '/') = '\0';
	return folder;
}

static enum rc sync_folder_of(const char *path, struct err *err)
{
	CLEANUP(mem_freep) char *folder = folder_path(path);
	return file_sync_folder(folder, err);
}

static enum rc no_object(struct slice key, struct err *err)
{
	return err_set(err, RC_NOT_FOUND, "object '%.*s': there is none", SLICE_FMT(key));
}

/* Names the key; where the key cannot be because of another one, that is the reason, and no try will change it. */
static enum rc explain(const struct store_folder *f, struct slice key, enum rc rc, struct err *err)
{
	struct file_info info;
	if (rc == RC_OK || rc == RC_REJECT)
		return rc;
	for (size_t end = slice_find(key, '/', 0); rc == RC_FATAL && end <= key.len; end = slice_find(key, '/', end + 1)) {
		struct slice part = slice_sub(key, 0, end);
		CLEANUP(mem_freep) char *path = path_below(f->paths.root, part);
		bool last = end == key.len;
		if (file_stat(path, &info, NULL) != RC_OK || !info.exists)
			break;
		if (!last && !info.is_dir)
			return err_set(err, RC_REJECT, "object '%.*s': '%.*s' is an object, not a folder", SLICE_FMT(key),
			               SLICE_FMT(part));
		if (last && info.is_dir)
			return err_set(err, RC_REJECT, "object '%.*s': is a folder of other objects", SLICE_FMT(key));
		if (last)
			break;
	}
	return err_wrap(err, rc, "object '%.*s'", SLICE_FMT(key));
}

/* Puts */

/* A finished file that waits for its name. */
struct incoming {
	struct file_temp temp;
	const char *source; /* the caller's file, removed before the new name shows; or NULL */
	int64_t version;
};

static void incoming_done(struct incoming *in)
{
	file_temp_done(&in->temp);
}

/* Give it a version that is new and make it durable.  Outside of the lock it is a guess that nearly always holds. */
static enum rc ready(struct incoming *in, int64_t least, struct err *err)
{
	if (in->version < least)
		TRY(folder_set_version(in->temp.path, least, &in->version, err));
	return file_sync_data(in->temp.path, err);
}

static enum rc incoming_bytes(const char *path, struct slice body, struct incoming *out, struct err *err)
{
	struct file_info info;
	*out = (struct incoming){ 0 };
	TRY(file_temp_write(path, body, &out->temp, err));
	TRY(file_stat(out->temp.path, &info, err));
	out->version = folder_version(&info);
	return RC_OK;
}

static enum rc incoming_file(const char *path, const char *source, struct incoming *out, struct err *err)
{
	*out = (struct incoming){ .source = source };
	TRY(file_temp_take(source, path, &out->temp, err));
	return folder_set_version(out->temp.path, clock_now_ms(clock_system()) * 1000000, &out->version, err);
}

/* Under the exclusive lock: still the expected version?  Then the new one takes its place. */
static enum rc take_place(struct store_folder *f, struct slice key, const char *path, int64_t expected, struct incoming *in,
                          struct err *err)
{
	CLEANUP(file_unguardp) int guard = -1;
	struct folder_present present;
	TRY(file_guard(f->paths.lock, false, &guard, err));
	TRY(folder_look(&f->paths, path, &present, err));
	TRY(folder_check_version(&present, key, expected, err));
	if (in->version < present.least)
		TRY(ready(in, present.least, err));
	if (in->source)
		TRY(file_remove(in->source, err));
	return file_move(in->temp.path, path, false, err);
}

static enum rc put(struct store_folder *f, struct slice key, const char *path, int64_t expected, struct incoming *in,
                   struct err *err)
{
	struct folder_present present;
	TRY(folder_look(&f->paths, path, &present, err));
	TRY(folder_check_version(&present, key, expected, err));
	TRY(ready(in, present.least, err));
	return take_place(f, key, path, expected, in, err);
}

static enum rc folder_replace(struct store *s, struct slice key, int64_t expected, struct slice body, int64_t *out_version,
                              struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(incoming_done) struct incoming in = { 0 };
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	enum rc rc = incoming_bytes(path, body, &in, err);
	if (rc == RC_OK)
		rc = put(f, key, path, expected, &in, err);
	if (rc == RC_OK)
		rc = sync_folder_of(path, err);
	*out_version = in.version;
	return explain(f, key, rc, err);
}

/* Is it there with these bytes?  Whoever made it may have died before the fsync of its folder. */
static enum rc same_there(const char *path, struct slice key, struct slice body, bool *out_there, struct err *err)
{
	struct file_info info;
	bool same;
	*out_there = false;
	TRY(file_stat(path, &info, err));
	if (!info.exists || info.is_dir)
		return RC_OK;
	TRY(file_has_bytes(path, body, &same, err));
	if (!same)
		return err_set(err, RC_REJECT, "object '%.*s': exists with other bytes", SLICE_FMT(key));
	TRY(file_sync(path, err));
	*out_there = true;
	return RC_OK;
}

/* The link decides among several; the shared lock only keeps removals (and the floor they raise) away meanwhile. */
static enum rc create(struct store_folder *f, const char *path, struct slice body, bool *out_created, struct err *err)
{
	CLEANUP(incoming_done) struct incoming in = { 0 };
	struct folder_present present;
	TRY(incoming_bytes(path, body, &in, err));
	TRY(folder_look(&f->paths, path, &present, err));
	TRY(ready(&in, present.least, err));
	CLEANUP(file_unguardp) int guard = -1;
	TRY(file_guard(f->paths.lock, true, &guard, err));
	TRY(folder_look(&f->paths, path, &present, err));
	if (in.version < present.least)
		TRY(ready(&in, present.least, err));
	TRY(file_move_new(in.temp.path, path, false, out_created, err));
	file_unguardp(&guard);
	return *out_created ? sync_folder_of(path, err) : RC_OK;
}

static enum rc folder_put_if_absent(struct store *s, struct slice key, struct slice body, bool *out_created, struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	for (int i = 0; i < TRIES_MAX; i++) {
		struct err why = { 0 };
		bool there = false;
		*out_created = false;
		enum rc rc = same_there(path, key, body, &there, &why);
		if (rc == RC_OK && !there)
			rc = create(f, path, body, out_created, &why);
		if (rc == RC_OK && (there || *out_created))
			return RC_OK;
		struct file_info info;
		bool is_dir = rc == RC_OK && file_stat(path, &info, NULL) == RC_OK && info.is_dir;
		if (is_dir)
			rc = err_set(&why, RC_FATAL, "%s: is a folder", path);
		if (rc == RC_OK || rc == RC_NOT_FOUND)
			continue; /* it came or went between two looks */
		if (err)
			*err = why;
		return explain(f, key, rc, err);
	}
	return err_set(err, RC_RETRY, "object '%.*s': comes and goes all the time", SLICE_FMT(key));
}

/* Gets */

static enum rc folder_get(struct store *s, struct slice key, struct arena *arena, struct slice *out_body, int64_t *out_version,
                          struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	struct file_info info;
	enum rc rc = file_stat(path, &info, err);
	if (rc == RC_OK && (!info.exists || info.is_dir))
		return no_object(key, err);
	if (rc == RC_OK)
		rc = file_read_info(path, SIZE_MAX, arena, out_body, &info, err);
	*out_version = folder_version(&info);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "object '%.*s'", SLICE_FMT(key));
}

static enum rc folder_get_file(struct store *s, struct slice key, struct arena *arena, struct slice *out_path, struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	struct file_info info;
	TRY_WRAP(file_stat(path, &info, err), err, "object '%.*s'", SLICE_FMT(key));
	if (!info.exists || info.is_dir)
		return no_object(key, err);
	if (!arena_fits(arena, strlen(path) + 1))
		return err_set(err, RC_REJECT, "object '%.*s': no room for its path", SLICE_FMT(key));
	*out_path = arena_copy(arena, slice_of(path));
	return RC_OK;
}

static enum rc folder_list_op(struct store *s, struct slice prefix, struct slice from, size_t max, struct arena *arena,
                              struct store_list *out, struct err *err)
{
	return folder_list(folder_of(s)->paths.root, prefix, from, max, arena, out, err);
}

/* Removal */

static enum rc remove_object(struct store_folder *f, const char *path, bool *out_was_there, struct err *err)
{
	CLEANUP(file_unguardp) int guard = -1;
	struct folder_present present;
	TRY(file_guard(f->paths.lock, false, &guard, err));
	TRY(folder_look(&f->paths, path, &present, err));
	*out_was_there = present.version != STORE_NO_VERSION;
	if (!*out_was_there)
		return RC_OK;
	TRY(folder_raise_floor(&f->paths, present.version, err));
	return file_remove(path, err);
}

static enum rc folder_remove(struct store *s, struct slice key, struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	bool was_there = false;
	enum rc rc = remove_object(f, path, &was_there, err);
	/* Also when it is gone: whoever removed it may have died before the fsync. */
	struct err why = { 0 };
	enum rc synced = rc == RC_OK ? sync_folder_of(path, &why) : RC_OK;
	if (synced == RC_NOT_FOUND || (!was_there && synced == RC_FATAL))
		synced = RC_OK; /* no such folder: nothing to lose */
	if (synced != RC_OK) {
		rc = synced;
		if (err)
			*err = why;
	}
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "object '%.*s'", SLICE_FMT(key));
}

/* Names that are not durable yet */

static void unsynced_done(char **folders, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_freep(&folders[i]);
}

/* Takes over `folder`; false (and it stays the caller's) when there is no room. */
static bool unsynced_add(struct store_folder *f, char **folder)
{
	pthread_mutex_lock(&f->lock);
	bool known = false;
	for (size_t i = 0; i < f->unsynced_count && !known; i++)
		known = strcmp(f->unsynced[i], *folder) == 0;
	bool fits = known || f->unsynced_count < UNSYNCED_MAX;
	if (known)
		mem_freep(folder);
	else if (fits)
		f->unsynced[f->unsynced_count++] = TAKE(*folder);
	pthread_mutex_unlock(&f->lock);
	return fits;
}

/* What failed waits on: an fsync of names may be asked for again, nothing of it is dropped. */
static enum rc sync_folders(struct store_folder *f, char **folders, size_t count, struct err *err)
{
	enum rc result = RC_OK;
	for (size_t i = 0; i < count; i++) {
		struct err why = { 0 };
		enum rc rc = file_sync_folder(folders[i], &why);
		if (rc == RC_OK || rc == RC_NOT_FOUND) /* removed since */
			continue;
		(void) unsynced_add(f, &folders[i]);
		if (result == RC_OK && err)
			*err = why;
		result = result == RC_OK ? rc : result;
	}
	return result;
}

static enum rc folder_sync(struct store *s, struct err *err)
{
	struct store_folder *f = folder_of(s);
	pthread_mutex_lock(&f->sync_lock);
	pthread_mutex_lock(&f->lock);
	size_t count = f->unsynced_count;
	CLEANUP(mem_freep) char **batch = mem_alloc_array(count, sizeof *batch);
	for (size_t i = 0; i < count; i++)
		batch[i] = TAKE(f->unsynced[i]);
	f->unsynced_count = 0;
	pthread_mutex_unlock(&f->lock);
	enum rc rc = sync_folders(f, batch, count, err);
	pthread_mutex_unlock(&f->sync_lock);
	unsynced_done(batch, count);
	return rc;
}

static enum rc folder_put_file(struct store *s, struct slice key, const char *source, int64_t expected, bool durable,
                               int64_t *out_version, struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(incoming_done) struct incoming in = { 0 };
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	enum rc rc = incoming_file(path, source, &in, err);
	if (rc == RC_OK)
		rc = put(f, key, path, expected, &in, err);
	if (rc == RC_OK && durable)
		rc = sync_folder_of(path, err);
	*out_version = in.version;
	CLEANUP(mem_freep) char *folder = folder_path(path);
	while (rc == RC_OK && !durable && !unsynced_add(f, &folder))
		rc = folder_sync(s, err);
	return explain(f, key, rc, err);
}

static void folder_close(struct store *s)
{
	struct store_folder *f = folder_of(s);
	unsynced_done(f->unsynced, f->unsynced_count);
	pthread_mutex_destroy(&f->sync_lock);
	pthread_mutex_destroy(&f->lock);
	mem_free(f->paths.root);
	mem_free(f->paths.lock);
	mem_free(f->paths.floor);
	mem_free(f);
}

static const struct store_ops folder_ops = {
	.name = "folder",
	.put_if_absent = folder_put_if_absent,
	.replace = folder_replace,
	.get = folder_get,
	.get_file = folder_get_file,
	.put_file = folder_put_file,
	.list = folder_list_op,
	.remove = folder_remove,
	.sync = folder_sync,
	.close = folder_close,
};

enum rc store_folder_open(const char *root, struct store **out, struct err *err)
{
	TRY_WRAP(file_mkdirs(root, err), err, "store '%s'", root);
	struct store_folder *f = mem_alloc(sizeof *f);
	f->base.ops = &folder_ops;
	f->paths.root = mem_strdup(root);
	f->paths.lock = path_below(root, SLICE(".store-lock"));
	f->paths.floor = path_below(root, SLICE(".store-floor"));
	pthread_mutex_init(&f->sync_lock, NULL);
	pthread_mutex_init(&f->lock, NULL);
	*out = &f->base;
	return RC_OK;
}
