#include "raw/quarantine.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/time.h"
#include "raw/key.h"

#define LETTER_BYTES_MAX ((size_t) 1 << 20)
#define LIST_PAGE 1000

static const char *const kind_name[] = {
	[LETTER_MESSAGE] = "message",
	[LETTER_SNAPSHOT] = "snapshot",
	[LETTER_EXTRACT] = "extract",
	[LETTER_IMPORT] = "import",
};

const char *letter_kind_name(enum letter_kind kind)
{
	assert((unsigned) kind < COUNT_OF(kind_name));
	return kind_name[kind];
}

struct slice letter_snapshot_name(struct slice playlist_id, int64_t snapshot_at, struct arena *arena)
{
	return arena_printf(arena, "%.*s.%s", SLICE_FMT(playlist_id), time_compact(snapshot_at).s);
}

static struct slice key_of(const char *folder, const struct letter *l, const char *ending, struct arena *arena)
{
	return arena_printf(arena, "%s/%.*s/%.*s.%s", folder, SLICE_FMT(l->reason), SLICE_FMT(l->name), ending);
}

/* Text from outside may hold any byte; JSON holds UTF-8. */
static struct json *text_json(struct slice s)
{
	if (!s.ptr)
		return json_new_null();
	if (slice_is_utf8(s, NULL))
		return json_new_string(s);
	CLEANUP(buf_done) struct buf quoted = buf_new(LETTER_BYTES_MAX);
	json_write_string(s, &quoted);
	struct json *value = NULL;
	enum rc rc = json_parse(buf_slice(&quoted), &value, NULL);
	assert(rc == RC_OK);
	return value;
}

static void write_letter(const struct letter *l, struct buf *out)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	json_set(root, "reason", json_new_string(l->reason));
	json_set(root, "detail", text_json(l->detail));
	json_set(root, "kind", json_new_string(slice_of(letter_kind_name(l->kind))));
	json_set(root, "playlist_id", text_json(l->playlist_id));
	json_set(root, "snapshot_at",
	         l->has_snapshot_at ? json_new_string(slice_of(time_rfc3339(l->snapshot_at).s)) : json_new_null());
	json_set(root, "object", text_json(l->object));
	if (l->attr_count) {
		struct json *attrs = json_new_object();
		for (size_t i = 0; i < l->attr_count; i++) {
			CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
			json_set(attrs, arena_strdup(&scratch, l->attr[i].key), text_json(l->attr[i].value));
		}
		json_set(root, "attributes", attrs);
	}
	json_write(root, JSON_INDENTED, out);
	buf_addc(out, '\n');
}

enum rc quarantine_is_dropped(struct store *store, const struct letter *l, bool *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * LETTER_BYTES_MAX);
	struct slice body;
	enum rc rc = store_get(store, key_of("dropped", l, "json", &scratch), &scratch, &body, NULL, err);
	*out = rc == RC_OK;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc quarantine_put(struct store *store, const struct letter *l, struct slice body, bool *out_new, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	CLEANUP(buf_done) struct buf text = buf_new(LETTER_BYTES_MAX);
	bool dropped, ignored;
	*out_new = false;
	TRY(quarantine_is_dropped(store, l, &dropped, err));
	if (dropped)
		return RC_OK;
	if (body.ptr) /* the bytes first: a letter never points to nothing */
		TRY(store_put_if_absent(store, key_of("quarantine", l, "body", &scratch), body, &ignored, err));
	write_letter(l, &text);
	TRY(buf_ok(&text, "dead letter", err));
	enum rc rc = store_put_if_absent(store, key_of("quarantine", l, "json", &scratch), buf_slice(&text), out_new, err);
	if (rc == RC_REJECT) /* the same thing with other words (a newer version says it better): the first letter stays */
		rc = RC_OK;
	if (rc == RC_OK && *out_new)
		metric_add(METRIC_dead_letters, 1);
	return rc;
}

enum rc quarantine_put_message(struct store *store, const struct bus_message *m, const char *reason, const char *detail,
                               struct err *err)
{
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	for (size_t i = 0; i < m->attr_count; i++) {
		struct slice key = m->attr[i].key;
		if (slice_is(key, "run_id") || slice_starts(key, SLICE("CloudPubSubDeadLetter")))
			continue; /* another delivery of the same thing */
		hash_add(hash, key);
		hash_add(hash, SLICE("\0"));
		hash_add(hash, m->attr[i].value);
		hash_add(hash, SLICE("\0"));
	}
	hash_add(hash, m->data);
	char hex[HASH_HEX_BYTES];
	hash_hex(hash, hex);
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct slice playlist_id = bus_attr_get(m, "playlist_id");
	struct letter l = {
		.reason = slice_of(reason),
		.name = (struct slice){ hex, 16 },
		.detail = slice_of(detail),
		.kind = LETTER_MESSAGE,
		.playlist_id = playlist_id_ok(playlist_id) ? playlist_id : SLICE_NULL,
		.attr = m->attr,
		.attr_count = m->attr_count,
	};
	l.object = key_of("quarantine", &l, "body", &scratch);
	l.has_snapshot_at = time_parse_rfc3339(bus_attr_get(m, "snapshot_at"), &l.snapshot_at);
	bool is_new;
	return quarantine_put(store, &l, m->data.ptr ? m->data : SLICE(""), &is_new, err);
}

enum rc quarantine_put_import(struct store *store, struct slice playlist_id, struct slice reason, struct slice name,
                              struct slice detail, struct slice lines, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct letter l = { .reason = reason, .name = name, .detail = detail, .kind = LETTER_IMPORT, .playlist_id = playlist_id };
	l.object = key_of("quarantine", &l, "body", &scratch);
	bool is_new;
	return quarantine_put(store, &l, lines, &is_new, err);
}

static void read_attributes(const struct json *attrs, struct arena *arena, struct letter *out)
{
	void *iter = NULL;
	struct slice key, value;
	const struct json *v;
	out->attr = arena_alloc_array(arena, json_size(attrs), sizeof *out->attr);
	while (json_next(attrs, &iter, &key, &v))
		if (json_string(v, &value))
			out->attr[out->attr_count++] = (struct bus_attr){ arena_copy(arena, key), arena_copy(arena, value) };
}

/* quarantine/<reason>/<name>.json */
static bool parse_key(struct slice key, struct slice *reason, struct slice *name)
{
	struct slice prefix = SLICE("quarantine/"), ending = SLICE(".json");
	if (!slice_starts(key, prefix) || !slice_ends(key, ending))
		return false;
	size_t slash = slice_find(key, '/', prefix.len);
	if (slash >= key.len || slash + 1 + ending.len >= key.len)
		return false;
	*reason = slice_sub(key, prefix.len, slash - prefix.len);
	*name = slice_sub(key, slash + 1, key.len - slash - 1 - ending.len);
	return true;
}

static enum rc read_letter(struct store *store, struct slice key, struct arena *arena, struct letter *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * LETTER_BYTES_MAX);
	struct slice body;
	TRY(store_get(store, key, &scratch, &body, NULL, err));
	CLEANUP(json_freep) struct json *root = NULL;
	if (json_parse(body, &root, NULL) != RC_OK) {
		out->detail = arena_printf(arena, "%.*s is no readable letter", SLICE_FMT(key));
		return RC_OK;
	}
	struct slice kind = json_get_string(root, "kind");
	for (size_t i = 0; i < COUNT_OF(kind_name); i++)
		if (slice_is(kind, kind_name[i]))
			out->kind = (enum letter_kind) i;
	out->detail = arena_copy(arena, json_get_string(root, "detail"));
	out->playlist_id = arena_copy(arena, json_get_string(root, "playlist_id"));
	out->object = arena_copy(arena, json_get_string(root, "object"));
	out->has_snapshot_at = time_parse_rfc3339(json_get_string(root, "snapshot_at"), &out->snapshot_at);
	read_attributes(json_get(root, "attributes"), arena, out);
	return RC_OK;
}

void letters_add(struct letters *all, const struct letter *l, struct arena *arena)
{
	if (all->count == all->capacity) {
		struct letter *old = all->letter;
		all->capacity = all->capacity ? 2 * all->capacity : 64;
		all->letter = arena_alloc_array(arena, all->capacity, sizeof *all->letter);
		if (old)
			memcpy(all->letter, old, all->count * sizeof *old);
	}
	all->letter[all->count++] = *l;
}

enum rc quarantine_list(struct store *store, struct arena *arena, struct letters *out, struct err *err)
{
	struct slice from = SLICE_NULL;
	*out = (struct letters){ 0 };
	do {
		struct store_list list;
		TRY(store_list(store, SLICE("quarantine/"), from, LIST_PAGE, arena, &list, err));
		for (size_t i = 0; i < list.count; i++) {
			struct letter l = { 0 };
			if (!parse_key(list.object[i].key, &l.reason, &l.name))
				continue;
			enum rc rc = read_letter(store, list.object[i].key, arena, &l, err);
			if (rc == RC_NOT_FOUND)
				continue; /* taken away meanwhile */
			TRY(rc);
			letters_add(out, &l, arena);
		}
		from = list.next;
	} while (from.ptr);
	return RC_OK;
}

enum rc letters_find(const struct letters *all, struct slice which, struct arena *arena, struct letter *out, struct err *err)
{
	size_t matches = 0;
	for (size_t i = 0; i < all->count; i++) {
		const struct letter *l = &all->letter[i];
		struct slice id = arena_printf(arena, "%.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name));
		if (slice_eq(id, which)) {
			*out = *l;
			return RC_OK;
		}
		if (slice_starts(id, which) || slice_starts(l->name, which)) {
			*out = *l;
			matches++;
		}
	}
	if (matches == 0 || which.len == 0)
		return err_set(err, RC_NOT_FOUND, "no dead letter '%.*s': `sargam dead list` shows them", SLICE_FMT(which));
	if (matches > 1)
		return err_set(err, RC_REJECT, "'%.*s' fits %zu dead letters: give more of the name (`sargam dead list`)",
		               SLICE_FMT(which), matches);
	return RC_OK;
}

enum rc quarantine_find(struct store *store, struct slice which, struct arena *arena, struct letter *out, struct err *err)
{
	struct letters all;
	TRY(quarantine_list(store, arena, &all, err));
	return letters_find(&all, which, arena, out, err);
}

enum rc quarantine_body(struct store *store, const struct letter *l, struct arena *arena, struct slice *out,
                        struct err *err)
{
	if (!l->object.ptr || !store_key_ok(l->object))
		return err_set(err, RC_NOT_FOUND, "%.*s/%.*s: no bytes belong to this letter", SLICE_FMT(l->reason),
		               SLICE_FMT(l->name));
	return store_get(store, l->object, arena, out, NULL, err);
}

enum rc quarantine_remove(struct store *store, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	TRY(store_remove(store, key_of("quarantine", l, "json", &scratch), err));
	return store_remove(store, key_of("quarantine", l, "body", &scratch), err);
}

enum rc quarantine_forget(struct store *store, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * LETTER_BYTES_MAX);
	CLEANUP(buf_done) struct buf text = buf_new(LETTER_BYTES_MAX);
	write_letter(l, &text);
	TRY(buf_ok(&text, "letter", err));
	return store_replace(store, key_of("dropped", l, "json", &scratch), STORE_ANY_VERSION, buf_slice(&text), NULL, err);
}

enum rc quarantine_drop(struct store *store, const struct letter *l, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * LETTER_BYTES_MAX);
	struct slice body;
	TRY(store_get(store, key_of("quarantine", l, "json", &scratch), &scratch, &body, NULL, err));
	TRY(store_replace(store, key_of("dropped", l, "json", &scratch), STORE_ANY_VERSION, body, NULL, err));
	return quarantine_remove(store, l, err);
}
