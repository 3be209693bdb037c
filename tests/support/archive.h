/* Repositories of the playlist archive's form, made with the git program. */
#ifndef SUPPORT_ARCHIVE_H
#define SUPPORT_ARCHIVE_H

#include "base/buf.h"

/* A stream for git fast-import: commits, and the files each of them changes. */
void archive_commit(struct buf *stream, int64_t author_time);
void archive_file(struct buf *stream, const char *path, struct slice text);
void archive_delete(struct buf *stream, const char *path);
/* A bare repository of it at `path`; fails the test when git does. */
void archive_write(const struct buf *stream, const char *path);
/* git WORD… in the folder; fails the test when it fails. */
void archive_git(const char *dir, const char *const *word);

/* The head of a list's file, to the first row of its table. */
void archive_head(const char *id, const char *name, struct buf *out);
/* Row `number`: track t<track>, by one artist. */
void archive_row(int number, int track, struct buf *out);

/* A world's history (tests over the same one for every backend): a row that is no plain track becomes one nobody can read. */
struct world;
void archive_write_world(const struct world *w, const char *path);

#endif
