/* Listing in byte order of whole keys: a folder stands where its name and '/' stand, so "a-b" < "a/b" < "a0".
 * A page reads the folders on the way from the cursor on, never the whole tree. */
#include "base/buf.h"
#include "base/mem.h"
#include "store/folder.h"

#define KEY_ROOM 2048 /* more than a key may have, so that one too long is seen whole */
#define NAMES_BYTES_MAX ((size_t) 1 << 30)

struct walk {
	const char *root;
	struct slice prefix, from;
	size_t max;
	struct arena *arena;
	struct store_object *found; /* up to max + 1: the one too many tells that there are more */
	size_t count, room;
};

struct entry {
	const char *name;
	bool is_dir;
};

static int entry_cmp(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const char *p = x->name, *q = y->name;
	while (*p && *p == *q)
		p++, q++;
	int c = *p ? (unsigned char) *p : x->is_dir ? '/' : 0;
	int d = *q ? (unsigned char) *q : y->is_dir ? '/' : 0;
	return c - d;
}

/* Can a key that starts with `folder` (ending in '/') be wanted? */
static bool may_hold(const struct walk *w, struct slice folder)
{
	if (!slice_starts(folder, w->prefix) && !slice_starts(w->prefix, folder))
		return false;
	return !w->from.ptr || slice_starts(w->from, folder) || slice_cmp(folder, w->from) > 0;
}

static enum rc add(struct walk *w, struct slice key, struct err *err)
{
	if (!slice_starts(key, w->prefix) || (w->from.ptr && slice_cmp(key, w->from) <= 0) || !store_key_ok(key))
		return RC_OK;
	char path[4096 + KEY_ROOM];
	int len = snprintf(path, sizeof path, "%s/%.*s", w->root, SLICE_FMT(key));
	struct file_info info;
	if (len < 0 || (size_t) len >= sizeof path)
		return RC_OK;
	TRY_WRAP(file_stat(path, &info, err), err, "object '%.*s'", SLICE_FMT(key));
	if (!info.exists || info.is_dir)
		return RC_OK; /* gone since */
	if (w->count == w->room) {
		w->room = w->room ? w->room * 2 : 64;
		w->found = mem_realloc(w->found, w->room * sizeof *w->found);
	}
	if (!arena_fits(w->arena, key.len + 1))
		return err_set(err, RC_REJECT, "list of '%.*s': the names do not fit: ask for less than %zu at once",
		               SLICE_FMT(w->prefix), w->max);
	w->found[w->count++] = (struct store_object){ arena_copy(w->arena, key), info.bytes, folder_version(&info) };
	return RC_OK;
}

static enum rc read_entries(const char *path, struct arena *arena, struct entry **out, size_t *out_count, struct err *err)
{
	struct file_names names;
	TRY(file_list(path, arena, &names, err));
	*out = mem_alloc_array(names.count, sizeof **out);
	*out_count = names.count;
	for (size_t i = 0; i < names.count; i++)
		(*out)[i] = (struct entry){ names.name[i], names.is_dir[i] };
	if (names.count)
		qsort(*out, names.count, sizeof **out, entry_cmp);
	return RC_OK;
}

/* `key` holds the folder's keys' common start ("" or ending in '/') and is left as it was. */
static enum rc walk_folder(struct walk *w, struct buf *key, struct err *err)
{
	CLEANUP(arena_done) struct arena names = arena_new(NAMES_BYTES_MAX);
	CLEANUP(mem_freep) struct entry *entries = NULL;
	CLEANUP(mem_freep) char *path = mem_alloc(strlen(w->root) + 1 + key->len + 1);
	(void) snprintf(path, strlen(w->root) + 1 + key->len + 1, "%s/%s", w->root, key->len ? buf_str(key) : "");
	size_t count = 0, start = key->len;
	struct err why = { 0 };
	enum rc rc = read_entries(path, &names, &entries, &count, &why);
	struct file_info info;
	if (rc == RC_NOT_FOUND || (rc != RC_OK && file_stat(path, &info, NULL) == RC_OK && !info.is_dir))
		return RC_OK; /* no such folder: nothing in it */
	if (rc != RC_OK && err)
		*err = why;
	if (rc != RC_OK)
		return err_wrap(err, rc, "list of '%.*s'", SLICE_FMT(w->prefix));
	for (size_t i = 0; i < count && w->count <= w->max; i++) {
		buf_adds(key, entries[i].name);
		if (entries[i].is_dir)
			buf_addc(key, '/');
		if (key->over)
			rc = RC_OK; /* longer than any key */
		else if (!entries[i].is_dir)
			rc = add(w, buf_slice(key), err);
		else if (may_hold(w, buf_slice(key)) && key->len < KEY_ROOM / 2)
			rc = walk_folder(w, key, err);
		key->over = false;
		key->len = start;
		if (key->ptr)
			key->ptr[start] = '\0';
		TRY(rc);
	}
	return RC_OK;
}

static void walk_done(struct walk *w)
{
	mem_freep(&w->found);
}

enum rc folder_list(const char *root, struct slice prefix, struct slice from, size_t max, struct arena *arena,
                    struct store_list *out, struct err *err)
{
	CLEANUP(walk_done) struct walk w = { root, prefix, from, max, arena, NULL, 0, 0 };
	CLEANUP(buf_done) struct buf key = buf_new(KEY_ROOM);
	/* the deepest folder that all of them lie in */
	size_t deep = prefix.len;
	while (deep && prefix.ptr[deep - 1] != '/')
		deep--;
	if (deep && !store_key_ok(slice_sub(prefix, 0, deep - 1)))
		return RC_OK; /* "..", say: no key starts like this */
	buf_add(&key, slice_sub(prefix, 0, deep));
	TRY(walk_folder(&w, &key, err));
	bool more = w.count > max;
	w.count = more ? max : w.count;
	if (!arena_fits(arena, w.count * sizeof *out->object + 16))
		return err_set(err, RC_REJECT, "list of '%.*s': %zu objects do not fit: ask for less at once", SLICE_FMT(prefix),
		               w.count);
	out->object = arena_alloc_array(arena, w.count, sizeof *out->object);
	out->count = w.count;
	if (w.count)
		memcpy(out->object, w.found, w.count * sizeof *out->object);
	if (more)
		out->next = out->object[max - 1].key;
	return RC_OK;
}
