/* What of an answer a client gets: the names of its shape, the fields its population may see, the fields it asked for. */
#include "base/mem.h"
#include "sim/simulator_private.h"
#include "sim/world_private.h"

#define FIELDS_MAX 256
#define FIELDS_DEPTH_MAX 16

/* --- the `fields` parameter */

struct field {
	struct slice name;
	struct fields *below; /* NULL: with all that is in it */
};
struct fields {
	bool exclude;         /* all but these */
	struct field *field;
	size_t count, cap;
};
struct parser {
	struct slice text;
	size_t at;
	struct arena *arena;
};

static char peek(const struct parser *p)
{
	return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static bool accept(struct parser *p, char c)
{
	bool there = p->at < p->text.len && p->text.ptr[p->at] == c;
	p->at += there;
	return there;
}

static struct fields *fields_new(struct arena *arena)
{
	return arena_alloc(arena, sizeof(struct fields));
}

/* The same name twice is the union of both; whole beats parts.  NULL: too many. */
static struct field *field_add(struct fields *f, struct slice name, struct arena *arena)
{
	for (size_t i = 0; i < f->count; i++) {
		if (slice_eq(f->field[i].name, name))
			return &f->field[i];
	}
	if (f->count == FIELDS_MAX)
		return NULL;
	if (f->count == f->cap) {
		struct field *more = arena_alloc_array(arena, f->cap ? 2 * f->cap : 8, sizeof *more);
		if (f->count)
			memcpy(more, f->field, f->count * sizeof *more);
		f->field = more;
		f->cap = f->cap ? 2 * f->cap : 8;
	}
	f->field[f->count] = (struct field){ .name = name, .below = fields_new(arena) };
	return &f->field[f->count++];
}

static bool parse_list(struct parser *p, struct fields *f, int depth);

/* name, name.entry, name(list) */
static bool parse_entry(struct parser *p, struct fields *f, int depth)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t from = p->at;
	while (peek(p) && strchr(letters, peek(p)))
		p->at++;
	if (p->at == from || depth > FIELDS_DEPTH_MAX)
		return false;
	struct field *field = field_add(f, slice_sub(p->text, from, p->at - from), p->arena);
	if (!field)
		return false;
	struct fields none = { 0 }, *below = field->below ? field->below : &none; /* whole already: read and forget */
	below->exclude |= f->exclude; /* "!album.images" takes the images away, not the album */
	if (accept(p, '.'))
		return parse_entry(p, below, depth + 1);
	if (accept(p, '('))
		return parse_list(p, below, depth + 1) && accept(p, ')');
	field->below = NULL;
	return true;
}

/* A '!' makes its list one of what to leave out, wherever it stands in it. */
static bool parse_list(struct parser *p, struct fields *f, int depth)
{
	do {
		if (accept(p, '!'))
			f->exclude = true;
		if (!parse_entry(p, f, depth))
			return false;
	} while (accept(p, ','));
	return true;
}

bool fields_parse(struct slice text, struct arena *arena, const struct fields **out)
{
	struct parser p = { .text = text, .arena = arena };
	struct fields *f = fields_new(arena);
	*out = f;
	return parse_list(&p, f, 0) && p.at == text.len;
}

/* Is the member left out?  *out_below says what of it is wanted. */
static bool left_out(const struct fields *f, struct slice key, const struct fields **out_below)
{
	*out_below = NULL;
	if (!f)
		return false;
	for (size_t i = 0; i < f->count; i++) {
		if (slice_eq(f->field[i].name, key)) {
			*out_below = f->field[i].below;
			return f->exclude && !f->field[i].below;
		}
	}
	return !f->exclude;
}

/* --- what stands where, and what new clients no longer get */

static enum body_kind kind_below(enum body_kind kind, struct slice key)
{
	static const struct {
		enum body_kind in;
		const char *key;
		enum body_kind kind;
	} known[] = {
		{ BODY_PLAYLIST, "tracks", BODY_PAGING }, { BODY_PLAYLIST, "items", BODY_PAGING },
		{ BODY_PLAYLIST, "owner", BODY_USER },    { BODY_PLAYLISTS, "items", BODY_PLAYLIST },
		{ BODY_PAGING, "items", BODY_ITEM },      { BODY_ITEM, "track", BODY_TRACK },
		{ BODY_ITEM, "item", BODY_TRACK },        { BODY_ITEM, "added_by", BODY_USER },
		{ BODY_TRACK, "album", BODY_ALBUM },      { BODY_TRACK, "artists", BODY_ARTIST },
		{ BODY_TRACK, "show", BODY_SHOW },        { BODY_ALBUM, "artists", BODY_ARTIST },
	};
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (known[i].in == kind && slice_is(key, known[i].key))
			return known[i].kind;
	}
	return BODY_OTHER;
}

/* The lists of 2026-02, less what was taken back in March. */
static bool stripped(enum body_kind kind, struct slice key)
{
	static const char *const gone[][6] = {
		[BODY_TRACK] = { "available_markets", "linked_from", "popularity" },
		[BODY_ALBUM] = { "album_group", "available_markets", "label", "popularity" },
		[BODY_ARTIST] = { "followers", "genres", "popularity" },
		[BODY_USER] = { "country", "email", "explicit_content", "followers", "product" },
		[BODY_SHOW] = { "available_markets", "publisher" },
	};
	for (size_t i = 0; kind < COUNT_OF(gone) && i < COUNT_OF(gone[0]) && gone[kind][i]; i++) {
		if (slice_is(key, gone[kind][i]))
			return true;
	}
	return false;
}

/* --- writing */

struct writer {
	const struct view *view;
	bool rename; /* items bear the names they were recorded under */
	struct buf *out;
};

static void write_value(const struct writer *w, const struct json *v, enum body_kind kind, const struct fields *f);

static void write_member(const struct writer *w, struct slice key, const struct json *v, enum body_kind kind,
                         const struct fields *f, bool *inout_first)
{
	const struct fields *below;
	if ((w->view->strip && stripped(kind, key)) || left_out(f, key, &below))
		return;
	if (!*inout_first)
		buf_addc(w->out, ',');
	*inout_first = false;
	json_write_string(key, w->out);
	buf_addc(w->out, ':');
	write_value(w, v, kind_below(kind, key), below);
}

/* A recorded item under the names of the shape: what `item` says counts, unless only `track` says anything. */
static void write_content(const struct writer *w, const struct json *item, const struct fields *f, bool *inout_first)
{
	const struct json *one = json_get(item, "item"), *other = json_get(item, "track");
	const struct json *content = one && (json_type(one) != JSON_NULL || !other) ? one : other;
	if (w->view->shape != SIMULATOR_ITEMS)
		write_member(w, SLICE("track"), content, BODY_ITEM, f, inout_first);
	if (w->view->shape != SIMULATOR_TRACKS)
		write_member(w, SLICE("item"), content, BODY_ITEM, f, inout_first);
}

static void write_object(const struct writer *w, const struct json *v, enum body_kind kind, const struct fields *f)
{
	bool first = true, content = false;
	struct slice key;
	const struct json *value;
	buf_addc(w->out, '{');
	for (void *iter = NULL; json_next(v, &iter, &key, &value);) {
		if (w->rename && kind == BODY_ITEM && (slice_is(key, "track") || slice_is(key, "item"))) {
			if (!content)
				write_content(w, v, f, &first);
			content = true;
		} else {
			write_member(w, key, value, kind, f, &first);
		}
	}
	buf_addc(w->out, '}');
}

static void write_value(const struct writer *w, const struct json *v, enum body_kind kind, const struct fields *f)
{
	if (json_type(v) == JSON_OBJECT && (kind != BODY_OTHER || f)) {
		write_object(w, v, kind, f);
		return;
	}
	if (json_type(v) != JSON_ARRAY || (kind == BODY_OTHER && !f)) {
		json_write(v, JSON_COMPACT, w->out);
		return;
	}
	buf_addc(w->out, '[');
	for (size_t i = 0; i < json_size(v); i++) {
		if (i)
			buf_addc(w->out, ',');
		write_value(w, json_at(v, i), kind, f);
	}
	buf_addc(w->out, ']');
}

static bool renames(const struct view *view, bool recorded)
{
	return recorded && view->shape != SIMULATOR_AUTO && view->shape != SIMULATOR_NONE;
}

void view_write(const struct json *root, enum body_kind kind, const struct view *view, bool recorded, struct buf *out)
{
	const struct writer w = { .view = view, .rename = renames(view, recorded), .out = out };
	write_value(&w, root, kind, view->fields);
}

enum rc view_filter(struct slice raw, enum body_kind kind, const struct view *view, bool recorded, struct buf *out,
                    struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	if (!view->strip && !view->fields && !renames(view, recorded)) {
		buf_add(out, raw);
	} else {
		TRY(json_parse(raw, &root, err));
		view_write(root, kind, view, recorded, out);
	}
	return buf_ok(out, "an answer", err);
}

/* --- items */

/* A copy of the chart that writes its items as the client is to see them. */
static struct world_chart written_as(const struct world_chart *c, const struct view *view)
{
	struct world_chart copy = *c;
	if (view->shape == SIMULATOR_TRACKS || view->shape == SIMULATOR_ITEMS || view->shape == SIMULATOR_BOTH) {
		copy.both = view->shape == SIMULATOR_BOTH;
		copy.item_shape = view->shape != SIMULATOR_TRACKS;
	}
	copy.market = view->market;
	copy.disguise = true;
	return copy;
}

void view_items(const struct shown *shown, const struct view *view, size_t from, size_t to, struct buf *out)
{
	const struct shown *of = shown->of ? shown->of : shown;
	CLEANUP(mem_freep) struct world_track *scratch = mem_alloc(sizeof *scratch);
	struct world_chart chart = of->chart ? written_as(of->chart, view) : (struct world_chart){ 0 };
	buf_addc(out, '[');
	for (size_t i = from; i < to; i++) {
		uint32_t at = shown->order[i];
		if (i > from)
			buf_addc(out, ',');
		if (!of->chart) {
			buf_add(out, of->recorded->item[at]);
			continue;
		}
		struct world_slot slot = chart.slot[at];
		if (slot.kind == WORLD_EPISODE ||
		    slot.kind == WORLD_EPISODE_AS_TRACK) /* who does not ask for episodes gets tracks */
			slot.kind = view->episodes ? WORLD_EPISODE : WORLD_EPISODE_AS_TRACK;
		world_slot_json(&chart, &slot, at + 1, scratch, out);
	}
	buf_addc(out, ']');
}
