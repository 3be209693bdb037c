#include "raw/mend.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"

#define LIST_PAGE 1000
#define RECORD_BYTES_MAX ((size_t) 2 << 20) /* a hundred attributes, each escaped */
#define LIST_MEMORY_BYTES ((size_t) 4 << 20)

static struct slice folder_of(const struct letter *l, struct arena *arena)
{
	return arena_printf(arena, "mended/%.*s/%.*s/", SLICE_FMT(l->reason), SLICE_FMT(l->name));
}

static struct slice record_key(const struct letter *l, int64_t revision, struct arena *arena)
{
	return arena_printf(arena, "%.*srev-%lld.json", SLICE_FMT(folder_of(l, arena)), (long long) revision);
}

static struct slice body_key(const struct letter *l, const char *sha256, struct arena *arena)
{
	return arena_printf(arena, "%.*s%.16s.body", SLICE_FMT(folder_of(l, arena)), sha256);
}

static enum rc latest(struct store *store, const struct letter *l, int64_t *out_revision, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16), list_arena = arena_new(LIST_MEMORY_BYTES);
	struct slice prefix = arena_printf(&scratch, "%.*srev-", SLICE_FMT(folder_of(l, &scratch))), ending = SLICE(".json");
	struct store_list list;
	*out_revision = 0;
	TRY(store_list(store, prefix, SLICE_NULL, LIST_PAGE, &list_arena, &list, err));
	for (size_t i = 0; i < list.count; i++) {
		struct slice key = list.object[i].key;
		int64_t n;
		if (slice_ends(key, ending) && slice_to_int(slice_sub(key, prefix.len, key.len - prefix.len - ending.len), &n) &&
		    n > *out_revision)
			*out_revision = n;
	}
	if (list.next.ptr)
		return err_set(err, RC_REJECT, "%.*s/%.*s was mended %d times: drop it", SLICE_FMT(l->reason), SLICE_FMT(l->name),
		               LIST_PAGE);
	return RC_OK;
}

static void own_attributes(const struct letter *l, struct arena *arena, struct bus_message *out)
{
	out->attr = arena_alloc_array(arena, l->attr_count, sizeof *out->attr);
	for (size_t i = 0; i < l->attr_count; i++)
		if (!letter_attr_is_passing(l->attr[i].key))
			out->attr[out->attr_count++] = l->attr[i];
}

static enum rc read_record(struct store *store, const struct letter *l, int64_t revision, struct arena *arena,
                           struct bus_message *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * RECORD_BYTES_MAX);
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice key = record_key(l, revision, &scratch), text;
	TRY(store_get(store, key, &scratch, &text, NULL, err));
	TRY_WRAP(json_parse(text, &root, err), err, "%.*s", SLICE_FMT(key));
	struct slice sha256 = json_get_string(json_get(root, "data"), "sha256");
	if (sha256.len != HASH_HEX_BYTES - 1 || json_type(json_get(root, "attributes")) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "%.*s is no mend that can be read", SLICE_FMT(key));
	out->attr_count = letter_attrs_read(json_get(root, "attributes"), arena, &out->attr);
	char hex[HASH_HEX_BYTES];
	(void) snprintf(hex, sizeof hex, "%.*s", SLICE_FMT(sha256));
	key = body_key(l, hex, &scratch);
	if (!store_key_ok(key))
		return err_set(err, RC_REJECT, "the mend of %.*s/%.*s names no object", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	return store_get(store, key, arena, &out->data, NULL, err);
}

enum rc mend_read(struct store *store, const struct letter *l, struct arena *arena, struct bus_message *out,
                  int64_t *out_revision, struct err *err)
{
	assert(l->kind == LETTER_MESSAGE);
	*out = (struct bus_message){ 0 };
	TRY(latest(store, l, out_revision, err));
	if (*out_revision)
		return read_record(store, l, *out_revision, arena, out, err);
	own_attributes(l, arena, out);
	return quarantine_body(store, l, arena, &out->data, err);
}

static bool has_attr(const struct bus_message *m, const struct bus_attr *wanted)
{
	for (size_t i = 0; i < m->attr_count; i++)
		if (slice_eq(m->attr[i].key, wanted->key) && slice_eq(m->attr[i].value, wanted->value))
			return true;
	return false;
}

bool mend_is_same(const struct bus_message *a, const struct bus_message *b)
{
	if (a->attr_count != b->attr_count || !slice_eq(a->data, b->data))
		return false;
	for (size_t i = 0; i < a->attr_count; i++)
		if (!has_attr(b, &a->attr[i]))
			return false;
	return true;
}

static struct json *object_json(struct slice bytes)
{
	struct json *o = json_new_object();
	char hex[HASH_HEX_BYTES];
	hash_sha256_hex(bytes, hex);
	json_set(o, "bytes", json_new_integer((int64_t) bytes.len));
	json_set(o, "sha256", json_new_string(slice_of(hex)));
	return o;
}

static void write_record(const struct bus_message *m, struct slice original, int64_t revision, struct arena *arena, struct buf *out)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	struct json *attrs = json_new_object();
	for (size_t i = 0; i < m->attr_count; i++)
		json_set(attrs, arena_strdup(arena, m->attr[i].key), json_new_string(m->attr[i].value));
	json_set(root, "revision", json_new_integer(revision));
	json_set(root, "attributes", attrs);
	json_set(root, "data", object_json(m->data));
	json_set(root, "original", object_json(original));
	json_write(root, JSON_INDENTED, out);
	buf_addc(out, '\n');
}

static enum rc put_body(struct store *store, const struct letter *l, struct slice bytes, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	char hex[HASH_HEX_BYTES];
	hash_sha256_hex(bytes, hex);
	return store_put_if_absent(store, body_key(l, hex, &scratch), bytes.ptr ? bytes : SLICE(""), NULL, err);
}

/* The bytes first: a record never names what is not there. */
static enum rc put_revision(struct store *store, const struct letter *l, const struct bus_message *m, int64_t revision,
                            struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * (size_t) BUS_MESSAGE_BYTES_MAX + RECORD_BYTES_MAX);
	CLEANUP(buf_done) struct buf text = buf_new(RECORD_BYTES_MAX);
	struct slice original;
	TRY(quarantine_body(store, l, &scratch, &original, err));
	TRY(put_body(store, l, original, err));
	TRY(put_body(store, l, m->data, err));
	write_record(m, original, revision, &scratch, &text);
	TRY(buf_ok(&text, "attributes of a mended message", err));
	return store_put_if_absent(store, record_key(l, revision, &scratch), buf_slice(&text), NULL, err);
}

enum rc mend_put(struct store *store, const struct letter *l, const struct bus_message *m, int64_t based_on,
                 int64_t *out_revision, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * (size_t) BUS_MESSAGE_BYTES_MAX + RECORD_BYTES_MAX);
	struct bus_message now;
	for (int tries = 0; tries < 2; tries++) { /* the second look is at what took the name meanwhile */
		arena_reset(&scratch);
		TRY(mend_read(store, l, &scratch, &now, out_revision, err));
		if (*out_revision > 0 && mend_is_same(&now, m))
			return RC_OK;
		if (*out_revision != based_on)
			break;
		enum rc rc = put_revision(store, l, m, based_on + 1, err);
		if (rc == RC_OK)
			*out_revision = based_on + 1;
		if (rc != RC_REJECT)
			return rc;
	}
	return err_set(err, RC_REJECT, "%.*s/%.*s was mended by somebody else meanwhile (revision %lld): look at it again",
	               SLICE_FMT(l->reason), SLICE_FMT(l->name), (long long) *out_revision);
}

/* The letter a message says it answers, if that would send it.  Anybody can publish such a name, so it is not believed. */
static enum rc find_answered(struct store *store, const struct bus_message *m, struct slice id, struct arena *arena,
                             struct letter *out, bool *out_found, struct err *err)
{
	size_t slash = slice_find(id, '/', 0);
	struct bus_message wanted, came = { .data = m->data };
	int64_t revision;
	*out_found = false;
	if (slash == id.len)
		return RC_OK;
	enum rc rc = quarantine_get(store, slice_sub(id, 0, slash), slice_sub(id, slash + 1, id.len - slash - 1), arena, out, err);
	if (rc == RC_OK && out->kind == LETTER_MESSAGE)
		rc = mend_read(store, out, arena, &wanted, &revision, err);
	if (rc != RC_OK || out->kind != LETTER_MESSAGE)
		return rc == RC_NOT_FOUND || rc == RC_REJECT ? RC_OK : rc;
	came.attr = arena_alloc_array(arena, m->attr_count, sizeof *came.attr);
	for (size_t i = 0; i < m->attr_count; i++)
		if (!letter_attr_is_passing(m->attr[i].key))
			came.attr[came.attr_count++] = m->attr[i];
	*out_found = mend_is_same(&wanted, &came);
	return RC_OK;
}

enum rc mend_answer(struct store *store, const struct bus_message *m, const char *reason, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(2 * (size_t) BUS_MESSAGE_BYTES_MAX);
	struct slice id = bus_attr_get(m, LETTER_ATTR_ID);
	struct letter l;
	char name[HASH_HEX_BYTES];
	bool found;
	if (!id.ptr)
		return RC_OK;
	quarantine_message_name(m, name);
	if (reason && slice_eq(id, arena_printf(&scratch, "%s/%s", reason, name)))
		return RC_OK;
	TRY(find_answered(store, m, id, &scratch, &l, &found, err));
	return found ? quarantine_remove(store, &l, err) : RC_OK;
}
