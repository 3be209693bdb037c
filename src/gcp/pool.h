/* Connections to any host, one request at a time each: a bounded pool of HTTP handles.  Any thread. */
#ifndef GCP_POOL_H
#define GCP_POOL_H

#include "io/http.h"

struct pool;
struct pool *pool_open(const bool *stop, size_t handles_max);
void pool_close(struct pool *p); /* all must have been given back; takes NULL */
/* The one used last that is free, else a new one, else waits for one.  RC_RETRY: stopped. */
MUST_USE enum rc pool_take(struct pool *p, struct http **out, struct err *err);
void pool_give(struct pool *p, struct http *http);

#endif
