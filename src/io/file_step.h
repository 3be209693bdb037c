/* The system calls of io/file*.c that change what survives, each between its two fault points ("file.<step>.before",
 * "file.<step>.after").  Every function gives 0 or the errno of what failed; an interrupted call is made again. */
#ifndef IO_FILE_STEP_H
#define IO_FILE_STEP_H

#include "base/slice.h"

/* Names that begin like this are temporary: not listed, swept when their writer is dead. */
#define FILE_TEMP_PREFIX ".tmp-"

int step_write(int fd, struct slice bytes); /* all of them */
int step_fsync(int fd);
int step_rename(const char *from, const char *to);
int step_link(const char *from, const char *to);
int step_unlink(const char *path);
int step_mkdir(const char *path);
int step_rmdir(const char *path);
/* fsync of a folder: its names. */
int step_dirsync(const char *folder);
/* open() with O_CLOEXEC; *out_fd is -1 on failure.  No fault point when it only reads. */
int step_open(const char *path, int flags, int *out_fd);

/* The folder a path lies in ("." for a bare name, "/" for the root's own), to be freed. */
char *path_folder(const char *path);
char *path_join(const char *folder, const char *name);

static inline bool path_is_temp(const char *name)
{
	return strncmp(name, FILE_TEMP_PREFIX, sizeof FILE_TEMP_PREFIX - 1) == 0;
}

void fd_closep(int *fd);
/* Is the open file still the one of that name?  Somebody may have removed it before it was locked. */
bool fd_still_named(int fd, const char *path);

/* Make the names of a folder durable, and the folder's own name, and its parent's, as far up as this user may write.
 * Who finds a folder made by somebody else cannot know whether that one lived long enough to fsync the parent; the
 * process remembers what it has synced, so this costs one fsync when nothing is new. */
int folder_sync(const char *folder);
/* Only the folder's own name and those above it. */
int folder_settle(const char *folder);
/* mkdir -p without the syncs. */
int folder_make(const char *folder);

#endif
