#include "ivf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file's header:  signature, version, own size, fourcc, width, height, a tick's fraction of a second (denominator
 *                     first), length. FFmpeg reads and writes the length in ticks, libvpx in frames; vpxdec ignores it.
 * The frame's header: size, pts in ticks */
enum { FILE_HEADER = 32, LENGTH_AT = 24, LENGTH = 8, FRAME_HEADER = 12, TICKS = 1000000 };

static uint8_t *put(uint8_t *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *put_file_header(uint8_t *at, const char *fourcc, const struct culvert_packet *packet)
{
    static const uint8_t mark[] = {'D', 'K', 'I', 'F'};
    memcpy(at, mark, sizeof mark);
    at = put(at + sizeof mark, 0, 2);
    at = put(at, FILE_HEADER, 2);
    memcpy(at, fourcc, 4);
    at = put(at + 4, packet->coded_width, 2);
    at = put(at, packet->coded_height, 2);
    at = put(at, TICKS, 4);
    at = put(at, 1, 4);
    return put(at, 0, LENGTH);
}

static int reserve(struct ivf *ivf, size_t bytes, char why[OUTPUT_WHY])
{
    if (bytes <= ivf->room)
        return 0;
    uint8_t *grown = realloc(ivf->unit, bytes + bytes / 2);
    if (!grown) {
        snprintf(why, OUTPUT_WHY, "no memory for a frame of %zu bytes", bytes);
        return -1;
    }
    ivf->unit = grown;
    ivf->room = bytes + bytes / 2;
    return 0;
}

/* Where the header of the frame that is gathered stands: behind the file's own before the first. */
static size_t frame_at(const struct ivf *ivf)
{
    return ivf->begun ? 0 : FILE_HEADER;
}

static int flush(struct ivf *ivf, struct output *output, const struct culvert_packet *packet, char why[OUTPUT_WHY])
{
    const size_t at = frame_at(ivf);
    put(put(ivf->unit + at, ivf->bytes - at - FRAME_HEADER, 4), (uint64_t)packet->pts, 8);
    if (output_write(output, ivf->unit, ivf->bytes, why) < 0)
        return -1;
    if (!ivf->begun)
        ivf->first = packet->pts;
    ivf->begun = true;
    ivf->end = packet->pts + ivf->interval;
    return 0;
}

int ivf_write(struct ivf *ivf, struct output *output, const void *data, size_t bytes,
              const struct culvert_packet *packet, char why[OUTPUT_WHY])
{
    if (bytes == 0)
        return 0;
    if (packet->flags & CULVERT_PACKET_FIRST_SLICE)
        ivf->bytes = frame_at(ivf) + FRAME_HEADER;
    if (reserve(ivf, ivf->bytes + bytes, why) < 0)
        return -1;
    if (!ivf->begun && packet->flags & CULVERT_PACKET_FIRST_SLICE) {
        ivf->interval = packet->duration;
        put_file_header(ivf->unit, ivf->fourcc, packet);
    }
    memcpy(ivf->unit + ivf->bytes, data, bytes);
    ivf->bytes += bytes;
    return packet->flags & CULVERT_PACKET_LAST_SLICE ? flush(ivf, output, packet, why) : 0;
}

int ivf_end(struct ivf *ivf, struct output *output, int64_t end, char why[OUTPUT_WHY])
{
    uint8_t length[LENGTH];
    free(ivf->unit);
    ivf->unit = NULL;
    /* FFmpeg reads 32 bits of it; 0 is unknown. */
    const int64_t ticks = (end > ivf->end ? end : ivf->end) - ivf->first;
    put(length, ticks <= UINT32_MAX ? (uint64_t)ticks : 0, sizeof length);
    return ivf->begun ? output_amend(output, LENGTH_AT, length, sizeof length, why) : 0;
}
