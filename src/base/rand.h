/* Chance is passed in (law 7): a seed gives the same numbers on every machine.
 * splitmix64 (Steele, Lea, Flood 2014): small, fast, not for secrets. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include "base/macros.h"

struct rand_gen {
	uint64_t state;
};

struct rand_gen rand_new(uint64_t seed);
/* A stream of its own for (seed, label, index): generators that do not disturb each other. */
struct rand_gen rand_fork(uint64_t seed, const char *label, uint64_t index);
uint64_t rand_next(struct rand_gen *g);
/* 0 <= result < bound, without bias. */
uint64_t rand_below(struct rand_gen *g, uint64_t bound);
/* true once in `one_in` on average. */
bool rand_chance(struct rand_gen *g, uint64_t one_in);
/* 0 <= result < 1. */
double rand_unit(struct rand_gen *g);
/* From the operating system: for ids and jitter, and for the seed a test prints. */
uint64_t rand_os(void);

#endif
