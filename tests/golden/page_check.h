/* page_check: what holds for every page, whatever its bytes are.  For mutated pages and the fuzzer. */
#ifndef GOLDEN_PAGE_CHECK_H
#define GOLDEN_PAGE_CHECK_H

#include "bronze/reader.h"

/* Reads `body` with page_read, page_peek and playlist_read; NULL, or what is wrong with an answer.
 * `*out_read` tells whether it was a page. */
const char *page_check(struct slice body, size_t arena_bytes, bool *out_read);

#endif
