#include "session/latency.h"

#define STEP_BITS 5
_Static_assert(LATENCY_STEPS == 1 << STEP_BITS, "");

static uint32_t bucket_of(uint32_t value)
{
    if (value < LATENCY_STEPS)
        return value;
    const uint32_t exponent = 31u - (uint32_t)__builtin_clz(value) - STEP_BITS;
    return (exponent << STEP_BITS) + (value >> exponent);
}

/* The middle of a bucket. */
static uint32_t value_of(uint32_t bucket)
{
    if (bucket < 2 * LATENCY_STEPS)
        return bucket;
    const uint32_t exponent = (bucket >> STEP_BITS) - 1;
    return ((LATENCY_STEPS + bucket % LATENCY_STEPS) << exponent) + (1u << (exponent - 1));
}

void latency_record(struct latency *latency, uint32_t microseconds)
{
    latency->buckets[bucket_of(microseconds)]++;
    latency->count++;
    latency->sum += microseconds;
    if (microseconds > latency->max)
        latency->max = microseconds;
}

/* The smallest value that at least `percent` of all do not exceed. */
static uint32_t percentile(const struct latency *latency, uint64_t percent)
{
    const uint64_t rank = (latency->count * percent + 99) / 100;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen >= rank && seen > 0)
            return value_of(i) < latency->max ? value_of(i) : latency->max;
    }
    return latency->max;
}

void latency_summary(const struct latency *latency, struct culvert_latency *summary)
{
    *summary = (struct culvert_latency){
        .p50 = percentile(latency, 50),
        .p95 = percentile(latency, 95),
        .p99 = percentile(latency, 99),
        .max = latency->max,
    };
}

void latency_below(const struct latency *latency, const uint32_t *bounds, uint32_t bounded, uint64_t *below)
{
    uint64_t seen = 0;
    uint32_t bucket = 0;
    for (uint32_t i = 0; i < bounded; i++) {
        while (bucket < LATENCY_BUCKETS && value_of(bucket) <= bounds[i])
            seen += latency->buckets[bucket++];
        below[i] = seen;
    }
}

struct latency_curve latency_curve(const struct latency *latency)
{
    static const uint32_t bounds[LATENCY_BOUNDS] = {LATENCY_BOUNDS_US};
    struct latency_curve curve = {.count = latency->count, .sum_us = latency->sum};
    latency_below(latency, bounds, LATENCY_BOUNDS, curve.le);
    return curve;
}
