/* Base64 (RFC 4648): the standard alphabet with padding, and the URL alphabet without. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"

/* The arena must have room for a third more than `bytes`. */
struct slice base64_encode(struct slice bytes, struct arena *arena);
struct slice base64url_encode(struct slice bytes, struct arena *arena);
/* Strict: the whole text, canonical (padding where it belongs, no bits left over), no white space.  false for anything else. */
MUST_USE bool base64_decode(struct slice text, struct arena *arena, struct slice *out);
MUST_USE bool base64url_decode(struct slice text, struct arena *arena, struct slice *out);
/* Of either alphabet, padded or not (as protocol buffers' JSON is read); else as strict.  Takes no more of the arena than `text` is long. */
MUST_USE bool base64_decode_lenient(struct slice text, struct arena *arena, struct slice *out);

#endif
