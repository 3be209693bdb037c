/* Fails call 1, then call 2, … of a source until no fault fires: the class comes through, the message names what was asked
 * for, nothing leaks (the sanitizers watch), and the second try heals. */
#include "source/source.h"

#include "base/fault.h"
#include "sim/world.h"
#include "support/archive.h"
#include "test.h"

#include <errno.h>

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED 5
#define DAYS 4
#define PAGE_LIMIT ((size_t) 1 << 20)
#define ARENA_BYTES ((size_t) 16 << 20)

struct tally {
	size_t objects;
	uint64_t bytes;
};

static enum rc count(void *ctx, enum source_object kind, int64_t page, struct slice body, struct err *err)
{
	struct tally *t = ctx;
	(void) kind;
	(void) page;
	(void) err;
	t->objects++;
	t->bytes += body.len;
	return RC_OK;
}

/* Everything a source has, as extract reads it. */
static enum rc read_all(struct source *s, struct tally *t, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	const struct source_sink sink = { .ctx = t, .object = count };
	struct source_ids ids;
	*t = (struct tally){ 0 };
	TRY(source_playlists(s, &arena, &ids, err));
	for (size_t i = 0; i < ids.count; i++) {
		struct source_times times;
		TRY(source_snapshots(s, ids.id[i], &arena, &times, err));
		for (size_t k = 0; k < times.count; k++)
			TRY(source_fetch(s, ids.id[i], times.unix_s[k], &sink, err));
	}
	return RC_OK;
}

static const char *recorded(void)
{
	CLEANUP(world_closep) struct world *w = world_sample_open(SEED, DAYS);
	const char *dir = test_tmpdir();
	struct err err = { 0 };
	if (world_write_recorded(w, dir, WORLD_SAMPLE_LIMIT, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return dir;
}

static void every_call_can_fail(void **state)
{
	(void) state;
	static const enum rc classes[] = { RC_NOT_FOUND, RC_RETRY, RC_REJECT, RC_FATAL };
	struct tally whole, t;
	CLEANUP(source_closep) struct source *plain = source_sample_open(SEED, DAYS);
	assert_int_equal(read_all(plain, &whole, NULL), RC_OK);
	int rounds = 0;
	for (int fail_at = 1;; fail_at++, rounds++) {
		enum rc rc = classes[fail_at % 4];
		CLEANUP(source_closep) struct source *s = source_fault_open(source_sample_open(SEED, DAYS), fail_at, rc);
		struct err err = { 0 };
		enum rc got = read_all(s, &t, &err);
		if (!source_fault_fired(s)) {
			assert_int_equal(got, RC_OK);
			break;
		}
		assert_int_equal(got, rc);
		assert_non_null(strstr(err.msg, "source"));
		assert_true(fail_at == 1 || strstr(err.msg, "0Sample"));
		assert_true(t.objects < whole.objects);
		assert_int_equal(read_all(s, &t, &err), RC_OK);
		assert_int_equal(t.objects, whole.objects);
		assert_int_equal(t.bytes, whole.bytes);
	}
	/* one list, two histories, seven fetches, seven playlists, the pages */
	assert_int_equal(rounds, 1 + 2 + (int) (whole.objects + 7));
	print_message("# %d fault points\n", rounds);
}

static char paths[64][512];
static size_t path_count;

static int keep_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void) st;
	(void) ftw;
	if (type == FTW_F && path_count < 64)
		(void) snprintf(paths[path_count++], sizeof paths[0], "%s", path);
	return 0;
}

/* A folder in the place of each file in turn: even the superuser cannot read that. */
static void every_file_can_be_unreadable(void **state)
{
	(void) state;
	const char *dir = recorded();
	CLEANUP(source_closep) struct source *s = NULL;
	struct tally whole, t;
	assert_int_equal(source_dir_open(dir, PAGE_LIMIT, &s, NULL), RC_OK);
	assert_int_equal(read_all(s, &whole, NULL), RC_OK);
	path_count = 0;
	assert_int_equal(nftw(dir, keep_path, 16, FTW_PHYS), 0);
	assert_in_range(path_count, 10, 63);
	for (size_t i = 0; i < path_count; i++) {
		char aside[600];
		struct err err = { 0 };
		(void) snprintf(aside, sizeof aside, "%s.aside", dir);
		assert_int_equal(rename(paths[i], aside), 0);
		assert_int_equal(mkdir(paths[i], 0755), 0);
		assert_int_equal(read_all(s, &t, &err), RC_REJECT);
		assert_non_null(strstr(err.msg, paths[i]));
		assert_int_equal(rmdir(paths[i]), 0);
		assert_int_equal(rename(aside, paths[i]), 0);
		assert_int_equal(read_all(s, &t, &err), RC_OK);
		assert_int_equal(t.objects, whole.objects);
		assert_int_equal(t.bytes, whole.bytes);
	}
}

/* The steps of what reads files of others: each fails once, says whose file it was, and the next try tells all of it. */
static void every_step_can_fail(const char *steps, enum rc (*open)(struct source **out, struct err *err), const char *name)
{
	CLEANUP(source_closep) struct source *plain = NULL;
	struct tally whole, t;
	assert_int_equal(open(&plain, NULL), RC_OK);
	assert_int_equal(read_all(plain, &whole, NULL), RC_OK);
	int rounds = 0;
	for (uint64_t nth = 1;; nth++, rounds++) {
		CLEANUP(source_closep) struct source *s = NULL;
		struct err err = { 0 };
		fault_arm(steps, nth, EIO);
		enum rc rc = open(&s, &err);
		if (rc == RC_OK)
			rc = read_all(s, &t, &err);
		bool fired = fault_fired();
		(void) fault_disarm();
		if (!fired) {
			assert_int_equal(rc, RC_OK);
			break;
		}
		assert_int_equal(rc, RC_RETRY);
		assert_non_null(strstr(err.msg, name));
		if (!s)
			assert_int_equal(open(&s, NULL), RC_OK);
		assert_int_equal(read_all(s, &t, &err), RC_OK);
		assert_int_equal(t.objects, whole.objects);
		assert_int_equal(t.bytes, whole.bytes);
	}
	assert_true(rounds > 5);
	print_message("# %d fault points of %s\n", rounds, steps);
}

static char archive_path[4096], csv_path[4096];

static enum rc open_archive(struct source **out, struct err *err)
{
	const struct source_archive_options o = { .path = archive_path };
	return source_archive_open(&o, out, err);
}

static void every_step_of_an_archive_can_fail(void **state)
{
	(void) state;
	CLEANUP(world_closep) struct world *w = world_sample_open(SEED, DAYS);
	(void) snprintf(archive_path, sizeof archive_path, "%s/archive.git", test_tmpdir());
	archive_write_world(w, archive_path);
	every_step_can_fail("child.*", open_archive, "git");
}

static enum rc open_csv(struct source **out, struct err *err)
{
	return source_csv_open(csv_path, NULL, out, err);
}

static void every_step_of_a_csv_can_fail(void **state)
{
	(void) state;
	(void) snprintf(csv_path, sizeof csv_path, "%s/charts.csv", test_tmpdir());
	FILE *f = fopen(csv_path, "wb");
	assert_non_null(f);
	(void) fputs("spotify_id,name,artists,daily_rank,country,snapshot_date\n", f);
	for (int i = 0; i < 16000; i++)
		(void) fprintf(f, "t%d,Name,\"Artist, Other\",%d,IN,2025-%02d-%02d\n", i, i % 50 + 1, i / 1400 % 12 + 1, i / 50 % 28 + 1);
	assert_int_equal(fclose(f), 0);
	every_step_can_fail("csv.read", open_csv, "charts.csv");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_call_can_fail),
	cmocka_unit_test(every_file_can_be_unreadable),
	cmocka_unit_test(every_step_of_an_archive_can_fail),
	cmocka_unit_test(every_step_of_a_csv_can_fail),
};
TEST_SUITE(torture_source, tests)
