#include "report.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "json.h"

uint64_t report_memory(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}

double report_kbps(uint64_t bytes, int64_t media)
{
    return media > 0 ? (double)bytes * 8000 / (double)media : 0;
}

static void write_latency(FILE *file, const char *name, const struct culvert_latency *latency)
{
    fprintf(file, "\"%s\": {\"p50\": %" PRIu32 ", \"p95\": %" PRIu32 ", \"p99\": %" PRIu32 ", \"max\": %" PRIu32 "}",
            name, latency->p50, latency->p95, latency->p99, latency->max);
}

void report_latencies(FILE *file, const struct culvert_stats *stats)
{
    fputs(", \"latency_us\": {", file);
    write_latency(file, "wait", &stats->wait);
    fputs(", ", file);
    write_latency(file, "convert", &stats->convert);
    fputs(", ", file);
    write_latency(file, "encode", &stats->encode);
    fputs(", ", file);
    write_latency(file, "total", &stats->total);
    fputs("}", file);
}

void report_counts(FILE *file, const struct culvert_stats *stats)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"frames", stats->submitted},    {"packets", stats->packets},     {"bytes", stats->bytes},
        {"keyframes", stats->keyframes}, {"epochs", stats->epochs},       {"encoded", stats->encoded},
        {"skipped", stats->skipped},     {"repeated", stats->repeated},   {"dropped", stats->dropped},
        {"inserted", stats->inserted},   {"failed", stats->failed},       {"lost", stats->lost},
        {"reopened", stats->reopened},   {"restarts", stats->restarts},   {"overshot", stats->overshot},
        {"scaled", stats->scaled},       {"refined", stats->refined},     {"refreshed", stats->refreshed},
        {"losses", stats->losses},       {"recovered", stats->recovered},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        fprintf(file, "%s\"%s\": %" PRIu64, i > 0 ? ", " : "", counts[i].name, counts[i].value);
}

void report_json(FILE *file, const struct report *report)
{
    const struct culvert_stats *stats = &report->stats;
    fprintf(file, "{\"codec\": \"%s\", ", report->codec);
    report_counts(file, stats);
    fprintf(file, ", \"rejected\": %" PRIu64 ", \"duration\": %.3f, \"elapsed\": %.3f, \"kbps\": %.1f",
            report->rejected, (double)report->media / 1e6, (double)report->elapsed / 1e6,
            report_kbps(stats->bytes, report->media));
    report_latencies(file, stats);
    fprintf(file, ", \"peak_memory\": %" PRIu64 ", \"params\": ", report->memory);
    json_string(file, report->params);
    fputs("}\n", file);
}

/* Frames that are not in the stream, and what is in it beside frames. */
static void text_unsent(FILE *file, const struct report *report)
{
    const struct culvert_stats *stats = &report->stats;
    if (stats->skipped + stats->repeated + stats->dropped + report->rejected + stats->inserted == 0)
        return;
    fprintf(file, "  without a packet: %" PRIu64 " skipped, ", stats->skipped);
    if (!report->repeats)
        fprintf(file, "%" PRIu64 " repeated, ", stats->repeated);
    fprintf(file, "%" PRIu64 " dropped, %" PRIu64 " rejected; ", stats->dropped, report->rejected);
    if (report->repeats)
        fprintf(file, "with one of no bytes: %" PRIu64 " repeated; ", stats->repeated);
    fprintf(file, "inserted: %" PRIu64 " packets\n", stats->inserted);
}

/* What does not happen to every stream. */
static void text_rare(FILE *file, const struct culvert_stats *stats)
{
    const struct {
        const char *what;
        uint64_t count;
    } rare[] = {
        {"frames that the bitrate had no room for", stats->overshot},
        {"frames scaled while an encoder opened", stats->scaled},
        {"still pictures refined", stats->refined},
        {"still pictures refreshed", stats->refreshed},
        {"losses reported", stats->losses},
        {"recoveries without a key frame", stats->recovered},
        {"epochs that the codec forced", stats->reopened},
    };
    for (size_t i = 0; i < sizeof rare / sizeof rare[0]; i++) {
        if (rare[i].count > 0)
            fprintf(file, "  %s: %" PRIu64 "\n", rare[i].what, rare[i].count);
    }
}

static void text_latency(FILE *file, const char *name, const struct culvert_latency *latency)
{
    fprintf(file, "  %-16s p50 %7.2f ms   p95 %7.2f ms   p99 %7.2f ms   max %7.2f ms\n", name, latency->p50 / 1e3,
            latency->p95 / 1e3, latency->p99 / 1e3, latency->max / 1e3);
}

void report_text(FILE *file, const char *output, const struct report *report)
{
    const struct culvert_stats *stats = &report->stats;
    fprintf(file, "%s: %" PRIu64 " frames, %.2f s, in %.2f s; %" PRIu64 " packets, %" PRIu64 " bytes, %.0f kbps\n",
            output, stats->submitted, (double)report->media / 1e6, (double)report->elapsed / 1e6, stats->packets,
            stats->bytes, report_kbps(stats->bytes, report->media));
    fprintf(file, "  epochs: %" PRIu64 ", key frames: %" PRIu64 ", peak memory: %.1f MiB\n", stats->epochs,
            stats->keyframes, (double)report->memory / (1 << 20));
    if (report->remote)
        fprintf(file, "  restarts: %" PRIu64 ", frames lost with an encoder that died: %" PRIu64 "\n", stats->restarts,
                stats->lost);
    text_unsent(file, report);
    text_rare(file, stats);
    text_latency(file, "wait", &stats->wait);
    text_latency(file, "convert", &stats->convert);
    text_latency(file, "encode", &stats->encode);
    text_latency(file, "frame to packet", &stats->total);
}
