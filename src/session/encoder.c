#include <inttypes.h>
#include <libavutil/common.h>
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/platform.h"
#include "base/probes.h"
#include "session/session.h"

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

/* Pictures that the codec holds obey no control call that it has ignored. */
static void disown(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    for (uint32_t tag = encoder->oldest; tag != encoder->tag; tag++)
        encoder->pending[tag % PENDING_MAX].control = session->stats.counts.control;
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
    session->params_are_new = true;
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
              session->stats.counts.epochs + 1, geometry->width, geometry->height);
    PROBE_EPOCH(session->config.name, geometry->width, geometry->height);
    events_note(&session->events, EVENT_EPOCH, (uint32_t)session->stats.counts.epochs + 1, geometry->width,
                geometry->height);
}

/* Waits until an access unit has room. False: the session closes. */
static bool await_room(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    for (;;) {
        pthread_mutex_lock(&session->lock);
        const bool heard = session->reporter->listen(session);
        encoder->room = outbox_reserve(&session->outbox);
        session->starved = encoder->room == NULL;
        if (heard)
            session_changed(session);
        const bool closing = session->closing;
        pthread_mutex_unlock(&session->lock);
        if (closing || encoder->room != NULL)
            return !closing;
        session->reporter->sleep(session, CLOCK_NEVER);
    }
}

/* One call of the codec; picture NULL: for a unit that it holds back. False: it has none, or failed. */
static bool encode_picture(struct session *session, const struct codec_picture *picture)
{
    struct encoder *encoder = &session->encoder;
    char why[CODEC_WHY];
    struct codec_unit unit = {0};
    PROBE_ENCODE_START(session->config.name, session->events.frame, picture == NULL ? -1 : picture->pts);
    const int64_t start = clock_now();
    const int error = session->codec->encode(encoder->epoch.present->encoder, picture, encoder->room,
                                             session->outbox.unit_max, &unit, why);
    PROBE_ENCODE_END(session->config.name, session->events.frame, unit.bytes);
    if (error < 0) {
        epoch_abandon(&encoder->epoch);
        deliver_failure(session, why);
    } else if (unit.bytes > 0) {
        const uint32_t encode_us = deliver_microseconds(clock_now() - start) + encoder->opening_us;
        /* First, so that a packet claims nothing that the codec did not do. */
        prove(session);
        deliver_unit(session, &unit, encode_us);
    } else {
        /* A codec that holds more than its delay has dropped the oldest, and one that flushes nothing, all. */
        deliver_dropped(session, picture == NULL ? encoder->tag : encoder->tag - session->codec->delay);
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
    const int step = epoch_prepare(&encoder->epoch, geometry, &encoder->rate,
                                   budget_share(&encoder->budget, &encoder->order.rate), why);
    if (step < 0) {
        deliver_failure(session, why);
        return false;
    }
    encoder->opening_us = deliver_microseconds(clock_now() - start);
    if (step == EPOCH_GOES_ON)
        return true;
    encoder->begins = true;
    encoder->reopens = step == EPOCH_REOPENS;
    note_epoch(session, geometry);
    return true;
}

/* Frames that were lost are referred to no more; whether that takes a key frame. */
static bool forget(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    if (encoder->lost == INT64_MAX)
        return false;
    const int64_t lost = encoder->lost;
    encoder->lost = INT64_MAX;
    encoder->recovers = true;
    return session->codec->forget == NULL || !session->codec->forget(encoder->epoch.present->encoder, lost);
}

/* Hands the frame taken last to the codec; whether the codec took it. */
static bool encode_frame(struct session *session, const struct codec_geometry *geometry, struct pending *pending,
                         uint32_t tag)
{
    struct encoder *encoder = &session->encoder;
    const bool begins = encoder->begins && tag == encoder->oldest;
    const struct picture picture = pending_picture(session, geometry);
    pending->key |= forget(session);
    pending->recovers = encoder->recovers;
    encoder->recovers = false;
    if (begins || pending->key)
        encoder->keys_by_control = encoder->order.keys;
    const struct codec_picture input = {
        .layout = CODEC_I420,
        .plane = {picture.plane[0], picture.plane[1], picture.plane[2]},
        .stride = {picture.stride[0], picture.stride[1], picture.stride[2]},
        .key = pending->key || begins,
        .tag = tag,
        .pts = pending->frame.pts,
        .slice = session->config.slices > 0 ? deliver_slice : NULL,
        .context = session,
    };
    deliver_begin(session, tag);
    session->events.frame = pending->frame.number;
    const bool encoded = encode_picture(session, &input);
    session->events.frame = 0;
    return encoded || (session->codec->delay > 0 && encoder->epoch.present != NULL);
}

/* Encodes the frame taken last, as itself or once more. */
static void encode(struct session *session, const struct codec_geometry *geometry, bool inserted, uint32_t wait_us)
{
    struct encoder *encoder = &session->encoder;
    if (!epoch_follows(&encoder->epoch, geometry, &encoder->rate) || encoder->lost != INT64_MAX)
        flush(session);
    if (encoder->room == NULL && !await_room(session))
        return;
    const uint32_t tag = pending_begin(session, geometry, inserted, wait_us);
    if (prepare(session, geometry) && encode_frame(session, geometry, &encoder->pending[tag % PENDING_MAX], tag))
        encoder->inserted += inserted;
}

/* The geometry that the frame taken last is encoded at now: its own, or that of the present epoch while an encoder of
 * its own is being opened. */
static struct codec_geometry present_geometry(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const struct codec_geometry own = session_geometry(session, queue_taken(&encoder->reader));
    if (!epoch_waits(&encoder->epoch, &own))
        return own;
    epoch_ask(&encoder->epoch, &own, &encoder->order.rate, budget_share(&encoder->budget, &encoder->order.rate));
    return encoder->epoch.present->geometry;
}

/* What the codec is told: the measured frame rate, where no new epoch follows from it. */
static void set_rate(struct session *session, const struct codec_geometry *geometry)
{
    struct encoder *encoder = &session->encoder;
    encoder->rate = encoder->order.rate;
    const struct codec_rate measured = pace_rate(&encoder->pace, &encoder->order.rate);
    if (session->codec->keeps_rate && epoch_continues(&encoder->epoch, geometry, &measured))
        encoder->rate = measured;
}

static void encode_taken(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct codec_geometry geometry = present_geometry(session);
    budget_fill(&encoder->budget, frame->pts, &encoder->order.rate);
    encoder->due = due_now(session);
    encoder->missed = false;
    if (encoder->order.paused) {
        deliver_nothing(session, SKIPPED);
        return;
    }
    if (encoder->due == 0 && frame->content == encoder->still.content && !encoder->begins &&
        epoch_continues(&encoder->epoch, &geometry, &encoder->order.rate)) {
        deliver_repeat(session);
        return;
    }
    /* Before a drop: a pace that dropped frames slow down would let each of the others spend more. */
    pace_note(&encoder->pace, frame->pts, &encoder->order.rate);
    encoder->missed = !(encoder->due & (DUE_KEY | DUE_RECOVERY)) && session->config.floor == CULVERT_FLOOR_DROP &&
                      pending_overdrawn(session);
    if (encoder->missed) {
        deliver_nothing(session, DROPPED);
        return;
    }
    set_rate(session, &geometry);
    encode(session, &geometry, false, deliver_microseconds(clock_now() - frame->queued_at));
}

static void insert(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct codec_geometry geometry = present_geometry(session);
    encoder->inserted_at = clock_now();
    budget_lend(&encoder->budget, av_sat_add64(frame->pts, encoder->inserted_at - frame->queued_at),
                &encoder->order.rate);
    set_rate(session, &geometry);
    encode(session, &geometry, true, deliver_microseconds(encoder->inserted_at - encoder->due_since));
}

static void end(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    session->end = CULVERT_EOS;
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
