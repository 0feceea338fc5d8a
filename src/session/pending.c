#include "session/pending.h"

#include <libavutil/common.h>

#include "frame/scale.h"
#include "session/session.h"

#define INSERTED_STEP 12 /* microseconds: a tick of the 90 kHz clock of RTP, rounded up */

bool pending_overdrawn(const struct session *session)
{
    const struct encoder *encoder = &session->encoder;
    return session->codec->keeps_rate && budget_is_overdrawn(&encoder->budget, &encoder->order.rate);
}

/* How far behind the frame's own pts the next insertion lies. Steps become small before they reach the next frame's. */
static int64_t inserted_offset(const struct encoder *encoder)
{
    const int64_t half = work_interval(&encoder->order.rate) / 2, nth = (int64_t)encoder->inserted + 1;
    return nth * INSERTED_STEP <= half ? nth * INSERTED_STEP : half + nth - half / INSERTED_STEP;
}

/* On a canvas, packets say what the epoch declares. */
static void describe_canvas(struct frame *frame, const struct codec_geometry *canvas)
{
    frame->aspect_num = canvas->width;
    frame->aspect_den = canvas->height;
    frame->matrix = canvas->matrix == H273_BT709 ? CULVERT_MATRIX_BT709 : CULVERT_MATRIX_BT601;
    frame->range = canvas->range;
    frame->primaries = canvas->primaries;
    frame->transfer = canvas->transfer;
}

/* One key frame serves all that asked; whoever asks from now on waits for the next. */
static void serve(struct encoder *encoder, const struct frame *frame, bool key)
{
    encoder->keys_by_frames = frame->key;
    encoder->keys_by_control = key ? encoder->order.keys : encoder->keys_by_control;
    encoder->resumed = encoder->order.resumes;
    encoder->key_owed = encoder->succeeds = encoder->missed = false;
}

uint32_t pending_begin(struct session *session, const struct codec_geometry *geometry, bool inserted, uint32_t wait_us)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const bool canvas = session->config.resize == CULVERT_RESIZE_CANVAS;
    const struct codec_geometry own = session_geometry(session, frame);
    const bool scaled = !epoch_same_geometry(&own, geometry);
    struct pending *pending = &encoder->pending[encoder->tag % PENDING_MAX];
    *pending = (struct pending){
        .frame = *frame,
        .control = encoder->order.number,
        .width = canvas || scaled ? geometry->width : frame->width,
        .height = canvas || scaled ? geometry->height : frame->height,
        .wait_us = wait_us,
        .due = encoder->due,
        .key = encoder->due & DUE_KEY,
        .inserted = inserted,
        .scaled = scaled,
        .overdrawn = pending_overdrawn(session),
    };
    if (canvas)
        describe_canvas(&pending->frame, geometry);
    if (inserted)
        pending->frame.pts = av_sat_add64(frame->pts, inserted_offset(encoder));
    serve(encoder, frame, pending->key);
    encoder->width = pending->width;
    encoder->height = pending->height;
    return encoder->tag++;
}

struct picture pending_picture(struct session *session, const struct codec_geometry *geometry)
{
    const struct frame *frame = queue_taken(&session->encoder.reader);
    const uint32_t width = picture_coded(frame->width), height = picture_coded(frame->height);
    const struct picture own = picture_over(queue_taken_pixels(&session->encoder.reader), width, height);
    const struct window whole = {.width = geometry->width, .height = geometry->height};
    const bool canvas = session->config.resize == CULVERT_RESIZE_CANVAS;
    const struct window window = canvas ? scale_window(whole.width, whole.height, frame->aspect_num, frame->aspect_den)
                                        : whole;
    if (width == window.width && height == window.height && width == whole.width && height == whole.height)
        return own;
    const struct picture scaled = picture_over(session->scaled->base, geometry->width, geometry->height);
    scale(&own, &scaled, &window, session->config.filter == CULVERT_FILTER_NEAREST,
          geometry->range == CULVERT_RANGE_FULL);
    return scaled;
}
