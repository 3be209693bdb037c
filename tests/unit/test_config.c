/* Settings, log lines and metrics: one table each. */
#include "base/config.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void every_default_lies_in_its_range_and_reads_back(void **state)
{
	(void) state;
	CLEANUP(mem_freep) struct config *c = mem_alloc(sizeof *c), *d = mem_alloc(sizeof *d);
	CLEANUP(mem_freep) struct config_entry *e = mem_alloc(sizeof *e);
	struct err err = { 0 };
	config_init(c);
	config_init(d);
	assert_true(config_count() >= 20);
	for (size_t i = 0; i < config_count(); i++) {
		config_entry(c, i, e);
		assert_string_equal(e->value, e->default_value);
		assert_string_equal(e->from, "default");
		assert_true(e->help[0] != '\0');
		if (config_set(d, slice_of(e->name), slice_of(e->value), CONFIG_CLI, &err) != RC_OK)
			fail_msg("%s: %s", e->name, err.msg);
	}
}

static void a_wrong_value_names_key_place_and_what_is_wanted(void **state)
{
	(void) state;
	static const struct {
		const char *key, *value, *says;
	} cases[] = {
		{ "threads", "two", "from 0 to 256" },
		{ "threads", "257", "from 0 to 256" },
		{ "threads", "", "from 0 to 256" },
		{ "memory_limit_mb", "99999999999999999999", "from 64" },
		{ "chart_utc_offset", "5", "+HH:MM" },
		{ "chart_utc_offset", "+25:00", "+HH:MM" },
		{ "no_such_key", "1", "no setting 'no_such_key'" },
		{ "", "1", "no setting ''" },
	};
	CLEANUP(mem_freep) struct config *c = mem_alloc(sizeof *c);
	config_init(c);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct err err = { 0 };
		assert_int_equal(config_set(c, slice_of(cases[i].key), slice_of(cases[i].value), CONFIG_ENV, &err), RC_FATAL);
		if (!strstr(err.msg, cases[i].says) || !strstr(err.msg, "environment"))
			fail_msg("'%s' does not say '%s' and where", err.msg, cases[i].says);
	}
	assert_int_equal(c->threads, 0);
	assert_string_equal(c->chart_utc_offset, "+00:00");
}

static void the_command_line_wins_over_the_environment_and_that_over_the_file(void **state)
{
	(void) state;
	CLEANUP(mem_freep) struct config *c = mem_alloc(sizeof *c);
	char path[4096];
	struct err err = { 0 };
	config_init(c);
	(void) snprintf(path, sizeof path, "%s/sargam.ini", test_tmpdir());
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	(void) fputs("# a comment\nthreads = 3 ; of two\nsample-days = 11\npage_limit_bytes=4096\nchart_utc_offset = -03:30\n", f);
	(void) fclose(f);
	assert_int_equal(config_set(c, SLICE("sample-days"), SLICE("44"), CONFIG_CLI, &err), RC_OK); /* read first, as the program does */
	assert_int_equal(setenv("SARGAM_THREADS", "7", 1), 0);
	assert_int_equal(setenv("SARGAM_SAMPLE_DAYS", "22", 1), 0);
	assert_int_equal(config_load_file(c, path, &err), RC_OK);
	assert_int_equal(config_load_env(c, &err), RC_OK);
	assert_int_equal(unsetenv("SARGAM_THREADS") + unsetenv("SARGAM_SAMPLE_DAYS"), 0);
	assert_int_equal(c->sample_days, 44);
	assert_int_equal(c->threads, 7);
	assert_int_equal(c->page_limit_bytes, 4096);
	assert_int_equal(config_chart_offset_s(c), -(3 * 3600 + 1800));
	assert_int_equal(c->from.sample_days, CONFIG_CLI);
	assert_int_equal(c->from.threads, CONFIG_ENV);
	assert_int_equal(c->from.page_limit_bytes, CONFIG_FILE);
}

static void a_wrong_line_of_a_file_is_named(void **state)
{
	(void) state;
	static const struct {
		const char *text, *says;
	} cases[] = { { "threads = 1\nthreads = many\n", ":2: " }, { "tread = 1\n", ":1: " }, { "threads = 1\nnonsense\n", ":2: " } };
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(mem_freep) struct config *c = mem_alloc(sizeof *c);
		char path[4096];
		struct err err = { 0 };
		config_init(c);
		(void) snprintf(path, sizeof path, "%s/wrong.ini", test_tmpdir());
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		(void) fputs(cases[i].text, f);
		(void) fclose(f);
		assert_int_equal(config_load_file(c, path, &err), RC_FATAL);
		if (!strstr(err.msg, cases[i].says) || !strstr(err.msg, "wrong.ini"))
			fail_msg("'%s' does not name the line", err.msg);
	}
	CLEANUP(mem_freep) struct config *c = mem_alloc(sizeof *c);
	struct err err = { 0 };
	config_init(c);
	assert_int_equal(config_load_file(c, "/nowhere/sargam.ini", &err), RC_FATAL);
	assert_non_null(strstr(err.msg, "/nowhere/sargam.ini"));
}

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
	cmocka_unit_test(every_default_lies_in_its_range_and_reads_back),
	cmocka_unit_test(a_wrong_value_names_key_place_and_what_is_wanted),
	cmocka_unit_test(the_command_line_wins_over_the_environment_and_that_over_the_file),
	cmocka_unit_test(a_wrong_line_of_a_file_is_named),
	cmocka_unit_test(log_lines_are_harmless_text_or_one_json_object_each),
	cmocka_unit_test(metrics_add_up_from_any_thread_and_print_as_prometheus_reads),
};
TEST_SUITE(config, tests);
