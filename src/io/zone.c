#include "io/zone.h"

#include "base/mem.h"
#include "base/time.h"
#include "io/file.h"
#include "io/zone_rule.h"

#define FOLDER "/usr/share/zoneinfo"
#define FILE_BYTES_MAX ((size_t) 1 << 18) /* the largest of the tz database has 4 KB */
#define PATH_BYTES 4096
#define HEAD_BYTES 44

struct zone {
	char name[ZONE_NAME_BYTES_MAX + 1];
	int64_t *change_s; /* ascending; change i makes offset_s[i + 1] of offset_s[i] */
	int32_t *offset_s; /* one more */
	size_t changes;
	bool has_rule;     /* from the last change on, else always */
	struct zone_rule rule;
};

void zone_close(struct zone *z)
{
	if (!z)
		return;
	mem_free(z->change_s);
	mem_free(z->offset_s);
	mem_free(z);
}

const char *zone_name(const struct zone *z)
{
	return z->name;
}

static struct zone *zone_new(struct slice name, size_t changes)
{
	struct zone *z = mem_alloc(sizeof *z);
	(void) snprintf(z->name, sizeof z->name, "%.*s", SLICE_FMT(name));
	z->changes = changes;
	z->change_s = mem_alloc((changes + 1) * sizeof *z->change_s);
	z->offset_s = mem_alloc((changes + 1) * sizeof *z->offset_s);
	return z;
}

/* ---- asking ---- */

/* How many changes have been at that time. */
static size_t changes_until(const struct zone *z, int64_t unix_s)
{
	size_t low = 0, high = z->changes;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (z->change_s[middle] <= unix_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct zone_stretch zone_at(const struct zone *z, int64_t unix_s)
{
	size_t i = changes_until(z, unix_s);
	struct zone_stretch s = {
		.from_s = i > 0 ? z->change_s[i - 1] : INT64_MIN,
		.until_s = i < z->changes ? z->change_s[i] : INT64_MAX,
		.offset_s = z->offset_s[i],
	};
	if (i < z->changes || !z->has_rule)
		return s;
	struct zone_stretch by_rule = zone_rule_at(&z->rule, unix_s);
	if (by_rule.from_s < s.from_s)
		by_rule.from_s = s.from_s;
	return by_rule;
}

struct zone_text zone_show(const struct zone *z, int64_t unix_s)
{
	struct zone_text text;
	int64_t offset_s = zone_at(z, unix_s).offset_s;
	int64_t away = offset_s < 0 ? -offset_s : offset_s;
	struct civil c = time_civil(unix_s + offset_s);
	int len = snprintf(text.s, sizeof text.s, "%04lld-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", (long long) c.year, c.month, c.day,
	                   c.hour, c.minute, c.second, offset_s < 0 ? '-' : '+', (int) (away / 3600), (int) (away / 60 % 60));
	if (away % 60 && len > 0 && (size_t) len < sizeof text.s)
		(void) snprintf(text.s + len, sizeof text.s - (size_t) len, ":%02d", (int) (away % 60));
	return text;
}

/* ---- TZif (RFC 8536, section 3) ---- */

/* Big-endian, as everything in the file. */
static uint64_t read_uint(const char *at, int bytes)
{
	uint64_t value = 0;
	for (int i = 0; i < bytes; i++)
		value = value << 8 | (unsigned char) at[i];
	return value;
}

struct head {
	char version;
	uint64_t isut, isstd, leap, time, type, text; /* counts; of 32 bits each, so sums of their products fit */
};

/* What is wrong with the header, or NULL. */
static const char *read_head(struct slice *inout, struct head *out)
{
	if (inout->len < HEAD_BYTES)
		return "it ends within a header";
	const char *at = inout->ptr;
	if (memcmp(at, "TZif", 4) != 0)
		return "it is no TZif file";
	*out = (struct head){ at[4],
		              read_uint(at + 20, 4), read_uint(at + 24, 4), read_uint(at + 28, 4),
		              read_uint(at + 32, 4), read_uint(at + 36, 4), read_uint(at + 40, 4) };
	*inout = slice_sub(*inout, HEAD_BYTES, inout->len - HEAD_BYTES);
	return NULL;
}

static uint64_t block_bytes(const struct head *h, uint64_t time_bytes)
{
	return h->time * (time_bytes + 1) + h->type * 6 + h->text + h->leap * (time_bytes + 4) + h->isstd + h->isut;
}

/* The 64-bit block begins after the 32-bit one; its size is checked here, so the rest reads without looking. */
static const char *find_block(struct slice tzif, struct head *out, struct slice *out_block, struct slice *out_footer)
{
	const char *wrong = read_head(&tzif, out);
	if (wrong)
		return wrong;
	if (out->version < '2')
		return "it is of version 1, wanted is 2 or later";
	if (block_bytes(out, 4) > tzif.len)
		return "it ends within its first part";
	tzif = slice_sub(tzif, (size_t) block_bytes(out, 4), tzif.len - (size_t) block_bytes(out, 4));
	wrong = read_head(&tzif, out);
	if (wrong)
		return wrong;
	if (block_bytes(out, 8) > tzif.len)
		return "it ends within its second part";
	if (out->type == 0)
		return "it names no offset";
	if (out->leap != 0)
		return "it counts leap seconds: take the zone's name without 'right/'";
	size_t size = (size_t) block_bytes(out, 8);
	*out_block = slice_sub(tzif, 0, size);
	*out_footer = slice_sub(tzif, size, tzif.len - size);
	return NULL;
}

static const char *read_changes(struct slice block, const struct head *h, struct zone *z)
{
	const char *time = block.ptr, *index = time + h->time * 8, *type = index + h->time;
	for (size_t i = 0; i <= z->changes; i++) {
		size_t of = i == 0 ? 0 : (unsigned char) index[i - 1]; /* before all of them: the first type (RFC 8536, 3.2) */
		if (of >= h->type)
			return "a change leads to an offset that is not there";
		int64_t offset = (int32_t) (uint32_t) read_uint(type + of * 6, 4);
		if (offset <= -ZONE_OFFSET_S_MAX || offset >= ZONE_OFFSET_S_MAX)
			return "an offset is more than a day";
		z->offset_s[i] = (int32_t) offset;
		if (i == 0)
			continue;
		z->change_s[i - 1] = (int64_t) read_uint(time + (i - 1) * 8, 8);
		if (i > 1 && z->change_s[i - 1] <= z->change_s[i - 2])
			return "its changes are not in order";
	}
	return NULL;
}

/* A newline, the string (empty: nothing is known of later years), a newline. */
static const char *read_footer(struct slice footer, struct zone *z)
{
	if (footer.len < 2 || footer.ptr[0] != '\n')
		return "its footer is missing";
	footer = slice_sub(footer, 1, footer.len - 1);
	size_t end = slice_find(footer, '\n', 0);
	if (end == footer.len)
		return "its footer has no end";
	z->has_rule = end > 0;
	if (z->has_rule && !zone_rule_parse(slice_sub(footer, 0, end), &z->rule))
		return "its footer is no rule for later years";
	return NULL;
}

static enum rc refuse(struct slice name, const char *why, struct err *err)
{
	return err_set(err, RC_REJECT, "time zone '%.*s': its file cannot be used: %s", SLICE_FMT(name), why);
}

enum rc zone_parse(struct slice name, struct slice tzif, struct zone **out, struct err *err)
{
	struct head h;
	struct slice block, footer;
	assert(name.len <= ZONE_NAME_BYTES_MAX);
	const char *wrong = find_block(tzif, &h, &block, &footer);
	if (wrong)
		return refuse(name, wrong, err);
	CLEANUP(zone_closep) struct zone *z = zone_new(name, (size_t) h.time);
	wrong = read_changes(block, &h, z);
	if (!wrong)
		wrong = read_footer(footer, z);
	if (wrong)
		return refuse(name, wrong, err);
	*out = TAKE(z);
	return RC_OK;
}

/* ---- by name ---- */

/* Letters, digits, '_', '+', '-' in parts that '/' joins; no part begins with '.', so none leads out of the folder. */
static bool is_name(struct slice s)
{
	bool at_start = true;
	if (s.len == 0 || s.len > ZONE_NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '+' ||
		               c == '-';
		if (!is_word && (at_start || (c != '/' && c != '.')))
			return false;
		at_start = c == '/';
	}
	return !at_start;
}

static enum rc unknown(struct slice name, const char *folder, struct err *err)
{
	struct file_info info;
	if (file_stat(folder, &info, NULL) == RC_OK && info.exists)
		return err_set(err, RC_FATAL, "time zone '%.*s': %s has none of that name: want one such as Asia/Kolkata, UTC or +05:30",
		               SLICE_FMT(name), folder);
	return err_set(err, RC_FATAL, "time zone '%.*s': this machine has no time zones (%s): `apt-get install tzdata`, or say it as "
	               "UTC or +05:30", SLICE_FMT(name), folder);
}

static enum rc open_file(struct slice name, struct zone **out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(2 * FILE_BYTES_MAX);
	const char *env = getenv("TZDIR"); /* as the C library has it, tzset(3) */
	const char *folder = env && *env ? env : FOLDER;
	char path[PATH_BYTES];
	struct slice tzif;
	struct file_info info;
	int len = snprintf(path, sizeof path, "%s/%.*s", folder, SLICE_FMT(name));
	if (len < 0 || (size_t) len >= sizeof path)
		return err_set(err, RC_FATAL, "TZDIR is longer than a path may be: name the folder that holds the time zones");
	TRY_WRAP(file_stat(path, &info, err), err, "time zone '%.*s'", SLICE_FMT(name));
	if (!info.exists || info.is_dir)
		return unknown(name, folder, err);
	enum rc rc = file_read(path, FILE_BYTES_MAX, &arena, &tzif, err);
	if (rc != RC_OK)
		return err_wrap(err, rc == RC_RETRY ? RC_RETRY : RC_FATAL, "time zone '%.*s'", SLICE_FMT(name));
	struct err why = { 0 };
	if (zone_parse(name, tzif, out, &why) == RC_OK)
		return RC_OK;
	return err_set(err, RC_FATAL, "%s (%s; `apt-get install --reinstall tzdata` brings it back)", why.msg, path);
}

enum rc zone_open(struct slice name, struct zone **out, struct err *err)
{
	int64_t offset_s = 0;
	if (slice_is(name, "UTC") || time_parse_offset(name, &offset_s)) {
		*out = zone_new(name, 0);
		(*out)->offset_s[0] = (int32_t) offset_s;
		return RC_OK;
	}
	if (!is_name(name))
		return err_set(err, RC_FATAL, "time zone '%.*s': want a name such as Asia/Kolkata, UTC or +05:30",
		               (int) (name.len < 100 ? name.len : 100), name.ptr ? name.ptr : "");
	return open_file(name, out, err);
}
