/* Which messages a subscription's filter passes, by our evaluator, for tests that hold it against another one
 * (tests/conformance/filter_oracle/main.go says what is read and written). */
#include "test.h"

#include "base/json.h"
#include "bus/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX ((size_t) 1 << 20)
#define MESSAGES_MAX 256

struct messages {
	struct bus_message message[MESSAGES_MAX];
	size_t count;
};

static enum rc read_attributes(const struct json *v, struct arena *arena, struct bus_message *out, struct err *err)
{
	void *iter = NULL;
	struct slice key, value;
	const struct json *item;
	out->attr = arena_alloc_array(arena, json_size(v) + 1, sizeof *out->attr);
	while (json_next(v, &iter, &key, &item)) {
		if (!json_string(item, &value))
			return err_set(err, RC_REJECT, "an attribute that is no string");
		out->attr[out->attr_count++] = (struct bus_attr){ arena_copy(arena, key), arena_copy(arena, value) };
	}
	return RC_OK;
}

static enum rc read_messages(struct slice line, struct arena *arena, struct messages *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	TRY(json_parse(line, &root, err));
	const struct json *list = json_get(root, "messages");
	if (!json_size(list) || json_size(list) > MESSAGES_MAX)
		return err_set(err, RC_REJECT, "want 1 to %d messages", MESSAGES_MAX);
	for (; out->count < json_size(list); out->count++)
		TRY(read_attributes(json_at(list, out->count), arena, &out->message[out->count], err));
	return RC_OK;
}

static enum rc answer(struct slice line, const struct messages *messages, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL, *reply = json_new_object();
	CLEANUP(filter_freep) struct filter *filter = NULL;
	CLEANUP(buf_done) struct buf text = buf_new(LINE_BYTES_MAX);
	struct err why = { 0 };
	char passes[MESSAGES_MAX];
	TRY(json_parse(line, &root, err));
	if (filter_parse(json_get_string(root, "filter"), &filter, &why) != RC_OK) {
		json_set(reply, "error", json_new_string(slice_of(why.msg)));
	} else {
		for (size_t i = 0; i < messages->count; i++)
			passes[i] = filter_match(filter, &messages->message[i]) ? '1' : '0';
		json_set(reply, "passes", json_new_string((struct slice){ passes, messages->count }));
	}
	json_write(reply, JSON_COMPACT, &text);
	puts(buf_str(&text));
	return RC_OK;
}

static enum rc answer_all(FILE *in, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(LINE_BYTES_MAX * 4);
	struct messages messages = { 0 };
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	enum rc rc = RC_OK;
	for (int64_t n = 1; rc == RC_OK && (len = getline(&line, &room, in)) > 0; n++) {
		struct slice text = { line, (size_t) len };
		if (text.len > LINE_BYTES_MAX)
			rc = err_set(err, RC_REJECT, "a line of %zu bytes", text.len);
		else
			rc = n == 1 ? read_messages(text, &arena, &messages, err) : answer(text, &messages, err);
		if (rc != RC_OK)
			fprintf(stderr, "sargam-test: line %lld: %s\n", (long long) n, err->msg);
	}
	free(line);
	return rc;
}

int test_filter_match(void)
{
	struct err err = { 0 };
	return answer_all(stdin, &err) == RC_OK ? 0 : 1;
}
