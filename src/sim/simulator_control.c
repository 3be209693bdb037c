/* The control endpoint: no token, no faults, no journal. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/time.h"
#include "sim/simulator_private.h"

#define KNOWN_KEYS                                                                                                   \
	"day, shape, population, limit, token_ttl, rotate, deny, user, faults, clear, expire_tokens, revoke_tokens, " \
	"edit, edit_total"
#define KNOWN_PATHS "GET /control, POST /control, GET /control/requests, GET /control/truth?playlist=ID"

static const char *const shape_name[SIMULATOR_SHAPE_COUNT] = {
#define X(name, text) [SIMULATOR_##name] = text,
	SIMULATOR_SHAPES(X)
#undef X
};
static const char *const population_name[SIMULATOR_POPULATION_COUNT] = {
#define X(name, text) [SIMULATOR_##name] = text,
	SIMULATOR_POPULATIONS(X)
#undef X
};

bool simulator_shape_of(struct slice name, enum simulator_shape *out)
{
	for (int i = 0; i < SIMULATOR_SHAPE_COUNT; i++) {
		if (slice_is(name, shape_name[i])) {
			*out = (enum simulator_shape) i;
			return true;
		}
	}
	return false;
}

bool simulator_population_of(struct slice name, enum simulator_population *out)
{
	for (int i = 0; i < SIMULATOR_POPULATION_COUNT; i++) {
		if (slice_is(name, population_name[i])) {
			*out = (enum simulator_population) i;
			return true;
		}
	}
	return false;
}

/* --- answers */

static void send_text(const struct server_request *rq, struct server_reply *reply, int status, struct slice text)
{
	reply->status = status;
	reply->body = arena_copy(rq->arena, text);
	server_reply_header(reply, "Content-Type", "application/json; charset=utf-8");
}

static void send_json(const struct server_request *rq, struct server_reply *reply, int status, const struct json *v)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	json_write(v, JSON_INDENTED, &text);
	buf_addc(&text, '\n');
	send_text(rq, reply, status, buf_slice(&text));
}

static void send_error(const struct server_request *rq, struct server_reply *reply, int status, const char *message)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	buf_adds(&text, "{\"error\": ");
	json_write_string(slice_of(message), &text);
	buf_adds(&text, "}\n");
	send_text(rq, reply, status, buf_slice(&text));
}

static void set_text(struct json *object, const char *key, const char *text)
{
	json_set(object, key, text ? json_new_string(slice_of(text)) : json_new_null());
}

/* --- the state */

static struct json *stats_json(const struct simulator_stats *stats)
{
	struct json *all = json_new_object(), *requests = json_new_object(), *faults = json_new_object();
	for (int i = 0; i < SIMULATOR_KIND_COUNT; i++)
		json_set(requests, simulator_kind_name((enum simulator_kind) i), json_new_integer(stats->requests[i]));
	for (int i = 0; i < SIMULATOR_FAULT_COUNT; i++) {
		if (stats->faults[i])
			json_set(faults, simulator_fault_name((enum simulator_fault_kind) i), json_new_integer(stats->faults[i]));
	}
	json_set(all, "requests", requests);
	json_set(all, "not_modified", json_new_integer(stats->not_modified));
	json_set(all, "violations", json_new_integer(stats->violations));
	json_set(all, "repeats", json_new_integer(stats->repeats));
	json_set(all, "faults", faults);
	return all;
}

static struct json *faults_json(const struct simulator *s)
{
	struct json *all = json_new_array();
	for (size_t i = 0; i < s->fault_count; i++) {
		struct json *one = json_new_object();
		set_text(one, "spec", s->fault[i].spec);
		json_set(one, "matched", json_new_integer(s->fault[i].matched));
		json_set(one, "fired", json_new_integer(s->fault[i].fired));
		json_append(all, one);
	}
	return all;
}

static struct json *playlists_json(const struct simulator *s)
{
	struct json *all = json_new_array();
	for (size_t i = 0; i < s->listing_count; i++) {
		struct json *one = json_new_object();
		set_text(one, "id", s->listing[i].id);
		set_text(one, "owner", s->listing[i].owner_id);
		json_set(one, "spotify_owned", json_new_bool(s->listing[i].spotify_owned));
		json_append(all, one);
	}
	return all;
}

static struct json *state_json(struct simulator *s)
{
	struct json *state = json_new_object();
	simulator_lock(s);
	int64_t now = clock_now_ms(s->clock), left_ms = s->hold_until_ms > now ? s->hold_until_ms - now : 0;
	set_text(state, "url", s->url);
	json_set(state, "day", json_new_integer(s->set.day));
	json_set(state, "days", json_new_integer(s->days));
	set_text(state, "date", time_date(s->first_day + s->set.day).s);
	set_text(state, "shape", shape_name[s->set.shape]);
	set_text(state, "population", population_name[s->set.population]);
	json_set(state, "limit", json_new_integer(s->set.limit_max));
	json_set(state, "token_ttl", json_new_integer(s->set.token_ttl_s));
	json_set(state, "rotate", json_new_bool(s->set.rotate));
	json_set(state, "deny", json_new_bool(s->set.deny));
	set_text(state, "user", s->set.user_id);
	json_set(state, "holds_s", json_new_integer((left_ms + 999) / 1000));
	json_set(state, "faults", faults_json(s));
	json_set(state, "stats", stats_json(journal_stats(s->journal)));
	json_set(state, "playlists", playlists_json(s));
	simulator_unlock(s);
	return state;
}

/* --- changes: all of them are read before one is made */

struct change {
	struct settings set;
	bool clear, expire, revoke;
	struct fault fault[FAULTS_MAX];
	size_t fault_count;
	struct slice edit, edit_total;
};

static enum rc bad(struct slice key, const char *want, struct err *err)
{
	return err_set(err, RC_REJECT, "%.*s: want %s", SLICE_FMT(key), want);
}

static enum rc read_number(struct slice key, const struct json *v, int64_t least, int64_t most, int64_t *out, struct err *err)
{
	if (json_integer(v, out) && *out >= least && *out <= most)
		return RC_OK;
	return err_set(err, RC_REJECT, "%.*s: want a number from %lld to %lld", SLICE_FMT(key), (long long) least,
	               (long long) most);
}

static enum rc read_flag(struct slice key, const struct json *v, bool *out, struct err *err)
{
	return json_bool(v, out) ? RC_OK : bad(key, "true or false", err);
}

static enum rc read_faults(struct slice key, const struct json *v, struct change *out, struct err *err)
{
	if (json_type(v) != JSON_ARRAY || json_size(v) > FAULTS_MAX)
		return bad(key, "a list of at most 64 faults, as [\"429,after=2\"]", err);
	for (size_t i = 0; i < json_size(v); i++) {
		struct slice spec;
		char text[FAULT_SPEC_BYTES];
		if (!json_string(json_at(v, i), &spec) || spec.len >= sizeof text)
			return bad(key, "texts, as [\"429,after=2\"]", err);
		(void) snprintf(text, sizeof text, "%.*s", SLICE_FMT(spec));
		TRY(fault_parse(text, &out->fault[out->fault_count++], err));
	}
	return RC_OK;
}

static enum rc read_playlist(struct simulator *s, struct slice key, const struct json *v, struct slice *out, struct err *err)
{
	return json_string(v, out) && chart_find(s, *out) ? RC_OK : bad(key, "the id of a playlist that is there", err);
}

static enum rc read_user(struct slice key, const struct json *v, struct change *out, struct err *err)
{
	struct slice name;
	if (!json_string(v, &name) || name.len == 0 || name.len >= NAME_BYTES)
		return bad(key, "the id of a user", err);
	(void) snprintf(out->set.user_id, sizeof out->set.user_id, "%.*s", SLICE_FMT(name));
	return RC_OK;
}

static enum rc read_limit(struct slice key, const struct json *v, struct change *out, struct err *err)
{
	bool ok = json_integer(v, &out->set.limit_max) && (out->set.limit_max == 50 || out->set.limit_max == 100);
	return ok ? RC_OK : bad(key, "50 or 100", err);
}

static enum rc read_change(struct simulator *s, struct slice key, const struct json *v, struct change *out, struct err *err)
{
	struct slice text = SLICE("");
	(void) json_string(v, &text);
	if (slice_is(key, "day"))
		return read_number(key, v, -1, s->days - 1, &out->set.day, err);
	if (slice_is(key, "shape"))
		return simulator_shape_of(text, &out->set.shape) ? RC_OK : bad(key, SIMULATOR_KNOWN_SHAPES, err);
	if (slice_is(key, "population"))
		return simulator_population_of(text, &out->set.population) ? RC_OK : bad(key, SIMULATOR_KNOWN_POPULATIONS, err);
	if (slice_is(key, "limit"))
		return read_limit(key, v, out, err);
	if (slice_is(key, "token_ttl"))
		return read_number(key, v, 1, 86400, &out->set.token_ttl_s, err);
	if (slice_is(key, "rotate"))
		return read_flag(key, v, &out->set.rotate, err);
	if (slice_is(key, "deny"))
		return read_flag(key, v, &out->set.deny, err);
	if (slice_is(key, "user"))
		return read_user(key, v, out, err);
	if (slice_is(key, "faults"))
		return read_faults(key, v, out, err);
	if (slice_is(key, "clear"))
		return read_flag(key, v, &out->clear, err);
	if (slice_is(key, "expire_tokens"))
		return read_flag(key, v, &out->expire, err);
	if (slice_is(key, "revoke_tokens"))
		return read_flag(key, v, &out->revoke, err);
	if (slice_is(key, "edit"))
		return read_playlist(s, key, v, &out->edit, err);
	if (slice_is(key, "edit_total"))
		return read_playlist(s, key, v, &out->edit_total, err);
	return err_set(err, RC_REJECT, "'%.*s': known are %s", SLICE_FMT(key), KNOWN_KEYS);
}

static enum rc read_changes(struct simulator *s, const struct json *body, struct change *out, struct err *err)
{
	struct slice key;
	const struct json *value;
	if (json_type(body) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "want a JSON object; known are %s", KNOWN_KEYS);
	simulator_lock(s);
	out->set = s->set;
	simulator_unlock(s);
	for (void *iter = NULL; json_next(body, &iter, &key, &value);)
		TRY(read_change(s, key, value, out, err));
	return RC_OK;
}

static enum rc apply(struct simulator *s, const struct change *change, struct err *err)
{
	if (change->clear)
		simulator_faults_clear(s);
	simulator_set_day(s, change->set.day);
	simulator_lock(s);
	int64_t day = s->set.day;
	s->version += s->set.shape != change->set.shape || s->set.population != change->set.population;
	s->set = change->set;
	s->set.day = day;
	simulator_unlock(s);
	if (change->expire)
		simulator_expire_tokens(s);
	if (change->revoke)
		simulator_revoke_tokens(s);
	for (size_t i = 0; i < change->fault_count; i++)
		TRY(simulator_fault(s, change->fault[i].spec, err));
	if (change->edit.ptr)
		TRY(simulator_edit(s, change->edit, false, err));
	return change->edit_total.ptr ? simulator_edit(s, change->edit_total, true, err) : RC_OK;
}

static void post(struct simulator *s, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(json_freep) struct json *body = NULL, *state = NULL;
	CLEANUP(mem_freep) struct change *change = mem_alloc(sizeof *change);
	struct err err = { 0 };
	enum rc rc = json_parse(rq->body, &body, &err);
	if (rc == RC_OK)
		rc = read_changes(s, body, change, &err);
	if (rc == RC_OK)
		rc = apply(s, change, &err);
	if (rc != RC_OK) {
		send_error(rq, reply, 400, err.msg);
		return;
	}
	state = state_json(s);
	send_json(rq, reply, 200, state);
}

/* --- the journal and the truth */

static void requests(struct simulator *s, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	struct simulator_request *log;
	size_t count;
	simulator_requests(s, rq->arena, &log, &count);
	buf_addc(&text, '[');
	for (size_t i = 0; i < count; i++) {
		buf_adds(&text, i ? ",\n {\"method\": " : "\n {\"method\": ");
		json_write_string(slice_of(log[i].method), &text);
		buf_adds(&text, ", \"target\": ");
		json_write_string(slice_of(log[i].target), &text);
		buf_addf(&text, ", \"kind\": \"%s\", \"status\": %d, \"fault\": ", simulator_kind_name(log[i].kind),
		         log[i].status);
		buf_addf(&text, log[i].fault ? "\"%s\"}" : "null}", log[i].fault);
	}
	buf_adds(&text, count ? "\n]\n" : "]\n");
	if (text.over)
		send_error(rq, reply, 500, "the log is too long to be sent");
	else
		send_text(rq, reply, 200, buf_slice(&text));
}

static void truth(struct simulator *s, const struct server_request *rq, struct server_reply *reply)
{
	CLEANUP(buf_done) struct buf items = buf_new(ANSWER_BYTES_MAX), text = buf_new(2 * ANSWER_BYTES_MAX);
	const char *id = server_query(rq, "playlist"), *market = server_query(rq, "market");
	struct simulator_truth known;
	struct err err = { 0 };
	if (!id) {
		send_error(rq, reply, 400, "want ?playlist=ID, and if you like market= and additional_types=");
		return;
	}
	enum rc rc = simulator_truth(s, slice_of(id), market, server_query(rq, "additional_types"), &items, &known, &err);
	if (rc != RC_OK) {
		send_error(rq, reply, rc == RC_NOT_FOUND ? 404 : 500, err.msg);
		return;
	}
	buf_adds(&text, "{\"playlist\": ");
	json_write_string(slice_of(id), &text);
	buf_adds(&text, ", \"snapshot_id\": ");
	json_write_string(slice_of(known.snapshot_id), &text);
	buf_addf(&text, ", \"total\": %lld, \"items\": ", (long long) known.total);
	buf_add(&text, buf_slice(&items));
	buf_adds(&text, "}\n");
	send_text(rq, reply, 200, buf_slice(&text));
}

void control_answer(struct simulator *s, const struct server_request *rq, struct server_reply *reply)
{
	bool get = strcmp(rq->method, "GET") == 0, top = strcmp(rq->path, "/control") == 0;
	if (get && top) {
		CLEANUP(json_freep) struct json *state = state_json(s);
		send_json(rq, reply, 200, state);
	} else if (top && strcmp(rq->method, "POST") == 0) {
		post(s, rq, reply);
	} else if (get && strcmp(rq->path, "/control/requests") == 0) {
		requests(s, rq, reply);
	} else if (get && strcmp(rq->path, "/control/truth") == 0) {
		truth(s, rq, reply);
	} else {
		send_error(rq, reply, 404, "there are " KNOWN_PATHS);
	}
}
