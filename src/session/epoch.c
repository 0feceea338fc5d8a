#include "session/epoch.h"

#include <libavutil/rational.h>
#include <string.h>

#include "frame/queue.h"

void epoch_init(struct epoch *epoch, const struct codec *codec, const struct culvert_config *config,
                struct codec_stream *stream)
{
    *epoch = (struct epoch){.codec = codec, .config = config, .stream = stream};
}

struct codec_geometry epoch_geometry(const struct frame *frame)
{
    struct codec_geometry geometry = {
        .width = picture_coded(frame->width),
        .height = picture_coded(frame->height),
        .matrix = frame->matrix == CULVERT_MATRIX_BT709 ? 1 : 6, /* H.273, table 4 */
        .range = frame->range,
        .primaries = frame->primaries,
        .transfer = frame->transfer,
    };
    int num, den;
    av_reduce(&num, &den, (int64_t)frame->aspect_num * frame->height, (int64_t)frame->aspect_den * frame->width,
              UINT16_MAX); /* sar_width and sar_height have 16 bits: H.264, E.1.1 */
    geometry.sar_num = num > 0 ? (uint32_t)num : 1;
    geometry.sar_den = den > 0 ? (uint32_t)den : 1;
    return geometry;
}

static void close_encoder(struct epoch *epoch, struct epoch_encoder *place)
{
    if (place->encoder != NULL)
        epoch->codec->close(place->encoder);
    place->encoder = NULL;
}

void epoch_finish(struct epoch *epoch)
{
    for (size_t i = 0; i < EPOCH_ENCODERS; i++)
        close_encoder(epoch, &epoch->encoders[i]);
    epoch->present = NULL;
}

/* Both structs are made of 32-bit fields alone, so their bytes are their values. */
bool epoch_same_geometry(const struct codec_geometry *a, const struct codec_geometry *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool same_rate(const struct codec_rate *a, const struct codec_rate *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool epoch_outgrown(const struct codec *codec, const struct culvert_config *config,
                    const struct codec_geometry *geometry, const struct codec_rate *opened,
                    const struct codec_rate *wanted)
{
    const bool bitrate = opened->bitrate_kbps != wanted->bitrate_kbps;
    const bool framerate = opened->fps_num != wanted->fps_num || opened->fps_den != wanted->fps_den;
    return (bitrate && codec->change[CODEC_BITRATE] != CODEC_LIVE) ||
           (framerate && codec->change[CODEC_FRAMERATE] != CODEC_LIVE) ||
           (codec->outgrows != NULL && codec->outgrows(config, geometry, opened, wanted));
}

static bool outgrown(const struct epoch *epoch, const struct epoch_encoder *place, const struct codec_rate *rate)
{
    return epoch_outgrown(epoch->codec, epoch->config, &place->geometry, &place->opened, rate);
}

bool epoch_continues(const struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate)
{
    const struct epoch_encoder *present = epoch->present;
    return present != NULL && !epoch->broken && epoch_same_geometry(&present->geometry, geometry) &&
           !outgrown(epoch, present, rate);
}

/* A warm encoder of the geometry, else a free place, else the one that was used longest ago. */
static struct epoch_encoder *choose(struct epoch *epoch, const struct codec_geometry *geometry)
{
    struct epoch_encoder *oldest = NULL;
    for (size_t i = 0; i < EPOCH_ENCODERS; i++) {
        struct epoch_encoder *place = &epoch->encoders[i];
        if (place->encoder != NULL && epoch_same_geometry(&place->geometry, geometry))
            return place;
        if (place->encoder == NULL)
            oldest = oldest == NULL || oldest->encoder != NULL ? place : oldest;
        else if (oldest == NULL || (oldest->encoder != NULL && place->used < oldest->used))
            oldest = place;
    }
    return oldest;
}

/* Whether an open encoder has the rate, or says that it took it. */
static bool follow(struct epoch *epoch, struct epoch_encoder *place, const struct codec_rate *rate)
{
    if (same_rate(&place->rate, rate))
        return true;
    if (outgrown(epoch, place, rate) || epoch->codec->reconfigure(place->encoder, rate) != CODEC_LIVE)
        return false;
    place->rate = *rate;
    epoch->unproved = place->changed = true;
    return true;
}

static int open_encoder(struct epoch *epoch, struct epoch_encoder *place, const struct codec_geometry *geometry,
                        const struct codec_rate *rate, char *why)
{
    close_encoder(epoch, place);
    const int error = epoch->codec->open(epoch->stream, geometry, rate, &place->encoder, why);
    if (error < 0)
        return error;
    place->geometry = *geometry;
    place->rate = place->opened = *rate;
    place->changed = false;
    return 0;
}

void epoch_abandon(struct epoch *epoch)
{
    close_encoder(epoch, epoch->present);
    epoch->present = NULL;
    epoch->broken = false;
}

bool epoch_follows(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate)
{
    return epoch_continues(epoch, geometry, rate) && follow(epoch, epoch->present, rate);
}

static bool is_warm(const struct epoch *epoch, const struct epoch_encoder *place, const struct codec_geometry *geometry)
{
    return place != epoch->present && place->encoder != NULL && epoch_same_geometry(&place->geometry, geometry);
}

const struct codec_rate *epoch_opening(struct epoch *epoch, const struct codec_geometry *geometry,
                                       const struct codec_rate *rate)
{
    if (epoch_continues(epoch, geometry, rate))
        return &epoch->present->opened;
    const struct epoch_encoder *place = choose(epoch, geometry);
    return is_warm(epoch, place, geometry) && !outgrown(epoch, place, rate) ? &place->opened : rate;
}

int epoch_prepare(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate, char *why)
{
    const bool continues = epoch_continues(epoch, geometry, rate);
    if (continues && follow(epoch, epoch->present, rate))
        return EPOCH_GOES_ON;

    const bool reopens = continues || (epoch->broken && epoch_same_geometry(&epoch->present->geometry, geometry));
    if (epoch->broken)
        epoch_abandon(epoch);
    struct epoch_encoder *place = choose(epoch, geometry);
    if (!is_warm(epoch, place, geometry) || !follow(epoch, place, rate)) {
        epoch->present = NULL;
        const int error = open_encoder(epoch, place, geometry, rate, why);
        if (error < 0)
            return error;
    }
    epoch->present = place;
    epoch->unproved = true;
    place->used = ++epoch->uses;
    return reopens ? EPOCH_REOPENS : EPOCH_BEGINS;
}

bool epoch_prove(struct epoch *epoch)
{
    if (!epoch->unproved)
        return true;
    struct epoch_encoder *present = epoch->present;
    const bool obeyed = epoch->codec->obeys(present->encoder, &present->rate);
    /* An encoder that disagrees from its opening would do so again: replacing it would never end. */
    epoch->broken = !obeyed && present->changed;
    epoch->unproved = present->changed = false;
    return obeyed;
}
