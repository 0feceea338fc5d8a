#include <libavutil/common.h>
#include <string.h>

#include "base/log.h"
#include "remote/remote.h"
#include "session/config.h"
#include "session/session.h"

/* ---- Reports ----------------------------------------------------------------------------------------------------- */

/* Whether a worker can have counted so, after what it or the one before it said last. */
static bool can_be(const struct session *session, const struct counts *now)
{
    const struct counts *before = &session->stats.counts;
    const uint32_t ahead = session->submitter.writer.submitted - (uint32_t)now->taken;
    uint64_t sum = 0;
    for (int i = 0; i < OUTCOMES; i++) {
        if (now->outcomes[i] < before->outcomes[i] || now->outcomes[i] > now->settled)
            return false;
        sum += now->outcomes[i];
    }
    return sum == now->settled && now->settled <= now->taken && now->taken >= before->taken && (int32_t)ahead >= 0 &&
           now->taken - before->taken <= UINT32_MAX / 2 && now->displaced <= now->outcomes[SKIPPED] &&
           now->restarts == before->restarts && now->last < OUTCOMES;
}

bool hear_is_plausible(const struct culvert_packet *packet)
{
    return packet->size == sizeof *packet && packet->pts >= 0 && packet->width >= 1 && packet->height >= 1 &&
           packet->aspect_num >= 1 && packet->aspect_den >= 1 && packet->references <= 3;
}

static bool hear_packet(struct session *session, const struct wire_report *report)
{
    struct remote *remote = session->remote;
    const struct culvert_packet *packet = &report->packet;
    if (!hear_is_plausible(packet) || !outbox_push_at(&session->outbox, packet, report->offset, report->bytes))
        return false;
    session->sent_pts = packet->pts;
    meter_add(&session->stats.sent, packet->pts, 8 * report->bytes);
    remote->silent = false;
    if (!(packet->flags & (CULVERT_PACKET_SCALED | CULVERT_PACKET_REPEATED)))
        remote->proven = report->geometry;
    if ((packet->flags & CULVERT_PACKET_INSERTED) && (packet->flags & CULVERT_PACKET_FIRST_SLICE))
        remote->inserted++;
    if ((packet->flags & CULVERT_PACKET_LAST_SLICE) && !(packet->flags & CULVERT_PACKET_REPEATED))
        stats_latency(&session->stats, packet, report->total_us);
    return true;
}

/* What codecs compute with, in the host's process: of no encoder, or of one that was opened. */
static bool is_rate(const struct codec_rate *rate)
{
    char why[CODEC_WHY];
    return rate->bitrate_kbps == 0 || (config_check_bitrate(rate->bitrate_kbps, why) == 0 && rate->fps_num >= 1 &&
                                       rate->fps_den >= 1 && rate->speed >= 0 && rate->speed <= 10);
}

static bool hear_report(struct session *session, const struct wire_report *report)
{
    struct remote *remote = session->remote;
    if (!can_be(session, &report->counts) || !is_rate(&report->opened))
        return false;
    if (report->counts.taken != session->stats.counts.taken)
        remote->inserted = 0;
    if ((report->flags & WIRE_PACKET) && !hear_packet(session, report))
        return false;
    session->stats.counts = report->counts;
    session->geometry = report->geometry;
    session->opened = report->opened;
    session->open_encoders = report->open_encoders;
    session->failed |= (report->flags & WIRE_FAILED) != 0;
    /* It may have been given room since it wrote this. */
    session->starved = (report->flags & WIRE_STARVED) != 0;
    session->carrier->released(session);
    if ((report->flags & WIRE_ENDED) && session->end == 0)
        session->end = CULVERT_EOS;
    return true;
}

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

static bool hear_note(struct session *session, struct wire_note_text *note)
{
    note->text[sizeof note->text - 1] = '\0';
    switch (note->which) {
    case WIRE_ERROR_TEXT:
        session_note_error(session, note->text);
        return true;
    case WIRE_PARAMS:
        memcpy(session->params, note->text, sizeof session->params);
        return true;
    case WIRE_LOG_LINE:
        log_forward(note->text);
        return true;
    default:
        return false;
    }
}

bool hear_message(struct session *session, union wire_message *message)
{
    const struct remote *remote = session->remote;
    if (!remote->begun && !remote->watches)
        return false;
    if (message->header.kind == WIRE_NOTE)
        return hear_note(session, &message->note);
    if (!(remote->watches ? watch_hear(session, &message->copy) : hear_report(session, &message->report)))
        return false;
    session_broadcast(session);
    session_signal(session);
    return true;
}
