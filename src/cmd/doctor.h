/* doctor: what is set up and what is not, section by section.
 *
 * A section is one function: it says a line for each thing it looked at, with the next step where something is wrong.  It changes
 * nothing, in the home or elsewhere (but a login that has run out is renewed).  A new one is a line of the table in cmd_doctor.c. */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "cmd/app.h"
#include "cmd/terminal.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_LEVELS };
struct doctor {
	struct app *app;
	struct terminal terminal;
	bool offline;  /* nothing but this machine is asked */
	bool has_home; /* a folder that can be looked at; sections that need one are left out without it */
	size_t said[DOCTOR_LEVELS];
	struct state *state; /* see doctor_state */
};
PRINTF(4, 5) void doctor_say(struct doctor *d, enum doctor_level level, const char *subject, const char *fmt, ...);

/* state.db, for looking only; NULL when there is none that can be read (which the section of the home has said). */
struct state *doctor_state(struct doctor *d);
/* The folder of raw, bronze and gold. */
const char *doctor_store_dir(struct doctor *d);

/* doctor_home.c */
void doctor_home(struct doctor *d);
void doctor_settings(struct doctor *d);
void doctor_source(struct doctor *d);
void doctor_databases(struct doctor *d);
void doctor_warehouse(struct doctor *d);
void doctor_lock(struct doctor *d);
/* doctor_spotify.c */
void doctor_spotify(struct doctor *d);
/* doctor_data.c */
void doctor_watches(struct doctor *d);
void doctor_snapshots(struct doctor *d);
void doctor_backlog(struct doctor *d);
void doctor_letters(struct doctor *d);
void doctor_drift(struct doctor *d);

#endif
