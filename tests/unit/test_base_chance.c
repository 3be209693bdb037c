/* Chance is the same everywhere; hashes are the world's. */
#include "base/hash.h"
#include "base/rand.h"
#include "test.h"

/* The reference values of splitmix64 for the seed 1234567. */
static void numbers_are_those_of_the_paper(void **state UNUSED)
{
	static const uint64_t want[] = { 6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u,
		                         16408922859458223821u };
	struct rand_gen g = rand_new(1234567);
	for (size_t i = 0; i < COUNT_OF(want); i++)
		assert_true(rand_next(&g) == want[i]);
}

static void forks_are_streams_of_their_own(void **state UNUSED)
{
	struct rand_gen a = rand_fork(1, "track", 0), b = rand_fork(1, "track", 0);
	assert_true(rand_next(&a) == rand_next(&b));
	uint64_t first[5];
	struct rand_gen g[] = { rand_fork(1, "track", 0), rand_fork(1, "track", 1), rand_fork(1, "artist", 0),
		                rand_fork(2, "track", 0), rand_new(1) };
	for (size_t i = 0; i < COUNT_OF(g); i++) {
		first[i] = rand_next(&g[i]);
		for (size_t k = 0; k < i; k++)
			assert_true(first[k] != first[i]);
	}
}

static void below_is_fair_and_below(void **state UNUSED)
{
	struct rand_gen g = rand_new(42);
	int seen[6] = { 0 };
	for (int i = 0; i < 60000; i++)
		seen[rand_below(&g, 6)]++;
	for (int i = 0; i < 6; i++)
		assert_in_range((uintmax_t) seen[i], 9500, 10500);
	assert_true(rand_below(&g, 1) == 0);
	/* 2^64 mod this bound is nearly the bound: half of all numbers must be drawn again */
	uint64_t bound = ((uint64_t) 1 << 63) + 1;
	for (int i = 0; i < 100; i++)
		assert_true(rand_below(&g, bound) < bound);
	int heads = 0;
	for (int i = 0; i < 10000; i++) {
		heads += rand_chance(&g, 4);
		double u = rand_unit(&g);
		assert_true(u >= 0 && u < 1);
	}
	assert_in_range((uintmax_t) heads, 2300, 2700);
	assert_true(rand_os() != rand_os());
}

static void sha256_as_the_standard_says(void **state UNUSED)
{
	char hex[HASH_HEX_BYTES], part_hex[HASH_HEX_BYTES];
	hash_sha256_hex(SLICE("abc"), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_sha256_hex(SLICE_NULL, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_sha256_hex(SLICE("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hex);
	assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_true(hash_u64(SLICE("abc")) == 0xba7816bf8f01cfeau);

	CLEANUP(hash_closep) struct hash *h = hash_open();
	hash_add(h, SLICE("a"));
	hash_hex(h, part_hex);
	hash_add(h, SLICE(""));
	hash_add(h, SLICE("bc"));
	hash_hex(h, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_sha256_hex(SLICE("a"), hex);
	assert_string_equal(hex, part_hex);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(numbers_are_those_of_the_paper),
	cmocka_unit_test(forks_are_streams_of_their_own),
	cmocka_unit_test(below_is_fair_and_below),
	cmocka_unit_test(sha256_as_the_standard_says),
};
TEST_SUITE(base_chance, tests);
