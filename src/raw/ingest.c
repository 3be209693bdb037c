#include "raw/ingest.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "base/time.h"
#include "raw/extract.h"
#include "raw/key.h"
#include "raw/manifest.h"
#include "raw/mend.h"
#include "raw/quarantine.h"
#include "raw/snapshot.h"

#define PULL_MESSAGES 100
#define PULL_BYTES ((size_t) 32 << 20)
#define POLL_MS 200
#define LEASE_S_MAX 600
#define PULL_MEMORY_BYTES (2 * PULL_BYTES + 2 * (size_t) BUS_MESSAGE_BYTES_MAX)

/* What a message says it is, checked. */
struct parcel {
	const struct bus_message *m;
	struct slice type, playlist_id;
	int64_t snapshot_at, page;
	char sha256[HASH_HEX_BYTES];
	struct slice key; /* of the object its data becomes */
};

static enum rc unusable(struct err *err, const char **out_reason, const char *reason, const char *detail)
{
	*out_reason = reason;
	return err_set(err, RC_REJECT, "%s", detail);
}

/* RC_REJECT with a reason when the message contradicts itself or breaks a limit. */
static enum rc open_parcel(const struct ingest_options *o, const struct bus_message *m, struct arena *arena,
                           struct parcel *out, const char **out_reason, struct err *err)
{
	*out = (struct parcel){ .m = m, .type = bus_attr_get(m, "type"), .playlist_id = bus_attr_get(m, "playlist_id") };
	if (!playlist_id_ok(out->playlist_id))
		return unusable(err, out_reason, "bad_attributes", "attribute playlist_id is missing or no playlist id");
	if (!time_parse_rfc3339(bus_attr_get(m, "snapshot_at"), &out->snapshot_at))
		return unusable(err, out_reason, "bad_attributes", "attribute snapshot_at is missing or no time");
	struct slice version = bus_attr_get(m, "schema_version");
	if (version.ptr && !slice_is(version, "1"))
		return unusable(err, out_reason, "schema_version", "attribute schema_version is not 1: a newer sargam sent this");
	if (m->data.len > o->page_limit_bytes && !slice_is(out->type, "snapshot_complete"))
		return unusable(err, out_reason, "too_large", "the body is over page_limit_bytes");
	hash_sha256_hex(m->data, out->sha256);
	struct slice sha256 = bus_attr_get(m, "sha256"), bytes = bus_attr_get(m, "bytes");
	if (sha256.ptr && !slice_is(sha256, out->sha256))
		return unusable(err, out_reason, "sha256_mismatch", "the body's sha256 is not the one its attribute names");
	int64_t count;
	if (bytes.ptr && (!slice_to_int(bytes, &count) || count != (int64_t) m->data.len))
		return unusable(err, out_reason, "sha256_mismatch", "the body's length is not the one its attribute names");
	if (slice_is(out->type, "playlist_page")) {
		if (!slice_to_int(bus_attr_get(m, "page"), &out->page) || out->page < 0 || out->page > 99999)
			return unusable(err, out_reason, "bad_attributes", "attribute page is missing or not 0 to 99999");
		out->key = raw_page_key(out->playlist_id, out->snapshot_at, out->page, out->sha256, arena);
	} else if (slice_is(out->type, "playlist")) {
		out->key = raw_playlist_key(out->playlist_id, out->snapshot_at, out->sha256, arena);
	} else {
		struct manifest manifest;
		enum rc rc = manifest_parse(m->data, arena, &manifest, err);
		*out_reason = "bad_manifest";
		if (rc != RC_OK)
			return rc;
		if (!slice_eq(manifest.playlist_id, out->playlist_id) || manifest.snapshot_at != out->snapshot_at)
			return unusable(err, out_reason, "bad_manifest", "the manifest speaks of another snapshot than its attributes");
		out->key = raw_manifest_key(out->playlist_id, out->snapshot_at, 0, arena);
	}
	return RC_OK;
}

/* Does the manifest that counts speak of this object, or is it the manifest? */
static enum rc is_named(struct store *store, const struct raw_snapshot *s, struct slice key, bool *out, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(32 * MANIFEST_BYTES_MAX);
	struct manifest m;
	TRY(raw_manifest_read(store, s, &scratch, &m, err));
	*out = slice_eq(key, raw_manifest_key(s->playlist_id, s->snapshot_at, s->revision, &scratch)) ||
	       (m.has_playlist && slice_eq(key, manifest_playlist_key(&m, &scratch)));
	for (size_t i = 0; !*out && i < m.page_count; i++)
		*out = slice_eq(key, manifest_page_key(&m, i, &scratch));
	return RC_OK;
}

/* Whoever puts an object looks whether that made its snapshot complete. */
static enum rc look_complete(const struct ingest_options *o, const struct parcel *p, struct ingest_result *out,
                             struct err *err)
{
	struct raw_snapshot s;
	if (!slice_is(p->type, "snapshot_complete")) { /* a page before its manifest: the usual order, one cheap question */
		CLEANUP(arena_done) struct arena scratch = arena_new(2 * MANIFEST_BYTES_MAX);
		struct slice ignored;
		enum rc rc = store_get(o->store, raw_manifest_key(p->playlist_id, p->snapshot_at, 0, &scratch), &scratch,
		                       &ignored, NULL, err);
		if (rc != RC_OK)
			return rc == RC_NOT_FOUND ? RC_OK : rc;
	}
	enum rc rc = raw_snapshot_look(o->store, p->playlist_id, p->snapshot_at, &s, err);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	bool named = false; /* an object of another extraction of the same second changes nothing */
	if (s.complete)
		TRY(is_named(o->store, &s, p->key, &named, err));
	if (named) {
		out->completed++;
		log_debug("ingest", "%.*s at %s is complete", SLICE_FMT(p->playlist_id), time_rfc3339(p->snapshot_at).s);
	}
	return RC_OK;
}

static enum rc quarantine(const struct ingest_options *o, const struct bus_message *m, const char *reason,
                          const char *detail, struct ingest_result *out, struct err *err)
{
	log_warn("ingest", "message %.*s: %s: %s (`sargam dead list`)", SLICE_FMT(m->id), reason, detail);
	TRY(quarantine_put_message(o->store, m, reason, detail, err));
	TRY(mend_answer(o->store, m, reason, err));
	out->quarantined++;
	return RC_OK;
}

static bool ours(struct slice type)
{
	return slice_is(type, "playlist_page") || slice_is(type, "playlist") || slice_is(type, "snapshot_complete");
}

static struct slice run_of(const struct ingest_options *o, const struct bus_message *m)
{
	struct slice named = bus_attr_get(m, "run_id");
	return named.ptr ? named : slice_of(o->run_id);
}

/* Lines about a message name it, the run that published it and its playlist. */
static struct log_context log_message(const struct ingest_options *o, const struct bus_message *m)
{
	struct slice playlist_id = bus_attr_get(m, "playlist_id");
	return log_context(run_of(o, m), playlist_id.ptr ? playlist_id : SLICE(""), m->id);
}

enum rc ingest_effect(const struct ingest_options *o, const struct bus_message *m, struct arena *arena,
                      struct state_receipt *out_receipt, struct ingest_result *out, struct err *err)
{
	CLEANUP(log_restorep) UNUSED struct log_context before = log_message(o, m);
	out->received++;
	*out_receipt = (struct state_receipt){ 0 };
	metric_add(METRIC_messages_received, 1);
	if (!ours(bus_attr_get(m, "type"))) {
		out->skipped++;
		return RC_OK;
	}
	struct parcel p;
	struct err why = { 0 };
	const char *reason = "unusable";
	enum rc rc = open_parcel(o, m, arena, &p, &reason, &why);
	if (rc == RC_REJECT)
		return quarantine(o, m, reason, why.msg, out, err);
	bool created;
	rc = store_put_if_absent(o->store, p.key, m->data.ptr ? m->data : SLICE(""), &created, &why);
	if (rc == RC_REJECT) /* the first one wins */
		return quarantine(o, m, slice_is(p.type, "snapshot_complete") ? "conflicting_manifest" : "conflicting_object",
		                  why.msg, out, err);
	if (rc != RC_OK) {
		if (err)
			*err = why;
		return err_wrap(err, rc, "put %.*s", SLICE_FMT(p.key));
	}
	TRY(mend_answer(o->store, m, NULL, err));
	*out_receipt = (struct state_receipt){
		.message_id = m->id,
		.run_id = run_of(o, m),
		.playlist_id = p.playlist_id,
		.snapshot_at = p.snapshot_at,
		.kind = p.type,
		.key = p.key,
		.sha256 = arena_copy(arena, slice_of(p.sha256)),
		.bytes = (int64_t) m->data.len,
	};
	if (!created) {
		out->twice++;
		return RC_OK;
	}
	out->objects++;
	metric_add(METRIC_objects_written, 1);
	return look_complete(o, &p, out, err);
}

enum rc ingest_check(size_t page_limit_bytes, const struct bus_message *m, const char **out_reason, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(INGEST_MEMORY_BYTES);
	const struct ingest_options o = { .page_limit_bytes = page_limit_bytes };
	struct parcel p;
	*out_reason = "not_ours";
	if (!ours(bus_attr_get(m, "type")))
		return err_set(err, RC_REJECT, "attribute type is not playlist_page, playlist or snapshot_complete: it would be skipped");
	*out_reason = "unusable";
	return open_parcel(&o, m, &scratch, &p, out_reason, err);
}

enum rc ingest_message(const struct ingest_options *o, const struct bus_message *m, struct ingest_result *out,
                       struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(INGEST_MEMORY_BYTES);
	struct state_receipt receipt = { 0 };
	TRY(ingest_effect(o, m, &scratch, &receipt, out, err));
	if (receipt.key.ptr && o->state)
		TRY(state_receipts_add(o->state, &receipt, 1, err));
	return RC_OK;
}

/* One delivery of a batch: its own memory and its own counts, so that several can be worked on at once. */
struct slot {
	const struct ingest_options *o;
	const struct bus_delivery *delivery;
	struct arena arena;
	struct state_receipt receipt;
	struct ingest_result counts;
	bool done, refused;
	struct err why; /* refused */
};

static enum rc work_slot(void *ctx, size_t i, struct err *err)
{
	struct slot *s = (struct slot *) ctx + i;
	if (s->done)
		return RC_OK;
	arena_reset(&s->arena);
	s->counts = (struct ingest_result){ 0 };
	s->receipt = (struct state_receipt){ 0 };
	enum rc rc = ingest_effect(s->o, &s->delivery->message, &s->arena, &s->receipt, &s->counts, err);
	s->done = rc == RC_OK;
	if (rc == RC_RETRY && s->o->hold) { /* the others are tried, too: is it this message's trouble or the store's? */
		s->refused = true;
		s->why = *err;
		return RC_OK;
	}
	return rc;
}

static size_t count_done(const struct slot *slot, size_t count)
{
	size_t done = 0;
	for (size_t i = 0; i < count; i++)
		done += slot[i].done;
	return done;
}

/* The first that was refused. */
static enum rc refusal(const struct slot *slot, size_t count, struct err *out_why)
{
	for (size_t i = 0; i < count; i++)
		if (slot[i].refused && !slot[i].done) {
			*out_why = slot[i].why;
			return RC_RETRY;
		}
	return RC_OK;
}

/* The effects of all, as far as they can be had.  Once one could be stored, the others' trouble is their own. */
static enum rc work_slots(struct slot *slot, size_t count, const struct ingest_options *o, struct err *out_why)
{
	for (;;) {
		struct slice ack_id[PULL_MESSAGES];
		TRY(thread_each(count, o->threads, work_slot, slot, out_why));
		enum rc rc = refusal(slot, count, out_why);
		if (rc == RC_OK || count_done(slot, count) > 0)
			return rc;
		for (size_t i = 0; i < count; i++)
			ack_id[i] = slot[i].delivery->ack_id;
		(void) !bus_modify_deadline(o->bus, SUBSCRIPTION, ack_id, count, LEASE_S_MAX, NULL); /* on a full disk that may fail, too */
		if (!o->hold(o->ctx, out_why))
			return rc;
	}
}

static void add_counts(struct ingest_result *sum, const struct ingest_result *one)
{
	sum->received += one->received;
	sum->objects += one->objects;
	sum->twice += one->twice;
	sum->skipped += one->skipped;
	sum->quarantined += one->quarantined;
	sum->completed += one->completed;
}

/* Two that put the last objects of a snapshot at once both find it complete. */
static bool seen_complete(const struct slot *slot, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (slot[k].counts.completed && slot[k].receipt.snapshot_at == slot[i].receipt.snapshot_at &&
		    slice_eq(slot[k].receipt.playlist_id, slot[i].receipt.playlist_id))
			return true;
	return false;
}

/* Effects (side by side: they wait for the disk, not for each other), then receipts, then the acknowledgement: what is done of a
 * batch that stops midway is acknowledged too. */
static enum rc work_batch(struct slot *slot, size_t count, const struct ingest_options *o, struct ingest_result *out,
                          struct err *err)
{
	struct state_receipt receipt[PULL_MESSAGES];
	struct slice ack_id[PULL_MESSAGES], back[PULL_MESSAGES];
	size_t receipts = 0, done = 0, undone = 0;
	struct err why = { 0 };
	enum rc rc = work_slots(slot, count, o, &why);
	for (size_t i = 0; i < count; i++) {
		if (seen_complete(slot, i))
			slot[i].counts.completed = 0;
		metric_add(METRIC_snapshots_completed, slot[i].counts.completed);
		add_counts(out, &slot[i].counts);
		if (slot[i].done && slot[i].receipt.key.ptr)
			receipt[receipts++] = slot[i].receipt;
		if (slot[i].done)
			ack_id[done++] = slot[i].delivery->ack_id;
		else
			back[undone++] = slot[i].delivery->ack_id;
	}
	if (receipts && o->state)
		TRY_WRAP(state_receipts_add(o->state, receipt, receipts, err), err, "receipts");
	TRY_WRAP(bus_ack(o->bus, SUBSCRIPTION, ack_id, done, err), err, "acknowledge");
	metric_add(METRIC_messages_acked, (int64_t) done);
	if (rc == RC_OK)
		return RC_OK;
	/* given back at once; when that fails too they come back by themselves */
	(void) !bus_modify_deadline(o->bus, SUBSCRIPTION, back, undone, 0, NULL);
	metric_add(METRIC_messages_nacked, (int64_t) undone);
	if (err)
		*err = why;
	return rc;
}

static enum rc take_batch(const struct ingest_options *o, const struct bus_delivery *d, size_t count,
                          struct ingest_result *out, struct err *err)
{
	CLEANUP(mem_freep) struct slot *slot = mem_alloc_array(count, sizeof *slot);
	for (size_t i = 0; i < count; i++)
		slot[i] = (struct slot){ .o = o, .delivery = &d[i], .arena = arena_new(INGEST_MEMORY_BYTES) };
	enum rc rc = work_batch(slot, count, o, out, err);
	for (size_t i = 0; i < count; i++)
		arena_done(&slot[i].arena);
	return rc;
}

/* What the bus gave up on must be seen by somebody. */
static enum rc drain_dead(const struct ingest_options *o, struct ingest_result *out, struct err *err)
{
	for (;;) {
		CLEANUP(arena_done) struct arena scratch = arena_new(PULL_MEMORY_BYTES);
		struct bus_delivery *d;
		size_t count;
		enum rc rc = bus_pull(o->bus, DEAD_SUBSCRIPTION, PULL_MESSAGES, PULL_BYTES, &scratch, &d, &count, err);
		if (rc == RC_NOT_FOUND)
			return RC_OK;
		TRY(rc);
		if (count == 0)
			return RC_OK;
		struct slice ack_id[PULL_MESSAGES];
		for (size_t i = 0; i < count; i++) {
			CLEANUP(log_restorep) UNUSED struct log_context before = log_message(o, &d[i].message);
			TRY(quarantine(o, &d[i].message, "undeliverable", "the bus gave up after delivery_attempts_max attempts", out,
			               err));
			ack_id[i] = d[i].ack_id;
		}
		TRY(bus_ack(o->bus, DEAD_SUBSCRIPTION, ack_id, count, err));
	}
}

/* Nothing is due: is something still to come?  *out_wait_ms = 0 when the subscription is drained. */
static enum rc still_to_come(const struct ingest_options *o, int64_t *out_wait_ms, struct err *err)
{
	struct bus_stats stats;
	TRY(bus_stats(o->bus, SUBSCRIPTION, &stats, err));
	*out_wait_ms = 0;
	if (stats.waiting && stats.next_delivery_ms >= 0)
		*out_wait_ms = stats.next_delivery_ms < POLL_MS ? POLL_MS : stats.next_delivery_ms;
	else if (stats.leased)
		*out_wait_ms = POLL_MS;
	return RC_OK;
}

/* One pull and its effects. */
static enum rc pull_batch(const struct ingest_options *o, struct ingest_result *out, bool *out_any, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(PULL_MEMORY_BYTES);
	struct bus_delivery *d;
	size_t count;
	TRY_WRAP(bus_pull(o->bus, SUBSCRIPTION, PULL_MESSAGES, PULL_BYTES, &scratch, &d, &count, err), err, "pull from %s", SUBSCRIPTION);
	*out_any = count > 0;
	if (count)
		TRY_WRAP(take_batch(o, d, count, out, err), err, "ingest");
	return RC_OK;
}

enum rc ingest_some(const struct ingest_options *o, struct ingest_result *out, bool *out_any, struct err *err)
{
	*out_any = false;
	TRY(pull_batch(o, out, out_any, err));
	return *out_any ? RC_OK : drain_dead(o, out, err);
}

enum rc ingest_run(const struct ingest_options *o, struct ingest_result *out, struct err *err)
{
	*out = (struct ingest_result){ 0 };
	int64_t waited_ms = 0;
	bool told = false;
	for (;;) {
		if (o->stop && *o->stop)
			return err_set(err, RC_RETRY, "stopped: run the command again to go on");
		bool any;
		TRY(pull_batch(o, out, &any, err));
		if (any) {
			waited_ms = 0;
			if (o->on_progress)
				o->on_progress(o->ctx, (size_t) out->received, 0);
			continue;
		}
		int64_t wait_ms;
		TRY(still_to_come(o, &wait_ms, err));
		if (wait_ms == 0)
			return drain_dead(o, out, err);
		if (waited_ms + wait_ms > o->wait_ms_max)
			return err_set(err, RC_RETRY,
			               "messages of %s are still leased by another consumer or backing off: run `sargam ingest` later",
			               SUBSCRIPTION);
		if (!told)
			log_info("ingest", "waiting for messages another consumer holds or that are backing off");
		told = true;
		clock_sleep_unless(o->clock, wait_ms, o->stop);
		waited_ms += wait_ms;
	}
}
