/* What the frame taken last is encoded as: itself or an insertion, at its own size or scaled, on a canvas or not. */
#ifndef SESSION_PENDING_H
#define SESSION_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"
#include "frame/picture.h"
#include "frame/queue.h"

struct session;

/* A frame on its way through the codec. */
struct pending {
    struct frame frame;
    uint32_t control;       /* obeyed */
    uint32_t width, height; /* visible, of the picture that the codec gets */
    uint32_t wait_us;
    unsigned due; /* enum due */
    bool key, inserted, recovers, scaled, overdrawn;
};

/* Whether the bitrate has no room for another frame. */
bool pending_overdrawn(const struct session *session);
/* Notes the frame under its tag, which is returned, and that it serves all that was asked for. */
uint32_t pending_begin(struct session *session, const struct codec_geometry *geometry, bool inserted, uint32_t wait_us);
/* Its picture at this geometry: in its slot, or in session->scaled. */
struct picture pending_picture(struct session *session, const struct codec_geometry *geometry);

#endif
