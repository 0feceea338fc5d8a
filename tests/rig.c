#include "rig.h"

#include <stdlib.h>
#include <string.h>

struct rig rig_of(const struct codec *codec, uint32_t width, uint32_t height)
{
    return (struct rig){
        .codec = codec,
        .config = {.size = sizeof(struct culvert_config), .threads = 1, .name = "rig"},
        .geometry = {width, height, 1, 1, 6, CULVERT_RANGE_LIMITED, 2, 2},
        .rate = {4000, 70, 60, 1, 8},
        .slice = rig_join,
    };
}

int rig_create(struct rig *rig)
{
    return rig->codec->create(&rig->config, &rig->stream, rig->why);
}

void rig_open(struct rig *rig)
{
    const size_t pixels = (size_t)rig->geometry.width * rig->geometry.height;
    if (rig->config.speed != 0)
        rig->rate.speed = rig->config.speed == CULVERT_SPEED_SLOWEST ? 0 : rig->config.speed;
    if (rig->stream == NULL)
        ck_assert_msg(rig_create(rig) == 0, "%s", rig->why);
    ck_assert_msg(rig->codec->open(rig->stream, &rig->geometry, &rig->rate, 1, &rig->encoder, rig->why) == 0, "%s",
                  rig->why);
    rig->capacity = rig->codec->bound(&rig->geometry);
    rig->pixels = malloc(pixels * 3 / 2);
    rig->buffer = malloc(rig->capacity);
    memset(rig->pixels, 128, pixels * 3 / 2);
}

void rig_close(struct rig *rig)
{
    rig->codec->close(rig->encoder);
    rig->codec->destroy(rig->stream);
    free(rig->pixels);
    free(rig->buffer);
}

void rig_draw(struct rig *rig)
{
    const uint32_t width = rig->geometry.width, height = rig->geometry.height;
    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            const uint32_t moved = y < height * 2 / 3 ? x + rig->pictures * 3 : x;
            const uint32_t grain = (moved * 2654435761u ^ (y * 4096 + rig->pictures) * 2246822519u) * 3266489917u >> 27;
            rig->pixels[(size_t)y * width + x] = (uint8_t)(48 + ((moved * 2 + y) & 127) + grain);
        }
    }
}

void rig_join(void *context, const uint8_t *data, size_t bytes, bool key, bool last)
{
    struct rig *const rig = context;
    (void)key;
    (void)last;
    ck_assert_uint_le(rig->joined + bytes, rig->capacity);
    memcpy(rig->buffer + rig->joined, data, bytes);
    rig->joined += bytes;
}

int rig_encode_into(struct rig *rig, bool key, size_t capacity)
{
    const uint32_t width = rig->geometry.width, height = rig->geometry.height;
    uint8_t *const u = rig->pixels + (size_t)width * height;
    const struct codec_picture picture = {
        .layout = CODEC_I420,
        .plane = {rig->pixels, u, u + (size_t)width * height / 4},
        .stride = {width, width / 2, width / 2},
        .key = key,
        .tag = 1000 + rig->pictures,
        .pts = RIG_PTS(rig->pictures),
        .slice = rig->config.slices != 0 ? rig->slice : NULL,
        .context = rig,
    };
    rig->joined = 0;
    rig->pictures++;
    const int result = rig->codec->encode(rig->encoder, &picture, rig->buffer, capacity, &rig->unit, rig->why);
    rig->nals = nal_split(rig->buffer, rig->unit.bytes, rig->nal, UNITS);
    return result;
}

void rig_encode(struct rig *rig, bool key)
{
    ck_assert_int_eq(rig_encode_into(rig, key, rig->capacity), 0);
    ck_assert_uint_gt(rig->unit.bytes, 0);
    ck_assert_uint_eq(rig->unit.tag, 999 + rig->pictures);
    ck_assert_uint_le(rig->nals, 10);
}

void rig_sps(const struct rig *rig, struct sps *sps)
{
    ck_assert(sps_parse(nal_find(rig->nal, rig->nals, NAL_TYPE_SPS), sps));
}

const char *rig_describe(struct rig *rig)
{
    static char text[1024];
    rig->codec->describe(rig->encoder, text, sizeof text);
    return text;
}

size_t rig_slices(const struct rig *rig)
{
    return nal_count(rig->nal, rig->nals, NAL_TYPE_IDR) + nal_count(rig->nal, rig->nals, NAL_TYPE_P);
}
