#include "raw/dead_edit.h"

#include "base/time.h"
#include "raw/ingest.h"
#include "raw/key.h"
#include "raw/mend.h"

bool dead_part_parse(struct slice text, struct dead_part *out)
{
	*out = (struct dead_part){ .kind = DEAD_PART_PAGE };
	if (slice_is(text, "playlist"))
		out->kind = DEAD_PART_PLAYLIST;
	else if (slice_is(text, "manifest"))
		out->kind = DEAD_PART_MANIFEST;
	else
		return slice_to_int(text, &out->page) && out->page >= 0 && out->page <= 99999;
	return true;
}

static struct snapshot_limits limits_of(const struct dead_edit_options *o)
{
	return (struct snapshot_limits){ .page_limit_bytes = o->page_limit_bytes, .pages_max = o->pages_max };
}

/* "page-00003.<sha16>.json", "playlist.<sha16>.json" */
static bool part_of_name(struct slice name, struct dead_part *out)
{
	size_t dot = slice_find(name, '.', 0);
	struct slice stem = slice_sub(name, 0, dot), page = SLICE("page-");
	if (slice_starts(stem, page))
		return dead_part_parse(slice_sub(stem, page.len, stem.len - page.len), out) && out->kind == DEAD_PART_PAGE;
	*out = (struct dead_part){ .kind = DEAD_PART_PLAYLIST };
	return slice_is(stem, "playlist");
}

/* --- which object ------------------------------------------------------------------------------------------- */

static enum rc is_there(struct store *store, struct slice key, bool *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct store_list list;
	TRY(store_list(store, key, SLICE_NULL, 1, &scratch, &list, err));
	*out = list.count && slice_eq(list.object[0].key, key);
	return RC_OK;
}

/* The only object that is missing; else which ones there are to choose from. */
static enum rc missing_part(struct store *store, const struct manifest *m, struct arena *arena, struct dead_part *out, struct err *err)
{
	CLEANUP(buf_done) struct buf names = buf_new(400);
	size_t count = 0;
	bool there = true;
	for (size_t i = 0; i < m->page_count && count <= 20; i++) {
		TRY(is_there(store, manifest_page_key(m, i, arena), &there, err));
		if (there)
			continue;
		*out = (struct dead_part){ .kind = DEAD_PART_PAGE, .page = (int64_t) i };
		buf_addf(&names, " %zu", i);
		count++;
	}
	if (m->has_playlist)
		TRY(is_there(store, manifest_playlist_key(m, arena), &there, err));
	if (m->has_playlist && !there) {
		*out = (struct dead_part){ .kind = DEAD_PART_PLAYLIST };
		buf_adds(&names, " playlist");
		count++;
	}
	if (count == 1)
		return RC_OK;
	return err_set(err, RC_REJECT, "several objects are missing (%s ): say which one is given, as part", buf_str(&names));
}

static enum rc default_part(const struct dead_edit_options *o, const struct letter *l, const struct raw_snapshot *s,
                            const struct manifest *m, struct arena *arena, struct dead_part *out, struct err *err)
{
	struct raw_name name;
	if (!s->has_manifest)
		return err_set(err, RC_REJECT, "%.*s at %s has no manifest that can be read: `sargam extract` with its source makes one; or "
		               "give one, as part manifest", SLICE_FMT(l->playlist_id), time_rfc3339(l->snapshot_at).s);
	if (l->object.ptr && raw_key_parse(l->object, &name) && part_of_name(name.name, out))
		return RC_OK;
	if (!s->complete)
		return missing_part(o->store, m, arena, out, err);
	*out = (struct dead_part){ .kind = DEAD_PART_PAGE, .page = 0 };
	if (m->page_count == 1)
		return RC_OK;
	return err_set(err, RC_REJECT, "no page alone is at fault: say which one is mended, as part 0 to %zu (part %zu adds a page)",
	               m->page_count - 1, m->page_count);
}

/* The bytes of the chosen object as the manifest that counts names it. */
static enum rc read_part(const struct dead_edit_options *o, const struct raw_snapshot *s, const struct manifest *m,
                         struct arena *arena, struct dead_subject *out, struct err *err)
{
	struct revise_wish *w = &out->wish;
	struct slice key = SLICE_NULL;
	if (w->part == REVISE_MANIFEST) {
		memcpy(out->now_sha256, s->manifest_sha256, sizeof out->now_sha256);
		if (s->manifest_sha256[0]) /* of one that cannot be read, too */
			key = raw_manifest_key(w->playlist_id, w->snapshot_at, s->revision, arena);
	} else if (w->part == REVISE_PLAYLIST && m->has_playlist) {
		memcpy(out->now_sha256, m->playlist_sha256, sizeof out->now_sha256);
		key = manifest_playlist_key(m, arena);
	} else if (w->part == REVISE_PAGE && w->page < (int64_t) m->page_count) {
		memcpy(out->now_sha256, m->page[w->page].sha256, sizeof out->now_sha256);
		key = manifest_page_key(m, (size_t) w->page, arena);
	}
	if (!key.ptr)
		return RC_OK;
	enum rc rc = store_get(o->store, key, arena, &w->bytes, NULL, err);
	if (rc == RC_NOT_FOUND)
		w->bytes = SLICE_NULL;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void name_version(struct dead_subject *s)
{
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	char text[HASH_HEX_BYTES + 64], hex[HASH_HEX_BYTES];
	(void) snprintf(text, sizeof text, "%d %d %lld %lld %s", s->is_message, (int) s->wish.part, (long long) s->wish.page,
	                s->is_message ? (long long) s->revision : 0LL, s->now_sha256);
	hash_add(hash, s->letter.reason);
	hash_add(hash, SLICE("/"));
	hash_add(hash, s->letter.name);
	hash_add(hash, slice_of(text));
	hash_hex(hash, hex);
	(void) snprintf(s->etag, sizeof s->etag, "%.16s", hex);
}

static enum rc open_snapshot(const struct dead_edit_options *o, const struct letter *l, struct dead_part part, struct arena *arena,
                             struct dead_subject *out, struct err *err)
{
	struct raw_snapshot s;
	struct manifest m = { 0 };
	if (!l->playlist_id.ptr || !l->has_snapshot_at || !playlist_id_ok(l->playlist_id))
		return err_set(err, RC_REJECT, "%.*s/%.*s does not say which snapshot it is", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	TRY(raw_snapshot_look(o->store, l->playlist_id, l->snapshot_at, &s, err));
	if (s.has_manifest)
		TRY(raw_manifest_read(o->store, &s, arena, &m, err));
	if (part.kind == DEAD_PART_ANY)
		TRY(default_part(o, l, &s, &m, arena, &part, err));
	out->revision = s.revision;
	out->wish = (struct revise_wish){
		.playlist_id = l->playlist_id,
		.snapshot_at = l->snapshot_at,
		.part = part.kind == DEAD_PART_PLAYLIST ? REVISE_PLAYLIST : part.kind == DEAD_PART_MANIFEST ? REVISE_MANIFEST : REVISE_PAGE,
		.page = part.page,
	};
	return read_part(o, &s, &m, arena, out, err);
}

enum rc dead_edit_open(const struct dead_edit_options *o, const struct letter *l, struct dead_part part, struct arena *arena,
                       struct dead_subject *out, struct err *err)
{
	*out = (struct dead_subject){ .letter = *l, .is_message = l->kind == LETTER_MESSAGE };
	switch (l->kind) {
	case LETTER_MESSAGE:
		if (part.kind != DEAD_PART_ANY)
			return err_set(err, RC_REJECT, "%.*s/%.*s is one message: it has no parts", SLICE_FMT(l->reason), SLICE_FMT(l->name));
		TRY(mend_read(o->store, l, arena, &out->message, &out->revision, err));
		break;
	case LETTER_SNAPSHOT:
		TRY(open_snapshot(o, l, part, arena, out, err));
		break;
	case LETTER_EXTRACT:
		return err_set(err, RC_REJECT, "%.*s/%.*s: nothing was fetched, so there is nothing to mend: `sargam run` with its source "
		               "fetches it again", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	case LETTER_IMPORT:
		return err_set(err, RC_REJECT, "%.*s/%.*s: mend those lines in the file and import it again, then drop this letter",
		               SLICE_FMT(l->reason), SLICE_FMT(l->name));
	}
	name_version(out);
	return RC_OK;
}

enum rc dead_edit_open_object(const struct dead_edit_options *o, struct slice key, struct arena *arena, struct dead_subject *out,
                              struct err *err)
{
	struct raw_name name;
	struct dead_part part;
	char hex[HASH_HEX_BYTES];
	if (!raw_key_parse(key, &name) || !part_of_name(name.name, &part))
		return err_set(err, RC_REJECT, "'%.*s' is no page or playlist object of raw/ (bronze_reject.raw_object names pages)", SLICE_FMT(key));
	const struct letter l = { .kind = LETTER_SNAPSHOT, .name = key, .playlist_id = name.playlist_id, .has_snapshot_at = true,
		                  .snapshot_at = name.snapshot_at, .object = key };
	*out = (struct dead_subject){ .letter = l };
	TRY(open_snapshot(o, &l, part, arena, out, err));
	(void) snprintf(hex, sizeof hex, "%.16s", out->now_sha256);
	if (slice_find_str(key, slice_of(hex)) == SIZE_MAX || !hex[0])
		return err_set(err, RC_REJECT, "'%.*s' is not what its snapshot's manifest (revision %lld) names: mended already?", SLICE_FMT(key),
		               (long long) out->revision);
	name_version(out);
	return RC_OK;
}

/* --- snapshots ---------------------------------------------------------------------------------------------- */

static void tell(const struct revise_plan *p, struct dead_outcome *out)
{
	out->is_usable = p->is_usable;
	out->is_complete = p->is_complete;
	out->reason = p->reason;
	memcpy(out->why, p->why, sizeof out->why);
	out->items = p->sums.items;
	out->entries = p->sums.entries;
	out->rejects = p->sums.rejects;
	out->object = p->key;
}

static enum rc refuse(const struct dead_outcome *out, struct err *err)
{
	return err_set(err, RC_REJECT, "it would still be unusable: %s: %s", out->reason, out->why);
}

static enum rc edit_snapshot(const struct dead_edit_options *o, const struct dead_subject *s, const struct dead_change *change,
                             struct arena *arena, struct dead_outcome *out, struct err *err)
{
	const struct snapshot_limits limits = limits_of(o);
	struct revise_wish wish = s->wish;
	struct revise_plan plan;
	if (change->set_count || change->remove_count)
		return err_set(err, RC_REJECT, "only a message has attributes; of a snapshot the bytes are mended");
	if (change->data.ptr)
		wish.bytes = change->data;
	if (!wish.bytes.ptr)
		return err_set(err, RC_REJECT, "the object is missing: give its bytes");
	TRY(revise_plan(o->store, &limits, &wish, arena, &plan, err));
	tell(&plan, out);
	out->in_raw = true;
	out->is_new = !plan.is_named || !(plan.is_there || !plan.key.ptr);
	out->revision = plan.snapshot.revision + (plan.is_named ? 0 : 1);
	out->answered = plan.is_complete && slice_is(s->letter.reason, DEAD_INCOMPLETE);
	out->next = plan.is_complete ? "`sargam run` makes the rows" : "`sargam dead list` tells what is still missing";
	if (change->dry_run || !out->is_new)
		return RC_OK;
	if (plan.is_taken || (!out->is_usable && !change->force))
		return refuse(out, err);
	return revise_write(o->store, &wish, s->now_sha256, &out->revision, err);
}

/* --- messages ----------------------------------------------------------------------------------------------- */

static struct bus_attr *find_attr(struct bus_message *m, struct slice key)
{
	for (size_t i = 0; i < m->attr_count; i++)
		if (slice_eq(m->attr[i].key, key))
			return &m->attr[i];
	return NULL;
}

static bool is_set(const struct dead_change *c, const char *key)
{
	for (size_t i = 0; i < c->set_count; i++)
		if (slice_is(c->set[i].key, key))
			return true;
	return false;
}

/* What is said about the body must follow the body. */
static void follow_body(const struct dead_change *c, struct arena *arena, struct bus_message *m)
{
	char hex[HASH_HEX_BYTES];
	struct bus_attr *sha256 = find_attr(m, SLICE("sha256")), *bytes = find_attr(m, SLICE("bytes"));
	hash_sha256_hex(m->data, hex);
	if (sha256 && !is_set(c, "sha256"))
		sha256->value = arena_copy(arena, slice_of(hex));
	if (bytes && !is_set(c, "bytes"))
		bytes->value = arena_printf(arena, "%zu", m->data.len);
}

static enum rc apply(const struct bus_message *now, const struct dead_change *c, struct arena *arena, struct bus_message *out,
                     struct err *err)
{
	*out = (struct bus_message){ .data = c->data.ptr ? c->data : now->data };
	out->attr = arena_alloc_array(arena, now->attr_count + c->set_count, sizeof *out->attr);
	for (size_t i = 0; i < now->attr_count; i++) {
		bool gone = false;
		for (size_t k = 0; k < c->remove_count; k++)
			gone = gone || slice_eq(c->remove[k], now->attr[i].key);
		if (!gone)
			out->attr[out->attr_count++] = now->attr[i];
	}
	for (size_t i = 0; i < c->set_count; i++) {
		struct bus_attr *old = find_attr(out, c->set[i].key);
		if (!slice_is_utf8(c->set[i].key, NULL) || !slice_is_utf8(c->set[i].value, NULL) || !c->set[i].key.len)
			return err_set(err, RC_REJECT, "an attribute is text: want UTF-8, and a name");
		if (old)
			old->value = c->set[i].value;
		else
			out->attr[out->attr_count++] = c->set[i];
	}
	if (c->data.ptr)
		follow_body(c, arena, out);
	return bus_check_message(out, err);
}

/* The object the message stands for; false when its attributes do not say. */
static bool wish_of(const struct bus_message *m, struct revise_wish *out)
{
	struct slice type = bus_attr_get(m, "type");
	*out = (struct revise_wish){ .playlist_id = bus_attr_get(m, "playlist_id"), .bytes = m->data.ptr ? m->data : SLICE("") };
	if (slice_is(type, "playlist_page"))
		out->part = REVISE_PAGE;
	else
		out->part = slice_is(type, "playlist") ? REVISE_PLAYLIST : REVISE_MANIFEST;
	return playlist_id_ok(out->playlist_id) && time_parse_rfc3339(bus_attr_get(m, "snapshot_at"), &out->snapshot_at) &&
	       (out->part != REVISE_PAGE || slice_to_int(bus_attr_get(m, "page"), &out->page));
}

/* A manifest can be delivered where none is, or the very same; anything else can only become a revision. */
static enum rc first_manifest(struct store *store, const struct revise_wish *w, bool *out_can_be_sent, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * MANIFEST_BYTES_MAX);
	struct slice there;
	enum rc rc = store_get(store, raw_manifest_key(w->playlist_id, w->snapshot_at, 0, &scratch), &scratch, &there, NULL, err);
	*out_can_be_sent = rc == RC_NOT_FOUND || (rc == RC_OK && slice_eq(there, w->bytes));
	return rc == RC_NOT_FOUND || rc == RC_REJECT ? RC_OK : rc;
}

/* What the snapshot says to the message.  *out_revise: a delivery would change nothing, a revision would. */
static enum rc judge_message(const struct dead_edit_options *o, const struct revise_wish *w, struct arena *arena,
                             struct revise_plan *plan, struct dead_outcome *out, bool *out_revise, struct err *err)
{
	const struct snapshot_limits limits = limits_of(o);
	struct err why = { 0 };
	bool can_be_sent = true;
	*out_revise = false;
	if (w->part == REVISE_MANIFEST)
		TRY(first_manifest(o->store, w, &can_be_sent, err));
	enum rc rc = revise_plan(o->store, &limits, w, arena, plan, &why);
	if (rc == RC_NOT_FOUND || (rc == RC_REJECT && !plan->snapshot.has_manifest))
		return RC_OK; /* nothing of it is there, or no manifest yet: it is the first, or before it */
	if (rc == RC_REJECT) {
		out->is_usable = false;
		out->reason = "not_named";
		(void) snprintf(out->why, sizeof out->why, "%s", why.msg);
		return RC_OK;
	}
	if (rc != RC_OK) {
		if (err)
			*err = why;
		return rc;
	}
	tell(plan, out);
	*out_revise = w->part == REVISE_MANIFEST ? !can_be_sent : !plan->is_named || plan->is_there;
	return RC_OK;
}

static enum rc write_message(const struct dead_edit_options *o, const struct dead_subject *s, const struct bus_message *m,
                             const struct revise_wish *w, const struct revise_plan *plan, bool revise, struct dead_outcome *out,
                             struct err *err)
{
	if (!mend_is_same(&s->message, m))
		TRY(mend_put(o->store, &s->letter, m, s->revision, &out->revision, err));
	if (!revise)
		return RC_OK;
	TRY(revise_write(o->store, w, plan->now_sha256, &out->revision, err));
	return quarantine_remove(o->store, &s->letter, err);
}

static enum rc edit_message(const struct dead_edit_options *o, const struct dead_subject *s, const struct dead_change *change,
                            struct arena *arena, struct dead_outcome *out, struct err *err)
{
	struct bus_message m;
	struct revise_wish wish;
	struct revise_plan plan = { 0 };
	struct err why = { 0 };
	bool revise = false;
	TRY(apply(&s->message, change, arena, &m, err));
	bool same = mend_is_same(&s->message, &m);
	out->is_usable = ingest_check(o->page_limit_bytes, &m, &out->reason, &why) == RC_OK;
	(void) snprintf(out->why, sizeof out->why, "%s", why.msg);
	if (out->is_usable) {
		out->reason = NULL;
		if (wish_of(&m, &wish))
			TRY(judge_message(o, &wish, arena, &plan, out, &revise, err));
	}
	out->in_raw = revise;
	out->answered = revise;
	out->is_new = !same || revise;
	out->revision = revise ? plan.snapshot.revision + !plan.is_named : s->revision + !same;
	out->next = revise ? "`sargam run` makes the rows" : "`sargam dead replay` sends it";
	if (change->dry_run || !out->is_new)
		return RC_OK;
	if (plan.is_taken || (!out->is_usable && !change->force))
		return refuse(out, err);
	return write_message(o, s, &m, &wish, &plan, revise, out, err);
}

enum rc dead_edit(const struct dead_edit_options *o, const struct dead_subject *s, const struct dead_change *change,
                  struct arena *arena, struct dead_outcome *out, struct err *err)
{
	*out = (struct dead_outcome){ 0 };
	return s->is_message ? edit_message(o, s, change, arena, out, err) : edit_snapshot(o, s, change, arena, out, err);
}
