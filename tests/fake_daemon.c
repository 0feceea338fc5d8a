/* A culvertd for the command's tests, linked into it in the place of the library's calls. FAKE_SESSIONS names a file
 * with a session a line:
 *
 *   id codec user width height age encoded skipped kbps p99 restarts name
 *
 * Each round of culvert_list adds encoded and skipped to what it tells, as if they were the frames of a round. Without
 * the file, nobody answers. culvert_watch plays FAKE_FRAMES frames of the null codec (300 unless set; one in 10 ms,
 * each of its own shade) in this process; the packet of frame FAKE_GAP is left out, with that of frame FAKE_DEATH the
 * daemon dies, and with FAKE_END=gone it dies with the last one. */
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "culvert/culvert.h"

#define WIDTH 64
#define HEIGHT 48
#define INTERVAL_US 10000

static uint64_t rounds;

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static int gone(const char *endpoint, char *text, size_t size)
{
    snprintf(text, size, "%s: no culvertd answers there: is it running?", endpoint);
    return CULVERT_E_GONE;
}

static bool read_line(FILE *file, struct culvert_listing *listing)
{
    struct culvert_stats *stats = &listing->stats;
    *listing = (struct culvert_listing){.size = sizeof *listing, .stats.size = sizeof *stats};
    const int found = fscanf(file,
                             "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64
                             " %" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu64 " %31[^\n]",
                             &listing->id, &listing->codec, &listing->user, &listing->width, &listing->height,
                             &listing->age_s, &stats->encoded, &stats->skipped, &stats->sent_kbps, &stats->total.p99,
                             &stats->restarts, listing->name);
    stats->encoded *= rounds;
    stats->skipped *= rounds;
    stats->submitted = stats->encoded + stats->skipped;
    return found == 12;
}

int culvert_list(const char *endpoint, uint32_t after, struct culvert_listing *listing, char *text, size_t text_size)
{
    const char *path = getenv("FAKE_SESSIONS");
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file)
        return gone(endpoint, text, text_size);
    rounds += after == 0;
    int result = CULVERT_EOS;
    struct culvert_listing row;
    while (result == CULVERT_EOS && read_line(file, &row)) {
        if (row.id <= after)
            continue;
        *listing = row;
        result = CULVERT_OK;
    }
    fclose(file);
    text[0] = '\0';
    return result;
}

/* ---- A session to be watched */

static culvert_session watched;

static void *play(void *unused)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3 / 2];
    struct culvert_frame frame = {
        .size = sizeof frame, .format = CULVERT_FORMAT_I420, .width = WIDTH, .height = HEIGHT};
    const uint64_t frames = number("FAKE_FRAMES", 300);
    for (uint64_t n = 0; n < frames; n++) {
        memset(pixels, (int)(n % 256), sizeof pixels);
        frame.pts = (int64_t)n * INTERVAL_US;
        if (culvert_submit(watched, &frame, pixels, sizeof pixels) < 0)
            return unused;
        nanosleep(&(struct timespec){.tv_nsec = INTERVAL_US * 1000}, NULL);
    }
    culvert_finish(watched);
    return unused;
}

int culvert_watch(const char *endpoint, const char *name, culvert_session *session, char *text, size_t text_size)
{
    struct culvert_config config = {.size = sizeof config,
                                    .codec = CULVERT_CODEC_NULL,
                                    .fps_num = 100,
                                    .fps_den = 1,
                                    .policy = CULVERT_POLICY_BLOCK,
                                    .refresh_ms = CULVERT_NEVER,
                                    .options = "pixels=1"};
    pthread_t thread;
    (void)endpoint;
    snprintf(config.name, sizeof config.name, "%s", name);
    const int result = culvert_open(&config, &watched, text, text_size);
    if (result < 0)
        return result;
    *session = watched;
    if (pthread_create(&thread, NULL, play, NULL) != 0)
        return CULVERT_E_SYSTEM;
    pthread_detach(thread);
    return CULVERT_OK;
}

typedef int peek_call(culvert_session, culvert_loan *, const void **, size_t *, struct culvert_packet *, uint32_t);

int culvert_peek(culvert_session session, culvert_loan *loan, const void **data, size_t *bytes,
                 struct culvert_packet *packet, uint32_t timeout_ms)
{
    peek_call *real;
    *(void **)&real = dlsym(RTLD_NEXT, "culvert_peek");
    const int result = real(session, loan, data, bytes, packet, timeout_ms);
    const char *end = getenv("FAKE_END");
    if (result == CULVERT_EOS && end && strcmp(end, "gone") == 0)
        return CULVERT_E_GONE;
    const bool gap = packet->frame == number("FAKE_GAP", 0), death = packet->frame == number("FAKE_DEATH", 0);
    if (result != CULVERT_OK || (!gap && !death))
        return result;
    culvert_release(*loan);
    if (death)
        return CULVERT_E_GONE;
    return real(session, loan, data, bytes, packet, timeout_ms);
}
