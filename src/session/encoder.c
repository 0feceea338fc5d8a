#include <inttypes.h>
#include <libavutil/mathematics.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/platform.h"
#include "session/session.h"

#define INSERTED_STEP 12 /* microseconds: a tick of the 90 kHz clock of RTP, rounded up */

enum work { WORK_WAIT, WORK_FRAME, WORK_INSERT, WORK_END };

static int64_t frame_interval(const struct codec_rate *rate)
{
    return (int64_t)1000000 * rate->fps_den / rate->fps_num;
}

static uint32_t microseconds(int64_t duration)
{
    return duration < 0 ? 0 : duration > UINT32_MAX ? UINT32_MAX : (uint32_t)duration;
}

/* ---- Finding work ------------------------------------------------------------------------------------------------ */

/* The host asked for a key frame and submits nothing: it is due one frame interval after the last frame. */
static enum work find_insertion(const struct session *session, int64_t *deadline)
{
    const struct encoder *encoder = &session->encoder;
    if (encoder->order.paused || session->stats.taken == 0 || encoder->order.keys == encoder->keys_by_control)
        return WORK_WAIT;
    *deadline = queue_taken(&encoder->reader)->queued_at + frame_interval(&encoder->order.rate);
    return clock_now() >= *deadline ? WORK_INSERT : WORK_WAIT;
}

static void note_taken(struct session *session)
{
    const struct frame *frame = queue_taken(&session->encoder.reader);
    stats_take(&session->stats, frame->number);
    session->geometry = epoch_geometry(frame);
    session->encoder.inserted = 0;
    session_changed(session);
}

/* Room first, then the frame: what is taken is the newest at the moment when it can be encoded. */
static enum work find_work(struct session *session, int64_t *deadline)
{
    struct encoder *encoder = &session->encoder;
    *deadline = CLOCK_NEVER;
    if (session->closing)
        return WORK_END;

    encoder->order = session->wanted;
    encoder->room = outbox_reserve(&session->outbox);
    session->starved = encoder->room == NULL && !encoder->order.paused;
    if (session->starved) {
        session_changed(session);
        return WORK_WAIT;
    }
    /* Read before the queue: whoever is not inside submit by now finds the session finished. */
    const bool last = atomic_load(&session->finishing) && !atomic_load(&session->submitter.busy);
    if (queue_take(&encoder->reader)) {
        note_taken(session);
        return WORK_FRAME;
    }
    return last ? WORK_END : find_insertion(session, deadline);
}

static enum work await_work(struct session *session)
{
    for (;;) {
        int64_t deadline;
        pthread_mutex_lock(&session->lock);
        const enum work work = find_work(session, &deadline);
        pthread_mutex_unlock(&session->lock);
        if (work != WORK_WAIT)
            return work;
        platform_wait(&session->doorbell, deadline);
    }
}

/* ---- Outcomes ---------------------------------------------------------------------------------------------------- */

/* With the lock held: no access unit will come for the pictures before this tag that have none yet. */
static void settle_before(struct session *session, uint32_t tag, enum outcome outcome)
{
    struct encoder *encoder = &session->encoder;
    for (; encoder->oldest != tag; encoder->oldest++)
        if (!encoder->pending[encoder->oldest % PENDING_MAX].inserted)
            stats_settle(&session->stats, outcome);
}

static void settle(struct session *session, enum outcome outcome)
{
    pthread_mutex_lock(&session->lock);
    stats_settle(&session->stats, outcome);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}

static void drop_pending(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    settle_before(session, session->encoder.tag, DROPPED);
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
                 (pending->inserted ? CULVERT_PACKET_INSERTED : 0u) | (pending->begins ? CULVERT_PACKET_EPOCH : 0u),
        .pts = frame->pts,
        .duration = encoder->packet_pts < 0 ? frame_interval(&encoder->order.rate) : frame->pts - encoder->packet_pts,
        .epoch = encoder->epoch.number,
        .control = pending->control,
        .width = frame->width,
        .height = frame->height,
        .coded_width = (frame->width + 1) & ~1u,
        .coded_height = (frame->height + 1) & ~1u,
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
    packet.frame = session->stats.taken - ((uint32_t)session->stats.taken - frame->number);
    outbox_push(&session->outbox, &packet, unit->bytes);
    encoder->room = NULL;
    settle_before(session, unit->tag, DROPPED);
    settle_before(session, unit->tag + 1, ENCODED);
    stats_packet(&session->stats, &packet, unit->bytes, total_us);
    session->stats.epochs += pending->begins;
    session->stats.reopened += pending->reopens;
    session_changed(session);
    session_signal(session);
    pthread_mutex_unlock(&session->lock);
}

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

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
    log_write(CULVERT_LOG_INFO, session->config.name, "epoch %" PRIu32 ": %" PRIu32 "x%" PRIu32, epoch->number,
              geometry->width, geometry->height);
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
        deliver(session, &unit, microseconds(clock_now() - start) + encoder->opening_us);
        prove(session);
    } else if (picture == NULL || session->codec->delay == 0) {
        drop_pending(session);
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
static bool prepare(struct session *session, const struct codec_geometry *geometry, struct pending *pending)
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
    pending->begins = step != EPOCH_GOES_ON;
    pending->reopens = step == EPOCH_REOPENS;
    if (pending->begins)
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
        .key = key || encoder->pending[tag % PENDING_MAX].begins,
        .tag = tag,
    };
    return encode_picture(session, &input) || (session->codec->delay > 0 && encoder->epoch.present != NULL);
}

/* Encodes the frame taken last, as itself or once more. */
static void encode(struct session *session, bool key, bool inserted, uint32_t wait_us)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct codec_geometry geometry = epoch_geometry(frame);
    if (!epoch_continues(&encoder->epoch, &geometry))
        flush(session);
    if (encoder->room == NULL && !await_room(session))
        return;

    struct pending *pending = &encoder->pending[encoder->tag % PENDING_MAX];
    *pending = (struct pending){
        .frame = *frame, .control = encoder->order.number, .wait_us = wait_us, .inserted = inserted};
    if (inserted)
        pending->frame.pts += (int64_t)INSERTED_STEP * ++encoder->inserted;
    const uint32_t tag = encoder->tag++;
    const bool passed = prepare(session, &geometry, pending) && encode_frame(session, &geometry, key, tag);
    /* An insertion that failed is not tried again without end: the next frame begins with a key frame anyway. */
    if (passed || inserted) {
        encoder->keys_by_frames = frame->key;
        encoder->keys_by_control = encoder->order.keys;
    }
}

static bool key_due(const struct session *session, const struct frame *frame)
{
    const struct encoder *encoder = &session->encoder;
    if (frame->key != encoder->keys_by_frames || encoder->order.keys != encoder->keys_by_control)
        return true;
    const struct codec_rate *rate = &encoder->order.rate;
    const int64_t period = av_rescale((int64_t)session->config.keyint * 1000000, rate->fps_den, rate->fps_num);
    /* Half an interval early, for a host's pts jitters. */
    return period > 0 && frame->pts - encoder->key_pts >= period - frame_interval(rate) / 2;
}

static void encode_taken(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct codec_geometry geometry = epoch_geometry(frame);
    const bool key = key_due(session, frame);
    if (encoder->order.paused)
        settle(session, SKIPPED);
    else if (!key && frame->content == encoder->encoded && epoch_continues(&encoder->epoch, &geometry))
        settle(session, REPEATED);
    else
        encode(session, key, false, microseconds(clock_now() - frame->queued_at));
}

static void insert(struct session *session)
{
    const struct encoder *encoder = &session->encoder;
    const int64_t still_since = queue_taken(&encoder->reader)->queued_at + frame_interval(&encoder->order.rate);
    const int64_t due = encoder->order.key_at > still_since ? encoder->order.key_at : still_since;
    encode(session, true, true, microseconds(clock_now() - due));
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
    session->encoder.packet_pts = -1;
    for (;;) {
        switch (await_work(session)) {
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
