/* The push deliverer's insides: private to push*.c.
 *
 * One thread takes (push.c): it lists subscriptions, pulls as much as may be under way, and hands each message to a worker
 * (push_work.c), which posts it and settles it with the bus.  Nobody holds the lock while he calls the bus or the network. */
#ifndef SERVE_PUSH_PRIVATE_H
#define SERVE_PUSH_PRIVATE_H

#include "serve/push.h"
#include "serve/push_config.h"
#include "serve/push_request.h"
#include "serve/push_token.h"
#include "serve/push_window.h"

#include <pthread.h>
#include <sys/queue.h>

/* A subscription with an endpoint. */
struct push_sub {
	LIST_ENTRY(push_sub) link;
	char *name, *topic, *config; /* config: push_config_parse() */
	int64_t ack_deadline_s, max_attempts;
	bool is_ordered, is_counted, has_retry_policy;
	bool is_listed;    /* by the list that is being read */
	bool is_gone;      /* it waits for what is under way */
	struct push_window window;
	size_t outstanding, bytes;
	int64_t due_ns;    /* when to pull again, monotonic */
	int64_t told_ns;   /* when its trouble was last logged; 0: never */
	bool is_told;      /* and its end was not */
};
/* What one pull brought; goes with its last message. */
struct push_batch {
	struct arena arena;
	struct push_config config;
	size_t left;
};
struct push_job {
	STAILQ_ENTRY(push_job) link;
	struct push_sub *sub;
	struct push_batch *batch;
	struct bus_delivery *delivery;
	struct push_subject subject;
	int64_t taken_ns, ack_deadline_ms, max_attempts;
	bool has_retry_policy;
	bool is_probe;     /* its subscription was failing */
	bool may_look;     /* set when it ends: something may be there to be pulled */
	uint64_t round;
};
enum push_worker_state { PUSH_WORKER_NONE, PUSH_WORKER_RUNS, PUSH_WORKER_ENDED };
struct push_worker {
	struct push *push;
	pthread_t thread;
	enum push_worker_state state;
};
struct push {
	struct push_options o;
	char *project;
	struct push_tokens *tokens;
	pthread_t taker;
	bool is_started;
	atomic_bool is_broken_off; /* ends requests under way */

	pthread_mutex_t lock;        /* of all below; the list of subscriptions is changed by the taker only */
	pthread_cond_t poked, queued, settled;
	bool is_poked, is_changed, is_stopping, is_ending;
	LIST_HEAD(, push_sub) subs;
	size_t sub_count;
	STAILQ_HEAD(, push_job) queue;
	size_t queue_length, outstanding, probes, bytes, idle;
	struct push_worker worker[PUSH_CONCURRENCY_MAX];
};

/* --- push_work.c; called with the lock held */

/* Joins workers that have ended and starts new ones until each message of the queue has one.  When there can be none at all, the
 * queue is given back. */
void push_work_start(struct push *p);
/* Wakes the taker. */
void push_poke(struct push *p);

#endif
