#include "cmd/service.h"

#include "base/clock.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/daemon.h"
#include "cmd/observe.h"
#include "io/process.h"
#include "io/server.h"
#include "serve/dead_api.h"
#include "serve/door_extract.h"
#include "serve/door_push.h"
#include "serve/gate.h"
#include "serve/metrics_api.h"
#include "serve/oidc.h"
#include "serve/pubsub.h"
#include "serve/push.h"
#include "serve/webhook.h"

#include <stdatomic.h>

#define PATH_BYTES 4200
#define BODY_BYTES_MAX ((size_t) 20 << 20) /* ten million bytes as base64, and the JSON around them */
#define HEAD_BYTES_MAX ((size_t) 16 << 10) /* each open connection costs somewhat more than that */
#define CONNECTIONS_MAX 10000
#define WORKERS 16 /* most of them wait for the disk */
#define PUSH_AT_ONCE 8
#define EXTRACT_WAITING_MAX 4
#define EXTRACT_WAIT_MS 600000
#define QUEUE_MAX 2000
#define HELD_BYTES_MAX ((size_t) 256 << 20)
#define TRANSFER_S 60
#define CLOSE_WAIT_MS 8000 /* Cloud Run gives ten seconds */
#define IDLE_S 60
#define PULL_WAIT_MS 20000
#define PUSH_CONCURRENCY 32
#define PUSH_CLOSE_WAIT_MS 1000
#define KEY_NAME "serve-key.pem"
#define STOP_LOOK_MS 50

struct service {
	struct app *app;
	const struct service_options *o;
	struct oidc *oidc;
	struct gate *gate;
	struct observe *observe;
	struct daemon *daemon;
	struct state *push_state, *extract_state, *dead_state; /* a handle for each: none waits for another */
	struct bus *dead_bus;
	struct door_push *door_push;
	struct door_extract *door_extract;
	struct dead_api *dead;
	struct pubsub *pubsub;
	struct push *push;
	_Atomic(struct server *) server; /* NULL until it listens */
};

/* --- who may come in ---------------------------------------------------------------------------------------- */

static enum rc open_oidc(struct service *s, struct err *err)
{
	const struct config *c = app_config(s->app);
	if (!c->serve_oidc_audience[0])
		return RC_OK;
	return oidc_open(&(struct oidc_options){ .audience = c->serve_oidc_audience, .emails = c->serve_oidc_emails,
	                                         .issuers = c->serve_oidc_issuers, .jwks_url = c->serve_oidc_jwks_url,
	                                         .clock = app_clock(s->app), .stop = app_stop(s->app) },
	                 &s->oidc, err);
}

static enum rc open_gate(struct service *s, struct err *err)
{
	const struct config *c = app_config(s->app);
	CLEANUP(arena_done) struct arena arena = arena_new(4 * GATE_TOKEN_BYTES_MAX);
	struct slice token;
	TRY(open_oidc(s, err));
	TRY(gate_token_read(c->serve_token_file, &arena, &token, err));
	enum rc rc = gate_open(&(struct gate_options){ .address = c->serve_address, .token = token, .oidc = s->oidc, .hosts = c->serve_hosts,
	                                               .clock = app_clock(s->app) },
	                       &s->gate, err);
	if (token.ptr)
		explicit_bzero((char *) (uintptr_t) token.ptr, token.len);
	return rc;
}

/* --- who answers -------------------------------------------------------------------------------------------- */

static enum rc open_doors(struct service *s, struct err *err)
{
	const struct config *c = app_config(s->app);
	struct store *store;
	TRY(app_store(s->app, &store, err));
	TRY(app_open_state(s->app, &s->push_state, err));
	TRY(app_open_state(s->app, &s->extract_state, err));
	s->door_push = door_push_open(&(struct door_push_options){ .store = store, .state = s->push_state, .clock = app_clock(s->app),
	                                                      .run_id = "push", .page_limit_bytes = (size_t) c->page_limit_bytes,
	                                                      .at_once = PUSH_AT_ONCE, .stop = app_stop(s->app),
	                                                      .on_complete = daemon_completed, .ctx = s->daemon });
	s->door_extract = door_extract_open(&(struct door_extract_options){ .run = daemon_extract, .ctx = s->daemon, .state = s->extract_state,
	                                                               .clock = app_clock(s->app), .wait_ms = EXTRACT_WAIT_MS,
	                                                               .waiting_max = EXTRACT_WAITING_MAX, .stop = app_stop(s->app) });
	return RC_OK;
}

static enum rc open_dead(struct service *s, struct err *err)
{
	const struct config *c = app_config(s->app);
	struct store *store;
	TRY(app_store(s->app, &store, err));
	TRY(app_open_state(s->app, &s->dead_state, err));
	TRY(app_open_bus(s->app, &s->dead_bus, err));
	s->dead = dead_api_open(&(struct dead_api_options){ .store = store, .bus = s->dead_bus, .state = s->dead_state, .clock = app_clock(s->app),
	                                                    .incomplete_after_h = c->incomplete_after_h,
	                                                    .chart_offset_s = config_chart_offset_s(c), .playlist_groups = c->playlist_groups,
	                                                    .pages_max = c->snapshot_pages_max,
	                                                    .page_limit_bytes = (size_t) c->page_limit_bytes });
	return RC_OK;
}

static void changed(void *ctx)
{
	struct service *s = ctx;
	push_wake(s->push, NULL);
}

static enum rc open_handlers(struct service *s, struct err *err)
{
	struct bus *bus;
	TRY(app_bus(s->app, &bus, err));
	if (!s->o->bus_only) {
		TRY(daemon_open(s->app, &s->daemon, err));
		TRY(open_doors(s, err));
		TRY(open_dead(s, err));
	}
	TRY(observe_open(&(struct observe_options){ .app = s->app, .stop = app_stop(s->app), .jobs = s->daemon ? daemon_jobs : NULL,
	                                            .jobs_ctx = s->daemon },
	                 &s->observe, err));
	s->pubsub = pubsub_open(&(struct pubsub_options){ .bus = bus, .project = s->o->project, .clock = app_clock(s->app),
	                                                  .pull_wait_ms = PULL_WAIT_MS, .on_change = changed, .ctx = s });
	char key_path[PATH_BYTES];
	(void) snprintf(key_path, sizeof key_path, "%s/" KEY_NAME, app_home(s->app));
	s->push = push_open(&(struct push_options){ .bus = bus, .clock = app_clock(s->app), .project = s->o->project, .key_path = key_path,
	                                            .concurrency = PUSH_CONCURRENCY });
	return RC_OK;
}

/* Who answered, for the metrics. */
static const char *answer(struct service *s, const struct server_request *rq, struct server_reply *reply)
{
	if (push_handle(s->push, rq, reply)) /* public keys are for everybody */
		return "push-keys";
	if (gate_handle(s->gate, rq, reply))
		return "gate";
	if (observe_handle(s->observe, rq, reply))
		return "observe";
	if (pubsub_handle(s->pubsub, rq, reply))
		return "pubsub";
	if (s->door_push && door_push_handle(s->door_push, rq, reply))
		return "push";
	if (s->door_extract && door_extract_handle(s->door_extract, rq, reply))
		return "extract";
	if (s->dead && dead_api_handle(s->dead, rq, reply))
		return "dead";
	reply->status = 404;
	server_reply_header(reply, "Content-Type", "text/plain; charset=utf-8");
	reply->body = SLICE("sargam serve: nothing is at this address; Pub/Sub is below /v1/projects/, see also /healthz, /readyz, /metrics,"
	                    " /api/dead, POST /push and POST /extract\n");
	return "";
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	int64_t begin_ns = clock_mono_ns(clock_system());
	const char *route = answer(ctx, rq, reply);
	if (!reply->park_ms)
		metrics_request(route, reply->status, (clock_mono_ns(clock_system()) - begin_ns) / 1000);
}

static void published(void *ctx, const char *topic)
{
	struct service *s = ctx;
	struct server *server = atomic_load(&s->server);
	if (server)
		server_wake(server, pubsub_published_key(topic));
	push_wake(s->push, topic);
	if (s->daemon)
		daemon_published(s->daemon, topic);
}

/* --- life --------------------------------------------------------------------------------------------------- */

static enum rc open_server(struct service *s, struct err *err)
{
	struct server *server;
	TRY(server_open(&(struct server_options){ .what = "serve", .address = app_config(s->app)->serve_address, .port = s->o->port,
	                                          .connections_max = CONNECTIONS_MAX, .body_limit_bytes = BODY_BYTES_MAX,
	                                          .head_limit_bytes = HEAD_BYTES_MAX, .idle_timeout_s = IDLE_S, .handle = handle, .ctx = s,
	                                          .workers = WORKERS, .queue_max = QUEUE_MAX, .held_bytes_max = HELD_BYTES_MAX,
	                                          .transfer_timeout_s = TRANSFER_S, .close_wait_ms = CLOSE_WAIT_MS },
	                &server, err));
	atomic_store(&s->server, server);
	return RC_OK;
}

static enum rc work_until_stopped(struct service *s, struct err *err)
{
	const char *address = app_config(s->app)->serve_address;
	bool is_v6 = strchr(address, ':') != NULL;
	char url[CONFIG_STRING_BYTES + 32];
	int port = server_port(atomic_load(&s->server));
	(void) snprintf(url, sizeof url, "http://%s%s%s:%d", is_v6 ? "[" : "", address, is_v6 ? "]" : "", port);
	TRY(observe_announce(s->observe, url, port, err));
	if (s->daemon)
		TRY(daemon_start(s->daemon, err));
	push_start(s->push, url);
	(void) printf("sargam serves Pub/Sub of project %s at %s\n", s->o->project, url);
	(void) fflush(stdout);
	while (!*app_stop(s->app)) {
		if (s->daemon && daemon_failed(s->daemon, err))
			return err_wrap(err, RC_FATAL, "the consumer cannot go on");
		observe_step(s->observe);
		clock_sleep_ms(app_clock(s->app), STOP_LOOK_MS);
	}
	return RC_OK;
}

/* Intake first, then work, then what both stand on. */
static void service_close(struct service *s)
{
	struct bus *bus;
	struct err ignored = { 0 };
	struct server *server = atomic_load(&s->server);
	if (server) {
		server_stop(server);
		if (s->daemon)
			daemon_stop(s->daemon);
		push_stop(s->push);
		server_close(server);
	}
	if (s->pubsub && app_bus(s->app, &bus, &ignored) == RC_OK) /* else it is not open, and is not to be */
		bus_group_on_publish(bus, NULL, NULL);
	push_close(s->push, PUSH_CLOSE_WAIT_MS);
	daemon_close(s->daemon);
	observe_close(s->observe);
	pubsub_close(s->pubsub);
	dead_api_close(s->dead);
	door_extract_close(s->door_extract);
	door_push_close(s->door_push);
	gate_close(s->gate);
	oidc_close(s->oidc);
	bus_close(s->dead_bus);
	state_close(s->dead_state);
	state_close(s->extract_state);
	state_close(s->push_state);
}

static enum rc serve(struct service *s, struct err *err)
{
	struct bus *bus;
	TRY(open_handlers(s, err));
	TRY(app_bus(s->app, &bus, err));
	bus_group_on_publish(bus, published, s); /* before the first client can publish */
	TRY(open_server(s, err));
	return work_until_stopped(s, err);
}

int service_run(struct app *app, const struct service_options *options, struct err *err)
{
	CLEANUP(service_close) struct service s = { .app = app, .o = options };
	process_no_core(); /* tokens are in memory */
	(void) app_stop(app);
	const char *webhook_url = app_config(app)->webhook_url;
	if (open_gate(&s, err) != RC_OK || (webhook_url[0] && webhook_check_url(webhook_url, err) != RC_OK))
		return EXIT_USAGE;
	return exit_of(serve(&s, err));
}
