#include "cmd/spotify_client.h"

#include "base/mem.h"
#include "gen/version.h"
#include "io/process.h"

#define CONNECT_MS_MAX 10000
#define PATH_BYTES 4200

struct spotify_client {
	struct http *http;
	struct token_keeper *token;
	struct spotify_api *api;
};

bool spotify_is_simulated(const struct config *c)
{
	return http_is_loopback(slice_of(c->spotify_api_url));
}

/* Scheme, host and path: of http://127.0.0.1:80@example.org/ the host is example.org. */
static bool is_plain(const char *url)
{
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("@?#\\", *c))
			return false;
	return true;
}

static enum rc check_url(const char *key, const char *url, struct err *err)
{
	size_t len = strlen(url);
	if (!is_plain(url))
		return err_set(err, RC_FATAL, "setting %s: want scheme, host and path alone: no user, query, fragment or space", key);
	if (http_is_safe_url(slice_of(url)))
		return len && url[len - 1] == '/' ? err_set(err, RC_FATAL, "setting %s = '%s': without the '/' at its end", key, url) : RC_OK;
	return err_set(err, RC_FATAL, "setting %s = '%s': want https://… (or http://127.0.0.1:PORT for a simulator): tokens are sent there", key,
	               url);
}

/* Two capital letters, as ISO 3166-1 has them. */
static enum rc check_market(const char *market, struct err *err)
{
	bool ok = strlen(market) == 2 && market[0] >= 'A' && market[0] <= 'Z' && market[1] >= 'A' && market[1] <= 'Z';
	return ok || !*market ? RC_OK
	                      : err_set(err, RC_FATAL, "setting spotify_market = '%s': want two capital letters, such as IN", market);
}

static enum rc check_settings(const struct config *c, struct err *err)
{
	if (strcmp(c->spotify_bodies, "full") != 0 && strcmp(c->spotify_bodies, "fields") != 0)
		return err_set(err, RC_FATAL, "setting spotify_bodies = '%s': want full or fields", c->spotify_bodies);
	TRY(check_url("spotify_api_url", c->spotify_api_url, err));
	TRY(check_url("spotify_accounts_url", c->spotify_accounts_url, err));
	return check_market(c->spotify_market, err);
}

static const char *secret(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

enum rc spotify_client_open(struct app *app, struct spotify_client **out, struct err *err)
{
	const struct config *c = app_config(app);
	char file[PATH_BYTES];
	*out = NULL;
	process_no_core();
	TRY(check_settings(c, err));
	const struct http_options http = {
		.connect_timeout_ms = c->spotify_timeout_s * 1000 < CONNECT_MS_MAX ? c->spotify_timeout_s * 1000 : CONNECT_MS_MAX,
		.timeout_ms = c->spotify_timeout_s * 1000,
		.body_limit_bytes = (size_t) c->page_limit_bytes,
		.user_agent = "sargam/" SARGAM_VERSION,
		.stop = app_stop(app),
	};
	CLEANUP(spotify_client_closep) struct spotify_client *client = mem_alloc(sizeof *client);
	TRY(http_open(&http, &client->http, err));
	/* What the environment's token has become is kept apart: it must not take the place of a login. */
	(void) snprintf(file, sizeof file, "%s/spotify-token%s.json", app_home(app), *secret("SARGAM_SPOTIFY_REFRESH_TOKEN") ? "-env" : "");
	const struct token_options token = {
		.http = client->http,
		.clock = app_clock(app),
		.accounts_url = c->spotify_accounts_url,
		.client_id = c->spotify_client_id,
		.client_secret = secret("SARGAM_SPOTIFY_CLIENT_SECRET"),
		.refresh_token = secret("SARGAM_SPOTIFY_REFRESH_TOKEN"),
		.file = file,
	};
	client->token = token_open(&token);
	const struct spotify_api_options api = {
		.http = client->http,
		.token = client->token,
		.clock = app_clock(app),
		.rand = rand_new(rand_os()),
		.api_url = c->spotify_api_url,
		.gap_ms = c->spotify_gap_ms,
		.attempts_max = c->spotify_attempts_max,
		.budget_ms = c->spotify_budget_s * 1000,
		.playlist_budget_ms = c->spotify_playlist_budget_s * 1000,
		.stop = app_stop(app),
	};
	client->api = spotify_api_open(&api);
	*out = TAKE(client);
	return RC_OK;
}

void spotify_client_close(struct spotify_client *c)
{
	if (!c)
		return;
	spotify_api_close(c->api);
	token_close(c->token);
	http_close(c->http);
	mem_free(c);
}

struct spotify_api *spotify_client_api(struct spotify_client *c)
{
	return c->api;
}

struct token_keeper *spotify_client_token(struct spotify_client *c)
{
	return c->token;
}
