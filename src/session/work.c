#include "session/work.h"

#include <libavutil/common.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/session.h"

int64_t work_interval(const struct codec_rate *rate)
{
    return (int64_t)1000000 * rate->fps_den / rate->fps_num;
}

int64_t work_insertion_time(const struct encoder *encoder)
{
    const int64_t queued_at = queue_taken(&encoder->reader)->queued_at;
    return FFMAX(queued_at, encoder->inserted_at) + work_interval(&encoder->order.rate);
}

/* With the lock held: from here on, control calls answer for the epoch that the frame is encoded in. */
static void foresee_epoch(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    const struct codec_geometry geometry = session->geometry;
    const struct codec_rate opened = session->opened;
    session->geometry = session_geometry(session, queue_taken(&encoder->reader));
    if (!encoder->order.paused)
        session->opened = *epoch_opening(&encoder->epoch, &session->geometry, &encoder->order.rate);
    if (!epoch_same_geometry(&geometry, &session->geometry) || memcmp(&opened, &session->opened, sizeof opened) != 0)
        session_changed(session);
}

/* Without a new frame something may be due, one frame interval after the last frame at the earliest. */
static enum work find_insertion(struct session *session, int64_t *deadline)
{
    struct encoder *encoder = &session->encoder;
    if (encoder->order.paused || !encoder->holds)
        return WORK_WAIT;
    encoder->due = due_next(session, &encoder->due_since, deadline);
    if (encoder->due == 0)
        return WORK_WAIT;
    foresee_epoch(session);
    return WORK_INSERT;
}

static void note_taken(struct session *session)
{
    stats_take(&session->stats.counts, queue_taken(&session->encoder.reader)->number);
    foresee_epoch(session);
    session->encoder.holds = true;
    session->encoder.inserted = 0;
    if (session->config.policy == CULVERT_POLICY_BLOCK)
        session_changed(session);
}

/* What was opened beside the stream; and when the frame taken last still waits for another, that is asked for. */
static void collect(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    char why[CODEC_WHY];
    if (!epoch_collect(&encoder->epoch, why)) {
        log_write(CULVERT_LOG_ERROR, session->config.name, "%s", why);
        session_note_error(session, why);
        session_changed(session);
    }
    if (encoder->scaled && epoch_waits(&encoder->epoch, &session->geometry))
        epoch_ask(&encoder->epoch, &session->geometry, &encoder->order.rate,
                  budget_share(&encoder->budget, &encoder->order.rate));
    const uint32_t open = epoch_open_encoders(&encoder->epoch);
    if (session->open_encoders != open) {
        session->open_encoders = open;
        session_changed(session);
    }
}

static void take_order(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    if (encoder->order.keys == encoder->keys_by_control)
        encoder->key_asked_at = session->wanted.asked_at;
    encoder->order = session->wanted;
    encoder->lost = FFMIN(encoder->lost, session->wanted.lost);
    session->wanted.lost = INT64_MAX;
}

/* Room first, then the frame: what is taken is the newest at the moment when it can be encoded. */
static enum work find_work(struct session *session, int64_t *deadline)
{
    struct encoder *encoder = &session->encoder;
    *deadline = CLOCK_NEVER;
    const bool heard = session->reporter->listen(session);
    if (session->closing)
        return WORK_END;
    if (!heard)
        return WORK_WAIT;

    /* Read before the queue: whoever is not inside submit by now finds the session finished. */
    const bool last = atomic_load(&session->finishing) && !atomic_load(&session->submitter.busy);
    if (last && queue_submitted(&encoder->reader) == (uint32_t)session->stats.counts.taken)
        return WORK_END;

    take_order(session);
    collect(session);
    encoder->room = outbox_reserve(&session->outbox);
    session->starved = encoder->room == NULL && !encoder->order.paused;
    if (session->starved) {
        session_changed(session);
        return WORK_WAIT;
    }
    switch (queue_take(&encoder->reader)) {
    case QUEUE_EMPTY:
        return find_insertion(session, deadline);
    case QUEUE_TAKEN:
        if (session->reporter->vet(session, queue_taken(&encoder->reader))) {
            /* What was asked for before the frame was submitted holds for it; it may have been heard just now. */
            take_order(session);
            note_taken(session);
            return WORK_FRAME;
        }
        return WORK_END;
    default:
        return WORK_END;
    }
}

enum work work_await(struct session *session)
{
    for (;;) {
        int64_t deadline;
        pthread_mutex_lock(&session->lock);
        const enum work work = find_work(session, &deadline);
        pthread_mutex_unlock(&session->lock);
        if (work != WORK_WAIT)
            return work;
        session->reporter->sleep(session, deadline);
    }
}
