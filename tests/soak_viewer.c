#include <stdlib.h>
#include <string.h>

#include "decoder.h"
#include "draw.h"
#include "soak.h"

#define UNIT_MAX (2 << 20)
#define PATIENCE_MS 30000
#define LOSES 100 /* of so many access units, one */

struct viewer {
    struct soak_stream *stream;
    struct decoder *decoder; /* NULL: there is nothing to decode */
    uint8_t *unit;
    size_t bytes;
    int64_t pts;
    uint32_t epoch, state;
    bool lost; /* waits for what needs nothing that was lost */
};

static void check_packet(struct viewer *viewer, const struct culvert_packet *packet)
{
    const bool begins = packet->flags & CULVERT_PACKET_FIRST_SLICE;
    if (begins && packet->pts <= viewer->pts)
        soak_blame(viewer->stream, "the pts does not rise", packet->pts);
    if (packet->epoch != viewer->epoch && !(packet->flags & CULVERT_PACKET_KEY))
        soak_blame(viewer->stream, "an epoch begins without a key frame", packet->epoch);
    if (packet->epoch != viewer->epoch)
        atomic_fetch_add(&soak_counts.epochs, 1);
    viewer->pts = packet->pts;
    viewer->epoch = packet->epoch;
    atomic_fetch_add(&soak_counts.packets, 1);
    atomic_store(&viewer->stream->shown, true);
}

static void lose(struct viewer *viewer, const struct culvert_packet *packet)
{
    const int result = culvert_report_loss(viewer->stream->session, packet->pts, NULL);
    if (result < 0 && result != CULVERT_E_FINISHED && result != CULVERT_E_HANDLE)
        soak_blame(viewer->stream, culvert_strerror(result), packet->pts);
    viewer->lost = true;
}

static void show(struct viewer *viewer, const struct culvert_packet *packet)
{
    if (viewer->lost && (packet->flags & (CULVERT_PACKET_KEY | CULVERT_PACKET_RECOVERY))) {
        viewer->lost = false;
        atomic_fetch_add(&soak_counts.recoveries, 1);
    }
    if (viewer->lost)
        return;
    if (draw(&viewer->state, LOSES) == 0)
        lose(viewer, packet);
    else if (viewer->decoder != NULL && !decoder_take(viewer->decoder, viewer->unit, viewer->bytes))
        soak_blame(viewer->stream, "a packet does not decode", packet->pts);
}

static int peek(struct viewer *viewer, size_t *bytes, struct culvert_packet *packet)
{
    const void *data;
    culvert_loan loan;
    const int result = culvert_peek(viewer->stream->session, &loan, &data, bytes, packet, PATIENCE_MS);
    if (result != 0)
        return result;
    if (*bytes <= UNIT_MAX - viewer->bytes)
        memcpy(viewer->unit + viewer->bytes, data, *bytes);
    culvert_release(loan);
    return 0;
}

/* Forgets the slices of an access unit of which the rest died with its encoder process. */
static void begin_anew(struct viewer *viewer, size_t bytes, const struct culvert_packet *packet)
{
    if (!viewer->stream->killed || !(packet->flags & CULVERT_PACKET_EPOCH))
        soak_blame(viewer->stream, "a slice is missing", packet->pts);
    memmove(viewer->unit, viewer->unit + viewer->bytes, bytes);
    viewer->bytes = 0;
}

/* The next slice, behind those of its access unit: copied out, or from memory that is lent. */
static int take(struct viewer *viewer, struct culvert_packet *packet)
{
    size_t bytes = 0;
    const int result = draw(&viewer->state, 2) == 0
                           ? peek(viewer, &bytes, packet)
                           : culvert_receive(viewer->stream->session, viewer->unit + viewer->bytes,
                                             UNIT_MAX - viewer->bytes, &bytes, packet, PATIENCE_MS);
    if (result != 0)
        return result;
    if (!!(packet->flags & CULVERT_PACKET_FIRST_SLICE) != (viewer->bytes == 0))
        begin_anew(viewer, bytes, packet);
    viewer->bytes += bytes;
    return 0;
}

void *soak_view(void *argument)
{
    struct soak_stream *const stream = argument;
    struct viewer viewer = {.stream = stream,
                            .decoder = stream->codec == CULVERT_CODEC_NULL ? NULL : decoder_open(stream->codec),
                            .unit = malloc(UNIT_MAX),
                            .pts = -1,
                            .state = stream->session | 1};
    struct culvert_packet packet = {.size = sizeof packet};
    int result;
    while ((result = take(&viewer, &packet)) == 0) {
        check_packet(&viewer, &packet);
        if (packet.flags & CULVERT_PACKET_LAST_SLICE) {
            show(&viewer, &packet);
            viewer.bytes = 0;
        }
    }
    if (result != CULVERT_EOS && result != CULVERT_E_HANDLE)
        soak_blame(stream, culvert_strerror(result), viewer.pts);
    if (viewer.decoder != NULL)
        decoder_close(viewer.decoder);
    free(viewer.unit);
    return NULL;
}
