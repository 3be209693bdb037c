/* login: a person's leave to read their playlists. */
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/spotify_client.h"
#include "io/file.h"
#include "io/server.h"
#include "spotify/account.h"
#include "spotify/login.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#define WAIT_MS ((int64_t) 10 * 60 * 1000)
#define STEP_MS 100
#define LINE_BYTES 8192
#define HEAD_BYTES 16384

/* What the browser or the keyboard brought: the first answer to this login counts. */
struct arrival {
	const struct login *login;
	pthread_mutex_t lock;
	char code[HEAD_BYTES]; /* "" until it is here */
	bool declined;
	struct err why;
};

static void settle(struct arrival *a, enum rc rc, struct slice code, const struct err *why)
{
	pthread_mutex_lock(&a->lock);
	bool first = !a->code[0] && !a->declined;
	if (first && rc == RC_OK)
		(void) snprintf(a->code, sizeof a->code, "%.*s", SLICE_FMT(code));
	if (first && rc == RC_FATAL) {
		a->declined = true;
		a->why = *why;
	}
	pthread_mutex_unlock(&a->lock);
}

/* Anybody on this machine may send anything, any number of times: nothing is kept but the answer. */
static enum rc arrive(struct arrival *a, struct slice url, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(8 * HEAD_BYTES);
	struct slice code = SLICE_NULL;
	enum rc rc = login_read_redirect(a->login, url, &arena, &code, err);
	settle(a, rc, code, err);
	return rc;
}

static bool is_over(struct arrival *a)
{
	pthread_mutex_lock(&a->lock);
	bool over = a->code[0] || a->declined;
	pthread_mutex_unlock(&a->lock);
	return over;
}

/* --- the browser -------------------------------------------------------------------------------------------- */

static void on_request(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct err err = { 0 };
	server_reply_header(reply, "Content-Type", "text/plain; charset=utf-8");
	if (strcmp(rq->method, "GET") != 0 || strcmp(rq->path, LOGIN_CALLBACK) != 0) {
		reply->status = 404;
		reply->body = SLICE("sargam login waits for Spotify's answer at " LOGIN_CALLBACK "\n");
		return;
	}
	enum rc rc = arrive(ctx, slice_of(rq->target), &err);
	reply->status = rc == RC_OK ? 200 : 400;
	reply->body = rc == RC_OK ? SLICE("Done: sargam has Spotify's answer. You may close this page and go back to the terminal.\n")
	                          : arena_printf(rq->arena, "%s\n", err.msg);
}

/* Without it a login still works: the address can be pasted. */
static struct server *listen_for(struct arrival *a, int port)
{
	const struct server_options options = {
		.what = "login",
		.port = port,
		.connections_max = 8,
		.body_limit_bytes = 1024,
		.head_limit_bytes = HEAD_BYTES,
		.idle_timeout_s = 30,
		.handle = on_request,
		.ctx = a,
	};
	struct server *server;
	struct err err = { 0 };
	if (server_open(&options, &server, &err) == RC_OK)
		return server;
	log_warn("login", "%s; paste the address that the browser is sent to", err.msg);
	return NULL;
}

/* --- the keyboard ------------------------------------------------------------------------------------------- */

struct keyboard {
	char line[LINE_BYTES];
	size_t len;
	bool closed;
};

static void take_line(struct keyboard *k, struct arrival *a)
{
	struct err err = { 0 };
	struct slice line = slice_trim((struct slice){ k->line, k->len });
	if (line.len && arrive(a, line, &err) == RC_REJECT)
		log_warn("login", "%s", err.msg);
	k->len = 0;
}

static void read_keyboard(struct keyboard *k, struct arrival *a)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte[512];
	if (k->closed) {
		(void) poll(NULL, 0, STEP_MS);
		return;
	}
	if (poll(&fd, 1, STEP_MS) <= 0)
		return;
	ssize_t n = read(STDIN_FILENO, byte, sizeof byte);
	if (n <= 0) {
		k->closed = true;
		take_line(k, a);
	}
	for (ssize_t i = 0; i < n; i++) {
		if (byte[i] == '\n')
			take_line(k, a);
		else if (k->len < sizeof k->line)
			k->line[k->len++] = byte[i];
	}
}

static enum rc wait_for(struct app *app, struct arrival *a, bool listening, struct err *err)
{
	struct keyboard keyboard = { 0 };
	const atomic_bool *stop = app_stop(app);
	int64_t until_ns = clock_mono_ns(app_clock(app)) + WAIT_MS * 1000000;
	while (!is_over(a)) {
		if (*stop)
			return err_set(err, RC_RETRY, "login: stopped");
		if (clock_mono_ns(app_clock(app)) > until_ns)
			return err_set(err, RC_REJECT, "login: no answer within ten minutes: run `sargam login` again");
		if (!listening && keyboard.closed)
			return err_set(err, RC_REJECT, "login: nothing was pasted: run `sargam login` again");
		read_keyboard(&keyboard, a);
	}
	if (a->declined && err)
		*err = a->why;
	return a->declined ? RC_REJECT : RC_OK;
}

/* --- the command -------------------------------------------------------------------------------------------- */

static enum rc greet(struct app *app, struct spotify_client *client, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	struct spotify_user me;
	TRY_WRAP(spotify_me(spotify_client_api(client), &arena, &me, err), err, "the login is kept, but");
	(void) printf("logged in as %.*s (%.*s); the login is kept in %s/spotify-token.json\nNext: sargam playlists\n",
	              SLICE_FMT(me.name.len ? me.name : me.id), SLICE_FMT(me.id), app_home(app));
	return RC_OK;
}

static enum rc log_in(struct app *app, struct spotify_client *client, struct err *err)
{
	const struct config *c = app_config(app);
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	struct login login;
	struct arrival arrival = { .login = &login, .lock = PTHREAD_MUTEX_INITIALIZER };
	login_begin(&login, (int) c->spotify_redirect_port);
	struct slice url = login_url(&login, c->spotify_accounts_url, c->spotify_client_id, &arena);
	struct server *server = listen_for(&arrival, (int) c->spotify_redirect_port);
	log_note("The app's settings at developer.spotify.com/dashboard must name this redirect URI: %s", login.redirect_uri);
	log_note("Open this address in a browser and agree. On another machine than this one: the browser will then show an address "
	         "that begins with %s and cannot be reached; paste it here.", login.redirect_uri);
	(void) printf("%.*s\n", SLICE_FMT(url));
	(void) fflush(stdout);
	enum rc rc = wait_for(app, &arrival, server != NULL, err);
	server_close(server); /* after its answers are out */
	if (rc == RC_OK)
		rc = token_exchange(spotify_client_token(client), slice_of(arrival.code), slice_of(login.verifier), slice_of(login.redirect_uri), err);
	explicit_bzero(&login, sizeof login);
	explicit_bzero(arrival.code, sizeof arrival.code);
	TRY(rc);
	return greet(app, client, err);
}

static int run(struct app *app, const struct args *args UNUSED, struct err *err)
{
	CLEANUP(spotify_client_closep) struct spotify_client *client = NULL;
	if (spotify_client_open(app, &client, err) != RC_OK || token_check_given(spotify_client_token(client), err) != RC_OK)
		return EXIT_USAGE;
	if (!app_config(app)->spotify_client_id[0]) {
		(void) err_set(err, RC_FATAL, "login: set spotify_client_id (SARGAM_SPOTIFY_CLIENT_ID) to the client id of your app; "
		               "developer.spotify.com/dashboard makes one");
		return EXIT_USAGE;
	}
	const char *given = getenv("SARGAM_SPOTIFY_REFRESH_TOKEN");
	if (given && *given) {
		(void) err_set(err, RC_FATAL, "login: SARGAM_SPOTIFY_REFRESH_TOKEN is set and would be used instead of this login: unset it first");
		return EXIT_USAGE;
	}
	enum rc rc = file_mkdirs(app_home(app), err);
	if (rc == RC_OK)
		rc = log_in(app, client, err);
	return exit_of(rc);
}

extern const struct command cmd_login;
const struct command cmd_login = {
	.name = "login",
	.summary = "let sargam read your playlists (Spotify, in a browser)",
	.words = "",
	.details = "Prints an address to open in a browser and waits for Spotify's answer on 127.0.0.1 (setting spotify_redirect_port).\n"
	           "Over SSH, open it on your own machine and paste the address that the browser ends at. The login is kept in the home\n"
	           "(spotify-token.json, readable by you alone), is renewed by itself and ends after six months. It asks for the scopes\n"
	           LOGIN_SCOPES ".",
	.run = run,
};
