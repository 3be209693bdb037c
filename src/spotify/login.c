#include "spotify/login.h"

#include "base/base64.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/rand.h"
#include "io/http.h"

#define SECRET_BYTES_MAX 64

static void random_text(size_t bytes, char *out, size_t out_size)
{
	uint64_t raw[SECRET_BYTES_MAX / sizeof(uint64_t)];
	CLEANUP(arena_done) struct arena arena = arena_new(4096);
	assert(bytes <= sizeof raw);
	for (size_t i = 0; i < COUNT_OF(raw); i++)
		raw[i] = rand_os();
	struct slice text = base64url_encode((struct slice){ (const char *) raw, bytes }, &arena);
	assert(text.len < out_size);
	(void) snprintf(out, out_size, "%.*s", SLICE_FMT(text));
}

void login_begin(struct login *l, int port)
{
	*l = (struct login){ 0 };
	random_text(32, l->state, sizeof l->state);
	random_text(64, l->verifier, sizeof l->verifier);
	(void) snprintf(l->redirect_uri, sizeof l->redirect_uri, "http://127.0.0.1:%d" LOGIN_CALLBACK, port);
}

struct slice login_url(const struct login *l, const char *accounts_url, const char *client_id, struct arena *arena)
{
	uint8_t digest[HASH_BYTES];
	hash_sha256(slice_of(l->verifier), digest);
	struct slice challenge = base64url_encode((struct slice){ (const char *) digest, sizeof digest }, arena);
	struct slice id = http_escape(slice_of(client_id), arena), scope = http_escape(SLICE(LOGIN_SCOPES), arena);
	struct slice redirect = http_escape(slice_of(l->redirect_uri), arena);
	return arena_printf(arena, "%s/authorize?client_id=%.*s&response_type=code&redirect_uri=%.*s&scope=%.*s"
	                    "&code_challenge_method=S256&code_challenge=%.*s&state=%s", accounts_url, SLICE_FMT(id), SLICE_FMT(redirect),
	                    SLICE_FMT(scope), SLICE_FMT(challenge), l->state);
}

/* The value of a field of the query, decoded. */
static struct slice field(struct slice query, const char *name, struct arena *arena)
{
	size_t len = strlen(name);
	while (query.len) {
		size_t end = slice_find(query, '&', 0);
		struct slice pair = slice_sub(query, 0, end);
		if (pair.len > len && pair.ptr[len] == '=' && memcmp(pair.ptr, name, len) == 0)
			return http_unescape(slice_sub(pair, len + 1, pair.len - len - 1), true, arena);
		end += end < query.len;
		query = slice_sub(query, end, query.len - end);
	}
	return SLICE_NULL;
}

enum rc login_read_redirect(const struct login *l, struct slice url, struct arena *arena, struct slice *out_code, struct err *err)
{
	struct slice s = slice_trim(url);
	size_t question = slice_find(s, '?', 0);
	if (question < s.len)
		s = slice_sub(s, question + 1, s.len - question - 1);
	s = slice_sub(s, 0, slice_find(s, '#', 0));
	struct slice state = field(s, "state", arena), error = field(s, "error", arena), code = field(s, "code", arena);
	if (!slice_is(state, l->state))
		return err_set(err, RC_REJECT, "that is not the answer to this login (its state is another one): open the address above and use "
		               "what the browser is sent to");
	if (slice_is(error, "access_denied"))
		return err_set(err, RC_FATAL, "Spotify: the login was declined in the browser");
	if (error.ptr)
		return err_set(err, RC_FATAL, "Spotify: the login failed (%.*s): check the app's redirect URI, it must be %s",
		               (int) (error.len < 100 ? error.len : 100), error.ptr, l->redirect_uri);
	if (!code.len)
		return err_set(err, RC_REJECT, "that address holds no code");
	*out_code = code;
	return RC_OK;
}
