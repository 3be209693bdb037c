/* libFuzzer target for the page reader: any bytes are refused with a reason, or every promise of page_check.h holds.
 * The first two bytes choose the arena's limit, so that running out of room is walked too. */
#include "golden/page_check.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t limit = (size_t) 8 << 20;
	if (size > 2 && data[0] == 0xff) {
		limit = (size_t) data[1] << 8;
		data += 2;
		size -= 2;
	}
	bool read;
	const char *fault = page_check((struct slice){ (const char *) data, size }, limit, &read);
	if (fault) {
		(void) fprintf(stderr, "page_check: %s\n", fault);
		abort();
	}
	return 0;
}
