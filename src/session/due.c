#include "session/due.h"

#include <libavutil/common.h>
#include <libavutil/mathematics.h>

#include "base/clock.h"
#include "session/session.h"

/* A key frame that no governor delays. */
static bool key_is_ungoverned(const struct encoder *encoder, const struct frame *frame)
{
    return encoder->key_owed || frame->key != encoder->keys_by_frames || encoder->order.resumes != encoder->resumed;
}

static bool key_is_asked_for(const struct encoder *encoder)
{
    return encoder->order.keys != encoder->keys_by_control;
}

static bool key_is_periodic(const struct session *session, const struct frame *frame)
{
    const struct codec_rate *rate = &session->encoder.order.rate;
    const int64_t period = av_rescale((int64_t)session->config.keyint * 1000000, rate->fps_den, rate->fps_num);
    /* Half an interval early, for a host's pts jitters. */
    return period > 0 && frame->pts - session->encoder.key_pts >= period - work_interval(rate) / 2;
}

static bool recovery_is_due(const struct encoder *encoder)
{
    /* One that the codec dropped is due still; one that failed comes with the next epoch. */
    return encoder->lost != INT64_MAX || (encoder->recovers && encoder->epoch.present != NULL);
}

static bool is_coarse(const struct session *session)
{
    const struct still *still = &session->encoder.still;
    return !(session->config.flags & CULVERT_CONFIG_COARSE_STILLS) && still->qp > session->codec->fine_qp &&
           still->refinements < STILL_REFINEMENTS && !session->encoder.scaled;
}

static int64_t refresh_us(const struct session *session)
{
    return session->config.refresh_ms == CULVERT_NEVER ? INT64_MAX : (int64_t)session->config.refresh_ms * 1000;
}

/* From this moment on, or this pts, a still picture may be encoded once more. */
static int64_t relief_pts(const struct session *session)
{
    const struct encoder *encoder = &session->encoder;
    const bool kept = session->codec->keeps_rate && session->config.floor == CULVERT_FLOOR_DROP;
    return kept ? budget_relief(&encoder->budget, &encoder->order.rate) : INT64_MIN;
}

/* With a frame that repeats the one encoded last: by the frames' own time. */
static unsigned due_still(const struct session *session, const struct frame *frame)
{
    const struct still *still = &session->encoder.still;
    if (frame->content != still->content || frame->pts < relief_pts(session))
        return 0;
    if (frame->pts - still->pts >= refresh_us(session))
        return DUE_REFRESH;
    return is_coarse(session) && frame->pts - still->begun_pts >= STILL_AFTER ? DUE_REFINEMENT : 0;
}

unsigned due_now(const struct session *session)
{
    const struct encoder *encoder = &session->encoder;
    const struct frame *frame = queue_taken(&encoder->reader);
    const bool key = key_is_ungoverned(encoder, frame) || key_is_periodic(session, frame) ||
                     (key_is_asked_for(encoder) && clock_now() >= encoder->keys.next);
    return (key ? DUE_KEY : 0u) | (recovery_is_due(encoder) ? DUE_RECOVERY : 0u) | due_still(session, frame);
}

/* Something is due at this moment: now, or not before the deadline at the latest. */
struct search {
    int64_t now, deadline;
    int64_t since; /* when the first of them fell due */
    unsigned due;
};

static void add(struct search *search, enum due reason, int64_t moment)
{
    if (moment <= search->now) {
        search->due |= reason;
        search->since = FFMIN(search->since, moment);
    } else
        search->deadline = FFMIN(search->deadline, moment);
}

/* When the media time reaches this, should no frame come. */
static int64_t moment_of(const struct encoder *encoder, int64_t pts)
{
    const struct frame *frame = queue_taken(&encoder->reader);
    return av_sat_add64(frame->queued_at, av_sat_sub64(pts, frame->pts));
}

static void search_still(const struct session *session, struct search *search, int64_t soon)
{
    const struct still *still = &session->encoder.still;
    if (queue_taken(&session->encoder.reader)->content != still->content || session->encoder.scaled)
        return;
    if (relief_pts(session) != INT64_MIN)
        soon = FFMAX(soon, moment_of(&session->encoder, relief_pts(session)));
    if (is_coarse(session))
        add(search, DUE_REFINEMENT, FFMAX(soon, still->begun_at + STILL_AFTER));
    if (session->config.refresh_ms != CULVERT_NEVER)
        add(search, DUE_REFRESH, FFMAX(soon, still->at + refresh_us(session)));
}

/* When a key frame is due that was asked for. Nobody waits for more than a second, though a frame has only just come.
 */
static int64_t key_moment(const struct encoder *encoder, int64_t asked)
{
    const int64_t next = encoder->keys.next;
    return FFMIN(FFMAX(asked, next), FFMAX(next, encoder->key_asked_at + KEYS_PAUSE_MOST));
}

unsigned due_next(const struct session *session, int64_t *since, int64_t *deadline)
{
    const struct encoder *encoder = &session->encoder;
    const int64_t soon = work_insertion_time(encoder), asked = FFMAX(soon, encoder->order.asked_at);
    struct search search = {.now = clock_now(), .deadline = CLOCK_NEVER, .since = INT64_MAX};
    if (key_is_ungoverned(encoder, queue_taken(&encoder->reader)))
        add(&search, DUE_KEY, encoder->succeeds ? search.now : asked);
    if (key_is_asked_for(encoder))
        add(&search, DUE_KEY, key_moment(encoder, asked));
    if (recovery_is_due(encoder))
        add(&search, DUE_RECOVERY, asked);
    if (encoder->scaled && epoch_is_warm(&encoder->epoch, &session->geometry))
        add(&search, DUE_EPOCH, soon);
    else if (encoder->scaled && encoder->epoch.retry_at > search.now)
        search.deadline = FFMIN(search.deadline, encoder->epoch.retry_at);
    if (encoder->missed)
        add(&search, DUE_CATCH_UP,
            FFMAX(soon, moment_of(encoder, budget_relief(&encoder->budget, &encoder->order.rate))));
    search_still(session, &search, soon);
    *since = search.since;
    *deadline = search.deadline;
    return search.due;
}
