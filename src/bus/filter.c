#include "bus/filter.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>

enum node_kind { NODE_HAS, NODE_EQUALS, NODE_PREFIX, NODE_NOT, NODE_AND, NODE_OR };

struct node {
	enum node_kind kind;
	struct slice key, value;
	struct node *first; /* operands of NOT, AND, OR */
	struct node *next;
};

struct filter {
	struct arena arena;
	struct node *root;
};

struct parser {
	struct slice text;
	size_t at;
	int depth;
	struct arena *arena;
	struct err *err;
};

/* ---- characters ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(const struct parser *p)
{
	return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool at_end(const struct parser *p)
{
	return p->at == p->text.len;
}

static bool skip_space(struct parser *p)
{
	size_t from = p->at;
	while (!at_end(p) && is_space(peek(p)))
		p->at++;
	return p->at > from;
}

static bool eat(struct parser *p, char c)
{
	if (at_end(p) || peek(p) != c)
		return false;
	p->at++;
	return true;
}

static size_t column(struct slice text, size_t at)
{
	size_t n = 1;
	for (size_t i = 0; i < at; i++)
		n += ((unsigned char) text.ptr[i] & 0xc0) != 0x80;
	return n;
}

PRINTF(3, 4) static enum rc refuse(const struct parser *p, size_t at, const char *fmt, ...)
{
	char why[256];
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return err_set(p->err, RC_REJECT, "filter '%.*s': column %zu: %s", SLICE_FMT(p->text), column(p->text, at), why);
}

/* ---- words, keys, strings ---- */

/* The word that stands here, possibly empty; nothing is consumed. */
static struct slice word(const struct parser *p)
{
	size_t end = p->at;
	while (end < p->text.len && is_word(p->text.ptr[end]))
		end++;
	return slice_sub(p->text, p->at, end - p->at);
}

static bool eat_word(struct parser *p, const char *w)
{
	if (!slice_is(word(p), w))
		return false;
	p->at += strlen(w);
	return true;
}

static void add_code_point(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(out, (char) c);
	} else if (c < 0x800) {
		buf_addc(out, (char) (0xc0 | c >> 6));
		buf_addc(out, (char) (0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(out, (char) (0xe0 | c >> 12));
		buf_addc(out, (char) (0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char) (0x80 | (c & 0x3f)));
	} else {
		buf_addc(out, (char) (0xf0 | c >> 18));
		buf_addc(out, (char) (0x80 | (c >> 12 & 0x3f)));
		buf_addc(out, (char) (0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char) (0x80 | (c & 0x3f)));
	}
}

static int digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static enum rc number_escape(struct parser *p, size_t start, int digits, int base, struct buf *out)
{
	uint32_t c = 0;
	for (int i = 0; i < digits; i++, p->at++) {
		int value = at_end(p) ? 99 : digit_value(peek(p));
		if (value >= base)
			return refuse(p, start, "this escape wants %d %s digits", digits, base == 8 ? "octal" : "hexadecimal");
		c = c * (uint32_t) base + (uint32_t) value;
	}
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (base == 8 && c > 0377))
		return refuse(p, start, "this escape is not a character");
	add_code_point(out, c);
	return RC_OK;
}

/* After the backslash. */
static enum rc escape(struct parser *p, struct buf *out)
{
	static const char plain[] = "\\\"'`?", letter[] = "abfnrtv", meaning[] = "\a\b\f\n\r\t\v";
	size_t start = p->at - 1;
	char c = peek(p);
	if (c >= '0' && c <= '7')
		return number_escape(p, start, 3, 8, out);
	p->at += !at_end(p);
	if (c == 'x' || c == 'X')
		return number_escape(p, start, 2, 16, out);
	if (c == 'u')
		return number_escape(p, start, 4, 16, out);
	if (c == 'U')
		return number_escape(p, start, 8, 16, out);
	if (c && strchr(plain, c)) {
		buf_addc(out, c);
		return RC_OK;
	}
	const char *known = c ? strchr(letter, c) : NULL;
	if (!known)
		return refuse(p, start, "unknown escape (a backslash is written \\\\)");
	buf_addc(out, meaning[known - letter]);
	return RC_OK;
}

static enum rc string(struct parser *p, const char *wanted, struct slice *out)
{
	size_t start = p->at;
	char quote = peek(p);
	if (quote != '"' && quote != '\'')
		return refuse(p, start, "want %s", wanted);
	CLEANUP(buf_done) struct buf bytes = buf_new(4 * BUS_FILTER_BYTES_MAX);
	p->at++;
	while (!eat(p, quote)) {
		if (at_end(p))
			return refuse(p, start, "this string has no closing %c", quote);
		if ((unsigned char) peek(p) < 0x20)
			return refuse(p, p->at, "a control character in a string must be escaped");
		if (eat(p, '\\'))
			TRY(escape(p, &bytes));
		else
			buf_addc(&bytes, p->text.ptr[p->at++]);
	}
	TRY(buf_ok(&bytes, "filter", p->err));
	*out = arena_copy(p->arena, buf_slice(&bytes));
	return RC_OK;
}

/* A bare word, in which '-' may stand too, or a string literal. */
static enum rc key(struct parser *p, struct slice *out)
{
	size_t end = p->at;
	while (end < p->text.len && (is_word(p->text.ptr[end]) || p->text.ptr[end] == '-'))
		end++;
	if (end == p->at) {
		TRY(string(p, "the key of an attribute: letters, digits, '-', '_', or a string in quotes", out));
	} else {
		*out = arena_copy(p->arena, slice_sub(p->text, p->at, end - p->at));
		p->at = end;
	}
	if (out->len == 0)
		return refuse(p, p->at, "the key of an attribute is empty");
	if (peek(p) == '.')
		return refuse(p, p->at, "a key with a '.' in it must be a string in quotes");
	if ((unsigned char) peek(p) >= 0x80)
		return refuse(p, p->at, "a key with this character in it must be a string in quotes");
	return RC_OK;
}

/* ---- terms ---- */

static struct node *new_node(struct parser *p, enum node_kind kind)
{
	struct node *n = arena_alloc(p->arena, sizeof *n);
	n->kind = kind;
	return n;
}

static struct node *negated(struct parser *p, struct node *operand)
{
	struct node *n = new_node(p, NODE_NOT);
	n->first = operand;
	return n;
}

/* After `attributes.`: KEY = "v", KEY != "v" */
static enum rc comparison(struct parser *p, struct node **out)
{
	struct node *n = new_node(p, NODE_EQUALS);
	TRY(key(p, &n->key));
	(void) skip_space(p);
	size_t start = p->at;
	bool differs = eat(p, '!');
	if (!eat(p, '='))
		return refuse(p, start, "want = or != (attributes:KEY asks whether the attribute is there)");
	(void) skip_space(p);
	TRY(string(p, "a value: a string in quotes", &n->value));
	*out = differs ? negated(p, n) : n;
	return RC_OK;
}

/* After `hasPrefix` */
static enum rc has_prefix(struct parser *p, struct node **out)
{
	struct node *n = new_node(p, NODE_PREFIX);
	if (!eat(p, '('))
		return refuse(p, p->at, "want '(' right after hasPrefix");
	(void) skip_space(p);
	size_t start = p->at;
	if (!eat_word(p, "attributes") || !eat(p, '.'))
		return refuse(p, start, "want attributes.KEY");
	TRY(key(p, &n->key));
	(void) skip_space(p);
	if (!eat(p, ','))
		return refuse(p, p->at, "want ',' and the prefix");
	(void) skip_space(p);
	TRY(string(p, "the prefix: a string in quotes", &n->value));
	(void) skip_space(p);
	if (!eat(p, ')'))
		return refuse(p, p->at, "want ')' after the prefix");
	*out = n;
	return RC_OK;
}

static enum rc restriction(struct parser *p, struct node **out)
{
	size_t start = p->at;
	if (eat_word(p, "hasPrefix"))
		return has_prefix(p, out);
	if (!eat_word(p, "attributes")) {
		struct slice w = word(p);
		if (w.len && p->at + w.len < p->text.len && p->text.ptr[p->at + w.len] == '(')
			return refuse(p, start, "'%.*s' is no function here: hasPrefix is the only one", SLICE_FMT(w));
		return refuse(p, start, "want attributes:KEY, attributes.KEY = \"value\" or hasPrefix(attributes.KEY, \"value\")");
	}
	if (eat(p, '.'))
		return comparison(p, out);
	(void) skip_space(p);
	if (!eat(p, ':'))
		return refuse(p, p->at, "want ':' or '.' and a key after attributes");
	(void) skip_space(p);
	*out = new_node(p, NODE_HAS);
	return key(p, &(*out)->key);
}

static enum rc expression(struct parser *p, struct node **out);

static enum rc simple(struct parser *p, struct node **out)
{
	size_t start = p->at;
	if (!eat(p, '('))
		return restriction(p, out);
	if (++p->depth > FILTER_DEPTH_MAX)
		return refuse(p, start, "more than %d parentheses inside each other", FILTER_DEPTH_MAX);
	(void) skip_space(p);
	TRY(expression(p, out));
	if (!eat(p, ')'))
		return refuse(p, p->at, "want ')' for the '(' in column %zu, or AND or OR", column(p->text, start));
	p->depth--;
	return RC_OK;
}

static enum rc term(struct parser *p, struct node **out)
{
	bool minus = eat(p, '-');
	bool not = !minus && eat_word(p, "NOT");
	if (not && !skip_space(p))
		return refuse(p, p->at, "want a space after NOT");
	if (minus && is_space(peek(p)))
		return refuse(p, p->at, "no space may follow the '-'");
	if ((minus || not) && (peek(p) == '-' || slice_is(word(p), "NOT")))
		return refuse(p, p->at, "one negation only: put the inner one into parentheses");
	TRY(simple(p, out));
	if (minus || not)
		*out = negated(p, *out);
	return RC_OK;
}

/* ---- expressions ---- */

/* AND or OR with white space around, consumed; false when the expression ends here. */
static enum rc operator(struct parser *p, bool *out_is, enum node_kind *out_kind, size_t *out_start)
{
	bool space = skip_space(p);
	size_t start = *out_start = p->at;
	*out_is = false;
	if (at_end(p) || peek(p) == ')')
		return RC_OK;
	*out_kind = slice_is(word(p), "OR") ? NODE_OR : NODE_AND;
	const char *name = *out_kind == NODE_OR ? "OR" : "AND";
	if (!eat_word(p, name))
		return refuse(p, start, "want AND or OR (in capitals) or the end");
	if (!space)
		return refuse(p, start, "want a space before %s", name);
	if (!skip_space(p))
		return refuse(p, p->at, "want a space after %s", name);
	*out_is = true;
	return RC_OK;
}

/* Operands of one operator stand in one flat list: only parentheses make it deep. */
static enum rc expression(struct parser *p, struct node **out)
{
	struct node *list = NULL, **last = NULL;
	TRY(term(p, out));
	for (;;) {
		bool is;
		enum node_kind kind;
		size_t start;
		struct node *operand;
		TRY(operator(p, &is, &kind, &start));
		if (!is)
			return RC_OK;
		if (!list) {
			list = new_node(p, kind);
			list->first = *out;
			last = &(*out)->next;
			*out = list;
		}
		if (list->kind != kind)
			return refuse(p, start, "AND and OR together want parentheses");
		TRY(term(p, &operand));
		*last = operand;
		last = &operand->next;
	}
}

enum rc filter_parse(struct slice text, struct filter **out, struct err *err)
{
	*out = NULL;
	if (text.len == 0)
		return RC_OK;
	if (text.len > BUS_FILTER_BYTES_MAX)
		return err_set(err, RC_REJECT, "filter of %zu bytes: column %d: at most %d bytes are allowed", text.len,
		               BUS_FILTER_BYTES_MAX + 1, BUS_FILTER_BYTES_MAX);
	size_t bad;
	if (!slice_is_utf8(text, &bad))
		return err_set(err, RC_REJECT, "filter: column %zu: invalid UTF-8", column(text, bad));

	CLEANUP(filter_freep) struct filter *f = mem_alloc(sizeof *f);
	f->arena = arena_new((size_t) 1 << 20);
	struct parser p = { .text = text, .arena = &f->arena, .err = err };
	(void) skip_space(&p);
	TRY(expression(&p, &f->root));
	if (!at_end(&p))
		return refuse(&p, p.at, "this ')' closes nothing");
	*out = TAKE(f);
	return RC_OK;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	arena_done(&f->arena);
	mem_free(f);
}

/* ---- evaluation ---- */

static struct slice value_of(const struct bus_message *m, struct slice wanted)
{
	for (size_t i = 0; i < m->attr_count; i++)
		if (slice_eq(m->attr[i].key, wanted))
			return m->attr[i].value.ptr ? m->attr[i].value : SLICE("");
	return SLICE_NULL;
}

static bool node_match(const struct node *n, const struct bus_message *m)
{
	struct slice value;
	switch (n->kind) {
	case NODE_HAS:
		return value_of(m, n->key).ptr;
	case NODE_EQUALS:
		value = value_of(m, n->key);
		return value.ptr && slice_eq(value, n->value);
	case NODE_PREFIX:
		value = value_of(m, n->key);
		return value.ptr && slice_starts(value, n->value);
	case NODE_NOT:
		return !node_match(n->first, m);
	case NODE_AND:
	case NODE_OR:
		for (const struct node *operand = n->first; operand; operand = operand->next)
			if (node_match(operand, m) == (n->kind == NODE_OR))
				return n->kind == NODE_OR;
		return n->kind == NODE_AND;
	}
	abort();
}

bool filter_match(const struct filter *f, const struct bus_message *m)
{
	return !f || node_match(f->root, m);
}
