/* What the webhook has to tell, from what it has told and what there is now.  No I/O, no clock, no chance.
 *
 *	run_failed       a run ended as FAILED; each one
 *	run_recovered    the first run that is DONE after one that failed, whatever its arguments
 *	playlists_stale  watched playlists that have had no snapshot for stale_after_s, all that became so since the last look
 *	playlists_fresh  those of them that have one again
 *
 * Each is told once.  Runs are known by id and end, so one that is tried again and fails again is told again; what ended longer
 * ago than keep_ms is old news and not told.  The very first look tells no run: what stands then is where it begins. */
#ifndef SERVE_WEBHOOK_JUDGE_H
#define SERVE_WEBHOOK_JUDGE_H

#include "base/json.h"
#include "serve/overview.h"

#define WEBHOOK_PLAYLISTS_MAX 10000 /* stale at once; further ones are not told */
#define WEBHOOK_LISTED_MAX 100      /* of them named in one event; it tells how many there are */

struct webhook_playlist {
	char id[136];
	int64_t since_s;   /* first seen on the list */
	bool told;         /* as stale, when its newest snapshot was of */
	int64_t newest_at;
};
struct webhook_event {
	int64_t at_ms;
	struct json *body; /* an object: text, event, id, time, home and what belongs to the event */
};
struct webhook_memory {
	bool begun; /* false: nothing is known yet */
	uint64_t *seen; /* ascending: the newest runs that had ended at the last look */
	size_t seen_count;
	char failed_run[RUN_ID_BYTES]; /* told, and not recovered from; "" for none */
	int64_t failed_at_ms;
	struct webhook_playlist *playlist; /* by id: those told, and configured ones that never had a snapshot */
	size_t playlist_count;
	struct webhook_event *event; /* waiting, the oldest first */
	size_t event_count;
	int64_t dropped; /* events given up since the last one was taken */
	int64_t tries, next_try_ms; /* of the first event */
};
void webhook_memory_done(struct webhook_memory *memory);

struct webhook_facts {
	const struct runs *runs; /* the newest first */
	const struct overview_playlist *playlist; /* watched, by id */
	size_t playlist_count;
	const char *home; /* its name, for people who have several */
	int64_t now_ms;
	int64_t stale_after_s; /* 0 = never */
	int64_t keep_ms;
	size_t waiting_max;
};
/* Adds events to `memory`; true when anything in it has changed. */
bool webhook_judge(struct webhook_memory *memory, const struct webhook_facts *facts);
/* Events that have waited for longer than keep_ms, or are more than waiting_max, go, the oldest first; how many. */
size_t webhook_expire(struct webhook_memory *memory, int64_t now_ms, int64_t keep_ms, size_t waiting_max);
/* The first one was taken. */
void webhook_taken(struct webhook_memory *memory);

/* As JSON and back.  RC_REJECT for what is none of ours: begin anew. */
struct json *webhook_memory_write(const struct webhook_memory *memory);
MUST_USE enum rc webhook_memory_read(struct slice text, struct webhook_memory *out, struct err *err);

/* Text for people, ready for a receiver of Slack's kind: UTF-8 on one line, '&', '<' and '>' as entities (else "<!channel>" in an
 * error's text would ring everywhere; api.slack.com/reference/surfaces/formatting#escaping), at most `bytes_max` long. */
void webhook_text(struct slice text, size_t bytes_max, struct buf *out);

#endif
