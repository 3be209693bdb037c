/* Everything in memory: for tests, and the reference the other backends are judged against. */
#include "base/mem.h"
#include "base/rand.h"
#include "io/file.h"
#include "store/store.h"

#include <pthread.h>

struct object {
	char *key, *body, *file; /* file: what get_file handed out, or NULL */
	size_t key_len, body_len;
	int64_t version;
};

struct store_mem {
	struct store base;
	pthread_mutex_t lock;
	struct object *objects; /* sorted by key */
	size_t count, room;
	int64_t last_version; /* of the whole store: never used twice for any key */
	char *scratch_dir;
	uint64_t id;
};

static struct store_mem *mem_of(struct store *s)
{
	return CONTAINER_OF(s, struct store_mem, base);
}

static void lock_release(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}
#define HOLD(m)                                                                \
	CLEANUP(lock_release) pthread_mutex_t *held UNUSED = &(m)->lock;       \
	pthread_mutex_lock(held)

static struct slice key_of(const struct object *o)
{
	return (struct slice){ o->key, o->key_len };
}

static struct slice body_of(const struct object *o)
{
	return (struct slice){ o->body, o->body_len };
}

/* The first object at or after `key`. */
static size_t lower_bound(const struct store_mem *m, struct slice key)
{
	size_t low = 0, high = m->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (slice_cmp(key_of(&m->objects[mid]), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct object *find(struct store_mem *m, struct slice key)
{
	size_t i = lower_bound(m, key);
	return i < m->count && slice_eq(key_of(&m->objects[i]), key) ? &m->objects[i] : NULL;
}

static char *copy_bytes(struct slice s)
{
	char *copy = mem_alloc(s.len + 1);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

static void drop_file(struct object *o)
{
	if (o->file && file_remove(o->file, NULL) != RC_OK)
		return; /* a scratch file that stays hurts nobody */
	mem_freep(&o->file);
}

static void object_done(struct object *o)
{
	drop_file(o);
	mem_free(o->file);
	mem_free(o->key);
	mem_free(o->body);
}

static int64_t write_object(struct store_mem *m, struct slice key, struct slice body)
{
	struct object *o = find(m, key);
	if (!o) {
		size_t at = lower_bound(m, key);
		if (m->count == m->room) {
			m->room = m->room ? m->room * 2 : 64;
			m->objects = mem_realloc(m->objects, m->room * sizeof *m->objects);
		}
		memmove(m->objects + at + 1, m->objects + at, (m->count - at) * sizeof *m->objects);
		m->count++;
		o = &m->objects[at];
		*o = (struct object){ .key = copy_bytes(key), .key_len = key.len };
	}
	drop_file(o);
	mem_free(o->body);
	o->body = copy_bytes(body);
	o->body_len = body.len;
	return o->version = ++m->last_version;
}

static enum rc check_version(const struct object *o, struct slice key, int64_t expected, struct err *err)
{
	int64_t version = o ? o->version : STORE_NO_VERSION;
	if (expected == STORE_ANY_VERSION || expected == version)
		return RC_OK;
	return err_set(err, RC_REJECT, "object '%.*s': is at version %lld, not %lld: read it again", SLICE_FMT(key),
	               (long long) version, (long long) expected);
}

static enum rc mem_put_if_absent(struct store *s, struct slice key, struct slice body, bool *out_created, struct err *err)
{
	struct store_mem *m = mem_of(s);
	HOLD(m);
	const struct object *o = find(m, key);
	if (o && !slice_eq(body_of(o), body))
		return err_set(err, RC_REJECT, "object '%.*s': exists with other bytes", SLICE_FMT(key));
	if (!o)
		(void) write_object(m, key, body);
	*out_created = !o;
	return RC_OK;
}

static enum rc mem_replace(struct store *s, struct slice key, int64_t expected, struct slice body, int64_t *out_version,
                           struct err *err)
{
	struct store_mem *m = mem_of(s);
	HOLD(m);
	TRY(check_version(find(m, key), key, expected, err));
	*out_version = write_object(m, key, body);
	return RC_OK;
}

static enum rc no_object(struct slice key, struct err *err)
{
	return err_set(err, RC_NOT_FOUND, "object '%.*s': there is none", SLICE_FMT(key));
}

static enum rc mem_get(struct store *s, struct slice key, struct arena *arena, struct slice *out_body, int64_t *out_version,
                       struct err *err)
{
	struct store_mem *m = mem_of(s);
	HOLD(m);
	const struct object *o = find(m, key);
	if (!o)
		return no_object(key, err);
	if (!arena_fits(arena, o->body_len + 1))
		return err_set(err, RC_REJECT, "object '%.*s': %zu bytes do not fit into the %zu that are left for them",
		               SLICE_FMT(key), o->body_len, arena->limit - arena->used);
	*out_body = arena_copy(arena, body_of(o));
	*out_version = o->version;
	return RC_OK;
}

static enum rc mem_get_file(struct store *s, struct slice key, struct arena *arena, struct slice *out_path, struct err *err)
{
	struct store_mem *m = mem_of(s);
	HOLD(m);
	struct object *o = find(m, key);
	if (!o)
		return no_object(key, err);
	if (!arena_fits(arena, strlen(m->scratch_dir) + 64))
		return err_set(err, RC_REJECT, "object '%.*s': no room for its path", SLICE_FMT(key));
	struct slice path = arena_printf(arena, "%s/store-mem-%016llx-%lld", m->scratch_dir, (unsigned long long) m->id,
	                                 (long long) o->version);
	if (!o->file) {
		CLEANUP(file_temp_done) struct file_temp temp = { 0 };
		TRY_WRAP(file_temp_write(path.ptr, body_of(o), &temp, err), err, "object '%.*s'", SLICE_FMT(key));
		TRY_WRAP(file_move(temp.path, path.ptr, false, err), err, "object '%.*s'", SLICE_FMT(key));
		o->file = copy_bytes(path);
	}
	*out_path = path;
	return RC_OK;
}

static enum rc mem_put_file(struct store *s, struct slice key, const char *path, int64_t expected, bool durable UNUSED,
                            int64_t *out_version, struct err *err)
{
	struct store_mem *m = mem_of(s);
	CLEANUP(arena_done) struct arena arena = arena_new(SIZE_MAX);
	struct slice body;
	TRY_WRAP(file_read(path, SIZE_MAX, &arena, &body, err), err, "object '%.*s'", SLICE_FMT(key));
	HOLD(m);
	TRY(check_version(find(m, key), key, expected, err));
	TRY_WRAP(file_remove(path, err), err, "object '%.*s'", SLICE_FMT(key));
	*out_version = write_object(m, key, body);
	return RC_OK;
}

static enum rc mem_list(struct store *s, struct slice prefix, struct slice from, size_t max, struct arena *arena,
                        struct store_list *out, struct err *err)
{
	struct store_mem *m = mem_of(s);
	HOLD(m);
	size_t first = lower_bound(m, prefix);
	if (from.ptr) {
		size_t after = lower_bound(m, from);
		after += after < m->count && slice_eq(key_of(&m->objects[after]), from);
		first = after > first ? after : first;
	}
	size_t end = first;
	while (end < m->count && end - first < max && slice_starts(key_of(&m->objects[end]), prefix))
		end++;
	size_t bytes = (end - first) * sizeof *out->object + 16;
	for (size_t i = first; i < end; i++)
		bytes += m->objects[i].key_len + 17;
	if (!arena_fits(arena, bytes))
		return err_set(err, RC_REJECT, "list of '%.*s': %zu bytes of names do not fit: ask for less than %zu at once",
		               SLICE_FMT(prefix), bytes, max);
	out->object = arena_alloc_array(arena, end - first, sizeof *out->object);
	for (size_t i = first; i < end; i++) {
		const struct object *o = &m->objects[i];
		out->object[out->count++] =
			(struct store_object){ arena_copy(arena, key_of(o)), (int64_t) o->body_len, o->version };
	}
	if (out->count == max && end < m->count && slice_starts(key_of(&m->objects[end]), prefix))
		out->next = out->object[out->count - 1].key;
	return RC_OK;
}

static enum rc mem_remove(struct store *s, struct slice key, struct err *err UNUSED)
{
	struct store_mem *m = mem_of(s);
	HOLD(m);
	struct object *o = find(m, key);
	if (!o)
		return RC_OK;
	object_done(o);
	size_t at = (size_t) (o - m->objects);
	memmove(o, o + 1, (m->count - at - 1) * sizeof *o);
	m->count--;
	return RC_OK;
}

static enum rc mem_sync(struct store *s UNUSED, struct err *err UNUSED)
{
	return RC_OK;
}

static void mem_close(struct store *s)
{
	struct store_mem *m = mem_of(s);
	for (size_t i = 0; i < m->count; i++)
		object_done(&m->objects[i]);
	pthread_mutex_destroy(&m->lock);
	mem_free(m->objects);
	mem_free(m->scratch_dir);
	mem_free(m);
}

static const struct store_ops mem_ops = {
	.name = "mem",
	.put_if_absent = mem_put_if_absent,
	.replace = mem_replace,
	.get = mem_get,
	.get_file = mem_get_file,
	.put_file = mem_put_file,
	.list = mem_list,
	.remove = mem_remove,
	.sync = mem_sync,
	.close = mem_close,
};

struct store *store_mem_open(const char *scratch_dir)
{
	struct store_mem *m = mem_alloc(sizeof *m);
	m->base.ops = &mem_ops;
	m->scratch_dir = mem_strdup(scratch_dir);
	m->id = rand_os();
	pthread_mutex_init(&m->lock, NULL);
	return &m->base;
}
