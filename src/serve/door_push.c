#include "serve/door_push.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "raw/quarantine.h"
#include "serve/door.h"
#include "serve/envelope.h"
#include "serve/receipts.h"

#define RETRY_AFTER_MS 5000
#define LOOK_MS 50

struct door_push {
	struct door_push_options o;
	char *run_id;
	struct receipts *receipts;
	pthread_mutex_t lock;
	pthread_cond_t left;
	int busy;
};

/* --- places -------------------------------------------------------------------------------------------------- */

static bool stops(const struct door_push *d)
{
	return d->o.stop && *d->o.stop;
}

/* false: the time is up, or the service stops. */
static bool take_place(struct door_push *d)
{
	int64_t until_ns = clock_mono_ns(d->o.clock) + d->o.wait_ms * 1000000;
	(void) pthread_mutex_lock(&d->lock);
	while (d->busy >= d->o.at_once && !stops(d) && clock_mono_ns(d->o.clock) < until_ns)
		thread_wait(&d->left, &d->lock, LOOK_MS);
	bool taken = d->busy < d->o.at_once;
	d->busy += taken;
	(void) pthread_mutex_unlock(&d->lock);
	return taken;
}

static void leave_place(struct door_push *d)
{
	(void) pthread_mutex_lock(&d->lock);
	d->busy--;
	(void) pthread_cond_signal(&d->left);
	(void) pthread_mutex_unlock(&d->lock);
}

/* --- one message --------------------------------------------------------------------------------------------- */

static enum rc take_message(struct door_push *d, const struct bus_message *m, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(INGEST_MEMORY_BYTES);
	const struct ingest_options o = { .store = d->o.store, .clock = d->o.clock, .run_id = d->run_id, .page_limit_bytes = d->o.page_limit_bytes };
	struct ingest_result result = { 0 };
	struct state_receipt receipt;
	TRY(ingest_effect(&o, m, &arena, &receipt, &result, err));
	metric_add(METRIC_snapshots_completed, result.completed);
	if (result.completed && d->o.on_complete) /* now: delivered again it makes nothing complete any more */
		d->o.on_complete(d->o.ctx, receipt.playlist_id);
	return receipt.key.ptr && d->receipts ? receipts_add(d->receipts, &receipt, err) : RC_OK;
}

/* The whole body: what is wrong with it can be anywhere in it. */
static enum rc keep(struct door_push *d, const struct server_request *rq, const struct envelope *envelope, const char *why, struct err *err)
{
	struct bus_message letter = envelope->message;
	letter.data = rq->body;
	log_warn("push", "message %.*s: bad_envelope: %s (`sargam dead list`)", SLICE_FMT(letter.id), why);
	return quarantine_put_message(d->o.store, &letter, "bad_envelope", why, err);
}

static const char *header_of(const void *ctx, const char *name)
{
	return server_header(ctx, name);
}

/* RC_REJECT: it is no envelope. */
static enum rc work(struct door_push *d, const struct server_request *rq, bool unwrapped, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ENVELOPE_ARENA_BYTES);
	struct envelope envelope;
	struct err why = { 0 };
	enum rc rc = unwrapped ? envelope_read_unwrapped(rq->body, header_of, rq, &arena, &envelope, &why)
	                       : envelope_read(rq->body, &arena, &envelope, &why);
	if (rc != RC_OK && !envelope.is_push)
		return err_set(err, RC_REJECT, "%s", why.msg);
	rc = rc == RC_OK ? take_message(d, &envelope.message, err) : keep(d, rq, &envelope, why.msg, err);
	if (rc != RC_OK)
		log_warn("push", "message %.*s is given back: %s", SLICE_FMT(envelope.message.id), err->msg);
	return rc == RC_OK || rc == RC_RETRY ? rc : RC_FATAL;
}

static void answer(const struct server_request *rq, struct server_reply *reply, enum rc rc, const struct err *err)
{
	if (rc != RC_REJECT)
		metric_add(rc == RC_OK ? METRIC_messages_acked : METRIC_messages_nacked, 1);
	if (rc == RC_OK)
		reply->status = 204;
	else if (rc == RC_RETRY)
		door_later(rq, reply, err->retry_after_ms ? err->retry_after_ms : RETRY_AFTER_MS, "the message could not be stored: deliver it again");
	else if (rc == RC_REJECT)
		door_error(rq, reply, 400, err->msg);
	else
		door_error(rq, reply, 500, "the message could not be stored: see the service's log");
}

bool door_push_handle(struct door_push *d, const struct server_request *rq, struct server_reply *reply)
{
	struct err err = { 0 };
	if (strcmp(rq->path, DOOR_PUSH_PATH) != 0)
		return false;
	if (door_wrong_method(rq, reply, "POST"))
		return true;
	bool unwrapped = envelope_is_unwrapped(header_of, rq);
	if (rq->body.len > ENVELOPE_BYTES_MAX) {
		door_error(rq, reply, 413, "the body is larger than any message of Pub/Sub");
	} else if (!unwrapped && !door_has_type(rq, "application/json")) {
		door_error(rq, reply, 415, "want an envelope as application/json, or an unwrapped message with its metadata as headers (writeMetadata)");
	} else if (!take_place(d)) {
		door_later(rq, reply, RETRY_AFTER_MS, "too many messages at once");
	} else {
		enum rc rc = work(d, rq, unwrapped, &err);
		leave_place(d);
		answer(rq, reply, rc, &err);
	}
	return true;
}

/* --- life ---------------------------------------------------------------------------------------------------- */

struct door_push *door_push_open(const struct door_push_options *options)
{
	assert(options->at_once > 0 && options->wait_ms >= 0);
	struct door_push *d = mem_alloc(sizeof *d);
	*d = (struct door_push){ .o = *options, .run_id = mem_strdup(options->run_id) };
	d->receipts = options->state ? receipts_open(options->state) : NULL;
	int failed = pthread_mutex_init(&d->lock, NULL) | pthread_cond_init(&d->left, NULL);
	assert(!failed);
	return d;
}

void door_push_close(struct door_push *d)
{
	if (!d)
		return;
	receipts_close(d->receipts);
	(void) pthread_cond_destroy(&d->left);
	(void) pthread_mutex_destroy(&d->lock);
	mem_free(d->run_id);
	mem_free(d);
}
