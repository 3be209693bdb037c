#include "base/rand.h"

#include <sys/random.h>

struct rand_gen rand_new(uint64_t seed)
{
	return (struct rand_gen){ seed };
}

uint64_t rand_next(struct rand_gen *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct rand_gen rand_fork(uint64_t seed, const char *label, uint64_t index)
{
	struct rand_gen g = { seed ^ 0xcbf29ce484222325u };
	for (const char *p = label; *p; p++) {
		g.state = (g.state ^ (unsigned char) *p) * 0x100000001b3u;
		(void) rand_next(&g);
	}
	g.state ^= rand_next(&g) + index * 0xd6e8feb86659fd93u;
	(void) rand_next(&g);
	return g;
}

uint64_t rand_below(struct rand_gen *g, uint64_t bound)
{
	assert(bound > 0);
	uint64_t unfair = -bound % bound; /* 2^64 mod bound: values below it would come up once more */
	uint64_t x;
	do
		x = rand_next(g);
	while (x < unfair);
	return x % bound;
}

bool rand_chance(struct rand_gen *g, uint64_t one_in)
{
	return rand_below(g, one_in) == 0;
}

double rand_unit(struct rand_gen *g)
{
	return (double) (rand_next(g) >> 11) * 0x1p-53;
}

uint64_t rand_os(void)
{
	uint64_t x;
	ssize_t got = getrandom(&x, sizeof x, 0);
	assert(got == (ssize_t) sizeof x);
	return x;
}
