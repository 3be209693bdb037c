/* The taker: which subscription may send how much, and when. */
#include "serve/push_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define LIST_MS 1000            /* between two lists of the subscriptions, */
#define LIST_MS_EACH 10         /* and more when there are many */
#define LOOK_MS 250             /* between two pulls that may find nothing: other processes publish, too, */
#define LOOK_MS_EACH 10         /* and more when there are many: a pull costs half a millisecond */
#define TROUBLE_MS 1000         /* after a pull that failed */
#define LIST_ARENA_BYTES ((size_t) 256 << 20)
#define PULL_ARENA_BYTES ((size_t) 96 << 20)
#define PULL_BYTES_MAX ((size_t) BUS_MESSAGE_BYTES_MAX)
#define TELL_NS (60 * INT64_C(1000000000))
#define NS_PER_MS INT64_C(1000000)
#define LOG "push"

void push_poke(struct push *p)
{
	p->is_poked = true;
	(void) pthread_cond_signal(&p->poked);
}

static int64_t now_ns(const struct push *p)
{
	return clock_mono_ns(p->o.clock);
}

/* --- which subscriptions ------------------------------------------------------------------------------------- */

static struct push_sub *find_sub(struct push *p, const char *name)
{
	struct push_sub *s;
	LIST_FOREACH(s, &p->subs, link)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

/* True when it was another one. */
static bool replace_text(char **text, const char *with)
{
	if (*text && strcmp(*text, with) == 0)
		return false;
	mem_free(*text);
	*text = mem_strdup(with);
	return true;
}

/* Another endpoint does not wait for what the former one has done; nor does it hear of what is still under way there. */
static void begin_anew(struct push_sub *s)
{
	uint64_t round = s->window.round + 1;
	push_window_init(&s->window);
	s->window.round = round;
	s->due_ns = 0;
}

/* As it stands on the bus now; what is under way keeps the settings it was sent with. */
static void update_sub(struct push *p, const struct bus_subscription *b)
{
	struct push_sub *s = find_sub(p, b->name);
	if (!s) {
		s = mem_alloc(sizeof *s);
		s->name = mem_strdup(b->name);
		LIST_INSERT_HEAD(&p->subs, s, link);
		p->sub_count++;
	}
	(void) replace_text(&s->topic, b->topic);
	if (replace_text(&s->config, b->push_config))
		begin_anew(s);
	s->ack_deadline_s = b->ack_deadline_s;
	s->is_ordered = b->ordered;
	s->is_counted = b->dead_letter_topic[0] != '\0';
	s->max_attempts = s->is_counted ? b->max_delivery_attempts : 0;
	s->has_retry_policy = b->backoff_max_ms > 0;
	s->is_listed = true;
	s->is_gone = false;
}

static void free_sub(struct push *p, struct push_sub *s)
{
	LIST_REMOVE(s, link);
	p->sub_count--;
	mem_free(s->name);
	mem_free(s->topic);
	mem_free(s->config);
	mem_free(s);
}

static void drop_unlisted(struct push *p)
{
	struct push_sub *s, *next;
	for (s = LIST_FIRST(&p->subs); s; s = next) {
		next = LIST_NEXT(s, link);
		s->is_gone = !s->is_listed;
		s->is_listed = false;
		if (s->is_gone && !s->outstanding)
			free_sub(p, s);
	}
}

static enum rc list(struct push *p, size_t *out_count, struct err *err)
{
	CLEANUP(arena_done) struct arena names_arena = arena_new(LIST_ARENA_BYTES);
	CLEANUP(arena_done) struct arena arena = arena_new(LIST_ARENA_BYTES);
	struct bus_names names;
	TRY(bus_subscriptions(p->o.bus, NULL, &names_arena, &names, err));
	for (size_t i = 0; i < names.count; i++) {
		struct bus_subscription b;
		arena_reset(&arena);
		enum rc rc = bus_subscription(p->o.bus, arena_strdup(&arena, names.name[i]), &arena, &b, err);
		if (rc == RC_NOT_FOUND) /* it went meanwhile */
			continue;
		TRY(rc);
		if (!b.push_config || !b.push_config[0] || b.detached)
			continue;
		pthread_mutex_lock(&p->lock);
		update_sub(p, &b);
		pthread_mutex_unlock(&p->lock);
	}
	*out_count = names.count;
	return RC_OK;
}

/* A list that could not be read whole takes nobody away. */
static int64_t list_now(struct push *p, bool *inout_told)
{
	size_t count = 0;
	struct err err = { 0 };
	enum rc rc = list(p, &count, &err);
	if (rc != RC_OK && !*inout_told)
		log_warn(LOG, "subscriptions cannot be listed, it is tried again: %s", err.msg);
	*inout_told = rc != RC_OK;
	if (rc == RC_OK) {
		pthread_mutex_lock(&p->lock);
		drop_unlisted(p);
		pthread_mutex_unlock(&p->lock);
	}
	return now_ns(p) + (LIST_MS + LIST_MS_EACH * (int64_t) count) * NS_PER_MS;
}

/* --- how much ------------------------------------------------------------------------------------------------ */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Half of what is free, so that something is left for the next one, however many hang. */
static size_t fair_share(size_t limit, size_t used, size_t own)
{
	size_t free = limit - used;
	return free > own ? (free - own + 1) / 2 : 0;
}

static size_t room_of(const struct push *p, const struct push_sub *s, int64_t now)
{
	size_t room = push_window_room(&s->window, s->outstanding, now);
	room = least(room, fair_share(p->o.concurrency, p->outstanding, s->outstanding));
	if (s->window.fails)
		room = least(room, p->probes < p->o.concurrency / 2 ? p->o.concurrency / 2 - p->probes : 0);
	if (s->bytes + BUS_MESSAGE_BYTES_MAX > PUSH_BYTES_MAX - p->bytes) /* one message always comes, of whatever length */
		return 0;
	return s->is_ordered ? least(room, 1) : room; /* two of one key in one pull would both count as tried */
}

static bool may_tell(struct push_sub *s, int64_t now)
{
	if (s->told_ns && now - s->told_ns < TELL_NS)
		return false;
	s->told_ns = now ? now : 1;
	return true;
}

/* --- taking ------------------------------------------------------------------------------------------------- */

static void free_batch(struct push_batch *b)
{
	arena_done(&b->arena);
	mem_free(b);
}

static enum rc pull(struct push *p, const struct push_sub *s, struct push_batch *b, size_t max, size_t max_bytes,
                    struct bus_delivery **out, size_t *out_count, struct err *err)
{
	TRY_WRAP(push_config_parse(s->config, &b->arena, &b->config, err), err, "subscription '%s'", s->name);
	return bus_pull(p->o.bus, s->name, max, max_bytes, &b->arena, out, out_count, err);
}

static void enqueue(struct push *p, struct push_sub *s, struct push_batch *b, struct bus_delivery *d)
{
	struct push_job *job = arena_alloc(&b->arena, sizeof *job);
	*job = (struct push_job){ .sub = s, .batch = b, .delivery = d, .taken_ns = clock_mono_ns(clock_system()),
		                  .subject = { p->project, s->name, s->is_ordered, s->is_counted },
		                  .ack_deadline_ms = s->ack_deadline_s * 1000, .max_attempts = s->max_attempts,
		                  .has_retry_policy = s->has_retry_policy, .is_probe = s->window.fails > 0, .round = s->window.round };
	b->left++;
	s->outstanding++;
	s->bytes += d->message.data.len;
	p->outstanding++;
	p->probes += job->is_probe;
	p->bytes += d->message.data.len;
	p->queue_length++;
	STAILQ_INSERT_TAIL(&p->queue, job, link);
}

/* Called with the lock, which it lets go of meanwhile. */
static void take_from(struct push *p, struct push_sub *s, size_t max)
{
	struct bus_delivery *delivery = NULL;
	size_t count = 0, max_bytes = least(PULL_BYTES_MAX, fair_share(PUSH_BYTES_MAX, p->bytes, s->bytes));
	struct push_batch *b = mem_alloc(sizeof *b);
	struct err err = { 0 };
	b->arena = arena_new(PULL_ARENA_BYTES);
	s->due_ns = now_ns(p) + (LOOK_MS + LOOK_MS_EACH * (int64_t) p->sub_count) * NS_PER_MS; /* a wake from now on comes after it */
	pthread_mutex_unlock(&p->lock);
	enum rc rc = pull(p, s, b, max, max_bytes, &delivery, &count, &err);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < count; i++)
		enqueue(p, s, b, &delivery[i]);
	if (count == max)
		s->due_ns = 0;
	if (rc != RC_OK)
		s->due_ns = now_ns(p) + TROUBLE_MS * NS_PER_MS;
	if (rc != RC_OK && rc != RC_NOT_FOUND && may_tell(s, now_ns(p))) /* not found: the next list drops it */
		log_warn(LOG, "%s; it is tried again", err.msg);
	if (!count)
		free_batch(b);
	push_work_start(p);
}

static bool take_all(struct push *p)
{
	struct push_sub *s;
	bool took = false;
	LIST_FOREACH(s, &p->subs, link) {
		int64_t now = now_ns(p);
		size_t room = s->is_gone || s->due_ns > now || p->is_stopping ? 0 : room_of(p, s, now);
		if (!room)
			continue;
		take_from(p, s, room);
		took = took || s->due_ns == 0;
	}
	return took;
}

/* Until the next subscription is due; one that has no room waits for a message to end, which pokes. */
static int64_t wait_of(const struct push *p, int64_t list_ns)
{
	const struct push_sub *s;
	int64_t now = now_ns(p), until = list_ns;
	LIST_FOREACH(s, &p->subs, link) {
		int64_t due = s->due_ns > s->window.hold_until_ns ? s->due_ns : s->window.hold_until_ns;
		if (due > now && due < until && !s->is_gone)
			until = due;
	}
	int64_t ms = until > now ? (until - now) / NS_PER_MS + 1 : 0;
	return ms < LIST_MS ? ms : LIST_MS;
}

static void *take(void *arg)
{
	struct push *p = arg;
	int64_t list_ns = 0;
	bool told = false;
	pthread_mutex_lock(&p->lock);
	while (!p->is_stopping) {
		p->is_poked = false;
		if (p->is_changed || now_ns(p) >= list_ns) {
			p->is_changed = false;
			pthread_mutex_unlock(&p->lock);
			list_ns = list_now(p, &told);
			pthread_mutex_lock(&p->lock);
		}
		bool again = take_all(p);
		push_work_start(p);
		int64_t wait_ms = wait_of(p, list_ns);
		if (!again && !p->is_poked && !p->is_stopping && wait_ms > 0)
			thread_wait(&p->poked, &p->lock, wait_ms);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------------------- */

struct push *push_open(const struct push_options *options)
{
	assert(options->concurrency >= 2 && options->concurrency <= PUSH_CONCURRENCY_MAX);
	struct push *p = mem_alloc(sizeof *p);
	*p = (struct push){ .o = *options, .project = mem_strdup(options->project),
		            .tokens = push_tokens_open(options->key_path, options->clock),
		            .lock = PTHREAD_MUTEX_INITIALIZER, .poked = PTHREAD_COND_INITIALIZER,
		            .queued = PTHREAD_COND_INITIALIZER, .settled = PTHREAD_COND_INITIALIZER };
	LIST_INIT(&p->subs);
	STAILQ_INIT(&p->queue);
	for (size_t i = 0; i < COUNT_OF(p->worker); i++)
		p->worker[i].push = p;
	return p;
}

void push_start(struct push *p, const char *url)
{
	assert(!p->is_started);
	push_tokens_set_issuer(p->tokens, url);
	if (pthread_create(&p->taker, NULL, take, p))
		abort();
	p->is_started = true;
}

void push_wake(struct push *p, const char *topic)
{
	struct push_sub *s;
	bool any = topic == NULL;
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_changed = p->is_changed || !topic;
	LIST_FOREACH(s, &p->subs, link)
		if (!topic || strcmp(s->topic, topic) == 0) {
			s->due_ns = 0;
			any = true;
		}
	if (any)
		push_poke(p);
	pthread_mutex_unlock(&p->lock);
}

void push_stop(struct push *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_stopping = true;
	push_poke(p);
	pthread_mutex_unlock(&p->lock);
}

static void wait_settled(struct push *p, int64_t wait_ms)
{
	int64_t until_ns = clock_mono_ns(clock_system()) + wait_ms * NS_PER_MS, left_ms = wait_ms;
	while (p->outstanding && left_ms > 0) {
		thread_wait(&p->settled, &p->lock, left_ms);
		left_ms = (until_ns - clock_mono_ns(clock_system())) / NS_PER_MS;
	}
}

static void end_work(struct push *p, int64_t wait_ms)
{
	pthread_mutex_lock(&p->lock);
	wait_settled(p, wait_ms);
	p->is_broken_off = true;
	while (p->outstanding)
		(void) pthread_cond_wait(&p->settled, &p->lock);
	p->is_ending = true;
	(void) pthread_cond_broadcast(&p->queued);
	for (size_t i = 0; i < COUNT_OF(p->worker); i++) {
		bool is_there = p->worker[i].state != PUSH_WORKER_NONE; /* the taker has ended: nobody else joins or starts any */
		pthread_mutex_unlock(&p->lock);
		if (is_there)
			(void) pthread_join(p->worker[i].thread, NULL);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
}

void push_close(struct push *p, int64_t wait_ms)
{
	if (!p)
		return;
	push_stop(p);
	if (p->is_started) {
		(void) pthread_join(p->taker, NULL);
		end_work(p, wait_ms);
	}
	while (!LIST_EMPTY(&p->subs))
		free_sub(p, LIST_FIRST(&p->subs));
	push_tokens_close(p->tokens);
	(void) pthread_cond_destroy(&p->poked);
	(void) pthread_cond_destroy(&p->queued);
	(void) pthread_cond_destroy(&p->settled);
	(void) pthread_mutex_destroy(&p->lock);
	mem_free(p->project);
	mem_free(p);
}

bool push_handle(struct push *p, const struct server_request *rq, struct server_reply *reply)
{
	return push_tokens_handle(p->tokens, rq, reply);
}

size_t push_threads(struct push *p)
{
	pthread_mutex_lock(&p->lock);
	size_t count = p->is_started;
	for (size_t i = 0; i < COUNT_OF(p->worker); i++)
		count += p->worker[i].state == PUSH_WORKER_RUNS;
	pthread_mutex_unlock(&p->lock);
	return count;
}

size_t push_outstanding(struct push *p)
{
	pthread_mutex_lock(&p->lock);
	size_t count = p->outstanding;
	pthread_mutex_unlock(&p->lock);
	return count;
}
