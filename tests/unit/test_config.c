/* Settings: one table makes the parser, the ranges, the names in the environment and what `sargam config` prints. */
#include "base/config.h"
#include "base/mem.h"
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct room {
	struct config *config; /* large */
	char path[300];
	struct err err;
};

static void room_open(struct room *r)
{
	*r = (struct room){ .config = mem_alloc(sizeof *r->config) };
	(void) snprintf(r->path, sizeof r->path, "%s/settings.conf", test_tmpdir());
	config_init(r->config);
}

static void room_done(struct room *r)
{
	mem_free(r->config);
}

static enum rc load(struct room *r, const char *text)
{
	FILE *f = fopen(r->path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	config_init(r->config);
	r->err.msg[0] = '\0';
	return config_load_file(r->config, r->path, &r->err);
}

static void refused(struct room *r, const char *text, const char *why)
{
	if (load(r, text) != RC_FATAL || !strstr(r->err.msg, why) || !strstr(r->err.msg, "settings.conf"))
		fail_msg("'%.60s': want \"%s\", got \"%s\"", text, why, r->err.msg);
}

static void a_file_of_every_form_is_read(void **state UNUSED)
{
	CLEANUP(room_done) struct room r;
	room_open(&r);
	assert_int_equal(load(&r, "\xef\xbb\xbfthreads = 3\r\n# a remark\n; another\n\n[section]\n\tstore=a b/c;d#e   ; from file\n"
	                          "chart-utc-offset = -03:30\nplaylists =\nlock_wait_s = 1\nlock_wait_s = 2"), RC_OK);
	assert_int_equal(r.config->threads, 3);
	assert_string_equal(r.config->store, "a b/c;d#e");
	assert_string_equal(r.config->chart_utc_offset, "-03:30");
	assert_int_equal(config_chart_offset_s(r.config), -12600);
	assert_string_equal(r.config->playlists, "");
	assert_int_equal(r.config->lock_wait_s, 2);
	assert_int_equal(r.config->from.threads, CONFIG_FILE);
	assert_int_equal(load(&r, ""), RC_OK);
}

static void a_wrong_line_is_named_with_what_is_wanted(void **state UNUSED)
{
	CLEANUP(room_done) struct room r;
	room_open(&r);
	refused(&r, "\nthreads\n", ":2: want lines of the form `key = value`");
	refused(&r, "= 2\n", ":1: want lines");
	refused(&r, "thread = 2\n", ":1: no setting 'thread'");
	refused(&r, "threads = two\n", "from 0 to 256");
	refused(&r, "threads = 257\n", "from 0 to 256");
	refused(&r, "threads = -1\n", "from 0 to 256");
	refused(&r, "threads =\n", "from 0 to 256");
	refused(&r, "threads = 99999999999999999999\n", "from 0 to 256");
	refused(&r, "chart_utc_offset = India\n", "+HH:MM");
	char *text = mem_alloc(4000);
	(void) snprintf(text, 4000, "store = %01100d\n", 7);
	refused(&r, text, "fewer than 1024 bytes");
	(void) snprintf(text, 4000, "threads = 2\n# %03000d\n", 7);
	refused(&r, text, ":2: a line of more than");
	mem_free(text);
	assert_int_equal(r.config->threads, 2);
}

static void what_cannot_be_read_is_said(void **state UNUSED)
{
	CLEANUP(room_done) struct room r;
	room_open(&r);
	assert_int_equal(config_load_file(r.config, "no/such.conf", &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, "'no/such.conf'"));
	assert_int_equal(config_load_file(r.config, test_tmpdir(), &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, "directory"));
	FILE *f = fopen(r.path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite("store = a\0b\n", 1, 12, f), 12);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(config_load_file(r.config, r.path, &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, ":1: want lines"));
}

static void the_later_place_wins_in_whatever_order_they_are_read(void **state UNUSED)
{
	CLEANUP(room_done) struct room r;
	room_open(&r);
	assert_int_equal(config_set(r.config, SLICE("threads"), SLICE("5"), CONFIG_CLI, &r.err), RC_OK);
	assert_int_equal(setenv("SARGAM_THREADS", "4", 1), 0);
	assert_int_equal(setenv("SARGAM_LOCK_WAIT_S", "4", 1), 0);
	assert_int_equal(setenv("SARGAM_STORE", "", 1), 0);
	assert_int_equal(config_load_env(r.config, &r.err), RC_OK);
	assert_int_equal(config_set(r.config, SLICE("threads"), SLICE("3"), CONFIG_FILE, &r.err), RC_OK);
	assert_int_equal(config_set(r.config, SLICE("lock-wait-s"), SLICE("3"), CONFIG_FILE, &r.err), RC_OK);
	assert_int_equal(r.config->threads, 5);
	assert_int_equal(r.config->lock_wait_s, 4);
	assert_int_equal(r.config->from.lock_wait_s, CONFIG_ENV);
	assert_int_equal(r.config->from.store, CONFIG_DEFAULT); /* empty is as good as unset */
	assert_int_equal(setenv("SARGAM_THREADS", "many", 1), 0); /* wrong, even where something overrides it */
	assert_int_equal(config_load_env(r.config, &r.err), RC_FATAL);
	assert_non_null(strstr(r.err.msg, "SARGAM_THREADS"));
	assert_int_equal(unsetenv("SARGAM_THREADS") | unsetenv("SARGAM_LOCK_WAIT_S") | unsetenv("SARGAM_STORE"), 0);
}

/* Every key with a value that is not its default, printed as `sargam config` does, read back. */
static void what_is_printed_is_read_back(void **state UNUSED)
{
	CLEANUP(room_done) struct room r;
	room_open(&r);
	struct config *before = mem_alloc(sizeof *before);
	struct config_entry *e = mem_alloc(sizeof *e);
	config_init(before);
	CLEANUP(buf_done) struct buf text = buf_new(1 << 20);
	for (size_t i = 0; i < config_count(); i++) {
		char value[CONFIG_STRING_BYTES];
		config_entry(before, i, e);
		int64_t number;
		if (slice_to_int(slice_of(e->value), &number))
			(void) snprintf(value, sizeof value, "%lld", (long long) number + 1 > 9900000 ? 5000 : (long long) number + 1);
		else if (strcmp(e->name, "chart_utc_offset") == 0)
			(void) snprintf(value, sizeof value, "+05:30");
		else
			(void) snprintf(value, sizeof value, "%s;x # = '\"%0900d", e->name, 7);
		enum rc rc = config_set(before, slice_of(e->name), slice_of(value), CONFIG_CLI, &r.err);
		if (rc != RC_OK)
			fail_msg("%s", r.err.msg);
		config_entry(before, i, e);
		buf_addf(&text, "%s = %s  ; from %s\n", e->name, e->value, e->from);
	}
	assert_int_equal(load(&r, buf_str(&text)), RC_OK);
	for (size_t i = 0; i < config_count(); i++) {
		config_entry(before, i, e);
		char *want = mem_strdup(e->value);
		config_entry(r.config, i, e);
		assert_string_equal(e->value, want);
		assert_string_not_equal(e->value, e->default_value);
		mem_free(want);
	}
	mem_free(e);
	mem_free(before);
}

static void what_no_file_could_hold_is_no_value(void **state UNUSED)
{
	CLEANUP(room_done) struct room r;
	room_open(&r);
	static const char *const bad[] = { "a ;b", "a\nb", ";b", "a\tb", "\x7f" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(config_set(r.config, SLICE("store"), slice_of(bad[i]), CONFIG_CLI, &r.err), RC_FATAL);
		assert_string_equal(r.config->store, "");
	}
	assert_int_equal(config_set(r.config, SLICE("store"), SLICE(" नीली घर "), CONFIG_CLI, &r.err), RC_OK);
	assert_string_equal(r.config->store, "नीली घर");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_of_every_form_is_read),
	cmocka_unit_test(a_wrong_line_is_named_with_what_is_wanted),
	cmocka_unit_test(what_cannot_be_read_is_said),
	cmocka_unit_test(the_later_place_wins_in_whatever_order_they_are_read),
	cmocka_unit_test(what_is_printed_is_read_back),
	cmocka_unit_test(what_no_file_could_hold_is_no_value),
};
TEST_SUITE(config, tests);
