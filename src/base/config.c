#include "base/config.h"

#include "base/time.h"

#include <errno.h>

/* A setting at its longest, with room for its name, spaces and a remark. */
#define LINE_BYTES (2 * CONFIG_STRING_BYTES)
/* What ends a value in a file. */
#define REMARK " ;"

enum kind { KIND_INT, KIND_STRING };
static const struct key {
	const char *name, *help, *unit;
	enum kind kind;
	int64_t min, max, def_int;
	const char *def_string;
	size_t at, from_at;
} keys[] = {
#define X(name, def, min, max, unit, help)                                            \
	{ #name, help, unit, KIND_INT, min, max, def, NULL, offsetof(struct config, name), \
	  offsetof(struct config, from.name) },
	CONFIG_INTS(X)
#undef X
#define X(name, def, help)                                                            \
	{ #name, help, "", KIND_STRING, 0, 0, 0, def, offsetof(struct config, name),      \
	  offsetof(struct config, from.name) },
	CONFIG_STRINGS(X)
#undef X
};

static const char *const from_name[] = {
	[CONFIG_DEFAULT] = "default",
	[CONFIG_FILE] = "file",
	[CONFIG_ENV] = "environment",
	[CONFIG_CLI] = "command line",
};

static int64_t *int_of(struct config *c, const struct key *key)
{
	return (int64_t *) (void *) ((char *) c + key->at);
}

static char *string_of(struct config *c, const struct key *key)
{
	return (char *) c + key->at;
}

static enum config_from *from_of(struct config *c, const struct key *key)
{
	return (enum config_from *) (void *) ((char *) c + key->from_at);
}

/* '-' on the command line is '_' in the table. */
static bool same_name(struct slice key, const char *name)
{
	if (key.len != strlen(name))
		return false;
	for (size_t i = 0; i < key.len; i++)
		if ((key.ptr[i] == '-' ? '_' : key.ptr[i]) != name[i])
			return false;
	return true;
}

static const struct key *find(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(keys); i++)
		if (same_name(name, keys[i].name))
			return &keys[i];
	return NULL;
}

void config_init(struct config *c)
{
	*c = (struct config){ 0 };
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (keys[i].kind == KIND_INT)
			*int_of(c, &keys[i]) = keys[i].def_int;
		else
			memcpy(string_of(c, &keys[i]), keys[i].def_string, strlen(keys[i].def_string) + 1);
	}
}

bool config_has_key(struct slice key)
{
	return find(key) != NULL;
}

static enum rc set_int(struct config *c, const struct key *key, struct slice value, enum config_from from, struct err *err)
{
	int64_t number;
	if (!slice_to_int(slice_trim(value), &number) || number < key->min || number > key->max)
		return err_set(err, RC_FATAL, "setting %s = '%.*s' (%s): want a whole number from %lld to %lld, in %s (%s)",
		               key->name, SLICE_FMT(value), from_name[from], (long long) key->min, (long long) key->max,
		               key->unit, key->help);
	*int_of(c, key) = number;
	return RC_OK;
}

/* Into a file, so that it is read back as it was. */
static bool can_be_written(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char) value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
			return false;
	return slice_find_str(value, SLICE(REMARK)) == SIZE_MAX && !(value.len && value.ptr[0] == ';');
}

static enum rc set_string(struct config *c, const struct key *key, struct slice value, enum config_from from,
                          struct err *err)
{
	value = slice_trim(value);
	if (value.len >= CONFIG_STRING_BYTES || !can_be_written(value))
		return err_set(err, RC_FATAL, "setting %s (%s): want fewer than %d bytes without control characters and '" REMARK "'",
		               key->name, from_name[from], CONFIG_STRING_BYTES);
	int64_t offset;
	if (strcmp(key->name, "chart_utc_offset") == 0 && !time_parse_offset(value, &offset))
		return err_set(err, RC_FATAL, "setting %s = '%.*s' (%s): want +HH:MM or -HH:MM (%s)", key->name,
		               SLICE_FMT(value), from_name[from], key->help);
	char *text = string_of(c, key);
	if (value.len)
		memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	return RC_OK;
}

enum rc config_set(struct config *c, struct slice name, struct slice value, enum config_from from, struct err *err)
{
	const struct key *key = find(name);
	if (!key)
		return err_set(err, RC_FATAL, "no setting '%.*s' (%s); `sargam config` lists them", SLICE_FMT(name),
		               from_name[from]);
	struct config changed = *c;
	if (key->kind == KIND_INT)
		TRY(set_int(&changed, key, value, from, err));
	else
		TRY(set_string(&changed, key, value, from, err));
	if (from < *from_of(c, key)) /* checked all the same: a wrong line is wrong even when something overrides it */
		return RC_OK;
	*c = changed;
	*from_of(c, key) = from;
	return RC_OK;
}

static void file_closep(FILE **file)
{
	if (*file)
		(void) fclose(*file);
}

/* "key = value ; remark"; *out_key is empty for a line that sets nothing. */
static bool read_line(struct slice line, struct slice *out_key, struct slice *out_value)
{
	*out_key = SLICE("");
	line = slice_trim(line);
	if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';' || line.ptr[0] == '[')
		return true;
	size_t equals = slice_find(line, '=', 0);
	if (equals == line.len)
		return false;
	*out_key = slice_trim(slice_sub(line, 0, equals));
	*out_value = slice_sub(line, equals + 1, line.len - equals - 1);
	size_t remark = slice_find_str(*out_value, SLICE(REMARK));
	if (remark != SIZE_MAX)
		out_value->len = remark;
	*out_value = slice_trim(*out_value);
	return out_key->len > 0;
}

static enum rc take_line(struct config *c, const char *path, int number, struct slice line, struct err *err)
{
	struct slice key, value;
	if (number == 1 && slice_starts(line, SLICE("\xef\xbb\xbf"))) /* some editors mark UTF-8 so */
		line = slice_sub(line, 3, line.len - 3);
	if (memchr(line.ptr, '\0', line.len) || !read_line(line, &key, &value))
		return err_set(err, RC_FATAL, "%s:%d: want lines of the form `key = value`", path, number);
	if (key.len)
		TRY_WRAP(config_set(c, key, value, CONFIG_FILE, err), err, "%s:%d", path, number);
	return RC_OK;
}

enum rc config_load_file(struct config *c, const char *path, struct err *err)
{
	CLEANUP(file_closep) FILE *file = fopen(path, "re");
	char line[LINE_BYTES];
	int number = 0, next = file ? getc(file) : EOF;
	while (next != EOF) {
		size_t len = 0;
		for (number++; next != EOF && next != '\n'; next = getc(file)) {
			if (len == sizeof line)
				return err_set(err, RC_FATAL, "%s:%d: a line of more than %d bytes", path, number, LINE_BYTES);
			line[len++] = (char) next;
		}
		TRY(take_line(c, path, number, (struct slice){ line, len }, err));
		next = next == EOF ? EOF : getc(file);
	}
	if (!file || ferror(file)) /* a folder, for one, can be opened and not read */
		return err_set(err, RC_FATAL, "configuration file '%s' cannot be read (%s): check the path given by --config", path,
		               strerror(errno));
	return RC_OK;
}

enum rc config_load_env(struct config *c, struct err *err)
{
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		char name[64] = "SARGAM_";
		size_t at = strlen(name);
		for (const char *p = keys[i].name; *p; p++)
			name[at++] = *p >= 'a' && *p <= 'z' ? (char) (*p - 'a' + 'A') : *p;
		const char *value = getenv(name);
		if (value && *value) /* empty is as good as unset */
			TRY_WRAP(config_set(c, slice_of(keys[i].name), slice_of(value), CONFIG_ENV, err), err, "%s", name);
	}
	return RC_OK;
}

const char *config_from_name(enum config_from from)
{
	assert(from < COUNT_OF(from_name));
	return from_name[from];
}

int64_t config_chart_offset_s(const struct config *c)
{
	int64_t offset = 0;
	bool ok = time_parse_offset(slice_of(c->chart_utc_offset), &offset);
	assert(ok);
	return offset;
}

size_t config_count(void)
{
	return COUNT_OF(keys);
}

void config_entry(const struct config *c, size_t i, struct config_entry *out)
{
	assert(i < COUNT_OF(keys));
	const struct key *key = &keys[i];
	struct config *values = (struct config *) (uintptr_t) c; /* read only below */
	*out = (struct config_entry){ .name = key->name, .help = key->help, .unit = key->unit };
	if (key->kind == KIND_INT) {
		(void) snprintf(out->text[0], CONFIG_STRING_BYTES, "%lld", (long long) *int_of(values, key));
		(void) snprintf(out->text[1], CONFIG_STRING_BYTES, "%lld", (long long) key->def_int);
		(void) snprintf(out->text[2], CONFIG_STRING_BYTES, "%lld to %lld", (long long) key->min,
		                (long long) key->max);
	} else {
		(void) snprintf(out->text[0], CONFIG_STRING_BYTES, "%s", string_of(values, key));
		(void) snprintf(out->text[1], CONFIG_STRING_BYTES, "%s", key->def_string);
	}
	out->value = out->text[0];
	out->default_value = out->text[1];
	out->range = out->text[2];
	out->from = from_name[*from_of(values, key)];
}
