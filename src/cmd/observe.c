#include "cmd/observe.h"

#include "base/log.h"
#include "base/mem.h"
#include "io/notify.h"
#include "serve/health.h"
#include "serve/metrics_api.h"
#include "serve/presence.h"
#include "serve/webhook.h"

#define STEP_EVERY_NS INT64_C(60000000000)

struct observe {
	struct observe_options o;
	struct bus *health_bus, *metrics_bus;
	struct state *health_state, *metrics_state, *webhook_state;
	struct store *store;
	struct health *health;
	struct metrics_api *metrics;
	struct webhook *webhook;
	bool announced, has_stepped;
	int64_t stepped_ns;
	int64_t watchdog_ns, told_ns; /* how often the service manager waits for a word (0: never), and when it had the last */
};

static enum rc open_health(struct observe *o, struct err *err)
{
	struct app *app = o->o.app;
	TRY(app_open_bus(app, &o->health_bus, err));
	TRY(app_open_state(app, &o->health_state, err));
	o->health = health_open(&(struct health_options){ .bus = o->health_bus, .state = o->health_state, .home = app_home(app),
	                                                  .free_bytes_min = app_config(app)->disk_free_min_mb * 1000000,
	                                                  .stop = o->o.stop });
	return RC_OK;
}

static enum rc open_metrics(struct observe *o, struct err *err)
{
	struct app *app = o->o.app;
	const struct config *c = app_config(app);
	TRY(app_open_bus(app, &o->metrics_bus, err));
	TRY(app_open_state(app, &o->metrics_state, err));
	TRY(app_open_store(app, &o->store, err));
	o->metrics = metrics_api_open(&(struct metrics_options){
		.bus = o->metrics_bus, .state = o->metrics_state, .store = o->store, .home = app_home(app), .playlists = c->playlists,
		.chart_offset_s = config_chart_offset_s(c), .clock = app_clock(app), .jobs = o->o.jobs, .jobs_ctx = o->o.jobs_ctx });
	return RC_OK;
}

static enum rc open_webhook(struct observe *o, struct err *err)
{
	struct app *app = o->o.app;
	const struct config *c = app_config(app);
	if (!c->webhook_url[0])
		return RC_OK;
	TRY(app_open_state(app, &o->webhook_state, err));
	const struct webhook_options options = {
		.url = c->webhook_url, .state = o->webhook_state, .home = app_home(app), .playlists = c->playlists, .clock = app_clock(app),
		.timeout_ms = c->webhook_timeout_s * 1000, .stale_after_s = c->stale_after_h * 3600, .keep_ms = c->webhook_keep_h * 3600000,
		.waiting_max = (size_t) c->webhook_waiting_max,
	};
	return webhook_open(&options, &o->webhook, err);
}

enum rc observe_open(const struct observe_options *options, struct observe **out, struct err *err)
{
	CLEANUP(observe_closep) struct observe *o = mem_alloc(sizeof *o);
	*out = NULL;
	o->o = *options;
	TRY(open_webhook(o, err)); /* first: its setting may be wrong */
	TRY(open_health(o, err));
	TRY(open_metrics(o, err));
	*out = TAKE(o);
	return RC_OK;
}

void observe_close(struct observe *o)
{
	if (!o)
		return;
	if (o->announced)
		presence_remove(app_home(o->o.app));
	webhook_close(o->webhook);
	metrics_api_close(o->metrics);
	health_close(o->health);
	store_close(o->store);
	state_close(o->webhook_state);
	state_close(o->metrics_state);
	state_close(o->health_state);
	bus_close(o->metrics_bus);
	bus_close(o->health_bus);
	mem_free(o);
}

bool observe_handle(struct observe *o, const struct server_request *rq, struct server_reply *reply)
{
	return health_handle(o->health, rq, reply) || metrics_handle(o->metrics, rq, reply);
}

enum rc observe_announce(struct observe *o, const char *url, int port, struct err *err)
{
	TRY(presence_write(app_home(o->o.app), url, port, app_clock(o->o.app), err));
	o->announced = true;
	o->watchdog_ns = notify_watchdog_ms() * 1000000;
	return notify_send(NOTIFY_READY, err);
}

/* One word that was not taken is no harm: the manager waits for two, and then ends this process with reason. */
static void tell_manager(struct observe *o, int64_t now_ns)
{
	struct err err = { 0 };
	if (!o->watchdog_ns || now_ns - o->told_ns < o->watchdog_ns)
		return;
	o->told_ns = now_ns;
	if (notify_send(NOTIFY_WATCHDOG, &err) != RC_OK)
		log_warn("serve", "%s", err.msg);
}

void observe_step(struct observe *o)
{
	int64_t now_ns = clock_mono_ns(app_clock(o->o.app));
	tell_manager(o, now_ns);
	if (o->has_stepped && now_ns - o->stepped_ns < STEP_EVERY_NS)
		return;
	o->has_stepped = true;
	o->stepped_ns = now_ns;
	(void) webhook_step(o->webhook, 0);
}
