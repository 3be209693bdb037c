#include "serve/dead_api.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/time.h"
#include "raw/dead_edit.h"
#include "raw/mend.h"
#include "serve/reply.h"

#include <pthread.h>

#define PATH "/api/dead"
#define PAGE_SIZE 100
#define PAGE_SIZE_MAX 1000
#define PAGE_BYTES ((size_t) 8 << 20) /* of letters: a page ends early rather than hold more */
#define LETTER_ROOM ((size_t) 4 << 20)

struct dead_api {
	struct dead_api_options o;
	pthread_mutex_t lock; /* bus and state belong to one thread at a time */
};
struct call {
	struct dead_api *api;
	const struct server_request *rq;
	struct server_reply *reply;
	struct dead_place place;
	struct dead_edit_options edit;
	struct slice reason, name, verb; /* verb: "", "/data", ":edit" … */
	struct arena *arena;             /* of the call: what is not the answer */
	const struct reply_status *status; /* when the class of the error does not say it */
};

struct dead_api *dead_api_open(const struct dead_api_options *options)
{
	struct dead_api *api = mem_alloc(sizeof *api);
	api->o = *options;
	int rc = pthread_mutex_init(&api->lock, NULL);
	assert(rc == 0);
	return api;
}

void dead_api_close(struct dead_api *api)
{
	if (!api)
		return;
	(void) pthread_mutex_destroy(&api->lock);
	mem_free(api);
}

/* --- letters as JSON ------------------------------------------------------------------------------------------ */

static struct json *text_json(struct slice s)
{
	if (!s.ptr || slice_is_utf8(s, NULL))
		return json_new_string(s);
	return json_new_string(SLICE("(bytes that are no UTF-8)"));
}

static struct json *time_json(int64_t at)
{
	return at > 0 ? json_new_string(slice_of(time_rfc3339(at).s)) : json_new_null();
}

static struct json *attributes_json(const struct bus_attr *attr, size_t count)
{
	struct json *o = json_new_object();
	for (size_t i = 0; i < count; i++) {
		CLEANUP(arena_done) struct arena scratch = arena_new(LETTER_ROOM);
		if (slice_is_utf8(attr[i].key, NULL) && !memchr(attr[i].key.ptr, '\0', attr[i].key.len))
			json_set(o, arena_strdup(&scratch, attr[i].key), text_json(attr[i].value));
	}
	return o;
}

struct json *dead_api_letter(const struct letter *l)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(LETTER_ROOM);
	struct json *o = json_new_object();
	json_set(o, "id", text_json(arena_printf(&scratch, "%.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name))));
	json_set(o, "reason", text_json(l->reason));
	json_set(o, "name", text_json(l->name));
	json_set(o, "kind", json_new_string(slice_of(letter_kind_name(l->kind))));
	json_set(o, "detail", text_json(l->detail));
	json_set(o, "playlistId", text_json(l->playlist_id));
	json_set(o, "snapshotAt", l->has_snapshot_at ? json_new_string(slice_of(time_rfc3339(l->snapshot_at).s)) : json_new_null());
	json_set(o, "attempts", json_new_integer(letter_attempts(l)));
	json_set(o, "firstAt", time_json(l->first_at));
	json_set(o, "lastAt", time_json(l->last_at));
	json_set(o, "object", text_json(l->object));
	json_set(o, "attributes", attributes_json(l->attr, l->attr_count));
	return o;
}

/* --- GET ------------------------------------------------------------------------------------------------------- */

struct list_page {
	struct json *letters;
	struct slice last; /* id of the last one that is in */
	struct arena *arena;
	int64_t size;
	size_t bytes;
	bool more;
};

static enum rc on_letter(void *ctx, const struct letter *l, bool *out_stop, struct err *err UNUSED)
{
	struct list_page *page = ctx;
	size_t bytes = 512 + l->detail.len + l->object.len + l->name.len;
	for (size_t i = 0; i < l->attr_count; i++)
		bytes += l->attr[i].key.len + l->attr[i].value.len;
	if (page->size == 0 || (page->last.ptr && page->bytes + bytes > PAGE_BYTES)) {
		page->more = *out_stop = true;
		return RC_OK;
	}
	json_append(page->letters, dead_api_letter(l));
	page->last = arena_printf(page->arena, "%.*s/%.*s", SLICE_FMT(l->reason), SLICE_FMT(l->name));
	page->bytes += bytes;
	page->size--;
	return RC_OK;
}

static struct slice query(const struct call *c, const char *name)
{
	const char *value = server_query(c->rq, name);
	return value && *value ? slice_of(value) : SLICE_NULL;
}

static enum rc get_list(struct call *c, struct json **out, struct err *err)
{
	const struct dead_filter filter = { query(c, "reason"), query(c, "playlist") };
	struct list_page page = { .arena = c->arena };
	*out = json_new_object();
	TRY(reply_page_size(c->rq, PAGE_SIZE, PAGE_SIZE_MAX, &page.size, err));
	page.letters = json_new_array();
	json_set(*out, "letters", page.letters);
	TRY(dead_walk(&c->place, &filter, query(c, "pageToken"), &(struct letter_visit){ &page, on_letter }, err));
	if (page.more && slice_is_utf8(page.last, NULL))
		json_set(*out, "nextPageToken", json_new_string(page.last));
	return RC_OK;
}

static enum rc find(struct call *c, struct letter *out, struct err *err)
{
	return dead_get(&c->place, c->reason, c->name, c->arena, out, err);
}

static enum rc open_subject(struct call *c, const struct letter *l, struct slice part_text, struct dead_subject *out, struct err *err)
{
	struct dead_part part = { .kind = DEAD_PART_ANY };
	if (part_text.ptr && !dead_part_parse(part_text, &part))
		return err_set(err, RC_REJECT, "Invalid value at 'part': want the number of a page, playlist or manifest");
	return dead_edit_open(&c->edit, l, part, c->arena, out, err);
}

/* As it stands to be mended; or why it cannot be. */
static struct json *subject_json(struct call *c, const struct letter *l)
{
	struct json *o = json_new_object();
	struct dead_subject s;
	struct err why = { 0 };
	enum rc rc = open_subject(c, l, query(c, "part"), &s, &why);
	json_set(o, "possible", json_new_bool(rc == RC_OK));
	if (rc != RC_OK) {
		json_set(o, "hint", text_json(slice_of(why.msg)));
		return o;
	}
	json_set(o, "etag", json_new_string(slice_of(s.etag)));
	json_set(o, "revision", json_new_integer(s.revision));
	struct slice data = s.is_message ? s.message.data : s.wish.bytes;
	json_set(o, "bytes", data.ptr ? json_new_integer((int64_t) data.len) : json_new_null());
	if (s.is_message)
		json_set(o, "attributes", attributes_json(s.message.attr, s.message.attr_count));
	else if (s.wish.part == REVISE_PAGE)
		json_set(o, "part", json_new_string(arena_printf(c->arena, "%lld", (long long) s.wish.page)));
	else
		json_set(o, "part", json_new_string(s.wish.part == REVISE_PLAYLIST ? SLICE("playlist") : SLICE("manifest")));
	server_reply_header(c->reply, "ETag", arena_printf(c->rq->arena, "\"%s\"", s.etag).ptr);
	return o;
}

static enum rc get_letter(struct call *c, struct json **out, struct err *err)
{
	struct letter l;
	TRY(find(c, &l, err));
	*out = dead_api_letter(&l);
	json_set(*out, "edit", subject_json(c, &l));
	return RC_OK;
}

static enum rc get_data(struct call *c, struct json **out UNUSED, struct err *err)
{
	struct letter l;
	struct slice data;
	TRY(find(c, &l, err));
	if (slice_is(query(c, "mended"), "true")) {
		struct dead_subject s;
		TRY(open_subject(c, &l, query(c, "part"), &s, err));
		data = s.is_message ? s.message.data : s.wish.bytes;
		if (!data.ptr)
			return err_set(err, RC_NOT_FOUND, "the object is missing");
	} else {
		TRY(quarantine_body(c->place.store, &l, c->arena, &data, err));
	}
	if (!arena_fits(c->rq->arena, data.len + 1))
		return err_set(err, RC_REJECT, "%zu bytes are too many for one answer: `sargam dead show --raw`", data.len);
	server_reply_header(c->reply, "Content-Type", "application/octet-stream");
	server_reply_header(c->reply, "X-Content-Type-Options", "nosniff");
	server_reply_header(c->reply, "Content-Disposition", "attachment");
	c->reply->body = arena_copy(c->rq->arena, data.ptr ? data : SLICE(""));
	return RC_OK;
}

/* --- POST ------------------------------------------------------------------------------------------------------ */

static enum rc fail(struct call *c, const struct reply_status *status, struct err *err, const char *message)
{
	c->status = status;
	return err_set(err, RC_REJECT, "%s", message);
}

static enum rc check_version(struct call *c, const char *etag, bool is_required, struct err *err)
{
	const char *want = server_header(c->rq, "If-Match");
	if (!want)
		return is_required ? fail(c, &reply_precondition, err, "edit wants If-Match: the ETag of the letter it is based on, or *") : RC_OK;
	if (strcmp(want, "*") == 0 || slice_is(arena_printf(c->arena, "\"%s\"", etag), want))
		return RC_OK;
	return fail(c, &reply_precondition, err, "somebody mended this letter meanwhile: look at it again");
}

/* Letters that cannot be mended have no versions. */
static enum rc check_letter(struct call *c, const struct letter *l, struct err *err)
{
	struct dead_subject s;
	if (!server_header(c->rq, "If-Match") || open_subject(c, l, SLICE_NULL, &s, NULL) != RC_OK)
		return RC_OK;
	return check_version(c, s.etag, false, err);
}

static enum rc only_fields(const struct json *body, const char *known, struct err *err)
{
	void *iter = NULL;
	struct slice key;
	const struct json *value;
	while (json_next(body, &iter, &key, &value)) {
		CLEANUP(buf_done) struct buf word = buf_new(128);
		buf_addf(&word, " %.*s ", (int) (key.len < 100 ? key.len : 100), key.ptr);
		if (slice_find(key, ' ', 0) < key.len || slice_find_str(slice_of(known), buf_slice(&word)) == SIZE_MAX)
			return err_set(err, RC_REJECT, "Invalid JSON payload received. Unknown name \"%.*s\": Cannot find field.",
			               (int) (key.len < 100 ? key.len : 100), key.ptr);
	}
	return RC_OK;
}

static enum rc wrong_type(const char *name, const char *want, struct err *err)
{
	return err_set(err, RC_REJECT, "Invalid value at '%s': want %s", name, want);
}

static enum rc read_bool(const struct json *body, const char *name, bool *out, struct err *err)
{
	const struct json *v = json_get(body, name);
	*out = false;
	return !v || json_bool(v, out) ? RC_OK : wrong_type(name, "true or false", err);
}

static enum rc read_attributes(struct call *c, const struct json *v, struct dead_change *out, struct err *err)
{
	void *iter = NULL;
	struct slice key, value;
	const struct json *member;
	if (v && json_type(v) != JSON_OBJECT)
		return wrong_type("attributes", "an object of strings and nulls", err);
	if (json_size(v) > BUS_ATTRS_MAX)
		return err_set(err, RC_REJECT, "Invalid value at 'attributes': more than %d", BUS_ATTRS_MAX);
	struct bus_attr *set = arena_alloc_array(c->arena, json_size(v), sizeof *set);
	struct slice *remove = arena_alloc_array(c->arena, json_size(v), sizeof *remove);
	while (json_next(v, &iter, &key, &member)) {
		if (json_string(member, &value))
			set[out->set_count++] = (struct bus_attr){ key, value };
		else if (json_type(member) == JSON_NULL)
			remove[out->remove_count++] = key;
		else
			return wrong_type("attributes", "an object of strings and nulls", err);
	}
	out->set = set;
	out->remove = remove;
	return RC_OK;
}

static enum rc read_change(struct call *c, const struct json *body, struct dead_change *out, struct slice *out_part, struct err *err)
{
	const struct json *data = json_get(body, "data"), *part = json_get(body, "part");
	struct slice text;
	*out = (struct dead_change){ 0 };
	*out_part = SLICE_NULL;
	TRY(only_fields(body, " data attributes part dryRun force ", err));
	TRY(read_bool(body, "dryRun", &out->dry_run, err));
	TRY(read_bool(body, "force", &out->force, err));
	TRY(read_attributes(c, json_get(body, "attributes"), out, err));
	if (part && !json_string(part, out_part))
		return wrong_type("part", "a string", err);
	if (data && (!json_string(data, &text) || !base64_decode(text, c->arena, &out->data)))
		return wrong_type("data", "base64", err);
	if (data && !out->data.ptr)
		out->data = SLICE("");
	return RC_OK;
}

static struct json *outcome_json(const struct dead_outcome *r, bool dry_run)
{
	struct json *o = json_new_object();
	json_set(o, "dryRun", json_new_bool(dry_run));
	json_set(o, "changed", json_new_bool(r->is_new));
	json_set(o, "usable", json_new_bool(r->is_usable));
	json_set(o, "complete", json_new_bool(r->is_complete));
	json_set(o, "answered", json_new_bool(r->answered));
	json_set(o, "reason", r->reason ? json_new_string(slice_of(r->reason)) : json_new_null());
	json_set(o, "why", r->reason ? text_json(slice_of(r->why)) : json_new_null());
	json_set(o, "revision", json_new_integer(r->revision));
	json_set(o, "revised", json_new_string(r->in_raw ? SLICE("manifest") : SLICE("message")));
	json_set(o, "object", r->in_raw ? text_json(r->object) : json_new_null());
	if (r->is_complete) {
		json_set(o, "items", json_new_integer(r->items));
		json_set(o, "entries", json_new_integer(r->entries));
		json_set(o, "rejects", json_new_integer(r->rejects));
	}
	json_set(o, "next", json_new_string(slice_of(r->next)));
	return o;
}

static enum rc post_edit(struct call *c, const struct json *body, struct json **out, struct err *err)
{
	struct letter l;
	struct dead_subject s, after;
	struct dead_change change;
	struct dead_outcome outcome;
	struct slice part;
	TRY(read_change(c, body, &change, &part, err));
	TRY(find(c, &l, err));
	TRY(open_subject(c, &l, part, &s, err));
	TRY(check_version(c, s.etag, !change.dry_run, err));
	enum rc rc = dead_edit(&c->edit, &s, &change, c->arena, &outcome, err);
	bool is_open = (rc == RC_OK || rc == RC_REJECT) && open_subject(c, &l, part, &after, NULL) == RC_OK;
	if (rc == RC_REJECT && is_open && strcmp(after.etag, s.etag) != 0)
		c->status = &reply_aborted;
	TRY(rc);
	*out = outcome_json(&outcome, change.dry_run);
	if (is_open) {
		json_set(*out, "etag", json_new_string(slice_of(after.etag)));
		server_reply_header(c->reply, "ETag", arena_printf(c->rq->arena, "\"%s\"", after.etag).ptr);
	}
	return RC_OK;
}

static enum rc post_replay(struct call *c, const struct json *body, struct json **out, struct err *err)
{
	struct letter l;
	const char *next;
	const struct dead_replay_options o = { .store = c->place.store, .bus = c->api->o.bus, .chart_offset_s = c->api->o.chart_offset_s,
		                               .playlist_groups = c->api->o.playlist_groups };
	TRY(only_fields(body, " ", err));
	TRY(find(c, &l, err));
	TRY(check_letter(c, &l, err));
	if (!o.bus && l.kind == LETTER_MESSAGE)
		return fail(c, &reply_unimplemented, err, "this service has no topic to replay to");
	TRY(dead_replay(&o, &l, &next, err));
	*out = json_new_object();
	json_set(*out, "next", json_new_string(slice_of(next)));
	return RC_OK;
}

static enum rc post_drop(struct call *c, const struct json *body, struct json **out, struct err *err)
{
	struct letter l;
	const struct json *why = json_get(body, "why");
	struct slice text = SLICE_NULL;
	TRY(only_fields(body, " why ", err));
	if (why && !json_string(why, &text))
		return wrong_type("why", "a string", err);
	if (text.len > 4096)
		return wrong_type("why", "at most 4096 bytes", err);
	TRY(find(c, &l, err));
	TRY(check_letter(c, &l, err));
	l.dropped_why = text;
	l.dropped_at = clock_now_ms(c->place.clock) / 1000;
	*out = json_new_object();
	return dead_drop(c->place.store, &l, err);
}

/* --- the call -------------------------------------------------------------------------------------------------- */

/* REASON/NAME, and what follows: "/data" or ":verb".  No name holds a slash or a colon. */
static bool parse_path(struct call *c, const char *path)
{
	struct slice rest = slice_of(path);
	size_t slash = slice_find(rest, '/', 0);
	if (slash == rest.len)
		return false;
	c->reason = slice_sub(rest, 0, slash);
	c->name = slice_sub(rest, slash + 1, rest.len - slash - 1);
	size_t end = slice_find(c->name, '/', 0), colon = slice_find(c->name, ':', 0);
	end = end < colon ? end : colon;
	c->verb = slice_sub(c->name, end, c->name.len - end);
	c->name.len = end;
	return c->reason.len && c->name.len;
}

static enum rc post(struct call *c, struct json **out, struct err *err)
{
	CLEANUP(json_freep) struct json *body = NULL;
	TRY(reply_read_body(c->rq, true, &body, err));
	if (slice_is(c->verb, ":edit"))
		return post_edit(c, body, out, err);
	return slice_is(c->verb, ":replay") ? post_replay(c, body, out, err) : post_drop(c, body, out, err);
}

static enum rc call(struct call *c, struct json **out, struct err *err)
{
	const char *rest = c->rq->path + strlen(PATH), *method = c->rq->method;
	bool is_get = strcmp(method, "GET") == 0, is_post = strcmp(method, "POST") == 0;
	if (is_get && (!*rest || strcmp(rest, "/") == 0))
		return get_list(c, out, err);
	if (*rest == '/' && parse_path(c, rest + 1)) {
		if (is_get && !c->verb.len)
			return get_letter(c, out, err);
		if (is_get && slice_is(c->verb, "/data"))
			return get_data(c, out, err);
		if (is_post && (slice_is(c->verb, ":edit") || slice_is(c->verb, ":replay") || slice_is(c->verb, ":drop")))
			return post(c, out, err);
	}
	return err_set(err, RC_NOT_FOUND, "%s %.300s: this service has no such method", method, c->rq->path);
}

bool dead_api_handle(struct dead_api *api, const struct server_request *rq, struct server_reply *reply)
{
	const struct dead_api_options *o = &api->o;
	size_t len = strlen(PATH);
	if (strncmp(rq->path, PATH, len) != 0 || (rq->path[len] != '\0' && rq->path[len] != '/'))
		return false;
	CLEANUP(json_freep) struct json *root = NULL;
	CLEANUP(arena_done) struct arena arena = arena_new(2 * DEAD_EDIT_MEMORY_BYTES);
	struct call c = {
		.api = api, .rq = rq, .reply = reply, .arena = &arena,
		.place = { o->store, o->state, o->clock, o->incomplete_after_h },
		.edit = { .store = o->store, .page_limit_bytes = o->page_limit_bytes, .pages_max = o->pages_max },
	};
	struct err err = { 0 };
	(void) pthread_mutex_lock(&api->lock);
	enum rc rc = call(&c, &root, &err);
	(void) pthread_mutex_unlock(&api->lock);
	server_reply_header(reply, "Cache-Control", "no-store");
	if (rc != RC_OK)
		reply_error(rq, reply, c.status ? *c.status : reply_status_of(rc), err.msg);
	else if (root)
		reply_json(rq, reply, root);
	return true;
}
