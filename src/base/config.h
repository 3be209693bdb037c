/* Settings, declared once in a table: parser, ranges, environment names, help and `sargam config` are made from it.
 *
 * A value comes from (later wins, in whatever order they are read): the default, the configuration file (lines `key = value`;
 * '#' and ';' begin a remark, '[' a section, which means nothing), the environment (SARGAM_<KEY>, empty = not there), the
 * command line (--<key> with '-' for '_').  An unknown key, a value of the wrong form or out of range is RC_FATAL and names
 * the key, where it stood and what is wanted.  What cannot be written into such a file is no value either. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/buf.h"

/*        name                 default          min      max           unit       help */
#define CONFIG_INTS(X)                                                                                                                    \
	X(threads,                 0,               0,       256,          "threads", "work side by side on this many threads; 0 = one for each processor")      \
	X(memory_limit_mb,         1024,            64,      1048576,      "MiB",     "what the SQL engine may hold in memory before it spills to disk")         \
	X(page_limit_bytes,        9900000,         1024,    9900000,      "bytes",   "a page larger than this is refused before it is read into memory")       \
	X(snapshot_pages_max,      10000,           1,       1000000,      "pages",   "a snapshot of more pages is refused")                                     \
	X(playlist_groups,         0,               0,       65536,        "groups",  "0 = one group a playlist; N = playlists hashed into N groups (for thousands of playlists)") \
	X(ack_deadline_s,          60,              10,      600,          "s",       "a pulled message returns to the subscription after this")                \
	X(delivery_attempts_max,   5,               5,       100,          "attempts", "then a message goes to the dead-letter topic")                           \
	X(retry_min_ms,            1000,            0,       600000,       "ms",      "first wait before a failed task or message is tried again")              \
	X(retry_max_ms,            60000,           0,       3600000,      "ms",      "longest wait between two tries")                                          \
	X(task_attempts_max,       4,               1,       100,          "attempts", "tries of one task in a run before it is dead")                          \
	X(lock_wait_s,             600,             0,       86400,        "s",       "how long to wait for another build on the same home")                    \
	X(incomplete_after_h,      24,              1,       8760,         "h",       "a snapshot that misses pages for this long is listed by dead list")      \
	X(stale_after_h,           36,              0,       8760,        "h",       "tell when a watched playlist has had no snapshot for this long; 0 = never")  \
	X(webhook_timeout_s,       10,              1,       60,          "s",       "an answer of the webhook that takes longer is given up")                  \
	X(webhook_waiting_max,     100,             1,       1000,        "events",  "more events than this do not wait for the webhook: the oldest is dropped")  \
	X(webhook_keep_h,          24,              1,       168,         "h",       "an event the webhook has not taken for this long is dropped")              \
	X(disk_free_min_mb,        64,              0,       1048576,     "MB",      "with less room the service says it is not ready")                           \
	X(spotify_gap_ms,          100,             0,       60000,         "ms",      "pause between two requests to Spotify")                                    \
	X(spotify_timeout_s,       30,              1,       600,           "s",       "an answer of Spotify that takes longer is given up")                        \
	X(spotify_attempts_max,    5,               1,       100,           "attempts", "tries of one request to Spotify that fails in passing")                   \
	X(spotify_budget_s,        300,             0,       86400,         "s",       "what a run may spend waiting for Spotify before it is deferred")            \
	X(spotify_playlist_budget_s, 30,            0,       86400,         "s",       "what it may spend waiting for one playlist")                                \
	X(spotify_retakes_max,     2,               0,       100,           "takes",   "how often a snapshot is taken again that changed while it was read")        \
	X(spotify_redirect_port,   8912,            1024,    65535,         "port",    "where `sargam login` waits on 127.0.0.1 for the browser")                   \
	X(schedule_jitter_s,       0,               0,       3600,          "s",       "a scheduled run begins up to this much later, by chance (so that many homes do not ask at once)") \
	X(sample_days,             72,              1,       3650,         "days",    "days of history the invented sample tells")                               \
	X(sample_seed,             1,               0,       4294967295,   "seed",    "which invented history")

/*        name                 default          help */
#define CONFIG_STRINGS(X)                                                                                       \
	X(source,                  "sample",        "where pages come from: sample, dir:PATH, spotify, archive:PATH, csv:PATH")                 \
	X(bus,                     "sqlite",        "the topic and its subscription: sqlite, pubsub://PROJECT")         \
	X(store,                   "",              "raw, bronze and gold objects: a folder (empty = the home), gs://BUCKET/PREFIX") \
	X(warehouse,               "",              "a .duckdb file (empty = warehouse.duckdb in the home), bigquery://PROJECT/SPOTIFY_ANALYTICS") \
	X(engine,                  "duckdb",        "what runs sql/gold: duckdb, spark, bigquery")                      \
	X(chart_utc_offset,        "+00:00",        "time zone of the chart day, as +HH:MM or -HH:MM")                  \
	X(spotify_client_id,       "",              "the app's client id (its secret: only as SARGAM_SPOTIFY_CLIENT_SECRET in the environment)") \
	X(spotify_market,          "",              "ask for the answers of this country (IN, DE; empty = that of the user)") \
	X(spotify_bodies,          "full",          "full = answers as they are; fields = only what the tables need")    \
	X(spotify_api_url,         "https://api.spotify.com/v1", "the Web API, or a simulator of it")                    \
	X(spotify_accounts_url,    "https://accounts.spotify.com", "the accounts service, or a simulator of it")         \
	X(webhook_url,             "",              "where failures, recoveries and stale playlists are told: https://… (or http:// on loopback)") \
	X(drift_policy,            "",              "what a drifting field means: track.name=fail,track.popularity=warn,*=warn (* are the others; warn when not said)") \
	X(schedule,                "@daily",        "when `sargam serve` runs the pipeline: a cron expression such as 30 6 * * * or @hourly (empty = never)") \
	X(schedule_time_zone,      "UTC",           "whose clock the schedule goes by: UTC, +05:30, or a name such as Asia/Kolkata") \
	X(schedule_missed,         "catch_up",      "after times at which nobody served: catch_up = one run at once, skip = wait for the next time") \
	X(serve_address,           "127.0.0.1",     "where `sargam serve` listens; any but a loopback address needs a token or OIDC") \
	X(serve_hosts,             "",              "other names this machine is called by, separated by commas (a proxy's)") \
	X(serve_token_file,        "",              "a file only you can read whose first line is the token that callers must show (or SARGAM_SERVE_TOKEN in the environment)") \
	X(serve_oidc_audience,     "",              "take ID tokens made out to this audience (empty = take none)") \
	X(serve_oidc_emails,       "",              "whose ID tokens are taken: addresses of service accounts, separated by commas") \
	X(serve_oidc_issuers,      "https://accounts.google.com,accounts.google.com", "who may have made them") \
	X(serve_oidc_jwks_url,     "https://www.googleapis.com/oauth2/v3/certs", "where the issuer's keys are") \
	X(playlists,               "",              "playlist ids to follow beside the watch list, separated by commas")

enum config_from { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENV, CONFIG_CLI };

#define CONFIG_STRING_BYTES 1024
struct config {
#define X(name, def, min, max, unit, help) int64_t name;
	CONFIG_INTS(X)
#undef X
#define X(name, def, help) char name[CONFIG_STRING_BYTES];
	CONFIG_STRINGS(X)
#undef X
	struct { /* where each value came from, by the same names */
#define X(name, def, min, max, unit, help) enum config_from name;
		CONFIG_INTS(X)
#undef X
#define X(name, def, help) enum config_from name;
		CONFIG_STRINGS(X)
#undef X
	} from;
};

void config_init(struct config *c);
/* `key` as in the table or with '-' for '_'. */
MUST_USE enum rc config_set(struct config *c, struct slice key, struct slice value, enum config_from from, struct err *err);
MUST_USE enum rc config_load_file(struct config *c, const char *path, struct err *err);
MUST_USE enum rc config_load_env(struct config *c, struct err *err);
bool config_has_key(struct slice key);
/* "default", "file", "environment", "command line". */
const char *config_from_name(enum config_from from);
/* Seconds east of UTC of chart_utc_offset (checked by config_set). */
int64_t config_chart_offset_s(const struct config *c);

/* One entry of the tables, for `sargam config` and the documentation. */
struct config_entry {
	const char *name, *help, *unit; /* unit "" for strings */
	const char *value, *default_value, *range, *from;
	char text[3][CONFIG_STRING_BYTES];
};
size_t config_count(void);
void config_entry(const struct config *c, size_t i, struct config_entry *out);

#endif
