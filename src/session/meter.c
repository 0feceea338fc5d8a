#include "session/meter.h"

#include <libavutil/common.h>

#define SLOT_US 100000

void meter_add(struct meter *meter, int64_t pts, uint64_t bits)
{
    const int64_t slot = pts / SLOT_US, step = FFMIN(slot - meter->slot, METER_SLOTS);
    for (int64_t i = 0; i < step; i++)
        meter->bits[(slot - i) % METER_SLOTS] = 0;
    meter->slot = FFMAX(meter->slot, slot);
    meter->bits[meter->slot % METER_SLOTS] += bits;
}

uint32_t meter_kbps(const struct meter *meter)
{
    uint64_t sum = 0;
    for (int i = 0; i < METER_SLOTS; i++)
        sum += i == meter->slot % METER_SLOTS ? 0 : meter->bits[i];
    return (uint32_t)FFMIN(sum / 1000, UINT32_MAX);
}
