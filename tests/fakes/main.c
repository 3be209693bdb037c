/* fake-google [--port N]: a strict Google Cloud on 127.0.0.1 (fake.h).  Prints its port, ends on SIGTERM or SIGINT. */
#include "fakes/fake.h"

#include <signal.h>
#include <stdio.h>

static int usage(void)
{
	fprintf(stderr, "usage: fake-google [--port N]     0, the default: any\n");
	return 2;
}

int main(int argc, char **argv)
{
	int64_t port = 0;
	struct err err = { 0 };
	CLEANUP(fake_closep) struct fake *f = NULL;
	sigset_t ends;
	int which;
	if (argc != 1 && (argc != 3 || strcmp(argv[1], "--port") != 0 || !slice_to_int(slice_of(argv[2]), &port) || port < 0 || port > 65535))
		return usage();
	(void) sigemptyset(&ends);
	(void) sigaddset(&ends, SIGTERM);
	(void) sigaddset(&ends, SIGINT);
	(void) sigprocmask(SIG_BLOCK, &ends, NULL); /* before there are threads */
	(void) signal(SIGPIPE, SIG_IGN);
	const struct fake_options o = { .clock = clock_system(), .port = (int) port };
	if (fake_open(&o, &f, &err) != RC_OK) {
		fprintf(stderr, "fake-google: %s\n", err.msg);
		return 1;
	}
	printf("%d\n", fake_port(f));
	fflush(stdout);
	(void) sigwait(&ends, &which);
	return 0;
}
