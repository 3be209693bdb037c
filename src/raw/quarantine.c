#include "raw/quarantine.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/time.h"
#include "raw/key.h"

#define LETTER_BYTES_MAX ((size_t) 1 << 20)
#define LIST_PAGE 1000
#define LETTER_MEMORY_BYTES (4 * LETTER_BYTES_MAX) /* a letter and what is read out of it */
#define LIST_MEMORY_BYTES ((size_t) 4 << 20)
#define COUNT_TRIES 16
#define MESSAGE_NAME_LEN 16

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

static struct json *time_json(int64_t at)
{
	return at > 0 ? json_new_string(slice_of(time_rfc3339(at).s)) : json_new_null();
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
	json_set(root, "attempts", json_new_integer(letter_attempts(l)));
	json_set(root, "first_at", time_json(l->first_at));
	json_set(root, "last_at", time_json(l->last_at));
	if (l->dropped_why.ptr || l->dropped_at) {
		json_set(root, "dropped_why", text_json(l->dropped_why));
		json_set(root, "dropped_at", time_json(l->dropped_at));
	}
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

static enum rc read_letter(struct store *store, struct slice key, struct arena *arena, struct letter *out, int64_t *out_version,
                           struct err *err);

/* The letter that stands there and the attempt that is now; false when that is none. */
static bool add_attempt(const struct letter *old, const struct letter *now, struct letter *out)
{
	int64_t had = letter_attempts(old);
	bool is_later = now->last_at > old->last_at;
	if (now->kind == LETTER_IMPORT || (now->kind == LETTER_MESSAGE && !is_later && letter_attempts(now) <= had))
		return false;
	*out = *now;
	if (now->kind != LETTER_MESSAGE || is_later)
		had++;
	out->attempts = had > now->attempts ? had : now->attempts;
	out->first_at = old->first_at ? old->first_at : now->first_at;
	out->last_at = is_later ? now->last_at : old->last_at;
	return true;
}

/* The same thing stands there, perhaps with other words.  A count that several want to raise at once may miss one of them. */
static enum rc count_attempt(struct store *store, struct slice key, const struct letter *now, struct err *err)
{
	for (int i = 0; i < COUNT_TRIES; i++) {
		CLEANUP(arena_done) struct arena scratch = arena_new(LETTER_MEMORY_BYTES);
		CLEANUP(buf_done) struct buf text = buf_new(LETTER_BYTES_MAX);
		struct letter old = { 0 }, sum;
		int64_t version;
		enum rc rc = read_letter(store, key, &scratch, &old, &version, err);
		if (rc != RC_OK)
			return rc; /* RC_NOT_FOUND: taken away this moment */
		if (!add_attempt(&old, now, &sum))
			return RC_OK;
		write_letter(&sum, &text);
		TRY(buf_ok(&text, "dead letter", err));
		rc = store_replace(store, key, version, buf_slice(&text), NULL, err);
		if (rc != RC_REJECT)
			return rc;
	}
	return RC_OK;
}

/* The bytes first: a letter never points to nothing.  RC_NOT_FOUND when the letter was taken away while this was going on. */
static enum rc put_or_count(struct store *store, const struct letter *l, struct slice body, struct slice text, bool *out_new,
                            struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	if (body.ptr)
		TRY(store_put_if_absent(store, key_of("quarantine", l, "body", &scratch), body, NULL, err));
	struct slice key = key_of("quarantine", l, "json", &scratch);
	enum rc rc = store_put_if_absent(store, key, text, out_new, err);
	if (rc == RC_REJECT || (rc == RC_OK && !*out_new))
		return count_attempt(store, key, l, err);
	if (rc == RC_OK)
		metric_add(METRIC_dead_letters, 1);
	return rc;
}

enum rc quarantine_put(struct store *store, const struct letter *letter, struct slice body, bool *out_new, struct err *err)
{
	CLEANUP(buf_done) struct buf text = buf_new(LETTER_BYTES_MAX);
	struct letter l = *letter;
	enum rc rc = RC_NOT_FOUND;
	bool dropped;
	*out_new = false;
	if (!l.first_at)
		l.first_at = l.last_at;
	write_letter(&l, &text);
	TRY(buf_ok(&text, "dead letter", err));
	for (int i = 0; i < COUNT_TRIES && rc == RC_NOT_FOUND; i++) {
		TRY(quarantine_is_dropped(store, &l, &dropped, err));
		if (dropped)
			return RC_OK;
		rc = put_or_count(store, &l, body, buf_slice(&text), out_new, err);
	}
	return rc == RC_NOT_FOUND ? err_wrap(err, RC_RETRY, "dead letter") : rc;
}

static bool is_history(struct slice key)
{
	return slice_is(key, LETTER_ATTR_ID) || slice_is(key, LETTER_ATTR_ATTEMPTS) || slice_is(key, LETTER_ATTR_SINCE);
}

bool letter_attr_is_passing(struct slice key)
{
	return slice_is(key, "run_id") || slice_starts(key, SLICE("CloudPubSubDeadLetter")) || is_history(key);
}

void quarantine_message_name(const struct bus_message *m, char out_hex[static HASH_HEX_BYTES])
{
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	for (size_t i = 0; i < m->attr_count; i++) {
		if (letter_attr_is_passing(m->attr[i].key))
			continue; /* another delivery of the same thing */
		hash_add(hash, m->attr[i].key);
		hash_add(hash, SLICE("\0"));
		hash_add(hash, m->attr[i].value);
		hash_add(hash, SLICE("\0"));
	}
	hash_add(hash, m->data);
	hash_hex(hash, out_hex);
	out_hex[MESSAGE_NAME_LEN] = '\0';
}

/* What the message brings along of the attempts before this one, and its attributes without that. */
static void read_history(const struct bus_message *m, struct letter *l, struct arena *arena)
{
	int64_t before = 0;
	if (slice_to_int(bus_attr_get(m, LETTER_ATTR_ATTEMPTS), &before) && before > 0 && before < INT32_MAX)
		l->attempts = before + 1;
	if (!time_parse_rfc3339(bus_attr_get(m, LETTER_ATTR_SINCE), &l->first_at))
		l->first_at = 0;
	l->attr = arena_alloc_array(arena, m->attr_count, sizeof *l->attr);
	for (size_t i = 0; i < m->attr_count; i++)
		if (!is_history(m->attr[i].key))
			l->attr[l->attr_count++] = m->attr[i];
}

enum rc quarantine_put_message(struct store *store, const struct bus_message *m, const char *reason, const char *detail,
                               struct err *err)
{
	char hex[HASH_HEX_BYTES];
	quarantine_message_name(m, hex);
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	struct slice playlist_id = bus_attr_get(m, "playlist_id");
	struct letter l = {
		.reason = slice_of(reason),
		.name = slice_of(hex),
		.detail = slice_of(detail),
		.kind = LETTER_MESSAGE,
		.playlist_id = playlist_id_ok(playlist_id) ? playlist_id : SLICE_NULL,
		.last_at = m->publish_time_ms / 1000,
	};
	read_history(m, &l, &scratch);
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

size_t letter_attrs_read(const struct json *attrs, struct arena *arena, struct bus_attr **out)
{
	void *iter = NULL;
	struct slice key, value;
	const struct json *v;
	size_t count = 0;
	*out = arena_alloc_array(arena, BUS_ATTRS_MAX, sizeof **out);
	while (json_next(attrs, &iter, &key, &v) && count < BUS_ATTRS_MAX)
		if (json_string(v, &value))
			(*out)[count++] = (struct bus_attr){ arena_copy(arena, key), arena_copy(arena, value) };
	return count;
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

static int64_t time_member(const struct json *root, const char *name)
{
	int64_t at;
	return time_parse_rfc3339(json_get_string(root, name), &at) ? at : 0;
}

static enum rc read_letter(struct store *store, struct slice key, struct arena *arena, struct letter *out, int64_t *out_version,
                           struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * LETTER_BYTES_MAX);
	struct slice body;
	TRY(store_get(store, key, &scratch, &body, out_version, err));
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
	out->attempts = json_get_integer(root, "attempts", 1); /* letters of older versions do not say */
	if (out->attempts < 1 || out->attempts > INT32_MAX)
		out->attempts = 1;
	out->first_at = time_member(root, "first_at");
	out->last_at = time_member(root, "last_at");
	out->attr_count = letter_attrs_read(json_get(root, "attributes"), arena, &out->attr);
	return RC_OK;
}

bool letter_id_ok(struct slice reason, struct slice name)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 12);
	if (!reason.len || !name.len || reason.len + name.len > 1000 || slice_find(reason, '/', 0) < reason.len ||
	    slice_find(name, '/', 0) < name.len)
		return false;
	return store_key_ok(arena_printf(&scratch, "quarantine/%.*s/%.*s.json", SLICE_FMT(reason), SLICE_FMT(name)));
}

enum rc quarantine_get(struct store *store, struct slice reason, struct slice name, struct arena *arena, struct letter *out,
                       struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	*out = (struct letter){ .reason = reason, .name = name };
	if (!letter_id_ok(reason, name))
		return err_set(err, RC_NOT_FOUND, "no dead letter has such a name");
	return read_letter(store, key_of("quarantine", out, "json", &scratch), arena, out, NULL, err);
}

struct letter letter_copy(const struct letter *l, struct arena *arena)
{
	struct letter copy = *l;
	copy.reason = arena_copy(arena, l->reason);
	copy.name = arena_copy(arena, l->name);
	copy.detail = arena_copy(arena, l->detail);
	copy.playlist_id = arena_copy(arena, l->playlist_id);
	copy.object = arena_copy(arena, l->object);
	copy.attr = arena_alloc_array(arena, l->attr_count, sizeof *copy.attr);
	for (size_t i = 0; i < l->attr_count; i++)
		copy.attr[i] = (struct bus_attr){ arena_copy(arena, l->attr[i].key), arena_copy(arena, l->attr[i].value) };
	return copy;
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

static enum rc visit_page(struct store *store, const struct store_list *list, const struct letter_visit *visit, bool *out_stop,
                          struct err *err)
{
	for (size_t i = 0; i < list->count && !*out_stop; i++) {
		CLEANUP(arena_done) struct arena scratch = arena_new(LETTER_MEMORY_BYTES);
		struct letter l = { 0 };
		if (!parse_key(list->object[i].key, &l.reason, &l.name))
			continue;
		enum rc rc = read_letter(store, list->object[i].key, &scratch, &l, NULL, err);
		if (rc == RC_NOT_FOUND)
			continue; /* taken away meanwhile */
		TRY(rc);
		TRY(visit->each(visit->ctx, &l, out_stop, err));
	}
	return RC_OK;
}

enum rc quarantine_walk(struct store *store, struct slice prefix, struct slice after, const struct letter_visit *visit,
                        struct err *err)
{
	CLEANUP(arena_done) struct arena even = arena_new(LIST_MEMORY_BYTES), odd = arena_new(LIST_MEMORY_BYTES);
	struct arena *page = &even, *spare = &odd; /* the next page is listed from a key that lies in the last one */
	struct slice from = after;
	bool stop = false;
	do {
		struct store_list list;
		arena_reset(page);
		TRY(store_list(store, prefix, from, LIST_PAGE, page, &list, err));
		TRY(visit_page(store, &list, visit, &stop, err));
		from = list.next;
		struct arena *swap = page;
		page = spare;
		spare = swap;
	} while (from.ptr && !stop);
	return RC_OK;
}

struct collect {
	struct letters *out;
	struct arena *arena;
};

static enum rc collect_one(void *ctx, const struct letter *l, bool *out_stop UNUSED, struct err *err UNUSED)
{
	struct collect *c = ctx;
	const struct letter copy = letter_copy(l, c->arena);
	letters_add(c->out, &copy, c->arena);
	return RC_OK;
}

enum rc quarantine_list(struct store *store, struct arena *arena, struct letters *out, struct err *err)
{
	struct collect c = { out, arena };
	*out = (struct letters){ 0 };
	return quarantine_walk(store, SLICE("quarantine/"), SLICE_NULL, &(struct letter_visit){ &c, collect_one }, err);
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
	bool is_ours = slice_starts(l->object, SLICE("quarantine/")) || slice_starts(l->object, SLICE("raw/"));
	if (!l->object.ptr || !is_ours || !store_key_ok(l->object)) /* a letter names no other file of the home */
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
	TRY(quarantine_forget(store, l, err));
	return quarantine_remove(store, l, err);
}
