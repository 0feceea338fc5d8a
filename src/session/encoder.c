#include <inttypes.h>
#include <libavutil/common.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/platform.h"
#include "session/session.h"

#define INSERTED_STEP 12 /* microseconds: a tick of the 90 kHz clock of RTP, rounded up */

static uint32_t microseconds(int64_t duration)
{
    return duration < 0 ? 0 : duration > UINT32_MAX ? UINT32_MAX : (uint32_t)duration;
}

/* ---- Outcomes ---------------------------------------------------------------------------------------------------- */

/* With the lock held: no access unit will come for the pictures before this tag that have none yet. */
static void settle_before(struct session *session, uint32_t tag, enum outcome outcome)
{
    struct encoder *encoder = &session->encoder;
    for (; (int32_t)(tag - encoder->oldest) > 0; encoder->oldest++) {
        const struct pending *pending = &encoder->pending[encoder->oldest % PENDING_MAX];
        if (!pending->inserted)
            stats_settle(&session->stats, outcome);
        /* An insertion that failed is not tried again without end: the next frame begins with a key frame anyway. */
        if (pending->key && (outcome == DROPPED || (outcome == FAILED && !pending->inserted)))
            encoder->key_owed = true;
    }
}

static void settle(struct session *session, enum outcome outcome)
{
    pthread_mutex_lock(&session->lock);
    stats_settle(&session->stats, outcome);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}

static void drop_before(struct session *session, uint32_t tag)
{
    pthread_mutex_lock(&session->lock);
    settle_before(session, tag, DROPPED);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}

static void fail_pending(struct session *session, const char *why)
{
    log_write(CULVERT_LOG_ERROR, session->config.name, "%s", why);
    pthread_mutex_lock(&session->lock);
    settle_before(session, session->encoder.tag, FAILED);
    snprintf(session->error, sizeof session->error, "%s", why);
    session->failed = true;
    session_changed(session);
    session_signal(session);
    pthread_mutex_unlock(&session->lock);
}

static struct culvert_packet describe_packet(const struct encoder *encoder, const struct pending *pending,
                                             const struct codec_unit *unit, uint32_t encode_us)
{
    const struct frame *frame = &pending->frame;
    return (struct culvert_packet){
        .size = sizeof(struct culvert_packet),
        .flags = CULVERT_PACKET_FIRST_SLICE | CULVERT_PACKET_LAST_SLICE | (unit->key ? CULVERT_PACKET_KEY : 0u) |
                 (pending->inserted ? CULVERT_PACKET_INSERTED : 0u) | (encoder->begins ? CULVERT_PACKET_EPOCH : 0u),
        .pts = frame->pts,
        .duration = encoder->packet_pts < 0 ? work_interval(&encoder->order.rate) : frame->pts - encoder->packet_pts,
        .control = pending->control,
        .width = frame->width,
        .height = frame->height,
        .coded_width = picture_coded(frame->width),
        .coded_height = picture_coded(frame->height),
        .aspect_num = frame->aspect_num,
        .aspect_den = frame->aspect_den,
        .matrix = frame->matrix,
        .range = frame->range,
        .primaries = frame->primaries,
        .transfer = frame->transfer,
        .qp = unit->qp,
        .wait_us = pending->wait_us,
        .convert_us = pending->inserted ? 0 : frame->convert_us,
        .encode_us = encode_us,
    };
}

/* An access unit lies in the room that was reserved for it: hand it out. */
static void deliver(struct session *session, const struct codec_unit *unit, uint32_t encode_us)
{
    struct encoder *encoder = &session->encoder;
    const struct pending *pending = &encoder->pending[unit->tag % PENDING_MAX];
    const struct frame *frame = &pending->frame;
    struct culvert_packet packet = describe_packet(encoder, pending, unit, encode_us);
    const uint32_t total_us = microseconds(clock_now() - frame->submitted_at);
    encoder->packet_pts = frame->pts;
    encoder->encoded = frame->content;
    if (unit->key)
        encoder->key_pts = frame->pts;

    pthread_mutex_lock(&session->lock);
    session->stats.epochs += encoder->begins;
    session->stats.reopened += encoder->reopens;
    packet.epoch = (uint32_t)session->stats.epochs;
    packet.frame = session->stats.taken - ((uint32_t)session->stats.taken - frame->number);
    outbox_push(&session->outbox, &packet, unit->bytes);
    encoder->room = NULL;
    settle_before(session, unit->tag, DROPPED);
    settle_before(session, unit->tag + 1, ENCODED);
    stats_packet(&session->stats, &packet, unit->bytes, total_us);
    session_changed(session);
    session_signal(session);
    pthread_mutex_unlock(&session->lock);
    encoder->begins = encoder->reopens = false;
}

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

/* Pictures that the codec holds obey no control call that it has ignored. */
static void disown(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    for (uint32_t tag = encoder->oldest; tag != encoder->tag; tag++)
        encoder->pending[tag % PENDING_MAX].control = session->stats.control;
}

/* What runs really, for culvert_params; and the lie, if the codec told one. */
static void prove(struct session *session)
{
    struct epoch *epoch = &session->encoder.epoch;
    if (!epoch->unproved)
        return;
    const bool obeyed = epoch_prove(epoch);
    char text[SESSION_PARAMS];
    session->codec->describe(epoch->present->encoder, text, sizeof text);
    if (!obeyed)
        log_write(CULVERT_LOG_WARNING, session->config.name, "the codec did not take a change%s: %s",
                  epoch->broken ? ", so it is reopened" : " even when reopened", text);
    if (epoch->broken)
        disown(session);
    pthread_mutex_lock(&session->lock);
    memcpy(session->params, text, sizeof text);
    pthread_mutex_unlock(&session->lock);
}

/* An epoch has begun: control calls answer by what its encoder was opened with. */
static void note_epoch(struct session *session, const struct codec_geometry *geometry)
{
    const struct epoch *epoch = &session->encoder.epoch;
    pthread_mutex_lock(&session->lock);
    session->opened = epoch->present->opened;
    pthread_mutex_unlock(&session->lock);
    log_write(CULVERT_LOG_INFO, session->config.name, "epoch %" PRIu64 ": %" PRIu32 "x%" PRIu32,
              session->stats.epochs + 1, geometry->width, geometry->height);
}

/* Waits until an access unit has room. False: the session closes. */
static bool await_room(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    for (;;) {
        pthread_mutex_lock(&session->lock);
        encoder->room = outbox_reserve(&session->outbox);
        session->starved = encoder->room == NULL;
        session_changed(session);
        const bool closing = session->closing;
        pthread_mutex_unlock(&session->lock);
        if (closing || encoder->room != NULL)
            return !closing;
        platform_wait(&session->doorbell, CLOCK_NEVER);
    }
}

/* One call of the codec; picture NULL: for a unit that it holds back. False: it has none, or failed. */
static bool encode_picture(struct session *session, const struct codec_picture *picture)
{
    struct encoder *encoder = &session->encoder;
    char why[CODEC_WHY];
    struct codec_unit unit = {0};
    const int64_t start = clock_now();
    const int error = session->codec->encode(encoder->epoch.present->encoder, picture, encoder->room,
                                             session->outbox.unit_max, &unit, why);
    if (error < 0) {
        epoch_abandon(&encoder->epoch);
        fail_pending(session, why);
    } else if (unit.bytes > 0) {
        const uint32_t encode_us = microseconds(clock_now() - start) + encoder->opening_us;
        /* First, so that a packet claims nothing that the codec did not do. */
        prove(session);
        deliver(session, &unit, encode_us);
    } else {
        /* A codec that holds more than its delay has dropped the oldest, and one that flushes nothing, all. */
        drop_before(session, picture == NULL ? encoder->tag : encoder->tag - session->codec->delay);
    }
    encoder->opening_us = 0;
    return unit.bytes > 0;
}

/* What the codec holds back comes out before its encoder goes. */
static void flush(struct session *session)
{
    const struct encoder *encoder = &session->encoder;
    while (encoder->oldest != encoder->tag && await_room(session) && encode_picture(session, NULL)) {
    }
}

/* Makes the encoder that the frame needs the present one. */
static bool prepare(struct session *session, const struct codec_geometry *geometry)
{
    struct encoder *encoder = &session->encoder;
    char why[CODEC_WHY];
    const int64_t start = clock_now();
    const int step = epoch_prepare(&encoder->epoch, geometry, &encoder->order.rate, why);
    if (step < 0) {
        fail_pending(session, why);
        return false;
    }
    encoder->opening_us = microseconds(clock_now() - start);
    if (step == EPOCH_GOES_ON)
        return true;
    encoder->begins = true;
    encoder->reopens = step == EPOCH_REOPENS;
    note_epoch(session, geometry);
    return true;
}

/* Hands the frame taken last to the codec; whether the codec took it. */
static bool encode_frame(struct session *session, const struct codec_geometry *geometry, bool key, uint32_t tag)
{
    struct encoder *encoder = &session->encoder;
    const struct picture picture = picture_over(queue_taken_pixels(&encoder->reader), geometry->width,
                                                geometry->height);
    const struct codec_picture input = {
        .layout = CODEC_I420,
        .plane = {picture.plane[0], picture.plane[1], picture.plane[2]},
        .stride = {picture.stride[0], picture.stride[1], picture.stride[2]},
        .key = key || (encoder->begins && tag == encoder->oldest),
        .tag = tag,
    };
    return encode_picture(session, &input) || (session->codec->delay > 0 && encoder->epoch.present != NULL);
}

/* How far behind the frame's own pts the next insertion lies. Steps become small before they reach the next frame's. */
static int64_t inserted_offset(const struct encoder *encoder)
{
    const int64_t half = work_interval(&encoder->order.rate) / 2, nth = (int64_t)encoder->inserted + 1;
    return nth * INSERTED_STEP <= half ? nth * INSERTED_STEP : half + nth - half / INSERTED_STEP;
}

/* Encodes the frame taken last, as itself or once more. */
static void encode(struct session *session, bool key, bool inserted, uint32_t wait_us)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct codec_geometry geometry = epoch_geometry(frame);
    if (!epoch_follows(&encoder->epoch, &geometry, &encoder->order.rate))
        flush(session);
    if (encoder->room == NULL && !await_room(session))
        return;

    struct pending *pending = &encoder->pending[encoder->tag % PENDING_MAX];
    *pending = (struct pending){
        .frame = *frame, .control = encoder->order.number, .wait_us = wait_us, .key = key, .inserted = inserted};
    if (inserted)
        pending->frame.pts = av_sat_add64(frame->pts, inserted_offset(encoder));
    encoder->keys_by_frames = frame->key;
    encoder->keys_by_control = encoder->order.keys;
    encoder->key_owed = false;
    const uint32_t tag = encoder->tag++;
    if (prepare(session, &geometry) && encode_frame(session, &geometry, key, tag))
        encoder->inserted += inserted;
}

static bool key_due(const struct session *session, const struct frame *frame)
{
    const struct encoder *encoder = &session->encoder;
    if (encoder->key_owed || frame->key != encoder->keys_by_frames || encoder->order.keys != encoder->keys_by_control)
        return true;
    const struct codec_rate *rate = &encoder->order.rate;
    const int64_t period = av_rescale((int64_t)session->config.keyint * 1000000, rate->fps_den, rate->fps_num);
    /* Half an interval early, for a host's pts jitters. */
    return period > 0 && frame->pts - encoder->key_pts >= period - work_interval(rate) / 2;
}

static void encode_taken(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct codec_geometry geometry = epoch_geometry(frame);
    const bool key = key_due(session, frame);
    if (encoder->order.paused)
        settle(session, SKIPPED);
    else if (!key && frame->content == encoder->encoded && !encoder->begins &&
             epoch_continues(&encoder->epoch, &geometry, &encoder->order.rate))
        settle(session, REPEATED);
    else
        encode(session, key, false, microseconds(clock_now() - frame->queued_at));
}

static void insert(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const int64_t due = FFMAX(encoder->order.key_at, work_insertion_time(encoder));
    encoder->inserted_at = clock_now();
    encode(session, true, true, microseconds(encoder->inserted_at - due));
}

static void end(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->ended = true;
    session_changed(session);
    session_signal(session);
    pthread_mutex_unlock(&session->lock);
}

void *encoder_run(void *argument)
{
    struct session *session = argument;
    platform_name_thread("culvert");
    for (;;) {
        switch (work_await(session)) {
        case WORK_FRAME:
            encode_taken(session);
            break;
        case WORK_INSERT:
            insert(session);
            break;
        default:
            flush(session);
            epoch_finish(&session->encoder.epoch);
            end(session);
            return NULL;
        }
    }
}
