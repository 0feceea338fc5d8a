#include "want_life.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"

#define PATIENCE_MS 20000
#define MUTE_MS 5

static uint8_t pixels[LIFE_SIDE * LIFE_SIDE * 4], unit[1 << 20];

struct culvert_config life_config(uint32_t codec)
{
    struct culvert_config config = {
        .size = sizeof config,
        .codec = codec,
        .fps_num = 60,
        .fps_den = 1,
        .bitrate_kbps = 1000,
        .threads = 1,
        .slices = codec == CULVERT_CODEC_H264 ? 2 : 0,
        .max_width = LIFE_SIDE,
        .max_height = LIFE_SIDE,
        .refresh_ms = CULVERT_NEVER,
        .floor = CULVERT_FLOOR_OVERSHOOT,
    };
    snprintf(config.endpoint, sizeof config.endpoint, "%s", apart_endpoint());
    return config;
}

void life_blame(struct life *life, bool holds, const char *what, int result)
{
    if (holds || life->wrong != NULL)
        return;
    life->wrong = what;
    life->wrongly = result;
}

bool life_is_want(const struct life *life, int result)
{
    return result == CULVERT_E_MEMORY || result == CULVERT_E_SYSTEM || result == CULVERT_E_CODEC ||
           result == CULVERT_E_GONE || result == CULVERT_E_CRASHED || (life->shared && result == CULVERT_E_LIMIT);
}

void life_begin(struct life *life, const struct culvert_config *config)
{
    life->opened = culvert_open(config, &life->session, life->why, LIFE_WHY);
}

void life_encode(struct life *life)
{
    static const uint32_t sides[] = {32, 48, 64, 32, 64};
    static int64_t pts;
    struct culvert_packet packet = {.size = sizeof packet};
    size_t bytes;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        pts += 16667;
        const struct culvert_frame frame = {
            .size = sizeof frame, .format = CULVERT_FORMAT_BGRA, .width = sides[i], .height = 48, .pts = pts};
        pixels[i * 8] ^= 0x55;
        const int result = culvert_encode(life->session, &frame, pixels, sizeof pixels, unit, sizeof unit, &bytes,
                                          &packet, life->mute ? MUTE_MS : PATIENCE_MS);
        const bool came = result == 0 || result == CULVERT_EARLIER || result == CULVERT_SKIPPED ||
                          (life->mute && (result == CULVERT_E_TIMEOUT || result == CULVERT_E_AGAIN));
        life_blame(life, came || life_is_want(life, result), "a frame came to something else", result);
        life->refused += !came;
    }
}

static void lease(struct life *life)
{
    const struct culvert_frame frame = {.size = sizeof frame,
                                        .format = CULVERT_FORMAT_BGRA,
                                        .width = LIFE_SIDE,
                                        .height = LIFE_SIDE,
                                        .pts = CULVERT_PTS_NOW};
    culvert_loan loan;
    void *staging;
    size_t bytes;
    int result = culvert_lease(life->session, CULVERT_FORMAT_BGRA, LIFE_SIDE, LIFE_SIDE, &loan, &staging, &bytes);
    life_blame(life, result == 0 || life_is_want(life, result), "a lease came to something else", result);
    if (result != 0)
        return;
    memset(staging, 0x77, bytes);
    result = culvert_commit(loan, &frame);
    life_blame(life, result == 0 || result == CULVERT_E_AGAIN || life_is_want(life, result),
               "a commit came to something else", result);
    if (result != 0)
        culvert_abandon(loan);
}

void life_lend(struct life *life)
{
    struct culvert_packet packet = {.size = sizeof packet};
    culvert_loan peek;
    const void *data;
    size_t bytes;
    lease(life);
    int result = culvert_peek(life->session, &peek, &data, &bytes, &packet, life->mute ? MUTE_MS : 100);
    life_blame(life, result == 0 || result == CULVERT_E_AGAIN || life_is_want(life, result),
               "a peek came to something else", result);
    if (result != 0)
        return;
    result = culvert_release(peek);
    life_blame(life, result == 0, "a packet could not be given back", result);
}

void life_control(struct life *life)
{
    char text[512];
    size_t needed;
    int fd;
    int result = culvert_set_bitrate(life->session, 1234, NULL);
    life_blame(life, result >= 0 || life_is_want(life, result), "a control call came to something else", result);
    culvert_params(life->session, text, sizeof text, &needed);
    result = culvert_fd(life->session, &fd);
    life_blame(life, result == 0 || life_is_want(life, result), "a descriptor came to something else", result);
    if (result == 0)
        close(fd);
}

/* Where nothing can be said to culvertd any more, the end does not come, and what became of frames is not known. */
void life_end(struct life *life)
{
    struct culvert_packet packet = {.size = sizeof packet};
    struct culvert_stats stats = {.size = sizeof stats};
    size_t bytes;
    int result = culvert_finish(life->session);
    life_blame(life, result == 0, "it cannot be finished", result);
    do
        result = culvert_receive(life->session, unit, sizeof unit, &bytes, &packet, life->mute ? MUTE_MS : PATIENCE_MS);
    while (result == 0 || result == CULVERT_E_CODEC);
    const bool mute = life->mute && result == CULVERT_E_AGAIN;
    life_blame(life, result == CULVERT_EOS || life_is_want(life, result) || mute, "the stream does not end", result);
    result = culvert_stats(life->session, &stats);
    life_blame(life, result == 0 && (stats.settled == stats.submitted || mute), "a frame is not accounted for", result);
    result = culvert_close(life->session);
    life_blame(life, result == 0, "it cannot be closed", result);
}
