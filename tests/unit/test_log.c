/* Log lines and metrics. */
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/thread.h"
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
	{
		CLEANUP(log_restorep) UNUSED struct log_context before = log_context(SLICE("run-1"), SLICE("list-1"), SLICE("4711"));
		log_warn("ingest", "a \"quoted\"\n\x1b[31m line with \xff");
	}
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
	assert_true(slice_is(json_get_string(one, "message_id"), "4711"));
	assert_true(slice_is(json_get_string(one, "message"), "a \"quoted\"\n\x1b[31m line with \xef\xbf\xbd"));
	CLEANUP(json_freep) struct json *two = NULL;
	assert_int_equal(json_parse(slice_trim(slice_of(end + 1)), &two, NULL), RC_OK);
	assert_true(slice_is(json_get_string(two, "message"), "the end"));
	assert_null(json_get(two, "run"));
	assert_null(json_get(two, "playlist"));
	assert_null(json_get(two, "message_id"));
}

static void a_part_of_the_context_can_change_alone_and_what_is_too_long_is_cut(void **state)
{
	(void) state;
	char longer[500];
	memset(longer, 'x', sizeof longer);
	CLEANUP(log_restorep) UNUSED struct log_context outside = log_context(SLICE("r"), SLICE("p"), SLICE("m"));
	{
		CLEANUP(log_restorep) UNUSED struct log_context before = log_context(SLICE_NULL, SLICE(""), (struct slice){ longer, sizeof longer });
		struct log_context now = log_context(SLICE_NULL, SLICE_NULL, SLICE_NULL);
		assert_string_equal(now.run, "r");
		assert_string_equal(now.playlist, "");
		assert_int_equal(strlen(now.message), sizeof now.message - 1);
	}
	struct log_context now = log_context(SLICE_NULL, SLICE_NULL, SLICE_NULL);
	assert_string_equal(now.playlist, "p");
	assert_string_equal(now.message, "m");
}

static enum rc note_context(void *ctx, size_t i, struct err *err)
{
	struct log_context *seen = ctx;
	(void) err;
	seen[i] = log_context(SLICE_NULL, SLICE("of one task"), SLICE_NULL);
	clock_sleep_ms(clock_system(), 20);
	log_restorep(&seen[i]);
	return RC_OK;
}

static void threads_that_work_side_by_side_inherit_the_context(void **state)
{
	(void) state;
	struct log_context seen[6];
	CLEANUP(log_restorep) UNUSED struct log_context outside = log_context(SLICE("run-7"), SLICE("p"), SLICE_NULL);
	assert_int_equal(thread_each(COUNT_OF(seen), 3, note_context, seen, NULL), RC_OK);
	for (size_t i = 0; i < COUNT_OF(seen); i++) {
		assert_string_equal(seen[i].run, "run-7");
		assert_string_equal(seen[i].playlist, "p");
	}
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

static bool has_line(const struct buf *text, const char *line)
{
	CLEANUP(buf_done) struct buf want = buf_new(4096);
	buf_addf(&want, "\n%s\n", line);
	return strstr(buf_str(text), buf_str(&want)) != NULL;
}

static void labels_are_escaped_and_bounded_and_histograms_add_up(void **state)
{
	(void) state;
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	metric_add_for(METRIC_bus_nacks, "a\"b\\c\nd\xff", 3);
	metric_add_for(METRIC_bus_nacks, "other", 2); /* as if it were too many */
	for (int i = 0; i < 2 * METRIC_VALUES_MAX; i++) {
		char name[32];
		(void) snprintf(name, sizeof name, "sub-%d", i);
		metric_add_for(METRIC_bus_nacks, name, 1);
	}
	metric_observe(METRIC_push_latency_seconds, "s", 1000);
	metric_observe(METRIC_push_latency_seconds, "s", 1001);
	metric_observe(METRIC_push_latency_seconds, "s", -5);
	metric_observe(METRIC_push_latency_seconds, "s", INT64_C(61000000));
	metrics_write(&text);
	assert_true(has_line(&text, "sargam_bus_nacks_total{subscription=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 3"));
	assert_true(has_line(&text, "sargam_bus_nacks_total{subscription=\"sub-62\"} 1"));
	assert_true(has_line(&text, "sargam_bus_nacks_total{subscription=\"other\"} 67"));
	assert_int_equal(metric_get(METRIC_bus_nacks), 3 + 2 + 2 * METRIC_VALUES_MAX);
	assert_true(has_line(&text, "# TYPE sargam_push_latency_seconds histogram"));
	assert_true(has_line(&text, "sargam_push_latency_seconds_bucket{subscription=\"s\",le=\"0.001\"} 2"));
	assert_true(has_line(&text, "sargam_push_latency_seconds_bucket{subscription=\"s\",le=\"0.0025\"} 3"));
	assert_true(has_line(&text, "sargam_push_latency_seconds_bucket{subscription=\"s\",le=\"60\"} 3"));
	assert_true(has_line(&text, "sargam_push_latency_seconds_bucket{subscription=\"s\",le=\"+Inf\"} 4"));
	assert_true(has_line(&text, "sargam_push_latency_seconds_count{subscription=\"s\"} 4"));
	assert_true(has_line(&text, "sargam_push_latency_seconds_sum{subscription=\"s\"} 61.002001"));
	assert_int_equal(metric_get(METRIC_push_latency_seconds), 4);
	assert_null(strstr(buf_str(&text), "http_request_duration_seconds_count{route=\"never\""));
}

static void *count_labels(void *arg)
{
	(void) arg;
	for (int i = 0; i < 20000; i++) {
		char name[32];
		(void) snprintf(name, sizeof name, "%d", 200 + i % 40);
		metric_add_for(METRIC_push_failures, name, 1);
	}
	return NULL;
}

static void a_label_has_each_value_once_however_many_threads_bring_it(void **state)
{
	(void) state;
	pthread_t thread[4];
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_labels, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	metrics_write(&text);
	for (int i = 0; i < 40; i++) {
		char line[100];
		(void) snprintf(line, sizeof line, "sargam_push_failures_total{code=\"%d\"} 2000", 200 + i);
		assert_true(has_line(&text, line));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(log_lines_are_harmless_text_or_one_json_object_each),
	cmocka_unit_test(a_part_of_the_context_can_change_alone_and_what_is_too_long_is_cut),
	cmocka_unit_test(threads_that_work_side_by_side_inherit_the_context),
	cmocka_unit_test(labels_are_escaped_and_bounded_and_histograms_add_up),
	cmocka_unit_test(a_label_has_each_value_once_however_many_threads_bring_it),
	cmocka_unit_test(metrics_add_up_from_any_thread_and_print_as_prometheus_reads),
};
TEST_SUITE(log, tests);
