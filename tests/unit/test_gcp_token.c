/* The access token at hand: when it is renewed, by whom, and what becomes of one that is refused. */
#include "base/log.h"
#include "base/thread.h"
#include "gcp/bearer.h"
#include "gcp/gcp.h"
#include "io/file.h"
#include "support/cloud.h"
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void must_call(struct cloud *c)
{
	if (cloud_call(c, "GET", true) != RC_OK)
		fail_msg("%s", c->err.msg);
}

static void open_as(struct cloud *c, const char *type)
{
	cloud_credentials(c, type);
	cloud_must_connect(c);
}

/* --- renewal -------------------------------------------------------------------------------------------------- */

static void a_token_is_renewed_225_s_before_it_ends(void **unused UNUSED)
{
	CLOUD(c);
	open_as(&c, "service_account");
	must_call(&c);
	clock_fake_advance_ms(&c.clock, 3600000 - 225000 - 1);
	must_call(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 1);
	clock_fake_advance_ms(&c.clock, 1);
	must_call(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 2);
	must_call(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 2);
}

static void an_early_renewal_that_fails_leaves_the_old_token_in_use(void **unused UNUSED)
{
	CLOUD(c);
	open_as(&c, "service_account");
	must_call(&c);
	clock_fake_advance_ms(&c.clock, 3600000 - 200000);
	cloud_control(&c, "{'match':'POST /token','times':99,'do':'status','status':400,'body':{'error':'invalid_request'}}");
	must_call(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 2);
	must_call(&c); /* not tried with each call */
	assert_int_equal(cloud_count(&c, "POST /token"), 2);
	clock_fake_advance_ms(&c.clock, BEARER_AGAIN_MS);
	must_call(&c);
	assert_int_equal(cloud_count(&c, "POST /token"), 3);
	clock_fake_advance_ms(&c.clock, 200000); /* it has ended */
	assert_int_equal(cloud_call(&c, "GET", true), RC_FATAL);
	assert_int_equal(c.done, 4);
	fake_forget(c.fake);
	must_call(&c); /* nothing is remembered of the failure */
}

static void how_long_a_token_lives_may_be_said_in_any_way(void **unused UNUSED)
{
	static const struct {
		const char *expires_in;
		int64_t life_s, renewed_s; /* what the fake means by it; when we ask anew */
	} table[] = {
		{ "3600", 3600, 3375 },   { "'3600'", 3600, 3375 },        { "3600.0", 3600, 3375 },
		{ "null", 3600, 3375 },   { "'soon'", 3600, 3375 },        { "{}", 3600, 3375 },
		{ "600", 600, 375 },      { "226", 226, 1 },               { "225", 225, 225 },
		{ "60", 60, 60 },         { "12", 12, 12 },                { "1", 3600, 10 },
		{ "0", 3600, 10 },        { "-5", 3600, 10 },              { "'-5'", 3600, 10 },
		{ "1e300", 99999, 3375 }, { "99999999", 99999, 43200 - 225 }, { "9223372036854775807", 99999, 43200 - 225 },
		{ "99999999999999999999999", 99999, 3375 },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		CLOUD(c);
		cloud_control(&c, arena_printf(&c.arena, "{'set':{'expires_in':%s,'life_s':%lld}}", table[i].expires_in, (long long) table[i].life_s).ptr);
		open_as(&c, "service_account");
		must_call(&c);
		clock_fake_advance_ms(&c.clock, table[i].renewed_s * 1000 - 1);
		must_call(&c);
		size_t before = cloud_count(&c, "POST /token");
		clock_fake_advance_ms(&c.clock, 1);
		must_call(&c);
		size_t after = cloud_count(&c, "POST /token");
		if (before != 1 || after != 2)
			fail_msg("expires_in %s: %zu, then %zu requests", table[i].expires_in, before, after);
	}
}

/* The metadata server gives out what is left of its own token until near its end. */
static void a_token_that_is_given_again_makes_no_loop(void **unused UNUSED)
{
	CLOUD(c);
	cloud_control(&c, "{'set':{'same_token':true,'life_s':300}}");
	cloud_must_connect(&c);
	for (int s = 0; s < 300; s++) { /* a call a second, to the end of the token */
		must_call(&c);
		clock_fake_advance_ms(&c.clock, 1000);
	}
	size_t asked = cloud_count(&c, "GET /computeMetadata/*/token*");
	if (asked < 1 || asked > 3)
		fail_msg("asked %zu times", asked);
	must_call(&c);
	assert_int_equal(c.done, 301);
	assert_int_equal(cloud_count(&c, "GET " CLOUD_PATH), 301); /* none was refused */
}

static void a_token_may_have_any_length(void **unused UNUSED)
{
	static const int bytes[] = { 30, 255, 256, 1024, 4096, 16000, 30000 };
	for (size_t i = 0; i < COUNT_OF(bytes); i++) {
		CLOUD(c);
		cloud_control(&c, arena_printf(&c.arena, "{'set':{'token_bytes':%d}}", bytes[i]).ptr);
		open_as(&c, "service_account");
		must_call(&c);
	}
}

/* --- refusal --------------------------------------------------------------------------------------------------- */

static void a_refused_token_is_replaced_once(void **unused UNUSED)
{
	CLOUD(c);
	open_as(&c, "service_account");
	must_call(&c);
	cloud_control(&c, "{'do':'expire-tokens'}");
	assert_int_equal(cloud_call(&c, "POST", false), RC_OK); /* a 401 has done nothing: also what may not be done twice */
	assert_int_equal(c.reply.tries, 2);
	assert_false(c.reply.was_lost);
	assert_int_equal(cloud_count(&c, "POST /token"), 2);
	assert_int_equal(c.clock.slept_ms, 0);
	cloud_control(&c, "{'match':'* " CLOUD_PATH "','times':99,'do':'status','status':401}");
	assert_int_equal(cloud_call(&c, "GET", true), RC_FATAL);
	assert_int_equal(c.reply.tries, 2);
	assert_int_equal(cloud_count(&c, "POST /token"), 3);
	assert_non_null(strstr(c.err.msg, "two tokens"));
	cloud_assert_no_secret(&c, slice_of(c.err.msg));
}

static void a_revoked_credential_ends_it(void **unused UNUSED)
{
	CLOUD(c);
	open_as(&c, "authorized_user");
	must_call(&c);
	cloud_control(&c, "{'do':'revoke'}");
	assert_int_equal(cloud_call(&c, "GET", true), RC_FATAL);
	assert_non_null(strstr(c.err.msg, "gcloud auth application-default login"));
	assert_int_equal(c.done, 1);
	assert_int_equal(c.reply.status, 0); /* what the refused try brought is gone with it */
	assert_string_equal(c.reply.said, "no answer");
	cloud_control(&c, "{'do':'restore'}");
	must_call(&c);
}

static void a_token_refused_in_the_middle_of_a_storm_is_replaced_too(void **unused UNUSED)
{
	CLOUD(c);
	open_as(&c, "service_account");
	must_call(&c);
	cloud_control(&c, "[{'match':'* " CLOUD_PATH "','times':2,'do':'status','status':503},{'match':'* " CLOUD_PATH "','do':'expire-tokens'}]");
	must_call(&c);
	assert_int_equal(c.reply.tries, 4);
	assert_true(c.reply.was_lost);
}

/* --- secrets ---------------------------------------------------------------------------------------------------- */

/* Everything this program writes to standard error while it runs `work`. */
static struct slice said(struct cloud *c, void (*work)(struct cloud *c))
{
	struct err err = { 0 };
	struct slice text;
	const char *path = arena_printf(&c->arena, "%s/stderr", c->dir).ptr;
	int to = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600), kept = dup(2);
	assert_true(to >= 0 && kept >= 0);
	fflush(stderr);
	(void) dup2(to, 2);
	log_init(LOG_TEXT, LOG_DEBUG, clock_system());
	work(c);
	log_init(LOG_TEXT, LOG_INFO, clock_system());
	(void) dup2(kept, 2);
	(void) close(to);
	(void) close(kept);
	assert_int_equal(file_read(path, 1 << 24, &c->arena, &text, &err), RC_OK);
	return text;
}

static void rough_day(struct cloud *c)
{
	(void) cloud_call(c, "GET", true);
	cloud_control(c, "[{'match':'* " CLOUD_PATH "','times':3,'do':'status','status':503},{'match':'* " CLOUD_PATH "','do':'lose-reply'},"
	              "{'match':'POST /*token*','times':2,'do':'status','status':500},{'do':'expire-tokens'}]");
	(void) cloud_call(c, "POST", true);
	cloud_control(c, "{'do':'revoke'}");
	clock_fake_advance_ms(&c->clock, 3400000); /* an early renewal fails, and is logged */
	(void) cloud_call(c, "POST", true);
}

static void no_secret_is_ever_said(void **unused UNUSED)
{
	static const char *const types[] = { "service_account", "authorized_user", "external_account_impersonating", "external_account_authorized_user",
		                             "impersonated_by_user" };
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		CLOUD(c);
		open_as(&c, types[i]);
		struct slice text = said(&c, rough_day);
		assert_true(slice_find_str(text, SLICE("503 a fault of the plan")) != SIZE_MAX); /* it does speak */
		cloud_assert_no_secret(&c, text);
		cloud_assert_no_secret(&c, slice_of(c.err.msg));
		cloud_assert_no_secret(&c, slice_of(c.reply.said));
		cloud_assert_no_secret(&c, fake_log(c.fake, &c.arena));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_token_is_renewed_225_s_before_it_ends),
	cmocka_unit_test(an_early_renewal_that_fails_leaves_the_old_token_in_use),
	cmocka_unit_test(how_long_a_token_lives_may_be_said_in_any_way),
	cmocka_unit_test(a_token_that_is_given_again_makes_no_loop),
	cmocka_unit_test(a_token_may_have_any_length),
	cmocka_unit_test(a_refused_token_is_replaced_once),
	cmocka_unit_test(a_revoked_credential_ends_it),
	cmocka_unit_test(a_token_refused_in_the_middle_of_a_storm_is_replaced_too),
	cmocka_unit_test(no_secret_is_ever_said),
};
TEST_SUITE(gcp_token, tests)
