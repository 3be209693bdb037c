/* The table of commands: a new one is a file of its own and one line here. */
#include "cmd/command.h"

#define COMMANDS(X)                                                                          \
	X(run) X(setup) X(watch) X(extract) X(ingest) X(bronze) X(gold) X(load) X(verify) X(publish) \
	X(query) X(chart) X(lineage) X(dag) X(dead) X(rebuild) \
	X(login) \
	X(playlists) \
	X(serve) X(status) \
	X(simulate) \
	X(drift) \
	X(doctor) \
	X(import) \
	X(config) X(version)

#define X(name) extern const struct command cmd_##name;
COMMANDS(X)
#undef X

const struct command *const commands[] = {
#define X(name) &cmd_##name,
	COMMANDS(X)
#undef X
	NULL,
};
