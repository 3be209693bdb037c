#include "spotify/token_file.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/file.h"

#define FILE_BYTES_MAX ((size_t) 64 << 10)
#define TIME_MS_MAX ((int64_t) 4102444800 * 1000) /* 2100-01-01 */

static void forget(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	mem_free(*s);
	*s = NULL;
}

void token_file_done(struct token_file *file)
{
	forget(&file->client_id);
	forget(&file->access_token);
	forget(&file->refresh_token);
	forget(&file->scope);
}

static char *copy(struct slice s)
{
	char *text = mem_alloc(s.len + 1);
	memcpy(text, s.ptr ? s.ptr : "", s.len);
	return text;
}

/* A moment that can be printed and counted from; 0 when it is none. */
static int64_t moment_ms(const struct json *root, const char *key)
{
	int64_t ms = json_get_integer(root, key, 0);
	return ms > 0 && ms < TIME_MS_MAX ? ms : 0;
}

static void from_json(const struct json *root, struct token_file *out)
{
	struct slice seed = json_get_string(root, "seed_sha256");
	token_file_done(out);
	*out = (struct token_file){
		.client_id = copy(json_get_string(root, "client_id")),
		.access_token = copy(json_get_string(root, "access_token")),
		.refresh_token = copy(json_get_string(root, "refresh_token")),
		.scope = copy(json_get_string(root, "scope")),
		.expires_ms = moment_ms(root, "expires_ms"),
		.authorized_ms = moment_ms(root, "authorized_ms"),
	};
	if (seed.len == HASH_HEX_BYTES - 1)
		memcpy(out->seed, seed.ptr, seed.len);
}

enum rc token_file_read(const char *path, struct token_file *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(4 * FILE_BYTES_MAX);
	CLEANUP(json_freep) struct json *root = NULL;
	struct file_info info;
	struct slice text = SLICE("{}");
	TRY(file_stat(path, &info, err));
	if (info.exists) {
		enum rc rc = file_read(path, FILE_BYTES_MAX, &arena, &text, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc == RC_RETRY ? rc : RC_FATAL;
	}
	if (json_parse(text, &root, NULL) != RC_OK || json_type(root) != JSON_OBJECT)
		return err_set(err, RC_FATAL, "%s: is no login any more: remove it and run `sargam login`", path);
	from_json(root, out);
	if (!info.exists || info.is_private)
		return RC_OK;
	log_warn("spotify", "%s could be read by others: it is made private now; if somebody may have, remove the app at "
	         "spotify.com/account/apps and run `sargam login` again", path);
	return file_make_private(path, err); /* written anew only under the lock: a token that another process just spent must not come back */
}

enum rc token_file_write(const char *path, const struct token_file *file, struct err *err)
{
	CLEANUP(json_freep) struct json *root = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(FILE_BYTES_MAX);
	json_set(root, "client_id", json_new_string(slice_of(file->client_id)));
	json_set(root, "access_token", json_new_string(slice_of(file->access_token)));
	json_set(root, "expires_ms", json_new_integer(file->expires_ms));
	json_set(root, "refresh_token", json_new_string(slice_of(file->refresh_token)));
	json_set(root, "scope", json_new_string(slice_of(file->scope)));
	json_set(root, "authorized_ms", json_new_integer(file->authorized_ms));
	json_set(root, "seed_sha256", file->seed[0] ? json_new_string(slice_of(file->seed)) : json_new_null());
	json_write(root, JSON_INDENTED, &text);
	if (text.over)
		return err_set(err, RC_FATAL, "%s: the login is over %zu bytes", path, FILE_BYTES_MAX);
	enum rc rc = file_replace_secret(path, buf_slice(&text), err);
	explicit_bzero(text.ptr, text.len);
	return rc;
}
