/* Subscription filters: the grammar of cloud.google.com/pubsub/docs/subscription-message-filter.
 *
 *   attributes:KEY                       has the attribute
 *   attributes.KEY = "v"   and   !=
 *   hasPrefix(attributes.KEY, "v")
 *   NOT x, -x, x AND y, x OR y, ( )      AND and OR mixed without parentheses are refused
 *
 * KEY is a bare word or a quoted string.  At most BUS_FILTER_BYTES_MAX bytes, checked before parsing. */
#ifndef BUS_FILTER_H
#define BUS_FILTER_H

#include "bus/bus.h"

struct filter;
/* NULL filter for "".  RC_REJECT names the column (from 1) of the first fault and what was wanted. */
MUST_USE enum rc filter_parse(struct slice text, struct filter **out, struct err *err);
bool filter_match(const struct filter *f, const struct bus_message *m);
void filter_free(struct filter *f);
static inline void filter_freep(struct filter **f)
{
	filter_free(*f);
	*f = NULL;
}

#endif
