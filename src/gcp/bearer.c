#include "gcp/bearer.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#include <stdatomic.h>

#define TOKEN_BYTES_MAX ((size_t) 32 << 10)
#define ARENA_BYTES ((size_t) 1 << 20)
#define LOOK_MS 200

struct bearer {
	atomic_int refs;
	struct arena arena;
	struct slice header;
};
struct bearers {
	struct transport *transport;
	struct credential *credential;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t ended; /* a refresh has */
	struct bearer *now;   /* NULL: none, or the last one was refused */
	int64_t end_ns, early_ns; /* monotonic */
	bool refreshing;
	int64_t rounds;       /* refreshes that have ended */
	enum rc rc;           /* of the last one, */
	struct err err;       /* and why */
};

struct bearers *bearers_open(struct transport *t, struct credential *c)
{
	struct bearers *b = mem_alloc(sizeof *b);
	*b = (struct bearers){ .transport = t, .credential = c, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
	return b;
}

void bearers_close(struct bearers *b)
{
	if (!b)
		return;
	bearer_put(b->now);
	(void) pthread_cond_destroy(&b->ended);
	(void) pthread_mutex_destroy(&b->lock);
	mem_free(b);
}

static struct bearer *bearer_new(struct slice token)
{
	struct bearer *bearer = mem_alloc(sizeof *bearer);
	bearer->arena = arena_new_secret(2 * TOKEN_BYTES_MAX);
	bearer->header = ARENA_JOIN(&bearer->arena, SLICE("Bearer "), token);
	atomic_init(&bearer->refs, 1);
	return bearer;
}

struct slice bearer_header(const struct bearer *bearer)
{
	return bearer->header;
}

void bearer_put(struct bearer *bearer)
{
	if (!bearer || atomic_fetch_sub(&bearer->refs, 1) > 1)
		return;
	arena_done(&bearer->arena);
	mem_free(bearer);
}

/* --- refreshing ---------------------------------------------------------------------------------------------- */

static void install(struct bearers *b, struct bearer *fresh, int64_t life_s)
{
	int64_t life_ms = life_s * 1000, now_ns = clock_mono_ns(b->transport->clock);
	bearer_put(b->now);
	b->now = fresh;
	b->end_ns = now_ns + (life_ms > BEARER_USE_MS ? life_ms : BEARER_USE_MS) * 1000000;
	b->early_ns = life_ms > BEARER_EARLY_MS ? b->end_ns - (int64_t) BEARER_EARLY_MS * 1000000 : b->end_ns;
}

static bool is_good(const struct bearers *b)
{
	return b->now && clock_mono_ns(b->transport->clock) < b->end_ns;
}

/* Without the lock.  Only one thread at a time is here. */
static enum rc fetch(struct bearers *b, struct bearer **out, int64_t *out_life_s, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new_secret(ARENA_BYTES);
	struct grant grant;
	TRY(credential_fetch(b->credential, b->transport, &arena, &grant, err));
	if (grant.token.len > TOKEN_BYTES_MAX)
		return err_set(err, RC_FATAL, "%s: an access token of %zu bytes, at most %zu are usable", b->credential->identity, grant.token.len,
		               TOKEN_BYTES_MAX);
	*out = bearer_new(grant.token);
	*out_life_s = grant.life_s;
	return RC_OK;
}

/* With the lock, which is let go of meanwhile. */
static void refresh(struct bearers *b)
{
	struct bearer *fresh = NULL;
	int64_t life_s = 0;
	struct err err = { 0 };
	b->refreshing = true;
	pthread_mutex_unlock(&b->lock);
	enum rc rc = fetch(b, &fresh, &life_s, &err);
	pthread_mutex_lock(&b->lock);
	b->refreshing = false;
	b->rounds++;
	b->rc = rc;
	b->err = err;
	if (rc == RC_OK)
		install(b, fresh, life_s);
	else if (is_good(b))
		b->early_ns = clock_mono_ns(b->transport->clock) + (int64_t) BEARER_AGAIN_MS * 1000000;
	pthread_cond_broadcast(&b->ended);
}

/* The error of the refresh that has just failed, for the one who made it and for all who waited for it. */
static enum rc failed(const struct bearers *b, struct err *err)
{
	if (err)
		*err = b->err;
	return b->rc;
}

static enum rc get_locked(struct bearers *b, struct err *err)
{
	for (;;) {
		bool good = is_good(b);
		if (good && (b->refreshing || clock_mono_ns(b->transport->clock) < b->early_ns))
			return RC_OK;
		if (!b->refreshing) {
			refresh(b);
			if (b->rc == RC_OK || !is_good(b))
				return b->rc == RC_OK ? RC_OK : failed(b, err);
			log_warn("gcp", "the access token could not be renewed early, the old one is used on: %s", b->err.msg);
			return RC_OK;
		}
		int64_t round = b->rounds;
		while (b->rounds == round && !transport_is_stopped(b->transport))
			thread_wait(&b->ended, &b->lock, LOOK_MS);
		if (b->rounds == round)
			return err_set(err, RC_RETRY, "stopped: run the command again to go on");
		if (b->rc != RC_OK && !is_good(b))
			return failed(b, err);
	}
}

enum rc bearers_get(struct bearers *b, struct bearer **out, struct err *err)
{
	*out = NULL;
	pthread_mutex_lock(&b->lock);
	enum rc rc = get_locked(b, err);
	if (rc == RC_OK) {
		(void) atomic_fetch_add(&b->now->refs, 1);
		*out = b->now;
	}
	pthread_mutex_unlock(&b->lock);
	return rc;
}

void bearers_refused(struct bearers *b, const struct bearer *which)
{
	pthread_mutex_lock(&b->lock);
	if (b->now == which) {
		bearer_put(b->now);
		b->now = NULL;
	}
	pthread_mutex_unlock(&b->lock);
}

int64_t bearers_refreshes(struct bearers *b)
{
	pthread_mutex_lock(&b->lock);
	int64_t n = b->rounds;
	pthread_mutex_unlock(&b->lock);
	return n;
}
