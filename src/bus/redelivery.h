/* What happens to a message between its deliveries: the rules, without I/O, that the embedded backends share.
 *
 *   READY -> LEASED -> (acknowledged)
 *     ^        |-> READY       the lease ran out
 *     |        '-> BACKOFF     nack
 *     '-----------'            the time is over
 *
 * A delivery that was leased max_delivery_attempts times goes to the dead-letter topic instead of being leased again.
 * Acknowledged it goes, or stays as ACKED where the subscription retains such.  Of an ordered subscription, BLOCKED waits for
 * the earlier ones of its ordering key. */
#ifndef BUS_REDELIVERY_H
#define BUS_REDELIVERY_H

#include "bus/bus.h"

/* Stored in bus.db: do not renumber. */
enum delivery_state {
	DELIVERY_READY = 0,
	DELIVERY_LEASED = 1,
	DELIVERY_BACKOFF = 2,
	DELIVERY_ACKED = 3,
	DELIVERY_BLOCKED = 4,
};

/* Leases and back-offs last at most 600 s.  One that ends later than this was made before the clock jumped back; the
 * minute more leaves room for a clock that is only being set right. */
#define DELIVERY_HOLD_MS_MAX (600000 + 60000)

/* A time that has come, or that the clock's jump has made unreachable. */
static inline bool delivery_is_due(int64_t due_ms, int64_t now_ms)
{
	return due_ms <= now_ms || due_ms > now_ms + DELIVERY_HOLD_MS_MAX;
}
/* How long the nack of delivery number `attempt` (from 1) holds a message back; 0 = not at all. */
int64_t delivery_backoff_ms(int64_t min_ms, int64_t max_ms, int64_t attempt);

/* An ack id names one lease: nobody else gets the same attempt of the same message on the same subscription.  A seek
 * counts attempts anew, in the next epoch. */
struct ack_id {
	int64_t subscription_id, message_id, attempt, epoch;
};
struct slice ack_id_text(struct ack_id id, struct arena *arena);
/* false for anything that ack_id_text() did not write. */
MUST_USE bool ack_id_parse(struct slice text, struct ack_id *out);

/* `m` as it is published to the dead-letter topic; shares its bytes. */
struct bus_message dead_letter_of(const struct bus_message *m, const char *subscription, int64_t attempts, struct arena *arena);

#endif
