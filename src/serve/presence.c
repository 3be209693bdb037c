#include "serve/presence.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/time.h"
#include "gen/version.h"
#include "io/file.h"
#include "io/process.h"

#define PATH_BYTES 4200
#define FILE_BYTES_MAX 4096

static void path_of(const char *home, char out[static PATH_BYTES])
{
	(void) snprintf(out, PATH_BYTES, "%s/serve.json", home);
}

enum rc presence_write(const char *home, const char *url, int port, struct clock *clock, struct err *err)
{
	char path[PATH_BYTES];
	struct process_name self = process_self();
	CLEANUP(json_freep) struct json *root = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(FILE_BYTES_MAX);
	path_of(home, path);
	json_set(root, "process", json_new_string(slice_of(self.s)));
	json_set(root, "pid", json_new_integer(process_pid(self.s)));
	json_set(root, "url", json_new_string(slice_of(url)));
	json_set(root, "port", json_new_integer(port));
	json_set(root, "since", json_new_string(slice_of(time_rfc3339(clock_now_ms(clock) / 1000).s)));
	json_set(root, "version", json_new_string(SLICE(SARGAM_VERSION)));
	json_write(root, JSON_INDENTED, &text);
	buf_addc(&text, '\n');
	TRY(buf_ok(&text, path, err));
	return file_replace(path, buf_slice(&text), err);
}

/* A file of this folder may have been written by anybody who can write there. */
static void copy_plain(char *out, size_t size, struct slice text)
{
	size_t len = 0;
	for (size_t i = 0; i < text.len && len + 1 < size; i++)
		if (text.ptr[i] >= ' ' && text.ptr[i] <= '~')
			out[len++] = text.ptr[i];
	out[len] = '\0';
}

static void read_fields(const struct json *root, struct presence *out)
{
	copy_plain(out->process, sizeof out->process, json_get_string(root, "process"));
	copy_plain(out->url, sizeof out->url, json_get_string(root, "url"));
	copy_plain(out->version, sizeof out->version, json_get_string(root, "version"));
	out->pid = json_get_integer(root, "pid", 0);
	out->port = json_get_integer(root, "port", 0);
	if (!time_parse_rfc3339(json_get_string(root, "since"), &out->since_s))
		out->since_s = 0;
}

enum rc presence_look(const char *home, struct presence *out, enum presence_state *out_state, struct err *err)
{
	static const enum presence_state state[] = {
		[PROCESS_ALIVE] = PRESENCE_ALIVE, [PROCESS_DEAD] = PRESENCE_DEAD, [PROCESS_UNKNOWN] = PRESENCE_UNKNOWN,
	};
	char path[PATH_BYTES];
	CLEANUP(arena_done) struct arena arena = arena_new(4 * FILE_BYTES_MAX);
	CLEANUP(json_freep) struct json *root = NULL;
	struct slice text;
	*out = (struct presence){ 0 };
	*out_state = PRESENCE_NONE;
	path_of(home, path);
	enum rc rc = file_read(path, FILE_BYTES_MAX, &arena, &text, err);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc != RC_OK && rc != RC_REJECT)
		return rc;
	*out_state = PRESENCE_UNKNOWN;
	if (rc == RC_REJECT || json_parse(text, &root, NULL) != RC_OK)
		return RC_OK;
	read_fields(root, out);
	*out_state = state[process_look(out->process)];
	return RC_OK;
}

void presence_remove(const char *home)
{
	char path[PATH_BYTES];
	struct presence there;
	enum presence_state state;
	struct process_name self = process_self();
	path_of(home, path);
	if (presence_look(home, &there, &state, NULL) == RC_OK && state != PRESENCE_NONE && strcmp(there.process, self.s) == 0)
		(void) !file_remove(path, NULL);
}
