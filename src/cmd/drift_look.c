#include "cmd/drift_look.h"

enum rc drift_look(struct app *app, enum rc (*on_event)(void *ctx, const struct drift_event *event, struct err *err), void *ctx,
                   struct drift_sum *out, struct err *err)
{
	CLEANUP(arena_done) struct arena arena = arena_new(SIZE_MAX / 4);
	CLEANUP(duck_closep) struct duck *duck = NULL; /* of its own: the scan streams, so it needs no folder to spill into */
	CLEANUP(duck_disconnectp) struct duck_conn *conn = NULL;
	const struct duck_options options = { .threads = app_threads(app), .memory_limit_mb = app_config(app)->memory_limit_mb };
	struct partition_list partitions;
	struct store *store;
	TRY(app_store(app, &store, err));
	TRY(duck_open(&options, &duck, err));
	TRY(duck_connect(duck, &conn, err));
	TRY(partition_list(store, conn, &arena, &partitions, err));
	if (partitions.count == 0)
		return err_set(err, RC_NOT_FOUND, "no snapshot has been read yet: run `sargam run` first");
	const struct drift_options o = { .store = store, .conn = conn, .partitions = &partitions, .ctx = ctx, .on_event = on_event };
	return drift_scan(&o, out, err);
}
