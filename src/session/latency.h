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
    uint64_t count, sum;
    uint32_t max;
    uint32_t buckets[LATENCY_BUCKETS];
};

void latency_record(struct latency *latency, uint32_t microseconds);
void latency_summary(const struct latency *latency, struct culvert_latency *summary);

/* below[i] is how many did not exceed bounds[i], of `bounded` bounds that rise; within 3 % of one it may be either. */
void latency_below(const struct latency *latency, const uint32_t *bounds, uint32_t bounded, uint64_t *below);

/* The same at bounds that suit frames, in microseconds: from a fast encoder's at a small size to one that stood still,
 * with a bound where a frame interval of 60 and of 30 a second ends. Of fixed width, to be told to other processes. */
#define LATENCY_BOUNDS_US \
    1000, 2000, 3000, 5000, 7000, 10000, 14000, 17000, 25000, 34000, 50000, 100000, 250000, 500000, 1000000
#define LATENCY_BOUNDS 15

struct latency_curve {
    uint64_t count, sum_us;
    uint64_t le[LATENCY_BOUNDS];
};
struct latency_curve latency_curve(const struct latency *latency);

#endif
