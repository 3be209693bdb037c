/* Log lines and metrics. */
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* What `log` writes to standard error while fn runs. */
static char *captured(void (*fn)(void))
{
	static char text[1 << 16];
	char path[4096];
	(void) snprintf(path, sizeof path, "%s/stderr", test_tmpdir());
	int old = dup(STDERR_FILENO), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(old >= 0 && fd >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	fn();
	assert_true(dup2(old, STDERR_FILENO) >= 0);
	ssize_t len = pread(fd, text, sizeof text - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	(void) close(fd);
	(void) close(old);
	return text;
}

static void say_things(void)
{
	log_context("run-1", "list-1");
	log_warn("ingest", "a \"quoted\"\n\x1b[31m line with \xff");
	log_context(NULL, NULL);
	log_debug("ingest", "not seen");
	log_error("", "the end");
}

static void log_lines_are_harmless_text_or_one_json_object_each(void **state)
{
	(void) state;
	struct clock_fake clock;
	clock_fake_init(&clock, 1767225605000);
	log_init(LOG_TEXT, LOG_INFO, &clock.base);
	assert_string_equal(captured(say_things), "sargam: warning: ingest: a \"quoted\"??[31m line with \xff\nsargam: error: the end\n");
	log_init(LOG_JSON, LOG_INFO, &clock.base);
	char *text = captured(say_things), *end = strchr(text, '\n');
	log_init(LOG_TEXT, LOG_INFO, NULL);
	assert_non_null(end);
	CLEANUP(json_freep) struct json *one = NULL;
	assert_int_equal(json_parse((struct slice){ text, (size_t) (end - text) }, &one, NULL), RC_OK);
	assert_true(slice_is(json_get_string(one, "time"), "2026-01-01T00:00:05Z"));
	assert_true(slice_is(json_get_string(one, "level"), "warning") && slice_is(json_get_string(one, "area"), "ingest"));
	assert_true(slice_is(json_get_string(one, "run"), "run-1") && slice_is(json_get_string(one, "playlist"), "list-1"));
	assert_true(slice_is(json_get_string(one, "message"), "a \"quoted\"\n\x1b[31m line with \xef\xbf\xbd"));
	CLEANUP(json_freep) struct json *two = NULL;
	assert_int_equal(json_parse(slice_trim(slice_of(end + 1)), &two, NULL), RC_OK);
	assert_true(slice_is(json_get_string(two, "message"), "the end"));
}

static void *count_up(void *arg)
{
	(void) arg;
	for (int i = 0; i < 10000; i++)
		metric_add(METRIC_dead_letters, 1);
	return NULL;
}

static void metrics_add_up_from_any_thread_and_print_as_prometheus_reads(void **state)
{
	(void) state;
	pthread_t thread[4];
	int64_t before = metric_get(METRIC_dead_letters);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_up, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(metric_get(METRIC_dead_letters) - before, 40000);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	metrics_write(&text);
	char want[200];
	(void) snprintf(want, sizeof want,
	                "# HELP sargam_dead_letters_total things put into quarantine\n# TYPE sargam_dead_letters_total counter\n"
	                "sargam_dead_letters_total %lld\n", (long long) metric_get(METRIC_dead_letters));
	assert_non_null(strstr(buf_str(&text), want));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(log_lines_are_harmless_text_or_one_json_object_each),
	cmocka_unit_test(metrics_add_up_from_any_thread_and_print_as_prometheus_reads),
};
TEST_SUITE(log, tests);
