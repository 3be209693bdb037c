/* A little pipeline in memory for tests of the raw layer: source, bus and store, small pages of invented tracks. */
#ifndef SUPPORT_LINE_H
#define SUPPORT_LINE_H

#include "base/clock.h"
#include "bus/bus.h"
#include "raw/extract.h"
#include "raw/ingest.h"
#include "source/source.h"
#include "store/store.h"

#define LINE_PLAYLIST "0LineTestPlaylist00001"
#define LINE_AT 1767225605 /* 2026-01-01T00:00:05Z */

struct line {
	struct clock_fake clock;
	struct source *source;
	struct bus *bus;
	struct store *store;
};
/* Topic and subscriptions are made. */
void line_open(struct line *l);
void line_close(struct line *l);
/* A paging object with items [offset, offset + count) of `total`; track i has the id "track<i>". */
struct slice line_page(struct arena *arena, int64_t offset, int64_t count, int64_t total);
/* A snapshot of `pages` pages with two items each. */
void line_add_snapshot(struct line *l, const char *playlist_id, int64_t at, int64_t pages);
enum rc line_extract(struct line *l, struct extract_result *out, struct err *err);
enum rc line_ingest(struct line *l, struct ingest_result *out, struct err *err);
/* Objects below a prefix. */
size_t line_count(struct line *l, const char *prefix);

#endif
