#include "bus/bus_admin.h"

#include "base/mem.h"
#include "bus/filter.h"

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~+%", c));
}

enum rc bus_check_name(const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool letter = (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z');
	if (len < 3 || len > 255 || !letter)
		return err_set(err, RC_REJECT, "bus name '%.300s': want 3 to 255 characters, a letter first", name);
	if (strncmp(name, "goog", 4) == 0)
		return err_set(err, RC_REJECT, "bus name '%s': names that begin with goog are reserved", name);
	for (size_t i = 0; i < len; i++)
		if (!name_char(name[i]))
			return err_set(err, RC_REJECT, "bus name '%s': column %zu: want letters, digits or one of -._~+%%", name, i + 1);
	return RC_OK;
}

struct slice bus_attr_get(const struct bus_message *m, const char *key)
{
	for (size_t i = 0; i < m->attr_count; i++)
		if (slice_is(m->attr[i].key, key))
			return m->attr[i].value.ptr ? m->attr[i].value : SLICE("");
	return SLICE_NULL;
}

static enum rc check_attr(const struct bus_message *m, size_t i, struct err *err)
{
	struct slice key = m->attr[i].key, value = m->attr[i].value;
	if (key.len == 0 || key.len > BUS_ATTR_KEY_BYTES_MAX)
		return err_set(err, RC_REJECT, "message: attribute %zu: key of %zu bytes, 1 to %d are allowed", i + 1, key.len,
		               BUS_ATTR_KEY_BYTES_MAX);
	if (!slice_is_utf8(key, NULL))
		return err_set(err, RC_REJECT, "message: attribute %zu: the key is not UTF-8", i + 1);
	if (slice_starts(key, SLICE("goog")))
		return err_set(err, RC_REJECT, "message: attribute '%.*s': keys that begin with goog are reserved", SLICE_FMT(key));
	if (value.len > BUS_ATTR_VALUE_BYTES_MAX)
		return err_set(err, RC_REJECT, "message: attribute '%.*s': value of %zu bytes, at most %d are allowed",
		               SLICE_FMT(key), value.len, BUS_ATTR_VALUE_BYTES_MAX);
	if (!slice_is_utf8(value, NULL))
		return err_set(err, RC_REJECT, "message: attribute '%.*s': the value is not UTF-8", SLICE_FMT(key));
	for (size_t j = 0; j < i; j++)
		if (slice_eq(m->attr[j].key, key))
			return err_set(err, RC_REJECT, "message: attribute '%.*s' is given twice", SLICE_FMT(key));
	return RC_OK;
}

/* Only after check_attr(): the sum cannot overflow. */
static size_t message_bytes(const struct bus_message *m)
{
	size_t bytes = m->data.len + m->ordering_key.len;
	for (size_t i = 0; i < m->attr_count; i++)
		bytes += m->attr[i].key.len + m->attr[i].value.len;
	return bytes;
}

enum rc bus_check_message(const struct bus_message *m, struct err *err)
{
	if (m->data.len == 0 && m->attr_count == 0)
		return err_set(err, RC_REJECT, "message: neither data nor an attribute");
	if (m->data.len > BUS_MESSAGE_BYTES_MAX)
		return err_set(err, RC_REJECT, "message: data of %zu bytes, at most %d are allowed", m->data.len,
		               BUS_MESSAGE_BYTES_MAX);
	if (m->attr_count > BUS_ATTRS_MAX)
		return err_set(err, RC_REJECT, "message: %zu attributes, at most %d are allowed", m->attr_count, BUS_ATTRS_MAX);
	if (m->ordering_key.len > BUS_ORDERING_KEY_BYTES_MAX)
		return err_set(err, RC_REJECT, "message: ordering key of %zu bytes, at most %d are allowed", m->ordering_key.len,
		               BUS_ORDERING_KEY_BYTES_MAX);
	if (!slice_is_utf8(m->ordering_key, NULL))
		return err_set(err, RC_REJECT, "message: the ordering key is not UTF-8");
	for (size_t i = 0; i < m->attr_count; i++)
		TRY(check_attr(m, i, err));
	if (message_bytes(m) > BUS_MESSAGE_BYTES_MAX)
		return err_set(err, RC_REJECT, "message: %zu bytes with its attributes, at most %d are allowed", message_bytes(m),
		               BUS_MESSAGE_BYTES_MAX);
	return RC_OK;
}

enum rc bus_publish(struct bus *b, const char *topic, struct bus_message *message, size_t count, struct arena *arena,
                    struct err *err)
{
	size_t bytes = 0;
	if (count > BUS_PUBLISH_MESSAGES_MAX)
		return err_set(err, RC_REJECT, "topic '%s': %zu messages in one call, at most %d are allowed", topic, count,
		               BUS_PUBLISH_MESSAGES_MAX);
	for (size_t i = 0; i < count; i++) {
		TRY_WRAP(bus_check_message(&message[i], err), err, "topic '%s': message %zu of %zu", topic, i + 1, count);
		bytes += message_bytes(&message[i]);
	}
	if (bytes > BUS_PUBLISH_BYTES_MAX)
		return err_set(err, RC_REJECT, "topic '%s': %zu bytes in one call, at most %d are allowed", topic, bytes,
		               BUS_PUBLISH_BYTES_MAX);
	return count ? b->ops->publish(b, topic, message, count, arena, err) : RC_OK;
}

/* `what` is the kind of thing and `name` the thing that the value belongs to. */
static enum rc check_range(const char *kind, const char *name, const char *what, int64_t value, int64_t least, int64_t most,
                           struct err *err)
{
	if (value >= least && value <= most)
		return RC_OK;
	return err_set(err, RC_REJECT, "%s '%s': %s %lld: want %lld to %lld", kind, name, what, (long long) value, (long long) least,
	               (long long) most);
}

static enum rc check_retention(const char *kind, const char *name, int64_t ms, struct err *err)
{
	return ms ? check_range(kind, name, "message retention (ms)", ms, BUS_RETENTION_MS_MIN, BUS_RETENTION_MS_MAX, err) : RC_OK;
}

static const char *text_of(const char *s)
{
	return s ? s : "";
}

static enum rc check_text(const char *kind, const char *name, const char *what, const char *text, struct err *err)
{
	size_t len = strlen(text_of(text));
	if (len <= BUS_TEXT_BYTES_MAX)
		return RC_OK;
	return err_set(err, RC_REJECT, "%s '%s': %s of %zu bytes, at most %d are allowed", kind, name, what, len, BUS_TEXT_BYTES_MAX);
}

static enum rc check_topic(const struct bus_topic *topic, struct err *err)
{
	TRY(bus_check_name(topic->name, err));
	TRY(check_retention("topic", topic->name, topic->retention_ms, err));
	return check_text("topic", topic->name, "labels", topic->labels, err);
}

enum rc bus_make_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	struct bus_topic whole = *topic;
	TRY(check_topic(topic, err));
	whole.labels = text_of(whole.labels);
	return b->ops->create_topic(b, &whole, err);
}

enum rc bus_update_topic(struct bus *b, const struct bus_topic *topic, struct err *err)
{
	struct bus_topic whole = *topic;
	TRY(check_topic(topic, err));
	whole.labels = text_of(whole.labels);
	return b->ops->admin->update_topic(b, &whole, err);
}

static enum rc check_dead_letter(const struct bus_subscription *sub, struct err *err)
{
	if (!sub->dead_letter_topic[0])
		return RC_OK;
	TRY(bus_check_name(sub->dead_letter_topic, err));
	TRY(check_range("subscription", sub->name, "maximum of delivery attempts", sub->max_delivery_attempts, 5, 100, err));
	if (strcmp(sub->dead_letter_topic, sub->topic) == 0)
		return err_set(err, RC_REJECT, "subscription '%s': its own topic '%s' cannot be its dead-letter topic", sub->name,
		               sub->topic);
	return RC_OK;
}

enum rc bus_create_subscription(struct bus *b, const struct bus_subscription *sub, struct err *err)
{
	static const char kind[] = "subscription";
	struct bus_subscription whole = *sub;
	TRY(bus_check_name(sub->name, err));
	TRY(bus_check_name(sub->topic, err));
	CLEANUP(filter_freep) struct filter *filter = NULL;
	TRY_WRAP(filter_parse(slice_of(sub->filter), &filter, err), err, "subscription '%s'", sub->name);
	TRY(check_range(kind, sub->name, "ack deadline (s)", sub->ack_deadline_s, 10, 600, err));
	TRY(check_range(kind, sub->name, "backoff minimum (ms)", sub->backoff_min_ms, 0, BUS_BACKOFF_MS_MAX, err));
	TRY(check_range(kind, sub->name, "backoff maximum (ms)", sub->backoff_max_ms, sub->backoff_min_ms, BUS_BACKOFF_MS_MAX, err));
	TRY(check_dead_letter(sub, err));
	TRY(check_retention(kind, sub->name, sub->retention_ms, err));
	if (sub->retain_acked && !sub->retention_ms)
		return err_set(err, RC_REJECT, "subscription '%s': what is acknowledged is retained for a time: want one", sub->name);
	TRY(check_text(kind, sub->name, "push configuration", sub->push_config, err));
	TRY(check_text(kind, sub->name, "labels", sub->labels, err));
	whole.push_config = text_of(whole.push_config);
	whole.labels = text_of(whole.labels);
	return b->ops->create_subscription(b, &whole, err);
}

enum rc bus_create_snapshot(struct bus *b, const char *name, const char *sub, const char *labels, struct err *err)
{
	TRY(bus_check_name(name, err));
	TRY(check_text("snapshot", name, "labels", labels, err));
	return b->ops->admin->create_snapshot(b, name, sub, text_of(labels), err);
}

enum rc bus_update_snapshot(struct bus *b, const struct bus_snapshot *snapshot, struct err *err)
{
	struct bus_snapshot whole = *snapshot;
	TRY(check_text("snapshot", snapshot->name, "labels", snapshot->labels, err));
	whole.labels = text_of(whole.labels);
	return b->ops->admin->update_snapshot(b, &whole, err);
}
