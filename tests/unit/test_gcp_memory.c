/* What of a secret can be found in this process afterwards, in memory that a core file would hold.  The fake is a process of its own:
 * here, nothing but gcp/ has ever seen a token or a key. */
#include "gcp/gcp.h"
#include "io/child.h"
#include "test.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define REGION_BYTES_MAX ((size_t) 256 << 20) /* larger ones are reserved, not used */

/* Written so that the text itself is no find. */
static const struct {
	const char *what, *first, *second;
	size_t more; /* letters of base64 or hex that follow */
} needles[] = {
	{ "an access token", "ya29.", "fake-", 24 },
	{ "an assertion", "eyJhbGciOiJSUz", "I1NiIsInR5cCI6", 40 },
	{ "a private key", "BEGIN PRIVATE", " KEY-----", 0 },
	{ "a refresh token", "1//fake-", "refresh-token-value", 0 },
	{ "a client's secret", "GOCSPX-", "fake-client-secret-value", 0 },
	{ "a subject token", "fake-subject", "-token-value", 0 },
};

static bool is_coded(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("+/-_.%", c) != NULL;
}

static bool follows(const char *p, const char *end, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (p + i >= end || !p[i] || !is_coded(p[i]))
			return false;
	return true;
}

/* How often needle `n` stands in these bytes. */
static int count_in(const char *bytes, size_t len, size_t n)
{
	size_t first = strlen(needles[n].first), second = strlen(needles[n].second);
	const char *end = bytes + len;
	int count = 0;
	for (const char *p = bytes; (p = memmem(p, (size_t) (end - p), needles[n].first, first)); p++) {
		bool whole = (size_t) (end - p) >= first + second && memcmp(p + first, needles[n].second, second) == 0;
		count += whole && follows(p + first + second, end, needles[n].more);
	}
	return count;
}

struct region {
	unsigned long from, to;
	bool writable, rss, dumped;
	char name[64];
};

/* The next mapping of /proc/self/smaps. */
static bool next_region(FILE *maps, struct region *out)
{
	char line[512], rights[8];
	unsigned long from, to, kb;
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3) {
			*out = (struct region){ .from = from, .to = to, .writable = rights[1] == 'w' };
			const char *name = strrchr(line, ' ');
			(void) snprintf(out->name, sizeof out->name, "%.*s", name ? (int) strcspn(name + 1, "\n") : 0, name ? name + 1 : "");
		} else if (sscanf(line, "Rss: %lu kB", &kb) == 1) {
			out->rss = kb > 0;
		} else if (strncmp(line, "VmFlags:", 8) == 0) {
			out->dumped = !strstr(line, " dd");
			return true;
		}
	}
	return false;
}

/* `mem` is /proc/self/mem: whatever a sanitizer thinks of those addresses. */
static int scan_region(int mem, const struct region *r, char *copy, size_t n)
{
	ssize_t got = pread(mem, copy, r->to - r->from, (off_t) r->from);
	int found = got > 0 ? count_in(copy, (size_t) got, n) : 0;
	if (got > 0)
		explicit_bzero(copy, (size_t) got);
	return found;
}

static int scan(size_t n)
{
	int found = 0, mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen("/proc/self/smaps", "re");
	struct region r;
	CLEANUP(arena_done) struct arena arena = arena_new_secret(2 * REGION_BYTES_MAX); /* not dumped: does not find itself */
	char *copy = arena_alloc(&arena, REGION_BYTES_MAX);
	assert_true(mem >= 0 && maps);
	while (next_region(maps, &r)) {
		if (!r.writable || !r.rss || !r.dumped || r.to - r.from > REGION_BYTES_MAX)
			continue;
		int here = scan_region(mem, &r, copy, n);
		if (here)
			print_message("# %s: %d times in %lx-%lx %s\n", needles[n].what, here, r.from, r.to, r.name);
		found += here;
	}
	(void) fclose(maps);
	(void) close(mem);
	return found;
}

/* A path beside this program. */
static const char *beside(const char *name, struct arena *arena)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	assert_true(len > 0);
	self[len] = '\0';
	return arena_printf(arena, "%s/%s", dirname(self), name).ptr;
}

static struct child *start_fake(const char *dir, struct arena *arena)
{
	const char *const argv[] = { beside("fake-google", arena), "--credentials", dir, NULL };
	const struct child_options o = { .argv = argv, .keeps_stderr = true };
	struct child *child;
	struct err err = { 0 };
	char port[32];
	size_t len = 0;
	if (child_start(&o, &child, &err) != RC_OK || child_read(child, port, sizeof port - 1, &len, &err) != RC_OK)
		fail_msg("%s", err.msg);
	struct slice url = arena_printf(arena, "http://127.0.0.1:%.*s", (int) slice_trim((struct slice){ port, len }).len, port);
	(void) setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", url.ptr, 1);
	(void) unsetenv("PUBSUB_EMULATOR_HOST");
	return child;
}

static void work_with(const char *path)
{
	CLEANUP(gcp_closep) struct gcp *g = NULL;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 4 << 20);
	struct err err = { 0 };
	struct gcp_reply reply;
	(void) setenv("GOOGLE_APPLICATION_CREDENTIALS", path, 1);
	const struct gcp_options o = { .clock = clock_system(), .rand = rand_new(1) };
	/* a route of the fake that demands a token, and has nothing to say */
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = SLICE("/v1/projects/-/serviceAccounts/x"), .idempotent = true };
	if (gcp_open(&o, &g, &err) != RC_OK)
		fail_msg("%s", err.msg);
	for (int i = 0; i < 3; i++)
		if (gcp_call(g, &rq, &arena, &reply, &err) != RC_REJECT || reply.status != 400)
			fail_msg("%s", err.msg);
	for (size_t n = 0; n < COUNT_OF(needles); n++) /* while it is at work, */
		if (scan(n) > 0)
			fail_msg("%s: %s can be found", path, needles[n].what);
}

static void no_secret_is_left_where_a_core_file_would_have_it(void **unused UNUSED)
{
	static const char *const types[] = { "service_account", "authorized_user", "external_account", "external_account_json",
		                             "external_account_impersonating", "external_account_authorized_user", "impersonated_service_account",
		                             "impersonated_by_user" };
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 20);
	const char *dir = test_tmpdir();
	CLEANUP(child_closep) UNUSED struct child *fake = start_fake(dir, &arena);
	for (size_t i = 0; i < COUNT_OF(types); i++)
		work_with(arena_printf(&arena, "%s/%s.json", dir, types[i]).ptr);
	for (size_t n = 0; n < COUNT_OF(needles); n++) /* and when it has ended */
		assert_int_equal(scan(n), 0);
}

/* The test can fail: a secret in ordinary memory is found. */
static void what_lies_about_is_found(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(1 << 16);
	CLEANUP(arena_done) struct arena secret = arena_new_secret(1 << 16);
	(void) arena_alloc(&arena, 1); /* going back to here wipes, and frees nothing */
	for (size_t n = 0; n < COUNT_OF(needles); n++) {
		const struct slice tail = SLICE("0123456789abcdef0123456789abcdef0123456789abcdef");
		struct arena_mark mark = arena_mark(&arena);
		(void) ARENA_JOIN(&secret, slice_of(needles[n].first), slice_of(needles[n].second), tail);
		assert_int_equal(scan(n), 0);
		(void) ARENA_JOIN(&arena, slice_of(needles[n].first), slice_of(needles[n].second), tail);
		assert_int_not_equal(scan(n), 0);
		arena_rewind(&arena, mark);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(no_secret_is_left_where_a_core_file_would_have_it),
	cmocka_unit_test(what_lies_about_is_found),
};
TEST_SUITE(gcp_memory, tests)
