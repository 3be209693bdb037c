#include "base/json.h"

#include "base/mem.h"

/* Jansson's own; its header cannot stand beside ours, which speaks of the same names. */
void json_set_alloc_funcs(void *(*take)(size_t), void (*give)(void *));

static _Thread_local bool wiping;

static void wipe_and_free(void *p)
{
	if (wiping)
		mem_wiping_free(p);
	else
		free(p);
}

__attribute__((constructor)) static void use_wiping_free(void)
{
	json_set_alloc_funcs(mem_wiping_malloc, wipe_and_free);
}

enum rc json_parse_secret(struct slice text, struct json **out, struct err *err)
{
	wiping = true;
	enum rc rc = json_parse(text, out, err);
	wiping = false;
	return rc;
}

void json_free_secret(struct json *root)
{
	wiping = true;
	json_free(root);
	wiping = false;
}
