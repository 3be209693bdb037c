#include "spotify/playlist_ref.h"

bool playlist_id_is_spotify(struct slice id)
{
	for (size_t i = 0; i < id.len; i++) {
		char c = id.ptr[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
			return false;
	}
	return id.len == 22;
}

/* The part after the last "<word><separator>", up to the next separator. */
static bool after(struct slice s, const char *word, char separator, struct slice *out)
{
	size_t from = 0;
	while (from < s.len) {
		size_t end = slice_find(s, separator, from);
		if (end < s.len && slice_is(slice_sub(s, from, end - from), word)) {
			size_t id_end = slice_find(s, separator, end + 1);
			*out = slice_sub(s, end + 1, id_end - end - 1);
			return true;
		}
		from = end + 1;
	}
	return false;
}

static bool strip(struct slice *s, const char *prefix)
{
	struct slice p = slice_of(prefix);
	if (!slice_starts(*s, p))
		return false;
	*s = slice_sub(*s, p.len, s->len - p.len);
	return true;
}

bool playlist_ref_parse(struct slice text, struct slice *out_id)
{
	struct slice s = slice_trim(text);
	bool found;
	if (strip(&s, "spotify:")) {
		found = after(s, "playlist", ':', out_id);
	} else if (slice_find(s, ':', 0) < s.len || slice_find(s, '/', 0) < s.len) {
		if (!strip(&s, "https://") && !strip(&s, "http://"))
			(void) strip(&s, "//"); /* without a scheme: open.spotify.com/playlist/… */
		s = slice_sub(s, 0, slice_find(s, '?', 0));
		s = slice_sub(s, 0, slice_find(s, '#', 0));
		found = (strip(&s, "open.spotify.com/") || strip(&s, "play.spotify.com/")) ? after(s, "playlist", '/', out_id)
		        : strip(&s, "api.spotify.com/v1/")                                ? after(s, "playlists", '/', out_id)
		                                                                            : false;
	} else {
		*out_id = s;
		return s.len > 0;
	}
	return found && playlist_id_is_spotify(*out_id);
}
