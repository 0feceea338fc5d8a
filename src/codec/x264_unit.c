#include "codec/x264_unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "codec/h264_traits.h"
#include "codec/x264_sps.h"

#define NALS 10  /* of an access unit: browsers choke on many more */
#define SLICES 8 /* of a picture, at most */

static size_t macroblocks(uint32_t pixels)
{
    return (pixels + 15) / 16;
}

/* The first access unit of eight slices has eleven NAL units with x264's version SEI, which is left out. */
size_t unit_copy(const x264_nal_t *nal, int count, bool gaps, uint8_t *buffer)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++) {
        if (count > NALS && nal[i].i_type == NAL_SEI)
            continue;
        memcpy(buffer + bytes, nal[i].p_payload, (size_t)nal[i].i_payload);
        if (gaps && nal[i].i_type == NAL_SPS)
            sps_allow_gaps(buffer + bytes, (size_t)nal[i].i_payload);
        bytes += (size_t)nal[i].i_payload;
    }
    return bytes;
}

/* ---- Slices */

struct slice {
    int first, last; /* macroblocks */
    const uint8_t *data;
    size_t bytes;
    bool key;
};

struct slicer {
    pthread_mutex_t lock;                /* over what follows, but staging: x264's threads come at the same time */
    const struct codec_picture *picture; /* NULL: none is being encoded */
    struct slice done[SLICES];
    size_t count;
    int next; /* macroblock that begins the slice to be handed out next */
    uint32_t slices;
    size_t bytes;
    size_t head; /* bytes of parameter sets and SEI, which x264 makes before any slice */
    int row, macroblocks;
    bool crowded; /* by the version SEI */
    bool gaps;
    uint8_t staging[];
};

/* Slices begin with a row. Each has the staging of its rows to itself, the first that of the headers too. */
static size_t place(const struct slicer *slicer, int macroblock)
{
    return H264_HEADER_BYTES + (size_t)macroblock * H264_MACROBLOCK_BYTES +
           (size_t)(macroblock / slicer->row) * H264_HEADER_BYTES;
}

struct slicer *slicer_create(const struct codec_geometry *geometry, uint32_t slices, bool gaps)
{
    const struct slicer model = {
        .row = (int)macroblocks(geometry->width),
        .macroblocks = (int)(macroblocks(geometry->width) * macroblocks(geometry->height)),
        .crowded = slices + 3 > NALS,
        .gaps = gaps,
    };
    struct slicer *const slicer = malloc(sizeof *slicer + place(&model, model.macroblocks));
    if (slicer == NULL)
        return NULL;
    *slicer = model;
    pthread_mutex_init(&slicer->lock, NULL);
    return slicer;
}

void slicer_destroy(struct slicer *slicer)
{
    if (slicer == NULL)
        return;
    pthread_mutex_destroy(&slicer->lock);
    free(slicer);
}

void slicer_begin(struct slicer *slicer, const struct codec_picture *picture)
{
    pthread_mutex_lock(&slicer->lock);
    slicer->picture = picture;
    slicer->count = slicer->head = slicer->bytes = 0;
    slicer->slices = 0;
    slicer->next = 0;
    pthread_mutex_unlock(&slicer->lock);
}

bool slicer_end(struct slicer *slicer, struct codec_unit *unit)
{
    pthread_mutex_lock(&slicer->lock);
    slicer->picture = NULL;
    unit->slices = slicer->slices;
    unit->bytes = slicer->bytes;
    const bool complete = slicer->next == slicer->macroblocks;
    pthread_mutex_unlock(&slicer->lock);
    return complete;
}

static const struct slice *find_next(const struct slicer *slicer)
{
    for (size_t i = 0; i < slicer->count; i++) {
        if (slicer->done[i].first == slicer->next)
            return &slicer->done[i];
    }
    return NULL;
}

static void hand_out(struct slicer *slicer, const struct slice *slice)
{
    const struct codec_picture *const picture = slicer->picture;
    picture->slice(picture->context, slice->data, slice->bytes, slice->key, slice->last + 1 == slicer->macroblocks);
    slicer->slices++;
    slicer->bytes += slice->bytes;
    slicer->next = slice->last + 1;
}

/* When a thread fails, x264 returns without waiting for the others: what they bring then is nobody's. */
static void add_slice(struct slicer *slicer, const struct slice *done)
{
    pthread_mutex_lock(&slicer->lock);
    if (slicer->picture != NULL && slicer->count < SLICES) {
        slicer->done[slicer->count++] = *done;
        for (const struct slice *slice; (slice = find_next(slicer)) != NULL;)
            hand_out(slicer, slice);
    }
    pthread_mutex_unlock(&slicer->lock);
}

/* Makes a NAL unit of it, with the start code of a whole access unit (B.1.2). False when it finds no room. */
static bool stage(struct slicer *slicer, x264_t *x264, x264_nal_t *nal, size_t from, size_t to)
{
    const size_t most = (size_t)nal->i_payload * 3 / 2 + 5 + 64; /* that x264_nal_encode writes */
    if (from + most > to)
        return false;
    nal->b_long_startcode = from == 0 || nal->i_type == NAL_SPS || nal->i_type == NAL_PPS;
    x264_nal_encode(x264, slicer->staging + from, nal);
    return true;
}

static void take_slice(struct slicer *slicer, x264_t *x264, x264_nal_t *nal)
{
    const size_t from = nal->i_first_mb == 0 ? slicer->head : place(slicer, nal->i_first_mb);
    if (!stage(slicer, x264, nal, from, place(slicer, nal->i_last_mb + 1)))
        return;
    const size_t begin = nal->i_first_mb == 0 ? 0 : from;
    add_slice(slicer, &(struct slice){
                          .first = nal->i_first_mb,
                          .last = nal->i_last_mb,
                          .data = slicer->staging + begin,
                          .bytes = from - begin + (size_t)nal->i_payload,
                          .key = nal->i_type == NAL_SLICE_IDR,
                      });
}

/* Rate control counts what is left out here, as in a whole access unit. */
static void take_header(struct slicer *slicer, x264_t *x264, x264_nal_t *nal)
{
    if (!stage(slicer, x264, nal, slicer->head, H264_HEADER_BYTES) || (slicer->crowded && nal->i_type == NAL_SEI))
        return;
    if (slicer->gaps && nal->i_type == NAL_SPS)
        sps_allow_gaps(slicer->staging + slicer->head, (size_t)nal->i_payload);
    slicer->head += (size_t)nal->i_payload;
}

void slicer_take(x264_t *x264, x264_nal_t *nal, void *opaque)
{
    struct slicer *const slicer = opaque;
    if (nal->i_type == NAL_SLICE || nal->i_type == NAL_SLICE_IDR)
        take_slice(slicer, x264, nal);
    else
        take_header(slicer, x264, nal);
}
