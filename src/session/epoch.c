#include "session/epoch.h"

#include <libavutil/common.h>
#include <libavutil/rational.h>
#include <string.h>

#include "base/clock.h"
#include "frame/queue.h"

#define RETRY_US 1000000

bool epoch_init(struct epoch *epoch, const struct codec *codec, const struct culvert_config *config,
                struct codec_stream *stream, struct doorbell *doorbell)
{
    *epoch = (struct epoch){.codec = codec, .config = config, .stream = stream};
    return !codec->opens_slowly || config->resize != CULVERT_RESIZE_BESIDE ||
           opener_start(&epoch->opener, codec, stream, doorbell);
}

struct codec_geometry epoch_geometry(const struct frame *frame)
{
    struct codec_geometry geometry = {
        .width = picture_coded(frame->width),
        .height = picture_coded(frame->height),
        .matrix = frame->matrix == CULVERT_MATRIX_BT709 ? H273_BT709 : H273_BT601,
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
    if (place->encoder != NULL && epoch->opener.running)
        opener_close(&epoch->opener, place->encoder);
    else if (place->encoder != NULL)
        epoch->codec->close(place->encoder);
    place->encoder = NULL;
}

void epoch_finish(struct epoch *epoch)
{
    for (size_t i = 0; i < EPOCH_ENCODERS; i++)
        close_encoder(epoch, &epoch->encoders[i]);
    epoch->present = NULL;
    if (epoch->opener.running)
        opener_stop(&epoch->opener);
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
    const bool speed = opened->speed != wanted->speed;
    return (bitrate && codec->change[CODEC_BITRATE] != CODEC_LIVE) ||
           (framerate && codec->change[CODEC_FRAMERATE] != CODEC_LIVE) ||
           (speed && codec->change[CODEC_SPEED] != CODEC_LIVE) ||
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

static struct epoch_encoder *find_warm(const struct epoch *epoch, const struct codec_geometry *geometry)
{
    for (size_t i = 0; i < EPOCH_ENCODERS; i++) {
        const struct epoch_encoder *place = &epoch->encoders[i];
        if (place->encoder != NULL && epoch_same_geometry(&place->geometry, geometry))
            return (struct epoch_encoder *)place;
    }
    return NULL;
}

uint32_t epoch_open_encoders(const struct epoch *epoch)
{
    uint32_t count = 0;
    for (size_t i = 0; i < EPOCH_ENCODERS; i++)
        count += epoch->encoders[i].encoder != NULL;
    return count;
}

/* Closes those that were used longest ago, but for the present one, until at most this many are left. */
static void trim(struct epoch *epoch, uint32_t most)
{
    while (epoch_open_encoders(epoch) > most) {
        struct epoch_encoder *oldest = NULL;
        for (size_t i = 0; i < EPOCH_ENCODERS; i++) {
            struct epoch_encoder *place = &epoch->encoders[i];
            if (place->encoder != NULL && place != epoch->present && (oldest == NULL || place->used < oldest->used))
                oldest = place;
        }
        if (oldest == NULL)
            return;
        close_encoder(epoch, oldest);
    }
}

static struct epoch_encoder *free_place(struct epoch *epoch)
{
    struct epoch_encoder *place = epoch->encoders;
    while (place->encoder != NULL)
        place++;
    return place;
}

/* ---- Beside the stream ------------------------------------------------------------------------------------------- */

bool epoch_collect(struct epoch *epoch, char *why)
{
    struct opening opening;
    if (!epoch->opener.running || !opener_take(&epoch->opener, &opening))
        return true;
    if (opening.encoder == NULL) {
        epoch->retry_at = clock_now() + RETRY_US;
        memcpy(why, opening.why, CODEC_WHY);
        return false;
    }
    /* One more than stay warm: what was opened is not closed before it was used. */
    trim(epoch, FFMAX(epoch->config->warm, 2) - 1);
    *free_place(epoch) = (struct epoch_encoder){.encoder = opening.encoder,
                                                .geometry = opening.geometry,
                                                .opened = opening.rate,
                                                .rate = opening.rate,
                                                .used = ++epoch->uses};
    return true;
}

bool epoch_is_warm(const struct epoch *epoch, const struct codec_geometry *geometry)
{
    return find_warm(epoch, geometry) != NULL;
}

bool epoch_waits(const struct epoch *epoch, const struct codec_geometry *geometry)
{
    return epoch->opener.running && epoch->present != NULL && !epoch->broken && !epoch_is_warm(epoch, geometry);
}

void epoch_ask(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate, double fill)
{
    if (clock_now() >= epoch->retry_at)
        opener_ask(&epoch->opener, geometry, rate, fill);
}

/* ---- The present one --------------------------------------------------------------------------------------------- */

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

static int open_encoder(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate,
                        double fill, struct epoch_encoder **opened, char *why)
{
    trim(epoch, epoch->config->warm - 1);
    struct epoch_encoder *place = free_place(epoch);
    const int error = epoch->codec->open(epoch->stream, geometry, rate, fill, &place->encoder, why);
    if (error < 0)
        return error;
    *place = (struct epoch_encoder){.encoder = place->encoder, .geometry = *geometry, .opened = *rate, .rate = *rate};
    *opened = place;
    return 0;
}

void epoch_foresee(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate,
                   double fill)
{
    struct epoch_encoder *place;
    char why[CODEC_WHY];
    open_encoder(epoch, geometry, rate, fill, &place, why);
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

const struct codec_rate *epoch_opening(struct epoch *epoch, const struct codec_geometry *geometry,
                                       const struct codec_rate *rate)
{
    if (epoch_continues(epoch, geometry, rate) || epoch_waits(epoch, geometry))
        return &epoch->present->opened;
    const struct epoch_encoder *place = find_warm(epoch, geometry);
    return place != NULL && place != epoch->present && !outgrown(epoch, place, rate) ? &place->opened : rate;
}

int epoch_prepare(struct epoch *epoch, const struct codec_geometry *geometry, const struct codec_rate *rate,
                  double fill, char *why)
{
    const bool continues = epoch_continues(epoch, geometry, rate);
    if (continues && follow(epoch, epoch->present, rate))
        return EPOCH_GOES_ON;

    const bool reopens = continues || (epoch->broken && epoch_same_geometry(&epoch->present->geometry, geometry));
    if (epoch->broken)
        epoch_abandon(epoch);
    struct epoch_encoder *place = find_warm(epoch, geometry);
    if (place != NULL && (place == epoch->present || !follow(epoch, place, rate))) {
        close_encoder(epoch, place);
        place = NULL;
    }
    epoch->present = NULL;
    if (place == NULL) {
        const int error = open_encoder(epoch, geometry, rate, fill, &place, why);
        if (error < 0)
            return error;
    }
    epoch->present = place;
    epoch->unproved = true;
    place->used = ++epoch->uses;
    trim(epoch, epoch->config->warm);
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
