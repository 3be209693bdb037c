/* Writes the warehouse's tables as BigQuery's REST resource of a table has them (schema, timePartitioning, clustering), a file each, for
 * terraform/schemas.
 *
 * A table whose key has a chart_date is partitioned by its month: a partition should be large, charts are small, and one statement may
 * change 4,000 partitions at most.  The rest of the key is what it is clustered by, at most four columns. */
#include "test.h"

#include "base/buf.h"
#include "base/json.h"
#include "gold/plan.h"
#include "io/file.h"
#include "warehouse/warehouse.h"

#include <stdio.h>

#define PARTITION_COLUMN "chart_date"
#define CLUSTERING_MAX 4
#define TEXT_BYTES_MAX ((size_t) 1 << 20)

static const char *const type_name[] = {
	[COLUMN_BIGINT] = "INTEGER",
	[COLUMN_BOOLEAN] = "BOOLEAN",
	[COLUMN_STRING] = "STRING",
	[COLUMN_DATE] = "DATE",
	[COLUMN_TIMESTAMP] = "TIMESTAMP",
	[COLUMN_DOUBLE] = "FLOAT",
};

/* The next name of "a, b, c". */
static bool next_name(struct slice *rest, struct slice *out)
{
	if (rest->len == 0)
		return false;
	size_t end = slice_find(*rest, ',', 0);
	*out = slice_trim(slice_sub(*rest, 0, end));
	*rest = end < rest->len ? slice_sub(*rest, end + 1, rest->len - end - 1) : SLICE("");
	return true;
}

static void write_clustering(const struct warehouse_table *t, struct buf *out)
{
	struct slice rest = slice_of(t->key), name;
	bool partitioned = false;
	size_t count = 0;
	buf_addf(out, "  \"clustering\": { \"fields\": [");
	while (next_name(&rest, &name)) {
		if (slice_is(name, PARTITION_COLUMN)) {
			partitioned = true;
			continue;
		}
		if (count++ < CLUSTERING_MAX)
			buf_addf(out, "%s\"%.*s\"", count > 1 ? ", " : "", SLICE_FMT(name));
	}
	buf_addf(out, "] },\n");
	if (partitioned)
		buf_addf(out, "  \"timePartitioning\": { \"type\": \"MONTH\", \"field\": \"" PARTITION_COLUMN "\" },\n");
}

/* What one row is: the line `-- grain:` of the table's SQL. */
static struct slice grain_of(const struct gold_plan *plan, const char *table)
{
	const struct gold_table *gold = gold_plan_find(plan, slice_of(table));
	const struct slice mark = SLICE("-- grain: ");
	size_t at = gold ? slice_find_str(gold->sql, mark) : SIZE_MAX;
	if (at == SIZE_MAX)
		return SLICE("");
	at += mark.len;
	return slice_sub(gold->sql, at, slice_find(gold->sql, '\n', at) - at);
}

static void write_table(const struct warehouse_table *t, struct slice grain, struct buf *out)
{
	buf_addf(out, "{\n  \"description\": ");
	json_write_string(grain, out);
	buf_addf(out, ",\n");
	write_clustering(t, out);
	buf_addf(out, "  \"schema\": { \"fields\": [\n");
	for (size_t i = 0; i < t->column_count; i++)
		buf_addf(out, "    { \"name\": \"%s\", \"type\": \"%s\", \"mode\": \"%s\" }%s\n", t->column[i].name, type_name[t->column[i].type],
		         t->column[i].nullable ? "NULLABLE" : "REQUIRED", i + 1 < t->column_count ? "," : "");
	buf_addf(out, "  ] }\n}\n");
}

static enum rc write_all(const char *dir, struct arena *arena, struct err *err)
{
	struct gold_plan plan;
	TRY(gold_plan_embedded(arena, &plan, err));
	TRY(file_mkdirs(dir, err));
	for (size_t i = 0; i < warehouse_table_count; i++) {
		CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES_MAX);
		struct slice path = arena_printf(arena, "%s/%s.json", dir, warehouse_table[i].name);
		write_table(&warehouse_table[i], grain_of(&plan, warehouse_table[i].name), &text);
		TRY(buf_ok(&text, warehouse_table[i].name, err));
		TRY(file_replace(path.ptr, buf_slice(&text), err));
	}
	return RC_OK;
}

int test_warehouse_tables(const char *dir)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	struct err err = { 0 };
	if (write_all(dir, &arena, &err) == RC_OK)
		return 0;
	fprintf(stderr, "sargam-test: %s\n", err.msg);
	return 1;
}
