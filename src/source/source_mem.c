/* Pages in memory, for tests. */
#include "source/source.h"

#include "base/mem.h"

struct object {
	struct object *next;
	char *id, *body;
	int64_t snapshot_at, page;
	enum source_object kind;
	size_t id_len, body_len;
};

/* In the order of playlist, time, kind (the playlist before its pages), page. */
struct source_mem {
	struct source base;
	struct object *first;
};

static struct source_mem *mem_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_mem, base);
}

static struct slice id_of(const struct object *o)
{
	return (struct slice){ o->id, o->id_len };
}

static int compare(const struct object *a, const struct object *b)
{
	int ids = slice_cmp(id_of(a), id_of(b));
	if (ids)
		return ids;
	if (a->snapshot_at != b->snapshot_at)
		return a->snapshot_at < b->snapshot_at ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind == SOURCE_PLAYLIST ? -1 : 1;
	return a->page < b->page ? -1 : a->page > b->page;
}

static void object_free(struct object *o)
{
	mem_free(o->id);
	mem_free(o->body);
	mem_free(o);
}

static char *copy(struct slice s)
{
	char *p = mem_alloc(s.len);
	if (s.len)
		memcpy(p, s.ptr, s.len);
	return p;
}

void source_mem_add(struct source *s, struct slice playlist_id, int64_t snapshot_at, enum source_object kind, int64_t page,
                    struct slice body)
{
	struct object *o = mem_alloc(sizeof *o);
	*o = (struct object){ .id = copy(playlist_id), .id_len = playlist_id.len, .snapshot_at = snapshot_at, .kind = kind,
		              .page = kind == SOURCE_PLAYLIST ? 0 : page, .body = copy(body), .body_len = body.len };
	struct object **at = &mem_of(s)->first;
	while (*at && compare(*at, o) < 0)
		at = &(*at)->next;
	o->next = *at;
	if (*at && compare(*at, o) == 0) { /* the later one counts */
		o->next = (*at)->next;
		object_free(*at);
	}
	*at = o;
}

static enum rc mem_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	(void) err;
	size_t count = 0;
	for (const struct object *o = mem_of(s)->first; o; o = o->next)
		count++;
	out->id = arena_alloc_array(arena, count, sizeof *out->id);
	for (const struct object *o = mem_of(s)->first; o; o = o->next) {
		if (out->count == 0 || !slice_eq(out->id[out->count - 1], id_of(o)))
			out->id[out->count++] = arena_copy(arena, id_of(o));
	}
	return RC_OK;
}

static const struct object *find(struct source *s, struct slice id)
{
	const struct object *o = mem_of(s)->first;
	while (o && !slice_eq(id_of(o), id))
		o = o->next;
	return o;
}

static enum rc no_playlist(struct slice id, struct err *err)
{
	return err_set(err, RC_NOT_FOUND, "source mem: no playlist '%.*s'", SLICE_FMT(id));
}

static enum rc mem_snapshots(struct source *s, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	const struct object *first = find(s, id);
	if (!first)
		return no_playlist(id, err);
	size_t count = 0;
	for (const struct object *o = first; o && slice_eq(id_of(o), id); o = o->next)
		count++;
	out->unix_s = arena_alloc_array(arena, count, sizeof *out->unix_s);
	for (const struct object *o = first; o && slice_eq(id_of(o), id); o = o->next) {
		if (out->count == 0 || out->unix_s[out->count - 1] != o->snapshot_at)
			out->unix_s[out->count++] = o->snapshot_at;
	}
	return RC_OK;
}

static enum rc mem_fetch(struct source *s, struct slice id, int64_t snapshot_at, const struct source_sink *sink, struct err *err)
{
	const struct object *first = find(s, id);
	if (!first)
		return no_playlist(id, err);
	while (first && slice_eq(id_of(first), id) && first->snapshot_at < snapshot_at)
		first = first->next;
	if (!first || !slice_eq(id_of(first), id) || first->snapshot_at != snapshot_at)
		return err_set(err, RC_NOT_FOUND, "source mem: playlist %.*s: no snapshot at that time", SLICE_FMT(id));

	/* Nothing is handed out of a snapshot with a hole. */
	int64_t pages = 0;
	const struct object *end = first;
	for (; end && slice_eq(id_of(end), id) && end->snapshot_at == snapshot_at; end = end->next) {
		if (end->kind == SOURCE_PAGE && end->page != pages++)
			break;
	}
	bool whole = !end || !slice_eq(id_of(end), id) || end->snapshot_at != snapshot_at;
	if (!whole || pages == 0)
		return err_set(err, RC_REJECT, "source mem: playlist %.*s: page %lld is missing", SLICE_FMT(id),
		               (long long) (whole ? 0 : pages - 1));
	for (const struct object *o = first; o != end; o = o->next)
		TRY(sink->object(sink->ctx, o->kind, o->page, (struct slice){ o->body, o->body_len }, err));
	return RC_OK;
}

static void mem_close(struct source *s)
{
	for (struct object *o = mem_of(s)->first, *next; o; o = next) {
		next = o->next;
		object_free(o);
	}
	mem_free(mem_of(s));
}

static const struct source_ops mem_ops = {
	.scheme = "mem",
	.playlists = mem_playlists,
	.snapshots = mem_snapshots,
	.fetch = mem_fetch,
	.close = mem_close,
};

struct source *source_mem_open(void)
{
	struct source_mem *m = mem_alloc(sizeof *m);
	*m = (struct source_mem){ .base.ops = &mem_ops };
	return &m->base;
}
