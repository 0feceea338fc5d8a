/* The resize storm: thousands of switches among sizes from 2x2 to 1920x1080, one frame each, and a second one now and
 * then.
 *
 *     storm SWITCHES OUT.h264
 *
 * Prints TAP, and what it measured as comments. The stream goes to OUT.h264, for a decoder to judge. */
#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "culvert/culvert.h"
#include "sps.h"

#define WARM_UP 500
#define RSS_SLACK (2l << 20)
#define WIDE 1920
#define HIGH 1080

static const uint32_t sizes[12][2] = {{256, 224}, {320, 240}, {368, 240}, {512, 240}, {640, 480},   {321, 239},
                                      {255, 223}, {2, 2},     {3, 5},     {854, 480}, {1920, 1080}, {161, 121}};

static uint16_t pixels[WIDE * HIGH + WIDE];
static uint8_t unit[16 << 20];

struct storm {
    FILE *file;
    uint32_t switches; /* done */
    uint32_t frames;
    uint64_t wrong; /* first packets of epochs that a decoder could not begin with */
    struct culvert_latency latency;
};

/* Resident memory, from the system's own account. */
static long resident(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%*d %ld", &pages) != 1)
        pages = 0;
    if (statm != NULL)
        fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

static bool begins_a_stream(const uint8_t *data, size_t bytes, uint32_t flags)
{
    struct nal_unit units[16];
    const size_t count = nal_split(data, bytes, units, 16);
    return (flags & CULVERT_PACKET_KEY) && nal_find(units, count, NAL_TYPE_SPS) != NULL &&
           nal_find(units, count, NAL_TYPE_PPS) != NULL && nal_find(units, count, NAL_TYPE_IDR) != NULL;
}

/* Each of the sizes in turn, but the largest only every fourth time: it costs as much as all others. */
static const uint32_t *size_of(uint32_t number)
{
    const uint32_t *size = sizes[number * 7 % 12];
    return size[0] < WIDE || number / 12 % 4 == 0 ? size : sizes[1];
}

static bool encode_frame(struct storm *storm, culvert_session session, bool first)
{
    const uint32_t *size = size_of(storm->switches);
    const struct culvert_frame frame = {.size = sizeof frame,
                                        .format = CULVERT_FORMAT_RGB565,
                                        .width = size[0],
                                        .height = size[1],
                                        .pts = (int64_t)storm->frames * 16667};
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    /* Another part of the noise for each frame: another picture at the cost of nothing. */
    const uint16_t *data = pixels + storm->frames++ * 31 % WIDE;
    const int result = culvert_encode(session, &frame, data, sizeof pixels - 2 * WIDE, unit, sizeof unit, &bytes,
                                      &packet, 60000);
    if (result != 0 || packet.width != size[0] || packet.height != size[1])
        return false;
    if (first != !!(packet.flags & CULVERT_PACKET_EPOCH) || (first && !begins_a_stream(unit, bytes, packet.flags)))
        storm->wrong++;
    return fwrite(unit, 1, bytes, storm->file) == bytes;
}

/* One session's life over so many switches. Leaves no session, and no free memory that the allocator keeps. */
static bool weather(struct storm *storm, uint32_t switches)
{
    struct culvert_config config = {
        .size = sizeof config,
        .fps_num = 60,
        .fps_den = 1,
        .bitrate_kbps = 1000,
        .speed = 10,
        .flags = CULVERT_CONFIG_COARSE_STILLS,
        .floor = CULVERT_FLOOR_OVERSHOOT,
        .refresh_ms = CULVERT_NEVER,
    };
    culvert_session session;
    if (culvert_open(&config, &session, NULL, 0) < 0)
        return false;
    bool fine = true;
    for (uint32_t i = 0; fine && i < switches; i++) {
        fine = encode_frame(storm, session, true) && (i % 4 != 0 || encode_frame(storm, session, false));
        storm->switches++;
    }
    struct culvert_stats stats = {.size = sizeof stats};
    fine = fine && culvert_stats(session, &stats) == 0 && stats.epochs == switches && stats.failed == 0;
    storm->latency = stats.total;
    printf("# %" PRIu32 " switches, resident %.1f MiB with the session open\n", storm->switches,
           (double)resident() / (1 << 20));
    fine = culvert_close(session) == 0 && fine;
    malloc_trim(0);
    return fine;
}

static int say(int number, bool fine, const char *what)
{
    printf("%sok %d - %s\n", fine ? "" : "not ", number, what);
    fflush(stdout);
    return fine ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 3 || atoi(argv[1]) <= 0)
        return fprintf(stderr, "usage: storm SWITCHES OUT.h264\n"), 2;
    const uint32_t switches = (uint32_t)atoi(argv[1]), warm_up = switches < 2 * WARM_UP ? switches / 2 : WARM_UP;
    for (size_t i = 0; i < sizeof pixels / sizeof pixels[0]; i++)
        pixels[i] = (uint16_t)(i / 4 * 2654435761u >> 16);
    struct storm storm = {.file = fopen(argv[2], "wb")};
    if (storm.file == NULL)
        return perror(argv[2]), 1;

    bool fine = weather(&storm, warm_up);
    const long before = resident();
    fine = fine && weather(&storm, switches - warm_up);
    const long after = resident();
    printf("# submit to packet: p50 %" PRIu32 " us, p99 %" PRIu32 " us, max %" PRIu32 " us\n", storm.latency.p50,
           storm.latency.p99, storm.latency.max);
    printf("# %" PRIu32 " frames\n", storm.frames);
    printf("# resident with all closed: %.2f MiB after %" PRIu32 " switches, %.2f MiB after %" PRIu32 "\n",
           (double)before / (1 << 20), warm_up, (double)after / (1 << 20), switches);
    int failed = say(1, fine && fclose(storm.file) == 0, "every switch is an epoch and every frame a packet");
    failed += say(2, storm.wrong == 0,
                  "every epoch begins with a key frame, SPS and PPS, and no other packet begins one");
    failed += say(3, after - before <= RSS_SLACK, "memory with all sessions closed does not grow");
    return failed;
}
