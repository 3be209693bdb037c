/* Dead letters over HTTP, for the dashboard and other programs.  ID is "reason/name".
 *
 *	GET  /api/dead?reason=&playlist=&pageSize=&pageToken=   {"letters":[…],"nextPageToken":…}, sorted by ID; 100, at most 1000 a page
 *	GET  /api/dead/ID[?part=]          a letter, how it stands to be mended, and its version (ETag, "etag")
 *	GET  /api/dead/ID/data[?mended=true]   its bytes as they came; or as the latest mend says.  application/octet-stream
 *	POST /api/dead/ID:replay           {}
 *	POST /api/dead/ID:drop             {"why":"…"}
 *	POST /api/dead/ID:edit             {"data":base64,"attributes":{"key":"value","other":null},"part":"3","dryRun":true,"force":true},
 *	                                   all optional; null takes an attribute away.  Answers what came, or would come, of it
 *
 * edit wants If-Match with the ETag it is based on (or *) unless it is a dryRun; replay and drop heed one when it is there:
 * 412 FAILED_PRECONDITION when somebody mended it meanwhile, 409 ABORTED when in this very moment.  POST is application/json,
 * an empty body too.  Errors are Google's (serve/reply.h). */
#ifndef SERVE_DEAD_API_H
#define SERVE_DEAD_API_H

#include "base/json.h"
#include "io/server.h"
#include "raw/dead.h"

struct dead_api_options {
	struct store *store; /* not owned; may serve others at the same time */
	struct bus *bus;     /* not owned; used by one call at a time, so a handle nobody else uses; may be NULL: no replay */
	struct state *state; /* the same; may be NULL */
	struct clock *clock;
	int64_t incomplete_after_h, chart_offset_s, playlist_groups, pages_max;
	size_t page_limit_bytes;
};
struct dead_api;
struct dead_api *dead_api_open(const struct dead_api_options *options);
void dead_api_close(struct dead_api *api); /* takes NULL; no request may be under way */
/* Answers what is /api/dead or lies below it; false for anything else.  On any thread. */
bool dead_api_handle(struct dead_api *api, const struct server_request *rq, struct server_reply *reply);

/* A letter as the list shows it; the command line shows the same. */
struct json *dead_api_letter(const struct letter *l);

#endif
