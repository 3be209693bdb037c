#include "sim/simulator_fault.h"

#include "base/rand.h"

#define ON_API (1u << SIMULATOR_PLAYLIST | 1u << SIMULATOR_PAGE | 1u << SIMULATOR_ME | 1u << SIMULATOR_OTHER)
#define ON_ANY (ON_API | 1u << SIMULATOR_TOKEN)
#define ON_PAGE (1u << SIMULATOR_PAGE)
#define ON_LIST (1u << SIMULATOR_PAGE | 1u << SIMULATOR_PLAYLIST)
#define ON_TOKEN (1u << SIMULATOR_TOKEN)
#define NUMBER_MAX 1000000000

static const char *const kind_name[SIMULATOR_KIND_COUNT] = {
#define X(name, text) [SIMULATOR_##name] = text,
	SIMULATOR_KINDS(X)
#undef X
};
static const char *const fault_name[SIMULATOR_FAULT_COUNT] = {
#define X(name, text) [FAULT_##name] = text,
	SIMULATOR_FAULTS(X)
#undef X
};

const char *simulator_kind_name(enum simulator_kind kind)
{
	return kind_name[kind];
}

const char *simulator_fault_name(enum simulator_fault_kind kind)
{
	return fault_name[kind];
}

/* --- the grammar */

static uint32_t default_on(enum simulator_fault_kind kind)
{
	switch (kind) {
	case FAULT_ENDLESS:
	case FAULT_EDIT: return ON_PAGE;
	case FAULT_INVALID_GRANT: return ON_TOKEN;
	case FAULT_FORBIDDEN:
	case FAULT_NOT_FOUND: return ON_LIST;
	default: return ON_API;
	}
}

static int64_t default_status(enum simulator_fault_kind kind)
{
	return kind == FAULT_HTML ? 502 : 403;
}

static bool known_kind(struct slice name, enum simulator_fault_kind *out)
{
	for (int i = 0; i < SIMULATOR_FAULT_COUNT; i++) {
		if (slice_is(name, fault_name[i])) {
			*out = (enum simulator_fault_kind) i;
			return true;
		}
	}
	return false;
}

static enum rc bad_kind(struct slice name, struct err *err)
{
	char known[400];
	size_t len = 0;
	for (int i = 0; i < SIMULATOR_FAULT_COUNT; i++)
		len += (size_t) snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "", fault_name[i]);
	return err_set(err, RC_REJECT, "fault '%.*s': known are %s", SLICE_FMT(name), known);
}

/* "page", "playlist+page", "any", "api". */
static bool parse_on(struct slice value, uint32_t *out)
{
	*out = 0;
	for (size_t at = 0; at <= value.len;) {
		size_t end = slice_find(value, '+', at);
		struct slice word = slice_sub(value, at, end - at);
		uint32_t bit = slice_is(word, "any") ? ON_ANY : slice_is(word, "api") ? ON_API : 0;
		for (int i = 0; i < SIMULATOR_KIND_COUNT; i++)
			bit |= slice_is(word, kind_name[i]) ? 1u << i : 0;
		if (!bit)
			return false;
		*out |= bit;
		at = end + 1;
	}
	return true;
}

static bool parse_chance(struct slice value, double *out)
{
	char text[32], *end;
	if (value.len == 0 || value.len >= sizeof text || strspn(value.ptr, "0123456789.") < value.len)
		return false;
	memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && *out <= 1;
}

static bool number(struct slice value, int64_t least, int64_t most, int64_t *out)
{
	return slice_to_int(value, out) && *out >= least && *out <= most;
}

static bool flag(struct slice value, bool *out)
{
	*out = slice_is(value, "1");
	return *out || slice_is(value, "0");
}

static bool parse_key(struct fault *f, struct slice key, struct slice value, const char **out_want)
{
	*out_want = "a number from 1 to 1000000000";
	if (slice_is(key, "at"))
		return f->at_count < FAULT_AT_MAX && number(value, 1, NUMBER_MAX, &f->at[f->at_count++]);
	if (slice_is(key, "every"))
		return number(value, 1, NUMBER_MAX, &f->every);
	if (slice_is(key, "times"))
		return number(value, 1, NUMBER_MAX, &f->times);
	if (slice_is(key, "burst"))
		return number(value, 1, NUMBER_MAX, &f->burst);
	*out_want = "seconds from 0 to 1000000000";
	if (slice_is(key, "after"))
		return number(value, 0, NUMBER_MAX, &f->after_s);
	*out_want = "milliseconds from 0 to 3600000";
	if (slice_is(key, "ms"))
		return number(value, 0, 3600000, &f->ms);
	*out_want = "a status from 200 to 599";
	if (slice_is(key, "status"))
		return number(value, 200, 599, &f->status);
	*out_want = "a chance from 0 to 1";
	if (slice_is(key, "p"))
		return parse_chance(value, &f->p);
	*out_want = "0 or 1";
	if (slice_is(key, "total"))
		return flag(value, &f->total);
	if (slice_is(key, "self"))
		return flag(value, &f->self);
	*out_want = "token, playlist, page, me, other, api (all but token) or any, joined by +";
	if (slice_is(key, "on"))
		return parse_on(value, &f->on);
	*out_want = "the id of a playlist";
	if (slice_is(key, "playlist") && value.len > 0 && value.len < sizeof f->playlist) {
		memcpy(f->playlist, value.ptr, value.len);
		return true;
	}
	if (!slice_is(key, "playlist"))
		*out_want = NULL;
	return false;
}

enum rc fault_parse(const char *spec, struct fault *out, struct err *err)
{
	struct slice text = slice_of(spec);
	size_t end = slice_find(text, ',', 0);
	enum simulator_fault_kind kind;
	if (text.len >= FAULT_SPEC_BYTES || !slice_is_utf8(text, NULL))
		return err_set(err, RC_REJECT, "fault: want at most %d bytes of UTF-8", FAULT_SPEC_BYTES - 1);
	if (!known_kind(slice_sub(text, 0, end), &kind))
		return bad_kind(slice_sub(text, 0, end), err);
	*out = (struct fault){ .kind = kind,
		                .on = default_on(kind),
		                .burst = 1,
		                .p = -1,
		                .after_s = kind == FAULT_QUOTA ? 86400 : 1,
		                .ms = 2000,
		                .status = default_status(kind) };
	memcpy(out->spec, spec, text.len);
	while (end < text.len) {
		size_t at = end + 1;
		end = slice_find(text, ',', at);
		struct slice pair = slice_sub(text, at, end - at);
		size_t equal = slice_find(pair, '=', 0);
		struct slice value = equal < pair.len ? slice_sub(pair, equal + 1, pair.len - equal - 1) : SLICE_NULL;
		const char *want;
		if (parse_key(out, slice_sub(pair, 0, equal), value, &want))
			continue;
		if (want)
			return err_set(err, RC_REJECT, "fault %s: '%.*s': want %s", fault_name[kind], SLICE_FMT(pair), want);
		return err_set(err, RC_REJECT,
		               "fault %s: '%.*s': known are on=, at=, every=, p=, times=, burst=, playlist=, after=, ms=, "
		               "status=, total=, self=",
		               fault_name[kind], SLICE_FMT(pair));
	}
	return RC_OK;
}

/* --- whom it befalls */

static bool matches(const struct fault *f, const struct fault_target *t)
{
	if (!(f->on >> t->kind & 1) || (f->playlist[0] && !slice_is(t->playlist_id, f->playlist)))
		return false;
	if (f->kind == FAULT_EDIT && t->kind == SIMULATOR_PAGE && t->offset <= 0)
		return false; /* before the first page nobody would notice */
	return f->kind != FAULT_INVALID_GRANT || t->refresh;
}

static bool triggers(const struct fault *f, size_t index, uint64_t seed, int64_t request)
{
	for (size_t i = 0; i < f->at_count; i++) {
		if (f->at[i] == f->matched)
			return true;
	}
	if (f->every && f->matched % f->every == 0)
		return true;
	if (f->p >= 0) { /* the same request meets the same luck, whatever came before */
		struct rand_gen g = rand_fork(seed + index, "fault", (uint64_t) request);
		return rand_unit(&g) < f->p;
	}
	return f->at_count == 0 && f->every == 0;
}

static bool fires(struct fault *f, size_t index, uint64_t seed, int64_t request)
{
	f->matched++;
	if (f->burst_left > 0) {
		f->burst_left--;
		return true;
	}
	if ((f->times && f->fired >= f->times) || !triggers(f, index, seed, request))
		return false;
	f->fired++;
	f->burst_left = f->burst - 1;
	return true;
}

struct firing fault_decide(struct fault *fault, size_t count, uint64_t seed, const struct fault_target *t)
{
	struct firing firing = { 0 };
	for (size_t i = 0; i < count; i++) {
		struct fault *f = &fault[i];
		if (!matches(f, t))
			continue;
		if (firing.fires)
			f->matched++;
		else if (fires(f, i, seed, t->number))
			firing = (struct firing){ true, f->kind, f->after_s, f->ms, f->status, f->self, f->total };
	}
	return firing;
}
