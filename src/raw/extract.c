#include "raw/extract.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/time.h"
#include "bronze/reader.h"
#include "raw/key.h"
#include "raw/manifest.h"
#include "raw/quarantine.h"
#include "raw/snapshot.h"

#define BATCH_BYTES ((size_t) 8 << 20) /* bodies held before they are published together */
#define BATCH_MESSAGES 500
#define PEEK_FACTOR 64                 /* memory a page may need while it is looked at, per byte */
#define ATTRS_MAX 12

/* One snapshot on its way: messages of the batch, and the manifest that grows with each page. */
struct shot {
	const struct extract_options *o;
	struct extract_result *result;
	struct arena batch;   /* bodies and attributes of messages not yet published */
	struct arena facts;   /* what the manifest needs, for the whole snapshot */
	struct bus_message *message;
	size_t message_count;
	size_t batch_bytes;
	struct manifest manifest;
	size_t page_cap;
	struct slice *warning;
	size_t warning_cap;
	int64_t items;
	bool unreadable;
	bool sink_failed, source_failed; /* who ended the fetch */
};

static void shot_done(struct shot *s)
{
	arena_done(&s->batch);
	arena_done(&s->facts);
	mem_free(s->message);
	mem_free(s->manifest.page);
	mem_free(s->warning);
}

static enum rc flush(struct shot *s, struct err *err)
{
	if (s->message_count)
		TRY_WRAP(bus_publish(s->o->bus, TOPIC, s->message, s->message_count, &s->batch, err), err, "publish to %s",
		         TOPIC);
	s->message_count = 0;
	s->batch_bytes = 0;
	arena_reset(&s->batch);
	return RC_OK;
}

static void attr_add(struct bus_message *m, struct shot *s, const char *key, struct slice value)
{
	assert(m->attr_count < ATTRS_MAX);
	m->attr[m->attr_count++] = (struct bus_attr){ slice_of(key), arena_copy(&s->batch, value) };
}

static void attr_add_int(struct bus_message *m, struct shot *s, const char *key, int64_t value)
{
	attr_add(m, s, key, arena_printf(&s->batch, "%lld", (long long) value));
}

/* The message stays valid until the next flush. */
static enum rc add_message(struct shot *s, const char *type, struct slice body, const char *sha256,
                           struct bus_message **out, struct err *err)
{
	if (body.len > BUS_MESSAGE_BYTES_MAX)
		return err_set(err, RC_REJECT, "%s of %zu bytes: a message holds %d", type, body.len, BUS_MESSAGE_BYTES_MAX);
	if (s->message_count == BATCH_MESSAGES || (s->message_count && s->batch_bytes + body.len > BATCH_BYTES))
		TRY(flush(s, err));
	struct bus_message *m = &s->message[s->message_count++];
	s->batch_bytes += body.len;
	*m = (struct bus_message){ .data = arena_copy(&s->batch, body.ptr ? body : SLICE("")) };
	m->attr = arena_alloc_array(&s->batch, ATTRS_MAX, sizeof *m->attr);
	attr_add(m, s, "type", slice_of(type));
	attr_add(m, s, "playlist_id", s->manifest.playlist_id);
	attr_add(m, s, "snapshot_at", slice_of(time_rfc3339(s->manifest.snapshot_at).s));
	attr_add(m, s, "run_id", slice_of(s->o->run_id));
	attr_add(m, s, "schema_version", SLICE("1"));
	attr_add(m, s, "sha256", slice_of(sha256));
	attr_add_int(m, s, "bytes", (int64_t) body.len);
	*out = m;
	return RC_OK;
}

static void warn(void *ctx, const char *text)
{
	struct shot *s = ctx;
	if (s->manifest.warning_count == s->warning_cap) {
		s->warning_cap = s->warning_cap ? 2 * s->warning_cap : 8;
		s->warning = mem_realloc(s->warning, s->warning_cap * sizeof *s->warning);
	}
	s->warning[s->manifest.warning_count++] = arena_copy(&s->facts, slice_of(text));
	s->manifest.warning = s->warning;
}

static void origin(void *ctx, struct slice json)
{
	struct shot *s = ctx;
	s->manifest.origin = arena_copy(&s->facts, json);
}

static void note_snapshot_id(struct shot *s, struct slice id, bool first)
{
	if (!id.ptr)
		return;
	struct manifest *m = &s->manifest;
	if (first)
		m->snapshot_id_first = arena_copy(&s->facts, id);
	if (!m->snapshot_id_last.ptr || !slice_eq(m->snapshot_id_last, id))
		m->snapshot_id_last = arena_copy(&s->facts, id);
}

static enum rc add_page(struct shot *s, int64_t number, struct slice body, struct err *err)
{
	struct manifest *m = &s->manifest;
	if (number != (int64_t) m->page_count || number >= s->o->pages_max)
		return err_set(err, RC_REJECT, "page %lld: pages must come in order and be at most %lld (pages_max)",
		               (long long) number, (long long) s->o->pages_max);
	if (m->page_count == s->page_cap) {
		s->page_cap = s->page_cap ? 2 * s->page_cap : 8;
		m->page = mem_realloc(m->page, s->page_cap * sizeof *m->page);
	}
	CLEANUP(arena_done) struct arena scratch = arena_new(PEEK_FACTOR * body.len + (1 << 20));
	struct page peek = { 0 };
	page_peek(body, &peek, &scratch);
	struct manifest_page *p = &m->page[m->page_count++];
	*p = (struct manifest_page){ .page = number, .bytes = (int64_t) body.len };
	hash_sha256_hex(body, p->sha256);
	if (peek.reason) {
		s->unreadable = true; /* kept all the same: raw is the truth, bronze says what is wrong */
	} else {
		p->has_offset = true;
		p->offset = peek.offset.has ? peek.offset.value : 0;
		p->items = peek.items;
		s->items += peek.items;
		s->result->items += peek.items;
	}
	if (number == 0) {
		m->has_total = peek.total.has;
		m->total = peek.total.value;
	}
	note_snapshot_id(s, peek.playlist.snapshot_id, number == 0);
	struct bus_message *msg;
	TRY(add_message(s, "playlist_page", body, p->sha256, &msg, err));
	attr_add_int(msg, s, "page", number);
	if (p->has_offset)
		attr_add_int(msg, s, "offset", p->offset);
	attr_add(msg, s, "shape", peek.shape_items ? SLICE("items") : SLICE("tracks"));
	s->result->pages++;
	s->result->bytes += (int64_t) body.len;
	metric_add(METRIC_pages_extracted, 1);
	metric_add(METRIC_bytes_extracted, (int64_t) body.len);
	return RC_OK;
}

static enum rc take_object(struct shot *s, enum source_object kind, int64_t page, struct slice body, struct err *err)
{
	if (body.len > s->o->page_limit_bytes)
		return err_set(err, RC_REJECT, "%zu bytes are over the limit of %zu (page_limit_bytes)", body.len,
		               s->o->page_limit_bytes);
	if (kind == SOURCE_PAGE)
		return add_page(s, page, body, err);
	struct manifest *m = &s->manifest;
	m->has_playlist = true;
	m->playlist_bytes = (int64_t) body.len;
	hash_sha256_hex(body, m->playlist_sha256);
	CLEANUP(json_freep) struct json *root = NULL;
	if (json_parse(body, &root, NULL) == RC_OK)
		note_snapshot_id(s, json_get_string(root, "snapshot_id"), !m->snapshot_id_first.ptr);
	struct bus_message *msg;
	return add_message(s, "playlist", body, m->playlist_sha256, &msg, err);
}

static enum rc on_object(void *ctx, enum source_object kind, int64_t page, struct slice body, struct err *err)
{
	struct shot *s = ctx;
	enum rc rc = take_object(s, kind, page, body, err);
	s->sink_failed = rc != RC_OK;
	return rc;
}

/* Remarks every source deserves; a smaller shortfall than bronze refuses is kept with a warning. */
static void remark(struct shot *s)
{
	struct manifest *m = &s->manifest;
	char text[200];
	if (m->has_total && !s->unreadable && s->items < m->total) {
		(void) snprintf(text, sizeof text, "%lld items of a total of %lld (hidden items are counted in total)",
		                (long long) s->items, (long long) m->total);
		warn(s, text);
	}
	if (m->snapshot_id_first.ptr && m->snapshot_id_last.ptr && !slice_eq(m->snapshot_id_first, m->snapshot_id_last))
		warn(s, "snapshot_id changed between the first and the last page");
}

static void last_id(void *ctx, struct slice snapshot_id)
{
	note_snapshot_id(ctx, snapshot_id, false);
}

static enum rc take(struct shot *s, struct err *err)
{
	const struct source_sink sink = { .ctx = s, .object = on_object, .warn = warn, .origin = origin, .last_id = last_id };
	struct manifest *m = &s->manifest;
	enum rc rc = source_fetch(s->o->source, m->playlist_id, m->snapshot_at, &sink, err);
	s->source_failed = rc != RC_OK && !s->sink_failed;
	TRY(rc);
	if (m->page_count == 0)
		return err_set(err, RC_REJECT, "the snapshot has no page");
	remark(s);
	CLEANUP(buf_done) struct buf text = buf_new(MANIFEST_BYTES_MAX);
	manifest_write(m, &text);
	TRY(buf_ok(&text, "manifest", err));
	char sha256[HASH_HEX_BYTES];
	hash_sha256_hex(buf_slice(&text), sha256);
	struct bus_message *msg;
	TRY(add_message(s, "snapshot_complete", buf_slice(&text), sha256, &msg, err));
	attr_add_int(msg, s, "pages", (int64_t) m->page_count);
	return flush(s, err);
}

/* A live source that cannot read a playlist today cannot tomorrow: one letter for all days. */
static struct letter failure_letter(const struct shot *s, const char *why, struct arena *arena)
{
	const struct manifest *m = &s->manifest;
	bool live = source_is_live(s->o->source);
	return (struct letter){
		.reason = SLICE("extract_failed"),
		.name = live ? m->playlist_id : letter_snapshot_name(m->playlist_id, m->snapshot_at, arena),
		.detail = slice_of(why),
		.kind = LETTER_EXTRACT,
		.playlist_id = m->playlist_id,
		.has_snapshot_at = !live,
		.snapshot_at = live ? 0 : m->snapshot_at,
		.last_at = s->o->clock ? clock_now_ms(s->o->clock) / 1000 : 0,
	};
}

/* Not lost silently: a letter for people, a message for whoever listens. */
static enum rc report_failure(struct shot *s, const char *why, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	const struct letter l = failure_letter(s, why, &scratch);
	bool is_new;
	TRY(quarantine_put(s->o->store, &l, SLICE_NULL, &is_new, err));
	s->message_count = 0; /* its pages were not published yet, or will be ignored without a manifest */
	s->batch_bytes = 0;
	s->result->failed++;
	if (!is_new)
		return RC_OK;
	char sha256[HASH_HEX_BYTES];
	hash_sha256_hex(slice_of(why), sha256);
	struct bus_message *msg;
	TRY(add_message(s, "extract_failed", slice_of(why), sha256, &msg, err));
	return flush(s, err);
}

/* Another run goes on with it; the first reason is as good as all. */
static enum rc defer(struct extract_result *out, const struct err *why)
{
	if (strcmp(out->deferred_why, why->msg) != 0)
		log_warn("extract", "deferred: %s", why->msg);
	if (out->deferred++ == 0)
		(void) snprintf(out->deferred_why, sizeof out->deferred_why, "%s", why->msg);
	if (why->retry_after_ms > out->retry_after_ms)
		out->retry_after_ms = why->retry_after_ms;
	metric_add(METRIC_playlists_deferred, 1);
	return RC_OK;
}

/* A live source has waited already; only a stop or a fault on our side ends the stage. */
static bool is_deferral(const struct extract_options *o, enum rc rc)
{
	return rc == RC_RETRY && source_is_live(o->source) && !(o->stop && *o->stop);
}

/* Durable on the bus: the source may let go of what it kept, and a letter of former days is out of date. */
static enum rc settle_live(struct shot *s, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 16);
	const struct letter l = failure_letter(s, "", &scratch);
	TRY(source_taken(s->o->source, s->manifest.playlist_id, s->manifest.snapshot_at, err));
	return quarantine_remove(s->o->store, &l, err);
}

static enum rc extract_snapshot(const struct extract_options *o, struct slice playlist_id, int64_t snapshot_at,
                                struct extract_result *result, struct err *err)
{
	CLEANUP(shot_done) struct shot s = {
		.o = o,
		.result = result,
		.batch = arena_new(BATCH_BYTES + BUS_MESSAGE_BYTES_MAX + ((size_t) 8 << 20)),
		.facts = arena_new((size_t) 16 << 20),
		.message = mem_alloc_array(BATCH_MESSAGES, sizeof *s.message),
		.manifest = { .playlist_id = playlist_id, .snapshot_at = snapshot_at,
		              .source = slice_of(source_scheme(o->source)) },
	};
	struct err why = { 0 };
	bool live = source_is_live(o->source);
	enum rc rc = take(&s, &why);
	if (rc == RC_OK) {
		result->snapshots++;
		metric_add(METRIC_snapshots_extracted, 1);
		return live ? settle_live(&s, err) : RC_OK;
	}
	if (rc == RC_REJECT || rc == RC_NOT_FOUND) {
		if (!live)
			log_warn("extract", "%.*s at %s: %s", SLICE_FMT(playlist_id), time_rfc3339(snapshot_at).s, why.msg);
		TRY(report_failure(&s, why.msg, err));
		return live ? err_set(err, rc, "playlist %.*s: %s", SLICE_FMT(playlist_id), why.msg) : RC_OK;
	}
	if (s.source_failed && is_deferral(o, rc))
		return defer(result, &why);
	if (err)
		*err = why;
	return err_wrap(err, rc, "extract %.*s at %s", SLICE_FMT(playlist_id), time_rfc3339(snapshot_at).s);
}

static bool in_range(const struct extract_options *o, int64_t snapshot_at)
{
	int64_t day = time_day_number(snapshot_at, o->chart_offset_s);
	return (!o->has_since || day >= o->since_day) && (!o->has_until || day <= o->until_day);
}

/* A live source names one moment: now, or that of a snapshot which it goes on with. */
static enum rc extract_live(const struct extract_options *o, struct slice playlist_id, struct extract_result *result, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 16 << 20);
	struct source_times times;
	struct raw_snapshot there = { 0 };
	struct err why = { 0 };
	int64_t deferred = result->deferred;
	enum rc named = source_snapshots(o->source, playlist_id, &scratch, &times, &why);
	if (is_deferral(o, named))
		return defer(result, &why);
	if (named != RC_OK)
		return err_set(err, named, "playlist %.*s: %s", SLICE_FMT(playlist_id), why.msg);
	for (size_t i = 0; i < times.count; i++) {
		if (!in_range(o, times.unix_s[i])) {
			log_warn("extract", "playlist %.*s: today is not in --since and --until, and a live source knows no other day",
			         SLICE_FMT(playlist_id));
			continue;
		}
		enum rc rc = raw_snapshot_look(o->store, playlist_id, times.unix_s[i], &there, err);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_NOT_FOUND || !there.complete) {
			TRY(extract_snapshot(o, playlist_id, times.unix_s[i], result, err));
			continue;
		}
		result->known++; /* a process that died after it was published had no time to say so */
		TRY(source_taken(o->source, playlist_id, times.unix_s[i], err));
	}
	result->playlists += result->deferred == deferred;
	return RC_OK;
}

static enum rc extract_playlist(const struct extract_options *o, struct slice playlist_id, struct extract_result *result,
                                struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 1 << 30);
	struct source_times times;
	struct raw_snapshots known;
	TRY_WRAP(source_snapshots(o->source, playlist_id, &scratch, &times, err), err, "source %s: playlist %.*s",
	         source_scheme(o->source), SLICE_FMT(playlist_id));
	TRY(raw_snapshots(o->store, playlist_id, &scratch, &known, err));
	if (times.count == 0)
		log_warn("extract", "playlist %.*s: the source has no snapshot of it", SLICE_FMT(playlist_id));
	for (size_t i = 0; i < times.count; i++) {
		if (o->stop && *o->stop)
			return err_set(err, RC_RETRY, "stopped: run the command again to go on");
		if (!in_range(o, times.unix_s[i]))
			continue;
		const struct raw_snapshot *there = raw_snapshots_find(&known, playlist_id, times.unix_s[i]);
		if (there && there->complete)
			result->known++;
		else
			TRY(extract_snapshot(o, playlist_id, times.unix_s[i], result, err));
		if (o->on_progress)
			o->on_progress(o->ctx, i + 1, times.count, playlist_id.ptr);
	}
	result->playlists++;
	return RC_OK;
}

struct breakage {
	const struct extract_options *o;
	struct extract_result *result;
};

static enum rc on_broken(void *ctx, const struct source_broken *b, struct err *err)
{
	const struct breakage *x = ctx;
	bool asked = x->o->playlist_count == 0 || !b->playlist_id.ptr;
	for (size_t i = 0; i < x->o->playlist_count && !asked; i++)
		asked = slice_eq(b->playlist_id, x->o->playlist[i]);
	if (!asked)
		return RC_OK;
	x->result->broken += b->lines;
	return quarantine_put_import(x->o->store, b->playlist_id, b->reason, b->name, b->detail, b->bytes, err);
}

enum rc extract_run(const struct extract_options *o, struct extract_result *out, struct err *err)
{
	*out = (struct extract_result){ 0 };
	CLEANUP(arena_done) struct arena scratch = arena_new((size_t) 64 << 20);
	struct source_ids ids = { (struct slice *) (uintptr_t) o->playlist, o->playlist_count };
	if (o->playlist_count == 0)
		TRY_WRAP(source_playlists(o->source, &scratch, &ids, err), err, "source %s", source_scheme(o->source));
	struct err first = { 0 };
	enum rc first_rc = RC_OK;
	bool live = source_is_live(o->source);
	struct slice *sorted = arena_alloc_array(&scratch, ids.count, sizeof *sorted);
	for (size_t i = 0; i < ids.count; i++)
		sorted[i] = arena_copy(&scratch, ids.id[i]); /* terminated, for the progress line */
	ids.id = sorted;
	TRY(source_order(o->source, &ids, err));
	for (size_t i = 0; i < ids.count; i++) {
		struct slice id = ids.id[i];
		struct err why = { 0 };
		CLEANUP(log_restorep) UNUSED struct log_context before = log_context(SLICE_NULL, id, SLICE_NULL);
		bool stopped = o->stop && *o->stop;
		enum rc rc = stopped              ? err_set(&why, RC_RETRY, "stopped: run the command again to go on")
		             : !playlist_id_ok(id) ? err_set(&why, RC_REJECT, "'%.*s' is no playlist id", SLICE_FMT(id))
		             : live                ? extract_live(o, id, out, &why)
		                                   : extract_playlist(o, id, out, &why);
		if (live && o->on_progress)
			o->on_progress(o->ctx, i + 1, ids.count, id.ptr);
		if (rc == RC_RETRY || rc == RC_FATAL) {
			if (err)
				*err = why;
			return rc;
		}
		if (rc == RC_OK)
			continue;
		log_warn("extract", "%s%s", why.msg, /* the other playlists go on */
		         o->playlist_count ? " (asked for by --playlist, the watch list or the setting playlists)" : "");
		out->unread++;
		if (first_rc == RC_OK) {
			first_rc = rc;
			first = why;
		}
	}
	struct breakage breakage = { o, out };
	TRY_WRAP(source_broken(o->source, on_broken, &breakage, err), err, "source %s", source_scheme(o->source));
	bool nothing = out->playlists == 0 && out->deferred == 0;
	if (first_rc != RC_OK && nothing && err)
		*err = first;
	return nothing ? first_rc : RC_OK;
}
