#include <errno.h>
#include <libavutil/common.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/worker.h"
#include "session/config.h"
#include "session/session.h"
#include "session/submit.h"

void worker_blame(struct worker *worker, const char *what)
{
    if (worker->violation == NULL)
        worker->violation = what;
    worker->session->closing = true;
}

/* ---- State ------------------------------------------------------------------------------------------------------- */

static bool rate_is_possible(const struct session *session, const struct codec_rate *rate)
{
    const struct culvert_config *config = &session->config;
    char why[CODEC_WHY];
    const uint64_t pixels = (uint64_t)config->max_width * config->max_height;
    return config_check_bitrate(rate->bitrate_kbps, why) == 0 &&
           config_check_framerate(rate->fps_num, rate->fps_den, why) == 0 && rate->burst_ms == config->burst_ms &&
           rate->speed >= 0 && rate->speed <= 10 && pixels * rate->fps_num / rate->fps_den <= session->pixel_rate &&
           session->codec->admit(config, &session->newest, rate, why) == 0;
}

/* Of an encoder: coded sizes, with what is odd rounded up. */
static bool geometry_is_possible(const struct session *session, const struct codec_geometry *geometry)
{
    const uint32_t wide = picture_coded(session->config.max_width), high = picture_coded(session->config.max_height);
    const uint32_t width = geometry->width, height = geometry->height;
    return width >= 2 && height >= 2 && ((width | height) & 1) == 0 &&
           ((width <= wide && height <= high) || (height <= wide && width <= high)) && geometry->sar_num >= 1 &&
           geometry->sar_num <= UINT16_MAX && geometry->sar_den >= 1 && geometry->sar_den <= UINT16_MAX &&
           geometry->range <= CULVERT_RANGE_FULL &&
           (geometry->matrix == H273_BT601 || geometry->matrix == H273_BT709) && geometry->primaries <= 2 &&
           geometry->transfer <= 13;
}

static bool canvas_is_possible(const struct session *session, const struct codec_geometry *canvas,
                               const struct codec_rate *rate)
{
    char why[CODEC_WHY];
    if (session->config.resize != CULVERT_RESIZE_CANVAS)
        return canvas->width == 0;
    if (canvas->width == 0 || session->canvas.width != 0)
        return epoch_same_geometry(canvas, &session->canvas);
    return canvas->sar_num == 1 && canvas->sar_den == 1 && geometry_is_possible(session, canvas) &&
           submit_check_size(session, canvas->width, canvas->height, why) == 0 &&
           session->codec->admit(&session->config, canvas, rate, why) == 0;
}

/* For the crash report. */
static void note_changes(struct session *session, const struct wanted *now)
{
    const struct wanted *before = &session->wanted;
    const struct codec_rate *rate = &now->rate;
    if (rate->bitrate_kbps != before->rate.bitrate_kbps || rate->fps_num != before->rate.fps_num ||
        rate->fps_den != before->rate.fps_den)
        events_note(&session->events, EVENT_RATE, rate->bitrate_kbps, rate->fps_num, rate->fps_den);
    if (rate->speed != before->rate.speed)
        events_note(&session->events, EVENT_SPEED, (uint32_t)rate->speed, 0, 0);
    if (now->paused != before->paused)
        events_note(&session->events, EVENT_PAUSE, now->paused, 0, 0);
    if (now->losses != before->losses)
        events_note(&session->events, EVENT_LOSS, now->losses, 0, 0);
}

static bool apply_state(struct worker *worker, const struct wire_state *state)
{
    struct session *session = worker->session;
    const struct wanted *wanted = &state->wanted;
    if (!rate_is_possible(session, &wanted->rate) || !canvas_is_possible(session, &state->canvas, &wanted->rate) ||
        wanted->paused > 1 || state->finishing > 1 || wanted->asked_at < 0 || wanted->asked_at > clock_now() ||
        wanted->lost < 0)
        return false;
    const int64_t lost = FFMIN(session->wanted.lost, wanted->lost);
    note_changes(session, wanted);
    session->wanted = *wanted;
    session->wanted.lost = lost;
    session->canvas = state->canvas;
    if (state->finishing && !atomic_load(&session->finishing))
        events_note(&session->events, EVENT_FINISH, (uint32_t)session->stats.counts.taken, 0, 0);
    atomic_store(&session->finishing, state->finishing || atomic_load(&session->finishing));
    log_set_severity(FFMIN(state->log_severity, CULVERT_LOG_DEBUG));
    return true;
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

static bool shape_is_possible(const struct session *session, const struct frame *frame)
{
    char why[CODEC_WHY];
    if (frame->width < 2 || frame->height < 2 || submit_check_size(session, frame->width, frame->height, why) < 0 ||
        frame->aspect_num < 1 || frame->aspect_den < 1 || frame->aspect_num > SUBMIT_ASPECT_MOST ||
        frame->aspect_den > SUBMIT_ASPECT_MOST)
        return false;
    /* Whether the level holds it is not asked: at the rate that was wanted when it was submitted, it did. */
    return frame->matrix <= CULVERT_MATRIX_BT709 && frame->range <= CULVERT_RANGE_FULL &&
           (frame->primaries == 1 || frame->primaries == 2) && (frame->transfer == 2 || frame->transfer == 13);
}

static bool frame_is_possible(struct worker *worker, const struct frame *frame)
{
    struct session *session = worker->session;
    const int64_t now = clock_now();
    /* What was told before the frame was published was perhaps not told before this worker listened last. */
    worker_hear(worker);
    const bool canvas = session->config.resize != CULVERT_RESIZE_CANVAS || session->canvas.width != 0;
    const bool times = frame->pts >= 0 && frame->submitted_at >= 0 && frame->submitted_at <= frame->queued_at &&
                       frame->queued_at <= now;
    return canvas && times && shape_is_possible(session, frame);
}

/* Numbers rise, by one where none is displaced; so does pts. */
static bool is_next(const struct worker *worker, const struct frame *frame)
{
    const struct session *session = worker->session;
    const uint32_t step = frame->number - (uint32_t)session->stats.counts.taken;
    const uint32_t most = session->config.policy == CULVERT_POLICY_LATEST ? INT32_MAX : 1;
    return step >= 1 && step <= most && frame->pts > worker->taken_pts;
}

bool worker_vet(struct worker *worker, const struct frame *frame)
{
    if (is_next(worker, frame) && frame_is_possible(worker, frame)) {
        worker->taken_pts = frame->pts;
        return true;
    }
    worker_blame(worker, "a frame that submit would have refused");
    return false;
}

/* ---- Start ------------------------------------------------------------------------------------------------------- */

static bool counts_are_possible(const struct counts *counts)
{
    uint64_t sum = 0;
    for (int i = 0; i < OUTCOMES; i++) {
        if (counts->outcomes[i] > INT64_MAX / OUTCOMES)
            return false;
        sum += counts->outcomes[i];
    }
    return sum == counts->settled && counts->settled == counts->taken && counts->displaced <= counts->taken &&
           counts->last < OUTCOMES;
}

bool worker_start(struct worker *worker, const struct wire_start *start)
{
    struct session *session = worker->session;
    struct encoder *encoder = &session->encoder;
    const struct session_layout layout = session_layout(&session->config, session->codec);
    const bool latest = session->config.policy == CULVERT_POLICY_LATEST;
    if (!counts_are_possible(&start->counts) || start->packet_pts < -1 || start->primed > 1 ||
        !queue_join(session->frames->base, latest, layout.slots, (size_t)layout.slot_bytes, &start->place,
                    &encoder->reader) ||
        !apply_state(worker, &start->state))
        return false;
    session->stats.counts = start->counts;
    encoder->packet_pts = session->sent_pts = start->packet_pts;
    worker->taken_pts = start->primed ? queue_taken(&encoder->reader)->pts : -1;
    encoder->inserted = FFMIN(start->inserted, 1000000u);
    encoder->resumed = start->state.wanted.resumes;
    encoder->holds = encoder->key_owed = start->primed && frame_is_possible(worker, queue_taken(&encoder->reader));
    encoder->succeeds = encoder->holds;
    return start->primed == encoder->holds;
}

bool worker_can_open(const struct worker *worker, const struct codec_geometry *geometry)
{
    const struct session *session = worker->session;
    char why[CODEC_WHY];
    return geometry_is_possible(session, geometry) &&
           session->codec->admit(&session->config, geometry, &session->wanted.rate, why) == 0;
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

/* More than a socket holds, but not without end: a host may send them faster than they are read. */
#define MESSAGES_AT_ONCE 1024

static void hear_messages(struct worker *worker)
{
    struct wire_parcel parcel;
    for (int i = 0; i < MESSAGES_AT_ONCE && !worker->session->closing; i++) {
        const int result = wire_receive(worker->host, WIRE_MASK(WIRE_STATE) | WIRE_MASK(WIRE_BELL), &parcel);
        if (result == -EAGAIN)
            return;
        if (result == 0)
            worker->host_gone = worker->session->closing = true;
        else if (result != 1)
            worker_blame(worker, "a message that is none");
        else if (parcel.message.header.kind == WIRE_STATE && !apply_state(worker, &parcel.message.state))
            worker_blame(worker, "a state that no control call brings about");
    }
}

void worker_hear(struct worker *worker)
{
    struct session *session = worker->session;
    hear_messages(worker);
    const uint32_t released = queue_given_back(&session->encoder.reader);
    /* Nor those that it was not told of yet. */
    const bool known = released - session->outbox.tail <= worker->announced - session->outbox.tail;
    if (!known || !outbox_released(&session->outbox, released))
        worker_blame(worker, "packets given back that it does not have");
}
