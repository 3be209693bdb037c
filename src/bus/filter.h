/* Subscription filters: the grammar of cloud.google.com/pubsub/docs/subscription-message-filter ("Syntax to create a
 * filter"), and where that page is silent the one it is made from, google.aip.dev/160.
 *
 *   attributes:KEY                        has the attribute
 *   attributes.KEY = "v"                  has it with this value
 *   attributes.KEY != "v"                 the contrary: also true when the attribute is absent
 *   hasPrefix(attributes.KEY, "v")        has it with a value that starts so
 *   NOT x, -x, x AND y, x OR y, ( )       AND and OR mixed without parentheses are refused
 *
 * KEY is a word of letters, digits, '-' and '_', or a string literal.  String literals stand in "" or '' and know the
 * escapes \\ \" \' \` \? \a \b \f \n \r \t \v, \xHH, \OOO (octal), \uHHHH and \UHHHHHHHH, all of them code points.
 * Operators are in capitals with white space around them; `attributes`, `hasPrefix`, keys and values are
 * case-sensitive; one negation per term ("NOT NOT x" is not in the grammar, "NOT (NOT x)" is).
 *
 * An absent attribute: the page says of `attributes.name != "com"`: "Messages without the name attribute and the value
 * of com", which is NOT (attributes.name = "com"); Google's own fake service evaluates it so as well
 * (cloud.google.com/go/pubsub, pstest/filtering.go: `!attributes.hasExpectedValue(key, value)`, true without the key).
 *
 * At most BUS_FILTER_BYTES_MAX bytes, checked before parsing, and FILTER_DEPTH_MAX parentheses inside each other. */
#ifndef BUS_FILTER_H
#define BUS_FILTER_H

#include "bus/bus.h"

#define FILTER_DEPTH_MAX 32

struct filter;
/* NULL filter for "".  RC_REJECT names the column (from 1, in characters) of the first fault and what was wanted. */
MUST_USE enum rc filter_parse(struct slice text, struct filter **out, struct err *err);
bool filter_match(const struct filter *f, const struct bus_message *m);
void filter_free(struct filter *f);
static inline void filter_freep(struct filter **f)
{
	filter_free(*f);
	*f = NULL;
}

#endif
