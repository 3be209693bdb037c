/* Faults of the simulator: their grammar, and which request one befalls. */
#ifndef SIM_SIMULATOR_FAULT_H
#define SIM_SIMULATOR_FAULT_H

#include "sim/simulator.h"

#define FAULTS_MAX 64
#define FAULT_AT_MAX 32
#define FAULT_SPEC_BYTES 512

struct fault {
	enum simulator_fault_kind kind;
	uint32_t on;              /* bits of enum simulator_kind */
	int64_t at[FAULT_AT_MAX]; /* numbers of matching requests, from 1 */
	size_t at_count;
	int64_t every, times, burst;
	double p;                 /* < 0: not said */
	int64_t after_s, ms, status;
	bool self, total;
	char playlist[80];        /* "" = any */
	char spec[FAULT_SPEC_BYTES];
	int64_t matched, fired, burst_left;
};

/* RC_REJECT names what is wrong and what is known. */
MUST_USE enum rc fault_parse(const char *spec, struct fault *out, struct err *err);

/* A request as faults see it. */
struct fault_target {
	enum simulator_kind kind;
	struct slice playlist_id;
	int64_t number, offset; /* offset -1: no page */
	bool refresh;           /* asks for a token by a refresh token */
};
struct firing {
	bool fires;
	enum simulator_fault_kind kind;
	int64_t after_s, ms, status;
	bool self, total;
};
/* The first fault that fires; every fault counts the request. */
struct firing fault_decide(struct fault *fault, size_t count, uint64_t seed, const struct fault_target *target);

#endif
