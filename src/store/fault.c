/* Decorator that fails one call: before the inner store sees it, or after (a reply that was lost). */
#include "base/mem.h"
#include "store/store.h"

#include <stdatomic.h>

struct store_fault {
	struct store base;
	struct store *inner;
	atomic_int calls;
	int fail_at;
	bool after;
	enum rc rc;
};

static struct store_fault *fault_of(struct store *s)
{
	return CONTAINER_OF(s, struct store_fault, base);
}

static bool trips(struct store_fault *f)
{
	return atomic_fetch_add(&f->calls, 1) + 1 == f->fail_at;
}

static enum rc injected(const struct store_fault *f, const char *op, struct slice key, struct err *err)
{
	return err_set(err, f->rc, "object '%.*s': injected fault %s %s", SLICE_FMT(key), f->after ? "after" : "in", op);
}

static enum rc fault_put_if_absent(struct store *s, struct slice key, struct slice body, bool *out_created, struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_put_if_absent(f->inner, key, body, out_created, err));
	return trip ? injected(f, "put_if_absent", key, err) : RC_OK;
}

static enum rc fault_replace(struct store *s, struct slice key, int64_t expected, struct slice body, int64_t *out_version,
                             struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_replace(f->inner, key, expected, body, out_version, err));
	return trip ? injected(f, "replace", key, err) : RC_OK;
}

static enum rc fault_get(struct store *s, struct slice key, struct arena *arena, struct slice *out_body, int64_t *out_version,
                         struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_get(f->inner, key, arena, out_body, out_version, err));
	return trip ? injected(f, "get", key, err) : RC_OK;
}

static enum rc fault_get_file(struct store *s, struct slice key, struct arena *arena, struct slice *out_path, struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_get_file(f->inner, key, arena, out_path, err));
	return trip ? injected(f, "get_file", key, err) : RC_OK;
}

static enum rc fault_put_file(struct store *s, struct slice key, const char *path, int64_t expected, bool durable,
                              int64_t *out_version, struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_put_file(f->inner, key, path, expected, durable, out_version, err));
	return trip ? injected(f, "put_file", key, err) : RC_OK;
}

static enum rc fault_list(struct store *s, struct slice prefix, struct slice from, size_t max, struct arena *arena,
                          struct store_list *out, struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_list(f->inner, prefix, from, max, arena, out, err));
	return trip ? injected(f, "list", prefix, err) : RC_OK;
}

static enum rc fault_remove(struct store *s, struct slice key, struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_remove(f->inner, key, err));
	return trip ? injected(f, "remove", key, err) : RC_OK;
}

static enum rc fault_sync(struct store *s, struct err *err)
{
	struct store_fault *f = fault_of(s);
	bool trip = trips(f);
	if (!trip || f->after)
		TRY(store_sync(f->inner, err));
	return trip ? injected(f, "sync", SLICE("*"), err) : RC_OK;
}

static void fault_close(struct store *s)
{
	struct store_fault *f = fault_of(s);
	store_close(f->inner);
	mem_free(f);
}

static const struct store_ops fault_ops = {
	.name = "fault",
	.put_if_absent = fault_put_if_absent,
	.replace = fault_replace,
	.get = fault_get,
	.get_file = fault_get_file,
	.put_file = fault_put_file,
	.list = fault_list,
	.remove = fault_remove,
	.sync = fault_sync,
	.close = fault_close,
};

struct store *store_fault_open(struct store *inner, int fail_at, bool after, enum rc rc)
{
	assert(inner && rc != RC_OK);
	struct store_fault *f = mem_alloc(sizeof *f);
	f->base.ops = &fault_ops;
	f->inner = inner;
	f->fail_at = fail_at;
	f->after = after;
	f->rc = rc;
	return &f->base;
}

bool store_fault_fired(const struct store *s)
{
	assert(s->ops == &fault_ops);
	const struct store_fault *f = (const struct store_fault *) (const void *) s;
	return f->fail_at > 0 && atomic_load(&f->calls) >= f->fail_at;
}
