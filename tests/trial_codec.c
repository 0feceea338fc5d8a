#include "trial_codec.h"

#include <check.h>
#include <libavutil/adler32.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "frame/convert.h"
#include "stream.h"
#include "trial_switches.h"

struct codec_stream {
    _Atomic uint32_t opened;
    uint32_t slices;
};

struct codec_encoder {
    uint32_t number, counter, slices;
    struct codec_geometry geometry;
    struct codec_rate rate, opened;
    struct codec_unit held[TRIAL_DELAY_MOST + 1]; /* the oldest first */
    struct trial_unit units[TRIAL_DELAY_MOST + 1];
    uint32_t holds;
};

/* ---- The codec -------------------------------------------------------------------------------------------------- */

static void trial_version(char *text, size_t size)
{
    snprintf(text, size, "trial codec");
}

static int trial_create(const struct culvert_config *config, struct codec_stream **stream, char *why)
{
    (void)why;
    trial_attach();
    *stream = calloc(1, sizeof **stream);
    if (*stream == NULL)
        return CULVERT_E_MEMORY;
    (*stream)->slices = config->slices;
    return 0;
}

static void trial_destroy(struct codec_stream *stream)
{
    free(stream);
}

static int trial_admit(const struct culvert_config *config, const struct codec_geometry *geometry,
                       const struct codec_rate *rate, char *why)
{
    (void)config;
    if (geometry->width <= TRIAL_WIDTH_MOST && rate->bitrate_kbps <= TRIAL_KBPS_MOST &&
        trial_grants(geometry->width, rate->bitrate_kbps))
        return 0;
    snprintf(why, CODEC_WHY, "width %u at bitrate_kbps %u is above the trial codec's level", geometry->width,
             rate->bitrate_kbps);
    return CULVERT_E_LEVEL;
}

static bool trial_outgrows(const struct culvert_config *config, const struct codec_geometry *geometry,
                           const struct codec_rate *opened, const struct codec_rate *wanted)
{
    (void)config, (void)geometry;
    return wanted->bitrate_kbps > TRIAL_HEADROOM * opened->bitrate_kbps || (wanted->speed == 0) != (opened->speed == 0);
}

static size_t trial_bound(const struct codec_geometry *geometry)
{
    (void)geometry;
    return TRIAL_UNIT_MOST; /* as large as a small picture's, so that the outbox holds many */
}

static struct trial_record call_of(const struct codec_encoder *encoder)
{
    return (struct trial_record){.encoder = encoder->number, .geometry = encoder->geometry, .rate = encoder->rate};
}

static int trial_open(struct codec_stream *stream, const struct codec_geometry *geometry, const struct codec_rate *rate,
                      double fill, struct codec_encoder **encoder, char *why)
{
    struct codec_encoder *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return CULVERT_E_MEMORY;
    *opened = (struct codec_encoder){
        .number = ++stream->opened, .slices = stream->slices, .geometry = *geometry, .rate = *rate, .opened = *rate};
    struct trial_record record = call_of(opened);
    record.fill = fill;
    const bool fails = trial_note(TRIAL_OPEN, record);
    trial_pass(TRIAL_GATE_OPEN);
    if (fails) {
        snprintf(why, CODEC_WHY, "the trial codec was told not to open");
        free(opened);
        return CULVERT_E_CODEC;
    }
    if (trial_honesty() == TRIAL_ALWAYS_LIES)
        opened->rate.bitrate_kbps++;
    *encoder = opened;
    return 0;
}

static void trial_close(struct codec_encoder *encoder)
{
    trial_note(TRIAL_CLOSE, call_of(encoder));
    free(encoder);
}

static enum codec_change trial_reconfigure(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    struct trial_record record = call_of(encoder);
    record.rate = *rate;
    trial_note(TRIAL_RECONFIGURE, record);
    trial_pass(TRIAL_GATE_RECONFIGURE);
    if (trial_outgrows(NULL, NULL, &encoder->opened, rate))
        return CODEC_REOPENS;
    if (trial_honesty() == TRIAL_HONEST)
        encoder->rate = *rate;
    return CODEC_LIVE;
}

static bool trial_forget(struct codec_encoder *encoder, int64_t pts)
{
    struct trial_record record = call_of(encoder);
    record.pts = pts;
    return !trial_note(TRIAL_FORGET, record);
}

static bool trial_obeys(struct codec_encoder *encoder, const struct codec_rate *rate)
{
    return memcmp(&encoder->rate, rate, sizeof *rate) == 0;
}

static uint32_t add_plane(uint32_t checksum, const uint8_t *row, uint32_t stride, uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height; y++, row += stride)
        checksum = av_adler32_update(checksum, row, width);
    return checksum;
}

static uint32_t checksum_of(const uint8_t *const plane[3], const uint32_t stride[3], uint32_t width, uint32_t height)
{
    uint32_t checksum = add_plane(1, plane[0], stride[0], width, height);
    checksum = add_plane(checksum, plane[1], stride[1], width / 2, height / 2);
    return add_plane(checksum, plane[2], stride[2], width / 2, height / 2);
}

static void push(struct codec_encoder *encoder, const struct codec_picture *picture, uint32_t checksum)
{
    const bool key = picture->key || encoder->counter == 0;
    const uint32_t place = encoder->holds++, bytes = trial_bytes(key);
    if (trial_drops()) {
        encoder->held[place] = (struct codec_unit){0};
        return;
    }
    encoder->held[place] = (struct codec_unit){
        .bytes = bytes, .key = key, .qp = trial_present_qp(), .tag = picture->tag};
    encoder->held[place].layer = trial_present_layer(&encoder->held[place].tl0);
    encoder->units[place] = (struct trial_unit){.encoder = encoder->number,
                                                .counter = encoder->counter++,
                                                .width = encoder->geometry.width,
                                                .height = encoder->geometry.height,
                                                .key = key,
                                                .checksum = checksum,
                                                .bytes = bytes};
}

static void pop(struct codec_encoder *encoder, uint8_t *buffer, struct codec_unit *unit)
{
    memset(buffer, 0, encoder->held[0].bytes);
    memcpy(buffer, &encoder->units[0], sizeof encoder->units[0]);
    *unit = encoder->held[0];
    encoder->holds--;
    memmove(encoder->held, encoder->held + 1, encoder->holds * sizeof encoder->held[0]);
    memmove(encoder->units, encoder->units + 1, encoder->holds * sizeof encoder->units[0]);
}

/* Whether it is to fail. */
static bool take_picture(struct codec_encoder *encoder, const struct codec_picture *picture)
{
    struct trial_record record = call_of(encoder);
    record.key = picture->key;
    record.pts = picture->pts;
    record.checksum = checksum_of(picture->plane, picture->stride, encoder->geometry.width, encoder->geometry.height);
    const bool fails = trial_note(TRIAL_ENCODE, record);
    trial_pass(TRIAL_GATE_ENCODE);
    if (!fails)
        push(encoder, picture, record.checksum);
    return fails;
}

/* Hands the oldest access unit out, each slice as large as all of it would have been. Whether one is to fail. */
static bool hand_out(struct codec_encoder *encoder, const struct codec_picture *picture, struct codec_unit *unit)
{
    uint8_t whole[TRIAL_UNIT_MOST];
    struct trial_unit slice = encoder->units[0];
    pop(encoder, whole, unit);
    const size_t bytes = unit->bytes;
    for (; bytes > 0 && unit->slices < encoder->slices; unit->slices++) {
        if (unit->slices > 0)
            trial_pass(TRIAL_GATE_SLICE);
        if (trial_note(TRIAL_SLICE, call_of(encoder)))
            return true;
        slice.slice = unit->slices;
        memcpy(whole, &slice, sizeof slice);
        picture->slice(picture->context, whole, bytes, unit->key, unit->slices + 1 == encoder->slices);
    }
    unit->bytes = bytes * unit->slices;
    return false;
}

static int trial_encode(struct codec_encoder *encoder, const struct codec_picture *picture, uint8_t *buffer,
                        size_t capacity, struct codec_unit *unit, char *why)
{
    *unit = (struct codec_unit){0};
    bool fails = picture == NULL ? trial_note(TRIAL_FLUSH, call_of(encoder)) : take_picture(encoder, picture);
    if (!fails && picture != NULL && picture->slice != NULL)
        fails = hand_out(encoder, picture, unit);
    if (fails || capacity < TRIAL_UNIT_MOST) {
        snprintf(why, CODEC_WHY, "the trial codec was told to fail");
        return CULVERT_E_CODEC;
    }
    if (encoder->holds > (picture == NULL ? 0 : trial_delay()))
        pop(encoder, buffer, unit);
    /* A flush that yields nothing is the last one. */
    while (picture == NULL && unit->bytes == 0 && encoder->holds > 0)
        pop(encoder, buffer, unit);
    return 0;
}

static void trial_describe(struct codec_encoder *encoder, char *text, size_t size)
{
    snprintf(text, size, "encoder=%u bitrate=%u fps=%u/%u", encoder->number, encoder->rate.bitrate_kbps,
             encoder->rate.fps_num, encoder->rate.fps_den);
}

static struct codec codec_of(uint32_t delay, enum codec_change bitrate, enum codec_change framerate)
{
    return (struct codec){
        .id = TRIAL_ID,
        .name = "trial",
        .delay = delay,
        .has_slices = true,
        .has_layers = true,
        .has_profiles = true,
        .fine_qp = 255,
        .change = {[CODEC_BITRATE] = bitrate, [CODEC_FRAMERATE] = framerate, [CODEC_SPEED] = CODEC_LIVE},
        .version = trial_version,
        .create = trial_create,
        .destroy = trial_destroy,
        .admit = trial_admit,
        .outgrows = trial_outgrows,
        .bound = trial_bound,
        .open = trial_open,
        .close = trial_close,
        .reconfigure = trial_reconfigure,
        .obeys = trial_obeys,
        .forget = trial_forget,
        .encode = trial_encode,
        .describe = trial_describe,
    };
}

struct codec trial_codec(uint32_t delay, enum codec_change bitrate, enum codec_change framerate)
{
    trial_reset(delay);
    return codec_of(delay, bitrate, framerate);
}

const struct codec *trial_offered(void)
{
    static struct codec own;
    const struct codec *theirs = apart_offered();
    own = codec_of(theirs->delay, CODEC_LIVE, CODEC_LIVE);
    memcpy(own.change, theirs->change, sizeof own.change);
    own.opens_slowly = theirs->opens_slowly;
    own.keeps_rate = theirs->keeps_rate;
    own.fine_qp = theirs->fine_qp;
    if (theirs->forget == NULL)
        own.forget = NULL;
    return &own;
}

/* ---- What tests compare with ------------------------------------------------------------------------------------ */

struct trial_unit trial_parse(const uint8_t *data, size_t bytes)
{
    struct trial_unit unit;
    ck_assert_uint_ge(bytes, sizeof unit);
    memcpy(&unit, data, sizeof unit);
    ck_assert_uint_eq(bytes, unit.bytes);
    return unit;
}

uint32_t trial_checksum(uint32_t width, uint32_t height, uint32_t seed)
{
    const uint32_t coded_width = (width + 1) & ~1u, coded_height = (height + 1) & ~1u;
    const struct culvert_frame frame = stream_frame(width, height, 0);
    const struct format *format = format_find(frame.format);
    struct layout layout;
    format_tight(format, width, height, &layout);
    const size_t room = (picture_bytes(coded_width, coded_height) + 63) & ~(size_t)63;
    uint8_t *pixels = stream_pixels(width, height, seed), *memory = aligned_alloc(PICTURE_ALIGNMENT, room);
    uint8_t *scratch = aligned_alloc(PICTURE_ALIGNMENT,
                                     (convert_scratch((size_t)coded_width * coded_height) + 63) & ~63ul);
    const struct picture picture = picture_over(memory, coded_width, coded_height);
    convert(&frame, format, &layout, pixels, 1, scratch, &picture);
    const uint8_t *const planes[3] = {picture.plane[0], picture.plane[1], picture.plane[2]};
    const uint32_t checksum = checksum_of(planes, picture.stride, coded_width, coded_height);
    free(pixels);
    free(memory);
    free(scratch);
    return checksum;
}
