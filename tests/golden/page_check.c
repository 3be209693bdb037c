#include "golden/page_check.h"

#define CHECK(that)                     \
	do {                            \
		if (!(that))            \
			return #that;   \
	} while (0)

static bool all_utf8(const struct slice *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!slice_is_utf8(texts[i], NULL))
			return false;
	return true;
}
#define ALL_UTF8(...)                                                                        \
	({                                                                                   \
		const struct slice texts_[] = { __VA_ARGS__ };                               \
		all_utf8(texts_, sizeof texts_ / sizeof texts_[0]);                          \
	})

static const char *entry_fault(const struct page *page, const struct entry_row *row)
{
	CHECK(row->position == page->offset.value + row->raw_index + 1);
	CHECK(row->track_id.len && row->playable_id.len && row->track_name.ptr && row->track_uri.ptr);
	CHECK(!row->album_id.ptr || row->album_id.len);
	CHECK(!row->added_by_id.ptr || row->added_by_id.len);
	CHECK(!row->film_name.ptr || row->film_name.len);
	CHECK(!row->release_day.has || row->release_date.len);
	CHECK(row->artist_count || (!row->artist_id.ptr && !row->artist_name.ptr && !row->artist_names.ptr));
	CHECK(ALL_UTF8(row->added_by_id, row->track_id, row->playable_id, row->track_name, row->track_uri, row->track_href,
	               row->track_url, row->isrc, row->restriction, row->album_id, row->album_name, row->album_type,
	               row->album_uri, row->album_href, row->album_url, row->album_image_url, row->release_date,
	               row->release_precision, row->artist_id, row->artist_name, row->artist_names, row->film_name));
	return NULL;
}

static const char *rows_fault(const struct page *page)
{
	size_t entry = 0, reject = 0, credit = 0;
	for (int64_t i = 0; i < page->items; i++) {
		CHECK(page->uri[i].ptr && slice_is_utf8(page->uri[i], NULL));
		if (entry == page->entry_count || page->entry[entry].raw_index != i) {
			const struct reject_row *row = &page->reject[reject];
			CHECK(reject < page->reject_count && row->raw_index == i);
			CHECK(row->position == page->offset.value + i + 1);
			CHECK(reject_reason_name(row->reason) && slice_is_utf8(row->detail, NULL));
			reject++;
			continue;
		}
		const struct entry_row *row = &page->entry[entry++];
		const char *fault = entry_fault(page, row);
		if (fault)
			return fault;
		int64_t ordinal[2] = { 0 };
		for (; credit < page->credit_count && page->credit[credit].position == row->position; credit++) {
			const struct credit_row *c = &page->credit[credit];
			CHECK(c->ordinal == ++ordinal[c->scope]);
			CHECK(slice_eq(c->track_id, row->track_id));
			CHECK(ALL_UTF8(c->artist_id, c->artist_name, c->artist_uri, c->artist_url));
		}
		CHECK(ordinal[CREDIT_TRACK] == row->artist_count);
	}
	CHECK(entry == page->entry_count && reject == page->reject_count && credit == page->credit_count);
	return NULL;
}

static const char *page_fault(const struct page *page)
{
	CHECK(!page->reason);
	CHECK((int64_t) (page->entry_count + page->reject_count) == page->items);
	CHECK(page->offset.value >= 0 && page->total.value >= 0);
	for (int f = 0; f < FIELD_COUNT; f++) {
		const struct field_count *c = &page->field[f];
		CHECK(c->items == (int64_t) page->entry_count);
		CHECK(c->present >= 0 && c->nulls >= 0 && c->wrong_type >= 0);
		CHECK(c->present + c->nulls + c->wrong_type <= c->items);
	}
	const struct playlist_facts *p = &page->playlist;
	CHECK(ALL_UTF8(p->id, p->name, p->owner_id, p->owner_name, p->description, p->snapshot_id));
	return rows_fault(page);
}

static const char *peek_fault(const struct page *peek, const struct page *page, bool read)
{
	CHECK(!read || !peek->reason);
	CHECK(read || peek->reason || slice_is(slice_of(page->reason), "too_large"));
	CHECK(!peek->reason || !page->reason || slice_is(slice_of(page->reason), "too_large") ||
	      slice_is(slice_of(page->reason), peek->reason));
	if (!read)
		return NULL;
	CHECK(peek->items == page->items && peek->shape_items == page->shape_items && peek->has_next == page->has_next);
	CHECK(peek->offset.value == page->offset.value && peek->total.value == page->total.value);
	return NULL;
}

const char *page_check(struct slice body, size_t arena_bytes, bool *out_read)
{
	struct arena arena CLEANUP(arena_done) = arena_new(arena_bytes);
	struct arena other CLEANUP(arena_done) = arena_new(64 << 20);
	struct page page, peek;
	struct playlist_facts facts;
	struct err err = { 0 };
	enum rc rc = page_read(body, &arena, &page, &err);
	*out_read = rc == RC_OK;
	CHECK(rc == RC_OK || rc == RC_REJECT);
	CHECK(arena.used <= arena.limit);
	CHECK(rc == RC_OK || (page.reason && err.msg[0] && slice_is_utf8(slice_of(err.msg), NULL)));
	CHECK(rc == RC_OK || (!page.items && !page.entry && !page.reject && !page.credit && !page.uri));
	if (rc == RC_OK && page_fault(&page))
		return page_fault(&page);
	page_peek(body, &peek, &other);
	if (peek_fault(&peek, &page, rc == RC_OK))
		return peek_fault(&peek, &page, rc == RC_OK);
	rc = playlist_read(body, &other, &facts, &err);
	CHECK(rc == RC_OK || rc == RC_REJECT);
	CHECK(ALL_UTF8(facts.id, facts.name, facts.owner_id, facts.owner_name, facts.description, facts.snapshot_id));
	return NULL;
}
