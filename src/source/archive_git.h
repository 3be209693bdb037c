/* A git repository as the git program reads it: which files its commits changed, and what stood in them.  Nothing is checked out.
 *
 * The repository is only read, nothing of its configuration is run (no pager, hook, filter, signature check), nothing is
 * fetched, nobody is asked for a password; git's own configuration files do not count.
 *
 * Errors: RC_FATAL (no repository, damaged, git is missing; the message names the path and the next step), RC_RETRY (stopped). */
#ifndef SOURCE_ARCHIVE_GIT_H
#define SOURCE_ARCHIVE_GIT_H

#include "base/arena.h"

#define GIT_OID_BYTES 65 /* 40 or 64 hexadecimal digits and the NUL */

struct git_options {
	const char *path; /* a clone with files, a bare one, or a bundle */
	/* Asked for when a folder is needed to unpack a bundle into. */
	enum rc (*scratch_dir)(void *ctx, const char **out, struct err *err);
	void *ctx;
	const atomic_bool *stop; /* may be NULL */
};
struct git;
/* There is a commit at least. */
MUST_USE enum rc git_open(const struct git_options *o, struct git **out, struct err *err);
void git_close(struct git *g);
static inline void git_closep(struct git **g)
{
	git_close(*g);
	*g = NULL;
}
/* Is its history cut off? */
bool git_is_shallow(const struct git *g);

/* A regular file that a commit added or changed. */
struct git_change {
	char commit[GIT_OID_BYTES], blob[GIT_OID_BYTES];
	bool has_time;
	int64_t author_time; /* seconds since 1970 UTC */
	struct slice path;
};
/* All of them, in the order of the history, oldest commit first (a merge changes nothing by itself: its parents did).
 * What `each` answers ends it. */
MUST_USE enum rc git_history(struct git *g, enum rc (*each)(void *ctx, const struct git_change *c, struct err *err), void *ctx,
                             struct err *err);
/* A file's content.  RC_NOT_FOUND: not in this repository; RC_REJECT: over the limit. */
MUST_USE enum rc git_blob(struct git *g, const char *oid, size_t limit_bytes, struct arena *arena, struct slice *out, struct err *err);

#endif
