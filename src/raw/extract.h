/* Extract: snapshots of a source become messages on the topic: one for each page, one for the playlist object, then
 * snapshot_complete with the manifest as its data (DATA.md, "Messages").  RC_OK of a publish means durable.
 *
 * A snapshot that is complete in the store already is not extracted again: its name is the answer, nothing else is asked.
 * A snapshot the source cannot deliver (RC_REJECT) becomes a letter of kind LETTER_EXTRACT and a message extract_failed;
 * the others go on.  Lines that an import could not use become letters of kind LETTER_IMPORT.  RC_RETRY and RC_FATAL of the
 * source or bus end the call; what was published stays published.
 * A live source has waited already when it says RC_RETRY: that playlist is deferred to a later run, the others go on. */
#ifndef RAW_EXTRACT_H
#define RAW_EXTRACT_H

#include "bus/bus.h"
#include "source/source.h"
#include "store/store.h"

#define TOPIC "Spotify-etl"
#define SUBSCRIPTION "spotify-raw"
#define SUBSCRIPTION_FILTER \
	"attributes.type = \"playlist_page\" OR attributes.type = \"playlist\" OR attributes.type = \"snapshot_complete\""
#define DEAD_TOPIC "Spotify-etl-dead"
#define DEAD_SUBSCRIPTION "spotify-dead"

struct extract_options {
	struct source *source;
	struct bus *bus;
	struct store *store;
	struct clock *clock; /* when a letter was written; NULL: its time is unknown */
	const char *run_id;
	const struct slice *playlist; /* which ones; count 0 = all the source names */
	size_t playlist_count;
	bool has_since, has_until;
	int64_t since_day, until_day; /* chart days, inclusive */
	int64_t chart_offset_s;
	int64_t pages_max;
	size_t page_limit_bytes;
	void (*on_progress)(void *ctx, size_t done, size_t total, const char *what);
	void *ctx;
	const atomic_bool *stop; /* asked between snapshots; may be NULL */
};
struct extract_result {
	int64_t playlists, snapshots, pages, bytes; /* published */
	int64_t known;                              /* complete already */
	int64_t failed;                             /* letters written */
	int64_t items;                              /* in the published pages that can be read */
	int64_t broken;                             /* lines of an imported file that cannot be used, known letters or new */
	int64_t unread;                             /* playlists the source does not have or cannot read; a warning names each */
	int64_t deferred;                           /* playlists of a live source that a later run goes on with */
	int64_t retry_after_ms;                     /* deferred: not before; 0 = at any time */
	char deferred_why[ERR_MSG_BYTES];           /* of the first */
};

MUST_USE enum rc extract_run(const struct extract_options *o, struct extract_result *out, struct err *err);

#endif
