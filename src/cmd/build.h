/* One build of the home: the pipeline with the options of `run` and of the stage commands. */
#ifndef CMD_BUILD_H
#define CMD_BUILD_H

#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/progress.h"
#include "dag/pipeline.h"

/* --playlist, --since, --until: shared by run and extract. */
#define BUILD_OPTIONS                                                                                             \
	{ "source", "URI", "sample (invented), dir:PATH (recorded pages), spotify (the Web API), archive:PATH, csv:PATH" },                                          \
	{ "playlist", "ID", "only this one (id, URI or link); may be repeated (default: the watch list, else all the source has)" },    \
	{ "since", "DATE", "only snapshots of this chart day (YYYY-MM-DD) or later" },                                \
	{ "until", "DATE", "only snapshots of this chart day or earlier" }

struct build {
	struct app *app;
	struct arena arena;
	struct pipeline_options options;
	struct pipeline *pipeline;
	struct progress *progress; /* wipe it before printing results */
	char run_id[64];
	bool extracted; /* the source was asked by this process */
	enum stage last; /* a run ends with it: publish, unless a backfill builds only once */
	bool silent;     /* what a run did is told by the caller */
};
/* Of an id, a URI or a link; RC_FATAL says what is wanted. */
MUST_USE enum rc build_playlist_id(struct slice given, struct slice *out_id, struct err *err);
/* Dates and the like: what is wrong with the words alone. */
MUST_USE enum rc build_check_args(const struct args *args, struct err *err);
MUST_USE enum rc build_open(struct app *app, const struct args *args, const char *run_id, struct build *out, struct err *err);
void build_close(struct build *b);

#endif
