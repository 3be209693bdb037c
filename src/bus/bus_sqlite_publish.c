#include "bus/bus_sqlite.h"

#include "base/clock.h"
#include "base/mem.h"
#include "bus/attrs.h"
#include "bus/filter.h"

#define PACKED_BYTES_MAX ((size_t) 1 << 20) /* a hundred attributes of the largest size take 129 KB */
#define ADOPT_AT_ONCE 100
#define READ_BYTES_MORE 512 /* the id, the caller's ack id, what each piece is rounded up by */

/* ---- who gets a message ---- */

struct subscriber {
	int64_t id;
	bool ordered;
	struct filter *filter;
	int64_t opened; /* deliveries made since it was loaded */
};
struct subscribers {
	struct subscriber *item;
	size_t count, cap;
};

static void subscribers_done(struct subscribers *s)
{
	for (size_t i = 0; i < s->count; i++)
		filter_free(s->item[i].filter);
	mem_free(s->item);
	*s = (struct subscribers){ 0 };
}

static void subscribers_add(struct subscribers *s, int64_t id, bool ordered, struct filter *filter)
{
	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 8;
		s->item = mem_realloc(s->item, s->cap * sizeof *s->item);
	}
	s->item[s->count++] = (struct subscriber){ id, ordered, filter, 0 };
}

enum rc bus_sqlite_filter(struct slice text, int64_t subscription_id, struct filter **out, struct err *err)
{
	if (filter_parse(text, out, err) == RC_OK)
		return RC_OK;
	return err_wrap(err, RC_FATAL, "subscription number %lld", (long long) subscription_id);
}

static enum rc subscribers_load(struct bus_sqlite *b, int64_t topic_id, struct subscribers *out, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT subscription_id, filter, ordered FROM subscriptions WHERE topic_id = ?1"
	             " AND substr(name, 1, 1) <> '_' AND detached = 0 ORDER BY subscription_id", &q, err));
	db_bind_int(q, 1, topic_id);
	for (;;) {
		struct filter *filter;
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		TRY(bus_sqlite_filter(db_column_text(q, 1), db_column_int(q, 0), &filter, err));
		subscribers_add(out, db_column_int(q, 0), db_column_int(q, 2) != 0, filter);
	}
}

/* ---- writing a message ---- */

static enum rc insert_message(struct bus_sqlite *b, int64_t topic_id, const struct bus_message *m, int64_t now, size_t pending,
                              bool letter, int64_t *out_id, struct err *err)
{
	struct db_stmt *q;
	CLEANUP(buf_done) struct buf packed = buf_new(PACKED_BYTES_MAX);
	attrs_pack(m, &packed);
	TRY(buf_ok(&packed, "attributes", err));
	TRY(db_query(b->db,
	             "INSERT INTO messages(topic_id, publish_time_ms, ordering_key, attributes, data_bytes, pending, letter)"
	             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	             &q, err));
	db_bind_int(q, 1, topic_id);
	db_bind_int(q, 2, now);
	db_bind_text(q, 3, m->ordering_key.ptr ? m->ordering_key : SLICE(""));
	db_bind_blob(q, 4, buf_slice(&packed));
	db_bind_int(q, 5, (int64_t) m->data.len);
	db_bind_int(q, 6, (int64_t) pending);
	db_bind_int(q, 7, letter);
	TRY(db_run(q, err));
	*out_id = db_last_id(b->db);
	return RC_OK;
}

static enum rc insert_body(struct bus_sqlite *b, int64_t message_id, struct slice data, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db, "INSERT INTO bodies(message_id, data) VALUES (?1, ?2)", &q, err));
	db_bind_int(q, 1, message_id);
	db_bind_blob(q, 2, data.ptr ? data : SLICE(""));
	return db_run(q, err);
}

static enum rc delete_message(struct bus_sqlite *b, int64_t message_id, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db, "DELETE FROM messages WHERE message_id = ?1", &q, err));
	db_bind_int(q, 1, message_id);
	return db_run(q, err);
}

static enum rc subscribers_count(struct bus_sqlite *b, const struct subscribers *s, struct err *err)
{
	for (size_t i = 0; i < s->count; i++)
		TRY(bus_sqlite_count_open(b, s->item[i].id, s->item[i].opened, err));
	return RC_OK;
}

/* `letter`: kept also without a subscription that wants it, for the first that will. */
static enum rc publish_one(struct bus_sqlite *b, struct sqlite_topic topic, struct subscribers *s, const struct bus_message *m,
                           int64_t now, bool letter, int64_t *out_id, struct err *err)
{
	size_t pending = 0;
	for (size_t i = 0; i < s->count; i++)
		pending += filter_match(s->item[i].filter, m);
	TRY(insert_message(b, topic.id, m, now, pending, letter && !pending, out_id, err));
	if (!pending && !letter && !topic.retention_ms)
		return delete_message(b, *out_id, err); /* the number stays used: it is the id the publisher gets */
	TRY(insert_body(b, *out_id, m->data, err));
	for (size_t i = 0; i < s->count; i++) {
		struct subscriber *to = &s->item[i];
		if (!filter_match(to->filter, m))
			continue;
		TRY(bus_sqlite_insert_delivery(b, to->id, *out_id, bus_sqlite_order_key(to->ordered, m->ordering_key), err));
		to->opened++;
	}
	return RC_OK;
}

static enum rc publish_all(struct bus_sqlite *b, const char *topic, const struct bus_message *message, size_t count,
                           int64_t *out_now, int64_t *out_id, struct err *err)
{
	CLEANUP(subscribers_done) struct subscribers subscribers = { 0 };
	struct sqlite_topic found;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	*out_now = clock_now_ms(b->clock); /* under the lock: times grow as ids do */
	TRY(bus_sqlite_topic(b, topic, &found, err));
	TRY(bus_sqlite_keep(b, *out_now, err));
	TRY(subscribers_load(b, found.id, &subscribers, err));
	for (size_t i = 0; i < count; i++)
		TRY(publish_one(b, found, &subscribers, &message[i], *out_now, false, &out_id[i], err));
	TRY(subscribers_count(b, &subscribers, err));
	return db_commit(transaction, err);
}

enum rc bus_sqlite_publish(struct bus *base, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                           struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	if (!arena_fits(arena, count * 32))
		return err_set(err, RC_REJECT, "topic '%s': no room for %zu message ids in the caller's arena", topic, count);
	CLEANUP(mem_freep) int64_t *id = mem_alloc_array(count, sizeof *id);
	int64_t now;
	TRY_WRAP(publish_all(b, topic, message, count, &now, id, err), err, "publish to topic '%s'", topic);
	for (size_t i = 0; i < count; i++) {
		message[i].id = arena_printf(arena, "%lld", (long long) id[i]);
		message[i].publish_time_ms = now;
	}
	return RC_OK;
}

enum rc bus_sqlite_forward(struct bus_sqlite *b, int64_t topic_id, const struct bus_message *m, struct err *err)
{
	CLEANUP(subscribers_done) struct subscribers subscribers = { 0 };
	int64_t id;
	TRY(subscribers_load(b, topic_id, &subscribers, err));
	TRY(publish_one(b, (struct sqlite_topic){ .id = topic_id }, &subscribers, m, clock_now_ms(b->clock), true, &id, err));
	return subscribers_count(b, &subscribers, err);
}

/* ---- dead letters that waited for a subscription ---- */

enum rc bus_sqlite_passes(const struct filter *filter, int64_t message_id, struct slice packed, bool *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(8 * PACKED_BYTES_MAX);
	struct bus_message m = { 0 };
	TRY_WRAP(attrs_unpack(packed, &arena, &m, err), err, "message %lld", (long long) message_id);
	*out = filter_match(filter, &m);
	return RC_OK;
}

struct letter {
	int64_t message_id, order_key;
};

/* The letters after `after` that the filter passes; *out_last is where to go on, 0 at the end. */
static enum rc find_letters(struct bus_sqlite *b, int64_t topic_id, const struct filter *filter, bool ordered, int64_t after,
                            struct letter found[static ADOPT_AT_ONCE], size_t *out_found, int64_t *out_last, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row, passes;
	*out_found = 0;
	*out_last = 0;
	TRY(db_query(b->db,
	             "SELECT message_id, attributes, ordering_key FROM messages INDEXED BY messages_letter"
	             " WHERE topic_id = ?1 AND letter = 1 AND message_id > ?2 ORDER BY message_id LIMIT ?3",
	             &q, err));
	db_bind_int(q, 1, topic_id);
	db_bind_int(q, 2, after);
	db_bind_int(q, 3, ADOPT_AT_ONCE);
	for (;;) {
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		*out_last = db_column_int(q, 0);
		TRY(bus_sqlite_passes(filter, *out_last, db_column_blob(q, 1), &passes, err));
		if (passes)
			found[(*out_found)++] = (struct letter){ *out_last, bus_sqlite_order_key(ordered, db_column_text(q, 2)) };
	}
}

enum rc bus_sqlite_adopt(struct bus_sqlite *b, const struct sqlite_subscription *sub, struct slice filter_text, struct err *err)
{
	CLEANUP(filter_freep) struct filter *filter = NULL;
	TRY(bus_sqlite_filter(filter_text, sub->id, &filter, err));
	struct letter found[ADOPT_AT_ONCE];
	int64_t after = 0;
	size_t count;
	do {
		TRY(find_letters(b, sub->topic_id, filter, sub->ordered, after, found, &count, &after, err));
		for (size_t i = 0; i < count; i++) {
			TRY(bus_sqlite_run(b, "UPDATE messages SET pending = 1, letter = 0 WHERE message_id = ?1", found[i].message_id, err));
			TRY(bus_sqlite_insert_delivery(b, sub->id, found[i].message_id, found[i].order_key, err));
		}
		TRY(bus_sqlite_count_open(b, sub->id, (int64_t) count, err));
	} while (after);
	return RC_OK;
}

/* ---- reading a message ---- */

enum rc bus_sqlite_read(struct bus_sqlite *b, int64_t message_id, struct arena *arena, struct bus_message *out,
                        struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db,
	             "SELECT m.publish_time_ms, m.ordering_key, m.attributes, b.data FROM messages m"
	             " JOIN bodies b ON b.message_id = m.message_id WHERE m.message_id = ?1",
	             &q, err));
	db_bind_int(q, 1, message_id);
	TRY(db_step(q, &row, err));
	if (!row)
		return err_set(err, RC_FATAL, "message %lld is on a subscription but not in the log: bus.db is damaged",
		               (long long) message_id);
	struct slice ordering_key = db_column_text(q, 1), packed = db_column_blob(q, 2), data = db_column_blob(q, 3);
	size_t need = data.len + ordering_key.len + packed.len + attrs_unpacked_bytes(packed) + READ_BYTES_MORE;
	if (!arena_fits(arena, need))
		return err_set(err, RC_REJECT, "message %lld: %zu bytes are over the limit of the reader", (long long) message_id,
		               need);
	out->publish_time_ms = db_column_int(q, 0);
	out->ordering_key = arena_copy(arena, ordering_key);
	out->data = arena_copy(arena, data);
	out->id = arena_printf(arena, "%lld", (long long) message_id);
	return attrs_unpack(arena_copy(arena, packed), arena, out, err);
}
