#include "source/archive_git.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/child.h"
#include "io/file.h"
#include "io/file_step.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096
#define TOKEN_BYTES_MAX (1 << 16)
#define ARGS_MAX 32
#define READ_BYTES 65536
#define TIME_MAX INT64_C(253402300799) /* the end of the year 9999 */

struct git {
	char *path;  /* as it was named */
	char *dir;   /* what git is told: the path, its .git, or the unpacked bundle */
	const char *rev;
	const atomic_bool *stop;
	bool shallow;
	struct child *blobs; /* git cat-file --batch, from the first question on */
	char *bytes;         /* of its output, not yet taken */
	size_t at, len;
};

/* --- the program -------------------------------------------------------------------------------------------- */

#define SHUT_OUT                                                                                          \
	"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1", \
	"GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE=/dev/null", "GIT_OPTIONAL_LOCKS=0", "GIT_PAGER=cat", "LC_ALL=C"

/* What a clone lacks could be asked for by a program that its own configuration names: gits before 2.45 would do it. */
static const char *const of_reading[] = { SHUT_OUT, "GIT_ALLOW_PROTOCOL=", NULL };
static const char *const of_unpacking[] = { SHUT_OUT, "GIT_ALLOW_PROTOCOL=file", NULL };
static const char *const always[] = {
	"git", "--no-pager", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
	"-c", "log.showSignature=false", "-c", "log.showRoot=true", "-c", "diff.orderFile=/dev/null", "-c", "core.quotePath=false",
	"-c", "i18n.logOutputEncoding=UTF-8", "-c", "fetch.fsckObjects=false", "-c", "gc.auto=0",
	"-c", "advice.graftFileDeprecated=false",
};

/* git WORD…  The folder is named to git outright: it neither looks for a repository further up nor asks who owns it. */
static enum rc start(const struct git *g, const char *git_dir, const char *const *word, bool takes_input, struct child **out,
                     struct err *err)
{
	const char *argv[COUNT_OF(always) + ARGS_MAX + 3];
	size_t count = 0;
	for (; count < COUNT_OF(always); count++)
		argv[count] = always[count];
	if (git_dir) {
		argv[count++] = "--git-dir";
		argv[count++] = git_dir;
	}
	for (size_t i = 0; word[i]; i++) {
		assert(i < ARGS_MAX);
		argv[count++] = word[i];
	}
	argv[count] = NULL;
	const struct child_options o = { .argv = argv, .env = git_dir ? of_reading : of_unpacking, .env_drop = "GIT_",
	                                 .takes_input = takes_input, .stop = g->stop };
	enum rc rc = child_start(&o, out, err);
	if (rc == RC_NOT_FOUND)
		return err_set(err, RC_FATAL, "archive %s: reading it needs the program git, which is not there: install it (Debian: "
		                              "apt-get install git)", g->path);
	return rc;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What a short command prints, without the line's end; *out_status its exit status. */
static enum rc ask(const struct git *g, const char *git_dir, const char *const *word, struct buf *out, int *out_status,
                   struct child **out_child, struct err *err)
{
	char bytes[1024];
	size_t got = 1;
	child_closep(out_child);
	TRY(start(g, git_dir, word, false, out_child, err));
	while (got) {
		TRY(child_read(*out_child, bytes, sizeof bytes, &got, err));
		buf_add(out, (struct slice){ bytes, got });
	}
	TRY(buf_ok(out, "git's answer", err));
	while (out->len && out->ptr[out->len - 1] == '\n')
		out->ptr[--out->len] = '\0';
	return child_wait(*out_child, out_status, err);
}

/* --- open --------------------------------------------------------------------------------------------------- */

static enum rc unpack_bundle(struct git *g, const struct git_options *o, struct err *err)
{
	CLEANUP(arena_done) struct arena scratch = arena_new(4 * PATH_BYTES_MAX);
	CLEANUP(buf_done) struct buf said = buf_new(1 << 16);
	CLEANUP(child_closep) struct child *child = NULL;
	CLEANUP(mem_freep) char *full = realpath(g->path, NULL); /* a bundle named "-x.bundle", or as a URL, is neither */
	const char *dir;
	int status;
	if (!full)
		return err_set(err, RC_FATAL, "archive %s: cannot be read", g->path);
	TRY(o->scratch_dir(o->ctx, &dir, err));
	mem_free(g->dir);
	g->dir = mem_strdup(arena_printf(&scratch, "%s/archive.git", dir).ptr);
	TRY(file_remove_tree(g->dir, err));
	TRY(ask(g, NULL, WORDS("clone", "--quiet", "--bare", "--no-tags", "--", full, g->dir), &said, &status, &child, err));
	if (status == 0)
		return RC_OK;
	const char *why = child_said(child);
	if (strstr(why, "No space left on device") || strstr(why, "Disk quota exceeded"))
		return err_errno(err, ENOSPC, "archive %s: cannot be unpacked into %s", g->path, g->dir);
	if (strstr(why, "lacks these prerequisite"))
		return err_set(err, RC_FATAL, "archive %s: the bundle holds a part of the history only: make one of all of it "
		                              "(git bundle create FILE HEAD)", g->path);
	return err_set(err, RC_FATAL, "archive %s: the bundle is damaged: fetch it again (git: %s)", g->path, why);
}

static enum rc looks_like_bundle(const char *path, bool *out, struct err *err)
{
	char head[16] = "";
	CLEANUP(fd_closep) int fd = -1;
	int errnum = step_open(path, O_RDONLY | O_NONBLOCK, &fd);
	if (errnum)
		return err_errno(err, errnum, "archive %s", path);
	*out = read(fd, head, sizeof head - 1) == sizeof head - 1 && strncmp(head, "# v", 3) == 0 && strstr(head, "git bundle");
	return RC_OK;
}

static enum rc look_at_path(struct git *g, const struct git_options *o, struct err *err)
{
	struct file_info info;
	bool is_bundle = false;
	if (access(g->path, R_OK) != 0 && errno == EACCES)
		return err_set(err, RC_FATAL, "archive %s: may not be read by this user: make it readable", g->path);
	TRY(file_stat(g->path, &info, err));
	if (!info.exists)
		return err_set(err, RC_FATAL, "archive %s: no such folder or file: name a clone of the archive or a bundle of it", g->path);
	if (info.is_dir) {
		CLEANUP(mem_freep) char *inner = path_join(g->path, ".git");
		TRY(file_stat(inner, &info, err));
		if (info.exists) { /* a clone with files; a folder otherwise a bare one, or none */
			mem_free(g->dir);
			g->dir = TAKE(inner);
		}
		return RC_OK;
	}
	TRY(looks_like_bundle(g->path, &is_bundle, err));
	if (!is_bundle)
		return err_set(err, RC_FATAL, "archive %s: is neither a clone's folder nor a git bundle", g->path);
	return unpack_bundle(g, o, err);
}

/* HEAD, else (a bundle without one) all there is. */
static enum rc choose_rev(struct git *g, struct err *err)
{
	CLEANUP(child_closep) struct child *child = NULL;
	CLEANUP(buf_done) struct buf answer = buf_new(1 << 16);
	int status;
	TRY(ask(g, g->dir, WORDS("rev-parse", "--is-shallow-repository"), &answer, &status, &child, err));
	if (status != 0)
		return err_set(err, RC_FATAL, "archive %s: is no git repository: name a clone of the archive or a bundle of it (git: %s)", g->path,
		               child_said(child));
	g->shallow = slice_is(buf_slice(&answer), "true");
	buf_reset(&answer);
	TRY(ask(g, g->dir, WORDS("rev-parse", "--verify", "--quiet", "HEAD^{commit}"), &answer, &status, &child, err));
	g->rev = status == 0 ? "HEAD" : "--all";
	buf_reset(&answer);
	TRY(ask(g, g->dir, WORDS("rev-list", "--max-count=1", g->rev, "--"), &answer, &status, &child, err));
	if (status != 0)
		return err_set(err, RC_FATAL, "archive %s: the repository is damaged: clone it again (git: %s)", g->path, child_said(child));
	if (answer.len == 0)
		return err_set(err, RC_FATAL, "archive %s: the repository has no commit yet", g->path);
	return RC_OK;
}

enum rc git_open(const struct git_options *o, struct git **out, struct err *err)
{
	*out = NULL;
	if (o->path[0] == '\0' || strlen(o->path) >= PATH_BYTES_MAX / 2)
		return err_set(err, RC_FATAL, "archive %s: name a clone of the archive or a bundle of it", o->path);
	CLEANUP(git_closep) struct git *g = mem_alloc(sizeof *g);
	g->path = mem_strdup(o->path);
	g->dir = mem_strdup(o->path);
	g->stop = o->stop;
	TRY(look_at_path(g, o, err));
	TRY(choose_rev(g, err));
	*out = TAKE(g);
	return RC_OK;
}

void git_close(struct git *g)
{
	if (!g)
		return;
	child_close(g->blobs);
	mem_free(g->bytes);
	mem_free(g->dir);
	mem_free(g->path);
	mem_free(g);
}

bool git_is_shallow(const struct git *g)
{
	return g->shallow;
}

/* --- history ------------------------------------------------------------------------------------------------ */

/* The output is a row of texts ended by NUL: "<commit> <time>", then for each change "\n:<modes> <blobs> <what>" and the path. */
struct history {
	enum rc (*each)(void *ctx, const struct git_change *c, struct err *err);
	void *ctx;
	struct git_change change;
	bool path_follows, wanted;
};

static bool take_oid(struct slice s, char out[static GIT_OID_BYTES])
{
	if (s.len != 40 && s.len != 64)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!memchr("0123456789abcdef", s.ptr[i], 16))
			return false;
	memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return true;
}

static struct slice word(struct slice *rest)
{
	size_t end = slice_find(*rest, ' ', 0);
	struct slice w = slice_sub(*rest, 0, end);
	*rest = slice_sub(*rest, end < rest->len ? end + 1 : end, rest->len - (end < rest->len ? end + 1 : end));
	return w;
}

static enum rc take_token(struct history *h, struct slice token, struct err *err)
{
	struct git_change *c = &h->change;
	if (h->path_follows) {
		h->path_follows = false;
		c->path = token;
		return h->wanted ? h->each(h->ctx, c, err) : RC_OK;
	}
	token = slice_trim(token);
	if (token.len == 0)
		return RC_OK;
	struct slice rest = token;
	bool fine;
	if (token.ptr[0] == ':') { /* :100644 100644 <old> <new> M */
		(void) word(&rest);
		struct slice mode = word(&rest);
		(void) word(&rest);
		fine = take_oid(word(&rest), c->blob);
		h->wanted = slice_starts(mode, SLICE("100")) && !slice_starts(rest, SLICE("D"));
		h->path_follows = true;
	} else {
		fine = take_oid(word(&rest), c->commit);
		c->has_time = slice_to_int(rest, &c->author_time) && c->author_time > 0 && c->author_time <= TIME_MAX;
	}
	return fine ? RC_OK : err_set(err, RC_FATAL, "git log prints what this sargam does not understand: '%.*s'",
	                              (int) (token.len < 100 ? token.len : 100), token.ptr);
}

static enum rc read_tokens(struct history *h, struct child *child, struct err *err)
{
	CLEANUP(mem_freep) char *bytes = mem_alloc(READ_BYTES);
	CLEANUP(buf_done) struct buf part = buf_new(TOKEN_BYTES_MAX);
	size_t got = 1;
	while (got) {
		TRY(child_read(child, bytes, READ_BYTES, &got, err));
		for (size_t at = 0; at < got;) {
			struct slice rest = { bytes + at, got - at };
			size_t end = slice_find(rest, '\0', 0);
			buf_add(&part, slice_sub(rest, 0, end));
			TRY(buf_ok(&part, "git log: a path", err));
			at += end;
			if (end == rest.len)
				break;
			at++;
			TRY(take_token(h, buf_slice(&part), err));
			buf_reset(&part);
		}
	}
	return RC_OK;
}

enum rc git_history(struct git *g, enum rc (*each)(void *ctx, const struct git_change *c, struct err *err), void *ctx,
                    struct err *err)
{
	CLEANUP(child_closep) struct child *child = NULL;
	struct history h = { .each = each, .ctx = ctx };
	int status;
	TRY(start(g, g->dir, WORDS("log", "--topo-order", "--reverse", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-color",
	                           "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-decorate", "--no-notes", "--no-mailmap",
	                           "--diff-merges=off", "--format=%x00%H %at%x00", g->rev, "--"),
	          false, &child, err));
	TRY_WRAP(read_tokens(&h, child, err), err, "archive %s", g->path);
	TRY(child_wait(child, &status, err));
	if (status != 0 || h.path_follows)
		return err_set(err, RC_FATAL, "archive %s: its history cannot be read to the end: the repository is damaged or not whole, clone "
		                              "it again (git: %s)", g->path, child_said(child));
	return RC_OK;
}

/* --- content ------------------------------------------------------------------------------------------------ */

static enum rc more(struct git *g, struct err *err)
{
	g->at = 0;
	g->len = 0;
	TRY(child_read(g->blobs, g->bytes, READ_BYTES, &g->len, err));
	return g->len ? RC_OK : child_trouble(g->blobs, err);
}

/* `len` bytes; NULL: nobody wants them. */
static enum rc take_bytes(struct git *g, char *out, size_t len, struct err *err)
{
	while (len) {
		if (g->at == g->len)
			TRY(more(g, err));
		size_t part = g->len - g->at < len ? g->len - g->at : len;
		if (out) {
			memcpy(out, g->bytes + g->at, part);
			out += part;
		}
		g->at += part;
		len -= part;
	}
	return RC_OK;
}

static enum rc take_line(struct git *g, char *out, size_t cap, struct err *err)
{
	for (size_t len = 0; len < cap; len++) {
		TRY(take_bytes(g, out + len, 1, err));
		if (out[len] == '\n') {
			out[len] = '\0';
			return RC_OK;
		}
	}
	return err_set(err, RC_FATAL, "git cat-file prints what this sargam does not understand");
}

static enum rc read_blob(struct git *g, const char *oid, size_t limit_bytes, struct arena *arena, struct slice *out, struct err *err)
{
	char line[256], end;
	int64_t size;
	(void) snprintf(line, sizeof line, "%s\n", oid);
	TRY(child_write(g->blobs, slice_of(line), err));
	TRY(take_line(g, line, sizeof line, err));
	struct slice rest = slice_of(line); /* "<oid> blob <size>" or "<oid> missing" */
	bool same = slice_is(word(&rest), oid);
	struct slice type = word(&rest);
	if (same && slice_is(type, "missing"))
		return err_set(err, RC_NOT_FOUND, "archive %s: %s is not in this copy of the repository", g->path, oid);
	if (!same || !slice_is(type, "blob") || !slice_to_int(rest, &size) || size < 0)
		return err_set(err, RC_FATAL, "git cat-file prints what this sargam does not understand: '%s'", line);
	bool fits = (uint64_t) size <= limit_bytes && arena_fits(arena, (size_t) size + 1);
	char *bytes = fits ? arena_alloc(arena, (size_t) size + 1) : NULL;
	TRY(take_bytes(g, bytes, (size_t) size, err));
	TRY(take_bytes(g, &end, 1, err));
	if (!fits)
		return err_set(err, RC_REJECT, "archive %s: %s has %lld bytes", g->path, oid, (long long) size);
	*out = (struct slice){ bytes, (size_t) size };
	return RC_OK;
}

enum rc git_blob(struct git *g, const char *oid, size_t limit_bytes, struct arena *arena, struct slice *out, struct err *err)
{
	if (!g->blobs) {
		TRY(start(g, g->dir, WORDS("cat-file", "--batch"), true, &g->blobs, err));
		if (!g->bytes)
			g->bytes = mem_alloc(READ_BYTES);
		g->at = g->len = 0;
	}
	struct err why = { 0 };
	enum rc rc = read_blob(g, oid, limit_bytes, arena, out, &why);
	if (rc == RC_RETRY || rc == RC_FATAL) {
		child_closep(&g->blobs); /* in the middle of an answer: the next question begins anew */
		/* Where contents may be fetched when they are needed, git does not say "missing" but gives up. */
		if (rc == RC_FATAL && strstr(why.msg, "from promisor remote"))
			return err_set(err, RC_NOT_FOUND, "archive %s: %s is not in this copy of the repository", g->path, oid);
		return err_set(err, rc, "archive %s: %s%s: %s", g->path, rc == RC_FATAL ? "the repository is damaged: clone it again: " : "", oid,
		               why.msg);
	}
	if (rc != RC_OK && err)
		*err = why;
	return rc;
}
