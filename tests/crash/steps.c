/* steps: writes below a home through io/file.h and the folder store, and says in the recorder's log what was promised.
 *
 *	steps HOME SCRATCH
 *
 * A mark stands right behind the call that returned RC_OK: "has PATH VERSION" (that version or a later one is there, whole,
 * from now on), "gone PATH", "dir PATH".  tests/crash/crash.py holds every rebuilt home to its marks. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/thread.h"
#include "io/file.h"
#include "store/store.h"

#include <dlfcn.h>

enum { REPLACEMENTS = 8, CREATED = 4, THREADS = 4, BY_THREADS = 24 };

static void mark(const char *kind, const char *path, int version)
{
	static void (*recorder_mark)(const char *);
	char text[512];
	if (!recorder_mark)
		recorder_mark = (void (*)(const char *))(uintptr_t) dlsym(RTLD_DEFAULT, "recorder_mark");
	(void) snprintf(text, sizeof text, "%s %s %d", kind, path, version);
	if (recorder_mark)
		recorder_mark(text);
}

/* A line that names the version, as often as the version says: half a file is seen. */
static struct slice content(struct buf *out, int version)
{
	buf_reset(out);
	for (int i = 0; i < 1 + version * 37 % 900; i++)
		buf_addf(out, "%06d\n", version);
	return buf_slice(out);
}

static char *join(struct arena *arena, const char *folder, const char *name)
{
	struct slice path = arena_printf(arena, "%s/%s", folder, name);
	return arena_strdup(arena, path);
}

static enum rc files(const char *home, const char *scratch, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(buf_done) struct buf buf = buf_new(1 << 20);
	char *local = join(&arena, scratch, "local");
	bool created;
	for (int i = 1; i <= REPLACEMENTS; i++) {
		TRY(file_replace(join(&arena, home, "a/b/cursor"), content(&buf, i), err));
		mark("has", "a/b/cursor", i);
	}
	for (int i = 1; i <= CREATED; i++) {
		char name[64];
		(void) snprintf(name, sizeof name, "raw/%d/deep/page", i);
		TRY(file_create(join(&arena, home, name), content(&buf, i), &created, err));
		mark("has", name, i);
		TRY(file_create(join(&arena, home, name), content(&buf, 99), &created, err));
		mark("has", name, i);
	}
	for (int i = 1; i <= CREATED; i++) {
		char name[64];
		(void) snprintf(name, sizeof name, "moved/%d/part", i % 2);
		/* from another file system it would be a copy: here it is made beside the home, as DuckDB's output is */
		char *from = join(&arena, home, "scratch-part");
		TRY(file_replace(from, content(&buf, i), err));
		TRY(i < 3 ? file_move(from, join(&arena, home, name), true, err)
		          : file_move_new(from, join(&arena, home, name), true, &created, err));
		mark("has", name, i < 3 ? i : i - 2);
	}
	TRY(file_replace(local, content(&buf, 5), err));
	TRY(file_copy(join(&arena, home, "a/b/cursor"), join(&arena, home, "loose/copy"), err));
	TRY(file_sync(join(&arena, home, "loose/copy"), err));
	mark("has", "loose/copy", REPLACEMENTS);
	TRY(file_mkdirs(join(&arena, home, "x/y/z"), err));
	mark("dir", "x/y/z", 0);
	return RC_OK;
}

static enum rc objects(struct store *s, const char *home, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(buf_done) struct buf buf = buf_new(1 << 20);
	int64_t version = STORE_NO_VERSION;
	for (int i = 1; i <= REPLACEMENTS; i++) {
		TRY(store_replace(s, SLICE("state/cursor"), version, content(&buf, i), &version, err));
		mark("has", "store/state/cursor", i);
	}
	TRY(store_put_if_absent(s, SLICE("fleeting/k"), content(&buf, 1), NULL, err));
	mark("has", "store/fleeting/k", 1);
	mark("may-go", "store/fleeting/k", 0);
	TRY(store_remove(s, SLICE("fleeting/k"), err));
	mark("gone", "store/fleeting/k", 0);
	for (int i = 1; i <= 3; i++) {
		char *part = join(&arena, home, "scratch-part");
		TRY(file_replace(part, content(&buf, i), err));
		TRY(store_put_file(s, SLICE("gold/part"), part, STORE_ANY_VERSION, true, NULL, err));
		mark("has", "store/gold/part", i);
		for (int k = 0; k < 3; k++) {
			char key[64];
			(void) snprintf(key, sizeof key, "loose/%d/part", k);
			TRY(file_replace(part, content(&buf, i), err));
			TRY(store_put_file(s, slice_of(key), part, STORE_ANY_VERSION, false, NULL, err));
		}
		TRY(store_sync(s, err));
		for (int k = 0; k < 3; k++) {
			char name[64];
			(void) snprintf(name, sizeof name, "store/loose/%d/part", k);
			mark("has", name, i);
		}
	}
	return RC_OK;
}

/* Many in new folders at once: who finds a folder that another one has just made may not trust it. */
static enum rc put_beside_others(void *ctx, size_t i, struct err *err)
{
	CLEANUP(buf_done) struct buf buf = buf_new(1 << 20);
	char key[64], name[80];
	(void) snprintf(key, sizeof key, "raw/group=%zu/month/page-%zu", i / 8, i);
	TRY(store_put_if_absent(ctx, slice_of(key), content(&buf, (int) i + 1), NULL, err));
	(void) snprintf(name, sizeof name, "store/%s", key);
	mark("has", name, (int) i + 1);
	return RC_OK;
}

static enum rc run(const char *home, const char *scratch, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	CLEANUP(store_closep) struct store *s = NULL;
	TRY(files(home, scratch, err));
	TRY(store_folder_open(join(&arena, home, "store"), &s, err));
	TRY(objects(s, home, err));
	return thread_each(BY_THREADS, THREADS, put_beside_others, s, err);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	if (argc != 3) {
		(void) fprintf(stderr, "usage: steps HOME SCRATCH\n");
		return 2;
	}
	if (run(argv[1], argv[2], &err) != RC_OK) {
		(void) fprintf(stderr, "steps: %s\n", err.msg);
		return 1;
	}
	return 0;
}
