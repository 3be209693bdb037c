/* Many threads, one token: who refreshes, who waits, what all of them learn. On the machine's clock. */
#include "base/thread.h"
#include "support/cloud.h"
#include "test.h"

#include <stdatomic.h>

#define THREADS 16

static enum rc call(void *ctx, size_t i UNUSED, struct err *err)
{
	struct cloud *c = ctx;
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 1 << 20);
	const struct gcp_request rq = { .api = GCP_PUBSUB, .method = "GET", .path = SLICE(CLOUD_PATH), .idempotent = true };
	struct gcp_reply reply;
	return gcp_call(c->gcp, &rq, &arena, &reply, err);
}

static void all_at_once(struct cloud *c)
{
	struct err err = { 0 };
	if (thread_each(THREADS, THREADS, call, c, &err) != RC_OK)
		fail_msg("%s", err.msg);
}

#define REAL_CLOUD(c)                        \
	CLEANUP(cloud_done) struct cloud c;  \
	cloud_open(&(c), true);              \
	cloud_credentials(&(c), "service_account"); \
	cloud_must_connect(&(c))

static void threads_share_one_request_for_a_token(void **unused UNUSED)
{
	REAL_CLOUD(c);
	cloud_control(&c, "{'match':'POST /token','do':'slow','ms':300}"); /* all the others come meanwhile */
	all_at_once(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 1);
	assert_int_equal(__atomic_load_n(&c.done, __ATOMIC_SEQ_CST), THREADS);
}

static void threads_that_are_refused_share_the_next_one(void **unused UNUSED)
{
	REAL_CLOUD(c);
	all_at_once(&c);
	cloud_control(&c, "[{'do':'expire-tokens'},{'match':'POST /token','do':'slow','ms':300}]");
	all_at_once(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 2);
	assert_int_equal(__atomic_load_n(&c.done, __ATOMIC_SEQ_CST), 2 * THREADS);
}

struct failing {
	struct cloud *c;
	atomic_int fatal;
};

static enum rc call_in_vain(void *ctx, size_t i, struct err *err UNUSED)
{
	struct failing *f = ctx;
	struct err why = { 0 };
	enum rc rc = call(f->c, i, &why);
	if (rc == RC_FATAL && strstr(why.msg, "the key was deleted"))
		(void) atomic_fetch_add(&f->fatal, 1);
	return RC_OK;
}

static void threads_that_wait_share_the_failure(void **unused UNUSED)
{
	REAL_CLOUD(c);
	struct failing f = { .c = &c };
	struct err err = { 0 };
	cloud_control(&c, "[{'do':'revoke'},{'match':'POST /token','do':'slow','ms':500}]");
	assert_int_equal(thread_each(THREADS, THREADS, call_in_vain, &f, &err), RC_OK);
	assert_int_equal(atomic_load(&f.fatal), THREADS);
	assert_in_range(cloud_count(&c, "POST /token"), 1, 2); /* one may come when all is over */
	assert_int_equal(__atomic_load_n(&c.done, __ATOMIC_SEQ_CST), 0);
}

/* More threads than connections: the rest waits for its turn. */
static void connections_are_bounded(void **unused UNUSED)
{
	REAL_CLOUD(c);
	struct err err = { 0 };
	cloud_control(&c, "{'match':'GET " CLOUD_PATH "','times':1000,'do':'slow','ms':20}");
	assert_int_equal(thread_each((size_t) 4 * GCP_CONNECTIONS_MAX, GCP_CONNECTIONS_MAX + 16, call, &c, &err), RC_OK);
	assert_int_equal(__atomic_load_n(&c.done, __ATOMIC_SEQ_CST), 4 * GCP_CONNECTIONS_MAX);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(threads_share_one_request_for_a_token),
	cmocka_unit_test(threads_that_are_refused_share_the_next_one),
	cmocka_unit_test(threads_that_wait_share_the_failure),
	cmocka_unit_test(connections_are_bounded),
};
TEST_SUITE(gcp_threads, tests)
