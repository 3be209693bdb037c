/* Objects as files below a folder; store/folder_version.c says what their versions are.
 *
 * Durability.  A file's bytes and time are synced before it gets its name, its folder after the lock is free. */
#include "base/clock.h"
#include "base/mem.h"
#include "io/file.h"
#include "store/folder.h"
#include "store/store.h"

#include <pthread.h>

/* Objects put with durable = false that wait for sync; the one that does not fit starts it. */
#define PENDING_MAX 1024
#define TRIES_MAX 100

struct pending {
	char *key;
	int64_t version;
};

struct store_folder {
	struct store base;
	struct folder_paths paths;
	pthread_mutex_t sync_lock; /* held during a sync: who comes second must wait for the first one's files, too */
	pthread_mutex_t lock;      /* of what follows */
	struct pending pending[PENDING_MAX];
	size_t pending_count;
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

/* The key's parent folder; `path` holds at least the one '/' behind the root. */
static enum rc sync_folder_of(const char *path, struct err *err)
{
	CLEANUP(mem_freep) char *folder = mem_strdup(path);
	*strrchr(folder, '/') = '\0';
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
	bool durable;
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
	return in->durable ? file_sync_data(in->temp.path, err) : RC_OK;
}

static enum rc incoming_bytes(const char *path, struct slice body, struct incoming *out, struct err *err)
{
	struct file_info info;
	*out = (struct incoming){ .durable = true };
	TRY(file_temp_write(path, body, &out->temp, err));
	TRY(file_stat(out->temp.path, &info, err));
	out->version = folder_version(&info);
	return RC_OK;
}

static enum rc incoming_file(const char *path, const char *source, bool durable, struct incoming *out, struct err *err)
{
	*out = (struct incoming){ .source = source, .durable = durable };
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
	TRY(take_place(f, key, path, expected, in, err));
	return in->durable ? sync_folder_of(path, err) : RC_OK;
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

/* `version`: only this one, or STORE_ANY_VERSION. */
static enum rc remove_version(struct store_folder *f, const char *path, int64_t version, bool *out_was_there, struct err *err)
{
	CLEANUP(file_unguardp) int guard = -1;
	struct folder_present present;
	TRY(file_guard(f->paths.lock, false, &guard, err));
	TRY(folder_look(&f->paths, path, &present, err));
	*out_was_there = present.version != STORE_NO_VERSION;
	if (!*out_was_there || (version != STORE_ANY_VERSION && version != present.version))
		return RC_OK;
	TRY(folder_raise_floor(&f->paths, present.version, err));
	return file_remove(path, err);
}

static enum rc folder_remove(struct store *s, struct slice key, struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	bool was_there = false;
	enum rc rc = remove_version(f, path, STORE_ANY_VERSION, &was_there, err);
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

/* Objects that are not durable yet */

static void pending_done(struct pending *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_freep(&p[i].key);
}

/* false: no room. */
static bool pending_add(struct store_folder *f, struct slice key, int64_t version)
{
	pthread_mutex_lock(&f->lock);
	bool fits = f->pending_count < PENDING_MAX;
	if (fits) {
		char *copy = mem_alloc(key.len + 1);
		memcpy(copy, key.ptr, key.len);
		f->pending[f->pending_count++] = (struct pending){ copy, version };
	}
	pthread_mutex_unlock(&f->lock);
	return fits;
}

/* After a failed fsync the kernel may have dropped the bytes and the next fsync says nothing of it, so the object must go. */
static enum rc sync_object(struct store_folder *f, const struct pending *p, struct err *err)
{
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, slice_of(p->key));
	enum rc rc = file_sync_data(path, err);
	bool ignored;
	if (rc == RC_OK || rc == RC_NOT_FOUND) /* removed since */
		return RC_OK;
	if (remove_version(f, path, p->version, &ignored, NULL) != RC_OK)
		return err_wrap(err, rc, "object '%s': and it cannot be removed, so do that by hand", p->key);
	return err_wrap(err, rc, "object '%s': removed, because it could not be made durable", p->key);
}

static int pending_cmp(const void *a, const void *b)
{
	return strcmp(((const struct pending *) a)->key, ((const struct pending *) b)->key);
}

/* Each folder once: in the order of their keys those of one folder stand nearly together. */
static enum rc sync_folders(struct store_folder *f, struct pending *p, size_t count, struct err *err)
{
	CLEANUP(mem_freep) char *last = NULL;
	if (count)
		qsort(p, count, sizeof *p, pending_cmp);
	for (size_t i = 0; i < count; i++) {
		char *folder = path_below(f->paths.root, slice_of(p[i].key));
		*strrchr(folder, '/') = '\0';
		bool again = last && strcmp(last, folder) == 0;
		mem_free(last);
		last = folder;
		enum rc rc = again ? RC_OK : file_sync_folder(folder, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return err_wrap(err, rc, "object '%s'", p[i].key);
	}
	return RC_OK;
}

static enum rc sync_batch(struct store_folder *f, struct pending *p, size_t count, struct err *err)
{
	enum rc result = RC_OK;
	for (size_t i = 0; i < count; i++) {
		struct err why = { 0 };
		enum rc rc = sync_object(f, &p[i], &why);
		if (rc != RC_OK && result == RC_OK && err)
			*err = why;
		result = result == RC_OK ? rc : result;
	}
	struct err why = { 0 };
	enum rc rc = sync_folders(f, p, count, &why);
	if (rc == RC_OK)
		return result;
	/* fsync of a folder can be asked again: nothing of it is dropped */
	for (size_t i = 0; i < count; i++)
		(void) pending_add(f, slice_of(p[i].key), p[i].version);
	if (err)
		*err = why;
	return rc;
}

static enum rc folder_sync(struct store *s, struct err *err)
{
	struct store_folder *f = folder_of(s);
	pthread_mutex_lock(&f->sync_lock);
	pthread_mutex_lock(&f->lock);
	size_t count = f->pending_count;
	CLEANUP(mem_freep) struct pending *batch = mem_alloc_array(count, sizeof *batch);
	memcpy(batch, f->pending, count * sizeof *batch);
	f->pending_count = 0;
	pthread_mutex_unlock(&f->lock);
	enum rc rc = sync_batch(f, batch, count, err);
	pthread_mutex_unlock(&f->sync_lock);
	pending_done(batch, count);
	return rc;
}

static enum rc folder_put_file(struct store *s, struct slice key, const char *source, int64_t expected, bool durable,
                               int64_t *out_version, struct err *err)
{
	struct store_folder *f = folder_of(s);
	CLEANUP(incoming_done) struct incoming in = { 0 };
	CLEANUP(mem_freep) char *path = path_below(f->paths.root, key);
	enum rc rc = incoming_file(path, source, durable, &in, err);
	if (rc == RC_OK)
		rc = put(f, key, path, expected, &in, err);
	*out_version = in.version;
	while (rc == RC_OK && !durable && !pending_add(f, key, in.version))
		rc = folder_sync(s, err);
	return explain(f, key, rc, err);
}

static void folder_close(struct store *s)
{
	struct store_folder *f = folder_of(s);
	pending_done(f->pending, f->pending_count);
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
