#include "support/archive.h"

#include "base/json.h"
#include "base/mem.h"
#include "io/child.h"
#include "sim/world.h"
#include "test.h"

#include <signal.h>

#define STREAM_BYTES ((size_t) 256 << 20)

void archive_commit(struct buf *stream, int64_t at)
{
	buf_addf(stream, "commit refs/heads/main\nauthor a <a@a> %lld +0000\ncommitter a <a@a> %lld +0000\ndata 1\nx\n", (long long) at,
	         (long long) at);
}

void archive_file(struct buf *stream, const char *path, struct slice text)
{
	buf_addf(stream, "M 100644 inline %s\ndata %zu\n", path, text.len);
	buf_add(stream, text);
	buf_addc(stream, '\n');
}

void archive_delete(struct buf *stream, const char *path)
{
	buf_addf(stream, "D %s\n", path);
}

static void run_git(const char *dir, const char *const *word, struct slice input)
{
	const char *argv[32] = { "git", "-C", dir };
	size_t count = 3;
	for (size_t i = 0; word[i]; i++) {
		assert_true(count < 31);
		argv[count++] = word[i];
	}
	const struct child_options o = {
		.argv = argv,
		.env = (const char *const[]){ "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@a",
		                              "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@a", NULL },
		.env_drop = "GIT_",
		.takes_input = true,
	};
	CLEANUP(child_closep) struct child *c = NULL;
	struct err err = { 0 };
	int status = -1;
	(void) signal(SIGPIPE, SIG_IGN);
	if (child_start(&o, &c, &err) != RC_OK || child_write(c, input, &err) != RC_OK || child_wait(c, &status, &err) != RC_OK)
		fail_msg("git %s: %s", word[0], err.msg);
	if (status != 0)
		fail_msg("git %s: status %d: %s", word[0], status, child_said(c));
}

void archive_git(const char *dir, const char *const *word)
{
	run_git(dir, word, SLICE(""));
}

void archive_write(const struct buf *stream, const char *path)
{
	assert_false(stream->over);
	run_git(".", (const char *const[]){ "init", "--quiet", "--bare", "--initial-branch=main", path, NULL }, SLICE(""));
	run_git(path, (const char *const[]){ "fast-import", "--quiet", NULL }, buf_slice(stream));
}

void archive_head(const char *id, const char *name, struct buf *out)
{
	buf_addf(out, "### [%s](https://open.spotify.com/playlist/%s)\n\n> about\n\n| No. | Title | Artist(s) | Album | Length |\n|---|---|---|---|---|\n",
	         name, id);
}

void archive_row(int number, int track, struct buf *out)
{
	buf_addf(out, "| %d | [Title %d](https://open.spotify.com/track/t%d) | [Artist](https://open.spotify.com/artist/a1) |"
	              " [Album](https://open.spotify.com/album/b1) | 3:00 |\n", number, track, track);
}

static struct slice member(const struct json *object, const char *key)
{
	return json_get_string(object, key);
}

/* A plain track, or nothing that can be read. */
static void write_row(const struct json *item, size_t number, struct buf *out)
{
	const struct json *track = json_get(item, "item") ? json_get(item, "item") : json_get(item, "track");
	const struct json *artists = json_get(track, "artists"), *album = json_get(track, "album");
	buf_addf(out, "| %zu |", number);
	bool plain = member(track, "id").len && member(track, "name").ptr && slice_is(member(track, "type"), "track") &&
	             member(album, "id").len && json_size(artists);
	for (size_t i = 0; i < json_size(artists); i++)
		plain = plain && member(json_at(artists, i), "id").len && member(json_at(artists, i), "name").ptr;
	if (plain) {
		buf_addf(out, " [%.*s](https://open.spotify.com/track/%.*s) | ", SLICE_FMT(member(track, "name")), SLICE_FMT(member(track, "id")));
		for (size_t i = 0; i < json_size(artists); i++)
			buf_addf(out, "%s[%.*s](https://open.spotify.com/artist/%.*s)", i ? ", " : "", SLICE_FMT(member(json_at(artists, i), "name")),
			         SLICE_FMT(member(json_at(artists, i), "id")));
		buf_addf(out, " | [%.*s](https://open.spotify.com/album/%.*s) | 3:00 |", SLICE_FMT(member(album, "name")),
		         SLICE_FMT(member(album, "id")));
	}
	buf_addc(out, '\n');
}

static void write_chart(const struct world_chart *c, const char *id, int64_t at, struct buf *out)
{
	CLEANUP(buf_done) struct buf body = buf_new(STREAM_BYTES);
	CLEANUP(json_freep) struct json *page = NULL;
	archive_head(id, id, out);
	world_page(c, 0, 100000, &body);
	assert_int_equal(json_parse(buf_slice(&body), &page, NULL), RC_OK);
	const struct json *items = json_get(page, "items");
	for (size_t i = 0; i < json_size(items); i++)
		write_row(json_at(items, i), i + 1, out);
	buf_addf(out, "\nSnapshot ID: `%lld`\n", (long long) at); /* two equal charts in a row are two versions */
}

void archive_write_world(const struct world *w, const char *path)
{
	CLEANUP(buf_done) struct buf stream = buf_new(STREAM_BYTES);
	CLEANUP(arena_done) struct arena arena = arena_new((size_t) 64 << 20);
	for (size_t p = 0; p < world_playlist_count(w); p++) {
		const char *id = world_playlist(w, p)->id;
		int64_t *at;
		size_t count;
		world_times(w, p, &arena, &at, &count);
		for (size_t i = 0; i < count; i++) {
			CLEANUP(world_chart_closep) struct world_chart *c = world_chart_open(w, p, at[i]);
			CLEANUP(buf_done) struct buf text = buf_new(STREAM_BYTES);
			write_chart(c, id, at[i], &text);
			archive_commit(&stream, at[i]);
			archive_file(&stream, arena_printf(&arena, "playlists/pretty/%s.md", id).ptr, buf_slice(&text));
		}
	}
	archive_write(&stream, path);
}
