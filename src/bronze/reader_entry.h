/* One item of a page: what it is, and its columns.  The inner half of the reference reader; others use reader.h. */
#ifndef BRONZE_READER_ENTRY_H
#define BRONZE_READER_ENTRY_H

#include "base/json.h"
#include "bronze/reader.h"

/* A page on its way from a tree into the arena. */
struct reading {
	struct arena *arena;
	struct page *page;
	bool too_large; /* sticky: something did not fit; asked about once at the end */
};

/* Zeroed room for `count` things, a copy of a string; NULL and too_large when the arena is full. */
void *reading_alloc(struct reading *r, size_t count, size_t size);
struct slice reading_copy(struct reading *r, struct slice s);

#define ITEM_DETAIL_BYTES 96

/* The verdict over an item.  Slices point into the tree. */
struct item {
	const struct json *json;
	const struct json *track; /* the object that counts, `item` before `track`; NULL when neither is one */
	bool has_item;            /* the item carries `item` rather than `track` */
	bool usable;
	enum reject_reason reason; /* of one that is not usable */
	char detail[ITEM_DETAIL_BYTES];
	struct slice track_id; /* of a usable one: as it stands in the playlist */
	bool relinked;         /* … and it stands in linked_from */
};
void item_judge(const struct json *json, struct item *out);
/* How many credits item_read_entry() will write at most. */
size_t item_credits_max(const struct item *item);
/* Fills `row`, appends the credits to the page (which has room), counts the watched fields. */
void item_read_entry(struct reading *r, const struct item *item, int64_t position, int64_t raw_index,
                     struct entry_row *row);

#endif
