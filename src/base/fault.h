/* Fault points: named steps at which a test makes a call fail or kills the process.
 *
 * Every step that changes what survives (fsync, rename, commit, acknowledgement) passes one before and one
 * after.  In the shipped binary too: what is tested is what runs; an unarmed point is one load and one branch.
 *
 * From outside: SARGAM_FAULT="kill:NAME:N" ends the process as kill -9 does at the Nth passage of NAME ("*" is any),
 * SARGAM_FAULT="fail:NAME:N:ERRNO" makes it fail with that errno number; SARGAM_FAULT_COUNT=FILE appends "NAME COUNT"
 * lines for all points passed, at exit and just before a kill. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/macros.h"

extern bool fault_armed_; /* private: read by fault_point() only */
int fault_pass_(const char *name);

/* 0, or the errno this step must fail with. */
static inline int fault_point(const char *name)
{
	return __builtin_expect(fault_armed_, 0) ? fault_pass_(name) : 0;
}

/* For tests in process: the `nth` (1-based) passage of `name` ("*" any, "file.*" those of a module) fails with `errnum`.
 * nth 0 only counts. */
void fault_arm(const char *name, uint64_t nth, int errnum);
/* How often points matching the armed name were passed since; disarms. */
uint64_t fault_disarm(void);
/* Did the armed fault fire? */
bool fault_fired(void);
/* Reads the environment; called once by main(). */
void fault_init_from_env(void);

#endif
