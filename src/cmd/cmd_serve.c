/* serve: the event service. */
#include "cmd/app.h"
#include "cmd/command.h"
#include "cmd/service.h"

#define PORT 8085 /* where Google's emulator listens, too */
#define PROJECT "sargam"

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
	const struct service_options o = { .project = project ? project : PROJECT, .port = (int) port, .bus_only = args_flag(args, "bus-only") };
	return service_run(app, &o, err);
}

static const struct option_spec options[] = {
	{ "port", "N", "where to listen (8085; 0: any free one)" },
	{ "project", "ID", "the project whose resources the bus holds (" PROJECT ")" },
	{ "bus-only", NULL, "Pub/Sub only: no schedule, no consumer, no builds, no doors" },
	{ NULL, NULL, NULL },
};
extern const struct command cmd_serve;
const struct command cmd_serve = {
	.name = "serve",
	.summary = "the event service: the topic, the schedule, the consumer, the doors",
	.words = "",
	.details = "Runs the pipeline on the schedule, stores what comes on the topic and builds the tables when snapshots are complete. Google's\n"
	           "client libraries (REST transport) and `gcloud pubsub` publish to the home's topics and consume its subscriptions:\n"
	           "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB=http://127.0.0.1:8085/. POST /extract and POST /push are the doors for Cloud Scheduler\n"
	           "and push subscriptions, /healthz, /readyz and /metrics tell how it goes, /api/dead has the dead letters. Serves until it is\n"
	           "interrupted; commands on the same home work beside it. Other addresses than loopback (setting serve_address) want a\n"
	           "token (SARGAM_SERVE_TOKEN) or OIDC.",
	.option = options,
	.run = run,
};
