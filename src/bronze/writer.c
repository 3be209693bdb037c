#include "bronze/writer.h"

#include "base/buf.h"
#include "base/mem.h"

struct bronze_writer {
	struct duck_conn *conn;
	struct duck_append *append[BRONZE_TABLE_COUNT];
};

enum rc bronze_writer_open(struct duck *duck, struct bronze_writer **out, struct err *err)
{
	CLEANUP(bronze_writer_closep) struct bronze_writer *w = mem_alloc(sizeof *w);
	TRY(duck_connect(duck, &w->conn, err));
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16);
		buf_addf(&sql, "CREATE TEMP TABLE %s (%s)", bronze_table_name(t), bronze_table_columns(t));
		TRY(duck_exec(w->conn, buf_str(&sql), NULL, err));
		TRY(duck_append_open(w->conn, bronze_table_name(t), &w->append[t], err));
	}
	*out = TAKE(w);
	return RC_OK;
}

void bronze_writer_close(struct bronze_writer *w)
{
	if (!w)
		return;
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++)
		duck_append_close(w->append[t]);
	duck_disconnect(w->conn);
	mem_free(w);
}

static void add_head(struct duck_append *a, const struct snapshot_head *head)
{
	duck_append_string(a, head->playlist_id);
	duck_append_int(a, head->snapshot_at * 1000000);
	duck_append_int(a, head->day_number);
	duck_append_int(a, head->day_number);
}

static void add_opt(struct duck_append *a, struct opt_int v)
{
	if (v.has)
		duck_append_int(a, v.value);
	else
		duck_append_null(a);
}

static void add_opt_bool(struct duck_append *a, struct opt_bool v)
{
	if (v.has)
		duck_append_bool(a, v.value);
	else
		duck_append_null(a);
}

/* The largest time in seconds whose microseconds fit DuckDB's TIMESTAMP. */
#define SECONDS_MAX 9223372036854

static void add_time(struct duck_append *a, struct opt_int seconds)
{
	if (seconds.has && seconds.value > -SECONDS_MAX && seconds.value < SECONDS_MAX)
		duck_append_int(a, seconds.value * 1000000);
	else
		duck_append_null(a);
}

static enum rc add_entry(struct duck_append *a, const struct snapshot_head *head, const struct entry_row *e,
                         struct slice raw_object, struct err *err)
{
	add_head(a, head);
	duck_append_int(a, e->position);
	add_time(a, e->added_at);
	duck_append_string(a, e->added_by_id);
	duck_append_string(a, e->track_id);
	duck_append_string(a, e->playable_id);
	duck_append_string(a, e->track_name);
	duck_append_string(a, e->track_uri);
	duck_append_string(a, e->track_href);
	duck_append_string(a, e->track_url);
	duck_append_string(a, e->isrc);
	add_opt(a, e->duration_ms);
	add_opt_bool(a, e->explicit_);
	add_opt(a, e->popularity);
	add_opt(a, e->disc_number);
	add_opt(a, e->track_number);
	add_opt_bool(a, e->is_playable);
	duck_append_string(a, e->restriction);
	duck_append_string(a, e->album_id);
	duck_append_string(a, e->album_name);
	duck_append_string(a, e->album_type);
	duck_append_string(a, e->album_uri);
	duck_append_string(a, e->album_href);
	duck_append_string(a, e->album_url);
	duck_append_string(a, e->album_image_url);
	add_opt(a, e->album_total_tracks);
	duck_append_string(a, e->release_date);
	duck_append_string(a, e->release_precision);
	add_opt(a, e->release_day);
	duck_append_int(a, e->artist_count);
	duck_append_string(a, e->artist_id);
	duck_append_string(a, e->artist_name);
	duck_append_string(a, e->artist_names);
	duck_append_string(a, e->film_name);
	duck_append_string(a, raw_object);
	duck_append_int(a, e->raw_index);
	return duck_append_end_row(a, err);
}

static enum rc add_credit(struct duck_append *a, const struct snapshot_head *head, const struct credit_row *c,
                          struct err *err)
{
	add_head(a, head);
	duck_append_int(a, c->position);
	duck_append_string(a, c->track_id);
	duck_append_string(a, c->scope == CREDIT_TRACK ? SLICE("track") : SLICE("album"));
	duck_append_int(a, c->ordinal);
	duck_append_string(a, c->artist_id);
	duck_append_string(a, c->artist_name);
	duck_append_string(a, c->artist_uri);
	duck_append_string(a, c->artist_url);
	return duck_append_end_row(a, err);
}

static enum rc add_reject(struct duck_append *a, const struct snapshot_head *head, const struct reject_row *r,
                          struct slice raw_object, struct err *err)
{
	add_head(a, head);
	duck_append_int(a, r->position);
	duck_append_string(a, slice_of(reject_reason_name(r->reason)));
	duck_append_string(a, r->detail);
	duck_append_string(a, raw_object);
	duck_append_int(a, r->raw_index);
	return duck_append_end_row(a, err);
}

enum rc bronze_writer_page(struct bronze_writer *w, const struct snapshot_head *head, const struct page *page,
                           struct slice raw_object, struct err *err)
{
	for (size_t i = 0; i < page->entry_count; i++)
		TRY(add_entry(w->append[BRONZE_ENTRY], head, &page->entry[i], raw_object, err));
	for (size_t i = 0; i < page->credit_count; i++)
		TRY(add_credit(w->append[BRONZE_CREDIT], head, &page->credit[i], err));
	for (size_t i = 0; i < page->reject_count; i++)
		TRY(add_reject(w->append[BRONZE_REJECT], head, &page->reject[i], raw_object, err));
	return RC_OK;
}

enum rc bronze_writer_snapshot(struct bronze_writer *w, const struct snapshot_head *head, const struct snapshot_row *row,
                               const struct field_count field[static FIELD_COUNT], struct err *err)
{
	struct duck_append *a = w->append[BRONZE_FIELD];
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		add_head(a, head);
		duck_append_string(a, slice_of(watched_field_path[i]));
		duck_append_int(a, field[i].items);
		duck_append_int(a, field[i].present);
		duck_append_int(a, field[i].nulls);
		duck_append_int(a, field[i].wrong_type);
		TRY(duck_append_end_row(a, err));
	}
	a = w->append[BRONZE_SNAPSHOT];
	add_head(a, head);
	duck_append_string(a, row->spotify_snapshot_id);
	duck_append_string(a, row->playlist.name);
	duck_append_string(a, row->playlist.owner_id);
	duck_append_string(a, row->playlist.owner_name);
	duck_append_string(a, row->playlist.description);
	add_opt(a, row->playlist.followers);
	duck_append_int(a, row->total.has ? row->total.value : row->items);
	duck_append_int(a, row->pages);
	duck_append_int(a, row->items);
	duck_append_int(a, row->entries);
	duck_append_int(a, row->rejects);
	duck_append_int(a, row->warnings);
	duck_append_string(a, row->fields_missing);
	duck_append_string(a, slice_of(row->content_sha256));
	duck_append_string(a, row->source);
	duck_append_int(a, row->revision);
	duck_append_int(a, 1);
	return duck_append_end_row(a, err);
}

static enum rc flush_all(struct bronze_writer *w, struct err *err)
{
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++)
		TRY(duck_append_flush(w->append[t], err));
	return RC_OK;
}

enum rc bronze_writer_discard(struct bronze_writer *w, const struct snapshot_head *head, struct err *err)
{
	TRY(flush_all(w, err));
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 12);
		buf_addf(&sql, "DELETE FROM %s WHERE snapshot_at = make_timestamptz(%lld) AND playlist_id = ",
		         bronze_table_name(t), (long long) head->snapshot_at * 1000000);
		duck_quote_text(head->playlist_id, &sql);
		TRY(duck_exec(w->conn, buf_str(&sql), NULL, err));
	}
	return RC_OK;
}

enum rc bronze_writer_finish(struct bronze_writer *w, const char *dir, const char *name, const char *inputs,
                             struct err *err)
{
	TRY(flush_all(w, err));
	for (enum bronze_table t = 0; t < BRONZE_TABLE_COUNT; t++) {
		CLEANUP(buf_done) struct buf sql = buf_new(1 << 16), path = buf_new(1 << 13);
		buf_addf(&path, "%s/%s.%s.parquet", dir, name, bronze_table_name(t));
		buf_addf(&sql, "COPY %s TO ", bronze_table_name(t));
		duck_quote_text(buf_slice(&path), &sql);
		buf_adds(&sql, " (FORMAT parquet, COMPRESSION zstd, KV_METADATA {inputs: ");
		duck_quote_text(slice_of(inputs), &sql);
		buf_adds(&sql, "})");
		TRY(duck_exec(w->conn, buf_str(&sql), NULL, err));
	}
	return RC_OK;
}
