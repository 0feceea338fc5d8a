#include "commands.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libyuv/scale_argb.h>

#include "clip.h"
#include "console.h"
#include "interrupt.h"
#include "pace.h"
#include "settings.h"
#include "stream.h"

/* What PlayStation games switch among, and two odd ones, a second each; and what else befalls a stream. */
static const struct scene {
    uint32_t width, height;
    bool half;  /* the network has room for half the bitrate */
    bool still; /* the game is paused */
    bool loss;  /* frames do not arrive */
} scenes[] = {
    {.width = 320, .height = 240},
    {.width = 256, .height = 224},
    {.width = 321, .height = 239},
    {.width = 512, .height = 240},
    {.width = 640, .height = 480, .half = true},
    {.width = 255, .height = 223, .half = true},
    {.width = 368, .height = 240},
    {.width = 640, .height = 480},
    {.width = 256, .height = 224, .still = true},
    {.width = 320, .height = 240, .loss = true},
};
enum {
    SCENES = sizeof scenes / sizeof scenes[0],
    HOLD = CLIP_RATE, /* frames that each lasts */
    FRAMES = SCENES * HOLD,
    LOSS = 44, /* the frame of the scene before which a loss is reported */
    LOST = 3,  /* of the frames before it */
    LARGEST = 640 * 480,
    BITRATE = 4000, /* the library's default */
};

/* A line of the table: a scene, as a viewer meets it. */
struct row {
    const struct scene *scene;
    uint32_t width, height; /* of the stream */
    bool met;               /* a packet of the scene's own size has come, after `delay` from its first frame */
    uint64_t units, scaled, bytes;
    int64_t delay, gap;
};

struct demo {
    struct settings settings;
    struct clip clip;
    struct stream stream;
    int64_t submitted[FRAMES + 1]; /* when, by frame number; written before the frame's packet can come */
    int64_t arrived;               /* the last packet; or when the game went on after it had stood still */
    int64_t came[LOST];            /* pts of the access units that came last */
    _Atomic int64_t lost;          /* the oldest of these: what a loss is reported of has been sent */
    int64_t reported;              /* when frames were reported lost */
    int64_t recovery;              /* from then to the packet that answers; 0: none yet */
    bool recovered_by_key;
    struct row row;
    int64_t media; /* that was submitted */
    FILE *table;   /* NULL: none */
    uint8_t pixels[4 * LARGEST];
    char why[STREAM_WHY];
};

static int64_t pts_of(size_t n)
{
    return (int64_t)n * 1000000 / CLIP_RATE;
}

static void print_events(const struct demo *demo)
{
    const struct row *row = &demo->row;
    if (row->scene->half)
        fputs("  half the bitrate", demo->table);
    if (row->scene->still)
        fputs("  a still picture", demo->table);
    if (row->scaled > 0)
        fprintf(demo->table, "  %" PRIu64 " scaled", row->scaled);
    if (row->scene->loss && demo->recovery > 0)
        fprintf(demo->table, "  %d lost, %s after %.2f ms", LOST,
                demo->recovered_by_key ? "a key frame" : "recovered without a key frame", (double)demo->recovery / 1e3);
}

static void print_time(FILE *table, bool known, int64_t time)
{
    if (known)
        fprintf(table, " %10.2f ms", (double)time / 1e3);
    else
        fprintf(table, " %13s", "-");
}

/* The media ends at `end`, within the scene perhaps. */
static void print_row(const struct demo *demo, int64_t end)
{
    const struct row *row = &demo->row;
    if (!demo->table || row->units == 0)
        return;
    const int64_t lasted = end - pts_of((size_t)(row->scene - scenes) * HOLD), most = pts_of(HOLD);
    char game[24], stream[24];
    snprintf(game, sizeof game, "%" PRIu32 "x%" PRIu32, row->scene->width, row->scene->height);
    snprintf(stream, sizeof stream, "%" PRIu32 "x%" PRIu32, row->width, row->height);
    fprintf(demo->table, "%-8s  %-8s %8" PRIu64 " %8.0f", game, stream, row->units,
            report_kbps(row->bytes, lasted < most ? lasted : most));
    print_time(demo->table, row->met, row->delay);
    print_time(demo->table, !row->scene->still, row->gap);
    print_events(demo);
    fputc('\n', demo->table);
    fflush(demo->table);
}

/* The first frame of a scene may have given way to a newer one: the wait began with it all the same. */
static int64_t scene_began(const struct demo *demo, const struct scene *scene)
{
    return demo->submitted[(scene - scenes) * HOLD + 1];
}

static void begin_row(struct demo *demo, const struct scene *scene)
{
    const bool stood = demo->row.scene && demo->row.scene->still;
    if (!demo->row.scene || stood)
        demo->arrived = scene_began(demo, scene);
    demo->row = (struct row){.scene = scene};
}

/* Slices count with the first of them; a gap is none where the game stands still. */
static void note_unit(struct demo *demo, const struct culvert_packet *packet, int64_t arrived)
{
    struct row *row = &demo->row;
    const bool scaled = packet->flags & CULVERT_PACKET_SCALED;
    row->units++;
    memmove(demo->came, demo->came + 1, sizeof demo->came - sizeof demo->came[0]);
    demo->came[LOST - 1] = packet->pts;
    atomic_store(&demo->lost, demo->came[0]);
    row->scaled += scaled;
    row->width = packet->width;
    row->height = packet->height;
    if (!row->met && !scaled)
        row->delay = arrived - scene_began(demo, row->scene);
    row->met = row->met || !scaled;
    if (!row->scene->still && arrived - demo->arrived > row->gap)
        row->gap = arrived - demo->arrived;
    demo->arrived = arrived;
    if (packet->flags & CULVERT_PACKET_RECOVERY) {
        demo->recovery = arrived - demo->reported;
        demo->recovered_by_key = packet->flags & CULVERT_PACKET_KEY;
    }
}

static void watch(void *context, const struct culvert_packet *packet, size_t bytes, int64_t arrived)
{
    struct demo *demo = context;
    const struct scene *scene = &scenes[(packet->frame - 1) / HOLD];
    if (bytes == 0)
        return;
    if (scene != demo->row.scene) {
        print_row(demo, pts_of(FRAMES));
        begin_row(demo, scene);
    }
    if (packet->flags & CULVERT_PACKET_FIRST_SLICE)
        note_unit(demo, packet, arrived);
    demo->row.bytes += bytes;
}

static void draw(struct demo *demo, size_t n, const struct culvert_frame *frame)
{
    const int width = (int)frame->width, height = (int)frame->height;
    ARGBScale(clip_frame(&demo->clip, n), 4 * CLIP_WIDTH, CLIP_WIDTH, CLIP_HEIGHT, demo->pixels, 4 * width, width,
              height, kFilterBilinear);
}

/* What changes with a scene's first frame, and in its midst. */
static void direct(struct demo *demo, size_t n)
{
    const struct scene *scene = &scenes[n / HOLD];
    const uint32_t given = demo->settings.config.bitrate_kbps, whole = given ? given : BITRATE;
    const bool halves = n >= HOLD && scene->half != scene[-1].half;
    if (n % HOLD == 0 && halves)
        culvert_set_bitrate(demo->stream.session, scene->half ? (whole + 1) / 2 : whole, NULL);
    if (n % HOLD != LOSS || !scene->loss)
        return;
    demo->reported = pace_now();
    culvert_report_loss(demo->stream.session, atomic_load(&demo->lost), NULL);
}

static void play(struct demo *demo)
{
    struct culvert_frame frame = {
        .size = sizeof frame, .format = CULVERT_FORMAT_BGRA, .aspect_num = 4, .aspect_den = 3};
    const int64_t start = pace_now();
    for (size_t n = 0; n < FRAMES; n++) {
        const struct scene *scene = &scenes[n / HOLD];
        frame.width = scene->width;
        frame.height = scene->height;
        if (n % HOLD == 0 || !scene->still)
            draw(demo, n, &frame);
        pace_until(start + pts_of(n));
        direct(demo, n);
        demo->submitted[n + 1] = pace_now();
        frame.pts = pts_of(n);
        if (stream_submit(&demo->stream, &frame, demo->pixels, sizeof demo->pixels, demo->why) < 0)
            return;
        demo->media = pts_of(n + 1);
    }
}

static int encode_stream(struct demo *demo)
{
    struct settings *settings = &demo->settings;
    settings_rate(settings, CLIP_RATE, 1);
    const int status = stream_open(&demo->stream, settings);
    if (status != STATUS_OK)
        return status;
    if (demo->table)
        fprintf(demo->table, "game      stream     frames     kbps  first frame   longest gap\n");
    play(demo);
    struct report report = {.media = demo->media};
    stream_close(&demo->stream, settings, &report, demo->why);
    print_row(demo, demo->media);
    if (demo->why[0])
        return fail("%s", demo->why);
    if (demo->table)
        report_text(demo->table, settings->output ? output_name(settings->output) : "totals", &report);
    return STATUS_OK;
}

static int run(struct demo *demo)
{
    const struct settings *settings = &demo->settings;
    const char *media = settings->media ? settings->media : clip_find();
    if (!media)
        return fail("the clip is not installed: name one with --media (tests/media/doom-320x240.mkv in the source)");
    const int loaded = clip_load(&demo->clip, media, FRAMES, demo->why);
    if (interrupted())
        return fail("interrupted before the first frame");
    if (loaded < 0)
        return fail("%s", demo->why);
    demo->stream.watch = watch;
    demo->stream.context = demo;
    if (!settings->quiet)
        demo->table = settings->piped || settings->json ? stderr : stdout;
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
            "Plays ten seconds of gameplay at 60 frames per second and at the sizes that a PlayStation uses,\n"
            "with a switch every second; halves the bitrate, stands still and loses frames on the way. Prints\n"
            "a row for each second: the frames that came, their rate, how long the first one of the new size\n"
            "took, and the longest gap.\n");
        settings_print(stdout, COMMAND_DEMO);
    } else if (status == STATUS_OK) {
        status = run(demo);
    }
    clip_free(&demo->clip);
    settings_free(&demo->settings);
    free(demo);
    return status;
}
