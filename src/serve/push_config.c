#include "serve/push_config.h"

#include "serve/pubsub_json.h"

#include <strings.h>

#define WHERE "pushConfig"
#define MEMBER_BYTES_MAX ((size_t) 2048)
#define TEXT_BYTES_MAX ((size_t) 1 << 16) /* escapes take up to six times as much; the bus has a limit of its own */

/* --- from JSON ---------------------------------------------------------------------------------------------- */

static bool is_url(const char *s)
{
	size_t scheme = strncasecmp(s, "https://", 8) == 0 ? 8 : strncasecmp(s, "http://", 7) == 0 ? 7 : 0;
	if (!scheme || strcspn(s + scheme, "/?#") == 0)
		return false;
	for (const char *p = s; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

static enum rc read_attributes(const struct json *v, struct arena *arena, struct push_config *out, struct err *err)
{
	const struct json *attributes;
	TRY(pubsub_object(v, "attributes", &attributes, err));
	TRY(pubsub_only_fields(attributes, WHERE ".attributes", "x-goog-version", err));
	TRY(pubsub_text(attributes, "x-goog-version", MEMBER_BYTES_MAX, arena, &out->version, err));
	if (!out->version[0])
		out->version = "v1";
	if (strcmp(out->version, "v1") == 0 || strcmp(out->version, "v1beta2") == 0 || strcmp(out->version, "v1beta1") == 0)
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid push configuration: x-goog-version '%.100s': want v1beta1, v1beta2 or v1", out->version);
}

static enum rc read_oidc(const struct json *v, struct arena *arena, struct push_config *out, struct err *err)
{
	const struct json *token;
	TRY(pubsub_object(v, "oidcToken", &token, err));
	TRY(pubsub_only_fields(token, WHERE ".oidcToken", "serviceAccountEmail audience", err));
	TRY(pubsub_text(token, "serviceAccountEmail", MEMBER_BYTES_MAX, arena, &out->oidc_email, err));
	TRY(pubsub_text(token, "audience", MEMBER_BYTES_MAX, arena, &out->oidc_audience, err));
	if (!token || strchr(out->oidc_email, '@'))
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid push configuration: oidcToken.serviceAccountEmail '%.100s': want the e-mail address of a service account",
	               out->oidc_email);
}

static enum rc read_wrapper(const struct json *v, struct push_config *out, struct err *err)
{
	const struct json *wrapper, *none;
	TRY(pubsub_object(v, "pubsubWrapper", &wrapper, err));
	TRY(pubsub_only_fields(wrapper, WHERE ".pubsubWrapper", "", err));
	TRY(pubsub_object(v, "noWrapper", &none, err));
	TRY(pubsub_only_fields(none, WHERE ".noWrapper", "writeMetadata", err));
	TRY(pubsub_bool(none, "writeMetadata", &out->write_metadata, err));
	if (wrapper && none)
		return err_set(err, RC_REJECT, "Invalid value at '" WHERE "': pubsubWrapper and noWrapper exclude each other: give one");
	out->no_wrapper = none != NULL;
	return RC_OK;
}

enum rc push_config_read(const struct json *v, struct arena *arena, struct push_config *out, struct err *err)
{
	*out = (struct push_config){ 0 };
	TRY(pubsub_only_fields(v, WHERE, "pushEndpoint attributes oidcToken pubsubWrapper noWrapper", err));
	TRY(pubsub_text(v, "pushEndpoint", MEMBER_BYTES_MAX, arena, &out->endpoint, err));
	TRY(read_attributes(v, arena, out, err));
	TRY(read_oidc(v, arena, out, err));
	TRY(read_wrapper(v, out, err));
	if (!out->endpoint[0] || is_url(out->endpoint))
		return RC_OK;
	return err_set(err, RC_REJECT, "Invalid push endpoint given (endpoint=%.200s): want http:// or https:// and a host", out->endpoint);
}

enum rc push_config_parse(const char *text, struct arena *arena, struct push_config *out, struct err *err)
{
	CLEANUP(json_freep) struct json *root = NULL;
	if (*text)
		TRY_WRAP(json_parse(slice_of(text), &root, err), err, "push configuration");
	if (root && json_type(root) != JSON_OBJECT)
		return err_set(err, RC_REJECT, "push configuration: want an object");
	return push_config_read(root, arena, out, err);
}

/* --- to JSON ------------------------------------------------------------------------------------------------ */

static void set_text(struct json *object, const char *name, const char *text)
{
	if (*text)
		json_set(object, name, json_new_string(slice_of(text)));
}

struct json *push_config_json(const struct push_config *config)
{
	struct json *root = json_new_object();
	if (!config->endpoint[0])
		return root;
	struct json *attributes = json_new_object();
	set_text(root, "pushEndpoint", config->endpoint);
	set_text(attributes, "x-goog-version", config->version);
	json_set(root, "attributes", attributes);
	if (config->oidc_email[0]) {
		struct json *token = json_new_object();
		set_text(token, "serviceAccountEmail", config->oidc_email);
		set_text(token, "audience", config->oidc_audience);
		json_set(root, "oidcToken", token);
	}
	if (config->no_wrapper) {
		struct json *none = json_new_object();
		if (config->write_metadata)
			json_set(none, "writeMetadata", json_new_bool(true));
		json_set(root, "noWrapper", none);
	}
	return root;
}

const char *push_config_text(const struct push_config *config, struct arena *arena)
{
	CLEANUP(json_freep) struct json *root = push_config_json(config);
	CLEANUP(buf_done) struct buf text = buf_new(TEXT_BYTES_MAX);
	if (!config->endpoint[0])
		return "";
	json_write(root, JSON_COMPACT, &text);
	return arena_strdup(arena, buf_slice(&text));
}
