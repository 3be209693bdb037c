/* Object store: blobs by key, shaped by Cloud Storage.
 *
 * Keys are slash-separated UTF-8 names of 1 to 1024 bytes without control characters or a leading '/'; no part is empty,
 * "." or "..", longer than 255 bytes, or starts with ".tmp-" or ".store-" (a folder keeps its own files there).  Asserted by
 * store_key_ok: callers check names that come from outside with it first.  A key that is also the folder of another one
 * ("a" beside "a/b") may be refused (RC_REJECT).
 *
 * An object is seen whole or not at all.  Each write gives it a new version (a positive number that is never used again for
 * that key; Cloud Storage calls it generation).  When put_if_absent, replace or delete returns RC_OK the effect is durable;
 * put_file with durable = false is durable after the next store_sync().  Until then a power cut may bring the former object
 * back (or none), but never a part: that saves the folder's sync for each file, not the file's.
 *
 * Errors: RC_NOT_FOUND (no such object), RC_REJECT (over the reader's limit, or a precondition that failed: the key is taken
 * with other bytes, the version is another one), RC_RETRY, RC_FATAL.  Messages name the key.
 *
 * Safe for several threads and processes.  A new backend is one .c file, one constructor below, and one line in
 * tests/suite/suite_store.c; it must pass that suite unchanged. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"

#define STORE_ANY_VERSION (-1)
#define STORE_NO_VERSION 0 /* the object must not exist */

struct store_object {
	struct slice key;
	int64_t bytes, version;
};
struct store_list {
	struct store_object *object; /* in byte order of their keys */
	size_t count;
	struct slice next; /* pass it to go on; SLICE_NULL at the end */
};

struct store;
struct store_ops {
	const char *name;
	/* RC_OK too when the key holds the same bytes already (*out_created = false); RC_REJECT when it holds others. */
	enum rc (*put_if_absent)(struct store *s, struct slice key, struct slice body, bool *out_created, struct err *err);
	/* Write when the object's version is `expected` (STORE_NO_VERSION, STORE_ANY_VERSION or one seen before). */
	enum rc (*replace)(struct store *s, struct slice key, int64_t expected, struct slice body, int64_t *out_version,
	                   struct err *err);
	/* Bytes owned by `arena`, refused before allocation when they do not fit; out_version may be NULL. */
	enum rc (*get)(struct store *s, struct slice key, struct arena *arena, struct slice *out_body, int64_t *out_version,
	               struct err *err);
	/* A local file with the object's bytes, for reading only, good until the object is replaced or the store closed.
	 * The folder hands out the object's own path; a remote store a copy cached by version. */
	enum rc (*get_file)(struct store *s, struct slice key, struct arena *arena, struct slice *out_path, struct err *err);
	/* Takes over the local file `path` (moved or uploaded, then removed).  On failure it may be there still or not: remove
	 * it, make it again. */
	enum rc (*put_file)(struct store *s, struct slice key, const char *path, int64_t expected, bool durable,
	                    int64_t *out_version, struct err *err);
	/* Up to `max` objects whose key starts with `prefix`, after the key `from` (SLICE_NULL = from the start). */
	enum rc (*list)(struct store *s, struct slice prefix, struct slice from, size_t max, struct arena *arena,
	                struct store_list *out, struct err *err);
	enum rc (*remove)(struct store *s, struct slice key, struct err *err); /* RC_OK when it is gone already */
	enum rc (*sync)(struct store *s, struct err *err);
	void (*close)(struct store *s); /* takes a half-built store */
};
struct store {
	const struct store_ops *ops;
};

/* May this name be a key? */
bool store_key_ok(struct slice key);

MUST_USE static inline enum rc store_put_if_absent(struct store *s, struct slice key, struct slice body, bool *out_created,
                                                   struct err *err)
{
	assert(store_key_ok(key));
	bool ignored;
	return s->ops->put_if_absent(s, key, body, out_created ? out_created : &ignored, err);
}
MUST_USE static inline enum rc store_replace(struct store *s, struct slice key, int64_t expected, struct slice body,
                                             int64_t *out_version, struct err *err)
{
	assert(store_key_ok(key) && expected >= STORE_ANY_VERSION);
	int64_t ignored;
	return s->ops->replace(s, key, expected, body, out_version ? out_version : &ignored, err);
}
MUST_USE static inline enum rc store_get(struct store *s, struct slice key, struct arena *arena, struct slice *out_body,
                                         int64_t *out_version, struct err *err)
{
	assert(store_key_ok(key));
	int64_t ignored;
	return s->ops->get(s, key, arena, out_body, out_version ? out_version : &ignored, err);
}
MUST_USE static inline enum rc store_get_file(struct store *s, struct slice key, struct arena *arena, struct slice *out_path,
                                              struct err *err)
{
	assert(store_key_ok(key));
	return s->ops->get_file(s, key, arena, out_path, err);
}
MUST_USE static inline enum rc store_put_file(struct store *s, struct slice key, const char *path, int64_t expected, bool durable,
                                              int64_t *out_version, struct err *err)
{
	assert(store_key_ok(key) && expected >= STORE_ANY_VERSION);
	int64_t ignored;
	return s->ops->put_file(s, key, path, expected, durable, out_version ? out_version : &ignored, err);
}
MUST_USE static inline enum rc store_list(struct store *s, struct slice prefix, struct slice from, size_t max,
                                          struct arena *arena, struct store_list *out, struct err *err)
{
	assert(max > 0);
	*out = (struct store_list){ 0 };
	return s->ops->list(s, prefix, from, max, arena, out, err);
}
MUST_USE static inline enum rc store_remove(struct store *s, struct slice key, struct err *err)
{
	assert(store_key_ok(key));
	return s->ops->remove(s, key, err);
}
MUST_USE static inline enum rc store_sync(struct store *s, struct err *err)
{
	return s->ops->sync(s, err);
}
static inline void store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}
static inline void store_closep(struct store **s)
{
	store_close(*s);
	*s = NULL;
}

/* A folder: keys are paths below `root`, which is made when it is missing.  A version is the object's time of last change in
 * nanoseconds, set by hand where the clock would repeat itself (store/folder.c says how). */
MUST_USE enum rc store_folder_open(const char *root, struct store **out, struct err *err);
/* Everything in memory; files handed out by get_file live in `scratch_dir`. */
struct store *store_mem_open(const char *scratch_dir);
/* Decorator: call number `fail_at` (1-based, counted over all operations) fails with `rc` before it reaches `inner`;
 * with `after` it fails although `inner` did it (a lost reply).  0 = never.  Owns `inner`. */
struct store *store_fault_open(struct store *inner, int fail_at, bool after, enum rc rc);
bool store_fault_fired(const struct store *s);

#endif
