/* Mended messages: what a letter's message is to be instead.  Nothing is edited in place: each mend is a revision beside the
 * letter, and the original's bytes stay when the letter has gone.
 *
 *	mended/<reason>/<name>/rev-<N>.json     attributes, and which bytes; the highest revision counts
 *	mended/<reason>/<name>/<sha16>.body     the bytes of a mend, and the original's
 *
 * JSON: {"revision":N,"attributes":{…},"data":{"bytes":…,"sha256":…},"original":{"bytes":…,"sha256":…}}. */
#ifndef RAW_MEND_H
#define RAW_MEND_H

#include "raw/quarantine.h"

/* The message of a letter of kind LETTER_MESSAGE as it should be sent: its latest mend, or itself (*out_revision = 0).  Without the
 * attributes of one delivery.  Owned by `arena`; bytes that do not fit are RC_REJECT. */
MUST_USE enum rc mend_read(struct store *store, const struct letter *l, struct arena *arena, struct bus_message *out,
                           int64_t *out_revision, struct err *err);
/* Makes `m` the revision behind `based_on`.  RC_OK too when the latest one says the same already; RC_REJECT when somebody
 * else mended it meanwhile, in another way.  Durable on return; a death midway leaves bytes nobody names, and once more does it. */
MUST_USE enum rc mend_put(struct store *store, const struct letter *l, const struct bus_message *m, int64_t based_on,
                          int64_t *out_revision, struct err *err);
/* A replayed message has come through: the letter it names is answered and goes, if it would still send this very message (else
 * somebody mended it meanwhile).  `reason`: it was bad again, for this reason, and has a letter; its own stays.  NULL: it was
 * usable.  Whoever takes a message does this before acknowledging, so that replay needs to take nothing away. */
MUST_USE enum rc mend_answer(struct store *store, const struct bus_message *m, const char *reason, struct err *err);
/* Same data and attributes, in whatever order. */
bool mend_is_same(const struct bus_message *a, const struct bus_message *b);

#endif
