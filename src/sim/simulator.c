/* Life of the simulator, and the way of a request: which it is, what befalls it, its answer, the journal. */
#include "sim/simulator.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sim/simulator_private.h"
#include "sim/world.h"

#define CONNECTIONS_MAX 512
#define BODY_BYTES_MAX ((size_t) 1 << 20)
#define HEAD_BYTES_MAX ((size_t) 16 << 10)
#define IDLE_TIMEOUT_S 60
#define TOKEN_TTL_S 3600

/* --- answers */

struct slice raw_query(const struct server_request *rq, const char *name)
{
	struct slice target = slice_of(rq->target);
	for (size_t at = slice_find(target, '?', 0) + 1; at < target.len;) {
		size_t end = slice_find(target, '&', at);
		struct slice pair = slice_sub(target, at, end - at);
		size_t equal = slice_find(pair, '=', 0);
		if (slice_is(slice_sub(pair, 0, equal), name))
			return equal < pair.len ? slice_sub(pair, equal + 1, pair.len - equal - 1) : SLICE("");
		at = end + 1;
	}
	return SLICE_NULL;
}

static bool has_etag(struct slice list, struct slice etag)
{
	for (size_t at = 0; at < list.len;) {
		size_t end = slice_find(list, ',', at);
		struct slice one = slice_trim(slice_sub(list, at, end - at));
		if (slice_starts(one, SLICE("W/")))
			one = slice_sub(one, 2, one.len - 2);
		if (slice_eq(one, etag) || slice_is(one, "*"))
			return true;
		at = end + 1;
	}
	return false;
}

void answer_json(struct call *c, int status, const struct buf *body)
{
	c->reply->status = status;
	c->reply->body = arena_copy(c->rq->arena, buf_slice(body));
	server_reply_header(c->reply, "Content-Type", "application/json; charset=utf-8");
	if (status != 200 || c->kind == SIMULATOR_TOKEN)
		return;
	const char *known = server_header(c->rq, "If-None-Match");
	struct slice etag = arena_printf(c->rq->arena, "\"%016llx\"", (unsigned long long) hash_u64(c->reply->body));
	server_reply_header(c->reply, "ETag", etag.ptr);
	server_reply_header(c->reply, "Cache-Control", "private, max-age=0");
	if (known && has_etag(slice_of(known), etag)) {
		c->reply->status = 304;
		c->reply->body = SLICE("");
	}
}

void answer_error(struct call *c, int status, const char *message)
{
	CLEANUP(json_freep) struct json *body = json_new_object();
	CLEANUP(buf_done) struct buf text = buf_new(ANSWER_BYTES_MAX);
	if (c->kind == SIMULATOR_TOKEN) {
		json_set(body, "error", json_new_string(status >= 500 ? SLICE("server_error") : SLICE("invalid_request")));
		json_set(body, "error_description", json_new_string(slice_of(message)));
	} else {
		struct json *error = json_new_object();
		json_set(error, "status", json_new_integer(status));
		json_set(error, "message", json_new_string(slice_of(message)));
		json_set(body, "error", error);
	}
	json_write(body, JSON_COMPACT, &text);
	answer_json(c, status, &text);
}

/* --- which request it is */

static enum route list_route(struct slice rest, struct slice *out_id)
{
	size_t slash = slice_find(rest, '/', 0);
	struct slice tail = slice_sub(rest, slash, rest.len - slash);
	*out_id = slice_sub(rest, 0, slash);
	if (slash == 0)
		return ROUTE_UNKNOWN_API;
	if (tail.len == 0)
		return ROUTE_PLAYLIST;
	return slice_is(tail, "/items") ? ROUTE_ITEMS : slice_is(tail, "/tracks") ? ROUTE_TRACKS : ROUTE_UNKNOWN_API;
}

static void find_route(struct call *c)
{
	static const struct slice lists = { "/v1/playlists/", sizeof "/v1/playlists/" - 1 };
	static const struct {
		const char *path;
		enum route route;
		enum simulator_kind kind;
	} known[] = {
		{ "/authorize", ROUTE_AUTHORIZE, SIMULATOR_OTHER },
		{ "/api/token", ROUTE_TOKEN, SIMULATOR_TOKEN },
		{ "/v1/me", ROUTE_ME, SIMULATOR_ME },
		{ "/v1/me/playlists", ROUTE_ME_PLAYLISTS, SIMULATOR_ME },
		{ "/v1/markets", ROUTE_MARKETS, SIMULATOR_OTHER },
	};
	struct slice path = slice_of(c->rq->path);
	c->kind = SIMULATOR_OTHER;
	c->route = slice_starts(path, SLICE("/v1/")) ? ROUTE_UNKNOWN_API : ROUTE_NONE;
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (slice_is(path, known[i].path)) {
			c->route = known[i].route;
			c->kind = known[i].kind;
		}
	}
	if (!slice_starts(path, lists))
		return;
	c->route = list_route(slice_sub(path, lists.len, path.len - lists.len), &c->playlist_id);
	if (c->route == ROUTE_PLAYLIST)
		c->kind = SIMULATOR_PLAYLIST;
	else if (c->route == ROUTE_ITEMS || c->route == ROUTE_TRACKS)
		c->kind = SIMULATOR_PAGE;
}

/* --- the way of a request */

static bool is_api(const struct call *c)
{
	return c->route >= ROUTE_UNKNOWN_API;
}

/* Counts it, and decides what befalls it. */
static void begin(struct call *c)
{
	const char *offset = server_query(c->rq, "offset"), *grant = server_form(c->rq, "grant_type");
	struct fault_target target = { .kind = c->kind,
		                       .playlist_id = c->playlist_id,
		                       .refresh = c->kind == SIMULATOR_TOKEN && grant && strcmp(grant, "refresh_token") == 0 };
	if (!offset || !slice_to_int(slice_of(offset), &target.offset))
		target.offset = 0;
	struct simulator *s = c->s;
	simulator_lock(s);
	struct simulator_stats *stats = journal_stats(s->journal);
	int64_t now = clock_now_ms(s->clock);
	c->set = s->set;
	target.number = simulator_stats_requests(stats) + 1;
	stats->requests[c->kind]++;
	if (is_api(c) && now < s->hold_until_ms) {
		stats->violations++;
		c->held_s = (s->hold_until_ms - now + 999) / 1000;
		c->held_kind = s->hold_kind;
	} else if (is_api(c) || c->route == ROUTE_TOKEN) {
		c->firing = fault_decide(s->fault, s->fault_count, s->seed, &target);
		stats->faults[c->firing.kind] += c->firing.fires;
	}
	simulator_unlock(s);
}

static void answer(struct call *c)
{
	if (c->held_s) {
		wrong_held(c);
		return;
	}
	if (wrong_instead(c))
		return;
	switch (c->route) {
	case ROUTE_AUTHORIZE: accounts_authorize(c); break;
	case ROUTE_TOKEN: accounts_token(c); break;
	case ROUTE_NONE: answer_error(c, 404, "Not found"); break;
	default: api_answer(c); break;
	}
	wrong_spoil(c);
}

/* A body that stalls may have been given up. */
static bool came_whole(const struct call *c)
{
	enum simulator_fault_kind kind = c->firing.kind;
	bool harmless = !c->firing.fires || kind == FAULT_EDIT || kind == FAULT_ENDLESS;
	return c->reply->status == 200 && harmless;
}

static void end(struct call *c)
{
	struct simulator *s = c->s;
	const struct simulator_request request = {
		.status = c->reply->wrong.reset ? 0 : c->reply->status,
		.kind = c->kind,
		.method = c->rq->method,
		.target = c->rq->target,
		.fault = c->held_s         ? simulator_fault_name(c->held_kind)
		         : c->firing.fires ? simulator_fault_name(c->firing.kind)
		                           : NULL,
	};
	simulator_lock(s);
	struct simulator_stats *stats = journal_stats(s->journal);
	journal_add(s->journal, &request);
	stats->not_modified += request.status == 304;
	if (c->kind == SIMULATOR_PAGE && came_whole(c))
		stats->repeats += journal_seen(s->journal, hash_u64(slice_of(request.target)) ^ s->version * 0x9e3779b97f4a7c15u);
	simulator_unlock(s);
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	struct call c = { .s = ctx, .rq = rq, .reply = reply };
	if (strcmp(rq->path, "/control") == 0 || strncmp(rq->path, "/control/", 9) == 0) {
		control_answer(c.s, rq, reply);
		return;
	}
	find_route(&c);
	begin(&c);
	answer(&c);
	end(&c);
}

/* --- life and settings */

static void copy_name(char out[static NAME_BYTES], const char *name)
{
	if (name)
		(void) snprintf(out, NAME_BYTES, "%s", name);
}

/* The owner of the first list that is not Spotify's. */
static void default_user(struct simulator *s)
{
	if (s->set.user_id[0])
		return;
	copy_name(s->set.user_id, "sargam_user");
	for (size_t i = s->listing_count; i-- > 0;) {
		if (!s->listing[i].spotify_owned)
			copy_name(s->set.user_id, s->listing[i].owner_id);
	}
}

static int64_t known_day(const struct simulator *s, int64_t day)
{
	return day < 0 || day >= s->days ? s->days - 1 : day;
}

static enum rc check_options(const struct simulator_options *o, struct err *err)
{
	const char *const names[] = { o->client_id, o->client_secret, o->user_id };
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (names[i] && (strlen(names[i]) >= NAME_BYTES || !slice_is_utf8(slice_of(names[i]), NULL)))
			return err_set(err, RC_FATAL,
			               "simulator: client id, client secret, user id: want UTF-8 of at most %d bytes",
			               NAME_BYTES - 1);
	}
	return RC_OK;
}

static enum rc start(struct simulator *s, const struct simulator_options *o, struct err *err)
{
	const struct server_options server = {
		.what = "simulator",
		.port = o->port,
		.connections_max = CONNECTIONS_MAX,
		.body_limit_bytes = BODY_BYTES_MAX,
		.head_limit_bytes = HEAD_BYTES_MAX,
		.idle_timeout_s = IDLE_TIMEOUT_S,
		.handle = handle,
		.ctx = s,
	};
	TRY(check_options(o, err));
	TRY(chart_open(s, o, err));
	s->set = (struct settings){
		.shape = o->shape,
		.population = o->population,
		.limit_max = o->limit_max ? o->limit_max : 100,
		.token_ttl_s = o->token_ttl_s ? o->token_ttl_s : TOKEN_TTL_S,
		.rotate = o->rotate,
		.day = known_day(s, o->day),
	};
	copy_name(s->set.client_id, o->client_id);
	copy_name(s->set.client_secret, o->client_secret);
	copy_name(s->set.user_id, o->user_id);
	default_user(s);
	/* Nobody can ask before the port is known. */
	simulator_lock(s);
	enum rc rc = server_open(&server, &s->server, err);
	if (rc == RC_OK)
		(void) snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", server_port(s->server));
	simulator_unlock(s);
	return rc;
}

enum rc simulator_open(const struct simulator_options *o, struct simulator **out, struct err *err)
{
	assert(!o->world != !o->recorded_dir && o->clock);
	assert(o->limit_max == 0 || o->limit_max == 50 || o->limit_max == 100);
	*out = NULL;
	CLEANUP(simulator_closep) struct simulator *s = mem_alloc(sizeof *s);
	*s = (struct simulator){
		.lock = PTHREAD_MUTEX_INITIALIZER, .clock = o->clock, .world = o->world, .seed = o->seed, .journal = journal_new()
	};
	TRY(start(s, o, err));
	*out = TAKE(s);
	return RC_OK;
}

void simulator_close(struct simulator *s)
{
	if (!s)
		return;
	server_close(s->server);
	chart_close(s);
	token_free_all(s);
	journal_free(s->journal);
	world_close(s->world);
	(void) pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

int simulator_port(const struct simulator *s)
{
	return server_port(s->server);
}

const char *simulator_url(const struct simulator *s)
{
	return s->url;
}

bool simulator_playlist(const struct simulator *s, size_t i, struct slice *out_id, struct slice *out_owner)
{
	if (i >= s->listing_count)
		return false;
	*out_id = slice_of(s->listing[i].id);
	*out_owner = slice_of(s->listing[i].owner_id);
	return true;
}

void simulator_set_day(struct simulator *s, int64_t day)
{
	simulator_lock(s);
	if (s->set.day != known_day(s, day)) {
		s->set.day = known_day(s, day);
		chart_forget(s);
	}
	simulator_unlock(s);
}

void simulator_set_shape(struct simulator *s, enum simulator_shape shape)
{
	simulator_lock(s);
	s->set.shape = shape;
	s->version++;
	simulator_unlock(s);
}

void simulator_set_population(struct simulator *s, enum simulator_population population)
{
	simulator_lock(s);
	s->set.population = population;
	s->version++;
	simulator_unlock(s);
}

void simulator_expire_tokens(struct simulator *s)
{
	simulator_lock(s);
	token_kill_all(s, TOKEN_ACCESS);
	simulator_unlock(s);
}

void simulator_revoke_tokens(struct simulator *s)
{
	simulator_lock(s);
	token_kill_all(s, TOKEN_REFRESH);
	simulator_unlock(s);
}

enum rc simulator_edit(struct simulator *s, struct slice playlist_id, bool total, struct err *err)
{
	struct listing *l = chart_find(s, playlist_id);
	if (!l)
		return err_set(err, RC_NOT_FOUND, "no playlist '%.*s'", SLICE_FMT(playlist_id));
	return chart_edit(s, l, total, err);
}

enum rc simulator_fault_check(const char *spec, struct err *err)
{
	struct fault fault;
	return fault_parse(spec, &fault, err);
}

enum rc simulator_fault(struct simulator *s, const char *spec, struct err *err)
{
	struct fault fault;
	TRY(fault_parse(spec, &fault, err));
	simulator_lock(s);
	bool room = s->fault_count < FAULTS_MAX;
	if (room)
		s->fault[s->fault_count++] = fault;
	simulator_unlock(s);
	return room ? RC_OK : err_set(err, RC_REJECT, "more than %d faults: clear them first", FAULTS_MAX);
}

void simulator_faults_clear(struct simulator *s)
{
	simulator_lock(s);
	s->fault_count = 0;
	s->hold_until_ms = 0;
	simulator_unlock(s);
}
