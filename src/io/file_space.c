#include "io/file.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Those that <linux/magic.h> leaves to each file system. */
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42
#define MAGIC_FUSE 0x65735546
#define MAGIC_XFS 0x58465342
#define MAGIC_ZFS 0x2fc12fc1
#define MAGIC_CEPH 0x00c36400
#define MAGIC_BCACHEFS 0xca451a4e

static const struct {
	uint32_t magic;
	const char *name;
	bool is_remote;
} known[] = {
	{ EXT4_SUPER_MAGIC, "ext4", false },     { MAGIC_XFS, "xfs", false },           { BTRFS_SUPER_MAGIC, "btrfs", false },
	{ MAGIC_ZFS, "zfs", false },             { MAGIC_BCACHEFS, "bcachefs", false }, { F2FS_SUPER_MAGIC, "f2fs", false },
	{ OVERLAYFS_SUPER_MAGIC, "overlay", false }, { TMPFS_MAGIC, "tmpfs", false },   { MSDOS_SUPER_MAGIC, "fat", false },
	{ MAGIC_FUSE, "fuse", false },           { NFS_SUPER_MAGIC, "nfs", true },      { MAGIC_CIFS, "cifs", true },
	{ MAGIC_SMB2, "smb", true },             { V9FS_MAGIC, "9p", true },            { MAGIC_CEPH, "ceph", true },
	{ AFS_SUPER_MAGIC, "afs", true },
};

enum rc file_space_look(const char *path, struct file_space *out, struct err *err)
{
	struct statvfs space;
	struct statfs kind;
	*out = (struct file_space){ 0 };
	if (statvfs(path, &space) != 0 || statfs(path, &kind) != 0)
		return err_errno(err, errno, "%s", path);
	out->is_writable = access(path, W_OK) == 0;
	out->free_bytes = (int64_t) (space.f_bavail * space.f_frsize);
	out->total_bytes = (int64_t) (space.f_blocks * space.f_frsize);
	uint32_t magic = (uint32_t) kind.f_type;
	(void) snprintf(out->file_system, sizeof out->file_system, "%#x", magic);
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (known[i].magic != magic)
			continue;
		(void) snprintf(out->file_system, sizeof out->file_system, "%s", known[i].name);
		out->is_remote = known[i].is_remote;
	}
	return RC_OK;
}
