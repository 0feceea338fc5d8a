/* Every control call at random, a hundred times a second from a thread of their own, while a game changes its size all
 * the time; a decoder and the accounting are the judges.
 *
 *     control_storm CODEC SECONDS [SEED]        TAP on standard output */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "culvert/culvert.h"
#include "decoder.h"
#include "draw.h"

#define SECOND 1000000
#define TEXTURE 1024
#define UNIT_MAX (4 << 20)
#define WHY 256

static struct {
    uint32_t codec, seconds;
    culvert_session session;
    atomic_bool over;
    _Atomic int64_t newest; /* pts of the packet received last */
    atomic_uint control;    /* the number of the last control call, at least */
    atomic_uint calls;
    pthread_mutex_t lock;
    char why[WHY]; /* what went wrong first */
    uint64_t packets, units;
} storm = {.lock = PTHREAD_MUTEX_INITIALIZER, .newest = -1};

static void blame(const char *what, int64_t detail)
{
    pthread_mutex_lock(&storm.lock);
    if (storm.why[0] == '\0')
        snprintf(storm.why, WHY, "%s (%" PRId64 ")", what, detail);
    pthread_mutex_unlock(&storm.lock);
}

static void sleep_us(long us)
{
    nanosleep(&(struct timespec){.tv_sec = us / SECOND, .tv_nsec = us % SECOND * 1000}, NULL);
}

/* ---- Controls ---------------------------------------------------------------------------------------------------- */

static int call_once(uint32_t *state, uint32_t *number)
{
    static const uint32_t kbps[] = {1, 40, 150, 500, 2000, 8000, 60000, 500000};
    static const uint32_t fps[] = {1, 15, 30, 60, 144, 1000};
    struct culvert_stats stats = {.size = sizeof stats};
    char text[4096];
    const culvert_session session = storm.session;
    switch (draw(state, 11)) {
    case 0:
    case 1:
        return culvert_set_bitrate(session, kbps[draw(state, 8)], number);
    case 2:
        return culvert_set_framerate(session, fps[draw(state, 6)], 1, number);
    case 3:
        return culvert_set_speed(session, (int32_t)draw(state, 12) - 1, number);
    case 4:
        return culvert_request_keyframe(session, number);
    case 5:
    case 6:
        return culvert_report_loss(session, atomic_load(&storm.newest) - (int64_t)draw(state, SECOND), number);
    case 7:
        return draw(state, 4) > 0 ? 0 : culvert_pause(session, number);
    case 8:
        return culvert_resume(session, number);
    case 9:
        return culvert_stats(session, &stats);
    default:
        culvert_error_text(session, text, sizeof text);
        return culvert_params(session, text, sizeof text, NULL) == CULVERT_E_HANDLE ? CULVERT_E_HANDLE : 0;
    }
}

static void *control(void *argument)
{
    uint32_t state = *(const uint32_t *)argument;
    while (!atomic_load(&storm.over)) {
        uint32_t number = 0;
        const int result = call_once(&state, &number);
        if (result != 0 && result != CULVERT_REOPENS && result != CULVERT_E_LEVEL)
            blame(culvert_strerror(result), result);
        if (number > 0)
            atomic_store(&storm.control, number);
        atomic_fetch_add(&storm.calls, 1);
        sleep_us(SECOND / 100);
    }
    culvert_resume(storm.session, NULL);
    return NULL;
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

struct viewer {
    struct decoder *decoder;
    uint8_t *unit;
    size_t bytes;
    int64_t pts;
    uint32_t epoch, control;
};

static void check_packet(struct viewer *viewer, const struct culvert_packet *packet)
{
    const bool begins = packet->flags & CULVERT_PACKET_FIRST_SLICE;
    if (begins != (viewer->bytes == 0))
        blame("a slice is missing", packet->pts);
    if (begins && packet->pts <= viewer->pts)
        blame("the pts does not rise", packet->pts);
    if (packet->epoch != viewer->epoch && (packet->flags & CULVERT_PACKET_KEY) == 0)
        blame("an epoch begins without a key frame", packet->epoch);
    if (packet->control < viewer->control)
        blame("the number of the control call falls", packet->control);
    for (uint32_t i = 0; i < packet->references; i++)
        if (packet->reference[i] >= packet->pts)
            blame("it refers to a later frame", packet->pts);
    viewer->pts = packet->pts;
    viewer->epoch = packet->epoch;
    viewer->control = packet->control;
}

static void show(struct viewer *viewer, const struct culvert_packet *packet)
{
    if (!decoder_take(viewer->decoder, viewer->unit, viewer->bytes))
        blame("it does not decode", packet->pts);
    else if (decoder_width(viewer->decoder) != packet->coded_width ||
             decoder_height(viewer->decoder) != packet->coded_height)
        blame("it has another size than it says", decoder_width(viewer->decoder));
    viewer->bytes = 0;
    storm.units++;
    atomic_store(&storm.newest, packet->pts);
}

static void *receive(void *argument)
{
    struct viewer *viewer = argument;
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    int result;
    while ((result = culvert_receive(storm.session, viewer->unit + viewer->bytes, UNIT_MAX - viewer->bytes, &bytes,
                                     &packet, CULVERT_WAIT_FOREVER)) == 0) {
        storm.packets++;
        check_packet(viewer, &packet);
        viewer->bytes += bytes;
        if (packet.flags & CULVERT_PACKET_LAST_SLICE)
            show(viewer, &packet);
    }
    if (result != CULVERT_EOS)
        blame(culvert_strerror(result), result);
    return NULL;
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

static void play(uint32_t seed)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{320, 240}, {256, 224}, {512, 240}, {640, 480}, {321, 239}, {160, 144}};
    static uint8_t texture[TEXTURE * TEXTURE * 4];
    uint32_t state = seed, size = 0;
    draw_texture(texture, TEXTURE);
    for (uint32_t i = 0; i < storm.seconds * 60; i++) {
        const size_t from = ((size_t)(i * 3 % 256) * TEXTURE + i * 5 % 256) * 4;
        if (draw(&state, 20) == 0)
            size = draw(&state, 6);
        const struct culvert_frame frame = {
            .size = sizeof frame,
            .format = CULVERT_FORMAT_BGRA,
            .width = sizes[size].width,
            .height = sizes[size].height,
            .stride = {TEXTURE * 4},
            .pts = (int64_t)i * SECOND / 60 + 1,
            .flags = draw(&state, 50) == 0           ? CULVERT_FRAME_KEY
                     : draw(&state, 9) == 0 && i > 0 ? CULVERT_FRAME_SAME
                                                     : 0,
        };
        const int result = culvert_submit(storm.session, &frame, texture + from, sizeof texture - from);
        if (result < 0 && result != CULVERT_E_LEVEL)
            blame(culvert_strerror(result), result);
        sleep_us(SECOND / 70);
    }
}

static void open_session(const char *codec)
{
    static const char *const names[] = {
        [CULVERT_CODEC_H264] = "h264", [CULVERT_CODEC_VP8] = "vp8", [CULVERT_CODEC_VP9] = "vp9"};
    for (uint32_t i = 1; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(codec, names[i]) == 0)
            storm.codec = i;
    struct culvert_config config = {
        .size = sizeof config,
        .codec = storm.codec,
        .fps_num = 60,
        .fps_den = 1,
        .bitrate_kbps = 2000,
        .threads = 2,
        .slices = storm.codec == CULVERT_CODEC_H264 ? 3 : 0,
        .layers = storm.codec == CULVERT_CODEC_H264 ? 1 : 2,
        .references = 8,
        .max_width = 640,
        .max_height = 480,
        .refresh_ms = 100,
    };
    if (culvert_open(&config, &storm.session, storm.why, WHY) < 0)
        blame("culvert_open", 0);
}

static bool judge_accounts(const struct culvert_stats *stats)
{
    return stats->submitted == stats->settled &&
           stats->settled == stats->encoded + stats->skipped + stats->repeated + stats->dropped + stats->failed &&
           stats->failed == 0 && stats->packets == storm.packets && stats->encoded + stats->inserted == storm.units;
}

static int verdict(bool good, int number, const char *what)
{
    printf("%s %d - %s\n", good ? "ok" : "not ok", number, what);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    uint32_t seed = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2026;
    storm.seconds = (uint32_t)strtoul(argv[2], NULL, 10);
    open_session(argv[1]);
    struct viewer viewer = {.decoder = decoder_open(storm.codec), .unit = malloc(UNIT_MAX), .pts = -1};
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, receive, &viewer);
    pthread_create(&threads[1], NULL, control, &seed);
    play(seed);
    atomic_store(&storm.over, true);
    pthread_join(threads[1], NULL);
    culvert_finish(storm.session);
    pthread_join(threads[0], NULL);
    struct culvert_stats stats = {.size = sizeof stats};
    culvert_stats(storm.session, &stats);
    culvert_close(storm.session);
    decoder_close(viewer.decoder);
    free(viewer.unit);

    printf("1..3\n# %u calls, %" PRIu64 " packets, %" PRIu64 " epochs, %" PRIu64 " key frames, %" PRIu64
           " dropped, %" PRIu64 " inserted, %" PRIu64 " recovered\n# %s\n",
           atomic_load(&storm.calls), storm.packets, stats.epochs, stats.keyframes, stats.dropped, stats.inserted,
           stats.recovered, storm.why);
    return verdict(storm.why[0] == '\0', 1, "every packet decodes, and is what it says") +
           verdict(judge_accounts(&stats), 2, "every frame and packet is accounted for") +
           verdict(atomic_load(&storm.calls) >= storm.seconds * 50 && stats.epochs > storm.seconds, 3,
                   "the controls came often, and so did new sizes");
}
