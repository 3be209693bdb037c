/* The charts of a CSV file: each country is a playlist, each of its days a snapshot at noon UTC, each line an item. */
#include "source/source.h"

#include "base/json.h"
#include "base/mem.h"
#include "source/csv_file.h"
#include "source/import_broken.h"
#include "source/import_page.h"

#define NOON_S (12 * 3600)
#define DAY_S 86400
#define PREFIX "chart-"
#define ARTISTS_MAX 1000
#define ORIGIN_BYTES_MAX ((size_t) 1 << 20)

struct source_csv {
	struct source base;
	struct csv_file *file;
	char *path;
};

static struct source_csv *csv_of(struct source *s)
{
	return CONTAINER_OF(s, struct source_csv, base);
}

/* --- which there are ---------------------------------------------------------------------------------------- */

static enum rc csv_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	struct csv_file *f = csv_of(s)->file;
	const char *last = "";
	TRY(csv_file_index(f, err));
	size_t count = 0;
	for (size_t i = 0; i < csv_file_chart_count(f); i++) { /* in their order */
		const char *country = csv_file_chart(f, i)->country;
		count += strcmp(country, last) != 0;
		last = country;
	}
	out->id = arena_alloc_array(arena, count, sizeof *out->id);
	last = "";
	for (size_t i = 0; i < csv_file_chart_count(f); i++) {
		const char *country = csv_file_chart(f, i)->country;
		if (strcmp(country, last) != 0)
			out->id[out->count++] = arena_printf(arena, PREFIX "%s", country);
		last = country;
	}
	return RC_OK;
}

/* The charts of one playlist stand side by side. */
static enum rc find_charts(struct source_csv *c, struct slice id, size_t *out_first, size_t *out_count, struct err *err)
{
	TRY(csv_file_index(c->file, err));
	size_t prefix = sizeof PREFIX - 1, at = 0, end = csv_file_chart_count(c->file);
	struct slice country = slice_starts(id, SLICE(PREFIX)) ? slice_sub(id, prefix, id.len - prefix) : SLICE("");
	while (at < end) {
		size_t mid = at + (end - at) / 2;
		if (slice_cmp(slice_of(csv_file_chart(c->file, mid)->country), country) < 0)
			at = mid + 1;
		else
			end = mid;
	}
	*out_first = at;
	while (end < csv_file_chart_count(c->file) && slice_is(country, csv_file_chart(c->file, end)->country))
		end++;
	*out_count = end - at;
	if (end == at)
		return err_set(err, RC_NOT_FOUND, "source csv:%s: no chart '%.*s' in it (they are named by country, such as chart-IN; "
		                                  "chart-GLOBAL has none)", c->path, SLICE_FMT(id));
	return RC_OK;
}

static int64_t snapshot_of(const struct csv_chart *chart)
{
	return chart->day * DAY_S + NOON_S;
}

static enum rc csv_snapshots(struct source *s, struct slice id, struct arena *arena, struct source_times *out, struct err *err)
{
	size_t first, count;
	TRY(find_charts(csv_of(s), id, &first, &count, err));
	out->unix_s = arena_alloc_array(arena, count, sizeof *out->unix_s);
	for (out->count = 0; out->count < count; out->count++)
		out->unix_s[out->count] = snapshot_of(csv_file_chart(csv_of(s)->file, first + out->count));
	return RC_OK;
}

/* --- one of them -------------------------------------------------------------------------------------------- */

/* [[2,51]]: the lines by position; a rank that no line has is null; a line that is not the next one of the file begins a new
 * range. */
static void write_lines(const struct csv_file *f, const struct csv_chart *chart, struct buf *b)
{
	int64_t rank = 1;
	const struct csv_line *last = NULL;
	buf_adds(b, "[");
	for (size_t i = 0; i < chart->count; i++, rank++) {
		const struct csv_line *l = csv_file_line(f, chart->first + i);
		bool goes_on = last && l->rank == rank && l->number == last->number + last->lines;
		if (last && !goes_on)
			buf_addf(b, ",%u],", last->number + last->lines - 1u);
		for (; rank < l->rank; rank++)
			buf_adds(b, "null,");
		if (!goes_on)
			buf_addf(b, "[%u", l->number);
		last = l;
	}
	if (last)
		buf_addf(b, ",%u]", last->number + last->lines - 1u);
	buf_adds(b, "]");
}

static enum rc hand_origin(struct source_csv *c, const struct csv_chart *chart, const struct source_sink *sink, struct err *err)
{
	CLEANUP(buf_done) struct buf b = buf_new(ORIGIN_BYTES_MAX);
	const char *name = strrchr(c->path, '/');
	if (!sink->origin)
		return RC_OK;
	buf_adds(&b, "{\"kind\":\"csv\",\"file\":");
	json_write_string(slice_of(name ? name + 1 : c->path), &b);
	buf_addf(&b, ",\"sha256\":\"%s\",\"lines\":", csv_file_sha256(c->file));
	write_lines(c->file, chart, &b);
	buf_adds(&b, "}");
	TRY(buf_ok(&b, "source csv: the origin", err));
	sink->origin(sink->ctx, buf_slice(&b));
	return RC_OK;
}

static enum rc hand_playlist(struct slice id, const struct csv_chart *chart, const struct source_sink *sink, struct err *err)
{
	CLEANUP(buf_done) struct buf b = buf_new(1 << 16);
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	const struct import_playlist p = {
		.id = id,
		.name = arena_printf(&scratch, "Top Songs – %s", strcmp(chart->country, "GLOBAL") == 0 ? "Global" : chart->country),
	};
	import_playlist_write(&p, &b);
	TRY(buf_ok(&b, "source csv: a playlist", err));
	return sink->object(sink->ctx, SOURCE_PLAYLIST, 0, buf_slice(&b), err);
}

static void write_item(const struct csv_row *row, bool first, struct arena *scratch, struct buf *b)
{
	struct import_item item = {
		.kind = IMPORT_TRACK,
		.id = row->id,
		.name = row->name,
		.artist = arena_alloc_array(scratch, ARTISTS_MAX, sizeof *item.artist),
		.has_album = true,
		.album_name = row->album_name.len ? row->album_name : SLICE_NULL,
		.release = row->release[0] ? slice_of(row->release) : SLICE_NULL,
		.release_precision = slice_of(row->release_precision),
		.has_duration = row->has_duration,
		.has_popularity = row->has_popularity,
		.has_explicit = row->has_explicit,
		.duration_ms = row->duration_ms,
		.popularity = row->popularity,
		.is_explicit = row->is_explicit,
	};
	struct slice rest = row->artists, name;
	while (item.artist_count < ARTISTS_MAX && csv_next_artist(&rest, &name)) {
		struct import_artist *a = &item.artist[item.artist_count++];
		a->name = name;
		a->id = arena_printf(scratch, "name:%.*s", SLICE_FMT(name)); /* Spotify's is not in the file */
	}
	import_item_write(&item, first, b);
}

static enum rc hand_page(struct source_csv *c, struct slice id, const struct csv_chart *chart, int64_t offset, size_t *inout_line,
                         const struct source_sink *sink, struct buf *b, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 1 << 20);
	int64_t end = offset + IMPORT_PAGE_ITEMS < chart->rank_max ? offset + IMPORT_PAGE_ITEMS : chart->rank_max;
	buf_reset(b);
	import_page_begin(id, offset, chart->rank_max, b);
	for (int64_t rank = offset + 1; rank <= end; rank++) {
		struct csv_row row;
		bool first = rank == offset + 1;
		arena_reset(&scratch);
		if (csv_file_line(c->file, chart->first + *inout_line)->rank == rank) {
			TRY(csv_file_read(c->file, chart->first + (*inout_line)++, &row, err));
			write_item(&row, first, &scratch, b);
		} else {
			import_item_write(&(struct import_item){ .kind = IMPORT_NULL }, first, b);
		}
	}
	import_page_end(b);
	TRY(buf_ok(b, "source csv: a page", err));
	return sink->object(sink->ctx, SOURCE_PAGE, offset / IMPORT_PAGE_ITEMS, buf_slice(b), err);
}

static enum rc csv_fetch(struct source *s, struct slice id, int64_t snapshot_at, const struct source_sink *sink, struct err *err)
{
	struct source_csv *c = csv_of(s);
	size_t first, count, line = 0;
	TRY(find_charts(c, id, &first, &count, err));
	size_t at = first;
	while (at < first + count && snapshot_of(csv_file_chart(c->file, at)) < snapshot_at)
		at++;
	const struct csv_chart *chart = at < first + count ? csv_file_chart(c->file, at) : NULL;
	if (!chart || snapshot_of(chart) != snapshot_at)
		return err_set(err, RC_NOT_FOUND, "source csv:%s: no chart %.*s of that time", c->path, SLICE_FMT(id));
	TRY(hand_origin(c, chart, sink, err));
	TRY(hand_playlist(id, chart, sink, err));
	CLEANUP(buf_done) struct buf b = buf_new(IMPORT_PAGE_BYTES_MAX);
	for (int64_t offset = 0; offset < chart->rank_max; offset += IMPORT_PAGE_ITEMS)
		TRY(hand_page(c, id, chart, offset, &line, sink, &b, err));
	return RC_OK;
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

static enum rc csv_broken(struct source *s, enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err), void *ctx,
                          struct err *err)
{
	TRY(csv_file_index(csv_of(s)->file, err));
	return broken_set_each(csv_file_broken(csv_of(s)->file), each, ctx, err);
}

static void csv_close(struct source *s)
{
	struct source_csv *c = csv_of(s);
	csv_file_close(c->file);
	mem_free(c->path);
	mem_free(c);
}

static const struct source_ops csv_ops = {
	.scheme = "csv",
	.playlists = csv_playlists,
	.snapshots = csv_snapshots,
	.fetch = csv_fetch,
	.broken = csv_broken,
	.close = csv_close,
};

enum rc source_csv_open(const char *path, const atomic_bool *stop, struct source **out, struct err *err)
{
	struct csv_file *file;
	*out = NULL;
	if (path[0] == '\0')
		return err_set(err, RC_FATAL, "source csv:: name the CSV file of the charts");
	TRY_WRAP(csv_file_open(path, stop, &file, err), err, "source");
	struct source_csv *c = mem_alloc(sizeof *c);
	*c = (struct source_csv){ .base.ops = &csv_ops, .file = file, .path = mem_strdup(path) };
	*out = &c->base;
	return RC_OK;
}
