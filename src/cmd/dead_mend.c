#include "cmd/dead_mend.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/time.h"
#include "cmd/editor.h"
#include "cmd/terminal.h"
#include "io/file.h"
#include "raw/dead_edit.h"

#include <errno.h>
#include <unistd.h>

#define DATA_BYTES_MAX ((size_t) BUS_MESSAGE_BYTES_MAX + 1)
#define READ_BYTES ((size_t) 64 << 10)
#define TEXT_BYTES_MAX ((size_t) 1 << 20)

struct mending {
	struct app *app;
	const struct dead_place *place;
	struct dead_edit_options options;
	struct arena arena;
	struct dead_subject subject;
	struct dead_change change;
	struct dead_outcome outcome;
	char kept[512]; /* what was written in the editor, until it is safe */
};

static void mending_done(struct mending *m)
{
	arena_done(&m->arena);
}

/* --- what is to change -------------------------------------------------------------------------------------- */

static enum rc split_attr(const char *text, struct bus_attr *out, struct err *err)
{
	struct slice s = slice_of(text);
	size_t equal = slice_find(s, '=', 0);
	if (equal == s.len || equal == 0)
		return err_set(err, RC_FATAL, "--attr '%.200s': want KEY=VALUE", text);
	*out = (struct bus_attr){ slice_sub(s, 0, equal), slice_sub(s, equal + 1, s.len - equal - 1) };
	return RC_OK;
}

static size_t count_of(const struct args *args, const char *name)
{
	size_t count = 0;
	while (args_nth(args, name, count))
		count++;
	return count;
}

enum rc dead_mend_check(const struct args *args, struct err *err)
{
	struct dead_part part;
	struct bus_attr attr;
	const char *text = args_value(args, "part");
	if (text && !dead_part_parse(slice_of(text), &part))
		return err_set(err, RC_FATAL, "--part '%.100s': want the number of a page (0 is the first), playlist or manifest", text);
	for (size_t i = 0; i < count_of(args, "attr"); i++)
		TRY(split_attr(args_nth(args, "attr", i), &attr, err));
	return RC_OK;
}

static enum rc read_attributes(struct mending *m, const struct args *args, struct err *err)
{
	size_t set = count_of(args, "attr"), remove = count_of(args, "remove-attr");
	struct bus_attr *attr = arena_alloc_array(&m->arena, set, sizeof *attr);
	struct slice *key = arena_alloc_array(&m->arena, remove, sizeof *key);
	for (size_t i = 0; i < set; i++)
		TRY(split_attr(args_nth(args, "attr", i), &attr[i], err));
	for (size_t i = 0; i < remove; i++)
		key[i] = slice_of(args_nth(args, "remove-attr", i));
	m->change.set = attr;
	m->change.set_count = set;
	m->change.remove = key;
	m->change.remove_count = remove;
	return RC_OK;
}

static enum rc read_input(struct arena *arena, struct slice *out, struct err *err)
{
	CLEANUP(buf_done) struct buf bytes = buf_new(DATA_BYTES_MAX);
	for (;;) {
		char piece[READ_BYTES];
		ssize_t got = read(STDIN_FILENO, piece, sizeof piece);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(err, RC_FATAL, "standard input: %s", strerror(errno));
		if (got == 0)
			break;
		buf_add(&bytes, (struct slice){ piece, (size_t) got });
		TRY(buf_ok(&bytes, "standard input", err));
	}
	*out = arena_copy(arena, buf_slice(&bytes));
	return RC_OK;
}

/* In the home, so that nothing written there is lost when it is refused; gone once it is safe. */
static enum rc ask_editor(struct mending *m, struct err *err)
{
	const struct dead_subject *s = &m->subject;
	struct slice now = s->is_message ? s->message.data : s->wish.bytes;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return err_set(err, RC_FATAL, "there is no terminal for an editor: give the bytes with --data FILE (- is standard input)");
	(void) snprintf(m->kept, sizeof m->kept, "%.400s/dead-edit-%lld.json", app_home(m->app), (long long) getpid());
	TRY(file_replace(m->kept, now.ptr ? now : SLICE(""), err));
	TRY(editor_run(m->kept, err));
	return file_read(m->kept, DATA_BYTES_MAX, &m->arena, &m->change.data, err);
}

static enum rc read_data(struct mending *m, const struct args *args, struct err *err)
{
	const char *path = args_value(args, "data");
	if (path && strcmp(path, "-") == 0)
		return read_input(&m->arena, &m->change.data, err);
	if (path)
		return file_read(path, DATA_BYTES_MAX, &m->arena, &m->change.data, err);
	if (m->change.set_count || m->change.remove_count)
		return RC_OK; /* only the attributes */
	return ask_editor(m, err);
}

/* --- what it comes to --------------------------------------------------------------------------------------- */

static void add_outcome(const struct dead_outcome *o, struct buf *out)
{
	if (!o->is_new)
		buf_adds(out, "nothing changes: that is what stands there\n");
	if (!o->is_usable)
		buf_adds(out, "unusable     ");
	else if (o->reason)
		buf_adds(out, "not yet      ");
	else
		buf_adds(out, "usable");
	if (o->reason) {
		buf_addf(out, "%s: ", o->reason);
		(void) display_add(slice_of(o->why), SIZE_MAX, out);
	}
	if (o->is_complete)
		buf_addf(out, "       the snapshot has %lld items then: %lld entries, %lld rejects", (long long) o->items, (long long) o->entries,
		         (long long) o->rejects);
	buf_addc(out, '\n');
	if (o->object.ptr && o->in_raw) {
		buf_adds(out, "object       ");
		(void) display_add(o->object, SIZE_MAX, out);
		buf_addc(out, '\n');
	}
	buf_addf(out, "revision     %lld of the %s\n", (long long) o->revision, o->in_raw ? "manifest" : "message");
}

struct others {
	const struct mending *m;
	struct buf *out;
};

/* The letters of the same snapshot, the one at hand among them: which bronze takes back, which stay. */
static enum rc on_other(void *ctx, const struct letter *l, bool *out_stop UNUSED, struct err *err UNUSED)
{
	struct others *o = ctx;
	const struct letter *own = &o->m->subject.letter;
	const struct dead_outcome *r = &o->m->outcome;
	bool is_own = slice_eq(l->reason, own->reason) && slice_eq(l->name, own->name);
	if (!is_own && !(own->has_snapshot_at && l->has_snapshot_at && l->snapshot_at == own->snapshot_at))
		return RC_OK;
	bool goes_now = is_own && r->answered, goes_later = l->kind != LETTER_MESSAGE && r->in_raw && r->is_complete;
	bool is_sent = is_own && l->kind == LETTER_MESSAGE && r->is_usable;
	buf_addf(o->out, "%-12s %.*s/%.*s%s\n", goes_now || goes_later || is_sent ? "goes" : "stays", SLICE_FMT(l->reason), SLICE_FMT(l->name),
	         goes_now ? "" : goes_later ? " with the next run" : is_sent ? " with replay" : "");
	return RC_OK;
}

static enum rc print_outcome(const struct mending *m, struct err *err)
{
	CLEANUP(buf_done) struct buf out = buf_new(TEXT_BYTES_MAX);
	struct others others = { m, &out };
	const struct dead_filter filter = { .playlist_id = m->subject.letter.playlist_id };
	add_outcome(&m->outcome, &out);
	TRY(dead_walk(m->place, &filter, SLICE_NULL, &(struct letter_visit){ &others, on_other }, err));
	return terminal_write(&out, err);
}

/* First as it would be, in full; then for good. */
static enum rc mend(struct mending *m, bool dry_run, struct err *err)
{
	m->change.dry_run = true;
	TRY(dead_edit(&m->options, &m->subject, &m->change, &m->arena, &m->outcome, err));
	bool refused = m->outcome.is_new && !m->outcome.is_usable && !m->change.force && !dry_run;
	if (!refused) /* else the error says it all */
		TRY(print_outcome(m, err));
	if (dry_run || !m->outcome.is_new)
		return RC_OK;
	m->change.dry_run = false;
	TRY(dead_edit(&m->options, &m->subject, &m->change, &m->arena, &m->outcome, err));
	CLEANUP(buf_done) struct buf out = buf_new(TEXT_BYTES_MAX);
	buf_addf(&out, "%-12s revision %lld; %s\n", "mended", (long long) m->outcome.revision, m->outcome.next);
	return terminal_write(&out, err);
}

static enum rc open_subject(struct mending *m, struct slice which, const struct args *args, struct err *err)
{
	struct dead_part part = { .kind = DEAD_PART_ANY };
	const char *text = args_value(args, "part");
	struct letter l;
	if (slice_starts(which, SLICE("raw/")))
		return dead_edit_open_object(&m->options, which, &m->arena, &m->subject, err);
	if (text && !dead_part_parse(slice_of(text), &part))
		return err_set(err, RC_FATAL, "--part '%s'", text); /* dead_mend_check */
	TRY(dead_find(m->place->store, m->place->state, m->place->clock, m->place->incomplete_after_h, which, &m->arena, &l, err));
	return dead_edit_open(&m->options, &l, part, &m->arena, &m->subject, err);
}

enum rc dead_mend(struct app *app, const struct dead_place *p, struct slice which, const struct args *args, struct err *err)
{
	CLEANUP(mending_done) struct mending m = {
		.app = app,
		.place = p,
		.options = { .store = p->store, .page_limit_bytes = (size_t) app_config(app)->page_limit_bytes,
		             .pages_max = app_config(app)->snapshot_pages_max },
		.arena = arena_new((size_t) 2 << 30),
		.change = { .force = args_flag(args, "force") },
	};
	TRY(open_subject(&m, which, args, err));
	TRY(read_attributes(&m, args, err));
	enum rc rc = read_data(&m, args, err);
	if (rc == RC_OK)
		rc = mend(&m, args_flag(args, "dry-run"), err);
	if (m.kept[0] && rc == RC_OK && !args_flag(args, "dry-run"))
		return file_remove(m.kept, err);
	if (m.kept[0])
		log_note("what you wrote is kept: --data '%s' goes on with it", m.kept);
	return rc;
}
