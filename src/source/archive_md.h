/* The Markdown of the playlist archive: one file for each version of a list.
 *
 *	### [Name](https://open.spotify.com/playlist/ID)
 *	> description
 *	[owner](https://open.spotify.com/user/ID) - 1,234 likes - 50 songs - 3 hr 17 min      (later versions)
 *	| No. | Title | Artist(s) | Album | Length |
 *	|---|---|---|---|---|
 *	| 1 | [Title](…/track/ID) | [Artist](…/artist/ID), [Other](…/artist/ID) | [Album](…/album/ID) | 3:48 |
 *	Snapshot ID: `…`                                                                       (later versions)
 *
 * Names are taken as they stand, brackets, parentheses and pipes included: a link's text ends where its address begins.  Later
 * versions put a backslash before punctuation; it is removed where a name shows that it was put there (a name with a bare
 * parenthesis never had any).  A row without a link to a track is a local file. */
#ifndef SOURCE_ARCHIVE_MD_H
#define SOURCE_ARCHIVE_MD_H

#include "base/arena.h"
#include "source/import_broken.h"
#include "source/import_page.h"

#define MD_FILE_BYTES_MAX ((size_t) 32 << 20)
#define MD_ROW_BYTES_MAX 65536
#define MD_NAMES_BYTES (2 * MD_ROW_BYTES_MAX)
#define MD_POSITION_MAX 100000
#define MD_GAP_MAX 100
#define MD_ARTISTS_MAX 200
#define MD_HEAD_BYTES ((size_t) 16 << 20) /* an arena for what stands above the table holds so much */

/*        name              what is wrong */
#define MD_REASONS(X)                                                                             \
	X(no_header,        "a list's file without the line ### [name](address of a playlist)")    \
	X(no_table,         "a list's file without the table | No. | Title | Artist(s) | Album | Length |") \
	X(not_utf8,         "not UTF-8 text")                                                      \
	X(too_large,        "larger than a list's file may be")                                    \
	X(missing_object,   "a version whose content is not in this copy of the repository")       \
	X(bad_time,         "a commit whose author time is none")                                  \
	X(bad_row,          "a row that is none of title, artists, album and length")              \
	X(bad_number,       "a row whose number does not follow the one before")

enum md_reason {
	MD_FINE = -1,
#define X(name, what) MD_REASON_##name,
	MD_REASONS(X)
#undef X
	MD_REASON_COUNT
};
const struct broken_reason *md_reason(enum md_reason reason);

struct md_reader {
	struct slice text;
	size_t at;            /* the next line */
	int64_t line;         /* its number */
	int64_t position;     /* the last one handed out */
	/* what stands above the table; names into the arena */
	struct slice playlist_id, name, description, owner_id, owner_name, snapshot_id;
	bool has_followers;
	int64_t followers;
	size_t description_lines;
};
/* Reads up to the table; `arena` holds MD_HEAD_BYTES.  Anything but MD_FINE: what kind of file it is not. */
enum md_reason md_open(struct slice text, struct arena *arena, struct md_reader *out);

struct md_row {
	enum md_reason reason; /* MD_FINE, or what is wrong: the item is IMPORT_NULL then */
	struct slice text;     /* the line */
	int64_t line;
	int64_t position;      /* 0: it has none (a number that was there before) */
	struct import_item item;
	struct import_artist artist[MD_ARTISTS_MAX];
};
/* The next row of the table; false at its end.  A position that is left out stands between two rows: what was not there is
 * null.  `arena` gets the names, at most MD_NAMES_BYTES a row. */
bool md_next(struct md_reader *r, struct arena *arena, struct md_row *out);

#endif
