#include "spotify/token.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "io/file.h"
#include "spotify/answer.h"
#include "spotify/token_file.h"

#define MARGIN_MS 60000
#define LIFE_S_MIN 90 /* of an access token: however short, it serves half a minute; the API's 401 asks for another */
#define ANSWER_BYTES_MAX ((size_t) 64 << 10)
#define LOGIN_AGAIN "run `sargam login` again"

struct token_keeper {
	struct token_options o;
	char *accounts_url, *client_id, *client_secret, *refresh_token, *path;
	struct token_file file; /* as last read or written */
	bool checked;           /* what `file` and the options hold can be worked with */
	bool unsaved;           /* `file` holds a login that is not on disk yet */
	char *app_token;        /* of client credentials: kept in memory only */
	int64_t app_expires_ms, requests;
	bool refused;           /* the API did not take the access token at hand */
};

struct token_keeper *token_open(const struct token_options *o)
{
	struct token_keeper *t = mem_alloc(sizeof *t);
	*t = (struct token_keeper){
		.o = *o,
		.accounts_url = mem_strdup(o->accounts_url),
		.client_id = mem_strdup(o->client_id),
		.client_secret = mem_strdup(o->client_secret),
		.refresh_token = mem_strdup(o->refresh_token),
		.path = mem_strdup(o->file),
		.app_token = mem_strdup(""),
	};
	return t;
}

static void forget(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	mem_free(*secret);
	*secret = NULL;
}

void token_close(struct token_keeper *t)
{
	if (!t)
		return;
	token_file_done(&t->file);
	forget(&t->client_secret);
	forget(&t->refresh_token);
	forget(&t->app_token);
	mem_free(t->accounts_url);
	mem_free(t->client_id);
	mem_free(t->path);
	mem_free(t);
}

int64_t token_requests(const struct token_keeper *t)
{
	return t->requests;
}

/* --- what there is ------------------------------------------------------------------------------------------ */

static enum rc load(struct token_keeper *t, struct err *err)
{
	t->checked = false;
	return token_file_read(t->path, &t->file, err);
}

static bool from_environment(const struct token_keeper *t)
{
	return t->refresh_token[0] != '\0';
}

/* The environment's token is the first of its line; the file may hold a later one of the same line. */
static const char *refresh_token(const struct token_keeper *t)
{
	char seed[HASH_HEX_BYTES];
	if (!from_environment(t))
		return t->file.seed[0] ? "" : t->file.refresh_token;
	hash_sha256_hex(slice_of(t->refresh_token), seed);
	return strcmp(t->file.seed, seed) == 0 && t->file.refresh_token[0] ? t->file.refresh_token : t->refresh_token;
}

static const char *client_id(const struct token_keeper *t)
{
	return t->client_id[0] ? t->client_id : t->file.client_id;
}

/* Goes into a header as it is. */
static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char) s.ptr[i] <= ' ' || (unsigned char) s.ptr[i] >= 0x7f)
			return false;
	return s.len > 0;
}

/* What stands in forms and headers, and in the file as JSON. */
static enum rc check_text(const char *name, const char *value, bool may_colon, struct err *err)
{
	bool ok = !*value || (is_token(slice_of(value)) && (may_colon || !strchr(value, ':')));
	return ok ? RC_OK : err_set(err, RC_FATAL, "%s holds what no such text has (a space, a control character or a letter beyond ASCII): "
	                            "copy it again", name);
}

enum rc token_check_given(const struct token_keeper *t, struct err *err)
{
	TRY(check_text("setting spotify_client_id", t->client_id, false, err));
	TRY(check_text("SARGAM_SPOTIFY_CLIENT_SECRET", t->client_secret, true, err));
	return check_text("SARGAM_SPOTIFY_REFRESH_TOKEN", t->refresh_token, true, err);
}

static enum rc check_same_app(const struct token_keeper *t, struct err *err)
{
	bool other = !from_environment(t) && refresh_token(t)[0] && t->client_id[0] && strcmp(t->client_id, t->file.client_id) != 0;
	if (!other)
		return RC_OK;
	return err_set(err, RC_FATAL, "%s: the login belongs to the app %s, the setting spotify_client_id names %s: " LOGIN_AGAIN
	               ", or remove the file", t->path, t->file.client_id, t->client_id);
}

enum rc token_facts(struct token_keeper *t, struct token_facts *out, struct err *err)
{
	TRY(token_check_given(t, err));
	TRY(load(t, err));
	TRY(check_same_app(t, err));
	bool user = refresh_token(t)[0] != '\0';
	*out = (struct token_facts){
		.kind = user ? TOKEN_USER : t->client_id[0] && t->client_secret[0] ? TOKEN_APP : TOKEN_NONE,
		.client_id = client_id(t),
		.scope = user ? t->file.scope : "",
		.authorized_ms = user && !from_environment(t) ? t->file.authorized_ms : 0,
	};
	return RC_OK;
}

static enum rc no_credentials(struct err *err)
{
	return err_set(err, RC_FATAL, "Spotify: no credentials: make an app at developer.spotify.com/dashboard, then either set "
	               "spotify_client_id and run `sargam login` (reads what you may read), or set SARGAM_SPOTIFY_CLIENT_ID and "
	               "SARGAM_SPOTIFY_CLIENT_SECRET in the environment (no user: public playlists, older apps only). "
	               "Without any: `sargam import archive PATH`");
}

enum rc token_check(struct token_keeper *t, struct err *err)
{
	struct token_facts facts;
	TRY(token_facts(t, &facts, err));
	if (facts.kind == TOKEN_USER && !facts.client_id[0])
		return err_set(err, RC_FATAL, "Spotify: a refresh token without its app: set spotify_client_id");
	return facts.kind == TOKEN_NONE ? no_credentials(err) : RC_OK;
}

/* --- asking ------------------------------------------------------------------------------------------------- */

struct grant {
	struct buf form;
	bool basic; /* id and secret in the Authorization header, else the id in the form */
};

/* The form holds refresh tokens, codes and verifiers. */
static void grant_done(struct grant *g)
{
	if (g->form.ptr)
		explicit_bzero(g->form.ptr, g->form.len);
	buf_done(&g->form);
}

static void form_add(struct grant *g, struct arena *arena, const char *name, struct slice value)
{
	struct slice escaped = http_escape(value, arena);
	buf_addf(&g->form, "%s%s=", g->form.len ? "&" : "", name);
	buf_add(&g->form, escaped);
}

/* RC_FATAL for what no later try can mend. */
static enum rc refused(const struct token_keeper *t, const struct http_response *r, struct err *err)
{
	struct answer a;
	CLEANUP(json_freep) struct json *root = NULL;
	answer_judge(r, &a);
	(void) !json_parse(r->body, &root, NULL);
	struct slice error = json_get_string(root, "error");
	if (slice_is(error, "invalid_grant") && from_environment(t))
		return err_set(err, RC_FATAL, "Spotify no longer takes the refresh token of SARGAM_SPOTIFY_REFRESH_TOKEN (%s): it dies six "
		               "months after the authorization, when the user removes the app, or when another client has used it. "
		               "`sargam login` without that variable brings a new one (the refresh_token of spotify-token.json; move it, do not "
		               "copy it: each use may end the other)", a.said);
	if (slice_is(error, "invalid_grant"))
		return err_set(err, RC_FATAL, "Spotify no longer takes the login of %s (%s): it ends six months after the authorization, when "
		               "the user removes the app, or when the code was used before: " LOGIN_AGAIN, t->path, a.said);
	if (slice_is(error, "invalid_client"))
		return err_set(err, RC_FATAL, "Spotify does not know the app %s with that secret (%s): compare spotify_client_id and "
		               "SARGAM_SPOTIFY_CLIENT_SECRET with developer.spotify.com/dashboard", client_id(t), a.said);
	if (a.kind == ANSWER_BUSY || a.kind == ANSWER_QUOTA) {
		(void) err_set(err, RC_RETRY, "%s/api/token: %s", t->accounts_url, a.said);
		if (err)
			err->retry_after_ms = a.wait_ms > 0 ? a.wait_ms : 0;
		return RC_RETRY;
	}
	bool told = error.len && (a.kind == ANSWER_REFUSED || a.kind == ANSWER_UNAUTHORIZED || a.kind == ANSWER_FORBIDDEN);
	if (!told) /* not the accounts service's own words */
		return err_set(err, RC_RETRY, "%s/api/token: %s", t->accounts_url, a.said);
	return err_set(err, RC_FATAL, "%s/api/token: %s: check the app at developer.spotify.com/dashboard", t->accounts_url, a.said);
}

static enum rc ask(struct token_keeper *t, struct grant *g, struct arena *arena, struct json **out, struct err *err)
{
	struct http_header header[2] = { { SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded") } };
	size_t headers = 1;
	if (g->basic) {
		struct slice pair = arena_printf(arena, "%s:%s", client_id(t), t->client_secret);
		struct slice coded = base64_encode(pair, arena);
		header[headers++] = (struct http_header){ SLICE("Authorization"), arena_printf(arena, "Basic %.*s", SLICE_FMT(coded)) };
	} else {
		form_add(g, arena, "client_id", slice_of(client_id(t)));
	}
	if (g->form.over)
		return err_set(err, RC_FATAL, "the request for a token is over %zu bytes: are the credentials right?", ANSWER_BYTES_MAX);
	struct slice url = arena_printf(arena, "%s/api/token", t->accounts_url);
	const struct http_request rq = { .method = "POST", .url = url.ptr, .header = header, .header_count = headers, .body = buf_slice(&g->form) };
	struct http_response r;
	t->requests++;
	enum rc rc = http_send(t->o.http, &rq, arena, &r, err);
	if (rc != RC_OK)
		return rc == RC_REJECT ? RC_RETRY : rc; /* an answer too large for one is not the service's */
	if (r.status != 200)
		return refused(t, &r, err);
	CLEANUP(json_freep) struct json *root = NULL;
	if (json_parse(r.body, &root, NULL) != RC_OK || !is_token(json_get_string(root, "access_token")))
		return err_set(err, RC_RETRY, "%s: the answer holds no access token", url.ptr);
	*out = TAKE(root);
	return RC_OK;
}

static int64_t expires_ms(const struct token_keeper *t, const struct json *answer)
{
	int64_t seconds = json_get_integer(answer, "expires_in", 3600);
	if (seconds <= 0 || seconds > 86400)
		seconds = 3600;
	return clock_now_ms(t->o.clock) + (seconds < LIFE_S_MIN ? LIFE_S_MIN : seconds) * 1000;
}

static void set(char **field, struct slice value)
{
	forget(field);
	*field = mem_alloc(value.len + 1);
	memcpy(*field, value.ptr ? value.ptr : "", value.len);
}

static enum rc save(struct token_keeper *t, struct err *err)
{
	t->unsaved = true;
	TRY(token_file_write(t->path, &t->file, err));
	t->unsaved = false;
	return RC_OK;
}

/* What a user's grant brought, on disk before it is used. */
static enum rc keep(struct token_keeper *t, const struct json *answer, bool first, struct err *err)
{
	struct slice refresh = json_get_string(answer, "refresh_token"), scope = json_get_string(answer, "scope");
	CLEANUP(mem_freep) char *old = mem_strdup(first ? "" : refresh_token(t));
	CLEANUP(mem_freep) char *id = mem_strdup(client_id(t));
	set(&t->file.access_token, json_get_string(answer, "access_token"));
	set(&t->file.refresh_token, is_token(refresh) ? refresh : slice_of(old));
	set(&t->file.client_id, slice_of(id));
	if (scope.ptr || first)
		set(&t->file.scope, scope);
	t->file.expires_ms = expires_ms(t, answer);
	t->file.seed[0] = '\0';
	if (!first && from_environment(t))
		hash_sha256_hex(slice_of(t->refresh_token), t->file.seed);
	if (first)
		t->file.authorized_ms = clock_now_ms(t->o.clock);
	explicit_bzero(old, strlen(old));
	if (first && !t->file.refresh_token[0])
		return err_set(err, RC_FATAL, "%s/api/token: the answer holds no refresh token: " LOGIN_AGAIN, t->accounts_url);
	return save(t, err);
}

static bool good(const struct token_keeper *t, const char *token, int64_t until_ms)
{
	return is_token(slice_of(token)) && clock_now_ms(t->o.clock) + MARGIN_MS < until_ms;
}

/* Is the access token of the file one of the refresh token that counts? */
static bool file_is_ours(const struct token_keeper *t)
{
	return refresh_token(t) == t->file.refresh_token && t->file.refresh_token[0];
}

static enum rc refresh_locked(struct token_keeper *t, struct err *err)
{
	CLEANUP(mem_freep) char *seen = mem_strdup(t->file.access_token);
	TRY(load(t, err)); /* another process may have been first */
	TRY(check_same_app(t, err));
	if (!refresh_token(t)[0])
		return err_set(err, RC_FATAL, "%s: the login is gone: " LOGIN_AGAIN, t->path);
	t->checked = true;
	bool fresh = !t->refused || strcmp(seen, t->file.access_token) != 0;
	if (file_is_ours(t) && fresh && good(t, t->file.access_token, t->file.expires_ms)) {
		t->refused = false;
		return RC_OK;
	}
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	CLEANUP(json_freep) struct json *answer = NULL;
	TRY(token_file_write(t->path, &t->file, err)); /* is there room? the answer may bring a token that must not be lost */
	CLEANUP(grant_done) struct grant g = { .form = buf_new(ANSWER_BYTES_MAX), .basic = t->client_secret[0] && from_environment(t) };
	form_add(&g, &arena, "grant_type", SLICE("refresh_token"));
	form_add(&g, &arena, "refresh_token", slice_of(refresh_token(t)));
	TRY(ask(t, &g, &arena, &answer, err));
	t->refused = false;
	return keep(t, answer, false, err);
}

/* Processes that share the file take turns.  A home that is not there yet is made: a new login must find its place. */
static enum rc lock_file(const struct token_keeper *t, int *out_guard, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	const char *slash = strrchr(t->path, '/');
	if (slash && slash > t->path)
		TRY(file_mkdirs(arena_printf(&arena, "%.*s", (int) (slash - t->path), t->path).ptr, err));
	return file_guard(arena_printf(&arena, "%s.lock", t->path).ptr, false, out_guard, err);
}

static enum rc user_token(struct token_keeper *t, struct err *err)
{
	CLEANUP(file_unguardp) int guard = -1;
	if (!t->unsaved && file_is_ours(t) && !t->refused && good(t, t->file.access_token, t->file.expires_ms))
		return RC_OK;
	TRY(lock_file(t, &guard, err));
	return t->unsaved ? save(t, err) : refresh_locked(t, err);
}

static enum rc app_token(struct token_keeper *t, struct err *err)
{
	if (!t->refused && good(t, t->app_token, t->app_expires_ms))
		return RC_OK;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	CLEANUP(json_freep) struct json *answer = NULL;
	CLEANUP(grant_done) struct grant g = { .form = buf_new(ANSWER_BYTES_MAX), .basic = true };
	form_add(&g, &arena, "grant_type", SLICE("client_credentials"));
	TRY(ask(t, &g, &arena, &answer, err));
	set(&t->app_token, json_get_string(answer, "access_token"));
	t->app_expires_ms = expires_ms(t, answer);
	t->refused = false;
	return RC_OK;
}

enum rc token_get(struct token_keeper *t, struct arena *arena, struct slice *out, struct err *err)
{
	if (!t->checked)
		TRY(token_check(t, err));
	t->checked = true;
	bool user = refresh_token(t)[0] != '\0';
	TRY(user ? user_token(t, err) : app_token(t, err));
	*out = arena_copy(arena, slice_of(user ? t->file.access_token : t->app_token));
	return RC_OK;
}

void token_drop(struct token_keeper *t)
{
	t->refused = true;
}

enum rc token_exchange(struct token_keeper *t, struct slice code, struct slice verifier, struct slice redirect_uri, struct err *err)
{
	TRY(token_check_given(t, err));
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	CLEANUP(json_freep) struct json *answer = NULL;
	CLEANUP(file_unguardp) int guard = -1;
	CLEANUP(grant_done) struct grant g = { .form = buf_new(ANSWER_BYTES_MAX) };
	form_add(&g, &arena, "grant_type", SLICE("authorization_code"));
	form_add(&g, &arena, "code", code);
	form_add(&g, &arena, "redirect_uri", redirect_uri);
	form_add(&g, &arena, "code_verifier", verifier);
	TRY(ask(t, &g, &arena, &answer, err));
	TRY(lock_file(t, &guard, err));
	return keep(t, answer, true, err);
}
