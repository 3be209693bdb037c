/* RS256 signatures: the example of the standard, and keys that are none. */
#include "base/rsa.h"

#include "base/arena.h"
#include "base/base64.h"
#include "base/hash.h"
#include "test.h"

/* RFC 7515, A.2 */
#define MODULUS                                                                                                                  \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWv" \
	"G6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_" \
	"I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define SIGNED "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
#define SIGNATURE                                                                                                                \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4" \
	"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv" \
	"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"

static struct slice bytes(const char *text, struct arena *arena)
{
	struct slice out;
	if (!base64url_decode(slice_of(text), arena, &out))
		fail_msg("%s", text);
	return out;
}

static void the_example_of_the_standard_is_verified(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(rsa_key_freep) struct rsa_key *key = NULL;
	struct slice signature = bytes(SIGNATURE, &arena);
	assert_int_equal(rsa_key_new(bytes(MODULUS, &arena), bytes("AQAB", &arena), &key, NULL), RC_OK);
	assert_true(rsa_verify(key, SLICE(SIGNED), signature));
	assert_false(rsa_verify(key, SLICE(SIGNED " "), signature));
	assert_false(rsa_verify(key, SLICE(""), signature));
	assert_false(rsa_verify(key, SLICE(SIGNED), SLICE("")));
	assert_false(rsa_verify(key, SLICE(SIGNED), slice_sub(signature, 0, signature.len - 1)));
	assert_false(rsa_verify(key, SLICE(SIGNED), slice_sub(signature, 1, signature.len - 1)));
	for (size_t i = 0; i < signature.len; i++) {
		char *changed = arena_strdup(&arena, signature);
		changed[i] ^= 1;
		assert_false(rsa_verify(key, SLICE(SIGNED), (struct slice){ changed, signature.len }));
	}
	char *longer = arena_alloc(&arena, signature.len + 1); /* the same number, with a zero in front */
	memcpy(longer + 1, signature.ptr, signature.len);
	assert_false(rsa_verify(key, SLICE(SIGNED), (struct slice){ longer, signature.len + 1 }));
}

static void leading_zeros_do_not_count(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	CLEANUP(rsa_key_freep) struct rsa_key *key = NULL;
	struct slice n = bytes(MODULUS, &arena);
	char *zero = arena_alloc(&arena, n.len + 1);
	memcpy(zero + 1, n.ptr, n.len);
	assert_int_equal(rsa_key_new((struct slice){ zero, n.len + 1 }, SLICE("\0\1\0\1"), &key, NULL), RC_OK);
	assert_true(rsa_verify(key, SLICE(SIGNED), bytes(SIGNATURE, &arena)));
}

static void what_is_no_key_is_refused(void **unused UNUSED)
{
	static char n[2000];
	static const struct {
		size_t modulus_bytes;
		char first, last;
		const char *exponent;
		size_t exponent_bytes;
		enum rc rc;
	} cases[] = {
		{ 256, '\x80', 1, "\1\0\1", 3, RC_OK },      { 256, '\x7f', 1, "\1\0\1", 3, RC_REJECT },  { 256, '\x80', 2, "\1\0\1", 3, RC_REJECT },
		{ 1024, '\x80', 1, "\1\0\1", 3, RC_OK },     { 1025, 1, 1, "\1\0\1", 3, RC_REJECT },      { 2000, 1, 1, "\1\0\1", 3, RC_REJECT },
		{ 128, '\x80', 1, "\1\0\1", 3, RC_REJECT },  { 0, 0, 0, "\1\0\1", 3, RC_REJECT },         { 256, '\x80', 1, "\3", 1, RC_OK },
		{ 256, '\x80', 1, "\1", 1, RC_REJECT },      { 256, '\x80', 1, "\2", 1, RC_REJECT },      { 256, '\x80', 1, "", 0, RC_REJECT },
		{ 256, '\x80', 1, "\x80\0\0\0\0\0\0\1", 8, RC_OK }, { 256, '\x80', 1, "\1\0\0\0\0\0\0\0\1", 9, RC_REJECT },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct rsa_key *key = NULL;
		struct err err = { 0 };
		memset(n, 0x55, sizeof n);
		n[0] = cases[i].first;
		if (cases[i].modulus_bytes)
			n[cases[i].modulus_bytes - 1] = cases[i].last;
		enum rc rc = rsa_key_new((struct slice){ n, cases[i].modulus_bytes }, (struct slice){ cases[i].exponent, cases[i].exponent_bytes }, &key, &err);
		if (rc != cases[i].rc || (rc == RC_OK) != (key != NULL))
			fail_msg("case %zu: %s: %s", i, rc_name(rc), err.msg);
		rsa_key_free(key);
	}
	rsa_key_free(NULL);
}

static void hashes_are_compared_whole(void **unused UNUSED)
{
	uint8_t a[HASH_BYTES], b[HASH_BYTES];
	hash_sha256(SLICE("secret"), a);
	hash_sha256(SLICE("secret"), b);
	assert_true(hash_same(a, b));
	for (size_t i = 0; i < HASH_BYTES; i++) {
		b[i] ^= 0x80;
		assert_false(hash_same(a, b));
		b[i] ^= 0x80;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_example_of_the_standard_is_verified),
	cmocka_unit_test(leading_zeros_do_not_count),
	cmocka_unit_test(what_is_no_key_is_refused),
	cmocka_unit_test(hashes_are_compared_whole),
};
TEST_SUITE(base_rsa, tests)
