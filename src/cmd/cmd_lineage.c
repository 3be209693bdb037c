#include "base/log.h"
#include "base/time.h"
#include "bronze/reader.h"
#include "cmd/origin_text.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/lineage.h"
#include "cmd/terminal.h"
#include "raw/key.h"
#include "raw/snapshot.h"

#define LIMIT 20
#define LIMIT_MAX 1000000

/* What is looked up for one row of output; consecutive rows often lie in one snapshot. */
struct trace {
	struct store *store;
	struct state *state;
	bool shows_item;
	struct arena arena;    /* one origin */
	struct arena snapshot_arena;
	bool has_snapshot;     /* `snapshot` and `manifest` are those of the last origin */
	bool has_manifest;
	struct raw_snapshot snapshot;
	struct manifest manifest;
	struct buf out;
};

static void trace_done(struct trace *t)
{
	arena_done(&t->arena);
	arena_done(&t->snapshot_arena);
	buf_done(&t->out);
}

static void field(struct trace *t, const char *name, struct slice value)
{
	buf_addf(&t->out, "  %-9s ", name);
	(void) display_add(value, SIZE_MAX, &t->out);
	buf_addc(&t->out, '\n');
}

/* --- the snapshot ------------------------------------------------------------------------------------------- */

static enum rc look_at_snapshot(struct trace *t, const struct origin *o, struct err *err)
{
	if (t->has_snapshot && t->snapshot.snapshot_at == o->snapshot_at && slice_eq(t->snapshot.playlist_id, o->playlist_id))
		return RC_OK;
	arena_reset(&t->snapshot_arena);
	t->has_snapshot = false;
	t->has_manifest = false;
	enum rc rc = raw_snapshot_look(t->store, o->playlist_id, o->snapshot_at, &t->snapshot, err);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	t->has_snapshot = rc == RC_OK;
	if (rc == RC_OK && t->snapshot.has_manifest) {
		TRY(raw_manifest_read(t->store, &t->snapshot, &t->snapshot_arena, &t->manifest, err));
		t->has_manifest = true;
	}
	t->snapshot.playlist_id = o->playlist_id;
	return RC_OK;
}

/* What the manifest says of one of its objects; NULL when it does not name it. */
static const char *find_sha256(struct trace *t, struct slice key, int64_t *out_bytes)
{
	const struct manifest *m = &t->manifest;
	for (size_t i = 0; t->has_manifest && i < m->page_count; i++)
		if (slice_eq(manifest_page_key(m, i, &t->arena), key)) {
			*out_bytes = m->page[i].bytes;
			return m->page[i].sha256;
		}
	if (!t->has_manifest || !m->has_playlist || !slice_eq(manifest_playlist_key(m, &t->arena), key))
		return NULL;
	*out_bytes = m->playlist_bytes;
	return m->playlist_sha256;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static enum rc print_messages(struct trace *t, struct slice key, struct err *err)
{
	struct state_receipts receipts;
	TRY(state_receipts_by_key(t->state, key, &t->arena, &receipts, err));
	for (size_t i = 0; i < receipts.count; i++) {
		const struct state_receipt *r = &receipts.receipt[i];
		field(t, "message", arena_printf(&t->arena, "%.*s of run %.*s, received %s", SLICE_FMT(r->message_id),
		                                 SLICE_FMT(r->run_id), time_rfc3339(r->received_at).s));
	}
	if (receipts.count == 0)
		field(t, "message", SLICE("none remembered (state.db was made after it came)"));
	return RC_OK;
}

static enum rc print_object(struct trace *t, struct slice key, struct err *err)
{
	int64_t bytes;
	const char *sha256 = find_sha256(t, key, &bytes);
	field(t, "object", key);
	if (sha256)
		field(t, "sha256", arena_printf(&t->arena, "%s, %lld bytes", sha256, (long long) bytes));
	else
		field(t, "sha256", SLICE("unknown: no manifest that counts names this object"));
	return print_messages(t, key, err);
}

static enum rc print_manifest(struct trace *t, const struct origin *o, bool messages, struct err *err)
{
	if (!t->has_manifest) {
		field(t, "manifest", SLICE("gone from the store; what was made of it goes with the next `sargam run`"));
		return RC_OK;
	}
	struct slice key = raw_manifest_key(o->playlist_id, o->snapshot_at, t->snapshot.revision, &t->arena);
	field(t, "manifest", key);
	if (messages)
		TRY(print_messages(t, key, err));
	field(t, "source", t->manifest.source);
	if (t->manifest.origin.ptr) {
		CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
		origin_text(t->manifest.origin, o->has_position ? o->position : 0, t->manifest.has_total ? t->manifest.total : -1, &text);
		for (size_t from = 0; from < text.len;) {
			size_t end = slice_find(buf_slice(&text), '\n', from);
			field(t, from ? "" : "origin", slice_sub(buf_slice(&text), from, end - from));
			from = end + 1;
		}
	}
	for (size_t i = 0; i < t->manifest.warning_count; i++)
		field(t, "warning", t->manifest.warning[i]);
	return RC_OK;
}

/* The bytes must be those the object's name says. */
static enum rc read_object(struct trace *t, struct slice key, struct slice *out, struct err *err)
{
	struct raw_name name;
	char sha256[HASH_HEX_BYTES];
	int64_t bytes;
	const char *said = find_sha256(t, key, &bytes);
	TRY(store_get(t->store, key, &t->arena, out, NULL, err));
	hash_sha256_hex(*out, sha256);
	struct slice short_hex = { sha256, 16 };
	bool same = raw_key_parse(key, &name) && slice_find_str(name.name, short_hex) != SIZE_MAX &&
	            (!said || strcmp(said, sha256) == 0);
	return same ? RC_OK : err_set(err, RC_REJECT, "object %.*s: its bytes have the sha256 %s, not the one of its name: "
	                              "the file was changed", SLICE_FMT(key), sha256);
}

static enum rc print_item(struct trace *t, const struct origin *o, struct err *err)
{
	struct slice body;
	CLEANUP(buf_done) struct buf item = buf_new((size_t) 1 << 30);
	TRY(read_object(t, o->raw_object, &body, err));
	TRY_WRAP(page_item(body, o->raw_index, &item, err), err, "object %.*s", SLICE_FMT(o->raw_object));
	for (size_t from = 0; from < item.len;) { /* line by line: a name may hold what a terminal would obey */
		size_t end = slice_find(buf_slice(&item), '\n', from);
		(void) display_add(slice_sub(buf_slice(&item), from, end - from), SIZE_MAX, &t->out);
		buf_addc(&t->out, '\n');
		from = end + 1;
	}
	return RC_OK;
}

static enum rc print_origin(struct trace *t, const struct origin *o, struct err *err)
{
	arena_reset(&t->arena);
	TRY(look_at_snapshot(t, o, err));
	buf_addf(&t->out, "\n%.*s %s", SLICE_FMT(o->playlist_id), time_rfc3339(o->snapshot_at).s);
	if (!o->has_position) {
		buf_adds(&t->out, ", the snapshot\n");
		TRY(print_manifest(t, o, true, err));
		for (size_t i = 0; t->has_manifest && i < t->manifest.page_count; i++)
			TRY(print_object(t, manifest_page_key(&t->manifest, i, &t->arena), err));
		if (t->has_manifest && t->manifest.has_playlist)
			TRY(print_object(t, manifest_playlist_key(&t->manifest, &t->arena), err));
		return terminal_write(&t->out, err);
	}
	buf_addf(&t->out, ", position %lld\n", (long long) o->position);
	if (!o->raw_object.ptr) {
		field(t, "object", SLICE("unknown: bronze does not hold this item; `sargam rebuild` makes it anew"));
		return terminal_write(&t->out, err);
	}
	field(t, o->rejected ? "reject" : "track", o->name);
	field(t, "item", arena_printf(&t->arena, "items[%lld] of the object", (long long) o->raw_index));
	TRY(print_object(t, o->raw_object, err));
	TRY(print_manifest(t, o, false, err));
	if (t->shows_item)
		TRY(print_item(t, o, err));
	return terminal_write(&t->out, err);
}

/* --- the command -------------------------------------------------------------------------------------------- */

static enum rc print_all(struct trace *t, const char *row, const struct origins *origins, struct err *err)
{
	buf_addf(&t->out, "%s comes from %lld %s\n", row, (long long) origins->total, origins->total == 1 ? "origin" : "origins");
	for (size_t i = 0; i < origins->count; i++)
		TRY(print_origin(t, &origins->origin[i], err));
	(void) fflush(stdout);
	if ((int64_t) origins->count < origins->total)
		log_note("%zu of %lld shown, the latest first; --limit %lld shows all", origins->count,
		               (long long) origins->total, (long long) origins->total);
	return RC_OK;
}

static enum rc trace_row(struct app *app, const struct args *args, const char *sql, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 30);
	CLEANUP(buf_done) struct buf row = buf_new(1 << 20);
	size_t limit = (size_t) app_config(app)->page_limit_bytes;
	CLEANUP(trace_done) struct trace t = {
		.shows_item = args_flag(args, "item"),
		.arena = arena_new(limit + ((size_t) 64 << 20)),
		.snapshot_arena = arena_new(((size_t) 256 << 20)),
		.out = buf_new((size_t) 1 << 30),
	};
	struct warehouse *w;
	struct origins origins;
	TRY(app_need_home(app, err));
	TRY(app_warehouse(app, &w, err));
	TRY(lineage_find(w, sql, &arena, &origins, err));
	for (size_t i = 0; i < args->word_count; i++)
		buf_addf(&row, "%s%s", i ? " " : "", args->word[i]);
	TRY(buf_ok(&row, "lineage: the keys", err));
	if (origins.count == 0)
		return err_set(err, RC_NOT_FOUND, "lineage: no such row: %s (`sargam query` shows the table)", buf_str(&row));
	TRY(app_store(app, &t.store, err));
	TRY(app_state(app, &t.state, err));
	return print_all(&t, buf_str(&row), &origins, err);
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	const char *given = args_value(args, "limit");
	int64_t limit = LIMIT;
	(void) terminal_open();
	if (given && (!slice_to_int(slice_of(given), &limit) || limit < 1 || limit > LIMIT_MAX)) {
		(void) err_set(err, RC_FATAL, "lineage: --limit '%s': want a number from 1 to %d", given, LIMIT_MAX);
		return EXIT_USAGE;
	}
	CLEANUP(buf_done) struct buf sql = buf_new(1 << 20);
	if (lineage_sql(args->word[0], args->word + 1, args->word_count - 1, limit, &sql, err) != RC_OK)
		return EXIT_USAGE;
	return exit_of(trace_row(app, args, buf_str(&sql), err));
}

static const struct option_spec options[] = {
	{ "limit", "N", "origins shown, the latest first (default: 20)" },
	{ "item", NULL, "each item's JSON as Spotify sent it, from the raw object" },
	{ NULL, NULL, NULL },
};

extern const struct command cmd_lineage;
const struct command cmd_lineage = {
	.name = "lineage",
	.summary = "from a row back to the raw objects, items and messages it came from",
	.words = "TABLE KEY…",
	.words_min = 1,
	.words_max = 8,
	.details = lineage_help,
	.option = options,
	.run = run,
};
