/* simulate: a Spotify Web API and accounts service on loopback. */
#include "base/clock.h"
#include "base/log.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "sim/simulator.h"
#include "sim/world.h"

#define STOP_LOOK_MS 50
#define ANY_CLIENT_ID "sargam-simulator"
#define ANY_CLIENT_SECRET "sargam-simulator-secret"

struct numbers {
	int64_t port, seed, playlists, size, days, day, limit, token_ttl;
};

static enum rc read_numbers(const struct args *args, struct numbers *out, struct err *err)
{
	*out = (struct numbers){
		.seed = 1, .playlists = 10, .size = 50, .days = 72, .day = -1, .limit = 100, .token_ttl = 3600
	};
	TRY(args_number(args, "port", 0, 65535, &out->port, err));
	TRY(args_number(args, "seed", 0, 4294967295, &out->seed, err));
	TRY(args_number(args, "playlists", 1, 100000, &out->playlists, err));
	TRY(args_number(args, "size", 0, 100000, &out->size, err));
	TRY(args_number(args, "days", 1, 3650, &out->days, err));
	TRY(args_number(args, "day", -1, 3649, &out->day, err));
	TRY(args_number(args, "token-ttl", 1, 86400, &out->token_ttl, err));
	TRY(args_number(args, "limit", 50, 100, &out->limit, err));
	if (out->limit != 50 && out->limit != 100)
		return err_set(err, RC_FATAL, "--limit '%s': want 50 or 100", args_value(args, "limit"));
	return RC_OK;
}

/* Invented worlds and recorded pages exclude each other, and so do the two kinds of worlds. */
static enum rc check_world(const struct args *args, bool *out_lists, struct err *err)
{
	static const char *const of_lists[] = { "playlists", "size", "nasty" }, *const of_worlds[] = { "world", "days" };
	const char *world = args_value(args, "world"), *recorded = args_value(args, "recorded");
	const char *list_option = NULL;
	for (size_t i = 0; i < COUNT_OF(of_lists); i++)
		list_option = args_flag(args, of_lists[i]) ? of_lists[i] : list_option;
	for (size_t i = 0; recorded && i < COUNT_OF(of_worlds); i++)
		list_option = args_flag(args, of_worlds[i]) ? of_worlds[i] : list_option;
	if (recorded && list_option)
		return err_set(err, RC_FATAL, "--%s is about an invented world: leave it out, or --recorded", list_option);
	if (world && strcmp(world, "sample") != 0 && strcmp(world, "lists") != 0)
		return err_set(err, RC_FATAL, "--world '%s': want sample or lists", world);
	*out_lists = world ? strcmp(world, "lists") == 0 : list_option != NULL;
	if (!*out_lists && list_option)
		return err_set(err, RC_FATAL, "--%s: the sample is what it is: say --world lists", list_option);
	return RC_OK;
}

static enum rc read_names(const struct args *args, struct simulator_options *out, struct err *err)
{
	const char *shape = args_value(args, "shape"), *population = args_value(args, "population");
	if (shape && !simulator_shape_of(slice_of(shape), &out->shape))
		return err_set(err, RC_FATAL, "--shape '%s': want " SIMULATOR_KNOWN_SHAPES, shape);
	if (population && !simulator_population_of(slice_of(population), &out->population))
		return err_set(err, RC_FATAL, "--population '%s': want " SIMULATOR_KNOWN_POPULATIONS, population);
	out->client_id = args_value(args, "client-id");
	out->client_secret = args_value(args, "client-secret");
	out->user_id = args_value(args, "user");
	out->recorded_dir = args_value(args, "recorded");
	out->rotate = args_flag(args, "rotate");
	return RC_OK;
}

static enum rc read_options(const struct args *args, struct simulator_options *out, struct err *err)
{
	struct numbers n;
	bool lists;
	TRY(read_numbers(args, &n, err));
	TRY(check_world(args, &lists, err));
	TRY(read_names(args, out, err));
	if (!out->recorded_dir && n.day >= n.days)
		return err_set(err, RC_FATAL, "--day '%lld': the history has days 0 to %lld: ask for one of them, or for more --days",
		               (long long) n.day, (long long) n.days - 1);
	out->seed = (uint64_t) n.seed;
	out->port = (int) n.port;
	out->limit_max = (int) n.limit;
	out->token_ttl_s = n.token_ttl;
	out->day = n.day;
	if (!out->recorded_dir && lists)
		out->world = world_lists_open(out->seed, n.days, (size_t) n.playlists, n.size, args_flag(args, "nasty"));
	else if (!out->recorded_dir)
		out->world = world_sample_open(out->seed, n.days);
	return RC_OK;
}

/* A fault that is none is told before anything is opened. */
static enum rc check_faults(const struct args *args, struct err *err)
{
	for (size_t i = 0; args_nth(args, "fault", i); i++)
		TRY(simulator_fault_check(args_nth(args, "fault", i), err));
	return RC_OK;
}

static void print_beginning(const struct simulator *s, const struct simulator_options *o)
{
	const char *id = o->client_id ? o->client_id : ANY_CLIENT_ID;
	const char *secret = o->client_secret ? o->client_secret : ANY_CLIENT_SECRET;
	struct slice playlist, owner;
	(void) printf("simulator %s\n", simulator_url(s));
	(void) printf("export SARGAM_SPOTIFY_API_URL=%s/v1 SARGAM_SPOTIFY_ACCOUNTS_URL=%s\n", simulator_url(s), simulator_url(s));
	(void) printf("export SARGAM_SPOTIFY_CLIENT_ID=%s SARGAM_SPOTIFY_CLIENT_SECRET=%s\n", id, secret);
	for (size_t i = 0; simulator_playlist(s, i, &playlist, &owner); i++)
		(void) printf("playlist %.*s %.*s\n", SLICE_FMT(playlist), SLICE_FMT(owner));
	(void) fflush(stdout);
}

static void print_end(struct simulator *s)
{
	struct simulator_stats stats;
	const char *before = " (";
	simulator_stats(s, &stats);
	(void) printf("requests %lld", (long long) simulator_stats_requests(&stats));
	for (int i = 0; i < SIMULATOR_KIND_COUNT; i++, before = ", ")
		(void) printf("%s%s %lld", before, simulator_kind_name((enum simulator_kind) i), (long long) stats.requests[i]);
	(void) printf(")\nnot modified %lld, violations %lld, repeats %lld\n", (long long) stats.not_modified,
	              (long long) stats.violations, (long long) stats.repeats);
	for (int i = 0; i < SIMULATOR_FAULT_COUNT; i++)
		if (stats.faults[i])
			(void) printf("fault %s %lld\n", simulator_fault_name((enum simulator_fault_kind) i),
			              (long long) stats.faults[i]);
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	CLEANUP(simulator_closep) struct simulator *s = NULL;
	struct simulator_options options = { .clock = app_clock(app) };
	const atomic_bool *stop = app_stop(app);
	if (check_faults(args, err) != RC_OK || read_options(args, &options, err) != RC_OK)
		return EXIT_USAGE;
	enum rc rc = simulator_open(&options, &s, err);
	for (size_t i = 0; rc == RC_OK && args_nth(args, "fault", i); i++)
		rc = simulator_fault(s, args_nth(args, "fault", i), err);
	if (rc != RC_OK)
		return exit_of(rc);
	print_beginning(s, &options);
	while (!*stop)
		clock_sleep_ms(app_clock(app), STOP_LOOK_MS);
	print_end(s);
	return EXIT_DONE;
}

static const struct option_spec options[] = {
	{ "port", "N", "where to listen on 127.0.0.1 (0, the default: any free one)" },
	{ "world", "sample|lists", "the bundled sample, or lists in any number (which --playlists, --size and --nasty imply)" },
	{ "playlists", "N", "how many lists (10)" },
	{ "size", "N", "about how many items each of them has (50)" },
	{ "nasty", NULL, "everything odd that was seen in answers, strewn over the lists" },
	{ "days", "N", "days of history (72)" },
	{ "seed", "N", "which world, tokens and luck (1)" },
	{ "recorded", "DIR", "recorded pages in place of a world: DIR/PLAYLIST/YYYY-MM-DDTHH-MM-SSZ/page-0000.json" },
	{ "day", "N", "what is shown: days after the first (-1, the default: the last)" },
	{ "shape", "NAME", "names of items: " SIMULATOR_KNOWN_SHAPES " (auto)" },
	{ "population", "NAME", "what kind of client asks: " SIMULATOR_KNOWN_POPULATIONS " (extended)" },
	{ "limit", "50|100", "most items of a page (100)" },
	{ "token-ttl", "SECONDS", "life of an access token (3600)" },
	{ "rotate", NULL, "a refresh gives a new refresh token, and the old one dies" },
	{ "client-id", "ID", "the only client that is known (any)" },
	{ "client-secret", "SECRET", "and its secret (any)" },
	{ "user", "ID", "whom /authorize lets in (the owner of the first list that is not Spotify's)" },
	{ "fault", "SPEC", "what goes wrong: 429,after=2,at=3 (may be repeated; docs/simulator.md)" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_simulate;
const struct command cmd_simulate = {
	.name = "simulate",
	.summary = "a Spotify Web API and accounts service on loopback, for tests, demos and load",
	.words = "",
	.details =
		"Prints its address, the lines that make sargam use it, and its playlists; serves until it is interrupted, then prints\n"
		"what was asked. GET and POST /control move the day and set faults while it runs. No home is needed or made.",
	.option = options,
	.run = run,
};
