/* How many messages of one push subscription are under way at once, and how long none is while its endpoint fails
 * (cloud.google.com/pubsub/docs/push: slow start, push backoff).  No I/O, no lock.
 *
 * The window begins small, grows by one with each message taken (which doubles it each round trip) up to half of where it last failed,
 * then by one each round; a round with a failure halves it.  The first failed round after a success holds the subscription for 100 ms, each
 * further one twice as long, up to 60 s; a success ends that.  Messages that were under way together are one round: a full window
 * that fails is one failure.  While the endpoint refuses single messages rather than being away, several are tried each time: what is
 * wrong may be the message. */
#ifndef SERVE_PUSH_WINDOW_H
#define SERVE_PUSH_WINDOW_H

#include "base/macros.h"

#define PUSH_WINDOW_FIRST 4
#define PUSH_WINDOW_MAX 64
#define PUSH_HOLD_MS_MIN 100
#define PUSH_HOLD_MS_MAX 60000

struct push_window {
	size_t size;      /* messages under way at most, from 1 */
	size_t threshold; /* up to here it grows fast */
	size_t taken;     /* above it: since it last grew */
	int fails;        /* failed rounds since the last success */
	uint64_t round;
	int64_t hold_until_ns; /* monotonic; nothing is sent before */
};
void push_window_init(struct push_window *w);
/* How many more may be sent now. */
size_t push_window_room(const struct push_window *w, size_t outstanding, int64_t now_ns);
void push_window_taken(struct push_window *w);
/* `round`: that of the window when the message was sent; `refused`: the endpoint is there, and does not want this message. */
void push_window_failed(struct push_window *w, uint64_t round, bool refused, int64_t now_ns);

#endif
