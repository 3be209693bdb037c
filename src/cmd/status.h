/* What `sargam status` shows: read anew for each picture, changing nothing in the home; a part that cannot be read says why, the
 * others are shown. */
#ifndef CMD_STATUS_H
#define CMD_STATUS_H

#include "cmd/app.h"
#include "cmd/terminal.h"
#include "serve/overview.h"
#include "serve/presence.h"

enum status_part { STATUS_DAEMON, STATUS_BUS, STATUS_STATE, STATUS_STORE, STATUS_WAREHOUSE, STATUS_DISK, STATUS_PARTS };
const char *status_part_name(enum status_part part);

struct status {
	const char *home;
	int64_t now_ms, stale_after_s;
	bool has[STATUS_PARTS];
	char why[STATUS_PARTS][300]; /* without it: "" = there is none yet */
	enum presence_state daemon_state;
	struct presence daemon;
	struct overview_bus bus;
	struct overview_runs runs;           /* with STATUS_STATE, as the next */
	struct overview_playlists playlists;
	struct overview_letters letters;
	struct overview_disk disk;
	char newest_day[32];                 /* of the published charts; "" for none */
	struct overview_job job[OVERVIEW_JOBS_MAX]; /* of the scheduler */
	size_t job_count;
};
/* What one picture leaves to the next: the warehouse is asked again only when its file has changed. */
struct status_memory {
	bool has_asked;
	uint64_t inode;
	int64_t mtime_ns;
	char newest_day[32];
};
void status_read(struct app *app, struct status_memory *memory, struct arena *arena, struct status *out);

/* Lines of at most t->columns columns; nothing from outside steers the terminal. */
void status_text(const struct status *s, const struct terminal *t, struct buf *out);
struct json *status_json(const struct status *s);

#endif
