#include "cmd/app.h"
#include "cmd/command.h"

#include "base/buf.h"
#include "base/mem.h"

#include <getopt.h>

/* Options every command takes, beside the settings. */
static const struct option_spec global[] = {
	{ "home", "DIR", "where everything lies (default: $SARGAM_HOME, else ./sargam-data)" },
	{ "config", "FILE", "settings as `key = value` lines" },
	{ "log-format", "text|json", "how lines on standard error look" },
	{ "quiet", NULL, "no progress and no summaries: results, warnings and errors only" },
	{ "help", NULL, "this text" },
	{ NULL, NULL, NULL },
};

enum { KIND_GLOBAL = 1, KIND_SETTING, KIND_COMMAND };

/* getopt_long's table: the command's options, then the global ones, then every setting. */
struct table {
	struct option option[ARGS_MAX];
	struct {
		int kind;
		const struct option_spec *spec;
		char name[64];
	} entry[ARGS_MAX];
	size_t count;
};

static void add(struct table *t, int kind, const char *name, bool has_arg, const struct option_spec *spec)
{
	assert(t->count + 1 < ARGS_MAX && strlen(name) < sizeof t->entry[0].name);
	size_t i = t->count++;
	t->entry[i].kind = kind;
	t->entry[i].spec = spec;
	for (size_t k = 0; name[k]; k++)
		t->entry[i].name[k] = name[k] == '_' ? '-' : name[k];
	t->option[i] = (struct option){ t->entry[i].name, has_arg ? required_argument : no_argument, NULL, 0 };
}

static void fill(struct table *t, const struct command *command)
{
	for (const struct option_spec *o = command->option; o && o->name; o++)
		add(t, KIND_COMMAND, o->name, o->arg, o);
	for (const struct option_spec *o = global; o->name; o++)
		add(t, KIND_GLOBAL, o->name, o->arg, o);
	struct config defaults;
	config_init(&defaults);
	for (size_t i = 0; i < config_count(); i++) {
		struct config_entry *e = mem_alloc(sizeof *e);
		config_entry(&defaults, i, e);
		bool taken = false; /* `run --source` is documented with the command and sets the same key */
		for (const struct option_spec *o = command->option; o && o->name; o++)
			taken = taken || strcmp(o->name, e->name) == 0;
		if (!taken)
			add(t, KIND_SETTING, e->name, true, NULL);
		mem_free(e);
	}
}

static enum rc known_options(const struct command *command, const char *given, struct err *err)
{
	CLEANUP(buf_done) struct buf names = buf_new(1 << 14);
	for (const struct option_spec *o = command->option; o && o->name; o++)
		buf_addf(&names, "--%s, ", o->name);
	for (const struct option_spec *o = global; o->name; o++)
		buf_addf(&names, "--%s, ", o->name);
	return err_set(err, RC_FATAL, "%s: option '%s' is unknown or lacks its value; known: %sand every setting of `sargam config`",
	               command->name, given, buf_str(&names));
}

/* What stood there for an option that was found by `name`: getopt_long takes a beginning of it, too, which is another option's name
 * tomorrow. */
static bool is_whole(const char *given, const char *name)
{
	size_t len = strlen(name);
	return strncmp(given, "--", 2) == 0 && strncmp(given + 2, name, len) == 0 && (given[2 + len] == '\0' || given[2 + len] == '=');
}

enum rc args_parse(struct app *app, const struct command *command, int argc, char **argv, struct args *out,
                   bool *out_help, struct err *err)
{
	CLEANUP(mem_freep) struct table *t = mem_alloc(sizeof *t);
	*out = (struct args){ 0 };
	*out_help = false;
	fill(t, command);
	optind = 0; /* glibc: start anew, with the permutation state */
	opterr = 0;
	for (;;) {
		int index = -1, at = optind ? optind : 1;
		int c = getopt_long(argc, argv, ":h", t->option, &index);
		if (c == -1)
			break;
		if (c == 'h') {
			*out_help = true;
			return RC_OK;
		}
		if (c != 0 || index < 0)
			return known_options(command, optind > 0 && optind <= argc ? argv[optind - 1] : argv[at], err);
		const char *name = t->entry[index].name;
		const char *given = argv[optind - 1 - (optarg && optarg == argv[optind - 1])];
		if (!is_whole(given, name))
			return known_options(command, given, err);
		if (t->entry[index].kind == KIND_COMMAND) {
			if (out->option_count == ARGS_MAX)
				return err_set(err, RC_FATAL, "%s: more than %d options", command->name, ARGS_MAX);
			out->option[out->option_count].spec = t->entry[index].spec;
			out->option[out->option_count++].value = optarg;
			if (config_has_key(slice_of(name)))
				TRY(config_set(app_config(app), slice_of(name), slice_of(optarg), CONFIG_CLI, err));
		} else if (t->entry[index].kind == KIND_SETTING) {
			TRY(config_set(app_config(app), slice_of(name), slice_of(optarg), CONFIG_CLI, err));
		} else if (strcmp(name, "help") == 0) {
			*out_help = true;
			return RC_OK;
		} else {
			TRY(app_set_global(app, name, optarg, err));
		}
	}
	out->word = argv + optind;
	out->word_count = (size_t) (argc - optind);
	if (out->word_count < command->words_min)
		return err_set(err, RC_FATAL, "usage: sargam %s %s (`sargam %s --help`)", command->name, command->words,
		               command->name);
	if (out->word_count > command->words_max)
		return err_set(err, RC_FATAL, "%s: '%s' is one word too many; usage: sargam %s %s", command->name,
		               out->word[command->words_max], command->name, command->words);
	return RC_OK;
}

static void print_options(const struct option_spec *o)
{
	for (; o && o->name; o++) {
		char text[80];
		(void) snprintf(text, sizeof text, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		(void) printf("  %-26s %s\n", text, o->help);
	}
}

void args_help(const struct command *command)
{
	(void) printf("sargam %s%s%s: %s\n", command->name, *command->words ? " " : "", command->words, command->summary);
	if (command->details)
		(void) printf("\n%s\n", command->details);
	if (command->option && command->option->name) {
		(void) printf("\nOptions\n");
		print_options(command->option);
	}
	(void) printf("\nFor every command\n");
	print_options(global);
	(void) printf("  %-26s any setting of `sargam config`, e.g. --threads 2\n", "--<setting> VALUE");
}

bool args_flag(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->option_count; i++)
		if (strcmp(args->option[i].spec->name, name) == 0)
			return true;
	return false;
}

const char *args_value(const struct args *args, const char *name)
{
	for (size_t i = args->option_count; i-- > 0;)
		if (strcmp(args->option[i].spec->name, name) == 0)
			return args->option[i].value;
	return NULL;
}

const char *args_nth(const struct args *args, const char *name, size_t i)
{
	for (size_t k = 0; k < args->option_count; k++)
		if (strcmp(args->option[k].spec->name, name) == 0 && i-- == 0)
			return args->option[k].value;
	return NULL;
}

enum rc args_number(const struct args *args, const char *name, int64_t least, int64_t most, int64_t *inout, struct err *err)
{
	const char *text = args_value(args, name);
	int64_t value;
	if (!text)
		return RC_OK;
	if (!slice_to_int(slice_of(text), &value) || value < least || value > most)
		return err_set(err, RC_FATAL, "--%s '%s': want a number from %lld to %lld", name, text, (long long) least, (long long) most);
	*inout = value;
	return RC_OK;
}

int exit_of(enum rc rc)
{
	return rc == RC_OK ? EXIT_DONE : EXIT_FAILED;
}

int exit_of_source(enum rc rc)
{
	return rc == RC_RETRY ? EXIT_FAILED : EXIT_USAGE;
}
