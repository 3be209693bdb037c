/* What `serve` does besides answering: it consumes the subscription, runs the pipeline when the schedule says so, builds the tables when
 * snapshots have become complete, and extracts when the door is asked.  Runs and builds are children (cmd/self.h).
 *
 *	daemon_open()    before the server listens
 *	daemon_start()   once it does: consumer and conductor begin
 *	daemon_stop()    no new work; does not wait
 *	daemon_close()   after the server has closed */
#ifndef CMD_DAEMON_H
#define CMD_DAEMON_H

#include "cmd/app.h"
#include "serve/door_extract.h"
#include "serve/overview.h"

struct daemon;
/* RC_FATAL for a schedule that cannot be one. */
MUST_USE enum rc daemon_open(struct app *app, struct daemon **out, struct err *err);
MUST_USE enum rc daemon_start(struct daemon *d, struct err *err);
void daemon_stop(struct daemon *d);
void daemon_close(struct daemon *d); /* takes NULL */
static inline void daemon_closep(struct daemon **d)
{
	daemon_close(*d);
	*d = NULL;
}
/* Something was published to this topic; on any thread. */
void daemon_published(struct daemon *d, const char *topic);
/* A snapshot of a playlist became complete outside of the consumer; on any thread. */
void daemon_completed(void *daemon, struct slice playlist_id);
/* Has a part of it ended by itself?  Then why. */
bool daemon_failed(struct daemon *d, struct err *err);
/* An extraction as a child; ctx is the daemon. */
door_extract_run daemon_extract;
/* The schedule's jobs; ctx is the daemon. */
overview_jobs daemon_jobs;

#endif
