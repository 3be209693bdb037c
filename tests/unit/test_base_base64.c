/* Base64 as RFC 4648 has it, both alphabets. */
#include "base/base64.h"
#include "base/hash.h"
#include "base/rand.h"
#include "test.h"

#define ARENA_BYTES 1048576

/* The test vectors of the RFC, section 10. */
static const struct {
	const char *plain, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static void vectors_of_the_rfc(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct slice plain;
		assert_string_equal(base64_encode(slice_of(vectors[i].plain), &arena).ptr, vectors[i].text);
		assert_true(base64_decode(slice_of(vectors[i].text), &arena, &plain));
		assert_string_equal(plain.ptr, vectors[i].plain);
		struct slice url = base64url_encode(slice_of(vectors[i].plain), &arena);
		assert_true(url.len == strcspn(vectors[i].text, "="));
		assert_true(base64url_decode(url, &arena, &plain) && slice_is(plain, vectors[i].plain));
	}
}

static void alphabets_differ_in_two_signs(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct slice bytes = SLICE("\xfb\xff\xbf"), back;
	assert_string_equal(base64_encode(bytes, &arena).ptr, "+/+/");
	assert_string_equal(base64url_encode(bytes, &arena).ptr, "-_-_");
	assert_true(base64_decode(SLICE("+/+/"), &arena, &back) && slice_eq(back, bytes));
	assert_true(base64url_decode(SLICE("-_-_"), &arena, &back) && slice_eq(back, bytes));
	assert_false(base64_decode(SLICE("-_-_"), &arena, &back));
	assert_false(base64url_decode(SLICE("+/+/"), &arena, &back));
}

static void what_is_not_canonical_is_refused(void **state UNUSED)
{
	static const char *const bad[] = { "Z",    "Zg",    "Zg=",  "Zg===",  "Z===", "====", "Zm9=v",
		                           "=Zm9", "Zm9v=", "Zm 9", "Zm9v\n", "Zh==", "Zm9=" };
	static const char *const bad_url[] = { "Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm9v\n", "Zm\xc3\xa4" };
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct slice out;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(base64_decode(slice_of(bad[i]), &arena, &out));
	for (size_t i = 0; i < COUNT_OF(bad_url); i++)
		assert_false(base64url_decode(slice_of(bad_url[i]), &arena, &out));
	assert_false(base64url_decode((struct slice){ "Zm\0v", 4 }, &arena, &out));
}

static void any_bytes_come_back(void **state UNUSED)
{
	struct rand_gen g = rand_new(test_seed());
	for (size_t len = 0; len < 300; len++) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		char bytes[300];
		struct slice out;
		for (size_t i = 0; i < len; i++)
			bytes[i] = (char) rand_next(&g);
		struct slice in = { bytes, len };
		assert_true(base64_decode(base64_encode(in, &arena), &arena, &out) && slice_eq(in, out));
		assert_true(base64url_decode(base64url_encode(in, &arena), &arena, &out) && slice_eq(in, out));
	}
}

static void a_lenient_reader_takes_what_means_the_same(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	static const char *const same[] = { "++++/w==", "++++/w", "----_w==", "----_w" };
	static const char *const bad[] = { "e", "eA=", "e===", "eA==eA==", "eA===", "eAAA=", "eAAA====", "=", "==", "+-+-", "eB", "e A=", "eA==\n" };
	struct slice out;
	for (size_t i = 0; i < COUNT_OF(same); i++)
		assert_true(base64_decode_lenient(slice_of(same[i]), &arena, &out) && slice_is(out, "\xfb\xef\xbe\xff"));
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (base64_decode_lenient(slice_of(bad[i]), &arena, &out))
			fail_msg("taken: %s", bad[i]);
	assert_true(base64_decode_lenient(SLICE(""), &arena, &out) && out.len == 0);
}

/* RFC 7636, appendix B. */
static void a_pkce_challenge_is_made(void **state UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	uint8_t digest[HASH_BYTES];
	hash_sha256(SLICE("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), digest);
	assert_string_equal(base64url_encode((struct slice){ (const char *) digest, sizeof digest }, &arena).ptr,
	                    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(vectors_of_the_rfc),
	cmocka_unit_test(alphabets_differ_in_two_signs),
	cmocka_unit_test(what_is_not_canonical_is_refused),
	cmocka_unit_test(any_bytes_come_back),
	cmocka_unit_test(a_lenient_reader_takes_what_means_the_same),
	cmocka_unit_test(a_pkce_challenge_is_made),
};
TEST_SUITE(base_base64, tests);
