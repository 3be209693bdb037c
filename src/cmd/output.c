#include "cmd/output.h"

#include "base/json.h"
#include "base/mem.h"
#include "cmd/grid.h"

#define TEXT_COLUMNS_MIN 12 /* a text cut for a terminal is no shorter than this */
#define LINE_BYTES_MAX ((size_t) 1 << 30)

struct output {
	enum output_format format;
	const struct terminal *terminal;
	struct arena arena; /* the columns */
	enum column_type *type;
	struct slice *key; /* json: `"name":` */
	size_t count;
	int64_t rows;
	struct grid *table;
	struct grid_cell *cell;
	struct buf line;
};

struct output *output_new(enum output_format format, const struct terminal *t)
{
	struct output *o = mem_alloc(sizeof *o);
	o->format = format;
	o->terminal = t;
	o->arena = arena_new((size_t) 256 << 20);
	o->line = buf_new(LINE_BYTES_MAX);
	return o;
}

void output_free(struct output *o)
{
	if (!o)
		return;
	grid_free(o->table);
	buf_done(&o->line);
	arena_done(&o->arena);
	mem_free(o);
}

static bool is_number(enum column_type type)
{
	return type == COLUMN_BIGINT || type == COLUMN_DOUBLE;
}

/* --- table -------------------------------------------------------------------------------------------------- */

static void begin_table(struct output *o, const struct slice *name)
{
	struct grid_column *column = arena_alloc_array(&o->arena, o->count, sizeof *column);
	for (size_t i = 0; i < o->count; i++)
		column[i] = (struct grid_column){ name[i], is_number(o->type[i]), o->type[i] == COLUMN_STRING ? TEXT_COLUMNS_MIN : 0, 0 };
	o->table = grid_new(o->terminal, column, o->count);
	o->cell = arena_alloc_array(&o->arena, o->count, sizeof *o->cell);
}

static enum rc add_to_table(struct output *o, const struct warehouse_cell *cell, struct err *err)
{
	for (size_t i = 0; i < o->count; i++) {
		o->cell[i].text = cell[i].is_null ? SLICE("NULL") : cell[i].text;
		o->cell[i].ink = cell[i].is_null ? INK_DIM : INK_PLAIN;
	}
	return grid_row(o->table, o->cell, err);
}

/* --- csv ---------------------------------------------------------------------------------------------------- */

static void add_csv(struct buf *line, struct slice s)
{
	bool quote = s.len == 0;
	for (size_t i = 0; i < s.len && !quote; i++)
		quote = s.ptr[i] == ',' || s.ptr[i] == '"' || s.ptr[i] == '\n' || s.ptr[i] == '\r';
	if (!quote) {
		buf_add(line, s);
		return;
	}
	buf_addc(line, '"');
	for (size_t from = 0; from < s.len;) {
		size_t at = slice_find(s, '"', from);
		buf_add(line, slice_sub(s, from, at - from));
		if (at < s.len)
			buf_adds(line, "\"\"");
		from = at + 1;
	}
	buf_addc(line, '"');
}

static enum rc csv_header(struct output *o, const struct slice *name, struct err *err)
{
	for (size_t i = 0; i < o->count; i++) {
		if (i)
			buf_addc(&o->line, ',');
		add_csv(&o->line, name[i]);
	}
	buf_addc(&o->line, '\n');
	return terminal_write(&o->line, err);
}

static enum rc csv_row(struct output *o, const struct warehouse_cell *cell, struct err *err)
{
	for (size_t i = 0; i < o->count; i++) {
		if (i)
			buf_addc(&o->line, ',');
		if (!cell[i].is_null)
			add_csv(&o->line, cell[i].text);
	}
	buf_addc(&o->line, '\n');
	return terminal_write(&o->line, err);
}

/* --- json --------------------------------------------------------------------------------------------------- */

/* Two columns of one name would be one member, and one value lost. */
static enum rc json_begin(struct output *o, const struct slice *name, struct err *err)
{
	o->key = arena_alloc_array(&o->arena, o->count, sizeof *o->key);
	for (size_t i = 0; i < o->count; i++) {
		for (size_t k = 0; k < i; k++)
			if (slice_eq(name[i], name[k]))
				return err_set(err, RC_REJECT, "two columns are called '%.*s', which no JSON object can hold: "
				               "give one another name with AS", SLICE_FMT(name[i]));
		json_write_string(name[i], &o->line);
		o->key[i] = arena_copy(&o->arena, buf_slice(&o->line));
		buf_reset(&o->line);
	}
	buf_addc(&o->line, '[');
	return terminal_write(&o->line, err);
}

/* Doubles are written as in C: "inf", "nan" and their like begin with no digit. */
static bool is_json_number(struct slice s)
{
	size_t digit = s.len && s.ptr[0] == '-' ? 1 : 0;
	return s.len > digit && s.ptr[digit] >= '0' && s.ptr[digit] <= '9';
}

static enum rc json_row(struct output *o, const struct warehouse_cell *cell, struct err *err)
{
	buf_adds(&o->line, o->rows ? ",\n" : "\n");
	for (size_t i = 0; i < o->count; i++) {
		buf_addc(&o->line, i ? ',' : '{');
		buf_add(&o->line, o->key[i]);
		buf_addc(&o->line, ':');
		if (cell[i].is_null)
			buf_adds(&o->line, "null");
		else if (o->type[i] == COLUMN_BOOLEAN || (is_number(o->type[i]) && is_json_number(cell[i].text)))
			buf_add(&o->line, cell[i].text);
		else
			json_write_string(cell[i].text, &o->line);
	}
	buf_addc(&o->line, '}');
	return terminal_write(&o->line, err);
}

/* --- the sink ----------------------------------------------------------------------------------------------- */

static enum rc on_columns(void *ctx, const struct slice *name, const enum column_type *type, size_t count, struct err *err)
{
	struct output *o = ctx;
	o->count = count;
	o->type = arena_alloc_array(&o->arena, count, sizeof *o->type);
	memcpy(o->type, type, count * sizeof *type);
	switch (o->format) {
	case OUTPUT_TABLE:
		begin_table(o, name);
		return RC_OK;
	case OUTPUT_CSV:
		return csv_header(o, name, err);
	case OUTPUT_JSON:
		return json_begin(o, name, err);
	}
	return RC_OK;
}

static enum rc on_row(void *ctx, const struct warehouse_cell *cell, size_t count, struct err *err)
{
	struct output *o = ctx;
	enum rc rc = RC_OK;
	assert(count == o->count);
	switch (o->format) {
	case OUTPUT_TABLE:
		rc = add_to_table(o, cell, err);
		break;
	case OUTPUT_CSV:
		rc = csv_row(o, cell, err);
		break;
	case OUTPUT_JSON:
		rc = json_row(o, cell, err);
		break;
	}
	o->rows++;
	return rc;
}

struct warehouse_sink output_sink(struct output *o)
{
	return (struct warehouse_sink){ o, on_columns, on_row };
}

enum rc output_end(struct output *o, int64_t *out_rows, size_t *out_hidden, struct err *err)
{
	*out_rows = o->rows;
	*out_hidden = 0;
	if (o->table)
		TRY(grid_end(o->table, out_hidden, err));
	if (o->format == OUTPUT_JSON) {
		buf_adds(&o->line, "\n]\n");
		TRY(terminal_write(&o->line, err));
	}
	return RC_OK;
}
