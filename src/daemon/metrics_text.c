#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/metrics.h"

struct label {
    const char *name; /* NULL: there is none */
    uint32_t count;
    const char *values[METRICS_DEATHS];
};

static const struct label none = {.count = 1};
static const struct label codec = {"codec", METRICS_CODECS, {"h264", "vp8", "vp9", "null"}};
static const struct label outcome = {
    "outcome", METRICS_OUTCOMES, {"encoded", "skipped", "repeated", "dropped", "lost", "failed"}};
static const struct label close_reason = {
    "reason", METRICS_CLOSES, {"client", "gone", "crashed", "violation", "limit", "drained"}};
static const struct label refusal = {"reason", METRICS_REFUSALS, {"denied", "limit", "version", "protocol"}};
static const struct label cause = {"cause",
                                   METRICS_DEATHS,
                                   {"SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGKILL", "SIGSEGV", "SIGSYS", "SIGTERM",
                                    "SIGTRAP", "signal", "exit", "hung"}};

/* A family's values are an array of uint64_t in struct metrics: a row for each value of the first label, a column for
 * each of the second. */
static const struct family {
    const char *name, *type, *help;
    const struct label *rows, *columns;
    size_t offset;
} families[] = {
#define IN(member) offsetof(struct metrics, member)
    {"culvert_sessions", "gauge", "Sessions that are open.", &codec, &none, IN(open)},
    {"culvert_sessions_opened_total", "counter", "Sessions that were opened.", &codec, &none, IN(opened)},
    {"culvert_sessions_closed_total", "counter", "Sessions that ended, by what ended them.", &close_reason, &none,
     IN(closed)},
    {"culvert_connections_refused_total", "counter", "Connections that got no session.", &refusal, &none, IN(refused)},
    {"culvert_workers", "gauge", "Worker processes that run, spares among them.", &none, &none, IN(workers)},
    {"culvert_spare_workers", "gauge", "Worker processes that wait for a session.", &none, &none, IN(spares)},
    {"culvert_worker_starts_total", "counter", "Worker processes that were started.", &none, &none, IN(worker_starts)},
    {"culvert_worker_deaths_total", "counter",
     "Worker processes that died: by a signal, by an exit with an error, or killed because they hung.", &cause, &none,
     IN(worker_deaths)},
    {"culvert_worker_restarts_total", "counter", "Workers that took the place of one that had died in a session.",
     &codec, &none, IN(restarts)},
    {"culvert_crash_reports_total", "counter", "Crash reports that were written.", &none, &none, IN(crash_reports)},
    {"culvert_frames_total", "counter", "Frames whose outcome is known.", &codec, &outcome, IN(frames)},
    {"culvert_packets_total", "counter", "Packets of all streams.", &codec, &none, IN(packets)},
    {"culvert_packet_bytes_total", "counter", "Bytes in packets of all streams.", &codec, &none, IN(bytes)},
    {"culvert_keyframes_total", "counter", "Key frames of all streams.", &codec, &none, IN(keyframes)},
    {"culvert_epochs_total", "counter", "Epochs of all streams, the first ones among them.", &codec, &none, IN(epochs)},
#undef IN
};
#define FAMILIES (sizeof families / sizeof families[0])

/* Text in a room that does not grow. What does not fit is lost, and `full` says so. */
struct text {
    char *at;
    size_t room;
    bool full;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text->at, text->room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= text->room) {
        text->full = true;
        return;
    }
    text->at += length;
    text->room -= (size_t)length;
}

static void put_head(struct text *text, const char *name, const char *type, const char *help)
{
    put(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_sample(struct text *text, const struct family *family, uint32_t row, uint32_t column, uint64_t value)
{
    const struct label *rows = family->rows, *columns = family->columns;
    put(text, "%s", family->name);
    if (rows->name != NULL)
        put(text, "{%s=\"%s\"", rows->name, rows->values[row]);
    if (columns->name != NULL)
        put(text, ",%s=\"%s\"", columns->name, columns->values[column]);
    put(text, "%s %" PRIu64 "\n", rows->name != NULL ? "}" : "", value);
}

static void put_family(struct text *text, const struct family *family, const struct metrics *metrics)
{
    const uint64_t *values = (const uint64_t *)(const void *)((const char *)metrics + family->offset);
    put_head(text, family->name, family->type, family->help);
    for (uint32_t row = 0; row < family->rows->count; row++)
        for (uint32_t column = 0; column < family->columns->count; column++)
            put_sample(text, family, row, column, values[row * family->columns->count + column]);
}

#define LATENCY "culvert_frame_latency_seconds"

static void put_latency(struct text *text, const char *name, const struct latency_curve *latency)
{
    static const uint32_t bounds[LATENCY_BOUNDS] = {LATENCY_BOUNDS_US};
    for (uint32_t i = 0; i < LATENCY_BOUNDS; i++)
        put(text, LATENCY "_bucket{codec=\"%s\",le=\"%g\"} %" PRIu64 "\n", name, bounds[i] / 1e6, latency->le[i]);
    put(text, LATENCY "_bucket{codec=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", name, latency->count);
    put(text, LATENCY "_sum{codec=\"%s\"} %" PRIu64 ".%06" PRIu64 "\n", name, latency->sum_us / 1000000,
        latency->sum_us % 1000000);
    put(text, LATENCY "_count{codec=\"%s\"} %" PRIu64 "\n", name, latency->count);
}

size_t metrics_render(void *context, char *text, size_t size)
{
    const struct metrics *metrics = context;
    struct text out = {.at = text, .room = size};
    put_head(&out, "culvert_build_info", "gauge", "1, with the version of this culvertd.");
    put(&out, "culvert_build_info{version=\"%d.%d.%d\"} 1\n", CULVERT_VERSION_MAJOR, CULVERT_VERSION_MINOR,
        CULVERT_VERSION_PATCH);
    for (uint32_t i = 0; i < FAMILIES; i++)
        put_family(&out, &families[i], metrics);
    put_head(&out, LATENCY, "histogram", "From the call of submit to the last packet of the frame.");
    for (uint32_t i = 0; i < METRICS_CODECS; i++)
        put_latency(&out, codec.values[i], &metrics->latency[i]);
    return out.full ? 0 : (size_t)(out.at - text);
}
