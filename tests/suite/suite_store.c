/* What every object store must do.  A new backend is one more entry of `backends` and one more TEST_SUITE below. */
#include "base/mem.h"
#include "base/rand.h"
#include "base/thread.h"
#include "io/file.h"
#include "store/store.h"
#include "test.h"

#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

struct backend {
	struct store *(*open)(const char *dir);
	bool shared; /* two stores opened on one `dir` hold the same objects, in two processes too */
};

static struct store *open_folder(const char *dir)
{
	struct store *s = NULL;
	struct err err = { 0 };
	if (store_folder_open(dir, &s, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return s;
}
static struct store *open_mem(const char *dir)
{
	return store_mem_open(dir);
}
static struct store *open_fault(const char *dir)
{
	return store_fault_open(store_mem_open(dir), 0, false, RC_RETRY);
}

static const struct backend backends[] = {
	{ open_folder, true },
	{ open_mem, false },
	{ open_fault, false },
};

struct room {
	const struct backend *backend;
	const char *dir, *desk; /* the store's, and one for local files */
	struct store *s;
	struct arena arena;
	struct err err;
};

static struct room room_open(void **state)
{
	struct room r = { .backend = *state, .arena = arena_new((size_t) 64 << 20) };
	r.dir = test_tmpdir();
	r.desk = test_tmpdir();
	r.s = r.backend->open(r.dir);
	return r;
}
static void room_close(struct room *r)
{
	store_closep(&r->s);
	arena_done(&r->arena);
}
#define ROOM(r) CLEANUP(room_close) struct room r = room_open(state)
#define OK(expr) assert_ok((expr), &r.err, __LINE__)
#define REJECTED(expr) assert_int_equal((expr), RC_REJECT)

static void assert_ok(enum rc rc, const struct err *err, int line)
{
	if (rc != RC_OK)
		fail_msg("line %d: %s: %s", line, rc_name(rc), err->msg);
}

static const char *local_file(struct room *r, const char *name, struct slice bytes)
{
	struct slice path = arena_printf(&r->arena, "%s/%s", r->desk, name);
	assert_ok(file_replace(path.ptr, bytes, &r->err), &r->err, __LINE__);
	return path.ptr;
}

static void assert_holds(struct room *r, struct slice key, struct slice want, int64_t version)
{
	struct slice got;
	int64_t got_version;
	assert_ok(store_get(r->s, key, &r->arena, &got, &got_version, &r->err), &r->err, __LINE__);
	assert_true(slice_eq(got, want));
	if (version)
		assert_true(version == got_version);
}

static void key_names(void **state)
{
	ROOM(r);
	static const char *const good[] = { "a",
		                            "a/b",
		                            "raw/playlist_id=1/x.json",
		                            "...",
		                            "a/.hidden",
		                            "tmp-x",
		                            "x.tmp-",
		                            "\xc3\xa9/\xe2\x98\x83",
		                            " ",
		                            "a b/c",
		                            "store-1",
		                            "~",
		                            "con:1" };
	static const char *const bad[] = { "",     "/",      "/a",     "a/",      "a//b",        ".",
		                           "..",   "a/..",   "../a",   "a/./b",   "a\nb",        "\x7f",
		                           "\xff", "a/\xc3", ".tmp-1", "a/.tmp-", ".store-lock", "a/.store-/b" };
	for (size_t i = 0; i < COUNT_OF(good); i++)
		assert_true(store_key_ok(slice_of(good[i])));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(store_key_ok(slice_of(bad[i])));
	assert_false(store_key_ok((struct slice){ "a\0b", 3 }));
	char key[1025];
	memset(key, 'k', sizeof key);
	assert_true(store_key_ok((struct slice){ key, 255 }));
	assert_false(store_key_ok((struct slice){ key, 256 }));
	for (size_t i = 200; i < sizeof key; i += 200)
		key[i] = '/';
	assert_true(store_key_ok((struct slice){ key, 1024 }));
	assert_false(store_key_ok((struct slice){ key, 1025 }));
	/* and what may be a key is one */
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct slice under = arena_printf(&r.arena, "good-%zu/%s", i, good[i]);
		OK(store_put_if_absent(r.s, under, SLICE("x"), NULL, &r.err));
		assert_holds(&r, under, SLICE("x"), 0);
	}
	OK(store_put_if_absent(r.s, (struct slice){ key, 1024 }, SLICE("long"), NULL, &r.err));
	assert_holds(&r, (struct slice){ key, 1024 }, SLICE("long"), 0);
}

static void put_if_absent_keeps_the_first(void **state)
{
	ROOM(r);
	bool created = false;
	OK(store_put_if_absent(r.s, SLICE("d/k"), SLICE("one"), &created, &r.err));
	assert_true(created);
	OK(store_put_if_absent(r.s, SLICE("d/k"), SLICE("one"), &created, &r.err));
	assert_false(created);
	REJECTED(store_put_if_absent(r.s, SLICE("d/k"), SLICE("two"), &created, &r.err));
	assert_non_null(strstr(r.err.msg, "d/k"));
	REJECTED(store_put_if_absent(r.s, SLICE("d/k"), SLICE("on"), &created, &r.err));
	REJECTED(store_put_if_absent(r.s, SLICE("d/k"), SLICE(""), &created, &r.err));
	assert_holds(&r, SLICE("d/k"), SLICE("one"), 0);
}

static void replace_wants_the_expected_version(void **state)
{
	ROOM(r);
	int64_t v1 = 0, v2 = 0, v3 = 0, none = 0;
	struct slice key = SLICE("cursors/a");
	REJECTED(store_replace(r.s, key, 12345, SLICE("x"), &none, &r.err));
	assert_non_null(strstr(r.err.msg, "cursors/a"));
	OK(store_replace(r.s, key, STORE_NO_VERSION, SLICE("one"), &v1, &r.err));
	assert_true(v1 > 0);
	assert_holds(&r, key, SLICE("one"), v1);
	REJECTED(store_replace(r.s, key, STORE_NO_VERSION, SLICE("x"), &none, &r.err));
	OK(store_replace(r.s, key, v1, SLICE("two"), &v2, &r.err));
	assert_true(v2 > 0 && v2 != v1);
	REJECTED(store_replace(r.s, key, v1, SLICE("x"), &none, &r.err));
	assert_holds(&r, key, SLICE("two"), v2);
	OK(store_replace(r.s, key, STORE_ANY_VERSION, SLICE("two"), &v3, &r.err));
	assert_true(v3 != v2 && v3 != v1);
	assert_holds(&r, key, SLICE("two"), v3);
	OK(store_remove(r.s, key, &r.err));
	REJECTED(store_replace(r.s, key, v3, SLICE("x"), &none, &r.err));
	OK(store_replace(r.s, key, STORE_ANY_VERSION, SLICE("three"), &none, &r.err));
	assert_holds(&r, key, SLICE("three"), none);
}

/* Every way to write, and removals between: no version comes twice. */
static void versions_are_never_used_again(void **state)
{
	ROOM(r);
	enum { ROUNDS = 120 };
	int64_t seen[ROUNDS];
	struct rand_gen g = rand_fork(test_seed(), "versions", 0);
	struct slice key = SLICE("v/k"), body;
	for (size_t i = 0; i < ROUNDS; i++) {
		int64_t version = 0;
		struct slice bytes = arena_printf(&r.arena, "%zu", i);
		switch (rand_below(&g, 4)) {
		case 0: OK(store_replace(r.s, key, STORE_ANY_VERSION, bytes, &version, &r.err)); break;
		case 1:
			OK(store_put_file(r.s, key, local_file(&r, "f", bytes), STORE_ANY_VERSION, rand_chance(&g, 2), &version,
			                  &r.err));
			break;
		case 2:
			OK(store_remove(r.s, key, &r.err));
			OK(store_put_if_absent(r.s, key, bytes, NULL, &r.err));
			break;
		default:
			OK(store_remove(r.s, key, &r.err));
			OK(store_replace(r.s, key, STORE_NO_VERSION, bytes, &version, &r.err));
		}
		OK(store_get(r.s, key, &r.arena, &body, &seen[i], &r.err));
		assert_true(slice_eq(body, bytes));
		assert_true(seen[i] > 0 && (!version || version == seen[i]));
		for (size_t k = 0; k < i; k++)
			assert_true(seen[k] != seen[i]);
	}
}

static void get_refuses_before_it_allocates(void **state)
{
	ROOM(r);
	CLEANUP(arena_done) struct arena tiny = arena_new(64);
	struct slice body = SLICE_NULL;
	assert_int_equal(store_get(r.s, SLICE("none/such"), &r.arena, &body, NULL, &r.err), RC_NOT_FOUND);
	assert_non_null(strstr(r.err.msg, "none/such"));
	size_t size = 3 << 20;
	CLEANUP(mem_freep) char *bytes = mem_alloc(size);
	struct rand_gen g = rand_new(1);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char) rand_next(&g);
	OK(store_put_if_absent(r.s, SLICE("big"), (struct slice){ bytes, size }, NULL, &r.err));
	REJECTED(store_get(r.s, SLICE("big"), &tiny, &body, NULL, &r.err));
	assert_int_equal(tiny.used, 0);
	assert_non_null(strstr(r.err.msg, "big"));
	assert_holds(&r, SLICE("big"), (struct slice){ bytes, size }, 0);
	OK(store_put_if_absent(r.s, SLICE("empty"), SLICE(""), NULL, &r.err));
	assert_holds(&r, SLICE("empty"), SLICE(""), 0);
	assert_int_equal(store_get_file(r.s, SLICE("none"), &r.arena, &body, &r.err), RC_NOT_FOUND);
	REJECTED(store_get_file(r.s, SLICE("big"), &(struct arena){ .limit = 1 }, &body, &r.err));
}

static void a_prefix_of_a_key_is_no_object(void **state)
{
	ROOM(r);
	struct slice body;
	OK(store_put_if_absent(r.s, SLICE("a/b/c"), SLICE("x"), NULL, &r.err));
	assert_int_equal(store_get(r.s, SLICE("a/b"), &r.arena, &body, NULL, &r.err), RC_NOT_FOUND);
	assert_int_equal(store_get(r.s, SLICE("a/b/c/d"), &r.arena, &body, NULL, &r.err), RC_NOT_FOUND);
	assert_int_equal(store_get_file(r.s, SLICE("a/b"), &r.arena, &body, &r.err), RC_NOT_FOUND);
	OK(store_remove(r.s, SLICE("a/b"), &r.err));
	OK(store_remove(r.s, SLICE("a/b/c/d"), &r.err));
	assert_holds(&r, SLICE("a/b/c"), SLICE("x"), 0);
}

static void files_go_in_and_come_out(void **state)
{
	ROOM(r);
	struct slice key = SLICE("bronze/t/part-0.parquet"), path, bytes;
	int64_t v1 = 0, v2 = 0;
	for (int durable = 0; durable < 2; durable++) {
		const char *file = local_file(&r, "new", SLICE("first"));
		OK(store_put_file(r.s, key, file, STORE_NO_VERSION, durable, &v1, &r.err));
		assert_int_equal(access(file, F_OK), -1);
		assert_holds(&r, key, SLICE("first"), v1);
		OK(store_get_file(r.s, key, &r.arena, &path, &r.err));
		assert_int_equal(strlen(path.ptr), path.len);
		OK(file_read(path.ptr, 100, &r.arena, &bytes, &r.err));
		assert_true(slice_is(bytes, "first"));

		file = local_file(&r, "new", SLICE("second"));
		REJECTED(store_put_file(r.s, key, file, STORE_NO_VERSION, durable, &v2, &r.err));
		assert_non_null(strstr(r.err.msg, "bronze/t/part-0.parquet"));
		REJECTED(store_put_file(r.s, key, file, v1 + 1, durable, &v2, &r.err));
		OK(store_put_file(r.s, key, file, v1, durable, &v2, &r.err));
		assert_true(v2 != v1);
		assert_int_equal(access(file, F_OK), -1);
		OK(store_get_file(r.s, key, &r.arena, &path, &r.err));
		OK(file_read(path.ptr, 100, &r.arena, &bytes, &r.err));
		assert_true(slice_is(bytes, "second"));
		OK(store_get_file(r.s, key, &r.arena, &path, &r.err));
		assert_int_equal(store_put_file(r.s, key, file, STORE_ANY_VERSION, durable, &v2, &r.err), RC_NOT_FOUND);
		assert_non_null(strstr(r.err.msg, "bronze/t/part-0.parquet"));
		OK(store_sync(r.s, &r.err));
		assert_holds(&r, key, SLICE("second"), v2);
		OK(store_remove(r.s, key, &r.err));
		OK(store_sync(r.s, &r.err));
	}
}

static void remove_is_ok_twice(void **state)
{
	ROOM(r);
	struct slice body;
	OK(store_remove(r.s, SLICE("never/was"), &r.err));
	OK(store_put_if_absent(r.s, SLICE("k"), SLICE("x"), NULL, &r.err));
	OK(store_remove(r.s, SLICE("k"), &r.err));
	assert_int_equal(store_get(r.s, SLICE("k"), &r.arena, &body, NULL, &r.err), RC_NOT_FOUND);
	OK(store_remove(r.s, SLICE("k"), &r.err));
	bool created = false;
	OK(store_put_if_absent(r.s, SLICE("k"), SLICE("y"), &created, &r.err));
	assert_true(created);
}

static int key_cmp(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *) a, *(const struct slice *) b);
}

static bool wanted(struct slice key, struct slice prefix, struct slice from)
{
	return slice_starts(key, prefix) && (!from.ptr || slice_cmp(key, from) > 0);
}

/* All pages of a listing against what a sorted array says. */
static void check_list(struct room *r, const struct slice *keys, size_t count, struct slice prefix, struct slice from, size_t max)
{
	size_t at = 0;
	const struct slice first = from;
	for (bool end = false; !end;) {
		struct store_list page;
		assert_ok(store_list(r->s, prefix, from, max, &r->arena, &page, &r->err), &r->err, __LINE__);
		assert_true(page.count <= max);
		for (size_t i = 0; i < page.count; i++, at++) {
			while (at < count && !wanted(keys[at], prefix, first))
				at++;
			assert_true(at < count);
			if (!slice_eq(page.object[i].key, keys[at]))
				fail_msg("prefix '%.*s' from '%.*s': '%.*s' where '%.*s' should be", SLICE_FMT(prefix),
				         SLICE_FMT(from), SLICE_FMT(page.object[i].key), SLICE_FMT(keys[at]));
			assert_true(page.object[i].bytes == (int64_t) keys[at].len);
			assert_true(page.object[i].version > 0);
		}
		end = !page.next.ptr;
		if (!end)
			assert_int_equal(page.count, max);
		from = page.next;
	}
	for (; at < count; at++)
		assert_false(wanted(keys[at], prefix, first));
}

/* '-' < '/' < '0': a folder does not sort where its name does. */
static void list_goes_in_byte_order(void **state)
{
	ROOM(r);
	enum { WORDS = 7, MANY = 160 };
	static const char *const word[WORDS] = { "a", "a-b", "a0", "b", "a.", "\xc3\xa9", "ab" };
	struct rand_gen g = rand_fork(test_seed(), "list", 0);
	struct slice keys[MANY];
	size_t count = 0;
	struct store_list page;
	OK(store_list(r.s, SLICE(""), SLICE_NULL, 10, &r.arena, &page, &r.err));
	assert_true(page.count == 0 && !page.next.ptr);
	for (size_t i = 0; i < MANY; i++) {
		/* an object's last part ends in '!', so that no object is another's folder */
		struct slice key = SLICE("");
		for (uint64_t depth = 1 + rand_below(&g, 4); depth; depth--)
			key = arena_printf(&r.arena, "%.*s%s%s", SLICE_FMT(key), word[rand_below(&g, WORDS)],
			                   depth > 1 ? "/" : "!");
		bool known = false;
		for (size_t k = 0; k < count; k++)
			known |= slice_eq(keys[k], key);
		if (known)
			continue;
		keys[count++] = key;
		OK(store_put_if_absent(r.s, key, key, NULL, &r.err));
	}
	qsort(keys, count, sizeof *keys, key_cmp);
	check_list(&r, keys, count, SLICE(""), SLICE_NULL, 1000);
	check_list(&r, keys, count, SLICE(""), SLICE_NULL, 1);
	check_list(&r, keys, count, SLICE(""), SLICE_NULL, count);
	for (size_t i = 0; i < 300; i++) {
		struct slice a = keys[rand_below(&g, count)], b = keys[rand_below(&g, count)];
		struct slice prefix = slice_sub(a, 0, rand_below(&g, a.len + 1));
		struct slice from = rand_chance(&g, 3) ? SLICE_NULL : slice_sub(b, 0, 1 + rand_below(&g, b.len));
		check_list(&r, keys, count, prefix, from, 1 + rand_below(&g, 20));
	}
	static const char *const odd[] = { "nothing", "/", "..", "../", "a//", "./", "a/../", "\xff/" };
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		OK(store_list(r.s, slice_of(odd[i]), SLICE_NULL, 10, &r.arena, &page, &r.err));
		assert_int_equal(page.count, 0);
	}
	CLEANUP(arena_done) struct arena tiny = arena_new(128);
	REJECTED(store_list(r.s, SLICE(""), SLICE_NULL, 1000, &tiny, &page, &r.err));
}

static void list_tells_bytes_and_version(void **state)
{
	ROOM(r);
	int64_t version = 0;
	struct store_list page;
	OK(store_replace(r.s, SLICE("x/k"), STORE_NO_VERSION, SLICE("12345"), &version, &r.err));
	OK(store_list(r.s, SLICE("x/"), SLICE_NULL, 10, &r.arena, &page, &r.err));
	assert_int_equal(page.count, 1);
	assert_true(page.object[0].bytes == 5 && page.object[0].version == version);
}

/* Races: one counter, raised by compare and swap; a version that two believed to be theirs would lose a count. */

enum { RACERS = 4, RAISES = 15 };

static enum rc raise_counter(struct store *s, struct slice key, int64_t *out_lost, struct err *err)
{
	for (;;) {
		CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
		struct slice body;
		int64_t version, count;
		TRY(store_get(s, key, &arena, &body, &version, err));
		if (!slice_to_int(body, &count))
			return err_set(err, RC_FATAL, "half an object: '%.*s'", SLICE_FMT(body));
		enum rc rc = store_replace(s, key, version, arena_printf(&arena, "%lld", (long long) count + 1), NULL, err);
		if (rc != RC_REJECT)
			return rc;
		++*out_lost;
	}
}

static enum rc thread_raises(void *ctx, size_t i UNUSED, struct err *err)
{
	int64_t lost = 0;
	for (int k = 0; k < RAISES; k++)
		TRY(raise_counter(ctx, SLICE("race/counter"), &lost, err));
	return RC_OK;
}

static void threads_never_lose_a_replacement(void **state)
{
	ROOM(r);
	OK(store_put_if_absent(r.s, SLICE("race/counter"), SLICE("0"), NULL, &r.err));
	OK(thread_each(RACERS, RACERS, thread_raises, r.s, &r.err));
	struct slice want = arena_printf(&r.arena, "%d", RACERS * RAISES);
	assert_holds(&r, SLICE("race/counter"), want, 0);
}

static void processes_never_lose_a_replacement(void **state)
{
	ROOM(r);
	if (!r.backend->shared)
		return; /* nothing to share */
	OK(store_put_if_absent(r.s, SLICE("race/counter"), SLICE("0"), NULL, &r.err));
	pid_t child[RACERS];
	for (int i = 0; i < RACERS; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			struct store *mine = r.backend->open(r.dir);
			_exit(thread_raises(mine, 0, &r.err) == RC_OK ? 0 : 1);
		}
	}
	for (int i = 0; i < RACERS; i++) {
		int status = -1;
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	struct slice want = arena_printf(&r.arena, "%d", RACERS * RAISES);
	assert_holds(&r, SLICE("race/counter"), want, 0);
}

/* Two that do not look at the version must get two versions all the same. */
struct writers {
	struct store *s;
	const char *desk;
	int64_t version[RACERS][RAISES];
};

static enum rc thread_writes(void *ctx, size_t i, struct err *err)
{
	struct writers *w = ctx;
	char path[300];
	(void) snprintf(path, sizeof path, "%s/racer-%zu", w->desk, i);
	for (int k = 0; k < RAISES; k++) {
		FILE *f = k % 2 ? fopen(path, "w") : NULL;
		if (f) {
			(void) fclose(f);
			TRY(store_put_file(w->s, SLICE("race/any"), path, STORE_ANY_VERSION, false, &w->version[i][k], err));
		} else {
			TRY(store_replace(w->s, SLICE("race/any"), STORE_ANY_VERSION, SLICE("x"), &w->version[i][k], err));
		}
	}
	return RC_OK;
}

static void blind_writers_get_versions_of_their_own(void **state)
{
	ROOM(r);
	struct writers w = { .s = r.s, .desk = r.desk };
	OK(thread_each(RACERS, RACERS, thread_writes, &w, &r.err));
	const int64_t *seen = w.version[0];
	for (size_t i = 0; i < (size_t) RACERS * RAISES; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(seen[i] != seen[k]);
}

struct creators {
	struct store *s;
	atomic_int created, rejected;
};

static enum rc thread_creates(void *ctx, size_t i, struct err *err UNUSED)
{
	struct creators *c = ctx;
	for (int round = 0; round < 20; round++) {
		char key[32], body[32];
		bool created = false;
		(void) snprintf(key, sizeof key, "create/%d", round);
		(void) snprintf(body, sizeof body, "by %zu", i);
		enum rc rc = store_put_if_absent(c->s, slice_of(key), slice_of(body), &created, NULL);
		if (rc == RC_REJECT)
			atomic_fetch_add(&c->rejected, 1);
		else if (rc == RC_OK && created)
			atomic_fetch_add(&c->created, 1);
	}
	return RC_OK;
}

static void one_of_many_creators_wins(void **state)
{
	ROOM(r);
	struct creators c = { .s = r.s };
	OK(thread_each(RACERS, RACERS, thread_creates, &c, &r.err));
	assert_int_equal(c.created, 20);
	assert_int_equal(c.rejected, 20 * (RACERS - 1));
}

static enum rc thread_comes_and_goes(void *ctx, size_t i, struct err *err)
{
	struct store *s = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	for (int round = 0; round < 40; round++) {
		struct slice body;
		if (i % 2)
			TRY(store_put_if_absent(s, SLICE("fleeting/k"), SLICE("always the same"), NULL, err));
		else
			TRY(store_remove(s, SLICE("fleeting/k"), err));
		enum rc rc = store_get(s, SLICE("fleeting/k"), &arena, &body, NULL, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_OK && !slice_is(body, "always the same"))
			return err_set(err, RC_FATAL, "half an object");
	}
	return RC_OK;
}

static void removal_does_not_disturb_creation(void **state)
{
	ROOM(r);
	OK(thread_each(RACERS, RACERS, thread_comes_and_goes, r.s, &r.err));
}

static void two_stores_see_the_same_objects(void **state)
{
	ROOM(r);
	if (!r.backend->shared)
		return;
	CLEANUP(store_closep) struct store *other = r.backend->open(r.dir);
	int64_t v1 = 0, v2 = 0;
	struct slice body;
	OK(store_replace(r.s, SLICE("s/k"), STORE_NO_VERSION, SLICE("mine"), &v1, &r.err));
	OK(store_replace(other, SLICE("s/k"), v1, SLICE("theirs"), &v2, &r.err));
	REJECTED(store_replace(r.s, SLICE("s/k"), v1, SLICE("x"), &v1, &r.err));
	assert_holds(&r, SLICE("s/k"), SLICE("theirs"), v2);
	OK(store_remove(other, SLICE("s/k"), &r.err));
	assert_int_equal(store_get(r.s, SLICE("s/k"), &r.arena, &body, NULL, &r.err), RC_NOT_FOUND);
	OK(store_put_if_absent(r.s, SLICE("s/k"), SLICE("again"), NULL, &r.err));
	OK(store_get(other, SLICE("s/k"), &r.arena, &body, &v1, &r.err));
	assert_true(slice_is(body, "again") && v1 > v2);
}

#define ENTRY(fn, b) { #fn, fn, NULL, NULL, (void *) (uintptr_t) &backends[b] }
#define ALL(b)                                                                                                       \
	ENTRY(key_names, b), ENTRY(put_if_absent_keeps_the_first, b), ENTRY(replace_wants_the_expected_version, b),  \
		ENTRY(versions_are_never_used_again, b), ENTRY(get_refuses_before_it_allocates, b),                  \
		ENTRY(a_prefix_of_a_key_is_no_object, b), ENTRY(files_go_in_and_come_out, b),                        \
		ENTRY(remove_is_ok_twice, b), ENTRY(list_goes_in_byte_order, b), ENTRY(list_tells_bytes_and_version, b), \
		ENTRY(threads_never_lose_a_replacement, b), ENTRY(processes_never_lose_a_replacement, b),            \
		ENTRY(blind_writers_get_versions_of_their_own, b), ENTRY(one_of_many_creators_wins, b), ENTRY(removal_does_not_disturb_creation, b),                    \
		ENTRY(two_stores_see_the_same_objects, b)

static const struct CMUnitTest folder_tests[] = { ALL(0) };
static const struct CMUnitTest mem_tests[] = { ALL(1) };
static const struct CMUnitTest fault_tests[] = { ALL(2) };
TEST_SUITE(store_folder, folder_tests);
TEST_SUITE(store_mem, mem_tests);
TEST_SUITE(store_fault, fault_tests);
