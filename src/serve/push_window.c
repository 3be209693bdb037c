#include "serve/push_window.h"

void push_window_init(struct push_window *w)
{
	*w = (struct push_window){ .size = PUSH_WINDOW_FIRST, .threshold = PUSH_WINDOW_MAX };
}

size_t push_window_room(const struct push_window *w, size_t outstanding, int64_t now_ns)
{
	if (now_ns < w->hold_until_ns || outstanding >= w->size)
		return 0;
	return w->size - outstanding;
}

void push_window_taken(struct push_window *w)
{
	w->fails = 0;
	w->hold_until_ns = 0;
	w->taken++;
	if (w->size >= PUSH_WINDOW_MAX || (w->size >= w->threshold && w->taken < w->size))
		return;
	w->size++;
	w->taken = 0;
}

static size_t half(size_t size, size_t least)
{
	return size / 2 > least ? size / 2 : least;
}

void push_window_failed(struct push_window *w, uint64_t round, bool refused, int64_t now_ns)
{
	if (round != w->round) /* counted already */
		return;
	w->round++;
	if (w->fails == 0) /* an outage that lasts does not lower it further: afterwards it grows fast again */
		w->threshold = half(w->size, 2);
	w->size = half(w->size, refused ? PUSH_WINDOW_FIRST : 1);
	w->taken = 0;
	int64_t hold_ms = w->fails < 10 ? (int64_t) PUSH_HOLD_MS_MIN << w->fails : PUSH_HOLD_MS_MAX;
	w->hold_until_ns = now_ns + (hold_ms < PUSH_HOLD_MS_MAX ? hold_ms : PUSH_HOLD_MS_MAX) * 1000000;
	w->fails = w->fails < 1000 ? w->fails + 1 : w->fails;
}
