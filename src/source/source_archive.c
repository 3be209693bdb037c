/* The playlist archive: every version of a list's Markdown file in a git repository is a snapshot at its commit's author time. */
#include "source/source.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "source/archive_git.h"
#include "source/archive_md.h"

#define INDEX_BYTES_MAX ((size_t) 4 << 30)
#define WHERE_BYTES 128

struct version {
	struct slice playlist_id; /* SLICE_NULL: not known, or no list's file */
	struct slice path;
	int64_t at;               /* the author's time, made unique within its playlist */
	size_t order;             /* in the history */
	char commit[GIT_OID_BYTES], blob[GIT_OID_BYTES];
};
struct source_archive {
	struct source base;
	char *path;
	struct git *git;
	struct arena names;       /* of the versions */
	struct version *version;  /* by playlist and time, once indexed */
	size_t count, cap;
	bool indexed;
	struct broken_set *broken;
};

static struct source_archive *archive_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_archive, base);
}

/* --- which versions there are ------------------------------------------------------------------------------- */

static bool has_folder(struct slice path, struct slice folder)
{
	for (size_t from = 0; from < path.len;) {
		size_t end = slice_find(path, '/', from);
		if (end < path.len && slice_eq(slice_sub(path, from, end - from), folder))
			return true;
		from = end + 1;
	}
	return false;
}

/* The archive's other folders hold the same lists in forms that tell of no day. */
static bool may_be_list(struct slice path)
{
	return slice_ends(path, SLICE(".md")) && !has_folder(path, SLICE("cumulative")) && !has_folder(path, SLICE("plain"));
}

/* Here every file is a list's. */
static bool must_be_list(struct slice path)
{
	return has_folder(path, SLICE("pretty"));
}

static void note_broken(struct source_archive *a, const struct version *v, enum md_reason reason, int64_t line, struct slice text)
{
	char where[WHERE_BYTES];
	(void) snprintf(where, sizeof where, "%.12s:%lld", v->commit, (long long) line);
	const struct broken_line b = { .playlist_id = v->playlist_id, .reason = md_reason(reason), .from = v->path,
	                               .where = slice_of(where), .line = text, .once = true };
	broken_set_add(a->broken, &b);
}

static enum rc on_change(void *ctx, const struct git_change *c, struct err *err)
{
	struct source_archive *a = ctx;
	if (!may_be_list(c->path))
		return RC_OK;
	if (!arena_fits(&a->names, c->path.len + 256))
		return err_set(err, RC_FATAL, "more versions than fit into memory: import a part of the history");
	if (a->count == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 1024;
		a->version = mem_realloc(a->version, a->cap * sizeof *a->version);
	}
	struct version *v = &a->version[a->count];
	*v = (struct version){ .path = arena_copy(&a->names, c->path), .at = c->has_time ? c->author_time : 0, .order = a->count };
	memcpy(v->commit, c->commit, sizeof v->commit);
	memcpy(v->blob, c->blob, sizeof v->blob);
	a->count++;
	return RC_OK;
}

/* --- the pass over their content ---------------------------------------------------------------------------- */

static enum rc read_content(struct source_archive *a, const struct version *v, struct arena *arena, struct slice *out, struct err *err)
{
	arena_reset(arena);
	return git_blob(a->git, v->blob, MD_FILE_BYTES_MAX, arena, out, err);
}

static struct arena content_arena(void)
{
	return arena_new(MD_FILE_BYTES_MAX + ((size_t) 1 << 20));
}

/* Whose list it is, and which of its rows are no use; a file that is no list's at all keeps no id. */
static enum rc look_at(struct source_archive *a, struct version *v, struct arena *content, struct arena *names, struct md_row *row,
                       struct err *err)
{
	struct slice text;
	struct md_reader md;
	enum rc rc = read_content(a, v, content, &text, err);
	if (rc == RC_NOT_FOUND || rc == RC_REJECT) {
		if (must_be_list(v->path))
			note_broken(a, v, rc == RC_REJECT ? MD_REASON_too_large : MD_REASON_missing_object, 0, slice_of(v->blob));
		return RC_OK;
	}
	TRY(rc);
	arena_reset(names);
	enum md_reason reason = md_open(text, names, &md);
	if (reason != MD_FINE) {
		if (must_be_list(v->path))
			note_broken(a, v, reason, 1, slice_sub(text, 0, slice_find(text, '\n', 0)));
		return RC_OK;
	}
	v->playlist_id = md.playlist_id; /* for the rows' letters; copied when it is kept */
	for (; md_next(&md, names, row); arena_reset(names))
		if (row->reason != MD_FINE)
			note_broken(a, v, row->reason, row->line, row->text);
	v->playlist_id = arena_copy(&a->names, md.playlist_id);
	return RC_OK;
}

static int by_blob(const void *a, const void *b)
{
	const struct version *x = *(struct version *const *) a, *y = *(struct version *const *) b;
	int c = strcmp(x->blob, y->blob);
	return c ? c : x->order < y->order ? -1 : x->order > y->order;
}

/* For each version the first one of the same content: that one is read, and told of. */
static struct version **find_firsts(struct source_archive *a)
{
	struct version **sorted = mem_alloc_array(a->count, sizeof *sorted), **first = mem_alloc_array(a->count, sizeof *first);
	for (size_t i = 0; i < a->count; i++)
		sorted[i] = &a->version[i];
	if (a->count)
		qsort(sorted, a->count, sizeof *sorted, by_blob);
	for (size_t i = 0, from = 0; i < a->count; i++) {
		if (strcmp(sorted[i]->blob, sorted[from]->blob) != 0)
			from = i;
		first[sorted[i] - a->version] = sorted[from];
	}
	mem_free(sorted);
	return first;
}

static int by_playlist(const void *a, const void *b)
{
	const struct version *x = a, *y = b;
	int c = slice_cmp(x->playlist_id, y->playlist_id);
	if (c)
		return c;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* A version equal to the one before is none (a list was only moved to another path); one of the same second comes a
 * second later. */
static void settle(struct source_archive *a)
{
	size_t kept = 0;
	for (size_t i = 0; i < a->count; i++)
		if (a->version[i].playlist_id.ptr && a->version[i].at > 0)
			a->version[kept++] = a->version[i];
		else if (a->version[i].playlist_id.ptr)
			note_broken(a, &a->version[i], MD_REASON_bad_time, 0, slice_of(a->version[i].commit));
	a->count = kept;
	if (a->count)
		qsort(a->version, a->count, sizeof *a->version, by_playlist);
	kept = 0;
	for (size_t i = 0; i < a->count; i++) {
		struct version *v = &a->version[i];
		const struct version *last = kept ? &a->version[kept - 1] : NULL;
		bool follows = last && slice_eq(last->playlist_id, v->playlist_id);
		if (follows && strcmp(last->blob, v->blob) == 0)
			continue;
		if (follows && v->at <= last->at)
			v->at = last->at + 1;
		a->version[kept++] = *v;
	}
	a->count = kept;
}

static enum rc index_content(struct source_archive *a, struct err *err)
{
	if (a->indexed)
		return RC_OK;
	CLEANUP(arena_done) struct arena content = content_arena();
	CLEANUP(arena_done) struct arena names = arena_new(MD_HEAD_BYTES);
	CLEANUP(mem_freep) struct md_row *row = mem_alloc(sizeof *row);
	broken_set_free(a->broken); /* of a pass that was stopped */
	a->broken = broken_set_new();
	CLEANUP(mem_freep) struct version **first = find_firsts(a);
	for (size_t i = 0; i < a->count; i++) {
		if (first[i] == &a->version[i])
			TRY_WRAP(look_at(a, &a->version[i], &content, &names, row, err), err, "source");
		a->version[i].playlist_id = first[i]->playlist_id;
	}
	size_t all = a->count;
	settle(a);
	if (a->count == 0)
		return err_set(err, RC_FATAL, "source archive:%s: none of its %zu .md files is a list with a table of tracks: is it the "
		                              "playlist archive, and all of it here (no partial clone)?", a->path, all);
	a->indexed = true;
	return RC_OK;
}

static enum rc archive_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	struct source_archive *a = archive_of(s);
	TRY(index_content(a, err));
	size_t count = 0;
	for (size_t i = 0; i < a->count; i++)
		count += i == 0 || !slice_eq(a->version[i - 1].playlist_id, a->version[i].playlist_id);
	out->id = arena_alloc_array(arena, count, sizeof *out->id);
	for (size_t i = 0; i < a->count; i++)
		if (i == 0 || !slice_eq(a->version[i - 1].playlist_id, a->version[i].playlist_id))
			out->id[out->count++] = arena_copy(arena, a->version[i].playlist_id);
	return RC_OK;
}

/* The first version of the playlist at that time or later. */
static size_t find(const struct source_archive *a, struct slice id, int64_t at)
{
	const struct version want = { .playlist_id = id, .at = at };
	size_t from = 0, end = a->count;
	while (from < end) {
		size_t mid = from + (end - from) / 2;
		if (by_playlist(&a->version[mid], &want) < 0)
			from = mid + 1;
		else
			end = mid;
	}
	return from;
}

static enum rc archive_snapshots(struct source *s, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	struct source_archive *a = archive_of(s);
	TRY(index_content(a, err));
	size_t first = find(a, id, INT64_MIN), end = first;
	while (end < a->count && slice_eq(a->version[end].playlist_id, id))
		end++;
	if (end == first)
		return err_set(err, RC_NOT_FOUND, "source archive:%s: no playlist '%.*s' in its history", a->path, SLICE_FMT(id));
	out->unix_s = arena_alloc_array(arena, end - first, sizeof *out->unix_s);
	for (size_t i = first; i < end; i++)
		out->unix_s[out->count++] = a->version[i].at;
	return RC_OK;
}

/* --- one of them -------------------------------------------------------------------------------------------- */

/* How many positions the table has, and where its rows stand. */
static int64_t measure(struct md_reader md, struct arena *names, struct md_row *row, int64_t *out_from, int64_t *out_to)
{
	*out_from = md.line + 1;
	*out_to = md.line;
	for (; md_next(&md, names, row); arena_reset(names))
		*out_to = row->line;
	return md.position;
}

static enum rc hand_origin(const struct version *v, struct slice text, int64_t from, int64_t to, const struct source_sink *sink,
                           struct err *err)
{
	CLEANUP(buf_done) struct buf b = buf_new(1 << 20);
	char sha256[HASH_HEX_BYTES];
	if (!sink->origin)
		return RC_OK;
	hash_sha256_hex(text, sha256);
	buf_adds(&b, "{\"kind\":\"archive\",\"file\":");
	json_write_string(v->path, &b);
	buf_addf(&b, ",\"commit\":\"%s\",\"blob\":\"%s\",\"sha256\":\"%s\",\"lines\":[%lld,%lld]}", v->commit, v->blob, sha256,
	         (long long) from, (long long) to);
	TRY(buf_ok(&b, "source archive: the origin", err));
	sink->origin(sink->ctx, buf_slice(&b));
	return RC_OK;
}

static enum rc hand_playlist(const struct md_reader *md, const struct source_sink *sink, struct err *err)
{
	CLEANUP(buf_done) struct buf b = buf_new(IMPORT_PAGE_BYTES_MAX);
	const struct import_playlist p = {
		.id = md->playlist_id,
		.name = md->name,
		.description = md->description,
		.owner_id = md->owner_id,
		.owner_name = md->owner_name,
		.snapshot_id = md->snapshot_id,
		.has_followers = md->has_followers,
		.followers = md->followers,
		.is_spotify = true,
	};
	import_playlist_write(&p, &b);
	TRY(buf_ok(&b, "source archive: a playlist", err));
	return sink->object(sink->ctx, SOURCE_PLAYLIST, 0, buf_slice(&b), err);
}

static enum rc hand_pages(struct md_reader *md, int64_t total, struct arena *names, struct md_row *row, const struct source_sink *sink,
                          struct err *err)
{
	CLEANUP(buf_done) struct buf b = buf_new(IMPORT_PAGE_BYTES_MAX);
	static const struct import_item nothing = { .kind = IMPORT_NULL };
	int64_t position = 0;
	row->position = 0;
	for (int64_t offset = 0; offset == 0 || offset < total; offset += IMPORT_PAGE_ITEMS) {
		int64_t end = offset + IMPORT_PAGE_ITEMS < total ? offset + IMPORT_PAGE_ITEMS : total;
		buf_reset(&b);
		import_page_begin(md->playlist_id, offset, total, &b);
		while (position < end) {
			while (row->position <= position) { /* a row without a position is passed over */
				arena_reset(names);
				bool there = md_next(md, names, row);
				assert(there); /* measure() counted them */
			}
			position++;
			import_item_write(row->position == position ? &row->item : &nothing, position == offset + 1, &b);
		}
		import_page_end(&b);
		TRY(buf_ok(&b, "source archive: a page", err));
		TRY(sink->object(sink->ctx, SOURCE_PAGE, offset / IMPORT_PAGE_ITEMS, buf_slice(&b), err));
	}
	return RC_OK;
}

static enum rc archive_fetch(struct source *s, struct slice id, int64_t snapshot_at, const struct source_sink *sink, struct err *err)
{
	struct source_archive *a = archive_of(s);
	CLEANUP(arena_done) struct arena content = content_arena();
	CLEANUP(arena_done) struct arena names = arena_new(MD_NAMES_BYTES);
	CLEANUP(arena_done) struct arena head = arena_new(MD_HEAD_BYTES);
	CLEANUP(mem_freep) struct md_row *row = mem_alloc(sizeof *row);
	struct md_reader md;
	struct slice text;
	int64_t from, to;
	TRY(index_content(a, err));
	size_t i = find(a, id, snapshot_at);
	if (i == a->count || a->version[i].at != snapshot_at || !slice_eq(a->version[i].playlist_id, id))
		return err_set(err, RC_NOT_FOUND, "source archive:%s: playlist %.*s has no version of that time", a->path, SLICE_FMT(id));
	TRY_WRAP(read_content(a, &a->version[i], &content, &text, err), err, "source");
	if (md_open(text, &head, &md) != MD_FINE)
		return err_set(err, RC_FATAL, "source archive:%s: %s is not what it was", a->path, a->version[i].blob);
	int64_t total = measure(md, &names, row, &from, &to);
	TRY(hand_origin(&a->version[i], text, from, to, sink, err));
	TRY(hand_playlist(&md, sink, err));
	return hand_pages(&md, total, &names, row, sink, err);
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

static enum rc archive_broken(struct source *s, enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err), void *ctx,
                              struct err *err)
{
	TRY(index_content(archive_of(s), err));
	return broken_set_each(archive_of(s)->broken, each, ctx, err);
}

static void archive_close(struct source *s)
{
	struct source_archive *a = archive_of(s);
	git_close(a->git);
	broken_set_free(a->broken);
	arena_done(&a->names);
	mem_free(a->version);
	mem_free(a->path);
	mem_free(a);
}

static const struct source_ops archive_ops = {
	.scheme = "archive",
	.playlists = archive_playlists,
	.snapshots = archive_snapshots,
	.fetch = archive_fetch,
	.broken = archive_broken,
	.close = archive_close,
};

enum rc source_archive_open(const struct source_archive_options *o, struct source **out, struct err *err)
{
	*out = NULL;
	struct source_archive *a = mem_alloc(sizeof *a);
	*a = (struct source_archive){ .base.ops = &archive_ops, .path = mem_strdup(o->path), .names = arena_new(INDEX_BYTES_MAX),
	                              .broken = broken_set_new() };
	CLEANUP(source_closep) struct source *s = &a->base;
	const struct git_options git = { .path = o->path, .scratch_dir = o->scratch_dir, .ctx = o->ctx, .stop = o->stop };
	TRY_WRAP(git_open(&git, &a->git, err), err, "source");
	TRY_WRAP(git_history(a->git, on_change, a, err), err, "source");
	if (a->count == 0)
		return err_set(err, RC_FATAL, "source archive:%s: no commit of it touches an .md file of a list: is it the playlist archive?",
		               o->path);
	if (git_is_shallow(a->git))
		log_warn("source", "archive %s: its history is cut off (a shallow clone): only what is there is imported; "
		         "`git fetch --unshallow` fetches the rest", o->path);
	*out = TAKE(s);
	return RC_OK;
}
