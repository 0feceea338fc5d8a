/* Writes the metrics of a culvertd that has seen a bit of everything, for promtool to check. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/metrics.h"

static void live(struct metrics *metrics, uint32_t codec)
{
    struct metrics_session session;
    struct latency_curve latency = {.count = 100, .sum_us = 543210};
    for (uint32_t i = 0; i < LATENCY_BOUNDS; i++)
        latency.le[i] = 10 + 6 * i;
    const struct culvert_stats stats = {.encoded = 100, .skipped = 3, .packets = 100, .bytes = 123456, .keyframes = 2};
    metrics_worker_start(metrics);
    metrics_open(metrics, &session, codec);
    metrics_pulse(metrics, &session, &stats, &latency);
    metrics_restart(metrics, &session);
    metrics_worker_end(metrics, SIGSEGV, false);
}

int main(void)
{
    static struct metrics metrics;
    static char text[METRICS_TEXT_MOST];
    for (uint32_t codec = CULVERT_CODEC_H264; codec <= CULVERT_CODEC_NULL; codec++)
        live(&metrics, codec);
    const size_t length = metrics_render(&metrics, text, sizeof text);
    return length > 0 && fwrite(text, 1, length, stdout) == length ? EXIT_SUCCESS : EXIT_FAILURE;
}
