#include "base/err.h"

#include <errno.h>
#include <stdarg.h>

enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
	if (!err)
		return rc;
	char msg[ERR_MSG_BYTES]; /* the arguments may point into err->msg */
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	memcpy(err->msg, msg, sizeof msg);
	err->retry_after_ms = 0;
	return rc;
}

enum rc err_wrap(struct err *err, enum rc rc, const char *fmt, ...)
{
	if (!err)
		return rc;
	char msg[ERR_MSG_BYTES];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t) n + 3 > sizeof msg)
		return rc; /* a context that fills the message would hide the cause */
	size_t at = (size_t) n;
	msg[at++] = ':';
	msg[at++] = ' ';
	size_t len = strnlen(err->msg, sizeof msg - at - 1);
	memcpy(msg + at, err->msg, len);
	msg[at + len] = '\0';
	memcpy(err->msg, msg, at + len + 1);
	return rc;
}

static enum rc rc_from_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return RC_NOT_FOUND;
	case EROFS:
	case EACCES:
	case EPERM:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return RC_FATAL;
	default:
		return RC_RETRY;
	}
}

static const char *hint(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
		return " (free some space, then run the command again: it goes on where it stopped)";
	case EROFS:
	case EACCES:
	case EPERM:
		return " (make it writable for this user or choose another --home)";
	case ENOTDIR:
		return " (a part of that path is a file: choose another name)";
	default:
		return "";
	}
}

enum rc err_errno(struct err *err, int errnum, const char *fmt, ...)
{
	enum rc rc = rc_from_errno(errnum);
	if (!err)
		return rc;
	char what[ERR_MSG_BYTES / 2], why[128];
	va_list ap;
	va_start(ap, fmt);
	(void) vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(err, rc, "%s: %s%s", what, strerror_r(errnum, why, sizeof why), hint(errnum));
}

const char *rc_name(enum rc rc)
{
	static const char *const name[] = {
		[RC_OK] = "ok",
		[RC_NOT_FOUND] = "not found",
		[RC_RETRY] = "retry",
		[RC_REJECT] = "reject",
		[RC_FATAL] = "fatal",
	};
	assert((unsigned) rc < COUNT_OF(name));
	return name[rc];
}
