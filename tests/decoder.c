#include "decoder.h"

#include <libavcodec/avcodec.h>
#include <libavutil/log.h>
#include <stdlib.h>
#include <string.h>

#include "culvert/culvert.h"

struct decoder {
    AVCodecContext *context;
    AVPacket *packet;
    AVFrame *frame;
};

static enum AVCodecID id_of(uint32_t codec)
{
    return codec == CULVERT_CODEC_VP8   ? AV_CODEC_ID_VP8
           : codec == CULVERT_CODEC_VP9 ? AV_CODEC_ID_VP9
                                        : AV_CODEC_ID_H264;
}

struct decoder *decoder_open(uint32_t codec)
{
    const AVCodec *const found = avcodec_find_decoder(id_of(codec));
    if (found == NULL)
        return NULL;
    av_log_set_level(AV_LOG_QUIET);
    struct decoder *const decoder = calloc(1, sizeof *decoder);
    decoder->packet = av_packet_alloc();
    decoder->frame = av_frame_alloc();
    decoder->context = avcodec_alloc_context3(found);
    decoder->context->thread_count = 1;
    decoder->context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    if (avcodec_open2(decoder->context, found, NULL) == 0)
        return decoder;
    decoder_close(decoder);
    return NULL;
}

void decoder_close(struct decoder *decoder)
{
    av_frame_free(&decoder->frame);
    av_packet_free(&decoder->packet);
    avcodec_free_context(&decoder->context);
    free(decoder);
}

bool decoder_take(struct decoder *decoder, const uint8_t *data, size_t bytes)
{
    if (av_new_packet(decoder->packet, (int)bytes) != 0)
        return false;
    memcpy(decoder->packet->data, data, bytes);
    const bool shown = avcodec_send_packet(decoder->context, decoder->packet) == 0 &&
                       avcodec_receive_frame(decoder->context, decoder->frame) == 0;
    av_packet_unref(decoder->packet);
    return shown && decoder->frame->decode_error_flags == 0 && !(decoder->frame->flags & AV_FRAME_FLAG_CORRUPT);
}

uint32_t decoder_width(const struct decoder *decoder)
{
    return (uint32_t)decoder->frame->width;
}

uint32_t decoder_height(const struct decoder *decoder)
{
    return (uint32_t)decoder->frame->height;
}

static bool same_plane(const AVFrame *a, const AVFrame *b, int plane)
{
    const int shift = plane > 0;
    for (int y = 0; y < a->height >> shift; y++)
        if (memcmp(a->data[plane] + y * a->linesize[plane], b->data[plane] + y * b->linesize[plane],
                   (size_t)a->width >> shift) != 0)
            return false;
    return true;
}

bool decoder_same(const struct decoder *a, const struct decoder *b)
{
    const AVFrame *const one = a->frame, *const other = b->frame;
    return one->width > 0 && one->width == other->width && one->height == other->height && same_plane(one, other, 0) &&
           same_plane(one, other, 1) && same_plane(one, other, 2);
}
