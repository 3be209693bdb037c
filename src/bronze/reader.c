/* Names that every page reader shares. */
#include "bronze/reader.h"

const char *const watched_field_path[FIELD_COUNT] = {
#define X(name, path) [FIELD_##name] = path,
	WATCHED_FIELDS(X)
#undef X
};

const char *reject_reason_name(enum reject_reason reason)
{
	static const char *const names[] = {
		[REJECT_NULL_ITEM] = "null_item",   [REJECT_LOCAL_FILE] = "local_file", [REJECT_EPISODE] = "episode",
		[REJECT_MISSING_ID] = "missing_id", [REJECT_WRONG_TYPE] = "wrong_type",
	};
	assert(reason < COUNT_OF(names));
	return names[reason];
}
