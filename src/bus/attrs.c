#include "bus/attrs.h"

#define LENGTHS_BYTES 8

static void add_length(struct buf *out, size_t len)
{
	for (int shift = 0; shift < 32; shift += 8)
		buf_addc(out, (char) (len >> shift & 0xff));
}

static size_t length_at(const char *p)
{
	size_t len = 0;
	for (int i = 3; i >= 0; i--)
		len = len << 8 | (unsigned char) p[i];
	return len;
}

void attrs_pack(const struct bus_message *m, struct buf *out)
{
	for (size_t i = 0; i < m->attr_count; i++) {
		add_length(out, m->attr[i].key.len);
		add_length(out, m->attr[i].value.len);
		buf_add(out, m->attr[i].key);
		buf_add(out, m->attr[i].value);
	}
}

size_t attrs_unpacked_bytes(struct slice packed)
{
	return packed.len / LENGTHS_BYTES * sizeof(struct bus_attr) + 16;
}

enum rc attrs_unpack(struct slice packed, struct arena *arena, struct bus_message *m, struct err *err)
{
	m->attr = arena_alloc(arena, packed.len / LENGTHS_BYTES * sizeof *m->attr);
	m->attr_count = 0;
	while (packed.len) {
		if (packed.len < LENGTHS_BYTES)
			return err_set(err, RC_FATAL, "damaged attributes");
		size_t key = length_at(packed.ptr), value = length_at(packed.ptr + 4);
		packed = slice_sub(packed, LENGTHS_BYTES, packed.len - LENGTHS_BYTES);
		if (key > packed.len || value > packed.len - key)
			return err_set(err, RC_FATAL, "damaged attributes");
		m->attr[m->attr_count++] = (struct bus_attr){ slice_sub(packed, 0, key), slice_sub(packed, key, value) };
		packed = slice_sub(packed, key + value, packed.len - key - value);
	}
	return RC_OK;
}
