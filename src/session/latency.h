/* A histogram of durations: fixed memory, one increment to record, percentiles within 3 %.
 *
 * Buckets are logarithmic with 32 steps to each power of two, so a bucket is at most 1/32 of its value wide; below 32
 * µs each microsecond has its own. */
#ifndef SESSION_LATENCY_H
#define SESSION_LATENCY_H

#include <stdint.h>

#include "culvert/culvert.h"

#define LATENCY_STEPS 32
#define LATENCY_BUCKETS (28 * LATENCY_STEPS)

struct latency {
    uint64_t count;
    uint32_t max;
    uint32_t buckets[LATENCY_BUCKETS];
};

void latency_record(struct latency *latency, uint32_t microseconds);
void latency_summary(const struct latency *latency, struct culvert_latency *summary);

#endif
