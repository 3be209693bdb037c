/* What the methods share: resources by name, pages, what is not done here. */
#include "serve/pubsub_private.h"

#include "serve/reply.h"

#define PAGE_SIZE_DEFAULT 100
#define PAGE_SIZE_MAX 1000

static bool is_default(const struct json *v)
{
	struct slice text;
	bool flag;
	int64_t number;
	return !v || (json_bool(v, &flag) && !flag) || (json_string(v, &text) && !text.len) || (json_integer(v, &number) && !number) ||
	       ((json_type(v) == JSON_OBJECT || json_type(v) == JSON_ARRAY) && !json_size(v));
}

enum rc pubsub_not_here(struct pubsub_call *c, const struct json *object, const char *const *name, struct err *err)
{
	for (; *name; name++)
		if (!is_default(pubsub_field(object, *name))) {
			c->status = PUBSUB_UNIMPLEMENTED;
			return err_set(err, RC_REJECT, "'%s': this service does not do that", *name);
		}
	return RC_OK;
}

enum rc pubsub_resource(struct pubsub_call *c, const char *kind, struct slice name, const char **out_id, struct err *err)
{
	struct slice prefix = arena_printf(c->arena, "projects/%s/%s/", c->p->project, kind);
	if (!slice_starts(name, prefix) || name.len == prefix.len)
		return err_set(err, RC_REJECT, "Invalid resource name given (name=%.*s): want %.*sNAME", (int) (name.len < 200 ? name.len : 200),
		               name.ptr ? name.ptr : "", SLICE_FMT(prefix));
	*out_id = arena_strdup(c->arena, slice_sub(name, prefix.len, name.len - prefix.len));
	return bus_check_name(*out_id, err);
}

struct json *pubsub_new_name(const struct pubsub_call *c, const char *kind, const char *id)
{
	if (strcmp(id, BUS_DELETED_TOPIC) == 0)
		return json_new_string(slice_of(id));
	return json_new_string(arena_printf(c->arena, "projects/%s/%s/%s", c->p->project, kind, id));
}

enum rc pubsub_page(struct pubsub_call *c, const struct bus_names *names, size_t *out_from, size_t *out_count, struct json *reply,
                    struct err *err)
{
	const char *token = server_query(c->rq, "pageToken");
	int64_t size;
	size_t from = 0;
	TRY(reply_page_size(c->rq, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, &size, err));
	while (token && *token && from < names->count && slice_cmp(names->name[from], slice_of(token)) <= 0)
		from++;
	*out_from = from;
	*out_count = names->count - from < (size_t) size ? names->count - from : (size_t) size;
	if (from + *out_count < names->count) /* the token is the last name of the page: what comes and goes meanwhile shifts nothing */
		json_set(reply, "nextPageToken", json_new_string(names->name[from + *out_count - 1]));
	return RC_OK;
}
