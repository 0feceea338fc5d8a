#include "session/stats.h"

#include "session/session.h"

void stats_take(struct counts *counts, uint32_t number)
{
    const uint32_t step = number - (uint32_t)counts->taken;
    counts->outcomes[SKIPPED] += step - 1;
    counts->displaced += step - 1;
    counts->settled += step - 1;
    counts->taken += step;
    if (step > 1)
        counts->last = SKIPPED;
}

void stats_settle(struct counts *counts, enum outcome outcome)
{
    counts->outcomes[outcome]++;
    counts->settled++;
    counts->last = outcome;
}

void stats_bytes(struct stats *stats, const struct culvert_packet *packet, uint64_t bytes)
{
    stats->counts.packets++;
    stats->counts.bytes += bytes;
    meter_add(&stats->sent, packet->pts, 8 * bytes);
}

void stats_unit(struct counts *counts, const struct culvert_packet *last, const struct pending *pending)
{
    const bool key = last->flags & CULVERT_PACKET_KEY;
    counts->control = last->control;
    counts->keyframes += key;
    counts->overshot += pending->overdrawn;
    counts->scaled += pending->scaled;
    counts->refined += (pending->due & DUE_REFINEMENT) != 0;
    counts->refreshed += (pending->due & DUE_REFRESH) != 0;
    counts->recovered += pending->recovers && !key;
    counts->inserted += pending->inserted;
}

void stats_latency(struct stats *stats, const struct culvert_packet *last, uint32_t total_us)
{
    latency_record(&stats->wait, last->wait_us);
    latency_record(&stats->encode, last->encode_us);
    if (last->flags & CULVERT_PACKET_INSERTED)
        return;
    latency_record(&stats->convert, last->convert_us);
    latency_record(&stats->total, total_us);
}

static void copy_counts(const struct counts *counts, struct culvert_stats *out)
{
    out->submitted = counts->taken;
    out->settled = counts->settled;
    out->encoded = counts->outcomes[ENCODED];
    out->skipped = counts->outcomes[SKIPPED];
    out->repeated = counts->outcomes[REPEATED];
    out->dropped = counts->outcomes[DROPPED];
    out->lost = counts->outcomes[LOST];
    out->failed = counts->outcomes[FAILED];
    out->inserted = counts->inserted;
    out->packets = counts->packets;
    out->bytes = counts->bytes;
    out->keyframes = counts->keyframes;
    out->epochs = counts->epochs;
    out->reopened = counts->reopened;
    out->restarts = counts->restarts;
    out->control = counts->control;
    out->overshot = counts->overshot;
    out->scaled = counts->scaled;
    out->refined = counts->refined;
    out->refreshed = counts->refreshed;
    out->recovered = counts->recovered;
}

/* Frames that were submitted since the one taken last: of these, some were displaced. */
static void add_queued(struct session *session, struct culvert_stats *out)
{
    uint32_t submitted = (uint32_t)session->stats.counts.taken, displaced = 0;
    session->carrier->queued(session, &submitted, &displaced);
    out->submitted += submitted - (uint32_t)session->stats.counts.taken;
    out->skipped += displaced;
    out->settled += displaced;
}

static void copy_wanted(const struct wanted *wanted, struct culvert_stats *out)
{
    out->bitrate_kbps = wanted->rate.bitrate_kbps;
    out->fps_num = wanted->rate.fps_num;
    out->fps_den = wanted->rate.fps_den;
    out->paused = wanted->paused;
    out->key_requests = wanted->keys;
    out->losses = wanted->losses;
}

void session_stats(struct session *session, struct culvert_stats *out)
{
    const bool latest = session->config.policy == CULVERT_POLICY_LATEST;
    const struct stats *stats = &session->stats;
    pthread_mutex_lock(&session->lock);
    session->carrier->listen(session);
    *out = (struct culvert_stats){.size = sizeof *out};
    /* What the codec holds back is on its way as well. */
    out->slots = (latest ? QUEUE_SLOTS_LATEST : session->config.slots) + session->codec->delay;
    copy_counts(&stats->counts, out);
    add_queued(session, out);
    copy_wanted(&session->wanted, out);
    out->sent_kbps = meter_kbps(&stats->sent);
    out->queued_packets = packets_waiting(session);
    out->open_encoders = session->open_encoders;
    latency_summary(&stats->wait, &out->wait);
    latency_summary(&stats->convert, &out->convert);
    latency_summary(&stats->encode, &out->encode);
    latency_summary(&stats->total, &out->total);
    pthread_mutex_unlock(&session->lock);
}
