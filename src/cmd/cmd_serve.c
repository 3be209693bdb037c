/* serve: the event service. */
#include "base/clock.h"
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/observe.h"
#include "io/server.h"
#include "serve/metrics_api.h"
#include "serve/pubsub.h"

#define PORT 8085 /* where Google's emulator listens, too */
#define PROJECT "sargam"
#define BODY_BYTES_MAX ((size_t) 20 << 20) /* ten million bytes as base64, and the JSON around them */
#define HEAD_BYTES_MAX ((size_t) 16 << 10) /* each open connection costs somewhat more than that */
#define CONNECTIONS_MAX 10000
#define WORKERS 16 /* most of them wait for the disk */
#define QUEUE_MAX 2000
#define HELD_BYTES_MAX ((size_t) 256 << 20)
#define TRANSFER_S 60
#define CLOSE_WAIT_MS 8000 /* Cloud Run gives ten seconds */
#define IDLE_S 60
#define PULL_WAIT_MS 20000
#define STOP_LOOK_MS 50

struct service {
	struct observe *observe;
	struct pubsub *pubsub;
};

/* Who answered, for the metrics. */
static const char *answer(struct service *s, const struct server_request *rq, struct server_reply *reply)
{
	if (observe_handle(s->observe, rq, reply))
		return "observe";
	if (pubsub_handle(s->pubsub, rq, reply))
		return "pubsub";
	reply->status = 404;
	server_reply_header(reply, "Content-Type", "text/plain; charset=utf-8");
	reply->body = SLICE("sargam serve: nothing is at this address; Pub/Sub is below /v1/projects/\n");
	return "";
}

static void handle(void *ctx, const struct server_request *rq, struct server_reply *reply)
{
	int64_t begin_ns = clock_mono_ns(clock_system());
	const char *route = answer(ctx, rq, reply);
	metrics_request(route, reply->status, (clock_mono_ns(clock_system()) - begin_ns) / 1000);
}

static enum rc serve_until_stopped(struct app *app, struct service *s, struct server *server, const char *project, struct err *err)
{
	char url[64];
	(void) snprintf(url, sizeof url, "http://127.0.0.1:%d", server_port(server));
	TRY(observe_announce(s->observe, url, server_port(server), err));
	(void) printf("sargam serves Pub/Sub of project %s at %s\n", project, url);
	(void) fflush(stdout);
	while (!*(const volatile bool *) app_stop(app)) {
		observe_step(s->observe);
		clock_sleep_ms(app_clock(app), STOP_LOOK_MS);
	}
	return RC_OK;
}

static void published(void *ctx, const char *topic)
{
	server_wake(ctx, pubsub_published_key(topic));
}

static enum rc serve(struct app *app, int port, const char *project, struct err *err)
{
	struct bus *bus;
	struct server *server;
	CLEANUP(observe_closep) struct observe *observe = NULL;
	TRY(app_bus(app, &bus, err));
	TRY(observe_open(&(struct observe_options){ .app = app, .stop = app_stop(app) }, &observe, err));
	struct pubsub *pubsub = pubsub_open(&(struct pubsub_options){ .bus = bus, .project = project, .clock = app_clock(app),
	                                                              .pull_wait_ms = PULL_WAIT_MS });
	struct service service = { observe, pubsub };
	const struct server_options options = { .what = "serve", .port = port, .connections_max = CONNECTIONS_MAX,
		                                .body_limit_bytes = BODY_BYTES_MAX, .head_limit_bytes = HEAD_BYTES_MAX,
		                                .idle_timeout_s = IDLE_S, .handle = handle, .ctx = &service,
		                                .workers = WORKERS, .queue_max = QUEUE_MAX, .held_bytes_max = HELD_BYTES_MAX,
		                                .transfer_timeout_s = TRANSFER_S, .close_wait_ms = CLOSE_WAIT_MS };
	enum rc rc = server_open(&options, &server, err);
	if (rc == RC_OK) {
		bus_group_on_publish(bus, published, server);
		rc = serve_until_stopped(app, &service, server, project, err);
		server_close(server);
		bus_group_on_publish(bus, NULL, NULL);
	}
	pubsub_close(pubsub);
	return rc;
}

static bool is_project(const char *s)
{
	size_t len = strlen(s);
	return len >= 1 && len <= 63 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int run(struct app *app, const struct args *args, struct err *err)
{
	int64_t port = PORT;
	const char *project = args_value(args, "project");
	if (args_number(args, "port", 0, 65535, &port, err) != RC_OK)
		return EXIT_USAGE;
	if (project && !is_project(project)) {
		(void) err_set(err, RC_FATAL, "--project '%s': want lower-case letters, digits and '-'", project);
		return EXIT_USAGE;
	}
	return exit_of(serve(app, (int) port, project ? project : PROJECT, err));
}

static const struct option_spec options[] = {
	{ "port", "N", "where to listen on 127.0.0.1 (8085; 0: any free one)" },
	{ "project", "ID", "the project whose resources the bus holds (" PROJECT ")" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_serve;
const struct command cmd_serve = {
	.name = "serve",
	.summary = "the bus of this home as Google's Pub/Sub REST API, on loopback",
	.words = "",
	.details = "Google's client libraries (REST transport) and `gcloud pubsub` publish to the home's topics and consume its subscriptions:\n"
	           "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://127.0.0.1:8085/. Serves until it is interrupted. Commands on the same home\n"
	           "work beside it.",
	.option = options,
	.run = run,
};
