/* Commands: one file each, found through one table (main.c).  A command declares its options; parsing, --help and the errors
 * for wrong ones are made from that. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include "base/config.h"
#include "base/err.h"

/* Exit statuses, the contract with scripts and schedulers. */
enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DEFERRED = 3, EXIT_DEAD_LETTERS = 4 };

struct app;

struct option_spec {
	const char *name; /* without the dashes */
	const char *arg;  /* what its value is called in --help; NULL = a flag */
	const char *help;
};
#define ARGS_MAX 256
struct args {
	struct {
		const struct option_spec *spec;
		const char *value; /* NULL for a flag */
	} option[ARGS_MAX];
	size_t option_count;
	char **word; /* what is no option */
	size_t word_count;
};

struct command {
	const char *name, *summary;
	const char *words;   /* "[PLAYLIST]", "" for none */
	size_t words_min, words_max;
	const char *details; /* paragraphs for --help; NULL for none */
	const struct option_spec *option; /* ends with a NULL name; NULL for none */
	/* An exit status.  With EXIT_FAILED and a message in `err` main prints it. */
	int (*run)(struct app *app, const struct args *args, struct err *err);
};

/* Options and words of one command (argv[0] is its name).  Settings (--threads 2) and the global options go to `app`.
 * RC_FATAL names the option and what is known; *out_help when --help was asked for. */
MUST_USE enum rc args_parse(struct app *app, const struct command *command, int argc, char **argv, struct args *out,
                            bool *out_help, struct err *err);
void args_help(const struct command *command);
bool args_flag(const struct args *args, const char *name);
const char *args_value(const struct args *args, const char *name); /* the last one given, NULL for none */
/* The i-th value of an option that may be repeated; NULL past the end. */
const char *args_nth(const struct args *args, const char *name, size_t i);
/* *inout stays what it is when the option is not given; RC_FATAL names it and its bounds. */
MUST_USE enum rc args_number(const struct args *args, const char *name, int64_t least, int64_t most, int64_t *inout, struct err *err);

/* The exit status that belongs to a class of error. */
int exit_of(enum rc rc);
/* Of a source that cannot be opened: wrong usage, unless the disk was full or somebody stopped it meanwhile. */
int exit_of_source(enum rc rc);

extern const struct command *const commands[]; /* ends with NULL */

#endif
