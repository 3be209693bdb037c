/* The configuration of a push subscription: read as a client writes it, kept as one text. */
#include "serve/push_config.h"

#include "test.h"

#define ARENA_BYTES ((size_t) 1 << 20)

static struct slice quoted(struct arena *arena, const char *single_quoted)
{
	char *text = arena_strdup(arena, slice_of(single_quoted));
	for (char *p = text; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return slice_of(text);
}

static enum rc parse(const char *single_quoted, struct arena *arena, struct push_config *out, struct err *err)
{
	return push_config_parse(quoted(arena, single_quoted).ptr, arena, out, err);
}

static void every_spelling_has_one_text(void **unused UNUSED)
{
	static const struct {
		const char *given, *text;
	} cases[] = {
		{ "", "" },
		{ "{}", "" },
		{ "{'pushEndpoint':'','attributes':{'x-goog-version':'v1beta1'},'noWrapper':{}}", "" },
		{ "{'pushEndpoint':'http://h'}", "{'pushEndpoint':'http://h','attributes':{'x-goog-version':'v1'}}" },
		{ "{'attributes':{'x-goog-version':'v1beta2'},'push_endpoint':'HTTPS://h/a?b=c','pubsub_wrapper':{}}",
		  "{'pushEndpoint':'HTTPS://h/a?b=c','attributes':{'x-goog-version':'v1beta2'}}" },
		{ "{'no_wrapper':{'write_metadata':true},'oidc_token':{'audience':'a','service_account_email':'a@b'},'pushEndpoint':'https://h'}",
		  "{'pushEndpoint':'https://h','attributes':{'x-goog-version':'v1'},'oidcToken':{'serviceAccountEmail':'a@b','audience':'a'},"
		  "'noWrapper':{'writeMetadata':true}}" },
		{ "{'pushEndpoint':'https://h','noWrapper':{},'oidcToken':{'serviceAccountEmail':'a@b'}}",
		  "{'pushEndpoint':'https://h','attributes':{'x-goog-version':'v1'},'oidcToken':{'serviceAccountEmail':'a@b'},'noWrapper':{}}" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct push_config config, again;
		struct err err = { 0 };
		if (parse(cases[i].given, &arena, &config, &err) != RC_OK)
			fail_msg("%s: %s", cases[i].given, err.msg);
		const char *text = push_config_text(&config, &arena);
		assert_string_equal(text, quoted(&arena, cases[i].text).ptr);
		assert_int_equal(push_config_parse(text, &arena, &again, &err), RC_OK);
		assert_string_equal(push_config_text(&again, &arena), text);
	}
}

static void what_is_told_is_what_was_given(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	struct push_config c;
	struct err err = { 0 };
	assert_int_equal(parse("{'pushEndpoint':'https://h','oidcToken':{'serviceAccountEmail':'a@b','audience':'c'},'noWrapper':{'writeMetadata':true}}",
	                       &arena, &c, &err), RC_OK);
	assert_string_equal(c.endpoint, "https://h");
	assert_string_equal(c.version, "v1");
	assert_string_equal(c.oidc_email, "a@b");
	assert_string_equal(c.oidc_audience, "c");
	assert_true(c.no_wrapper && c.write_metadata);
	assert_int_equal(parse("{'pushEndpoint':'https://h','attributes':null,'oidcToken':null}", &arena, &c, &err), RC_OK);
	assert_string_equal(c.oidc_email, "");
	assert_false(c.no_wrapper || c.write_metadata);
}

static void what_cannot_be_pushed_to_is_refused(void **unused UNUSED)
{
	static const struct {
		const char *given, *message;
	} cases[] = {
		{ "{'pushEndpoint':'no address'}", "push endpoint" },
		{ "{'pushEndpoint':'ftp://h/x'}", "push endpoint" },
		{ "{'pushEndpoint':'/path'}", "push endpoint" },
		{ "{'pushEndpoint':'http://'}", "push endpoint" },
		{ "{'pushEndpoint':'https:///x'}", "push endpoint" },
		{ "{'pushEndpoint':'https://h/a b'}", "push endpoint" },
		{ "{'pushEndpoint':'https://h/\\u00e9'}", "push endpoint" },
		{ "{'pushEndpoint':'https://h/\\r\\nX: y'}", "push endpoint" },
		{ "{'pushEndpoint':'https://h\\u0000'}", "without NUL" },
		{ "{'pushEndpoint':7}", "want a string" },
		{ "{'attributes':{'x-goog-version':'v2'}}", "x-goog-version 'v2'" },
		{ "{'attributes':{'other':'v1'}}", "other" },
		{ "{'attributes':[]}", "want an object" },
		{ "{'oidcToken':{}}", "serviceAccountEmail" },
		{ "{'oidcToken':{'serviceAccountEmail':'nobody'}}", "serviceAccountEmail" },
		{ "{'oidcToken':'x'}", "want an object" },
		{ "{'noWrapper':{},'pubsubWrapper':{}}", "exclude each other" },
		{ "{'noWrapper':{'writeMetadata':'yes'}}", "true or false" },
		{ "{'pubsubWrapper':{'x':1}}", "Unknown name" },
		{ "{'endpoint':'https://h'}", "Unknown name" },
		{ "[]", "want an object" },
		{ "{", "push configuration" },
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
		struct push_config config;
		struct err err = { 0 };
		if (parse(cases[i].given, &arena, &config, &err) != RC_REJECT || !strstr(err.msg, cases[i].message))
			fail_msg("%s: want '%s', got '%s'", cases[i].given, cases[i].message, err.msg);
	}
}

static void an_endpoint_has_a_limit(void **unused UNUSED)
{
	CLEANUP(arena_done) struct arena arena = arena_new(ARENA_BYTES);
	char path[2048];
	struct push_config config;
	struct err err = { 0 };
	memset(path, 'a', sizeof path);
	for (int bytes = 2048; bytes <= 2049; bytes++) {
		struct slice text = arena_printf(&arena, "{\"pushEndpoint\":\"http://h/%.*s\"}", bytes - 9, path);
		assert_int_equal(push_config_parse(text.ptr, &arena, &config, &err), bytes == 2048 ? RC_OK : RC_REJECT);
	}
	assert_non_null(strstr(err.msg, "2049 bytes, at most 2048"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_spelling_has_one_text),
	cmocka_unit_test(what_is_told_is_what_was_given),
	cmocka_unit_test(what_cannot_be_pushed_to_is_refused),
	cmocka_unit_test(an_endpoint_has_a_limit),
};
TEST_SUITE(push_config, tests)
