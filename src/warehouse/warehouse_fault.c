/* Decorator: the Nth call fails, before or after the inner warehouse did it. */
#include "base/mem.h"
#include "warehouse/warehouse.h"

struct warehouse_fault {
	struct warehouse base;
	struct warehouse *inner;
	int calls, fail_at;
	bool after;
	enum rc rc;
};

static struct warehouse_fault *fault_of(struct warehouse *w)
{
	return CONTAINER_OF(w, struct warehouse_fault, base);
}

static enum rc injected(const struct warehouse_fault *f, const char *operation, struct err *err)
{
	return err_set(err, f->rc, "injected fault in %s of the warehouse", operation);
}

/* Count the call; fail before it, pass it on, or fail although it was done. */
#define PASS(w, operation, call)                                      \
	do {                                                          \
		struct warehouse_fault *f = fault_of(w);              \
		bool hit = ++f->calls == f->fail_at;                  \
		if (hit && !f->after)                                 \
			return injected(f, operation, err);           \
		TRY(call);                                            \
		return hit ? injected(f, operation, err) : RC_OK;     \
	} while (0)

static enum rc fault_schema(struct warehouse *w, struct err *err)
{
	PASS(w, "schema", warehouse_schema(f->inner, err));
}

static enum rc fault_stage(struct warehouse *w, const struct warehouse_stage *stage, struct warehouse_staged *out, struct err *err)
{
	PASS(w, "stage", warehouse_stage(f->inner, stage, out, err));
}

static enum rc fault_audit(struct warehouse *w, const struct warehouse_audit *audit, struct err *err)
{
	PASS(w, "audit", warehouse_audit(f->inner, audit, err));
}

static enum rc fault_publish(struct warehouse *w, bool *out_changed, struct err *err)
{
	PASS(w, "publish", warehouse_publish(f->inner, out_changed, err));
}

static enum rc fault_query(struct warehouse *w, const char *sql, const struct warehouse_sink *sink, struct err *err)
{
	PASS(w, "query", warehouse_query(f->inner, sql, sink, err));
}

static enum rc fault_query_file(struct warehouse *w, const char *sql, const char *path, struct err *err)
{
	PASS(w, "query", warehouse_query_file(f->inner, sql, path, err));
}

static void fault_close(struct warehouse *w)
{
	struct warehouse_fault *f = fault_of(w);
	warehouse_close(f->inner);
	mem_free(f);
}

static const struct warehouse_ops fault_ops = {
	.name = "fault",
	.schema = fault_schema,
	.stage = fault_stage,
	.audit = fault_audit,
	.publish = fault_publish,
	.query = fault_query,
	.query_file = fault_query_file,
	.close = fault_close,
};

struct warehouse *warehouse_fault_open(struct warehouse *inner, int fail_at, bool after, enum rc rc)
{
	assert(rc != RC_OK);
	struct warehouse_fault *f = mem_alloc(sizeof *f);
	*f = (struct warehouse_fault){ .base.ops = &fault_ops, .inner = inner, .fail_at = fail_at, .after = after, .rc = rc };
	return &f->base;
}

bool warehouse_fault_fired(const struct warehouse *w)
{
	const struct warehouse_fault *f = CONTAINER_OF(w, struct warehouse_fault, base);
	return f->fail_at > 0 && f->calls >= f->fail_at;
}
