/* A call that must succeed; it fills a variable `err` of its own. */
#ifndef SUITE_BUS_OK_H
#define SUITE_BUS_OK_H

#define ok(call)                                                    \
	do {                                                        \
		struct err err = { 0 };                             \
		if ((call) != RC_OK)                                \
			fail_msg("line %d: %s", __LINE__, err.msg); \
	} while (0)

#endif
