/* Rows from C into a table: data chunks filled column by column, handed over 2,048 rows at a time. */
#include "base/mem.h"
#include "io/duck_private.h"

struct target {
	duckdb_type type;
	void *data;
	uint64_t *validity; /* NULL until the first NULL of the chunk */
};
struct duck_append {
	duckdb_appender appender;
	duckdb_data_chunk chunk;
	size_t column_count, column; /* column: the next value's */
	idx_t row, waiting; /* of the chunk; handed over and not yet flushed */
	struct target *target;
};

/* DuckDB's appender would hold 204,800 rows outside its memory limit before it flushes by itself. */
#define WAITING_ROWS_MAX (16 * DUCK_CHUNK_ROWS)

static void bind_vectors(struct duck_append *a)
{
	for (size_t i = 0; i < a->column_count; i++) {
		a->target[i].data = duckdb_vector_get_data(duckdb_data_chunk_get_vector(a->chunk, i));
		a->target[i].validity = NULL;
	}
}

static enum rc appender_fail(struct duck_append *a, struct err *err)
{
	duckdb_error_data data = duckdb_appender_error_data(a->appender);
	enum rc rc = duck_fail(err, duckdb_error_data_message(data));
	duckdb_destroy_error_data(&data);
	return rc;
}

enum rc duck_append_open(struct duck_conn *c, const char *table, struct duck_append **out, struct err *err)
{
	TRY(duck_pass("duck.append", err));
	CLEANUP(duck_append_closep) struct duck_append *a = mem_alloc(sizeof *a);
	if (duckdb_appender_create(c->conn, NULL, table, &a->appender) != DuckDBSuccess)
		return appender_fail(a, err);
	a->column_count = (size_t) duckdb_appender_column_count(a->appender);
	a->target = mem_alloc_array(a->column_count, sizeof *a->target);
	CLEANUP(mem_freep) duckdb_logical_type *types = mem_alloc_array(a->column_count, sizeof *types);
	for (size_t i = 0; i < a->column_count; i++) {
		types[i] = duckdb_appender_column_type(a->appender, i);
		a->target[i].type = duckdb_get_type_id(types[i]);
	}
	a->chunk = duckdb_create_data_chunk(types, a->column_count);
	for (size_t i = 0; i < a->column_count; i++)
		duckdb_destroy_logical_type(&types[i]);
	bind_vectors(a);
	*out = TAKE(a);
	return RC_OK;
}

static struct target *next(struct duck_append *a)
{
	assert(a->column < a->column_count);
	return &a->target[a->column++];
}

void duck_append_int(struct duck_append *a, int64_t value)
{
	struct target *t = next(a);
	if (t->type == DUCKDB_TYPE_DATE) {
		assert(value >= INT32_MIN && value <= INT32_MAX);
		((int32_t *) t->data)[a->row] = (int32_t) value;
		return;
	}
	assert(t->type == DUCKDB_TYPE_BIGINT || t->type == DUCKDB_TYPE_TIMESTAMP_TZ || t->type == DUCKDB_TYPE_TIMESTAMP);
	((int64_t *) t->data)[a->row] = value;
}

void duck_append_bool(struct duck_append *a, bool value)
{
	struct target *t = next(a);
	assert(t->type == DUCKDB_TYPE_BOOLEAN);
	((bool *) t->data)[a->row] = value;
}

void duck_append_double(struct duck_append *a, double value)
{
	struct target *t = next(a);
	assert(t->type == DUCKDB_TYPE_DOUBLE);
	((double *) t->data)[a->row] = value;
}

void duck_append_null(struct duck_append *a)
{
	size_t column = a->column;
	struct target *t = next(a);
	if (!t->validity) {
		duckdb_vector vector = duckdb_data_chunk_get_vector(a->chunk, column);
		duckdb_vector_ensure_validity_writable(vector);
		t->validity = duckdb_vector_get_validity(vector);
	}
	duckdb_validity_set_row_invalid(t->validity, a->row);
}

void duck_append_string(struct duck_append *a, struct slice s)
{
	if (!s.ptr) {
		duck_append_null(a);
		return;
	}
	size_t column = a->column;
	struct target *t = next(a);
	assert(t->type == DUCKDB_TYPE_VARCHAR);
	/* unsafe only means unchecked UTF-8: readers have checked (base/json.h), and the checked call silently stores NULL */
	duckdb_unsafe_vector_assign_string_element_len(duckdb_data_chunk_get_vector(a->chunk, column), a->row, s.ptr, s.len);
}

static enum rc hand_over(struct duck_append *a, struct err *err)
{
	if (a->row == 0)
		return RC_OK;
	TRY(duck_pass("duck.append", err));
	duckdb_data_chunk_set_size(a->chunk, a->row);
	if (duckdb_append_data_chunk(a->appender, a->chunk) != DuckDBSuccess)
		return appender_fail(a, err);
	duckdb_data_chunk_reset(a->chunk);
	bind_vectors(a);
	a->waiting += a->row;
	a->row = 0;
	if (a->waiting < WAITING_ROWS_MAX)
		return RC_OK;
	a->waiting = 0;
	return duckdb_appender_flush(a->appender) == DuckDBSuccess ? RC_OK : appender_fail(a, err);
}

enum rc duck_append_end_row(struct duck_append *a, struct err *err)
{
	assert(a->column == a->column_count);
	a->column = 0;
	if (++a->row < DUCK_CHUNK_ROWS)
		return RC_OK;
	return hand_over(a, err);
}

enum rc duck_append_flush(struct duck_append *a, struct err *err)
{
	assert(a->column == 0);
	TRY(hand_over(a, err));
	if (duckdb_appender_flush(a->appender) != DuckDBSuccess)
		return appender_fail(a, err);
	return RC_OK;
}

void duck_append_close(struct duck_append *a)
{
	if (!a)
		return;
	if (a->chunk)
		duckdb_destroy_data_chunk(&a->chunk);
	if (a->appender) {
		(void) duckdb_appender_clear(a->appender); /* destroy would flush */
		duckdb_appender_destroy(&a->appender);
	}
	mem_free(a->target);
	mem_free(a);
}
