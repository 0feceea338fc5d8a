#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libyuv/scale_argb.h>

#include "clip.h"
#include "console.h"
#include "interrupt.h"
#include "output.h"
#include "pace.h"
#include "settings.h"
#include "stream.h"

#define WHY 512

/* What PlayStation games switch among, and two odd ones. */
static const struct {
    uint32_t width, height;
} sizes[] = {{320, 240}, {256, 224}, {321, 239}, {512, 240}, {640, 480},
             {255, 223}, {368, 240}, {640, 480}, {256, 224}, {320, 240}};
enum {
    SIZES = sizeof sizes / sizeof sizes[0],
    HOLD = CLIP_RATE, /* frames that each size stays */
    FRAMES = SIZES * HOLD,
    LARGEST = 640 * 480,
};

/* A line of the table: an epoch. */
struct row {
    uint32_t epoch, width, height;
    uint64_t packets, bytes;
    int64_t duration;
    int64_t delay; /* from the first frame of this size to its packet */
};

struct demo {
    struct settings settings;
    struct clip clip;
    struct output output;
    struct stream stream;
    int64_t submitted[FRAMES + 1]; /* when, by frame number; written before the frame's packet can come */
    uint64_t last;                 /* number of the last packet's frame */
    struct row row;
    FILE *table; /* NULL: none */
    uint8_t pixels[4 * LARGEST];
    char why[WHY];
};

static void print_row(const struct demo *demo)
{
    const struct row *row = &demo->row;
    if (!demo->table || row->packets == 0)
        return;
    char size[24];
    snprintf(size, sizeof size, "%" PRIu32 "x%" PRIu32, row->width, row->height);
    fprintf(demo->table, "%5" PRIu32 "  %-9s %7" PRIu64 " %8.0f %12.2f ms\n", row->epoch, size, row->packets,
            report_kbps(row->bytes, row->duration), (double)row->delay / 1e3);
    fflush(demo->table);
}

/* The first frame of a size may have given way to a newer one: the wait began with it all the same. */
static void begin_row(struct demo *demo, const struct culvert_packet *packet, int64_t arrived)
{
    const uint64_t switched = (packet->frame - 1) / HOLD * HOLD + 1;
    const uint64_t first = switched > demo->last ? switched : demo->last + 1;
    demo->row = (struct row){.epoch = packet->epoch, .width = packet->width, .height = packet->height};
    demo->row.delay = arrived - demo->submitted[first];
}

static void watch(void *context, const struct culvert_packet *packet, size_t bytes, int64_t arrived)
{
    struct demo *demo = context;
    if (packet->flags & CULVERT_PACKET_EPOCH) {
        print_row(demo);
        begin_row(demo, packet, arrived);
    }
    demo->row.packets++;
    demo->row.bytes += bytes;
    demo->row.duration += packet->duration;
    demo->last = packet->frame;
}

static void draw(struct demo *demo, size_t n, const struct culvert_frame *frame)
{
    const int width = (int)frame->width, height = (int)frame->height;
    ARGBScale(clip_frame(&demo->clip, n), 4 * CLIP_WIDTH, CLIP_WIDTH, CLIP_HEIGHT, demo->pixels, 4 * width, width,
              height, kFilterBilinear);
}

static int play(struct demo *demo)
{
    struct culvert_frame frame = {
        .size = sizeof frame, .format = CULVERT_FORMAT_BGRA, .aspect_num = 4, .aspect_den = 3};
    const int64_t start = pace_now();
    for (size_t n = 0; n < FRAMES; n++) {
        frame.width = sizes[n / HOLD].width;
        frame.height = sizes[n / HOLD].height;
        draw(demo, n, &frame);
        pace_until(start + (int64_t)n * 1000000 / CLIP_RATE);
        demo->submitted[n + 1] = pace_now();
        frame.pts = demo->submitted[n + 1] - start;
        if (stream_submit(&demo->stream, &frame, demo->pixels, sizeof demo->pixels, demo->why) < 0)
            return -1;
    }
    return 0;
}

static int conclude(struct demo *demo, struct report *report)
{
    const struct settings *settings = &demo->settings;
    const bool piped = settings->output && strcmp(settings->output, "-") == 0;
    print_row(demo);
    if (settings->json)
        report_json(piped ? stderr : stdout, report);
    if (demo->why[0])
        return fail("%s", demo->why);
    if (demo->table)
        report_text(demo->table, settings->output ? settings->output : "totals", report);
    return STATUS_OK;
}

static int encode_stream(struct demo *demo)
{
    struct settings *settings = &demo->settings;
    struct report report;
    char why[STREAM_WHY];
    settings_rate(settings, CLIP_RATE, 1);
    const int result = stream_open(&demo->stream, &settings->config, why);
    if (result < 0) {
        if (demo->stream.output)
            output_close(&demo->output, demo->why);
        return settings_status(result) == STATUS_USAGE ? misuse("demo", "%s", why) : fail("%s", why);
    }
    if (demo->table)
        fprintf(demo->table, "epoch  size      packets     kbps  first packet\n");
    play(demo);
    if (stream_close(&demo->stream, &report, why) < 0)
        snprintf(demo->why, WHY, "%s", why);
    if (demo->stream.output && output_close(&demo->output, why) < 0 && !demo->why[0])
        snprintf(demo->why, WHY, "%s", why);
    report.media = (int64_t)report.stats.submitted * 1000000 / CLIP_RATE;
    return conclude(demo, &report);
}

static int run(struct demo *demo)
{
    const struct settings *settings = &demo->settings;
    const bool piped = settings->output && strcmp(settings->output, "-") == 0;
    const char *media = settings->media ? settings->media : clip_find();
    if (piped && isatty(STDOUT_FILENO))
        return misuse("demo", "-o -: standard output is a terminal");
    if (!media)
        return fail("the clip is not installed: name one with --media (tests/media/doom-320x240.mkv in the source)");
    const int loaded = clip_load(&demo->clip, media, FRAMES, demo->why);
    if (interrupted())
        return fail("interrupted before the first frame");
    if (loaded < 0)
        return fail("%s", demo->why);
    if (settings->output && output_open(&demo->output, settings->output, demo->why) < 0)
        return fail("%s", demo->why);
    demo->stream.output = settings->output ? &demo->output : NULL;
    demo->stream.watch = watch;
    demo->stream.context = demo;
    if (!settings->quiet)
        demo->table = piped || settings->json ? stderr : stdout;
    return encode_stream(demo);
}

int command_demo(int argc, char **argv)
{
    struct demo *demo = calloc(1, sizeof *demo);
    if (!demo)
        return fail("out of memory");
    int status = settings_parse(&demo->settings, COMMAND_DEMO, argc, argv);
    if (status == STATUS_OK && demo->settings.help) {
        puts(
            "usage: culvert demo [OPTION...]\n\n"
            "Plays ten seconds of gameplay at 60 frames per second and at the sizes that a PlayStation uses, with a\n"
            "switch every second, and prints a row for each: when its first packet was there, and its rate.\n");
        settings_print(stdout, COMMAND_DEMO);
    } else if (status == STATUS_OK) {
        status = run(demo);
    }
    clip_free(&demo->clip);
    settings_free(&demo->settings);
    free(demo);
    return status;
}
