/* film_name: which film a track comes from, told by the names alone.
 *
 * A heuristic, case-sensitive, first hit counts:
 *   1. X of the first (From "X") or [From "X"] in the track's name, with straight or typographic double quotes;
 *   2. the same in the album's name;
 *   3. what stands in the album's name before (Original Motion Picture Soundtrack) or (Original Soundtrack), in round
 *      or square brackets, on its first line.
 * Trimmed of Unicode white space.  SLICE_NULL when there is none or nothing is left.
 * The names are UTF-8 (or NULL); the answer points into one of them. */
#ifndef BRONZE_FILM_H
#define BRONZE_FILM_H

#include "base/slice.h"

struct slice film_name(struct slice track_name, struct slice album_name);

#endif
