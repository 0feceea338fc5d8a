#include "session/deliver.h"

#include <libavutil/common.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/session.h"

uint32_t deliver_microseconds(int64_t duration)
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
            stats_settle(&session->stats.counts, outcome);
        if (pending->recovers && outcome != ENCODED)
            encoder->recovers = true;
        /* An insertion that failed is not tried again without end: the next frame begins with a key frame anyway. */
        if (pending->key && (outcome == DROPPED || (outcome == FAILED && !pending->inserted)))
            encoder->key_owed = true;
    }
}

void deliver_nothing(struct session *session, enum outcome outcome)
{
    pthread_mutex_lock(&session->lock);
    stats_settle(&session->stats.counts, outcome);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}

void deliver_dropped(struct session *session, uint32_t tag)
{
    pthread_mutex_lock(&session->lock);
    settle_before(session, tag, DROPPED);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}

void deliver_failure(struct session *session, const char *why)
{
    log_write(CULVERT_LOG_ERROR, session->config.name, "%s", why);
    pthread_mutex_lock(&session->lock);
    settle_before(session, session->encoder.tag, FAILED);
    session_note_error(session, why);
    session->failed = true;
    session_changed(session);
    session_signal(session);
    pthread_mutex_unlock(&session->lock);
}

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

static uint32_t flags_of(const struct encoder *encoder, const struct pending *pending)
{
    return (encoder->delivery.key ? CULVERT_PACKET_KEY : 0u) | (pending->inserted ? CULVERT_PACKET_INSERTED : 0u) |
           (encoder->begins ? CULVERT_PACKET_EPOCH : 0u) | (pending->recovers ? CULVERT_PACKET_RECOVERY : 0u) |
           (pending->scaled ? CULVERT_PACKET_SCALED : 0u);
}

/* What the packets of one access unit have in common. */
static struct culvert_packet describe(const struct session *session, const struct pending *pending)
{
    const struct encoder *encoder = &session->encoder;
    const struct frame *frame = &pending->frame;
    return (struct culvert_packet){
        .size = sizeof(struct culvert_packet),
        .flags = flags_of(encoder, pending),
        .pts = frame->pts,
        .duration = encoder->packet_pts < 0 ? work_interval(&encoder->order.rate)
                                            : FFMAX(0, frame->pts - encoder->packet_pts),
        .frame = session->stats.counts.taken - ((uint32_t)session->stats.counts.taken - frame->number),
        .epoch = (uint32_t)session->stats.counts.epochs + encoder->begins,
        .control = pending->control,
        .width = pending->width,
        .height = pending->height,
        .coded_width = picture_coded(pending->width),
        .coded_height = picture_coded(pending->height),
        .aspect_num = frame->aspect_num,
        .aspect_den = frame->aspect_den,
        .matrix = frame->matrix,
        .range = frame->range,
        .primaries = frame->primaries,
        .transfer = frame->transfer,
        .wait_us = pending->wait_us,
        .convert_us = pending->inserted ? 0 : frame->convert_us,
        .reference = {INT64_MIN, INT64_MIN, INT64_MIN},
    };
}

static void add_unit(struct culvert_packet *packet, const struct codec_unit *unit, uint32_t encode_us)
{
    packet->flags |= unit->sync ? CULVERT_PACKET_SYNC : 0u;
    packet->qp = unit->qp;
    packet->layer = unit->layer;
    packet->tl0 = unit->tl0;
    packet->encode_us = encode_us;
    packet->references = unit->references;
    for (uint32_t i = 0; i < unit->references; i++)
        packet->reference[i] = unit->reference[i];
}

/* With the lock held. */
static void push(struct session *session, struct culvert_packet *packet, size_t bytes)
{
    outbox_push(&session->outbox, packet, bytes);
    stats_bytes(&session->stats, packet, bytes);
    session->sent_pts = packet->pts;
    session_signal(session);
}

/* With the lock held: the slices that came, but for the last one of the access unit. */
static void push_slices(struct session *session, const struct culvert_packet *common, uint32_t count)
{
    struct delivery *delivery = &session->encoder.delivery;
    for (; delivery->pushed < count; delivery->pushed++) {
        struct culvert_packet packet = *common;
        if (delivery->pushed == 0)
            packet.flags |= CULVERT_PACKET_FIRST_SLICE;
        else
            packet.duration = 0;
        push(session, &packet, delivery->bytes[delivery->pushed]);
    }
}

void deliver_begin(struct session *session, uint32_t tag)
{
    session->encoder.delivery = (struct delivery){.tag = tag};
}

void deliver_slice(void *argument, const uint8_t *data, size_t bytes, bool key, bool last)
{
    struct session *session = argument;
    struct encoder *encoder = &session->encoder;
    struct delivery *delivery = &encoder->delivery;
    memcpy(encoder->room + delivery->next, data, bytes);
    delivery->next += outbox_step(bytes);
    delivery->bytes[delivery->count++] = bytes;
    delivery->key = key;
    /* The last one goes with what is known in the end; and while a change is not proved, all of them wait for it. */
    if (last || encoder->epoch.unproved)
        return;
    const struct culvert_packet common = describe(session, &encoder->pending[delivery->tag % PENDING_MAX]);
    pthread_mutex_lock(&session->lock);
    push_slices(session, &common, delivery->count);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}

/* ---- Access units ------------------------------------------------------------------------------------------------ */

/* What the encoder's thread will compare the next frames with. */
static void note_encoded(struct session *session, const struct pending *pending, const struct codec_unit *unit)
{
    struct encoder *encoder = &session->encoder;
    const struct frame *frame = &pending->frame;
    const int64_t now = clock_now();
    still_note(&encoder->still, frame->content, frame->pts, now, unit->qp, pending->due);
    encoder->packet_pts = frame->pts;
    encoder->scaled = pending->scaled;
    encoder->layer = unit->layer;
    encoder->tl0 = unit->tl0;
    budget_spend(&encoder->budget, 8 * (uint64_t)unit->bytes,
                 pending->key || session->config.floor == CULVERT_FLOOR_OVERSHOOT);
    if (!unit->key)
        return;
    encoder->key_pts = frame->pts;
    if (session->codec->keeps_rate)
        keys_note(&encoder->keys, now, 8 * (uint64_t)unit->bytes, encoder->order.rate.bitrate_kbps);
}

void deliver_unit(struct session *session, const struct codec_unit *unit, uint32_t encode_us)
{
    struct encoder *encoder = &session->encoder;
    struct delivery *delivery = &encoder->delivery;
    const struct pending *pending = &encoder->pending[unit->tag % PENDING_MAX];
    delivery->key = unit->key;
    const struct culvert_packet common = describe(session, pending);
    struct culvert_packet packet = common;
    packet.flags |= CULVERT_PACKET_LAST_SLICE | (unit->slices > 1 ? 0u : CULVERT_PACKET_FIRST_SLICE);
    packet.duration = unit->slices > 1 ? 0 : packet.duration;
    add_unit(&packet, unit, encode_us);
    const uint32_t total_us = deliver_microseconds(clock_now() - pending->frame.submitted_at);
    note_encoded(session, pending, unit);

    pthread_mutex_lock(&session->lock);
    session->stats.counts.epochs += encoder->begins;
    session->stats.counts.reopened += encoder->reopens;
    push_slices(session, &common, unit->slices > 0 ? unit->slices - 1 : 0);
    push(session, &packet, unit->slices > 0 ? delivery->bytes[unit->slices - 1] : unit->bytes);
    encoder->room = NULL;
    settle_before(session, unit->tag, DROPPED);
    settle_before(session, unit->tag + 1, ENCODED);
    stats_unit(&session->stats.counts, &packet, pending);
    stats_latency(&session->stats, &packet, total_us);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
    encoder->begins = encoder->reopens = false;
}

void deliver_repeat(struct session *session)
{
    struct encoder *encoder = &session->encoder;
    if (!(session->config.flags & CULVERT_CONFIG_REPEATS)) {
        deliver_nothing(session, REPEATED);
        return;
    }
    const struct frame *frame = queue_taken(&encoder->reader);
    const struct pending pending = {
        .frame = *frame,
        .control = session->stats.counts.control,
        .width = encoder->width,
        .height = encoder->height,
        .wait_us = deliver_microseconds(clock_now() - frame->queued_at),
        .scaled = encoder->scaled,
    };
    encoder->delivery = (struct delivery){0};
    struct culvert_packet packet = describe(session, &pending);
    packet.layer = encoder->layer;
    packet.tl0 = encoder->tl0;
    packet.flags |= CULVERT_PACKET_REPEATED | CULVERT_PACKET_FIRST_SLICE | CULVERT_PACKET_LAST_SLICE;
    encoder->packet_pts = frame->pts;
    pthread_mutex_lock(&session->lock);
    push(session, &packet, 0);
    encoder->room = NULL;
    stats_settle(&session->stats.counts, REPEATED);
    session_changed(session);
    pthread_mutex_unlock(&session->lock);
}
