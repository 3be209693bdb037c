#include "gold/plan.h"

#include "gen/embed.h"

enum { HEAD_TABLE, HEAD_GRAIN, HEAD_KEY, HEAD_NEEDS, HEAD_SCOPE, HEAD_ORDER, HEAD_COUNT };
static const char *const head_name[HEAD_COUNT] = { "table", "grain", "key", "needs", "scope", "order" };

/* One file on its way into the plan. */
struct draft {
	const char *file;
	struct gold_table table;
	struct slice needs;
	bool placed;
};

/* "-- <head>: value": which head, or HEAD_COUNT for prose. */
static int parse_line(struct slice line, struct slice *out_value)
{
	for (int h = 0; h < HEAD_COUNT; h++) {
		size_t len = strlen(head_name[h]);
		if (line.len < len + 4 || !slice_starts(line, SLICE("-- ")) || line.ptr[3 + len] != ':' ||
		    memcmp(line.ptr + 3, head_name[h], len) != 0)
			continue;
		*out_value = slice_trim(slice_sub(line, len + 4, line.len - len - 4));
		return h;
	}
	return HEAD_COUNT;
}

static enum rc parse_header(const struct gold_sql *file, struct slice value[HEAD_COUNT], struct err *err)
{
	for (size_t at = 0; at < file->text.len;) {
		size_t end = slice_find(file->text, '\n', at);
		struct slice line = slice_sub(file->text, at, end - at), found = SLICE_NULL;
		at = end + 1;
		if (!slice_starts(line, SLICE("--")))
			break;
		int head = parse_line(line, &found);
		if (head == HEAD_COUNT)
			continue;
		if (value[head].ptr)
			return err_set(err, RC_FATAL, "sql/gold/%s.sql: two lines '-- %s:'", file->name, head_name[head]);
		if (found.len == 0)
			return err_set(err, RC_FATAL, "sql/gold/%s.sql: '-- %s:' is empty", file->name, head_name[head]);
		value[head] = found;
	}
	for (int h = 0; h < HEAD_COUNT; h++)
		if (!value[h].ptr)
			return err_set(err, RC_FATAL, "sql/gold/%s.sql: no header line '-- %s:'", file->name, head_name[h]);
	return RC_OK;
}

/* Upper case for ASCII letters: table names are nothing else. */
static char *upper(const char *name, struct arena *arena)
{
	char *s = arena_strdup(arena, slice_of(name));
	for (char *c = s; *c; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char) (*c - 'a' + 'A');
	return s;
}

static enum rc draft_of(const struct gold_sql *file, struct arena *arena, struct draft *out, struct err *err)
{
	struct slice value[HEAD_COUNT] = { 0 };
	TRY(parse_header(file, value, err));
	char *name = upper(file->name, arena);
	if (!slice_is(value[HEAD_TABLE], name))
		return err_set(err, RC_FATAL, "sql/gold/%s.sql: defines '%.*s': want the file's name in upper case, %s", file->name,
		               SLICE_FMT(value[HEAD_TABLE]), name);
	bool group = slice_is(value[HEAD_SCOPE], "group");
	if (!group && !slice_is(value[HEAD_SCOPE], "all"))
		return err_set(err, RC_FATAL, "sql/gold/%s.sql: scope '%.*s': want group or all", file->name,
		               SLICE_FMT(value[HEAD_SCOPE]));
	*out = (struct draft){
		.file = file->name,
		.table = { .name = name, .folder = file->name, .sql = file->text, .key = value[HEAD_KEY], .order = value[HEAD_ORDER],
		           .per_group = group },
		.needs = value[HEAD_NEEDS],
	};
	return RC_OK;
}

static bool next_need(struct slice *rest, struct slice *out_name)
{
	if (!rest->ptr)
		return false;
	size_t comma = slice_find(*rest, ',', 0);
	*out_name = slice_trim(slice_sub(*rest, 0, comma));
	*rest = comma == rest->len ? SLICE_NULL : slice_sub(*rest, comma + 1, rest->len - comma - 1);
	return true;
}

static int find_bronze(struct slice name, struct arena *arena)
{
	int b = 0;
	while (b < BRONZE_TABLE_COUNT && !slice_is(name, upper(bronze_table_name((enum bronze_table) b), arena)))
		b++;
	return b;
}

static enum rc check_needs(const struct draft *d, const struct draft *all, size_t count, struct arena *arena, struct err *err)
{
	struct slice rest = d->needs, name;
	while (next_need(&rest, &name)) {
		bool known = find_bronze(name, arena) < BRONZE_TABLE_COUNT;
		for (size_t i = 0; i < count && !known; i++)
			known = slice_is(name, all[i].table.name);
		if (!known)
			return err_set(err, RC_FATAL, "sql/gold/%s.sql: needs '%.*s', which no file of sql/gold defines", d->file,
			               SLICE_FMT(name));
	}
	return RC_OK;
}

static size_t index_of(const struct gold_plan *plan, struct slice name)
{
	size_t i = 0;
	while (i < plan->count && !slice_is(name, plan->table[i].name))
		i++;
	return i;
}

/* Put the table behind those it needs; false when one of them is not placed yet. */
static bool place(struct draft *d, struct gold_plan *plan, struct arena *arena)
{
	struct gold_table *t = &d->table;
	struct slice rest = d->needs, name;
	t->need = arena_alloc_array(arena, d->needs.len, sizeof *t->need);
	t->need_count = 0;
	t->stage = 0;
	while (next_need(&rest, &name)) {
		int b = find_bronze(name, arena);
		if (b < BRONZE_TABLE_COUNT) {
			t->bronze[b] = true;
			continue;
		}
		size_t i = index_of(plan, name);
		if (i == plan->count)
			return false;
		t->need[t->need_count++] = i;
		const struct gold_table *needed = &plan->table[i];
		int stage = needed->stage + (t->per_group && needed->per_group ? 0 : 1);
		if (t->stage < stage)
			t->stage = stage;
	}
	if (plan->stage_count <= t->stage)
		plan->stage_count = t->stage + 1;
	plan->table[plan->count++] = *t;
	d->placed = true;
	return true;
}

enum rc gold_plan_make(const struct gold_sql *file, size_t count, struct arena *arena, struct gold_plan *out, struct err *err)
{
	struct draft *draft = arena_alloc_array(arena, count, sizeof *draft);
	*out = (struct gold_plan){ .table = arena_alloc_array(arena, count, sizeof *out->table) };
	for (size_t i = 0; i < count; i++)
		TRY(draft_of(&file[i], arena, &draft[i], err));
	for (size_t i = 0; i < count; i++)
		TRY(check_needs(&draft[i], draft, count, arena, err));
	while (out->count < count) {
		size_t before = out->count;
		const char *stuck = NULL;
		for (size_t i = 0; i < count; i++)
			if (!draft[i].placed && !place(&draft[i], out, arena))
				stuck = draft[i].file;
		if (out->count == before)
			return err_set(err, RC_FATAL, "sql/gold/%s.sql: needs itself by way of its 'needs': break the circle", stuck);
	}
	return RC_OK;
}

enum rc gold_plan_embedded(struct arena *arena, struct gold_plan *out, struct err *err)
{
	struct gold_sql *file = arena_alloc_array(arena, embedded_sql_count, sizeof *file);
	for (size_t i = 0; i < embedded_sql_count; i++) {
		const struct embedded_file *e = &embedded_sql[i];
		file[i] = (struct gold_sql){ e->name, { e->start, (size_t) (e->end - e->start) } };
	}
	return gold_plan_make(file, embedded_sql_count, arena, out, err);
}

const struct gold_table *gold_plan_find(const struct gold_plan *plan, struct slice name)
{
	for (size_t i = 0; i < plan->count; i++)
		if (slice_is(name, plan->table[i].name) || slice_is(name, plan->table[i].folder))
			return &plan->table[i];
	return NULL;
}
