#include "session/epoch.h"

#include <libavutil/rational.h>
#include <string.h>

#include "frame/queue.h"

void epoch_init(struct epoch *epoch, const struct codec *codec, struct codec_stream *stream)
{
    *epoch = (struct epoch){.codec = codec, .stream = stream};
}

struct codec_geometry epoch_geometry(const struct frame *frame)
{
    struct codec_geometry geometry = {
        .width = (frame->width + 1) & ~1u,
        .height = (frame->height + 1) & ~1u,
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
static bool same_geometry(const struct codec_geometry *a, const struct codec_geometry *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool same_rate(const struct codec_rate *a, const struct codec_rate *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool epoch_continues(const struct epoch *epoch, const struct codec_geometry *geometry)
{
    return epoch->present != NULL && !epoch->broken && same_geometry(&epoch->present->geometry, geometry);
}

/* A warm encoder of the geometry, else a free place, else the one that was used longest ago. */
static struct epoch_encoder *choose(struct epoch *epoch, const struct codec_geometry *geometry)
{
    struct epoch_encoder *oldest = NULL;
    for (size_t i = 0; i < EPOCH_ENCODERS; i++) {
        struct epoch_encoder *place = &epoch->encoders[i];
        if (place->encoder != NULL && same_geometry(&place->geometry, geometry))
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
    if (epoch->codec->reconfigure(place->encoder, rate) != CODEC_LIVE)
        return false;
    place->rate = *rate;
    epoch->unproved = epoch->changed = true;
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
    epoch->unproved = true;
    epoch->changed = false;
    return 0;
}

void epoch_abandon(struct epoch *epoch)
{
    close_encoder(epoch, epoch->present);
    epoch->present = NULL;
    epoch->broken = false;
}

int epoch_prepare(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate, char *why)
{
    if (epoch_continues(epoch, geometry) && follow(epoch, epoch->present, rate))
        return EPOCH_GOES_ON;

    const bool reopens = epoch->broken;
    if (reopens)
        epoch_abandon(epoch);
    struct epoch_encoder *place = choose(epoch, geometry);
    /* The present encoder of this very geometry comes here only because it did not follow. */
    const bool warm = place != epoch->present && place->encoder != NULL && same_geometry(&place->geometry, geometry);
    if (warm && follow(epoch, place, rate)) {
        epoch->unproved = epoch->changed = true;
    } else {
        epoch->present = NULL;
        const int error = open_encoder(epoch, place, geometry, rate, why);
        if (error < 0)
            return error;
    }
    epoch->present = place;
    place->used = ++epoch->number;
    return reopens ? EPOCH_REOPENS : EPOCH_BEGINS;
}

bool epoch_prove(struct epoch *epoch)
{
    if (!epoch->unproved)
        return true;
    epoch->unproved = false;
    if (epoch->codec->obeys(epoch->present->encoder, &epoch->present->rate))
        return true;
    /* An encoder that disagrees from its first frame would do so again: replacing it would never end. */
    epoch->broken = epoch->changed;
    return false;
}
