#include "base/jwt.h"

#include "base/base64.h"
#include "base/buf.h"

static struct slice part(struct json *owned, struct arena *arena)
{
	CLEANUP(json_freep) struct json *root = owned;
	CLEANUP(buf_done) struct buf text = buf_new(JWT_CLAIMS_BYTES_MAX);
	json_write(root, JSON_COMPACT, &text);
	return text.over ? SLICE_NULL : base64url_encode(buf_slice(&text), arena);
}

struct slice jwt_make(const struct rsa_secret *key, const char *kid, struct json *claims, struct arena *arena)
{
	struct json *head = json_new_object();
	json_set(head, "alg", json_new_string(SLICE("RS256")));
	if (kid)
		json_set(head, "kid", json_new_string(slice_of(kid)));
	json_set(head, "typ", json_new_string(SLICE("JWT")));
	struct slice first = part(head, arena), second = part(claims, arena);
	if (!first.ptr || !second.ptr)
		return SLICE_NULL;
	struct slice text = ARENA_JOIN(arena, first, SLICE("."), second);
	struct slice signature = base64url_encode(rsa_secret_sign(key, text, arena), arena);
	return ARENA_JOIN(arena, text, SLICE("."), signature);
}
