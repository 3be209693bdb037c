/* Arenas and buffers: zeroed, aligned, and never over their limit. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void arena_hands_out_zeroed_aligned_memory(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena a = arena_new(8 << 20);
	struct rand_gen g = rand_new(3);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			size_t size = rand_below(&g, i % 50 ? 300 : 100000);
			unsigned char *p = arena_alloc(&a, size);
			assert_int_equal((uintptr_t) p % 16, 0);
			for (size_t k = 0; k < size; k++)
				assert_int_equal(p[k], 0);
			memset(p, 0xa5, size);
		}
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
}

static void arena_fits_says_what_alloc_can(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena a = arena_new(100);
	assert_true(arena_fits(&a, 96));
	assert_false(arena_fits(&a, 97)); /* it would be rounded up to 112 */
	assert_false(arena_fits(&a, SIZE_MAX));
	assert_false(arena_fits(&a, SIZE_MAX - 14));
	(void) arena_alloc(&a, 50);
	assert_true(arena_fits(&a, 32));
	assert_false(arena_fits(&a, 48));
	(void) arena_alloc(&a, 32);
	assert_false(arena_fits(&a, 0)); /* it takes 16 bytes too */
}

static void expect_abort(void (*fn)(void))
{
	pid_t child = fork();
	if (child == 0) {
		struct rlimit no_core = { 0, 0 };
		(void) setrlimit(RLIMIT_CORE, &no_core);
		(void) close(STDERR_FILENO);
		(void) signal(SIGABRT, SIG_DFL);
		fn();
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void alloc_over_limit(void)
{
	struct arena a = arena_new(64);
	(void) arena_alloc(&a, 65);
}
static void array_overflow(void)
{
	struct arena a = arena_new(SIZE_MAX);
	(void) arena_alloc_array(&a, SIZE_MAX / 2, 3);
}
static void mem_array_overflow(void)
{
	(void) mem_alloc_array(SIZE_MAX / 2, 3);
}

static void our_own_mistakes_abort(void **state UNUSED)
{
	expect_abort(alloc_over_limit);
	expect_abort(array_overflow);
	expect_abort(mem_array_overflow);
}

static void arena_copies_are_terminated(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena a = arena_new(1 << 16);
	struct slice s = arena_copy(&a, (struct slice){ "abcdef", 3 });
	assert_string_equal(s.ptr, "abc");
	assert_int_equal(s.len, 3);
	assert_null(arena_copy(&a, SLICE_NULL).ptr);
	struct slice empty = arena_copy(&a, SLICE(""));
	assert_non_null(empty.ptr);
	assert_int_equal(empty.len, 0);
	assert_string_equal(arena_strdup(&a, SLICE_NULL), "");
	struct slice printed = arena_printf(&a, "%d-%s", 7, "x");
	assert_string_equal(printed.ptr, "7-x");
	assert_int_equal(printed.len, 3);
}

static void reset_keeps_no_more_than_a_block(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena a = arena_new(64 << 20);
	char *first = arena_alloc(&a, 100);
	memset(first, 1, 100);
	arena_reset(&a);
	char *again = arena_alloc(&a, 100);
	assert_ptr_equal(first, again);
	assert_int_equal(again[99], 0);
}

static void an_arena_goes_back_to_a_mark(void **state UNUSED)
{
	for (int secret = 0; secret < 2; secret++) {
		CLEANUP(arena_done) struct arena a = secret ? arena_new_secret(4 << 20) : arena_new(4 << 20);
		struct arena_mark empty = arena_mark(&a);
		(void) arena_alloc(&a, 100);
		arena_rewind(&a, empty);
		assert_int_equal(a.used, 0);
		char *kept = arena_strdup(&a, SLICE("kept"));
		struct arena_mark mark = arena_mark(&a);
		for (int round = 0; round < 3; round++) {
			char *small = arena_alloc(&a, 1000), *large = arena_alloc(&a, 1 << 20);
			for (size_t i = 0; i < 1000; i++)
				assert_int_equal(small[i], 0);
			memset(small, 0xa5, 1000);
			memset(large, 0xa5, 1 << 20);
			arena_rewind(&a, mark);
			assert_int_equal(a.used, 16);
			assert_string_equal(kept, "kept");
		}
	}
}

/* The flags of the mapping that holds `p`, as /proc/self/smaps says them. */
static void mapping_flags(const void *p, char *out, size_t size)
{
	char line[512];
	bool here = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	assert_non_null(f);
	*out = '\0';
	while (fgets(line, sizeof line, f)) {
		unsigned long from, to;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = (uintptr_t) p >= from && (uintptr_t) p < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			(void) snprintf(out, size, "%s", line);
	}
	(void) fclose(f);
}

static void secrets_are_left_out_of_core_files(void **state UNUSED)
{
	char flags[256];
	CLEANUP(arena_done) struct arena plain = arena_new(1 << 20);
	CLEANUP(arena_done) struct arena secret = arena_new_secret(4 << 20);
	mapping_flags(arena_strdup(&plain, SLICE("plain")), flags, sizeof flags);
	assert_non_null(strstr(flags, " rd "));
	assert_null(strstr(flags, " dd "));
	mapping_flags(arena_strdup(&secret, SLICE("secret")), flags, sizeof flags);
	assert_non_null(strstr(flags, " dd "));
	mapping_flags(arena_alloc(&secret, 1 << 20), flags, sizeof flags); /* of a block of its own */
	assert_non_null(strstr(flags, " dd "));
}

static void buf_grows_to_its_limit_and_no_further(void **state UNUSED)
{
	CLEANUP(buf_done) struct buf b = buf_new(10);
	struct err err = { 0 };
	assert_string_equal(buf_str(&b), "");
	buf_adds(&b, "12345");
	buf_addc(&b, '6');
	buf_addf(&b, "%d", 78);
	assert_string_equal(buf_str(&b), "12345678");
	assert_int_equal(buf_ok(&b, "thing", &err), RC_OK);
	buf_adds(&b, "9ab");
	assert_true(b.over);
	assert_true(slice_is(buf_slice(&b), "12345678"));
	assert_int_equal(buf_ok(&b, "thing", &err), RC_REJECT);
	assert_string_equal(err.msg, "thing: over the limit of 10 bytes");
	buf_addc(&b, 'x'); /* stays cut: no hole in the middle */
	assert_int_equal(b.len, 8);
	buf_reset(&b);
	assert_false(b.over);
	buf_adds(&b, "1234567890");
	assert_int_equal(buf_ok(&b, "thing", &err), RC_OK);
	assert_null(buf_reserve(&b, 1));
}

static void buf_holds_any_byte(void **state UNUSED)
{
	CLEANUP(buf_done) struct buf b = buf_new(1 << 20);
	struct rand_gen g = rand_new(11);
	char want[5000];
	for (size_t i = 0; i < sizeof want; i++)
		want[i] = (char) rand_next(&g);
	for (size_t at = 0, n; at < sizeof want; at += n) {
		n = 1 + rand_below(&g, 97);
		n = n < sizeof want - at ? n : sizeof want - at;
		buf_add(&b, (struct slice){ want + at, n });
	}
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.ptr, want, sizeof want);
	assert_int_equal(b.ptr[b.len], 0);
	char *room = buf_reserve(&b, 3);
	memcpy(room, "xyz", 3);
	b.len += 3;
	assert_true(slice_ends(buf_slice(&b), SLICE("xyz")));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(arena_hands_out_zeroed_aligned_memory),
	cmocka_unit_test(arena_fits_says_what_alloc_can),
	cmocka_unit_test(our_own_mistakes_abort),
	cmocka_unit_test(arena_copies_are_terminated),
	cmocka_unit_test(reset_keeps_no_more_than_a_block),
	cmocka_unit_test(an_arena_goes_back_to_a_mark),
	cmocka_unit_test(secrets_are_left_out_of_core_files),
	cmocka_unit_test(buf_grows_to_its_limit_and_no_further),
	cmocka_unit_test(buf_holds_any_byte),
};
TEST_SUITE(base_memory, tests);
