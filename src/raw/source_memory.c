#include "raw/source_memory.h"

#include "base/hash.h"
#include "raw/key.h"

#define LIST_PAGE 1000
#define NAME_BYTES 1024

static enum rc key_of(const char *name, char out[static NAME_BYTES], struct err *err)
{
	int n = snprintf(out, NAME_BYTES, PENDING_PREFIX "%s", name);
	if (n < 0 || n >= NAME_BYTES || !store_key_ok(slice_of(out)))
		return err_set(err, RC_REJECT, "'%.100s' cannot be the name of an object", name);
	return RC_OK;
}

/* RC_RETRY of a live source says that Spotify wants a pause; the store's own trouble is no such thing. */
static enum rc of_store(enum rc rc)
{
	return rc == RC_RETRY ? RC_FATAL : rc;
}

static enum rc memory_get(void *ctx, const char *name, struct arena *arena, struct slice *out, int64_t *out_version, struct err *err)
{
	struct raw_memory *m = ctx;
	char key[NAME_BYTES];
	int64_t version = MEMORY_NO_VERSION;
	*out = SLICE_NULL;
	TRY(key_of(name, key, err));
	enum rc rc = store_get(m->store, slice_of(key), arena, out, &version, err);
	if (rc == RC_NOT_FOUND) {
		*out = SLICE_NULL;
		version = MEMORY_NO_VERSION;
		rc = RC_OK;
	}
	if (out_version)
		*out_version = version;
	return of_store(rc);
}

static enum rc memory_put(void *ctx, const char *name, struct slice body, int64_t *version, struct err *err)
{
	struct raw_memory *m = ctx;
	char key[NAME_BYTES];
	TRY(key_of(name, key, err));
	return of_store(store_replace(m->store, slice_of(key), version ? *version : STORE_ANY_VERSION, body, version, err));
}

static enum rc memory_forget(void *ctx, const char *name, struct err *err)
{
	struct raw_memory *m = ctx;
	char key[NAME_BYTES];
	TRY(key_of(name, key, err));
	return of_store(store_remove(m->store, slice_of(key), err));
}

static enum rc memory_forget_all(void *ctx, const char *prefix, const char *except, struct err *err)
{
	struct raw_memory *m = ctx;
	char start[NAME_BYTES], but[NAME_BYTES];
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct slice from = SLICE_NULL;
	(void) snprintf(start, sizeof start, PENDING_PREFIX "%s", prefix);
	(void) snprintf(but, sizeof but, PENDING_PREFIX "%s", except);
	do {
		struct store_list list;
		TRY(of_store(store_list(m->store, slice_of(start), from, LIST_PAGE, &arena, &list, err)));
		for (size_t i = 0; i < list.count; i++)
			if (!slice_is(list.object[i].key, but))
				TRY(of_store(store_remove(m->store, list.object[i].key, err)));
		from = list.next;
	} while (from.ptr);
	return RC_OK;
}

/* The last snapshot_at in raw that is not before `from_s`; 0 when there is none. */
static enum rc last_in_raw(struct store *store, struct slice playlist_id, int64_t from_s, int64_t *out_at, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct slice id = arena_copy(&arena, playlist_id);
	struct slice prefix = arena_printf(&arena, "raw/playlist_id=%.*s/", SLICE_FMT(id));
	struct slice from = arena_copy(&arena, raw_prefix(id, from_s, &arena));
	*out_at = 0;
	while (from.ptr) {
		struct store_list list;
		struct raw_name name;
		TRY(of_store(store_list(store, prefix, from, LIST_PAGE, &arena, &list, err)));
		for (size_t i = 0; i < list.count; i++)
			if (raw_key_parse(list.object[i].key, &name) && name.snapshot_at > *out_at)
				*out_at = name.snapshot_at;
		from = list.next;
	}
	return RC_OK;
}

static enum rc memory_next_at(void *ctx, struct slice playlist_id, int64_t now_s, int64_t *out_at, struct err *err)
{
	struct raw_memory *m = ctx;
	int64_t last;
	TRY(last_in_raw(m->store, playlist_id, now_s, &last, err));
	if (!m->state) {
		*out_at = last >= now_s ? last + 1 : now_s;
		return RC_OK;
	}
	if (last)
		TRY(of_store(state_snapshot_at_seen(m->state, playlist_id, last, err)));
	return of_store(state_snapshot_at_next(m->state, playlist_id, now_s, out_at, err));
}

static enum rc memory_object(void *ctx, enum source_object kind, struct slice playlist_id, int64_t snapshot_at, int64_t page,
                             const char *sha256_hex, struct arena *arena, struct slice *out, struct err *err)
{
	struct raw_memory *m = ctx;
	char have[HASH_HEX_BYTES];
	struct slice key = kind == SOURCE_PAGE ? raw_page_key(playlist_id, snapshot_at, page, sha256_hex, arena)
	                                       : raw_playlist_key(playlist_id, snapshot_at, sha256_hex, arena);
	TRY(of_store(store_get(m->store, key, arena, out, NULL, err)));
	hash_sha256_hex(*out, have);
	if (strcmp(have, sha256_hex) != 0)
		return err_set(err, RC_NOT_FOUND, "object %.*s has other bytes than its name says", SLICE_FMT(key));
	return RC_OK;
}

struct source_memory raw_source_memory(struct raw_memory *m)
{
	return (struct source_memory){
		.ctx = m,
		.get = memory_get,
		.put = memory_put,
		.forget = memory_forget,
		.forget_all = memory_forget_all,
		.next_at = memory_next_at,
		.object = memory_object,
	};
}
