#include "bus/redelivery.h"

#include "base/time.h"

int64_t delivery_backoff_ms(int64_t min_ms, int64_t max_ms, int64_t attempt)
{
	int64_t ms = min_ms;
	for (int64_t i = 1; i < attempt && ms > 0 && ms < max_ms; i++)
		ms *= 2;
	return ms < max_ms ? ms : max_ms;
}

struct slice ack_id_text(struct ack_id id, struct arena *arena)
{
	return arena_printf(arena, "%lld-%lld-%lld-%lld", (long long) id.subscription_id, (long long) id.message_id,
	                    (long long) id.attempt, (long long) id.epoch);
}

/* The number before the next '-', or before the end when it is the last. */
static bool next_number(struct slice *rest, bool last, int64_t *out)
{
	size_t dash = slice_find(*rest, '-', 0);
	if (last != (dash >= rest->len) || !slice_to_int(slice_sub(*rest, 0, dash), out) || *out < 0)
		return false;
	*rest = last ? SLICE("") : slice_sub(*rest, dash + 1, rest->len - dash - 1);
	return true;
}

bool ack_id_parse(struct slice text, struct ack_id *out)
{
	return next_number(&text, false, &out->subscription_id) && next_number(&text, false, &out->message_id) &&
	       next_number(&text, false, &out->attempt) && next_number(&text, true, &out->epoch) &&
	       out->attempt > 0; /* 0 is a delivery that nobody was given yet */
}

static struct slice publish_time(int64_t ms, struct arena *arena)
{
	int64_t seconds = ms / 1000 - (ms % 1000 < 0);
	struct time_text text = time_rfc3339(seconds);
	return arena_printf(arena, "%.*s.%03dZ", (int) strlen(text.s) - 1, text.s, (int) (ms - seconds * 1000));
}

struct bus_message dead_letter_of(const struct bus_message *m, const char *subscription, int64_t attempts, struct arena *arena)
{
	const struct bus_attr added[] = {
		{ SLICE("CloudPubSubDeadLetterSourceDeliveryCount"), arena_printf(arena, "%lld", (long long) attempts) },
		{ SLICE("CloudPubSubDeadLetterSourceSubscription"), arena_printf(arena, "%s", subscription) },
		{ SLICE("CloudPubSubDeadLetterSourceTopicPublishTime"), publish_time(m->publish_time_ms, arena) },
	};
	struct bus_message letter = { .data = m->data, .ordering_key = m->ordering_key };
	letter.attr = arena_alloc_array(arena, m->attr_count + COUNT_OF(added), sizeof *letter.attr);
	for (size_t i = 0; i < m->attr_count; i++) {
		bool replaced = false; /* it has been a dead letter before */
		for (size_t j = 0; j < COUNT_OF(added); j++)
			replaced |= slice_eq(m->attr[i].key, added[j].key);
		if (!replaced)
			letter.attr[letter.attr_count++] = m->attr[i];
	}
	for (size_t j = 0; j < COUNT_OF(added); j++)
		letter.attr[letter.attr_count++] = added[j];
	return letter;
}
