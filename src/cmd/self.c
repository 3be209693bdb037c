#include "cmd/self.h"

#include "base/mem.h"
#include "io/child.h"

#define PROGRAM "/proc/self/exe"
#define ARGS_MORE 10
#define ARGS_BYTES_MAX ((size_t) 1 << 20)

/* "--sample-days=7" */
static const char *option(const struct config_entry *e, struct arena *arena)
{
	char *text = arena_strdup(arena, arena_printf(arena, "--%s=%s", e->name, e->value));
	for (size_t i = 0; i < 2 + strlen(e->name); i++)
		if (text[i] == '_')
			text[i] = '-';
	return text;
}

/* --home, --config, --log-format and the settings given on the command line: the others come by file and environment. */
static const char **arguments(struct app *app, const char *const *words, struct arena *arena)
{
	size_t count = 0, given = 0;
	while (words[given])
		given++;
	const char **argv = arena_alloc_array(arena, given + config_count() + ARGS_MORE, sizeof *argv);
	argv[count++] = PROGRAM;
	for (size_t i = 0; i < given; i++)
		argv[count++] = words[i];
	argv[count++] = arena_strdup(arena, arena_printf(arena, "--home=%s", app_home(app)));
	if (app_config_file(app)[0])
		argv[count++] = arena_strdup(arena, arena_printf(arena, "--config=%s", app_config_file(app)));
	argv[count++] = app_json_log(app) ? "--log-format=json" : "--log-format=text";
	if (app_quiet(app))
		argv[count++] = "--quiet";
	CLEANUP(mem_freep) struct config_entry *e = mem_alloc(sizeof *e);
	for (size_t i = 0; i < config_count(); i++) {
		config_entry(app_config(app), i, e);
		if (strcmp(e->from, config_from_name(CONFIG_CLI)) == 0)
			argv[count++] = option(e, arena);
	}
	argv[count] = NULL;
	return argv;
}

static enum rc read_all(struct child *c, struct buf *out, struct err *err)
{
	char bytes[4096];
	size_t len;
	do {
		TRY(child_read(c, bytes, sizeof bytes, &len, err));
		if (out)
			buf_add(out, (struct slice){ bytes, len });
	} while (len);
	return RC_OK;
}

enum rc self_run(struct app *app, const char *const *words, const atomic_bool *stop, struct buf *out_text, int *out_status,
                 struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARGS_BYTES_MAX);
	CLEANUP(child_closep) struct child *c = NULL;
	const struct child_options options = { .argv = arguments(app, words, &arena), .keeps_stderr = true, .stop = stop };
	TRY_WRAP(child_start(&options, &c, err), err, "sargam %s", words[0]);
	enum rc rc = read_all(c, out_text, err);
	if (rc == RC_OK)
		rc = child_wait(c, out_status, err);
	if (rc == RC_RETRY)
		(void) child_end(c, SELF_GRACE_MS);
	if (rc == RC_RETRY && *stop)
		return err_set(err, rc, "sargam %s: ended with the service", words[0]);
	return rc == RC_OK ? RC_OK : err_wrap(err, rc, "sargam %s", words[0]);
}
