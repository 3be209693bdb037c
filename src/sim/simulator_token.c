/* Access tokens, refresh tokens and authorization codes. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sim/simulator_private.h"

#define TOKENS_MAX 20000 /* then the oldest half is forgotten */

static void forget(struct token *t)
{
	mem_free(t->redirect_uri);
	mem_free(t->scope);
}

static void make_room(struct simulator *s)
{
	if (s->token_count == TOKENS_MAX) {
		size_t half = TOKENS_MAX / 2;
		for (size_t i = 0; i < half; i++)
			forget(&s->token[i]);
		memmove(s->token, s->token + half, (TOKENS_MAX - half) * sizeof *s->token);
		s->token_count -= half;
	}
	if (s->token_count == s->token_cap) {
		s->token_cap = s->token_cap ? 2 * s->token_cap : 64;
		s->token = mem_realloc(s->token, s->token_cap * sizeof *s->token);
	}
}

/* The seed and how many there were before make the text: it looks like Spotify's and is no secret. */
static void name_token(const struct simulator *s, enum token_kind kind, char out[static TOKEN_BYTES])
{
	static const char *const begin[] = { [TOKEN_ACCESS] = "BQ", [TOKEN_REFRESH] = "AQ", [TOKEN_CODE] = "AQC" };
	CLEANUP(arena_done) struct arena arena = arena_new(4096);
	uint8_t digest[HASH_BYTES];
	hash_sha256(arena_printf(&arena, "%llu %llu %d", (unsigned long long) s->seed, (unsigned long long) s->token_serial,
	                         (int) kind),
	            digest);
	struct slice text = base64url_encode((struct slice){ (const char *) digest, sizeof digest }, &arena);
	(void) snprintf(out, TOKEN_BYTES, "%s%.*s", begin[kind], SLICE_FMT(text));
}

struct token *token_make(struct simulator *s, enum token_kind kind, int64_t ttl_ms)
{
	make_room(s);
	struct token *t = &s->token[s->token_count++];
	int64_t now = clock_now_ms(s->clock);
	*t = (struct token){ .kind = kind, .expires_ms = now + ttl_ms, .granted_ms = now };
	s->token_serial++;
	name_token(s, kind, t->text);
	return t;
}

struct token *token_find(struct simulator *s, enum token_kind kind, const char *text)
{
	for (size_t i = s->token_count; i-- > 0;) {
		if (s->token[i].kind == kind && strcmp(s->token[i].text, text) == 0)
			return &s->token[i];
	}
	return NULL;
}

void token_kill_all(struct simulator *s, enum token_kind kind)
{
	for (size_t i = 0; i < s->token_count; i++)
		s->token[i].dead |= s->token[i].kind == kind;
}

void token_free_all(struct simulator *s)
{
	for (size_t i = 0; i < s->token_count; i++)
		forget(&s->token[i]);
	mem_free(s->token);
}

struct token *token_of(struct call *c, bool *out_missing)
{
	static const char bearer[] = "Bearer ";
	const char *header = server_header(c->rq, "Authorization");
	*out_missing = !header;
	if (!header || strncasecmp(header, bearer, sizeof bearer - 1) != 0)
		return NULL;
	struct token *t = token_find(c->s, TOKEN_ACCESS, header + sizeof bearer - 1);
	return t && !t->dead && clock_now_ms(c->s->clock) < t->expires_ms ? t : NULL;
}
