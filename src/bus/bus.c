#include "bus/bus.h"

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

static enum rc check_range(const struct bus_subscription *sub, const char *what, int64_t value, int64_t least, int64_t most,
                           struct err *err)
{
	if (value >= least && value <= most)
		return RC_OK;
	return err_set(err, RC_REJECT, "subscription '%s': %s %lld: want %lld to %lld", sub->name, what, (long long) value,
	               (long long) least, (long long) most);
}

enum rc bus_create_subscription(struct bus *b, const struct bus_subscription *sub, struct err *err)
{
	TRY(bus_check_name(sub->name, err));
	TRY(bus_check_name(sub->topic, err));
	CLEANUP(filter_freep) struct filter *filter = NULL;
	TRY_WRAP(filter_parse(slice_of(sub->filter), &filter, err), err, "subscription '%s'", sub->name);
	TRY(check_range(sub, "ack deadline (s)", sub->ack_deadline_s, 10, 600, err));
	TRY(check_range(sub, "backoff minimum (ms)", sub->backoff_min_ms, 0, BUS_BACKOFF_MS_MAX, err));
	TRY(check_range(sub, "backoff maximum (ms)", sub->backoff_max_ms, sub->backoff_min_ms, BUS_BACKOFF_MS_MAX, err));
	if (sub->dead_letter_topic[0]) {
		TRY(bus_check_name(sub->dead_letter_topic, err));
		TRY(check_range(sub, "maximum of delivery attempts", sub->max_delivery_attempts, 5, 100, err));
		if (strcmp(sub->dead_letter_topic, sub->topic) == 0)
			return err_set(err, RC_REJECT, "subscription '%s': its own topic '%s' cannot be its dead-letter topic",
			               sub->name, sub->topic);
	}
	return b->ops->create_subscription(b, sub, err);
}
