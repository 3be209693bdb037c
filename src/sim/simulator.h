/* A Spotify Web API and accounts service on 127.0.0.1: invented worlds or recorded pages, each population of clients, and every
 * way in which the real service was seen to fail.  docs/simulator.md describes it for those who point other programs at it.
 *
 * What a playlist shows is the latest snapshot at or before the end of a day that can be moved.  Everything follows from the
 * options, the seed and the requests in their order: two runs of a serial client see the same.
 *
 * All functions may be called from any thread while it serves. */
#ifndef SIM_SIMULATOR_H
#define SIM_SIMULATOR_H

#include "base/arena.h"
#include "base/buf.h"

struct clock;
struct world;

#define SIMULATOR_SHAPES(X)                                                                            \
	X(AUTO, "auto")     /* as the world's day has it or the page was recorded; items for NEW */    \
	X(TRACKS, "tracks") /* `track` below /tracks; there is no /items */                            \
	X(ITEMS, "items")   /* `item` below /items; /tracks was removed */                             \
	X(BOTH, "both")     /* both names at once, below either */                                     \
	X(NONE, "none")     /* a playlist without its items */
enum simulator_shape {
#define X(name, text) SIMULATOR_##name,
	SIMULATOR_SHAPES(X)
#undef X
	SIMULATOR_SHAPE_COUNT
};

#define SIMULATOR_POPULATIONS(X)                                                                       \
	X(EXTENDED, "extended") /* extended quota: sees everything */                                  \
	X(EXISTING, "existing") /* development mode from before 2026-02-11: nothing of Spotify's own */ \
	X(NEW, "new")           /* development mode since then: own playlists only, fewer fields */
enum simulator_population {
#define X(name, text) SIMULATOR_##name,
	SIMULATOR_POPULATIONS(X)
#undef X
	SIMULATOR_POPULATION_COUNT
};

/* false: no such name. */
bool simulator_shape_of(struct slice name, enum simulator_shape *out);
bool simulator_population_of(struct slice name, enum simulator_population *out);
#define SIMULATOR_KNOWN_SHAPES "auto, tracks, items, both or none"
#define SIMULATOR_KNOWN_POPULATIONS "extended, existing or new"

struct simulator_options {
	struct world *world;      /* taken over, also on failure; or NULL with recorded_dir */
	const char *recorded_dir; /* PATH/<playlist_id>/<YYYY-MM-DDTHH-MM-SSZ>/page-NNNN.json, PATH/<playlist_id>/playlist.json */
	struct clock *clock;      /* when tokens expire and a Retry-After has run out */
	uint64_t seed;            /* of tokens, edits and the chance of faults */
	int port;                 /* 0 = any */
	enum simulator_shape shape;
	enum simulator_population population;
	int limit_max;                       /* 50 or 100: a larger limit, or 0, is 400 "Invalid limit"; 0 = 100 */
	int64_t token_ttl_s;                 /* 0 = 3600 */
	bool rotate;                         /* a refresh gives a new refresh token and the old one dies */
	const char *client_id, *client_secret; /* NULL = any */
	const char *user_id;                 /* whom /authorize lets in; NULL = the owner of the first playlist that is not Spotify's */
	int64_t day;                         /* after the world's first; -1 = the last */
};
struct simulator;
/* RC_FATAL: the port is taken, or the recorded folder cannot be used. */
MUST_USE enum rc simulator_open(const struct simulator_options *options, struct simulator **out, struct err *err);
void simulator_close(struct simulator *s);
static inline void simulator_closep(struct simulator **s)
{
	simulator_close(*s);
	*s = NULL;
}

int simulator_port(const struct simulator *s);
/* "http://127.0.0.1:PORT": the accounts service; the Web API is "/v1" below it. */
const char *simulator_url(const struct simulator *s);
/* The i-th of its playlists; false past the end. */
bool simulator_playlist(const struct simulator *s, size_t i, struct slice *out_id, struct slice *out_owner);
/* Beyond the last day is the last; so is -1. */
void simulator_set_day(struct simulator *s, int64_t day);
void simulator_set_shape(struct simulator *s, enum simulator_shape shape);
void simulator_set_population(struct simulator *s, enum simulator_population population);
/* Every access token dies, or every refresh token. */
void simulator_expire_tokens(struct simulator *s);
void simulator_revoke_tokens(struct simulator *s);
/* Edits a playlist now: another order, and an item more or less with `total`.  RC_NOT_FOUND. */
MUST_USE enum rc simulator_edit(struct simulator *s, struct slice playlist_id, bool total, struct err *err);

/* Adds a fault, "429,after=2,at=3,on=page": KIND[,key=value]….  RC_REJECT says what is known.  The grammar stands in
 * docs/simulator.md. */
MUST_USE enum rc simulator_fault(struct simulator *s, const char *spec, struct err *err);
/* Only reads it. */
MUST_USE enum rc simulator_fault_check(const char *spec, struct err *err);
/* A 429 that still holds is lifted, too. */
void simulator_faults_clear(struct simulator *s);

#define SIMULATOR_KINDS(X) X(TOKEN, "token") X(PLAYLIST, "playlist") X(PAGE, "page") X(ME, "me") X(OTHER, "other")
enum simulator_kind {
#define X(name, text) SIMULATOR_##name,
	SIMULATOR_KINDS(X)
#undef X
	SIMULATOR_KIND_COUNT
};
#define SIMULATOR_FAULTS(X)                                                                                                        \
	X(429, "429") X(QUOTA, "quota") X(429_NO_HEADER, "429_no_header") X(429_TEXT, "429_text") X(500, "500") X(502, "502")     \
	X(503, "503") X(504, "504") X(RESET, "reset") X(SLOW, "slow") X(TRUNCATE, "truncate") X(EMPTY, "empty") X(HTML, "html")    \
	X(TEXT, "text") X(WRONG_LENGTH, "wrong_length") X(ENDLESS, "endless") X(EDIT, "edit") X(EXPIRE, "expire")                \
	X(INVALID_GRANT, "invalid_grant") X(FORBIDDEN, "forbidden") X(NOT_FOUND, "not_found")
enum simulator_fault_kind {
#define X(name, text) FAULT_##name,
	SIMULATOR_FAULTS(X)
#undef X
	SIMULATOR_FAULT_COUNT
};
const char *simulator_kind_name(enum simulator_kind kind);
const char *simulator_fault_name(enum simulator_fault_kind kind);

struct simulator_stats {
	int64_t requests[SIMULATOR_KIND_COUNT]; /* those to /control do not count */
	int64_t not_modified;                /* answered 304 */
	int64_t violations;                  /* came before a Retry-After had run out (and were answered 429 again) */
	int64_t repeats;                     /* asked again for what had been answered whole, nothing having changed */
	int64_t faults[SIMULATOR_FAULT_COUNT]; /* answers that were made to fail */
};
void simulator_stats(struct simulator *s, struct simulator_stats *out);
int64_t simulator_stats_requests(const struct simulator_stats *stats); /* all kinds together */

/* A request so far, in the order of arrival. */
struct simulator_request {
	int status; /* 0: the connection was reset */
	enum simulator_kind kind;
	const char *method, *target, *fault; /* target: path and query; fault: its kind, or NULL */
};
#define SIMULATOR_LOG_MAX 100000 /* later ones are counted only */
void simulator_requests(struct simulator *s, struct arena *arena, struct simulator_request **out, size_t *out_count);

/* What a client must have read in the end: the items of the playlist as it stands now, a JSON array, each as this population gets
 * it who may read them all, for a market or without one (NULL), with these additional_types (NULL: tracks only). */
struct simulator_truth {
	char snapshot_id[65];
	int64_t total; /* what the answers say; may be more than there are items */
	size_t items;
};
MUST_USE enum rc simulator_truth(struct simulator *s, struct slice playlist_id, const char *market, const char *additional_types,
                                 struct buf *out_items_json, struct simulator_truth *out, struct err *err);

#endif
