/* expect: rows in text, written by hand, against what a page reader gave.
 *
 * A line is a kind and NAME=VALUE pairs; only what is named is compared.  VALUE is a bare word, `null`, or a JSON string.
 * '#' starts a comment.
 *
 *	refused reason=no_items message="part of the message"
 *	page offset=0 total=null has_next=false shape_items=true has_playlist=false items=3
 *	counts entries=2 credits=3 rejects=1
 *	playlist id=… followers=7
 *	entry position=1 track_id=… duration_ms=… film_name=…      (found by position)
 *	credit position=1 scope=track ordinal=1 artist_id=…        (found by position, scope, ordinal)
 *	reject position=3 reason=episode detail="track.type"       (found by position)
 *	field path=track.popularity items=2 present=1 nulls=0 wrong_type=1
 *	uri raw_index=0 uri=spotify:track:…
 *
 * A page that is read needs a `counts` line, one that is not needs `refused`. */
#ifndef GOLDEN_EXPECT_H
#define GOLDEN_EXPECT_H

#include "test.h"

#include "bronze/reader.h"

/* Fails the running test, naming `what` and the line, at the first difference. */
void expect_page(const char *what, struct slice expected, enum rc rc, const struct page *page, const struct err *err);

#endif
