/* Results: streamed chunk by chunk, read cell by cell. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/duck_private.h"

#include <math.h>

struct column {
	char *name;
	enum duck_type type;
	duckdb_type raw;
	const void *data;
	uint64_t *validity;
};
struct duck_result {
	duckdb_prepared_statement prepared;
	duckdb_result result;
	bool has_result, at_end;
	duckdb_data_chunk chunk;
	idx_t row, rows; /* current row of the chunk; row == rows before the first */
	size_t column_count;
	struct column *column;
};

static enum duck_type type_of(duckdb_type raw)
{
	switch (raw) {
	case DUCKDB_TYPE_BOOLEAN:
		return DUCK_BOOLEAN;
	case DUCKDB_TYPE_TINYINT:
	case DUCKDB_TYPE_SMALLINT:
	case DUCKDB_TYPE_INTEGER:
	case DUCKDB_TYPE_BIGINT:
	case DUCKDB_TYPE_UTINYINT:
	case DUCKDB_TYPE_USMALLINT:
	case DUCKDB_TYPE_UINTEGER:
	case DUCKDB_TYPE_UBIGINT:
	case DUCKDB_TYPE_HUGEINT: /* of every SUM */
		return DUCK_BIGINT;
	case DUCKDB_TYPE_FLOAT:
	case DUCKDB_TYPE_DOUBLE:
		return DUCK_DOUBLE;
	case DUCKDB_TYPE_DATE:
		return DUCK_DATE;
	case DUCKDB_TYPE_TIMESTAMP:
	case DUCKDB_TYPE_TIMESTAMP_TZ:
		return DUCK_TIMESTAMP;
	case DUCKDB_TYPE_VARCHAR:
	case DUCKDB_TYPE_BLOB:
		return DUCK_STRING;
	default:
		return DUCK_OTHER;
	}
}

static enum rc prepare(struct duck_conn *c, const char *sql, struct duck_result *r, struct err *err)
{
	if (duckdb_prepare(c->conn, sql, &r->prepared) != DuckDBSuccess)
		return duck_fail(err, duckdb_prepare_error(r->prepared));
	return RC_OK;
}

/* Short decimals are read back exactly from a double's shortest text; the others become text at once. */
static const char *cast_target(duckdb_prepared_statement prepared, idx_t column)
{
	duckdb_logical_type type = duckdb_prepared_statement_column_logical_type(prepared, column);
	bool is_short = duckdb_get_type_id(type) == DUCKDB_TYPE_DECIMAL && duckdb_decimal_width(type) <= 15;
	duckdb_destroy_logical_type(&type);
	return is_short ? "DOUBLE" : "VARCHAR";
}

/* DECIMAL, LIST and their like: DuckDB casts them, around the statement.  Columns are named by number inside, as two may
 * have one name. */
static enum rc cast_others(struct duck_conn *c, const char *sql, struct duck_result *r, struct err *err)
{
	CLEANUP(buf_done) struct buf wrapped = buf_new((size_t) 1 << 30);
	CLEANUP(buf_done) struct buf names = buf_new((size_t) 1 << 30);
	bool any = false;
	idx_t count = duckdb_prepared_statement_column_count(r->prepared);
	if (duckdb_prepared_statement_type(r->prepared) != DUCKDB_STATEMENT_TYPE_SELECT)
		return RC_OK;
	for (idx_t i = 0; i < count; i++) {
		const char *name = duckdb_prepared_statement_column_name(r->prepared, i);
		buf_adds(&wrapped, i ? ", " : "SELECT ");
		if (type_of(duckdb_prepared_statement_column_type(r->prepared, i)) == DUCK_OTHER) {
			buf_addf(&wrapped, "CAST(c%llu AS %s) AS ", (unsigned long long) i, cast_target(r->prepared, i));
			any = true;
		} else {
			buf_addf(&wrapped, "c%llu AS ", (unsigned long long) i);
		}
		duck_quote_name(slice_of(name), &wrapped);
		buf_addf(&names, "%sc%llu", i ? ", " : "", (unsigned long long) i);
		duckdb_free((void *) (uintptr_t) name);
	}
	if (!any)
		return RC_OK;
	struct slice inner = slice_trim(slice_of(sql));
	while (slice_ends(inner, SLICE(";")))
		inner = slice_trim(slice_sub(inner, 0, inner.len - 1));
	buf_adds(&wrapped, " FROM (");
	buf_add(&wrapped, inner);
	buf_adds(&wrapped, "\n) AS q(");
	buf_add(&wrapped, buf_slice(&names));
	buf_addc(&wrapped, ')');
	TRY(buf_ok(&wrapped, "SQL statement", err));
	duckdb_destroy_prepare(&r->prepared);
	TRY_WRAP(prepare(c, buf_str(&wrapped), r, err), err,
	         "a column has a type that needs a cast (write CAST(x AS VARCHAR), and nothing after the statement)");
	return RC_OK;
}

enum rc duck_query(struct duck_conn *c, const char *sql, struct duck_result **out, struct err *err)
{
	TRY(duck_pass("duck.query", err));
	CLEANUP(duck_result_closep) struct duck_result *r = mem_alloc(sizeof *r);
	TRY(prepare(c, sql, r, err));
	TRY(cast_others(c, sql, r, err));
	r->has_result = true;
	duckdb_pending_result pending = NULL;
	if (duckdb_pending_prepared_streaming(r->prepared, &pending) != DuckDBSuccess ||
	    duckdb_execute_pending(pending, &r->result) != DuckDBSuccess) {
		const char *msg = duckdb_result_error(&r->result);
		enum rc rc = duck_fail(err, msg && *msg ? msg : duckdb_pending_error(pending));
		duckdb_destroy_pending(&pending);
		return rc;
	}
	duckdb_destroy_pending(&pending);
	r->column_count = (size_t) duckdb_column_count(&r->result);
	r->column = mem_alloc_array(r->column_count, sizeof *r->column);
	for (size_t i = 0; i < r->column_count; i++) {
		r->column[i].name = mem_strdup(duckdb_column_name(&r->result, i));
		r->column[i].raw = duckdb_column_type(&r->result, i);
		r->column[i].type = type_of(r->column[i].raw);
	}
	*out = TAKE(r);
	return RC_OK;
}

void duck_result_close(struct duck_result *r)
{
	if (!r)
		return;
	if (r->chunk)
		duckdb_destroy_data_chunk(&r->chunk);
	if (r->has_result)
		duckdb_destroy_result(&r->result);
	if (r->prepared)
		duckdb_destroy_prepare(&r->prepared);
	for (size_t i = 0; r->column && i < r->column_count; i++)
		mem_free(r->column[i].name);
	mem_free(r->column);
	mem_free(r);
}

size_t duck_column_count(const struct duck_result *r)
{
	return r->column_count;
}

const char *duck_column_name(const struct duck_result *r, size_t column)
{
	assert(column < r->column_count);
	return r->column[column].name;
}

enum duck_type duck_column_type(const struct duck_result *r, size_t column)
{
	assert(column < r->column_count);
	return r->column[column].type;
}

enum rc duck_next(struct duck_result *r, bool *out_row, struct err *err)
{
	*out_row = !r->at_end;
	if (r->at_end)
		return RC_OK;
	if (r->chunk && r->row + 1 < r->rows) {
		r->row++;
		return RC_OK;
	}
	do {
		if (r->chunk)
			duckdb_destroy_data_chunk(&r->chunk);
		r->chunk = duckdb_fetch_chunk(r->result);
		if (!r->chunk) {
			r->at_end = true;
			*out_row = false;
			const char *msg = duckdb_result_error(&r->result);
			return msg && *msg ? duck_fail(err, msg) : RC_OK;
		}
		r->rows = duckdb_data_chunk_get_size(r->chunk);
	} while (r->rows == 0);
	r->row = 0;
	for (size_t i = 0; i < r->column_count; i++) {
		duckdb_vector vector = duckdb_data_chunk_get_vector(r->chunk, i);
		r->column[i].data = duckdb_vector_get_data(vector);
		r->column[i].validity = duckdb_vector_get_validity(vector);
	}
	return RC_OK;
}

static const struct column *cell(const struct duck_result *r, size_t column)
{
	assert(column < r->column_count && r->chunk && r->row < r->rows);
	return &r->column[column];
}

bool duck_is_null(const struct duck_result *r, size_t column)
{
	const struct column *c = cell(r, column);
	return c->validity && !duckdb_validity_row_is_valid(c->validity, r->row);
}

static bool is_wide(const struct column *c)
{
	return c->raw == DUCKDB_TYPE_UBIGINT || c->raw == DUCKDB_TYPE_HUGEINT;
}

static __int128 wide_int(const struct column *c, idx_t row)
{
	if (c->raw == DUCKDB_TYPE_UBIGINT)
		return ((const uint64_t *) c->data)[row];
	duckdb_hugeint h = ((const duckdb_hugeint *) c->data)[row];
	return (__int128) ((unsigned __int128) (uint64_t) h.upper << 64 | h.lower);
}

int64_t duck_int(const struct duck_result *r, size_t column)
{
	const struct column *c = cell(r, column);
	switch (c->raw) {
	case DUCKDB_TYPE_BOOLEAN:
		return ((const bool *) c->data)[r->row];
	case DUCKDB_TYPE_TINYINT:
		return ((const int8_t *) c->data)[r->row];
	case DUCKDB_TYPE_SMALLINT:
		return ((const int16_t *) c->data)[r->row];
	case DUCKDB_TYPE_INTEGER:
	case DUCKDB_TYPE_DATE:
		return ((const int32_t *) c->data)[r->row];
	case DUCKDB_TYPE_UTINYINT:
		return ((const uint8_t *) c->data)[r->row];
	case DUCKDB_TYPE_USMALLINT:
		return ((const uint16_t *) c->data)[r->row];
	case DUCKDB_TYPE_UINTEGER:
		return ((const uint32_t *) c->data)[r->row];
	case DUCKDB_TYPE_BIGINT:
	case DUCKDB_TYPE_TIMESTAMP:
	case DUCKDB_TYPE_TIMESTAMP_TZ:
		return ((const int64_t *) c->data)[r->row];
	case DUCKDB_TYPE_UBIGINT:
	case DUCKDB_TYPE_HUGEINT: {
		__int128 value = wide_int(c, r->row);
		return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t) value;
	}
	default:
		assert(false && "an integer column");
		return 0;
	}
}

double duck_double(const struct duck_result *r, size_t column)
{
	const struct column *c = cell(r, column);
	if (c->raw == DUCKDB_TYPE_FLOAT)
		return (double) ((const float *) c->data)[r->row];
	if (c->raw == DUCKDB_TYPE_DOUBLE)
		return ((const double *) c->data)[r->row];
	if (is_wide(c))
		return (double) wide_int(c, r->row);
	return (double) duck_int(r, column);
}

struct slice duck_string(const struct duck_result *r, size_t column)
{
	const struct column *c = cell(r, column);
	assert(c->type == DUCK_STRING);
	duckdb_string_t *s = (duckdb_string_t *) (uintptr_t) c->data + r->row;
	return (struct slice){ duckdb_string_t_data(s), duckdb_string_t_length(*s) };
}

static struct slice wide_text(__int128 value, struct arena *arena)
{
	char digits[41];
	char *at = digits + sizeof digits;
	unsigned __int128 rest = value < 0 ? -(unsigned __int128) value : (unsigned __int128) value;
	do {
		*--at = (char) ('0' + (int) (rest % 10));
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	return arena_copy(arena, (struct slice){ at, (size_t) (digits + sizeof digits - at) });
}

static struct slice timestamp_text(int64_t micros, struct arena *arena)
{
	int64_t seconds = micros / 1000000, rest = micros % 1000000;
	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	struct civil civil = time_civil(seconds);
	if (civil.year < 0 || civil.year > 9999)
		return arena_printf(arena, "%lld us", (long long) micros);
	struct time_text text = time_rfc3339(seconds);
	if (rest == 0)
		return arena_printf(arena, "%s", text.s);
	return arena_printf(arena, "%.19s.%06dZ", text.s, (int) rest);
}

/* The fewest digits that read back as the same double. */
static struct slice double_text(double d, struct arena *arena)
{
	char text[40];
	if (isnan(d) || isinf(d))
		return arena_printf(arena, "%s", isnan(d) ? "nan" : d > 0 ? "inf" : "-inf");
	for (int digits = 15; digits <= 17; digits++) {
		(void) snprintf(text, sizeof text, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	return arena_printf(arena, "%s", text);
}

struct slice duck_text(const struct duck_result *r, size_t column, struct arena *arena)
{
	if (duck_is_null(r, column))
		return SLICE_NULL;
	switch (cell(r, column)->type) {
	case DUCK_BOOLEAN:
		return duck_int(r, column) ? SLICE("true") : SLICE("false");
	case DUCK_BIGINT:
		if (is_wide(cell(r, column)))
			return wide_text(wide_int(cell(r, column), r->row), arena);
		return arena_printf(arena, "%lld", (long long) duck_int(r, column));
	case DUCK_DATE: {
		int64_t day = duck_int(r, column);
		struct civil civil = time_civil(day * 86400);
		if (civil.year < 0 || civil.year > 9999)
			return arena_printf(arena, "day %lld", (long long) day);
		return arena_printf(arena, "%s", time_date(day).s);
	}
	case DUCK_TIMESTAMP:
		return timestamp_text(duck_int(r, column), arena);
	case DUCK_DOUBLE:
		return double_text(duck_double(r, column), arena);
	case DUCK_STRING:
		return arena_copy(arena, duck_string(r, column));
	case DUCK_OTHER:
		break;
	}
	return SLICE("?");
}
