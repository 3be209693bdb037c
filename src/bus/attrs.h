/* Attributes as bytes, as bus.db keeps them: for each one key length, value length (32 bits, little-endian), key, value. */
#ifndef BUS_ATTRS_H
#define BUS_ATTRS_H

#include "base/buf.h"
#include "bus/bus.h"

void attrs_pack(const struct bus_message *m, struct buf *out);
/* What attrs_unpack() takes from the arena at most. */
size_t attrs_unpacked_bytes(struct slice packed);
/* Sets attr and attr_count; keys and values point into `packed`.  RC_FATAL when it is damaged. */
MUST_USE enum rc attrs_unpack(struct slice packed, struct arena *arena, struct bus_message *m, struct err *err);

#endif
