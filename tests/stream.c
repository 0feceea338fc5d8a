#include "stream.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/abi.h"
#include "apart.h"

#define BUFFER (16 << 20)

struct culvert_config stream_config(uint32_t codec, uint32_t policy)
{
    struct culvert_config config;
    ck_assert_int_eq(culvert_config_defaults(&config, sizeof config), 0);
    config.codec = codec;
    config.policy = policy;
    config.slots = 0;
    config.fps_num = 60;
    config.fps_den = 1;
    config.refresh_ms = CULVERT_NEVER;
    config.flags = CULVERT_CONFIG_COARSE_STILLS;
    config.floor = CULVERT_FLOOR_OVERSHOOT;
    snprintf(config.endpoint, sizeof config.endpoint, "%s", apart_endpoint());
    return config;
}

culvert_session stream_open(const struct culvert_config *config)
{
    culvert_session session = 0;
    char why[256];
    const int result = culvert_open(config, &session, why, sizeof why);
    ck_assert_msg(result == 0, "open: %s: %s", culvert_error_name(result), why);
    ck_assert_uint_ne(session, 0);
    return session;
}

culvert_session stream_open_with(const struct codec *codec, const struct culvert_config *config)
{
    struct culvert_config own = *config;
    culvert_session session = 0;
    char why[CODEC_WHY] = "";
    apart_offer(codec);
    const int result = abi_open(&own, codec, &session, why);
    ck_assert_msg(result == 0, "open: %s: %s", culvert_error_name(result), why);
    return session;
}

struct culvert_frame stream_frame(uint32_t width, uint32_t height, int64_t pts)
{
    return (struct culvert_frame){.size = sizeof(struct culvert_frame),
                                  .format = CULVERT_FORMAT_BGRA,
                                  .width = width,
                                  .height = height,
                                  .pts = pts};
}

uint8_t *stream_pixels(uint32_t width, uint32_t height, uint32_t seed)
{
    uint8_t *pixels = malloc((size_t)4 * width * height);
    ck_assert_ptr_nonnull(pixels);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *pixel = pixels + 4 * ((size_t)y * width + x);
            pixel[0] = (uint8_t)(x * 2 + seed * 3);
            pixel[1] = (uint8_t)(y * 2 + seed * 5);
            pixel[2] = (uint8_t)(((x ^ y) & 16) * 8 + seed * 7);
            pixel[3] = 255;
        }
    return pixels;
}

int stream_submit(culvert_session session, uint32_t width, uint32_t height, int64_t pts, uint32_t seed, uint32_t flags)
{
    struct culvert_frame frame = stream_frame(width, height, pts);
    frame.flags = flags;
    uint8_t *pixels = stream_pixels(width, height, seed);
    const int result = culvert_submit(session, &frame, pixels, (size_t)4 * width * height);
    free(pixels);
    return result;
}

struct stream_unit stream_receive(culvert_session session, uint32_t timeout_ms)
{
    static uint8_t buffer[BUFFER];
    struct stream_unit unit = {.packet = {.size = sizeof unit.packet}, .data = buffer};
    unit.result = culvert_receive(session, buffer, sizeof buffer, &unit.bytes, &unit.packet, timeout_ms);
    return unit;
}

static bool is_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

bool stream_is_quiet(culvert_session session, int fd)
{
    while (apart() && is_readable(fd))
        ck_assert_int_eq(stream_receive(session, 0).result, CULVERT_E_AGAIN);
    return !is_readable(fd);
}

struct culvert_stats stream_stats(culvert_session session)
{
    struct culvert_stats s = {.size = sizeof s};
    ck_assert_int_eq(culvert_stats(session, &s), 0);
    ck_assert_uint_eq(s.settled, s.encoded + s.skipped + s.repeated + s.dropped + s.lost + s.failed);
    ck_assert_uint_ge(s.submitted, s.settled);
    ck_assert_uint_le(s.submitted - s.settled, s.slots);
    return s;
}
