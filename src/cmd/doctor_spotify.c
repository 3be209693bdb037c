/* The doctor's look at Spotify: credentials, and what they are good for. */
#include "cmd/doctor.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/time.h"
#include "cmd/spotify_client.h"
#include "io/file.h"
#include "raw/source_memory.h"
#include "source/spotify_state.h"
#include "spotify/account.h"

#define BYTES ((size_t) 16 << 20)
#define LOGIN_DAYS 180 /* developer.spotify.com/blog, 2026-06-18: a login ends six months after the authorization */
#define LOGIN_WARN_DAYS 14

/* What the live source remembers of this app: the moment before which nothing may be asked, 0 when there is none. */
static int64_t not_before_ms(struct doctor *d, const char *client_id)
{
	CLEANUP(arena_done) struct arena arena = arena_new(BYTES);
	CLEANUP(json_freep) struct json *root = NULL;
	char name[SPOTIFY_STATE_NAME_BYTES];
	struct slice text;
	spotify_state_name(app_config(d->app)->spotify_api_url, client_id, name);
	struct slice path = arena_printf(&arena, "%s/" PENDING_PREFIX "%s", doctor_store_dir(d), name);
	if (file_read(path.ptr, BYTES / 4, &arena, &text, NULL) != RC_OK || json_parse(text, &root, NULL) != RC_OK)
		return 0;
	return json_get_integer(root, "not_before_ms", 0);
}

static void say_login(struct doctor *d, const struct token_facts *facts)
{
	int64_t now_ms = clock_now_ms(app_clock(d->app)), day_ms = 86400000;
	if (facts->kind == TOKEN_APP) {
		doctor_say(d, DOCTOR_OK, "spotify", "credentials of the app %s, without a user", facts->client_id);
		return;
	}
	if (!facts->authorized_ms) {
		doctor_say(d, DOCTOR_OK, "spotify", "a refresh token from the environment, app %s", facts->client_id);
		return;
	}
	int64_t left = LOGIN_DAYS - (now_ms - facts->authorized_ms) / day_ms;
	doctor_say(d, left > LOGIN_WARN_DAYS ? DOCTOR_OK : DOCTOR_WARN, "spotify", "a login of %s, app %s, scopes: %s%s",
	           time_date(facts->authorized_ms / day_ms).s, facts->client_id, facts->scope[0] ? facts->scope : "none told",
	           left > LOGIN_WARN_DAYS ? "" : "; it ends after six months: `sargam login` again");
}

static void say_population(struct doctor *d, struct spotify_client *client)
{
	struct err err = { 0 };
	enum spotify_population population;
	enum rc rc = spotify_population_find(spotify_client_api(client), &population, &err);
	if (rc != RC_OK)
		doctor_say(d, rc == RC_RETRY ? DOCTOR_WARN : DOCTOR_FAIL, "spotify", "%s", err.msg);
	else
		doctor_say(d, DOCTOR_OK, "spotify", "the app is one of: %s; it %s", spotify_population_name(population),
		           spotify_population_help(population));
}

void doctor_spotify(struct doctor *d)
{
	CLEANUP(spotify_client_closep) struct spotify_client *client = NULL;
	struct err err = { 0 };
	struct token_facts facts = { 0 };
	const struct config *c = app_config(d->app);
	bool wanted = strcmp(c->source, "spotify") == 0;
	if (spotify_client_open(d->app, &client, &err) != RC_OK || token_facts(spotify_client_token(client), &facts, &err) != RC_OK) {
		doctor_say(d, DOCTOR_FAIL, "spotify", "%s", err.msg);
		return;
	}
	if (facts.kind == TOKEN_NONE && !wanted) {
		doctor_say(d, DOCTOR_OK, "spotify", "no credentials; the source does not need any");
		return;
	}
	if (token_check(spotify_client_token(client), &err) != RC_OK) {
		doctor_say(d, DOCTOR_FAIL, "spotify", "%s", err.msg);
		return;
	}
	say_login(d, &facts);
	int64_t until_ms = not_before_ms(d, facts.client_id);
	if (spotify_forbids(until_ms, clock_now_ms(app_clock(d->app))))
		doctor_say(d, DOCTOR_WARN, "spotify", "asked for patience: no request before %s", time_rfc3339((until_ms + 999) / 1000).s);
	else if (!d->offline && (d->has_home || facts.kind == TOKEN_APP)) /* renewing a login writes its file */
		say_population(d, client);
}
