#include "cmd/app.h"
#include "cmd/command.h"

#include "gen/version.h"
#include "io/db.h"
#include "io/duck.h"

static int run(struct app *app UNUSED, const struct args *args UNUSED, struct err *err UNUSED)
{
	(void) printf("sargam %s%s%s%s\nDuckDB %s, SQLite %s\n", SARGAM_VERSION, *SARGAM_COMMIT ? " (" : "", SARGAM_COMMIT,
	              *SARGAM_COMMIT ? ")" : "", duck_version(), db_version());
	return EXIT_DONE;
}

extern const struct command cmd_version;
const struct command cmd_version = {
	.name = "version",
	.summary = "this program's and its engines' versions",
	.words = "",
	.run = run,
};
