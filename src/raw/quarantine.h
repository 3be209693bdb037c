/* Quarantine: what could not be used, with its reason and bytes; can be listed, shown, replayed, dropped.
 *
 *	quarantine/<reason>/<name>.json   the letter: reason, detail, kind, where its bytes are
 *	quarantine/<reason>/<name>.body   bytes that lie nowhere else (a message's data, lines of an imported file)
 *	dropped/<reason>/<name>.json      a letter somebody dropped: it does not come back
 *
 * The name is made of the content, so the same thing put twice is one letter.  Raw bytes a letter speaks of stay in raw/. */
#ifndef RAW_QUARANTINE_H
#define RAW_QUARANTINE_H

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
};
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
 * there or was dropped before.  Durable on return. */
MUST_USE enum rc quarantine_put(struct store *store, const struct letter *letter, struct slice body, bool *out_new,
                                struct err *err);
/* A message as a letter: named by the hash of its attributes and data. */
MUST_USE enum rc quarantine_put_message(struct store *store, const struct bus_message *m, const char *reason,
                                        const char *detail, struct err *err);
/* Lines of an imported file, named by their content. */
MUST_USE enum rc quarantine_put_import(struct store *store, struct slice playlist_id, struct slice reason, struct slice name,
                                       struct slice detail, struct slice lines, struct err *err);
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
