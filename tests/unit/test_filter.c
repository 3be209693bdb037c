#include "bus/filter.h"

#include "base/buf.h"
#include "base/rand.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

/* The messages of the documentation's examples and of its fake service's tests. */
static struct bus_message message(struct bus_attr *attr, size_t count)
{
	return (struct bus_message){ .attr = attr, .attr_count = count };
}
#define MESSAGE(...)                                                          \
	message((struct bus_attr[]){ __VA_ARGS__ },                           \
	        sizeof((struct bus_attr[]){ __VA_ARGS__ }) / sizeof(struct bus_attr))
#define ATTR(k, v) ((struct bus_attr){ SLICE(k), SLICE(v) })

static bool matches(const char *text, struct bus_message m)
{
	CLEANUP(filter_freep) struct filter *f = NULL;
	struct err err = { 0 };
	if (filter_parse(slice_of(text), &f, &err) != RC_OK)
		fail_msg("%s", err.msg);
	return filter_match(f, &m);
}

static void good_filters_pass_what_the_documentation_says(void **state)
{
	(void) state;
	struct bus_message none = { 0 };
	struct bus_message com = MESSAGE(ATTR("lang", "en"), ATTR("name", "com"));
	struct bus_message net = MESSAGE(ATTR("name", "net"), ATTR("iana.org/language_tag", "en"));
	struct bus_message odd = MESSAGE(ATTR("k\"e\\y", "tab\there"), ATTR("\u307f\u3093\u306a", ""), ATTR("a-b_9", "\u00ff"),
	                                 ATTR("NOT", "not"));
	const struct {
		const char *filter;
		bool none, com, net, odd;
	} row[] = {
		{ "", true, true, true, true },
		{ "attributes:name", false, true, true, false },
		{ "NOT attributes:name", true, false, false, true },
		{ "-attributes:name", true, false, false, true },
		{ "attributes.name = \"com\"", false, true, false, false },
		{ "attributes.name=\"com\"", false, true, false, false },
		{ "attributes.name != \"com\"", true, false, true, true },
		{ "NOT attributes.name != \"com\"", false, true, false, false },
		{ "attributes:name AND attributes.name != \"com\"", false, false, true, false },
		{ "hasPrefix(attributes.name, \"co\")", false, true, false, false },
		{ "hasPrefix( attributes.name , \"\" )", false, true, true, false },
		{ "NOT hasPrefix(attributes.name, \"co\")", true, false, true, true },
		{ "hasPrefix(attributes.name, \"comm\")", false, false, false, false },
		{ "attributes:\"iana.org/language_tag\" AND (attributes.name = \"net\" OR attributes.name = \"org\")", false, false, true, false },
		{ "attributes:\"iana.org/language_tag\" AND NOT attributes.name = \"com\"", false, false, true, false },
		{ "attributes.name = \"com\" AND -attributes:\"iana.org/language_tag\"", false, true, false, false },
		{ "(NOT attributes:name) OR attributes.name = 'com'", true, true, false, true },
		{ "NOT (attributes:name OR attributes:NOT)", true, false, false, false },
		{ "\t( ( attributes:name ) )\r\n ", false, true, true, false },
		{ "attributes : lang", false, true, false, false },
		{ "attributes:\"\\u307F\\u3093\\u306A\"", false, false, false, true },
		{ "attributes:\"\u307f\u3093\u306a\"", false, false, false, true },
		{ "attributes.\"\u307f\u3093\u306a\" = \"\"", false, false, false, true },
		{ "attributes.\"k\\\"e\\\\y\" = \"tab\\there\"", false, false, false, true },
		{ "attributes.'k\"e\\\\y' = \"tab\\x09\\150\\U00000065re\"", false, false, false, true },
		{ "attributes.a-b_9 = \"\\377\"", false, false, false, true },
		{ "attributes.NOT = \"not\"", false, false, false, true },
		{ "attributes.Name = \"com\"", false, false, false, false },
		{ "attributes.name = \"Com\"", false, false, false, false },
		{ "attributes:name AND attributes:lang AND attributes.lang = \"en\" AND attributes.name = \"com\"", false, true, false, false },
		{ "attributes:x OR attributes:y OR attributes.name = \"net\" OR attributes:lang", false, true, true, false },
	};
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		if (matches(row[i].filter, none) != row[i].none || matches(row[i].filter, com) != row[i].com ||
		    matches(row[i].filter, net) != row[i].net || matches(row[i].filter, odd) != row[i].odd)
			fail_msg("%s: passes none %d com %d net %d odd %d", row[i].filter, matches(row[i].filter, none),
			         matches(row[i].filter, com), matches(row[i].filter, net), matches(row[i].filter, odd));
	}
}

static void bad_filters_are_refused_at_their_column(void **state)
{
	(void) state;
	const struct {
		const char *filter;
		int column;
		const char *why;
	} row[] = {
		{ " ", 2, "want attributes:KEY" },
		{ "x", 1, "want attributes:KEY" },
		{ "attributes", 11, "want ':' or '.'" },
		{ "attributes:", 12, "the key of an attribute" },
		{ "attributes:\"\"", 14, "empty" },
		{ "attributes.", 12, "the key of an attribute" },
		{ "attributes .x = \"y\"", 12, "want ':' or '.'" },
		{ "attributes.x", 13, "want = or !=" },
		{ "attributes.x =", 15, "a string in quotes" },
		{ "attributes.x == \"y\"", 15, "a string in quotes" },
		{ "attributes.x < \"y\"", 14, "want = or !=" },
		{ "attributes.x : \"y\"", 14, "want = or !=" },
		{ "attributes.x ! = \"y\"", 14, "want = or !=" },
		{ "attributes.x = y", 16, "a string in quotes" },
		{ "attributes.x = 5", 16, "a string in quotes" },
		{ "attributes.a = attributes.b", 16, "a string in quotes" },
		{ "\"com\" = attributes.name", 1, "want attributes:KEY" },
		{ "attributes.a.b = \"y\"", 13, "string in quotes" },
		{ "attributes.iana.org/x = \"y\"", 16, "string in quotes" },
		{ "attributes.a/b = \"y\"", 13, "want = or !=" },
		{ "attributes:\\u307F", 12, "the key of an attribute" },
		{ "attributes:\u307f", 12, "the key of an attribute" },
		{ "attributes:a\u307f", 13, "string in quotes" },
		{ "Attributes:a", 1, "want attributes:KEY" },
		{ "attributes.x = \"\u307f\u3093\" and attributes:y", 21, "want AND or OR (in capitals)" },
		{ "attributes:x Or attributes:y", 14, "want AND or OR (in capitals)" },
		{ "not attributes:x", 1, "want attributes:KEY" },
		{ "attributes:x attributes:y", 14, "want AND or OR" },
		{ "attributes:x ANDattributes:y", 14, "want AND or OR" },
		{ "attributes.x=\"y\"AND attributes:y", 17, "want a space before AND" },
		{ "attributes:x AND(attributes:y)", 17, "want a space after AND" },
		{ "attributes:x AND", 17, "want a space after AND" },
		{ "attributes:x AND ", 18, "want attributes:KEY" },
		{ "AND attributes:x", 1, "want attributes:KEY" },
		{ "attributes:x AND attributes:y OR attributes:z", 31, "together want parentheses" },
		{ "attributes:x OR attributes:y AND attributes:z", 30, "together want parentheses" },
		{ "(attributes:x OR attributes:y AND attributes:z)", 31, "together want parentheses" },
		{ "attributes.name = \"com\" AND (\"net\" OR \"org\")", 30, "want attributes:KEY" },
		{ "NOT(attributes:x)", 4, "want a space after NOT" },
		{ "NOT", 4, "want a space after NOT" },
		{ "- attributes:x", 2, "no space may follow" },
		{ "NOT NOT attributes:x", 5, "one negation only" },
		{ "--attributes:x", 2, "one negation only" },
		{ "NOT -attributes:x", 5, "one negation only" },
		{ "(attributes:x", 14, "want ')' for the '(' in column 1" },
		{ "attributes:x)", 13, "closes nothing" },
		{ "()", 2, "want attributes:KEY" },
		{ "hasPrefix (attributes.x, \"a\")", 10, "want '('" },
		{ "hasPrefix(attributes:x, \"a\")", 11, "want attributes.KEY" },
		{ "hasPrefix(\"x\", \"a\")", 11, "want attributes.KEY" },
		{ "hasPrefix(attributes.x)", 23, "want ','" },
		{ "hasPrefix(attributes.x, a)", 25, "a string in quotes" },
		{ "hasPrefix(attributes.x, \"a\"", 28, "want ')'" },
		{ "hasprefix(attributes.x, \"a\")", 1, "hasPrefix is the only one" },
		{ "hasSuffix(attributes.x, \"a\")", 1, "hasPrefix is the only one" },
		{ "attributes.x = \"y", 16, "no closing \"" },
		{ "attributes.x = \"y'", 16, "no closing \"" },
		{ "attributes.x = \"y\\\"", 16, "no closing \"" },
		{ "attributes.x = \"y\\", 18, "unknown escape" },
		{ "attributes.x = \"\\q\"", 17, "unknown escape" },
		{ "attributes.x = \"\\u00f\"", 17, "4 hexadecimal digits" },
		{ "attributes.x = \"\\xg0\"", 17, "2 hexadecimal digits" },
		{ "attributes.x = \"\\26\"", 17, "3 octal digits" },
		{ "attributes.x = \"\\777\"", 17, "not a character" },
		{ "attributes.x = \"\\ud83d\\ude00\"", 17, "not a character" },
		{ "attributes.x = \"\\U00110000\"", 17, "not a character" },
		{ "attributes.x = \"a\nb\"", 18, "must be escaped" },
		{ "attributes.x = \"\xff\"", 17, "invalid UTF-8" },
	};
	for (size_t i = 0; i < COUNT_OF(row); i++) {
		struct filter *f = NULL;
		struct err err = { 0 };
		char want[64];
		(void) snprintf(want, sizeof want, ": column %d: ", row[i].column);
		if (filter_parse(slice_of(row[i].filter), &f, &err) != RC_REJECT || f)
			fail_msg("accepted: %s", row[i].filter);
		if (!strstr(err.msg, want) || !strstr(err.msg, row[i].why))
			fail_msg("'%s': want column %d and \"%s\", got: %s", row[i].filter, row[i].column, row[i].why, err.msg);
	}
}

static void length_and_depth_are_limited(void **state)
{
	(void) state;
	struct filter *f = NULL;
	struct err err = { 0 };
	char text[BUS_FILTER_BYTES_MAX + 2];
	/* the length comes first: what is inside does not matter */
	memset(text, '(', sizeof text);
	assert_int_equal(filter_parse((struct slice){ text, BUS_FILTER_BYTES_MAX + 1 }, &f, &err), RC_REJECT);
	assert_non_null(strstr(err.msg, "at most 256 bytes"));
	/* 256 bytes are allowed */
	(void) snprintf(text, sizeof text, "attributes.x = \"%0*d\"", BUS_FILTER_BYTES_MAX - 17, 0);
	assert_int_equal(strlen(text), BUS_FILTER_BYTES_MAX);
	assert_int_equal(filter_parse(slice_of(text), &f, &err), RC_OK);
	filter_free(f);
	for (int depth = FILTER_DEPTH_MAX; depth <= FILTER_DEPTH_MAX + 1; depth++) {
		memset(text, '(', (size_t) depth);
		memcpy(text + depth, "attributes:x", 12);
		memset(text + depth + 12, ')', (size_t) depth);
		enum rc rc = filter_parse((struct slice){ text, 2 * (size_t) depth + 12 }, &f, &err);
		assert_int_equal(rc, depth > FILTER_DEPTH_MAX ? RC_REJECT : RC_OK);
		filter_free(f);
		f = NULL;
	}
	assert_non_null(strstr(err.msg, "column 33"));
	/* beside each other is not inside each other */
	(void) snprintf(text, sizeof text, "%.*sattributes:x%.*s AND %.*sattributes:y%.*s", 20, "((((((((((((((((((((((((", 20,
	                "))))))))))))))))))))))))", 20, "((((((((((((((((((((((((", 20, "))))))))))))))))))))))))");
	assert_int_equal(filter_parse(slice_of(text), &f, &err), RC_OK);
	filter_free(f);
	f = NULL;
	memset(text, '(', BUS_FILTER_BYTES_MAX);
	assert_int_equal(filter_parse((struct slice){ text, BUS_FILTER_BYTES_MAX }, &f, &err), RC_REJECT);
}

/* Every part of a good filter, and every good filter with one byte changed, parses or is refused: nothing else. */
static void damaged_filters_never_crash(void **state)
{
	(void) state;
	static const char good[] = "NOT (attributes:\"a\\u0041\" AND -hasPrefix(attributes.b-c, 'x\\n')) OR attributes.d != \"\\377\"";
	struct rand_gen g = rand_new(test_seed());
	struct bus_message m = MESSAGE(ATTR("d", "e"));
	for (size_t round = 0; round < 20000; round++) {
		char text[sizeof good];
		memcpy(text, good, sizeof good);
		size_t len = round < sizeof good ? round : sizeof good - 1;
		if (round >= sizeof good)
			text[rand_below(&g, len)] = (char) rand_below(&g, 256);
		CLEANUP(filter_freep) struct filter *f = NULL;
		struct err err = { 0 };
		enum rc rc = filter_parse((struct slice){ text, len }, &f, &err);
		assert_true(rc == RC_REJECT || rc == RC_OK);
		if (rc == RC_OK)
			(void) filter_match(f, &m);
		else
			assert_non_null(strstr(err.msg, "column"));
	}
}

/* ---- a second opinion ----
 *
 * The generator makes an expression as a list of instructions for a stack machine, and beside it the text.  The machine
 * evaluates the instructions directly; it shares no code and no shape with the parser's tree. */
enum { KEYS = 4, VALUES = 4, CODE_MAX = 512 };
static const char *const key_name[KEYS] = { "a", "b-1", "c/d", "NOT" };
static const char *const key_text[KEYS] = { "a", "b-1", "\"c\\x2fd\"", "'NOT'" };
static const char *const value_name[VALUES] = { "", "x", "xy", "y\"" };
static const char *const value_text[VALUES] = { "\"\"", "'x'", "\"\\170y\"", "\"y\\\"\"" };

struct instruction {
	char op; /* h has, e equals, n differs, p prefix, ! not, & and, | or */
	int key, value;
};
struct program {
	struct instruction code[CODE_MAX];
	size_t len;
	struct buf text;
	struct rand_gen *g;
};

static void emit(struct program *p, char op, int key, int value)
{
	assert_true(p->len < CODE_MAX);
	p->code[p->len++] = (struct instruction){ op, key, value };
}

static void generate(struct program *p, int depth);

static void generate_term(struct program *p, int depth)
{
	bool negate = rand_chance(p->g, 4);
	if (negate)
		buf_adds(&p->text, rand_chance(p->g, 2) ? "NOT " : "-");
	int key = (int) rand_below(p->g, KEYS), value = (int) rand_below(p->g, VALUES);
	switch (rand_below(p->g, depth > 0 ? 6 : 4)) {
	case 0:
		buf_addf(&p->text, "attributes:%s", key_text[key]);
		emit(p, 'h', key, value);
		break;
	case 1:
		buf_addf(&p->text, "attributes.%s = %s", key_text[key], value_text[value]);
		emit(p, 'e', key, value);
		break;
	case 2:
		buf_addf(&p->text, "attributes.%s!=%s", key_text[key], value_text[value]);
		emit(p, 'n', key, value);
		break;
	case 3:
		buf_addf(&p->text, "hasPrefix(attributes.%s,%s)", key_text[key], value_text[value]);
		emit(p, 'p', key, value);
		break;
	default:
		buf_addc(&p->text, '(');
		generate(p, depth - 1);
		buf_addc(&p->text, ')');
	}
	if (negate)
		emit(p, '!', 0, 0);
}

static void generate(struct program *p, int depth)
{
	bool or = rand_chance(p->g, 2);
	size_t operands = 1 + rand_below(p->g, 3);
	for (size_t i = 0; i < operands; i++) {
		if (i)
			buf_adds(&p->text, or ? " OR " : " AND ");
		generate_term(p, depth);
		if (i)
			emit(p, or ? '|' : '&', 0, 0);
	}
}

/* `has[k]` is the number of the value that key k has, or -1. */
static bool run(const struct program *p, const int has[KEYS])
{
	bool stack[CODE_MAX];
	size_t top = 0;
	for (size_t i = 0; i < p->len; i++) {
		const struct instruction *in = &p->code[i];
		const char *value = has[in->key] < 0 ? NULL : value_name[has[in->key]];
		switch (in->op) {
		case 'h':
			stack[top++] = value;
			break;
		case 'e':
			stack[top++] = value && strcmp(value, value_name[in->value]) == 0;
			break;
		case 'n':
			stack[top++] = !value || strcmp(value, value_name[in->value]) != 0;
			break;
		case 'p':
			stack[top++] = value && strncmp(value, value_name[in->value], strlen(value_name[in->value])) == 0;
			break;
		case '!':
			stack[top - 1] = !stack[top - 1];
			break;
		case '&':
			top--;
			stack[top - 1] = stack[top - 1] & stack[top];
			break;
		default:
			top--;
			stack[top - 1] = stack[top - 1] | stack[top];
		}
	}
	assert_int_equal(top, 1);
	return stack[0];
}

static void generated_filters_agree_with_a_stack_machine(void **state)
{
	(void) state;
	struct rand_gen g = rand_fork(test_seed(), "filters", 0);
	static struct program p;
	size_t judged = 0, passed = 0;
	for (int round = 0; round < 20000; round++) {
		p.len = 0;
		p.g = &g;
		p.text = buf_new((size_t) 1 << 16);
		generate(&p, 3);
		CLEANUP(buf_done) struct buf text = p.text;
		if (text.len > BUS_FILTER_BYTES_MAX)
			continue;
		CLEANUP(filter_freep) struct filter *f = NULL;
		struct err err = { 0 };
		if (filter_parse(buf_slice(&text), &f, &err) != RC_OK)
			fail_msg("%s", err.msg);
		for (int combination = 0; combination < 5 * 5 * 5 * 5; combination += 1 + (int) rand_below(&g, 12)) {
			int has[KEYS];
			struct bus_attr attr[KEYS];
			size_t count = 0;
			for (int k = 0, c = combination; k < KEYS; k++, c /= 5) {
				has[k] = c % 5 - 1;
				if (has[k] >= 0)
					attr[count++] = (struct bus_attr){ slice_of(key_name[k]), slice_of(value_name[has[k]]) };
			}
			struct bus_message m = message(attr, count);
			bool want = run(&p, has);
			if (filter_match(f, &m) != want)
				fail_msg("%s: combination %d: want %d", text.ptr, combination, want);
			judged++;
			passed += want;
		}
	}
	assert_true(judged > 100000 && passed > judged / 10 && passed < judged - judged / 10);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(good_filters_pass_what_the_documentation_says),
	cmocka_unit_test(bad_filters_are_refused_at_their_column),
	cmocka_unit_test(length_and_depth_are_limited),
	cmocka_unit_test(damaged_filters_never_crash),
	cmocka_unit_test(generated_filters_agree_with_a_stack_machine),
};
TEST_SUITE(filter, tests);
