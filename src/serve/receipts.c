#include "serve/receipts.h"

#include "base/mem.h"

#include <pthread.h>

#define TOGETHER_MAX 256

/* On the stack of the thread that waits for it. */
struct entry {
	const struct state_receipt *receipt;
	struct entry *next;
	bool done;
	enum rc rc;
	struct err err;
};
struct receipts {
	struct state *state;
	pthread_mutex_t lock;
	pthread_cond_t written;
	struct entry *first, **last; /* not yet written, as they came */
	bool writing;
};

struct receipts *receipts_open(struct state *state)
{
	struct receipts *r = mem_alloc(sizeof *r);
	r->state = state;
	r->last = &r->first;
	int failed = pthread_mutex_init(&r->lock, NULL) | pthread_cond_init(&r->written, NULL);
	assert(!failed);
	return r;
}

void receipts_close(struct receipts *r)
{
	if (!r)
		return;
	assert(!r->first);
	(void) pthread_cond_destroy(&r->written);
	(void) pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

/* With the lock, which is open while the disk works. */
static void write_waiting(struct receipts *r)
{
	struct state_receipt together[TOGETHER_MAX];
	struct entry *first = r->first, *rest = first;
	struct err err = { 0 };
	size_t count = 0;
	for (; rest && count < TOGETHER_MAX; rest = rest->next)
		together[count++] = *rest->receipt;
	r->first = rest;
	if (!rest)
		r->last = &r->first;
	r->writing = true;
	(void) pthread_mutex_unlock(&r->lock);
	enum rc rc = state_receipts_add(r->state, together, count, &err);
	(void) pthread_mutex_lock(&r->lock);
	r->writing = false;
	for (struct entry *e = first; e != rest; e = e->next) { /* they cannot go before the lock is open again */
		e->rc = rc;
		e->err = err;
		e->done = true;
	}
	(void) pthread_cond_broadcast(&r->written);
}

enum rc receipts_add(struct receipts *r, const struct state_receipt *receipt, struct err *err)
{
	struct entry entry = { .receipt = receipt };
	(void) pthread_mutex_lock(&r->lock);
	*r->last = &entry;
	r->last = &entry.next;
	while (!entry.done) {
		if (r->writing)
			(void) pthread_cond_wait(&r->written, &r->lock);
		else
			write_waiting(r);
	}
	(void) pthread_mutex_unlock(&r->lock);
	if (entry.rc != RC_OK && err)
		*err = entry.err;
	return entry.rc;
}
