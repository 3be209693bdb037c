/* The log that recorder.c writes and replay.c reads: records one after the other, host byte order.
 * A record is the head, `path_bytes` of path, `path2_bytes` of the second path, `data_bytes` of data.  Paths are relative to
 * the home; "" is the home itself. */
#ifndef CRASH_RECORD_H
#define CRASH_RECORD_H

#include <stdint.h>

enum record_op {
	RECORD_CREATE,  /* path, inode: a new empty file */
	RECORD_WRITE,   /* inode, offset, data */
	RECORD_TRUNC,   /* inode, offset = new size */
	RECORD_RENAME,  /* path -> path2, replacing */
	RECORD_LINK,    /* path -> path2 */
	RECORD_UNLINK,  /* path */
	RECORD_MKDIR,   /* path */
	RECORD_RMDIR,   /* path */
	RECORD_FSYNC,   /* inode: the file's data is safe */
	RECORD_DIRSYNC, /* path: the folder's names are safe */
	RECORD_SYNC,    /* everything is */
	RECORD_MARK,    /* data: what the program said of itself */
	RECORD_UNKNOWN, /* data: something the log cannot hold; whoever replays it must refuse */
	RECORD_OPS,
};

struct record {
	uint32_t op, path_bytes, path2_bytes, thread;
	uint64_t inode, offset, data_bytes;
};

#endif
