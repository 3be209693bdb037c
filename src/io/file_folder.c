/* Folders whose names survive. */
#include "io/file_step.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders this process knows to be durable, as hashes in small sets; one that is pushed out costs an fsync too many. */
#define KNOWN_SETS 1024
#define KNOWN_WAYS 8
static _Atomic uint64_t known[KNOWN_SETS][KNOWN_WAYS];

static bool is_known(uint64_t hash)
{
	for (size_t i = 0; i < KNOWN_WAYS; i++)
		if (atomic_load(&known[hash % KNOWN_SETS][i]) == hash)
			return true;
	return false;
}

static void remember(uint64_t hash)
{
	_Atomic uint64_t *set = known[hash % KNOWN_SETS];
	for (size_t i = 0; i < KNOWN_WAYS; i++) {
		uint64_t empty = 0;
		if (atomic_compare_exchange_strong(&set[i], &empty, hash) || empty == hash)
			return;
	}
	atomic_store(&set[(hash >> 32) % KNOWN_WAYS], hash);
}

/* A folder that was removed and made again is another one: its inode number may return, its time of birth does not. */
static int folder_identity(const char *folder, uint64_t *out_hash)
{
	struct statx st;
	if (statx(AT_FDCWD, folder, 0, STATX_TYPE | STATX_INO | STATX_BTIME, &st) != 0)
		return errno;
	if (!S_ISDIR(st.stx_mode))
		return ENOTDIR;
	uint64_t h = 0xcbf29ce484222325u;
	for (const char *p = folder; *p; p++)
		h = (h ^ (unsigned char) *p) * 0x100000001b3u;
	uint64_t parts[] = { st.stx_ino, (uint64_t) st.stx_dev_major << 32 | st.stx_dev_minor, 0, 0 };
	if (st.stx_mask & STATX_BTIME) {
		parts[2] = (uint64_t) st.stx_btime.tv_sec;
		parts[3] = st.stx_btime.tv_nsec;
	}
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		h = (h ^ parts[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	*out_hash = h ? h : 1; /* 0 is an empty slot */
	return 0;
}

int folder_settle(const char *folder)
{
	uint64_t hash;
	int errnum = folder_identity(folder, &hash);
	if (errnum)
		return errnum;
	if (is_known(hash))
		return 0;
	CLEANUP(mem_freep) char *parent = path_folder(folder);
	/* Where this user may not write, none of us made a folder. */
	bool ours = strcmp(parent, folder) != 0 && access(parent, W_OK | R_OK) == 0;
	if (ours) {
		errnum = folder_settle(parent);
		if (!errnum)
			errnum = step_dirsync(parent);
	}
	if (!errnum)
		remember(hash);
	return errnum;
}

int folder_sync(const char *folder)
{
	int errnum = step_dirsync(folder);
	return errnum ? errnum : folder_settle(folder);
}

static int check_folder(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return errno;
	return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

int folder_make(const char *folder)
{
	struct stat st;
	if (stat(folder, &st) == 0)
		return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	int errnum = step_mkdir(folder);
	if (errnum == ENOENT) {
		CLEANUP(mem_freep) char *parent = path_folder(folder);
		errnum = strcmp(parent, folder) == 0 ? ENOENT : folder_make(parent);
		if (!errnum)
			errnum = step_mkdir(folder);
	}
	return errnum == EEXIST ? check_folder(folder) : errnum;
}
