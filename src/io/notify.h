/* Tells the service manager how this process is: the protocol of sd_notify(3), a datagram to the socket that NOTIFY_SOCKET names.
 *
 * Started by hand there is no such socket: then nothing is told and all is well.  Any thread; nothing is kept between calls. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include "base/err.h"

#define NOTIFY_READY "READY=1"       /* Type=notify: the unit counts as started */
#define NOTIFY_WATCHDOG "WATCHDOG=1" /* WatchdogSec: still alive */

/* Waits two seconds at most.  RC_FATAL: NOTIFY_SOCKET is no socket's address; RC_RETRY: nobody took it. */
MUST_USE enum rc notify_send(const char *state, struct err *err);
/* How often NOTIFY_WATCHDOG must be told: half of what the manager allows, as sd_watchdog_enabled(3) advises; 0: it does not wait
 * for it from this process. */
int64_t notify_watchdog_ms(void);

#endif
