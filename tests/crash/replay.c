/* Replay: what a disk may hold when the machine stops after the first N changes of a recorder's log.
 *
 *	replay LOG list                      one line a record: number, kind, path, bytes
 *	replay LOG build N all OUT           every change reached the disk: what a killed process leaves
 *	replay LOG build N synced OUT        only what was synced: a file's bytes of its last fsync, a folder's names of its last
 *	replay LOG build N SEED OUT          as synced, and of the rest a part chosen by the seed, with torn writes
 *	... OP[:PREFIX]                      as if no such call (of a path that begins so) had been made, for instance
 *	                                     fsync:raw/: a check that does not fail then checks nothing
 *
 * N counts records; OUT must not exist.  Exit status 0, or 1 with the reason.  Not part of the product. */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TORN_BYTES 512

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void) fputs("replay: ", stderr);
	(void) vfprintf(stderr, fmt, ap);
	(void) fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void *grow(void *p, size_t bytes)
{
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		die("no memory");
	return p;
}

/* The log */

struct entry {
	struct record head;
	char *path, *path2; /* terminated copies */
	const unsigned char *data;
};
static struct entry *entries;
static size_t entry_count;

static char *copy_text(const unsigned char *at, size_t len)
{
	char *copy = grow(NULL, len + 1);
	memcpy(copy, at, len);
	copy[len] = '\0';
	return copy;
}

static void read_log(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		die("%s: %s", path, strerror(errno));
	size_t size = (size_t) st.st_size, room = 0;
	const unsigned char *log = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (log == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	for (size_t at = 0; at < size;) {
		struct entry e = { 0 };
		if (size - at < sizeof e.head)
			die("%s: ends within record %zu", path, entry_count);
		memcpy(&e.head, log + at, sizeof e.head);
		at += sizeof e.head;
		if (e.head.op >= RECORD_OPS || e.head.path_bytes > PATH_MAX || e.head.path2_bytes > PATH_MAX ||
		    size - at < (uint64_t) e.head.path_bytes + e.head.path2_bytes ||
		    size - at - e.head.path_bytes - e.head.path2_bytes < e.head.data_bytes)
			die("%s: record %zu is damaged", path, entry_count);
		e.path = copy_text(log + at, e.head.path_bytes);
		at += e.head.path_bytes;
		e.path2 = copy_text(log + at, e.head.path2_bytes);
		at += e.head.path2_bytes;
		e.data = log + at;
		at += e.head.data_bytes;
		if (entry_count == room) {
			room = room ? room * 2 : 1024;
			entries = grow(entries, room * sizeof *entries);
		}
		entries[entry_count++] = e;
	}
	(void) close(fd);
}

/* The tree: what the program sees (`now`), what is on disk for sure (`safe`), and the changes between the two. */

struct bytes {
	unsigned char *ptr;
	size_t len;
};
struct object;
struct name {
	char *name;
	struct object *object;
};
struct names {
	struct name *ptr;
	size_t len;
};
struct change {
	size_t entry;
	char *name; /* of a folder: the name that comes (with its object) or goes (NULL) */
	struct object *object;
};
struct object {
	bool is_folder;
	struct bytes now_bytes, safe_bytes;
	struct names now_names, safe_names;
	struct change *changes; /* since the last sync */
	size_t change_count;
	uint64_t inode;
	char *built; /* where build() has put it already */
};
static struct object **objects;
static size_t object_count;
static struct object *root;

static struct object *new_object(bool is_folder, uint64_t inode)
{
	struct object *o = grow(NULL, sizeof *o);
	*o = (struct object){ .is_folder = is_folder, .inode = inode };
	if (!(object_count & (object_count - 1)))
		objects = grow(objects, (object_count ? object_count * 2 : 1) * sizeof *objects);
	objects[object_count++] = o;
	return o;
}

static struct object *by_inode(uint64_t inode, size_t entry)
{
	for (size_t i = object_count; i-- > 0;) /* the youngest: numbers are used again */
		if (!objects[i]->is_folder && objects[i]->inode == inode)
			return objects[i];
	die("record %zu: '%s' was there before the log began", entry, entries[entry].path);
}

static struct name *find(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->len; i++)
		if (strcmp(names->ptr[i].name, name) == 0)
			return &names->ptr[i];
	return NULL;
}

/* `object` NULL takes the name away. */
static void set_name(struct names *names, const char *name, struct object *object)
{
	struct name *known = find(names, name);
	if (known && object) {
		known->object = object;
	} else if (known) {
		free(known->name);
		*known = names->ptr[--names->len];
	} else if (object) {
		names->ptr = grow(names->ptr, (names->len + 1) * sizeof *names->ptr);
		names->ptr[names->len++] = (struct name){ copy_text((const unsigned char *) name, strlen(name)), object };
	}
}

static void copy_names(struct names *to, const struct names *from)
{
	for (size_t i = 0; i < to->len; i++)
		free(to->ptr[i].name);
	to->len = 0;
	for (size_t i = 0; i < from->len; i++)
		set_name(to, from->ptr[i].name, from->ptr[i].object);
}

/* The folder a path lies in and the name it has there. */
static struct object *folder_of(const char *path, const char **out_name, size_t entry)
{
	struct object *o = root;
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		char part[NAME_MAX + 1];
		if ((size_t) (slash - path) > NAME_MAX)
			die("record %zu: a name too long", entry);
		memcpy(part, path, (size_t) (slash - path));
		part[slash - path] = '\0';
		struct name *n = find(&o->now_names, part);
		if (!n || !n->object->is_folder)
			die("record %zu: '%s': no folder '%s'", entry, entries[entry].path, part);
		o = n->object;
	}
	*out_name = path;
	return o;
}

static struct object *at_path(const char *path, size_t entry)
{
	const char *name;
	if (!*path)
		return root;
	struct object *folder = folder_of(path, &name, entry);
	struct name *n = find(&folder->now_names, name);
	if (!n)
		die("record %zu: '%s' is not there", entry, path);
	return n->object;
}

static void add_change(struct object *o, size_t entry, const char *name, struct object *object)
{
	if (!(o->change_count & (o->change_count - 1)))
		o->changes = grow(o->changes, (o->change_count ? o->change_count * 2 : 1) * sizeof *o->changes);
	char *copy = name ? copy_text((const unsigned char *) name, strlen(name)) : NULL;
	o->changes[o->change_count++] = (struct change){ entry, copy, object };
}

static void change_name(const char *path, struct object *object, size_t entry)
{
	const char *name;
	struct object *folder = folder_of(path, &name, entry);
	set_name(&folder->now_names, name, object);
	add_change(folder, entry, name, object);
}

static void set_size(struct bytes *b, size_t len)
{
	b->ptr = grow(b->ptr, len);
	if (len > b->len)
		memset(b->ptr + b->len, 0, len - b->len);
	b->len = len;
}

static void put_bytes(struct bytes *b, uint64_t offset, const unsigned char *data, size_t len)
{
	if (offset + len > b->len)
		set_size(b, (size_t) offset + len);
	if (len)
		memcpy(b->ptr + offset, data, len);
}

static void make_safe(struct object *o)
{
	if (o->is_folder) {
		copy_names(&o->safe_names, &o->now_names);
	} else {
		set_size(&o->safe_bytes, o->now_bytes.len);
		if (o->now_bytes.len)
			memcpy(o->safe_bytes.ptr, o->now_bytes.ptr, o->now_bytes.len);
	}
	for (size_t i = 0; i < o->change_count; i++)
		free(o->changes[i].name);
	o->change_count = 0;
}

static void apply(size_t i)
{
	const struct entry *e = &entries[i];
	struct object *o;
	switch ((enum record_op) e->head.op) {
	case RECORD_CREATE: change_name(e->path, new_object(false, e->head.inode), i); break;
	case RECORD_MKDIR: change_name(e->path, new_object(true, 0), i); break;
	case RECORD_WRITE:
		o = by_inode(e->head.inode, i);
		put_bytes(&o->now_bytes, e->head.offset, e->data, e->head.data_bytes);
		add_change(o, i, NULL, NULL);
		break;
	case RECORD_TRUNC:
		o = by_inode(e->head.inode, i);
		set_size(&o->now_bytes, (size_t) e->head.offset);
		add_change(o, i, NULL, NULL);
		break;
	case RECORD_RENAME:
		o = at_path(e->path, i);
		change_name(e->path, NULL, i);
		change_name(e->path2, o, i);
		break;
	case RECORD_LINK: change_name(e->path2, at_path(e->path, i), i); break;
	case RECORD_UNLINK:
	case RECORD_RMDIR:
		(void) at_path(e->path, i);
		change_name(e->path, NULL, i);
		break;
	case RECORD_FSYNC: make_safe(by_inode(e->head.inode, i)); break;
	case RECORD_DIRSYNC: make_safe(at_path(e->path, i)); break;
	case RECORD_SYNC:
		for (size_t k = 0; k < object_count; k++)
			make_safe(objects[k]);
		break;
	case RECORD_MARK: break;
	case RECORD_UNKNOWN:
	case RECORD_OPS: die("record %zu: %.*s: cannot be replayed", i, (int) e->head.data_bytes, (const char *) e->data);
	}
}

/* Chance, by what is asked: the same seed gives the same disk. */

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t z = a * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u + c * 0x94d049bb133111ebu + 1;
	for (int i = 0; i < 3; i++) {
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		z ^= z >> 31;
	}
	return z;
}

/* A seed is mostly kind or mostly cruel, so that both a little and a lot gets lost. */
static bool survives(uint64_t seed, size_t entry, uint64_t part)
{
	return mix(seed, entry, part) % 100 < 10 + mix(seed, 0, 0) % 81;
}

static void some_bytes(struct object *o, uint64_t seed)
{
	for (size_t i = 0; i < o->change_count; i++) {
		size_t number = o->changes[i].entry;
		const struct entry *e = &entries[number];
		if (e->head.op == RECORD_TRUNC) {
			if (survives(seed, number, 0))
				set_size(&o->safe_bytes, (size_t) e->head.offset);
			continue;
		}
		bool torn = mix(seed, number, 1) % 4 == 0;
		for (uint64_t at = 0, len; at < e->head.data_bytes; at += len) {
			len = e->head.data_bytes - at;
			uint64_t edge = TORN_BYTES - (e->head.offset + at) % TORN_BYTES;
			if (torn && len > edge)
				len = edge;
			if (survives(seed, number, torn ? 2 + at : 0))
				put_bytes(&o->safe_bytes, e->head.offset + at, e->data + at, (size_t) len);
		}
	}
}

/* Both halves of a rename live or die together when neither folder was synced since. */
static void some_names(struct object *o, uint64_t seed)
{
	for (size_t i = 0; i < o->change_count; i++)
		if (survives(seed, o->changes[i].entry, 0))
			set_name(&o->safe_names, o->changes[i].name, o->changes[i].object);
}

/* Onto the disk */

static void write_file(struct object *o, const char *path, bool all)
{
	const struct bytes *b = all ? &o->now_bytes : &o->safe_bytes;
	if (o->built) { /* two names of one file */
		if (link(o->built, path) != 0)
			die("%s: %s", path, strerror(errno));
		return;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	for (size_t at = 0; at < b->len;) {
		ssize_t wrote = write(fd, b->ptr + at, b->len - at);
		if (wrote <= 0)
			die("%s: %s", path, strerror(errno));
		at += (size_t) wrote;
	}
	(void) close(fd);
	o->built = copy_text((const unsigned char *) path, strlen(path));
}

static void build(const struct object *folder, const char *path, bool all)
{
	const struct names *names = all ? &folder->now_names : &folder->safe_names;
	if (mkdir(path, 0755) != 0)
		die("%s: %s", path, strerror(errno));
	for (size_t i = 0; i < names->len; i++) {
		char below[PATH_MAX];
		int n = snprintf(below, sizeof below, "%s/%s", path, names->ptr[i].name);
		if (n < 0 || (size_t) n >= sizeof below)
			die("%s: path too long", path);
		struct object *o = names->ptr[i].object;
		if (o->is_folder && !o->built) {
			o->built = copy_text((const unsigned char *) below,
			                     strlen(below)); /* once, though a lost rename shows it twice */
			build(o, below, all);
		} else if (!o->is_folder) {
			write_file(o, below, all);
		}
	}
}

static const char *const op_name[] = { "create", "write", "trunc",   "rename", "link", "unlink", "mkdir",
	                               "rmdir",  "fsync", "dirsync", "sync",   "mark", "unknown" };

static void list(void)
{
	for (size_t i = 0; i < entry_count; i++) {
		const struct entry *e = &entries[i];
		bool text = e->head.op == RECORD_MARK || e->head.op == RECORD_UNKNOWN;
		(void) printf("%zu\t%s\t%s\t%.*s\t%llu\n", i, op_name[e->head.op], e->path,
		              (int) (text ? e->head.data_bytes : e->head.path2_bytes), text ? (const char *) e->data : e->path2,
		              (unsigned long long) e->head.data_bytes);
	}
}

/* OP or OP:PREFIX */
static bool dropped(const struct entry *e, const char *drop)
{
	const char *colon = strchrnul(drop, ':'), *op = op_name[e->head.op];
	size_t len = (size_t) (colon - drop);
	if (strlen(op) != len || strncmp(op, drop, len) != 0)
		return false;
	return !*colon || strncmp(e->path, colon + 1, strlen(colon + 1)) == 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[2], "list") == 0) {
		read_log(argv[1]);
		list();
		return 0;
	}
	if (argc < 6 || argc > 7 || strcmp(argv[2], "build") != 0)
		die("usage: replay LOG list | replay LOG build N all|synced|SEED OUT [DROP]");
	read_log(argv[1]);
	size_t count = strtoull(argv[3], NULL, 10);
	if (count > entry_count)
		die("the log has %zu records", entry_count);
	root = new_object(true, 0);
	for (size_t i = 0; i < count; i++)
		if (argc < 7 || !dropped(&entries[i], argv[6]))
			apply(i);
	bool all = strcmp(argv[4], "all") == 0;
	uint64_t seed = strtoull(argv[4], NULL, 10);
	for (size_t i = 0; !all && strcmp(argv[4], "synced") != 0 && i < object_count; i++) {
		if (objects[i]->is_folder)
			some_names(objects[i], seed);
		else
			some_bytes(objects[i], seed);
	}
	build(root, argv[5], all);
	return 0;
}
