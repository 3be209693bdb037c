#include "bus/bus_sqlite.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "io/process.h"

#define FORWARD_BYTES_MAX ((size_t) 64 << 20) /* one message and its attributes, several times over */
#define RETURN_AT_ONCE 10000                  /* deliveries whose time has come, for each pull */
#define END_AT_ONCE 1000 /* that a pull meets and does not deliver */

/* ---- the end of a delivery ---- */

static bool is_spent(const struct sqlite_subscription *sub, int64_t attempt)
{
	return sub->dead_letter_topic_id && attempt >= sub->max_delivery_attempts;
}

static enum rc forward(struct bus_sqlite *b, const struct sqlite_subscription *sub, const char *name, struct ack_id id,
                       struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(FORWARD_BYTES_MAX);
	struct bus_message m;
	TRY(bus_sqlite_read(b, id.message_id, &arena, &m, err));
	struct bus_message letter = dead_letter_of(&m, name, id.attempt, &arena);
	TRY(bus_sqlite_forward(b, sub->dead_letter_topic_id, &letter, err));
	bool ended;
	TRY(bus_sqlite_end_delivery(b, sub, id, &ended, err));
	return bus_sqlite_count_open(b, sub->id, ended ? -1 : 0, err);
}

/* ---- pull ---- */

static enum rc return_range(struct bus_sqlite *b, int64_t subscription_id, enum delivery_state state, int64_t from_ms,
                            int64_t to_ms, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db,
	             "UPDATE deliveries SET state = 0, due_ms = 0 WHERE (subscription_id, message_id) IN"
	             " (SELECT subscription_id, message_id FROM deliveries INDEXED BY deliveries_due"
	             "  WHERE subscription_id = ?1 AND state = ?2 AND due_ms BETWEEN ?3 AND ?4 ORDER BY due_ms LIMIT ?5)",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, state);
	db_bind_int(q, 3, from_ms);
	db_bind_int(q, 4, to_ms);
	db_bind_int(q, 5, RETURN_AT_ONCE);
	return db_run(q, err);
}

/* Leases that ran out and back-offs that are over are ready again (delivery_is_due(), as ranges of the index). */
static enum rc return_due(struct bus_sqlite *b, int64_t subscription_id, int64_t now, struct err *err)
{
	for (enum delivery_state state = DELIVERY_LEASED; state <= DELIVERY_BACKOFF; state++) {
		TRY(return_range(b, subscription_id, state, INT64_MIN, now, err));
		TRY(return_range(b, subscription_id, state, now + DELIVERY_HOLD_MS_MAX + 1, INT64_MAX, err));
	}
	return RC_OK;
}

/* ---- leases of processes that died ---- */

static enum rc find_holder(struct bus_sqlite *b, const char *self, int64_t *out_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	TRY(db_query(b->db, "SELECT holder_id FROM holders WHERE name = ?1", &q, err));
	db_bind_text(q, 1, slice_of(self));
	TRY(db_step(q, &row, err));
	*out_id = row ? db_column_int(q, 0) : 0;
	return RC_OK;
}

/* This process's row, made at its first lease: a pull that finds nothing must not write. */
static enum rc own_holder(struct bus_sqlite *b, const char *self, int64_t *out_id, struct err *err)
{
	TRY(find_holder(b, self, out_id, err));
	if (*out_id)
		return RC_OK;
	struct db_stmt *q;
	TRY(db_query(b->db, "INSERT INTO holders(name) VALUES (?1)", &q, err));
	db_bind_text(q, 1, slice_of(self));
	TRY(db_run(q, err));
	*out_id = db_last_id(b->db);
	return RC_OK;
}

static enum rc release_holder(struct bus_sqlite *b, int64_t holder_id, struct err *err)
{
	struct db_stmt *q;
	TRY(db_query(b->db,
	             "UPDATE deliveries INDEXED BY deliveries_due SET state = 0, due_ms = 0 WHERE holder_id = ?1 AND state = 1"
	             " AND subscription_id IN (SELECT subscription_id FROM subscriptions)",
	             &q, err));
	db_bind_int(q, 1, holder_id);
	TRY(db_run(q, err));
	TRY(db_query(b->db, "DELETE FROM holders WHERE holder_id = ?1", &q, err));
	db_bind_int(q, 1, holder_id);
	return db_run(q, err);
}

/* The first holder behind that id whose process has no life; 0: none.  One that cannot be judged keeps its leases to their deadline. */
static enum rc find_dead(struct bus_sqlite *b, const char *self, int64_t after_id, int64_t *out_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	*out_id = 0;
	TRY(db_query(b->db, "SELECT holder_id, name FROM holders WHERE holder_id > ?1 ORDER BY holder_id", &q, err));
	db_bind_int(q, 1, after_id);
	for (;;) {
		char name[PROCESS_NAME_BYTES] = { 0 };
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		struct slice text = db_column_text(q, 1);
		memcpy(name, text.ptr, text.len < sizeof name ? text.len : sizeof name - 1);
		if (strcmp(name, self) != 0 && process_look(name) == PROCESS_DEAD) {
			*out_id = db_column_int(q, 0);
			return RC_OK;
		}
	}
}

/* A process without a life has no use for its leases. */
static enum rc release_dead(struct bus_sqlite *b, const char *self, struct err *err)
{
	for (int64_t last = 0;;) {
		TRY(find_dead(b, self, last, &last, err));
		if (!last)
			return RC_OK;
		TRY(release_holder(b, last, err));
	}
}

/* ---- ready ones, and their leases ---- */

struct ready {
	int64_t message_id, attempt, data_bytes, publish_time_ms, order_key;
};

static struct ready read_ready(struct db_stmt *q)
{
	return (struct ready){ db_column_int(q, 0), db_column_int(q, 1), db_column_int(q, 2), db_column_int(q, 3), db_column_int(q, 4) };
}

static enum rc find_ready(struct bus_sqlite *b, int64_t subscription_id, struct ready *out, size_t max, size_t *out_count,
                          struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	bool row;
	*out_count = 0;
	TRY(db_query(b->db,
	             "SELECT d.message_id, d.attempt, ifnull(m.data_bytes, 0), ifnull(m.publish_time_ms, 0), d.order_key"
	             " FROM deliveries d INDEXED BY deliveries_due LEFT JOIN messages m ON m.message_id = d.message_id"
	             " WHERE d.subscription_id = ?1 AND d.state = 0 AND d.due_ms = 0 ORDER BY d.message_id LIMIT ?2",
	             &q, err));
	db_bind_int(q, 1, subscription_id);
	db_bind_int(q, 2, (int64_t) max);
	for (;;) {
		TRY(db_step(q, &row, err));
		if (!row)
			return RC_OK;
		out[(*out_count)++] = read_ready(q);
	}
}

struct pull {
	struct bus_sqlite *b;
	struct sqlite_subscription sub;
	const char *name;
	struct process_name self;
	int64_t now, holder_id; /* 0 until the first lease */
	size_t max, max_bytes;
	struct arena *arena;
	struct bus_delivery *delivery;
	size_t count, bytes, ended; /* ended: without being delivered */
	bool full;
};

static enum rc lease(struct pull *p, const struct ready *ready, struct err *err)
{
	struct bus_delivery *d = &p->delivery[p->count];
	struct ack_id id = { p->sub.id, ready->message_id, ready->attempt + 1, p->sub.epoch };
	enum rc rc = p->count && p->bytes + (size_t) ready->data_bytes > p->max_bytes
	                     ? RC_REJECT
	                     : bus_sqlite_read(p->b, ready->message_id, p->arena, &d->message, err);
	if (rc == RC_REJECT && p->count) {
		p->full = true; /* the next pull brings it, first of all */
		return RC_OK;
	}
	TRY(rc);
	if (!p->holder_id)
		TRY(own_holder(p->b, p->self.s, &p->holder_id, err));
	d->ack_id = ack_id_text(id, p->arena);
	d->attempt = (int) id.attempt;
	TRY(bus_sqlite_set_delivery(p->b, id, DELIVERY_LEASED, p->now + p->sub.ack_deadline_ms, p->holder_id, err));
	p->bytes += (size_t) ready->data_bytes;
	p->full = ++p->count == p->max;
	return RC_OK;
}

/* Leased, or at its end: kept too long, tried too often. */
static enum rc deliver(struct pull *p, const struct ready *ready, struct err *err)
{
	if (p->sub.retention_ms && ready->publish_time_ms <= p->now - p->sub.retention_ms) {
		p->ended++;
		return bus_sqlite_drop_delivery(p->b, p->sub.id, ready->message_id, err);
	}
	if (is_spent(&p->sub, ready->attempt)) {
		p->ended++;
		return forward(p->b, &p->sub, p->name, (struct ack_id){ p->sub.id, ready->message_id, ready->attempt, p->sub.epoch }, err);
	}
	return lease(p, ready, err);
}

/* ---- of an ordered subscription ---- */

/* The open delivery of the key next to this one; false when there is none. */
static enum rc find_neighbour(struct pull *p, const struct ready *of, bool before, bool *out_found, struct ready *out,
                              enum delivery_state *out_state, struct err *err)
{
#define NEIGHBOUR(is, order)                                                                                              	"SELECT d.message_id, d.attempt, ifnull(m.data_bytes, 0), ifnull(m.publish_time_ms, 0), d.order_key, d.state"     	" FROM deliveries d INDEXED BY deliveries_order LEFT JOIN messages m ON m.message_id = d.message_id"              	" WHERE d.subscription_id = ?1 AND d.order_key = ?2 AND d.order_key <> 0 AND d.state <> 3 AND d.message_id " is   	" ?3 ORDER BY d.message_id " order " LIMIT 1"
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	if (before)
		TRY(db_query(p->b->db, NEIGHBOUR("<", "DESC"), &q, err));
	else
		TRY(db_query(p->b->db, NEIGHBOUR(">", "ASC"), &q, err));
	db_bind_int(q, 1, p->sub.id);
	db_bind_int(q, 2, of->order_key);
	db_bind_int(q, 3, of->message_id);
	TRY(db_step(q, out_found, err));
	if (*out_found) {
		*out = read_ready(q);
		*out_state = (enum delivery_state) db_column_int(q, 5);
	}
	return RC_OK;
#undef NEIGHBOUR
}

static bool is_in_batch(const struct pull *p, int64_t message_id)
{
	int64_t id;
	for (size_t i = p->count; i-- > 0;)
		if (slice_to_int(p->delivery[i].message.id, &id) && id == message_id)
			return true;
	return false;
}

/* It and the ones of its key that follow, as many as there is room for: an earlier one is acknowledged or in the same pull. */
static enum rc deliver_key(struct pull *p, struct ready ready, struct err *err)
{
	struct ready other;
	enum delivery_state state = DELIVERY_READY;
	bool found;
	TRY(find_neighbour(p, &ready, true, &found, &other, &state, err));
	if (found && !is_in_batch(p, other.message_id)) { /* an earlier one is with somebody, or backs off */
		p->ended++;
		struct ack_id id = { p->sub.id, ready.message_id, ready.attempt, p->sub.epoch };
		return bus_sqlite_set_delivery(p->b, id, DELIVERY_BLOCKED, 0, 0, err);
	}
	TRY(deliver(p, &ready, err));
	while (!p->full) {
		TRY(find_neighbour(p, &ready, false, &found, &other, &state, err));
		if (!found || (state != DELIVERY_BLOCKED && state != DELIVERY_READY))
			return RC_OK;
		ready = other;
		TRY(deliver(p, &ready, err));
	}
	return RC_OK;
}

static enum rc fill(struct pull *p, struct err *err)
{
	CLEANUP(mem_freep) struct ready *ready = mem_alloc_array(p->max, sizeof *ready);
	size_t found;
	do {
		TRY(find_ready(p->b, p->sub.id, ready, p->max - p->count, &found, err));
		bool again = false; /* what followed may stand further down in the list */
		for (size_t i = 0; i < found && !p->full && !again; i++) {
			again = ready[i].order_key != 0;
			if (again)
				TRY(deliver_key(p, ready[i], err));
			else
				TRY(deliver(p, &ready[i], err));
		}
	} while (found && !p->full && p->ended < END_AT_ONCE);
	return RC_OK;
}

static enum rc begin(struct pull *p, struct err *err)
{
	p->now = clock_now_ms(p->b->clock);
	TRY(bus_sqlite_subscription(p->b, p->name, &p->sub, err));
	if (p->sub.detached)
		return err_set(err, RC_REJECT, "it is detached from its topic (delete it and make it anew)");
	p->self = process_self();
	return RC_OK;
}

/* Is one ready, or would return_due() make it so? */
static enum rc find_due(const struct pull *p, bool *out, struct err *err)
{
#define DUE(state) "SELECT 1 FROM deliveries INDEXED BY deliveries_due WHERE subscription_id = ?1 AND state = " state
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(p->b->db,
	             "SELECT 1 WHERE EXISTS (" DUE("0 AND due_ms = 0") ")"
	             " OR EXISTS (" DUE("1 AND due_ms <= ?2") ") OR EXISTS (" DUE("1 AND due_ms > ?3") ")"
	             " OR EXISTS (" DUE("2 AND due_ms <= ?2") ") OR EXISTS (" DUE("2 AND due_ms > ?3") ")",
	             &q, err));
	db_bind_int(q, 1, p->sub.id);
	db_bind_int(q, 2, p->now);
	db_bind_int(q, 3, p->now + DELIVERY_HOLD_MS_MAX);
	return db_step(q, out, err);
#undef DUE
}

/* Outside of a transaction: who asks in vain waits for no writer and holds none up.  What comes meanwhile is the next pull's. */
static enum rc look(struct pull *p, bool *out_any, struct err *err)
{
	int64_t dead_id = 0;
	TRY(begin(p, err));
	TRY(find_due(p, out_any, err));
	if (!*out_any)
		TRY(find_dead(p->b, p->self.s, 0, &dead_id, err));
	*out_any |= dead_id != 0;
	return RC_OK;
}

static enum rc pull_all(struct pull *p, struct err *err)
{
	bool any;
	TRY(look(p, &any, err));
	if (!any)
		return RC_OK;
	TRY(db_begin(p->b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = p->b->db;
	TRY(begin(p, err)); /* again after the wait for the lock: others have written younger times since */
	TRY(release_dead(p->b, p->self.s, err));
	TRY(return_due(p->b, p->sub.id, p->now, err));
	TRY(fill(p, err));
	return db_commit(transaction, err);
}

static void count_deliveries(const struct pull *p)
{
	int64_t again = 0;
	for (size_t i = 0; i < p->count; i++)
		again += p->delivery[i].attempt > 1;
	if (p->count)
		metric_add_for(METRIC_bus_deliveries, p->name, (int64_t) p->count);
	if (again)
		metric_add_for(METRIC_bus_redeliveries, p->name, again);
}

enum rc bus_sqlite_pull(struct bus *base, const char *sub, size_t max, size_t max_bytes, struct arena *arena,
                        struct bus_delivery **out, size_t *out_count, struct err *err)
{
	struct bus_sqlite *b = bus_sqlite_of(base);
	struct pull p = { .b = b, .name = sub, .max = max, .max_bytes = max_bytes, .arena = arena };
	if (!arena_fits(arena, max * sizeof *p.delivery))
		return err_set(err, RC_REJECT, "subscription '%s': no room for %zu deliveries in the caller's arena", sub, max);
	p.delivery = arena_alloc_array(arena, max, sizeof *p.delivery);
	TRY_WRAP(pull_all(&p, err), err, "pull from subscription '%s'", sub);
	count_deliveries(&p);
	*out = p.delivery;
	*out_count = p.count;
	return RC_OK;
}

/* ---- acknowledge, extend, refuse ---- */

static enum rc ack_all(struct bus_sqlite *b, const char *name, const struct slice *ack_id, size_t count, int64_t *out_acked, struct err *err)
{
	struct sqlite_subscription sub;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_subscription(b, name, &sub, err));
	for (size_t i = 0; i < count; i++) {
		struct ack_id id;
		bool ended = false;
		if (ack_id_parse(ack_id[i], &id) && id.subscription_id == sub.id && id.epoch == sub.epoch)
			TRY(bus_sqlite_end_delivery(b, &sub, id, &ended, err));
		*out_acked += ended;
	}
	TRY(bus_sqlite_count_open(b, sub.id, -*out_acked, err));
	return db_commit(transaction, err);
}

enum rc bus_sqlite_ack(struct bus *base, const char *sub, const struct slice *ack_id, size_t count, struct err *err)
{
	int64_t acked = 0;
	TRY_WRAP(ack_all(bus_sqlite_of(base), sub, ack_id, count, &acked, err), err, "ack on subscription '%s'", sub);
	if (acked)
		metric_add_for(METRIC_bus_acks, sub, acked);
	return RC_OK;
}

/* The state of the delivery this ack id leased last; *out_found = false when it is gone or was leased again. */
static enum rc find_delivery(struct bus_sqlite *b, struct ack_id id, bool *out_found, enum delivery_state *out_state,
                             int64_t *out_due_ms, int64_t *out_holder_id, struct err *err)
{
	CLEANUP(db_donep) struct db_stmt *q = NULL;
	TRY(db_query(b->db,
	             "SELECT state, due_ms, holder_id FROM deliveries WHERE subscription_id = ?1 AND message_id = ?2 AND attempt = ?3", &q,
	             err));
	db_bind_int(q, 1, id.subscription_id);
	db_bind_int(q, 2, id.message_id);
	db_bind_int(q, 3, id.attempt);
	TRY(db_step(q, out_found, err));
	if (*out_found) {
		*out_state = (enum delivery_state) db_column_int(q, 0);
		*out_due_ms = db_column_int(q, 1);
		*out_holder_id = db_column_int(q, 2);
	}
	return RC_OK;
}

static enum rc nack(struct bus_sqlite *b, const struct sqlite_subscription *sub, const char *name, struct ack_id id,
                    int64_t now, struct err *err)
{
	if (is_spent(sub, id.attempt))
		return forward(b, sub, name, id, err);
	if (sub->ordered)
		TRY(bus_sqlite_block_later(b, id.subscription_id, id.message_id, err));
	int64_t backoff_ms = delivery_backoff_ms(sub->backoff_min_ms, sub->backoff_max_ms, id.attempt);
	if (backoff_ms == 0)
		return bus_sqlite_set_delivery(b, id, DELIVERY_READY, 0, 0, err);
	return bus_sqlite_set_delivery(b, id, DELIVERY_BACKOFF, now + backoff_ms, 0, err);
}

static enum rc modify_one(struct bus_sqlite *b, const struct sqlite_subscription *sub, const char *name, struct ack_id id,
                          int64_t seconds, int64_t *inout_nacked, struct err *err)
{
	bool found;
	enum delivery_state state = DELIVERY_BACKOFF;
	int64_t due_ms = 0, holder_id = 0, now = clock_now_ms(b->clock);
	TRY(find_delivery(b, id, &found, &state, &due_ms, &holder_id, err));
	if (!found)
		return RC_OK;
	if (seconds == 0) {
		bool open = state == DELIVERY_LEASED || state == DELIVERY_READY;
		*inout_nacked += open;
		return open ? nack(b, sub, name, id, now, err) : RC_OK;
	}
	if (state != DELIVERY_LEASED || delivery_is_due(due_ms, now))
		return RC_OK;
	return bus_sqlite_set_delivery(b, id, DELIVERY_LEASED, now + seconds * 1000, holder_id, err);
}

static enum rc modify_all(struct bus_sqlite *b, const char *name, const struct slice *ack_id, size_t count, int64_t seconds,
                          int64_t *out_nacked, struct err *err)
{
	struct sqlite_subscription sub;
	TRY(db_begin(b->db, err));
	CLEANUP(db_rollbackp) struct db *transaction = b->db;
	TRY(bus_sqlite_subscription(b, name, &sub, err));
	for (size_t i = 0; i < count; i++) {
		struct ack_id id;
		if (ack_id_parse(ack_id[i], &id) && id.subscription_id == sub.id && id.epoch == sub.epoch)
			TRY(modify_one(b, &sub, name, id, seconds, out_nacked, err));
	}
	return db_commit(transaction, err);
}

enum rc bus_sqlite_modify_deadline(struct bus *base, const char *sub, const struct slice *ack_id, size_t count,
                                   int64_t seconds, struct err *err)
{
	int64_t nacked = 0;
	TRY_WRAP(modify_all(bus_sqlite_of(base), sub, ack_id, count, seconds, &nacked, err), err, "%s on subscription '%s'",
	         seconds ? "modify deadline" : "nack", sub);
	if (nacked)
		metric_add_for(METRIC_bus_nacks, sub, nacked);
	return RC_OK;
}
