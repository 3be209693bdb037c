/* Connections to any host, one request at a time each: a bounded pool of HTTP handles.  Any thread. */
#ifndef GCP_HTTP_POOL_H
#define GCP_HTTP_POOL_H

#include "io/http.h"

struct http_pool;
struct http_pool *http_pool_open(const atomic_bool *stop, size_t handles_max);
void http_pool_close(struct http_pool *p); /* all must have been given back; takes NULL */
/* The one used last that is free, else a new one, else waits for one.  RC_RETRY: stopped. */
MUST_USE enum rc http_pool_take(struct http_pool *p, struct http **out, struct err *err);
void http_pool_give(struct http_pool *p, struct http *http);

#endif
