/* What the files of the simulator share. */
#ifndef SIM_SIMULATOR_PRIVATE_H
#define SIM_SIMULATOR_PRIVATE_H

#include "base/json.h"
#include "io/server.h"
#include "sim/simulator.h"
#include "sim/simulator_fault.h"

#include <pthread.h>

#define ANSWER_BYTES_MAX ((size_t) 64 << 20)
#define RAW_BYTES_MAX ((size_t) 128 << 20) /* an answer before what a client must not see is taken away */
#define EMBEDDED_ITEMS 100                 /* of a playlist, in the object itself */
#define PLAYLISTS_LIMIT_MAX 50
#define LIMIT_DEFAULT 20
#define NAME_BYTES 128

/* What the control endpoint can change; a request works with the settings that stood when it came. */
struct settings {
	enum simulator_shape shape;
	enum simulator_population population;
	int64_t limit_max, token_ttl_s, day;
	bool rotate, deny;                   /* deny: the user says no to /authorize */
	char client_id[NAME_BYTES], client_secret[NAME_BYTES], user_id[NAME_BYTES]; /* "" = any */
};

/* --- simulator_chart.c: which playlists there are and what they show */

/* A playlist as it stands: a snapshot, perhaps edited.  Does not change; counted references. */
struct shown {
	int refs;         /* under the simulator's lock */
	struct shown *of; /* the snapshot as it was before edits; NULL: this is it */
	struct world_chart *chart;
	struct recorded_items *recorded;
	bool both, item_shape; /* how its items are written */
	size_t count, hidden;  /* items; those that only the total knows */
	uint32_t *order;       /* of items of the snapshot, from 0 */
	uint64_t edits;
	char snapshot_id[65];
	char *meta;            /* the playlist object without items, as JSON */
};
struct listing {
	char *id, *owner_id;
	bool spotify_owned;
	char *meta;  /* recorded: playlist.json completed; NULL for a world's */
	int64_t *at; /* recorded: its snapshots, ascending */
	size_t at_count;
	struct shown *shown;   /* of the day; NULL: not asked for yet */
};

struct simulator {
	pthread_mutex_t lock; /* over all that changes */
	struct clock *clock;
	struct server *server;
	struct world *world;
	char *recorded_dir;
	uint64_t seed;
	char url[64];
	struct settings set;
	struct arena arena;    /* listings */
	struct listing *listing;
	size_t listing_count;
	int64_t first_day, days;
	uint64_t version;      /* of all that is shown: goes up with every change */
	struct token *token;
	size_t token_count, token_cap;
	uint64_t token_serial;
	struct fault fault[FAULTS_MAX];
	size_t fault_count;
	int64_t hold_until_ms; /* a 429 holds until then */
	enum simulator_fault_kind hold_kind;
	struct journal *journal;
};

static inline void simulator_lock(struct simulator *s)
{
	int failed = pthread_mutex_lock(&s->lock);
	assert(!failed);
}
static inline void simulator_unlock(struct simulator *s)
{
	int failed = pthread_mutex_unlock(&s->lock);
	assert(!failed);
}

MUST_USE enum rc chart_open(struct simulator *s, const struct simulator_options *options, struct err *err);
void chart_close(struct simulator *s);
/* NULL when there is no such playlist. */
struct listing *chart_find(struct simulator *s, struct slice id);
/* Was there a snapshot by the day? */
bool chart_exists(struct simulator *s, const struct listing *l);
/* Takes the lock and a reference.  RC_NOT_FOUND before its first snapshot; RC_REJECT: the recorded pages cannot be read. */
MUST_USE enum rc chart_show(struct simulator *s, struct listing *l, struct shown **out, struct err *err);
void chart_put(struct simulator *s, struct shown *shown);
MUST_USE enum rc chart_edit(struct simulator *s, struct listing *l, bool total, struct err *err);
/* With the lock held: the day moved, nothing is shown any more. */
void chart_forget(struct simulator *s);

/* simulator_recorded.c */
struct recorded_items {
	struct buf text;
	struct slice *item;
	size_t count, total;
	bool both, item_shape;
};
MUST_USE enum rc recorded_open(struct simulator *s, struct err *err);
MUST_USE enum rc recorded_load(const struct simulator *s, const struct listing *l, int64_t at, struct recorded_items **out,
                               struct err *err);
void recorded_free(struct recorded_items *r);

/* --- simulator_view.c: what of an answer a client gets */

enum body_kind {
	BODY_OTHER,
	BODY_PLAYLIST,
	BODY_PLAYLISTS,
	BODY_PAGING,
	BODY_ITEM,
	BODY_TRACK,
	BODY_ALBUM,
	BODY_ARTIST,
	BODY_USER,
	BODY_SHOW
};
struct fields;
struct view {
	enum simulator_shape shape;
	bool strip;                  /* without the fields that new clients no longer get */
	bool market, episodes;       /* asked for a market; for episodes as such */
	const struct fields *fields; /* NULL: all */
};
/* The grammar of the `fields` parameter: false when it is none. */
bool fields_parse(struct slice text, struct arena *arena, const struct fields **out);
/* Items [from, to) as a JSON array, not yet filtered. */
void view_items(const struct shown *shown, const struct view *view, size_t from, size_t to, struct buf *out);
/* An answer as this client gets it. */
void view_write(const struct json *root, enum body_kind kind, const struct view *view, bool recorded, struct buf *out);
MUST_USE enum rc view_filter(struct slice raw, enum body_kind kind, const struct view *view, bool recorded, struct buf *out,
                             struct err *err);

/* --- simulator_journal.c: what was asked; all with the lock held */
struct journal;
struct journal *journal_new(void);
void journal_free(struct journal *j);
struct simulator_stats *journal_stats(struct journal *j);
void journal_add(struct journal *j, const struct simulator_request *request);
/* Was it there already? */
bool journal_seen(struct journal *j, uint64_t hash);

/* --- one request */

enum route {
	ROUTE_NONE,
	ROUTE_AUTHORIZE,
	ROUTE_TOKEN,
	ROUTE_UNKNOWN_API,
	ROUTE_ME,
	ROUTE_ME_PLAYLISTS,
	ROUTE_MARKETS,
	ROUTE_PLAYLIST,
	ROUTE_ITEMS,
	ROUTE_TRACKS,
};
struct call {
	struct simulator *s;
	const struct server_request *rq;
	struct server_reply *reply;
	enum route route;
	struct settings set;
	enum simulator_kind kind;
	struct slice playlist_id; /* SLICE_NULL when it is about none */
	struct firing firing;     /* the fault that befalls it */
	int64_t held_s;           /* a 429 of held_kind holds for so long; 0: none does */
	enum simulator_fault_kind held_kind;
	bool user;                /* the token is a user's */
};

/* simulator.c */
void answer_json(struct call *c, int status, const struct buf *body);
/* {"error":{"status":404,"message":"…"}}, or what the accounts service says in its place. */
void answer_error(struct call *c, int status, const char *message);
/* The parameter as it was sent, nothing decoded; SLICE_NULL when absent. */
struct slice raw_query(const struct server_request *rq, const char *name);

/* simulator_token.c */
#define TOKEN_BYTES 80
enum token_kind { TOKEN_ACCESS, TOKEN_REFRESH, TOKEN_CODE };
struct token {
	enum token_kind kind;
	bool dead, user, pkce;
	int64_t expires_ms, granted_ms; /* granted: when the user said yes */
	char text[TOKEN_BYTES], client_id[NAME_BYTES], challenge[64];
	char *redirect_uri, *scope;     /* NULL: none */
};
/* With the lock held.  A pointer is good until the next token is made. */
struct token *token_make(struct simulator *s, enum token_kind kind, int64_t ttl_ms);
struct token *token_find(struct simulator *s, enum token_kind kind, const char *text);
void token_kill_all(struct simulator *s, enum token_kind kind);
void token_free_all(struct simulator *s);
/* The token in the Authorization header; NULL: there is none, or it is not good.  With the lock held. */
struct token *token_of(struct call *c, bool *out_missing);

/* simulator_accounts.c */
void accounts_authorize(struct call *c);
void accounts_token(struct call *c);

/* simulator_api.c */
void api_answer(struct call *c);
/* simulator_api_items.c */
struct list_request {
	int64_t limit, offset;
};
/* false: it has answered 400. */
bool api_list_request(struct call *c, int64_t limit_max, struct list_request *out);
void api_items(struct call *c);
void api_playlist(struct call *c);
void api_my_playlists(struct call *c);

/* simulator_control.c */
void control_answer(struct simulator *s, const struct server_request *rq, struct server_reply *reply);

/* simulator_wrong.c: what faults do. */
/* Before the answer, or in place of it (true). */
bool wrong_instead(struct call *c);
/* To the answer. */
void wrong_spoil(struct call *c);
/* The 429 that still holds. */
void wrong_held(struct call *c);

#endif
