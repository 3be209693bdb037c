/* libFuzzer target for what strangers send to the doors: a push envelope, wrapped or not. Any bytes: refused with a reason, or a
 * message within the limits of the bus whose parts lie in its memory; what is refused as a push can still be written as a letter. */
#include "serve/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	(void) fprintf(stderr, "fuzz_envelope: %s\n", what);
	abort();
}

static void check(enum rc rc, const struct envelope *e, const struct err *err)
{
	const struct bus_message *m = &e->message;
	must(rc == RC_OK || rc == RC_REJECT, "a class that is none of the two");
	must(rc == RC_OK || err->msg[0], "refused without a reason");
	must(rc != RC_OK || (e->is_push && bus_check_message(m, NULL) == RC_OK), "a message the bus refuses");
	must(m->attr_count <= BUS_ATTRS_MAX && e->delivery_attempt >= 0 && m->publish_time_ms % 1000 == 0, "a number out of its range");
	for (size_t i = 0; i < m->attr_count; i++)
		must(m->attr[i].key.len > 0 && slice_is_utf8(m->attr[i].key, NULL) && slice_is_utf8(m->attr[i].value, NULL) &&
		             m->attr[i].key.ptr[m->attr[i].key.len] == '\0',
		     "an attribute that is no text");
}

/* "name: value" lines, as pairs. */
struct headers {
	const char *name[16], *value[16];
	size_t count;
};

static const char *look_up(const void *ctx, const char *name)
{
	const struct headers *h = ctx;
	for (size_t i = 0; i < h->count; i++)
		if (strcasecmp(h->name[i], name) == 0)
			return h->value[i];
	return NULL;
}

/* Lines up to an empty one are headers, the rest is the body. */
static void read_unwrapped(struct slice text, struct arena *arena)
{
	struct headers h = { .count = 0 };
	struct envelope e;
	struct err err = { 0 };
	size_t at = 0;
	while (at < text.len && text.ptr[at] != '\n' && h.count < COUNT_OF(h.name)) {
		size_t end = slice_find(text, '\n', at);
		struct slice line = slice_sub(text, at, end - at);
		size_t colon = slice_find(line, ':', 0), after = colon < line.len ? colon + 1 : colon;
		h.name[h.count] = arena_strdup(arena, slice_sub(line, 0, colon));
		h.value[h.count++] = arena_strdup(arena, slice_sub(line, after, line.len - after));
		at = end < text.len ? end + 1 : end;
	}
	(void) envelope_is_unwrapped(look_up, &h);
	enum rc rc = envelope_read_unwrapped(slice_sub(text, at, text.len - at), look_up, &h, arena, &e, &err);
	check(rc, &e, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *) data, size };
	struct arena arena = arena_new(ENVELOPE_ARENA_BYTES);
	struct envelope e;
	struct err err = { 0 };
	check(envelope_read(text, &arena, &e, &err), &e, &err);
	read_unwrapped(text, &arena);
	arena_done(&arena);
	return 0;
}
