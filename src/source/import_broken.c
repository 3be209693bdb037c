#include "source/import_broken.h"

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"

#define NAME_HEX 16

struct kind {
	char *playlist_id; /* NULL: of no single one */
	const struct broken_reason *reason;
	char *first;       /* "FILE, line 17" */
	struct hash *hash; /* over all lines, kept or not */
	struct buf bytes;
	int64_t lines;
	uint64_t *seen;    /* hashes of lines that are there once only; a power of two of places, 0 = free */
	size_t seen_count, seen_cap;
};
struct broken_set {
	struct kind *kind; /* in the order of playlist id and reason */
	size_t count, cap;
	size_t bytes;
	int64_t lines;
};

struct broken_set *broken_set_new(void)
{
	return mem_alloc(sizeof(struct broken_set));
}

void broken_set_free(struct broken_set *set)
{
	for (size_t i = 0; set && i < set->count; i++) {
		struct kind *k = &set->kind[i];
		mem_free(k->playlist_id);
		mem_free(k->first);
		hash_close(k->hash);
		buf_done(&k->bytes);
		mem_free(k->seen);
	}
	if (set)
		mem_free(set->kind);
	mem_free(set);
}

static int compare(const struct kind *k, const struct broken_line *line)
{
	int c = slice_cmp(slice_of(k->playlist_id ? k->playlist_id : ""), line->playlist_id.ptr ? line->playlist_id : SLICE(""));
	return c ? c : slice_cmp(slice_of(k->reason->name), slice_of(line->reason->name));
}

static struct kind *find(struct broken_set *set, const struct broken_line *line)
{
	size_t at = 0, end = set->count;
	while (at < end) {
		size_t mid = at + (end - at) / 2;
		if (compare(&set->kind[mid], line) < 0)
			at = mid + 1;
		else
			end = mid;
	}
	if (at < set->count && compare(&set->kind[at], line) == 0)
		return &set->kind[at];
	if (set->count == set->cap) {
		set->cap = set->cap ? 2 * set->cap : 16;
		set->kind = mem_realloc(set->kind, set->cap * sizeof *set->kind);
	}
	struct kind *k = &set->kind[at];
	memmove(k + 1, k, (set->count++ - at) * sizeof *k);
	CLEANUP(arena_done) struct arena scratch = arena_new(1 << 20);
	*k = (struct kind){ .reason = line->reason, .hash = hash_open(),
	                    .bytes = buf_new(IMPORT_BROKEN_BYTES_MAX) };
	if (line->playlist_id.ptr)
		k->playlist_id = mem_strdup(arena_strdup(&scratch, line->playlist_id));
	k->first = mem_strdup(arena_printf(&scratch, "%.*s, line %.*s", SLICE_FMT(line->from), SLICE_FMT(line->where)).ptr);
	return k;
}

static void seen_put(uint64_t *place, size_t cap, uint64_t value)
{
	size_t at = value & (cap - 1);
	while (place[at])
		at = (at + 1) & (cap - 1);
	place[at] = value;
}

/* False when it was there. */
static bool see(struct kind *k, struct slice line)
{
	uint64_t value = hash_u64(line);
	value += value == 0;
	for (size_t at = k->seen_cap ? value & (k->seen_cap - 1) : 0; k->seen_cap && k->seen[at]; at = (at + 1) & (k->seen_cap - 1))
		if (k->seen[at] == value)
			return false;
	if (2 * (k->seen_count + 1) > k->seen_cap) {
		size_t cap = k->seen_cap ? 2 * k->seen_cap : 64;
		uint64_t *place = mem_alloc_array(cap, sizeof *place);
		for (size_t i = 0; i < k->seen_cap; i++)
			if (k->seen[i])
				seen_put(place, cap, k->seen[i]);
		mem_free(k->seen);
		k->seen = place;
		k->seen_cap = cap;
	}
	seen_put(k->seen, k->seen_cap, value);
	k->seen_count++;
	return true;
}

void broken_set_add(struct broken_set *set, const struct broken_line *line)
{
	struct kind *k = find(set, line);
	set->lines++;
	k->lines++;
	if (line->once && !see(k, line->line))
		return;
	hash_add(k->hash, line->where);
	hash_add(k->hash, SLICE("\t"));
	hash_add(k->hash, line->line);
	hash_add(k->hash, SLICE("\n"));
	struct slice text = slice_sub(line->line, 0, line->line.len < IMPORT_BROKEN_LINE_BYTES_MAX ? line->line.len
	                                                                                           : IMPORT_BROKEN_LINE_BYTES_MAX);
	size_t bytes = line->where.len + text.len + 2;
	if (k->bytes.len + bytes > IMPORT_BROKEN_BYTES_MAX || set->bytes + bytes > IMPORT_BROKEN_ALL_BYTES_MAX)
		return;
	buf_add(&k->bytes, line->where);
	buf_addc(&k->bytes, '\t');
	buf_add(&k->bytes, text);
	buf_addc(&k->bytes, '\n');
	set->bytes += bytes;
}

enum rc broken_set_each(const struct broken_set *set,
                        enum rc (*each)(void *ctx, const struct source_broken *b, struct err *err), void *ctx, struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct kind *k = &set->kind[i];
		CLEANUP(arena_done) struct arena scratch = arena_new(1 << 20);
		CLEANUP(hash_closep) struct hash *name = hash_open();
		char hex[HASH_HEX_BYTES];
		hash_hex(k->hash, hex);
		hash_add(name, slice_of(k->playlist_id ? k->playlist_id : ""));
		hash_add(name, SLICE("\n"));
		hash_add(name, slice_of(hex));
		hash_hex(name, hex);
		const struct source_broken b = {
			.playlist_id = slice_of(k->playlist_id),
			.reason = slice_of(k->reason->name),
			.name = { hex, NAME_HEX },
			.detail = arena_printf(&scratch, "%lld line%s: %s; the first: %s", (long long) k->lines, k->lines == 1 ? "" : "s",
			                       k->reason->what, k->first),
			.lines = k->lines,
			.bytes = buf_slice(&k->bytes),
		};
		TRY(each(ctx, &b, err));
	}
	return RC_OK;
}

int64_t broken_set_lines(const struct broken_set *set)
{
	return set->lines;
}
