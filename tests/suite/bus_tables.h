/* What must hold in every bus.db, whatever was done to it. */
#ifndef SUITE_BUS_TABLES_H
#define SUITE_BUS_TABLES_H

#include <stdint.h>

/* Every count agrees with what it counts; SQLite finds nothing wrong.  Fails the test. */
void bus_tables_check(const char *path);
/* Messages, bodies and deliveries together. */
int64_t bus_tables_rows(const char *path);

#endif
