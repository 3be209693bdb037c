/* fake-google [--port N] [--credentials DIR]: a strict Google Cloud on 127.0.0.1 (fake.h).  Writes DIR/TYPE.json for each type of
 * credentials, prints its port, ends on SIGTERM or SIGINT. */
#include "fakes/fake.h"

#include "io/file.h"

#include <signal.h>
#include <stdio.h>

static int usage(void)
{
	fprintf(stderr, "usage: fake-google [--port N] [--credentials DIR]     port 0, the default: any\n");
	return 2;
}

static enum rc write_credentials(struct fake *f, const char *dir, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	for (size_t i = 0; fake_credential_types[i]; i++) {
		const char *path = arena_printf(&arena, "%s/%s.json", dir, fake_credential_types[i]).ptr;
		TRY(file_replace_secret(path, fake_credentials(f, fake_credential_types[i], &arena), err));
	}
	return RC_OK;
}

int main(int argc, char **argv)
{
	int64_t port = 0;
	struct err err = { 0 };
	CLEANUP(fake_closep) struct fake *f = NULL;
	sigset_t ends;
	int which;
	const char *dir = NULL;
	for (int i = 1; i < argc; i += 2) {
		bool is_port = strcmp(argv[i], "--port") == 0;
		if (i + 1 == argc || (!is_port && strcmp(argv[i], "--credentials") != 0))
			return usage();
		if (!is_port)
			dir = argv[i + 1];
		else if (!slice_to_int(slice_of(argv[i + 1]), &port) || port < 0 || port > 65535)
			return usage();
	}
	(void) sigemptyset(&ends);
	(void) sigaddset(&ends, SIGTERM);
	(void) sigaddset(&ends, SIGINT);
	(void) sigprocmask(SIG_BLOCK, &ends, NULL); /* before there are threads */
	(void) signal(SIGPIPE, SIG_IGN);
	const struct fake_options o = { .clock = clock_system(), .port = (int) port };
	if (fake_open(&o, &f, &err) != RC_OK || (dir && write_credentials(f, dir, &err) != RC_OK)) {
		fprintf(stderr, "fake-google: %s\n", err.msg);
		return 1;
	}
	printf("%d\n", fake_port(f));
	fflush(stdout);
	(void) sigwait(&ends, &which);
	return 0;
}
