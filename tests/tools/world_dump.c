/* Writes an invented world in the recorded layout, for tests that hold the program against other readers of it. */
#include "test.h"

#include "sim/world.h"

#include <stdio.h>

#define PAGE_ITEMS 50

static bool number(const char *s, int64_t max, int64_t *out)
{
	return slice_to_int(slice_of(s), out) && *out >= 0 && *out <= max;
}

int test_world_dump(int argc, char **argv)
{
	int64_t seed, days, playlists = 0, size = 0;
	struct err err = { 0 };
	if ((argc != 3 && argc != 5) || !number(argv[1], INT64_MAX, &seed) || !number(argv[2], 3650, &days) ||
	    (argc == 5 && (!number(argv[3], 100000, &playlists) || !number(argv[4], 100000, &size)))) {
		fprintf(stderr, "usage: sargam-test --world-dump DIR SEED DAYS [PLAYLISTS SIZE]\n"
		                "The bundled sample, or with PLAYLISTS and SIZE a world full of oddities.\n");
		return 2;
	}
	CLEANUP(world_closep) struct world *w = argc == 3 ? world_sample_open((uint64_t) seed, days)
	                                                  : world_nasty_open((uint64_t) seed, days, (size_t) playlists, size);
	if (world_write_recorded(w, argv[0], PAGE_ITEMS, &err) != RC_OK) {
		fprintf(stderr, "sargam-test: %s\n", err.msg);
		return 1;
	}
	return 0;
}
