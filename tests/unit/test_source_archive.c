/* The archive as a source: which versions are snapshots, what is broken and how it is kept, and repositories that are none. */
#include "source/source.h"

#include "base/json.h"
#include "base/time.h"
#include "io/file.h"
#include "support/archive.h"
#include "test.h"

#include <glob.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t) 64 << 20)
#define T0 1600000000
#define A "playlists/pretty/A.md"
#define B "playlists/pretty/B.md"
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct fixture {
	struct arena arena;
	struct buf stream, text;
};

static struct fixture fixture_new(void)
{
	return (struct fixture){ arena_new(ARENA_BYTES), buf_new(ARENA_BYTES), buf_new(ARENA_BYTES) };
}

static void fixture_done(struct fixture *f)
{
	arena_done(&f->arena);
	buf_done(&f->stream);
	buf_done(&f->text);
}
#define FIXTURE(f) CLEANUP(fixture_done) struct fixture f = fixture_new()

static const char *path_in(struct fixture *f, const char *dir, const char *name)
{
	return arena_printf(&f->arena, "%s/%s", dir, name).ptr;
}

/* A list of `rows` rows, the first one track `track`. */
static struct slice list(struct fixture *f, const char *id, int track, int rows)
{
	buf_reset(&f->text);
	archive_head(id, id, &f->text);
	for (int i = 0; i < rows; i++)
		archive_row(i + 1, track + i, &f->text);
	return buf_slice(&f->text);
}

static void version(struct fixture *f, int64_t at, const char *path, struct slice text)
{
	archive_commit(&f->stream, at);
	archive_file(&f->stream, path, text);
}

static enum rc scratch_dir(void *ctx, const char **out, struct err *err UNUSED)
{
	*out = ctx;
	return RC_OK;
}

static enum rc open_path(const char *path, struct source **out, struct err *err)
{
	const struct source_archive_options o = { .path = path, .scratch_dir = scratch_dir, .ctx = (void *) (uintptr_t) test_tmpdir() };
	return source_archive_open(&o, out, err);
}

static struct source *open_it(struct fixture *f)
{
	const char *path = path_in(f, test_tmpdir(), "archive.git");
	struct source *s = NULL;
	struct err err = { 0 };
	archive_write(&f->stream, path);
	if (open_path(path, &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return s;
}

/* "id@offset,offset… " of all there is, offsets from T0. */
static const char *told(struct source *s, struct fixture *f)
{
	struct source_ids ids;
	struct err err = { 0 };
	CLEANUP(buf_done) struct buf out = buf_new(1 << 16);
	if (source_playlists(s, &f->arena, &ids, &err) != RC_OK)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ids.count; i++) {
		struct source_times times;
		assert_int_equal(source_snapshots(s, ids.id[i], &f->arena, &times, NULL), RC_OK);
		buf_addf(&out, "%.*s@", SLICE_FMT(ids.id[i]));
		for (size_t k = 0; k < times.count; k++)
			buf_addf(&out, "%s%lld", k ? "," : "", (long long) times.unix_s[k] - T0);
		buf_addc(&out, ' ');
	}
	return arena_strdup(&f->arena, buf_slice(&out));
}

struct got {
	struct buf playlist, pages, origin, broken;
	int64_t broken_lines;
};

static void got_done(struct got *g)
{
	buf_done(&g->playlist);
	buf_done(&g->pages);
	buf_done(&g->origin);
	buf_done(&g->broken);
}
#define GOT(g) CLEANUP(got_done) struct got g = { buf_new(1 << 20), buf_new(1 << 24), buf_new(1 << 16), buf_new(1 << 24), 0 }

static enum rc on_object(void *ctx, enum source_object kind, int64_t page UNUSED, struct slice body, struct err *err UNUSED)
{
	struct got *g = ctx;
	struct buf *to = kind == SOURCE_PLAYLIST ? &g->playlist : &g->pages;
	buf_add(to, body);
	buf_addc(to, '\n');
	return RC_OK;
}

static void on_origin(void *ctx, struct slice json)
{
	struct got *g = ctx;
	assert_int_equal(g->playlist.len + g->pages.len, 0);
	buf_add(&g->origin, json);
}

static void fetch(struct source *s, const char *id, int64_t at, struct got *g)
{
	const struct source_sink sink = { .ctx = g, .object = on_object, .origin = on_origin };
	struct err err = { 0 };
	if (source_fetch(s, slice_of(id), T0 + at, &sink, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

static enum rc on_broken(void *ctx, const struct source_broken *b, struct err *err UNUSED)
{
	struct got *g = ctx;
	g->broken_lines += b->lines;
	buf_addf(&g->broken, "%.*s %.*s %lld %.*s\n%.*s", SLICE_FMT(b->playlist_id), SLICE_FMT(b->reason), (long long) b->lines, SLICE_FMT(b->name),
	         SLICE_FMT(b->bytes));
	return RC_OK;
}

static void every_version_is_a_snapshot_at_its_authors_time(void **unused UNUSED)
{
	FIXTURE(f);
	version(&f, T0 + 20, A, list(&f, "aa", 1, 3)); /* a history that was rebased is not in the order of its times */
	version(&f, T0 + 10, A, list(&f, "aa", 2, 3));
	version(&f, T0 + 30, B, list(&f, "bb", 1, 0));
	archive_file(&f.stream, A, list(&f, "aa", 3, 3));
	version(&f, T0 + 40, "README.md", SLICE("### nothing\n"));
	archive_commit(&f.stream, T0 + 50);
	archive_delete(&f.stream, A);
	CLEANUP(source_closep) struct source *s = open_it(&f);
	assert_string_equal(told(s, &f), "aa@10,20,30 bb@30 ");
	assert_string_equal(told(s, &f), "aa@10,20,30 bb@30 ");
}

static void versions_of_one_second_come_one_after_the_other(void **unused UNUSED)
{
	FIXTURE(f);
	for (int i = 0; i < 3; i++)
		version(&f, T0, A, list(&f, "aa", 10 * i, 2));
	version(&f, T0 + 1, A, list(&f, "aa", 90, 2));
	CLEANUP(source_closep) struct source *s = open_it(&f);
	assert_string_equal(told(s, &f), "aa@0,1,2,3 ");
	GOT(g);
	fetch(s, "aa", 2, &g);
	assert_non_null(strstr(buf_str(&g.pages), "\"Title 20\""));
}

static void a_list_that_only_moved_is_no_new_snapshot(void **unused UNUSED)
{
	FIXTURE(f);
	version(&f, T0, A, list(&f, "aa", 1, 2));
	version(&f, T0 + 5, "playlists/pretty/Renamed (2) - x.md", list(&f, "aa", 1, 2));
	archive_delete(&f.stream, A);
	version(&f, T0 + 9, "playlists/pretty/Renamed (2) - x.md", list(&f, "aa", 2, 2));
	CLEANUP(source_closep) struct source *s = open_it(&f);
	assert_string_equal(told(s, &f), "aa@0,9 ");
}

static void only_lists_are_read_wherever_they_lie(void **unused UNUSED)
{
	FIXTURE(f);
	version(&f, T0, "elsewhere/a list.md", list(&f, "aa", 1, 2));
	archive_file(&f.stream, "playlists/cumulative/A.md", list(&f, "cc", 1, 2));
	archive_file(&f.stream, "playlists/plain/x.md", list(&f, "dd", 1, 2));
	archive_file(&f.stream, "a.txt", list(&f, "ee", 1, 2));
	archive_file(&f.stream, "docs/b.md", SLICE("### [x](https://open.spotify.com/playlist/ff)\n\nno table\n"));
	buf_adds(&f.stream, "M 120000 inline playlists/pretty/link.md\ndata 1\na\n");
	CLEANUP(source_closep) struct source *s = open_it(&f);
	GOT(g);
	assert_string_equal(told(s, &f), "aa@0 ");
	assert_int_equal(source_broken(s, on_broken, &g, NULL), RC_OK);
	assert_int_equal(g.broken_lines, 0);
}

static void pages_have_the_shape_of_the_api(void **unused UNUSED)
{
	FIXTURE(f);
	version(&f, T0, A, list(&f, "aa", 1, 101));
	CLEANUP(source_closep) struct source *s = open_it(&f);
	GOT(g);
	fetch(s, "aa", 0, &g);
	int64_t offset = 0;
	struct slice rest = buf_slice(&g.pages);
	for (; rest.len; offset += 50) {
		size_t end = slice_find(rest, '\n', 0);
		CLEANUP(json_freep) struct json *page = NULL;
		assert_int_equal(json_parse(slice_sub(rest, 0, end), &page, NULL), RC_OK);
		assert_int_equal(json_get_integer(page, "offset", -1), offset);
		assert_int_equal(json_get_integer(page, "limit", -1), 50);
		assert_int_equal(json_get_integer(page, "total", -1), 101);
		assert_int_equal(json_size(json_get(page, "items")), offset < 100 ? 50 : 1);
		assert_int_equal(json_type(json_get(page, "next")), offset < 100 ? JSON_STRING : JSON_NULL);
		assert_int_equal(json_type(json_get(page, "previous")), offset ? JSON_STRING : JSON_NULL);
		const struct json *track = json_get(json_at(json_get(page, "items"), 0), "item");
		assert_int_equal(json_get_integer(track, "duration_ms", 0), 180000);
		assert_true(slice_starts(json_get_string(track, "uri"), SLICE("spotify:track:t")));
		rest = slice_sub(rest, end + 1, rest.len - end - 1);
	}
	assert_int_equal(offset, 150);
	assert_non_null(strstr(buf_str(&g.playlist), "\"description\":\"about\""));
	CLEANUP(json_freep) struct json *origin = NULL;
	assert_int_equal(json_parse(buf_slice(&g.origin), &origin, NULL), RC_OK);
	assert_true(slice_is(json_get_string(origin, "kind"), "archive") && slice_is(json_get_string(origin, "file"), A));
	assert_int_equal(json_get_string(origin, "commit").len, 40);
	assert_int_equal(json_get_string(origin, "sha256").len, 64);
	int64_t from = 0, to = 0;
	assert_true(json_integer(json_at(json_get(origin, "lines"), 0), &from) && json_integer(json_at(json_get(origin, "lines"), 1), &to));
	assert_int_equal(from, 7);
	assert_int_equal(to, 107);
}

static struct slice broken_list(struct fixture *f, int more)
{
	buf_reset(&f->text);
	archive_head("aa", "aa", &f->text);
	archive_row(1, more, &f->text);
	buf_adds(&f->text, "| 2 | nothing to read |\n");
	archive_row(3, 3, &f->text);
	archive_row(3, 4, &f->text);
	archive_row(6, 6, &f->text);
	return buf_slice(&f->text);
}

static void broken_rows_keep_their_place_and_are_told_once(void **unused UNUSED)
{
	FIXTURE(f);
	version(&f, T0, A, broken_list(&f, 1));
	version(&f, T0 + 1, A, broken_list(&f, 9));
	archive_file(&f.stream, B, SLICE("no list\nat all\n"));
	archive_file(&f.stream, "playlists/pretty/C.md", SLICE("### [x](https://open.spotify.com/playlist/cc)\n\nno table\n"));
	CLEANUP(source_closep) struct source *s = open_it(&f);
	GOT(g);
	fetch(s, "aa", 1, &g);
	CLEANUP(json_freep) struct json *page = NULL;
	assert_int_equal(json_parse(buf_slice(&g.pages), &page, NULL), RC_OK);
	const struct json *items = json_get(page, "items");
	assert_int_equal(json_size(items), 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(json_type(json_at(items, i)), i == 1 || i == 3 || i == 4 ? JSON_NULL : JSON_OBJECT);
	assert_int_equal(source_broken(s, on_broken, &g, NULL), RC_OK);
	assert_int_equal(g.broken_lines, 6);
	const char *said = buf_str(&g.broken);
	assert_non_null(strstr(said, "aa archive_bad_number 2 "));
	const char *row = strstr(said, "aa archive_bad_row 2 ");
	assert_non_null(row);
	assert_non_null(strstr(row, ":8\t| 2 | nothing to read |\n"));
	assert_null(strstr(strstr(row, "nothing") + 1, "nothing")); /* the second version repeats it: counted only */
	assert_non_null(strstr(said, " archive_no_header 1 "));
	assert_non_null(strstr(said, ":1\tno list\n"));
	assert_non_null(strstr(said, " archive_no_table 1 "));

	/* The same broken rows in a longer history: the same letters. */
	version(&f, T0 + 2, A, broken_list(&f, 11));
	CLEANUP(source_closep) struct source *again = open_it(&f);
	GOT(more);
	assert_int_equal(source_broken(again, on_broken, &more, NULL), RC_OK);
	assert_int_equal(more.broken_lines, 8);
	const char *name = strstr(said, "aa archive_bad_row 2 ") + strlen("aa archive_bad_row 2 ");
	assert_non_null(strstr(buf_str(&more.broken), arena_strdup(&f.arena, (struct slice){ name, 16 })));
}

static void a_clone_with_files_a_shallow_one_and_a_bundle(void **unused UNUSED)
{
	FIXTURE(f);
	for (int i = 0; i < 4; i++)
		version(&f, T0 + i, A, list(&f, "aa", i, 2));
	const char *dir = test_tmpdir(), *bare = path_in(&f, dir, "archive.git");
	archive_write(&f.stream, bare);
	archive_git(dir, WORDS("clone", "--quiet", bare, "full"));
	archive_git(dir, WORDS("clone", "--quiet", "--depth=2", path_in(&f, "file://", bare), "shallow"));
	archive_git(bare, WORDS("bundle", "create", "--quiet", path_in(&f, dir, "-odd name.bundle"), "main"));
	assert_int_equal(mkdir(path_in(&f, dir, "full/sub"), 0755), 0);
	static const struct {
		const char *name, *want;
	} cases[] = { { "full", "aa@0,1,2,3 " }, { "full/.git", "aa@0,1,2,3 " }, { "shallow", "aa@2,3 " }, { "-odd name.bundle", "aa@0,1,2,3 " } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(source_closep) struct source *s = NULL;
		struct err err = { 0 };
		if (open_path(path_in(&f, dir, cases[i].name), &s, &err) != RC_OK)
			fail_msg("%s", err.msg);
		assert_string_equal(told(s, &f), cases[i].want);
	}
	CLEANUP(source_closep) struct source *s = NULL;
	struct err err = { 0 };
	assert_int_equal(open_path(path_in(&f, dir, "full/sub"), &s, &err), RC_FATAL); /* not the repository above it */
	assert_non_null(strstr(err.msg, "is no git repository"));
}

static void write_file(const char *path, struct slice bytes)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	assert_int_equal(fclose(file), 0);
}

static void what_is_no_archive_is_named_with_the_next_step(void **unused UNUSED)
{
	FIXTURE(f);
	const char *dir = test_tmpdir(), *bare = path_in(&f, dir, "archive.git");
	version(&f, T0, A, list(&f, "aa", 1, 2));
	version(&f, T0 + 1, A, list(&f, "aa", 2, 2));
	archive_write(&f.stream, bare);
	archive_git(bare, WORDS("bundle", "create", "--quiet", path_in(&f, dir, "part.bundle"), "main~1..main"));
	archive_git(bare, WORDS("bundle", "create", "--quiet", path_in(&f, dir, "torn.bundle"), "main"));
	assert_int_equal(truncate(path_in(&f, dir, "torn.bundle"), 250), 0);
	archive_git(dir, WORDS("init", "--quiet", "empty"));
	assert_int_equal(mkdir(path_in(&f, dir, "folder"), 0755), 0);
	write_file(path_in(&f, dir, "some.csv"), SLICE("a,b,c\n1,2,3\n4,5,6\n"));
	write_file(path_in(&f, dir, "nothing"), SLICE(""));
	archive_git(dir, WORDS("init", "--quiet", "--bare", "--initial-branch=main", "lost.git"));
	write_file(path_in(&f, dir, "lost.git/refs/heads/main"), SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"));
	FIXTURE(other);
	version(&other, T0, "readme.txt", SLICE("hello"));
	archive_write(&other.stream, path_in(&f, dir, "other.git"));
	static const struct {
		const char *name, *want;
	} cases[] = {
		{ "no/such", "no such folder or file: name a clone" },
		{ "folder", "is no git repository: name a clone" },
		{ "some.csv", "is neither a clone's folder nor a git bundle" },
		{ "nothing", "is neither a clone's folder nor a git bundle" },
		{ "empty", "has no commit yet" },
		{ "other.git", "no commit of it touches an .md file" },
		{ "part.bundle", "holds a part of the history only" },
		{ "torn.bundle", "the bundle is damaged: fetch it again" },
		{ "lost.git", "the repository is damaged: clone it again (git: fatal: bad object" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct source *s = (struct source *) &f;
		struct err err = { 0 };
		assert_int_equal(open_path(path_in(&f, dir, cases[i].name), &s, &err), RC_FATAL);
		assert_null(s);
		if (!strstr(err.msg, cases[i].want) || !strstr(err.msg, cases[i].name))
			fail_msg("%s: %s", cases[i].name, err.msg);
	}
	struct source *s;
	assert_int_equal(open_path("", &s, NULL), RC_FATAL);
}

/* A clone without its contents: what is missing is counted, nothing is fetched; without any it is no archive. */
static void missing_contents_are_broken_versions(void **unused UNUSED)
{
	FIXTURE(f);
	const char *dir = test_tmpdir(), *bare = path_in(&f, dir, "archive.git");
	for (int i = 0; i < 3; i++)
		version(&f, T0 + i, A, list(&f, "aa", i, 2));
	archive_write(&f.stream, bare);
	archive_git(bare, WORDS("config", "uploadpack.allowFilter", "true"));
	archive_git(dir, WORDS("clone", "--quiet", "--filter=blob:none", path_in(&f, "file://", bare), "partial"));
	archive_git(dir, WORDS("clone", "--quiet", "--bare", "--filter=blob:none", path_in(&f, "file://", bare), "none.git"));
	CLEANUP(source_closep) struct source *s = NULL;
	struct err err = { 0 };
	GOT(g);
	if (open_path(path_in(&f, dir, "partial"), &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	assert_string_equal(told(s, &f), "aa@2 "); /* the one that is checked out */
	assert_int_equal(source_broken(s, on_broken, &g, NULL), RC_OK);
	assert_non_null(strstr(buf_str(&g.broken), " archive_missing_object 2 "));
	CLEANUP(source_closep) struct source *none = NULL;
	struct source_ids ids;
	assert_int_equal(open_path(path_in(&f, dir, "none.git"), &none, &err), RC_OK);
	assert_int_equal(source_playlists(none, &f.arena, &ids, &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "no partial clone"));
}

static char *only_pack(struct fixture *f, const char *bare)
{
	glob_t found;
	assert_int_equal(glob(path_in(f, bare, "objects/pack/*.pack"), 0, NULL, &found), 0);
	char *path = (char *) (uintptr_t) arena_strdup(&f->arena, slice_of(found.gl_pathv[0]));
	globfree(&found);
	return path;
}

static void damaged_contents_are_told_with_the_next_step(void **unused UNUSED)
{
	FIXTURE(f);
	const char *bare = path_in(&f, test_tmpdir(), "archive.git");
	version(&f, T0, A, list(&f, "aa", 1, 2));
	archive_write(&f.stream, bare);
	archive_git(bare, WORDS("repack", "-a", "-d", "--quiet"));
	const char *pack = only_pack(&f, bare);
	assert_int_equal(chmod(pack, 0600), 0);
	FILE *file = fopen(pack, "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, -50, SEEK_END), 0); /* the last object is the list */
	assert_int_equal(fwrite("garbage", 1, 7, file), 7);
	assert_int_equal(fclose(file), 0);
	CLEANUP(source_closep) struct source *s = NULL;
	struct err err = { 0 };
	struct source_ids ids;
	assert_int_equal(open_path(bare, &s, &err), RC_OK);
	assert_int_equal(source_playlists(s, &f.arena, &ids, &err), RC_FATAL);
	if (!strstr(err.msg, "archive.git: the repository is damaged: clone it again: "))
		fail_msg("%s", err.msg);
}

static void merges_change_nothing_and_both_their_sides_count(void **unused UNUSED)
{
	FIXTURE(f);
	const char *dir = test_tmpdir(), *bare = path_in(&f, dir, "archive.git");
	version(&f, T0, A, list(&f, "aa", 1, 2));
	version(&f, T0 + 1, A, list(&f, "aa", 2, 2));
	archive_write(&f.stream, bare);
	archive_git(dir, WORDS("clone", "--quiet", bare, "work"));
	const char *work = path_in(&f, dir, "work");
	archive_git(work, WORDS("checkout", "--quiet", "-b", "side", "HEAD~1"));
	write_file(path_in(&f, work, B), list(&f, "bb", 1, 2));
	archive_git(work, WORDS("add", "."));
	archive_git(work, WORDS("commit", "--quiet", "-m", "x", "--date", "@1600000005 +0000"));
	archive_git(work, WORDS("checkout", "--quiet", "main"));
	archive_git(work, WORDS("merge", "--quiet", "--no-ff", "-m", "m", "side"));
	CLEANUP(source_closep) struct source *s = NULL;
	assert_int_equal(open_path(work, &s, NULL), RC_OK);
	assert_string_equal(told(s, &f), "aa@0,1 bb@5 ");
}

/* Configuration of the repository that would run programs, and the environment of a hook: neither counts. */
static void nothing_of_the_repository_is_run(void **unused UNUSED)
{
	FIXTURE(f);
	const char *dir = test_tmpdir(), *bare = path_in(&f, dir, "archive.git"), *trap = path_in(&f, dir, "trap");
	version(&f, T0, A, list(&f, "aa", 1, 2));
	archive_write(&f.stream, bare);
	static const char *const keys[] = { "core.pager", "core.fsmonitor", "gpg.program", "diff.external", "core.sshCommand", "core.editor" };
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		archive_git(bare, WORDS("config", keys[i], arena_printf(&f.arena, "touch %s; false", trap).ptr));
	archive_git(bare, WORDS("config", "log.showSignature", "true"));
	archive_git(bare, WORDS("config", "diff.renames", "copies"));
	archive_git(bare, WORDS("config", "log.follow", "true"));
	archive_git(bare, WORDS("config", "color.ui", "always"));
	archive_git(bare, WORDS("config", "format.pretty", "fuller"));
	archive_git(bare, WORDS("config", "i18n.logOutputEncoding", "UTF-16"));
	assert_int_equal(setenv("GIT_DIR", "/nowhere", 1) | setenv("GIT_PAGER", "false", 1), 0);
	CLEANUP(source_closep) struct source *s = NULL;
	struct err err = { 0 };
	enum rc rc = open_path(bare, &s, &err);
	assert_int_equal(unsetenv("GIT_DIR") | unsetenv("GIT_PAGER"), 0);
	if (rc != RC_OK)
		fail_msg("%s", err.msg);
	assert_string_equal(told(s, &f), "aa@0 ");
	assert_int_equal(access(trap, F_OK), -1);
}

/* A clone without contents names the program that its remote is asked by, and gits before 2.45 fetch what they lack. */
static void an_older_git_fetches_nothing(void **unused UNUSED)
{
	FIXTURE(f);
	const char *dir = test_tmpdir(), *bare = path_in(&f, dir, "archive.git"), *trap = path_in(&f, dir, "trap");
	const char *bin = path_in(&f, dir, "bin"), *old = arena_strdup(&f.arena, slice_of(getenv("PATH")));
	version(&f, T0, A, list(&f, "aa", 1, 2));
	version(&f, T0 + 1, A, list(&f, "aa", 2, 2));
	archive_write(&f.stream, bare);
	archive_git(bare, WORDS("config", "uploadpack.allowFilter", "true"));
	archive_git(dir, WORDS("clone", "--quiet", "--filter=blob:none", path_in(&f, "file://", bare), "partial"));
	const char *partial = path_in(&f, dir, "partial");
	archive_git(partial, WORDS("config", "remote.origin.uploadpack", arena_printf(&f.arena, "touch %s; git-upload-pack", trap).ptr));
	assert_int_equal(mkdir(bin, 0755), 0);
	const char *program = path_in(&f, bin, "git");
	write_file(program, arena_printf(&f.arena, "#!/bin/sh\nunset GIT_NO_LAZY_FETCH\nPATH='%s' exec git \"$@\"\n", old));
	assert_int_equal(chmod(program, 0755), 0);
	assert_int_equal(setenv("PATH", arena_printf(&f.arena, "%s:%s", bin, old).ptr, 1), 0);
	CLEANUP(source_closep) struct source *s = NULL;
	enum rc rc = open_path(partial, &s, NULL);
	struct slice lists = rc == RC_OK ? slice_of(told(s, &f)) : SLICE("");
	assert_int_equal(setenv("PATH", old, 1), 0);
	assert_true(slice_is(lists, "aa@1 "));
	assert_int_equal(access(trap, F_OK), -1);
}

/* What git could not write is no fault of the bundle. */
static void a_full_disk_is_no_damaged_bundle(void **unused UNUSED)
{
	FIXTURE(f);
	const char *dir = test_tmpdir(), *bin = path_in(&f, dir, "full"), *program = path_in(&f, bin, "git");
	const char *old = arena_strdup(&f.arena, slice_of(getenv("PATH"))), *bundle = path_in(&f, dir, "any.bundle");
	write_file(bundle, SLICE("# v2 git bundle\n"));
	assert_int_equal(mkdir(bin, 0755), 0);
	write_file(program, SLICE("#!/bin/sh\necho 'fatal: write error: No space left on device' >&2\nexit 128\n"));
	assert_int_equal(chmod(program, 0755), 0);
	assert_int_equal(setenv("PATH", bin, 1), 0);
	struct source *s = NULL;
	struct err err = { 0 };
	enum rc rc = open_path(bundle, &s, &err);
	assert_int_equal(setenv("PATH", old, 1), 0);
	assert_int_equal(rc, RC_RETRY);
	assert_non_null(strstr(err.msg, "any.bundle: cannot be unpacked into"));
	assert_non_null(strstr(err.msg, "(free some space, then run the command again"));
	assert_null(strstr(err.msg, "damaged"));
}

/* `git log` would take the parents that such a file claims for those of the commit. */
static void grafts_and_replaced_objects_do_not_count(void **unused UNUSED)
{
	FIXTURE(f);
	const char *bare = path_in(&f, test_tmpdir(), "archive.git");
	for (int i = 0; i < 3; i++)
		version(&f, T0 + i, A, list(&f, "aa", i, 2));
	archive_write(&f.stream, bare);
	archive_git(bare, WORDS("update-ref", "refs/heads/middle", "HEAD~1"));
	archive_git(bare, WORDS("replace", "HEAD", "HEAD~2"));
	struct slice middle;
	assert_int_equal(file_read(path_in(&f, bare, "refs/heads/middle"), 100, &f.arena, &middle, NULL), RC_OK);
	write_file(path_in(&f, bare, "info/grafts"), middle); /* its commit, and no parent behind it */
	CLEANUP(source_closep) struct source *s = NULL;
	assert_int_equal(open_path(bare, &s, NULL), RC_OK);
	assert_string_equal(told(s, &f), "aa@0,1,2 ");
}

static void without_git_the_next_step_is_told(void **unused UNUSED)
{
	FIXTURE(f);
	version(&f, T0, A, list(&f, "aa", 1, 2));
	const char *path = path_in(&f, test_tmpdir(), "archive.git");
	archive_write(&f.stream, path);
	const char *old = arena_strdup(&f.arena, slice_of(getenv("PATH")));
	assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
	struct source *s = NULL;
	struct err err = { 0 };
	enum rc rc = open_path(path, &s, &err);
	assert_int_equal(setenv("PATH", old, 1), 0);
	assert_int_equal(rc, RC_FATAL);
	assert_non_null(strstr(err.msg, "needs the program git, which is not there: install it"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_version_is_a_snapshot_at_its_authors_time),
	cmocka_unit_test(versions_of_one_second_come_one_after_the_other),
	cmocka_unit_test(a_list_that_only_moved_is_no_new_snapshot),
	cmocka_unit_test(only_lists_are_read_wherever_they_lie),
	cmocka_unit_test(pages_have_the_shape_of_the_api),
	cmocka_unit_test(broken_rows_keep_their_place_and_are_told_once),
	cmocka_unit_test(a_clone_with_files_a_shallow_one_and_a_bundle),
	cmocka_unit_test(what_is_no_archive_is_named_with_the_next_step),
	cmocka_unit_test(missing_contents_are_broken_versions),
	cmocka_unit_test(damaged_contents_are_told_with_the_next_step),
	cmocka_unit_test(merges_change_nothing_and_both_their_sides_count),
	cmocka_unit_test(nothing_of_the_repository_is_run),
	cmocka_unit_test(an_older_git_fetches_nothing),
	cmocka_unit_test(a_full_disk_is_no_damaged_bundle),
	cmocka_unit_test(grafts_and_replaced_objects_do_not_count),
	cmocka_unit_test(without_git_the_next_step_is_told),
};
TEST_SUITE(source_archive, tests)
