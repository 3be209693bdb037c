/* projects.snapshots, and seek. */
#include "serve/pubsub_private.h"

#include "base/clock.h"

#define KIND "Snapshot"
#define TIME_MS_NONE INT64_MIN

static struct json *snapshot_json(const struct pubsub_call *c, const struct bus_snapshot *s)
{
	struct json *root = json_new_object();
	json_set(root, "name", pubsub_new_name(c, "snapshots", s->name));
	json_set(root, "topic", pubsub_new_name(c, "topics", s->topic));
	json_set(root, "expireTime", json_new_string(pubsub_time_text(s->expire_ms, c->arena)));
	pubsub_set_stored(root, "labels", s->labels);
	return root;
}

static enum rc find(struct pubsub_call *c, const char *id, struct bus_snapshot *out, struct err *err)
{
	return pubsub_found(bus_snapshot(c->p->o.bus, id, c->arena, out, err), id, err);
}

static enum rc find_subscription(struct pubsub_call *c, const char *id, struct bus_subscription *out, struct err *err)
{
	return pubsub_found(bus_subscription(c->p->o.bus, id, c->arena, out, err), id, err);
}

/* --- snapshots ---------------------------------------------------------------------------------------------- */

/* All that the bus could refuse has been looked at, but the age of the backlog. */
static enum rc create(struct pubsub_call *c, const char *sub, const char *labels, struct bus_snapshot *out, struct err *err)
{
	struct bus_subscription of;
	TRY(find_subscription(c, sub, &of, err));
	TRY(pubsub_must_be_new(c, bus_snapshot(c->p->o.bus, c->id, c->arena, out, err), c->id, err));
	if (of.detached)
		return pubsub_precondition(c, err, "Subscription '%s' is detached from its topic: there is nothing to keep.", sub);
	enum rc rc = bus_create_snapshot(c->p->o.bus, c->id, sub, labels, err);
	if (rc == RC_REJECT)
		c->status = PUBSUB_FAILED_PRECONDITION;
	TRY(rc);
	return find(c, c->id, out, err);
}

enum rc pubsub_snapshot_create(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_snapshot s;
	struct slice name;
	const char *sub, *labels;
	TRY(pubsub_only_fields(c->body, "createSnapshotRequest", "name subscription labels tags", err));
	TRY(pubsub_not_here(c, c->body, (const char *const[]){ "tags", NULL }, err));
	TRY(bus_check_name(c->id, err));
	TRY(pubsub_string(c->body, "subscription", &name, err));
	TRY(pubsub_resource(c, "subscriptions", name, &sub, err));
	TRY(pubsub_labels(c->body, c->arena, &labels, err));
	PUBSUB_BUS_ALONE(c, create(c, sub, labels, &s, err));
	*out = snapshot_json(c, &s);
	return RC_OK;
}

static enum rc describe(struct pubsub_call *c, const char *id, struct json **out, struct err *err)
{
	struct bus_snapshot s;
	TRY(find(c, id, &s, err));
	*out = snapshot_json(c, &s);
	return RC_OK;
}

enum rc pubsub_snapshot_get(struct pubsub_call *c, struct json **out, struct err *err)
{
	return describe(c, c->id, out, err);
}

enum rc pubsub_snapshot_list(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct bus_names names;
	TRY(bus_snapshots(c->p->o.bus, NULL, c->arena, &names, err));
	return pubsub_list(c, &names, "snapshots", describe, out, err);
}

enum rc pubsub_snapshot_delete(struct pubsub_call *c, struct json **out, struct err *err)
{
	TRY(pubsub_found(bus_delete_snapshot(c->p->o.bus, c->id, err), c->id, err));
	*out = json_new_object();
	return RC_OK;
}

/* A snapshot may end earlier than it would, or later, but never last longer than a new one. */
static enum rc read_expiry(struct pubsub_call *c, const struct json *from, struct bus_snapshot *s, struct err *err)
{
	int64_t now = clock_now_ms(c->p->o.clock);
	TRY(pubsub_time(from, "expireTime", TIME_MS_NONE, &s->expire_ms, err));
	if (s->expire_ms > now && s->expire_ms <= now + BUS_SNAPSHOT_MS_MAX)
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid value at 'expireTime': want a time within the next seven days");
}

static enum rc patch_path(struct pubsub_call *c, struct slice path, const struct json *from, void *ctx, struct err *err)
{
	struct bus_snapshot *s = ctx;
	if (pubsub_is_name(path, "labels"))
		return pubsub_labels(from, c->arena, &s->labels, err);
	if (pubsub_is_name(path, "expireTime"))
		return read_expiry(c, from, s, err);
	return pubsub_no_such_path(KIND, path, err);
}

static enum rc patch(struct pubsub_call *c, const struct json *from, struct bus_snapshot *s, struct err *err)
{
	TRY(find(c, c->id, s, err));
	TRY(pubsub_each_path(c, KIND, from, patch_path, s, err));
	return bus_update_snapshot(c->p->o.bus, s, err);
}

enum rc pubsub_snapshot_patch(struct pubsub_call *c, struct json **out, struct err *err)
{
	const struct json *from;
	struct bus_snapshot s;
	TRY(pubsub_only_fields(c->body, "updateSnapshotRequest", "snapshot updateMask", err));
	TRY(pubsub_object(c->body, "snapshot", &from, err));
	TRY(pubsub_only_fields(from, "snapshot", "name topic expireTime labels", err));
	PUBSUB_BUS_ALONE(c, patch(c, from, &s, err));
	*out = snapshot_json(c, &s);
	return RC_OK;
}

/* --- seek --------------------------------------------------------------------------------------------------- */

struct target {
	const char *snapshot; /* "": to time_ms */
	int64_t time_ms;
};

static enum rc read_target(struct pubsub_call *c, struct target *out, struct err *err)
{
	struct slice name;
	out->snapshot = "";
	TRY(pubsub_only_fields(c->body, "seekRequest", "time snapshot", err));
	TRY(pubsub_time(c->body, "time", TIME_MS_NONE, &out->time_ms, err));
	TRY(pubsub_string(c->body, "snapshot", &name, err));
	if ((out->time_ms != TIME_MS_NONE) == (name.ptr != NULL))
		return err_set(err, RC_REJECT, "The SeekRequest must have one target: time or snapshot.");
	return name.ptr ? pubsub_resource(c, "snapshots", name, &out->snapshot, err) : RC_OK;
}

static enum rc seek(struct pubsub_call *c, const struct target *to, struct err *err)
{
	struct bus_subscription s;
	struct bus_snapshot snapshot;
	TRY(find_subscription(c, c->id, &s, err));
	if (s.detached)
		return pubsub_precondition(c, err, "Subscription '%s' is detached from its topic: there is nothing to seek in.", c->id);
	if (to->snapshot[0])
		TRY(find(c, to->snapshot, &snapshot, err));
	if (to->snapshot[0])
		TRY(bus_seek_snapshot(c->p->o.bus, c->id, to->snapshot, err));
	else
		TRY(bus_seek_time(c->p->o.bus, c->id, to->time_ms, err));
	c->reply->wake_key = pubsub_published_key(s.topic); /* there may be something for those who wait */
	return RC_OK;
}

enum rc pubsub_seek(struct pubsub_call *c, struct json **out, struct err *err)
{
	struct target to;
	TRY(read_target(c, &to, err));
	TRY(seek(c, &to, err));
	*out = json_new_object();
	return RC_OK;
}
