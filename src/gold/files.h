/* What the files of src/gold share about gold files in the store. */
#ifndef GOLD_FILES_H
#define GOLD_FILES_H

#include "gold/gold.h"

/* As gold_files, but a torn file is listed with inputs SLICE_NULL. */
MUST_USE enum rc gold_files_list(struct store *gold, struct duck_conn *conn, const struct gold_plan *plan, struct arena *arena,
                                 struct gold_file_list *out, struct err *err);
struct slice gold_key(const struct gold_table *table, struct slice group, struct arena *arena);
/* NULL when there is none; `group` SLICE_NULL for a table of scope all. */
const struct gold_file *gold_files_find(const struct gold_file_list *files, const struct gold_table *table, struct slice group);

#endif
