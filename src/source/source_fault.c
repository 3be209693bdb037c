/* Decorator: one call fails; each object of a fetch is a call too. */
#include "source/source.h"

#include "base/mem.h"

struct source_fault {
	struct source base;
	struct source_ops ops; /* its own: the scheme is that of the source inside */
	struct source *inner;
	int calls, fail_at;
	enum rc rc;
};

static struct source_fault *fault_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_fault, base);
}

static enum rc trip(struct source_fault *f, const char *what, struct slice id, struct err *err)
{
	if (++f->calls != f->fail_at)
		return RC_OK;
	return err_set(err, f->rc, "injected fault: source %s %.*s", what, SLICE_FMT(id));
}

static enum rc fault_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	TRY(trip(fault_of(s), "playlists", SLICE_NULL, err));
	return source_playlists(fault_of(s)->inner, arena, out, err);
}

static enum rc fault_snapshots(struct source *s, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	TRY(trip(fault_of(s), "snapshots of", id, err));
	return source_snapshots(fault_of(s)->inner, id, arena, out, err);
}

struct tripping_sink {
	struct source_fault *fault;
	const struct source_sink *sink;
	struct slice id;
};

static enum rc fault_object(void *ctx, enum source_object kind, int64_t page, struct slice body, struct err *err)
{
	struct tripping_sink *t = ctx;
	TRY(trip(t->fault, "object of", t->id, err));
	return t->sink->object(t->sink->ctx, kind, page, body, err);
}

static void fault_warn(void *ctx, const char *text)
{
	struct tripping_sink *t = ctx;
	if (t->sink->warn)
		t->sink->warn(t->sink->ctx, text);
}

static void fault_origin(void *ctx, struct slice json)
{
	struct tripping_sink *t = ctx;
	if (t->sink->origin)
		t->sink->origin(t->sink->ctx, json);
}

static void fault_last_id(void *ctx, struct slice snapshot_id)
{
	struct tripping_sink *t = ctx;
	if (t->sink->last_id)
		t->sink->last_id(t->sink->ctx, snapshot_id);
}

static enum rc fault_fetch(struct source *s, struct slice id, int64_t snapshot_at, const struct source_sink *sink, struct err *err)
{
	struct tripping_sink tripping = { fault_of(s), sink, id };
	const struct source_sink through = { &tripping, fault_object, fault_warn, fault_origin, fault_last_id };
	TRY(trip(fault_of(s), "fetch of", id, err));
	return source_fetch(fault_of(s)->inner, id, snapshot_at, &through, err);
}

static enum rc fault_taken(struct source *s, struct slice id, int64_t snapshot_at, struct err *err)
{
	TRY(trip(fault_of(s), "taken of", id, err));
	return source_taken(fault_of(s)->inner, id, snapshot_at, err);
}

static enum rc fault_order(struct source *s, struct source_ids *inout, struct err *err)
{
	TRY(trip(fault_of(s), "order", SLICE_NULL, err));
	return source_order(fault_of(s)->inner, inout, err);
}

static enum rc fault_broken(struct source *s, enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err),
                            void *ctx, struct err *err)
{
	TRY(trip(fault_of(s), "broken lines", SLICE_NULL, err));
	return source_broken(fault_of(s)->inner, each, ctx, err);
}

static void fault_close(struct source *s)
{
	source_close(fault_of(s)->inner);
	mem_free(fault_of(s));
}

struct source *source_fault_open(struct source *inner, int fail_at, enum rc rc)
{
	struct source_fault *f = mem_alloc(sizeof *f);
	*f = (struct source_fault){ .base.ops = &f->ops, .ops = *inner->ops, .inner = inner, .fail_at = fail_at, .rc = rc };
	f->ops.playlists = fault_playlists;
	f->ops.snapshots = fault_snapshots;
	f->ops.fetch = fault_fetch;
	f->ops.taken = f->ops.taken ? fault_taken : NULL; /* what the source inside does not do cannot fail */
	f->ops.order = f->ops.order ? fault_order : NULL;
	f->ops.broken = f->ops.broken ? fault_broken : NULL;
	f->ops.close = fault_close;
	return &f->base;
}

bool source_fault_fired(const struct source *s)
{
	const struct source_fault *f = CONTAINER_OF(s, const struct source_fault, base);
	return f->fail_at > 0 && f->calls >= f->fail_at;
}
