/* A live source on the simulator, from its connection to raw: what `sargam extract` and `ingest` are made of, on a fake clock. */
#ifndef SUPPORT_LIVE_H
#define SUPPORT_LIVE_H

#include "base/clock.h"
#include "bus/bus.h"
#include "raw/extract.h"
#include "raw/source_memory.h"
#include "sim/simulator.h"
#include "sim/world.h"
#include "spotify/api.h"

/* One process and what outlives it. */
struct live {
	struct clock_fake clock;
	struct simulator *sim;
	struct store *store;
	struct bus *bus;
	struct raw_memory memory;
	char token_file[512], api_url[128];
	bool as_user; /* with a login instead of the app's credentials */
	const char *market;
	bool only_fields;
	int fail_at;        /* this call of the source fails with RC_RETRY (store/source decorator's counting); 0 = none */
	int64_t timeout_ms; /* of one answer, in real time: long, unless slow answers are what is tested */
	int64_t attempts_max, budget_ms, playlist_budget_ms, retakes_max, gap_ms;
	/* of the process that runs now */
	struct http *http;
	struct token_keeper *token;
	struct spotify_api *api;
	struct source *source;
};
/* `world` is taken over; the options' other fields have their defaults when zero. */
void live_open(struct live *l, struct simulator_options *options);
void live_close(struct live *l);
/* A new process begins (the old one is gone). */
void live_restart(struct live *l);
/* Lets a user in, as `sargam login` does. */
void live_login(struct live *l);

/* extract and ingest, once, in a new process: all playlists of the simulator's world, or those given. */
MUST_USE enum rc live_run(struct live *l, const struct slice *playlist, size_t count, struct extract_result *out, struct err *err);
/* Does the latest complete snapshot hold what the simulator shows?  Fails the test with the first difference.  *out_kept: it
 * is one that changed while it was read, and says so. */
void live_check_truth(struct live *l, struct slice playlist_id, bool *out_kept);
/* Every request so far, as remarks of the test's output. */
void live_print_log(struct live *l);
/* How many complete snapshots of it are there; the last one's moment. */
size_t live_snapshots(struct live *l, struct slice playlist_id, int64_t *out_last_at);

#endif
