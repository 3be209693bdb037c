/* Private to store/folder*.c. */
#ifndef STORE_FOLDER_H
#define STORE_FOLDER_H

#include "io/file.h"
#include "store/store.h"

struct folder_paths {
	char *root, *lock, *floor;
};

/* Files made before 1970 count as made at its first nanosecond: a version is positive. */
static inline int64_t folder_version(const struct file_info *info)
{
	return info->mtime_ns > 0 ? info->mtime_ns : 1;
}

struct folder_present {
	int64_t version; /* STORE_NO_VERSION: none */
	int64_t least;   /* what the next one must have */
};
MUST_USE enum rc folder_look(const struct folder_paths *f, const char *path, struct folder_present *out, struct err *err);
MUST_USE enum rc folder_check_version(const struct folder_present *present, struct slice key, int64_t expected, struct err *err);
/* Give a file a version of at least `least`. */
MUST_USE enum rc folder_set_version(const char *path, int64_t least, int64_t *out_version, struct err *err);
/* Before an object of this version is removed. */
MUST_USE enum rc folder_raise_floor(const struct folder_paths *f, int64_t version, struct err *err);

MUST_USE enum rc folder_list(const char *root, struct slice prefix, struct slice from, size_t max, struct arena *arena,
                             struct store_list *out, struct err *err);

#endif
