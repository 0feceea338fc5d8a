/* Encodes raw I420 frames from standard input while the bitrate, the frame rate and the size change, and checks that no
 * three seconds hold more than a tenth above the bitrate, from one second after each change on.
 *
 *     staircase CODEC WIDTHxHEIGHT[*SCALE] FPS STEP... <frames
 *
 * A STEP is KBPS:SECONDS, of 5 seconds at least, with "/N" behind it for a game that draws each Nth frame only, "!"
 * after that when the host tells so, and "~N" when every N frames the picture is cropped to another of four sizes. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "culvert/culvert.h"

#define SECOND 1000000
#define WINDOW (3 * SECOND)
#define SLACK 1.10
#define STEPS 16
#define PACKETS 100000
#define BUFFER (8 << 20)
#define SIZES 4

struct step {
    uint32_t kbps, seconds, divisor, told, switches;
    int64_t begin, end; /* pts */
};

struct sent {
    int64_t pts;
    size_t bytes;
    uint32_t qp;
};

static struct {
    uint32_t codec, width, height, scale, fps;
    struct step steps[STEPS];
    int count;
    culvert_session session;
    uint8_t *frame, *buffer;
    size_t frame_bytes;
    struct sent sent[PACKETS];
    size_t packets;
    uint64_t shown; /* frames submitted */
    int64_t pts;
} run;

static void fail(const char *what)
{
    fprintf(stderr, "staircase: %s\n", what);
    exit(2);
}

static bool read_step(const char *text, struct step *step)
{
    char *end;
    *step = (struct step){.divisor = 1};
    step->kbps = (uint32_t)strtoul(text, &end, 10);
    if (*end++ != ':')
        return false;
    step->seconds = (uint32_t)strtoul(end, &end, 10);
    if (*end == '/')
        step->divisor = (uint32_t)strtoul(end + 1, &end, 10);
    step->told = *end == '!';
    end += step->told;
    if (*end == '~')
        step->switches = (uint32_t)strtoul(end + 1, &end, 10);
    return *end == '\0' && step->kbps > 0 && step->seconds >= 5 && step->divisor > 0;
}

static uint32_t codec_of(const char *name)
{
    static const char *const names[] = {
        [CULVERT_CODEC_H264] = "h264", [CULVERT_CODEC_VP8] = "vp8", [CULVERT_CODEC_VP9] = "vp9"};
    for (uint32_t i = 1; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    fail("the codec is h264, vp8 or vp9");
    return 0;
}

static void read_arguments(int argc, char **argv)
{
    run.scale = 1;
    if (argc < 5 || argc > 4 + STEPS ||
        sscanf(argv[2], "%" SCNu32 "x%" SCNu32 "*%" SCNu32, &run.width, &run.height, &run.scale) < 2)
        fail("usage: staircase CODEC WIDTHxHEIGHT[*SCALE] FPS STEP...");
    run.codec = codec_of(argv[1]);
    run.fps = (uint32_t)strtoul(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++)
        if (!read_step(argv[i], &run.steps[run.count++]))
            fail("a step is KBPS:SECONDS[/N][!][~N], of 5 seconds or more");
    run.frame_bytes = (size_t)run.width * run.height * 3 / 2;
    run.frame = malloc(run.frame_bytes);
    run.buffer = malloc(BUFFER);
}

static void open_session(void)
{
    struct culvert_config config;
    char why[256];
    culvert_config_defaults(&config, sizeof config);
    config.codec = run.codec;
    config.fps_num = run.fps;
    config.fps_den = 1;
    config.bitrate_kbps = run.steps[0].kbps;
    config.scale = run.scale;
    config.policy = CULVERT_POLICY_BLOCK;
    config.slots = 2;
    /* The sizes below are reached with the frames that ask for them, so that each run is the same. */
    config.resize = CULVERT_RESIZE_AT_ONCE;
    if (getenv("OVERSHOOT") != NULL)
        config.floor = CULVERT_FLOOR_OVERSHOOT;
    if (culvert_open(&config, &run.session, why, sizeof why) < 0)
        fail(why);
}

static void receive(uint32_t timeout_ms)
{
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    while (culvert_receive(run.session, run.buffer, BUFFER, &bytes, &packet, timeout_ms) == 0 && run.packets < PACKETS)
        run.sent[run.packets++] = (struct sent){packet.pts, bytes, packet.qp};
}

static void submit(const struct step *step)
{
    const uint32_t crop = step->switches > 0 ? (uint32_t)(run.shown / step->switches) % SIZES * 16 : 0;
    const size_t luma = (size_t)run.width * run.height;
    const struct culvert_frame frame = {
        .size = sizeof frame,
        .format = CULVERT_FORMAT_I420,
        .width = run.width - crop,
        .height = run.height - crop,
        .offset = {0, (uint32_t)luma, (uint32_t)(luma + luma / 4)},
        .stride = {run.width, run.width / 2, run.width / 2},
        .pts = run.pts,
    };
    int result;
    while ((result = culvert_submit(run.session, &frame, run.frame, run.frame_bytes)) == CULVERT_E_AGAIN)
        receive(1);
    if (result < 0)
        fail(culvert_strerror(result));
    run.shown++;
}

static void play(struct step *step)
{
    culvert_set_bitrate(run.session, step->kbps, NULL);
    culvert_set_framerate(run.session, run.fps, step->told ? step->divisor : 1, NULL);
    step->begin = run.pts;
    for (uint32_t i = 0; i < step->seconds * run.fps; i++) {
        if (fread(run.frame, 1, run.frame_bytes, stdin) != run.frame_bytes)
            fail("standard input ends early");
        if (i % step->divisor != 0)
            continue;
        submit(step);
        receive(0);
        run.pts += (int64_t)SECOND * step->divisor / run.fps;
    }
    step->end = run.pts;
}

static double rate_between(int64_t begin, int64_t end)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < run.packets; i++)
        bytes += run.sent[i].pts >= begin && run.sent[i].pts < end ? run.sent[i].bytes : 0;
    return (double)bytes * 8 * SECOND / 1000 / (double)(end - begin);
}

static double worst_window(const struct step *step)
{
    const int64_t from = step->begin + SECOND;
    double worst = 0;
    for (size_t i = 0; i < run.packets; i++) {
        const int64_t begin = run.sent[i].pts;
        if (begin < from || begin + WINDOW > step->end)
            continue;
        const double rate = rate_between(begin, begin + WINDOW);
        worst = rate > worst ? rate : worst;
    }
    return worst;
}

static double mean_qp(const struct step *step)
{
    uint64_t sum = 0, count = 0;
    for (size_t i = 0; i < run.packets; i++)
        if (run.sent[i].pts >= step->begin + SECOND && run.sent[i].pts < step->end) {
            sum += run.sent[i].qp;
            count++;
        }
    return count == 0 ? 0 : (double)sum / (double)count;
}

static bool judge(const struct step *step)
{
    const double worst = worst_window(step), mean = rate_between(step->begin + SECOND, step->end);
    size_t frames = 0;
    for (size_t i = 0; i < run.packets; i++)
        frames += run.sent[i].pts >= step->begin && run.sent[i].pts < step->end;
    const bool holds = worst > 0 && worst <= SLACK * step->kbps;
    printf("# %s %" PRIu32 " kb/s: %.0f on average (%.0f %%), %.0f %% in the worst window, %zu packets in %" PRIu32
           " s, quantiser %.0f\n",
           holds ? "held" : "missed", step->kbps, mean, 100 * mean / step->kbps, 100 * worst / step->kbps, frames,
           step->seconds, mean_qp(step));
    return holds;
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    open_session();
    for (int i = 0; i < run.count; i++)
        play(&run.steps[i]);
    culvert_finish(run.session);
    receive(CULVERT_WAIT_FOREVER);
    struct culvert_stats stats = {.size = sizeof stats};
    culvert_stats(run.session, &stats);
    culvert_close(run.session);
    int bad = 0;
    for (int i = 0; i < run.count; i++)
        bad += !judge(&run.steps[i]);
    printf("# %" PRIu64 " frames, %" PRIu64 " dropped, %" PRIu64 " overshot, %" PRIu64 " epochs, %" PRIu64
           " key frames\n",
           stats.submitted, stats.dropped, stats.overshot, stats.epochs, stats.keyframes);
    free(run.frame);
    free(run.buffer);
    return bad > 0;
}
