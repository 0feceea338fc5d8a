#include <inttypes.h>
#include <libavutil/common.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/probes.h"
#include "frame/convert.h"
#include "session/submit.h"

/* What a frame comes to before a pixel is touched. */
struct admission {
    const struct format *format; /* NULL: the picture of the frame before */
    struct layout layout;
    struct frame frame;
};

/* ---- Checks ------------------------------------------------------------------------------------------------------ */

int submit_refuse(char *why, const char *field, uint32_t value, const char *advice)
{
    snprintf(why, CODEC_WHY, "frame: %s is %" PRIu32 ": %s", field, value, advice);
    return CULVERT_E_ARGUMENT;
}

static int check_fields(const struct culvert_frame *in, char *why)
{
    if (in->flags & ~(uint32_t)(CULVERT_FRAME_KEY | CULVERT_FRAME_SAME))
        return submit_refuse(why, "flags", in->flags, "set flags of enum culvert_frame_flag alone");
    if (in->rotation % 90 != 0 || in->rotation > 270)
        return submit_refuse(why, "rotation", in->rotation, "set 0, 90, 180 or 270 degrees");
    if (in->flip & ~(uint32_t)(CULVERT_FLIP_HORIZONTAL | CULVERT_FLIP_VERTICAL))
        return submit_refuse(why, "flip", in->flip, "set flags of enum culvert_flip alone");
    if (in->matrix > CULVERT_MATRIX_BT709)
        return submit_refuse(why, "matrix", in->matrix, "set one of enum culvert_matrix");
    if (in->range > CULVERT_RANGE_FULL)
        return submit_refuse(why, "range", in->range, "set one of enum culvert_range");
    if (in->reserved != 0)
        return submit_refuse(why, "reserved", in->reserved, "set 0");
    if ((in->aspect_num == 0) != (in->aspect_den == 0) || in->aspect_num > SUBMIT_ASPECT_MOST ||
        in->aspect_den > SUBMIT_ASPECT_MOST)
        return submit_refuse(why, "aspect_num", in->aspect_num, "set both terms to 1 to 65535, or both to 0");
    return 0;
}

static int check_pts(struct session *session, int64_t pts, int64_t now, int64_t *out, char *why)
{
    const int64_t last = session->submitter.last_pts;
    /* Two frames in one microsecond of the clock still rise. */
    *out = pts != CULVERT_PTS_NOW ? pts : FFMAX(now, av_sat_add64(last, 1));
    if (*out > last)
        return 0;
    snprintf(why, CODEC_WHY,
             "frame: pts %" PRId64 " is not above the last one, %" PRId64 ": it must be 0 or more and rise", *out,
             last);
    return CULVERT_E_PTS;
}

/* Whether the codec can have an epoch of this geometry; asked again only when the geometry or the rate changes. */
static int check_codec(struct session *session, const struct frame *frame, char *why)
{
    struct submitter *submitter = &session->submitter;
    const struct codec_geometry geometry = session_geometry(session, frame);
    if (epoch_same_geometry(&geometry, &submitter->admitted) &&
        submitter->admitted_at == atomic_load_explicit(&session->rate_changes, memory_order_relaxed))
        return 0;
    pthread_mutex_lock(&session->lock);
    const int error = session->codec->admit(&session->config, &geometry, &session->wanted.rate, why);
    if (error == 0) {
        session->newest = submitter->admitted = geometry;
        submitter->admitted_at = atomic_load_explicit(&session->rate_changes, memory_order_relaxed);
    }
    pthread_mutex_unlock(&session->lock);
    return error;
}

/* The visible size, either way up, within the largest. */
int submit_check_size(const struct session *session, uint32_t width, uint32_t height, char *why)
{
    const uint32_t most_wide = session->config.max_width, most_high = session->config.max_height;
    if ((width <= most_wide && height <= most_high) || (height <= most_wide && width <= most_high))
        return 0;
    snprintf(why, CODEC_WHY,
             "frame: %" PRIu32 "x%" PRIu32
             " after rotation and scale is larger than the session's "
             "%" PRIu32 "x%" PRIu32 ": open it with a larger max_width and max_height",
             width, height, most_wide, most_high);
    return CULVERT_E_SIZE;
}

static void describe_geometry(const struct session *session, const struct culvert_frame *in, bool rgb,
                              struct frame *frame)
{
    convert_visible(in, session->config.scale, &frame->width, &frame->height);
    const bool square = in->aspect_num == 0;
    frame->aspect_num = square ? frame->width : in->aspect_num;
    frame->aspect_den = square ? frame->height : in->aspect_den;
    frame->matrix = rgb ? CULVERT_MATRIX_BT601 : in->matrix;
    frame->range = rgb ? CULVERT_RANGE_LIMITED : in->range;
    /* A game's RGB is sRGB: BT.709's primaries, IEC 61966-2-1's curve (H.273, tables 2 and 3). What YUV was is its
     * host's secret. */
    frame->primaries = rgb ? 1 : 2;
    frame->transfer = rgb ? 13 : 2;
}

static int admit_same(struct session *session, struct admission *admission, char *why)
{
    const struct queue_writer *writer = &session->submitter.writer;
    if (writer->submitted == 0) {
        snprintf(why, CODEC_WHY, "frame: CULVERT_FRAME_SAME on the first frame: there is none before it");
        return CULVERT_E_ARGUMENT;
    }
    admission->format = NULL;
    admission->frame = *queue_previous(writer);
    return 0;
}

static int admit_pixels(struct session *session, const struct culvert_frame *in, const void *data, size_t size,
                        struct admission *admission, char *why)
{
    admission->format = format_find(in->format);
    if (admission->format == NULL)
        return submit_refuse(why, "format", in->format, "set one of enum culvert_format");
    if (data == NULL)
        return submit_refuse(why, "data", 0, "pass the pixels, or CULVERT_FRAME_SAME");
    int error = format_layout(admission->format, in, size, &admission->layout, why, CODEC_WHY);
    if (error < 0)
        return error;
    describe_geometry(session, in, admission->format->rgb, &admission->frame);
    error = submit_check_size(session, admission->frame.width, admission->frame.height, why);
    return error < 0 ? error : check_codec(session, &admission->frame, why);
}

static int admit(struct session *session, const struct culvert_frame *in, const void *data, size_t size,
                 struct admission *admission, char *why)
{
    const int64_t now = clock_now();
    int64_t pts;
    int error = check_fields(in, why);
    if (error == 0)
        error = check_pts(session, in->pts, now, &pts, why);
    if (error == 0)
        error = in->flags & CULVERT_FRAME_SAME ? admit_same(session, admission, why)
                                               : admit_pixels(session, in, data, size, admission, why);
    if (error < 0)
        return error;
    admission->frame.pts = pts;
    admission->frame.submitted_at = now;
    return 0;
}

/* ---- The slot ---------------------------------------------------------------------------------------------------- */

/* With BLOCK, waits for a slot; but not while the encoder itself waits for the host to receive. */
static int await_slot(struct session *session, int64_t deadline)
{
    struct queue_writer *writer = &session->submitter.writer;
    const bool rejects = session->config.policy == CULVERT_POLICY_REJECT;
    if (queue_room(writer))
        return 0;
    int error = 0;
    pthread_mutex_lock(&session->lock);
    while (error == 0 && !queue_room(writer)) {
        session->carrier->listen(session);
        if (session->closing)
            error = CULVERT_E_HANDLE;
        else if (session->end < 0)
            error = session->end;
        else if (queue_room(writer))
            break;
        else if (rejects || session->starved || !session_wait(session, deadline))
            error = CULVERT_E_AGAIN;
    }
    pthread_mutex_unlock(&session->lock);
    return error;
}

static bool same_plane(const struct picture *a, const struct picture *b, int plane)
{
    const size_t width = plane == 0 ? a->width : a->width / 2, height = plane == 0 ? a->height : a->height / 2;
    for (size_t y = 0; y < height; y++)
        if (memcmp(a->plane[plane] + y * a->stride[plane], b->plane[plane] + y * b->stride[plane], width) != 0)
            return false;
    return true;
}

/* Whether the picture in the slot is that of the frame submitted before. Pictures are compared as the codec sees them,
 * so bits that mean nothing differ in nothing. */
static bool repeats(struct queue_writer *writer, const struct frame *frame)
{
    if (writer->submitted == 0)
        return false;
    const struct frame *before = queue_previous(writer);
    if (before->width != frame->width || before->height != frame->height || before->aspect_num != frame->aspect_num ||
        before->aspect_den != frame->aspect_den)
        return false;
    const uint32_t width = picture_coded(frame->width), height = picture_coded(frame->height);
    const struct picture now = picture_over(queue_filling_pixels(writer), width, height);
    const struct picture then = picture_over((uint8_t *)queue_previous_pixels(writer), width, height);
    return same_plane(&now, &then, 0) && same_plane(&now, &then, 1) && same_plane(&now, &then, 2);
}

static void fill(struct session *session, const struct culvert_frame *in, const void *data, struct admission *admission)
{
    struct submitter *submitter = &session->submitter;
    struct queue_writer *writer = &submitter->writer;
    struct frame *frame = &admission->frame;
    const uint32_t width = picture_coded(frame->width), height = picture_coded(frame->height);
    const uint32_t before = writer->submitted == 0 ? 0 : queue_previous(writer)->content;
    if (admission->format == NULL) {
        memcpy(queue_filling_pixels(writer), queue_previous_pixels(writer), picture_bytes(width, height));
        frame->content = before;
        return;
    }
    const struct picture picture = picture_over(queue_filling_pixels(writer), width, height);
    convert(in, admission->format, &admission->layout, data, session->config.scale, submitter->scratch->base, &picture);
    /* 0 stays free: the encoder's word for no content. */
    frame->content = repeats(writer, frame) ? before : before + 1 + (before == UINT32_MAX);
}

static void publish(struct session *session, const struct culvert_frame *in, struct frame *frame, int64_t started)
{
    struct submitter *submitter = &session->submitter;
    if (in->flags & CULVERT_FRAME_KEY)
        submitter->keys++;
    frame->key = submitter->keys;
    frame->queued_at = clock_now();
    frame->convert_us = (uint32_t)(frame->queued_at - started);
    submitter->last_pts = frame->pts;
    if (session->config.resize == CULVERT_RESIZE_CANVAS && session->canvas.width == 0) {
        const struct codec_geometry canvas = session_geometry(session, frame);
        pthread_mutex_lock(&session->lock);
        session->canvas = canvas;
        pthread_mutex_unlock(&session->lock);
    }
    *queue_filling(&submitter->writer) = *frame;
    session->carrier->publish(session);
    PROBE_SUBMIT(session->config.name, submitter->writer.submitted, frame->pts);
}

int submit_frame(struct session *session, const struct culvert_frame *in, const void *data, size_t size,
                 int64_t deadline)
{
    int error = session_goes_on(session);
    if (error < 0)
        return error;
    char why[CODEC_WHY];
    struct admission admission = {0};
    error = admit(session, in, data, size, &admission, why);
    if (error < 0)
        return session_error(session, error, why);
    error = await_slot(session, deadline);
    if (error < 0)
        return error;
    const int64_t started = clock_now();
    fill(session, in, data, &admission);
    publish(session, in, &admission.frame, started);
    return 0;
}

/* ---- The role ---------------------------------------------------------------------------------------------------- */

/* Sequentially consistent on both ends, as `finishing` is: see session_finish. */
bool submit_enter(struct session *session)
{
    return atomic_exchange(&session->submitter.busy, 1) == 0;
}

void submit_leave(struct session *session)
{
    atomic_store(&session->submitter.busy, 0);
    if (atomic_load(&session->finishing))
        session_tell(session);
}

int session_submit(struct session *session, const struct culvert_frame *frame, const void *data, size_t size)
{
    if (!submit_enter(session))
        return CULVERT_E_BUSY;
    const int error = submit_frame(session, frame, data, size, CLOCK_NEVER);
    submit_leave(session);
    return error;
}
