/* The longer verbs of `sargam dag`. */
#ifndef CMD_DAG_H
#define CMD_DAG_H

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/terminal.h"

void dag_print_json(const struct json *root);

/* The job, the due times to come, what became of the last; makes nothing in the home. */
MUST_USE enum rc dag_schedule(struct app *app, bool as_json, const struct terminal *terminal, struct err *err);
/* --since to --until: extract and ingest in a run of its own for each day that misses something, then one build; an exit
 * status. */
int dag_backfill(struct app *app, const struct args *args, struct err *err);

#endif
