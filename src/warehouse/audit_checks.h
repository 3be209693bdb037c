/* The audit, one table: each check is a SELECT with one row a violation and one text column that names its place.
 *
 * Names stand for: the staged tables without prefix, META_LOADED, and BRONZE_* over the bronze files.  With `each_table`
 * the check is run for every table of the dataset, {table} and {key} standing for its name and key. */
#ifndef WAREHOUSE_AUDIT_CHECKS_H
#define WAREHOUSE_AUDIT_CHECKS_H

#include "base/macros.h"

struct audit_check {
	const char *name, *what, *sql;
	bool each_table;
};
extern const struct audit_check audit_check[];
extern const size_t audit_check_count;

#endif
