/* Bits of the last second of a stream, by its own time. */
#ifndef SESSION_METER_H
#define SESSION_METER_H

#include <stdint.h>

#define METER_SLOTS 11 /* tenths of a second, the present one included */

struct meter {
    int64_t slot; /* the present one, in tenths of a second */
    uint64_t bits[METER_SLOTS];
};

void meter_add(struct meter *meter, int64_t pts, uint64_t bits);
/* Kilobits per second, from full tenths of a second alone: the present one is not complete. */
uint32_t meter_kbps(const struct meter *meter);

#endif
