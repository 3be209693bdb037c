/* The rule of drift, and the policy over it: no I/O. */
#include "bronze/drift.h"

#include "base/time.h"

#define TOLD_MAX 3      /* fields a line names */
#define GIVEN_BYTES 64  /* of a wrong setting, shown again */

static const char *const what_name[DRIFT_WHAT_COUNT] = {
#define X(name, words) words,
	DRIFT_EVENTS(X)
#undef X
};

const char *drift_what_name(enum drift_what what)
{
	assert(what < DRIFT_WHAT_COUNT);
	return what_name[what];
}

/* --- the rule ----------------------------------------------------------------------------------------------- */

enum sign { SIGN_NOTHING, SIGN_GONE, SIGN_STANDS, SIGN_WRONG };

static enum sign read_sign(enum watched_field field, const struct field_count *c)
{
	int64_t values = c->present + c->wrong_type;
	bool is_rare = drift_depends[field].where_it_applies; /* its absence says nothing, and few are as good as many */
	if (values == 0)
		return is_rare ? SIGN_NOTHING : SIGN_GONE;
	if (!is_rare && values < c->items - values)
		return SIGN_NOTHING;
	return c->wrong_type >= c->present ? SIGN_WRONG : SIGN_STANDS;
}

static bool happened(struct drift_state *s, enum drift_what what, const struct field_count *c, int64_t snapshot_at,
                     int64_t day_number)
{
	s->has_last = true;
	s->last = (struct drift_change){
		.what = what,
		.as_null = what == DRIFT_VANISHED && c->nulls > 0,
		.snapshot_at = snapshot_at,
		.day_number = day_number,
	};
	return true;
}

bool drift_step(struct drift_state *s, enum watched_field field, const struct field_count *c, int64_t snapshot_at,
                int64_t day_number)
{
	assert(c->items > 0);
	enum drift_now before = s->now;
	bool stood = s->stood;
	switch (read_sign(field, c)) {
	case SIGN_NOTHING:
		return false;
	case SIGN_GONE:
		s->now = DRIFT_GONE;
		return before != DRIFT_GONE && stood && happened(s, DRIFT_VANISHED, c, snapshot_at, day_number);
	case SIGN_WRONG:
		s->now = DRIFT_WRONG;
		s->stood = true;
		return before != DRIFT_WRONG && happened(s, DRIFT_CHANGED_TYPE, c, snapshot_at, day_number);
	case SIGN_STANDS:
		break;
	}
	s->now = DRIFT_STANDS;
	s->stood = true;
	if (before == DRIFT_STANDS || before == DRIFT_UNKNOWN)
		return false;
	return happened(s, stood ? DRIFT_CAME_BACK : DRIFT_APPEARED, c, snapshot_at, day_number);
}

/* --- policy ------------------------------------------------------------------------------------------------- */

static enum rc unknown_field(struct slice given, struct err *err)
{
	CLEANUP(buf_done) struct buf names = buf_new(1 << 12);
	for (size_t f = 0; f < FIELD_COUNT; f++)
		buf_addf(&names, " %s", watched_field_path[f]);
	if (given.len > GIVEN_BYTES)
		given.len = GIVEN_BYTES;
	return err_set(err, RC_FATAL, "setting drift_policy: '%.*s' is no watched field; there are *%s", SLICE_FMT(given),
	               buf_str(&names));
}

/* FIELD_COUNT stands for `*`. */
static bool field_find(struct slice name, size_t *out_field)
{
	for (*out_field = 0; *out_field < FIELD_COUNT; ++*out_field)
		if (slice_is(name, watched_field_path[*out_field]))
			return true;
	return slice_is(name, "*");
}

enum rc drift_policy_parse(struct slice text, struct drift_policy *out, struct err *err)
{
	bool named[FIELD_COUNT] = { false }, others = false;
	*out = (struct drift_policy){ 0 };
	for (size_t from = 0; from < text.len;) {
		size_t comma = slice_find(text, ',', from), field;
		struct slice part = slice_trim(slice_sub(text, from, comma - from));
		from = comma + 1;
		if (!part.len)
			continue;
		size_t equals = slice_find(part, '=', 0);
		struct slice name = slice_trim(slice_sub(part, 0, equals));
		struct slice word = equals < part.len ? slice_trim(slice_sub(part, equals + 1, part.len - equals - 1)) : SLICE("");
		if (!field_find(name, &field))
			return unknown_field(name, err);
		if (!slice_is(word, "warn") && !slice_is(word, "fail"))
			return err_set(err, RC_FATAL, "setting drift_policy: '%.*s': want %.*s=warn or %.*s=fail",
			               (int) (part.len < GIVEN_BYTES ? part.len : GIVEN_BYTES), part.ptr, SLICE_FMT(name), SLICE_FMT(name));
		if (field == FIELD_COUNT) {
			others = slice_is(word, "fail");
		} else {
			named[field] = true;
			out->fail[field] = slice_is(word, "fail");
		}
	}
	for (size_t f = 0; f < FIELD_COUNT; f++) {
		out->fail[f] = named[f] ? out->fail[f] : others;
		out->any_fail = out->any_fail || out->fail[f];
	}
	return RC_OK;
}

static int64_t drifting_in(const struct drift_sum *sum, size_t field)
{
	return sum->line[field][DRIFT_VANISHED].playlists + sum->line[field][DRIFT_CHANGED_TYPE].playlists;
}

size_t drift_count(const struct drift_sum *sum, const struct drift_policy *policy, bool fail)
{
	size_t count = 0;
	for (size_t f = 0; f < FIELD_COUNT; f++)
		count += policy->fail[f] == fail && drifting_in(sum, f) > 0;
	return count;
}

static void tell_one(const struct drift_sum *sum, size_t field, enum drift_what what, struct buf *out)
{
	const struct drift_line *l = &sum->line[field][what];
	buf_addf(out, "%s %s in ", watched_field_path[field], drift_what_name(what));
	if (l->playlists == 1)
		buf_adds(out, l->playlist);
	else
		buf_addf(out, "%lld of %lld playlists", (long long) l->playlists, (long long) sum->playlists);
	buf_addf(out, " since %s", time_date(l->since_day).s);
}

void drift_tell(const struct drift_sum *sum, const struct drift_policy *policy, bool fail, struct buf *out)
{
	size_t told = 0, fields = drift_count(sum, policy, fail), told_fields = 0;
	for (size_t f = 0; f < FIELD_COUNT && told < TOLD_MAX; f++) {
		if (policy->fail[f] != fail || !drifting_in(sum, f))
			continue;
		for (enum drift_what what = 0; what < DRIFT_WHAT_COUNT; what++) {
			if (!drift_is_bad(what) || !sum->line[f][what].playlists)
				continue;
			buf_adds(out, told++ ? ", " : "");
			tell_one(sum, f, what, out);
		}
		told_fields++;
	}
	if (fields > told_fields)
		buf_addf(out, " and %zu more", fields - told_fields);
}
