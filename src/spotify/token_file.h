/* The file that holds a login: mode 0600, one JSON object. */
#ifndef SPOTIFY_TOKEN_FILE_H
#define SPOTIFY_TOKEN_FILE_H

#include "base/hash.h"

struct token_file { /* all strings are there; "" for none */
	char *client_id, *access_token, *refresh_token, *scope;
	char seed[HASH_HEX_BYTES]; /* sha256 of the environment's refresh token that this line began with; "" after a login */
	int64_t expires_ms, authorized_ms; /* since 1970 UTC; 0 = unknown */
};
/* Everything is empty when there is no such file.  RC_FATAL when it cannot be read; a file that others may read is made
 * private and a warning logged.  Replaces what `out` held. */
MUST_USE enum rc token_file_read(const char *path, struct token_file *out, struct err *err);
MUST_USE enum rc token_file_write(const char *path, const struct token_file *file, struct err *err);
/* Wipes and frees. */
void token_file_done(struct token_file *file);

#endif
