#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/command.h"

static int run(struct app *app, const struct args *args UNUSED, struct err *err UNUSED)
{
	CLEANUP(mem_freep) struct config_entry *e = mem_alloc(sizeof *e);
	(void) printf("# home = %s\n", app_home(app));
	for (size_t i = 0; i < config_count(); i++) {
		config_entry(app_config(app), i, e);
		(void) printf("\n# %s\n", e->help);
		if (*e->range)
			(void) printf("# %s %s, default %s\n", e->range, e->unit, e->default_value);
		(void) printf("%s = %s%s%s\n", e->name, e->value, strcmp(e->from, "default") ? "  ; from " : "",
		              strcmp(e->from, "default") ? e->from : "");
	}
	return EXIT_DONE;
}

extern const struct command cmd_config;
const struct command cmd_config = {
	.name = "config",
	.summary = "every setting: what it does, its value, where the value came from",
	.words = "",
	.details = "The output is a configuration file: save it, change it, give it with --config. A setting is also read from\n"
	           "the environment (SARGAM_<NAME>) and from the command line (--<name>), which wins.",
	.run = run,
};
