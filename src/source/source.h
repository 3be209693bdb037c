/* Source of pages: where snapshots of playlists come from.
 *
 * snapshots() names what can be had, cheaply: recorded and invented sources list their history, a live source gives one
 * snapshot, now (or one that an earlier run began and this one can go on with).  fetch() reads one of them page by page: one
 * page is in memory at a time.  taken() is told when what fetch() handed out is durable.
 *
 * Errors: RC_NOT_FOUND (no such playlist or snapshot), RC_REJECT (this playlist cannot be read; others may), RC_RETRY (with
 * retry_after_ms when the source said it), RC_FATAL (nothing can be read: bad path, bad credentials). */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include "base/arena.h"

struct source_ids {
	struct slice *id; /* sorted */
	size_t count;
};
struct source_times {
	int64_t *unix_s; /* ascending */
	size_t count;
};
enum source_object { SOURCE_PAGE, SOURCE_PLAYLIST };

/* Receives the objects of one snapshot: the playlist first when the source has it (page 0), then its pages in order from 0.
 * `body` is valid during the call only.  What the sink answers ends the fetch and is its result when it is not RC_OK. */
struct source_sink {
	void *ctx;
	enum rc (*object)(void *ctx, enum source_object kind, int64_t page, struct slice body, struct err *err);
	/* A remark that belongs into the manifest ("snapshot_id changed while reading"). */
	void (*warn)(void *ctx, const char *text);
	/* Where imported pages come from (file, its sha256, lines or commit): a JSON object for the manifest.  At most once, before
	 * the first object; may be NULL. */
	void (*origin)(void *ctx, struct slice json);
	/* The playlist's snapshot_id after the last page, when it is another than before the first; may be NULL. */
	void (*last_id)(void *ctx, struct slice snapshot_id);
};

/* Lines of an imported file that no snapshot could be made of, all of one reason. */
struct source_broken {
	struct slice playlist_id; /* SLICE_NULL: of no single one */
	struct slice reason; /* [a-z0-9_]+ */
	struct slice name;   /* made of the file's content: the same file gives the same name */
	struct slice detail; /* for people: file, how many, the first line and what is wrong with it */
	int64_t lines;
	struct slice bytes;  /* the lines as they stood, each after its number and a tab; the first ones when they are very many */
};

struct source;
struct source_ops {
	const char *scheme; /* "dir", "sample", "spotify": column `source` of bronze_snapshot */
	bool live;          /* snapshots() observes: it names one moment, never one that was named and taken before */
	enum rc (*playlists)(struct source *s, struct arena *arena, struct source_ids *out, struct err *err);
	enum rc (*snapshots)(struct source *s, struct slice playlist_id, struct arena *arena, struct source_times *out,
	                     struct err *err);
	enum rc (*fetch)(struct source *s, struct slice playlist_id, int64_t snapshot_at, const struct source_sink *sink,
	                 struct err *err);
	/* Everything that fetch() handed out of this snapshot is durable, or was before.  NULL where nothing depends on it. */
	enum rc (*taken)(struct source *s, struct slice playlist_id, int64_t snapshot_at, struct err *err);
	/* Puts first what has waited longest; NULL: as they are. */
	enum rc (*order)(struct source *s, struct source_ids *inout, struct err *err);
	/* What could not be read at all, once all snapshots are taken; what `each` answers ends it.  NULL for none. */
	enum rc (*broken)(struct source *s, enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err), void *ctx,
	                  struct err *err);
	void (*close)(struct source *s);
};
struct source {
	const struct source_ops *ops;
};

MUST_USE static inline enum rc source_playlists(struct source *s, struct arena *arena, struct source_ids *out, struct err *err)
{
	*out = (struct source_ids){ 0 };
	return s->ops->playlists(s, arena, out, err);
}
MUST_USE static inline enum rc source_snapshots(struct source *s, struct slice playlist_id, struct arena *arena,
                                                struct source_times *out, struct err *err)
{
	assert(playlist_id.len > 0);
	*out = (struct source_times){ 0 };
	return s->ops->snapshots(s, playlist_id, arena, out, err);
}
MUST_USE static inline enum rc source_fetch(struct source *s, struct slice playlist_id, int64_t snapshot_at,
                                            const struct source_sink *sink, struct err *err)
{
	assert(playlist_id.len > 0 && sink->object);
	return s->ops->fetch(s, playlist_id, snapshot_at, sink, err);
}
MUST_USE static inline enum rc source_taken(struct source *s, struct slice playlist_id, int64_t snapshot_at, struct err *err)
{
	return s->ops->taken ? s->ops->taken(s, playlist_id, snapshot_at, err) : RC_OK;
}
MUST_USE static inline enum rc source_order(struct source *s, struct source_ids *inout, struct err *err)
{
	return s->ops->order ? s->ops->order(s, inout, err) : RC_OK;
}
MUST_USE static inline enum rc source_broken(struct source *s,
                                             enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err),
                                             void *ctx, struct err *err)
{
	return s->ops->broken ? s->ops->broken(s, each, ctx, err) : RC_OK;
}
static inline const char *source_scheme(const struct source *s)
{
	return s->ops->scheme;
}
static inline bool source_is_live(const struct source *s)
{
	return s->ops->live;
}
static inline void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}
static inline void source_closep(struct source **s)
{
	source_close(*s);
	*s = NULL;
}

/* PATH/<playlist_id>/<YYYY-MM-DDTHH-MM-SSZ>/page-NNNN.json, optional PATH/<playlist_id>/playlist.json (handed out with each
 * snapshot).  A page above page_limit_bytes is RC_REJECT before it is read, and so is a snapshot whose pages are not 0000,
 * 0001, …: nothing of it is handed out.  Names that are no playlist, no time or no page are skipped with a warning in the
 * log.  Symbolic links are followed. */
MUST_USE enum rc source_dir_open(const char *path, size_t page_limit_bytes, struct source **out, struct err *err);
/* A clone, a bare clone or a bundle of the playlist archive (archive_md.h): each version of a list's file is a snapshot at its
 * commit's author time; one that fell into the same second as the one before stands a second later.  The history is read now,
 * the files when they are first asked for, by the program git.  No repository, no list's file in it: RC_FATAL. */
struct source_archive_options {
	const char *path;
	/* Asked for when a bundle must be unpacked: a folder that lives as long as the source. */
	enum rc (*scratch_dir)(void *ctx, const char **out, struct err *err);
	void *ctx;
	const atomic_bool *stop; /* ends long work with RC_RETRY; may be NULL */
};
MUST_USE enum rc source_archive_open(const struct source_archive_options *o, struct source **out, struct err *err);
/* The CSV of "Top Spotify Songs in 73 Countries": playlist chart-<country> (chart-GLOBAL where it is empty), each day a snapshot
 * at 12:00:00Z.  The header is looked at now, the lines when they are first asked for (once, 24 bytes of memory each).
 * A file that is none, or of another kind, is RC_FATAL.  *stop ends long work with RC_RETRY; it may be NULL. */
MUST_USE enum rc source_csv_open(const char *path, const atomic_bool *stop, struct source **out, struct err *err);
/* The invented history of sim/world.h; any world of it in pages of `limit` items (1 to 100), which takes over `world`. */
struct source *source_sample_open(uint64_t seed, int64_t days);
struct world;
struct source *source_world_open(struct world *world, size_t limit);

/* What a live source remembers between runs, wherever the next one runs: small bodies by name (raw/source_memory.h keeps them
 * in the store), and what earlier snapshots hold.  Never RC_RETRY, which means something else of a live source: what the store
 * would try again is RC_FATAL here. */
#define MEMORY_NO_VERSION 0
#define MEMORY_S_MAX INT64_C(253402300799) /* 9999-12-31: a moment beyond is no moment that was remembered */
struct source_memory {
	void *ctx;
	/* SLICE_NULL and MEMORY_NO_VERSION when there is none; out_version may be NULL. */
	enum rc (*get)(void *ctx, const char *name, struct arena *arena, struct slice *out, int64_t *out_version, struct err *err);
	/* Durable.  *version is the one expected there, and afterwards the new one; RC_REJECT when another stands there: somebody else
	 * has written it.  NULL: whatever stands there. */
	enum rc (*put)(void *ctx, const char *name, struct slice body, int64_t *version, struct err *err);
	enum rc (*forget)(void *ctx, const char *name, struct err *err);
	/* All whose name starts with `prefix`, but `except`. */
	enum rc (*forget_all)(void *ctx, const char *prefix, const char *except, struct err *err);
	/* The second a snapshot of the playlist may bear: now, or one more than the last. */
	enum rc (*next_at)(void *ctx, struct slice playlist_id, int64_t now_s, int64_t *out_at, struct err *err);
	/* The body of an object of an earlier snapshot; RC_NOT_FOUND when it is gone or has other bytes. */
	enum rc (*object)(void *ctx, enum source_object kind, struct slice playlist_id, int64_t snapshot_at, int64_t page,
	                  const char *sha256_hex, struct arena *arena, struct slice *out, struct err *err);
};

/* Playlists of Spotify's Web API.  snapshots() names now, or the moment of a snapshot that an earlier run could not finish: it
 * is gone on with for an hour while the playlist stays what it was.  RC_RETRY means deferred: the waits that a run may make
 * are behind it, what was read so far is remembered.  playlists() names none: what to follow is the watch list's trade. */
struct spotify_api;
struct clock;
struct source_spotify_options {
	struct spotify_api *api; /* not owned */
	struct clock *clock;
	struct source_memory memory;
	const char *market;      /* "" for none */
	bool only_fields;        /* bodies with what the tables need only */
	int64_t retakes_max, pages_max;
	size_t page_limit_bytes;
};
struct source *source_spotify_open(const struct source_spotify_options *o);
/* From memory, for tests: bodies are copied. */
struct source *source_mem_open(void);
void source_mem_add(struct source *s, struct slice playlist_id, int64_t snapshot_at, enum source_object kind, int64_t page,
                    struct slice body);
/* Decorator: call number `fail_at` (1-based; 0 = none) fails with `rc`; each object that a fetch hands out counts as a call,
 * and fails before the sink sees it.  Owns `inner`. */
struct source *source_fault_open(struct source *inner, int fail_at, enum rc rc);
bool source_fault_fired(const struct source *s);

#endif
