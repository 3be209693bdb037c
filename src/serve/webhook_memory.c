/* What the webhook has told, as JSON: webhook.json of the home. */
#include "serve/webhook_judge.h"

#include "base/mem.h"

#define VERSION 1
#define EVENTS_MAX 1000 /* webhook_waiting_max at its largest */
#define SEEN_MAX 4096

struct json *webhook_memory_write(const struct webhook_memory *m)
{
	struct json *root = json_new_object(), *seen = json_new_array(), *playlists = json_new_array(), *events = json_new_array();
	for (size_t i = 0; i < m->seen_count; i++)
		json_append(seen, json_new_integer((int64_t) m->seen[i]));
	for (size_t i = 0; i < m->playlist_count; i++) {
		const struct webhook_playlist *p = &m->playlist[i];
		struct json *one = json_new_object();
		json_set(one, "id", json_new_string(slice_of(p->id)));
		json_set(one, "since", json_new_integer(p->since_s));
		json_set(one, "told", json_new_bool(p->told));
		json_set(one, "newest_at", json_new_integer(p->newest_at));
		json_append(playlists, one);
	}
	for (size_t i = 0; i < m->event_count; i++) {
		struct json *one = json_new_object();
		json_set(one, "at_ms", json_new_integer(m->event[i].at_ms));
		json_set(one, "body", json_clone(m->event[i].body));
		json_append(events, one);
	}
	json_set(root, "version", json_new_integer(VERSION));
	json_set(root, "seen", seen);
	json_set(root, "failed_run", json_new_string(slice_of(m->failed_run)));
	json_set(root, "failed_at_ms", json_new_integer(m->failed_at_ms));
	json_set(root, "playlists", playlists);
	json_set(root, "waiting", events);
	json_set(root, "dropped", json_new_integer(m->dropped));
	json_set(root, "tries", json_new_integer(m->tries));
	json_set(root, "next_try_ms", json_new_integer(m->next_try_ms));
	return root;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
	return x < y ? -1 : x > y;
}

static bool read_seen(const struct json *list, struct webhook_memory *m)
{
	size_t count = json_size(list);
	if (json_type(list) != JSON_ARRAY || count > SEEN_MAX)
		return false;
	m->seen = mem_alloc_array(count, sizeof *m->seen);
	for (; m->seen_count < count; m->seen_count++) {
		int64_t number;
		if (!json_integer(json_at(list, m->seen_count), &number) || number < 0)
			return false;
		m->seen[m->seen_count] = (uint64_t) number;
	}
	qsort(m->seen, count, sizeof *m->seen, by_number);
	return true;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct webhook_playlist *) a)->id, ((const struct webhook_playlist *) b)->id);
}

static bool read_playlists(const struct json *list, struct webhook_memory *m)
{
	size_t count = json_size(list);
	if (json_type(list) != JSON_ARRAY || count > WEBHOOK_PLAYLISTS_MAX)
		return false;
	m->playlist = mem_alloc_array(count, sizeof *m->playlist);
	for (; m->playlist_count < count; m->playlist_count++) {
		const struct json *one = json_at(list, m->playlist_count);
		struct webhook_playlist *p = &m->playlist[m->playlist_count];
		struct slice id = json_get_string(one, "id");
		if (!id.len || id.len >= sizeof p->id || !json_bool(json_get(one, "told"), &p->told))
			return false;
		memcpy(p->id, id.ptr, id.len);
		p->since_s = json_get_integer(one, "since", 0);
		p->newest_at = json_get_integer(one, "newest_at", 0);
	}
	qsort(m->playlist, count, sizeof *m->playlist, by_id);
	return true;
}

static bool read_events(const struct json *list, struct webhook_memory *m)
{
	size_t count = json_size(list);
	if (json_type(list) != JSON_ARRAY || count > EVENTS_MAX)
		return false;
	m->event = mem_alloc_array(count, sizeof *m->event);
	for (size_t i = 0; i < count; i++) {
		const struct json *one = json_at(list, i), *body = json_get(one, "body");
		int64_t at_ms;
		if (!json_integer(json_get(one, "at_ms"), &at_ms) || json_type(body) != JSON_OBJECT)
			return false;
		m->event[m->event_count++] = (struct webhook_event){ at_ms, json_clone(body) };
	}
	return true;
}

enum rc webhook_memory_read(struct slice text, struct webhook_memory *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	CLEANUP(webhook_memory_done) struct webhook_memory m = { .begun = true };
	TRY(json_parse(text, &root, err));
	struct slice failed_run = json_get_string(root, "failed_run");
	if (json_get_integer(root, "version", 0) != VERSION || failed_run.len >= sizeof m.failed_run ||
	    !read_seen(json_get(root, "seen"), &m) || !read_playlists(json_get(root, "playlists"), &m) ||
	    !read_events(json_get(root, "waiting"), &m))
		return err_set(err, RC_REJECT, "not of this version of sargam, or damaged");
	if (failed_run.len)
		memcpy(m.failed_run, failed_run.ptr, failed_run.len);
	m.failed_at_ms = json_get_integer(root, "failed_at_ms", 0);
	m.dropped = json_get_integer(root, "dropped", 0);
	m.tries = json_get_integer(root, "tries", 0);
	m.next_try_ms = json_get_integer(root, "next_try_ms", 0);
	*out = m;
	m = (struct webhook_memory){ 0 };
	return RC_OK;
}
