/* sargam: watches Spotify playlists as charts.  Commands live in src/cmd/, one file each. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "cmd/app.h"
#include "cmd/command.h"

#include <unistd.h>

static void print_commands(void)
{
	(void) printf("sargam watches Spotify playlists as charts.\n\n"
	              "usage: sargam [--home DIR] [--config FILE] [--log-format text|json] COMMAND [OPTION]… [WORD]…\n\n");
	for (const struct command *const *c = commands; *c; c++)
		(void) printf("  %-10s %s\n", (*c)->name, (*c)->summary);
	(void) printf("\n`sargam COMMAND --help` says more.  Exit status: 0 done, 1 failed, 2 usage or settings, 3 deferred, "
	              "4 dead letters with --strict.\n");
}

static const struct command *find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

static int fail(const struct err *err, int status)
{
	if (err->msg[0])
		log_error("", "%s", err->msg);
	return status;
}

/* Results may go into a full disk or a closed pipe: then they are not done. */
static int flush_results(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error("", "standard output: the result could not be written whole");
	return status == EXIT_DONE ? EXIT_FAILED : status;
}

static int run_command(struct app *app, const struct command *command, int argc, char **argv)
{
	struct err err = { 0 };
	struct args args;
	bool help;
	if (args_parse(app, command, argc, argv, &args, &help, &err) != RC_OK)
		return fail(&err, EXIT_USAGE);
	if (help) {
		args_help(command);
		return EXIT_DONE;
	}
	if (app_settle(app, &err) != RC_OK)
		return fail(&err, EXIT_USAGE);
	int status = command->run(app, &args, &err);
	return status == EXIT_DONE ? status : fail(&err, status);
}

/* What is wrong with the words themselves is told in the format they ask for. */
static void early_log_format(int argc, char **argv)
{
	bool json = false;
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		if (strncmp(argv[i], "--log-format=", 13) == 0)
			value = argv[i] + 13;
		else if (strcmp(argv[i], "--log-format") == 0 && i + 1 < argc)
			value = argv[i + 1];
		if (value)
			json = strcmp(value, "json") == 0;
	}
	log_init(json ? LOG_JSON : LOG_TEXT, LOG_INFO, clock_system());
}

static bool is_word(const char *arg, const char *a, const char *b)
{
	return strcmp(arg, a) == 0 || strcmp(arg, b) == 0;
}

static int unknown_command(const char *name)
{
	CLEANUP(buf_done) struct buf names = buf_new(1 << 12);
	for (const struct command *const *c = commands; *c; c++)
		buf_addf(&names, " %s", (*c)->name);
	log_error("", "no command '%s'; there are:%s", name, buf_str(&names));
	return EXIT_USAGE;
}

/* Global options may stand before the command: they are handed to it behind its name. */
int main(int argc, char **argv)
{
	early_log_format(argc, argv);
	fault_init_from_env();
	CLEANUP(app_freep) struct app *app = app_new();
	int at = 1;
	while (at < argc && strncmp(argv[at], "--", 2) == 0 && !is_word(argv[at], "--help", "--version")) {
		bool has_value = strcmp(argv[at], "--quiet") != 0 && !strchr(argv[at], '=');
		at += has_value && at + 1 < argc ? 2 : 1;
	}
	bool asked = at < argc && (is_word(argv[at], "--help", "help") || strcmp(argv[at], "-h") == 0);
	if (at >= argc || asked) {
		print_commands();
		return flush_results(asked ? EXIT_DONE : EXIT_USAGE);
	}
	const char *name = strcmp(argv[at], "--version") == 0 ? "version" : argv[at];
	const struct command *command = find(name);
	if (!command)
		return unknown_command(name);
	char *first = argv[at]; /* the command's name becomes argv[1], the options before it follow */
	for (int i = at; i > 1; i--)
		argv[i] = argv[i - 1];
	argv[1] = first;
	return flush_results(run_command(app, command, argc - 1, argv + 1));
}
