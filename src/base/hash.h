/* SHA-256 (OpenSSL's) and its hexadecimal spelling. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/slice.h"

#define HASH_HEX_BYTES 65 /* 64 digits and the NUL */
#define HASH_BYTES 32

/* Streaming: hash_open, hash_add…, hash_hex; hash_close takes NULL. */
struct hash;
struct hash *hash_open(void);
void hash_add(struct hash *h, struct slice bytes);
/* Lower-case digits; the hash can go on after it. */
void hash_hex(const struct hash *h, char out_hex[static HASH_HEX_BYTES]);
void hash_close(struct hash *h);
static inline void hash_closep(struct hash **h)
{
	hash_close(*h);
	*h = NULL;
}

/* All at once. */
void hash_sha256(struct slice bytes, uint8_t out[static HASH_BYTES]);
void hash_sha256_hex(struct slice bytes, char out_hex[static HASH_HEX_BYTES]);
/* 64 bits of it, for buckets (playlist_groups). */
uint64_t hash_u64(struct slice bytes);
/* Takes as long whatever is in them: for secrets, which are compared by their hashes, so that not even a length shows. */
bool hash_same(const uint8_t a[static HASH_BYTES], const uint8_t b[static HASH_BYTES]);

#endif
