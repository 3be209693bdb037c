/* Files and folders, durably: the one place that calls open, write, fsync, rename and link.
 *
 * A replaced or created file is on disk when the call returns: write to a temporary name in the same folder, fsync the
 * file, rename (or link) it, fsync the folder.  A reader sees the old bytes or the new ones, never a part.  Left-over
 * temporary files (".tmp-*") of a dead process are harmless and removed by file_sweep().
 *
 * Errors: RC_NOT_FOUND (no such file), RC_FATAL (read-only, no permission), RC_RETRY (disk full, I/O), RC_REJECT (over a
 * limit).  The message names the path.  Each syscall that matters passes a fault point "file.<step>.before" /
 * ".after" (base/fault.h). */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "base/arena.h"

/* A whole file into the arena (terminated).  `limit_bytes` is checked before anything is allocated. */
MUST_USE enum rc file_read(const char *path, size_t limit_bytes, struct arena *arena, struct slice *out, struct err *err);
struct file_info {
	bool exists, is_dir;
	bool is_private; /* neither group nor others may do anything with it */
	int64_t bytes, mtime_ns; /* mtime_ns is 0 for times before 1970, INT64_MAX for those after 2262 */
	uint64_t inode;
};
/* As file_read, with what file_stat says of the very file that was read. */
MUST_USE enum rc file_read_info(const char *path, size_t limit_bytes, struct arena *arena, struct slice *out,
                                struct file_info *out_info, struct err *err);
/* Durable replacement; folders are made. */
MUST_USE enum rc file_replace(const char *path, struct slice bytes, struct err *err);
/* The same for a secret: mode 0600 before the first byte is written. */
MUST_USE enum rc file_replace_secret(const char *path, struct slice bytes, struct err *err);
/* Mode 0600, whatever it was; the bytes stay as they are. */
MUST_USE enum rc file_make_private(const char *path, struct err *err);
/* Durable creation (the name that was there before is durable then, too); *out_created = false and RC_OK when the name is taken (whatever its bytes are). */
MUST_USE enum rc file_create(const char *path, struct slice bytes, bool *out_created, struct err *err);
/* Move a finished file into place, replacing.  `durable`: fsync the file before and the folder after (else only the
 * rename; use file_sync later).  Copies when the two lie on different file systems. */
MUST_USE enum rc file_move(const char *from, const char *to, bool durable, struct err *err);
/* As file_move, but an existing `to` is left alone: *out_created tells (the source is removed either way). */
MUST_USE enum rc file_move_new(const char *from, const char *to, bool durable, bool *out_created, struct err *err);
/* A full copy under its name at once (shared blocks where the file system can), not durable by itself. */
MUST_USE enum rc file_copy(const char *from, const char *to, struct err *err);
/* fsync of a file and of its folder; one of the two alone. */
MUST_USE enum rc file_sync(const char *path, struct err *err);
MUST_USE enum rc file_sync_data(const char *path, struct err *err);
MUST_USE enum rc file_sync_folder(const char *folder, struct err *err);
/* Does the file hold exactly these bytes?  Read in small pieces. */
MUST_USE enum rc file_has_bytes(const char *path, struct slice bytes, bool *out_same, struct err *err);
/* Set the time of last change; *out_kept_ns is what the file system made of it (some keep whole seconds only).
 * Durable with the next fsync of the file. */
MUST_USE enum rc file_set_mtime(const char *path, int64_t mtime_ns, int64_t *out_kept_ns, struct err *err);
/* RC_OK also when it is gone already. */
MUST_USE enum rc file_remove(const char *path, struct err *err);
MUST_USE enum rc file_remove_tree(const char *path, struct err *err);
/* mkdir -p; each new folder's parent is fsynced. */
MUST_USE enum rc file_mkdirs(const char *path, struct err *err);

MUST_USE enum rc file_stat(const char *path, struct file_info *out, struct err *err);

/* Names in a folder, sorted bytewise, without ".", ".." and temporary files; RC_NOT_FOUND when there is no such folder. */
struct file_names {
	char **name;
	bool *is_dir;
	size_t count;
};
MUST_USE enum rc file_list(const char *path, struct arena *arena, struct file_names *out, struct err *err);

/* A file in the making: a temporary name beside the future one, safe from file_sweep while it is open.  The caller moves
 * `path` into place with file_move or file_move_new; file_temp_done removes what was not moved.  Not durable by itself. */
struct file_temp {
	int fd;
	char *path;
};
MUST_USE enum rc file_temp_write(const char *to, struct slice bytes, struct file_temp *out, struct err *err);
/* A second name for the finished file `from`, or a copy where there can be none; `from` stays. */
MUST_USE enum rc file_temp_take(const char *from, const char *to, struct file_temp *out, struct err *err);
void file_temp_done(struct file_temp *temp);

/* What can be put where `path` is (a folder or a file). */
struct file_space {
	bool is_writable; /* for this user */
	bool is_remote;   /* a network file system: locks and SQLite's log may not work there */
	int64_t free_bytes, total_bytes; /* free for this user */
	char file_system[24];            /* "ext4", or its number in hexadecimal */
};
MUST_USE enum rc file_space_look(const char *path, struct file_space *out, struct err *err);

/* Remove temporary files below a folder that are older than `age_s` and whose writer is dead. */
MUST_USE enum rc file_sweep(const char *path, int64_t age_s, struct err *err);

/* Exclusive lock by flock on `path` (made when missing); the kernel lets go of it when the holder dies.  The holder's
 * note (who, since when) stands in the file.  file_lock waits up to wait_ms; at first it calls on_wait(note) once.
 * RC_RETRY with the holder's note in the message when the time is up, and soon after *stop is set (`stop` may be NULL). */
struct file_lock;
struct clock;
MUST_USE enum rc file_lock(const char *path, const char *note, int64_t wait_ms, struct clock *clock,
                           const atomic_bool *stop, void (*on_wait)(const char *holder_note, void *ctx), void *ctx,
                           struct file_lock **out, struct err *err);
/* Who holds it now, without waiting and without making the file; *out_held = false when nobody does. */
#define FILE_NOTE_BYTES 256
MUST_USE enum rc file_lock_look(const char *path, bool *out_held, char out_note[static FILE_NOTE_BYTES], struct err *err);
void file_unlock(struct file_lock *lock);
static inline void file_unlockp(struct file_lock **lock)
{
	file_unlock(*lock);
	*lock = NULL;
}

/* The same lock for a few system calls among threads and processes: waits as long as it takes, writes no note.  Many may
 * hold a `shared` one at once. */
MUST_USE enum rc file_guard(const char *path, bool shared, int *out_guard, struct err *err);
/* Takes -1; sets it to -1. */
void file_unguardp(int *guard);

#endif
