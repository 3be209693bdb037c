#include "source/csv_file.h"

#include "base/fault.h"
#include "base/mem.h"
#include "io/file_step.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t) 1 << 20) /* at least two records */
#define READ_AGAIN_BYTES ((size_t) 2 * CSV_RECORD_BYTES_MAX)
#define NONE UINT32_MAX

struct csv_file {
	char *path;
	int fd;
	const atomic_bool *stop;
	int64_t bytes, mtime_ns;
	struct csv_columns columns;
	uint64_t body;          /* offset of the first line below the header */
	uint32_t body_number;   /* and its number */
	struct csv_record *record, *inner;

	bool indexed;
	struct csv_line *line;  /* by chart and rank */
	size_t line_count, line_cap;
	struct csv_chart *chart; /* in the order in which they were met, later by country and day */
	size_t chart_count, chart_cap;
	uint32_t *place;        /* charts by hash: a power of two of places, NONE = free */
	size_t place_count;
	char sha256[HASH_HEX_BYTES];
	struct broken_set *broken;

	char *window;           /* bytes of the file, from window_at on */
	uint64_t window_at;
	size_t window_len;
};

/* --- bytes -------------------------------------------------------------------------------------------------- */

static enum rc read_at(struct csv_file *f, uint64_t offset, char *bytes, size_t cap, size_t *out_len, struct err *err)
{
	ssize_t got;
	*out_len = 0;
	if (f->stop && *f->stop)
		return err_set(err, RC_RETRY, "csv %s: stopped", f->path);
	int errnum = fault_point("csv.read");
	if (errnum)
		return err_errno(err, errnum, "csv %s: cannot be read", f->path);
	do
		got = pread(f->fd, bytes, cap, (off_t) offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_errno(err, errno, "csv %s: cannot be read", f->path);
	*out_len = (size_t) got;
	return RC_OK;
}

/* As many bytes as fit, or all that are left. */
static enum rc fill(struct csv_file *f, uint64_t offset, char *bytes, size_t cap, size_t *out_len, struct err *err)
{
	size_t got = 1;
	*out_len = 0;
	while (got && *out_len < cap) {
		TRY(read_at(f, offset + *out_len, bytes + *out_len, cap - *out_len, &got, err));
		*out_len += got;
	}
	return RC_OK;
}

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t) st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static enum rc check_unchanged(const struct csv_file *f, struct err *err)
{
	struct stat st;
	if (fstat(f->fd, &st) != 0)
		return err_errno(err, errno, "csv %s", f->path);
	if (st.st_size != f->bytes || mtime_of(&st) != f->mtime_ns)
		return err_set(err, RC_FATAL, "csv %s: changed while it was imported: import it again once it is finished", f->path);
	return RC_OK;
}

/* --- open --------------------------------------------------------------------------------------------------- */

static bool is_blank(const struct csv_record *r)
{
	return slice_trim(r->raw).len == 0;
}

/* What stands in a line: itself, or what it wraps in quotes. */
static enum csv_state unwrap(struct csv_file *f, const struct csv_record **out)
{
	*out = f->record;
	if (!f->record->wrapped)
		return CSV_RECORD;
	*out = f->inner;
	return csv_unwrap(f->record, f->inner);
}

static enum rc read_header(struct csv_file *f, struct err *err)
{
	CLEANUP(mem_freep) char *head = mem_alloc(READ_AGAIN_BYTES);
	const struct csv_record *header;
	size_t len, at = 0;
	TRY(fill(f, 0, head, READ_AGAIN_BYTES, &len, err));
	struct slice text = { head, len };
	const char *unfit = csv_unfit(text);
	if (unfit)
		return err_set(err, RC_FATAL, "csv %s: %s", f->path, unfit);
	if (slice_starts(text, SLICE("\xef\xbb\xbf")))
		at = 3;
	for (f->body_number = 1; at < len; at += f->record->bytes) {
		enum csv_state state = csv_read(slice_sub(text, at, len - at), len < READ_AGAIN_BYTES, f->record);
		if (state != CSV_RECORD)
			return err_set(err, RC_FATAL, "csv %s: its first line is no header: want spotify_id,name,artists,daily_rank,…", f->path);
		f->body_number += (uint32_t) f->record->lines;
		if (is_blank(f->record))
			continue;
		f->body = at + f->record->bytes;
		if (unwrap(f, &header) != CSV_RECORD)
			header = f->record;
		TRY_WRAP(csv_columns_read(header, &f->columns, err), err, "csv %s", f->path);
		return RC_OK;
	}
	return err_set(err, RC_FATAL, "csv %s: is empty: want a header line and the charts below it", f->path);
}

enum rc csv_file_open(const char *path, const atomic_bool *stop, struct csv_file **out, struct err *err)
{
	CLEANUP(csv_file_closep) struct csv_file *f = mem_alloc(sizeof *f);
	struct stat st;
	*out = NULL;
	f->path = mem_strdup(path);
	f->stop = stop;
	f->record = mem_alloc(sizeof *f->record);
	f->inner = mem_alloc(sizeof *f->inner);
	f->broken = broken_set_new();
	int errnum = step_open(path, O_RDONLY | O_NONBLOCK, &f->fd); /* a pipe would wait for its writer */
	if (errnum == ENOENT || errnum == ENOTDIR)
		return err_set(err, RC_FATAL, "csv %s: no such file: name the CSV of the charts", path);
	if (errnum == EACCES)
		return err_set(err, RC_FATAL, "csv %s: may not be read by this user: make it readable", path);
	if (errnum || fstat(f->fd, &st) != 0)
		return err_errno(err, errnum ? errnum : errno, "csv %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, RC_FATAL, "csv %s: %s: name the CSV file", path, S_ISDIR(st.st_mode) ? "is a folder" : "is no file");
	f->bytes = st.st_size;
	f->mtime_ns = mtime_of(&st);
	TRY(read_header(f, err));
	*out = TAKE(f);
	return RC_OK;
}

void csv_file_close(struct csv_file *f)
{
	if (!f)
		return;
	fd_closep(&f->fd);
	broken_set_free(f->broken);
	mem_free(f->path);
	mem_free(f->record);
	mem_free(f->inner);
	mem_free(f->line);
	mem_free(f->chart);
	mem_free(f->place);
	mem_free(f->window);
	mem_free(f);
}

/* --- the pass ----------------------------------------------------------------------------------------------- */

static size_t place_of(const struct csv_file *f, const char *country, int64_t day)
{
	uint64_t h = (uint64_t) day * 0x9e3779b97f4a7c15u;
	for (const char *c = country; *c; c++)
		h = (h ^ (unsigned char) *c) * 0x100000001b3u;
	size_t at = (size_t) (h >> 20) & (f->place_count - 1);
	while (f->place[at] != NONE &&
	       (f->chart[f->place[at]].day != day || strcmp(f->chart[f->place[at]].country, country) != 0))
		at = (at + 1) & (f->place_count - 1);
	return at;
}

static void grow_places(struct csv_file *f)
{
	if (2 * (f->chart_count + 1) <= f->place_count)
		return;
	f->place_count = f->place_count ? 2 * f->place_count : 1024;
	f->place = mem_realloc(f->place, f->place_count * sizeof *f->place);
	memset(f->place, 0xff, f->place_count * sizeof *f->place);
	for (size_t i = 0; i < f->chart_count; i++)
		f->place[place_of(f, f->chart[i].country, f->chart[i].day)] = (uint32_t) i;
}

static enum rc find_chart(struct csv_file *f, const struct csv_row *row, uint32_t *out, struct err *err)
{
	const struct csv_chart *last = f->line_count ? &f->chart[f->line[f->line_count - 1].chart] : NULL;
	if (last && last->day == row->day && strcmp(last->country, row->country) == 0) { /* mostly */
		*out = f->line[f->line_count - 1].chart;
		return RC_OK;
	}
	grow_places(f);
	size_t at = place_of(f, row->country, row->day);
	if (f->place[at] == NONE) {
		if (f->chart_count == CSV_CHARTS_MAX)
			return err_set(err, RC_FATAL, "csv %s: more than %d charts: import it in parts", f->path, CSV_CHARTS_MAX);
		if (f->chart_count == f->chart_cap) {
			f->chart_cap = f->chart_cap ? 2 * f->chart_cap : 256;
			f->chart = mem_realloc(f->chart, f->chart_cap * sizeof *f->chart);
		}
		struct csv_chart *c = &f->chart[f->chart_count];
		*c = (struct csv_chart){ .day = row->day };
		(void) snprintf(c->country, sizeof c->country, "%s", row->country);
		f->place[at] = (uint32_t) f->chart_count++;
	}
	*out = f->place[at];
	return RC_OK;
}

static void add_broken(struct csv_file *f, enum csv_reason reason, uint32_t number, struct slice raw)
{
	char where[16];
	const char *name = strrchr(f->path, '/');
	(void) snprintf(where, sizeof where, "%lu", (unsigned long) number);
	const struct broken_line line = { .reason = csv_reason(reason), .from = slice_of(name ? name + 1 : f->path),
	                                  .where = slice_of(where), .line = raw };
	broken_set_add(f->broken, &line);
}

static enum rc add_line(struct csv_file *f, const struct csv_row *row, const struct csv_record *r, uint64_t offset,
                        uint32_t number, struct err *err)
{
	uint32_t chart = 0;
	TRY(find_chart(f, row, &chart, err));
	if (f->line_count == CSV_LINES_MAX)
		return err_set(err, RC_FATAL, "csv %s: more than %d lines: import it in parts", f->path, CSV_LINES_MAX);
	if (f->line_count == f->line_cap) {
		f->line_cap = f->line_cap ? 2 * f->line_cap : 4096;
		f->line = mem_realloc(f->line, f->line_cap * sizeof *f->line);
	}
	f->line[f->line_count++] = (struct csv_line){ .offset = offset, .number = number, .bytes = (uint32_t) r->raw.len,
	                                              .chart = chart, .rank = (uint16_t) row->rank,
	                                              .lines = (uint16_t) (r->lines < UINT16_MAX ? r->lines : UINT16_MAX) };
	return RC_OK;
}

/* One record at `offset`; `r` may become its first line only. */
static enum rc take_record(struct csv_file *f, enum csv_state state, uint64_t offset, uint32_t number, struct err *err)
{
	static const enum csv_reason of_state[] = {
		[CSV_UNTERMINATED_QUOTE] = CSV_REASON_unterminated_quote,
		[CSV_TOO_LONG] = CSV_REASON_too_long,
		[CSV_TOO_MANY_COLUMNS] = CSV_REASON_wrong_columns,
	};
	struct csv_record *r = f->record;
	const struct csv_record *fields = r;
	struct csv_row row;
	if (state == CSV_RECORD && is_blank(r))
		return RC_OK;
	if (state == CSV_RECORD)
		state = unwrap(f, &fields);
	enum csv_reason reason = state == CSV_RECORD ? csv_row_read(&f->columns, fields, &row) : of_state[state];
	if (reason == CSV_FINE)
		return add_line(f, &row, r, offset, number, err);
	/* Several lines that make no sense together were not meant to be together. */
	if (r->lines > 1 && (reason == CSV_REASON_wrong_columns || reason == CSV_REASON_unterminated_quote)) {
		reason = CSV_REASON_unterminated_quote;
		csv_first_line(r);
	}
	add_broken(f, reason, number, r->raw);
	return RC_OK;
}

struct pass {
	struct hash *hash;
	char *bytes;
	size_t len, at;
	uint64_t offset; /* of bytes[0] */
	bool at_end;
	uint64_t number; /* of the line at `at` */
};

/* More bytes behind those not yet read; the sum is over all that come by. */
static enum rc refill(struct csv_file *f, struct pass *p, struct err *err)
{
	size_t got;
	memmove(p->bytes, p->bytes + p->at, p->len - p->at);
	p->offset += p->at;
	p->len -= p->at;
	p->at = 0;
	TRY(fill(f, p->offset + p->len, p->bytes + p->len, WINDOW_BYTES - p->len, &got, err));
	hash_add(p->hash, (struct slice){ p->bytes + p->len, got });
	p->len += got;
	p->at_end = p->len < WINDOW_BYTES;
	return RC_OK;
}

/* The rest of a line that is longer than any may be. */
static enum rc skip_line(struct csv_file *f, struct pass *p, struct err *err)
{
	for (;;) {
		char *end = memchr(p->bytes + p->at, '\n', p->len - p->at);
		p->at = end ? (size_t) (end - p->bytes) + 1 : p->len;
		if (end || p->at_end)
			return RC_OK;
		TRY(refill(f, p, err));
	}
}

static enum rc pass_over(struct csv_file *f, struct pass *p, struct err *err)
{
	p->number = 1;
	TRY(refill(f, p, err));
	p->at = (size_t) f->body;
	p->number = f->body_number;
	while (p->at < p->len || !p->at_end) {
		enum csv_state state = CSV_MORE;
		if (p->at < p->len)
			state = csv_read((struct slice){ p->bytes + p->at, p->len - p->at }, p->at_end, f->record);
		if (state == CSV_MORE) {
			TRY(refill(f, p, err));
			continue;
		}
		if (p->number >= UINT32_MAX)
			return err_set(err, RC_FATAL, "csv %s: more than %u lines: import it in parts", f->path, UINT32_MAX);
		TRY(take_record(f, state, p->offset + p->at, (uint32_t) p->number, err));
		p->at += f->record->bytes;
		p->number += (uint64_t) f->record->lines;
		if (state == CSV_TOO_LONG)
			TRY(skip_line(f, p, err));
	}
	return RC_OK;
}

/* --- order -------------------------------------------------------------------------------------------------- */

static int by_chart(const void *a, const void *b)
{
	const struct csv_line *x = a, *y = b;
	if (x->chart != y->chart)
		return x->chart < y->chart ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int by_country(const void *a, const void *b)
{
	const struct csv_chart *x = a, *y = b;
	int c = strcmp(x->country, y->country);
	return c ? c : x->day < y->day ? -1 : x->day > y->day;
}

/* The first line of a rank counts; the others are read again, to be kept. */
static enum rc part_charts(struct csv_file *f, struct err *err)
{
	CLEANUP(mem_freep) char *raw = mem_alloc(CSV_RECORD_BYTES_MAX);
	size_t kept = 0;
	for (size_t i = 0; i < f->line_count; i++) {
		const struct csv_line *l = &f->line[i];
		struct csv_chart *c = &f->chart[l->chart];
		if (kept && f->line[kept - 1].chart == l->chart && f->line[kept - 1].rank == l->rank) {
			size_t len;
			TRY(fill(f, l->offset, raw, l->bytes, &len, err));
			add_broken(f, CSV_REASON_duplicate_rank, l->number, (struct slice){ raw, len });
			continue;
		}
		if (c->count++ == 0)
			c->first = kept;
		c->rank_max = l->rank;
		f->line[kept++] = *l;
	}
	f->line_count = kept;
	if (f->chart_count)
		qsort(f->chart, f->chart_count, sizeof *f->chart, by_country); /* what a line knows of its chart is not asked again */
	return RC_OK;
}

enum rc csv_file_index(struct csv_file *f, struct err *err)
{
	if (f->indexed)
		return RC_OK;
	CLEANUP(mem_freep) char *bytes = mem_alloc(WINDOW_BYTES);
	CLEANUP(hash_closep) struct hash *hash = hash_open();
	struct pass p = { .hash = hash, .bytes = bytes };
	broken_set_free(f->broken); /* of a pass that was stopped */
	f->broken = broken_set_new();
	f->line_count = f->chart_count = 0;
	if (f->place)
		memset(f->place, 0xff, f->place_count * sizeof *f->place);
	TRY(pass_over(f, &p, err));
	hash_hex(hash, f->sha256);
	bool sorted = true;
	for (size_t i = 1; i < f->line_count && sorted; i++)
		sorted = by_chart(&f->line[i - 1], &f->line[i]) < 0;
	if (!sorted)
		qsort(f->line, f->line_count, sizeof *f->line, by_chart);
	TRY(part_charts(f, err));
	TRY(check_unchanged(f, err));
	f->indexed = true;
	return RC_OK;
}

/* --- what was found ----------------------------------------------------------------------------------------- */

size_t csv_file_chart_count(const struct csv_file *f)
{
	assert(f->indexed);
	return f->chart_count;
}

const struct csv_chart *csv_file_chart(const struct csv_file *f, size_t i)
{
	assert(i < f->chart_count);
	return &f->chart[i];
}

const struct csv_line *csv_file_line(const struct csv_file *f, size_t i)
{
	assert(f->indexed && i < f->line_count);
	return &f->line[i];
}

const char *csv_file_sha256(const struct csv_file *f)
{
	assert(f->indexed);
	return f->sha256;
}

const struct broken_set *csv_file_broken(const struct csv_file *f)
{
	assert(f->indexed);
	return f->broken;
}

enum rc csv_file_read(struct csv_file *f, size_t i, struct csv_row *out, struct err *err)
{
	const struct csv_line *l = csv_file_line(f, i);
	const struct csv_record *fields;
	if (!f->window)
		f->window = mem_alloc(READ_AGAIN_BYTES);
	if (l->offset < f->window_at || l->offset + l->bytes > f->window_at + f->window_len) {
		TRY(check_unchanged(f, err));
		f->window_at = l->offset;
		TRY(fill(f, l->offset, f->window, READ_AGAIN_BYTES, &f->window_len, err));
	}
	bool same = l->bytes > 0 && l->offset + l->bytes <= f->window_at + f->window_len &&
	            csv_read((struct slice){ f->window + (l->offset - f->window_at), l->bytes }, true, f->record) == CSV_RECORD &&
	            unwrap(f, &fields) == CSV_RECORD && csv_row_read(&f->columns, fields, out) == CSV_FINE && out->rank == l->rank;
	if (same)
		return RC_OK;
	f->window_len = 0;
	return err_set(err, RC_FATAL, "csv %s: line %lu changed while it was imported: import it again once it is finished", f->path,
	               (unsigned long) l->number);
}
