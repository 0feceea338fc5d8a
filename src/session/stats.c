#include "session/stats.h"

#include "session/session.h"

void stats_take(struct stats *stats, uint32_t number)
{
    const uint32_t step = number - (uint32_t)stats->taken;
    stats->outcomes[SKIPPED] += step - 1;
    stats->settled += step - 1;
    stats->taken += step;
    if (step > 1)
        stats->last = SKIPPED;
}

void stats_settle(struct stats *stats, enum outcome outcome)
{
    stats->outcomes[outcome]++;
    stats->settled++;
    stats->last = outcome;
}

void stats_bytes(struct stats *stats, const struct culvert_packet *packet, uint64_t bytes)
{
    stats->packets++;
    stats->bytes += bytes;
    meter_add(&stats->sent, packet->pts, 8 * bytes);
}

void stats_unit(struct stats *stats, const struct culvert_packet *last, const struct pending *pending,
                uint32_t total_us)
{
    const bool key = last->flags & CULVERT_PACKET_KEY;
    stats->control = last->control;
    stats->keyframes += key;
    stats->overshot += pending->overdrawn;
    stats->scaled += pending->scaled;
    stats->refined += (pending->due & DUE_REFINEMENT) != 0;
    stats->refreshed += (pending->due & DUE_REFRESH) != 0;
    stats->recovered += pending->recovers && !key;
    latency_record(&stats->wait, last->wait_us);
    latency_record(&stats->encode, last->encode_us);
    if (pending->inserted) {
        stats->inserted++;
        return;
    }
    latency_record(&stats->convert, last->convert_us);
    latency_record(&stats->total, total_us);
}

/* Frames that were submitted since the one taken last. With LATEST all but the newest are displaced already, though the
 * encoder's thread will only find out when it takes the next. It takes under the lock that is held here, and the
 * producer counts after it hands over: so a frame counted here as displaced can never be taken any more. */
static void add_queued(const struct session *session, struct culvert_stats *out)
{
    const uint32_t ahead = queue_submitted(&session->encoder.reader) - (uint32_t)session->stats.taken;
    if ((int32_t)ahead <= 0)
        return;
    out->submitted += ahead;
    if (session->config.policy == CULVERT_POLICY_LATEST) {
        out->skipped += ahead - 1;
        out->settled += ahead - 1;
    }
}

static void copy_counts(const struct session *session, struct culvert_stats *out)
{
    const struct stats *stats = &session->stats;
    const bool latest = session->config.policy == CULVERT_POLICY_LATEST;
    /* What the codec holds back is on its way as well. */
    out->slots = (latest ? QUEUE_SLOTS_LATEST : session->config.slots) + session->codec->delay;
    out->submitted = stats->taken;
    out->settled = stats->settled;
    out->encoded = stats->outcomes[ENCODED];
    out->skipped = stats->outcomes[SKIPPED];
    out->repeated = stats->outcomes[REPEATED];
    out->dropped = stats->outcomes[DROPPED];
    out->lost = stats->outcomes[LOST];
    out->failed = stats->outcomes[FAILED];
    out->inserted = stats->inserted;
    out->packets = stats->packets;
    out->bytes = stats->bytes;
    out->keyframes = stats->keyframes;
    out->epochs = stats->epochs;
    out->reopened = stats->reopened;
    out->control = stats->control;
    out->overshot = stats->overshot;
    out->scaled = stats->scaled;
    out->refined = stats->refined;
    out->refreshed = stats->refreshed;
    out->recovered = stats->recovered;
    out->sent_kbps = meter_kbps(&stats->sent);
}

void session_stats(struct session *session, struct culvert_stats *out)
{
    pthread_mutex_lock(&session->lock);
    *out = (struct culvert_stats){.size = sizeof *out};
    copy_counts(session, out);
    add_queued(session, out);
    out->queued_packets = outbox_waiting(&session->outbox);
    out->bitrate_kbps = session->wanted.rate.bitrate_kbps;
    out->fps_num = session->wanted.rate.fps_num;
    out->fps_den = session->wanted.rate.fps_den;
    out->paused = session->wanted.paused;
    out->key_requests = session->wanted.keys;
    out->losses = session->wanted.losses;
    out->open_encoders = session->open_encoders;
    latency_summary(&session->stats.wait, &out->wait);
    latency_summary(&session->stats.convert, &out->convert);
    latency_summary(&session->stats.encode, &out->encode);
    latency_summary(&session->stats.total, &out->total);
    pthread_mutex_unlock(&session->lock);
}
