/* Quarantine: what could not be used, with its reason and bytes; can be listed, shown, replayed, dropped.
 *
 *	quarantine/<reason>/<name>.json   the letter: reason, detail, kind, where its bytes are
 *	quarantine/<reason>/<name>.body   bytes that lie nowhere else (a message's data, lines of an imported file)
 *	dropped/<reason>/<name>.json      a letter somebody dropped: it does not come back
 *
 * The name is made of the content, so the same thing put twice is one letter.  Raw bytes a letter speaks of stay in raw/.
 *
 * A letter counts its attempts and knows the first and the last one's time, in the object itself, so that nothing else must
 * survive.  An attempt is a failed reading of a snapshot or a failed fetch; of a message each publish (by its publish time: a
 * redelivery is none).  A replayed message says whose letter it answers and how often it was tried (LETTER_ATTR_*). */
#ifndef RAW_QUARANTINE_H
#define RAW_QUARANTINE_H

#include "base/hash.h"
#include "bus/bus.h"
#include "store/store.h"

enum letter_kind {
	LETTER_MESSAGE,  /* a message ingest could not use; its bytes lie beside the letter */
	LETTER_SNAPSHOT, /* a complete snapshot bronze could not read; its bytes lie in raw/ */
	LETTER_EXTRACT,  /* a snapshot the source could not deliver; there are no bytes */
	LETTER_IMPORT,   /* lines of an imported file that could not be used; they lie beside the letter */
};
const char *letter_kind_name(enum letter_kind kind);

struct letter {
	struct slice reason;  /* [a-z0-9_]+: invalid_json, sha256_mismatch, … */
	struct slice name;    /* within the reason */
	struct slice detail;  /* for people */
	enum letter_kind kind;
	struct slice playlist_id; /* SLICE_NULL when unknown */
	bool has_snapshot_at;
	int64_t snapshot_at;
	struct slice object;  /* key of the bytes, SLICE_NULL for none */
	struct bus_attr *attr; /* of a message */
	size_t attr_count;
	int64_t attempts;          /* from 1; 0 when given to quarantine_put: one more than the letter that stands there has */
	int64_t first_at, last_at; /* of the attempts, seconds since 1970 UTC; 0 = unknown */
	struct slice dropped_why;  /* said by whoever drops it; SLICE_NULL for nothing */
	int64_t dropped_at;
};
/* Attributes of a replayed message. */
#define LETTER_ATTR_ID "sargam_dead_letter"         /* "reason/name" of the letter that goes when it is usable */
#define LETTER_ATTR_ATTEMPTS "sargam_dead_attempts" /* how often it was tried before */
#define LETTER_ATTR_SINCE "sargam_dead_since"       /* and since when, RFC 3339 */
/* An attribute that belongs to one delivery, not to the message: no part of its name, not sent again. */
bool letter_attr_is_passing(struct slice key);
struct json;
/* The strings of a JSON object as attributes, at most BUS_ATTRS_MAX, owned by `arena`; their number. */
size_t letter_attrs_read(const struct json *attrs, struct arena *arena, struct bus_attr **out);
/* How often it counts as tried, at least 1. */
static inline int64_t letter_attempts(const struct letter *l)
{
	return l->attempts > 0 ? l->attempts : 1;
}
struct letters {
	struct letter *letter;
	size_t count, capacity;
};
void letters_add(struct letters *all, const struct letter *l, struct arena *arena);
/* "<reason>/<name>", or a prefix of it or of the name that fits one letter only; RC_NOT_FOUND names `dead list`. */
MUST_USE enum rc letters_find(const struct letters *all, struct slice which, struct arena *arena, struct letter *out,
                              struct err *err);

/* Name of a snapshot's letter. */
struct slice letter_snapshot_name(struct slice playlist_id, int64_t snapshot_at, struct arena *arena);

/* `body`: bytes to keep beside the letter (LETTER_MESSAGE, LETTER_IMPORT), SLICE_NULL for none.  *out_new = false when the same letter stands
 * there (it counts another attempt, but for LETTER_IMPORT) or was dropped before.  Durable on return. */
MUST_USE enum rc quarantine_put(struct store *store, const struct letter *letter, struct slice body, bool *out_new,
                                struct err *err);
/* A message as a letter: named by the hash of its data and of its attributes, but for those of one delivery. */
MUST_USE enum rc quarantine_put_message(struct store *store, const struct bus_message *m, const char *reason,
                                        const char *detail, struct err *err);
/* The name that letter has. */
void quarantine_message_name(const struct bus_message *m, char out_hex[static HASH_HEX_BYTES]);
/* Lines of an imported file, named by their content. */
MUST_USE enum rc quarantine_put_import(struct store *store, struct slice playlist_id, struct slice reason, struct slice name,
                                       struct slice detail, struct slice lines, struct err *err);
/* One letter by its full name; RC_NOT_FOUND. */
MUST_USE enum rc quarantine_get(struct store *store, struct slice reason, struct slice name, struct arena *arena,
                                struct letter *out, struct err *err);
/* May these be the reason and the name of a letter (each one part of a key)? */
bool letter_id_ok(struct slice reason, struct slice name);
/* Letters one by one in the order of reason and name, from behind the key `after` (SLICE_NULL: from the start), memory for one at
 * a time; `prefix` is "quarantine/" or the beginning of keys below it.  Ends early when `each` sets *out_stop. */
struct letter_visit {
	void *ctx;
	enum rc (*each)(void *ctx, const struct letter *l, bool *out_stop, struct err *err); /* `l` is gone afterwards */
};
MUST_USE enum rc quarantine_walk(struct store *store, struct slice prefix, struct slice after, const struct letter_visit *visit,
                                 struct err *err);
/* A copy owned by `arena`. */
struct letter letter_copy(const struct letter *l, struct arena *arena);
/* All letters, sorted by reason and name; those with no known form are listed with their key as detail. */
MUST_USE enum rc quarantine_list(struct store *store, struct arena *arena, struct letters *out, struct err *err);
MUST_USE enum rc quarantine_find(struct store *store, struct slice which, struct arena *arena, struct letter *out,
                                 struct err *err);
/* The bytes a letter speaks of, when they are one object. */
MUST_USE enum rc quarantine_body(struct store *store, const struct letter *letter, struct arena *arena, struct slice *out,
                                 struct err *err);
/* Take the letter (and its body) away. */
MUST_USE enum rc quarantine_remove(struct store *store, const struct letter *letter, struct err *err);
/* As remove, and remember that it was dropped. */
MUST_USE enum rc quarantine_drop(struct store *store, const struct letter *letter, struct err *err);
/* Remember that something was dropped that has no letter here. */
MUST_USE enum rc quarantine_forget(struct store *store, const struct letter *letter, struct err *err);
MUST_USE enum rc quarantine_is_dropped(struct store *store, const struct letter *letter, bool *out, struct err *err);

#endif
